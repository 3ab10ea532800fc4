"""The job of many targets: what there is to ask, what the server answers, and what must come of it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zlib import crc32

from answers import digest, normalise
from workloads import GRAPH_ARN, LIST_GRAPHS, LIST_MEMBERS

#: The regions that accounts have without opting in, and three more to make it twenty.
REGIONS = (
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "ap-south-1",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eu-north-1",
    "sa-east-1",
    "eu-south-1",
    "af-south-1",
    "me-south-1",
)
STS_REGION = "us-east-1"
ROLE_NAME = "SecurityAudit"
MEMBERS = 50

_ACCOUNT_OF_GRAPH_ARN = GRAPH_ARN.split(":")[4]
_MEMBERS = [{**member, "GraphArn": GRAPH_ARN} for member in LIST_MEMBERS.answer["MemberDetails"][:MEMBERS]]
_MEMBERS_PAGE = json.dumps({"MemberDetails": _MEMBERS}, separators=(",", ":"))
_EXPIRES = datetime.now(UTC) + timedelta(hours=1)

#: (account, region) -> how many members it has, and a checksum of them.
Found = dict[tuple[str, str], tuple[int, int]]


def account_ids(count: int) -> list[str]:
    """Name so many accounts."""
    return [f"{number}" for number in range(300_000_000_000, 300_000_000_000 + count)]


def role_arn(account_id: str) -> str:
    """Name the role of an account."""
    return f"arn:aws:iam::{account_id}:role/{ROLE_NAME}"


def access_key_id(account_id: str) -> str:
    """Name the key that STS gives for an account's role; the server knows the account by it."""
    return f"ASIA{account_id}0000"


def session_token(account_id: str) -> str:
    """Give the token that goes with it, as long as real ones are."""
    return f"{account_id}/" + "Zm9yLXRoZS1iZW5jaG1hcms" * 30


def graph_arn(account_id: str, region: str) -> str:
    """Name the one graph that there is in a target."""
    return f"arn:aws:detective:{region}:{account_id}:graph:0123456789abcdef0123456789abcdef"


def assumed_role(account_id: str) -> bytes:
    """Give STS's answer."""
    return f"""<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleResult>
    <AssumedRoleUser>
      <AssumedRoleId>AROAEXAMPLE:benchmark</AssumedRoleId>
      <Arn>arn:aws:sts::{account_id}:assumed-role/{ROLE_NAME}/benchmark</Arn>
    </AssumedRoleUser>
    <Credentials>
      <AccessKeyId>{access_key_id(account_id)}</AccessKeyId>
      <SecretAccessKey>benchmarks/need/no/real/secret+access+00</SecretAccessKey>
      <SessionToken>{session_token(account_id)}</SessionToken>
      <Expiration>{_EXPIRES:%Y-%m-%dT%H:%M:%SZ}</Expiration>
    </Credentials>
  </AssumeRoleResult>
  <ResponseMetadata><RequestId>0d5c5a3e-6f43-4a7e-9c1a-1d2b3c4d5e6f</RequestId></ResponseMetadata>
</AssumeRoleResponse>""".encode()


def graphs_page(account_id: str, region: str) -> bytes:
    """Give the answer to ListGraphs."""
    return _of_target(LIST_GRAPHS.body.decode(), account_id, region).encode()


def members_page(account_id: str, region: str) -> bytes:
    """Give the answer to ListMembers."""
    return _of_target(_MEMBERS_PAGE, account_id, region).encode()


def _of_target(text: str, account_id: str, region: str) -> str:
    return text.replace(GRAPH_ARN, graph_arn(account_id, region)).replace(_ACCOUNT_OF_GRAPH_ARN, account_id)


class Tally:
    """What a contender found, in a form that takes no room.

    Args:
        whole: whether to look at every field of every member, which takes long, or at the names only.
        times_are_text: whether the contender leaves timestamps as they came.
    """

    def __init__(self, *, whole: bool = False, times_are_text: bool = False) -> None:
        self.found: Found = {}
        self._whole = whole
        self._times_are_text = times_are_text

    def add(self, account_id: str, region: str, name: str, member: object) -> None:
        """Take note of a member of a target; the order of a target's members counts.

        Args:
            account_id: of the target.
            region: likewise.
            name: the member's account id and graph, with a space between them, as the contender read them.
            member: all of it.
        """
        count, checksum = self.found.get((account_id, region), (0, 0))
        if self._whole:
            name = digest(normalise(member, times_are_text=self._times_are_text))
        self.found[account_id, region] = count + 1, crc32(name.encode(), checksum)


def expected(accounts: int, *, whole: bool = False) -> Found:
    """Give what every contender must find in so many accounts."""
    tally = Tally(whole=whole, times_are_text=True)
    for account_id in account_ids(accounts):
        for region in REGIONS:
            for member in _members_of(account_id, region) if whole else _MEMBERS:
                tally.add(account_id, region, f"{member['AccountId']} {graph_arn(account_id, region)}", member)
    return tally.found


def _members_of(account_id: str, region: str) -> list[dict[str, Any]]:
    members: list[dict[str, Any]] = json.loads(members_page(account_id, region))["MemberDetails"]
    return members

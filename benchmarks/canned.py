"""The answers of STS and Detective: made once, so that an answer costs the server almost no time."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from world import PAGE, ROLE_NAME, graph_arn, keys, members_of

#: The number of members of the one graph that ListGraphs returns.
MEMBERS = 50

_START = datetime(2025, 1, 1, 12, 0, 0, 284_000, UTC)
_EXPIRES = datetime.now(UTC) + timedelta(hours=1)
_PACKAGES = ("DETECTIVE_CORE", "EKS_AUDIT", "ASFF_SECURITYHUB_FINDING")
_STATUSES = ("INVITED", "VERIFICATION_IN_PROGRESS", "VERIFICATION_FAILED", "ENABLED", "ACCEPTED_BUT_DISABLED")
_REASONS = ("VOLUME_TOO_HIGH", "VOLUME_UNKNOWN")
_TYPES = ("INVITATION", "ORGANIZATION")
_STATES = ("STARTED", "STOPPED", "DISABLED")

# Placeholders in a cached page: for the page's number, the graph, and the graph's account.
_NUMBER, _GRAPH, _ACCOUNT = "@number", "@graph", "@account"
_DIGITS = 7


def assumed_role(account_id: str) -> bytes:
    """Return STS's answer to AssumeRole."""
    given = keys(account_id)
    return f"""<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleResult>
    <AssumedRoleUser>
      <AssumedRoleId>AROAEXAMPLE:benchmark</AssumedRoleId>
      <Arn>arn:aws:sts::{account_id}:assumed-role/{ROLE_NAME}/benchmark</Arn>
    </AssumedRoleUser>
    <Credentials>
      <AccessKeyId>{given.access_key_id}</AccessKeyId>
      <SecretAccessKey>{given.secret_access_key}</SecretAccessKey>
      <SessionToken>{given.session_token}</SessionToken>
      <Expiration>{_EXPIRES:%Y-%m-%dT%H:%M:%SZ}</Expiration>
    </Credentials>
  </AssumeRoleResult>
  <ResponseMetadata><RequestId>0d5c5a3e-6f43-4a7e-9c1a-1d2b3c4d5e6f</RequestId></ResponseMetadata>
</AssumeRoleResponse>""".encode()


def graphs_page(account_id: str, region: str) -> bytes:
    """Return the answer to ListGraphs: one graph."""
    return _dump({"GraphList": [{"Arn": graph_arn(account_id, region, MEMBERS), "CreatedTime": _time(0)}]})


def members_page(arn: str, size: int = PAGE, token: str | None = None) -> bytes:
    """Return the answer to ListMembers.

    Args:
        arn: the ARN of the graph.
        size: the number of members per page.
        token: the NextToken of the page before; None for the first page.
    """
    page = 0 if token is None else int(token[-_DIGITS:]) + 1
    left = members_of(arn) - page * size
    return _page(arn, min(size, left), more=left > size).replace(_NUMBER.encode(), f"{page:0{_DIGITS}}".encode())


def member_ids(members: int) -> Iterator[str]:
    """Return the account ids of a graph's members, in pages of the API's size, in order."""
    return (_member_id(f"{place // PAGE:0{_DIGITS}}", place % PAGE) for place in range(members))


@lru_cache(maxsize=16)
def _page(arn: str, count: int, *, more: bool) -> bytes:
    """Return a page with the placeholder of its number still in it."""
    account_id = arn.split(":")[4]
    return _text(count, more=more).replace(_GRAPH, arn).replace(_ACCOUNT, account_id).encode()


@lru_cache(maxsize=16)
def _text(count: int, *, more: bool) -> str:
    page: dict[str, Any] = {"MemberDetails": [_member(number) for number in range(count)]}
    return _dump(page | ({"NextToken": "bmV4dC1wYWdl" * 12 + _NUMBER} if more else {})).decode()


def _member(number: int) -> dict[str, Any]:
    """Fill every field of the API, even those that no real answer has at the same time."""
    return {
        "AccountId": _member_id(_NUMBER, number),
        "EmailAddress": f"aws-account-{number:04}@example.com",
        "GraphArn": _GRAPH,
        "MasterId": _ACCOUNT,
        "AdministratorId": _ACCOUNT,
        "Status": _STATUSES[number % len(_STATUSES)],
        "DisabledReason": _REASONS[number % len(_REASONS)],
        "InvitedTime": _time(number),
        "UpdatedTime": _time(number + 1),
        "VolumeUsageInBytes": 5_000_000_000 + number,
        "VolumeUsageUpdatedTime": _time(number + 2),
        # Never a whole number: 12 and 12.0 are equal, but their JSON texts differ.
        "PercentOfGraphUtilization": round(number / 10 + 0.05, 2),
        "PercentOfGraphUtilizationUpdatedTime": _time(number + 3),
        "InvitationType": _TYPES[number % len(_TYPES)],
        "VolumeUsageByDatasourcePackage": {
            package: {"VolumeUsageInBytes": 1_000_000_000 * place + number, "VolumeUsageUpdateTime": _time(number)}
            for place, package in enumerate(_PACKAGES, start=1)
        },
        "DatasourcePackageIngestStates": {
            package: _STATES[(number + place) % len(_STATES)] for place, package in enumerate(_PACKAGES)
        },
    }


def _member_id(page: str, number: int) -> str:
    """Return a member's account id, which consists of its page and its place there."""
    return f"2{page}{number:04}"


def _time(number: int) -> str:
    moment = _START + timedelta(hours=number, milliseconds=number)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


def _dump(answer: dict[str, Any]) -> bytes:
    return json.dumps(answer, separators=(",", ":")).encode()

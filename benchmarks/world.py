"""The simulated AWS: accounts, keys, roles and graphs, with names as long as real ones."""

from typing import NamedTuple

#: The regions that are open without opting in, and three more to make it twenty.
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

#: The SDKs' default; set for each client that has another one.
MAX_ATTEMPTS = 3
#: The most calls that are in flight at once. A pool of fewer connections makes boto3 open new ones.
MOST_IN_FLIGHT = 64
#: The API's largest page of members.
PAGE = 200


class Keys(NamedTuple):
    """The keys of an account; the server derives the account from them."""

    access_key_id: str
    secret_access_key: str
    session_token: str


def keys(account_id: str) -> Keys:
    """Return an account's keys."""
    return Keys(
        f"ASIA{account_id}0000",
        "benchmarks/need/no/real/secret+access+00",
        f"{account_id}/" + "Zm9yLXRoZS1iZW5jaG1hcms" * 30,
    )


def account_ids(count: int) -> list[str]:
    """Return that many account ids."""
    return [f"{number}" for number in range(300_000_000_000, 300_000_000_000 + count)]


def role_arn(account_id: str) -> str:
    """Return the ARN of the role of an account."""
    return f"arn:aws:iam::{account_id}:role/{ROLE_NAME}"


def graph_arn(account_id: str, region: str, members: int) -> str:
    """Return the ARN of a graph, which contains its number of members."""
    return f"arn:aws:detective:{region}:{account_id}:graph:{members:032}"


def members_of(arn: str) -> int:
    """Return the number of members of a graph."""
    return int(arn.rpartition(":")[2])


#: The caller of the measurements with one account.
ACCOUNT_ID = "111122223333"
REGION = "eu-west-1"
KEYS = keys(ACCOUNT_ID)

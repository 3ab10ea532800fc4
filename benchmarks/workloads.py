"""What is asked of every contender, and what the server answers."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

REGION = "eu-west-1"
GRAPH_ARN = f"arn:aws:detective:{REGION}:111122223333:graph:0123456789abcdef0123456789abcdef"

# Made up, and of the lengths that real ones have.
ACCESS_KEY_ID = "ASIAEXAMPLEEXAMPLE00"
SECRET_ACCESS_KEY = "benchmarks/need/no/real/secret+access+00"  # noqa: S105 - nothing accepts it
SESSION_TOKEN = "IQoJb3JpZ2luX2VjE" + "Zm9yLXRoZS1iZW5jaG1hcms" * 30

#: As the SDKs have it by default today; said to each that would do otherwise.
MAX_ATTEMPTS = 3

PAGE = 200
_START = datetime(2025, 1, 1, 12, 0, 0, 284_000, UTC)
_PACKAGES = ("DETECTIVE_CORE", "EKS_AUDIT", "ASFF_SECURITYHUB_FINDING")
_STATUSES = ("INVITED", "VERIFICATION_IN_PROGRESS", "VERIFICATION_FAILED", "ENABLED", "ACCEPTED_BUT_DISABLED")
_REASONS = ("VOLUME_TOO_HIGH", "VOLUME_UNKNOWN")
_TYPES = ("INVITATION", "ORGANIZATION")
_STATES = ("STARTED", "STOPPED", "DISABLED")


@dataclass(frozen=True)
class Workload:
    """One kind of call.

    Attributes:
        name: the API operation.
        title: what it is, for readers.
        path: where it is sent.
        request: the members of its request.
        answer: the members of its answer.
        share: it is called once for so many of the calls asked for, since one call is so much work.
    """

    name: str
    title: str
    path: str
    request: dict[str, Any]
    answer: dict[str, Any]
    share: int

    @property
    def body(self) -> bytes:
        """The answer as it is sent."""
        return json.dumps(self.answer, separators=(",", ":")).encode()


def _time(number: int) -> str:
    moment = _START + timedelta(hours=number, milliseconds=number)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


def _member(number: int) -> dict[str, Any]:
    """Fill every member that the API has, those included that no real answer would hold together."""
    return {
        "AccountId": f"{200_000_000_000 + number}",
        "EmailAddress": f"aws-account-{number:04}@example.com",
        "GraphArn": GRAPH_ARN,
        "MasterId": "111122223333",
        "AdministratorId": "111122223333",
        "Status": _STATUSES[number % len(_STATUSES)],
        "DisabledReason": _REASONS[number % len(_REASONS)],
        "InvitedTime": _time(number),
        "UpdatedTime": _time(number + 1),
        "VolumeUsageInBytes": 5_000_000_000 + number,
        "VolumeUsageUpdatedTime": _time(number + 2),
        # Never a whole number: 12 and 12.0 are the same answer, and would not look it.
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


LIST_GRAPHS = Workload(
    name="ListGraphs",
    title="a small call: one graph",
    path="/graphs/list",
    request={},
    answer={"GraphList": [{"Arn": GRAPH_ARN, "CreatedTime": _time(0)}]},
    share=1,
)
LIST_MEMBERS = Workload(
    name="ListMembers",
    title=f"a page of {PAGE} members, every field filled",
    path="/graph/members/list",
    request={"GraphArn": GRAPH_ARN, "MaxResults": PAGE},
    answer={"MemberDetails": [_member(number) for number in range(PAGE)], "NextToken": "bmV4dC1wYWdl" * 12},
    share=10,
)
WORKLOADS = (LIST_GRAPHS, LIST_MEMBERS)

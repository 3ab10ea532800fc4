"""The validator of the scenario's responses finds invalid ones."""

from datetime import UTC, datetime
from typing import Any

import pytest
from support.clients.validator import problems
from support.contract.api import SERVICE_MODEL

GRAPH = "arn:aws:detective:eu-west-1:111122223333:graph:" + "0" * 32
PATTERN: str = SERVICE_MODEL.shape_for("GraphArn").metadata["pattern"]
MEMBER: dict[str, Any] = {
    "AccountId": "111122223333",
    "GraphArn": GRAPH,
    "Status": "ENABLED",
    "InvitedTime": datetime(2026, 1, 1, tzinfo=UTC),
    "VolumeUsageInBytes": 1,
    "PercentOfGraphUtilization": 0.5,
    "VolumeUsageByDatasourcePackage": {"DETECTIVE_CORE": {"VolumeUsageInBytes": 1}},
    "DatasourcePackageIngestStates": {"DETECTIVE_CORE": "STARTED"},
}


def _problems(**changes: Any) -> list[str]:
    response = {"MemberDetails": [{**MEMBER, **changes}]}
    return problems(SERVICE_MODEL.operation_model("ListMembers").output_shape, response)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"GraphArn": GRAPH.replace("graph:", "graf:")},
            f"$.MemberDetails[0].GraphArn: {GRAPH.replace('graph:', 'graf:')!r} does not match {PATTERN}",
        ),
        ({"Added": 1}, "$.MemberDetails[0].Added: not in the model"),
        ({"Status": "Enabled"}, "$.MemberDetails[0].Status: 'Enabled' is not in the enum"),
        ({"AccountId": 111122223333}, "$.MemberDetails[0].AccountId: int instead of string"),
        ({"AccountId": None}, "$.MemberDetails[0].AccountId: NoneType instead of string"),
        ({"VolumeUsageInBytes": True}, "$.MemberDetails[0].VolumeUsageInBytes: bool instead of long"),
        ({"VolumeUsageInBytes": 1.0}, "$.MemberDetails[0].VolumeUsageInBytes: float instead of long"),
        ({"PercentOfGraphUtilization": "1"}, "$.MemberDetails[0].PercentOfGraphUtilization: str instead of double"),
        ({"InvitedTime": "2026"}, "$.MemberDetails[0].InvitedTime: str instead of timestamp"),
        (
            {"InvitedTime": datetime(2026, 1, 1)},  # noqa: DTZ001  the missing zone is the problem
            "$.MemberDetails[0].InvitedTime: datetime instead of timestamp",
        ),
        (
            {"DatasourcePackageIngestStates": {"CORE": "STARTED"}},
            "$.MemberDetails[0].DatasourcePackageIngestStates key: 'CORE' is not in the enum",
        ),
        (
            {"VolumeUsageByDatasourcePackage": {"EKS_AUDIT": {"Volume": 1}}},
            "$.MemberDetails[0].VolumeUsageByDatasourcePackage['EKS_AUDIT'].Volume: not in the model",
        ),
    ],
)
def test_deviations_from_the_model_are_found(changes: dict[str, Any], problem: str) -> None:
    """Unknown members and enum values, wrong types, and strings that do not match their pattern, with their paths."""
    assert _problems(**changes) == [problem]


def test_lengths_and_required_members_are_checked() -> None:
    """Members that are too long, empty or missing, and a response of an operation without an output."""
    assert _problems() == problems(None, {}) == []
    assert _problems(AccountId="1" * 13) == ["$.MemberDetails[0].AccountId: 13 is more than 12"]
    shape = SERVICE_MODEL.operation_model("ListMembers").output_shape
    assert problems(shape, {"NextToken": ""}) == ["$.NextToken: 0 is less than 1"]
    shape = SERVICE_MODEL.operation_model("CreateMembers").input_shape
    assert problems(shape, {"Accounts": []}) == ["$.GraphArn: missing", "$.Accounts: 0 is less than 1"]
    assert problems(None, {"GraphArn": GRAPH}) == ["$: the operation has no output"]

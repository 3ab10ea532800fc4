"""The whole API: each operation once, and each of its errors as boto3's own exception."""

from datetime import UTC, datetime
from typing import Any

import pytest

from detective_async.testing import DetectiveSimulator, Failure, Fault
from detective_async.testing.services.detective import OPERATIONS
from detective_async.testing.services.detective.rest_json import operations
from detective_async.testing.services.model import error_statuses, service_model

MODELLED = sorted(
    (name, error.name)
    for name in service_model().operation_names
    for error in service_model().operation_model(name).error_shapes
)


def test_every_operation_is_there() -> None:
    """The table of operations and botocore's model hold the same names."""
    assert set(OPERATIONS) == set(operations()) == set(service_model().operation_names)
    assert len(OPERATIONS) == 29


def assert_answers(shape: Any, answer: Any, where: Any = "") -> None:
    """Check that an answer as boto3 parsed it is what a shape describes: its members, types and enum values."""
    if shape.type_name == "structure":
        assert set(answer) <= set(shape.members), where
        for name, value in answer.items():
            assert_answers(shape.members[name], value, f"{where}.{name}")
    elif shape.type_name == "list":
        for value in answer:
            assert_answers(shape.member, value, f"{where}[]")
    elif shape.type_name == "map":
        for key, value in answer.items():
            assert_answers(shape.key, key, f"{where} key")
            assert_answers(shape.value, value, f"{where}[{key}]")
    else:
        types = {"string": str, "timestamp": datetime, "boolean": bool, "integer": int, "long": int, "double": float}
        assert type(answer) is types[shape.type_name], where
        if shape.type_name == "string" and shape.enum:
            assert answer in shape.enum, where


@pytest.mark.asyncio
async def test_boto3_calls_each_operation_and_reads_its_answer(sim: DetectiveSimulator, boto: Any, people: Any) -> None:  # noqa: PLR0915  29 of them
    """All 29, in an order that makes sense; every answer is what the model describes."""
    called = set()

    async def call(client: Any, name: Any, **members: Any) -> Any:
        answer = await getattr(client, name)(**members)
        metadata = answer.pop("ResponseMetadata")
        operation = client.client.meta.method_to_api_mapping[name]
        model = service_model().operation_model(operation)
        assert metadata["HTTPStatusCode"] == model.http.get("responseCode", 200)
        assert metadata["RequestId"]
        if model.output_shape is None:
            assert answer == {}
        else:
            assert_answers(model.output_shape, answer, operation)
        called.add(operation)
        return answer

    admin, member, other, management = (
        boto(name) for name in ("111122223333", "0" * 11 + "1", "0" * 11 + "2", "9" * 12)
    )
    sim.organization("9" * 12, ["111122223333"])
    graph = (await call(admin, "create_graph", Tags={"a": "b"}))["GraphArn"]
    on = {"GraphArn": graph}
    assert len((await call(admin, "list_graphs"))["GraphList"]) == 1
    assert len((await call(admin, "create_members", **on, Accounts=people(2)))["Members"]) == 2
    assert len((await call(member, "list_invitations"))["Invitations"]) == 1
    sim.set_volume("0" * 11 + "1", "VOLUME_TOO_HIGH")
    await call(member, "accept_invitation", **on)
    await call(admin, "list_members", **on)
    sim.set_volume("0" * 11 + "1", None)
    await call(admin, "start_monitoring_member", **on, AccountId="0" * 11 + "1")
    assert len((await call(admin, "list_members", **on))["MemberDetails"]) == 2
    await call(admin, "get_members", **on, AccountIds=["0" * 11 + "1", "0" * 11 + "3"])
    await call(other, "reject_invitation", **on)
    await call(admin, "update_datasource_packages", **on, DatasourcePackages=["EKS_AUDIT"])
    await call(admin, "list_datasource_packages", **on)
    await call(admin, "batch_get_graph_member_datasources", **on, AccountIds=["0" * 11 + "1", "0" * 11 + "3"])
    await call(member, "batch_get_membership_datasources", GraphArns=[graph, graph[:-32] + "0" * 32])
    await call(member, "disassociate_membership", **on)
    await call(admin, "create_members", **on, Accounts=people(1, first=4))
    await call(admin, "delete_members", **on, AccountIds=["0" * 11 + "4", "0" * 11 + "5"])
    await call(admin, "tag_resource", ResourceArn=graph, Tags={"c": "d"})
    await call(admin, "untag_resource", ResourceArn=graph, TagKeys=["a"])
    assert await call(admin, "list_tags_for_resource", ResourceArn=graph) == {"Tags": {"c": "d"}}

    scope = {"ScopeStartTime": datetime(2026, 1, 1, tzinfo=UTC), "ScopeEndTime": datetime(2026, 1, 2, tzinfo=UTC)}
    role = "arn:aws:iam::111122223333:role/Admin"
    found = await call(admin, "start_investigation", **on, EntityArn=role, **scope)
    await call(admin, "get_investigation", **on, **found)
    await call(admin, "update_investigation_state", **on, **found, State="ARCHIVED")
    assert len((await call(admin, "list_investigations", **on))["InvestigationDetails"]) == 1
    assert len((await call(admin, "list_indicators", **on, **found))["Indicators"]) == 24

    await call(management, "enable_organization_admin_account", AccountId="111122223333")
    assert len((await call(management, "list_organization_admin_accounts"))["Administrators"]) == 1
    await call(admin, "update_organization_configuration", **on, AutoEnable=True)
    assert await call(admin, "describe_organization_configuration", **on) == {"AutoEnable": True}
    await call(management, "disable_organization_admin_account")
    graph = (await call(admin, "create_graph"))["GraphArn"]
    await call(admin, "delete_graph", GraphArn=graph)
    assert called == set(service_model().operation_names)


@pytest.mark.asyncio
@pytest.mark.parametrize(("operation", "code"), MODELLED)
async def test_each_modelled_error_is_boto3s_own_exception(
    sim: DetectiveSimulator, boto: Any, operation: Any, code: Any
) -> None:
    """Every error that the API documents for an operation arrives as its class, with its status."""
    client = boto()
    shape = service_model().operation_model(operation).input_shape
    default: dict[str, Any] = ON if shape and "GraphArn" in shape.members else {}
    sim.inject(Fault(Failure(error_statuses()[code], code, "because")))
    method = {name: method for method, name in client.client.meta.method_to_api_mapping.items()}[operation]
    with pytest.raises(getattr(client.exceptions, code)) as caught:
        await getattr(client, method)(**EXAMPLES.get(operation, default))
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == error_statuses()[code]
    assert caught.value.response["Error"]["Message"] == "because"


ARN = "arn:aws:detective:eu-west-1:111122223333:graph:" + "0" * 32
WHEN = datetime(2026, 1, 1, tzinfo=UTC)
ON = {"GraphArn": ARN}
EXAMPLES: dict[str, dict[str, Any]] = {
    "BatchGetGraphMemberDatasources": {**ON, "AccountIds": ["1" * 12]},
    "BatchGetMembershipDatasources": {"GraphArns": [ARN]},
    "CreateMembers": {**ON, "Accounts": [{"AccountId": "1" * 12, "EmailAddress": "a@example.com"}]},
    "DeleteMembers": {**ON, "AccountIds": ["1" * 12]},
    "EnableOrganizationAdminAccount": {"AccountId": "1" * 12},
    "GetInvestigation": {**ON, "InvestigationId": "1" * 21},
    "GetMembers": {**ON, "AccountIds": ["1" * 12]},
    "ListIndicators": {**ON, "InvestigationId": "1" * 21},
    "ListTagsForResource": {"ResourceArn": ARN},
    "StartInvestigation": {**ON, "EntityArn": "arn:x", "ScopeStartTime": WHEN, "ScopeEndTime": WHEN},
    "StartMonitoringMember": {**ON, "AccountId": "1" * 12},
    "TagResource": {"ResourceArn": ARN, "Tags": {"a": "b"}},
    "UntagResource": {"ResourceArn": ARN, "TagKeys": ["a"]},
    "UpdateDatasourcePackages": {**ON, "DatasourcePackages": ["EKS_AUDIT"]},
    "UpdateInvestigationState": {**ON, "InvestigationId": "1" * 21, "State": "ACTIVE"},
}

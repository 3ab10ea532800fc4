"""The operations, with the types of their requests and responses, for the rules of mocks."""

from typing import Generic, TypeVar

from attrs import frozen

from detective_async.api import models
from detective_async.api.models.base import Response

RequestT = TypeVar("RequestT")
# Bound, so that checkers of types tell responses from errors in a sequence of both.
ResponseT = TypeVar("ResponseT", bound=Response | None)


@frozen
class MockedOperation(Generic[RequestT, ResponseT]):
    """An operation of the API; `RequestT` and `ResponseT` are the types of its request and its response.

    Attributes:
        name: the API's name.
    """

    name: str


def check_operation(operation: object) -> None:
    """Raise a TypeError for anything else, such as the name of an operation."""
    if not isinstance(operation, MockedOperation):
        raise TypeError(
            f"operation: must be one of detective_async.testing.mocks, such as ListMembers, got {operation!r}"
        )


AcceptInvitation: MockedOperation[models.AcceptInvitationRequest, None] = MockedOperation("AcceptInvitation")
BatchGetGraphMemberDatasources: MockedOperation[
    models.BatchGetGraphMemberDatasourcesRequest, models.BatchGetGraphMemberDatasourcesResponse
] = MockedOperation("BatchGetGraphMemberDatasources")
BatchGetMembershipDatasources: MockedOperation[
    models.BatchGetMembershipDatasourcesRequest, models.BatchGetMembershipDatasourcesResponse
] = MockedOperation("BatchGetMembershipDatasources")
CreateGraph: MockedOperation[models.CreateGraphRequest, models.CreateGraphResponse] = MockedOperation("CreateGraph")
CreateMembers: MockedOperation[models.CreateMembersRequest, models.CreateMembersResponse] = MockedOperation(
    "CreateMembers"
)
DeleteGraph: MockedOperation[models.DeleteGraphRequest, None] = MockedOperation("DeleteGraph")
DeleteMembers: MockedOperation[models.DeleteMembersRequest, models.DeleteMembersResponse] = MockedOperation(
    "DeleteMembers"
)
DescribeOrganizationConfiguration: MockedOperation[
    models.DescribeOrganizationConfigurationRequest, models.DescribeOrganizationConfigurationResponse
] = MockedOperation("DescribeOrganizationConfiguration")
DisableOrganizationAdminAccount: MockedOperation[None, None] = MockedOperation("DisableOrganizationAdminAccount")
DisassociateMembership: MockedOperation[models.DisassociateMembershipRequest, None] = MockedOperation(
    "DisassociateMembership"
)
EnableOrganizationAdminAccount: MockedOperation[models.EnableOrganizationAdminAccountRequest, None] = MockedOperation(
    "EnableOrganizationAdminAccount"
)
GetInvestigation: MockedOperation[models.GetInvestigationRequest, models.GetInvestigationResponse] = MockedOperation(
    "GetInvestigation"
)
GetMembers: MockedOperation[models.GetMembersRequest, models.GetMembersResponse] = MockedOperation("GetMembers")
ListDatasourcePackages: MockedOperation[models.ListDatasourcePackagesRequest, models.ListDatasourcePackagesResponse] = (
    MockedOperation("ListDatasourcePackages")
)
ListGraphs: MockedOperation[models.ListGraphsRequest, models.ListGraphsResponse] = MockedOperation("ListGraphs")
ListIndicators: MockedOperation[models.ListIndicatorsRequest, models.ListIndicatorsResponse] = MockedOperation(
    "ListIndicators"
)
ListInvestigations: MockedOperation[models.ListInvestigationsRequest, models.ListInvestigationsResponse] = (
    MockedOperation("ListInvestigations")
)
ListInvitations: MockedOperation[models.ListInvitationsRequest, models.ListInvitationsResponse] = MockedOperation(
    "ListInvitations"
)
ListMembers: MockedOperation[models.ListMembersRequest, models.ListMembersResponse] = MockedOperation("ListMembers")
ListOrganizationAdminAccounts: MockedOperation[
    models.ListOrganizationAdminAccountsRequest, models.ListOrganizationAdminAccountsResponse
] = MockedOperation("ListOrganizationAdminAccounts")
ListTagsForResource: MockedOperation[models.ListTagsForResourceRequest, models.ListTagsForResourceResponse] = (
    MockedOperation("ListTagsForResource")
)
RejectInvitation: MockedOperation[models.RejectInvitationRequest, None] = MockedOperation("RejectInvitation")
StartInvestigation: MockedOperation[models.StartInvestigationRequest, models.StartInvestigationResponse] = (
    MockedOperation("StartInvestigation")
)
StartMonitoringMember: MockedOperation[models.StartMonitoringMemberRequest, None] = MockedOperation(
    "StartMonitoringMember"
)
TagResource: MockedOperation[models.TagResourceRequest, models.TagResourceResponse] = MockedOperation("TagResource")
UntagResource: MockedOperation[models.UntagResourceRequest, models.UntagResourceResponse] = MockedOperation(
    "UntagResource"
)
UpdateDatasourcePackages: MockedOperation[models.UpdateDatasourcePackagesRequest, None] = MockedOperation(
    "UpdateDatasourcePackages"
)
UpdateInvestigationState: MockedOperation[models.UpdateInvestigationStateRequest, None] = MockedOperation(
    "UpdateInvestigationState"
)
UpdateOrganizationConfiguration: MockedOperation[models.UpdateOrganizationConfigurationRequest, None] = MockedOperation(
    "UpdateOrganizationConfiguration"
)

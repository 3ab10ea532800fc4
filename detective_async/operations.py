"""The API as data: one row per operation."""

from types import NoneType
from typing import Generic, TypeVar

from attrs import AttrsInstance, Factory, frozen

from detective_async import models

Answer = TypeVar("Answer")


# Compared by identity: there is one row per operation, and caches are keyed by it.
@frozen(eq=False)
class Operation(Generic[Answer]):
    """One operation of the API.

    Attributes:
        name: the API's name.
        method: the HTTP method.
        path: the path; a member in braces is filled in from the request.
        request: the model of its request, or None where it takes no members.
        answer: the model of its answer; NoneType where the API models none.
        query: the request's attributes that travel in the query string -> the name they have there.
        repeatable: whether sending it twice does no more than sending it once, so that it may be sent again when
            nobody knows whether the first one arrived.
    """

    name: str
    method: str
    path: str
    request: type[AttrsInstance] | None
    answer: type[Answer]
    query: dict[str, str] = Factory(dict)
    repeatable: bool = True


ACCEPT_INVITATION = Operation("AcceptInvitation", "PUT", "/invitation", models.AcceptInvitationRequest, NoneType)
BATCH_GET_GRAPH_MEMBER_DATASOURCES = Operation(
    "BatchGetGraphMemberDatasources",
    "POST",
    "/graph/datasources/get",
    models.BatchGetGraphMemberDatasourcesRequest,
    models.BatchGetGraphMemberDatasourcesResponse,
)
BATCH_GET_MEMBERSHIP_DATASOURCES = Operation(
    "BatchGetMembershipDatasources",
    "POST",
    "/membership/datasources/get",
    models.BatchGetMembershipDatasourcesRequest,
    models.BatchGetMembershipDatasourcesResponse,
)
CREATE_GRAPH = Operation("CreateGraph", "POST", "/graph", models.CreateGraphRequest, models.CreateGraphResponse)
CREATE_MEMBERS = Operation(
    "CreateMembers", "POST", "/graph/members", models.CreateMembersRequest, models.CreateMembersResponse
)
DELETE_GRAPH = Operation("DeleteGraph", "POST", "/graph/removal", models.DeleteGraphRequest, NoneType)
DELETE_MEMBERS = Operation(
    "DeleteMembers", "POST", "/graph/members/removal", models.DeleteMembersRequest, models.DeleteMembersResponse
)
DESCRIBE_ORGANIZATION_CONFIGURATION = Operation(
    "DescribeOrganizationConfiguration",
    "POST",
    "/orgs/describeOrganizationConfiguration",
    models.DescribeOrganizationConfigurationRequest,
    models.DescribeOrganizationConfigurationResponse,
)
DISABLE_ORGANIZATION_ADMIN_ACCOUNT = Operation(
    "DisableOrganizationAdminAccount", "POST", "/orgs/disableAdminAccount", None, NoneType
)
DISASSOCIATE_MEMBERSHIP = Operation(
    "DisassociateMembership", "POST", "/membership/removal", models.DisassociateMembershipRequest, NoneType
)
ENABLE_ORGANIZATION_ADMIN_ACCOUNT = Operation(
    "EnableOrganizationAdminAccount",
    "POST",
    "/orgs/enableAdminAccount",
    models.EnableOrganizationAdminAccountRequest,
    NoneType,
)
GET_INVESTIGATION = Operation(
    "GetInvestigation",
    "POST",
    "/investigations/getInvestigation",
    models.GetInvestigationRequest,
    models.GetInvestigationResponse,
)
GET_MEMBERS = Operation("GetMembers", "POST", "/graph/members/get", models.GetMembersRequest, models.GetMembersResponse)
LIST_DATASOURCE_PACKAGES = Operation(
    "ListDatasourcePackages",
    "POST",
    "/graph/datasources/list",
    models.ListDatasourcePackagesRequest,
    models.ListDatasourcePackagesResponse,
)
LIST_GRAPHS = Operation("ListGraphs", "POST", "/graphs/list", models.ListGraphsRequest, models.ListGraphsResponse)
LIST_INDICATORS = Operation(
    "ListIndicators",
    "POST",
    "/investigations/listIndicators",
    models.ListIndicatorsRequest,
    models.ListIndicatorsResponse,
)
LIST_INVESTIGATIONS = Operation(
    "ListInvestigations",
    "POST",
    "/investigations/listInvestigations",
    models.ListInvestigationsRequest,
    models.ListInvestigationsResponse,
)
LIST_INVITATIONS = Operation(
    "ListInvitations", "POST", "/invitations/list", models.ListInvitationsRequest, models.ListInvitationsResponse
)
LIST_MEMBERS = Operation(
    "ListMembers", "POST", "/graph/members/list", models.ListMembersRequest, models.ListMembersResponse
)
LIST_ORGANIZATION_ADMIN_ACCOUNTS = Operation(
    "ListOrganizationAdminAccounts",
    "POST",
    "/orgs/adminAccountslist",
    models.ListOrganizationAdminAccountsRequest,
    models.ListOrganizationAdminAccountsResponse,
)
LIST_TAGS_FOR_RESOURCE = Operation(
    "ListTagsForResource",
    "GET",
    "/tags/{ResourceArn}",
    models.ListTagsForResourceRequest,
    models.ListTagsForResourceResponse,
)
REJECT_INVITATION = Operation(
    "RejectInvitation", "POST", "/invitation/removal", models.RejectInvitationRequest, NoneType
)
START_INVESTIGATION = Operation(
    "StartInvestigation",
    "POST",
    "/investigations/startInvestigation",
    models.StartInvestigationRequest,
    models.StartInvestigationResponse,
    # It takes no client token: a second one starts a second investigation.
    repeatable=False,
)
START_MONITORING_MEMBER = Operation(
    "StartMonitoringMember", "POST", "/graph/member/monitoringstate", models.StartMonitoringMemberRequest, NoneType
)
TAG_RESOURCE = Operation(
    "TagResource", "POST", "/tags/{ResourceArn}", models.TagResourceRequest, models.TagResourceResponse
)
UNTAG_RESOURCE = Operation(
    "UntagResource",
    "DELETE",
    "/tags/{ResourceArn}",
    models.UntagResourceRequest,
    models.UntagResourceResponse,
    query={"tag_keys": "tagKeys"},
)
UPDATE_DATASOURCE_PACKAGES = Operation(
    "UpdateDatasourcePackages", "POST", "/graph/datasources/update", models.UpdateDatasourcePackagesRequest, NoneType
)
UPDATE_INVESTIGATION_STATE = Operation(
    "UpdateInvestigationState",
    "POST",
    "/investigations/updateInvestigationState",
    models.UpdateInvestigationStateRequest,
    NoneType,
)
UPDATE_ORGANIZATION_CONFIGURATION = Operation(
    "UpdateOrganizationConfiguration",
    "POST",
    "/orgs/updateOrganizationConfiguration",
    models.UpdateOrganizationConfigurationRequest,
    NoneType,
)

OPERATIONS: dict[str, Operation[object]] = {
    row.name: row for row in tuple(globals().values()) if isinstance(row, Operation)
}

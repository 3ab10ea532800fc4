"""The operations of the API, one row each."""

# The rows name the models of their responses for type checkers without importing them.
from __future__ import annotations

from functools import cached_property
from types import NoneType
from typing import TYPE_CHECKING, TypeVar, cast

from detective_async.api import models
from detective_async.api.service import ServiceOperation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attrs import AttrsInstance

ResponseT = TypeVar("ResponseT")


# Compared by identity: there is one row for each operation, and caches use it as a key.
class Operation(ServiceOperation[ResponseT]):
    """One operation of the API.

    Attributes:
        name: the API's name.
        method: the HTTP method.
        path: the path; members in braces are replaced by the request's values.
        query: attribute of the request -> its name in the query string.
        repeatable: whether sending a request twice has the same effect as once, so that it may be retried even if the
            first one may have been carried out.
    """

    def __init__(
        self,
        name: str,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        repeatable: bool = True,
    ) -> None:
        self.name = name
        self.method = method
        self.path = path
        self.query = query or {}
        self.repeatable = repeatable

    def __repr__(self) -> str:
        """Show the name."""
        return f"Operation({self.name!r})"

    @cached_property
    def request(self) -> type[AttrsInstance] | None:
        """The model of the request; None if the operation has no request members."""
        return getattr(models, f"{self.name}Request", None)

    @cached_property
    def response(self) -> type[ResponseT]:
        """The model of the response; NoneType if the API models none."""
        return cast("type[ResponseT]", getattr(models, f"{self.name}Response", NoneType))


ACCEPT_INVITATION: Operation[None] = Operation("AcceptInvitation", "PUT", "/invitation")
BATCH_GET_GRAPH_MEMBER_DATASOURCES: Operation[models.BatchGetGraphMemberDatasourcesResponse] = Operation(
    "BatchGetGraphMemberDatasources", "POST", "/graph/datasources/get"
)
BATCH_GET_MEMBERSHIP_DATASOURCES: Operation[models.BatchGetMembershipDatasourcesResponse] = Operation(
    "BatchGetMembershipDatasources", "POST", "/membership/datasources/get"
)
CREATE_GRAPH: Operation[models.CreateGraphResponse] = Operation("CreateGraph", "POST", "/graph")
CREATE_MEMBERS: Operation[models.CreateMembersResponse] = Operation("CreateMembers", "POST", "/graph/members")
DELETE_GRAPH: Operation[None] = Operation("DeleteGraph", "POST", "/graph/removal")
DELETE_MEMBERS: Operation[models.DeleteMembersResponse] = Operation("DeleteMembers", "POST", "/graph/members/removal")
DESCRIBE_ORGANIZATION_CONFIGURATION: Operation[models.DescribeOrganizationConfigurationResponse] = Operation(
    "DescribeOrganizationConfiguration", "POST", "/orgs/describeOrganizationConfiguration"
)
DISABLE_ORGANIZATION_ADMIN_ACCOUNT: Operation[None] = Operation(
    "DisableOrganizationAdminAccount", "POST", "/orgs/disableAdminAccount"
)
DISASSOCIATE_MEMBERSHIP: Operation[None] = Operation("DisassociateMembership", "POST", "/membership/removal")
ENABLE_ORGANIZATION_ADMIN_ACCOUNT: Operation[None] = Operation(
    "EnableOrganizationAdminAccount", "POST", "/orgs/enableAdminAccount"
)
GET_INVESTIGATION: Operation[models.GetInvestigationResponse] = Operation(
    "GetInvestigation", "POST", "/investigations/getInvestigation"
)
GET_MEMBERS: Operation[models.GetMembersResponse] = Operation("GetMembers", "POST", "/graph/members/get")
LIST_DATASOURCE_PACKAGES: Operation[models.ListDatasourcePackagesResponse] = Operation(
    "ListDatasourcePackages", "POST", "/graph/datasources/list"
)
LIST_GRAPHS: Operation[models.ListGraphsResponse] = Operation("ListGraphs", "POST", "/graphs/list")
LIST_INDICATORS: Operation[models.ListIndicatorsResponse] = Operation(
    "ListIndicators", "POST", "/investigations/listIndicators"
)
LIST_INVESTIGATIONS: Operation[models.ListInvestigationsResponse] = Operation(
    "ListInvestigations", "POST", "/investigations/listInvestigations"
)
LIST_INVITATIONS: Operation[models.ListInvitationsResponse] = Operation("ListInvitations", "POST", "/invitations/list")
LIST_MEMBERS: Operation[models.ListMembersResponse] = Operation("ListMembers", "POST", "/graph/members/list")
LIST_ORGANIZATION_ADMIN_ACCOUNTS: Operation[models.ListOrganizationAdminAccountsResponse] = Operation(
    "ListOrganizationAdminAccounts", "POST", "/orgs/adminAccountslist"
)
LIST_TAGS_FOR_RESOURCE: Operation[models.ListTagsForResourceResponse] = Operation(
    "ListTagsForResource", "GET", "/tags/{ResourceArn}"
)
REJECT_INVITATION: Operation[None] = Operation("RejectInvitation", "POST", "/invitation/removal")
START_INVESTIGATION: Operation[models.StartInvestigationResponse] = Operation(
    "StartInvestigation",
    "POST",
    "/investigations/startInvestigation",
    # It has no client token: a second request starts a second investigation.
    repeatable=False,
)
START_MONITORING_MEMBER: Operation[None] = Operation("StartMonitoringMember", "POST", "/graph/member/monitoringstate")
TAG_RESOURCE: Operation[models.TagResourceResponse] = Operation("TagResource", "POST", "/tags/{ResourceArn}")
UNTAG_RESOURCE: Operation[models.UntagResourceResponse] = Operation(
    "UntagResource", "DELETE", "/tags/{ResourceArn}", query={"tag_keys": "tagKeys"}
)
UPDATE_DATASOURCE_PACKAGES: Operation[None] = Operation("UpdateDatasourcePackages", "POST", "/graph/datasources/update")
UPDATE_INVESTIGATION_STATE: Operation[None] = Operation(
    "UpdateInvestigationState", "POST", "/investigations/updateInvestigationState"
)
UPDATE_ORGANIZATION_CONFIGURATION: Operation[None] = Operation(
    "UpdateOrganizationConfiguration", "POST", "/orgs/updateOrganizationConfiguration"
)

OPERATIONS: dict[str, Operation[object]] = {
    row.name: row for row in tuple(globals().values()) if isinstance(row, Operation)
}

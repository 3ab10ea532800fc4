"""Amazon Detective. To add an operation: write `name(call)` in the module of its area, and add it to the table here."""

from collections.abc import Callable
from typing import Any

from detective_async.testing.services.call import Call
from detective_async.testing.services.detective import (
    datasources,
    graphs,
    investigations,
    invitations,
    members,
    organization,
    tags,
)

OPERATIONS: dict[str, Callable[[Call], dict[str, Any] | None]] = {
    "AcceptInvitation": invitations.accept_invitation,
    "BatchGetGraphMemberDatasources": datasources.batch_get_graph_member_datasources,
    "BatchGetMembershipDatasources": datasources.batch_get_membership_datasources,
    "CreateGraph": graphs.create_graph,
    "CreateMembers": members.create_members,
    "DeleteGraph": graphs.delete_graph,
    "DeleteMembers": members.delete_members,
    "DescribeOrganizationConfiguration": organization.describe_organization_configuration,
    "DisableOrganizationAdminAccount": organization.disable_organization_admin_account,
    "DisassociateMembership": invitations.disassociate_membership,
    "EnableOrganizationAdminAccount": organization.enable_organization_admin_account,
    "GetInvestigation": investigations.get_investigation,
    "GetMembers": members.get_members,
    "ListDatasourcePackages": datasources.list_datasource_packages,
    "ListGraphs": graphs.list_graphs,
    "ListIndicators": investigations.list_indicators,
    "ListInvestigations": investigations.list_investigations,
    "ListInvitations": invitations.list_invitations,
    "ListMembers": members.list_members,
    "ListOrganizationAdminAccounts": organization.list_organization_admin_accounts,
    "ListTagsForResource": tags.list_tags_for_resource,
    "RejectInvitation": invitations.reject_invitation,
    "StartInvestigation": investigations.start_investigation,
    "StartMonitoringMember": members.start_monitoring_member,
    "TagResource": tags.tag_resource,
    "UntagResource": tags.untag_resource,
    "UpdateDatasourcePackages": datasources.update_datasource_packages,
    "UpdateInvestigationState": investigations.update_investigation_state,
    "UpdateOrganizationConfiguration": organization.update_organization_configuration,
}

"""A client without a server, for the fastest tests of one's own code: its answers come from rules.

    detective = MockDetective(
        mock(ListGraphs, returns=ListGraphsResponse(graph_list=[Graph(arn="arn:of:a:graph")])),
        mock(DeleteGraph, raises=ConflictException),
    )
    client = detective.client()

Nothing is signed, sent or retried: a rule says how a call ends. The simulator has a state, retries and signatures.
"""

from detective_async.testing.mocks.detective import MockDetective, MockedCall, UnexpectedCall, UnusedRuleWarning
from detective_async.testing.mocks.operations import (
    AcceptInvitation,
    BatchGetGraphMemberDatasources,
    BatchGetMembershipDatasources,
    CreateGraph,
    CreateMembers,
    DeleteGraph,
    DeleteMembers,
    DescribeOrganizationConfiguration,
    DisableOrganizationAdminAccount,
    DisassociateMembership,
    EnableOrganizationAdminAccount,
    GetInvestigation,
    GetMembers,
    ListDatasourcePackages,
    ListGraphs,
    ListIndicators,
    ListInvestigations,
    ListInvitations,
    ListMembers,
    ListOrganizationAdminAccounts,
    ListTagsForResource,
    MockedOperation,
    RejectInvitation,
    StartInvestigation,
    StartMonitoringMember,
    TagResource,
    UntagResource,
    UpdateDatasourcePackages,
    UpdateInvestigationState,
    UpdateOrganizationConfiguration,
)
from detective_async.testing.mocks.rules import MockRule, mock

__all__ = [
    "AcceptInvitation",
    "BatchGetGraphMemberDatasources",
    "BatchGetMembershipDatasources",
    "CreateGraph",
    "CreateMembers",
    "DeleteGraph",
    "DeleteMembers",
    "DescribeOrganizationConfiguration",
    "DisableOrganizationAdminAccount",
    "DisassociateMembership",
    "EnableOrganizationAdminAccount",
    "GetInvestigation",
    "GetMembers",
    "ListDatasourcePackages",
    "ListGraphs",
    "ListIndicators",
    "ListInvestigations",
    "ListInvitations",
    "ListMembers",
    "ListOrganizationAdminAccounts",
    "ListTagsForResource",
    "MockDetective",
    "MockRule",
    "MockedCall",
    "MockedOperation",
    "RejectInvitation",
    "StartInvestigation",
    "StartMonitoringMember",
    "TagResource",
    "UnexpectedCall",
    "UntagResource",
    "UnusedRuleWarning",
    "UpdateDatasourcePackages",
    "UpdateInvestigationState",
    "UpdateOrganizationConfiguration",
    "mock",
]

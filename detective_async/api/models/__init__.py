"""The API's shapes as attrs classes with the API's names, one module for each part of the API.

A module is imported when one of its names is first used: creating all these classes takes as long as importing
aiohttp's client, and most programs need few of them.
"""

from importlib import import_module

#: Type checkers take it for true. The import of typing takes longer than this module.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from detective_async.api.models.base import (
        ResponseMetadata,
    )
    from detective_async.api.models.datasources import (
        BatchGetGraphMemberDatasourcesRequest,
        BatchGetGraphMemberDatasourcesResponse,
        BatchGetMembershipDatasourcesRequest,
        BatchGetMembershipDatasourcesResponse,
        DatasourcePackage,
        DatasourcePackageIngestDetail,
        DatasourcePackageIngestState,
        DatasourcePackageUsageInfo,
        ListDatasourcePackagesRequest,
        ListDatasourcePackagesResponse,
        MembershipDatasources,
        TimestampForCollection,
        UpdateDatasourcePackagesRequest,
    )
    from detective_async.api.models.exceptions import (
        AccessDeniedException,
        ConflictException,
        ErrorCode,
        InternalServerException,
        ResourceNotFoundException,
        ServiceQuotaExceededException,
        TooManyRequestsException,
        ValidationException,
    )
    from detective_async.api.models.graph_changes import (
        CreateGraphRequest,
        CreateGraphResponse,
        DeleteGraphRequest,
    )
    from detective_async.api.models.graphs import (
        Graph,
        ListGraphsRequest,
        ListGraphsResponse,
    )
    from detective_async.api.models.indicators import (
        FlaggedIpAddressDetail,
        ImpossibleTravelDetail,
        Indicator,
        IndicatorDetail,
        IndicatorType,
        ListIndicatorsRequest,
        ListIndicatorsResponse,
        NewAsoDetail,
        NewGeolocationDetail,
        NewUserAgentDetail,
        Reason,
        RelatedFindingDetail,
        RelatedFindingGroupDetail,
        TTPsObservedDetail,
    )
    from detective_async.api.models.investigations import (
        DateFilter,
        EntityType,
        Field,
        FilterCriteria,
        GetInvestigationRequest,
        GetInvestigationResponse,
        InvestigationDetail,
        ListInvestigationsRequest,
        ListInvestigationsResponse,
        Severity,
        SortCriteria,
        SortOrder,
        StartInvestigationRequest,
        StartInvestigationResponse,
        State,
        Status,
        StringFilter,
        UpdateInvestigationStateRequest,
    )
    from detective_async.api.models.members import (
        AcceptInvitationRequest,
        Account,
        CreateMembersRequest,
        CreateMembersResponse,
        DeleteMembersRequest,
        DeleteMembersResponse,
        DisassociateMembershipRequest,
        GetMembersRequest,
        GetMembersResponse,
        InvitationType,
        ListInvitationsRequest,
        ListInvitationsResponse,
        ListMembersRequest,
        ListMembersResponse,
        MemberDetail,
        MemberDisabledReason,
        MemberStatus,
        RejectInvitationRequest,
        StartMonitoringMemberRequest,
    )
    from detective_async.api.models.organization import (
        Administrator,
        DescribeOrganizationConfigurationRequest,
        DescribeOrganizationConfigurationResponse,
        EnableOrganizationAdminAccountRequest,
        ListOrganizationAdminAccountsRequest,
        ListOrganizationAdminAccountsResponse,
        UpdateOrganizationConfigurationRequest,
    )
    from detective_async.api.models.tags import (
        ListTagsForResourceRequest,
        ListTagsForResourceResponse,
        TagResourceRequest,
        TagResourceResponse,
        UntagResourceRequest,
        UntagResourceResponse,
    )
    from detective_async.api.models.unprocessed import (
        UnprocessedAccount,
        UnprocessedGraph,
    )

__all__ = [
    "AcceptInvitationRequest",
    "AccessDeniedException",
    "Account",
    "Administrator",
    "BatchGetGraphMemberDatasourcesRequest",
    "BatchGetGraphMemberDatasourcesResponse",
    "BatchGetMembershipDatasourcesRequest",
    "BatchGetMembershipDatasourcesResponse",
    "ConflictException",
    "CreateGraphRequest",
    "CreateGraphResponse",
    "CreateMembersRequest",
    "CreateMembersResponse",
    "DatasourcePackage",
    "DatasourcePackageIngestDetail",
    "DatasourcePackageIngestState",
    "DatasourcePackageUsageInfo",
    "DateFilter",
    "DeleteGraphRequest",
    "DeleteMembersRequest",
    "DeleteMembersResponse",
    "DescribeOrganizationConfigurationRequest",
    "DescribeOrganizationConfigurationResponse",
    "DisassociateMembershipRequest",
    "EnableOrganizationAdminAccountRequest",
    "EntityType",
    "ErrorCode",
    "Field",
    "FilterCriteria",
    "FlaggedIpAddressDetail",
    "GetInvestigationRequest",
    "GetInvestigationResponse",
    "GetMembersRequest",
    "GetMembersResponse",
    "Graph",
    "ImpossibleTravelDetail",
    "Indicator",
    "IndicatorDetail",
    "IndicatorType",
    "InternalServerException",
    "InvestigationDetail",
    "InvitationType",
    "ListDatasourcePackagesRequest",
    "ListDatasourcePackagesResponse",
    "ListGraphsRequest",
    "ListGraphsResponse",
    "ListIndicatorsRequest",
    "ListIndicatorsResponse",
    "ListInvestigationsRequest",
    "ListInvestigationsResponse",
    "ListInvitationsRequest",
    "ListInvitationsResponse",
    "ListMembersRequest",
    "ListMembersResponse",
    "ListOrganizationAdminAccountsRequest",
    "ListOrganizationAdminAccountsResponse",
    "ListTagsForResourceRequest",
    "ListTagsForResourceResponse",
    "MemberDetail",
    "MemberDisabledReason",
    "MemberStatus",
    "MembershipDatasources",
    "NewAsoDetail",
    "NewGeolocationDetail",
    "NewUserAgentDetail",
    "Reason",
    "RejectInvitationRequest",
    "RelatedFindingDetail",
    "RelatedFindingGroupDetail",
    "ResourceNotFoundException",
    "ResponseMetadata",
    "ServiceQuotaExceededException",
    "Severity",
    "SortCriteria",
    "SortOrder",
    "StartInvestigationRequest",
    "StartInvestigationResponse",
    "StartMonitoringMemberRequest",
    "State",
    "Status",
    "StringFilter",
    "TTPsObservedDetail",
    "TagResourceRequest",
    "TagResourceResponse",
    "TimestampForCollection",
    "TooManyRequestsException",
    "UnprocessedAccount",
    "UnprocessedGraph",
    "UntagResourceRequest",
    "UntagResourceResponse",
    "UpdateDatasourcePackagesRequest",
    "UpdateInvestigationStateRequest",
    "UpdateOrganizationConfigurationRequest",
    "ValidationException",
]

#: Where names are looked for, in this order: first what most programs need anyway.
_MODULES = (
    "base",
    "graphs",
    "exceptions",
    "graph_changes",
    "tags",
    "unprocessed",
    "datasources",
    "members",
    "organization",
    "investigations",
    "indicators",
)


if not TYPE_CHECKING:
    # Hidden from type checkers, which would otherwise take any misspelt name for an Any.
    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        modules = (import_module(f"{__name__}.{module}") for module in _MODULES)
        value = globals()[name] = next(getattr(module, name) for module in modules if hasattr(module, name))
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

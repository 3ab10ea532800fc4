"""One async iterator for each paginated operation of the API."""

# The models in the annotations are imported by the first call that uses them.
from __future__ import annotations

from detective_async.api import models, operations
from detective_async.client.methods import Methods
from detective_async.client.paginator import Paginator

_MAX_PAGE_SIZE = 200
_MAX_INVESTIGATIONS_PAGE_SIZE = 100


class Iterators(Methods):
    """The paginated operations, each as an async iterator."""

    def iter_datasource_packages(
        self,
        graph_arn: str,
        *,
        page_size: int | None = None,
        limit: int | None = None,
        starting_token: str | None = None,
        prefetch: int = 0,
    ) -> Paginator[
        tuple[models.DatasourcePackage, models.DatasourcePackageIngestDetail], models.ListDatasourcePackagesResponse
    ]:
        """Iterate over a graph's data source packages, as (package, detail) pairs, page after page.

        API operation: ListDatasourcePackages.

        Args:
            graph_arn: the graph.
            page_size: the number of items in each request, 1 to 200; None uses the service's default.
            limit: the maximum number of items to return; None for no limit.
            starting_token: the `resume_token` of an earlier paginator; None starts at the first page.
            prefetch: the number of pages to fetch ahead.

        Raises:
            ParameterError: `page_size`, `limit` or `prefetch` is out of range, or `starting_token` is no string.
            PaginationError: while iterating: the service repeated a token.
        """
        return Paginator(
            operations.LIST_DATASOURCE_PACKAGES.name,
            lambda token, size: self.list_datasource_packages(graph_arn, next_token=token, max_results=size),
            lambda page: page.datasource_packages.items(),
            max_page_size=_MAX_PAGE_SIZE,
            page_size=page_size,
            limit=limit,
            starting_token=starting_token,
            prefetch=prefetch,
        )

    def iter_graphs(
        self,
        *,
        page_size: int | None = None,
        limit: int | None = None,
        starting_token: str | None = None,
        prefetch: int = 0,
    ) -> Paginator[models.Graph, models.ListGraphsResponse]:
        """Iterate over the graphs, page after page.

        API operation: ListGraphs.

        Args:
            page_size: the number of items in each request, 1 to 200; None uses the service's default.
            limit: the maximum number of items to return; None for no limit.
            starting_token: the `resume_token` of an earlier paginator; None starts at the first page.
            prefetch: the number of pages to fetch ahead.

        Raises:
            ParameterError: `page_size`, `limit` or `prefetch` is out of range, or `starting_token` is no string.
            PaginationError: while iterating: the service repeated a token.
        """
        return Paginator(
            operations.LIST_GRAPHS.name,
            lambda token, size: self.list_graphs(next_token=token, max_results=size),
            lambda page: page.graph_list,
            max_page_size=_MAX_PAGE_SIZE,
            page_size=page_size,
            limit=limit,
            starting_token=starting_token,
            prefetch=prefetch,
        )

    def iter_indicators(
        self,
        graph_arn: str,
        investigation_id: str,
        *,
        indicator_type: models.IndicatorType | str | None = None,
        page_size: int | None = None,
        limit: int | None = None,
        starting_token: str | None = None,
        prefetch: int = 0,
    ) -> Paginator[models.Indicator, models.ListIndicatorsResponse]:
        """Iterate over the indicators of an investigation, page after page.

        API operation: ListIndicators.

        Args:
            graph_arn: the graph.
            investigation_id: 21 digits.
            indicator_type: return only indicators of this type.
            page_size: the number of items in each request, 1 to 100; None uses the service's default.
            limit: the maximum number of items to return; None for no limit.
            starting_token: the `resume_token` of an earlier paginator; None starts at the first page.
            prefetch: the number of pages to fetch ahead.

        Raises:
            ParameterError: `page_size`, `limit` or `prefetch` is out of range, or `starting_token` is no string.
            PaginationError: while iterating: the service repeated a token.
        """
        return Paginator(
            operations.LIST_INDICATORS.name,
            lambda token, size: self.list_indicators(
                graph_arn, investigation_id, next_token=token, max_results=size, indicator_type=indicator_type
            ),
            lambda page: page.indicators,
            max_page_size=_MAX_INVESTIGATIONS_PAGE_SIZE,
            page_size=page_size,
            limit=limit,
            starting_token=starting_token,
            prefetch=prefetch,
        )

    def iter_investigations(
        self,
        graph_arn: str,
        *,
        filter_criteria: models.FilterCriteria | None = None,
        sort_criteria: models.SortCriteria | None = None,
        page_size: int | None = None,
        limit: int | None = None,
        starting_token: str | None = None,
        prefetch: int = 0,
    ) -> Paginator[models.InvestigationDetail, models.ListInvestigationsResponse]:
        """Iterate over the investigations of a graph, page after page.

        API operation: ListInvestigations.

        Args:
            graph_arn: the graph.
            filter_criteria: which investigations to list.
            sort_criteria: the order of the investigations.
            page_size: the number of items in each request, 1 to 100; None uses the service's default.
            limit: the maximum number of items to return; None for no limit.
            starting_token: the `resume_token` of an earlier paginator; None starts at the first page.
            prefetch: the number of pages to fetch ahead.

        Raises:
            ParameterError: `page_size`, `limit` or `prefetch` is out of range, or `starting_token` is no string.
            PaginationError: while iterating: the service repeated a token.
        """
        return Paginator(
            operations.LIST_INVESTIGATIONS.name,
            lambda token, size: self.list_investigations(
                graph_arn,
                next_token=token,
                max_results=size,
                filter_criteria=filter_criteria,
                sort_criteria=sort_criteria,
            ),
            lambda page: page.investigation_details,
            max_page_size=_MAX_INVESTIGATIONS_PAGE_SIZE,
            page_size=page_size,
            limit=limit,
            starting_token=starting_token,
            prefetch=prefetch,
        )

    def iter_invitations(
        self,
        *,
        page_size: int | None = None,
        limit: int | None = None,
        starting_token: str | None = None,
        prefetch: int = 0,
    ) -> Paginator[models.MemberDetail, models.ListInvitationsResponse]:
        """Iterate over the account's own invitations, open and accepted, page after page.

        API operation: ListInvitations.

        Args:
            page_size: the number of items in each request, 1 to 200; None uses the service's default.
            limit: the maximum number of items to return; None for no limit.
            starting_token: the `resume_token` of an earlier paginator; None starts at the first page.
            prefetch: the number of pages to fetch ahead.

        Raises:
            ParameterError: `page_size`, `limit` or `prefetch` is out of range, or `starting_token` is no string.
            PaginationError: while iterating: the service repeated a token.
        """
        return Paginator(
            operations.LIST_INVITATIONS.name,
            lambda token, size: self.list_invitations(next_token=token, max_results=size),
            lambda page: page.invitations,
            max_page_size=_MAX_PAGE_SIZE,
            page_size=page_size,
            limit=limit,
            starting_token=starting_token,
            prefetch=prefetch,
        )

    def iter_members(
        self,
        graph_arn: str,
        *,
        page_size: int | None = None,
        limit: int | None = None,
        starting_token: str | None = None,
        prefetch: int = 0,
    ) -> Paginator[models.MemberDetail, models.ListMembersResponse]:
        """Iterate over the members of a graph, page after page.

        API operation: ListMembers.

        Args:
            graph_arn: the graph.
            page_size: the number of items in each request, 1 to 200; None uses the service's default.
            limit: the maximum number of items to return; None for no limit.
            starting_token: the `resume_token` of an earlier paginator; None starts at the first page.
            prefetch: the number of pages to fetch ahead.

        Raises:
            ParameterError: `page_size`, `limit` or `prefetch` is out of range, or `starting_token` is no string.
            PaginationError: while iterating: the service repeated a token.
        """
        return Paginator(
            operations.LIST_MEMBERS.name,
            lambda token, size: self.list_members(graph_arn, next_token=token, max_results=size),
            lambda page: page.member_details,
            max_page_size=_MAX_PAGE_SIZE,
            page_size=page_size,
            limit=limit,
            starting_token=starting_token,
            prefetch=prefetch,
        )

    def iter_organization_admin_accounts(
        self,
        *,
        page_size: int | None = None,
        limit: int | None = None,
        starting_token: str | None = None,
        prefetch: int = 0,
    ) -> Paginator[models.Administrator, models.ListOrganizationAdminAccountsResponse]:
        """Iterate over the organization's Detective administrators, page after page.

        API operation: ListOrganizationAdminAccounts.

        Args:
            page_size: the number of items in each request, 1 to 200; None uses the service's default.
            limit: the maximum number of items to return; None for no limit.
            starting_token: the `resume_token` of an earlier paginator; None starts at the first page.
            prefetch: the number of pages to fetch ahead.

        Raises:
            ParameterError: `page_size`, `limit` or `prefetch` is out of range, or `starting_token` is no string.
            PaginationError: while iterating: the service repeated a token.
        """
        return Paginator(
            operations.LIST_ORGANIZATION_ADMIN_ACCOUNTS.name,
            lambda token, size: self.list_organization_admin_accounts(next_token=token, max_results=size),
            lambda page: page.administrators,
            max_page_size=_MAX_PAGE_SIZE,
            page_size=page_size,
            limit=limit,
            starting_token=starting_token,
            prefetch=prefetch,
        )

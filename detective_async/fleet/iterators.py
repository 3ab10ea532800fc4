"""The client's iterators, over all targets of a fleet."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing
from typing import Any, TypeVar

from detective_async.api import models
from detective_async.client.client import DetectiveClient
from detective_async.client.paginator import PageT, Paginator
from detective_async.events import ProgressCallback
from detective_async.fleet.outcomes import Outcome
from detective_async.fleet.streams import FleetStream
from detective_async.fleet.targets import Target

T = TypeVar("T")
Item = TypeVar("Item")


class FleetIterators(ABC):
    """The lists of all targets, each of them as one stream of `(target, item)` pairs.

    What belongs to a graph comes from the graph that the target's account administers; it has at most one in a region.
    """

    @abstractmethod
    def run(
        self,
        fn: Callable[[DetectiveClient, Target], Awaitable[T]],
        *,
        progress: ProgressCallback | None = None,
    ) -> AsyncGenerator[Outcome[T], None]:
        """Do something in every target, and give the outcomes as they come."""

    def iter_graphs(self) -> FleetStream[models.Graph]:
        """Iterate over the graphs that the accounts administer.

        API operation: ListGraphs.
        """
        return FleetStream(self.run, lambda client: _pages(client.iter_graphs(), lambda page: page.graph_list))

    def iter_members(self, *, page_size: int | None = None) -> FleetStream[models.MemberDetail]:
        """Iterate over the members of all graphs.

        API operations: ListGraphs, ListMembers.

        Args:
            page_size: how many to ask for at a time, 1 to 200; None leaves it to the service.
        """
        return self._by_graph(
            lambda client, graph_arn: _pages(
                client.iter_members(graph_arn, page_size=page_size), lambda page: page.member_details
            )
        )

    def iter_invitations(self) -> FleetStream[models.MemberDetail]:
        """Iterate over the graphs that the accounts are invited to, or have joined.

        API operation: ListInvitations.
        """
        return FleetStream(self.run, lambda client: _pages(client.iter_invitations(), lambda page: page.invitations))

    def iter_organization_admin_accounts(self) -> FleetStream[models.Administrator]:
        """Iterate over the Detective administrators of the organizations that the accounts manage.

        API operation: ListOrganizationAdminAccounts.
        """
        return FleetStream(
            self.run,
            lambda client: _pages(client.iter_organization_admin_accounts(), lambda page: page.administrators),
        )

    def iter_datasource_packages(
        self,
    ) -> FleetStream[tuple[models.DatasourcePackage, models.DatasourcePackageIngestDetail]]:
        """Iterate over the data source packages of all graphs, as (package, detail) pairs.

        API operations: ListGraphs, ListDatasourcePackages.
        """
        return self._by_graph(
            lambda client, graph_arn: _pages(
                client.iter_datasource_packages(graph_arn), lambda page: page.datasource_packages.items()
            )
        )

    def iter_investigations(
        self,
        *,
        filter_criteria: models.FilterCriteria | None = None,
        sort_criteria: models.SortCriteria | None = None,
    ) -> FleetStream[models.InvestigationDetail]:
        """Iterate over the investigations of all graphs.

        API operations: ListGraphs, ListInvestigations.

        Args:
            filter_criteria: which investigations to list.
            sort_criteria: in which order those of one graph come.
        """
        return self._by_graph(
            lambda client, graph_arn: _pages(
                client.iter_investigations(graph_arn, filter_criteria=filter_criteria, sort_criteria=sort_criteria),
                lambda page: page.investigation_details,
            )
        )

    def iter_indicators(
        self,
        *,
        filter_criteria: models.FilterCriteria | None = None,
        indicator_type: models.IndicatorType | str | None = None,
    ) -> FleetStream[tuple[models.InvestigationDetail, models.Indicator]]:
        """Iterate over the indicators of all investigations, as (investigation, indicator) pairs.

        API operations: ListGraphs, ListInvestigations, ListIndicators.

        Args:
            filter_criteria: of which investigations.
            indicator_type: only indicators of this type.
        """

        async def pages(
            client: DetectiveClient, graph_arn: str
        ) -> AsyncGenerator[Sequence[tuple[models.InvestigationDetail, models.Indicator]], None]:
            investigations = client.iter_investigations(graph_arn, filter_criteria=filter_criteria)
            async with aclosing(aiter(investigations)) as found:
                async for investigation in found:
                    if investigation.investigation_id is None:
                        # There is nothing to ask for them by.
                        continue
                    indicators = client.iter_indicators(
                        graph_arn, investigation.investigation_id, indicator_type=indicator_type
                    )
                    async with aclosing(_pages(indicators, lambda page: page.indicators)) as found_here:
                        async for items in found_here:
                            yield [(investigation, indicator) for indicator in items]

        return self._by_graph(pages)

    def _by_graph(
        self, pages: Callable[[DetectiveClient, str], AsyncGenerator[Sequence[Item], None]]
    ) -> FleetStream[Item]:
        async def all_pages(client: DetectiveClient) -> AsyncGenerator[Sequence[Item], None]:
            for graph in await client.iter_graphs().collect():
                if graph.arn is not None:
                    async with aclosing(pages(client, graph.arn)) as found:
                        async for items in found:
                            yield items

        return FleetStream(self.run, all_pages)


async def _pages(
    paginator: Paginator[Any, PageT], items: Callable[[PageT], Iterable[Item]]
) -> AsyncGenerator[Sequence[Item], None]:
    async with aclosing(paginator.pages()) as pages:
        async for page in pages:
            yield list(items(page))

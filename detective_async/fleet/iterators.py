"""The client's iterators, over all targets of a fleet."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, TypeVar

from detective_async.api import models
from detective_async.client.client import DetectiveClient
from detective_async.client.paginator import Paginator
from detective_async.events import ProgressCallback
from detective_async.fleet.outcomes import Outcome
from detective_async.fleet.streams import FleetStream, Put, Read
from detective_async.fleet.targets import Target

T = TypeVar("T")
Item = TypeVar("Item")


class FleetIterators(ABC):
    """The lists of all targets, each as one stream of `(target, item)` pairs.

    Items that belong to a graph are those of the graph that the target's account administers; an account administers
    at most one in a region.
    """

    @abstractmethod
    def run(
        self, fn: Callable[[DetectiveClient, Target], Awaitable[T]], *, progress: ProgressCallback | None = None
    ) -> AsyncGenerator[Outcome[T], None]:
        """Run a coroutine function for every target, and yield the outcomes as they complete."""

    def iter_graphs(self) -> FleetStream[models.Graph]:
        """Iterate over the graphs that the accounts administer.

        API operation: ListGraphs.
        """
        return self._stream(lambda client: client.iter_graphs())

    def iter_members(self, *, page_size: int | None = None) -> FleetStream[models.MemberDetail]:
        """Iterate over the members of all graphs.

        API operations: ListGraphs, ListMembers.

        Args:
            page_size: the number of members per page, 1 to 200; None uses the service's default.
        """
        return self._graph_stream(lambda client, graph_arn: client.iter_members(graph_arn, page_size=page_size))

    def iter_invitations(self) -> FleetStream[models.MemberDetail]:
        """Iterate over the graphs that the accounts are invited to, or have joined.

        API operation: ListInvitations.
        """
        return self._stream(lambda client: client.iter_invitations())

    def iter_organization_admin_accounts(self) -> FleetStream[models.Administrator]:
        """Iterate over the Detective administrators of the organizations that the accounts manage.

        API operation: ListOrganizationAdminAccounts.
        """
        return self._stream(lambda client: client.iter_organization_admin_accounts())

    def iter_datasource_packages(
        self,
    ) -> FleetStream[tuple[models.DatasourcePackage, models.DatasourcePackageIngestDetail]]:
        """Iterate over the data source packages of all graphs, as (package, detail) pairs.

        API operations: ListGraphs, ListDatasourcePackages.
        """
        return self._graph_stream(lambda client, graph_arn: client.iter_datasource_packages(graph_arn))

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
            sort_criteria: the order of the investigations within each graph.
        """
        return self._graph_stream(
            lambda client, graph_arn: client.iter_investigations(
                graph_arn, filter_criteria=filter_criteria, sort_criteria=sort_criteria
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
            filter_criteria: which investigations to list.
            indicator_type: only indicators of this type.
        """

        async def read(
            client: DetectiveClient, graph_arn: str, put: Put[tuple[models.InvestigationDetail, models.Indicator]]
        ) -> None:
            investigations = client.iter_investigations(graph_arn, filter_criteria=filter_criteria)
            async with aclosing(aiter(investigations)) as found:
                async for investigation in found:
                    indicators = client.iter_indicators(
                        graph_arn, investigation.investigation_id, indicator_type=indicator_type
                    )
                    await _put_pages(indicators, partial(_put_pairs, put, investigation))

        return FleetStream(self.run, _of_each_graph(read))

    def _stream(self, paginate: Callable[[DetectiveClient], Paginator[Item, Any]]) -> FleetStream[Item]:
        return FleetStream(self.run, lambda client, put: _put_pages(paginate(client), put))

    def _graph_stream(self, paginate: Callable[[DetectiveClient, str], Paginator[Item, Any]]) -> FleetStream[Item]:
        return FleetStream(
            self.run, _of_each_graph(lambda client, graph_arn, put: _put_pages(paginate(client, graph_arn), put))
        )


def _of_each_graph(read: Callable[[DetectiveClient, str, Put[Item]], Awaitable[None]]) -> Read[Item]:
    async def read_all(client: DetectiveClient, put: Put[Item]) -> None:
        for graph in await client.iter_graphs().collect():
            await read(client, graph.arn, put)

    return read_all


async def _put_pages(paginator: Paginator[Item, Any], put: Put[Item]) -> None:
    async with aclosing(paginator.pages()) as pages:
        async for page in pages:
            await put(list(paginator._items(page)))  # noqa: SLF001 - of our own class


async def _put_pairs(put: Put[tuple[T, Item]], first: T, items: Sequence[Item]) -> None:
    await put([(first, item) for item in items])

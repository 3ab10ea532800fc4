"""Deleting the graphs of regions, which only happens when their owner is named."""

from collections.abc import Iterable
from contextlib import suppress

from attrs import field, frozen

from detective_async.api.models.constraints import Integer
from detective_async.api.models.exceptions import ResourceNotFoundException
from detective_async.client.client import DetectiveClient
from detective_async.client.concurrency import unwrapped_task_group
from detective_async.errors import DetectiveError, ParameterError
from detective_async.membership import graphs
from detective_async.membership.actions import Action, ActionKind, Problem
from detective_async.membership.apply import report_region
from detective_async.membership.job import (
    Hindrance,
    Job,
    Record,
    Step,
    bring_about,
    cause_of,
    explain,
    patiently,
)
from detective_async.membership.report import RegionReport, TeardownReport, count
from detective_async.membership.text import show_plan
from detective_async.membership.wanted import check_regions


@frozen
class GraphToDelete:
    """A graph that a teardown deletes.

    Attributes:
        region: where it is.
        graph_arn: the graph.
        members: how many accounts lose it.
    """

    region: str
    graph_arn: str
    members: int


@frozen(kw_only=True)
class TeardownPlan:
    """The graphs that an account has in some regions, for deletion; `print(teardown)` shows it.

    True where there is something to delete.

    Attributes:
        graphs: the graphs.
        problems: the regions that could not be looked at.
    """

    graphs: tuple[GraphToDelete, ...]
    problems: tuple[Problem, ...]
    _client: DetectiveClient = field(alias="client", repr=False, eq=False)
    _regions: tuple[str, ...] = field(alias="regions", repr=False, eq=False)
    _concurrency: int = field(alias="concurrency", repr=False, eq=False)

    @property
    def actions(self) -> tuple[Action, ...]:
        """What is to be done, as in a membership plan."""
        return tuple(
            Action(
                ActionKind.DELETE_GRAPH,
                graph.region,
                detail=f"{graph.graph_arn}, which has {count(graph.members, 'member')}",
            )
            for graph in self.graphs
        )

    def __bool__(self) -> bool:
        return bool(self.graphs)

    def __str__(self) -> str:
        """Show it, region by region."""
        return show_plan(self._regions, self.actions, self.problems)

    async def apply(self, *, confirm: str) -> TeardownReport:
        """Delete the graphs: their data is gone, for all members too.

        API operations: DeleteGraph; ListGraphs after a failure that does not tell whether the graph is gone.

        Args:
            confirm: the id of the administrator account whose graphs they are.

        Returns:
            What became of each graph, and the regions that could not be looked at; nothing is raised for those that
            failed. See its `ok`.

        Raises:
            ParameterError: `confirm` is not that account; nothing was sent.
        """
        owners = sorted({graphs.administrator_of(graph.graph_arn) for graph in self.graphs})
        if any(confirm != owner for owner in owners):
            what = f"whose {count(len(self.graphs), 'graph')} would be deleted"
            raise ParameterError("confirm", f"pass {' or '.join(map(repr, owners))}, the administrator account {what}")
        job = Job(self._client, self._concurrency)
        async with unwrapped_task_group() as group:
            work = [group.create_task(_delete(job, graph)) for graph in self.graphs]
        unknown = (RegionReport(region=one.region, problem=one.text, error=one.error) for one in self.problems)
        return TeardownReport(regions=(*(task.result() for task in work), *unknown))


async def plan_teardown(client: DetectiveClient, *, regions: Iterable[str], concurrency: int = 32) -> TeardownPlan:
    """Look which graphs an account has in some regions, in order to delete them; changes nothing.

    API operations: ListGraphs, ListMembers.

    Args:
        client: of the administrator account; used when the plan is applied, too.
        regions: the regions, such as `eu-west-1`.
        concurrency: how many calls may be under way at once.

    Returns:
        The plan. A region that cannot be looked at is among its `problems`.

    Raises:
        ParameterError: a parameter is invalid; nothing was sent.
    """
    names = check_regions(regions)
    Integer(1)(concurrency, "concurrency")
    job = Job(client, concurrency)
    async with unwrapped_task_group() as group:
        looks = [group.create_task(_look(job, region)) for region in names]
    found = [look.result() for look in looks]
    return TeardownPlan(
        graphs=tuple(one for one in found if isinstance(one, GraphToDelete)),
        problems=tuple(one for one in found if isinstance(one, Problem)),
        client=client,
        regions=tuple(names),
        concurrency=concurrency,
    )


async def _look(job: Job, region: str) -> GraphToDelete | Problem | None:
    client = job.at(region)
    try:
        graph_arn = await patiently(job, lambda: graphs.find_graph(job, client))
        if graph_arn is None:
            return None
        members = await patiently(job, lambda: graphs.list_members(job, client, graph_arn))
    except DetectiveError as error:
        return Problem(region, None, explain(error), cause_of(error))
    return GraphToDelete(region, graph_arn, len(members))


async def _delete(job: Job, graph: GraphToDelete) -> RegionReport:
    client, record = job.at(graph.region), Record(graph.region, graph.graph_arn)
    has_failed = False

    async def look() -> Step | None:
        nonlocal has_failed
        if has_failed and not record.done and await graphs.find_graph(job, client) != graph.graph_arn:
            record.done.append(ActionKind.DELETE_GRAPH)
        has_failed = True
        return None if record.done else (ActionKind.DELETE_GRAPH, delete)

    async def delete() -> None:
        # Whoever deleted it, it is gone.
        with suppress(ResourceNotFoundException):
            async with job.gate:
                await client.delete_graph(graph.graph_arn)

    try:
        await bring_about(job, record, look)
    except (DetectiveError, Hindrance) as error:
        record.fail(error)
    return report_region(record)

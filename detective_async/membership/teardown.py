"""Deletes the graphs of regions, after their administrator account is given as confirmation."""

from collections.abc import Iterable
from contextlib import suppress

from attrs import field, frozen

from detective_async.api.models.constraints import Integer
from detective_async.api.models.exceptions import ResourceNotFoundException
from detective_async.client.client import DetectiveClient
from detective_async.client.concurrency import unwrapped_task_group
from detective_async.errors import ClientClosed, DetectiveError, ParameterError
from detective_async.membership import graphs
from detective_async.membership.actions import Action, ActionKind, Problem
from detective_async.membership.applier import region_report
from detective_async.membership.desired import check_regions
from detective_async.membership.execution import (
    BlockedError,
    Execution,
    RegionState,
    Step,
    error_text,
    library_error,
    read_with_retries,
    reconcile,
)
from detective_async.membership.plan_text import format_plan
from detective_async.membership.report import RegionReport, TeardownReport, count


@frozen
class GraphToDelete:
    """A graph that a teardown deletes.

    Attributes:
        region: the region.
        graph_arn: the graph.
        members: the number of member accounts.
    """

    region: str
    graph_arn: str
    members: int


@frozen(kw_only=True)
class TeardownPlan:
    """The graphs of an account to be deleted; `print(teardown)` shows them.

    True if there are graphs.

    Attributes:
        graphs: the graphs.
        problems: the regions whose graphs could not be read.
    """

    graphs: tuple[GraphToDelete, ...]
    problems: tuple[Problem, ...]
    _client: DetectiveClient = field(alias="client", repr=False, eq=False)
    _regions: tuple[str, ...] = field(alias="regions", repr=False, eq=False)
    _concurrency: int = field(alias="concurrency", repr=False, eq=False)

    @property
    def actions(self) -> tuple[Action, ...]:
        """The actions, as in a membership plan."""
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
        """Return the plan as text, by region."""
        return format_plan(self._regions, self.actions, self.problems)

    async def apply(self, *, confirm: str) -> TeardownReport:
        """Delete the graphs with all their data, for all members too.

        API operations: DeleteGraph; ListGraphs after a failure that leaves open whether the graph was deleted.

        Args:
            confirm: the id of the administrator account that owns the graphs.

        Returns:
            The result for each graph, and the regions whose graphs could not be read. Failures are in it and not
            raised; see the report's `ok`.

        Raises:
            ParameterError: `confirm` is not that account; nothing was sent.
            ClientClosed: the client was closed; `outcome_unknown` says whether any graph may have been deleted.
        """
        owners = sorted({graphs.administrator_of(graph.graph_arn) for graph in self.graphs})
        if any(confirm != owner for owner in owners):
            what = f"whose {count(len(self.graphs), 'graph')} would be deleted"
            raise ParameterError("confirm", f"pass {' or '.join(map(repr, owners))}, the administrator account {what}")
        execution = Execution(self._client, self._concurrency)
        with execution.ending():
            async with unwrapped_task_group() as group:
                work = [group.create_task(_delete(execution, graph)) for graph in self.graphs]
        unknown = (RegionReport(region=one.region, problem=one.text, error=one.error) for one in self.problems)
        return TeardownReport(regions=(*(task.result() for task in work), *unknown))


async def plan_teardown(client: DetectiveClient, *, regions: Iterable[str], concurrency: int = 32) -> TeardownPlan:
    """Plan the deletion of an account's graphs in some regions; changes nothing.

    API operations: ListGraphs, ListMembers.

    Args:
        client: a client of the administrator account; also used to apply the plan.
        regions: the regions, such as `eu-west-1`.
        concurrency: the maximum number of concurrent calls.

    Returns:
        The plan. A region whose graphs cannot be read is among its `problems`.

    Raises:
        ParameterError: a parameter is invalid; nothing was sent.
        ClientClosed: the client was closed.
    """
    names = check_regions(regions)
    Integer(1)(concurrency, "concurrency")
    execution = Execution(client, concurrency)
    with execution.ending():
        async with unwrapped_task_group() as group:
            tasks = [group.create_task(_find(execution, region)) for region in names]
    found = [task.result() for task in tasks]
    return TeardownPlan(
        graphs=tuple(one for one in found if isinstance(one, GraphToDelete)),
        problems=tuple(one for one in found if isinstance(one, Problem)),
        client=client,
        regions=tuple(names),
        concurrency=concurrency,
    )


async def _find(execution: Execution, region: str) -> GraphToDelete | Problem | None:
    client = execution.client_in(region)
    try:
        graph_arn = await read_with_retries(execution, lambda: graphs.find_graph(execution, client))
        if graph_arn is None:
            return None
        members = await read_with_retries(execution, lambda: graphs.list_members(execution, client, graph_arn))
    except ClientClosed:
        raise
    except DetectiveError as error:
        return Problem(region, None, error_text(error), library_error(error))
    return GraphToDelete(region, graph_arn, len(members))


async def _delete(execution: Execution, graph: GraphToDelete) -> RegionReport:
    client, state = execution.client_in(graph.region), RegionState(graph.region, graph.graph_arn)
    attempted = False

    async def next_step() -> Step | None:
        nonlocal attempted
        if attempted and not state.done and await graphs.find_graph(execution, client) != graph.graph_arn:
            state.done.append(ActionKind.DELETE_GRAPH)
        attempted = True
        return None if state.done else (ActionKind.DELETE_GRAPH, delete)

    async def delete() -> None:
        # A graph that was deleted in the meantime is no failure.
        with suppress(ResourceNotFoundException):
            async with execution.acting():
                await client.delete_graph(graph.graph_arn)

    try:
        await reconcile(execution, state, next_step)
    except ClientClosed:
        raise
    except (DetectiveError, BlockedError) as error:
        state.fail(error)
    return region_report(state)

"""Deletes the graphs of regions, after their administrator account is given as confirmation."""

from collections.abc import Iterable
from typing import Any

from attrs import field, frozen

from detective_async.api.models.base import TablesInNotebooks
from detective_async.api.models.constraints import Integer
from detective_async.api.models.exceptions import ResourceNotFoundException
from detective_async.client.client import DetectiveClient
from detective_async.client.concurrency import unwrapped_task_group
from detective_async.client.polling import check_timeout
from detective_async.client.regions import detective_regions
from detective_async.errors import ClientClosed, DetectiveError, ParameterError
from detective_async.membership.actions import (
    Action,
    ActionKind,
    Problem,
    Reason,
    RegionReport,
    TeardownReport,
    count,
)
from detective_async.membership.desired import check_regions
from detective_async.membership.execution import (
    Execution,
    error_text,
    is_not_opted_in,
    library_error,
    reason_of,
)
from detective_async.membership.graphs import administrator_of, find_graph, list_members
from detective_async.membership.plan import format_plan
from detective_async.settings.endpoints import partition_of

_TIMEOUT = 60.0
_WARNING = """\
DeleteGraph cannot be undone. It deletes the data of up to a year, with all investigations, for the
administrator and all members; a new graph begins without it, and without a new free trial. Security teams
watch for it, as attackers delete graphs to hide: tell yours before."""


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
class TeardownPlan(TablesInNotebooks):
    """The graphs of an account to be deleted; `print(teardown)` shows them, and what is lost.

    True if there are graphs, or regions that could not be read.

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
                reason=Reason.TEARDOWN,
                detail=f"{graph.graph_arn}, which has {count(graph.members, 'member')}",
            )
            for graph in self.graphs
        )

    def __bool__(self) -> bool:
        return bool(self.graphs or self.problems)

    def __str__(self) -> str:
        """Return the plan as text, by region, and what is lost."""
        text = format_plan(self._regions, self.actions, self.problems)
        return f"{text}\n{_WARNING}" if self.graphs else text

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as plain data, ready for JSON."""
        return {
            "regions": list(self._regions),
            "actions": [action.to_dict() for action in self.actions],
            "problems": [problem.to_dict() for problem in self.problems],
        }

    async def apply(self, *, confirm: str, timeout: float = 300.0) -> TeardownReport:
        """Delete the graphs with all their data, for all members too; see `print(teardown)` for what that means.

        API operation: DeleteGraph, again after transient errors, until the deadline.

        Args:
            confirm: the id of the administrator account that owns the graphs.
            timeout: the time limit in seconds.

        Returns:
            The result for each graph, and the regions whose graphs could not be read. Failures are in it and not
            raised; see the report's `ok`.

        Raises:
            ParameterError: a parameter is invalid, or `confirm` is not that account; nothing was sent.
            ClientClosed: the client was closed; `outcome_unknown` says whether any graph may have been deleted.
        """
        check_timeout(timeout)
        owners = sorted({administrator_of(graph.graph_arn) for graph in self.graphs})
        if any(confirm != owner for owner in owners):
            what = f"whose {count(len(self.graphs), 'graph')} would be deleted"
            raise ParameterError("confirm", f"pass {' or '.join(map(repr, owners))}, the administrator account {what}")
        execution = Execution.start(
            self._client, self._concurrency, [graph.region for graph in self.graphs], timeout, hosts_are_known=True
        )
        with execution.ending():
            async with unwrapped_task_group() as group:
                work = [group.create_task(_delete(execution, graph)) for graph in self.graphs]
        unknown = (
            RegionReport(region=one.region, problem=one.text, error=one.error, reason=one.reason)
            for one in self.problems
        )
        return TeardownReport(regions=(*(task.result() for task in work), *unknown))


async def plan_teardown(
    client: DetectiveClient, *, regions: Iterable[str] | str, concurrency: int = 32, timeout: float = _TIMEOUT
) -> TeardownPlan:
    """Plan the deletion of an account's graphs in some regions; changes nothing.

    API operations: ListGraphs, ListMembers.

    Args:
        client: a client of the administrator account; also used to apply the plan.
        regions: the regions, such as `eu-west-1`. `all` stands for all regions of the client's partition that have
            Detective and that the account has opted in to.
        concurrency: the maximum number of concurrent calls, shared fairly by the regions.
        timeout: the seconds for which reads that fail transiently are tried again.

    Returns:
        The plan. A region whose graphs cannot be read is among its `problems`.

    Raises:
        ParameterError: a parameter is invalid; nothing was sent.
        ConfigurationError: `regions` is `all`, and botocore knows none.
        ClientClosed: the client was closed.
    """
    every_region = isinstance(regions, str) and regions == "all"
    names = check_regions(await detective_regions(partition_of(client.region)) if every_region else regions)
    Integer(1)(concurrency, "concurrency")
    check_timeout(timeout)
    execution = Execution.start(client, concurrency, names, timeout)
    with execution.ending():
        async with unwrapped_task_group() as group:
            tasks = [group.create_task(_find(execution, region)) for region in names]
    found = [task.result() for task in tasks]
    if every_region and any(not isinstance(one, Problem) for one in found):
        found = [one for one in found if not (isinstance(one, Problem) and is_not_opted_in(one.error, one.region))]
    return TeardownPlan(
        graphs=tuple(one for one in found if isinstance(one, GraphToDelete)),
        problems=tuple(one for one in found if isinstance(one, Problem)),
        client=client,
        regions=tuple(names),
        concurrency=concurrency,
    )


async def _find(execution: Execution, region: str) -> GraphToDelete | Problem | None:
    client = execution.client_in(region)

    async def find() -> GraphToDelete | None:
        graph_arn = await find_graph(execution, client)
        if graph_arn is None:
            return None
        return GraphToDelete(region, graph_arn, len(await list_members(execution, client, graph_arn)))

    try:
        return await execution.until_read(find)
    except ClientClosed:
        raise
    except DetectiveError as error:
        return Problem(region, None, error_text(error), library_error(error), reason_of(error))
    finally:
        execution.slots.leave(region)


async def _delete(execution: Execution, graph: GraphToDelete) -> RegionReport:
    client, wait = execution.client_in(graph.region), execution.wait.part()
    while True:
        try:
            async with execution.acting(graph.region):
                await client.delete_graph(graph.graph_arn)
            break
        except ClientClosed:
            raise
        except ResourceNotFoundException:
            # An earlier attempt, or somebody else, has deleted it.
            break
        except DetectiveError as error:
            if not execution.is_transient(error) or not await wait.pause():
                return RegionReport(
                    region=graph.region,
                    graph_arn=graph.graph_arn,
                    problem=error_text(error),
                    error=library_error(error),
                    reason=reason_of(error),
                )
    return RegionReport(region=graph.region, graph_arn=graph.graph_arn, done=(ActionKind.DELETE_GRAPH,))

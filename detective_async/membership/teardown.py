"""Deletes the graphs of regions, after their administrator account is given as confirmation."""

import asyncio
from collections.abc import Iterable
from typing import Any

from attrs import define, evolve, field, frozen

from detective_async.api.models.constraints import Integer
from detective_async.api.models.exceptions import ResourceNotFoundException
from detective_async.api.models.members import InvitationType, MemberStatus
from detective_async.api.operations import LIST_GRAPHS, LIST_MEMBERS
from detective_async.api.sts import ASSUME_ROLE
from detective_async.client.client import DetectiveClient
from detective_async.client.concurrency import unwrapped_task_group
from detective_async.client.polling import check_timeout
from detective_async.errors import ClientClosed, DetectiveError, ParameterError
from detective_async.membership.actions import (
    Action,
    ActionKind,
    Note,
    PlainData,
    Plan,
    Problem,
    Reason,
    RegionReport,
    TeardownReport,
    count,
)
from detective_async.membership.desired import check_regions
from detective_async.membership.execution import Execution, identify, named_regions
from detective_async.membership.failures import StoppedError, error_text, library_error, notes_on_closed, reason_of
from detective_async.membership.graphs import (
    administrator_of,
    check_account,
    find_graph,
    list_members,
)
from detective_async.membership.looks import SETTLING, Contradiction, Refusals
from detective_async.membership.plan_text import (
    format_plan,
    named,
    plan_data,
)

_TIMEOUT = 60.0
_MAY_BE_GONE = "it may be gone: plan again"
_ACCEPTED = frozenset({MemberStatus.ENABLED, MemberStatus.ACCEPTED_BUT_DISABLED})
_WARNING = """\
DeleteGraph cannot be undone. It deletes the data of up to a year, with all investigations, for the
administrator and all members; a new graph begins without it, and without a new free trial. Security teams
watch for it, as attackers delete graphs to hide: tell yours before."""


@frozen
class GraphToDelete(PlainData):
    """A graph that a teardown deletes.

    Attributes:
        region: the region.
        graph_arn: the graph.
        members: the number of member accounts.
        invitations: the number of accounts that were invited, and have not accepted.
    """

    region: str
    graph_arn: str
    members: int
    invitations: int = 0
    # Who they are.
    _member_ids: frozenset[str] = field(default=frozenset(), alias="member_ids", repr=False)
    _invited_ids: frozenset[str] = field(default=frozenset(), alias="invited_ids", repr=False)

    def __str__(self) -> str:
        """Return the numbers as text."""
        invited = f" and {count(self.invitations, 'invitation')}" if self.invitations else ""
        return f"{count(self.members, 'member')}{invited}"

    def changes_to(self, now: "GraphToDelete", *, gained_only: bool = False) -> list[str]:
        """Return the differences to what the graph is now, as text."""
        return [
            f"{verb} {count(len(ids), noun)} ({named(sorted(ids))})"
            for noun, before, after in (
                ("member", self._member_ids, now._member_ids),  # noqa: SLF001 - of our own class
                ("invitation", self._invited_ids, now._invited_ids),  # noqa: SLF001 - of our own class
            )
            for verb, ids in (("gained", after - before), ("lost", before - after))
            if ids and not (verb == "lost" and gained_only)
        ]


@frozen(kw_only=True)
class TeardownPlan(Plan):
    """The graphs of an account to be deleted; `print(teardown)` shows them, and what is lost.

    True if there are graphs, or regions that could not be read.

    Attributes:
        graphs: the graphs.
        problems: the regions whose graphs could not be read.
        notes: the regions that the account has not opted in to, if all were asked for.
        administrator_id: the account whose graphs they are; None if it is not known.
    """

    graphs: tuple[GraphToDelete, ...]
    problems: tuple[Problem, ...]
    notes: tuple[Note, ...] = ()
    administrator_id: str | None = None
    _client: DetectiveClient = field(alias="client", repr=False, eq=False)
    _regions: tuple[str, ...] = field(alias="regions", repr=False, eq=False)
    _concurrency: int = field(alias="concurrency", repr=False, eq=False)
    # That of the last application, which is all that changes of a plan.
    _reports: list[TeardownReport] = field(init=False, factory=list, repr=False, eq=False)

    @property
    def report(self) -> TeardownReport | None:
        """What the last `apply` that has ended has deleted, also one that was cancelled; None before the first."""
        return self._reports[-1] if self._reports else None

    @property
    def actions(self) -> tuple[Action, ...]:
        """The actions, as in a membership plan."""
        return tuple(
            Action(
                ActionKind.DELETE_GRAPH,
                graph.region,
                reason=Reason.TEARDOWN,
                detail=f"{graph.graph_arn}, which has {graph}",
            )
            for graph in self.graphs
        )

    def __bool__(self) -> bool:
        return bool(self.graphs or self.problems)

    def __str__(self) -> str:
        """Return the plan as text, by region, and what is lost."""
        text = format_plan(self, self._regions)
        return f"{text}\n{_WARNING}" if self.graphs else text

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as plain data, ready for JSON."""
        return {**plan_data(self, self._regions), "graphs": [graph.to_dict() for graph in self.graphs]}

    async def apply(self, *, confirm: str, timeout: float = 300.0) -> TeardownReport:
        """Delete the graphs with all their data, for all members too; see `print(teardown)` for what that means.

        A graph that has gained or lost members since the plan was made is not deleted: plan again. The members are
        compared before each call of DeleteGraph. Other members, or that the graph is gone, is believed when all looks
        have shown it for 15 s; a successful DeleteGraph counts at once. With a shorter `timeout`, the report says that
        the graph may be gone.

        API operations: ListMembers, DeleteGraph, again after transient errors until the deadline, and after denials for
        15 s; of a graph that is not found, ListGraphs, and GetCallerIdentity of STS. If applying is cancelled, `report`
        has what was deleted until then.

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
        # Without a graph, credentials of another account than was thought may be why there is none.
        owners = sorted({administrator_of(graph.graph_arn) for graph in self.graphs})
        if not owners and self.administrator_id is not None:
            owners = [self.administrator_id]
        if any(confirm != owner for owner in owners):
            what = f"whose {count(len(self.graphs), 'graph')} would be deleted"
            raise ParameterError("confirm", f"pass {' or '.join(map(repr, owners))}, the administrator account {what}")
        execution = Execution.start(
            self._client, self._concurrency, [graph.region for graph in self.graphs], timeout, hosts_are_known=True
        )
        deletions = [_Deletion(execution, graph) for graph in self.graphs]
        try:
            with execution.ending():
                async with asyncio.timeout(timeout), unwrapped_task_group() as group:
                    for deletion in deletions:
                        group.create_task(deletion.run())
        except TimeoutError:
            for deletion in deletions:
                deletion.time_out(timeout)
        finally:
            unknown = (
                RegionReport(region=one.region, problem=one.text, error=one.error, reason=one.reason)
                for one in self.problems
            )
            report = TeardownReport(regions=(*(deletion.report for deletion in deletions), *unknown))
            self._reports[:] = [report]
        return report


async def plan_teardown(
    client: DetectiveClient, *, regions: Iterable[str] | str, concurrency: int = 32, timeout: float = _TIMEOUT
) -> TeardownPlan:
    """Plan the deletion of an account's graphs in some regions; changes nothing.

    API operations: GetCallerIdentity of STS, ListGraphs, ListMembers.

    Args:
        client: a client of the administrator account; also used to apply the plan.
        regions: the regions, such as `eu-west-1`. `all` stands for all regions of the client's partition that have
            Detective, as botocore lists them; those that the account has not opted in to become notes.
        concurrency: the maximum number of concurrent calls, shared fairly by the regions.
        timeout: the time limit in seconds, until which reads that fail transiently are tried again.

    Returns:
        The plan. A region whose graphs cannot be read is among its `problems`.

    Raises:
        ParameterError: a parameter is invalid; nothing was sent.
        ConfigurationError: `regions` is `all`, and botocore knows none.
        ClientClosed: the client was closed.
    """
    given, every_region = await named_regions(client, regions)
    names = check_regions(given)
    Integer(1)(concurrency, "concurrency")
    check_timeout(timeout)
    execution = Execution.start(client, concurrency, names, timeout)
    with execution.ending():
        caller = await identify(execution)
        async with unwrapped_task_group() as group:
            tasks = {region: group.create_task(_find(execution, region)) for region in names}
    found = {region: task.result() for region, task in tasks.items()}
    closed: dict[str, Note] = {}
    if every_region:
        closed = notes_on_closed(
            {region: one.error if isinstance(one, Problem) else None for region, one in found.items()}
        )
    graphs = tuple(one for one in found.values() if isinstance(one, GraphToDelete))
    owner = caller or next((administrator_of(graph.graph_arn) for graph in graphs), None)
    if owner is None and (unknown := execution.caller_error) is not None:
        # Another account than was thought would have no graph either.
        text = f"no graph was found, but {error_text(unknown)}"
        nobodys = Problem("", None, text, library_error(unknown), reason_of(unknown))
        found = {region: evolve(nobodys, region=region) if one is None else one for region, one in found.items()}
    return TeardownPlan(
        graphs=graphs,
        problems=tuple(one for one in found.values() if isinstance(one, Problem) and one.region not in closed),
        notes=tuple(closed.values()),
        administrator_id=owner,
        client=client,
        regions=tuple(region for region in names if region not in closed),
        concurrency=concurrency,
    )


async def _find(execution: Execution, region: str) -> GraphToDelete | Problem | None:
    client = execution.client_in(region)

    async def find() -> GraphToDelete | None:
        graph_arn = await find_graph(execution, client)
        if graph_arn is None:
            return None
        return await _read(execution, client, graph_arn)

    try:
        return await execution.until_read(find)
    except ClientClosed:
        raise
    except (DetectiveError, StoppedError) as error:
        text = f"not looked at, and may have a graph: {error_text(error)}"
        return Problem(region, None, text, library_error(error), reason_of(error))
    finally:
        execution.slots.leave(region)


async def _read(execution: Execution, client: DetectiveClient, graph_arn: str) -> GraphToDelete:
    members = await list_members(execution, client, graph_arn)
    invited = frozenset(
        account_id
        for account_id, one in members.items()
        if one.status not in _ACCEPTED and one.invitation_type != InvitationType.ORGANIZATION
    )
    joined = members.keys() - invited
    return GraphToDelete(client.region, graph_arn, len(joined), len(invited), frozenset(joined), invited)


@define(eq=False)
class _Deletion:
    """The deletion of one graph; interrupted, until it has ended."""

    execution: Execution
    graph: GraphToDelete
    # What looks show against the plan: other members, or no such graph.
    _changed: Contradiction = field(init=False)
    _unlisted: Contradiction = field(init=False)
    _refusals: Refusals = field(init=False)
    # Whether a request without a response may have deleted it, which errors after it do not undo.
    _may_be_gone: bool = field(init=False, default=False)
    _is_gone: bool = field(init=False, default=False)
    _last_error: DetectiveError | None = field(init=False, default=None)
    _problem: tuple[str, Reason, Exception | None] | None = field(
        init=False, default=("interrupted before it was deleted", Reason.INTERRUPTED, None)
    )

    def __attrs_post_init__(self) -> None:
        clock = self.execution.clock
        self._changed, self._unlisted = Contradiction(clock), Contradiction(clock)
        self._refusals = Refusals(self.execution)

    @property
    def report(self) -> RegionReport:
        """The result so far."""
        text, reason, error = self._problem or (None, None, None)
        maybe = (self._may_be_gone or self._unlisted.is_seen) and not self._is_gone
        if text is not None and maybe:
            text = f"{_MAY_BE_GONE}; {text}"
        return RegionReport(
            region=self.graph.region,
            graph_arn=self.graph.graph_arn,
            done=(ActionKind.DELETE_GRAPH,) if self._is_gone else (),
            maybe_done=(ActionKind.DELETE_GRAPH,) if maybe else (),
            problem=text,
            error=error,
            reason=reason,
        )

    async def run(self) -> None:
        """Delete the graph, again after transient errors, and record the result."""
        execution, region = self.execution, self.graph.region
        client, wait = execution.client_in(region), execution.wait.part()
        while True:
            shortest: float | None = 0.0
            try:
                if await self._try(client):
                    return
            except ClientClosed:
                raise
            except StoppedError as error:
                self._end(str(error), error.reason)
                return
            except DetectiveError as error:
                self._fail(error)
                shortest = self._refusals.record(error)
            if shortest is None or not await wait.pause(shortest=shortest):
                return

    async def _try(self, client: DetectiveClient) -> bool:
        """Delete the graph if it has the members that the plan counts, and return whether there is a result."""
        try:
            # Each time: accounts may join during an outage.
            changes = await self._changes(client)
            if not changes:
                await self._delete(client)
                return True
        except ResourceNotFoundException as error:
            # It is gone, or not seen everywhere, or the keys are those of another account by now.
            self._last_error = error
            self._refusals.record(error)
            return await self._look(client, error)
        self._end(f"since the plan, the graph has {' and '.join(changes)}: plan again", Reason.NOT_PLANNED)
        return self._changed.lasts()

    async def _changes(self, client: DetectiveClient) -> list[str]:
        """Return what has changed since the plan, by the members that can be read."""
        now = await _read(self.execution, client, self.graph.graph_arn)
        self._unlisted.clear()
        self._refusals.answered(LIST_MEMBERS.name, ASSUME_ROLE.name)
        # Members disappear with the graph.
        changes = self.graph.changes_to(now, gained_only=self._may_be_gone)
        if not changes:
            self._changed.clear()
        return changes

    async def _delete(self, client: DetectiveClient) -> None:
        async with self.execution.acting(self.graph.region, self._note_unknown):
            self._end("interrupted while it was being deleted", Reason.INTERRUPTED)
            await client.delete_graph(self.graph.graph_arn)
        self._is_gone, self._problem = True, None

    async def _look(self, client: DetectiveClient, error: DetectiveError) -> bool:
        """Return whether the graph is gone, and not only not found by one request, and record it.

        Args:
            client: the client.
            error: that it was not found.

        Raises:
            DetectiveError: it cannot be known now.
            StoppedError: the client has the credentials of another account.
        """
        # Other keys do not list it either.
        owner, pinned = await self.execution.identified(client)
        self._refusals.identified()
        check_account(owner, administrator_of(self.graph.graph_arn))
        found = await find_graph(self.execution, pinned)
        self._refusals.answered(LIST_GRAPHS.name)
        if found == self.graph.graph_arn:
            self._unlisted.clear()
            self._fail(error)
            return False
        if not self._unlisted.lasts():
            text = f"it was not listed, but only for less than {SETTLING:.10g} s: a look may be out of date"
            self._end(text, Reason.TIMED_OUT, error)
            return False
        self._is_gone, self._problem = True, None
        if found is not None:
            self._end("the graph is gone, but the account has another one now: plan again", Reason.NOT_PLANNED)
        return True

    def time_out(self, timeout: float) -> None:
        """End what has not ended: the time is over."""
        if self._problem is not None and self._problem[1] is Reason.INTERRUPTED:
            error = self._last_error
            more = "" if error is None else f"; {error_text(error)}"
            self._end(f"not deleted within {timeout:.10g} s{more}", Reason.TIMED_OUT, error)

    def _note_unknown(self) -> None:
        self._may_be_gone = True

    def _fail(self, error: DetectiveError) -> None:
        self._last_error = error
        self._end(error_text(error), reason_of(error), error)

    def _end(self, problem: str, reason: Reason, error: Exception | None = None) -> None:
        self._problem = problem, reason, error

"""Applies a plan: the actions that it shows and no others, each region and account independent of the others' failures.

In each region, one watcher looks at all members (ListMembers) until the last account has ended; only what changes
something is sent in batches. Only the deadline ends waiting.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from typing import Any

from attrs import define, field

from detective_async.api.models.exceptions import (
    ResourceNotFoundException,
    ValidationException,
)
from detective_async.api.operations import LIST_GRAPHS
from detective_async.client.concurrency import unwrapped_task_group
from detective_async.client.polling import Wait
from detective_async.errors import ClientClosed, DetectiveError
from detective_async.membership.actions import ActionKind, Problem, Reason
from detective_async.membership.changes import MAX_ACCOUNTS, MemberChanges, chunks
from detective_async.membership.decisions import ADDING, GraphFacts
from detective_async.membership.desired import MAX_MEMBERS, DesiredState
from detective_async.membership.execution import Execution, identify
from detective_async.membership.failures import StoppedError, error_text, is_denial, library_error, reason_of
from detective_async.membership.graphs import (
    Graph,
    administrator_of,
    check_account,
    list_members,
    not_planned,
)
from detective_async.membership.looks import Contradiction, Refusals, Refused
from detective_async.membership.states import AccountState, Phase
from detective_async.membership.steps import (
    GRAPH_STEPS,
    EnableAdministrator,
    carry_out,
    first_step,
)

#: Reasons that contradict no plan.
_WAITING = frozenset({Reason.TIMED_OUT, Reason.NO_RESPONSE})
#: Seconds to wait for the first region of a delegation before others begin (Terraform's limit is the same).
_LONGEST_DELEGATION = 300.0
#: Actions of one account per request; all others share requests.
_SINGLE = frozenset({ActionKind.ACCEPT, ActionKind.START_MONITORING})


@define(eq=False)
class Delegation:
    """Lets one region after the other delegate, until it has settled in one of them.

    Delegating in many regions at once has failed in all but one for sister services of Detective.

    Attributes:
        refused: the changes whose denials one of the regions has found to last, so that not each has to find out.
    """

    _wait: Wait
    refused: set[Refused] = field(init=False, factory=set)
    _entry: asyncio.Lock = field(init=False, factory=asyncio.Lock)
    _settled: bool = field(init=False, default=False)
    # The region that has begun last, and whether the next one may begin.
    _last: object = field(init=False, default=None)
    _free: asyncio.Event = field(init=False, factory=asyncio.Event)
    # That the organization or the client is another account's, which holds for all regions.
    _stopped: StoppedError | None = field(init=False, default=None)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for this region's turn: one by one until one has settled, all together after that."""
        this = object()
        async with self._entry:
            if self._last is not None and not self._settled:
                # A region that hangs does not keep the others back for ever.
                with suppress(TimeoutError):
                    async with asyncio.timeout(max(0.0, min(_LONGEST_DELEGATION, self._wait.remaining / 2))):
                        await self._free.wait()
            self._last = this
            if not self._settled:
                self._free.clear()
        try:
            if self._stopped is not None:
                raise self._stopped
            yield
            self._settled = True
        except StoppedError as error:
            self._stopped = error
            raise
        finally:
            if self._settled or self._last is this:
                self._free.set()


@define(eq=False)
class RegionRun:
    """Applies the part of a plan that concerns one region.

    Attributes:
        graph: the region's graph.
        arn: the graph when the plan was made; None if there was none.
        accounts: those that should be members, or be removed.
        delegation: shared by the regions in which an administrator is to be enabled.
        problem: why the plan shows nothing for the region; None if it does.
    """

    execution: Execution
    desired: DesiredState
    graph: Graph
    arn: str | None
    accounts: list[AccountState]
    delegation: Delegation
    problem: Problem | None
    _facts: GraphFacts = field(init=False, default=GraphFacts())
    _idle: asyncio.Event = field(init=False, factory=asyncio.Event)
    _tasks: set[asyncio.Task[None]] = field(init=False, factory=set)
    # The steps of the graph itself that have not ended.
    _unfinished: int = field(init=False, default=0)
    # Whether the graph was found or made, so that what keeps the accounts is not that.
    _is_found: bool = field(init=False, default=False)
    _members: int | None = field(init=False, default=None)
    _look_error: DetectiveError | None = field(init=False, default=None)
    _refusals: Refusals = field(init=False)
    _changes: MemberChanges = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._changes = MemberChanges(self.execution, self.desired, self.graph)
        self._refusals = Refusals(self.execution)

    async def run(self) -> None:
        """Bring the region to its desired state as far as possible; what failed is in the reports."""
        problem, graph = self.problem, self.graph
        needs_graph = self.desired.needs_graph(graph.region, graph.administrator_id)
        if self.arn is None and problem is None and not needs_graph:
            # Members are removed only where there are some.
            return
        if problem is not None:
            graph.add_problem(problem.text, problem.reason, problem.error)
        else:
            await self._recorded(self._find_or_make_graph())
            if self._unfinished:
                return
        if graph.problem is not None:
            self._end_accounts()
            return
        self._is_found = True
        self._facts = GraphFacts(self.desired.organization is not None, administrator_of(graph.found_arn))
        try:
            async with unwrapped_task_group() as group:
                for step in GRAPH_STEPS:
                    group.create_task(self._recorded(carry_out(step(graph), self.execution.wait.part())))
                group.create_task(self._apply_members())
        except StoppedError as lost:
            # Nothing else that is waited for can come true.
            self._unfinished = 0
            graph.fail(lost)
            self._end_accounts()
            for account in self.accounts:
                account.lose(lost)

    def end_unfinished(self, problem: str, reason: Reason) -> None:
        """End what has not ended yet: the time is over, or the work was cancelled."""
        graph = self.graph
        if self._unfinished:
            failures = list(graph.failures.values())
            more = "; ".join(dict.fromkeys(map(error_text, failures)))
            own = next(filter(None, map(_reason_against, failures)), reason) if reason is Reason.TIMED_OUT else reason
            stopped = StoppedError(own, f"{problem}: {more}" if more else problem)
            stopped.__cause__ = next(filter(None, map(library_error, failures)), None)
            graph.fail(stopped)
        if graph.problem is not None and not self._is_found:
            self._end_accounts()
        for account in self.accounts:
            if not account.ended:
                account.give_up(problem, reason, self._look_error, self._facts)

    async def _recorded(self, work: Coroutine[Any, Any, None]) -> None:
        """Await work on the graph, and record its failure; if it is cancelled, it counts as unfinished."""
        self._unfinished += 1
        try:
            await work
        except ClientClosed:
            raise
        except TimeoutError:
            return
        except (DetectiveError, StoppedError) as error:
            if error is self.graph.lost:
                raise
            self.graph.fail(error)
        self._unfinished -= 1

    async def _find_or_make_graph(self) -> None:
        execution, graph = self.execution, self.graph
        if not graph.is_new:
            another, wait = Contradiction(execution.clock), execution.wait.part()
            graph.failures[None] = StoppedError(Reason.NO_RESPONSE, "no response yet to the look for the graph")
            while True:
                found = await execution.until_read(graph.find, self._refusals.record)
                self._refusals.answered(LIST_GRAPHS.name)
                if found is None and self.arn is None and (first := first_step(graph)) is not None:
                    # The action was taken out of the plan.
                    raise not_planned(first.kind)
                if found == self.arn:
                    return
                graph.failures[None] = StoppedError(
                    Reason.NOT_PLANNED, "the graph that the plan is for is not found: plan again"
                )
                # It may not be seen everywhere yet: one look may miss it, or have the one before it.
                if another.lasts() or not await wait.pause():
                    raise await graph.not_there()
        step = first_step(graph)
        assert step is not None  # noqa: S101 - the plan shows it
        turn: AbstractAsyncContextManager[None] = nullcontext()
        if isinstance(step, EnableAdministrator):
            turn = self.delegation.turn()
            step.refusals = Refusals(execution, self.delegation.refused)
        async with turn:
            await carry_out(step, execution.wait.part())

    async def _apply_members(self) -> None:
        wait = self.execution.wait.part()
        try:
            async with unwrapped_task_group() as group:
                while True:
                    progress = await self._look()
                    progress |= self._start_actions(group)
                    if all(account.ended for account in self.accounts):
                        return
                    if progress:
                        wait.restart()
                    if not await wait.pause(self._idle if self._tasks else None):
                        for task in self._tasks:
                            task.cancel()
                        return
        except ClientClosed:
            raise
        except (DetectiveError, StoppedError) as error:
            if error is self.graph.lost:
                raise
            self.graph.fail(error)
            self._end_accounts()

    async def _look(self) -> bool:
        """Look at the accounts whose states are to be seen, and return whether there was any progress."""
        unseen = [account for account in self.accounts if account.phase is Phase.UNSEEN]
        ended = [account for account in self.accounts if account.ended]
        if not unseen:
            return False
        try:
            members = await list_members(self.execution, self.graph.client, self.graph.found_arn)
        except DetectiveError as error:
            # A token of the next page may be none any more. The plan has read them all.
            if self._refusals.record(error, refuses=isinstance(error, ValidationException)) is None:
                raise
            if isinstance(error, ResourceNotFoundException):
                await self.graph.require()
            self._look_error = error
            return False
        self.graph.unseen.clear()
        self._refusals.clear()
        self._members, self._look_error, self.graph.is_listed = len(members), None, True
        progress = False
        for account in unseen:
            progress |= account.observe(members.get(account.account_id))
        for account in ended:
            account.observe_late(members.get(account.account_id), self._facts)
        return progress

    def _start_actions(self, group: asyncio.TaskGroup) -> bool:
        """Start the next action of each account that was seen, and return whether any was started."""
        due: dict[ActionKind, list[AccountState]] = {}
        for account in self.accounts:
            if account.phase is Phase.SEEN and (kind := account.next_action(self._facts)) is not None:
                due.setdefault(kind, []).append(account)
        adding = [account for kind in ADDING for account in due.get(kind, ())]
        is_tight = (self._members or 0) + len(adding) > MAX_MEMBERS
        if is_tight and any(not account.ended and account.desired is None for account in self.accounts):
            # Removals first: the graph may be full.
            for kind in ADDING:
                for account in due.pop(kind, ()):
                    account.phase = Phase.UNSEEN
        for kind, accounts in due.items():
            if is_tight and kind in ADDING:
                self._start(group, self._changes.add_while_there_is_room(kind, accounts, self._members or 0), accounts)
            else:
                size = 1 if kind in _SINGLE else MAX_ACCOUNTS
                for some in chunks(accounts, size):
                    self._start(group, self._changes.make(kind, some), some)
        return bool(due)

    def _start(
        self, group: asyncio.TaskGroup, work: Coroutine[Any, Any, None], accounts: Iterable[AccountState]
    ) -> None:
        for account in accounts:
            account.phase = Phase.ACTING
        self._idle.clear()
        task = group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._on_task_done)

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not self._tasks:
            self._idle.set()

    def _end_accounts(self) -> None:
        problem = self.graph.problem
        for account in self.accounts:
            if problem is not None and not account.ended:
                account.stop(*problem, self._facts)


@define(eq=False)
class Application:
    """Applies a plan once.

    Attributes:
        regions: the regions, in the order of the plan.
        administrator_id: the account as which the plan was made.
    """

    execution: Execution
    regions: list[RegionRun]
    administrator_id: str | None

    async def run(self) -> None:
        """Apply the plan until everything has ended, or until the deadline."""
        timeout = self.execution.wait.timeout
        try:
            with self.execution.ending():
                async with asyncio.timeout(timeout), unwrapped_task_group() as group:
                    await self._check_caller()
                    for region in self.regions:
                        group.create_task(self._run(region))
        except TimeoutError:
            # What is unfinished is reported below.
            pass
        except BaseException:
            for region in self.regions:
                region.end_unfinished("interrupted", Reason.INTERRUPTED)
            raise
        for region in self.regions:
            region.end_unfinished(f"not done within {timeout:.10g} s", Reason.TIMED_OUT)

    async def _check_caller(self) -> None:
        """Let all regions fail if the client's credentials are those of another account than the plan is for."""
        if all(region.problem is not None for region in self.regions):
            return
        try:
            check_account(await identify(self.execution), self.administrator_id)
        except StoppedError as error:
            for region in self.regions:
                region.problem = Problem(region.graph.region, None, str(error), None, error.reason)

    async def _run(self, region: RegionRun) -> None:
        try:
            await region.run()
        finally:
            self.execution.slots.leave(region.graph.region)


def _reason_against(failure: Exception) -> Reason | None:
    """Return the reason of a failure that more time would most likely not undo; None if it may."""
    if isinstance(failure, StoppedError):
        # What contradicts the plan is as good as known: applying the same plan again would not help.
        return None if failure.reason in _WAITING else failure.reason
    return reason_of(failure) if is_denial(failure) else None

"""Applies a plan: the actions that it shows and no others, each region and account independent of the others' failures.

In each region, one watcher looks at all members (ListMembers) until the last account has ended; only what changes
something is sent in batches. Only the deadline ends waiting.
"""

import asyncio
import enum
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

from attrs import Factory, define, evolve, field, frozen

from detective_async.api.models.exceptions import (
    ResourceNotFoundException,
    ServiceQuotaExceededException,
    ValidationException,
)
from detective_async.api.models.members import (
    CreateMembersRequest,
    CreateMembersResponse,
    DeleteMembersResponse,
    MemberDetail,
    MemberDisabledReason,
    MemberStatus,
)
from detective_async.api.wire.error_responses import message_text
from detective_async.client import polling
from detective_async.client.batches import max_items
from detective_async.client.concurrency import unwrapped_task_group
from detective_async.errors import ClientClosed, DetectiveError
from detective_async.membership.actions import (
    AccountReport,
    ActionKind,
    MembershipReport,
    Note,
    Problem,
    Reason,
)
from detective_async.membership.decisions import (
    ADDING,
    Blocked,
    DesiredMember,
    Do,
    Done,
    GraphFacts,
    decide,
    describe_status,
    needed,
)
from detective_async.membership.decisions import (
    Wait as WaitForService,
)
from detective_async.membership.desired import MAX_MEMBERS, DesiredState
from detective_async.membership.execution import Execution, StoppedError, error_text, reason_of
from detective_async.membership.graphs import (
    GRAPH_STEPS,
    PAGE_SIZE,
    SETTLING,
    Delegation,
    EnableAdministrator,
    Graph,
    administrator_of,
    carry_out,
    find_graph,
    first_step,
    list_members,
    not_planned,
)

#: The API's limit of accounts per request, the same for all operations.
MAX_ACCOUNTS = max_items(CreateMembersRequest, "accounts")
#: Actions of one account per request; all others share requests.
_SINGLE = frozenset({ActionKind.ACCEPT, ActionKind.START_MONITORING})
#: Seconds between two looks for each page of members that a look reads: about six requests a second.
_SECONDS_PER_PAGE = 0.16
#: Seconds for which the result of another check of an account's volume is waited for.
_VOLUME_CHECK = 60.0
_DECLINED = "it was invited, but is not a member: it may have declined the invitation"


class Phase(enum.Enum):
    """Where the processing of an account is."""

    #: Its state has to be looked at before the next decision.
    UNSEEN = enum.auto()
    #: Its state is known, and the next step to be decided on.
    SEEN = enum.auto()
    #: An action is being carried out.
    ACTING = enum.auto()
    #: Its processing has ended.
    ENDED = enum.auto()


@frozen
class Failure:
    """A failed action.

    Attributes:
        kind: the action.
        reason: why it failed.
        text: the same in words.
        error: the error, or None.
        retry_at: when the action may be carried out again, by the clock; None if never.
        until: when a failure that is not repeated counts, by the clock: until then its cause may still disappear,
            because what others have done is not seen yet.
        outcome_unknown: whether it may have had its effect.
    """

    kind: ActionKind
    reason: Reason
    text: str
    error: Exception | None = None
    retry_at: float | None = None
    until: float = 0.0
    outcome_unknown: bool = False


@define(eq=False)
class AccountState:
    """One account in one region.

    Attributes:
        desired: its desired state; None if it should be removed.
        planned: the actions that the plan shows for it.
        execution: for the clock, and for what errors mean.
        on_end: called when processing has ended.
        blocked: why the plan does not show what would have to be done for it, if that was said.
        phase: where its processing is.
        member: its state when last seen; None if it was not a member.
        before: its status when first seen.
        done: the actions that were carried out for it.
        outcome: the problem that processing ended with, and its reason and error; None if there is none.
        failure: the last failure, until its consequences are known.
    """

    region: str
    account_id: str
    desired: DesiredMember | None
    planned: frozenset[ActionKind]
    execution: Execution
    on_end: Callable[["AccountState"], object]
    blocked: Problem | None = None
    phase: Phase = Phase.UNSEEN
    member: MemberDetail | None = None
    before: MemberStatus | None = None
    done: list[ActionKind] = Factory(list)
    outcome: tuple[str, Reason, Exception | None] | None = None
    failure: Failure | None = None
    # The account as it was invited in this run: what is older is out of date.
    _invited: MemberDetail | None = None
    # The account when AWS was asked to check its volume again.
    _monitored: MemberDetail | None = None
    # Whether it was a member in any look since then, and since when it is missing all the same.
    _was_member: bool = False
    _missing_since: float | None = None
    # When the last action was carried out.
    _acted_at: float = 0.0
    _pauses: Iterator[float] | None = None

    @property
    def status(self) -> MemberStatus | None:
        """Its status when last seen."""
        return None if self.member is None else self.member.status

    @property
    def ended(self) -> bool:
        """Whether its processing has ended."""
        return self.phase is Phase.ENDED

    def observe(self, member: MemberDetail | None) -> bool:
        """Record what was seen of it, and return whether that is progress."""
        if self._is_out_of_date(member):
            return False
        previous, self.member = self.status, member
        self._was_member |= member is not None
        self.phase = Phase.SEEN
        if self.status == previous:
            return False
        failure = self.failure
        # A removal is only the first half of another invitation.
        is_half = failure is not None and failure.kind is ActionKind.REINVITE and member is None
        if failure is not None and failure.outcome_unknown and not is_half:
            self._add_done(failure.kind)
        self.failure = self._pauses = None
        return True

    def next_action(self, facts: GraphFacts) -> ActionKind | None:
        """Return the next action; None if there is none yet, or processing has ended."""
        decision = decide(self._desired_now(), self.member, facts)
        match decision:
            case Do():
                return self._checked(needed(decision.kind, self.planned))
            case Done():
                self.end()
            case Blocked():
                if self._may_still_change():
                    self.phase = Phase.UNSEEN
                else:
                    self.end(decision.text, decision.reason)
            case WaitForService():
                self.phase = Phase.UNSEEN
        return None

    def succeed(self, kind: ActionKind, member: MemberDetail | None) -> None:
        """Record an action that was carried out, and the state that the response has."""
        self.failure = self._pauses = None
        self._add_done(kind)
        self._acted_at = self._now
        if kind in ADDING or kind is ActionKind.REINVITE:
            self._invited = member
        self._missing_since, self._was_member = None, False
        self.member, self.phase = member, Phase.SEEN

    def sent(self, kind: ActionKind) -> None:
        """Record an action that was carried out, and whose response does not have the state that follows."""
        self.failure = self._pauses = None
        self._add_done(kind)
        self._acted_at = self._now
        self._monitored = self.member
        self.phase = Phase.UNSEEN

    def fail(self, kind: ActionKind, error: DetectiveError) -> None:
        """Record an error; the state is looked at before the next decision."""
        retry_at = None
        if self.execution.is_transient(error):
            if self._pauses is None:
                self._pauses = polling.pauses(self.execution.clock)
            retry_at = self._now + next(self._pauses)
        self.failure = Failure(
            kind, reason_of(error), error_text(error), error, retry_at, outcome_unknown=error.outcome_unknown
        )
        self.phase = Phase.UNSEEN

    def refuse(self, kind: ActionKind, reason: str | None, *, repeated: bool) -> None:
        """Record that AWS left the account unprocessed.

        If the request was `repeated`, an earlier attempt without a response may have carried out the action.
        """
        text = message_text(reason, ()) or "no reason given"
        self.failure = Failure(
            kind,
            Reason.REFUSED,
            f"{kind}: AWS left the account unprocessed: {text}",
            until=self._now + SETTLING,
            outcome_unknown=repeated,
        )
        self.phase = Phase.UNSEEN

    def give_up(self, problem: str, reason: Reason, look_error: DetectiveError | None) -> None:
        """End processing before it is done, with the last failure, of an action or of looking at the members."""
        if self._invited is not None and self._missing_since is not None:
            self.member = None
            self.end(f"{problem}: {_DECLINED}", Reason.DECLINED)
            return
        error: Exception | None = look_error
        text = None if error is None else error_text(error)
        if self.failure is not None:
            text, error = self.failure.text, self.failure.error
        seen = f"{self.done[-1]} was done, but the account" if self.done and text is None else "the account"
        end = "" if text is None else f"; {text}"
        self.end(f"{problem}: {seen} is {describe_status(self.member)}{end}", reason, error)

    def end(self, problem: str | None = None, reason: Reason | None = None, error: Exception | None = None) -> None:
        """End processing."""
        if problem is not None:
            self.outcome = problem, reason or Reason.FAILED, error
        self.phase = Phase.ENDED
        self.on_end(self)

    def report(self) -> AccountReport:
        """Return the result."""
        problem, reason, error = self.outcome or (None, None, None)
        return AccountReport(
            account_id=self.account_id,
            region=self.region,
            before=self.before,
            after=self.status,
            done=tuple(self.done),
            problem=problem,
            error=error,
            reason=reason,
        )

    @property
    def _now(self) -> float:
        return self.execution.clock.monotonic()

    def _desired_now(self) -> DesiredMember | None:
        """Return its desired state, with the second attempts that are planned and were not made yet."""
        if self.desired is None:
            return None
        due = self.planned.difference(self.done)
        return evolve(
            self.desired,
            retry_failed=ActionKind.REINVITE in due,
            retry_disabled=ActionKind.START_MONITORING in due,
        )

    def _checked(self, kind: ActionKind) -> ActionKind | None:
        """Return an action that is to be carried out now; None if it is not, or not yet."""
        failure = self.failure
        if kind in self.done:
            # Never repeated after a success, whose effect is seen later.
            self.phase = Phase.UNSEEN
        elif kind not in self.planned:
            stopped = not_planned(kind)
            problem = self.blocked
            if problem is None:
                self.end(str(stopped), stopped.reason)
            else:
                self.end(problem.text, problem.reason, problem.error)
        elif failure is None or failure.kind is not kind:
            return kind
        elif failure.retry_at is not None:
            if self._now >= failure.retry_at:
                return kind
            self.phase = Phase.UNSEEN
        elif self._now < failure.until:
            self.phase = Phase.UNSEEN
        else:
            self.end(failure.text, failure.reason, failure.error)
        return None

    def _is_out_of_date(self, member: MemberDetail | None) -> bool:
        """Return whether what was seen is older than what was done, so far as that can be known."""
        if member is not None:
            self._missing_since = None
            invited = self._invited
            return (
                invited is not None
                and invited.invited_time is not None
                and member.invited_time is not None
                and member.invited_time < invited.invited_time
            )
        if self.desired is None or (self.member is None and self._invited is None):
            return False
        if self.failure is not None and self.failure.kind is ActionKind.REINVITE:
            # Removed, as the first half of another invitation.
            return False
        # It was a member: a look may miss one, while others come and go, or be late.
        if self._missing_since is None:
            self._missing_since = self._now
        if not self._was_member or self._now < self._missing_since + SETTLING:
            return True
        if self._invited is not None:
            self.member = None
            self.end(_DECLINED, Reason.DECLINED)
            return True
        return False

    def _may_still_change(self) -> bool:
        """Return whether a state that blocks may be from before the last action, or one in between."""
        member = self.member
        if member is None or member.status != MemberStatus.ACCEPTED_BUT_DISABLED or not self.done:
            return False
        if self.done[-1] is ActionKind.START_MONITORING:
            is_unchanged = self._monitored is not None and member.updated_time == self._monitored.updated_time
            return is_unchanged and self._now < self._acted_at + _VOLUME_CHECK
        # Just after the acceptance, a volume may not be known yet.
        return member.disabled_reason == MemberDisabledReason.VOLUME_UNKNOWN and self._now < self._acted_at + SETTLING

    def _add_done(self, kind: ActionKind) -> None:
        if kind not in self.done:
            self.done.append(kind)


@define(eq=False)
class Watcher:
    """Looks at all members of a graph, not too often, and publishes their states."""

    execution: Execution
    graph: Graph
    _looked_at: float = field(init=False, default=float("-inf"))
    _pages: int = field(init=False, default=1)

    async def look(self) -> dict[str, MemberDetail]:
        """Return the members by account id, not sooner after the last look than the number of requests allows."""
        due = self._looked_at + self._pages * _SECONDS_PER_PAGE
        seconds = min(due - self.execution.clock.monotonic(), self.execution.wait.remaining)
        if seconds > 0:
            await self.execution.clock.sleep(seconds)
        self._looked_at = self.execution.clock.monotonic()
        members = await list_members(self.execution, self.graph.client, self.graph.found_arn)
        self._pages = len(members) // PAGE_SIZE + 1
        return members


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
    _members: int | None = field(init=False, default=None)
    _look_error: DetectiveError | None = field(init=False, default=None)
    _quota_error: ServiceQuotaExceededException | None = field(init=False, default=None)

    async def run(self) -> None:
        """Bring the region to its desired state as far as possible; what failed is in the reports."""
        problem, graph = self.problem, self.graph
        if problem is not None:
            graph.problem = problem.text, problem.reason, problem.error
        else:
            await self._recorded(self._find_or_make_graph())
        if graph.problem is not None:
            self._end_accounts()
            return
        self._facts = GraphFacts(self.desired.organization is not None, administrator_of(graph.found_arn))
        async with unwrapped_task_group() as group:
            for step in GRAPH_STEPS:
                group.create_task(self._recorded(carry_out(step(graph), self.execution.wait.part())))
            group.create_task(self._apply_members())

    def end_unfinished(self, problem: str, reason: Reason) -> None:
        """End what has not ended yet: the time is over, or the work was cancelled."""
        if self._unfinished:
            self.graph.fail(StoppedError(reason, problem))
        for account in self.accounts:
            if not account.ended:
                account.give_up(problem, reason, self._look_error)

    async def _recorded(self, work: Coroutine[Any, Any, None]) -> None:
        """Await work on the graph, and record its failure; if it is cancelled, it counts as unfinished."""
        self._unfinished += 1
        try:
            await work
        except ClientClosed:
            raise
        except (DetectiveError, StoppedError) as error:
            self.graph.fail(error)
        self._unfinished -= 1

    async def _find_or_make_graph(self) -> None:
        execution, graph = self.execution, self.graph
        if not graph.is_new:
            graph.arn = await execution.until_read(lambda: find_graph(execution, graph.client))
            if graph.arn != self.arn:
                raise self._gone()
            return
        step = first_step(graph)
        assert step is not None  # noqa: S101 - the plan shows it
        turn = self.delegation.turn() if isinstance(step, EnableAdministrator) else nullcontext()
        async with turn:
            await carry_out(step, execution.wait.part())

    def _gone(self) -> StoppedError:
        return StoppedError(
            Reason.NOT_PLANNED, "the graph that the plan is for is gone, and the plan does not make one: plan again"
        )

    async def _apply_members(self) -> None:
        watcher = Watcher(self.execution, self.graph)
        wait = self.execution.wait.part()
        try:
            async with unwrapped_task_group() as group:
                while True:
                    progress = await self._look(watcher)
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
            self.graph.fail(error)
            self._end_accounts()

    async def _look(self, watcher: Watcher) -> bool:
        """Look at the accounts whose states are to be seen, and return whether there was any progress."""
        unseen = [account for account in self.accounts if account.phase is Phase.UNSEEN]
        if not unseen:
            return False
        try:
            members = await watcher.look()
        except DetectiveError as error:
            if not self.execution.is_transient(error):
                raise
            if isinstance(error, ResourceNotFoundException) and await self._is_gone():
                raise self._gone() from error
            self._look_error = error
            return False
        is_first, self._members, self._look_error = self._members is None, len(members), None
        progress = False
        for account in unseen:
            progress |= account.observe(members.get(account.account_id))
            if is_first:
                account.before = account.status
        return progress

    async def _is_gone(self) -> bool:
        """Return whether the graph was deleted, rather than made so recently that it is not seen everywhere."""
        if self.graph.is_new:
            return False
        try:
            return await find_graph(self.execution, self.graph.client) != self.graph.arn
        except ClientClosed:
            raise
        except DetectiveError:
            return False

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
                self._start(group, self._create_while_there_is_room(kind, accounts), accounts)
            else:
                size = 1 if kind in _SINGLE else MAX_ACCOUNTS
                for some in _chunks(accounts, size):
                    self._start(group, self._act(kind, some), some)
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

    async def _act(self, kind: ActionKind, accounts: Sequence[AccountState]) -> None:
        try:
            match kind:
                case ActionKind.REMOVE:
                    await self._delete(kind, accounts)
                case ActionKind.REINVITE:
                    await self._reinvite(accounts)
                case ActionKind.ACCEPT:
                    await self._accept(accounts[0])
                case ActionKind.START_MONITORING:
                    await self._start_monitoring(accounts[0])
                case _:
                    await self._create(kind, accounts)
        except ClientClosed:
            raise
        except DetectiveError as error:
            for account in accounts:
                account.fail(kind, error)

    async def _create_while_there_is_room(self, kind: ActionKind, accounts: Sequence[AccountState]) -> None:
        """Invite accounts of which not all may have room: one tells whether there is any beyond the default quota."""
        room = max(0, MAX_MEMBERS - (self._members or 0))
        for some in (*_chunks(accounts[:room]), accounts[room : room + 1], *_chunks(accounts[room + 1 :])):
            await self._act(kind, some)

    async def _create(self, kind: ActionKind, accounts: Sequence[AccountState]) -> None:
        if self._quota_error is not None:
            raise self._quota_error
        try:
            async with self.execution.acting(self.graph.region):
                response = await self.graph.client.create_members(
                    self.graph.found_arn,
                    [account.desired.account for account in accounts if account.desired is not None],
                    message=self.desired.message,
                    disable_email_notification=self.desired.disable_email_notification,
                )
        except (ValidationException, ServiceQuotaExceededException) as error:
            if len(accounts) == 1:
                if isinstance(error, ServiceQuotaExceededException):
                    self._quota_error = error
                raise
        else:
            _record(kind, accounts, _by_account(response.members), response)
            return
        # One account may be invalid, or there are too many: try the halves, so that the others succeed.
        half = len(accounts) // 2
        await self._act(kind, accounts[:half])
        await self._act(kind, accounts[half:])

    async def _delete(self, kind: ActionKind, accounts: Sequence[AccountState]) -> list[AccountState]:
        """Remove members, and return those that are none any more."""
        async with self.execution.acting(self.graph.region):
            response = await self.graph.client.delete_members(
                self.graph.found_arn, [account.account_id for account in accounts]
            )
        removed = set(response.account_ids)
        if kind is ActionKind.REMOVE:
            _record(kind, accounts, dict.fromkeys(removed), response)
        else:
            _record(kind, [account for account in accounts if account.account_id not in removed], {}, response)
        return [account for account in accounts if account.account_id in removed]

    async def _reinvite(self, accounts: Sequence[AccountState]) -> None:
        members = [account for account in accounts if account.member is not None]
        # The first half of the others was done before.
        left = [account for account in accounts if account.member is None]
        if members:
            removed = await self._delete(ActionKind.REINVITE, members)
            for account in removed:
                account.member = None
            left += removed
        if left:
            await self._create(ActionKind.REINVITE, left)

    async def _accept(self, account: AccountState) -> None:
        sources = self.execution.sources
        if account.account_id not in sources:
            sources[account.account_id] = self.desired.credentials_of(account.account_id)
        client = self.graph.client.with_options(credentials=sources[account.account_id], account_id=account.account_id)
        async with self.execution.acting(self.graph.region):
            await client.accept_invitation(self.graph.found_arn)
        account.sent(ActionKind.ACCEPT)

    async def _start_monitoring(self, account: AccountState) -> None:
        async with self.execution.acting(self.graph.region):
            await self.graph.client.start_monitoring_member(self.graph.found_arn, account.account_id)
        account.sent(ActionKind.START_MONITORING)

    def _end_accounts(self) -> None:
        problem = self.graph.problem
        for account in self.accounts:
            if problem is not None and not account.ended:
                account.end(*problem)


@define(eq=False)
class Application:
    """Applies a plan once.

    Attributes:
        regions: the regions, in the order of the plan.
        timeout: the seconds until the deadline.
        notes: those of the plan.
        administrator_id: the account as which the plan was made.
    """

    execution: Execution
    regions: list[RegionRun]
    timeout: float
    notes: tuple[Note, ...]
    administrator_id: str | None

    async def run(self) -> None:
        """Apply the plan until everything has ended, or until the deadline."""
        try:
            with self.execution.ending():
                async with asyncio.timeout(self.timeout), unwrapped_task_group() as group:
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
            region.end_unfinished(f"not done within {self.timeout:.10g} s", Reason.TIMED_OUT)

    def report(self) -> MembershipReport:
        """Return the results."""
        return MembershipReport(
            rows=tuple(account.report() for region in self.regions for account in region.accounts),
            regions=tuple(region.graph.report() for region in self.regions),
            notes=self.notes,
            administrator_id=self.administrator_id,
        )

    async def _run(self, region: RegionRun) -> None:
        try:
            await region.run()
        finally:
            self.execution.slots.leave(region.graph.region)


def _chunks(accounts: Sequence[AccountState], size: int = MAX_ACCOUNTS) -> Iterator[Sequence[AccountState]]:
    return (accounts[start : start + size] for start in range(0, len(accounts), size))


def _by_account(members: list[MemberDetail]) -> dict[str | None, MemberDetail]:
    return {member.account_id: member for member in members}


def _record(
    kind: ActionKind,
    accounts: Sequence[AccountState],
    done: Mapping[str | None, MemberDetail] | Mapping[str, None],
    response: CreateMembersResponse | DeleteMembersResponse,
) -> None:
    """Record for each account its new state, or the reason why AWS left it unprocessed."""
    reasons = {one.account_id: one.reason for one in response.unprocessed_accounts}
    for account in accounts:
        if account.account_id in done:
            account.succeed(kind, done[account.account_id])
        else:
            account.refuse(kind, reasons.get(account.account_id), repeated=response.response_metadata.repeated)

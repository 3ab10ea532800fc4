"""Reconciles up to 50 accounts of a graph with their desired state: read, decide, act, and repeat."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import suppress

from attrs import define, field

from detective_async.api.models.exceptions import ServiceQuotaExceededException, ValidationException
from detective_async.api.models.members import (
    CreateMembersResponse,
    DeleteMembersResponse,
    GetMembersRequest,
    MemberDetail,
)
from detective_async.client.batches import max_items
from detective_async.client.client import DetectiveClient
from detective_async.client.concurrency import unwrapped_task_group
from detective_async.errors import ClientClosed, DetectiveError
from detective_async.membership.account_state import AccountState
from detective_async.membership.actions import ActionKind
from detective_async.membership.decisions import GraphFacts
from detective_async.membership.desired import DesiredState
from detective_async.membership.execution import Execution, pauses

#: The API's limit of accounts per request, the same for all operations.
MAX_ACCOUNTS = max_items(GetMembersRequest, "account_ids")
#: Actions of one account per request; all others share requests.
_SINGLE = frozenset({ActionKind.ACCEPT, ActionKind.START_MONITORING})


@define(eq=False)
class AccountReconciler:
    """Brings accounts that share their requests to their desired state.

    No account waits for another: each is processed further as soon as its state is known, while actions for others are
    in progress or their verification is pending.

    Attributes:
        client: the administrator's client for the region.
        deadline: the time, by the clock, after which no action starts.
    """

    execution: Execution
    desired: DesiredState
    client: DetectiveClient
    graph_arn: str
    facts: GraphFacts
    accounts: list[AccountState]
    deadline: float
    _idle: asyncio.Event = field(init=False, factory=asyncio.Event)
    _tasks: set[asyncio.Task[None]] = field(init=False, factory=set)

    async def run(self) -> None:
        """Process all accounts until their processing has ended or the deadline has passed."""
        clock = self.execution.clock
        pause = pauses(clock)
        async with unwrapped_task_group() as group:
            while True:
                changed = await self._read()
                started = self._start_actions(group)
                if all(account.ended for account in self.accounts):
                    return
                left = self.deadline - clock.monotonic()
                if left <= 0:
                    for task in self._tasks:
                        task.cancel()
                    return
                if changed or started:
                    pause = pauses(clock)
                await self._wait(pause, left)

    def _ready(self) -> list[AccountState]:
        return [one for one in self.accounts if not (one.ended or one.in_progress or one.paused)]

    async def _read(self) -> bool:
        """Read the state of accounts whose state is stale, and return whether any has changed."""
        stale = [account for account in self._ready() if account.stale]
        if not stale:
            return False
        try:
            async with self.execution.semaphore:
                response = await self.client.get_members(self.graph_arn, [account.account_id for account in stale])
        except ClientClosed:
            raise
        except DetectiveError as error:
            for account in stale:
                account.fail(None, error)
            return False
        found = _by_account(response.member_details)
        before = [account.status for account in stale]
        for account in stale:
            account.observe(found.get(account.account_id))
        return before != [account.status for account in stale]

    def _start_actions(self, group: asyncio.TaskGroup) -> bool:
        """Start the next action of each account, and return whether any was started."""
        requests: dict[tuple[ActionKind, str], list[AccountState]] = {}
        for account in self._ready():
            kind = None if account.stale else account.next_action(self.facts)
            if kind is not None:
                single = account.account_id if kind in _SINGLE or account.isolated else ""
                requests.setdefault((kind, single), []).append(account)
        for (kind, _), accounts in requests.items():
            for account in accounts:
                account.in_progress = True
            self._idle.clear()
            task = group.create_task(self._act(kind, accounts))
            self._tasks.add(task)
            task.add_done_callback(self._on_task_done)
        return bool(requests)

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not self._tasks:
            self._idle.set()

    async def _wait(self, pause: Iterator[float], left: float) -> None:
        """Wait for the pause, or until all actions in progress have ended if that is sooner."""
        seconds = min(next(pause), left)
        if not self._tasks:
            await self.execution.clock.sleep(seconds)
            is_over = True
        else:
            is_over = not await self._is_idle_within(seconds)
        if is_over:
            for account in self.accounts:
                account.paused = False

    async def _is_idle_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                return await self._idle.wait()
        return False

    async def _act(self, kind: ActionKind, accounts: list[AccountState]) -> None:
        try:
            match kind:
                case ActionKind.INVITE | ActionKind.ENABLE_MEMBER:
                    await self._create(kind, accounts)
                case ActionKind.REINVITE:
                    await self._create(kind, await self._delete(kind, accounts))
                case ActionKind.REMOVE:
                    await self._delete(kind, accounts)
                case ActionKind.ACCEPT:
                    await self._accept(accounts[0])
                case _:
                    await self._start_monitoring(accounts[0])
        except ClientClosed:
            raise
        except DetectiveError as error:
            self._fail(kind, accounts, error)
        for account in accounts:
            account.in_progress = False

    async def _create(self, kind: ActionKind, accounts: list[AccountState]) -> None:
        if not accounts:
            return
        async with self.execution.acting():
            response = await self.client.create_members(
                self.graph_arn,
                [account.desired.account for account in accounts if account.desired is not None],
                message=self.desired.message,
                disable_email_notification=self.desired.disable_email_notification,
            )
        _record(kind, accounts, _by_account(response.members), response)

    async def _delete(self, kind: ActionKind, accounts: list[AccountState]) -> list[AccountState]:
        """Remove members, and return those that were removed."""
        async with self.execution.acting():
            response = await self.client.delete_members(self.graph_arn, [account.account_id for account in accounts])
        _record(kind, accounts, dict.fromkeys(response.account_ids), response)
        return [account for account in accounts if account.account_id in response.account_ids]

    async def _accept(self, account: AccountState) -> None:
        sources = self.execution.sources
        if account.account_id not in sources:
            sources[account.account_id] = self.desired.credentials_of(account.account_id)
        client = self.client.with_options(credentials=sources[account.account_id], account_id=account.account_id)
        async with self.execution.acting():
            await client.accept_invitation(self.graph_arn)
        self._succeed(ActionKind.ACCEPT, account)

    async def _start_monitoring(self, account: AccountState) -> None:
        async with self.execution.acting():
            await self.client.start_monitoring_member(self.graph_arn, account.account_id)
        self._succeed(ActionKind.START_MONITORING, account)

    def _succeed(self, kind: ActionKind, account: AccountState) -> None:
        """Record an action whose response does not contain the member's new state."""
        account.succeed(kind, account.member)
        account.stale = True

    def _fail(self, kind: ActionKind, accounts: list[AccountState], error: DetectiveError) -> None:
        for account in accounts:
            if len(accounts) > 1 and isinstance(error, ValidationException | ServiceQuotaExceededException):
                # One account may be invalid, or there are too many: try each alone, so that the others succeed.
                account.isolated = True
            else:
                account.fail(kind, error)


def _by_account(members: list[MemberDetail]) -> dict[str | None, MemberDetail]:
    return {member.account_id: member for member in members}


def _record(
    kind: ActionKind,
    accounts: list[AccountState],
    done: Mapping[str | None, MemberDetail | None] | Mapping[str, None],
    response: CreateMembersResponse | DeleteMembersResponse,
) -> None:
    """Record for each account its new state, or the reason why AWS left it unprocessed."""
    reasons = {one.account_id: one.reason for one in response.unprocessed_accounts}
    for account in accounts:
        if account.account_id in done:
            account.succeed(kind, done[account.account_id])
        else:
            account.refuse(kind, reasons.get(account.account_id), repeated=response.response_metadata.repeated)

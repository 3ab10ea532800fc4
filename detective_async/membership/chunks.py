"""Up to 50 accounts of a graph, brought to the state that is wanted: read, decide, act, and again."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress

from attrs import define, field

from detective_async.api.models.exceptions import ServiceQuotaExceededException, ValidationException
from detective_async.api.models.members import GetMembersRequest, MemberDetail
from detective_async.api.models.unprocessed import UnprocessedAccount
from detective_async.client.batches import size_of
from detective_async.client.client import DetectiveClient
from detective_async.client.concurrency import unwrapped_task_group
from detective_async.errors import DetectiveError
from detective_async.membership.actions import ActionKind
from detective_async.membership.decide import Terms
from detective_async.membership.job import Job, pauses
from detective_async.membership.rows import Row
from detective_async.membership.wanted import Goals

#: As many as the API takes in one request, whichever it is.
SIZE = size_of(GetMembersRequest, "account_ids")
#: Done as somebody else or for one account at a time; everything else is one request for many.
_ONE_BY_ONE = frozenset({ActionKind.ACCEPT, ActionKind.START_MONITORING})


@define(eq=False)
class Chunk:
    """Accounts that share their requests.

    What is done for one does not hold up another: each is taken further as soon as its state is known, while others
    are still being worked on, or wait for their verification.

    Attributes:
        deadline: by the clock, after which nothing is begun.
    """

    job: Job
    goals: Goals
    client: DetectiveClient
    graph_arn: str
    terms: Terms
    rows: list[Row]
    deadline: float
    _quiet: asyncio.Event = field(init=False, factory=asyncio.Event)
    _busy: set[asyncio.Task[None]] = field(init=False, factory=set)

    async def run(self) -> None:
        """Take all rows to their end, unless time runs out."""
        clock = self.job.clock
        pause = pauses(clock)
        async with unwrapped_task_group() as group:
            while True:
                changed = await self._read()
                started = self._step(group)
                if all(row.ended for row in self.rows):
                    return
                left = self.deadline - clock.monotonic()
                if left <= 0:
                    for task in self._busy:
                        task.cancel()
                    return
                if changed or started:
                    pause = pauses(clock)
                await self._rest(pause, left)

    def _idle(self) -> list[Row]:
        return [row for row in self.rows if not (row.ended or row.busy or row.resting)]

    async def _read(self) -> bool:
        """Read the state of those of which it is not known, and tell whether any has changed."""
        stale = [row for row in self._idle() if row.stale]
        if not stale:
            return False
        try:
            async with self.job.gate:
                answer = await self.client.get_members(self.graph_arn, [row.account_id for row in stale])
        except DetectiveError as error:
            for row in stale:
                row.stumble(None, error)
            return False
        found = _by_account(answer.member_details)
        before = [row.status for row in stale]
        for row in stale:
            row.see(found.get(row.account_id))
        return before != [row.status for row in stale]

    def _step(self, group: asyncio.TaskGroup) -> bool:
        """Begin what is next for each row, and tell whether anything was begun."""
        batches: dict[tuple[ActionKind, str], list[Row]] = {}
        for row in self._idle():
            kind = None if row.stale else row.next(self.terms)
            if kind is not None:
                own = row.account_id if kind in _ONE_BY_ONE or row.alone else ""
                batches.setdefault((kind, own), []).append(row)
        for (kind, _), rows in batches.items():
            for row in rows:
                row.busy = True
            self._quiet.clear()
            task = group.create_task(self._act(kind, rows))
            self._busy.add(task)
            task.add_done_callback(self._ended)
        return bool(batches)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._busy.discard(task)
        if not self._busy:
            self._quiet.set()

    async def _rest(self, pause: Iterator[float], left: float) -> None:
        """Wait for a while, but no longer than anything is under way."""
        seconds = min(next(pause), left)
        if not self._busy:
            await self.job.clock.sleep(seconds)
            is_over = True
        else:
            is_over = not await self._is_quiet_within(seconds)
        if is_over:
            for row in self.rows:
                row.resting = False

    async def _is_quiet_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                return await self._quiet.wait()
        return False

    async def _act(self, kind: ActionKind, rows: list[Row]) -> None:
        try:
            match kind:
                case ActionKind.INVITE | ActionKind.ENABLE_MEMBER:
                    await self._create(kind, rows)
                case ActionKind.REINVITE:
                    await self._create(kind, await self._delete(kind, rows))
                case ActionKind.REMOVE:
                    await self._delete(kind, rows)
                case ActionKind.ACCEPT:
                    await self._accept(rows[0])
                case _:
                    await self._start_monitoring(rows[0])
        except DetectiveError as error:
            self._stumble(kind, rows, error)
        for row in rows:
            row.busy = False

    async def _create(self, kind: ActionKind, rows: list[Row]) -> None:
        if not rows:
            return
        async with self.job.gate:
            answer = await self.client.create_members(
                self.graph_arn,
                [row.wanted.account for row in rows if row.wanted is not None],
                message=self.goals.message,
                disable_email_notification=self.goals.disable_email_notification,
            )
        created, reasons = _by_account(answer.members), _reasons(answer.unprocessed_accounts)
        for row in rows:
            if row.account_id in created:
                row.do(kind, created[row.account_id])
            else:
                row.refuse(kind, reasons.get(row.account_id), repeated=answer.response_metadata.repeated)

    async def _delete(self, kind: ActionKind, rows: list[Row]) -> list[Row]:
        """Remove members, and give the rows of those that were."""
        async with self.job.gate:
            answer = await self.client.delete_members(self.graph_arn, [row.account_id for row in rows])
        reasons = _reasons(answer.unprocessed_accounts)
        removed = [row for row in rows if row.account_id in answer.account_ids]
        for row in rows:
            if row in removed:
                row.do(kind, None)
            else:
                row.refuse(kind, reasons.get(row.account_id), repeated=answer.response_metadata.repeated)
        return removed

    async def _accept(self, row: Row) -> None:
        async with self.job.gate:
            await self._member(row).accept_invitation(self.graph_arn)
        self._did(ActionKind.ACCEPT, row)

    def _member(self, row: Row) -> DetectiveClient:
        sources = self.job.sources
        if row.account_id not in sources:
            sources[row.account_id] = self.goals.credentials_of(row.account_id)
        return self.job.at(row.region, sources[row.account_id], row.account_id)

    async def _start_monitoring(self, row: Row) -> None:
        async with self.job.gate:
            await self.client.start_monitoring_member(self.graph_arn, row.account_id)
        self._did(ActionKind.START_MONITORING, row)

    def _did(self, kind: ActionKind, row: Row) -> None:
        row.do(kind, row.member)
        row.stale = True

    def _stumble(self, kind: ActionKind, rows: list[Row], error: DetectiveError) -> None:
        refused_together = isinstance(error, ValidationException | ServiceQuotaExceededException) and len(rows) > 1
        for row in rows:
            if refused_together:
                # Whichever of them is at fault, or too many: the others are not to suffer for it.
                row.alone = True
            else:
                row.stumble(kind, error)


def _by_account(members: list[MemberDetail]) -> dict[str | None, MemberDetail]:
    return {member.account_id: member for member in members}


def _reasons(unprocessed: list[UnprocessedAccount]) -> dict[str | None, str | None]:
    return {account.account_id: account.reason for account in unprocessed}

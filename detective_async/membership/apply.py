"""Carrying a plan out: every region and every account as far as it goes, whatever becomes of the others."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from functools import partial

from attrs import define, field

from detective_async.client.concurrency import unwrapped_task_group
from detective_async.errors import DetectiveError
from detective_async.events import ProgressCallback, Tally
from detective_async.membership import graphs
from detective_async.membership.chunks import SIZE, Chunk
from detective_async.membership.decide import Terms, describe
from detective_async.membership.job import Hindrance, Job, Record, Step, bring_about, patiently
from detective_async.membership.report import AccountReport, MembershipReport, RegionReport
from detective_async.membership.rows import Row
from detective_async.membership.wanted import Goals


@define(eq=False)
class Application:
    """One time that a plan is carried out.

    Attributes:
        job: in whose name.
        goals: what is wanted.
        removals: region -> the accounts that the plan removes; nobody is removed whom it did not name.
        timeout: seconds for everything.
        progress: told of each row that has come to its end.
    """

    job: Job
    goals: Goals
    removals: Mapping[str, Collection[str]]
    timeout: float
    progress: ProgressCallback | None
    _records: dict[str, Record] = field(init=False)
    _rows: dict[str, list[Row]] = field(init=False)
    _deadline: float = field(init=False, default=0.0)
    _tally: Tally = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._records = {region: Record(region) for region in self.goals.accounts}
        self._rows = {region: list(self._rows_of(region)) for region in self.goals.accounts}
        total = sum(len(rows) for rows in self._rows.values())
        self._tally = Tally(self.progress, total, self.job.clock.monotonic)

    async def run(self) -> MembershipReport:
        """Do what there is to do, and report."""
        self._deadline = self.job.clock.monotonic() + self.timeout
        try:
            async with asyncio.timeout(self.timeout), unwrapped_task_group() as group:
                for record in self._records.values():
                    group.create_task(self._region(record))
        except TimeoutError:
            # What did not come to its end in time is told below.
            pass
        for record in self._records.values():
            self._close(record)
        return MembershipReport(
            rows=tuple(_report_row(row) for rows in self._rows.values() for row in rows),
            regions=tuple(report_region(record) for record in self._records.values()),
        )

    def _rows_of(self, region: str) -> Iterator[Row]:
        for account in self.goals.accounts[region]:
            yield Row(region, account.account_id, self.goals.wanted(account), self._on_end)
        for account_id in self.removals.get(region, ()):
            yield Row(region, account_id, None, self._on_end)

    async def _region(self, record: Record) -> None:
        await _noting(record, lambda: self._reach_graph(record))
        graph_arn = record.graph_arn
        if graph_arn is None:
            self._end_rows(record)
            return
        job, goals, client = self.job, self.goals, self.job.at(record.region)
        async with unwrapped_task_group() as group:
            for look in (graphs.tag_step, graphs.package_step):
                step = partial(look, job, client, graph_arn, goals)
                group.create_task(_noting(record, partial(bring_about, job, record, step)))
            group.create_task(self._members(record, graph_arn))

    async def _reach_graph(self, record: Record) -> None:
        ground = graphs.Ground(None)

        async def look() -> Step | None:
            nonlocal ground
            ground, step = await graphs.next_step(self.job, self.goals, record.region)
            return step

        await bring_about(self.job, record, look)
        record.graph_arn = ground.graph_arn

    async def _members(self, record: Record, graph_arn: str) -> None:
        client = self.job.at(record.region)
        try:
            members = await patiently(self.job, lambda: graphs.list_members(self.job, client, graph_arn))
        except DetectiveError as error:
            record.fail(error)
            self._end_rows(record)
            return
        terms = Terms(self.goals.organization, graphs.administrator_of(graph_arn))
        rows = self._rows[record.region]
        for row in rows:
            row.begin(members.get(row.account_id))
            # Most have nothing left to do, as a rule; the others go into as few requests as possible.
            row.next(terms)
        to_do = [row for row in rows if not row.ended]
        # A graph may be full: first those go that are to go.
        for some in ([row for row in to_do if row.wanted is None], [row for row in to_do if row.wanted is not None]):
            async with unwrapped_task_group() as group:
                for start in range(0, len(some), SIZE):
                    share = some[start : start + SIZE]
                    chunk = Chunk(self.job, self.goals, client, graph_arn, terms, share, self._deadline)
                    group.create_task(chunk.run())

    def _end_rows(self, record: Record) -> None:
        for row in self._rows[record.region]:
            row.end(record.problem, record.error)

    def _close(self, record: Record) -> None:
        """Tell of what was not done in time."""
        late = f"not done within {self.timeout:.10g} s"
        if record.unfinished:
            record.fail(Hindrance(late))
        for row in self._rows[record.region]:
            if not row.ended:
                row.give_up(f"{late}: it is {describe(row.member)}")

    def _on_end(self, row: Row) -> None:
        self._tally.add(failed=row.problem is not None)


async def _noting(record: Record, work: Callable[[], Awaitable[None]]) -> None:
    """Do something for a region, and take note of how it ends; cancelled, it stays unfinished."""
    record.unfinished += 1
    try:
        await work()
    except (DetectiveError, Hindrance) as error:
        record.fail(error)
    record.unfinished -= 1


def report_region(record: Record) -> RegionReport:
    """Give what is known of a region in the end."""
    return RegionReport(
        region=record.region,
        graph_arn=record.graph_arn,
        done=tuple(record.done),
        problem=record.problem,
        error=record.error,
    )


def _report_row(row: Row) -> AccountReport:
    return AccountReport(
        account_id=row.account_id,
        region=row.region,
        before=row.before,
        after=row.status,
        done=tuple(row.done),
        problem=row.problem,
        error=row.error,
    )

"""Investigates many entities in one graph: starts what was not started yet, polls once for all, and reads what is done.

Each entity is a `Case`, which goes from WAITING to STARTING, RUNNING, and SETTLED: then its report is made, or its
indicators are being read. Two tasks move the cases: one starts them, one polls.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing, suppress
from datetime import datetime, timedelta
from typing import TypeVar

from attrs import define, field

from detective_async.api.models.constraints import GRAPH_ARN, Flag, Integer
from detective_async.api.models.exceptions import ResourceNotFoundException
from detective_async.api.models.indicators import Indicator
from detective_async.api.models.investigations import (
    Field,
    FilterCriteria,
    InvestigationDetail,
    SortCriteria,
    SortOrder,
    State,
    Status,
    StringFilter,
)
from detective_async.client.client import DetectiveClient
from detective_async.client.concurrency import map_concurrently, unwrapped_task_group
from detective_async.client.polling import Wait, check_timeout
from detective_async.errors import DetectiveError, ServiceError, TransportError, WaiterTimeout
from detective_async.investigation.cases import Case, Phase, distinct, make_cases, present_time
from detective_async.investigation.entities import FindingEntity
from detective_async.investigation.report import InvestigationFailed, InvestigationReport
from detective_async.investigation.scope import Scope, before
from detective_async.settings.clock import Clock

#: Seconds. An investigation takes a few minutes, as people have reported; AWS promises no time.
TIMEOUT = 1800.0
CONCURRENCY = 8
#: The API's maximum.
_PAGE_SIZE = 100
_NEWEST_FIRST = SortCriteria(field=Field.CREATED_TIME, sort_order=SortOrder.DESC)
#: ListInvestigations "lists all active investigations" (API reference); whether it lists archived ones too is not said.
_ARCHIVED = FilterCriteria(state=StringFilter(State.ARCHIVED))
#: By so much, the clocks of this machine and of AWS may differ: lists are read back so much further.
_CLOCKS_DIFFER = timedelta(days=1)
#: Seconds in which the lists are searched for an investigation whose start got no response. AWS shows what was done
#: within seconds, in what people have reported, and promises no time.
_SEARCH_TIME = 60.0
#: Seconds in which an investigation that is in a list must become visible to the other operations.
_VISIBLE_TIME = 10.0
#: The last poll begins at the deadline and may take this many seconds, or the timeout if that is less.
_LAST_POLL_LIMIT = 1.0

T = TypeVar("T")


def investigate(
    client: DetectiveClient,
    entity_arns: Iterable[str | FindingEntity],
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    timeout: float = TIMEOUT,
    graph_arn: str | None = None,
    repeat: bool = False,
    concurrency: int = CONCURRENCY,
) -> AsyncGenerator[InvestigationReport, None]:
    """Investigate IAM users and roles, and yield a report for each of them as soon as it has ended.

        async for report in investigate(client, arns):
            print(report.entity, report.severity or report.error)

    What was investigated before is not investigated again: an investigation of the same entity and time that is
    running, or has succeeded, is awaited or read. A time that was asked for must be the same to the second, and one
    that follows from the present time within an hour; the report has the times of the investigation. An investigation
    whose start got no response is looked for, and never started again. Leaving the loop cancels the requests in flight;
    investigations that were started go on in AWS.

    All of them are awaited by one list of the graph's investigations in each round. Requests are retried as by
    `RetryPolicy.patient()`, where neither the client's policy nor the environment says otherwise, and starts that are
    throttled for as long as there is time. A failure does not raise: it is the `error` of the entity's report, and so
    is a timeout.

    API operations: ListGraphs, StartInvestigation, ListInvestigations, GetInvestigation (only for investigations that
    there were before), ListIndicators.

    Args:
        client: a client of the graph's administrator, in the graph's region.
        entity_arns: ARNs of IAM users and roles, with their paths, or what `entities_of` has found: in the client's
            region, also those of findings from another `region`. Each is investigated once, and one that is not the ARN
            of a user or role, or is of another partition than the region, has a report with the error. If there are
            none, nothing is sent.
        start: the start of the activity to investigate; None for that of each finding, else a day before the end. A
            finding that ended before has a report with the error.
        end: the end of it; None for that of each finding, else now. AWS's console allows 3 hours to 30 days.
        timeout: the maximum number of seconds to wait for the investigations; reading what is done may take longer.
        graph_arn: the graph; None for the one that the client's account has.
        repeat: whether to start an investigation even if there is one.
        concurrency: the maximum number of investigations that are started, and of those that are read, concurrently.

    Raises:
        ParameterError: a parameter is invalid; nothing was sent.
    """
    cases = make_cases(client, entity_arns, start, end, region=client.region)
    check_options(timeout, repeat=repeat, concurrency=concurrency)
    if graph_arn is not None:
        GRAPH_ARN(graph_arn, "graph_arn")
    return reports_of(Investigations(client, distinct(cases), graph_arn, timeout, repeat, concurrency))


def check_options(timeout: float, *, repeat: bool, concurrency: int) -> None:
    """Raise a `ParameterError` if an option is invalid."""
    check_timeout(timeout)
    Flag()(repeat, "repeat")
    Integer(1)(concurrency, "concurrency")


async def reports_of(work: "Investigations") -> AsyncGenerator[InvestigationReport, None]:
    """Run, and yield the reports; ends with all tasks ended."""
    runner = asyncio.create_task(work.run())
    try:
        while (report := await work.reports.get()) is not None:
            yield report
        # Raises what is a mistake of this module, as all errors of the library are in reports.
        await runner
    finally:
        runner.cancel()
        await asyncio.gather(runner, return_exceptions=True)


def _patient(client: DetectiveClient) -> DetectiveClient:
    return client._patient()  # noqa: SLF001 - of our own class


@define(eq=False)
class Investigations:
    """The investigations of some cases in one graph.

    Attributes:
        reports: the reports as they are made, and None at the end.
    """

    client: DetectiveClient = field(converter=_patient)
    cases: list[Case]
    graph_arn: str | None
    timeout: float
    repeat: bool
    concurrency: int
    reports: "asyncio.Queue[InvestigationReport | None]" = field(init=False, factory=asyncio.Queue)
    _wait: Wait = field(init=False)
    #: All investigations that are waited for, and were not there before, have been started after this.
    _horizon: datetime = field(init=False)
    _reading: asyncio.Semaphore = field(init=False)
    _group: asyncio.TaskGroup = field(init=False)
    _watcher: "asyncio.Task[None] | None" = field(init=False, default=None)
    #: The ids of investigations that are not of a lost case.
    _known_ids: set[str] = field(init=False, factory=set)
    #: Id -> the scope, which the lists do not have; None if AWS does not tell it.
    _scopes: dict[str, Scope | None] = field(init=False, factory=dict)
    #: Why the last poll has failed.
    _poll_error: DetectiveError | None = field(init=False, default=None)

    @property
    def _clock(self) -> Clock:
        return self.client._transport.clock  # noqa: SLF001 - of our own class

    async def run(self) -> None:
        """Investigate, and put the reports into the queue."""
        try:
            await self._run()
        finally:
            self.reports.put_nowait(None)

    async def _run(self) -> None:
        self._wait = Wait(self._clock, self.timeout)
        self._horizon = before(present_time(self.client), _CLOCKS_DIFFER)
        self._reading = asyncio.Semaphore(self.concurrency)
        for case in self.cases:
            if case.problem is not None:
                self._report(case, error=case.problem)
        if not self._unsettled():
            return
        async with unwrapped_task_group() as group:
            self._group = group
            try:
                await self._find_graph()
                await self._find_existing()
            except DetectiveError as error:
                self._report_all(error)
                return
            starter = group.create_task(self._start_all())
            self._watcher = group.create_task(self._watch(starter))

    async def _find_graph(self) -> None:
        if self.graph_arn is None:
            graph = await self.client.iter_graphs().first()
            self.graph_arn = None if graph is None else graph.arn
        if self.graph_arn is None:
            raise InvestigationFailed(f"the client's account has no graph in {self.client.region}: enable Detective")

    @property
    def _graph(self) -> str:
        assert self.graph_arn is not None  # noqa: S101 - `_find_graph` has found it
        return self.graph_arn

    # What there is already

    async def _find_existing(self) -> None:
        """Give the cases the investigations that there are already."""
        now = present_time(self.client)
        earliest = min(before(case.scope.end, _CLOCKS_DIFFER) for case in self._unsettled())
        horizon = self._horizon if self.repeat else min(self._horizon, earliest)
        listed = [one async for one in self._list(horizon)]
        if not self.repeat:
            listed += [one async for one in self._list(horizon, _ARCHIVED)]
        self._known_ids.update(one.investigation_id for one in listed)
        if self.repeat:
            return
        found: dict[str, dict[str, InvestigationDetail]] = {}
        for one in listed:
            if one.entity_arn is not None and one.status in (Status.RUNNING, Status.SUCCESSFUL):
                found.setdefault(one.entity_arn, {}).setdefault(one.investigation_id, one)
        cases = [case for case in self._unsettled() if case.entity in found]

        async def match(case: Case) -> None:
            await self._match(case, found[case.entity], now)

        await map_concurrently(match, cases, concurrency=self.concurrency)

    async def _match(self, case: Case, details: dict[str, InvestigationDetail], now: datetime) -> None:
        """Give a case the newest investigation of its entity and scope."""
        earliest = before(min(case.scope.end, now), _CLOCKS_DIFFER)
        for investigation_id, one in details.items():
            if one.created_time is not None and one.created_time < earliest:
                continue
            try:
                is_like = await self._answers(investigation_id, case)
            except DetectiveError as error:
                # Without knowing, it might be started twice.
                self._report(case, error=error)
                return
            if is_like:
                case.reused = True
                self._note(case, one)
                return

    async def _answers(self, investigation_id: str, case: Case) -> bool:
        """Return whether an investigation answers for a case by its scope, which then becomes that of the case."""
        if investigation_id not in self._scopes:
            found = await self._visible(lambda: self.client.get_investigation(self._graph, investigation_id))
            start, end = found.scope_start_time, found.scope_end_time
            self._scopes[investigation_id] = None if start is None or end is None else Scope(start, end)
        scope = self._scopes[investigation_id]
        if scope is None or not case.scope.is_like(scope):
            return False
        case.scope = scope
        return True

    # Starting

    async def _start_all(self) -> None:
        waiting = [case for case in self.cases if case.phase is Phase.WAITING]
        await map_concurrently(self._start, waiting, concurrency=self.concurrency)

    async def _start(self, case: Case) -> None:
        wait = self._wait.part()
        # At the end of the time, the watcher makes the reports.
        while wait.remaining > 0 and not await self._try_to_start(case):
            await wait.pause()

    async def _try_to_start(self, case: Case) -> bool:
        """Start the investigation of a case, and return whether that is settled: it has started, or it never will."""
        case.phase = Phase.STARTING
        try:
            started = await self.client.start_investigation(
                self._graph, case.entity, scope_start_time=case.scope.start, scope_end_time=case.scope.end
            )
        except DetectiveError as error:
            if error.outcome_unknown:
                case.phase, case.error = Phase.LOST, error
                case.search_until = self._clock.monotonic() + _SEARCH_TIME
            elif isinstance(error, ServiceError) and error.retryable:
                # Throttled, as hundreds of starts may be.
                case.phase, case.error = Phase.WAITING, error
                return False
            else:
                # Nothing was started.
                case.phase = Phase.WAITING
                self._report(case, error=error)
            return True
        case.error = None
        self._known_ids.add(started.investigation_id)
        case.detail = InvestigationDetail(
            investigation_id=started.investigation_id, status=Status.RUNNING, entity_arn=case.entity
        )
        case.phase = Phase.RUNNING
        return True

    # Waiting

    async def _watch(self, starter: "asyncio.Task[None]") -> None:
        """Poll until all cases have settled, or the time is over."""
        wait = self._wait.part()
        while self._unsettled() and await wait.pause():
            if self._pending():
                await self._poll(max(wait.remaining, min(self.timeout, _LAST_POLL_LIMIT)))
            else:
                # The pauses grow with the time that investigations take.
                wait.restart()
        if self._unsettled():
            starter.cancel()
            for case in self._unsettled():
                self._report(case, error=self._timed_out(case))

    async def _poll(self, limit: float) -> None:
        self._poll_error = None
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(limit):
                    await self._sweep()
        except DetectiveError as error:
            is_transient = isinstance(error, TransportError) or (isinstance(error, ServiceError) and error.retryable)
            self._poll_error = error
            if not is_transient:
                for case in self._pending():
                    self._report(case, error=error)
        for case in self._pending():
            if case.phase is Phase.LOST and self._clock.monotonic() >= case.search_until:
                self._report(case, error=case.error)

    async def _sweep(self) -> None:
        """Read the list of the graph's investigations, the newest first, as far back as necessary."""
        running = {case.investigation_id: case for case in self._pending() if case.phase is Phase.RUNNING}
        lost = [case for case in self._pending() if case.phase is Phase.LOST]
        created = [case.detail.created_time for case in running.values() if case.detail and case.detail.created_time]
        async with aclosing(self._list(min([self._horizon, *created]))) as listed:
            async for one in listed:
                case = running.pop(one.investigation_id, None)
                if case is not None:
                    self._note(case, one)
                elif one.investigation_id not in self._known_ids:
                    await self._identify(one, lost)
                if not running and all(case.phase is not Phase.LOST for case in lost):
                    return

    async def _identify(self, one: InvestigationDetail, lost: Iterable[Case]) -> None:
        """Give an investigation that was not there before to the lost case that has started it, if there is one."""
        for case in lost:
            is_candidate = case.phase is Phase.LOST and case.entity == one.entity_arn
            # Another program may have started one of the same entity.
            if is_candidate and await self._answers(one.investigation_id, case):
                self._known_ids.add(one.investigation_id)
                case.error = None
                self._note(case, one)
                return

    def _note(self, case: Case, detail: InvestigationDetail) -> None:
        """Record the state of a case's investigation, and settle the case if it has ended."""
        case.detail = detail
        case.phase = Phase.RUNNING
        if detail.status == Status.SUCCESSFUL:
            case.phase = Phase.SETTLED
            self._group.create_task(self._read(case))
            self._stop_if_settled()
        elif detail.status not in (None, Status.RUNNING):
            error = InvestigationFailed(
                f"investigation {detail.investigation_id} ended with the status {detail.status}"
            )
            self._report(case, error=error)

    # Reading

    async def _read(self, case: Case) -> None:
        investigation_id = str(case.investigation_id)

        async def collect() -> list[Indicator]:
            return await self.client.iter_indicators(self._graph, investigation_id, page_size=_PAGE_SIZE).collect()

        try:
            async with self._reading:
                indicators = await self._visible(collect)
        except DetectiveError as error:
            self._report(case, error=error)
        else:
            self._report(case, indicators=indicators)

    async def _visible(self, read: Callable[[], Awaitable[T]]) -> T:
        """Read something of an investigation that is in a list, and so must become visible to other operations."""
        wait = Wait(self._clock, _VISIBLE_TIME)
        while True:
            try:
                return await read()
            except ResourceNotFoundException:
                if not await wait.pause():
                    raise

    async def _list(
        self, horizon: datetime, filter_criteria: FilterCriteria | None = None
    ) -> AsyncGenerator[InvestigationDetail, None]:
        """Yield the graph's investigations, the newest first, until they are older than the horizon."""
        investigations = self.client.iter_investigations(
            self._graph, filter_criteria=filter_criteria, sort_criteria=_NEWEST_FIRST, page_size=_PAGE_SIZE
        )
        async with aclosing(investigations.pages()) as pages:
            async for page in pages:
                for one in page.investigation_details:
                    yield one
                times = [one.created_time for one in page.investigation_details if one.created_time is not None]
                if times and min(times) < horizon:
                    return

    # Reporting

    def _report(self, case: Case, *, error: Exception | None = None, indicators: Iterable[Indicator] = ()) -> None:
        # Also if it is not known whether it was started.
        is_started = case.phase is not Phase.WAITING
        case.phase = Phase.SETTLED
        self.reports.put_nowait(
            InvestigationReport(
                entity=case.entity,
                start=case.scope.start if is_started else None,
                end=case.scope.end if is_started else None,
                region=self.client.region,
                graph_arn=self.graph_arn,
                administrator_id=None if self.graph_arn is None else self.graph_arn.split(":")[4],
                detail=case.detail,
                indicators=tuple(indicators),
                reused=case.reused,
                note=case.note if is_started else None,
                error=error,
            )
        )
        self._stop_if_settled()

    def _report_all(self, error: Exception) -> None:
        for case in self._unsettled():
            self._report(case, error=error)

    def _stop_if_settled(self) -> None:
        watcher = self._watcher
        if watcher is not None and watcher is not asyncio.current_task() and not self._unsettled():
            watcher.cancel()

    def _timed_out(self, case: Case) -> WaiterTimeout:
        key = case.investigation_id or case.entity
        status = "was not started" if case.phase is Phase.WAITING else "has not ended"
        error = WaiterTimeout(
            f"the investigation of {case.entity} {status} within {self.timeout:.10g} s",
            timeout=self.timeout,
            last_states={key: case.detail},
            pending=[key],
        )
        error.outcome_unknown = case.phase in (Phase.STARTING, Phase.LOST)
        error.__cause__ = case.error or self._poll_error
        return error

    def _unsettled(self) -> list[Case]:
        return [case for case in self.cases if case.phase is not Phase.SETTLED]

    def _pending(self) -> list[Case]:
        return [case for case in self.cases if case.phase in (Phase.RUNNING, Phase.LOST)]

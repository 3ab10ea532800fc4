"""A survey: all accounts and regions are read once, for any number of readers."""

import asyncio
import math
import secrets
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from attrs import evolve, field, frozen

from detective_async import DeadlineExceeded, DetectiveClient, DetectiveFleet, Outcome, Target
from detective_async.coverage import Coverage
from detective_async.events import AttemptEvent
from detective_async.fleet import OutcomeKind
from detective_async.integrations.aiohttp_web import ProblemError, to_json
from web_backend.feed import Feed
from web_backend.kinds import KINDS, Reading, Row, written

#: After this many targets that are put at once, other tasks get a turn.
_AT_A_TIME = 20

#: An account and a region.
Place = tuple[str, str]


@frozen(kw_only=True)
class Found:
    """What a survey has found in one account and region.

    Attributes:
        account_id: the account that was asked; empty for rows that follow from what several accounts have said.
        region: the region.
        time: when it was found.
        clock: the same, by a clock that is never set back, for ages.
        graph_arn: the graph; None if there is none, or that is not known.
        rows: the items.
        outcome: whether it succeeded.
        failure: why they are incomplete; its status is the cause, which many failures have in common.
        coverage: what the coverage is made from.
        summary: the numbers of members by status, as JSON.
    """

    account_id: str
    region: str
    time: datetime = field(factory=lambda: datetime.now(UTC))
    clock: float = field(factory=monotonic)
    graph_arn: str | None = None
    rows: tuple[Row, ...] = ()
    outcome: OutcomeKind = OutcomeKind.SUCCEEDED
    failure: Row | None = None
    coverage: Coverage | None = None
    summary: bytes = b""


@frozen(kw_only=True)
class SurveyPlan:
    """What surveys read, and for how long.

    Attributes:
        targets: the accounts and regions.
        accounts: the accounts that coverage is about; those that are found are added.
        keep: seconds for which a finished survey is reused.
        linger: seconds for which a survey continues after its last reader has disconnected; then it asks nothing new,
            and stops when it has all answers. The next one takes over what it has found.
        target_timeout: the time limit of one account in one region, in seconds.
        survey_timeout: the time limit of a survey, in seconds.
        listener: called with the kind and what was found in each account and region.
    """

    targets: Sequence[Target]
    accounts: Collection[str]
    keep: float
    linger: float
    target_timeout: float
    survey_timeout: float
    listener: Callable[[str, Found], object] = lambda _kind, _found: None


class Survey:
    """One pass over all accounts and regions.

    Attributes:
        kind: one of `KINDS`.
        plan: the targets and the limits.
        id: a random id.
        started: when it started; with results of an earlier survey, when the oldest of them was found.
        finished: when it ended; None while it runs.
        total: the number of targets.
        found: account and region -> what was found there.
        feed: the same, in the order of arrival.
        outdated: whether something was changed since it began.
    """

    def __init__(
        self, kind: str, fleet: DetectiveFleet, plan: SurveyPlan, kept: Mapping[Place, Found] | None = None
    ) -> None:
        """Start it.

        Args:
            kind: one of `KINDS`.
            fleet: the accounts and regions.
            plan: the same, and the limits.
            kept: what is taken over from an earlier survey, instead of being read again.
        """
        self.kind = kind
        self.id = secrets.token_hex(8)
        kept = kept or {}
        self.started = min((one.time for one in kept.values()), default=datetime.now(UTC))
        self.finished: datetime | None = None
        self.total = len(plan.targets)
        self.found: dict[Place, Found] = {}
        self.feed: Feed[Found] = Feed()
        self._read = KINDS[kind]
        self._fleet = fleet
        self.plan = plan
        self._kept = kept
        self._oldest = min((one.clock for one in kept.values()), default=math.inf)
        self._watchers = 0
        self._wanted = asyncio.Event()
        self._wanted.set()
        # Their answers are awaited.
        self._asked: set[Place] = set()
        self._stop_timer: asyncio.TimerHandle | None = None
        self._ended_at = 0.0
        self.usable = True
        self.outdated = False
        self._task = asyncio.create_task(self._run(), name=f"survey of {kind}")
        self._task.add_done_callback(self._end)

    def is_current(self, max_age: float | None) -> bool:
        """Return whether it is running, or ended successfully not too long ago, and nothing was changed since it began.

        Args:
            max_age: in seconds; the age of what was taken over counts, too. None for as long as surveys are kept,
                counted from the end: for the reader that has asked for a retry.
        """
        if not self.usable or self.outdated:
            return False
        since = self._ended_at if self.feed.ended else math.inf
        if max_age is None:
            max_age = self.plan.keep
        else:
            since = min(since, self._oldest)
        return monotonic() - since <= max_age

    def left_over(self, max_age: float | None) -> dict[Place, Found]:
        """Return what the next survey need not read again: what is not too old, if this one was stopped.

        Without that, a reader that asks more rarely than surveys linger would start from nothing each time; and with
        it, but without the answers that were awaited at the stop, it would get nowhere if none comes while it waits.

        Args:
            max_age: as for `is_current`.
        """
        if self.outdated or not self._task.cancelling():
            return {}
        oldest = monotonic() - (self.plan.keep if max_age is None else max_age)
        return {place: found for place, found in self.found.items() if found.clock > oldest}

    def hold(self) -> None:
        """Keep it for a reader that is about to come, but not for ever: the reader may have hung up already."""
        self._cancel_stop()
        if not self._watchers and not self.feed.ended:
            # Not stopped at once: after a reload of the page, the reader comes back.
            self._stop_timer = asyncio.get_running_loop().call_later(self.plan.linger, self._let_end)

    async def watch(
        self, start: int = 0, silence: float | None = None
    ) -> AsyncGenerator[tuple[int, Found | None], None]:
        """Yield (number, found) for all targets, as the results arrive; see `Feed.follow`.

        Raises:
            ProblemError: it was stopped before its end.
        """
        with self._watched():
            async with aclosing(self.feed.follow(start, silence)) as entries:
                async for entry in entries:
                    yield entry

    async def wait(self, timeout: float) -> None:
        """Wait until it has ended, at most for that many seconds."""
        with self._watched():
            await asyncio.wait([self._task], timeout=timeout)

    async def aclose(self) -> None:
        """Stop it, and wait until it has ended."""
        self._stop()
        await asyncio.wait([self._task])

    def _let_end(self) -> None:
        """Ask nothing new, and stop when all answers are here; a reader that comes before lets it go on."""
        self._wanted.clear()
        # The outcomes of some may depend on targets that are no longer asked.
        self._stop_timer = asyncio.get_running_loop().call_later(self.plan.target_timeout, self._stop)
        self._stop_if_unwanted()

    def _stop_if_unwanted(self) -> None:
        if not (self._asked or self._wanted.is_set()):
            self._stop()

    def _stop(self) -> None:
        self._cancel_stop()
        if not self.feed.ended:
            self.usable = False
            self._task.cancel()

    def _cancel_stop(self) -> None:
        if self._stop_timer is not None:
            self._stop_timer.cancel()
            self._stop_timer = None

    async def put(self, found: Found) -> None:
        """Add what was found in a target."""
        if self.kind == "members":
            # Once, and not for each reader.
            found = evolve(found, summary=_summary(found, len(self.found) + 1))
        self.found[found.account_id, found.region] = found
        self.feed.put(found)
        if len(self.found) % _AT_A_TIME == 0:
            await asyncio.sleep(0)

    async def complete(self) -> None:
        """Add what follows from all targets together."""

    @contextmanager
    def _watched(self) -> Iterator[None]:
        self._cancel_stop()
        self._wanted.set()
        self._watchers += 1
        try:
            yield
        finally:
            self._watchers -= 1
            self.hold()

    async def _run(self) -> None:
        for found in self._kept.values():
            await self.put(found)
        try:
            async with asyncio.timeout(self.plan.survey_timeout), aclosing(self._fleet.run(self._work)) as outcomes:
                async for outcome in outcomes:
                    place = (outcome.target.account_id, outcome.target.region)
                    if place not in self._kept:
                        await self._put_new(_found(outcome))
                        # An account whose keys were refused was never asked.
                        self._asked.discard(place)
                        self._stop_if_unwanted()
        except TimeoutError:
            await self._give_up()
        await self.complete()

    async def _work(self, client: DetectiveClient, target: Target) -> Reading:
        place = (target.account_id, target.region)
        if place in self._kept:
            return Reading()
        await self._wanted.wait()
        self._asked.add(place)
        answers = _Answers()
        try:
            async with asyncio.timeout(self.plan.target_timeout):
                return await self._read(client.with_options(hooks=answers.see), target)
        except TimeoutError:
            text = f"There was no complete answer within {self.plan.target_timeout:g} seconds."
            raise ProblemError(504, None, text, code="DeadlineExceeded", last_code=answers.last_code) from None
        except DeadlineExceeded as error:
            if answers.last_code is None:
                raise
            # Not a matter of time: each attempt was answered, and refused.
            text = f"{error}; the last answer was {answers.last_code}"
            raise ProblemError(504, None, text, code="DeadlineExceeded", last_code=answers.last_code) from None

    async def _give_up(self) -> None:
        """Add a failure for each target that is left."""
        text = f"It was not asked, or has not answered, within the {self.plan.survey_timeout:g} seconds of the survey."
        error = ProblemError(504, None, text, code="DeadlineExceeded")
        for target in self.plan.targets:
            if (target.account_id, target.region) not in self.found:
                await self._put_new(_found(Outcome(target, None, error, self.plan.survey_timeout)))

    async def _put_new(self, found: Found) -> None:
        self.plan.listener(self.kind, found)
        await self.put(found)

    def _end(self, task: asyncio.Task[None]) -> None:
        # Not at the end of `_run`, which may be cancelled before it has started.
        stopped = ProblemError(503, None, "The survey of the accounts was stopped.")
        error = stopped if task.cancelled() else task.exception()
        self.usable = error is None
        self.finished = datetime.now(UTC)
        self._ended_at = monotonic()
        self.feed.end(error)


class _Answers:
    """What AWS has answered to the calls for a target.

    Attributes:
        last_code: the error code of the last answer; None if that was no error, or there was none.
    """

    def __init__(self) -> None:
        self.last_code: str | None = None

    def see(self, event: object) -> None:
        """Note an attempt's answer; a hook of the client."""
        if isinstance(event, AttemptEvent) and event.status is not None:
            self.last_code = event.error_code


def _cause(problem: Mapping[str, Any]) -> str:
    """Return the word by which failures are grouped: the code, as some services write it, without its ending."""
    # An unexpected error has no code.
    code = problem.get("last_code") or problem.get("code") or problem["title"]
    return str(code).removesuffix("Exception") or str(code)


def _found(outcome: Outcome[Reading]) -> Found:
    reading, failure = outcome.value or Reading(), None
    if outcome.error is not None:
        place = {"AccountId": outcome.target.account_id, "Region": outcome.target.region}
        error = to_json(outcome.error)
        cause = _cause(error)
        # Not the title of a response's status, which would make an account's expired keys an error of this server.
        line = written({**place, "Failure": {"Outcome": outcome.kind, "Cause": cause, **error, "title": cause}})
        failure = Row(id=outcome.target.account_id, status=cause, json=line)
    return Found(
        account_id=outcome.target.account_id,
        region=outcome.target.region,
        graph_arn=reading.graph_arn,
        rows=reading.rows,
        outcome=outcome.kind,
        failure=failure,
        coverage=reading.coverage,
    )


def _summary(found: Found, done: int) -> bytes:
    failure = None if found.failure is None else found.failure.values()["Failure"]
    return written(
        {
            "AccountId": found.account_id,
            "Region": found.region,
            "Outcome": found.outcome,
            "GraphArn": found.graph_arn,
            "Counts": Counter(row.status for row in found.rows if row.status is not None),
            "Error": failure,
            "Done": done,
            "Time": to_json(found.time),
        }
    )

"""Waits for states of the service: looks at them, with growing pauses, until they are there or a deadline is over.

All waits of this package end by their deadline, and by nothing else: those of the client, of memberships, and others.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Generic, TypeVar

from detective_async.api.models.exceptions import ResourceNotFoundException
from detective_async.errors import (
    DetectiveError,
    ParameterError,
    ServiceError,
    TransportError,
    WaiterTimeout,
)
from detective_async.settings.arguments import seconds_problem
from detective_async.settings.clock import Clock

_FIRST_PAUSE = 0.25
_GROWTH = 1.5
_LONGEST_PAUSE = 15.0
#: The part of a pause that is random, so that many waiters do not poll at the same moment.
_JITTER = 0.25
#: The part of the time left that a pause takes at most, where the pauses are to shrink towards the deadline.
_PART_OF_REST = 0.25
#: The last poll begins at the deadline and may take this many seconds, or the timeout if that is less.
_LAST_POLL_LIMIT = 1.0
#: The maximum number of pending ids in an error message.
_MAX_IDS_IN_MESSAGE = 5

State = TypeVar("State")


class Wait:
    """One wait: its deadline, and the pauses between the looks at what is waited for.

    The first pause is 0.25 s; each further one is longer, up to 15 s, less a random part.

    Args:
        clock: time, sleep and randomness.
        timeout: the seconds until the deadline.
        growth: the factor by which the pauses grow.
        shrinks: whether no pause takes more than a quarter of the time left, so that what comes true shortly before the
            deadline is still seen.
        deadline: the deadline by the clock, for a wait that is a part of another; None for `timeout` from now on.
    """

    def __init__(
        self,
        clock: Clock,
        timeout: float,
        *,
        growth: float = _GROWTH,
        shrinks: bool = False,
        deadline: float | None = None,
    ) -> None:
        self.clock = clock
        self.timeout = timeout
        self.deadline = clock.monotonic() + timeout if deadline is None else deadline
        self._growth = growth
        self._shrinks = shrinks
        self._pauses = pauses(clock, growth=growth)
        self._is_last = False

    @property
    def remaining(self) -> float:
        """The seconds until the deadline; not above zero if it has passed."""
        return self.deadline - self.clock.monotonic()

    def part(self, part: float = 1.0) -> "Wait":
        """Return a wait with pauses of its own, until the same deadline, or for a part of the time until then."""
        deadline = self.deadline if part >= 1 else self.clock.monotonic() + part * self.remaining
        return Wait(self.clock, self.timeout, growth=self._growth, shrinks=self._shrinks, deadline=deadline)

    def restart(self) -> None:
        """Begin with short pauses again, after progress."""
        self._pauses = pauses(self.clock, growth=self._growth)

    async def pause(
        self, wake: asyncio.Event | None = None, *, shortest: float = 0.0, longest: float = math.inf
    ) -> bool:
        """Pause until the next look, and return True; return False at once after the last one, at the deadline.

        Args:
            wake: ends the pause early when it is set.
            shortest: the seconds for which not to look, unless the deadline is earlier.
            longest: the seconds after which to look in any case.
        """
        remaining = self.remaining
        if self._is_last or remaining <= 0:
            return False
        seconds = min(next(self._pauses), longest)
        if self._shrinks:
            seconds = min(seconds, max(_FIRST_PAUSE, remaining * _PART_OF_REST))
        seconds = max(seconds, shortest)
        # A sleep may end a little early, and the deadline be a moment ahead still.
        self._is_last = seconds >= remaining
        seconds = min(seconds, remaining)
        if wake is None:
            await self.clock.sleep(seconds)
        else:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await wake.wait()
                    self._is_last = False
        return True


class Poller(Generic[State]):
    """The things that are waited for, and their last known states.

    Args:
        subject: what the ids identify, for messages: `members`.
        ids: the ids to wait for.

    Attributes:
        last_states: id -> its last known state, in the order of the ids; None if it was in no response.
        pending: the ids that have not settled, in order.
    """

    def __init__(self, subject: str, ids: Iterable[str]) -> None:
        self._subject = subject
        self.last_states: dict[str, State | None] = dict.fromkeys(ids)
        self.pending = dict.fromkeys(self.last_states)
        self._error: DetectiveError | None = None
        # Id -> until when it may still appear, by the clock.
        self._absent: dict[str, float] = {}
        self._appear_within = 0.0

    @property
    def states(self) -> list[State]:
        """The last known states, in order; ids without a state are left out."""
        return [state for state in self.last_states.values() if state is not None]

    def record(self, key: str, state: State, *, settled: bool) -> bool:
        """Record the state of an id and return whether it has just settled; ignore ids that are not pending."""
        if key not in self.pending:
            return False
        self._absent.pop(key, None)
        self.last_states[key] = state
        if settled:
            del self.pending[key]
        return settled

    def record_absence(self, keys: Iterable[str], clock: Clock, appear_within: float) -> None:
        """Record that there is nothing of these ids; the wait ends when that is so of all pending ones for so long."""
        self._appear_within = appear_within
        now = clock.monotonic()
        for key in keys:
            self._absent.setdefault(key, now + appear_within)

    def record_failure(self, error: ServiceError | TransportError, *, may_appear: bool = False) -> None:
        """Record the failure of a poll, or raise the error if it is not transient.

        Args:
            error: the failure.
            may_appear: whether what was not found may be new, and be found later.
        """
        is_new = may_appear and isinstance(error, ResourceNotFoundException)
        if isinstance(error, ServiceError) and not (error.retryable or is_new):
            raise error
        self._error = error

    async def until_settled(self, poll: Callable[[], Awaitable[object]], clock: Clock, timeout: float) -> None:
        """Poll, with increasing pauses, until all ids have settled.

        Args:
            poll: requests the states of the pending ids, and calls `record`.
            clock: time, sleep and randomness.
            timeout: seconds; the last poll is at their end.

        Raises:
            WaiterTimeout: not all have settled.
        """
        wait = Wait(clock, timeout)
        while True:
            finished = await self._poll_once(poll, max(wait.remaining, min(timeout, _LAST_POLL_LIMIT)))
            if not self.pending:
                return
            appears = self._time_to_appear(clock.monotonic())
            if appears <= 0:
                raise self._timed_out(timeout, f"not seen within {self._appear_within:.10g} s (appear_within)")
            # The last poll is at the deadline, after which there is no pause.
            if not finished or not await wait.pause(longest=appears):
                break
        raise self._timed_out(timeout) from self._error

    def _time_to_appear(self, now: float) -> float:
        """Return the seconds after which nothing is waited for any more, if all that is pending stays absent."""
        return max(self._absent.get(key, math.inf) for key in self.pending) - now

    async def _poll_once(self, poll: Callable[[], Awaitable[object]], limit: float) -> bool:
        """Poll once and return whether that finished within the limit."""
        self._error = None
        try:
            async with asyncio.timeout(limit):
                await poll()
        except TimeoutError:
            return False
        except (ServiceError, TransportError) as error:
            self.record_failure(error)
        return True

    def _timed_out(self, timeout: float, problem: str = "") -> WaiterTimeout:
        shown = [f"{key} {_status(self.last_states[key])}" for key in islice(self.pending, _MAX_IDS_IN_MESSAGE)]
        if len(self.pending) > _MAX_IDS_IN_MESSAGE:
            shown.append(f"and {len(self.pending) - _MAX_IDS_IN_MESSAGE} more")
        return WaiterTimeout(
            f"{self._subject}: {len(self.pending)} of {len(self.last_states)} "
            f"{problem or f'not settled within {timeout:.10g} s'}: {', '.join(shown)}",
            timeout=timeout,
            last_states=self.last_states,
            pending=self.pending,
        )


def check_timeout(timeout: object, name: str = "timeout") -> None:
    """Raise `ParameterError` if the timeout is not a positive number."""
    if problem := seconds_problem(timeout):
        raise ParameterError(name, problem)


def pauses(clock: Clock, *, growth: float = _GROWTH, first: float = _FIRST_PAUSE) -> Iterator[float]:
    """Yield the seconds between polls: growing from the first up to 15, less a random part."""
    pause = first
    while True:
        yield pause * (1 - _JITTER * clock.random())
        pause = min(pause * growth, _LONGEST_PAUSE)


def _status(state: object) -> str:
    return "was never seen" if state is None else str(getattr(state, "status", None) or "without a status")

"""Looking again and again until something has settled, or its time is up."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from itertools import islice
from typing import Generic, TypeVar

from detective_async.errors import DetectiveError, ParameterError, ServiceError, TransportError, WaiterTimeout
from detective_async.settings.clock import Clock

_FIRST_PAUSE = 0.25
_GROWTH = 1.5
_LONGEST_PAUSE = 15.0
#: The part of a pause that chance may take away, so that many waiters do not all ask in the same moment.
_JITTER = 0.25
#: The look at the deadline needs some time too; so many seconds, or the timeout where that is less.
_LAST_LOOK = 1.0
#: How many of those that did not settle an error names.
_NAMED = 5

State = TypeVar("State")


class Watch(Generic[State]):
    """What is waited for, and how it was last seen.

    Args:
        subject: what it is, for messages: `members`.
        ids: of each of them.

    Attributes:
        last_states: id -> how it was last seen, in the order given; None where it never was.
        pending: the ids of those that have not settled, in order.
    """

    def __init__(self, subject: str, ids: Iterable[str]) -> None:
        self._subject = subject
        self.last_states: dict[str, State | None] = dict.fromkeys(ids)
        self.pending = dict.fromkeys(self.last_states)
        self._error: DetectiveError | None = None

    @property
    def states(self) -> list[State]:
        """How those that were seen were last seen, in order."""
        return [state for state in self.last_states.values() if state is not None]

    def see(self, key: str | None, state: State, *, settled: bool) -> bool:
        """Note how one of them looks, and tell whether it has settled now; what is not waited for is passed over."""
        if key not in self.pending:
            return False
        self.last_states[key] = state
        if settled:
            del self.pending[key]
        return settled

    def excuse(self, error: ServiceError | TransportError) -> None:
        """Note that a look failed in a way that may pass; raise what will not."""
        if isinstance(error, ServiceError) and not error.retryable:
            raise error
        self._error = error

    async def until_settled(self, look: Callable[[], Awaitable[object]], clock: Clock, timeout: float) -> None:
        """Look, and look again after ever longer pauses, until all have settled.

        Args:
            look: asks for those that are pending, and calls `see`.
            clock: time and chance.
            timeout: seconds; the last look is when they are over.

        Raises:
            WaiterTimeout: not all have settled.
        """
        deadline = clock.monotonic() + timeout
        rests = pauses(clock)
        is_last = False
        while True:
            on_time = await self._look(look, max(deadline - clock.monotonic(), min(timeout, _LAST_LOOK)))
            if not self.pending:
                return
            left = deadline - clock.monotonic()
            if is_last or left <= 0 or not on_time:
                break
            pause = next(rests)
            is_last = pause >= left
            await clock.sleep(min(pause, left))
        raise self._timed_out(timeout) from self._error

    async def _look(self, look: Callable[[], Awaitable[object]], limit: float) -> bool:
        """Look once, and tell whether that came to its end within the limit."""
        self._error = None
        try:
            async with asyncio.timeout(limit):
                await look()
        except TimeoutError:
            return False
        except (ServiceError, TransportError) as error:
            self.excuse(error)
        return True

    def _timed_out(self, timeout: float) -> WaiterTimeout:
        shown = [f"{key} {_status(self.last_states[key])}" for key in islice(self.pending, _NAMED)]
        if len(self.pending) > _NAMED:
            shown.append(f"and {len(self.pending) - _NAMED} more")
        return WaiterTimeout(
            f"{self._subject}: {len(self.pending)} of {len(self.last_states)} not settled within {timeout:.10g} s: "
            f"{', '.join(shown)}",
            timeout=timeout,
            last_states=self.last_states,
            pending=self.pending,
        )


def check_timeout(timeout: object) -> None:
    """Raise `ParameterError` for what is no positive number."""
    if not isinstance(timeout, int | float) or isinstance(timeout, bool) or not timeout > 0:
        raise ParameterError("timeout", f"must be a positive number of seconds, got {timeout!r}")


def pauses(clock: Clock, *, growth: float = _GROWTH) -> Iterator[float]:
    """Give the seconds between one look and the next: ever longer ones, up to 15, spread by chance."""
    pause = _FIRST_PAUSE
    while True:
        yield pause * (1 - _JITTER * clock.random())
        pause = min(pause * growth, _LONGEST_PAUSE)


def _status(state: object) -> str:
    return "was never seen" if state is None else str(getattr(state, "status", None) or "without a status")

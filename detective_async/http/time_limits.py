"""Limits on the time of an exchange, for event loops that the program may block."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

#: Seconds by which a busy event loop may be late: a tenth of a timeout, but within these bounds.
_LEAST_LATE, _MOST_LATE = 0.05, 0.25


def is_late(now: float, due: float, timeout: float) -> bool:
    """Return whether a timer fired so late that it says nothing about the network, only about the event loop."""
    return now - due > max(_LEAST_LATE, min(timeout / 10, _MOST_LATE))


class TimeLimit:
    """The end of an exchange.

    Attributes:
        began: when the exchange began, by the event loop's clock.
        until: when it must be over.
        deadline: when it must be over even if the event loop was late; None for no limit.
    """

    __slots__ = ("_was_extended", "began", "deadline", "until")

    def __init__(self, began: float, until: float, deadline: float | None) -> None:
        self.began = began
        self.until = until
        self.deadline = deadline
        self._was_extended = False

    def is_over(self, now: float) -> bool:
        """Return, at `until`, whether the time is over.

        If the program blocked the event loop beyond it, the exchange is given its time once more, but not beyond the
        deadline.
        """
        if not self._was_extended:
            self._was_extended = True
            until = self.until
            end = now + (until - self.began) if is_late(now, until, until - self.began) else now
            self.until = end if self.deadline is None else min(end, max(now, self.deadline))
        return self.until <= now


def time_limit(loop: asyncio.AbstractEventLoop, until: float | None, deadline: float | None) -> TimeLimit | None:
    """Give the limit of an exchange that begins now; None for none."""
    return None if until is None else TimeLimit(loop.time(), until, deadline)


@asynccontextmanager
async def limited(
    loop: asyncio.AbstractEventLoop, limit: TimeLimit | None, timers: set[asyncio.Timeout]
) -> AsyncIterator[None]:
    """Raise `TimeoutError` in the block when the time is over.

    One round of the event loop later at the earliest: until then, a response that has arrived is read. The timer is
    among the `timers` meanwhile, so that the block can be ended.
    """
    async with asyncio.timeout_at(None) as timer:
        timers.add(timer)
        handle = None if limit is None else loop.call_at(limit.until, _expire, timer, loop, limit)
        try:
            yield
        finally:
            timers.discard(timer)
            if handle is not None:
                handle.cancel()
            # It refers to the task, which may keep the exception, whose traceback refers to this frame: a cycle.
            del timer


def _expire(timer: asyncio.Timeout, loop: asyncio.AbstractEventLoop, limit: TimeLimit) -> None:
    # If it has expired, the client was closed in this round.
    if not timer.expired():
        now = loop.time()
        timer.reschedule(now if limit.is_over(now) else limit.until)

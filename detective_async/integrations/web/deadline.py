"""The time limit of a request."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from attrs import define

from detective_async.errors import ParameterError

_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
#: Seconds by which the handler may outlast its calls: a call that reaches the deadline reports whether AWS may have
#: carried it out, a cancelled one cannot.
_GRACE = 0.25


class DeadlineReached(TimeoutError):
    """The deadline of a request has passed; any other `TimeoutError` is the handler's own."""


@define(eq=False)
class Deadline:
    """The deadline of a request, by the event loop's clock: its calls end at `until`, its handler at `end`."""

    until: float
    end: float
    _loop: asyncio.AbstractEventLoop
    _timeout: asyncio.Timeout

    def remaining(self) -> float:
        """Return the seconds until the deadline, in any thread; raise a `TimeoutError` if it has passed."""
        remaining = self.until - self._loop.time()
        if remaining <= 0:
            raise DeadlineReached
        return remaining

    def hand_over(self) -> None:
        """Disable the timeout of the request: from here on the caller enforces the deadline."""
        if self._timeout.expired():
            # The handler suppressed its cancellation.
            raise DeadlineReached
        self._timeout.reschedule(None)

    def disarm(self) -> None:
        """Disable the timeout of the request, whose response is complete; if it has passed, it stays so."""
        if not self._timeout.expired():
            self._timeout.reschedule(None)


@asynccontextmanager
async def limited(seconds: float) -> AsyncIterator[Deadline]:
    """Enforce a deadline, in seconds from now, on the body of the `with` statement.

    Raises:
        DeadlineReached: it has passed.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    timeout = asyncio.timeout_at(until + _GRACE)
    try:
        async with timeout:
            yield Deadline(until, until + _GRACE, loop, timeout)
    except TimeoutError:
        if timeout.expired():
            raise DeadlineReached from None
        raise


def read_seconds(name: str | None, values: Sequence[str], limit: float | None) -> float | None:
    """Return the time limit of a request in seconds: the lower one of the server's and the header's.

    Args:
        name: the name of the header; None for no such header.
        values: the values of all headers of that name.
        limit: the server's limit; None for none.

    Raises:
        ParameterError: the header is malformed or repeated.
    """
    if name is None or not values:
        return limit
    seconds = float(values[0]) if len(values) == 1 and _SECONDS.fullmatch(values[0]) else 0.0
    if not seconds > 0:
        raise ParameterError(name, "expected a positive number of seconds")
    return seconds if limit is None else min(seconds, limit)

"""The time limit of a request."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from attrs import define

from detective_async.integrations.aiohttp_web.problem import ProblemError
from detective_async.integrations.aiohttp_web.state import STATE, State

_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
#: Seconds by which the handler may outlast its calls: a call that reaches the deadline reports whether AWS may have
#: carried it out, a cancelled one cannot.
_GRACE = 0.25


@define(eq=False)
class Deadline:
    """The deadline of a request, by the event loop's clock: its calls end at `until`, its handler at `end`."""

    until: float
    end: float
    _timeout: asyncio.Timeout

    def remaining(self) -> float:
        """Return the seconds until the deadline; raise a `TimeoutError` if it has passed."""
        remaining = self.until - asyncio.get_running_loop().time()
        if remaining <= 0:
            raise TimeoutError
        return remaining

    def hand_over(self) -> None:
        """Disable the middleware's timeout: from here on the caller enforces the deadline."""
        if self._timeout.expired():
            # The handler suppressed its cancellation.
            raise TimeoutError
        self._timeout.reschedule(None)


DEADLINE = web.RequestKey("DEADLINE", Deadline)


@asynccontextmanager
async def request_deadline(request: web.Request) -> AsyncIterator[None]:
    """Enforce the request's deadline, if it has one."""
    state = request.config_dict.get(STATE)
    # For a sub-app with its own `setup`, the deadline of the outer app applies.
    seconds = None if state is None or DEADLINE in request else _seconds(request, state)
    if seconds is None:
        yield
        return
    until = asyncio.get_running_loop().time() + seconds
    async with asyncio.timeout_at(until + _GRACE) as timeout:
        request[DEADLINE] = Deadline(until, until + _GRACE, timeout)
        yield


def _seconds(request: web.Request, state: State) -> float | None:
    name = state.deadline_header
    values = request.headers.getall(name, []) if name else []
    if not values:
        return state.deadline
    seconds = float(values[0]) if len(values) == 1 and _SECONDS.fullmatch(values[0]) else 0.0
    if not seconds > 0:
        raise ProblemError(400, detail=f"{name}: expected a positive number of seconds", parameter=name)
    return seconds if state.deadline is None else min(seconds, state.deadline)

"""How long a request may take."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from attrs import define

from detective_async.integrations.aiohttp_web.problem import ProblemError
from detective_async.integrations.aiohttp_web.state import STATE, State

_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
#: How many seconds later the work ends than its calls: one that runs into the deadline can tell whether AWS may have
#: acted on it, and one that is cut off cannot.
_GRACE = 0.25


@define(eq=False)
class Deadline:
    """When a request must have been answered, by the event loop's clock.

    Attributes:
        until: when the calls for it end.
        end: when whatever else is done for it ends.
    """

    until: float
    end: float
    _timeout: asyncio.Timeout

    def rest(self) -> float:
        """Give the seconds that are left.

        Raises:
            TimeoutError: none are.
        """
        rest = self.until - asyncio.get_running_loop().time()
        if rest <= 0:
            raise TimeoutError
        return rest

    def take_over(self) -> None:
        """Leave it to the caller to end in time, from here on.

        Raises:
            TimeoutError: it is too late for that, and whoever was cancelled for it has gone on.
        """
        if self._timeout.expired():
            raise TimeoutError
        self._timeout.reschedule(None)


DEADLINE = web.RequestKey("DEADLINE", Deadline)


@asynccontextmanager
async def bounded(request: web.Request) -> AsyncIterator[None]:
    """Bound what is done for a request by its deadline, where it has one.

    Raises:
        ProblemError: the header is malformed.
        TimeoutError: the time is up.
    """
    state = request.config_dict.get(STATE)
    # An app within the app may have been set up as well: the outer one is the one that counts.
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
    asked = request.headers.getall(name, []) if name else []
    if not asked:
        return state.deadline
    seconds = float(asked[0]) if len(asked) == 1 and _SECONDS.fullmatch(asked[0]) else 0.0
    if not seconds > 0:
        raise ProblemError(400, detail=f"{name}: expected a positive number of seconds", parameter=name)
    return seconds if state.deadline is None else min(seconds, state.deadline)

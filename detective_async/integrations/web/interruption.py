"""Interrupts the work for a response that can no longer be completed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from detective_async.integrations.web.deadline import DeadlineReached

#: Seconds between checks. Servers do not notify handlers of every change, so it is looked for: by a timer, which is
#: cheaper than a task for each of hundreds of streams.
CHECK_INTERVAL = 0.1


class ClientDisconnected(Exception):
    """The client has disconnected, or has stopped reading."""


@asynccontextmanager
async def interruptible(find_reason: Callable[[], Exception | None], end: float | None) -> AsyncIterator[None]:
    """Interrupt the body of the `with` statement when there is a reason, or the time limit has passed.

    Args:
        find_reason: returns the exception to raise, or None.
        end: the end of the time limit, by the event loop's clock; None for no limit.

    Raises:
        Exception: the reason.
        DeadlineReached: the time limit has passed.
    """
    loop = asyncio.get_running_loop()
    handle: asyncio.TimerHandle
    reason: Exception | None = None

    # Receives itself as an argument: a function that refers to its own variable is a reference cycle.
    def check(again: Callable[[Any], None]) -> None:
        nonlocal handle, reason
        reason = find_reason()
        if reason is None:
            handle = loop.call_later(CHECK_INTERVAL, again, again)
        elif not timeout.expired():
            timeout.reschedule(loop.time())

    timeout = asyncio.timeout_at(end)
    try:
        async with timeout:
            handle = loop.call_later(CHECK_INTERVAL, check, check)
            try:
                yield
            finally:
                handle.cancel()
    except TimeoutError:
        if reason is None:
            if timeout.expired():
                raise DeadlineReached from None
            raise
    else:
        return
    try:
        # Outside the except block, so that the TimeoutError is not chained.
        raise reason
    finally:
        # The traceback refers to this frame: without this the frame would refer back, a reference cycle.
        reason = None

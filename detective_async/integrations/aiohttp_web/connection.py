"""Watching the connection while an answer is on its way."""

import asyncio
import socket
import struct
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiohttp import hdrs, web

from detective_async.integrations.aiohttp_web.problem import ProblemError
from detective_async.integrations.aiohttp_web.state import State

#: aiohttp tells no handler that a browser has gone, unless its server was made to cancel them all. So we look, so many
#: seconds apart: a timer costs less than a task, and there may be hundreds.
_INTERVAL = 0.1
#: Bytes that wait in the system: beyond the server's own buffer, and where nobody sees whether they are taken.
_MOST_UNSENT = 65_536
#: TCP_NOTSENT_LOWAT, which Python has a name for from 3.12 on. Linux would take in megabytes otherwise, and ask for
#: more only once a third of them has gone, which may be minutes later.
_NOTSENT_LOWAT = 25 if sys.platform == "linux" else getattr(socket, "TCP_NOTSENT_LOWAT", -1)
#: To wait for nothing to be delivered when a socket is closed.
_AT_ONCE = struct.pack("ii", 1, 0)


class Gone(Exception):
    """Nobody takes the answer any more."""


def is_gone(request: web.BaseRequest) -> bool:
    """Tell whether the connection is closed, or being closed."""
    transport = request.transport
    return transport is None or transport.is_closing()


def break_off(request: web.BaseRequest) -> None:
    """Reset the connection, and forget what was to be written to it.

    An ordinary end would look to HTTP/1.0 like that of the answer, and leave it to the system for minutes to deliver
    what nobody takes.
    """
    transport = request.transport
    if transport is not None:
        _set(transport, socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        transport.abort()


def hold_little(request: web.BaseRequest) -> None:
    """Have the system take in no more than it needs of what is written, so that the writing is held up early."""
    if request.transport is not None:
        _set(request.transport, socket.IPPROTO_TCP, _NOTSENT_LOWAT, _MOST_UNSENT)


async def taken(request: web.BaseRequest) -> None:
    """Wait until what was written is on its way, or nobody is there any more.

    Not by aiohttp's own waiting: once that was interrupted, it raises `CancelledError` until the buffer is empty.
    """
    while request.protocol.writing_paused and not is_gone(request):  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(_INTERVAL)


def _set(transport: asyncio.Transport, level: int, option: int, value: int | bytes) -> None:
    # A socket that is not TCP's, and a system that does not know the option, work well enough without.
    with suppress(OSError):
        transport.get_extra_info("socket").setsockopt(level, option, value)


@asynccontextmanager
async def watched(
    request: web.BaseRequest, *, state: State | None, end: float | None, write_timeout: float
) -> AsyncIterator[None]:
    """Interrupt what is done for a request once there is no sense in it.

    Args:
        request: whose connection is watched.
        state: tells that the server goes down; None where nobody does.
        end: the end of the request's time, by the event loop's clock; None for no limit.
        write_timeout: the seconds after which one who has taken nothing more counts as gone.

    Raises:
        Gone: the connection was closed, or nothing is taken any more.
        ProblemError: the server goes down.
        TimeoutError: the time is up.
    """
    loop = asyncio.get_running_loop()
    reader = _Reader(request, write_timeout)
    handle: asyncio.TimerHandle
    reason: Exception | None = None

    # Handed to itself, for a function that is a variable of its own is freed by the garbage collector alone.
    def look(again: Callable[[Any], None]) -> None:
        nonlocal handle, reason
        if is_gone(request) or reader.is_stuck(loop.time()):
            reason = Gone()
        elif state is not None and state.closing:
            reason = ProblemError(503, detail="The server is going down.", headers={hdrs.RETRY_AFTER: "1"})
        if reason is None:
            handle = loop.call_later(_INTERVAL, again, again)
        elif not timeout.expired():
            timeout.reschedule(loop.time())

    try:
        async with asyncio.timeout_at(end) as timeout:
            handle = loop.call_later(_INTERVAL, look, look)
            try:
                yield
            finally:
                handle.cancel()
    except TimeoutError:
        if reason is None:
            raise
    else:
        return
    try:
        # Out here, so that it is not chained to the timeout.
        raise reason
    finally:
        # Its traceback holds this frame, which must not hold it in turn.
        reason = None


class _Reader:
    """Whoever reads the answer, as far as the buffer tells."""

    def __init__(self, request: web.BaseRequest, patience: float) -> None:
        self._request = request
        self._patience = patience
        self._left = 0
        self._since: float | None = None

    def is_stuck(self, now: float) -> bool:
        """Tell whether writing has to wait, and nothing was taken for too long."""
        transport = self._request.transport
        if transport is None or not self._request.protocol.writing_paused:
            self._since = None
            return False
        left = transport.get_write_buffer_size()
        if self._since is None or left < self._left:
            self._left, self._since = left, now
        return now - self._since >= self._patience

"""The connection of a streaming response: interrupts the work for a reader that disconnected or stalled."""

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

#: Seconds between checks. aiohttp does not notify handlers of a disconnect (unless its server was created to cancel
#: handlers), so the connection is polled: by a timer, which is cheaper than a task for each of hundreds of streams.
_CHECK_INTERVAL = 0.1
#: Bytes that the operating system may buffer in addition to the server: whether a reader takes these is not visible.
_MAX_UNSENT_BYTES = 65_536
#: TCP_NOTSENT_LOWAT, which Python defines from 3.12 on. Without it Linux buffers megabytes, and reports the socket as
#: writable only after a third of them was sent, for slow readers minutes later.
_NOTSENT_LOWAT = 25 if sys.platform == "linux" else getattr(socket, "TCP_NOTSENT_LOWAT", -1)
#: The value of SO_LINGER that discards unsent data when the socket is closed.
_LINGER_ZERO = struct.pack("ii", 1, 0)


class ClientDisconnected(Exception):
    """The client has disconnected, or has stopped reading."""


def is_disconnected(request: web.BaseRequest) -> bool:
    """Return whether the connection is closed or closing."""
    transport = request.transport
    return transport is None or transport.is_closing()


def reset_connection(request: web.BaseRequest) -> None:
    """Reset the connection, and discard unsent data.

    A regular close would look like the end of a complete response to an HTTP/1.0 client, and the operating system
    would keep trying to send the data for minutes.
    """
    transport = request.transport
    if transport is not None:
        _set_option(transport, socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        transport.abort()


def limit_unsent_bytes(request: web.BaseRequest) -> None:
    """Limit the operating system's send buffer, so that a slow reader pauses the writer early."""
    if request.transport is not None:
        _set_option(request.transport, socket.IPPROTO_TCP, _NOTSENT_LOWAT, _MAX_UNSENT_BYTES)


async def wait_until_sent(request: web.BaseRequest) -> None:
    """Wait until the server's buffer has drained, or the client has disconnected.

    aiohttp's own drain is not used: once cancelled, it raises `CancelledError` until the buffer is empty.
    """
    while request.protocol.writing_paused and not is_disconnected(request):  # noqa: ASYNC110 - there is no event for it
        await asyncio.sleep(_CHECK_INTERVAL)


def _set_option(transport: asyncio.Transport, level: int, option: int, value: int | bytes) -> None:
    # Not essential: the socket may not be a TCP socket, or the system may not support the option.
    with suppress(OSError):
        transport.get_extra_info("socket").setsockopt(level, option, value)


@asynccontextmanager
async def interruptible(
    request: web.BaseRequest, *, state: State | None, end: float | None, write_timeout: float
) -> AsyncIterator[None]:
    """Interrupt the body of the `with` statement when the response can no longer be completed.

    Args:
        request: the request whose connection is checked.
        state: indicates a shutdown of the server; None if `setup` was not called.
        end: the end of the request's time limit, by the event loop's clock; None for no limit.
        write_timeout: the seconds without progress after which the reader counts as disconnected.

    Raises:
        ClientDisconnected: the connection was closed, or the reader has stalled.
        ProblemError: the server is shutting down.
        TimeoutError: the time limit has passed.
    """
    loop = asyncio.get_running_loop()
    detector = _StallDetector(request, write_timeout)
    handle: asyncio.TimerHandle
    reason: Exception | None = None

    # Receives itself as an argument: a function that refers to its own variable is a reference cycle.
    def check(again: Callable[[Any], None]) -> None:
        nonlocal handle, reason
        if is_disconnected(request) or detector.is_stalled(loop.time()):
            reason = ClientDisconnected()
        elif state is not None and state.closing:
            reason = ProblemError(503, detail="The server is going down.", headers={hdrs.RETRY_AFTER: "1"})
        if reason is None:
            handle = loop.call_later(_CHECK_INTERVAL, again, again)
        elif not timeout.expired():
            timeout.reschedule(loop.time())

    try:
        async with asyncio.timeout_at(end) as timeout:
            handle = loop.call_later(_CHECK_INTERVAL, check, check)
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
        # Outside the except block, so that the TimeoutError is not chained.
        raise reason
    finally:
        # The traceback refers to this frame: without this the frame would refer back, a reference cycle.
        reason = None


class _StallDetector:
    """Detects a reader that takes nothing, by the size of the server's write buffer."""

    def __init__(self, request: web.BaseRequest, timeout: float) -> None:
        self._request = request
        self._timeout = timeout
        self._buffered = 0
        self._since: float | None = None

    def is_stalled(self, now: float) -> bool:
        """Return whether writing is paused and the buffer has not shrunk for the timeout."""
        transport = self._request.transport
        if transport is None or not self._request.protocol.writing_paused:
            self._since = None
            return False
        buffered = transport.get_write_buffer_size()
        if self._since is None or buffered < self._buffered:
            self._buffered, self._since = buffered, now
        return now - self._since >= self._timeout

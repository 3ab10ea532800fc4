"""The connection of a streaming response: whether its reader has disconnected or stalled.

aiohttp does not notify handlers of a disconnect, unless its server was created to cancel handlers.
"""

import asyncio
import socket
import struct
import sys
from contextlib import suppress

from aiohttp import web
from attrs import define

from detective_async.integrations.web.interruption import CHECK_INTERVAL

#: Bytes that the operating system may buffer in addition to the server: whether a reader takes these is not visible.
_MAX_UNSENT_BYTES = 65_536
#: TCP_NOTSENT_LOWAT, which Python defines from 3.12 on. Without it Linux buffers megabytes, and reports the socket as
#: writable only after a third of them was sent, for slow readers minutes later.
_NOTSENT_LOWAT = 25 if sys.platform == "linux" else getattr(socket, "TCP_NOTSENT_LOWAT", -1)
#: The value of SO_LINGER that discards unsent data when the socket is closed.
_LINGER_ZERO = struct.pack("ii", 1, 0)


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


def _set_option(transport: asyncio.Transport, level: int, option: int, value: int | bytes) -> None:
    # Not essential: the socket may not be a TCP socket, or the system may not support the option.
    with suppress(OSError):
        transport.get_extra_info("socket").setsockopt(level, option, value)


@define(eq=False)
class ResponseConnection:
    """The connection of a streaming response; see `Connection` of the stream writer."""

    request: web.Request
    response: web.StreamResponse
    _detector: "_StallDetector"

    @classmethod
    def of(cls, request: web.Request, response: web.StreamResponse, write_timeout: float) -> "ResponseConnection":
        """Make it, and limit what the operating system buffers, so that a slow reader pauses the writer early."""
        if request.transport is not None:
            _set_option(request.transport, socket.IPPROTO_TCP, _NOTSENT_LOWAT, _MAX_UNSENT_BYTES)
        return cls(request, response, _StallDetector(request, write_timeout))

    @property
    def started(self) -> bool:
        """Whether anything was sent."""
        return bool(self.request.writer.output_size)

    @property
    def busy(self) -> bool:
        """Whether earlier data still waits for the reader."""
        return self.request.protocol.writing_paused

    @property
    def lost(self) -> bool:
        """Whether the client has disconnected, or has stopped reading."""
        return is_disconnected(self.request) or self._detector.is_stalled(asyncio.get_running_loop().time())

    async def write(self, data: bytes) -> None:
        """Send a record."""
        await self.response.prepare(self.request)
        if data:
            await self.response.write(data)

    async def finish(self) -> None:
        """Wait until the server's buffer has drained, or the client has disconnected.

        aiohttp's own drain is not used: once cancelled, it raises `CancelledError` until the buffer is empty.
        """
        while self.busy and not is_disconnected(self.request):  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(CHECK_INTERVAL)

    def reset(self) -> None:
        """Reset the connection."""
        reset_connection(self.request)


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

"""Observable streams, and clients that read slowly."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from integrations.aiohttp_web.site import Handle, Site

from detective_async.integrations.aiohttp_web import stream_events, stream_ndjson

Stream = Callable[..., Any]
both = pytest.mark.parametrize("stream", [stream_ndjson, stream_events])
_GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class Items:
    """Items of a size, and how often the iterator was started, advanced and closed; from `stop_at` on, it waits."""

    def __init__(self, *, size: int = 10, stop_at: int | None = None, count: int = 10_000) -> None:
        self.size = size
        self.stop_at = stop_at
        self.count = count
        self.begun = 0
        self.given = 0
        self.ended = 0

    async def __aiter__(self) -> AsyncIterator[str]:
        self.begun += 1
        try:
            for number in range(self.count):
                if number == self.stop_at:
                    await asyncio.Event().wait()
                self.given += 1
                yield "x" * self.size
        finally:
            self.ended += 1


class BufferFiller:
    """Small items until the server's buffer is full, so that whatever follows must wait for the reader.

    Args:
        error: raised at the end.
    """

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.request: web.Request | None = None
        self.full = False

    async def __call__(self, request: web.Request) -> AsyncIterator[str]:
        self.request = request
        while not request.protocol.writing_paused:
            yield "x" * 500
        self.full = True
        if self.error is not None:
            raise self.error


def streaming(stream: Stream, items: Any, **options: Any) -> Handle:
    """Return a handler that streams an iterable, or what a callable returns for the request."""

    async def handler(request: web.Request) -> web.StreamResponse:
        response: web.StreamResponse = await stream(request, items(request) if callable(items) else items, **options)
        return response

    return handler


@asynccontextmanager
async def requesting(site: Site, request: bytes = _GET) -> AsyncIterator[socket.socket]:
    """Send a request on a socket with a small receive buffer, and read nothing."""
    with socket.socket() as client:
        client.setblocking(False)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(client, ("127.0.0.1", site.port))
        await loop.sock_sendall(client, request)
        yield client


async def settled(items: Items) -> int:
    """Wait until no further item is taken, and return how many were."""
    given = -1
    while items.given != given:
        given = items.given
        await asyncio.sleep(0.2)
    return given


async def read_all(client: socket.socket) -> bytes:
    """Read until the connection is closed."""
    pieces = []
    while piece := await asyncio.get_running_loop().sock_recv(client, 2**20):
        pieces.append(piece)
    return b"".join(pieces)

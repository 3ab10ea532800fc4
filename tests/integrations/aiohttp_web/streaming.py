"""Streams that are watched, and browsers that take little of them."""

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
    """Numbered items of a size, as many as are wanted; from one on, they never come."""

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


def answering(stream: Stream, items: object, **options: Any) -> Handle:
    async def handler(request: web.Request) -> web.StreamResponse:
        answer: web.StreamResponse = await stream(request, items, **options)
        return answer

    return handler


@asynccontextmanager
async def asking(site: Site, request: bytes = _GET) -> AsyncIterator[socket.socket]:
    """Send a request on a socket that takes little at a time, and read nothing."""
    with socket.socket() as browser:
        browser.setblocking(False)
        browser.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(browser, ("127.0.0.1", site.port))
        await loop.sock_sendall(browser, request)
        yield browser


async def settled(items: Items) -> int:
    """Wait until no further item is taken, and tell how many were."""
    given = -1
    while items.given != given:
        given = items.given
        await asyncio.sleep(0.2)
    return given


async def read_all(browser: socket.socket) -> bytes:
    """Read until the connection is closed."""
    pieces = []
    while piece := await asyncio.get_running_loop().sock_recv(browser, 2**20):
        pieces.append(piece)
    return b"".join(pieces)

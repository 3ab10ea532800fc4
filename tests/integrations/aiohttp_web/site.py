"""A small app, served on this machine; observable streams, and clients that read slowly."""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.typedefs import Middleware
from attrs import frozen
from support.wire_server import until

from detective_async import Credentials, DetectiveClient, DetectiveFleet
from detective_async.integrations.aiohttp_web import setup, stream_events, stream_ndjson
from detective_async.testing import DetectiveSimulator

Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]
Stream = Callable[..., Any]
both = pytest.mark.parametrize("stream", [stream_ndjson, stream_events])
_GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"

ADMINISTRATOR = "111122223333"
KEYS = Credentials("AKIAIOSFODNN7EXAMPLE", "a secret of forty characters or so......", "a session token")


@frozen
class Site:
    """A running server, and a session for it."""

    app: web.Application
    runner: web.AppRunner
    session: aiohttp.ClientSession
    port: int

    async def get(self, path: str, **options: Any) -> "Reply":
        return await self.ask("GET", path, **options)

    async def ask(self, method: str, path: str, **options: Any) -> "Reply":
        async with self.session.request(method, path, allow_redirects=False, **options) as response:
            return Reply(response.status, response.headers, await response.read(), response.cookies)

    async def connected(self) -> None:
        """Wait until the server has a connection."""
        await until(lambda: self.runner.server and self.runner.server.connections, "a client has connected")

    async def disconnected(self) -> None:
        """Wait until the server has no connections."""
        await until(lambda: self.runner.server and not self.runner.server.connections, "the connection is gone")


@frozen
class Reply:
    """A complete response."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cookies: Any

    def problem(self) -> dict[str, Any]:
        """Return the problem document."""
        assert self.headers["Content-Type"] == "application/problem+json"
        problem: dict[str, Any] = json.loads(self.body)
        assert problem["status"] == self.status
        return problem


def idle_client() -> DetectiveClient:
    """Create a client whose endpoint refuses connections."""
    return DetectiveClient(region="eu-west-1", credentials=KEYS, endpoint_url="http://127.0.0.1:9")


def client_of(sim: DetectiveSimulator, **options: Any) -> DetectiveClient:
    """Create a client of the administrator account."""
    keys = sim.account(ADMINISTRATOR)
    return DetectiveClient(region="eu-west-1", credentials=keys, endpoint_url=sim.url, **options)


def make_app(
    routes: Mapping[str, Handle],
    source: DetectiveClient | DetectiveFleet | None = None,
    *,
    middlewares: Iterable[Middleware] = (),
    **settings: Any,
) -> web.Application:
    """Create an app with a handler per path, for GET and POST."""
    app = web.Application(middlewares=middlewares)
    for path, handler in routes.items():
        app.router.add_get(path, handler)
        app.router.add_post(path, handler)
    setup(app, source or idle_client(), **settings)
    return app


@asynccontextmanager
async def serving(app: web.Application, **options: Any) -> AsyncIterator[Site]:
    """Serve an app."""
    runner = web.AppRunner(app, access_log=None, **options)
    await runner.setup()
    try:
        listener = web.TCPSite(runner, "127.0.0.1", 0)
        await listener.start()
        async with aiohttp.ClientSession(f"http://127.0.0.1:{listener.port}") as session:
            yield Site(app, runner, session, listener.port)
    finally:
        await runner.cleanup()


@asynccontextmanager
async def serving_routes(routes: Mapping[str, Handle], source: Any = None, **settings: Any) -> AsyncIterator[Site]:
    """Serve an app with these handlers."""
    async with serving(make_app(routes, source, **settings)) as site:
        yield site


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """Return the log records above INFO, without asyncio's about slow callbacks."""
    records = [record for record in caplog.records if record.levelno > logging.INFO]
    return [record for record in records if not record.getMessage().startswith("Executing <")]


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

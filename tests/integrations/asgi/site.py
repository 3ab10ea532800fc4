"""A small app of Starlette, served by uvicorn on this machine; and clients that read slowly."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
import uvicorn
from attrs import frozen
from integrations.aiohttp_web.site import Reply, idle_client
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route
from support.wire_server import until

from detective_async import DetectiveClient, DetectiveFleet
from detective_async.integrations.asgi import DetectiveMiddleware, stream_events, stream_ndjson

Handle = Callable[[Request], Awaitable[Any]]
Stream = Callable[..., Any]
both = pytest.mark.parametrize("stream", [stream_ndjson, stream_events])
_GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the tests."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """End, if the app does not start, without ending the tests."""
        try:
            await super().startup(sockets)
        except SystemExit:
            self.should_exit = True


@frozen
class Site:
    """A running server, and a session for it."""

    server: uvicorn.Server
    session: aiohttp.ClientSession
    port: int

    async def get(self, path: str, **options: Any) -> Reply:
        return await self.ask("GET", path, **options)

    async def ask(self, method: str, path: str, **options: Any) -> Reply:
        async with self.session.request(method, path, allow_redirects=False, **options) as response:
            return Reply(response.status, response.headers, await response.read(), response.cookies)

    async def disconnected(self) -> None:
        """Wait until the server has no connections."""
        await until(lambda: not self.server.server_state.connections, "the connection is gone")


def make_app(
    routes: Mapping[str, Handle], source: DetectiveClient | DetectiveFleet | None = None, **settings: Any
) -> Starlette:
    """Create an app with a handler per path, for GET and POST."""
    app = Starlette(routes=[Route(path, handler, methods=["GET", "POST"]) for path, handler in routes.items()])
    app.add_middleware(DetectiveMiddleware, source or idle_client(), **settings)
    return app


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[Site]:
    """Serve an app."""
    config = uvicorn.Config(app, port=0, log_config=None, access_log=False, lifespan="on", ws="none")
    server = _Server(config)
    task = asyncio.create_task(server.serve())
    try:
        await until(lambda: server.started or task.done(), "the server has started")
        assert server.started, "the app did not start"
        port = server.servers[0].sockets[0].getsockname()[1]
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            yield Site(server, session, port)
    finally:
        server.should_exit = True
        await task


@asynccontextmanager
async def serving_routes(routes: Mapping[str, Handle], source: Any = None, **settings: Any) -> AsyncIterator[Site]:
    """Serve an app with these handlers."""
    async with serving(make_app(routes, source, **settings)) as site:
        yield site


def streaming(stream: Stream, items: Any, **options: Any) -> Handle:
    """Return a handler that streams an iterable, or what a callable returns for the request."""

    async def handler(request: Request) -> Any:
        return stream(items(request) if callable(items) else items, **options)

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

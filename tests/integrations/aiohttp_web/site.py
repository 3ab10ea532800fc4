"""A small app, served on this machine."""

import json
import logging
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
from detective_async.integrations.aiohttp_web import setup
from detective_async.testing import DetectiveSimulator

Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]

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
        async with self.session.request(method, path, allow_redirects=False, **options) as answer:
            return Reply(answer.status, answer.headers, await answer.read(), answer.cookies)

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

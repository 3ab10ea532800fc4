"""Serves the app; the response to malformed HTTP is a problem too (RFC 9457)."""

import asyncio
import gc
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus

from aiohttp import web

from web_backend.guard import HEADERS

#: Seconds after which a connection is closed that is idle, or has not sent a complete head of a request.
_IDLE_TIMEOUT = 30.0
#: The thresholds of the garbage collector's three generations.
_GC_THRESHOLDS = (1_000, 5, 2)


class _Connection(web.RequestHandler):
    """A connection that also sends a problem when aiohttp refuses a request before the app handles it."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Respond to a malformed request or an unexpected error; aiohttp's own response would be plain text."""
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            # Only for its log entry.
            super().handle_error(request, status, exc, message)
        if request.writer.output_size:
            raise ConnectionError("part of a response has been sent already")
        return _refusal(status)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send a response; aiohttp's own response to an unknown Expect header, which is plain text, is replaced."""
        if isinstance(resp, web.HTTPExpectationFailed):
            resp = _refusal(resp.status)
        return await super().finish_response(request, resp, start_time)


def _refusal(status: int) -> web.Response:
    response = web.Response(
        status=status,
        body=json.dumps({"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}).encode(),
        headers={**HEADERS, "Cache-Control": "no-store"},
        content_type="application/problem+json",
    )
    response.force_close()
    return response


class _Site(web.BaseSite):
    """The listening socket."""

    __slots__ = ("_place",)

    def __init__(self, runner: web.AppRunner, host: str, port: int) -> None:
        super().__init__(runner)
        self._place = host, port

    @property
    def name(self) -> str:
        """The URL."""
        if self._server is None:
            return "not listening"
        host, port = self._server.sockets[0].getsockname()[:2]  # type: ignore[attr-defined] # as asyncio's have
        return f"http://{host}:{port}"

    async def start(self) -> None:
        """Start listening."""
        await super().start()
        loop, manager = asyncio.get_running_loop(), self._runner.server
        if manager is None:
            raise RuntimeError("the runner is not set up")
        # Bodies are not decompressed: a few bytes can become very large.
        connection = partial(_Connection, manager, loop=loop, keepalive_timeout=_IDLE_TIMEOUT, auto_decompress=False)
        self._server = await loop.create_server(connection, *self._place)


def tune_garbage_collector() -> None:
    """Prevent garbage collections that block the event loop for tens of milliseconds; called once when serving starts.

    The objects that exist by now are excluded from all later collections, and newer ones are collected more often.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


@asynccontextmanager
async def serving(app: web.Application, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve an app until the end of the block, and yield its URL.

    Args:
        app: the app.
        host: the address to listen on.
        port: the port to listen on; 0 for a free one.

    Raises:
        OSError: the address or the port is not available.
    """
    runner = web.AppRunner(app, shutdown_timeout=5.0)
    await runner.setup()
    try:
        site = _Site(runner, host, port)
        await site.start()
        yield site.name
    finally:
        await runner.cleanup()

"""Listening, with answers for those too who do not speak HTTP."""

import asyncio
import gc
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus

from aiohttp import web

from web_backend.guard import HEADERS

#: Seconds after which a connection is closed that sends nothing, or never the end of a request's head.
_PATIENCE = 30.0
#: After how many new objects the garbage collector looks at those, after how many of these looks at older ones, and
#: after how many of those at all.
_OFTEN = (1_000, 5, 2)


class _Connection(web.RequestHandler):
    """A connection that answers with problems even where aiohttp itself refuses a request, before the app sees it."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what cannot be read, or what nobody foresaw; aiohttp's own words would be plain text."""
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            # Which logs it, too.
            super().handle_error(request, status, exc, message)
        if request.writer.output_size:
            raise ConnectionError("an answer had begun")
        return _refusal(status)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer; that to an expectation which nobody can meet is not the app's, and plain text so far."""
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
    """Where the backend listens."""

    __slots__ = ("_place",)

    def __init__(self, runner: web.AppRunner, host: str, port: int) -> None:
        super().__init__(runner)
        self._place = host, port

    @property
    def name(self) -> str:
        """Its URL."""
        if self._server is None:
            return "not listening"
        host, port = self._server.sockets[0].getsockname()[:2]  # type: ignore[attr-defined] # as asyncio's have
        return f"http://{host}:{port}"

    async def start(self) -> None:
        """Begin to listen."""
        await super().start()
        loop, manager = asyncio.get_running_loop(), self._runner.server
        if manager is None:
            raise RuntimeError("the runner is not set up")
        # Bodies are not unpacked on the way in: a few bytes can become many.
        connection = partial(_Connection, manager, loop=loop, keepalive_timeout=_PATIENCE, auto_decompress=False)
        self._server = await loop.create_server(connection, *self._place)


def settle_down() -> None:
    """Keep the garbage collector from holding up answers for tens of milliseconds; for programs, once they serve.

    It never again looks at what is there by now, which stays; and collects the rest before it has become much.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_OFTEN)


@asynccontextmanager
async def serving(app: web.Application, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve an app as long as the block lasts, and give its URL.

    Args:
        app: the app.
        host: the address to listen on.
        port: the port to listen on; 0 for a free one.

    Raises:
        OSError: it cannot be listened on.
    """
    runner = web.AppRunner(app, shutdown_timeout=5.0)
    await runner.setup()
    try:
        site = _Site(runner, host, port)
        await site.start()
        yield site.name
    finally:
        await runner.cleanup()

"""What aiohttp refuses before any middleware is answered with a problem."""

import asyncio
import json
import logging
from http import HTTPStatus
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from aiohttp.typedefs import Handler
from integrations.aiohttp_web.site import idle_client, make_app, serving, warnings_of

from detective_async.integrations.aiohttp_web import setup
from detective_async.integrations.aiohttp_web.refusals import _make_server, _Server

_REFUSED = "The request is not valid HTTP, or its head is too large."
#: Bytes on a new connection, and the status and detail of the problem.
REFUSALS: dict[str, tuple[bytes, int, str | None]] = {
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, _REFUSED),
    "a malformed request line": (b"GET  /  HTTP/1.1\r\n\r\n", 400, _REFUSED),
    "an unknown version": (b"GET / HTTP/9.9\r\n\r\n", 400, _REFUSED),
    "a malformed header": (b"GET / HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n", 400, _REFUSED),
    "a header that is too long": (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", 400, _REFUSED),
    "a target that is too long": (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 400, _REFUSED),
    "malformed chunks": (
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        400,
        _REFUSED,
    ),
    "an unknown expectation": (
        b"POST / HTTP/1.1\r\nHost: a\r\nExpect: a miracle\r\nContent-Length: 0\r\n\r\n",
        417,
        "Unknown Expect: a miracle",
    ),
}


async def read(request: web.Request) -> web.StreamResponse:
    return web.Response(body=await request.read())


async def ask(port: int | None, sent: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send bytes, and return the status, headers and body of the response that ends the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    async with asyncio.timeout(30):
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    first, *lines = head.decode().split("\r\n")
    return int(first.split()[1]), dict(line.split(": ", 1) for line in lines), body


@pytest.mark.parametrize("name", REFUSALS)
async def test_refusals(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """The problem closes the connection, and is not logged: anybody can cause it."""
    sent, status, detail = REFUSALS[name]
    async with serving(make_app({"/": read})) as site:
        found, headers, body = await ask(site.port, sent)
    problem = json.loads(body)
    assert (found, headers["Content-Type"]) == (status, "application/problem+json")
    assert (problem["status"], problem["detail"], problem["type"]) == (status, detail, "about:blank")
    assert headers["Cache-Control"] == "no-store"
    if status != HTTPStatus.EXPECTATION_FAILED:
        # No versions, where the app's own `on_response_prepare` is not called.
        assert headers["Server"] == "aiohttp"
    assert not warnings_of(caplog)


async def test_other_runners(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server of a test has them too; so has one in development mode, in which aiohttp checks its attributes."""
    monkeypatch.setattr("aiohttp.web_app.DEBUG", True)
    app = web.Application()
    setup(app, idle_client())
    async with TestServer(app) as server:
        status, headers, _ = await ask(server.port, b"GET / HTTP/9.9\r\n\r\n")
    assert (status, headers["Content-Type"]) == (400, "application/problem+json")


async def test_another_aiohttp() -> None:
    """One that makes its server elsewhere is left alone."""

    class Other(dict[Any, Any]):
        pre_frozen = False

        def __init__(self) -> None:
            super().__init__()
            self.middlewares: list[Any] = []
            self.cleanup_ctx: list[Any] = []
            self.on_shutdown: list[Any] = []

    app: Any = Other()
    setup(app, idle_client())
    assert app.middlewares


async def test_errors_outside_of_the_middleware(caplog: pytest.LogCaptureFixture) -> None:
    """They are a 500 without details, and logged."""

    async def fail(_request: web.Request) -> None:
        raise KeyError("a secret")

    app = make_app({})
    app.router.add_post("/", read, expect_handler=fail)
    async with serving(app) as site:
        status, _, body = await ask(site.port, b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n")
    assert status == 500
    assert json.loads(body) == {"type": "about:blank", "title": "Internal Server Error", "status": 500}
    assert [record.levelno for record in warnings_of(caplog)] == [logging.ERROR]
    assert "a secret" in caplog.text


@web.middleware
async def refuse(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse a request with a cookie and a header."""
    error = web.HTTPUnauthorized(reason="Please", headers={"WWW-Authenticate": "Basic"})
    error.set_cookie("sid", "gone")
    if "close" in request.query:
        error.force_close()
    if "inner" in request.query:
        return await handler(request)
    raise error


@pytest.mark.parametrize("closes", [False, True])
@pytest.mark.parametrize("first", [False, True])
async def test_exceptions_of_other_middlewares(first: bool, closes: bool) -> None:
    """Also outside of the package's, they keep their reason, headers, cookies and connection."""
    app = make_app({"/": read})
    app.middlewares.insert(0 if first else 1, refuse)
    async with serving(app) as site:
        replies = [await site.get("/?close" if closes else "/") for _ in range(2)]
        count = len(site.runner.server.connections) if site.runner.server else 0
        assert (await site.get("/?inner")).status == 200
    for reply in replies:
        assert reply.problem()["title"] == "Please"
        assert (reply.status, reply.headers["WWW-Authenticate"]) == (401, "Basic")
        assert reply.cookies["sid"].value == "gone"
        assert (reply.headers.get("Connection") == "close") is closes
    assert closes or count == 1


async def test_own_server_and_connections() -> None:
    """What an app makes of its own classes is left alone."""

    class OwnConnection(web.RequestHandler):
        __slots__ = ()

    class OwnServer(web.Server):
        pass

    class Maker(web.Server):
        def __call__(self) -> web.RequestHandler:
            connection = super().__call__()
            connection.__class__ = OwnConnection
            return connection

    async def answer(_request: web.BaseRequest) -> web.StreamResponse:
        raise NotImplementedError

    server = _make_server(lambda **_: OwnServer(answer))
    assert type(server) is OwnServer
    assert type(_make_server(lambda **_: web.Server(answer))) is _Server
    assert type(server()) is web.RequestHandler
    made = web.Server(answer)
    made.__class__ = type("Both", (_Server, Maker), {})
    assert type(made()) is OwnConnection

"""Exceptions of handlers become problem responses."""

import asyncio
from collections.abc import Callable
from io import BytesIO
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.typedefs import Handler
from integrations.aiohttp_web.site import (
    Handle,
    Items,
    Stream,
    both,
    make_app,
    serving,
    serving_routes,
    streaming,
    warnings_of,
)
from support.wire_server import until

from detective_async import ParameterError, TooManyRequestsException
from detective_async.integrations.aiohttp_web import ProblemError, problems


def raising(error: Callable[[], BaseException]) -> Handle:
    async def handler(_request: web.Request) -> web.StreamResponse:
        raise error()

    return handler


async def fine(_request: web.Request) -> web.StreamResponse:
    return web.Response(text="fine")


async def read(request: web.Request) -> web.StreamResponse:
    return web.Response(body=await request.read())


#: The exception, the members and headers of the response, and the log record.
EXCEPTIONS: dict[str, tuple[Exception, dict[str, Any], dict[str, str], tuple[str, str] | None]] = {
    "an error of the library": (
        ParameterError("graph_arn", "must be one"),
        {
            "title": "Bad Request",
            "status": 400,
            "detail": "graph_arn: must be one",
            "code": "ParameterError",
            "outcome_unknown": False,
            "parameter": "graph_arn",
        },
        {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
        None,
    ),
    "a throttle": (
        TooManyRequestsException("TooManyRequestsException", "slow down", status=429, retry_after=2.5),
        {
            "title": "Service Unavailable",
            "status": 503,
            "detail": "slow down",
            "code": "TooManyRequestsException",
            "outcome_unknown": False,
        },
        {"Retry-After": "3"},
        ("WARNING", "GET /a/%C3%A9: 503 slow down"),
    ),
    "an unexpected exception": (
        KeyError("a secret"),
        {"title": "Internal Server Error", "status": 500, "detail": "An unexpected error occurred."},
        {},
        ("ERROR", "Error handling request from 127.0.0.1"),
    ),
    "a problem of the handler's": (
        ProblemError(409, "Conflict", "taken", headers={"X-A": "1", "Cache-Control": "no-cache"}, by="kim"),
        {"title": "Conflict", "status": 409, "detail": "taken", "by": "kim"},
        {"X-A": "1", "Cache-Control": "no-cache"},
        None,
    ),
}


@pytest.mark.parametrize("name", EXCEPTIONS)
async def test_exceptions(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """The problem has the path without the query; server errors are logged, with details only in the log."""
    error, members, headers, log = EXCEPTIONS[name]
    async with serving_routes({"/a/{b}": raising(lambda: error)}) as site:
        reply = await site.get("/a/%C3%A9?secret=1")
    assert reply.problem() == {"type": "about:blank", **members, "instance": "/a/%C3%A9"}
    assert headers.items() <= dict(reply.headers).items()
    assert [(record.name, record.levelname, record.message) for record in warnings_of(caplog)] == (
        [] if log is None else [("aiohttp.server", *log)]
    )
    assert ("a secret" in caplog.text) == (members["status"] == 500)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "header"),
    [
        ("GET", "/nowhere", None, 404, {}),
        ("PUT", "/", None, 405, {"Allow": "GET,HEAD,POST"}),
        ("OPTIONS", "/", None, 405, {"Allow": "GET,HEAD,POST"}),
        ("POST", "/", BytesIO(b"x" * 2**21), 413, {}),
    ],
)
async def test_aiohttp_errors(
    method: str, path: str, body: BytesIO | None, status: int, header: dict[str, str]
) -> None:
    """Unknown paths, wrong methods and large bodies are problems with their own headers."""
    async with serving_routes({"/": read}) as site:
        response = await site.ask(method, path, data=body)
    assert response.status == status
    assert response.problem()["instance"] == path
    assert header.items() <= dict(response.headers).items()


async def test_malformed_body() -> None:
    """It is a 400."""
    async with serving_routes({"/": read}) as site:
        headers = {"Content-Encoding": "deflate"}
        response = await site.ask("POST", "/", data=b"no deflated data", headers=headers)
    assert response.problem()["detail"] == "The body of the request is malformed."
    assert response.status == 400


async def test_aiohttp_exception_with_details() -> None:
    """Its reason, text, headers and cookies are kept."""

    def error() -> web.HTTPException:
        error = web.HTTPForbidden(text="not you", reason="Nope", headers={"X-A": "1"})
        error.headers.add("X-A", "2")
        error.set_cookie("seen", "yes")
        return error

    async with serving_routes({"/": raising(error)}) as site, site.session.get("/") as response:
        assert response.reason == "Nope"
        assert response.headers.getall("X-A") == ["1", "2"]
        assert response.cookies["seen"].value == "yes"
        problem = await response.json(content_type="application/problem+json")
    assert problem == {"type": "about:blank", "title": "Nope", "status": 403, "detail": "not you", "instance": "/"}


async def test_problem_error_without_middleware() -> None:
    """It is a complete response."""
    app = web.Application()
    app.router.add_get("/", raising(lambda: ProblemError(409, detail="taken")))
    async with serving(app) as site, site.session.get("/") as response:
        assert response.content_type == "application/problem+json"
        assert (await response.json(content_type=None))["detail"] == "taken"


async def test_other_responses() -> None:
    """Redirects, HTML pages and returned responses are unchanged."""

    async def returned(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=404, text="mine")

    routes = {
        "/moved": raising(lambda: web.HTTPFound("/elsewhere")),
        "/page": raising(lambda: web.HTTPNotFound(text="<p>", content_type="text/html")),
        "/returned": returned,
    }
    async with serving_routes(routes) as site:
        moved, page, returned_ = [await site.get(path) for path in routes]
    assert (moved.status, moved.headers["Location"]) == (302, "/elsewhere")
    assert (page.status, page.body) == (404, b"<p>")
    assert (returned_.status, returned_.body) == (404, b"mine")


async def test_outermost_middleware() -> None:
    """Exceptions of other middlewares are problems too."""

    @web.middleware
    async def broken(request: web.Request, handler: Handler) -> web.StreamResponse:
        if "break" in request.query:
            raise KeyError("a secret")
        return await handler(request)

    for app in (make_app({"/": fine}, middlewares=[broken]), make_app({"/": fine})):
        if broken not in app.middlewares:
            app.middlewares.append(broken)
        async with serving(app) as site:
            assert (await site.get("/")).body == b"fine"
            assert (await site.get("/?break")).problem()["status"] == 500


@both
async def test_without_setup(stream: Stream) -> None:
    """The middleware and streams work alone."""
    app = web.Application(middlewares=[problems])
    app.router.add_get("/", raising(lambda: ParameterError("a", "b")))
    app.router.add_get("/stream", streaming(stream, Items(count=1)))
    async with serving(app) as site:
        assert (await site.get("/", headers={"X-Request-Timeout": "nonsense"})).problem()["parameter"] == "a"
        assert b"xxx" in (await site.get("/stream")).body


async def test_cancellation() -> None:
    """It ends the connection."""
    async with serving_routes({"/": raising(asyncio.CancelledError)}) as site:
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await site.get("/")


@pytest.mark.parametrize(
    "error", [ParameterError("a", "a secret"), web.HTTPFound("/"), web.HTTPNotFound(), TimeoutError()], ids=repr
)
async def test_response_has_started(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """The connection is reset, and the exception is logged."""

    async def begin(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"half")
        raise error

    async with serving_routes({"/": begin}) as site, site.session.get("/") as response:
        assert response.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()
    assert "the response had started" in caplog.text
    assert type(error).__name__ in caplog.text


@pytest.mark.parametrize("moment", ["in the body", "before the response", "in the response"])
async def test_disconnect(moment: str, caplog: pytest.LogCaptureFixture) -> None:
    """The failed read or write is not logged."""
    inside, seen = asyncio.Event(), asyncio.Event()
    caught: list[Exception] = []

    async def work(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        if moment == "in the response":
            await response.prepare(request)
        inside.set()
        try:
            if moment == "in the body":
                return await read(request)
            await until(lambda: request.transport is None, "the client has disconnected")
            await response.prepare(request)
            await response.write(b"more")
        except ConnectionError as error:
            caught.append(error)
            raise
        finally:
            seen.set()
        return response

    async with serving_routes({"/": work}) as site:
        _, writer = await asyncio.open_connection("127.0.0.1", site.port)
        writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc")
        writer.write(b"" if moment == "in the body" else b"de")
        await inside.wait()
        writer.close()
        await writer.wait_closed()
        await seen.wait()
        await asyncio.sleep(0.01)
    assert caught or moment == "in the body"
    assert not warnings_of(caplog)


async def test_returned_exceptions() -> None:
    """They are problems, with the path, as if they were raised; redirects stay what they are."""

    async def missing(_request: web.Request) -> web.StreamResponse:
        return web.HTTPNotFound(text="no such page")

    async def elsewhere(_request: web.Request) -> web.StreamResponse:
        return web.HTTPFound("/there")

    async with serving_routes({"/": missing, "/found": elsewhere}) as site:
        problem, found = (await site.get("/")).problem(), await site.get("/found")
    assert (problem["status"], problem["detail"], problem["instance"]) == (404, "no such page", "/")
    assert (found.status, found.headers["Location"]) == (302, "/there")


async def test_no_response(caplog: pytest.LogCaptureFixture) -> None:
    """A handler that returns something else is a 500, and the log says what."""

    async def nothing(_request: web.Request) -> Any:
        """Return nothing."""

    async with serving_routes({"/": nothing}) as site:
        assert (await site.get("/")).problem()["status"] == 500
    assert "the handler returned None" in caplog.text


@pytest.mark.parametrize("deadline", [None, 60])
async def test_timeout_of_the_handler(deadline: float | None, caplog: pytest.LogCaptureFixture) -> None:
    """One that is not the request's deadline is logged with its place."""
    error = TimeoutError("the database does not respond")
    async with serving_routes({"/": raising(lambda: error)}, deadline=deadline) as site:
        assert (await site.get("/")).problem()["status"] == 504
    [record] = warnings_of(caplog)
    assert record.exc_info is not None
    assert record.exc_info[1] is error


async def test_length_of_a_problem() -> None:
    """It is that of the document, whatever the handler says."""
    routes = {"/": raising(lambda: ProblemError(404, headers={"content-length": "3", "X-A": "1"}))}
    async with serving_routes(routes) as site:
        reply = await site.get("/")
    assert (reply.problem()["title"], reply.headers["X-A"]) == ("Not Found", "1")

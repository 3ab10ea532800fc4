"""What handlers raise becomes problem answers, whatever it is, and whoever raised it."""

import asyncio
from collections.abc import Callable
from io import BytesIO
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.typedefs import Handler
from integrations.aiohttp_web.site import Handle, Site, loud, make_app, serving, serving_routes
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


async def test_an_error_of_the_librarys() -> None:
    """It is answered with its status, as a problem that says which request it was; the query is not repeated."""
    async with serving_routes({"/a/{b}": raising(lambda: ParameterError("graph_arn", "must be one"))}) as site:
        answer = await site.get("/a/%C3%A9?secret=1")
    assert answer.status == 400
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.problem() == {
        "type": "about:blank",
        "title": "Bad Request",
        "status": 400,
        "detail": "graph_arn: must be one",
        "code": "ParameterError",
        "outcome_unknown": False,
        "parameter": "graph_arn",
        "instance": "/a/%C3%A9",
    }


async def test_a_throttle(caplog: pytest.LogCaptureFixture) -> None:
    """It says when to come back, and is a line in the log."""
    busy = TooManyRequestsException("TooManyRequestsException", "slow down", status=429, retry_after=2.5)
    async with serving_routes({"/": raising(lambda: busy)}) as site:
        answer = await site.get("/?secret=1")
    assert answer.status == 503
    assert answer.headers["Retry-After"] == "3"
    assert answer.problem()["code"] == "TooManyRequestsException"
    [record] = loud(caplog)
    assert (record.name, record.levelname) == ("aiohttp.server", "WARNING")
    assert record.message == "GET /: 503 slow down"


async def test_an_unexpected_exception(caplog: pytest.LogCaptureFixture) -> None:
    """It is a 500 that shows nothing, and aiohttp's logger has all of it."""
    async with serving_routes({"/": raising(lambda: KeyError("a secret"))}) as site:
        answer = await site.get("/")
    assert answer.status == 500
    assert b"secret" not in answer.body
    assert answer.problem()["detail"] == "Something unexpected went wrong."
    [record] = loud(caplog)
    assert (record.name, record.levelname) == ("aiohttp.server", "ERROR")
    assert "a secret" in caplog.text


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "header"),
    [
        ("GET", "/nowhere", None, 404, {}),
        ("PUT", "/", None, 405, {"Allow": "GET,HEAD,POST"}),
        ("OPTIONS", "/", None, 405, {"Allow": "GET,HEAD,POST"}),
        ("POST", "/", BytesIO(b"x" * 2**21), 413, {}),
    ],
)
async def test_errors_of_aiohttps(
    method: str, path: str, body: BytesIO | None, status: int, header: dict[str, str]
) -> None:
    """An unknown path, a wrong method and a body that is too large are problems too, with their own headers."""
    async with serving_routes({"/": read}) as site:
        answer = await site.ask(method, path, data=body)
    assert answer.status == status
    assert answer.problem()["instance"] == path
    assert header.items() <= dict(answer.headers).items()


async def test_a_body_that_is_malformed() -> None:
    """It is the browser's fault, and not an error of the server's."""
    async with serving_routes({"/": read}) as site:
        headers = {"Content-Encoding": "deflate"}
        answer = await site.ask("POST", "/", data=b"no deflated data", headers=headers)
    assert answer.problem()["detail"] == "The body of the request is malformed."
    assert answer.status == 400


async def test_a_browser_that_goes_while_it_sends(caplog: pytest.LogCaptureFixture) -> None:
    """Its absence is no error, and the handler has ended."""
    inside, ended = asyncio.Event(), asyncio.Event()

    async def work(request: web.Request) -> web.StreamResponse:
        inside.set()
        try:
            return await read(request)
        finally:
            ended.set()

    async with serving_routes({"/": work}) as site:
        await gone_before(site, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc", inside)
        await ended.wait()
        await asyncio.sleep(0.01)
    assert not loud(caplog)


async def test_heads_of_problems() -> None:
    """HEAD has the status and the headers of GET, and no body."""
    async with serving_routes({"/": raising(lambda: ParameterError("a", "b"))}) as site:
        got, asked = await site.get("/"), await site.ask("HEAD", "/")
    assert (asked.status, asked.body) == (400, b"")
    for name in ("Content-Type", "Content-Length"):
        assert asked.headers[name] == got.headers[name]


async def test_aiohttps_exceptions_with_words_headers_and_cookies() -> None:
    """What the handler put into one is in the answer, and its words are the detail."""

    def error() -> web.HTTPException:
        error = web.HTTPForbidden(text="not you", reason="Nope", headers={"X-A": "1"})
        error.headers.add("X-A", "2")
        error.set_cookie("seen", "yes")
        return error

    async with serving_routes({"/": raising(error)}) as site, site.session.get("/") as answer:
        assert answer.reason == "Nope"
        assert answer.headers.getall("X-A") == ["1", "2"]
        assert answer.cookies["seen"].value == "yes"
        problem = await answer.json(content_type="application/problem+json")
    assert problem == {
        "type": "about:blank",
        "title": "Nope",
        "status": 403,
        "detail": "not you",
        "instance": "/",
    }


async def test_a_problem_of_the_handlers_own() -> None:
    """Its members and headers are in the answer, and nothing is logged."""
    error = ProblemError(409, "Conflict", "taken", headers={"X-A": "1", "Cache-Control": "no-cache"}, by="kim")
    async with serving_routes({"/": raising(lambda: error)}) as site:
        answer = await site.get("/")
    assert answer.problem() == {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "detail": "taken",
        "by": "kim",
        "instance": "/",
    }
    assert (answer.headers["X-A"], answer.headers["Cache-Control"]) == ("1", "no-cache")


async def test_a_problem_without_the_middleware() -> None:
    """It is an answer by itself."""
    app = web.Application()
    app.router.add_get("/", raising(lambda: ProblemError(409, detail="taken")))
    async with serving(app) as site, site.session.get("/") as answer:
        assert answer.content_type == "application/problem+json"
        assert (await answer.json(content_type=None))["detail"] == "taken"


async def test_what_is_no_error_is_left_alone() -> None:
    """A redirect, an exception that is an answer already, and answers that are returned pass as they are."""

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


async def test_middlewares_are_within() -> None:
    """What other middlewares raise, those of before `setup` and those of after it, is answered too."""

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


async def test_without_setup() -> None:
    """The middleware works alone, where somebody wants nothing but problems."""
    app = web.Application(middlewares=[problems])
    app.router.add_get("/", raising(lambda: ParameterError("a", "b")))
    async with serving(app) as site:
        assert (await site.get("/", headers={"X-Request-Timeout": "nonsense"})).problem()["parameter"] == "a"


@pytest.mark.parametrize(("method", "unknown"), [("GET", None), ("POST", True)])
async def test_a_timeout_of_the_handlers_own(method: str, unknown: bool | None) -> None:
    """It is a 504; what was to change something may have done it."""
    async with serving_routes({"/": raising(TimeoutError)}) as site:
        problem = (await site.ask(method, "/")).problem()
    assert (problem["status"], problem["code"]) == (504, "DeadlineExceeded")
    assert problem.get("outcome_unknown") is unknown


async def test_a_cancellation_is_nothing_to_answer() -> None:
    """It passes through: the server ends the connection."""
    async with serving_routes({"/": raising(asyncio.CancelledError)}) as site:
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await site.get("/")


@pytest.mark.parametrize(
    "error", [ParameterError("a", "a secret"), web.HTTPFound("/"), web.HTTPNotFound(), TimeoutError()], ids=repr
)
async def test_an_answer_that_has_begun(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """It is broken off, visibly, and nothing follows it; the log has the reason."""

    async def begin(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        await answer.write(b"half")
        raise error

    async with serving_routes({"/": begin}) as site, site.session.get("/") as answer:
        assert answer.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()
    assert "the answer had begun" in caplog.text
    assert type(error).__name__ in caplog.text


async def gone_before(site: Site, request: bytes, inside: asyncio.Event) -> None:
    """Ask for something, and leave as soon as the handler is at work."""
    _, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(request)
    await inside.wait()
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("begun", [False, True])
async def test_a_browser_that_has_gone(begun: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Its absence is no error: nothing is logged when writing to it fails."""
    inside, seen = asyncio.Event(), asyncio.Event()
    caught: list[Any] = []

    async def work(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        if begun:
            await answer.prepare(request)
        inside.set()
        await until(lambda: request.transport is None, "the browser has gone")
        try:
            await answer.prepare(request)
            await answer.write(b"more")
        except ConnectionError as error:
            caught.append(error)
            raise
        finally:
            seen.set()
        return answer

    async with serving_routes({"/": work}) as site:
        await gone_before(site, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", inside)
        await seen.wait()
        await asyncio.sleep(0.01)
    assert caught
    assert not loud(caplog)

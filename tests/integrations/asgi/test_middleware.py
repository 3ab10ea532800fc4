"""Under ASGI, exceptions of handlers become problem responses, and deadlines are enforced."""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from integrations.aiohttp_web.site import ADMINISTRATOR, warnings_of
from integrations.asgi.site import Handle, both, make_app, serving, serving_routes, streaming
from integrations.library_errors import STATUSES, make
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from support.programs import finish
from support.wire_server import until

from detective_async import DetectiveClient, DetectiveError, ParameterError, Timeouts, TooManyRequestsException
from detective_async.integrations.asgi import DetectiveMiddleware, ProblemError, get_client, stream_ndjson, to_json
from detective_async.testing import DetectiveSimulator, Fault, Latency

HEADER = "X-Request-Timeout"


def raising(error: Callable[[], BaseException]) -> Handle:
    async def handler(_request: Request) -> Any:
        raise error()

    return handler


async def wait(_request: Request) -> Any:
    await asyncio.Event().wait()


@pytest.mark.parametrize("kind", STATUSES, ids=lambda kind: kind.__name__)
async def test_errors_of_the_library(kind: type[DetectiveError], caplog: pytest.LogCaptureFixture) -> None:
    """Each has its status and document, with the path without the query; server errors are logged."""
    error = make(kind)
    async with serving_routes({"/a/{b}": raising(lambda: error)}) as site:
        reply = await site.get("/a/%C3%A9?secret=1")
    assert reply.status == STATUSES[kind]
    assert reply.problem() == {**to_json(error), "instance": "/a/%C3%A9"}
    assert reply.headers["Cache-Control"] == "no-store"
    assert int(reply.headers["Content-Length"]) == len(reply.body)
    logged = [(record.name, record.levelname) for record in warnings_of(caplog)]
    level = {500: ["ERROR"]}.get(reply.status, ["WARNING"] if reply.status > 500 else [])
    assert logged == [("detective_async.asgi", name) for name in level]


async def test_throttle() -> None:
    """It has Retry-After."""
    error = TooManyRequestsException("TooManyRequestsException", "slow down", status=429, retry_after=2.5)
    async with serving_routes({"/": raising(lambda: error)}) as site:
        assert (await site.get("/")).headers["Retry-After"] == "3"


async def test_problem_error(caplog: pytest.LogCaptureFixture) -> None:
    """A handler's own problem has its members and headers, and is not logged."""
    error = ProblemError(503, detail="taken", headers={"X-A": "1", "cache-control": "no-cache"}, by="kim", to=None)
    async with serving_routes({"/": raising(lambda: error)}) as site:
        reply = await site.get("/")
    document = {"type": "about:blank", "title": "Service Unavailable", "status": 503, "detail": "taken", "by": "kim"}
    assert reply.problem() == {**document, "instance": "/"}
    assert (reply.headers["X-A"], reply.headers["X-Content-Type-Options"]) == ("1", "nosniff")
    assert [value for name, value in reply.headers.items() if name.lower() == "cache-control"] == ["no-cache"]
    assert to_json(error) == document
    assert str(error) == "503: taken"
    assert str(ProblemError(404)) == "404: Not Found"
    assert ProblemError(499).problem.document() == {"type": "about:blank", "title": "", "status": 499}
    with pytest.raises(ValueError, match="not 200"):
        ProblemError(200)
    assert not warnings_of(caplog)


async def test_length_of_a_problem() -> None:
    """It is that of the document, whatever the handler says."""
    routes = {"/": raising(lambda: ProblemError(404, headers={"content-length": "3", "X-A": "1"}))}
    async with serving_routes(routes) as site:
        reply = await site.get("/")
    assert reply.problem()["title"] == "Not Found"
    assert reply.headers["X-A"] == "1"
    assert reply.headers.getall("Content-Length") == [str(len(reply.body))]  # type: ignore[attr-defined] # aiohttp's


async def test_other_exceptions() -> None:
    """They are the framework's."""
    routes = {"/": raising(KeyError), "/gone": raising(lambda: HTTPException(410, "it was here"))}
    async with serving_routes(routes) as site:
        failed, gone, unknown = await site.get("/"), await site.get("/gone"), await site.get("/nowhere")
    assert (failed.status, failed.body) == (500, b"Internal Server Error")
    assert (gone.status, gone.body) == (410, b"it was here")
    assert unknown.status == 404


@pytest.mark.parametrize("error", [ParameterError("a", "wrong"), TimeoutError()], ids=repr)
async def test_response_has_started(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """The connection is broken off, and the server logs the exception."""

    async def begin(_request: Request) -> Any:
        async def body() -> AsyncIterator[bytes]:
            yield b"half"
            await asyncio.sleep(0.05)
            raise error

        return StreamingResponse(body())

    async with serving_routes({"/": begin}) as site, site.session.get("/") as response:
        assert response.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()
    [record] = warnings_of(caplog)
    assert record.exc_info is not None
    assert record.exc_info[1] is error


@pytest.mark.parametrize(("deadline", "header"), [(0.05, None), (None, "0.05"), (60, "0.05"), (0.05, "60")])
@pytest.mark.parametrize(("method", "unknown"), [("GET", None), ("POST", True)])
async def test_deadline(method: str, unknown: bool | None, deadline: float | None, header: str | None) -> None:
    """The lower of the app's and the header's is answered with 504; nobody knows what an interrupted POST has done."""
    headers = {} if header is None else {HEADER: header}
    async with serving_routes({"/": wait}, deadline=deadline) as site:
        problem = (await site.ask(method, "/", headers=headers)).problem()
    assert (problem["status"], problem["code"]) == (504, "DeadlineExceeded")
    assert problem.get("outcome_unknown") is unknown


@both
async def test_deadline_of_streams(stream: Callable[..., Any]) -> None:
    """It is their last record; before the first line, it is a response of its own."""

    async def items(count: int) -> AsyncIterator[int]:
        for number in range(count):
            yield number
        await asyncio.Event().wait()

    routes = {"/": streaming(stream, lambda _: items(2)), "/none": streaming(stream, lambda _: items(0))}
    async with serving_routes(routes, deadline=1) as site:
        response, none = await site.get("/"), await site.get("/none")
    assert response.status == 200
    last = response.body.rstrip(b"\n").splitlines()[-1]
    assert b'"status":504' in last
    assert b'"instance":"/"' in last
    assert b"event: end" not in response.body
    assert b'"status":504' in none.body
    assert none.status == (200 if b"event:" in none.body else 504)


@pytest.mark.parametrize("base", [False, True])
async def test_background_tasks(base: bool) -> None:
    """They follow the response, so that the deadline does not apply to them, nor to their calls."""
    seen: list[Any] = []

    async def work(request: Request) -> None:
        await asyncio.sleep(1.5)
        seen.append(get_client(request)._transport.timeouts.total)

    async def answer(request: Request) -> Any:
        return JSONResponse({}, background=BackgroundTask(work, request))

    app = make_app({"/": answer}, deadline=1)
    if base:
        app.add_middleware(BaseHTTPMiddleware, dispatch=lambda request, call_next: call_next(request))
    async with serving(app) as site:
        assert (await site.get("/")).status == 200
        await until(lambda: seen, "the task has ended")
    assert seen == [Timeouts().total]


async def test_handler_ignores_its_cancellation() -> None:
    """Its response is sent."""

    async def stubborn(request: Request) -> Any:
        with contextlib.suppress(asyncio.CancelledError):
            await wait(request)
        return JSONResponse("late")

    async with serving_routes({"/": stubborn}, deadline=0.05) as site:
        assert (await site.get("/")).body == b'"late"'


@pytest.mark.parametrize("deadline", [None, 60])
async def test_timeout_of_the_handler(deadline: float | None, caplog: pytest.LogCaptureFixture) -> None:
    """One that is not the request's deadline is logged with its place."""
    error = TimeoutError(110, "the database does not respond")
    async with serving_routes({"/": raising(lambda: error)}, deadline=deadline) as site:
        assert (await site.get("/")).problem()["status"] == 504
    [record] = warnings_of(caplog)
    assert record.exc_info is not None
    assert record.exc_info[1] is error


async def test_deadline_is_logged_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """It is known where that comes from, of a handler as of a stream."""

    async def items() -> AsyncIterator[int]:
        await asyncio.Event().wait()
        yield 1

    async def late(request: Request) -> Any:
        time.sleep(0.02)  # noqa: ASYNC251 - so that the deadline passes without a cancellation
        return JSONResponse(get_client(request).region)

    routes = {"/": wait, "/stream": streaming(stream_ndjson, lambda _: items()), "/late": late}
    async with serving_routes(routes, deadline=0.01) as site:
        for path in routes:
            assert (await site.get(path)).problem()["status"] == 504
    assert [record.exc_info for record in warnings_of(caplog)] == [None] * 3


@both
async def test_timeout_of_a_stream(stream: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
    """So is one of an iterator."""

    async def items() -> AsyncIterator[int]:
        yield 1
        raise TimeoutError("the database does not respond")

    async with serving_routes({"/": streaming(stream, lambda _: items())}, deadline=60) as site:
        assert b'"status":504' in (await site.get("/")).body
    assert "the database does not respond" in caplog.text


async def test_call_reaches_the_deadline(sim: DetectiveSimulator) -> None:
    """It raises the library's error, which says whether AWS may have acted."""
    sim.inject(Fault(Latency(60.0)))
    client = DetectiveClient(region="eu-west-1", credentials=sim.account(ADMINISTRATOR), endpoint_url=sim.url)

    async def create(request: Request) -> Any:
        return JSONResponse(to_json(await get_client(request).create_graph()))

    async with serving_routes({"/": create}, client) as site:
        problem = (await site.ask("POST", "/", headers={HEADER: "1"})).problem()
    assert (problem["status"], problem["code"], problem["outcome_unknown"]) == (504, "DeadlineExceeded", True)


@pytest.mark.parametrize("values", [["soon"], ["-1"], ["1", "2"]])
async def test_malformed_header(values: list[str]) -> None:
    """It is a 400 that names the header, which can be turned off."""
    headers = [(HEADER, value) for value in values]

    async def fine(_request: Request) -> Any:
        return JSONResponse({})

    async with serving_routes({"/": fine}) as site:
        problem = (await site.get("/", headers=headers)).problem()
    assert (problem["status"], problem["parameter"]) == (400, HEADER)
    async with serving_routes({"/": fine}, deadline_header=None) as site:
        assert (await site.get("/", headers=headers)).status == 200


async def test_client_in_a_thread() -> None:
    """A handler or dependency that is no coroutine may ask for the request's client, too."""

    async def threaded(request: Request) -> Any:
        return JSONResponse((await asyncio.to_thread(get_client, request))._transport.timeouts.total)

    async with serving_routes({"/": threaded}, deadline=60) as site:
        assert 0 < float((await site.get("/")).body) <= 60


@pytest.mark.parametrize("deadline", [0, True, float("nan")])
def test_invalid_deadline(deadline: float) -> None:
    """It is refused."""

    async def app(*_: Any) -> None:
        """Do nothing."""

    with pytest.raises(ParameterError, match="deadline: must be a positive number"):
        DetectiveMiddleware(app, deadline=deadline)


async def test_bare_scopes() -> None:
    """The optional members of a scope may be missing; the path is quoted then. It never has the query."""
    sent: list[Mapping[str, Any]] = []

    async def app(*_: Any) -> None:
        raise DetectiveError("no")

    async def receive() -> Any:
        raise NotImplementedError

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message)

    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": "/\xe9 ?", "headers": [], "client": None}
    await DetectiveMiddleware(app)(scope, receive, send)
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert b'"instance":"/%C3%A9%20%3F"' in sent[1]["body"]
    await DetectiveMiddleware(app)(
        {"type": "http", "method": "GET", "path": "/", "raw_path": b"/%41?secret=1", "headers": []}, receive, send
    )
    assert b'"instance":"/%41"' in sent[3]["body"]


async def test_no_framework_is_imported(tmp_path: Path) -> None:
    """Neither Starlette nor aiohttp's server."""
    program = (
        "import sys, detective_async.integrations.asgi\n"
        "print([name for name in ('starlette', 'fastapi', 'anyio', 'aiohttp.web') if name in sys.modules])"
    )
    ended = await finish(sys.executable, "-c", program, environ={}, directory=tmp_path)
    assert (ended.code, ended.out) == (0, "[]\n")

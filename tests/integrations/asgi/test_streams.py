"""Streams under ASGI: what they send, and that they stop when the reader has left."""

import asyncio
import gc
import json
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
from integrations.aiohttp_web.site import Items, client_of, idle_client, read_all, settled, warnings_of
from integrations.aiohttp_web.test_connection import make_members, sockets
from integrations.asgi.site import Site, Stream, both, requesting, serving, serving_routes, streaming
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.routing import Route
from support.wire_server import until

from detective_async import PaginationError
from detective_async.integrations.asgi import (
    DetectiveMiddleware,
    ProblemError,
    ServerEvent,
    get_client,
    stream_events,
    stream_ndjson,
    to_json,
)
from detective_async.testing import DetectiveSimulator

pytestmark = pytest.mark.slow

END = b"event: end\ndata: {}\n\n"


async def counting(count: int, error: Exception | None = None) -> AsyncIterator[Any]:
    """Yield numbers, and then raise."""
    for number in range(count):
        yield number
    if error is not None:
        raise error


@both
async def test_members(stream: Stream, sim: DetectiveSimulator) -> None:
    """Each member of all pages is a record, and the stream ends with its end mark; the headers can be added to."""
    client = client_of(sim)
    arn = await make_members(client)

    async def members(request: Request) -> Any:
        found = get_client(request).iter_members(arn, page_size=7)
        return stream(found, to_json=partial(to_json, sensitive=True), headers={"X-A": "1", "cache-control": "private"})

    async with serving_routes({"/": members}, client) as site:
        response = await site.get("/")
    assert response.status == 200
    assert (response.headers["X-A"], response.headers["Cache-Control"]) == ("1", "private")
    assert response.headers["X-Accel-Buffering"] == "no"
    assert response.body.count(b"@example.com") == response.body.count(b'"AccountId"') == 40
    if stream is stream_ndjson:
        assert response.headers["Content-Type"] == "application/x-ndjson"
        assert json.loads(response.body.splitlines()[0])["AccountId"] == f"{1:012}"
    else:
        assert response.headers["Content-Type"] == "text/event-stream"
        assert response.body.endswith(END)


@both
async def test_no_items(stream: Stream) -> None:
    """An empty stream is complete."""
    async with serving_routes({"/": streaming(stream, lambda _: counting(0))}) as site:
        assert (await site.get("/")).body == (b"" if stream is stream_ndjson else b":\n\n" + END)


ERRORS: list[tuple[Exception, int, str | None]] = [
    (PaginationError("ListMembers"), 502, "WARNING"),
    (TimeoutError(), 504, "WARNING"),
    (KeyError("a secret"), 500, "ERROR"),
    (ProblemError(410, detail="it was here once"), 410, None),
]


@both
@pytest.mark.parametrize(("error", "status", "level"), ERRORS, ids=lambda value: type(value).__name__)
async def test_failure_during_the_stream(
    stream: Stream, error: Exception, status: int, level: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    """The last record is the problem; server errors are logged."""
    async with serving_routes({"/path": streaming(stream, lambda _: counting(2, error))}) as site:
        response = await site.get("/path?query")
    last = response.body.rstrip(b"\n").splitlines()[-1]
    problem = json.loads(last)["error"] if stream is stream_ndjson else json.loads(last.removeprefix(b"data: "))
    assert problem == {**to_json(error), "instance": "/path"}
    assert problem["status"] == status
    assert b"secret" not in response.body
    assert END not in response.body
    assert [record.levelname for record in warnings_of(caplog)] == ([] if level is None else [level])


async def test_failure_before_the_stream() -> None:
    """For lines, it is the response; for events, which have started, the only event."""
    items = streaming(stream_ndjson, lambda _: counting(0, PaginationError("A")))
    events = streaming(stream_events, lambda _: counting(0, PaginationError("A")))
    async with serving_routes({"/": items, "/events": events}) as site:
        assert (await site.get("/")).problem()["status"] == 502
        response = await site.get("/events")
    assert response.status == 200
    assert b'event: error\ndata: {"type":"about:blank","title":"Bad Gateway","status":502' in response.body


async def test_without_the_middleware() -> None:
    """Streams need none."""
    app = Starlette(routes=[Route("/", streaming(stream_ndjson, lambda _: counting(2)))])
    async with serving(app) as site:
        assert (await site.get("/")).body == b"0\n1\n"


async def test_failure_without_the_middleware() -> None:
    """It is the framework's."""
    with pytest.raises(PaginationError):
        await Server().run(stream_ndjson(counting(0, PaginationError("A"))))


@both
async def test_head(stream: Stream) -> None:
    """HEAD has the headers of GET, takes no items, and closes the iterator."""
    items = Items(count=3)
    async with serving_routes({"/": streaming(stream, items)}) as site:
        asked = await site.ask("HEAD", "/")
    assert (asked.status, asked.body, items.given) == (200, b"", 0)
    assert asked.headers["X-Accel-Buffering"] == "no"


@both
async def test_aclose_raises(stream: Stream, caplog: pytest.LogCaptureFixture) -> None:
    """The response is complete, and the exception is logged."""

    class Broken:
        def __aiter__(self) -> "Broken":
            return self

        async def __anext__(self) -> int:
            raise StopAsyncIteration

        async def aclose(self) -> None:
            raise KeyError("its end")

    async with serving_routes({"/": streaming(stream, lambda _: Broken())}) as site:
        response = await site.get("/")
    assert (response.status, b"error" in response.body) == (200, False)
    assert [record.levelname for record in warnings_of(caplog)] == ["ERROR"]


async def test_events() -> None:
    """They start at once, have names and ids, and comments while there are none."""
    go_on = asyncio.Event()

    async def items() -> AsyncIterator[Any]:
        await go_on.wait()
        yield ServerEvent({"a": 1}, event="found", id="7")

    site = serving_routes({"/": streaming(stream_events, lambda _: items(), heartbeat=0.02, retry=2.5)})
    async with site as served, served.session.get("/") as response:
        assert await response.content.readuntil(b"\n\n") == b"retry: 2500\n\n"
        for _ in range(3):
            assert await response.content.readexactly(3) == b":\n\n"
        go_on.set()
        rest = await response.read()
    assert rest.replace(b":\n\n", b"") == b'id: 7\nevent: found\ndata: {"a":1}\n\n' + END


@pytest.mark.parametrize("name", ["heartbeat", "write_timeout"])
def test_invalid_seconds(name: str) -> None:
    """They are an error in the handler."""
    with pytest.raises(ValueError, match=f"{name} must be a positive number of seconds"):
        stream_events(counting(1), **{name: 0})  # type: ignore[arg-type] # for mypy, it may be any of them


@pytest.mark.parametrize("retry", [-1, True, float("nan"), float("inf"), "1"])
def test_invalid_retry(retry: Any) -> None:
    """It is an error in the handler, too; a browser may reconnect at once."""
    with pytest.raises(ValueError, match=r"retry must be (a positive number of|at most 1000000000) seconds"):
        stream_events(counting(1), retry=retry)
    stream_events(counting(1), retry=0)


@both
async def test_no_further_pages_are_fetched(stream: Stream, sim: DetectiveSimulator) -> None:
    """A disconnect stops the requests to AWS."""
    client = client_of(sim)
    arn = await make_members(client)
    ended = asyncio.Event()

    async def slowly(request: Request) -> AsyncIterator[Any]:
        try:
            async for member in get_client(request).iter_members(arn, page_size=1):
                await asyncio.sleep(0.02)
                yield member
        finally:
            ended.set()

    def pages() -> int:
        return [request.operation for request in sim.requests].count("ListMembers")

    async with serving_routes({"/": streaming(stream, slowly)}, client) as site:
        async with requesting(site):
            await until(lambda: pages() > 2, "some pages were fetched")
        await ended.wait()
        fetched = pages()
        await asyncio.sleep(0.1)
        assert pages() == fetched < 40


@both
async def test_hundred_disconnects(stream: Stream, caplog: pytest.LogCaptureFixture) -> None:
    """At any moment, they leave no task, socket, open iterator or log record."""
    made: list[Items] = []

    async def handler(_request: Request) -> Any:
        number = len(made)
        items = Items(size=(10, 50_000)[number % 2], stop_at=(0, None, 1, 3, None)[number % 5])
        made.append(items)
        options: dict[str, Any] = {"heartbeat": 0.01} if stream is stream_events else {}
        return stream(items, **options)

    async def hang_up(site: Site, number: int) -> None:
        async with requesting(site):
            await asyncio.sleep(number % 10 * 0.01)

    async with serving_routes({"/": handler}) as site:
        before = asyncio.all_tasks(), sockets()
        for start in range(0, 100, 50):
            await asyncio.gather(*(hang_up(site, number) for number in range(start, start + 50)))
        await until(lambda: all(items.ended for items in made if items.begun), "the iterators were closed")
        await until(lambda: asyncio.all_tasks() <= before[0], "no task is left")
        await site.disconnected()
        gc.collect()
        await until(lambda: sockets() == before[1], "no socket is left")
    assert len(made) > 25
    assert not warnings_of(caplog)


@both
async def test_slow_reader(stream: Stream) -> None:
    """Items are taken on demand, and all arrive in order."""
    items = Items(size=100_000, count=200)
    request = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    async with serving_routes({"/": streaming(stream, items)}) as site, requesting(site, request) as client:
        assert await settled(items) < 100
        response = await read_all(client)
    assert (items.given, items.ended) == (200, 1)
    assert len(response) > 200 * 100_000
    assert response.endswith(b"\r\n0\r\n\r\n")


@both
async def test_stalled_reader(stream: Stream, caplog: pytest.LogCaptureFixture) -> None:
    """After the write timeout, no further items are taken, and the response does not look complete."""
    items = Items(size=100_000)
    async with serving_routes({"/": streaming(stream, items, write_timeout=0.3)}) as site, requesting(site) as client:
        await until(lambda: items.ended, "it has been given up")
        assert items.given < 150
        assert not (await read_all(client)).endswith(b"0\r\n\r\n")
    assert "its reader has stalled" in caplog.text


@both
@pytest.mark.parametrize("base", [False, True])
async def test_deadline_while_writing(stream: Stream, base: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing can be added to a record of which a part may be sent, so the connection is broken off.

    So it is under a `BaseHTTPMiddleware`, which would complete any response that ends without an exception.
    """
    # So large that buffers are full long before the time is up, also on a busy machine.
    items = Items(size=1_000_000)
    app = Starlette(routes=[Route("/", streaming(stream, items))])
    if base:
        app.add_middleware(BaseHTTPMiddleware, dispatch=lambda request, call_next: call_next(request))
    app.add_middleware(DetectiveMiddleware, idle_client(), deadline=1.0)
    async with serving(app) as site, requesting(site) as client:
        await until(lambda: items.ended, "the time is up")
        response = await read_all(client)
    assert b'"status":504' not in response
    assert not response.endswith(b"0\r\n\r\n")
    assert "its time is up" in caplog.text


@both
async def test_cancellation_of_an_iterator(stream: Stream) -> None:
    """The response does not look complete, also where a `BaseHTTPMiddleware` completes it."""

    async def items() -> AsyncIterator[int]:
        yield 1
        await asyncio.sleep(0.05)
        raise asyncio.CancelledError

    app = Starlette(routes=[Route("/", streaming(stream, lambda _: items()))])
    app.add_middleware(BaseHTTPMiddleware, dispatch=lambda request, call_next: call_next(request))
    app.add_middleware(DetectiveMiddleware, idle_client())
    async with serving(app) as site, requesting(site) as client:
        response = await read_all(client)
    assert response.startswith(b"HTTP/1.1 200")
    assert not response.endswith(b"0\r\n\r\n")


class Server:
    """A server of one request, whose client disconnects by an event or by an `OSError` of `send`."""

    def __init__(self, *, refuse_after: int | None = None) -> None:
        self.sent: list[Any] = []
        self.events = [{"type": "http.request", "body": b"x", "more_body": False}]
        self.refuse_after = refuse_after

    async def receive(self) -> Any:
        await asyncio.sleep(0)
        if self.events:
            return self.events.pop()
        return await asyncio.Event().wait()

    async def send(self, message: Any) -> None:
        if self.refuse_after is not None and len(self.sent) >= self.refuse_after:
            raise OSError("it has gone")
        self.sent.append(message)

    async def run(self, app: Any) -> list[bytes]:
        async with asyncio.timeout(30):
            await app({"type": "http", "method": "GET", "path": "/", "headers": []}, self.receive, self.send)
        return [message.get("body") for message in self.sent]


@both
@pytest.mark.parametrize("after", [0, 1, 2])
async def test_send_raises(stream: Stream, after: int) -> None:
    """Servers that say so by an exception have lost their client, too."""
    items = Items()
    server = Server(refuse_after=after)
    await server.run(stream(items))
    assert items.ended == items.begun
    assert len(server.sent) == after


@both
async def test_stalled_server(stream: Stream) -> None:
    """A `send` that does not end is given up, also without the middleware, and the server is told by an exception."""

    class Stalled(Server):
        async def send(self, message: Any) -> None:
            await super().send(message)
            if len(self.sent) == 3:
                await asyncio.Event().wait()

    items, server = Items(), Stalled()
    with pytest.raises(ConnectionAbortedError, match="its reader has stalled"):
        await server.run(stream(items, write_timeout=0.1))
    assert items.ended == 1
    assert len(server.sent) == 3


async def test_heartbeat_cannot_be_sent() -> None:
    """The stream ends, and the iterator is closed."""
    items = Items(stop_at=0)
    await Server(refuse_after=2).run(stream_events(items, heartbeat=0.01))
    assert items.ended == 1


async def test_heartbeat_that_is_being_sent() -> None:
    """The next record waits for it, and so does the end."""

    class Slow(Server):
        async def send(self, message: Any) -> None:
            await asyncio.sleep(0.02)
            await super().send(message)

    async def items() -> AsyncIterator[int]:
        for number in range(3):
            await asyncio.sleep(0.03)
            yield number
        await asyncio.sleep(0.015)

    bodies = await Slow().run(stream_events(items(), heartbeat=0.01))
    assert [body for body in bodies[1:] if body != b":\n\n"] == [
        b"data: 0\n\n",
        b"data: 1\n\n",
        b"data: 2\n\n",
        END,
        b"",
    ]
    assert b":\n\n" in bodies[2:]


@both
async def test_shutdown(stream: Stream) -> None:
    """Where a server sends the event while streams are in progress, they end with a record that says so."""
    server, items = Server(), Items(stop_at=1)
    events: asyncio.Queue[Any] = asyncio.Queue()
    events.put_nowait({"type": "lifespan.startup"})

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await stream(items)(scope, receive, send)

    async def ignore(_message: Any) -> None:
        """Do nothing."""

    wrapped = DetectiveMiddleware(app, idle_client())
    lifespan = asyncio.create_task(wrapped({"type": "lifespan"}, events.get, ignore))
    request = asyncio.create_task(server.run(wrapped))
    await until(lambda: items.given, "it waits")
    events.put_nowait({"type": "lifespan.shutdown"})
    bodies = await request
    await lifespan
    assert b'"status":503,"detail":"The server is going down."' in bodies[-2]
    assert bodies[-1] == b""
    assert items.ended == 1

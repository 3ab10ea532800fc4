"""Streaming responses: newline-delimited JSON, and server-sent events."""

import asyncio
import json
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
from aiohttp import web
from integrations.aiohttp_web.site import (
    ADMINISTRATOR,
    Reply,
    Stream,
    both,
    client_of,
    serving_routes,
    streaming,
    warnings_of,
)
from support.virtual_time import in_virtual_time

from detective_async import (
    Account,
    ConnectionLost,
    DetectiveClient,
    DetectiveFleet,
    PaginationError,
    ResourceNotFoundException,
    Target,
)
from detective_async.integrations.aiohttp_web import (
    ProblemError,
    ServerEvent,
    get_client,
    get_fleet,
    last_event_id,
    stream_events,
    stream_ndjson,
    to_json,
)
from detective_async.testing import DetectiveSimulator


async def counting(count: int, error: Exception | None = None) -> AsyncIterator[Any]:
    """Yield numbers, and then raise."""
    for number in range(count):
        yield number
    if error is not None:
        raise error


def lines(response: Reply) -> list[Any]:
    assert response.status == 200
    assert response.headers["Content-Type"] == "application/x-ndjson"
    assert response.body.endswith(b"\n") or not response.body
    return [json.loads(line) for line in response.body.splitlines()]


def events(response: Reply) -> list[tuple[str, Any]]:
    """Return the names and data of events, without comments."""
    assert response.status == 200
    assert response.headers["Content-Type"] == "text/event-stream"
    assert response.body.endswith(b"\n\n")
    found = []
    for block in response.body.decode().removesuffix("\n\n").split("\n\n"):
        if block != ":":
            *head, data = block.split("\n")
            name = head[0].removeprefix("event: ") if head else "message"
            found.append((name, json.loads(data.removeprefix("data: "))))
    return found


@pytest.fixture
async def client(sim: DetectiveSimulator) -> DetectiveClient:
    """A client of an account whose graph has members; the app closes it."""
    client = client_of(sim)
    graph_arn = (await client.create_graph()).graph_arn
    accounts = [Account(f"{number:012}", f"account-{number}@example.com") for number in range(1, 31)]
    await client.create_members(graph_arn, accounts)
    return client


async def members(request: web.Request, stream: Stream = stream_ndjson, **options: Any) -> web.StreamResponse:
    client = get_client(request)
    graph = await client.iter_graphs().first()
    assert graph is not None
    response: web.StreamResponse = await stream(request, client.iter_members(str(graph.arn), page_size=7), **options)
    return response


async def test_members_as_lines(client: DetectiveClient) -> None:
    """Each member of all pages is a line; the headers disable buffering.

    E-mail addresses and additional headers are included on request only.
    """
    own = partial(members, to_json=partial(to_json, sensitive=True), headers={"X-A": "1", "Cache-Control": "private"})
    async with serving_routes({"/": members, "/own": own}, client) as site:
        response, changed = await site.get("/"), await site.get("/own")
    assert [line["AccountId"] for line in lines(response)] == [f"{number:012}" for number in range(1, 31)]
    assert b"@" not in response.body
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Accel-Buffering"] == "no"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert lines(changed)[0]["EmailAddress"] == "account-1@example.com"
    assert (changed.headers["X-A"], changed.headers["Cache-Control"]) == ("1", "private")


async def test_members_as_events(client: DetectiveClient) -> None:
    """Each member is an event, followed by the event `end`."""
    async with serving_routes({"/": partial(members, stream=stream_events)}, client) as site:
        *found, last = events(await site.get("/"))
    assert [name for name, _ in found] == ["message"] * 30
    assert [data["AccountId"] for _, data in found] == [f"{number:012}" for number in range(1, 31)]
    assert last == ("end", {})


async def test_fleet_stream(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Each line has the target and the item."""
    await client.aclose()
    targets = [Target(ADMINISTRATOR, region, sim.account(ADMINISTRATOR)) for region in ("eu-west-1", "us-east-1")]
    fleet = DetectiveFleet(targets, endpoint_url=sim.url)

    routes = {"/": streaming(stream_ndjson, lambda request: get_fleet(request).iter_graphs())}
    async with serving_routes(routes, fleet) as site:
        [line] = lines(await site.get("/"))
    assert line["target"] == {"account_id": ADMINISTRATOR, "region": "eu-west-1"}
    assert "Arn" in line["item"]


@both
async def test_no_items(stream: Stream) -> None:
    """An empty stream is complete."""
    async with serving_routes({"/": streaming(stream, lambda _: counting(0))}) as site:
        response = await site.get("/")
    assert (lines(response) == []) if stream is stream_ndjson else (events(response) == [("end", {})])


async def test_lines_fail_before_the_first_item(client: DetectiveClient) -> None:
    """The response is a problem with the error's status."""
    arn = f"arn:aws:detective:eu-west-1:{ADMINISTRATOR}:graph:{'0' * 32}"

    routes = {"/": streaming(stream_ndjson, lambda request: get_client(request).iter_members(arn))}
    async with serving_routes(routes, client) as site:
        problem = (await site.get("/")).problem()
    assert (problem["status"], problem["code"]) == (404, "ResourceNotFoundException")
    assert problem["request_id"]


ERRORS = [
    (ResourceNotFoundException("ResourceNotFoundException", "gone", status=404, request_id="an-id"), 404, None),
    (PaginationError("ListMembers"), 502, "WARNING"),
    (ConnectionLost("it broke", operation="ListMembers", attempts=3, outcome_unknown=False), 502, "WARNING"),
    # A deadline and a disconnect raise the same exceptions.
    (TimeoutError(), 504, "WARNING"),
    (ConnectionResetError("a secret"), 500, "ERROR"),
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
        # The connection can be reused.
        assert (await site.get("/path")).status == 200
        assert len(site.runner.server.connections if site.runner.server else []) == 1
    found = (
        [line.get("error", line) if isinstance(line, dict) else line for line in lines(response)]
        if (stream is stream_ndjson)
        else [data for _, data in events(response)]
    )
    assert found[:2] == [0, 1]
    [problem] = found[2:]
    assert problem == {**to_json(error), "instance": "/path"}
    assert problem["status"] == status
    assert "secret" not in json.dumps(problem)
    if stream is stream_events:
        assert [name for name, _ in events(response)] == ["message", "message", "error"]
    logged = [record.levelname for record in warnings_of(caplog)]
    assert logged == ([] if level is None else [level] * 2)


async def test_events_fail_before_the_first_item() -> None:
    """The only event is the problem: the response has started."""
    async with serving_routes({"/": streaming(stream_events, lambda _: counting(0, PaginationError("A")))}) as site:
        [(name, problem)] = events(await site.get("/"))
    assert (name, problem["status"], problem["code"]) == ("error", 502, "PaginationError")


@both
async def test_item_without_json_equivalent(stream: Stream, caplog: pytest.LogCaptureFixture) -> None:
    """The last record is a 500 without details; so is the response for something that is no iterator."""

    async def items() -> AsyncIterator[object]:
        yield 1
        yield object()

    routes = {"/": streaming(stream, lambda _: items()), "/list": streaming(stream, lambda _: [1])}
    async with serving_routes(routes) as site:
        response = await site.get("/")
        assert (await site.get("/list")).problem()["status"] == 500
    assert b'"status":500' in response.body
    assert b"object" not in response.body
    assert "object has no JSON equivalent" in caplog.text


class BareIterator:
    """An iterator of three numbers without `aclose`, that records its use."""

    def __init__(self) -> None:
        self.given = 0

    def __aiter__(self) -> "BareIterator":
        return self

    async def __anext__(self) -> int:
        if self.given == 3:
            raise StopAsyncIteration
        self.given += 1
        return self.given


class RecordingIterator(BareIterator):
    """It records also how often it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = 0

    async def aclose(self) -> None:
        self.closed += 1


@both
async def test_iterator_is_closed(stream: Stream) -> None:
    """It is closed after all items, and after an exception."""
    made: list[RecordingIterator] = []

    def items() -> RecordingIterator:
        made.append(RecordingIterator())
        return made[-1]

    def fail(value: int) -> int:
        raise KeyError(value)

    routes = {"/all": streaming(stream, lambda _: items()), "/none": streaming(stream, lambda _: items(), to_json=fail)}
    async with serving_routes(routes) as site:
        await site.get("/all")
        await site.get("/none")
    assert [(one.given, one.closed) for one in made] == [(3, 1), (1, 1)]


@both
async def test_iterator_without_aclose(stream: Stream) -> None:
    """`aclose` is optional."""
    async with serving_routes({"/": streaming(stream, lambda _: BareIterator())}) as site:
        assert b"3\n" in (await site.get("/")).body


@both
async def test_head(stream: Stream) -> None:
    """HEAD has the headers of GET, takes no items, and closes the iterator."""
    items = RecordingIterator()
    async with serving_routes({"/": streaming(stream, lambda _: items, headers={"X-A": "1"})}) as site:
        asked = await site.ask("HEAD", "/")
        got = await site.get("/")
    assert (asked.status, asked.body) == (200, b"")
    for name in ("Content-Type", "Cache-Control", "X-A"):
        assert asked.headers[name] == got.headers[name]
    assert items.closed == 2
    assert items.given == 3


@both
async def test_aclose_raises(stream: Stream, caplog: pytest.LogCaptureFixture) -> None:
    """The response is complete, and the exception is logged."""

    class Broken(RecordingIterator):
        async def aclose(self) -> None:
            raise KeyError("its end")

    async with serving_routes({"/": streaming(stream, lambda _: Broken())}) as site:
        responses = [await site.ask(method, "/") for method in ("HEAD", "GET", "HEAD", "GET")]
    assert [response.status for response in responses] == [200] * 4
    assert [b"error" in response.body for response in responses] == [False] * 4
    assert [len(response.body) > 5 for response in responses] == [False, True] * 2
    assert [record.levelname for record in warnings_of(caplog)] == ["ERROR"] * 4


@both
async def test_http_1_0(stream: Stream) -> None:
    """A client without chunked encoding gets everything until the connection is closed."""
    async with serving_routes({"/": streaming(stream, lambda _: counting(3))}) as site:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
    assert b"chunked" not in head
    assert body.endswith(b"0\n1\n2\n" if stream is stream_ndjson else b"data: 2\n\nevent: end\ndata: {}\n\n")


async def test_events_start_at_once() -> None:
    """The response starts before the first item."""
    go_on = asyncio.Event()

    async def items() -> AsyncIterator[int]:
        await go_on.wait()
        yield 1

    site = serving_routes({"/": streaming(stream_events, lambda _: items(), retry=2.5)})
    async with site as served, served.session.get("/") as response:
        assert response.status == 200
        assert await response.content.readuntil(b"\n\n") == b"retry: 2500\n\n"
        go_on.set()
        assert (await response.read()).startswith(b"data: 1\n\n")


async def test_names_and_ids() -> None:
    """A `ServerEvent` has them, and its data goes through `to_json`."""

    async def items() -> AsyncIterator[object]:
        yield ServerEvent({"a": Target("111122223333", "eu-west-1")}, event="found", id="7")
        yield ServerEvent(None, id="8")

    async with serving_routes({"/": streaming(stream_events, lambda _: items())}) as site:
        response = await site.get("/")
    assert response.body == (
        b":\n\n"
        b'id: 7\nevent: found\ndata: {"a":{"account_id":"111122223333","region":"eu-west-1"}}\n\n'
        b"id: 8\ndata: null\n\n"
        b"event: end\ndata: {}\n\n"
    )


@pytest.mark.parametrize(("sent", "expected"), [("7 é", "7 é"), ("", None), (None, None)])
async def test_last_event_id(sent: str | None, expected: str | None) -> None:
    """A reconnecting browser's id is available."""

    async def last_id(request: web.Request) -> web.StreamResponse:
        return web.json_response(last_event_id(request))

    async with serving_routes({"/": last_id}) as site:
        response = await site.get("/", headers={} if sent is None else {"Last-Event-ID": sent})
    assert json.loads(response.body) == expected


async def test_heartbeats() -> None:
    """Comments are sent while there are no items."""
    go_on = asyncio.Event()

    async def items() -> AsyncIterator[int]:
        yield 1
        await go_on.wait()
        yield 2

    site = serving_routes({"/": streaming(stream_events, lambda _: items(), heartbeat=0.02)})
    async with site as served, served.session.get("/") as response:
        assert await response.content.readuntil(b"data: 1\n\n")
        for _ in range(3):
            assert await response.content.readexactly(3) == b":\n\n"
        go_on.set()
        rest = await response.read()
    assert rest.replace(b":\n\n", b"") == b"data: 2\n\nevent: end\ndata: {}\n\n"


@in_virtual_time
async def test_no_heartbeats_beside_items() -> None:
    """Frequent items replace heartbeats."""

    async def items() -> AsyncIterator[int]:
        for number in range(100):
            yield number
            await asyncio.sleep(0.01)

    async with serving_routes({"/": streaming(stream_events, lambda _: items(), heartbeat=0.2)}) as site:
        response = await site.get("/")
    # At the beginning, and none when its time has passed five times.
    assert response.body.count(b":\n\n") == 1


@pytest.mark.parametrize(
    ("stream", "name"),
    [(stream_events, "heartbeat"), *((one, "write_timeout") for one in (stream_events, stream_ndjson))],
)
@pytest.mark.parametrize("seconds", [0, -1, float("nan"), True])
async def test_invalid_seconds(stream: Stream, name: str, seconds: float, caplog: pytest.LogCaptureFixture) -> None:
    """They are an error in the handler, and logged."""
    async with serving_routes({"/": streaming(stream, lambda _: counting(1), **{name: seconds})}) as site:
        assert (await site.get("/")).problem()["status"] == 500
    assert f"{name} must be a positive number of seconds" in caplog.text


@both
async def test_event_loop_is_not_blocked(stream: Stream) -> None:
    """Other tasks run while many available items are written."""
    turns = 0

    async def items() -> AsyncIterator[int]:
        before = turns
        for number in range(30_000):
            yield number
        assert turns - before > 3

    async def take_turns() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    others = asyncio.create_task(take_turns())
    async with serving_routes({"/": streaming(stream, lambda _: items())}) as site:
        response = await site.get("/")
    others.cancel()
    assert b"error" not in response.body
    assert b"29999" in response.body

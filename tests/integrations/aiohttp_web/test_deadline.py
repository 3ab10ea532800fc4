"""A request's deadline limits its calls, its handler and its stream."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from aiohttp import web
from integrations.aiohttp_web.site import KEYS, Handle, Site, requesting, serving_routes, streaming, warnings_of
from support.virtual_time import in_virtual_time

from detective_async import DetectiveClient, Timeouts
from detective_async.integrations.aiohttp_web import get_client, stream_events, stream_ndjson, to_json
from detective_async.testing import DetectiveSimulator, Fault, Latency

HEADER = "X-Request-Timeout"
#: Seconds in which the slowest machine starts a response.
DEADLINE = 2.0


async def totals(request: web.Request) -> web.StreamResponse:
    """Respond with the total timeout of the request's client."""
    return web.json_response(get_client(request)._transport.timeouts.total)


async def total(site: Site, **headers: str) -> float:
    response = await site.get("/", headers={name.replace("_", "-"): value for name, value in headers.items()})
    assert response.status == 200, response.body
    return float(response.body)


@pytest.mark.parametrize(
    ("deadline", "header", "low", "high"),
    [
        (None, None, 300, 300),
        (100.0, None, 90, 100),
        (None, "100", 90, 100),
        (100.0, "7.5", 0, 7.5),
        (7.5, "100", 0, 7.5),
        (1000.0, None, 300, 300),
    ],
)
async def test_total_timeout_of_calls(deadline: float | None, header: str | None, low: float, high: float) -> None:
    """It is the lowest of the client's, the app's and the header's, minus the elapsed time."""
    async with serving_routes({"/": totals}, deadline=deadline) as site:
        found = await total(site, **({} if header is None else {HEADER.replace("-", "_"): header}))
    assert low <= found <= high
    assert (found < high) == (high != 300)


async def test_client_without_total_timeout() -> None:
    """The deadline applies, and its other timeouts remain."""
    timeouts = Timeouts(total=None, read=3.0)
    client = DetectiveClient(region="eu-west-1", credentials=KEYS, timeouts=timeouts)

    async def look(request: web.Request) -> web.StreamResponse:
        found = get_client(request)._transport.timeouts
        return web.json_response([found.total is not None and found.total <= 100, found.read])

    async with serving_routes({"/": look}, client, deadline=100) as site:
        assert (await site.get("/")).body == b"[true, 3.0]"


MALFORMED = ["", "0", "0.0", "-1", "1e3", "nan", "inf", "1,5", "1 2", "٣", "1" * 10, "1s", "1."]


@pytest.mark.parametrize("values", [["1", "2"], *([value] for value in MALFORMED)], ids=str)
async def test_malformed_or_repeated_header(values: list[str]) -> None:
    """It is a 400 that names the header."""
    async with serving_routes({"/": totals}) as site:
        problem = (await site.get("/", headers=[(HEADER, value) for value in values])).problem()
    assert (problem["status"], problem["parameter"]) == (400, HEADER)


async def test_custom_header_or_none() -> None:
    """The header can be renamed or disabled."""
    async with serving_routes({"/": totals}, deadline_header="X-Patience") as site:
        assert await total(site, X_Patience="9") <= 9
        assert await total(site, X_Request_Timeout="nonsense") == 300
    async with serving_routes({"/": totals}, deadline_header=None) as site:
        assert await total(site, X_Request_Timeout="nonsense") == 300


async def test_call_reaches_the_deadline(sim: DetectiveSimulator) -> None:
    """It raises the library's error, which says whether AWS may have acted."""
    sim.inject(Fault(Latency(60.0)))
    client = DetectiveClient(region="eu-west-1", credentials=sim.account("111122223333"), endpoint_url=sim.url)

    async def create(request: web.Request) -> web.StreamResponse:
        return web.json_response(to_json(await get_client(request).create_graph()))

    async with serving_routes({"/": create}, client) as site:
        problem = (await site.ask("POST", "/", headers={HEADER: "1"})).problem()
    assert (problem["status"], problem["code"], problem["outcome_unknown"]) == (504, "DeadlineExceeded", True)
    assert problem["detail"].startswith("CreateGraph: no response within 0.")


@pytest.mark.parametrize("deadline", [0.05, None])
@pytest.mark.parametrize(("method", "unknown"), [("GET", None), ("POST", True)])
async def test_handler_reaches_the_deadline(method: str, unknown: bool | None, deadline: float | None) -> None:
    """It is cancelled; the response is the same as for a timeout that the handler raises itself."""
    ended = asyncio.Event()

    async def wait(_request: web.Request) -> web.StreamResponse:
        try:
            async with asyncio.timeout(0 if deadline is None else None):
                await asyncio.Event().wait()
        finally:
            ended.set()
        return web.Response()

    async with serving_routes({"/": wait}, deadline=deadline) as site:
        problem = (await site.ask(method, "/")).problem()
        assert ended.is_set()
    assert (problem["status"], problem["code"]) == (504, "DeadlineExceeded")
    assert problem.get("outcome_unknown") is unknown


@in_virtual_time
async def test_response_in_time() -> None:
    """No timeout fires after the response."""
    async with serving_routes({"/": totals}, deadline=DEADLINE) as site:
        await total(site)
        await asyncio.sleep(1.2 * DEADLINE)
        await total(site)


async def trickle() -> AsyncIterator[int]:
    for number in range(2):
        yield number
    await asyncio.Event().wait()


@in_virtual_time
async def test_streams_reach_the_deadline() -> None:
    """Their last record is the problem."""
    routes = {
        f"/{stream.__name__}": streaming(stream, lambda _: trickle()) for stream in (stream_ndjson, stream_events)
    }
    async with serving_routes(routes, deadline=DEADLINE) as site:
        first, second = [(await site.get(path)).body for path in routes]
    assert first.startswith(b'0\n1\n{"error":{"type":"about:blank","title":"Gateway Timeout","status":504,')
    assert b"event: error\ndata: {" in second
    assert b"event: end" not in second


@in_virtual_time
async def test_slow_aclose(caplog: pytest.LogCaptureFixture) -> None:
    """It is awaited, and a disconnect meanwhile has no effect."""
    ending, ended = asyncio.Event(), asyncio.Event()

    async def items() -> AsyncIterator[int]:
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            ending.set()
            await asyncio.sleep(0.3)
            ended.set()

    async with serving_routes({"/": streaming(stream_ndjson, lambda _: items())}, deadline=DEADLINE) as site:
        async with requesting(site):
            await ending.wait()
        await ended.wait()
        await site.disconnected()
    assert not warnings_of(caplog)


async def call_late(request: web.Request) -> web.StreamResponse:
    """Create a client after the deadline of its calls."""
    await asyncio.sleep(0.1)
    return await totals(request)


async def stream_nothing(request: web.Request) -> web.StreamResponse:
    """Stream an iterator that never yields."""

    async def items() -> AsyncIterator[Any]:
        await asyncio.Event().wait()
        yield

    return await stream_ndjson(request, items())


async def stream_late(request: web.Request) -> web.StreamResponse:
    """Suppress the cancellation, and start a stream after the deadline."""
    with suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
    return await stream_events(request, trickle())


@pytest.mark.parametrize("handler", [call_late, stream_nothing, stream_late])
async def test_deadline_before_the_response(handler: Handle) -> None:
    """The response is a problem."""
    async with serving_routes({"/": handler}, deadline=0.05) as site:
        assert (await site.get("/")).problem()["status"] == 504

"""A request's deadline bounds whatever is done for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from aiohttp import web
from integrations.aiohttp_web.site import KEYS, Site, loud, serving_routes
from integrations.aiohttp_web.streaming import asking
from support.wire_server import until

from detective_async import DetectiveClient, Timeouts
from detective_async.integrations.aiohttp_web import get_client, stream_events, stream_ndjson, to_json
from detective_async.testing import DetectiveSimulator, Fault, Latency

HEADER = "X-Request-Timeout"


async def totals(request: web.Request) -> web.StreamResponse:
    """Tell how long a call made now may take."""
    return web.json_response(get_client(request)._transport.timeouts.total)


async def total(site: Site, **headers: str) -> float:
    answer = await site.get("/", headers={name.replace("_", "-"): value for name, value in headers.items()})
    assert answer.status == 200, answer.body
    return float(answer.body)


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
async def test_calls_have_what_is_left(deadline: float | None, header: str | None, low: float, high: float) -> None:
    """The total of the client is the least of its own, the app's deadline and the header's, less what has passed."""
    async with serving_routes({"/": totals}, deadline=deadline) as site:
        found = await total(site, **({} if header is None else {HEADER.replace("-", "_"): header}))
    assert low <= found <= high
    assert (found < high) == (high != 300)


async def test_a_client_without_a_limit_has_the_requests() -> None:
    """Its other timeouts stay as they are."""
    timeouts = Timeouts(total=None, read=3.0)
    client = DetectiveClient(region="eu-west-1", credentials=KEYS, timeouts=timeouts)

    async def look(request: web.Request) -> web.StreamResponse:
        found = get_client(request)._transport.timeouts
        return web.json_response([found.total is not None and found.total <= 100, found.read])

    async with serving_routes({"/": look}, client, deadline=100) as site:
        assert (await site.get("/")).body == b"[true, 3.0]"


@pytest.mark.parametrize("value", ["", "0", "0.0", "-1", "1e3", "nan", "inf", "1,5", "1 2", "٣", "1" * 10, "1s", "1."])
async def test_a_malformed_header(value: str) -> None:
    """It is a bad request, and the answer names the header."""
    async with serving_routes({"/": totals}) as site:
        problem = (await site.get("/", headers={HEADER: value})).problem()
    assert (problem["status"], problem["parameter"]) == (400, HEADER)


async def test_two_headers() -> None:
    """Nobody guesses which one is meant."""
    async with serving_routes({"/": totals}) as site:
        problem = (await site.get("/", headers=[(HEADER, "1"), (HEADER, "2")])).problem()
    assert (problem["status"], problem["parameter"]) == (400, HEADER)


async def test_another_header_or_none() -> None:
    """The header has the name that it was given, or is not looked at."""
    async with serving_routes({"/": totals}, deadline_header="X-Patience") as site:
        assert await total(site, X_Patience="9") <= 9
        assert await total(site, X_Request_Timeout="nonsense") == 300
    async with serving_routes({"/": totals}, deadline_header=None) as site:
        assert await total(site, X_Request_Timeout="nonsense") == 300


async def test_a_call_that_runs_into_it(sim: DetectiveSimulator) -> None:
    """It ends with the library's own error, which knows whether the service may have acted: it was sent."""
    sim.inject(Fault(Latency(60.0)))
    client = DetectiveClient(region="eu-west-1", credentials=sim.account("111122223333"), endpoint_url=sim.url)

    async def create(request: web.Request) -> web.StreamResponse:
        return web.json_response(to_json(await get_client(request).create_graph()))

    async with serving_routes({"/": create}, client) as site:
        problem = (await site.ask("POST", "/", headers={HEADER: "1"})).problem()
    assert (problem["status"], problem["code"], problem["outcome_unknown"]) == (504, "DeadlineExceeded", True)
    assert problem["detail"].startswith("CreateGraph: no answer within 0.")


@pytest.mark.parametrize(("method", "unknown"), [("GET", None), ("POST", True)])
async def test_a_handler_that_runs_into_it(method: str, unknown: bool | None) -> None:
    """Whatever it waits for is given up, and the answer is the same."""
    ended = asyncio.Event()

    async def wait(_request: web.Request) -> web.StreamResponse:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return web.Response()

    async with serving_routes({"/": wait}, deadline=0.05) as site:
        problem = (await site.ask(method, "/")).problem()
        assert ended.is_set()
    assert (problem["status"], problem["code"]) == (504, "DeadlineExceeded")
    assert problem.get("outcome_unknown") is unknown


async def test_a_client_asked_for_too_late() -> None:
    """There is no time left for any call, which is said at once."""

    async def late(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.1)
        return await totals(request)

    async with serving_routes({"/": late}, deadline=0.05) as site:
        assert (await site.get("/")).problem()["status"] == 504


async def test_an_answer_in_time() -> None:
    """Nothing goes off behind a request that has been answered."""
    async with serving_routes({"/": totals}, deadline=1) as site:
        await total(site)
        await asyncio.sleep(1.5)
        await total(site)


async def trickle() -> AsyncIterator[int]:
    for number in range(2):
        yield number
    await asyncio.Event().wait()


async def test_streams_that_run_into_it() -> None:
    """Their last record is the problem."""

    async def lines(request: web.Request) -> web.StreamResponse:
        return await stream_ndjson(request, trickle())

    async def events(request: web.Request) -> web.StreamResponse:
        return await stream_events(request, trickle())

    async with serving_routes({"/lines": lines, "/events": events}, deadline=0.4) as site:
        first, second = (await site.get("/lines")).body, (await site.get("/events")).body
    assert first.startswith(b'0\n1\n{"error":{"type":"about:blank","title":"Gateway Timeout","status":504,')
    assert b"event: error\ndata: {" in second
    assert b"event: end" not in second


async def test_a_stream_without_a_first_item() -> None:
    """Its time is up before anything was sent: that is an answer of its own."""

    async def nothing() -> AsyncIterator[Any]:
        await asyncio.Event().wait()
        yield

    async def lines(request: web.Request) -> web.StreamResponse:
        return await stream_ndjson(request, nothing())

    async with serving_routes({"/": lines}, deadline=0.05) as site:
        assert (await site.get("/")).problem()["status"] == 504


async def test_a_stream_that_begins_when_the_time_is_up() -> None:
    """A handler that was cancelled and goes on has nothing to begin any more."""

    async def stubborn(request: web.Request) -> web.StreamResponse:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return await stream_events(request, trickle())

    async with serving_routes({"/": stubborn}, deadline=0.05) as site:
        assert (await site.get("/")).problem()["status"] == 504


async def test_an_iterator_that_takes_long_to_end(caplog: pytest.LogCaptureFixture) -> None:
    """Its end is waited for; that the browser has gone meanwhile is noticed, and changes nothing."""
    ending, ended = asyncio.Event(), asyncio.Event()

    async def items() -> AsyncIterator[int]:
        try:
            yield 1
            await asyncio.Event().wait()
        finally:
            ending.set()
            await asyncio.sleep(0.3)
            ended.set()

    async def lines(request: web.Request) -> web.StreamResponse:
        return await stream_ndjson(request, items())

    async with serving_routes({"/": lines}, deadline=0.4) as site:
        async with asking(site):
            await ending.wait()
        await ended.wait()
        await until(lambda: site.runner.server and not site.runner.server.connections, "the connection is gone")
    assert not loud(caplog)

"""Browsers that go away, or read slowly, or not at all."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from fleet.leftovers import at_work
from integrations.aiohttp_web.site import Site, loud, serving_routes
from integrations.aiohttp_web.streaming import Items, Stream, answering, asking, both, read_all, settled
from resilience.wire_server import until

from detective_async import Account, DetectiveClient, DetectiveFleet, Target
from detective_async.integrations.aiohttp_web import get_client, get_fleet, stream_events, stream_ndjson
from detective_async.testing import DetectiveSimulator

pytestmark = pytest.mark.slow

ADMINISTRATOR = "111122223333"


@both
@pytest.mark.parametrize("stop_at", [0, 1])
async def test_while_waiting_for_an_item(stream: Stream, stop_at: int, caplog: pytest.LogCaptureFixture) -> None:
    """Before the first item or between two, the waiting ends and the iterator is closed; that is nothing to log."""
    items = Items(stop_at=stop_at)
    before = asyncio.all_tasks()
    async with serving_routes({"/": answering(stream, items)}) as site:
        async with asking(site):
            await until(lambda: items.begun and items.given == stop_at, "it waits")
        await until(lambda: items.ended, "the iterator was closed")
        await until(lambda: site.runner.server and not site.runner.server.connections, "the connection is gone")
    await until(lambda: asyncio.all_tasks() <= before, "no task is left")
    assert not loud(caplog)


@both
async def test_while_writing(stream: Stream, caplog: pytest.LogCaptureFixture) -> None:
    """A write that waits for the browser ends with it."""
    items = Items(size=100_000)
    async with serving_routes({"/": answering(stream, items)}) as site:
        async with asking(site):
            assert await settled(items) < items.count
            assert not items.ended
        await until(lambda: items.ended, "the iterator was closed")
    assert not loud(caplog)


@both
async def test_before_the_stream(stream: Stream, caplog: pytest.LogCaptureFixture) -> None:
    """Who has gone before the stream was begun gets none, and nothing is taken of the iterator."""
    inside, items, ended = asyncio.Event(), Items(), asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        inside.set()
        await until(lambda: request.transport is None, "the browser has gone")
        answer: web.StreamResponse = await stream(request, items)
        ended.set()
        return answer

    async with serving_routes({"/": handler}) as site:
        async with asking(site):
            await inside.wait()
        await ended.wait()
        await until(lambda: site.runner.server and not site.runner.server.connections, "the connection is gone")
    assert items.given <= 1
    assert not loud(caplog)


@both
async def test_a_handler_that_is_cancelled(stream: Stream) -> None:
    """Where the server cancels the handlers of browsers that have gone, the iterator is closed as well."""
    items = Items(stop_at=1)
    async with (
        serving_routes({"/": answering(stream, items)}) as site,
        asking(site) as browser,
    ):
        await until(lambda: items.given, "it waits")
        [connection] = site.runner.server.connections if site.runner.server else []
        assert connection._task_handler
        connection._task_handler.cancel()
        await until(lambda: items.ended, "the iterator was closed")
        browser.close()


async def make_members(client: DetectiveClient) -> str:
    arn = str((await client.create_graph()).graph_arn)
    await client.create_members(arn, [Account(f"{n:012}", f"a{n}@example.com") for n in range(1, 41)])
    return arn


@both
async def test_no_further_pages_are_fetched(stream: Stream, sim: DetectiveSimulator) -> None:
    """Once the browser has gone in the middle of a long listing, AWS is asked for no more of it."""
    client = DetectiveClient(region="eu-west-1", credentials=sim.account(ADMINISTRATOR), endpoint_url=sim.url)
    arn = await make_members(client)
    ended = asyncio.Event()

    async def members(request: web.Request) -> web.StreamResponse:
        async def slowly() -> AsyncIterator[Any]:
            try:
                async for member in get_client(request).iter_members(arn, page_size=1):
                    await asyncio.sleep(0.02)
                    yield member
            finally:
                ended.set()

        answer: web.StreamResponse = await stream(request, slowly())
        return answer

    def pages() -> int:
        return [request.operation for request in sim.requests].count("ListMembers")

    async with serving_routes({"/": members}, client) as site:
        async with asking(site):
            await until(lambda: pages() > 2, "some pages were fetched")
        await ended.wait()
        fetched = pages()
        await asyncio.sleep(0.1)
        assert pages() == fetched < 40


async def test_a_fleet_stops(sim: DetectiveSimulator) -> None:
    """The work in all targets ends, and nothing of it is left."""
    keys = sim.account(ADMINISTRATOR)
    regions = [f"{place}-{number}" for place in ("us-east", "us-west", "eu-west") for number in (1, 2)]
    fleet = DetectiveFleet([Target(ADMINISTRATOR, region, keys) for region in regions], endpoint_url=sim.url)
    for region in regions:
        await make_members(fleet.client.with_options(region=region, credentials=keys))

    async def endless() -> AsyncIterator[Any]:
        while True:
            async with aclosing(aiter(fleet.iter_graphs())) as pairs:
                async for pair in pairs:
                    yield pair

    async def graphs(request: web.Request) -> web.StreamResponse:
        assert get_fleet(request) is fleet
        return await stream_events(request, endless())

    async with serving_routes({"/": graphs}, fleet) as site:
        async with asking(site):
            await until(lambda: len(sim.requests) > 50, "it is at work")
        await until(lambda: not at_work(), "all work has ended")
        asked = len(sim.requests)
        await asyncio.sleep(0.1)
        assert len(sim.requests) == asked


def sockets() -> int:
    """Count the sockets of this process."""
    found = 0
    for number in Path("/proc/self/fd").iterdir():
        # The one that this reads from is gone by now.
        with suppress(FileNotFoundError):
            found += str(number.readlink()).startswith("socket:")
    return found


@both
async def test_two_hundred_hang_ups(stream: Stream, caplog: pytest.LogCaptureFixture) -> None:
    """Whenever they come, they leave no task, no socket and no open iterator, and nothing in the log."""
    made: list[Items] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        number = len(made)
        items = Items(size=(10, 50_000)[number % 2], stop_at=(0, None, 1, 3, None)[number % 5])
        made.append(items)
        options = {"heartbeat": 0.01} if stream is stream_events else {}
        answer: web.StreamResponse = await stream(request, items, **options)
        return answer

    async def hang_up(site: Site, number: int) -> None:
        async with asking(site):
            await asyncio.sleep(number % 10 * 0.01)

    async with serving_routes({"/": handler}) as site:
        before = asyncio.all_tasks(), sockets()
        for start in range(0, 200, 50):
            await asyncio.gather(*(hang_up(site, number) for number in range(start, start + 50)))
        await until(lambda: all(items.ended for items in made if items.begun), "the iterators were closed")
        await until(lambda: asyncio.all_tasks() <= before[0], "no task is left")
        await until(lambda: site.runner.server and not site.runner.server.connections, "no connection is left")
        gc.collect()
        await asyncio.sleep(0)
        assert sockets() == before[1]
    assert len(made) > 150
    assert not loud(caplog)


@both
async def test_a_slow_reader_holds_up_the_paging(stream: Stream) -> None:
    """While nothing is read, no more is taken than fits on the way; once it is read, all comes, and in order."""
    items = Items(size=100_000, count=200)
    async with (
        serving_routes({"/": answering(stream, items)}) as site,
        asking(site, b"GET / HTTP/1.0\r\n\r\n") as browser,
    ):
        taken = await settled(items)
        assert taken < 20
        answer = await read_all(browser)
    assert (items.given, items.ended) == (200, 1)
    assert len(answer) > 200 * 100_000
    assert answer.endswith(b'x"\n' if stream is stream_ndjson else b"event: end\ndata: {}\n\n")


@both
async def test_a_reader_that_never_reads(stream: Stream, caplog: pytest.LogCaptureFixture) -> None:
    """It is given up after a while, and its connection with it."""
    items = Items(size=100_000)
    async with serving_routes({"/": answering(stream, items, write_timeout=0.3)}) as site, asking(site) as browser:
        await until(lambda: items.ended, "it was given up")
        await until(lambda: site.runner.server and not site.runner.server.connections, "the connection is gone")
        with pytest.raises(ConnectionResetError):
            await read_all(browser)
    assert items.given < 150
    assert not loud(caplog)


async def test_a_reader_that_takes_long_but_takes() -> None:
    """Who takes a little now and then is no such one, however long a write has to wait."""
    # One item, so that all but the first bytes of it wait in the server's own buffer.
    items = Items(size=2_000_000, count=1)
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with (
        serving_routes({"/": answering(stream_ndjson, items, write_timeout=1)}) as site,
        asking(site, b"GET / HTTP/1.0\r\n\r\n") as browser,
    ):
        received = 0
        while piece := await loop.sock_recv(browser, 2**20):
            received += len(piece)
            if loop.time() - began < 2.5:
                await asyncio.sleep(0.02)
    assert received > 2_000_000
    assert loop.time() - began > 2.5


@both
async def test_a_failure_that_nobody_reads(stream: Stream) -> None:
    """The record of it waits no longer than any other."""
    asked: list[web.Request] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        async def items() -> AsyncIterator[str]:
            # Small ones, so that it is the record that has to wait.
            while not request.protocol.writing_paused:
                yield "x" * 500
            raise KeyError

        asked.append(request)
        answer: web.StreamResponse = await stream(request, items(), write_timeout=0.3)
        return answer

    async with serving_routes({"/": handler}) as site, asking(site) as browser:
        await until(lambda: asked and asked[0].transport is None, "the connection is gone")
        with pytest.raises(ConnectionResetError):
            await read_all(browser)


@both
async def test_a_deadline_while_writing(stream: Stream) -> None:
    """Whoever reads on at last gets all that was written, and that the time was up, instead of a broken stream."""
    items = Items(size=100_000)
    async with (
        serving_routes({"/": answering(stream, items)}, deadline=0.3) as site,
        asking(site, b"GET / HTTP/1.0\r\n\r\n") as browser,
    ):
        await until(lambda: items.ended, "the time is up")
        await asyncio.sleep(0.2)
        last = (await read_all(browser)).strip().splitlines()[-1]
    assert b'"status":504' in last
    assert items.given < 20


@both
async def test_a_deadline_after_the_last_item(stream: Stream) -> None:
    """All is there, and on its way to one who takes his time: it arrives whole, and nothing comes after the end."""
    asked: list[web.Request] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        async def items() -> AsyncIterator[str]:
            while not request.protocol.writing_paused:
                yield "x" * 500

        asked.append(request)
        answer: web.StreamResponse = await stream(request, items())
        return answer

    async with (
        serving_routes({"/": handler}, deadline=0.3) as site,
        asking(site, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n") as browser,
    ):
        await until(lambda: asked and asked[0].protocol.writing_paused, "all is on its way")
        await asyncio.sleep(0.8)
        answer = await read_all(browser)
    last = b'x"\n' if stream is stream_ndjson else b"event: end\ndata: {}\n\n"
    assert answer.endswith(last + b"\r\n0\r\n\r\n")
    assert answer.count(b"\r\n0\r\n") == 1


@both
async def test_a_browser_that_goes_before_it_has_the_failure(stream: Stream) -> None:
    """Nobody waits for it to read the rest."""
    asked: list[web.Request] = []
    ended = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        async def items() -> AsyncIterator[str]:
            while not request.protocol.writing_paused:
                yield "x" * 500
            asked.append(request)
            raise KeyError

        answer: web.StreamResponse = await stream(request, items(), write_timeout=1000)
        ended.set()
        return answer

    async with serving_routes({"/": handler}) as site:
        async with asking(site):
            await until(lambda: asked, "it has failed")
        await until(ended.is_set, "the handler has ended")


async def test_a_browser_that_goes_as_the_failure_is_told() -> None:
    """Telling it fails, and that is all."""

    async def handler(request: web.Request) -> web.StreamResponse:
        async def items() -> AsyncIterator[int]:
            yield 1
            assert request.transport is not None
            request.transport.abort()
            raise KeyError

        return await stream_ndjson(request, items())

    async with serving_routes({"/": handler}) as site, asking(site):
        await until(lambda: site.runner.server and site.runner.server.connections, "it has come")
        await until(lambda: site.runner.server and not site.runner.server.connections, "the connection is gone")


async def test_heartbeats_do_not_pile_up() -> None:
    """While the browser takes nothing, none are added to what waits for it."""
    seen: list[int] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        stream = asyncio.ensure_future(stream_events(request, Items(size=10_000_000, count=1), heartbeat=0.01))
        transport = request.transport
        assert transport is not None
        await until(lambda: request.protocol.writing_paused, "it waits")
        for _ in range(5):
            await asyncio.sleep(0.05)
            seen.append(transport.get_write_buffer_size())
        transport.abort()
        return await stream

    async with serving_routes({"/": handler}) as site, asking(site):
        await until(lambda: len(seen) == 5, "it was looked at")
    assert len(set(seen)) == 1

"""Clients that disconnect, read slowly, or do not read."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from fleet.counting_server import working_tasks
from integrations.aiohttp_web.site import (
    ADMINISTRATOR,
    BufferFiller,
    Items,
    Site,
    Stream,
    both,
    client_of,
    read_all,
    requesting,
    serving_routes,
    settled,
    streaming,
    warnings_of,
)
from support.virtual_time import in_virtual_time
from support.wire_server import until

from detective_async import Account, DetectiveClient, DetectiveFleet, Target
from detective_async.integrations.aiohttp_web import get_client, get_fleet, stream_events, stream_ndjson
from detective_async.testing import DetectiveSimulator

pytestmark = pytest.mark.slow

#: Seconds in which the slowest machine fills the buffers of a connection.
DEADLINE = 2.0


@both
async def test_before_the_stream(stream: Stream, caplog: pytest.LogCaptureFixture) -> None:
    """No item is taken."""
    inside, items, ended = asyncio.Event(), Items(), asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        inside.set()
        await until(lambda: request.transport is None, "the client has disconnected")
        response: web.StreamResponse = await stream(request, items)
        ended.set()
        return response

    async with serving_routes({"/": handler}) as site:
        async with requesting(site):
            await inside.wait()
        await ended.wait()
        await site.disconnected()
    assert items.given <= 1
    assert not warnings_of(caplog)


@both
async def test_cancelled_handler(stream: Stream) -> None:
    """The iterator is closed if the server cancels handlers."""
    items = Items(stop_at=1)
    async with serving_routes({"/": streaming(stream, items)}) as site, requesting(site) as client:
        await until(lambda: items.given, "it waits")
        [connection] = site.runner.server.connections if site.runner.server else []
        assert connection._task_handler
        connection._task_handler.cancel()
        await until(lambda: items.ended, "the iterator was closed")
        client.close()


async def make_members(client: DetectiveClient) -> str:
    arn = str((await client.create_graph()).graph_arn)
    await client.create_members(arn, [Account(f"{n:012}", f"a{n}@example.com") for n in range(1, 41)])
    return arn


@both
async def test_no_further_pages_are_fetched(stream: Stream, sim: DetectiveSimulator) -> None:
    """A disconnect stops the requests to AWS."""
    client = client_of(sim)
    arn = await make_members(client)
    ended = asyncio.Event()

    async def slowly(request: web.Request) -> AsyncIterator[Any]:
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


async def test_fleet_stops(sim: DetectiveSimulator) -> None:
    """A disconnect stops the work in all targets."""
    keys = sim.account(ADMINISTRATOR)
    regions = [f"{place}-{number}" for place in ("us-east", "us-west", "eu-west") for number in (1, 2)]
    fleet = DetectiveFleet([Target(ADMINISTRATOR, region, keys) for region in regions], endpoint_url=sim.url)
    for region in regions:
        await make_members(fleet.client.with_options(region=region, credentials=keys))

    async def endless(request: web.Request) -> AsyncIterator[Any]:
        assert get_fleet(request) is fleet
        while True:
            async with aclosing(aiter(fleet.iter_graphs())) as pairs:
                async for pair in pairs:
                    yield pair

    async with serving_routes({"/": streaming(stream_events, endless)}, fleet) as site:
        async with requesting(site):
            await until(lambda: len(sim.requests) > 50, "it is at work")
        await until(lambda: not working_tasks(), "all work has ended")
        asked = len(sim.requests)
        await asyncio.sleep(0.1)
        assert len(sim.requests) == asked


def sockets() -> int:
    """Return the number of this process's sockets."""
    found = 0
    for number in Path("/proc/self/fd").iterdir():
        # The file descriptor of `iterdir` itself is closed by now.
        with suppress(FileNotFoundError):
            found += str(number.readlink()).startswith("socket:")
    return found


@both
async def test_two_hundred_disconnects(stream: Stream, caplog: pytest.LogCaptureFixture) -> None:
    """At any moment, they leave no task, socket, open iterator or log record."""
    made: list[Items] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        number = len(made)
        items = Items(size=(10, 50_000)[number % 2], stop_at=(0, None, 1, 3, None)[number % 5])
        made.append(items)
        options = {"heartbeat": 0.01} if stream is stream_events else {}
        response: web.StreamResponse = await stream(request, items, **options)
        return response

    async def hang_up(site: Site, number: int) -> None:
        async with requesting(site):
            await asyncio.sleep(number % 10 * 0.01)

    async with serving_routes({"/": handler}) as site:
        before = asyncio.all_tasks(), sockets()
        for start in range(0, 200, 50):
            await asyncio.gather(*(hang_up(site, number) for number in range(start, start + 50)))
        await until(lambda: all(items.ended for items in made if items.begun), "the iterators were closed")
        await until(lambda: asyncio.all_tasks() <= before[0], "no task is left")
        await site.disconnected()
        gc.collect()
        # A connection that its client has closed may still be accepted.
        await until(lambda: sockets() == before[1], "no socket is left")
    assert len(made) > 150
    assert not warnings_of(caplog)


@both
async def test_slow_reader(stream: Stream) -> None:
    """Items are taken on demand, and all arrive in order."""
    items = Items(size=100_000, count=200)
    async with (
        serving_routes({"/": streaming(stream, items)}) as site,
        requesting(site, b"GET / HTTP/1.0\r\n\r\n") as client,
    ):
        taken = await settled(items)
        assert taken < 20
        response = await read_all(client)
    assert (items.given, items.ended) == (200, 1)
    assert len(response) > 200 * 100_000
    assert response.endswith(b'x"\n' if stream is stream_ndjson else b"event: end\ndata: {}\n\n")


@both
@pytest.mark.parametrize("fails", [False, True])
async def test_stalled_reader(stream: Stream, fails: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Its connection is reset after the write timeout, also if only the record of a failure waits for it."""
    items = BufferFiller(KeyError()) if fails else Items(size=100_000)
    async with serving_routes({"/": streaming(stream, items, write_timeout=0.3)}) as site, requesting(site) as client:
        await site.connected()
        await site.disconnected()
        with pytest.raises(ConnectionResetError):
            await read_all(client)
    if isinstance(items, Items):
        assert items.ended
        assert items.given < 150
        assert not warnings_of(caplog)


@in_virtual_time
async def test_slow_reader_is_not_stalled() -> None:
    """A reader that makes progress is not reset, however long a write takes."""
    # One item, most of which waits in the server's buffer.
    items = Items(size=2_000_000, count=1)
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with (
        serving_routes({"/": streaming(stream_ndjson, items, write_timeout=1)}) as site,
        requesting(site, b"GET / HTTP/1.0\r\n\r\n") as client,
    ):
        received = 0
        while piece := await loop.sock_recv(client, 2**20):
            received += len(piece)
            if loop.time() - began < 2.5:
                await asyncio.sleep(0.02)
    assert received > 2_000_000
    assert loop.time() - began > 2.5


@both
async def test_a_deadline_while_writing(stream: Stream) -> None:
    """A slow reader gets everything written so far and the problem as the last record."""
    items = Items(size=100_000)
    async with (
        serving_routes({"/": streaming(stream, items)}, deadline=1) as site,
        requesting(site, b"GET / HTTP/1.0\r\n\r\n") as client,
    ):
        await until(lambda: items.ended, "the time is up")
        await asyncio.sleep(0.2)
        last = (await read_all(client)).strip().splitlines()[-1]
    assert b'"status":504' in last
    assert items.given < 20


@both
@in_virtual_time
async def test_a_deadline_after_the_last_item(stream: Stream) -> None:
    """A complete stream arrives whole, and nothing follows its end."""
    items = BufferFiller()
    async with (
        serving_routes({"/": streaming(stream, items)}, deadline=DEADLINE) as site,
        requesting(site, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n") as client,
    ):
        await until(lambda: items.full, "all items are written")
        await asyncio.sleep(1.2 * DEADLINE)
        response = await read_all(client)
    last = b'x"\n' if stream is stream_ndjson else b"event: end\ndata: {}\n\n"
    assert response.endswith(last + b"\r\n0\r\n\r\n")
    assert response.count(b"\r\n0\r\n") == 1


@both
async def test_disconnect_before_the_failure_is_read(stream: Stream) -> None:
    """The handler ends without waiting."""
    items, ended = BufferFiller(KeyError()), asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        response: web.StreamResponse = await stream(request, items(request), write_timeout=1000)
        ended.set()
        return response

    async with serving_routes({"/": handler}) as site:
        async with requesting(site):
            await until(lambda: items.full, "it has failed")
        await until(ended.is_set, "the handler has ended")


async def test_disconnect_before_the_failure_is_written() -> None:
    """The failed write is ignored."""

    async def items(request: web.Request) -> AsyncIterator[int]:
        yield 1
        assert request.transport is not None
        request.transport.abort()
        raise KeyError

    async with serving_routes({"/": streaming(stream_ndjson, items)}) as site, requesting(site):
        await site.connected()
        await site.disconnected()


async def test_heartbeats_do_not_pile_up() -> None:
    """None are added while earlier data waits for the reader."""
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

    async with serving_routes({"/": handler}) as site, requesting(site):
        await until(lambda: len(seen) == 5, "it was looked at")
    assert len(set(seen)) == 1

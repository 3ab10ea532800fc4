"""A shutdown of the server during streams."""

import asyncio

import aiohttp
import pytest
from aiohttp import web
from integrations.aiohttp_web.site import (
    BufferFiller,
    Items,
    Stream,
    both,
    make_app,
    read_all,
    requesting,
    serving,
    settled,
    streaming,
)
from support.wire_server import until

from detective_async.integrations.aiohttp_web import stream_ndjson

#: Half of the time that aiohttp would wait for the handlers.
TIMEOUT = 30


@both
async def test_streams_end(stream: Stream) -> None:
    """Their last record is the problem, and the shutdown does not wait for them."""
    items = Items(stop_at=2)
    async with serving(make_app({"/": streaming(stream, items)})) as site, asyncio.timeout(TIMEOUT):
        responses = [await site.session.get("/") for _ in range(20)]
        await site.runner.cleanup()
        bodies = [await response.read() for response in responses]
    for body in bodies:
        *_, last = body.splitlines() if stream is stream_ndjson else body.removesuffix(b"\n\n").split(b"\n\n")
        assert b'"status":503,"detail":"The server is going down."' in last
        assert last.startswith(b'{"error":' if stream is stream_ndjson else b"event: error\n")
    assert items.ended == 20


async def test_lines_before_the_first_item() -> None:
    """The response is a problem with Retry-After."""
    items = Items(stop_at=0)
    async with serving(make_app({"/": streaming(stream_ndjson, items)})) as site, asyncio.timeout(TIMEOUT):
        asked = asyncio.create_task(site.get("/"))
        await until(lambda: items.begun, "it waits")
        await site.runner.cleanup()
        response = await asked
    assert response.status == response.problem()["status"] == 503
    assert response.headers["Retry-After"] == "1"
    assert items.ended == 1


@both
@pytest.mark.parametrize("complete", [False, True])
async def test_stalled_reader(stream: Stream, complete: bool) -> None:
    """Its connection is reset, and nothing follows the end of a complete stream."""
    items = BufferFiller() if complete else Items(size=100_000)
    async with serving(make_app({"/": streaming(stream, items)})) as site, asyncio.timeout(TIMEOUT):
        async with requesting(site) as client:
            if isinstance(items, BufferFiller):
                await until(lambda: items.full, "all items are written")
            else:
                await settled(items)
            await site.runner.cleanup()
            with pytest.raises(ConnectionResetError):
                await read_all(client)
        assert isinstance(items, BufferFiller) or items.ended == 1


async def test_other_requests() -> None:
    """Other handlers have aiohttp's usual time."""
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def handler(_request: web.Request) -> web.StreamResponse:
        inside.set()
        await go_on.wait()
        return web.Response(text="done")

    async with serving(make_app({"/": handler})) as site, aiohttp.ClientSession() as session:
        asked = asyncio.create_task(session.get(f"http://127.0.0.1:{site.port}/"))
        await inside.wait()
        closing = asyncio.create_task(site.runner.cleanup())
        await asyncio.sleep(0.3)
        assert not closing.done()
        go_on.set()
        async with await asked as response:
            assert await response.text() == "done"
        await closing

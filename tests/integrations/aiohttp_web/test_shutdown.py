"""The server goes down while streams are under way."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from integrations.aiohttp_web.site import make_app, serving
from integrations.aiohttp_web.streaming import Items, Stream, answering, asking, both, read_all, settled
from support.wire_server import until

from detective_async.integrations.aiohttp_web import stream_ndjson

#: aiohttp would wait for them for twice as long.
PATIENCE = 30


@both
async def test_streams_say_so_and_end(stream: Stream) -> None:
    """Their last record is a problem, and the server need not wait for them."""
    items = Items(stop_at=2)
    async with serving(make_app({"/": answering(stream, items)})) as site, asyncio.timeout(PATIENCE):
        answers = [await site.session.get("/") for _ in range(20)]
        await site.runner.cleanup()
        bodies = [await answer.read() for answer in answers]
    for body in bodies:
        *_, last = body.splitlines() if stream is stream_ndjson else body.removesuffix(b"\n\n").split(b"\n\n")
        assert b'"status":503,"detail":"The server is going down."' in last
        assert last.startswith(b'{"error":' if stream is stream_ndjson else b"event: error\n")
    assert items.ended == 20


async def test_lines_that_have_not_begun() -> None:
    """They become an answer of their own, which says when to come back."""
    items = Items(stop_at=0)
    async with serving(make_app({"/": answering(stream_ndjson, items)})) as site, asyncio.timeout(PATIENCE):
        asked = asyncio.create_task(site.get("/"))
        await until(lambda: items.begun, "it waits")
        await site.runner.cleanup()
        answer = await asked
    assert answer.status == answer.problem()["status"] == 503
    assert answer.headers["Retry-After"] == "1"
    assert items.ended == 1


@both
async def test_one_who_reads_nothing(stream: Stream) -> None:
    """The server does not wait for that either: the connection is broken off."""
    items = Items(size=100_000)
    async with serving(make_app({"/": answering(stream, items)})) as site, asyncio.timeout(PATIENCE):
        async with asking(site) as browser:
            await settled(items)
            await site.runner.cleanup()
            with pytest.raises(ConnectionResetError):
                await read_all(browser)
        assert items.ended == 1


@both
async def test_one_who_has_not_read_the_end(stream: Stream) -> None:
    """A stream that was complete is broken off too, where its end is still on the way, and nothing follows that."""
    asked: list[web.Request] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        async def pieces() -> AsyncIterator[str]:
            # Small ones, so that it is the end that has to wait.
            while not request.protocol.writing_paused:
                yield "x" * 500

        asked.append(request)
        answer: web.StreamResponse = await stream(request, pieces())
        return answer

    async with serving(make_app({"/": handler})) as site, asyncio.timeout(PATIENCE), asking(site) as browser:
        await until(lambda: asked and asked[0].protocol.writing_paused, "all is on its way")
        await site.runner.cleanup()
        with pytest.raises(ConnectionResetError):
            await read_all(browser)


@both
async def test_without_setup(stream: Stream) -> None:
    """Streams work where nobody tells them that the server goes down."""

    async def items() -> AsyncIterator[int]:
        yield 1

    async def handler(request: web.Request) -> web.StreamResponse:
        answer: web.StreamResponse = await stream(request, items())
        return answer

    app = web.Application()
    app.router.add_get("/", handler)
    async with serving(app) as site:
        assert b"1\n" in (await site.get("/")).body


async def test_other_requests_are_waited_for() -> None:
    """A handler that is no stream has the time that aiohttp gives it."""
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
        async with await asked as answer:
            assert await answer.text() == "done"
        await closing

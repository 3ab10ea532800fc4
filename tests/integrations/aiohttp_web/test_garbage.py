"""What a stream took is free once it has ended, without the garbage collector, whose rounds hold up a server."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import web
from integrations.aiohttp_web.site import serving_routes
from integrations.aiohttp_web.streaming import Items, Stream, answering, asking, both
from resilience.cycles import collecting_cycles
from resilience.wire_server import until

from detective_async import ServiceError

pytestmark = pytest.mark.slow


async def complete() -> AsyncIterator[int]:
    yield 1


async def failing() -> AsyncIterator[int]:
    yield 1
    raise ServiceError("Nope")


@both
@pytest.mark.parametrize("items", [complete, failing])
async def test_a_stream_that_ends(stream: Stream, items: Callable[[], AsyncIterator[int]]) -> None:
    """However it does."""

    async def handler(request: web.Request) -> web.StreamResponse:
        answer: web.StreamResponse = await stream(request, items())
        return answer

    async with serving_routes({"/": handler}) as site:
        with collecting_cycles() as cycles:
            for _ in range(3):
                await site.get("/")
            assert cycles() == []


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="contextlib's own frames hold the cancellation from then on")
@both
async def test_a_stream_whose_browser_goes(stream: Stream) -> None:
    """It is interrupted, and nothing is left of that."""
    for_each = [Items(stop_at=1) for _ in range(3)]
    with collecting_cycles() as cycles:
        for items in for_each:
            async with serving_routes({"/": answering(stream, items)}) as site:
                async with asking(site):
                    await until(lambda items=items: items.given == 1, "it waits")  # type: ignore[misc]
                await until(lambda items=items: items.ended, "the iterator was closed")  # type: ignore[misc]
        await asyncio.sleep(0)
        assert cycles() == []

"""Streams leave no reference cycles, as garbage collection would block a server."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable

import pytest
from integrations.aiohttp_web.site import Items, Stream, both, requesting, serving_routes, streaming
from support.reference_cycles import collecting_cycles
from support.wire_server import until

from detective_async import ServiceError

pytestmark = [pytest.mark.exhaustive, pytest.mark.slow]


async def complete() -> AsyncIterator[int]:
    yield 1


async def failing() -> AsyncIterator[int]:
    yield 1
    raise ServiceError("Nope")


@both
@pytest.mark.parametrize("items", [complete, failing])
async def test_complete_and_failed_streams(stream: Stream, items: Callable[[], AsyncIterator[int]]) -> None:
    """They are freed without the garbage collector."""
    async with serving_routes({"/": streaming(stream, lambda _: items())}) as site:
        with collecting_cycles() as cycles:
            for _ in range(3):
                await site.get("/")
            assert cycles() == []


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="contextlib's own frames hold the cancellation from then on")
@both
async def test_disconnected_stream(stream: Stream) -> None:
    """It is freed without the garbage collector."""
    for_each = [Items(stop_at=1) for _ in range(3)]
    with collecting_cycles() as cycles:
        for items in for_each:
            async with serving_routes({"/": streaming(stream, items)}) as site:
                async with requesting(site):
                    await until(lambda items=items: items.given == 1, "it waits")  # type: ignore[misc]
                await until(lambda items=items: items.ended, "the iterator was closed")  # type: ignore[misc]
        await asyncio.sleep(0)
        assert cycles() == []

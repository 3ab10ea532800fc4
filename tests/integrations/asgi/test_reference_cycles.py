"""Streams and problems leave no reference cycles, as garbage collection would block a server."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from integrations.aiohttp_web.site import Items, idle_client
from integrations.asgi.site import Stream, both
from support.reference_cycles import collecting_cycles
from support.wire_server import until

from detective_async import ParameterError, ServiceError
from detective_async.integrations.asgi import DetectiveMiddleware

pytestmark = [pytest.mark.exhaustive, pytest.mark.slow]


async def complete() -> AsyncIterator[int]:
    yield 1


async def failing() -> AsyncIterator[int]:
    yield 1
    raise ServiceError("Nope")


async def run(app: Any, gone: asyncio.Event) -> None:
    """Run one request, whose client disconnects at an event."""

    async def receive() -> Any:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(_message: Any) -> None:
        """Do nothing."""

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    await DetectiveMiddleware(app, idle_client(), deadline=30)(scope, receive, send)


@both
@pytest.mark.parametrize("items", [complete, failing])
async def test_complete_and_failed_streams(stream: Stream, items: Callable[[], AsyncIterator[int]]) -> None:
    """They are freed without the garbage collector."""
    await run(stream(items()), asyncio.Event())
    with collecting_cycles() as cycles:
        for _ in range(3):
            await run(stream(items()), asyncio.Event())
        assert cycles() == []


async def test_problems() -> None:
    """They are freed without the garbage collector."""

    async def app(*_: Any) -> None:
        raise ParameterError("a", "wrong")

    await run(app, asyncio.Event())
    with collecting_cycles() as cycles:
        for _ in range(3):
            await run(app, asyncio.Event())
        assert cycles() == []


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="contextlib's own frames hold the cancellation from then on")
@both
async def test_disconnected_stream(stream: Stream) -> None:
    """It is freed without the garbage collector."""
    with collecting_cycles() as cycles:
        for _ in range(3):
            items, gone = Items(stop_at=1), asyncio.Event()
            request = asyncio.create_task(run(stream(items), gone))
            await until(lambda items=items: items.given == 1, "it waits")  # type: ignore[misc]
            gone.set()
            await request
            del request
        await asyncio.sleep(0)
        assert cycles() == []

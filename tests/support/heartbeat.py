"""Whether an event loop keeps running while it waits."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

#: How often the heart beats, in seconds.
_BEAT = 0.001


async def beats_during(work: Callable[[], Awaitable[object]]) -> int:
    """Count how often another task had its turn while this work was under way: never, if it blocks the event loop."""
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(_BEAT)
            beats += 1

    heart = asyncio.create_task(beat())
    await asyncio.sleep(0)
    try:
        await work()
    finally:
        heart.cancel()
        with suppress(asyncio.CancelledError):
            await heart
    return beats

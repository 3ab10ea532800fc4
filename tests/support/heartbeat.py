"""How long an event loop keeps everybody waiting."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

#: How often the heart beats, in seconds.
_BEAT = 0.001


async def longest_stall(work: Callable[[], Awaitable[object]]) -> float:
    """Give the longest time, in seconds, for which nothing else could run while this work did."""
    stalls = [0.0]

    async def beat() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(_BEAT)
            stalls.append(time.perf_counter() - began - _BEAT)

    heart = asyncio.create_task(beat())
    await asyncio.sleep(0)
    try:
        await work()
        # The last beat counts too.
        await asyncio.sleep(2 * _BEAT)
    finally:
        heart.cancel()
        with suppress(asyncio.CancelledError):
            await heart
    return max(stalls)

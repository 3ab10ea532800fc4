"""Whether an event loop keeps running while it waits."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

#: The interval of the other task, in seconds.
_INTERVAL = 0.001


async def beats_during(work: Callable[[], Awaitable[object]]) -> int:
    """Count how often another task ran during some work: never, if the work blocks the event loop."""
    beats = 0

    async def count_beats() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(_INTERVAL)
            beats += 1

    task = asyncio.create_task(count_beats())
    await asyncio.sleep(0)
    try:
        await work()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    return beats

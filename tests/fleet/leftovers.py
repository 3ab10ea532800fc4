"""Checks for leftovers of a run that has ended."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from support.interruptions import passes
from support.wire_server import until


@asynccontextmanager
async def nothing_left() -> AsyncIterator[None]:
    """Check that no new task is left, and that asyncio has reported nothing."""
    before = asyncio.all_tasks()
    said: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
    yield
    await until(lambda: asyncio.all_tasks() <= before, "no task is left")
    gc.collect()
    await passes(3)
    assert not said


def working_tasks() -> list[object]:
    """Return the tasks that work on targets."""
    work = "DetectiveFleet._run.<locals>.work"
    return [task for task in asyncio.all_tasks() if getattr(task.get_coro(), "__qualname__", "") == work]

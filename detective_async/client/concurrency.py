"""Concurrent tasks that are cancelled at the first failure, which is raised without an exception group."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

T = TypeVar("T")
Result = TypeVar("Result")


@asynccontextmanager
async def unwrapped_task_group() -> AsyncIterator[asyncio.TaskGroup]:
    """Open a task group that raises the first exception of a task itself instead of an exception group."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as errors:
        error = errors.exceptions[0]
    else:
        return
    # Raised outside the handler, so that it is not chained to the exception group.
    raise error


async def map_concurrently(
    work: Callable[[T], Awaitable[Result]], items: Sequence[T], *, concurrency: int
) -> list[Result]:
    """Apply a coroutine function to all items and return the results in the items' order.

    The first exception cancels the other tasks and is raised unwrapped. Cancelling the call cancels all tasks.

    Args:
        work: called with each item.
        items: the items.
        concurrency: the maximum number of items that are processed concurrently.
    """
    results: dict[int, Result] = {}
    remaining = enumerate(items)

    async def worker() -> None:
        for index, item in remaining:
            results[index] = await work(item)

    async with unwrapped_task_group() as group:
        workers = [group.create_task(worker()) for _ in range(min(concurrency, len(items)))]
    for finished in workers:
        # A task group does not report a task that raised CancelledError itself.
        finished.result()
    return [results[index] for index in range(len(items))]

"""Concurrent tasks that end with the first failure, whose exception is raised unwrapped."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

T = TypeVar("T")
Result = TypeVar("Result")


@asynccontextmanager
async def unwrapped_task_group() -> AsyncIterator[asyncio.TaskGroup]:
    """Give a task group; the first exception of a task is raised itself, and not in an exception group."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as errors:
        error = errors.exceptions[0]
    else:
        return
    # Outside of the handler, so that it is not chained to the group.
    raise error


async def map_concurrently(
    work: Callable[[T], Awaitable[Result]], items: Sequence[T], *, concurrency: int
) -> list[Result]:
    """Work on items, so many at a time, and give the results in the items' order.

    Whatever `work` raises ends the work on the others and is raised as it is; so does being cancelled.
    """
    results: dict[int, Result] = {}
    remaining = enumerate(items)

    async def worker() -> None:
        for index, item in remaining:
            results[index] = await work(item)

    async with unwrapped_task_group() as group:
        workers = [group.create_task(worker()) for _ in range(min(concurrency, len(items)))]
    for finished in workers:
        # A task group does not report a task that cancelled itself.
        finished.result()
    return [results[index] for index in range(len(items))]

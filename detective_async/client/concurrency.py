"""Several things at once, ended by the first that fails, with its exception as it is."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

T = TypeVar("T")
Result = TypeVar("Result")


@asynccontextmanager
async def together() -> AsyncIterator[asyncio.TaskGroup]:
    """Give a task group; what ends it is raised as it is, and not in a group of exceptions."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as errors:
        error = errors.exceptions[0]
    else:
        return
    # Out here, so that it is not chained to the group.
    raise error


async def each(work: Callable[[T], Awaitable[Result]], items: Sequence[T], *, concurrency: int) -> list[Result]:
    """Work on items, so many at a time, and give the results in the items' order.

    Whatever `work` raises ends the work on the others and is raised as it is; so does being cancelled.
    """
    results: dict[int, Result] = {}
    waiting = enumerate(items)

    async def worker() -> None:
        for index, item in waiting:
            results[index] = await work(item)

    async with together() as group:
        workers = [group.create_task(worker()) for _ in range(min(concurrency, len(items)))]
    for ended in workers:
        # A group does not tell of one that was cancelled by itself.
        ended.result()
    return [results[index] for index in range(len(items))]

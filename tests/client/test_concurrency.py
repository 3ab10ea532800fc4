"""map_concurrently: order, concurrency, errors and cancellation."""

import asyncio

import pytest

from detective_async.client.concurrency import map_concurrently


class CountingWork:
    """Work that takes a few passes of the event loop, and counts how much of it runs."""

    def __init__(self) -> None:
        self.running = 0
        self.max_running = 0
        self.started: list[int] = []

    async def work(self, item: int) -> int:
        self.started.append(item)
        self.running += 1
        self.max_running = max(self.max_running, self.running)
        try:
            # Later items are faster, so they do not end in their order.
            for _ in range(20 - item):
                await asyncio.sleep(0)
        finally:
            self.running -= 1
        return item * 10


async def test_concurrency_is_bounded_and_results_are_in_order() -> None:
    """The maximum is reached and not exceeded, and items are started in order."""
    counting = CountingWork()
    assert await map_concurrently(counting.work, range(20), concurrency=3) == [item * 10 for item in range(20)]
    assert counting.max_running == 3
    assert counting.started == list(range(20))


async def test_fewer_items_than_the_limit() -> None:
    """No more tasks than items are started."""
    counting = CountingWork()
    assert await map_concurrently(counting.work, range(2), concurrency=8) == [0, 10]
    assert counting.max_running == 2


async def test_an_error_cancels_the_other_tasks() -> None:
    """It is raised unwrapped and unchained, after all tasks have ended."""
    counting = CountingWork()
    error = RuntimeError("no")

    async def work(item: int) -> None:
        if item == 2:
            raise error
        await counting.work(item)

    with pytest.raises(RuntimeError) as caught:
        await map_concurrently(work, range(20), concurrency=4)
    assert caught.value is error
    assert (error.__cause__, error.__context__) == (None, None)
    assert counting.running == 0
    assert counting.started == [0, 1, 3]


async def test_work_that_raises_cancelled_error() -> None:
    """The whole call counts as cancelled, because there is no result for that item."""

    async def work(item: int) -> None:
        if item == 1:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await map_concurrently(work, range(3), concurrency=2)


async def test_cancelling_cancels_all_tasks() -> None:
    """All tasks have ended when the cancellation is raised."""
    counting = CountingWork()
    mapping = asyncio.create_task(map_concurrently(counting.work, range(15), concurrency=4))
    while counting.running < 4:  # noqa: ASYNC110 - it takes one pass of the event loop
        await asyncio.sleep(0)
    mapping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await mapping
    assert counting.running == 0

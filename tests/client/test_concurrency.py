"""Working on several things at once, with a bound."""

import asyncio

import pytest

from detective_async.client.concurrency import map_concurrently


class Gauge:
    """Work that takes a few passes of the loop, and counts how much of it is under way."""

    def __init__(self) -> None:
        self.under_way = 0
        self.most = 0
        self.begun: list[int] = []

    async def work(self, item: int) -> int:
        self.begun.append(item)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            # The later, the faster: they do not end in their order.
            for _ in range(20 - item):
                await asyncio.sleep(0)
        finally:
            self.under_way -= 1
        return item * 10


async def test_work_has_its_limit() -> None:
    """No more than so many are at it, as many as may be, begun in order; the results stand in the items' order."""
    gauge = Gauge()
    assert await map_concurrently(gauge.work, range(20), concurrency=3) == [item * 10 for item in range(20)]
    assert gauge.most == 3
    assert gauge.begun == list(range(20))


async def test_fewer_items_than_the_limit() -> None:
    """There is no more at work than there is to do."""
    gauge = Gauge()
    assert await map_concurrently(gauge.work, range(2), concurrency=8) == [0, 10]
    assert gauge.most == 2


async def test_an_error_ends_the_work_on_the_others() -> None:
    """It is raised as it is, not in a group and not chained to one, when nothing is under way any more."""
    gauge = Gauge()
    error = RuntimeError("no")

    async def work(item: int) -> None:
        if item == 2:
            raise error
        await gauge.work(item)

    with pytest.raises(RuntimeError) as caught:
        await map_concurrently(work, range(20), concurrency=4)
    assert caught.value is error
    assert (error.__cause__, error.__context__) == (None, None)
    assert gauge.under_way == 0
    assert gauge.begun == [0, 1, 3]


async def test_work_that_cancels_itself() -> None:
    """There is no result without it, so all of it counts as cancelled."""

    async def work(item: int) -> None:
        if item == 1:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await map_concurrently(work, range(3), concurrency=2)


async def test_cancelling_ends_all_work() -> None:
    """Nothing is under way once the cancellation has come through."""
    gauge = Gauge()
    whole = asyncio.create_task(map_concurrently(gauge.work, range(15), concurrency=4))
    while gauge.under_way < 4:  # noqa: ASYNC110 - it is a matter of one pass
        await asyncio.sleep(0)
    whole.cancel()
    with pytest.raises(asyncio.CancelledError):
        await whole
    assert gauge.under_way == 0

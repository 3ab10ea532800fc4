"""A consumer that is cancelled leaves nothing of the run behind."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from itertools import count

import pytest
from support.interruptions import Interrupt, after_steps, as_an_await_ends, at_an_await, by_a_timeout_from_outside
from support.wire_server import until

from detective_async import Credentials, DetectiveFleet
from fleet.counting_server import REGIONS, accounts, counting_server, list_three_times, nothing_left

pytestmark = [pytest.mark.exhaustive, pytest.mark.slow]


async def _outcomes(fleet: DetectiveFleet) -> int:
    return len([outcome async for outcome in fleet.run(list_three_times)])


async def _items(fleet: DetectiveFleet) -> int:
    return len([item async for item in fleet.iter_members()])


async def _slowly(fleet: DetectiveFleet) -> int:
    seen = 0
    async for _ in fleet.iter_members():
        await asyncio.sleep(0)
        seen += 1
    return seen


@pytest.mark.parametrize("consume", [_outcomes, _items, _slowly])
@pytest.mark.parametrize("interrupt", [after_steps, at_an_await, as_an_await_ends, by_a_timeout_from_outside])
async def test_cancelled_consumer(interrupt: Interrupt, consume: Callable[[DetectiveFleet], Awaitable[int]]) -> None:
    """Cancelled at any moment, it leaves no task and no socket."""
    chance = random.Random(f"{interrupt.__name__} {consume.__name__}")  # noqa: S311 - it picks moments
    sparsely = interrupt in (after_steps, by_a_timeout_from_outside)
    async with counting_server(passes=1, pages=2) as server, nothing_left():
        before = asyncio.all_tasks()

        async def consume_all() -> None:
            async with DetectiveFleet.assume_role(
                "Audit",
                accounts(3),
                REGIONS[:1],
                source=Credentials("hub", "s"),
                endpoint_url=server.url,
                concurrency=2,
            ) as fleet:
                seen = await consume(fleet)
            assert seen in (3, 6)

        moments = 0
        for moment in count():
            if sparsely and moment > 20 and chance.random() < 0.85:
                continue
            moments += 1
            interrupted = await interrupt(consume_all(), moment)
            await server.wire_server.emptied()
            await until(lambda: asyncio.all_tasks() <= before, "no task is left")
            if not interrupted:
                break
        assert moments > 3

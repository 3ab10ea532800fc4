"""Whoever takes the outcomes or the items is cancelled: nothing of the run is left behind."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from itertools import count

import pytest
from resilience.interruptions import (
    Interrupt,
    after_steps,
    as_an_await_ends,
    at_an_await,
    by_a_timeout_from_outside,
)
from resilience.wire_server import until

from detective_async import Credentials, DetectiveClient, DetectiveFleet, Target
from fleet.gauge import REGIONS, accounts, gauging
from fleet.leftovers import nothing_left

pytestmark = pytest.mark.slow


async def ask(client: DetectiveClient, _target: Target) -> int:
    return len(await asyncio.gather(*(client.list_graphs() for _ in range(3))))


async def _outcomes(fleet: DetectiveFleet) -> int:
    return len([outcome async for outcome in fleet.run(ask)])


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
async def test_a_consumer_that_is_cancelled(
    interrupt: Interrupt, consume: Callable[[DetectiveFleet], Awaitable[int]]
) -> None:
    """At any moment of a whole run, from the first STS request to the closing: no task is left, and no socket."""
    chance = random.Random(f"{interrupt.__name__} {consume.__name__}")  # noqa: S311 - it picks moments
    sparsely = interrupt in (after_steps, by_a_timeout_from_outside)
    async with gauging(passes=1, pages=2) as gauge, nothing_left():
        before = asyncio.all_tasks()

        async def consume_all() -> None:
            async with DetectiveFleet.assume_role(
                "Audit",
                accounts(3),
                REGIONS[:1],
                source=Credentials("hub", "s"),
                endpoint_url=gauge.url,
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
            await gauge.server.emptied()
            await until(lambda: asyncio.all_tasks() <= before, "no task is left")
            if not interrupted:
                break
        assert moments > 3

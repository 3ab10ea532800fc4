"""Leaving in the middle, by whatever door: nothing goes on behind it, and nobody waits in vain."""

import asyncio
import gc
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from itertools import count
from typing import Any

import pytest
from resilience.interruptions import (
    Interrupt,
    after_steps,
    as_an_await_ends,
    at_an_await,
    by_a_timeout_from_outside,
    passes,
)
from resilience.wire_server import until

from detective_async import Credentials, DetectiveClient, DetectiveFleet, Target
from fleet.gauge import REGIONS, accounts, gauging, places

CLOSED = "the client is closed"


async def ask(client: DetectiveClient, _target: Target) -> int:
    return len(await asyncio.gather(*(client.list_graphs() for _ in range(3))))


@asynccontextmanager
async def nothing_left() -> AsyncIterator[None]:
    """See that the tasks are those that were there before, and that asyncio has nothing to complain of."""
    before = asyncio.all_tasks()
    said: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
    yield
    await until(lambda: asyncio.all_tasks() <= before, "no task is left")
    gc.collect()
    await passes(3)
    assert not said


def at_work() -> list[object]:
    """Give the tasks that work on targets."""
    work = "DetectiveFleet._run.<locals>.work"
    return [task for task in asyncio.all_tasks() if getattr(task.get_coro(), "__qualname__", "") == work]


@pytest.mark.parametrize("stream", [False, True])
async def test_break(stream: bool) -> None:
    """What is under way is given up at once, and its connections are closed."""
    async with (
        gauging(pages=5) as gauge,
        nothing_left(),
        DetectiveFleet(places(30), concurrency=6, endpoint_url=gauge.url) as fleet,
    ):
        async for _ in fleet.iter_members() if stream else fleet.run(ask):
            assert at_work()
            break
        await until(lambda: not fleet._runs and not gauge.under_way, "nothing is under way any more")
        assert not at_work()
        asked = len(gauge.asked)
        await passes(100)
        assert len(gauge.asked) == asked < 60
        # The fleet is as it was.
        assert len([outcome async for outcome in fleet.run(ask) if outcome.ok]) == 90


async def test_aclose_of_a_run() -> None:
    """When it returns, all work has ended: whatever it does in its `finally` is done."""
    waiting = cleaned = 0

    async def work(client: DetectiveClient, _target: Target) -> None:
        nonlocal waiting, cleaned
        try:
            await client.list_graphs()
            waiting += 1
            await asyncio.Event().wait()
        finally:
            await passes(5)
            cleaned += 1

    async with (
        gauging() as gauge,
        nothing_left(),
        DetectiveFleet(places(4), concurrency=6, endpoint_url=gauge.url) as fleet,
    ):
        run = fleet.run(work)
        first = asyncio.ensure_future(anext(run))
        await until(lambda: waiting == 6, "they have their answers")
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert cleaned == 6
        await run.aclose()
        assert not fleet._runs


async def test_aclose_of_a_stream() -> None:
    """When it returns, nothing of it is left."""
    async with (
        gauging(pages=50) as gauge,
        nothing_left(),
        DetectiveFleet(places(4), concurrency=6, endpoint_url=gauge.url) as fleet,
    ):
        before = asyncio.all_tasks()
        members = aiter(fleet.iter_members())
        await anext(members)
        assert len(at_work()) == 6
        await members.aclose()
        assert asyncio.all_tasks() == before


@pytest.mark.parametrize("stream", [False, True])
async def test_closing_the_fleet_while_others_wait(stream: bool) -> None:
    """They get a RuntimeError that says so, after what was there already; nothing hangs."""
    async with gauging(lambda _: True) as gauge, nothing_left():
        fleet = DetectiveFleet(places(30), concurrency=6, endpoint_url=gauge.url)

        async def consume() -> int:
            seen = 0
            async for _ in fleet.iter_graphs() if stream else fleet.run(lambda client, _: client.list_graphs()):
                seen += 1
            return seen

        waiting = [asyncio.ensure_future(consume()) for _ in range(3)]
        # The bound is the fleet's, and not the run's.
        await until(lambda: len(gauge.held) == 6, "as much as may be is under way")
        await fleet.aclose()
        await until(lambda: not gauge.held, "nothing is under way any more")
        for error in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(error, RuntimeError)
            assert str(error) == CLOSED
        assert not fleet._runs
        await fleet.aclose()
        assert repr(fleet) == "<DetectiveFleet [targets: 90, closed]>"


async def test_closing_the_fleet_between_two_outcomes() -> None:
    """What has arrived is still handed out; then it is said that there is no more."""
    async with gauging() as gauge, nothing_left():
        fleet = DetectiveFleet(places(30), concurrency=6, endpoint_url=gauge.url)
        run = fleet.run(ask)
        assert (await anext(run)).ok
        await passes(500)
        await fleet.aclose()
        seen = 1
        with pytest.raises(RuntimeError, match=CLOSED):  # noqa: PT012 - the loop is what raises, at its end
            async for outcome in run:
                assert outcome.ok
                seen += 1
        assert 6 <= seen <= 12


@pytest.mark.parametrize("stream", [False, True])
async def test_leaving_the_fleet_with_a_run_in_hand(stream: bool) -> None:
    """Its work has ended when the block has; who asks the run for more is told that the fleet is closed."""
    async with gauging(pages=50) as gauge, nothing_left():
        async with DetectiveFleet(places(30), concurrency=6, endpoint_url=gauge.url) as fleet:
            run: Any = aiter(fleet.iter_members()) if stream else fleet.run(ask)
            await anext(run)
            unused: Any = aiter(fleet.iter_members()) if stream else fleet.run(ask)
        assert not at_work()
        await until(lambda: not gauge.under_way, "nothing is under way any more")
        with pytest.raises(RuntimeError, match=CLOSED):
            async for _ in run:
                pass
        with pytest.raises(RuntimeError, match=CLOSED):
            await anext(unused)
        await run.aclose()


async def test_a_fleet_that_is_closed_from_within() -> None:
    """By the work of one target, or by whoever takes the outcomes."""
    async with gauging() as gauge, nothing_left():
        async with DetectiveFleet(places(5), concurrency=6, endpoint_url=gauge.url) as fleet:

            async def close(_client: DetectiveClient, _target: Target) -> None:
                await fleet.aclose()

            with pytest.raises(RuntimeError, match=CLOSED):
                _ = [outcome async for outcome in fleet.run(close)]
        async with DetectiveFleet(places(5), concurrency=6, endpoint_url=gauge.url) as fleet:
            with pytest.raises(RuntimeError, match=CLOSED):  # noqa: PT012
                async for _ in fleet.run(ask):
                    await fleet.aclose()


async def test_a_run_that_was_never_begun() -> None:
    """It costs nothing, and needs no closing."""
    async with nothing_left(), DetectiveFleet(places(5)) as fleet:
        fleet.run(ask)
        fleet.iter_graphs()
        del fleet


async def test_an_error_in_the_loop_of_whoever_takes_the_outcomes() -> None:
    """It is theirs, and comes out as it is; the work has ended by then."""
    async with gauging() as gauge, nothing_left():
        with pytest.raises(KeyError):  # noqa: PT012
            async with (
                DetectiveFleet(places(30), concurrency=6, endpoint_url=gauge.url) as fleet,
                aclosing(fleet.run(ask)) as run,
            ):
                async for _ in run:
                    raise KeyError
        await until(lambda: not gauge.under_way, "nothing is under way any more")


async def test_work_that_will_not_end() -> None:
    """It is waited for: there is no way to end it, and it must not go on behind the back of its fleet."""
    may_end = asyncio.Event()

    async def stubborn(_client: DetectiveClient, _target: Target) -> None:
        while not may_end.is_set():
            try:
                await may_end.wait()
            except asyncio.CancelledError:
                refused.append(1)

    refused: list[int] = []
    async with nothing_left(), DetectiveFleet(places(5), concurrency=6) as fleet:
        run = fleet.run(stubborn)
        first = asyncio.ensure_future(anext(run))
        await passes(3)
        closing = asyncio.ensure_future(fleet.aclose())
        await passes(10)
        assert len(refused) == 6
        assert not closing.done()
        may_end.set()
        await closing
        # They have ended, and in the way that they chose.
        assert (await first).ok


async def test_work_that_takes_a_while_to_end() -> None:
    """Closing the fleet waits for it too where its run has been left before, and closes no connection under it."""
    cleaned = []

    async def work(client: DetectiveClient, target: Target) -> None:
        try:
            if target.region != REGIONS[0]:
                await asyncio.Event().wait()
        finally:
            await passes(30)
            await client.list_graphs()
            cleaned.append(target)

    async with gauging() as gauge, nothing_left():
        async with DetectiveFleet(places(3), concurrency=9, endpoint_url=gauge.url) as fleet:
            runs = [fleet.run(work) for _ in range(2)]
            assert [(await anext(one)).ok for one in runs] == [True] * 2
            # One is being closed already, and one has been given up.
            closing = asyncio.ensure_future(runs[0].aclose())
            del runs[1]
            await passes(10)
            assert len(cleaned) < 10
        assert len(cleaned) == 18
        assert not at_work()
        await closing


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

"""Leaving in the middle, by whatever door: nothing goes on behind it, and nobody waits in vain."""

import asyncio
from contextlib import aclosing
from typing import Any

import pytest
from resilience.interruptions import passes
from resilience.wire_server import until

from detective_async import DetectiveClient, DetectiveFleet, Target
from fleet.gauge import REGIONS, gauging, places
from fleet.leftovers import at_work, nothing_left

pytestmark = pytest.mark.slow

CLOSED = "the client is closed"


async def ask(client: DetectiveClient, _target: Target) -> int:
    return len(await asyncio.gather(*(client.list_graphs() for _ in range(3))))


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


async def test_leaving_that_is_cancelled() -> None:
    """A run that nobody waits for any more is forgotten once it has ended; closing the fleet waits for that."""
    cleaned = []

    async def work(_client: DetectiveClient, target: Target) -> None:
        try:
            if target.region != REGIONS[0]:
                await asyncio.Event().wait()
        finally:
            await passes(30)
            cleaned.append(target)

    async with nothing_left(), DetectiveFleet(places(1), concurrency=3) as fleet:
        for closed_early in (False, True):
            run = fleet.run(work)
            assert (await anext(run)).ok
            leaving = asyncio.ensure_future(run.aclose())
            await passes(3)
            leaving.cancel()
            await asyncio.wait([leaving])
            assert leaving.cancelled()
            assert len(fleet._runs) == 1
            if closed_early:
                await fleet.aclose()
            else:
                await passes(40)
            assert not fleet._runs
    assert len(cleaned) == 6

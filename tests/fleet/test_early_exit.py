"""Leaving a run early, in any way: no work continues, and no consumer hangs."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any

import pytest
from support.interruptions import passes
from support.wire_server import until

from detective_async import ClientClosed, DetectiveClient, DetectiveFleet, Target
from fleet.counting_server import (
    REGIONS,
    counting_fleet,
    counting_server,
    list_graphs,
    list_three_times,
    nothing_left,
    places,
    working_tasks,
)

pytestmark = [pytest.mark.exhaustive, pytest.mark.slow]

CLOSED = "the client is closed"


@pytest.mark.parametrize("stream", [False, True])
async def test_break(stream: bool) -> None:
    """Work in progress is cancelled at once, and its connections are closed."""
    async with nothing_left(), counting_fleet(places(30), pages=5, concurrency=6) as (server, fleet):
        async for _ in fleet.iter_members() if stream else fleet.run(list_three_times):
            assert working_tasks()
            break
        await until(lambda: not fleet._runs and not server.under_way, "nothing is in progress")
        assert not working_tasks()
        asked = len(server.asked)
        await passes(100)
        assert len(server.asked) == asked < 60
        # The fleet can still be used.
        assert len([outcome async for outcome in fleet.run(list_three_times) if outcome.ok]) == 90


async def test_aclose_of_a_run() -> None:
    """It returns when all work has ended, including its `finally` blocks."""
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

    async with nothing_left(), counting_fleet(places(4), concurrency=6) as (_, fleet):
        run = fleet.run(work)
        first = asyncio.ensure_future(anext(run))
        await until(lambda: waiting == 6, "they have their responses")
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert cleaned == 6
        await run.aclose()
        assert not fleet._runs


@pytest.mark.parametrize("stream", [False, True])
async def test_closing_the_fleet_with_waiting_consumers(stream: bool) -> None:
    """They get the remaining outcomes, then a RuntimeError."""
    async with counting_server(lambda _: True) as server, nothing_left():
        fleet = DetectiveFleet(places(30), concurrency=6, endpoint_url=server.url)

        async def consume() -> int:
            seen = 0
            async for _ in fleet.iter_graphs() if stream else fleet.run(list_graphs):
                seen += 1
            return seen

        waiting = [asyncio.ensure_future(consume()) for _ in range(3)]
        # The limit is the fleet's, not the run's.
        await until(lambda: len(server.held) == 6, "the limit is reached")
        await fleet.aclose()
        await until(lambda: not server.held, "nothing is in progress")
        for error in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(error, ClientClosed)
            assert str(error) == CLOSED
            # The service may have acted on what was in progress.
            assert error.outcome_unknown
        assert not fleet._runs
        await fleet.aclose()
        assert repr(fleet) == "<DetectiveFleet [targets: 90, closed]>"


async def test_closing_the_fleet_between_two_outcomes() -> None:
    """Available outcomes are still delivered, then a RuntimeError is raised."""
    async with counting_server() as server, nothing_left():
        fleet = DetectiveFleet(places(30), concurrency=6, endpoint_url=server.url)
        run = fleet.run(list_three_times)
        assert (await anext(run)).ok
        await passes(500)
        await fleet.aclose()
        seen = 1
        with pytest.raises(RuntimeError, match=CLOSED):  # noqa: PT012 - the loop is what raises, at its end
            async for outcome in run:
                assert outcome.ok
                seen += 1
        assert 6 <= seen <= 12


async def test_closing_the_fleet_while_nothing_is_in_progress() -> None:
    """A slow consumer holds the work up: no outcome is unknown."""
    async with counting_server() as server, nothing_left():
        fleet = DetectiveFleet(places(1), concurrency=1, endpoint_url=server.url)
        run = fleet.run(list_graphs)
        assert (await anext(run)).ok
        await until(lambda: len(server.asked) == 2 and not working_tasks(), "the second outcome is there")
        await fleet.aclose()
        assert (await anext(run)).ok
        with pytest.raises(ClientClosed) as caught:
            await anext(run)
        assert not caught.value.outcome_unknown


@pytest.mark.parametrize("stream", [False, True])
async def test_leaving_the_fleet_during_a_run(stream: bool) -> None:
    """The work has ended after the block; the run then raises that the fleet is closed."""
    async with counting_server(pages=50) as server, nothing_left():
        async with DetectiveFleet(places(30), concurrency=6, endpoint_url=server.url) as fleet:
            run: Any = aiter(fleet.iter_members()) if stream else fleet.run(list_three_times)
            await anext(run)
            unused: Any = aiter(fleet.iter_members()) if stream else fleet.run(list_three_times)
        assert not working_tasks()
        await until(lambda: not server.under_way, "nothing is in progress")
        with pytest.raises(RuntimeError, match=CLOSED):
            async for _ in run:
                pass
        with pytest.raises(RuntimeError, match=CLOSED):
            await anext(unused)
        await run.aclose()


async def test_closing_the_fleet_from_within() -> None:
    """The work of a target or the consumer may close it."""
    async with counting_server() as server, nothing_left():
        async with DetectiveFleet(places(5), concurrency=6, endpoint_url=server.url) as fleet:

            async def close(_client: DetectiveClient, _target: Target) -> None:
                await fleet.aclose()

            with pytest.raises(RuntimeError, match=CLOSED):
                _ = [outcome async for outcome in fleet.run(close)]
        async with DetectiveFleet(places(5), concurrency=6, endpoint_url=server.url) as fleet:
            with pytest.raises(RuntimeError, match=CLOSED):  # noqa: PT012
                async for _ in fleet.run(list_three_times):
                    await fleet.aclose()


async def test_consumer_raises() -> None:
    """Its exception is raised unchanged, after the work has ended."""
    async with counting_server() as server, nothing_left():
        with pytest.raises(KeyError):  # noqa: PT012
            async with (
                DetectiveFleet(places(30), concurrency=6, endpoint_url=server.url) as fleet,
                aclosing(fleet.run(list_three_times)) as run,
            ):
                async for _ in run:
                    raise KeyError
        await until(lambda: not server.under_way, "nothing is in progress")


async def test_work_ignores_cancellation() -> None:
    """Closing the fleet waits for it."""
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
        # The work has returned a value.
        assert (await first).ok


def cleaning(cleaned: list[Target], *, call: bool) -> Callable[[DetectiveClient, Target], Awaitable[None]]:
    """Return work that ends in the first region only, and whose cleanup takes a while; it may make a call there."""

    async def work(client: DetectiveClient, target: Target) -> None:
        try:
            if target.region != REGIONS[0]:
                await asyncio.Event().wait()
        finally:
            await passes(30)
            if call:
                await client.list_graphs()
            cleaned.append(target)

    return work


async def test_slow_cleanup_of_work() -> None:
    """Closing the fleet waits for cleanup also of a run that was left before, with open connections."""
    cleaned: list[Target] = []
    work = cleaning(cleaned, call=True)
    async with counting_server() as server, nothing_left():
        async with DetectiveFleet(places(3), concurrency=9, endpoint_url=server.url) as fleet:
            runs = [fleet.run(work) for _ in range(2)]
            assert [(await anext(one)).ok for one in runs] == [True] * 2
            # One run is being closed already, and one was abandoned.
            closing = asyncio.ensure_future(runs[0].aclose())
            del runs[1]
            await passes(10)
            assert len(cleaned) < 10
        assert len(cleaned) == 18
        assert not working_tasks()
        await closing


async def test_cancelled_aclose_of_a_run() -> None:
    """The run is forgotten when it has ended; closing the fleet waits for it."""
    cleaned: list[Target] = []
    work = cleaning(cleaned, call=False)
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

"""Targets are taken when there is room for them, and not before: a million of them cost as much as a hundred."""

import asyncio
from collections.abc import Iterator

from attrs import define
from support.interruptions import passes
from support.wire_server import until

from detective_async import Credentials, DetectiveClient, DetectiveFleet, Target
from detective_async.testing import DetectiveSimulator
from fleet.gauge import REGIONS, accounts, gauging

HUB = "111122223333"
CONCURRENCY = 10
#: Those that are worked on, and the outcomes that wait: fewer than the concurrency when the last ones were begun.
MOST_AHEAD = 2 * CONCURRENCY


@define
class Source:
    """An endless supply of targets, and how many were taken from it."""

    taken: int = 0

    def __iter__(self) -> Iterator[Target]:
        while True:
            self.taken += 1
            yield Target(f"{self.taken:012}", REGIONS[self.taken % 3], Credentials("a", "b"))


def quiet() -> None:
    """Keep asyncio's debug mode from keeping a stack for every task."""
    asyncio.get_running_loop().set_debug(False)


async def brief(_client: DetectiveClient, target: Target) -> str:
    await asyncio.sleep(0)
    return target.account_id


async def test_ten_thousand_of_a_generator() -> None:
    """However many there are, a few are taken ahead of whoever takes the outcomes, and as many tasks are there."""
    quiet()
    source = Source()
    before = len(asyncio.all_tasks())
    seen = set()
    async with DetectiveFleet(iter(source), concurrency=CONCURRENCY) as fleet:
        assert source.taken == 0
        async for outcome in fleet.run(brief):
            seen.add(outcome.result())
            assert source.taken - len(seen) <= MOST_AHEAD
            # One more looks after the others.
            assert len(asyncio.all_tasks()) - before <= CONCURRENCY + 1
            if len(seen) == 10_000:
                break
    assert len(seen) == 10_000
    await until(lambda: len(asyncio.all_tasks()) == before, "no task is left")


async def test_a_consumer_that_stands_still_stops_the_work() -> None:
    """A few outcomes wait for it, and nothing more is begun until it goes on."""
    quiet()
    source = Source()
    ended = 0

    async def count(client: DetectiveClient, target: Target) -> None:
        nonlocal ended
        await brief(client, target)
        ended += 1

    async with DetectiveFleet(source, concurrency=CONCURRENCY) as fleet:
        run = fleet.run(count)
        for consumed in range(1, 200):
            await anext(run)
            await passes(20)
            assert CONCURRENCY <= source.taken - consumed <= MOST_AHEAD
            # There is nothing under way any more, and nothing that would begin.
            assert source.taken == ended
        await run.aclose()


async def test_nothing_is_done_for_those_that_are_never_reached(sim: DetectiveSimulator) -> None:
    """Ten thousand roles in two regions: whoever leaves early has asked STS for no more than were begun."""
    every = accounts(10_000)
    for account in every[:50]:
        sim.role(account, "Audit", trusted=[HUB])
    async with DetectiveFleet.assume_role(
        "Audit", every, REGIONS[:2], source=sim.account(HUB), endpoint_url=sim.url, concurrency=CONCURRENCY
    ) as fleet:
        transport = fleet._client._transport
        assert transport.pool._reusing is None
        assert len(transport.shared._providers._values) == 1
        async for outcome in fleet.run(lambda client, _: client.list_graphs()):
            assert outcome.ok
            break
        # One role for each account that was begun; the fleet's own credentials among them.
        assert len(transport.shared._providers._values) <= MOST_AHEAD
    asked = [request.operation for request in sim.requests]
    assert 0 < asked.count("AssumeRole") <= MOST_AHEAD
    assert len({request.account_id for request in sim.requests}) <= MOST_AHEAD + 1


async def test_connections_are_opened_for_requests_only() -> None:
    """A fleet that is made, and one that works without asking for anything, has no session."""
    async with DetectiveFleet(Source(), concurrency=CONCURRENCY) as fleet:
        run = fleet.run(brief)
        for _ in range(50):
            await anext(run)
        await run.aclose()
        assert fleet._client._transport.pool._reusing is None


async def test_targets_are_taken_as_room_comes() -> None:
    """With every request held back, there are as many as may be under way; each answer brings one more."""
    source = Source()
    async with (
        gauging(lambda _: True) as gauge,
        DetectiveFleet(iter(source), concurrency=CONCURRENCY, endpoint_url=gauge.url) as fleet,
    ):
        run = fleet.run(lambda client, _: client.list_graphs())
        first = asyncio.ensure_future(anext(run))
        await until(lambda: len(gauge.held) == CONCURRENCY, "as many as may be are under way")
        await passes(50)
        assert source.taken == CONCURRENCY
        gauge.release(1)
        assert (await first).ok
        await until(lambda: len(gauge.held) == CONCURRENCY, "the next one is under way")
        await passes(50)
        assert source.taken == CONCURRENCY + 1
        await run.aclose()

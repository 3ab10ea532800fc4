"""Targets are consumed lazily, so that a million cost as much as a hundred."""

import asyncio
from collections.abc import Iterator

from attrs import define
from support.interruptions import passes
from support.sessions import session_of
from support.wire_server import until

from detective_async import Credentials, DetectiveClient, DetectiveFleet, Target
from detective_async.testing import DetectiveSimulator
from fleet.counting_server import REGIONS, accounts, counting_fleet, disable_debug, list_graphs

HUB = "111122223333"
CONCURRENCY = 10
#: The targets in progress plus the queued outcomes.
MOST_AHEAD = 2 * CONCURRENCY


@define
class Source:
    """An endless iterable of targets that counts how many were taken."""

    taken: int = 0

    def __iter__(self) -> Iterator[Target]:
        while True:
            self.taken += 1
            yield Target(f"{self.taken:012}", REGIONS[self.taken % 3], Credentials("a", "b"))


async def brief(_client: DetectiveClient, target: Target) -> str:
    await asyncio.sleep(0)
    return target.account_id


async def test_ten_thousand_of_a_generator() -> None:
    """A limited number of targets is consumed ahead, with as many tasks."""
    disable_debug()
    source = Source()
    before = len(asyncio.all_tasks())
    seen = set()
    async with DetectiveFleet(iter(source), concurrency=CONCURRENCY) as fleet:
        assert source.taken == 0
        async for outcome in fleet.run(brief):
            seen.add(outcome.result())
            assert source.taken - len(seen) <= MOST_AHEAD
            # One more is the driver.
            assert len(asyncio.all_tasks()) - before <= CONCURRENCY + 1
            if len(seen) == 10_000:
                break
        # Without a request there is no session.
        assert session_of(fleet._client) is None
    assert len(seen) == 10_000
    await until(lambda: len(asyncio.all_tasks()) == before, "no task is left")


async def test_idle_consumer() -> None:
    """A limited number of outcomes is queued, and no more work starts."""
    disable_debug()
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
            # Nothing is in progress.
            assert source.taken == ended
        await run.aclose()


async def test_unreached_targets(sim: DetectiveSimulator) -> None:
    """Of ten thousand roles, only those of started targets are assumed."""
    every = accounts(10_000)
    for account in every[:50]:
        sim.role(account, "Audit", trusted=[HUB])
    async with DetectiveFleet.assume_role(
        "Audit", every, REGIONS[:2], source=sim.account(HUB), endpoint_url=sim.url, concurrency=CONCURRENCY
    ) as fleet:
        transport = fleet._client._transport
        assert session_of(fleet._client) is None
        assert len(transport.shared._providers._values) == 1
        async for outcome in fleet.run(list_graphs):
            assert outcome.ok
            break
        # One role per started account, and the fleet's own credentials.
        assert len(transport.shared._providers._values) <= MOST_AHEAD
    asked = [request.operation for request in sim.requests]
    assert 0 < asked.count("AssumeRole") <= MOST_AHEAD
    assert len({request.account_id for request in sim.requests}) <= MOST_AHEAD + 1


async def test_targets_are_taken_when_a_slot_is_free() -> None:
    """Each response allows one more target."""
    source = Source()
    async with counting_fleet(iter(source), lambda _: True, concurrency=CONCURRENCY) as (server, fleet):
        run = fleet.run(list_graphs)
        first = asyncio.ensure_future(anext(run))
        await until(lambda: len(server.held) == CONCURRENCY, "as many as may be are under way")
        await passes(50)
        assert source.taken == CONCURRENCY
        server.release(1)
        assert (await first).ok
        await until(lambda: len(server.held) == CONCURRENCY, "the next one is under way")
        await passes(50)
        assert source.taken == CONCURRENCY + 1
        await run.aclose()

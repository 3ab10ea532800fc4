"""Backpressure of merged streams: pages are fetched on demand, in order for each target."""

import asyncio
from contextlib import aclosing
from functools import partial

import pytest
from support.interruptions import passes
from support.wire_server import until

from detective_async import Target
from fleet.counting_server import CountingServer, counting_fleet, place_of, places

PAGES = 40
CONCURRENCY = 5
#: Pages in the queue, in addition to the one that each target holds.
WAITING = 8


def pages_asked(server: CountingServer) -> int:
    return len([1 for operation, _, _ in server.asked if operation == "/graph/members/list"])


fleet_of = partial(counting_fleet, places(4), concurrency=CONCURRENCY)


async def settled() -> None:
    """Let the event loop run until no more work is possible without a consumer."""
    await passes(600)


async def test_pages_are_fetched_on_demand() -> None:
    """Each target holds one page, and a few are queued; one more is fetched per page taken."""
    async with fleet_of(pages=PAGES, passes=2) as (server, fleet):
        async with aclosing(aiter(fleet.iter_members())) as members:
            for taken in range(1, 12):
                await anext(members)
                await settled()
                ahead = pages_asked(server) - taken
                assert CONCURRENCY <= ahead <= CONCURRENCY + WAITING
        assert pages_asked(server) < PAGES


async def test_order_within_a_target() -> None:
    """Each target's items are in order, and the targets are interleaved."""
    async with fleet_of(pages=PAGES) as (_, fleet):
        pairs = [(target, member.account_id) async for target, member in fleet.iter_members()]
    assert len(pairs) == 12 * PAGES
    for target in places(4):
        assert [account for one, account in pairs if one == target] == [f"{page:012}" for page in range(PAGES)]
    first = [target for target, _ in pairs[: 2 * CONCURRENCY]]
    assert len(set(first)) == CONCURRENCY


async def test_outcomes_during_iteration() -> None:
    """All items of the other targets come before those of a slow one; `outcomes` has the targets that have ended."""
    slow = places(1)[0]
    async with fleet_of(lambda request: place_of(request) == (slow.account_id, slow.region), pages=3) as (
        server,
        fleet,
    ):
        stream = fleet.iter_members()
        seen: list[Target] = []

        async def consume() -> None:
            async for target, _ in stream:
                seen.append(target)

        task = asyncio.ensure_future(consume())
        await until(lambda: len(stream.outcomes) == 11, "all others have ended")
        assert slow not in {outcome.target for outcome in stream.outcomes}
        assert {outcome.value for outcome in stream.outcomes} == {3}
        await until(lambda: len(seen) == 33, "their items have arrived")
        server.release()
        await task
        assert len(stream.outcomes) == 12
        assert [target == slow for target in seen] == [False] * 33 + [True] * 3


async def test_empty_pages() -> None:
    """Empty pages are not queued, and the stream ends."""
    async with counting_fleet(places(20), pages=3) as (_, fleet):
        stream = fleet.iter_invitations()
        assert [pair async for pair in stream] == []
        assert [outcome.value for outcome in stream.outcomes] == [0] * 60


@pytest.mark.parametrize("moment", [0, 1, 7])
async def test_outcomes_after_leaving_early(moment: int) -> None:
    """`outcomes` keeps the targets that had ended."""
    async with fleet_of(pages=2) as (_, fleet):
        stream = fleet.iter_members()
        async with aclosing(aiter(stream)) as members:
            for _ in range(moment):
                await anext(members)
        known = stream.outcomes
        assert len(known) < 12
        assert all(outcome.value == 2 for outcome in known)
        await settled()
        assert stream.outcomes == known
        assert len([pair async for pair in stream]) == 24
        assert len(stream.outcomes) == 12

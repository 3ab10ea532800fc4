"""Backpressure of merged streams: pages are fetched on demand, in order for each target."""

import asyncio
from contextlib import aclosing
from functools import partial

import pytest
from support.interruptions import passes
from support.wire_server import until

from detective_async import FleetStream, MemberDetail
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


async def test_slow_target() -> None:
    """All items of the other targets come first."""
    slow = places(1)[0]
    async with (
        fleet_of(lambda request: place_of(request) == (slow.account_id, slow.region), pages=3) as (server, fleet),
        aclosing(aiter(fleet.iter_members())) as members,
    ):
        others = [await anext(members) for _ in range(3 * 11)]
        assert slow not in {target for target, _ in others}
        server.release()
        assert [target async for target, _ in members] == [slow] * 3


async def consume(stream: FleetStream[MemberDetail], *, seen: list[str]) -> None:
    async for _, member in stream:
        seen.append(str(member.account_id))


async def test_outcomes_during_iteration() -> None:
    """`outcomes` contains the targets that have ended so far."""
    slow = places(1)[0]
    async with (
        fleet_of(lambda request: place_of(request) == (slow.account_id, slow.region), pages=3) as (server, fleet),
    ):
        stream = fleet.iter_members()
        seen: list[str] = []
        task = asyncio.ensure_future(consume(stream, seen=seen))
        await until(lambda: len(stream.outcomes) == 11, "all others have ended")
        assert slow not in {outcome.target for outcome in stream.outcomes}
        assert {outcome.value for outcome in stream.outcomes} == {3}
        server.release()
        await task
        assert len(stream.outcomes) == 12
        assert len(seen) == 36


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

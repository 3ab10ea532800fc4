"""How the pages of merged streams flow: as they are taken, each target's in its order, and no further than that."""

import asyncio
from contextlib import aclosing

import pytest
from support.interruptions import passes
from support.wire_server import until

from detective_async import DetectiveFleet, FleetStream, MemberDetail
from fleet.gauge import Gauge, gauging, place_of, places

PAGES = 40
CONCURRENCY = 5
#: Pages that wait for whoever takes them, beside the one that each target holds.
WAITING = 8


def pages_asked(gauge: Gauge) -> int:
    return len([1 for operation, _, _ in gauge.asked if operation == "/graph/members/list"])


def fleet_of(gauge: Gauge, count: int = 4) -> DetectiveFleet:
    return DetectiveFleet(places(count), concurrency=CONCURRENCY, endpoint_url=gauge.url)


async def settled() -> None:
    """Let everything happen that can happen without anybody taking more."""
    await passes(600)


async def test_pages_are_fetched_as_they_are_taken() -> None:
    """While nobody takes anything, each target holds a page, and a few wait; one more is fetched for each taken."""
    async with gauging(pages=PAGES, passes=2) as gauge, fleet_of(gauge) as fleet:
        async with aclosing(aiter(fleet.iter_members())) as members:
            for taken in range(1, 12):
                await anext(members)
                await settled()
                ahead = pages_asked(gauge) - taken
                assert CONCURRENCY <= ahead <= CONCURRENCY + WAITING
        assert pages_asked(gauge) < PAGES


async def test_the_order_within_a_target_is_kept() -> None:
    """However the targets are mixed; and they are mixed."""
    async with gauging(pages=PAGES) as gauge, fleet_of(gauge) as fleet:
        pairs = [(target, member.account_id) async for target, member in fleet.iter_members()]
    assert len(pairs) == 12 * PAGES
    for target in places(4):
        assert [account for one, account in pairs if one == target] == [f"{page:012}" for page in range(PAGES)]
    first = [target for target, _ in pairs[: 2 * CONCURRENCY]]
    assert len(set(first)) == CONCURRENCY


async def test_a_slow_target_does_not_hold_up_the_others() -> None:
    """All items of the others come while it is waited for."""
    slow = places(1)[0]
    async with (
        gauging(lambda request: place_of(request) == (slow.account_id, slow.region), pages=3) as gauge,
        fleet_of(gauge) as fleet,
        aclosing(aiter(fleet.iter_members())) as members,
    ):
        others = [await anext(members) for _ in range(3 * 11)]
        assert slow not in {target for target, _ in others}
        gauge.release()
        assert [target async for target, _ in members] == [slow] * 3


async def consume(stream: FleetStream[MemberDetail], *, seen: list[str]) -> None:
    async for _, member in stream:
        seen.append(str(member.account_id))


async def test_outcomes_are_there_as_targets_end() -> None:
    """Whoever looks at them in the middle sees those that have ended."""
    slow = places(1)[0]
    async with (
        gauging(lambda request: place_of(request) == (slow.account_id, slow.region), pages=3) as gauge,
        fleet_of(gauge) as fleet,
    ):
        stream = fleet.iter_members()
        seen: list[str] = []
        task = asyncio.ensure_future(consume(stream, seen=seen))
        await until(lambda: len(stream.outcomes) == 11, "all others have ended")
        assert slow not in {outcome.target for outcome in stream.outcomes}
        assert {outcome.value for outcome in stream.outcomes} == {3}
        gauge.release()
        await task
        assert len(stream.outcomes) == 12
        assert len(seen) == 36


async def test_targets_that_have_nothing_do_not_fill_the_queue() -> None:
    """Empty pages are passed over, however many there are; the stream ends."""
    async with gauging(pages=3) as gauge, DetectiveFleet(places(20), endpoint_url=gauge.url) as fleet:
        stream = fleet.iter_invitations()
        assert [pair async for pair in stream] == []
        assert [outcome.value for outcome in stream.outcomes] == [0] * 60


@pytest.mark.parametrize("moment", [0, 1, 7])
async def test_leaving_early_keeps_what_is_known(moment: int) -> None:
    """Outcomes of targets that had ended by then; those that were cut off have none."""
    async with gauging(pages=2) as gauge, fleet_of(gauge) as fleet:
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

"""Hosts that do not answer: they keep a share of the slots, and the targets of the other hosts go on."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import pytest
from support.virtual_time import in_virtual_time
from support.wire_server import Request

from detective_async import (
    AssumeRole,
    AssumeRoleError,
    AttemptTimeout,
    Clock,
    Credentials,
    DetectiveClient,
    DetectiveFleet,
    Outcome,
    RetryPolicy,
    Target,
    Timeouts,
)
from detective_async.fleet import admission as admission_module
from detective_async.fleet.admission import LOOK_AHEAD, Admission
from detective_async.retry.host_health import HostHealth
from detective_async.settings.timeouts import shortened
from fleet.counting_server import CountingServer, accounts, counting_server, list_graphs, operation_of, place_of

GOOD, DEAD = ("eu-west-1", "us-east-1", "eu-central-1", "us-west-2"), ("ap-southeast-2", "sa-east-1")
#: Each attempt at a dead host takes a second.
TIMEOUTS = Timeouts(connect=None, read=1, attempt=None, total=None)


def targets_of(regions: Iterable[str], count: int, *, by_region: bool = False) -> list[Target]:
    places = [(account, region) for account in accounts(count) for region in regions]
    if by_region:
        places.sort(key=lambda place: list(regions).index(place[1]))
    return [Target(account, region, Credentials(account, "secret")) for account, region in places]


def loop_clock(random: float = 0.5) -> Clock:
    return Clock(monotonic=asyncio.get_running_loop().time, random=lambda: random)


async def run_all(
    server: CountingServer, targets: Iterable[Target], concurrency: int, retry: RetryPolicy = RetryPolicy()
) -> list[tuple[float, Outcome[object]]]:
    """Run in all targets; return the outcomes, each with the time at which it came."""
    loop = asyncio.get_running_loop()
    async with DetectiveFleet(
        targets, endpoint_url=server.url, concurrency=concurrency, timeouts=TIMEOUTS, clock=loop_clock(), retry=retry
    ) as fleet:
        return [(loop.time(), outcome) async for outcome in fleet.run(list_graphs)]


def held(regions: Iterable[str]) -> Callable[[Request], bool]:
    return lambda request: operation_of(request) != "AssumeRole" and place_of(request)[1] in regions


@pytest.mark.parametrize(
    ("targets", "concurrency", "seconds"),
    [
        (targets_of([GOOD[0], DEAD[0], GOOD[1], GOOD[2], DEAD[1], GOOD[3]], 10), 6, 0.5),
        (targets_of((*GOOD, *DEAD), 40), 64, 0.5),
        # One slot is free for other hosts from the start.
        (targets_of((DEAD[0], *GOOD), 10, by_region=True), 6, 0.5),
        # All slots are taken by dead hosts until the first attempts have failed.
        (targets_of((*DEAD, *GOOD), 10, by_region=True), 6, 1.5),
        (targets_of((*DEAD, *GOOD), 80, by_region=True), 64, 1.5),
    ],
    ids=["mixed", "many", "one first", "first", "many first"],
)
@in_virtual_time
async def test_targets_of_other_hosts_do_not_wait(targets: list[Target], concurrency: int, seconds: float) -> None:
    """They are done before the dead hosts have failed a second time; the dead ones are all tried, and fail."""
    async with counting_server(held(DEAD)) as server:
        outcomes = await run_all(server, targets, concurrency)
    good = [(when, one) for when, one in outcomes if one.target.region in GOOD]
    assert all(one.ok for _, one in good)
    assert max(when for when, _ in good) < seconds
    assert sorted((one.target for _, one in outcomes), key=str) == sorted(targets, key=str)
    tried = Counter((account, region) for _, account, region in server.asked)
    for _, one in outcomes:
        if one.target.region in DEAD:
            assert isinstance(one.error, AttemptTimeout)
            assert one.error.attempts == tried[one.target.account_id, one.target.region] >= 1
    assert len({attempts for place, attempts in tried.items() if place[1] in DEAD}) > 1


@pytest.mark.parametrize(("concurrency", "seconds"), [(6, 25), (64, 8)])
@in_virtual_time
async def test_a_run_in_which_all_hosts_are_dead_ends(concurrency: int, seconds: float) -> None:
    """After three lost calls, each target gets one attempt; with eight each, 60 targets would take minutes."""
    async with counting_server(held(GOOD)) as server:
        outcomes = await run_all(server, targets_of(GOOD, 15), concurrency)
    assert [one.ok for _, one in outcomes] == [False] * 60
    assert outcomes[-1][0] < seconds


@in_virtual_time
async def test_a_host_that_comes_back() -> None:
    """One answer clears the doubt, and the remaining targets succeed."""
    targets = targets_of((GOOD[0], DEAD[0]), 60)
    async with counting_server(held(DEAD)) as server:
        asyncio.get_running_loop().call_later(8.0, server.release)
        outcomes = await run_all(server, targets, 4, RetryPolicy(max_attempts=2))
    dead = [one for _, one in outcomes if one.target.region in DEAD]
    failed = [one for one in dead if not one.ok]
    assert 3 < len(failed) < len(dead) - 3
    assert dead[: len(failed)] == failed


@in_virtual_time
async def test_an_outage_of_a_host_that_has_answered_is_waited_for() -> None:
    """The patient policy is the fleet's default: 30 calls in flight survive 5 s, and nothing fails."""
    async with counting_server(held(DEAD)) as server:
        loop = asyncio.get_running_loop()
        server.hold = lambda _: loop.time() > 1.0
        loop.call_later(6.0, server.release)

        async def work(client: DetectiveClient, target: Target) -> int:
            await list_graphs(client, target)
            await asyncio.sleep(2.0)
            return (await client.list_graphs()).response_metadata.attempts

        async with DetectiveFleet(
            targets_of(DEAD, 15), endpoint_url=server.url, timeouts=TIMEOUTS, clock=loop_clock()
        ) as fleet:
            outcomes = [outcome async for outcome in fleet.run(work)]
    assert {outcome.result() > 2 for outcome in outcomes} == {True}
    assert len(outcomes) == 30


@in_virtual_time
async def test_the_run_goes_on_where_the_bound_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slots stay free for targets that come later in the list, while those aside are worked off."""
    monkeypatch.setattr(admission_module, "LOOK_AHEAD", 8)
    async with counting_server(held(DEAD)) as server:
        targets = targets_of((DEAD[0], GOOD[0]), 24, by_region=True)
        outcomes = await run_all(server, targets, 4, RetryPolicy(max_attempts=1))
    assert [one.ok for _, one in outcomes].count(True) == 24
    assert len(outcomes) == 48


@in_virtual_time
async def test_a_dead_sts() -> None:
    """Every role fails; the run ends in bounded time."""
    targets = [
        Target(account, region, AssumeRole(f"arn:aws:iam::{account}:role/Audit", source=Credentials("hub", "secret")))
        for account in accounts(40)
        for region in GOOD
    ]
    async with counting_server(lambda request: operation_of(request) == "AssumeRole") as server:
        outcomes = await run_all(server, targets, 64)
    assert {type(one.error) for _, one in outcomes} == {AssumeRoleError}
    assert outcomes[-1][0] < 30


@in_virtual_time
async def test_a_timeout_of_the_work_itself_counts_against_the_host() -> None:
    """The work gives up before the client does, so that no attempt fails by itself."""
    loop = asyncio.get_running_loop()
    targets = targets_of((DEAD[0], *GOOD), 20, by_region=True)
    ended: dict[str, float] = {}

    async def work(client: DetectiveClient, target: Target) -> None:
        try:
            async with asyncio.timeout(0.5):
                await client.list_graphs()
        finally:
            ended[target.region] = loop.time()

    async with (
        counting_server(held(DEAD)) as server,
        DetectiveFleet(targets, endpoint_url=server.url, concurrency=12, clock=loop_clock()) as fleet,
    ):
        assert len([outcome async for outcome in fleet.run(work) if outcome.ok]) == 80
    assert max(ended[region] for region in GOOD) < 0.6


@in_virtual_time
async def test_attempts_at_a_dead_host_are_short() -> None:
    """After three calls of 30 s without a response, each attempt has 10 s; shorter timeouts remain."""
    loop = asyncio.get_running_loop()
    async with (
        counting_server(held(DEAD)) as server,
        DetectiveFleet(
            targets_of(DEAD[:1], 5),
            endpoint_url=server.url,
            concurrency=1,
            retry=RetryPolicy(max_attempts=1),
            timeouts=Timeouts(connect=None, read=30, attempt=None, total=None),
        ) as fleet,
    ):
        assert not [outcome async for outcome in fleet.run(list_graphs) if outcome.ok]
    assert loop.time() == pytest.approx(3 * 30 + 2 * 10, abs=1)
    assert shortened(Timeouts()) == Timeouts(connect=2, read=10, attempt=12, total=300)
    assert shortened(TIMEOUTS) == Timeouts(connect=2, read=1, attempt=12, total=None)


@in_virtual_time
async def test_deadlines_count_against_the_host() -> None:
    """Where `Timeouts.total` is shorter than an attempt, three calls that were cut off show the same."""
    async with (
        counting_server(held(DEAD)) as server,
        DetectiveFleet(
            targets_of(DEAD[:1], 5), endpoint_url=server.url, concurrency=1, timeouts=Timeouts(total=2)
        ) as fleet,
    ):
        assert not [outcome async for outcome in fleet.run(list_graphs) if outcome.ok]
        health = fleet._client._transport.shared.in_loop(asyncio.get_running_loop()).health("detective", DEAD[0])
        assert (health.lost_calls, health.failing) == (5, True)
        assert not health.watchers
        # What was known is forgotten before another run.
        server.release()
        assert all([outcome.ok async for outcome in fleet.run(list_graphs)])


def admission(targets: Iterable[Target], slots: int) -> tuple[Admission, dict[str, HostHealth], Counter[str]]:
    """Give one, what it knows of the hosts, and how many targets of each region it has read."""
    health: dict[str, HostHealth] = {}
    read: Counter[str] = Counter()

    def counted() -> Iterator[Target]:
        for target in targets:
            read[target.region] += 1
            yield target

    return Admission(counted(), slots, LOOK_AHEAD, lambda region: health.setdefault(region, HostHealth()), int), health, read


def endless(*regions: str) -> Iterator[Target]:
    while True:
        yield from (Target(accounts(1)[0], region) for region in regions)


def test_targets_are_read_one_by_one_while_hosts_answer() -> None:
    """Nothing is read ahead, and the order is that of the list."""
    waiting, health, read = admission(endless(*GOOD), 4)
    for number in range(40):
        target = waiting.take()
        assert target is not None
        assert (target.region, read.total()) == (GOOD[number % 4], number + 1)
        if not health[target.region].responding:
            health[target.region].note_response()
        waiting.ended(target)


def test_a_failing_host_waits_behind_others_that_can_use_the_slots() -> None:
    """It has one target in progress, though its share is four; and its share where no other target is left."""
    waiting, health, _ = admission([*targets_of(DEAD[:1], 4), *targets_of(GOOD[:1], 4)], 8)
    first = waiting.take()
    assert first is not None
    health[DEAD[0]].note_failure(0.0)
    regions = [target.region for target in iter(waiting.take, None)]
    assert regions == [*(GOOD[0],) * 4, *(DEAD[0],) * 3]
    assert waiting.exhausted


def test_no_more_than_the_bound_is_read_ahead() -> None:
    """An endless list of targets of a host that fails gets its share of the slots, and no more is read."""
    waiting, health, read = admission(endless(DEAD[0]), 8)
    assert waiting.take() is not None
    health[DEAD[0]].note_failure(0.0)
    started = 1
    while waiting.take() is not None:
        started += 1
    assert started == 4
    assert read.total() == LOOK_AHEAD + started
    assert not waiting.exhausted


def test_all_slots_are_used_where_no_other_host_can_use_them() -> None:
    """At the end of the list, and at its beginning, when the work makes no calls at all."""
    targets = targets_of(DEAD[:1], 20)
    waiting, health, _ = admission(targets, 8)
    first = waiting.take()
    assert first is not None
    health[DEAD[0]].note_failure(0.0)
    assert [waiting.take() for _ in range(7)] == targets[1:8]
    waiting, _, _ = admission(endless(DEAD[0]), 12)
    assert all(waiting.take() for _ in range(12))
    waiting, _, read = admission(endless(DEAD[0]), 12)
    for target in [waiting.take() for _ in range(5)]:
        assert target is not None
        waiting.ended(target)
    assert all(waiting.take() for _ in range(12))
    assert read.total() == 17


def test_an_error_of_the_iterator_comes_after_the_targets_before_it() -> None:
    """Also if it was read ahead."""

    def broken() -> Iterator[Target]:
        yield from targets_of(DEAD[:1], 7)
        raise ValueError("bad line")

    waiting, health, _ = admission(broken(), 2)
    assert waiting.take() is not None
    health[DEAD[0]].note_failure(0.0)
    assert [waiting.take() is not None for _ in range(6)] == [True] * 6
    with pytest.raises(ValueError, match="bad line"):
        waiting.take()


def test_calls_make_way_only_if_others_wait() -> None:
    """A host gives up what exceeds its share, and nothing while slots are free or only failing hosts wait."""
    waiting, health, _ = admission(targets_of((DEAD[0], GOOD[0]), 12, by_region=True), 6)
    for _ in range(6):
        assert waiting.take() is not None
    dead = health[DEAD[0]]
    for _ in range(3):
        dead.note_failure(0.0)
    # Five of the six slots; the share is three, for the list shows one other host.
    for vain in (True, True, False, False):
        assert [dead.retries_are_vain() for _ in range(2)] == [vain] * 2
        dead.give_up()
    waiting.ended(Target(accounts(1)[0], DEAD[0]))
    assert not dead.retries_are_vain()
    target = waiting.take()
    assert target is not None
    assert target.region == GOOD[0]
    health[GOOD[0]].note_failure(0.0)
    assert not dead.retries_are_vain()
    waiting.close()
    assert not dead.watchers


def test_a_run_looks_ahead_for_who_waits_for_a_host_that_has_died() -> None:
    """It reads on only while a host fails and nobody waits yet, and no further than to the first who does."""
    targets = [*targets_of(DEAD[:1], 8), *targets_of(GOOD[:1], 8), *targets_of(GOOD[1:2], 8)]
    waiting, health, read = admission(targets, 4)
    for _ in range(3):
        assert waiting.take() is not None
    dead = health[DEAD[0]]
    dead.note_response()
    assert waiting.take() is not None
    waiting.look_ahead()
    assert read.total() == 4
    for second in range(3):
        dead.note_failure(10.0 * second)
    assert not dead.retries_are_vain()
    for _ in range(2):
        waiting.look_ahead()
        assert read == {DEAD[0]: 8, GOOD[0]: 1}
    assert dead.retries_are_vain()

"""Hosts that do not answer: they keep a share of the slots, and the targets of the other hosts go on."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

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
from detective_async.fleet import fleet as fleet_module
from detective_async.fleet.admission import LOOK_AHEAD, Admission
from detective_async.retry.host_health import HostHealth, ServiceHealth
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
    ("targets", "concurrency"),
    [
        (targets_of([GOOD[0], DEAD[0], GOOD[1], GOOD[2], DEAD[1], GOOD[3]], 10), 6),
        (targets_of((*GOOD, *DEAD), 40), 64),
        (targets_of((DEAD[0], *GOOD), 10, by_region=True), 6),
        # Blocks of dead hosts leave slots to the hosts of further blocks.
        (targets_of((*DEAD, *GOOD), 10, by_region=True), 6),
        (targets_of((*DEAD, *GOOD), 40, by_region=True), 64),
        (targets_of((*DEAD, "ap-south-1", "us-west-1", *GOOD), 20, by_region=True), 64),
    ],
    ids=["mixed", "many", "one first", "first", "many first", "four first"],
)
@in_virtual_time
async def test_targets_of_other_hosts_do_not_wait(targets: list[Target], concurrency: int) -> None:
    """They are done before the dead hosts have failed for the first time; the dead ones are all tried, and fail."""
    async with counting_server(lambda request: not held(GOOD)(request)) as server:
        outcomes = await run_all(server, targets, concurrency)
    good = [(when, one) for when, one in outcomes if one.target.region in GOOD]
    assert all(one.ok for _, one in good)
    assert max(when for when, _ in good) < 0.5
    assert sorted((one.target for _, one in outcomes), key=str) == sorted(targets, key=str)
    tried = Counter((account, region) for _, account, region in server.asked)
    for _, one in outcomes:
        if one.target.region not in GOOD:
            assert isinstance(one.error, AttemptTimeout)
            assert one.error.attempts == tried[one.target.account_id, one.target.region] >= 1
    assert len({attempts for place, attempts in tried.items() if place[1] not in GOOD}) > 1


@pytest.mark.parametrize(("concurrency", "seconds"), [(6, 60), (64, 50)])
@in_virtual_time
async def test_a_run_in_which_all_hosts_are_dead_ends(concurrency: int, seconds: float) -> None:
    """Three calls are patient; after that, each target gets one attempt: with eight each, it would take minutes."""
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


@pytest.mark.parametrize(
    ("down", "attempts"),
    # Where the other host responds, nobody waits for more than three attempts.
    [(DEAD[:1], 8), ((*DEAD, GOOD[0]), 8), (DEAD, 3)],
    ids=["the only host", "all hosts", "one of several"],
)
@in_virtual_time
async def test_an_outage_from_the_start(down: Sequence[str], attempts: int) -> None:
    """With nobody to make way for, it is waited for as the patient policy promises."""
    regions = (*down, GOOD[0]) if attempts == 3 else down
    loop = asyncio.get_running_loop()
    async with counting_server(held(down)) as server:
        loop.call_later(8.0, server.release)
        outcomes = await run_all(server, targets_of(regions, 12), 64)
    late = [one for _, one in outcomes if one.target.region in down]
    if attempts == 3:
        assert {getattr(one.error, "attempts", None) for one in late} == {3}
    else:
        assert all(one.ok for one in late)
    assert len(outcomes) == 12 * len(regions)


@pytest.mark.parametrize("lazily", [False, True])
@in_virtual_time
async def test_more_targets_than_are_read_ahead(lazily: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list is read to its end; an iterator up to another bound, where slots stay free for targets that come later."""
    monkeypatch.setattr(admission_module, "LOOK_AHEAD", 8)
    monkeypatch.setattr(fleet_module, "LONG_LOOK_AHEAD", 16)
    async with counting_server(held(DEAD)) as server:
        targets = targets_of((DEAD[0], GOOD[0]), 40, by_region=True)
        outcomes = await run_all(server, iter(targets) if lazily else targets, 4, RetryPolicy(max_attempts=1))
    good = [when for when, one in outcomes if one.ok]
    assert len(good) == 40
    assert len(outcomes) == 80
    assert (max(good) < 1.5) is not lazily


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
    assert outcomes[-1][0] < 60


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
    service, health = ServiceHealth(), dict[str, HostHealth]()
    read: Counter[str] = Counter()

    def counted() -> Iterator[Target]:
        for target in targets:
            read[target.region] += 1
            yield target

    return (
        Admission(counted(), slots, LOOK_AHEAD, lambda region: health.setdefault(region, HostHealth(service)), int),
        health,
        read,
    )


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
    assert read.total() <= LOOK_AHEAD + 17


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


def gives_up(health: HostHealth) -> int:
    """Return how many of a host's calls are not retried, if all of them fail now."""
    count = 0
    while health.make_way():
        count += 1
    return count


def test_calls_make_way_only_if_others_wait() -> None:
    """One call makes way for an unknown host, and all but a quarter of the slots for one that responds."""
    waiting, health, _ = admission(targets_of((DEAD[0], GOOD[0]), 12, by_region=True), 6)
    first = waiting.take()
    assert first is not None
    dead = health[DEAD[0]]
    dead.note_response()
    assert [waiting.take() is not None for _ in range(5)] == [True] * 5
    for second in range(3):
        dead.note_failure(10.0 * second)
    # Nobody waits, as far as is known.
    assert gives_up(dead) == 0
    waiting.look_ahead()
    assert gives_up(dead) == 1
    waiting.ended(first)
    target = waiting.take()
    assert target is not None
    assert target.region == GOOD[0]
    assert gives_up(dead) == 0
    health[GOOD[0]].note_response()
    assert gives_up(dead) == 4
    # Only failing hosts wait.
    health[GOOD[0]].note_failure(0.0)
    waiting.ended(first)
    assert gives_up(dead) == 0
    waiting.close()
    assert not dead.watchers


def test_dead_hosts_make_way_together() -> None:
    """All of them keep a quarter of the slots while others wait."""
    dead = ("ap-south-1", "us-west-1", *DEAD)
    waiting, health, _ = admission(targets_of((*dead, GOOD[0]), 20), 20)
    assert [waiting.take() is not None for _ in range(20)] == [True] * 20
    health[GOOD[0]].note_response()
    for region in dead:
        health[region].note_failure(0.0)
    waiting.look_ahead()
    assert [gives_up(health[region]) for region in dead] == [4, 4, 3, 0]


def test_dead_hosts_are_tried_in_turn() -> None:
    """Each may have one target in progress, and all of them a quarter of the slots, while others can use them."""
    dead = ("ap-south-1", "us-west-1", *DEAD)
    waiting, health, _ = admission(targets_of((*dead, GOOD[0]), 20), 8)
    first = [target for target in (waiting.take() for _ in range(5)) if target is not None]
    health[GOOD[0]].note_response()
    for region in dead:
        health[region].note_failure(0.0)
    for target in first:
        waiting.ended(target)
    started = [target.region for target in (waiting.take() for _ in range(8)) if target is not None]
    assert started == [*dead[:2], *(GOOD[0],) * 6]


def test_the_first_failure_of_a_host_finds_those_who_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, because its other calls fail at the same moment."""
    monkeypatch.setattr(admission_module, "LOOK_AHEAD", 8)
    waiting, health, read = admission(targets_of((DEAD[0], GOOD[0]), 20, by_region=True), 6)
    assert [waiting.take() is not None for _ in range(6)] == [True] * 6
    assert read == {DEAD[0]: 13}
    for _ in range(3):
        health[DEAD[0]].note_failure(0.0)
    assert gives_up(health[DEAD[0]]) == 1


def test_targets_of_a_host_whose_first_response_is_awaited_are_not_read() -> None:
    """They would only wait aside, more of them whenever something changes."""
    targets = [*targets_of((DEAD[0], GOOD[0]), 4), *targets_of((GOOD[1],), 50)]
    waiting, health, read = admission(targets, 8)
    assert [waiting.take() is not None for _ in range(8)] == [True] * 8
    health[GOOD[0]].note_response()
    health[DEAD[0]].note_failure(0.0)
    found = read[GOOD[1]]
    assert 0 < found < 10
    for _ in range(20):
        waiting.look_ahead()
    assert read[GOOD[1]] == found


def test_failures_before_the_first_response_are_not_held_against_the_others() -> None:
    """An outage of all hosts may just be over."""
    waiting, health, _ = admission(targets_of((*GOOD, *DEAD), 20), 6)
    assert [waiting.take() is not None for _ in range(6)] == [True] * 6
    for region in (*GOOD, *DEAD):
        health[region].note_failure(0.0)
    health[GOOD[0]].note_response()
    waiting.look_ahead()
    assert gives_up(health[GOOD[1]]) == 0
    for region in (*GOOD[1:], *DEAD):
        health[region].note_failure(1.0)
    assert gives_up(health[GOOD[1]]) == 1


def test_a_run_looks_ahead_for_who_waits_for_a_host_that_has_died() -> None:
    """It reads on only while a host fails, and not much further than to those who can use its slots."""
    regions = (*DEAD[:1], *GOOD)
    targets = [target for region in regions for target in targets_of([region], 8)]
    waiting, health, read = admission(targets, 4)
    assert waiting.take() is not None
    dead = health[DEAD[0]]
    dead.note_response()
    assert [waiting.take() is not None for _ in range(3)] == [True] * 3
    waiting.look_ahead()
    assert read.total() == 4
    for second in range(3):
        dead.note_failure(10.0 * second)
    for _ in range(2):
        waiting.look_ahead()
        # As long as none responds, one of each host can use a slot.
        assert read == {**dict.fromkeys(regions[:4], 8), GOOD[3]: 1}
    assert gives_up(dead) == 3

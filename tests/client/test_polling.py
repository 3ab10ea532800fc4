"""Waiters: pauses, deadlines, failures during the wait, and cancellation."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from attrs import evolve
from support.fakes import FakeTime
from support.virtual_time import in_virtual_time
from support.waits import (
    ADMINISTRATOR,
    ARN,
    IDS,
    NEVER,
    ScriptedTime,
    ScriptedWaiters,
    hang,
    invite,
    invited,
    requested_ids,
)

from detective_async import (
    AccessDeniedException,
    Clock,
    ConnectionLost,
    DecodeError,
    DetectiveClient,
    InternalServerException,
    MemberDetail,
    MemberStatus,
    ResourceNotFoundException,
)
from detective_async.client.polling import Wait
from detective_async.errors import WaiterTimeout
from detective_async.testing import DetectiveSimulator, Drop, Failure, Fault, Garbage, Latency

#: How long a wait may exceed its deadline, in virtual seconds.
LATE = 0.05
DENIED = Failure(403, "AccessDeniedException", "no")


@pytest.mark.parametrize(
    ("random", "pauses"),
    [
        (
            0.0,
            [0.25, 0.375, 0.5625, 0.84375, 1.265625, 1.8984375, 2.84765625, 4.271484375, 6.4072265625, 9.61083984375],
        ),
        (0.5, [0.21875, 0.328125, 0.4921875, 0.73828125, 1.107421875, 1.6611328125, 2.49169921875]),
    ],
)
async def test_the_pauses_grow(
    waiter: DetectiveClient, slow_graph: str, scripted_time: ScriptedTime, random: float, pauses: list[float]
) -> None:
    """By half each time, up to 15 s, less a random part of up to a quarter."""
    scripted_time.random = random
    with pytest.raises(WaiterTimeout):
        await waiter.wait_for_members(slow_graph, IDS[:1], timeout=100, appear_within=100)
    assert scripted_time.slept[: len(pauses)] == pauses
    longest = 15 * (1 - 0.25 * random)
    assert scripted_time.slept[10:-1] == [
        pytest.approx(14.41625976 * (1 - 0.25 * random)),
        *[longest] * len(scripted_time.slept[11:-1]),
    ]
    assert len(scripted_time.slept[11:-1]) >= 2


async def test_the_last_poll_is_at_the_deadline(
    waiter: DetectiveClient, sim: DetectiveSimulator, slow_graph: str, scripted_time: ScriptedTime
) -> None:
    """Members that have settled until then are found."""
    await invite(waiter, slow_graph, IDS[:1])
    scripted_time.actions[4] = lambda: sim.advance(NEVER)
    begun = scripted_time.now
    (member,) = await waiter.wait_for_members(slow_graph, IDS[:1], timeout=1.5)
    assert member.status == MemberStatus.INVITED
    assert scripted_time.now == begun + 1.5
    assert scripted_time.slept == [0.25, 0.375, 0.5625, 0.3125]


async def test_no_poll_after_the_deadline(
    waiter: DetectiveClient, sim: DetectiveSimulator, slow_graph: str, scripted_time: ScriptedTime
) -> None:
    """Neither after the last poll nor after a poll that took longer than the rest of the time."""
    with pytest.raises(WaiterTimeout):
        await waiter.wait_for_members(slow_graph, IDS[:1], timeout=1)
    assert sum(scripted_time.slept) == 1
    assert len(requested_ids(sim)) == 4

    def take_time(_: object) -> None:
        scripted_time.now += 2

    scripted_time.slept.clear()
    await invite(waiter, slow_graph, IDS[:2])
    await sim.advance(NEVER)
    with pytest.raises(WaiterTimeout) as caught:
        await waiter.wait_for_members(slow_graph, IDS[1:3], timeout=1, on_settled=take_time)
    assert caught.value.pending == [IDS[2]]
    assert scripted_time.slept == []


@pytest.mark.parametrize("effect", [Failure(), Drop("before"), Failure(429, "TooManyRequestsException")])
async def test_a_transient_failure_does_not_end_the_wait(
    waiter: DetectiveClient,
    sim: DetectiveSimulator,
    slow_graph: str,
    scripted_time: ScriptedTime,
    effect: Failure | Drop,
) -> None:
    """Only the chunk that failed is requested again."""
    await invite(waiter, slow_graph, IDS[:60])
    await sim.advance(NEVER)
    sim.inject(Fault(effect, operation="GetMembers"))
    members = await waiter.wait_for_members(slow_graph, IDS[:60], timeout=60)
    assert [member.account_id for member in members] == IDS[:60]
    assert scripted_time.slept == [0.25]
    assert len(requested_ids(sim)) == 3


@pytest.mark.parametrize(
    ("effect", "kind"), [(Failure(), InternalServerException), (Drop("before"), ConnectionLost)], ids=["500", "dropped"]
)
async def test_transient_failures_until_the_deadline(
    waiter: DetectiveClient, sim: DetectiveSimulator, slow_graph: str, effect: Failure | Drop, kind: type[Exception]
) -> None:
    """The last failure is the cause of the WaiterTimeout."""
    sim.inject(Fault(effect, operation="GetMembers", count=None))
    with pytest.raises(WaiterTimeout, match="was never seen") as caught:
        await waiter.wait_for_members(slow_graph, IDS[:1], timeout=5)
    assert isinstance(caught.value.__cause__, kind)


async def test_an_earlier_failure_is_not_the_cause_of_a_timeout(
    waiter: DetectiveClient, sim: DetectiveSimulator, slow_graph: str
) -> None:
    """The WaiterTimeout has no cause if the last poll succeeded."""
    sim.inject(Fault(Failure(), operation="GetMembers", count=2))
    with pytest.raises(WaiterTimeout) as caught:
        await waiter.wait_for_members(slow_graph, IDS[:1], timeout=5)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("effect", "kind"),
    [
        (DENIED, AccessDeniedException),
        (Garbage(), DecodeError),
    ],
    ids=["denied", "garbage"],
)
async def test_a_final_failure_is_raised_at_once(
    waiter: DetectiveClient,
    sim: DetectiveSimulator,
    slow_graph: str,
    scripted_time: ScriptedTime,
    *,
    effect: Failure | Garbage,
    kind: type[Exception],
) -> None:
    """It is raised unwrapped, without another poll."""
    sim.inject(Fault(effect, operation="GetMembers"))
    with pytest.raises(kind):
        await waiter.wait_for_members(slow_graph, IDS[:60], timeout=60)
    assert scripted_time.slept == []


async def test_a_graph_that_does_not_exist(
    waiter: DetectiveClient, sim: DetectiveSimulator, scripted_time: ScriptedTime
) -> None:
    """It may be new, and is waited for; then the error is raised."""
    with pytest.raises(ResourceNotFoundException):
        await waiter.wait_for_members(ARN, IDS[:60], timeout=60, appear_within=5)
    assert 5 < sum(scripted_time.slept) < 10
    assert len(sim.requests) > 4


async def test_a_new_graph_that_is_not_seen_yet(
    waiter: DetectiveClient, sim: DetectiveSimulator, scripted_time: ScriptedTime
) -> None:
    """Where answers lag behind, the wait for the first members of a new graph does not fail."""
    sim.set_read_lag(3)
    graph_arn = str((await waiter.create_graph()).graph_arn)
    await invite(waiter, graph_arn, IDS[:2])
    scripted_time.actions[4] = lambda: sim.advance(60)
    members = await waiter.wait_for_members(graph_arn, IDS[:2], timeout=60)
    assert [member.status for member in members] == ["INVITED"] * 2
    assert len(scripted_time.slept) == 4


async def test_a_final_failure_cancels_the_other_chunks(scripted_time: ScriptedTime) -> None:
    """No request is left running."""

    async def respond(ids: list[str]) -> list[MemberDetail]:
        if ids == IDS[50:100]:
            raise AccessDeniedException("AccessDeniedException")
        return await hang(ids)

    waiters = ScriptedWaiters(scripted_time, respond)
    with pytest.raises(AccessDeniedException):
        await waiters.wait_for_members(ARN, IDS, timeout=3600)
    assert waiters.running == 0


async def test_a_transient_failure_does_not_cancel_the_other_chunks(scripted_time: ScriptedTime) -> None:
    """Only the chunk that failed is requested again."""

    async def respond(ids: list[str]) -> list[MemberDetail]:
        if ids == IDS[:50] and not scripted_time.slept:
            raise InternalServerException("InternalServerException", retryable=True)
        for _ in range(10):
            await asyncio.sleep(0)
        return invited(*ids)

    waiters = ScriptedWaiters(scripted_time, respond)
    assert await waiters.wait_for_members(ARN, IDS, timeout=60) == invited(*IDS)
    assert waiters.requested_ids == [IDS[:50], IDS[50:100], IDS[100:], IDS[:50]]


async def test_a_poll_that_is_cut_off_is_the_last(scripted_time: ScriptedTime) -> None:
    """Even if a coarse clock says that there is time left."""
    waiters = ScriptedWaiters(scripted_time, hang)
    with pytest.raises(WaiterTimeout):
        await waiters.wait_for_members(ARN, IDS[:1], timeout=0.01)
    assert (len(waiters.requested_ids), scripted_time.slept) == (1, [])


async def test_a_sleep_that_ends_early(scripted_time: ScriptedTime) -> None:
    """The poll after the last pause is the last one, even if it is slightly before the deadline."""

    async def respond(_: list[str]) -> list[MemberDetail]:
        if len(scripted_time.slept) == 2:
            scripted_time.now -= 0.01
        return []

    waiters = ScriptedWaiters(scripted_time, respond)
    with pytest.raises(WaiterTimeout):
        await waiters.wait_for_members(ARN, IDS[:1], timeout=0.5)
    assert (len(waiters.requested_ids), len(scripted_time.slept)) == (3, 2)


async def test_cancelling_a_poll(scripted_time: ScriptedTime) -> None:
    """All its requests are cancelled."""
    waiters = ScriptedWaiters(scripted_time, hang)
    waiting = asyncio.create_task(waiters.wait_for_members(ARN, IDS, timeout=3600))
    while waiters.running < 3:  # noqa: ASYNC110 - it takes one pass of the event loop
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert waiters.running == 0


async def test_cancelling_a_pause(
    waiter: DetectiveClient, sim: DetectiveSimulator, slow_graph: str, scripted_time: ScriptedTime
) -> None:
    """No further request is sent."""
    pausing = asyncio.Event()

    async def pause() -> None:
        pausing.set()
        await asyncio.Event().wait()

    scripted_time.actions[2] = pause
    waiting = asyncio.create_task(waiter.wait_for_members(slow_graph, IDS[:1], timeout=60))
    await pausing.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert len(requested_ids(sim)) == 2


@asynccontextmanager
async def in_loop_time() -> AsyncIterator[tuple[DetectiveSimulator, DetectiveClient, str]]:
    """Open a client with the event loop's clock, and create a graph."""
    clock = Clock(monotonic=asyncio.get_running_loop().time, random=lambda: 0.0)
    async with (
        DetectiveSimulator() as sim,
        DetectiveClient(
            region="eu-west-1", credentials=sim.account(ADMINISTRATOR), endpoint_url=sim.url, clock=clock
        ) as client,
    ):
        yield sim, client, str((await client.create_graph()).graph_arn)


@in_virtual_time
async def test_the_deadline_bounds_the_calls() -> None:
    """A request that hangs does not extend the wait; the error has the states of the other chunk."""
    async with in_loop_time() as (sim, client, graph_arn):
        await invite(client, graph_arn, IDS[:60])
        sim.inject(Fault(Latency(3600), operation="GetMembers"))
        begun = client._transport.clock.monotonic()
        with pytest.raises(WaiterTimeout) as caught:
            await client.wait_for_members(graph_arn, IDS[:60], timeout=20)
        assert client._transport.clock.monotonic() - begun == pytest.approx(20, abs=LATE)
        assert caught.value.pending in (IDS[:50], IDS[50:60])
        assert caught.value.__cause__ is None


@pytest.mark.parametrize(("timeout", "grace"), [(0.2, 0.2), (0.5, 0.5), (20, 1)])
@in_virtual_time
async def test_the_last_poll_has_a_limit(timeout: float, grace: float) -> None:
    """It may take a second beyond the deadline, or the timeout if that is less."""
    async with in_loop_time() as (sim, client, graph_arn):
        clock = client._transport.clock
        begun = clock.monotonic()

        async def hang_at_the_end(seconds: float) -> None:
            await asyncio.sleep(seconds)
            if clock.monotonic() >= begun + timeout:
                sim.inject(Fault(Latency(3600), operation="GetMembers"))

        client._transport = evolve(client._transport, clock=evolve(clock, sleep=hang_at_the_end))
        with pytest.raises(WaiterTimeout):
            await client.wait_for_members(graph_arn, IDS[:1], timeout=timeout, appear_within=timeout)
        assert clock.monotonic() - begun == pytest.approx(timeout + grace, abs=LATE)


async def test_a_wait_for_a_job(fake_time: FakeTime) -> None:
    """Its pauses shrink towards the deadline, begin anew after progress, and a part of it has pauses of its own."""
    fake_time.random = 0.0
    wait = Wait(fake_time.clock(), 100, shrinks=True)
    pauses: list[float] = []
    while await wait.pause():
        pauses.append(fake_time.slept[-1])
    assert sum(pauses) == pytest.approx(100)
    longest = pauses.index(max(pauses))
    assert all(pauses[index + 1] <= pauses[index] for index in range(longest, len(pauses) - 1))
    # What comes true just before the deadline is seen.
    assert pauses[-1] == pytest.approx(0.25, abs=0.25)
    assert sum(pauses[-4:]) < 2
    assert not await wait.pause()

    wait = Wait(fake_time.clock(), 100)
    for _ in range(5):
        await wait.pause()
    part, short = wait.part(), wait.part(0.5)
    assert part.deadline == wait.deadline
    assert short.remaining == pytest.approx(wait.remaining / 2)
    wait.restart()
    for one in (wait, part, short):
        await one.pause()
        assert fake_time.slept[-1] == 0.25
    await wait.pause(longest=0.1)
    assert fake_time.slept[-1] == 0.1


async def test_a_wait_that_is_woken(fake_time: FakeTime) -> None:
    """It ends when it is woken, in any case after the pause, and goes on after that."""
    wait, wake = Wait(fake_time.clock(), 0.2), asyncio.Event()
    assert await wait.pause(wake)
    asyncio.get_running_loop().call_soon(wake.set)
    wait = Wait(fake_time.clock(), 0.2)
    assert await wait.pause(wake)
    # It was the last pause, but for having been woken.
    assert await wait.pause()
    assert not await wait.pause()
    assert fake_time.slept == [pytest.approx(0.2)]

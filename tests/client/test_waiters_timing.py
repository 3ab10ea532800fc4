"""Pauses, deadlines, failures on the way, and cancelling."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from attrs import evolve
from support.virtual_time import in_virtual_time
from support.waits import ADMINISTRATOR, ARN, IDS, NEVER, Scripted, Story, asked, hang, invite, invited

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
from detective_async.errors import WaiterTimeout
from detective_async.testing import DetectiveSimulator, Drop, Failure, Fault, Garbage, Latency

#: The most that a wait may last beyond its deadline, in virtual seconds.
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
    waiter: DetectiveClient, slow_graph: str, story: Story, random: float, pauses: list[float]
) -> None:
    """By half each time and to 15 s at most, less up to a quarter by chance."""
    story.random = random
    with pytest.raises(WaiterTimeout):
        await waiter.wait_for_members(slow_graph, IDS[:1], timeout=100)
    assert story.slept[: len(pauses)] == pauses
    longest = 15 * (1 - 0.25 * random)
    assert story.slept[10:-1] == [
        pytest.approx(14.41625976 * (1 - 0.25 * random)),
        *[longest] * len(story.slept[11:-1]),
    ]
    assert len(story.slept[11:-1]) >= 2


async def test_the_last_look_is_at_the_deadline(
    waiter: DetectiveClient, sim: DetectiveSimulator, slow_graph: str, story: Story
) -> None:
    """The last pause ends there, and what has settled until then counts."""
    await invite(waiter, slow_graph, IDS[:1])
    story.chapters[4] = lambda: sim.advance(NEVER)
    begun = story.now
    (member,) = await waiter.wait_for_members(slow_graph, IDS[:1], timeout=1.5)
    assert member.status == MemberStatus.INVITED
    assert story.now == begun + 1.5
    assert story.slept == [0.25, 0.375, 0.5625, 0.3125]


async def test_no_look_comes_after_the_deadline(
    waiter: DetectiveClient, sim: DetectiveSimulator, slow_graph: str, story: Story
) -> None:
    """Where the last look finds it pending, the wait is over; where a look itself takes the time, too."""
    with pytest.raises(WaiterTimeout):
        await waiter.wait_for_members(slow_graph, IDS[:1], timeout=1)
    assert sum(story.slept) == 1
    assert len(asked(sim)) == 4

    def take_time(_: object) -> None:
        story.now += 2

    story.slept.clear()
    await invite(waiter, slow_graph, IDS[:2])
    await sim.advance(NEVER)
    with pytest.raises(WaiterTimeout) as caught:
        await waiter.wait_for_members(slow_graph, IDS[1:3], timeout=1, on_settled=take_time)
    assert caught.value.pending == [IDS[2]]
    assert story.slept == []


@pytest.mark.parametrize("effect", [Failure(), Drop("before"), Failure(429, "TooManyRequestsException")])
async def test_a_failure_that_may_pass(
    waiter: DetectiveClient, sim: DetectiveSimulator, slow_graph: str, story: Story, effect: Failure | Drop
) -> None:
    """The wait goes on, and the other chunk's news are not lost."""
    await invite(waiter, slow_graph, IDS[:60])
    await sim.advance(NEVER)
    sim.inject(Fault(effect, operation="GetMembers"))
    members = await waiter.wait_for_members(slow_graph, IDS[:60], timeout=60)
    assert [member.account_id for member in members] == IDS[:60]
    assert story.slept == [0.25]
    assert len(asked(sim)) == 3


@pytest.mark.parametrize(
    ("effect", "kind"), [(Failure(), InternalServerException), (Drop("before"), ConnectionLost)], ids=["500", "dropped"]
)
async def test_failures_until_the_deadline(
    waiter: DetectiveClient, sim: DetectiveSimulator, slow_graph: str, effect: Failure | Drop, kind: type[Exception]
) -> None:
    """The last one is the cause of the timeout."""
    sim.inject(Fault(effect, operation="GetMembers", count=None))
    with pytest.raises(WaiterTimeout, match="was never seen") as caught:
        await waiter.wait_for_members(slow_graph, IDS[:1], timeout=5)
    assert isinstance(caught.value.__cause__, kind)


async def test_a_failure_that_passed(waiter: DetectiveClient, sim: DetectiveSimulator, slow_graph: str) -> None:
    """It is not the cause of a timeout whose last look succeeded."""
    sim.inject(Fault(Failure(), operation="GetMembers", count=2))
    with pytest.raises(WaiterTimeout) as caught:
        await waiter.wait_for_members(slow_graph, IDS[:1], timeout=5)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("effect", "kind"),
    [
        (DENIED, AccessDeniedException),
        (Garbage(), DecodeError),
        (Failure(404, "ResourceNotFoundException"), ResourceNotFoundException),
    ],
    ids=["denied", "garbage", "not found"],
)
async def test_a_failure_that_will_not_pass(
    waiter: DetectiveClient,
    sim: DetectiveSimulator,
    slow_graph: str,
    story: Story,
    *,
    effect: Failure | Garbage,
    kind: type[Exception],
) -> None:
    """It is raised at once and as it is."""
    sim.inject(Fault(effect, operation="GetMembers"))
    with pytest.raises(kind):
        await waiter.wait_for_members(slow_graph, IDS[:60], timeout=60)
    assert story.slept == []


async def test_a_failure_that_will_not_pass_while_another_chunk_hangs(story: Story) -> None:
    """It does not wait for that one, and leaves nothing under way."""

    async def answer(ids: list[str]) -> list[MemberDetail]:
        if ids == IDS[50:100]:
            raise AccessDeniedException("AccessDeniedException")
        return await hang(ids)

    waiters = Scripted(story, answer)
    with pytest.raises(AccessDeniedException):
        await waiters.wait_for_members(ARN, IDS, timeout=3600)
    assert waiters.under_way == 0


async def test_a_failure_that_may_pass_while_another_chunk_is_under_way(story: Story) -> None:
    """That one goes on, and need not be asked for again."""

    async def answer(ids: list[str]) -> list[MemberDetail]:
        if ids == IDS[:50] and not story.slept:
            raise InternalServerException("InternalServerException", retryable=True)
        for _ in range(10):
            await asyncio.sleep(0)
        return invited(*ids)

    waiters = Scripted(story, answer)
    assert await waiters.wait_for_members(ARN, IDS, timeout=60) == invited(*IDS)
    assert waiters.asked == [IDS[:50], IDS[50:100], IDS[100:], IDS[:50]]


async def test_a_look_that_is_cut_short_is_the_last(story: Story) -> None:
    """Also where the clock says that there is time left, as one may that is coarser than the timer."""
    waiters = Scripted(story, hang)
    with pytest.raises(WaiterTimeout):
        await waiters.wait_for_members(ARN, IDS[:1], timeout=0.01)
    assert (len(waiters.asked), story.slept) == (1, [])


async def test_a_sleep_that_ends_early(story: Story) -> None:
    """The look after the last pause is the last one, even if it is not quite at the deadline."""

    async def answer(_: list[str]) -> list[MemberDetail]:
        if len(story.slept) == 2:
            story.now -= 0.01
        return []

    waiters = Scripted(story, answer)
    with pytest.raises(WaiterTimeout):
        await waiters.wait_for_members(ARN, IDS[:1], timeout=0.5)
    assert (len(waiters.asked), len(story.slept)) == (3, 2)


async def test_cancelling_a_look(story: Story) -> None:
    """It ends at once, and its calls with it."""
    waiters = Scripted(story, hang)
    waiting = asyncio.create_task(waiters.wait_for_members(ARN, IDS, timeout=3600))
    while waiters.under_way < 3:  # noqa: ASYNC110 - it is a matter of one pass
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert waiters.under_way == 0


async def test_cancelling_a_pause(
    waiter: DetectiveClient, sim: DetectiveSimulator, slow_graph: str, story: Story
) -> None:
    """It ends at once, and nothing is asked for any more."""
    pausing = asyncio.Event()

    async def pause() -> None:
        pausing.set()
        await asyncio.Event().wait()

    story.chapters[2] = pause
    waiting = asyncio.create_task(waiter.wait_for_members(slow_graph, IDS[:1], timeout=60))
    await pausing.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert len(asked(sim)) == 2


@asynccontextmanager
async def in_loop_time() -> AsyncIterator[tuple[DetectiveSimulator, DetectiveClient, str]]:
    """Give a client that waits by the event loop's own clock, and a graph that it has."""
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
    """A service that hangs does not make the wait longer; what was seen before is told."""
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
async def test_the_last_look_is_bounded_too(timeout: float, grace: float) -> None:
    """It has a second beyond the deadline, or the timeout where that is less."""
    async with in_loop_time() as (sim, client, graph_arn):
        clock = client._transport.clock
        begun = clock.monotonic()

        async def hang_at_the_end(seconds: float) -> None:
            await asyncio.sleep(seconds)
            if clock.monotonic() >= begun + timeout:
                sim.inject(Fault(Latency(3600), operation="GetMembers"))

        client._transport = evolve(client._transport, clock=evolve(clock, sleep=hang_at_the_end))
        with pytest.raises(WaiterTimeout):
            await client.wait_for_members(graph_arn, IDS[:1], timeout=timeout)
        assert clock.monotonic() - begun == pytest.approx(timeout + grace, abs=LATE)

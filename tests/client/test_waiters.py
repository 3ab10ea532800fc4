"""Waiting for members: what is asked for, what ends a wait, and who is told."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from support.waits import ARN, IDS, NEVER, Scripted, Story, asked, invite, invited

from detective_async import (
    Account,
    DetectiveClient,
    MemberDetail,
    MemberStatus,
    ParameterError,
)
from detective_async.errors import WaiterTimeout
from detective_async.testing import DetectiveSimulator, Fault, Latency


async def test_members_that_have_settled(waiter: DetectiveClient, sim: DetectiveSimulator, story: Story) -> None:
    """One look is enough, one request for each 50, no pause; the members come in the order asked."""
    graph_arn = str((await waiter.create_graph()).graph_arn)
    await invite(waiter, graph_arn, IDS)
    members = await waiter.wait_for_members(graph_arn, IDS, timeout=60)
    assert [member.account_id for member in members] == IDS
    assert {member.status for member in members} == {MemberStatus.INVITED}
    assert sorted(len(ids) for ids in asked(sim)) == [20, 50, 50]
    assert story.slept == []


async def test_only_those_that_have_not_settled_are_asked_for(
    waiter: DetectiveClient, sim: DetectiveSimulator, slow_graph: str, story: Story
) -> None:
    """Once 100 of 120 have settled, one request is enough for the others."""
    late = [one for index, one in enumerate(IDS) if index % 6 == 0]
    await invite(waiter, slow_graph, [one for one in IDS if one not in late])
    await sim.advance(NEVER)
    await invite(waiter, slow_graph, late)
    story.chapters[2] = lambda: sim.advance(NEVER)
    members = await waiter.wait_for_members(slow_graph, (one for one in IDS), timeout=60)
    assert [member.account_id for member in members] == IDS
    assert [len(ids) for ids in asked(sim)[3:]] == [20, 20]
    assert asked(sim)[3:] == [late, late]
    assert story.slept == [0.25, 0.375]


async def enabled(client: DetectiveClient, sim: DetectiveSimulator, graph_arn: str) -> None:
    await sim.advance(NEVER)
    await client.with_options(credentials=sim.account(IDS[0])).accept_invitation(graph_arn)


async def disabled(client: DetectiveClient, sim: DetectiveSimulator, graph_arn: str) -> None:
    sim.set_volume(IDS[0], "VOLUME_TOO_HIGH")
    await enabled(client, sim, graph_arn)


async def verified(_client: DetectiveClient, sim: DetectiveSimulator, _graph_arn: str) -> None:
    await sim.advance(NEVER)


async def failed(client: DetectiveClient, sim: DetectiveSimulator, graph_arn: str) -> None:
    sim.account(IDS[0], "the-one-it-has@example.com")
    await client.delete_members(graph_arn, IDS[:1])
    await invite(client, graph_arn, IDS[:1])
    await sim.advance(NEVER)


@pytest.mark.parametrize(
    ("happen", "status"),
    [
        (verified, MemberStatus.INVITED),
        (enabled, MemberStatus.ENABLED),
        (disabled, MemberStatus.ACCEPTED_BUT_DISABLED),
        (failed, MemberStatus.VERIFICATION_FAILED),
    ],
)
async def test_each_final_status_ends_a_wait(
    waiter: DetectiveClient,
    sim: DetectiveSimulator,
    slow_graph: str,
    story: Story,
    *,
    happen: Callable[[DetectiveClient, DetectiveSimulator, str], Awaitable[None]],
    status: MemberStatus,
) -> None:
    """Whichever it is, the wait goes on before it and ends with it."""
    await invite(waiter, slow_graph, IDS[:1])
    story.chapters[3] = lambda: happen(waiter, sim, slow_graph)
    (member,) = await waiter.wait_for_members(slow_graph, IDS[:1], timeout=60)
    assert member.status is status
    assert len(story.slept) == 3


@pytest.mark.parametrize("until", [[MemberStatus.ENABLED], {"ENABLED"}, ("ENABLED", MemberStatus("TOMORROW"))])
async def test_until_another_status(
    waiter: DetectiveClient, sim: DetectiveSimulator, slow_graph: str, story: Story, until: list[str]
) -> None:
    """INVITED does not end a wait for ENABLED."""
    await invite(waiter, slow_graph, IDS[:1])
    await sim.advance(NEVER)
    story.chapters[4] = lambda: enabled(waiter, sim, slow_graph)
    (member,) = await waiter.wait_for_members(slow_graph, IDS[:1], timeout=60, until=until)
    assert member.status is MemberStatus.ENABLED
    assert len(story.slept) == 4


async def test_a_verification_that_failed_always_ends_the_wait(
    waiter: DetectiveClient, sim: DetectiveSimulator, slow_graph: str, story: Story
) -> None:
    """Nothing will come of it, whatever is waited for."""
    await failed(waiter, sim, slow_graph)
    (member,) = await waiter.wait_for_members(slow_graph, IDS[:1], timeout=60, until=["ENABLED"])
    assert member.status is MemberStatus.VERIFICATION_FAILED
    assert story.slept == []


async def test_a_member_that_is_not_there_yet(waiter: DetectiveClient, slow_graph: str, story: Story) -> None:
    """It is waited for."""

    async def organize() -> None:
        await waiter.create_members(slow_graph, [Account(IDS[0], f"account-{IDS[0]}@example.com")])

    story.chapters[2] = organize
    until = [MemberStatus.VERIFICATION_IN_PROGRESS]
    (member,) = await waiter.wait_for_members(slow_graph, IDS[:1], timeout=60, until=until)
    assert member.account_id == IDS[0]
    assert len(story.slept) == 2


async def test_a_member_that_is_gone_again(waiter: DetectiveClient, slow_graph: str, story: Story) -> None:
    """It has not settled, and is remembered as it was last seen."""
    await invite(waiter, slow_graph, IDS[:1])
    story.chapters[2] = lambda: waiter.delete_members(slow_graph, IDS[:1])
    with pytest.raises(WaiterTimeout, match=f"{IDS[0]} VERIFICATION_IN_PROGRESS$") as caught:
        await waiter.wait_for_members(slow_graph, IDS[:1], timeout=60)
    assert isinstance(caught.value.last_states[IDS[0]], MemberDetail)


async def test_on_settled_is_told_of_each_once(
    waiter: DetectiveClient, sim: DetectiveSimulator, slow_graph: str, story: Story
) -> None:
    """In the order in which they settled, before the wait is over, and never twice."""
    told: list[tuple[int, str | None]] = []
    await invite(waiter, slow_graph, [IDS[3], IDS[1]])
    await sim.advance(NEVER)
    await invite(waiter, slow_graph, [IDS[0], IDS[2]])
    story.chapters[3] = lambda: sim.advance(NEVER)
    members = await waiter.wait_for_members(
        slow_graph,
        IDS[:4],
        timeout=60,
        on_settled=lambda member: told.append((len(story.slept), member.account_id)),
    )
    assert told == [(0, IDS[1]), (0, IDS[3]), (3, IDS[0]), (3, IDS[2])]
    assert [member.account_id for member in members] == IDS[:4]


async def test_on_settled_is_told_of_nothing_else(story: Story) -> None:
    """Nor is a member told of that nobody asked for, nor one twice that an answer has twice."""
    told: list[MemberDetail] = []

    async def answer(_: list[str]) -> list[MemberDetail]:
        return [MemberDetail(status=MemberStatus.INVITED), *invited(IDS[5], IDS[0], IDS[0])]

    members = await Scripted(story, answer).wait_for_members(ARN, IDS[:1], timeout=60, on_settled=told.append)
    assert members == told == invited(IDS[0])


async def test_on_settled_is_told_at_once(waiter: DetectiveClient, sim: DetectiveSimulator, slow_graph: str) -> None:
    """A chunk that takes long does not keep the news of another one."""
    await invite(waiter, slow_graph, IDS[:60])
    await sim.advance(NEVER)
    sim.inject(Fault(Latency(3600), operation="GetMembers"))
    told = asyncio.Queue[str | None]()
    waiting = asyncio.create_task(
        waiter.wait_for_members(
            slow_graph, IDS[:60], timeout=3600, on_settled=lambda member: told.put_nowait(member.account_id)
        )
    )
    # Either chunk may be the one that hangs.
    first = await told.get()
    assert first in (IDS[0], IDS[50])
    assert not waiting.done()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_on_settled_that_raises(
    waiter: DetectiveClient, sim: DetectiveSimulator, slow_graph: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, and told of the next one all the same."""
    await invite(waiter, slow_graph, IDS[:2])
    await sim.advance(NEVER)
    told: list[MemberDetail] = []

    def raises(member: MemberDetail) -> None:
        told.append(member)
        raise RuntimeError("the callback broke")

    assert await waiter.wait_for_members(slow_graph, IDS[:2], timeout=60, on_settled=raises) == told
    assert len(caplog.records) == 2
    assert "the callback broke" in caplog.text


BAD_INPUT: list[tuple[str, Callable[[DetectiveClient], Awaitable[object]]]] = [
    ("timeout: must be a positive number of seconds, got 0", lambda c: c.wait_for_members(ARN, IDS, timeout=0)),
    (
        "timeout: must be a positive number of seconds, got nan",
        lambda c: c.wait_for_members(ARN, IDS, timeout=float("nan")),
    ),
    ("timeout: must be a positive number of seconds, got True", lambda c: c.wait_for_members(ARN, IDS, timeout=True)),
    (
        "timeout: must be a positive number of seconds, got None",
        lambda c: c.wait_for_investigation(ARN, "1" * 21, timeout=None),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    ),
    (
        "timeout: must be a positive number of seconds, got -1",
        lambda c: c.wait_for_organization_admin_account(IDS[0], timeout=-1),
    ),
    ("account_ids: must not be empty", lambda c: c.wait_for_members(ARN, [], timeout=1)),
    (
        f"account_ids[120]: {IDS[3]} is there already, as account_ids[3]",
        lambda c: c.wait_for_members(ARN, [*IDS, IDS[3]], timeout=1),
    ),
    ("until: must not be empty", lambda c: c.wait_for_members(ARN, IDS, timeout=1, until=[])),
    ("until: expected a list, got a str", lambda c: c.wait_for_members(ARN, IDS, timeout=1, until="ENABLED")),
    (
        "until[0]: 'ENABLE' is not one of INVITED, VERIFICATION_IN_PROGRESS, VERIFICATION_FAILED, ENABLED, "  # noqa: ISC004
        "ACCEPTED_BUT_DISABLED",
        lambda c: c.wait_for_members(ARN, IDS, timeout=1, until=["ENABLE"]),
    ),
    (
        "on_settled: expected a plain callable, got 5",
        lambda c: c.wait_for_members(ARN, IDS, timeout=1, on_settled=5),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    ),
    (
        "investigation_id: expected an investigation id (21 digits) of exactly 21 characters, got 1",
        lambda c: c.wait_for_investigation(ARN, "1", timeout=1),
    ),
    (
        "investigation_id: expected an investigation id (21 digits), got a list",
        lambda c: c.wait_for_investigation(ARN, ["1"], timeout=1),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    ),
    (
        "account_id: expected an account id (12 digits, as a string) of exactly 12 characters, got 1",
        lambda c: c.wait_for_organization_admin_account("1", timeout=1),
    ),
]


@pytest.mark.parametrize(("problem", "call"), BAD_INPUT, ids=[problem[:60] for problem, _ in BAD_INPUT])
async def test_bad_input(
    waiter: DetectiveClient,
    sim: DetectiveSimulator,
    problem: str,
    call: Callable[[DetectiveClient], Awaitable[object]],
) -> None:
    """It is refused before anything is sent."""
    with pytest.raises(ParameterError) as caught:
        await call(waiter)
    assert str(caught.value) == problem
    assert sim.requests == []


async def test_a_coroutine_function_is_no_callback(waiter: DetectiveClient) -> None:
    """Nobody would await it."""

    async def tell(_: MemberDetail) -> None: ...

    with pytest.raises(ParameterError, match=r"^on_settled: expected a plain callable, got <function"):
        await waiter.wait_for_members(ARN, IDS, timeout=1, on_settled=tell)

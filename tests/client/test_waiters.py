"""wait_for_members: its requests, the statuses that end it, and its callback."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from support.waits import ADMINISTRATOR, ARN, IDS, NEVER, ScriptedTime, ScriptedWaiters, invite, invited, requested_ids

from detective_async import (
    Account,
    DetectiveClient,
    MemberDetail,
    MemberStatus,
    ParameterError,
)
from detective_async.errors import WaiterTimeout
from detective_async.testing import DetectiveSimulator, Fault, Latency


async def test_members_that_have_settled_already(
    waiter: DetectiveClient, sim: DetectiveSimulator, scripted_time: ScriptedTime
) -> None:
    """One poll without a pause, in requests of up to 50 accounts; the members are in the requested order."""
    graph_arn = str((await waiter.create_graph()).graph_arn)
    await invite(waiter, graph_arn, IDS)
    members = await waiter.wait_for_members(graph_arn, IDS, timeout=60)
    assert [member.account_id for member in members] == IDS
    assert {member.status for member in members} == {MemberStatus.INVITED}
    assert sorted(len(ids) for ids in requested_ids(sim)) == [20, 50, 50]
    assert scripted_time.slept == []


async def test_only_pending_members_are_requested_again(
    waiter: DetectiveClient, sim: DetectiveSimulator, slow_graph: str, scripted_time: ScriptedTime
) -> None:
    """After 100 of 120 have settled, the others are in one request."""
    late = [one for index, one in enumerate(IDS) if index % 6 == 0]
    await invite(waiter, slow_graph, [one for one in IDS if one not in late])
    await sim.advance(NEVER)
    await invite(waiter, slow_graph, late)
    scripted_time.actions[2] = lambda: sim.advance(NEVER)
    members = await waiter.wait_for_members(slow_graph, (one for one in IDS), timeout=60)
    assert [member.account_id for member in members] == IDS
    assert [len(ids) for ids in requested_ids(sim)[3:]] == [20, 20]
    assert requested_ids(sim)[3:] == [late, late]
    assert scripted_time.slept == [0.25, 0.375]


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
    ("reach_status", "status"),
    [
        (verified, MemberStatus.INVITED),
        (enabled, MemberStatus.ENABLED),
        (disabled, MemberStatus.ACCEPTED_BUT_DISABLED),
        (failed, MemberStatus.VERIFICATION_FAILED),
    ],
)
async def test_each_settled_status_ends_the_wait(
    waiter: DetectiveClient,
    sim: DetectiveSimulator,
    slow_graph: str,
    scripted_time: ScriptedTime,
    *,
    reach_status: Callable[[DetectiveClient, DetectiveSimulator, str], Awaitable[None]],
    status: MemberStatus,
) -> None:
    """The wait goes on until the status is reached."""
    await invite(waiter, slow_graph, IDS[:1])
    scripted_time.actions[3] = lambda: reach_status(waiter, sim, slow_graph)
    (member,) = await waiter.wait_for_members(slow_graph, IDS[:1], timeout=60)
    assert member.status is status
    assert len(scripted_time.slept) == 3


@pytest.mark.parametrize("until", [[MemberStatus.ENABLED], {"ENABLED"}, ("ENABLED", MemberStatus("TOMORROW"))])
async def test_until_selects_the_statuses(
    waiter: DetectiveClient, sim: DetectiveSimulator, slow_graph: str, scripted_time: ScriptedTime, until: list[str]
) -> None:
    """INVITED does not end a wait for ENABLED."""
    await invite(waiter, slow_graph, IDS[:1])
    await sim.advance(NEVER)
    scripted_time.actions[4] = lambda: enabled(waiter, sim, slow_graph)
    (member,) = await waiter.wait_for_members(slow_graph, IDS[:1], timeout=60, until=until)
    assert member.status is MemberStatus.ENABLED
    assert len(scripted_time.slept) == 4


async def test_verification_failed_always_ends_the_wait(
    waiter: DetectiveClient, sim: DetectiveSimulator, slow_graph: str, scripted_time: ScriptedTime
) -> None:
    """That status ends the wait with any `until`."""
    await failed(waiter, sim, slow_graph)
    (member,) = await waiter.wait_for_members(slow_graph, IDS[:1], timeout=60, until=["ENABLED"])
    assert member.status is MemberStatus.VERIFICATION_FAILED
    assert scripted_time.slept == []


async def test_an_account_that_is_not_a_member_yet(
    waiter: DetectiveClient, slow_graph: str, scripted_time: ScriptedTime
) -> None:
    """The wait goes on until the account is a member and has settled."""

    async def create_member() -> None:
        await waiter.create_members(slow_graph, [Account(IDS[0], f"account-{IDS[0]}@example.com")])

    scripted_time.actions[2] = create_member
    until = [MemberStatus.VERIFICATION_IN_PROGRESS]
    (member,) = await waiter.wait_for_members(slow_graph, IDS[:1], timeout=60, until=until)
    assert member.account_id == IDS[0]
    assert len(scripted_time.slept) == 2


async def test_an_account_that_was_refused(
    waiter: DetectiveClient, sim: DetectiveSimulator, slow_graph: str, scripted_time: ScriptedTime
) -> None:
    """What is no member after a while will not be one: the wait ends when the others have settled."""
    began = scripted_time.now
    await invite(waiter, slow_graph, IDS[1:3])
    scripted_time.actions[9] = lambda: sim.advance(NEVER)
    with pytest.raises(WaiterTimeout) as caught:
        await waiter.wait_for_members(slow_graph, [ADMINISTRATOR, *IDS[1:3]], timeout=3600)
    assert str(caught.value) == f"members: 1 of 3 not seen within 8 s (appear_within): {ADMINISTRATOR} was never seen"
    assert caught.value.pending == [ADMINISTRATOR]
    assert {one: caught.value.last_states[one].status for one in IDS[1:3]} == dict.fromkeys(IDS[1:3], "INVITED")
    assert 8 < scripted_time.now - began < 40


async def test_a_check_of_the_volume_is_waited_for(
    waiter: DetectiveClient, sim: DetectiveSimulator, slow_graph: str, scripted_time: ScriptedTime
) -> None:
    """An account that has accepted is disabled without a reason in between; asked for, that status ends the wait."""
    await invite(waiter, slow_graph, IDS[:1])
    sim.set_activation_delay(NEVER)
    await enabled(waiter, sim, slow_graph)
    (member,) = await waiter.wait_for_members(slow_graph, IDS[:1], timeout=60, until=["ACCEPTED_BUT_DISABLED"])
    assert (member.status, member.disabled_reason) == ("ACCEPTED_BUT_DISABLED", None)
    scripted_time.actions[2] = lambda: sim.advance(NEVER)
    (member,) = await waiter.wait_for_members(slow_graph, IDS[:1], timeout=60)
    assert member.status is MemberStatus.ENABLED
    assert len(scripted_time.slept) == 2


async def test_a_member_that_was_removed(waiter: DetectiveClient, slow_graph: str, scripted_time: ScriptedTime) -> None:
    """It has not settled, and the error has its last known state."""
    await invite(waiter, slow_graph, IDS[:1])
    scripted_time.actions[2] = lambda: waiter.delete_members(slow_graph, IDS[:1])
    with pytest.raises(WaiterTimeout, match=f"{IDS[0]} VERIFICATION_IN_PROGRESS$") as caught:
        await waiter.wait_for_members(slow_graph, IDS[:1], timeout=60)
    assert isinstance(caught.value.last_states[IDS[0]], MemberDetail)


async def test_on_settled_receives_each_member_once(
    waiter: DetectiveClient, sim: DetectiveSimulator, slow_graph: str, scripted_time: ScriptedTime
) -> None:
    """It is called in the order in which the members settle, before the wait ends."""
    received: list[tuple[int, str | None]] = []
    await invite(waiter, slow_graph, [IDS[3], IDS[1]])
    await sim.advance(NEVER)
    await invite(waiter, slow_graph, [IDS[0], IDS[2]])
    scripted_time.actions[3] = lambda: sim.advance(NEVER)
    members = await waiter.wait_for_members(
        slow_graph,
        IDS[:4],
        timeout=60,
        on_settled=lambda member: received.append((len(scripted_time.slept), member.account_id)),
    )
    assert received == [(0, IDS[1]), (0, IDS[3]), (3, IDS[0]), (3, IDS[2])]
    assert [member.account_id for member in members] == IDS[:4]


async def test_on_settled_receives_no_other_members(scripted_time: ScriptedTime) -> None:
    """Members that were not requested, and members that a response contains twice, are ignored."""
    received: list[MemberDetail] = []

    async def respond(_: list[str]) -> list[MemberDetail]:
        return invited(IDS[5], IDS[0], IDS[0])

    members = await ScriptedWaiters(scripted_time, respond).wait_for_members(
        ARN, IDS[:1], timeout=60, on_settled=received.append
    )
    assert members == received == invited(IDS[0])


async def test_on_settled_does_not_wait_for_other_requests(
    waiter: DetectiveClient, sim: DetectiveSimulator, slow_graph: str
) -> None:
    """A slow chunk does not delay the callback for another one."""
    await invite(waiter, slow_graph, IDS[:60])
    await sim.advance(NEVER)
    sim.inject(Fault(Latency(3600), operation="GetMembers"))
    received = asyncio.Queue[str | None]()
    waiting = asyncio.create_task(
        waiter.wait_for_members(
            slow_graph, IDS[:60], timeout=3600, on_settled=lambda member: received.put_nowait(member.account_id)
        )
    )
    # Either chunk may be the slow one.
    first = await received.get()
    assert first in (IDS[0], IDS[50])
    assert not waiting.done()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_exceptions_of_on_settled_are_logged(
    waiter: DetectiveClient, sim: DetectiveSimulator, slow_graph: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The callback is called for the next member anyway."""
    await invite(waiter, slow_graph, IDS[:2])
    await sim.advance(NEVER)
    received: list[MemberDetail] = []

    def raises(member: MemberDetail) -> None:
        received.append(member)
        raise RuntimeError("the callback broke")

    assert await waiter.wait_for_members(slow_graph, IDS[:2], timeout=60, on_settled=raises) == received
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
    (
        "appear_within: must be a positive number of seconds, got 0",
        lambda c: c.wait_for_members(ARN, IDS, timeout=1, appear_within=0),
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
        "on_settled: expected a plain callable (not a coroutine function), got 5",
        lambda c: c.wait_for_members(ARN, IDS, timeout=1, on_settled=5),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    ),
    (
        "on_settled: expected a plain callable (not a coroutine function), got a str",
        lambda c: c.wait_for_members(ARN, IDS, timeout=1, on_settled="x" * 100_000),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    ),
    (
        "investigation_id: expected an investigation id (21 digits), got 1 character",
        lambda c: c.wait_for_investigation(ARN, "1", timeout=1),
    ),
    (
        "investigation_id: expected an investigation id (21 digits), got a list",
        lambda c: c.wait_for_investigation(ARN, ["1"], timeout=1),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    ),
    (
        "account_id: expected an account id (12 digits, as a string), got 1 character",
        lambda c: c.wait_for_organization_admin_account("1", timeout=1),
    ),
]


@pytest.mark.parametrize(("problem", "call"), BAD_INPUT, ids=[problem[:60] for problem, _ in BAD_INPUT])
async def test_invalid_parameters_raise(
    waiter: DetectiveClient,
    sim: DetectiveSimulator,
    problem: str,
    call: Callable[[DetectiveClient], Awaitable[object]],
) -> None:
    """Nothing is sent."""
    with pytest.raises(ParameterError) as caught:
        await call(waiter)
    assert str(caught.value) == problem
    assert sim.requests == []


async def test_a_coroutine_function_is_refused_as_callback(waiter: DetectiveClient) -> None:
    """Its coroutines would never be awaited."""

    async def tell(_: MemberDetail) -> None: ...

    with pytest.raises(
        ParameterError, match=r"^on_settled: expected a plain callable \(not a coroutine function\), got a function$"
    ):
        await waiter.wait_for_members(ARN, IDS, timeout=1, on_settled=tell)

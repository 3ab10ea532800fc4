"""Plans and teardowns whose client is closed, before or while they are applied."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from attrs import evolve
from support.wire_server import Request, serving

from detective_async import (
    AttemptEvent,
    CallStart,
    ClientClosed,
    DetectiveClient,
    ResourceNotFoundException,
    RetryPolicy,
)
from detective_async.http.pool import CLOSED_MEANWHILE
from detective_async.membership import ByOrganization, plan_membership, plan_teardown
from detective_async.testing import DetectiveSimulator, Drop, Fault, Latency, Throttle
from membership.worlds import (
    ADMINISTRATOR,
    ELSEWHERE,
    IDS,
    REGION,
    WRONG,
    WorldTime,
    accepting,
    account,
    administrator,
    graph,
    load_world,
    member,
    running_tasks,
    writes,
)

ONE, TWO = IDS[:2]
MANAGEMENT = "999988887777"
#: More requests than the whole work needs.
TOO_LATE = 1000


class ClosingTime(WorldTime):
    """A clock with which the first wait after a fault closes the client; it records that wait, and all after it."""

    client: DetectiveClient | None = None

    async def sleep(self, seconds: float) -> None:
        if self._sim.unused_faults:
            # Reads are spread.
            return
        await super().sleep(seconds)
        if self.client is not None:
            await self.client.aclose()


async def test_closed_client(sim: DetectiveSimulator) -> None:
    """A plain RuntimeError is raised, not an exception group; nothing was sent."""
    client = DetectiveClient(region=REGION, endpoint_url=sim.url, credentials=sim.account(ADMINISTRATOR))
    plan = await plan_membership(client, [account(ONE)], regions=[REGION, ELSEWHERE])
    await client.create_graph()
    teardown = await plan_teardown(client, regions=[REGION, ELSEWHERE])
    await client.aclose()
    for work in (
        plan.apply(),
        teardown.apply(confirm=ADMINISTRATOR),
        plan_teardown(client, regions=[REGION, ELSEWHERE]),
        plan_membership(client, [account(ONE)], regions=[REGION, ELSEWHERE]),
    ):
        with pytest.raises(RuntimeError, match="the client is closed") as caught:
            await work
        assert isinstance(caught.value, ClientClosed)
        assert not caught.value.outcome_unknown


@pytest.mark.parametrize("moment", [*range(1, 30), TOO_LATE])
async def test_closed_at_any_moment(sim: DetectiveSimulator, moment: int) -> None:
    """Never a report of accounts whose client was closed: the error says whether there was an effect."""
    members = [member(ONE, "VERIFICATION_FAILED", WRONG), member(IDS[2], "INVITED"), member(IDS[5], "ENABLED")]
    load_world(sim, graph(*members), verification_delay=3)
    client = DetectiveClient(
        region=REGION,
        endpoint_url=sim.url,
        credentials=sim.account(ADMINISTRATOR),
        clock=WorldTime(sim).clock(real_dates=True),
    )
    plan = await plan_membership(
        client,
        [account(one) for one in IDS[:4]],
        regions=[REGION, ELSEWHERE],
        members=accepting(sim),
        tags={"a": "b"},
        datasource_packages=["EKS_AUDIT"],
        remove_others=True,
        max_removals=1,
    )
    sim.forget_requests()
    task = asyncio.create_task(plan.apply())
    while len(sim.requests) < moment and not task.done():  # noqa: ASYNC110 - it is about this very moment
        await asyncio.sleep(0)
    acted = bool(writes(sim))
    await client.aclose()
    if moment == TOO_LATE:
        assert (await task).ok
        return
    with pytest.raises(ClientClosed) as caught:
        await task
    assert caught.value.outcome_unknown >= acted
    assert running_tasks() == []


async def test_closed_while_a_region_is_read(sim: DetectiveSimulator) -> None:
    """The plan is not one whose regions could not be read, whichever read it was."""
    load_world(sim, graph(member(ONE, "INVITED")))
    closing: list[asyncio.Task[None]] = []

    def close(event: object) -> None:
        if isinstance(event, AttemptEvent) and event.operation == "GetCallerIdentity":
            closing.append(asyncio.create_task(client.aclose()))

    client = DetectiveClient(region=REGION, endpoint_url=sim.url, credentials=sim.account(ADMINISTRATOR), hooks=close)
    with pytest.raises(ClientClosed) as caught:
        await plan_membership(client, [account(ONE)], regions=[REGION, ELSEWHERE])
    assert not caught.value.outcome_unknown
    await asyncio.gather(*closing)


async def test_closed_while_it_is_looked_whether_the_graph_is_gone(sim: DetectiveSimulator) -> None:
    """That is no answer to the question."""
    load_world(sim, graph(member(ONE, "INVITED")))

    class Closes(DetectiveClient):
        def iter_members(self, *_args: Any, **_options: Any) -> Any:
            raise ResourceNotFoundException("ResourceNotFoundException", "gone?")

        def iter_graphs(self, **options: Any) -> Any:
            Closes.looks += 1
            if Closes.looks == 2:
                raise ClientClosed("the client is closed")
            return super().iter_graphs(**options)

        looks = 0

    async with DetectiveClient(region=REGION, endpoint_url=sim.url, credentials=sim.account(ADMINISTRATOR)) as client:
        plan = await plan_membership(client, [account(ONE)], regions=[REGION], members=accepting(sim))
    async with administrator(sim, Closes) as closing:
        with pytest.raises(ClientClosed):
            await evolve(plan, client=closing).apply()
    assert Closes.looks == 2


async def test_closed_while_the_state_is_read(sim: DetectiveSimulator) -> None:
    """Reads have no effect, also one that was sent; it is not tried again."""
    closing: list[asyncio.Task[None]] = []
    time = WorldTime(sim)

    def react(_: Request) -> None:
        closing.append(asyncio.create_task(client.aclose()))

    async with DetectiveClient(region=REGION, endpoint_url=sim.url, credentials=sim.account(ADMINISTRATOR)) as other:
        plan = await plan_membership(other, [account(ONE)], regions=[REGION])
        async with serving(react) as server:
            works: list[Callable[[DetectiveClient], Awaitable[object]]] = [
                lambda client: evolve(plan, client=client).apply(),
                lambda client: plan_membership(client, [account(ONE)], regions=[REGION]),
                lambda client: plan_teardown(client, regions=[REGION]),
            ]
            for work in works:
                client = DetectiveClient(
                    region=REGION,
                    endpoint_url=server.url,
                    credentials=sim.account(ADMINISTRATOR),
                    clock=time.clock(real_dates=True),
                )
                with pytest.raises(ClientClosed) as caught:
                    await work(client)
                assert not caught.value.outcome_unknown
    await asyncio.gather(*closing)
    assert time.slept == []


#: Of an organization's plan; `_apply` adds the credentials.
ORGANIZATION = {"administrator_id": ADMINISTRATOR}
FAILED = member(ONE, "VERIFICATION_FAILED", WRONG)
INVITED = member(ONE, "INVITED")
Work = tuple[list[dict[str, Any]] | None, dict[str, Any] | None]
#: The operation of an action, the members before it (None if there is no graph), and the plan's options (None for a
#: teardown).
ACTIONS: dict[str, Work] = {
    "EnableOrganizationAdminAccount": (None, ORGANIZATION),
    "CreateGraph": (None, {}),
    "TagResource": ([INVITED], {"tags": {"a": "b"}}),
    "UpdateDatasourcePackages": ([INVITED], {"datasource_packages": ["EKS_AUDIT"]}),
    "DeleteMembers": ([member(ONE, "ENABLED"), member(TWO, "ENABLED")], {"remove_others": True, "max_removals": 1}),
    "CreateMembers": ([], {}),
    "AcceptInvitation": ([INVITED], {"credentials": True}),
    "StartMonitoringMember": ([member(ONE, "ACCEPTED_BUT_DISABLED")], {"retry_disabled": True}),
    "DeleteGraph": ([], None),
}
#: Actions that were carried out before the last one: the members and options as above, and a fault, perhaps
#: only after an operation.
EARLIER: dict[str, tuple[Work, str, Fault | None]] = {
    "an account was invited": (([], {}), "", None),
    "a graph was created, an invitation refused": ((None, {}), "", Fault(Throttle(), "CreateMembers")),
    "removed, and not invited again": (([FAILED], {}), "", Fault(Throttle(), "CreateMembers")),
    "an administrator who is not in the list yet": (
        (None, ORGANIZATION),
        "EnableOrganizationAdminAccount",
        Fault(Throttle(), "ListOrganizationAdminAccounts"),
    ),
}


@pytest.mark.parametrize("operation", ACTIONS)
@pytest.mark.parametrize("effect", [Throttle(), Drop("after")], ids=["refused", "no response"])
async def test_closed_after_an_action(sim: DetectiveSimulator, operation: str, effect: Throttle | Drop) -> None:
    """What AWS refused has no effect, and what has no response may have one; the next request is not sent."""
    error = await _closed_while_it_waits(sim, ACTIONS[operation], "", Fault(effect, operation))
    assert error.outcome_unknown is isinstance(effect, Drop)


@pytest.mark.parametrize("operation", ["ListGraphs", "ListMembers"])
async def test_closed_between_reads(sim: DetectiveSimulator, operation: str) -> None:
    """Whatever was to be read again, there is no report; and no effect."""
    error = await _closed_while_it_waits(sim, ([INVITED], {}), "", Fault(Throttle(), operation))
    assert not error.outcome_unknown


async def test_closed_during_an_action(sim: DetectiveSimulator) -> None:
    """The error is that of the action, and not of another request, which the closed client would have refused."""
    closing: list[asyncio.Task[None]] = []

    class Hook:
        def __call__(self, _: object) -> None: ...

        def on_start(self, start: CallStart) -> None:
            if start.operation == "CreateMembers":
                closing.append(asyncio.create_task(client.aclose()))

    load_world(sim, graph())
    client = DetectiveClient(region=REGION, endpoint_url=sim.url, credentials=sim.account(ADMINISTRATOR), hooks=Hook())
    plan = await plan_membership(client, [account(ONE)], regions=[REGION])
    sim.inject(Fault(Latency(1000), "CreateMembers"))
    with pytest.raises(ClientClosed, match=CLOSED_MEANWHILE):
        await plan.apply()
    await asyncio.gather(*closing)
    # Whether the request was on its way when the client was closed is a matter of chance.
    sim.clear_faults()


@pytest.mark.parametrize("case", EARLIER)
async def test_closed_after_earlier_actions(sim: DetectiveSimulator, case: str) -> None:
    """An effect that an earlier action had counts, although the last request certainly had none."""
    assert (await _closed_while_it_waits(sim, *EARLIER[case])).outcome_unknown


async def _closed_while_it_waits(
    sim: DetectiveSimulator, work: Work, operation: str, fault: Fault | None
) -> ClientClosed:
    """Apply a plan or a teardown, with a fault, perhaps after an operation; close the client at the first wait."""
    members, options = work
    load_world(sim, *([] if members is None else [graph(*members)]), verification_delay=3)
    sim.organization(MANAGEMENT, [ADMINISTRATOR, ONE])
    time = ClosingTime(sim)

    def inject(event: object) -> None:
        if fault is not None and isinstance(event, AttemptEvent) and event.operation == operation:
            sim.inject(fault)
            time.client = client

    client = DetectiveClient(
        region=REGION,
        endpoint_url=sim.url,
        credentials=sim.account(ADMINISTRATOR),
        clock=time.clock(real_dates=True),
        retry=RetryPolicy(max_attempts=1),
        hooks=inject,
    )
    apply = await _apply(sim, client, options)
    if options is None:
        # Otherwise it is seen at once that the graph is gone.
        sim.set_read_lag(60, ["ListGraphs"])
    if not operation:
        time.client = client
        if fault is not None:
            sim.inject(fault)
    with pytest.raises(ClientClosed, match="the client is closed") as caught:
        await apply()
    # That of the step, and that of the members beside it.
    assert 1 <= len(time.slept) <= 2
    return caught.value


async def _apply(
    sim: DetectiveSimulator, client: DetectiveClient, options: dict[str, Any] | None
) -> Callable[[], Awaitable[object]]:
    """Return what applies a plan of these options, or a teardown."""
    if options is None:
        teardown = await plan_teardown(client, regions=[REGION])
        return lambda: teardown.apply(confirm=ADMINISTRATOR)
    options = dict(options)
    if administrator_id := options.pop("administrator_id", None):
        options["members"] = ByOrganization(
            administrator_id=administrator_id, management_credentials=sim.account(MANAGEMENT)
        )
    if options.pop("credentials", False):
        options["members"] = accepting(sim)
    return (await plan_membership(client, [account(ONE)], regions=[REGION], **options)).apply

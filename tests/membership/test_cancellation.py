"""Cancelled plans: nothing continues in the background, and a new plan repeats nothing."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from detective_async import DetectiveClient
from detective_async.membership import ActionKind, ByInvitation, MembershipReport, Reason, plan_membership
from detective_async.testing import DetectiveSimulator
from membership.worlds import (
    ELSEWHERE,
    IDS,
    REGION,
    WRONG,
    accepting,
    account,
    administrator,
    graph,
    invitations,
    load_world,
    member,
    results,
    running_tasks,
    statuses,
    writes,
)

WANTED = [account(one) for one in IDS[:5]]
#: The requests of the whole work; the second region has no graph at the beginning, and a new one has all packages.
ONCE = {
    "CreateGraph": 1,
    "TagResource": 1,
    "UpdateDatasourcePackages": 1,
    "DeleteMembers": 2,
    "CreateMembers": 3,
    "AcceptInvitation": 9,
    "StartMonitoringMember": 1,
}
#: More requests than the whole work needs.
TOO_LATE = 1000


@pytest.mark.parametrize("moment", [*range(1, 40, 3), TOO_LATE])
async def test_new_plan_continues(sim: DetectiveSimulator, client: DetectiveClient, moment: int) -> None:
    """After a cancellation at any request, a new plan completes the work without repeating any of it."""
    load_world(
        sim,
        graph(
            member(IDS[0], "VERIFICATION_FAILED", WRONG),
            member(IDS[1], "ACCEPTED_BUT_DISABLED"),
            member(IDS[2], "INVITED"),
            member(IDS[5], "ENABLED"),
        ),
        verification_delay=3,
    )
    options: dict[str, Any] = {
        "regions": [REGION, ELSEWHERE],
        "members": accepting(sim),
        "tags": {"a": "b"},
        "datasource_packages": ["EKS_AUDIT"],
        "remove_others": True,
        "max_removals": 1,
        "retry_disabled": True,
    }
    plan = await plan_membership(client, WANTED, **options)
    sim.forget_requests()
    report = await _apply_until(sim, plan.apply(), moment)
    assert running_tasks() == []
    # What was done until then is known all the same.
    assert plan.report is not None
    assert report in (None, plan.report)
    if report is None:
        assert {row.reason for row in plan.report.failures} <= {Reason.INTERRUPTED}
        assert not plan.report.ok
    plan = await plan_membership(client, WANTED, **options)
    last = await plan.apply()
    assert last.ok
    assert not await plan_membership(client, WANTED, **options)
    for region in (REGION, ELSEWHERE):
        assert statuses(sim, region) == dict.fromkeys(IDS[:5], "ENABLED")
        assert {fate.after for fate in results(last, region).values()} <= {"ENABLED", None}
    # Nothing was repeated, although interrupted requests were carried out.
    assert set(invitations(sim).values()) == {1}
    assert [one.error_code for one in sim.requests if one.error_code is not None] == []
    # An interrupted invitation may be made together with others.
    assert {**writes(sim), "CreateMembers": 0} == {**ONCE, "CreateMembers": 0}
    # Shows that the other moments are within the work.
    assert (report is not None) == (moment == TOO_LATE)


async def _apply_until(
    sim: DetectiveSimulator, work: Coroutine[Any, Any, MembershipReport], moment: int
) -> MembershipReport | None:
    """Cancel the work after a number of requests; return its report if it finished before."""
    task = asyncio.create_task(work)
    while len(sim.requests) < moment and not task.done():  # noqa: ASYNC110 - it is about this very moment
        await asyncio.sleep(0)
    task.cancel()
    try:
        return await task
    except asyncio.CancelledError:
        return None


async def test_interrupted_after_the_last_action(sim: DetectiveSimulator) -> None:
    """What was reached is as wanted, though it was not looked at again; what was not seen since is said to be so."""
    load_world(sim, graph(*(member(one, "INVITED") for one in IDS[:2]), member(IDS[5], "ENABLED")))
    reached = asyncio.Event()

    class Hangs(DetectiveClient):
        async def accept_invitation(self, graph_arn: str) -> None:
            await super().accept_invitation(graph_arn)
            accepted.append(graph_arn)

        async def list_members(self, *args: Any, **options: Any) -> Any:
            if accepted:
                reached.set()
                await asyncio.Event().wait()
            return await super().list_members(*args, **options)

    accepted: list[str] = []
    async with administrator(sim, Hangs) as client:
        plan = await plan_membership(
            client,
            WANTED[:2],
            regions=[REGION],
            members=ByInvitation(credentials={IDS[0]: sim.account(IDS[0])}),
            remove_others=True,
            max_removals=1,
        )
        task = asyncio.create_task(plan.apply())
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert plan.report is not None
    rows = {row.account_id: row for row in plan.report.rows}
    assert rows[IDS[0]].problem == "interrupted: 'accept' was done, and the account was not looked at since"
    assert (rows[IDS[5]].done, rows[IDS[5]].problem) == ((ActionKind.REMOVE,), None)


async def test_cancellation_leaves_no_task(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Cancelled at any step of the event loop, it ends at once without leftover tasks."""
    load_world(sim, graph(member(IDS[2], "INVITED")), verification_delay=100_000)
    for passes in range(0, 200, 29):
        plan = await plan_membership(client, WANTED, regions=[REGION, ELSEWHERE], members=accepting(sim))
        task = asyncio.create_task(plan.apply())
        for _ in range(passes):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert running_tasks() == []

"""Giving up half way: nothing goes on behind the caller's back, and a new plan does nothing twice."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from detective_async.membership import MembershipReport, plan_membership
from detective_async.testing import DetectiveSimulator
from membership.worlds import (
    ELSEWHERE,
    REGION,
    WRONG,
    account,
    administrator,
    fates,
    fill,
    graph,
    invited,
    member,
    statuses,
    work_left,
    writes,
)

pytestmark = pytest.mark.slow

IDS = [f"{number}" * 12 for number in range(2, 8)]
WANTED = [account(one) for one in IDS[:5]]
#: All that has to be done, whoever does it: the second region has no graph to begin with.
ONCE = {
    "CreateGraph": 1,
    "TagResource": 1,
    "UpdateDatasourcePackages": 2,
    "DeleteMembers": 2,
    "CreateMembers": 3,
    "AcceptInvitation": 9,
    "StartMonitoringMember": 1,
}
#: More requests than the whole work takes.
TOO_LATE = 1000


@pytest.mark.parametrize("moment", [*range(1, 40, 3), TOO_LATE])
async def test_a_new_plan_carries_on(sim: DetectiveSimulator, moment: int) -> None:
    """Cancelled after any number of requests, everything is brought to its end by planning and applying again."""
    fill(
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
        "member_credentials": sim.account,
        "tags": {"a": "b"},
        "datasource_packages": ["EKS_AUDIT"],
        "remove_others": True,
    }
    async with administrator(sim) as client:
        plan = await plan_membership(client, WANTED, **options)
        sim.forget_requests()
        report = await _apply_until(sim, plan.apply(), moment)
        assert work_left() == []
        plan = await plan_membership(client, WANTED, **options)
        last = await plan.apply()
        assert last.ok
        assert not await plan_membership(client, WANTED, **options)
    for region in (REGION, ELSEWHERE):
        assert statuses(sim, region) == dict.fromkeys(IDS[:5], "ENABLED")
        assert {fate.after for fate in fates(last, region).values()} <= {"ENABLED", None}
    # What had been done was not asked for again; a request whose answer was not waited for was carried out.
    assert set(invited(sim).values()) == {1}
    assert [one.error_code for one in sim.requests if one.error_code is not None] == []
    assert writes(sim) == ONCE
    # Without this the last moments would not be told from those before them.
    assert (report is not None) == (moment == TOO_LATE)


async def _apply_until(
    sim: DetectiveSimulator, work: Coroutine[Any, Any, MembershipReport], moment: int
) -> MembershipReport | None:
    """Apply a plan, and cancel that once so many requests have come; give the report if there were fewer."""
    task = asyncio.create_task(work)
    while len(sim.requests) < moment and not task.done():  # noqa: ASYNC110 - it is about this very moment
        await asyncio.sleep(0)
    task.cancel()
    try:
        return await task
    except asyncio.CancelledError:
        return None


async def test_cancelling_at_any_step_of_the_loop(sim: DetectiveSimulator) -> None:
    """Whenever it is cancelled it ends at once, and leaves no task."""
    fill(sim, graph(member(IDS[2], "INVITED")), verification_delay=100_000)
    async with administrator(sim) as client:
        for passes in range(0, 200, 29):
            plan = await plan_membership(client, WANTED, regions=[REGION, ELSEWHERE], member_credentials=sim.account)
            task = asyncio.create_task(plan.apply())
            for _ in range(passes):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert work_left() == []

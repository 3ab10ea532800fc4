"""Looks that show what was before the plan, or before another look, as not everything is seen everywhere at once."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest
from attrs import evolve
from support.virtual_time import in_virtual_time

from detective_async import DetectiveClient, ListMembersResponse, MemberDetail, MemberStatus
from detective_async.membership import ActionKind, MembershipPlan, MembershipReport, Reason, plan_membership
from detective_async.membership.looks import Known
from detective_async.testing import DetectiveSimulator
from membership.worlds import (
    IDS,
    REGION,
    WorldTime,
    accepting,
    account,
    administrator,
    graph,
    in_loop_time,
    load_world,
    member,
    statuses,
    writes,
)

ONE, TWO = IDS[:2]
#: Long before everything in the simulated world.
EARLIER = datetime(2020, 1, 1, tzinfo=UTC)


class Looks(DetectiveClient):
    """A client whose next looks at the members show something else."""

    next_looks: ClassVar[list[list[MemberDetail]]] = []

    async def list_members(self, *args: Any, **options: Any) -> ListMembersResponse:
        found = await super().list_members(*args, **options)
        return evolve(found, member_details=Looks.next_looks.pop(0)) if Looks.next_looks else found


def before(status: str, *, account_id: str = ONE, at: datetime = EARLIER) -> MemberDetail:
    """Return a member as it was."""
    return MemberDetail(account_id=account_id, status=MemberStatus(status), invited_time=at, updated_time=at)


async def plan_and_apply(
    sim: DetectiveSimulator, *looks: list[MemberDetail], timeout: float = 300, **options: Any
) -> tuple[MembershipPlan, MembershipReport, float]:
    """Plan, apply with other looks, and return the plan, the report, and the seconds that applying took."""
    time = WorldTime(sim)
    Looks.next_looks.clear()
    options = {"members": accepting(sim), **options}
    async with administrator(sim, Looks, time=time, max_attempts=1) as client:
        plan = await plan_membership(client, [account(ONE)], regions=[REGION], **options)
        sim.forget_requests()
        Looks.next_looks[:] = looks
        began = time.now
        report = await plan.apply(timeout=timeout)
    Looks.next_looks.clear()
    return plan, report, time.now - began


@pytest.mark.parametrize("status", ["INVITED", "VERIFICATION_IN_PROGRESS", "VERIFICATION_FAILED"])
@pytest.mark.parametrize("looks", [1, 3])
async def test_a_member_as_it_was_before_the_plan(sim: DetectiveSimulator, status: str, looks: int) -> None:
    """Nothing is done for it, and nothing said of it."""
    load_world(sim, graph(member(ONE, "ENABLED")))
    plan, report, _ = await plan_and_apply(sim, *[[before(status)]] * looks, retry_failed=False)
    assert plan.actions == ()
    assert [(row.before, row.after, row.problem) for row in report.rows] == [("ENABLED", "ENABLED", None)]
    assert writes(sim) == {}


async def test_an_invitation_as_it_was_before_the_plan(sim: DetectiveSimulator) -> None:
    """It is accepted when the look shows what the plan saw."""
    load_world(sim, graph(member(ONE, "INVITED")))
    _, report, seconds = await plan_and_apply(sim, [before("VERIFICATION_FAILED")], retry_failed=False)
    assert report.ok
    assert seconds < 5
    assert writes(sim) == {"AcceptInvitation": 1}


async def test_a_membership_before_the_one_to_be_removed(sim: DetectiveSimulator) -> None:
    """The one that the plan saw is removed, and the earlier one taken for no other."""
    load_world(sim, graph(member(ONE, "ENABLED"), member(TWO, "ENABLED")))
    earlier = [before("INVITED", account_id=TWO), before("ENABLED")]
    _, report, _ = await plan_and_apply(sim, earlier, earlier, remove=[TWO], max_removals=1)
    assert report.ok
    assert statuses(sim) == {ONE: "ENABLED"}


@pytest.mark.parametrize("status", ["ENABLED", "INVITED", "VERIFICATION_FAILED"])
async def test_a_membership_that_had_ended_before_the_plan(sim: DetectiveSimulator, status: str) -> None:
    """It is not taken for the one that is wanted."""
    load_world(sim, graph())
    _, report, _ = await plan_and_apply(sim, [before(status)], [before(status)])
    assert report.ok
    assert statuses(sim) == {ONE: "ENABLED"}
    assert writes(sim) == {"CreateMembers": 1, "AcceptInvitation": 1}


async def test_a_membership_that_another_has_added_since(sim: DetectiveSimulator) -> None:
    """It is believed after a while, and the rest of the plan done."""
    load_world(sim, graph())

    class Adds(Looks):
        is_due = False

        def iter_members(self, *args: Any, **options: Any) -> Any:
            if Adds.is_due:
                Adds.is_due = False
                load_world(sim, graph(member(ONE, "INVITED")))
            return super().iter_members(*args, **options)

    time = WorldTime(sim)
    async with administrator(sim, Adds, time=time) as client:
        plan = await plan_membership(client, [account(ONE)], regions=[REGION], members=accepting(sim))
        Adds.is_due, began = True, time.now
        report = await plan.apply()
    assert report.ok
    assert 15 <= time.now - began < 25
    assert [row.done for row in report.rows] == [("accept",)]


async def test_an_earlier_state_that_lasts(sim: DetectiveSimulator) -> None:
    """It is believed after a while: the times may be wrong."""
    load_world(sim, graph(member(ONE, "ENABLED")))
    looks = [[before("VERIFICATION_FAILED")]] * 100
    _, report, seconds = await plan_and_apply(sim, *looks)
    assert 15 <= seconds < 25
    assert [row.reason for row in report.rows] == [Reason.NOT_PLANNED]


async def test_an_earlier_state_at_the_deadline(sim: DetectiveSimulator) -> None:
    """That it is not believed yet is said."""
    load_world(sim, graph(member(ONE, "ENABLED")))
    _, report, _ = await plan_and_apply(sim, *[[before("INVITED")]] * 100, timeout=5)
    (row,) = report.rows
    assert (row.reason, row.after) == (Reason.TIMED_OUT, None)
    assert row.problem == (
        "not done within 5 s: the account was only seen as it may have been before, which is believed after 15 s"
    )


async def test_an_earlier_state_after_processing_has_ended(sim: DetectiveSimulator) -> None:
    """What was seen before counts, and not a look that shows what was earlier."""
    load_world(sim, graph(member(ONE, "ENABLED"), member(TWO, "VERIFICATION_IN_PROGRESS")))
    time = WorldTime(sim)
    now = datetime.fromtimestamp(time.now, UTC) + timedelta(days=1)
    Looks.next_looks.clear()
    async with administrator(sim, Looks, time=time) as client:
        plan = await plan_membership(client, [account(ONE), account(TWO)], regions=[REGION], members=accepting(sim))
        seen = before("ENABLED", at=now)
        two = [before(one, account_id=TWO, at=now) for one in ("VERIFICATION_IN_PROGRESS", "ENABLED")]
        Looks.next_looks[:] = [[seen, two[0]], [before("INVITED"), two[1]]]
        report = await plan.apply()
    assert report.ok
    assert [row.after for row in report.rows] == ["ENABLED", "ENABLED"]


@in_virtual_time
async def test_a_removed_membership_that_is_seen_for_long_after_another_invitation() -> None:
    """It never passes for the new one, whose invitation is accepted when it is seen."""
    async with in_loop_time(member(ONE, "VERIFICATION_FAILED")) as (sim, client):
        sim.set_read_lag(40)
        await asyncio.sleep(100)
        plan = await plan_membership(client, [account(ONE)], regions=[REGION], members=accepting(sim))
        report = await plan.apply()
    assert report.ok, str(report)
    assert [row.done for row in report.rows] == [(ActionKind.REINVITE, ActionKind.ACCEPT)]


async def test_a_new_membership_with_the_time_of_the_one_before(sim: DetectiveSimulator) -> None:
    """It is believed, as its time does not tell it from the other."""
    known = Known(WorldTime(sim).clock(), before("INVITED"))
    known.end()
    assert not known.believes(before("ENABLED"))
    known.add(before("INVITED"))
    assert known.believes(before("ENABLED"))

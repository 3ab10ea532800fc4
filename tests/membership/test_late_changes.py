"""Accounts are changed after their processing has ended, while that of others goes on: the report says so."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from detective_async import DetectiveClient
from detective_async.membership import AccountReport, ActionKind, MembershipPlan, Reason, plan_membership
from detective_async.testing import DetectiveSimulator, Drop, Fault
from membership.worlds import (
    ADMINISTRATOR,
    DENIED,
    IDS,
    REGION,
    WorldTime,
    accepting,
    account,
    administrator,
    graph,
    load_world,
    member,
    statuses,
)

ONE, TWO = IDS[:2]
#: Seconds until the last account is verified.
LONG = 60
Change = Callable[[], object]


def load(sim: DetectiveSimulator, one: Mapping[str, Any] | None, two: str = "VERIFICATION_IN_PROGRESS") -> None:
    """Load a graph with the first account, and with the second one, which is verified for a long time from now on."""
    members = [member(TWO, two), *([] if one is None else [one])]
    accounts = [{"id": account_id} for account_id in (ADMINISTRATOR, ONE, TWO)]
    load_world(sim, graph(*members), accounts=accounts, verification_delay=LONG)


async def apply(sim: DetectiveSimulator, changes: Mapping[float, Change], **options: Any) -> AccountReport:
    """Plan and apply, change the world after some seconds, and return the result of the first account."""
    time = WorldTime(sim)
    due: list[tuple[float, Change]] = []

    class Changes(DetectiveClient):
        def iter_members(self, *args: Any, **more: Any) -> Any:
            while due and time.now >= due[0][0]:
                due.pop(0)[1]()
            return super().iter_members(*args, **more)

    async with administrator(sim, Changes, time=time, max_attempts=1) as client:
        plan: MembershipPlan = await plan_membership(
            client,
            **{"accounts": [account(ONE), account(TWO)], "regions": [REGION], "members": accepting(sim), **options},
        )
        due += [(time.now + seconds, change) for seconds, change in changes.items()]
        report = await plan.apply()
    assert due == []
    (row,) = (row for row in report.rows if row.account_id == ONE)
    assert statuses(sim)[TWO] == "ENABLED"
    return row


@pytest.mark.parametrize(
    ("before", "after", "problem", "reason"),
    [
        ("ENABLED", None, "it was as wanted, and is not a member since then: plan again", Reason.NOT_PLANNED),
        ("ENABLED", "ACCEPTED_BUT_DISABLED", "AWS has not enabled it (VOLUME_UNKNOWN)", Reason.VOLUME_UNKNOWN),
        ("VERIFICATION_FAILED", "ENABLED", None, None),
        ("VERIFICATION_FAILED", "INVITED", "verification failed", Reason.VERIFICATION_FAILED),
    ],
)
async def test_another_status(
    sim: DetectiveSimulator, before: str, after: str | None, problem: str | None, reason: Reason | None
) -> None:
    """Nothing is done about it; it is as wanted by what it is in the end."""
    load(sim, member(ONE, before))
    row = await apply(sim, {10: lambda: load(sim, member(ONE, after) if after else None)}, retry_failed=False)
    assert (row.before, row.after, row.done, row.reason) == (before, after, (), reason)
    assert (row.problem is None) is (problem is None)
    assert (row.problem or "").startswith(problem or "")


@pytest.mark.parametrize("is_added", [True, False])
async def test_removed_member(sim: DetectiveSimulator, *, is_added: bool) -> None:
    """It is gone, although it is listed for a while, unless it is added again."""
    load(sim, member(ONE, "ENABLED"))
    sim.set_read_lag(5)
    await sim.advance(6)
    row = await apply(
        sim,
        {10: lambda: load(sim, member(ONE, "INVITED"))} if is_added else {},
        accounts=[account(TWO)],
        remove=[ONE],
        max_removals=1,
    )
    assert (row.before, row.done) == ("ENABLED", (ActionKind.REMOVE,))
    problem = "it was as wanted, and is INVITED since then: plan again"
    assert (row.problem, row.reason) == ((problem, Reason.NOT_PLANNED) if is_added else (None, None))


async def test_look_that_lacks_a_member(sim: DetectiveSimulator) -> None:
    """It is one all the same if later looks have it."""
    load(sim, member(ONE, "ENABLED"))

    row = await apply(sim, {10: lambda: load(sim, None), 14: lambda: load(sim, member(ONE, "ENABLED"))})
    assert row.ok
    load(sim, member(ONE, "ENABLED"))
    # The last look, after which it is not known whether others would have it.
    row = await apply(sim, {10: lambda: load(sim, None, "ENABLED")})
    assert (row.after, row.ok) == ("ENABLED", True)


async def test_effect_of_a_request_without_a_response(sim: DetectiveSimulator) -> None:
    """It is noted whenever it is seen."""
    load(sim, member(ONE, "INVITED"))
    sim.inject(Fault(Drop("before"), "AcceptInvitation"))
    sim.inject(Fault(DENIED, "AcceptInvitation"))
    row = await apply(sim, {30: lambda: load(sim, member(ONE, "ENABLED"))})
    assert (row.done, row.maybe_done, row.problem) == ((ActionKind.ACCEPT,), (), None)

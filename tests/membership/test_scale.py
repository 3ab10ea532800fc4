"""Many accounts: the number of requests and the time, measured in virtual time."""

import asyncio
from collections import Counter
from itertools import pairwise

import pytest
from support.virtual_time import in_virtual_time

from detective_async import Clock, DetectiveClient
from detective_async.membership import plan_membership
from detective_async.testing import DetectiveSimulator, Drop, Fault, Throttle
from membership.worlds import ADMINISTRATOR, ELSEWHERE, REGION, accepting, invitations, some_accounts, statuses

pytestmark = [pytest.mark.exhaustive, pytest.mark.slow]

VERIFICATION = 2.0


@in_virtual_time
async def test_sixty_accounts_in_two_regions() -> None:
    """With a verification of two seconds it takes less than three, for any jitter of the pauses."""
    loop = asyncio.get_running_loop()
    wanted = some_accounts(60)
    for chance in (0.0, 0.5, 0.999):
        clock = Clock(time=lambda: 1_800_000_000 + loop.time(), monotonic=loop.time, random=lambda: chance)  # noqa: B023
        async with (
            DetectiveSimulator(verification_delay=VERIFICATION, wall_clock=clock.time) as sim,
            DetectiveClient(
                region=REGION, endpoint_url=sim.url, credentials=sim.account(ADMINISTRATOR), clock=clock
            ) as client,
        ):
            plan = await plan_membership(client, wanted, regions=[REGION, ELSEWHERE], members=accepting(sim))
            began = loop.time()
            report = await plan.apply()
            elapsed = loop.time() - began
            assert report.ok
            assert VERIFICATION <= elapsed < 1.5 * VERIFICATION
            asked = Counter(request.operation for request in sim.requests)
            assert (asked["CreateMembers"], asked["AcceptInvitation"]) == (4, 120)
            # The members of a graph are one page, which is read a few times.
            assert asked["ListMembers"] <= 2 * 10
            assert asked["GetMembers"] == 0
            accepted = [request.time for request in sim.requests if request.operation == "AcceptInvitation"]
            assert max((later - earlier).total_seconds() for earlier, later in pairwise(accepted)) < 0.5


async def test_a_full_graph_with_faults(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Despite throttles and lost connections every valid account is enabled, every other one reported."""
    wanted = some_accounts(1200)
    bad = {one.account_id for one in wanted[::33]}
    for one in wanted:
        sim.account(one.account_id, "somebody.else@example.com" if one.account_id in bad else None)
    sim.set_verification_delay(20)
    sim.throttle(None, probability=0.05)
    for when in ("before", "after"):
        sim.inject(Fault(Drop(when), count=None, probability=0.005))
    # asyncio's debug mode would take most of the time.
    asyncio.get_running_loop().set_debug(False)
    plan = await plan_membership(client, wanted, regions=[REGION], members=accepting(sim))
    assert len(plan.actions) == 1 + 2 * 1200
    report = await plan.apply()
    assert {row.account_id for row in report.failures} == bad
    assert all("verification failed" in (row.problem or "") for row in report.failures)
    assert statuses(sim) == {
        one.account_id: "VERIFICATION_FAILED" if one.account_id in bad else "ENABLED" for one in wanted
    }
    sim.clear_faults()
    plan = await plan_membership(client, wanted, regions=[REGION], members=accepting(sim), retry_failed=False)
    assert not plan
    assert {problem.account_id for problem in plan.problems} == bad
    # Only the calls' own retries repeat requests.
    faulty = {id(one) for one in sim.requests if any(isinstance(effect, (Drop, Throttle)) for effect in one.faults)}
    sound = [one for one in sim.requests if id(one) not in faulty]
    accepted = Counter(one.account_id for one in sound if one.operation == "AcceptInvitation")
    assert set(accepted.values()) == {1}
    repeated = sum(one.operation == "CreateMembers" for one in sim.requests) - 24
    assert sum(invitations(sim).values()) <= 1200 + 50 * repeated
    # Seven pages, read a few times during verification.
    assert sum(one.operation == "ListMembers" for one in sound) <= 7 * 30
    assert Throttle() in [effect for one in sim.requests for effect in one.faults]

"""The service as slow as it is: answers that lag behind, checks that take time, and outages; in virtual time."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from support.virtual_time import in_virtual_time

from detective_async import Clock, DetectiveClient
from detective_async.membership import ActionKind, ByOrganization, MembershipPlan, Reason, plan_membership
from detective_async.testing import DetectiveSimulator, Drop, Failure, Fault, Latency, Throttle
from membership.worlds import (
    ADMINISTRATOR,
    ELSEWHERE,
    READS,
    REGION,
    accepting,
    address,
    check_contract,
    graph,
    invitations,
    load_world,
    member,
    some_accounts,
    statuses,
    writes,
)

pytestmark = [pytest.mark.exhaustive, pytest.mark.slow]

WANTED = some_accounts(60)
REGIONS = [REGION, ELSEWHERE]
MANAGEMENT = "999999999999"
DETECTIVE_READS = READS - {"GetCallerIdentity"}
OF_GRAPHS = frozenset(
    {
        ActionKind.ENABLE_ADMINISTRATOR,
        ActionKind.TAG_GRAPH,
        ActionKind.START_PACKAGES,
        ActionKind.SET_AUTO_ENABLE,
    }
)
#: As botocore lists them, without one.
TWENTY = tuple(
    f"{area}-{number}"
    for areas, number in (
        (("af-south", "ap-east", "ap-northeast", "ap-south", "ap-southeast", "ca-central", "eu-central"), 1),
        (("eu-north", "eu-south", "eu-west", "il-central", "me-south", "sa-east", "us-east", "us-west"), 1),
        (("ap-northeast", "ap-southeast", "eu-west", "us-east", "us-west"), 2),
    )
    for area in areas
)


def loop_clock(chance: float = 0.5) -> Clock:
    loop = asyncio.get_running_loop()
    return Clock(time=lambda: 1_800_000_000 + loop.time(), monotonic=loop.time, random=lambda: chance)


@asynccontextmanager
async def world(**delays: Any) -> AsyncIterator[tuple[DetectiveSimulator, DetectiveClient]]:
    """Yield a simulator and a client of the administrator, both on the event loop's clock."""
    clock = loop_clock()
    async with (
        DetectiveSimulator(wall_clock=clock.time, **delays) as sim,
        DetectiveClient(
            region=REGION, endpoint_url=sim.url, credentials=sim.account(ADMINISTRATOR), clock=clock
        ) as client,
    ):
        yield sim, client


async def make_plan(client: DetectiveClient, sim: DetectiveSimulator, **options: Any) -> MembershipPlan:
    return await plan_membership(client, WANTED, **{"regions": REGIONS, "members": accepting(sim), **options})


@in_virtual_time
async def test_lag_everywhere() -> None:
    """Sixty accounts in two regions with five seconds of lag and of checks are enabled by one application."""
    async with world(verification_delay=5, activation_delay=5) as (sim, client):
        sim.set_read_lag(5)
        plan = await make_plan(client, sim, tags={"a": "b"}, datasource_packages=["EKS_AUDIT"])
        began = asyncio.get_running_loop().time()
        report = await plan.apply(timeout=60)
        assert report.ok
        assert asyncio.get_running_loop().time() - began < 40
        check_contract(sim, plan)
        assert writes(sim) == {"CreateGraph": 2, "CreateMembers": 4, "AcceptInvitation": 120}
        assert not await make_plan(client, sim)


@pytest.mark.parametrize("operation", ["ListGraphs", "ListMembers", "AcceptInvitation", "ListTagsForResource"])
def test_lag_of_one_operation(operation: str) -> None:
    """Whichever operation lags behind the others, everything is waited for."""

    @in_virtual_time
    async def run() -> None:
        async with world(verification_delay=1) as (sim, client):
            sim.set_read_lag(20, [operation])
            plan = await make_plan(client, sim, tags={"a": "b"})
            assert (await plan.apply(timeout=90)).ok
            check_contract(sim, plan)
            assert set(invitations(sim).values()) == {1}

    run()


@in_virtual_time
async def test_looks_per_second() -> None:
    """While three hundred accounts are verified one after the other, there are at most eight looks a second."""
    loop = asyncio.get_running_loop()
    many = some_accounts(300)
    async with world() as (sim, client):
        now = sim.now
        load_world(
            sim,
            graph(
                *(
                    member(one.account_id, "VERIFICATION_IN_PROGRESS", verifies_at=now + timedelta(seconds=2 + i / 30))
                    for i, one in enumerate(many)
                )
            ),
        )
        plan = await plan_membership(client, many, regions=[REGION], members=accepting(sim))
        sim.forget_requests()
        began = loop.time()
        assert (await plan.apply()).ok
        elapsed = loop.time() - began
    asked = Counter(one.operation for one in sim.requests)
    assert asked["GetMembers"] == 0
    assert 10 < elapsed < 14
    assert 2 * elapsed < asked["ListMembers"] <= 8 * elapsed


@pytest.mark.parametrize("number", [60, 1500])
def test_reads_per_second(number: int) -> None:
    """However many states are waited for at once, a region receives at most eight reads in any second."""

    @in_virtual_time
    async def run() -> None:
        many = some_accounts(number)
        async with world(verification_delay=10) as (sim, client):
            sim.organization(MANAGEMENT, [ADMINISTRATOR, *(one.account_id for one in many)])
            management = client.with_options(credentials=sim.account(MANAGEMENT))
            await management.enable_organization_admin_account(ADMINISTRATOR)
            (arn,) = sim.snapshot()
            sim.set_package(arn, "EKS_AUDIT", "DISABLED")
            plan = await plan_membership(
                client,
                many,
                regions=REGIONS,
                members=ByOrganization(
                    administrator_id=ADMINISTRATOR, management_credentials=sim.account(MANAGEMENT), auto_enable=True
                ),
                tags={"a": "b"},
                datasource_packages=["EKS_AUDIT"],
            )
            assert {one.kind for one in plan.actions} >= OF_GRAPHS
            sim.set_package_delay(15)
            sim.set_read_lag(5)
            await asyncio.sleep(5)
            report = await plan.apply(timeout=60)
            assert [one.problem for one in report.regions] == [None, None]
        for region in REGIONS:
            of_graph = [one for one in sim.requests if one.region == region and one.operation in DETECTIVE_READS]
            read = sorted(one.time for one in of_graph)
            assert min(later - earlier for earlier, later in zip(read, read[8:], strict=False)) >= timedelta(seconds=1)

    run()


@in_virtual_time
async def test_planning_in_twenty_regions() -> None:
    """Twelve hundred accounts are planned with a handful of requests for each region."""
    many = some_accounts(1200)
    members = [
        member(one.account_id, "INVITED" if number % 3 else "ENABLED", address(one.account_id))
        for number, one in enumerate(many[:1100])
    ]
    async with world() as (sim, client):
        load_world(sim, *(graph(*members, region=region) for region in TWENTY))
        plan = await plan_membership(client, many, regions=TWENTY, members=accepting(sim))
        assert plan.problems == ()
        assert len(plan.actions) == 20 * (733 + 2 * 100)
        assert len(sim.requests) == 1 + 20 * (1 + 6)


@pytest.mark.parametrize("effect", [Drop("before"), Drop("after"), Failure(503), Throttle()])
@pytest.mark.parametrize("begins", [0.5, 2.5])
def test_outage(effect: Any, begins: float) -> None:
    """An outage of everything that is shorter than the deadline, at its beginning or in the middle."""

    @in_virtual_time
    async def run() -> None:
        async with world(verification_delay=2) as (sim, client):
            plan = await make_plan(client, sim)
            application = asyncio.create_task(plan.apply(timeout=60))
            await asyncio.sleep(begins)
            sim.inject(Fault(effect, count=None))
            await asyncio.sleep(50)
            sim.clear_faults()
            report = await application
            assert report.ok, report
            check_contract(sim, plan)

    run()


@pytest.mark.parametrize("lag", [0.0, 4.0])
@pytest.mark.parametrize("later", [0.0, 0.3, 1.0, 3.0, 6.0])
def test_two_runs_at_once(lag: float, later: float) -> None:
    """In any order, both end with everything as wanted."""

    @in_virtual_time
    async def run() -> None:
        async with world(verification_delay=2) as (sim, client):
            sim.set_read_lag(lag)

            async def onboard(wait: float) -> bool:
                await asyncio.sleep(wait)
                return (await (await make_plan(client, sim, tags={"a": "b"})).apply(timeout=90)).ok

            assert all(await asyncio.gather(onboard(0), onboard(later)))
            for region in REGIONS:
                assert set(statuses(sim, region).values()) == {"ENABLED"}
            assert not await make_plan(client, sim)

    run()


@pytest.mark.parametrize("moment", range(3, 60, 8))
def test_new_plan_after_a_crash(moment: int) -> None:
    """With answers that lag behind, a plan that is made at once completes what was interrupted at any request."""

    @in_virtual_time
    async def run() -> None:
        async with world(verification_delay=1) as (sim, client):
            load_world(
                sim,
                graph(
                    member(WANTED[0].account_id, "VERIFICATION_FAILED", "somebody.else@example.com"),
                    member(WANTED[1].account_id, "INVITED"),
                    member("9" * 12, "ENABLED"),
                ),
                verification_delay=1,
            )
            sim.set_read_lag(4)
            options: dict[str, Any] = {"remove_others": True, "max_removals": 1}
            task = asyncio.create_task((await make_plan(client, sim, **options)).apply(timeout=60))
            while len(sim.requests) < moment and not task.done():  # noqa: ASYNC110 - it is about this very moment
                await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            sim.forget_requests()
            plan = await make_plan(client, sim, **options)
            report = await plan.apply(timeout=60)
            assert report.ok, report
            check_contract(sim, plan)
            for region in REGIONS:
                assert statuses(sim, region) == dict.fromkeys((one.account_id for one in WANTED), "ENABLED")

    run()


@in_virtual_time
async def test_a_slow_region_does_not_starve_the_others() -> None:
    """Where each acceptance takes long in one region, the other one is done as soon as alone."""
    loop = asyncio.get_running_loop()
    took: list[float] = []
    for regions in ([REGION], [ELSEWHERE, REGION]):
        async with world() as (sim, client):
            sim.inject(Fault(Latency(5), "AcceptInvitation", region=ELSEWHERE, count=None))
            plan = await make_plan(client, sim, regions=regions, concurrency=6)
            began = loop.time()
            application = asyncio.create_task(plan.apply())
            while set(statuses(sim).values()) != {"ENABLED"}:  # noqa: ASYNC110 - the simulator gives no sign of it
                await asyncio.sleep(0.05)
            took.append(loop.time() - began)
            report = await application
            assert {row.reason for row in report.failures} <= {Reason.TIMED_OUT}
            if len(regions) == 1:
                sim.clear_faults()
    alone, beside = took
    assert beside < alone + 2


@in_virtual_time
async def test_a_region_that_hung_once_is_not_the_last() -> None:
    """With one slot for eight regions, its accounts are enabled beside those of the others, and not after them."""
    loop = asyncio.get_running_loop()
    async with world() as (sim, client):
        plan = await plan_membership(client, WANTED[:10], regions=TWENTY[:8], members=accepting(sim), concurrency=1)
        sim.inject(Fault(Latency(10), "ListMembers", region=TWENTY[0]))
        sim.inject(Fault(Latency(0.2), "AcceptInvitation", count=None))
        began = loop.time()
        application = asyncio.create_task(plan.apply())
        while "ENABLED" not in statuses(sim, TWENTY[0]).values():  # noqa: ASYNC110 - the simulator gives no sign of it
            await asyncio.sleep(0.1)
        first = loop.time() - began
        assert (await application).ok
        assert first < 18
        assert loop.time() - began > 25

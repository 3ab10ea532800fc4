"""What goes wrong for a whole region, or takes too long: its reason stands with each account, and the rest goes on."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from support.virtual_time import in_virtual_time

from detective_async import (
    AccessDeniedException,
    Clock,
    ConflictException,
    DetectiveClient,
    HostNotFound,
    Paginator,
    TagResourceResponse,
    Timeouts,
    TooManyRequestsException,
)
from detective_async.membership import plan_membership
from detective_async.testing import DetectiveSimulator, Failure, Fault, Latency, Throttle
from membership.worlds import (
    ADMINISTRATOR,
    ELSEWHERE,
    REGION,
    Fate,
    Told,
    WorldTime,
    account,
    administrator,
    fates,
    fill,
    graph,
    invited,
    member,
    work_left,
    writes,
)

ONE, TWO, THREE = IDS = [f"{number}" * 12 for number in range(2, 5)]
WANTED = [account(one) for one in IDS]
WELL = Fate(None, "ENABLED", "invite, accept")
DENIED = Failure(403, "AccessDeniedException", "not you")


async def test_a_region_that_is_not_available(sim: DetectiveSimulator) -> None:
    """Its accounts fail with the reason, told once in the summary; the other regions are done."""
    sim.close_region(ELSEWHERE)
    told = Told([])
    async with administrator(sim) as client:
        plan = await plan_membership(
            client, WANTED, regions=[ELSEWHERE, REGION, "eu-central-1"], member_credentials=sim.account
        )
        report = await plan.apply(progress=told)
    assert not report.ok
    assert {row.region for row in report.failures} == {ELSEWHERE}
    assert len(report.failures) == 3
    (failed,) = [region for region in report.regions if not region.ok]
    assert failed.region == ELSEWHERE
    assert failed.graph_arn is None
    assert {(row.problem, row.error) for row in report.failures} == {(failed.problem, failed.error)}
    assert "is not available to the account in this region: UnrecognizedClientException" in (failed.problem or "")
    assert set(fates(report).values()) == set(fates(report, "eu-central-1").values()) == {WELL}
    assert len(str(report).splitlines()) == 2
    assert (len(told.events), told.events[-1].failed) == (9, 3)
    assert sum(request.region == ELSEWHERE for request in sim.requests) == 2


async def test_a_region_without_detective(sim: DetectiveSimulator) -> None:
    """A host that does not exist is looked up once, and not time after time."""

    class Nowhere(DetectiveClient):
        looked = 0

        def iter_graphs(self, **_: Any) -> Paginator[Any, Any]:
            Nowhere.looked += 1
            raise HostNotFound("no such host", operation="ListGraphs", attempts=1, outcome_unknown=False)

    async with Nowhere(
        region=REGION, endpoint_url=sim.url, credentials=sim.account(ADMINISTRATOR), clock=WorldTime(sim).clock()
    ) as client:
        plan = await plan_membership(client, WANTED, regions=[REGION])
    assert Nowhere.looked == 1
    assert "Detective is not available to the account in this region" in plan.problems[0].text


@pytest.mark.parametrize("operation", ["ListGraphs", "CreateGraph", "ListMembers"])
async def test_a_region_where_something_is_refused(sim: DetectiveSimulator, operation: str) -> None:
    """Without a graph, or its members' states, nothing is done there."""
    async with administrator(sim) as client:
        plan = await plan_membership(client, WANTED, regions=[REGION, ELSEWHERE])
        sim.inject(Fault(DENIED, operation, region=ELSEWHERE, count=None))
        report = await plan.apply()
    assert {row.region for row in report.failures} == {ELSEWHERE}
    assert {type(row.error) for row in report.failures} == {AccessDeniedException}
    assert (ELSEWHERE, ONE) not in invited(sim)
    refused = [one for one in sim.requests if (one.operation, one.region) == (operation, ELSEWHERE) and one.faults]
    assert len(refused) == 1


async def test_a_region_that_could_not_be_looked_at_before(sim: DetectiveSimulator) -> None:
    """It is tried again when the plan is applied; but nobody is removed whom the plan did not name."""
    fill(sim, graph(member(THREE, "ENABLED")))
    async with administrator(sim) as client:
        sim.inject(Fault(DENIED, "ListGraphs"))
        plan = await plan_membership(client, WANTED[:2], regions=[REGION], remove_others=True)
        assert not plan
        report = await plan.apply()
    assert report.ok
    assert fates(report) == {one: Fate(None, "INVITED", "invite") for one in (ONE, TWO)}
    assert next(iter(sim.snapshot().values()))["members"][THREE] == "ENABLED"


async def test_a_graph_that_is_being_changed(sim: DetectiveSimulator) -> None:
    """A conflict is no end: the state is looked at again, five times."""
    conflict = Failure(409, "ConflictException", "busy")
    sim.inject(Fault(conflict, "CreateGraph", region=REGION, count=5))
    sim.inject(Fault(conflict, "CreateGraph", region=ELSEWHERE, count=6))
    async with administrator(sim) as client:
        plan = await plan_membership(client, WANTED, regions=[REGION, ELSEWHERE])
        report = await plan.apply()
    here, there = report.regions
    assert here.done == ("create graph",)
    assert isinstance(there.error, ConflictException)
    assert there.done == ()
    assert {row.region for row in report.failures} == {ELSEWHERE}


async def test_what_is_about_the_graph_does_not_hold_up_its_members(sim: DetectiveSimulator) -> None:
    """Tags and packages that cannot be set make the report fail, and no account."""
    fill(sim, graph())
    sim.inject(Fault(DENIED, "TagResource"))
    sim.inject(Fault(Throttle(), "UpdateDatasourcePackages", count=None))
    async with administrator(sim) as client:
        plan = await plan_membership(
            client,
            WANTED,
            regions=[REGION],
            member_credentials=sim.account,
            tags={"a": "b"},
            datasource_packages=["EKS_AUDIT"],
        )
        report = await plan.apply()
    assert set(fates(report).values()) == {WELL}
    assert report.failures == ()
    assert not report.ok
    (region,) = report.regions
    assert isinstance(region.error, AccessDeniedException)
    denied, _, throttled = (region.problem or "").partition("; TooManyRequestsException: ")
    assert denied.startswith("AccessDeniedException: not you")
    assert throttled
    assert str(report).splitlines()[1] == f"  {REGION}: {region.problem}"
    sim.clear_faults()


async def test_something_that_has_no_effect(sim: DetectiveSimulator) -> None:
    """What succeeded is not done twice; when it does not show in time, that is told."""
    fill(sim, graph())

    class Futile(DetectiveClient):
        tagged = 0

        async def tag_resource(self, resource_arn: str, tags: Mapping[str, str]) -> TagResourceResponse:
            assert (resource_arn, dict(tags)) == (next(iter(sim.snapshot())), {"a": "b"})
            Futile.tagged += 1
            return TagResourceResponse()

    async with Futile(
        region=REGION,
        endpoint_url=sim.url,
        credentials=sim.account(ADMINISTRATOR),
        clock=WorldTime(sim).clock(real_dates=True),
    ) as client:
        plan = await plan_membership(client, WANTED, regions=[REGION], tags={"a": "b"})
        report = await plan.apply()
    assert Futile.tagged == 1
    assert report.regions[0].problem == "tag graph was done, and there is still no sign of it"
    assert report.regions[0].done == ("tag graph",)
    assert report.regions[0].error is None


async def test_verification_that_takes_too_long(sim: DetectiveSimulator) -> None:
    """At the deadline those that are not ready fail with how far they are; the others are done, and so is the graph."""
    fill(sim, graph(member(ONE, "VERIFICATION_IN_PROGRESS"), member(TWO, "INVITED")), verification_delay=10_000)
    time = WorldTime(sim)
    async with DetectiveClient(
        region=REGION, endpoint_url=sim.url, credentials=sim.account(ADMINISTRATOR), clock=time.clock(real_dates=True)
    ) as client:
        plan = await plan_membership(client, WANTED, regions=[REGION], member_credentials=sim.account)
        began = time.now
        report = await plan.apply(timeout=90)
        assert time.now - began == pytest.approx(90)
        late = "not done within 90 s: it is VERIFICATION_IN_PROGRESS"
        assert fates(report) == {
            ONE: Fate("VERIFICATION_IN_PROGRESS", "VERIFICATION_IN_PROGRESS", "", late),
            TWO: Fate("INVITED", "ENABLED", "accept"),
            THREE: Fate(None, "VERIFICATION_IN_PROGRESS", "invite", late),
        }
        assert report.regions[0].ok
        await sim.advance(10_000)
        sim.forget_requests()
        report = await plan.apply(timeout=90)
        assert report.ok
        assert writes(sim) == {"AcceptInvitation": 2}


@asynccontextmanager
async def in_loop_time(*members: Mapping[str, Any]) -> AsyncIterator[tuple[DetectiveSimulator, DetectiveClient]]:
    """Give a simulator with a graph, and the administrator's client, both on the time of the event loop."""
    loop = asyncio.get_running_loop()
    clock = Clock(time=lambda: 1_800_000_000 + loop.time(), monotonic=loop.time, random=lambda: 0.5)
    async with (
        DetectiveSimulator(wall_clock=clock.time) as sim,
        DetectiveClient(
            region=REGION,
            endpoint_url=sim.url,
            credentials=sim.account(ADMINISTRATOR),
            clock=clock,
            timeouts=Timeouts(read=None, attempt=None, total=None),
        ) as client,
    ):
        fill(sim, graph(*members))
        yield sim, client


@in_virtual_time
async def test_trouble_at_the_deadline() -> None:
    """Who had trouble then is told with it."""
    async with in_loop_time(member(ONE, "INVITED")) as (sim, client):
        sim.throttle(None, operation="AcceptInvitation")
        plan = await plan_membership(client, WANTED[:1], regions=[REGION], member_credentials=sim.account)
        report = await plan.apply(timeout=3)
    (failure,) = report.failures
    assert (failure.problem or "").startswith("not done within 3 s: it is INVITED; TooManyRequestsException")
    assert isinstance(failure.error, TooManyRequestsException)


@in_virtual_time
async def test_a_service_that_does_not_answer() -> None:
    """The time limit holds for a region that hangs, and for an account that hangs; others are done meanwhile."""
    late = "not done within 60 s"
    async with in_loop_time(member(ONE, "INVITED"), member(TWO, "INVITED")) as (sim, client):
        plan = await plan_membership(
            client, WANTED[:2], regions=[REGION, ELSEWHERE], member_credentials=sim.account, tags={"a": "b"}
        )
        sim.inject(Fault(Latency(1000), "ListGraphs", region=ELSEWHERE))
        sim.inject(Fault(Latency(1000), "AcceptInvitation", account=ONE))
        began = asyncio.get_running_loop().time()
        report = await plan.apply(timeout=60)
        assert asyncio.get_running_loop().time() - began == pytest.approx(60)
        assert work_left() == []
    assert fates(report) == {
        ONE: Fate("INVITED", "INVITED", "", f"{late}: it is INVITED"),
        TWO: Fate("INVITED", "ENABLED", "accept"),
    }
    assert set(fates(report, ELSEWHERE).values()) == {Fate(None, None, "", f"{late}: it is no member")}
    assert [region.problem for region in report.regions] == [None, late]


async def test_a_clock_that_passes_the_deadline_while_something_is_under_way(sim: DetectiveSimulator) -> None:
    """What is under way then is given up, and nothing is begun."""
    fill(sim, graph(member(ONE, "INVITED"), member(TWO, "INVITED")))
    sim.inject(Fault(Latency(60), "AcceptInvitation", account=ONE))
    time = WorldTime(sim)
    async with DetectiveClient(
        region=REGION, endpoint_url=sim.url, credentials=sim.account(ADMINISTRATOR), clock=time.clock(real_dates=True)
    ) as client:
        plan = await plan_membership(client, WANTED[:2], regions=[REGION], member_credentials=sim.account)

        def jump(_: object) -> None:
            time.now += 1000

        report = await plan.apply(progress=jump)
    assert fates(report)[TWO] == Fate("INVITED", "ENABLED", "accept")
    assert fates(report)[ONE] == Fate("INVITED", "INVITED", "", "not done within 900 s: it is INVITED")

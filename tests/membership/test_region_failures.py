"""Failures of a whole region and timeouts: each account gets the reason, and the other regions are processed."""

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
    ProgressEvent,
    TagResourceResponse,
    Timeouts,
    TooManyRequestsException,
)
from detective_async.membership import plan_membership
from detective_async.testing import DetectiveSimulator, Failure, Fault, Latency, Throttle
from membership.worlds import (
    ADMINISTRATOR,
    DENIED,
    ELSEWHERE,
    IDS,
    ONBOARDED,
    REGION,
    Result,
    WorldTime,
    account,
    administrator,
    graph,
    invitations,
    load_world,
    member,
    plan_and_apply,
    results,
    running_tasks,
    writes,
)

ONE, TWO, THREE = IDS[:3]
WANTED = [account(one) for one in IDS[:3]]


async def test_unavailable_region(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Its accounts fail with the reason, shown once in the text; the other regions are processed."""
    sim.close_region(ELSEWHERE)
    events: list[ProgressEvent] = []
    plan = await plan_membership(
        client, WANTED, regions=[ELSEWHERE, REGION, "eu-central-1"], member_credentials=sim.account
    )
    report = await plan.apply(progress=events.append)
    assert not report.ok
    assert {row.region for row in report.failures} == {ELSEWHERE}
    assert len(report.failures) == 3
    (failed,) = [region for region in report.regions if not region.ok]
    assert failed.region == ELSEWHERE
    assert failed.graph_arn is None
    assert {(row.problem, row.error) for row in report.failures} == {(failed.problem, failed.error)}
    # AWS has one error for both.
    either = "Detective is not available to the account in this region, or its access keys do not exist: Unrecognized"
    assert (failed.problem or "").startswith(either)
    assert set(results(report).values()) == set(results(report, "eu-central-1").values()) == {ONBOARDED}
    assert len(str(report).splitlines()) == 2
    assert (len(events), events[-1].failed) == (9, 3)
    assert sum(request.region == ELSEWHERE for request in sim.requests) == 2


async def test_missing_host(sim: DetectiveSimulator) -> None:
    """A host that does not exist is not retried; it is not said to be a region without Detective."""

    class NoHost(DetectiveClient):
        calls = 0

        def iter_graphs(self, **_: Any) -> Paginator[Any, Any]:
            NoHost.calls += 1
            raise HostNotFound("no such host", operation="ListGraphs", attempts=1, outcome_unknown=False)

    async with administrator(sim, NoHost) as client:
        plan = await plan_membership(client, WANTED, regions=[REGION])
    assert NoHost.calls == 1
    assert plan.problems[0].text == "ListGraphs: no such host; attempts: 1"


@pytest.mark.parametrize("operation", ["ListGraphs", "CreateGraph", "ListMembers"])
async def test_refused_operation(sim: DetectiveSimulator, client: DetectiveClient, operation: str) -> None:
    """Without a graph, or its members' states, nothing is done in the region."""
    plan = await plan_membership(client, WANTED, regions=[REGION, ELSEWHERE])
    sim.inject(Fault(DENIED, operation, region=ELSEWHERE, count=None))
    report = await plan.apply()
    assert {row.region for row in report.failures} == {ELSEWHERE}
    assert {type(row.error) for row in report.failures} == {AccessDeniedException}
    assert (ELSEWHERE, ONE) not in invitations(sim)
    refused = [one for one in sim.requests if (one.operation, one.region) == (operation, ELSEWHERE) and one.faults]
    assert len(refused) == 1


async def test_region_unreadable_when_planned(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """It is read again when the plan is applied; no unplanned removal follows."""
    load_world(sim, graph(member(THREE, "ENABLED")))
    sim.inject(Fault(DENIED, "ListGraphs"))
    plan = await plan_membership(client, WANTED[:2], regions=[REGION], remove_others=True)
    assert not plan
    report = await plan.apply()
    assert report.ok
    assert results(report) == {one: Result(None, "INVITED", "invite") for one in (ONE, TWO)}
    assert next(iter(sim.snapshot().values()))["members"][THREE] == "ENABLED"


async def test_conflict(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """A conflict is retried five times."""
    conflict = Failure(409, "ConflictException", "busy")
    sim.inject(Fault(conflict, "CreateGraph", region=REGION, count=5))
    sim.inject(Fault(conflict, "CreateGraph", region=ELSEWHERE, count=6))
    report = await plan_and_apply(client, WANTED, regions=[REGION, ELSEWHERE])
    here, there = report.regions
    assert here.done == ("create graph",)
    assert isinstance(there.error, ConflictException)
    assert there.done == ()
    assert {row.region for row in report.failures} == {ELSEWHERE}


async def test_tags_and_packages_fail(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """The report fails, but no account does."""
    load_world(sim, graph())
    sim.inject(Fault(DENIED, "TagResource"))
    sim.inject(Fault(Throttle(), "UpdateDatasourcePackages", count=None))
    report = await plan_and_apply(
        client, WANTED, member_credentials=sim.account, tags={"a": "b"}, datasource_packages=["EKS_AUDIT"]
    )
    assert set(results(report).values()) == {ONBOARDED}
    assert report.failures == ()
    assert not report.ok
    (region,) = report.regions
    assert isinstance(region.error, AccessDeniedException)
    denied, _, throttled = (region.problem or "").partition("; TooManyRequestsException: ")
    assert denied.startswith("AccessDeniedException: not you")
    assert throttled
    assert str(report).splitlines()[1] == f"  {REGION}: {region.problem}"
    sim.clear_faults()


async def test_action_without_effect(sim: DetectiveSimulator) -> None:
    """A successful action is not repeated; if its effect does not show, that is reported."""
    load_world(sim, graph())

    class IgnoresTags(DetectiveClient):
        calls = 0

        async def tag_resource(self, resource_arn: str, tags: Mapping[str, str]) -> TagResourceResponse:
            assert (resource_arn, dict(tags)) == (next(iter(sim.snapshot())), {"a": "b"})
            IgnoresTags.calls += 1
            return TagResourceResponse()

    async with administrator(sim, IgnoresTags) as client:
        report = await plan_and_apply(client, WANTED, tags={"a": "b"})
    assert IgnoresTags.calls == 1
    assert report.regions[0].problem == "tag graph was done, but its effect is not visible yet: plan again later"
    assert report.regions[0].done == ("tag graph",)
    assert report.regions[0].error is None


async def test_timeout_during_verification(sim: DetectiveSimulator) -> None:
    """Unfinished accounts fail with their status; the others and the graph are done."""
    load_world(sim, graph(member(ONE, "VERIFICATION_IN_PROGRESS"), member(TWO, "INVITED")), verification_delay=10_000)
    time = WorldTime(sim)
    async with administrator(sim, time=time) as client:
        plan = await plan_membership(client, WANTED, regions=[REGION], member_credentials=sim.account)
        began = time.now
        report = await plan.apply(timeout=90)
        assert time.now - began == pytest.approx(90)
        late = "not done within 90 s: the account is VERIFICATION_IN_PROGRESS"
        assert results(report) == {
            ONE: Result("VERIFICATION_IN_PROGRESS", "VERIFICATION_IN_PROGRESS", "", late),
            TWO: Result("INVITED", "ENABLED", "accept"),
            THREE: Result(None, "VERIFICATION_IN_PROGRESS", "invite", late),
        }
        assert report.regions[0].ok
        await sim.advance(10_000)
        sim.forget_requests()
        report = await plan.apply(timeout=90)
        assert report.ok
        assert writes(sim) == {"AcceptInvitation": 2}


@asynccontextmanager
async def in_loop_time(*members: Mapping[str, Any]) -> AsyncIterator[tuple[DetectiveSimulator, DetectiveClient]]:
    """Yield a simulator with a graph and a client, both on the event loop's clock."""
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
        load_world(sim, graph(*members))
        yield sim, client


@in_virtual_time
async def test_last_error_at_the_timeout() -> None:
    """The problem contains the last error."""
    async with in_loop_time(member(ONE, "INVITED")) as (sim, client):
        sim.throttle(None, operation="AcceptInvitation")
        plan = await plan_membership(client, WANTED[:1], regions=[REGION], member_credentials=sim.account)
        report = await plan.apply(timeout=60)
    (failure,) = report.failures
    assert (failure.problem or "").startswith("not done within 60 s: the account is INVITED; TooManyRequestsException")
    assert isinstance(failure.error, TooManyRequestsException)


@in_virtual_time
async def test_timeout_without_response() -> None:
    """The timeout applies to a region and to an account that hang; others are processed meanwhile."""
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
        assert running_tasks() == []
    assert results(report) == {
        ONE: Result("INVITED", "INVITED", "", f"{late}: the account is INVITED"),
        TWO: Result("INVITED", "ENABLED", "accept"),
    }
    assert set(results(report, ELSEWHERE).values()) == {Result(None, None, "", f"{late}: the account is not a member")}
    assert [region.problem for region in report.regions] == [None, late]


async def test_deadline_passes_during_an_action(sim: DetectiveSimulator) -> None:
    """The action is cancelled, and no other one starts."""
    load_world(sim, graph(member(ONE, "INVITED"), member(TWO, "INVITED")))
    sim.inject(Fault(Latency(60), "AcceptInvitation", account=ONE))
    time = WorldTime(sim)
    async with administrator(sim, time=time) as client:
        plan = await plan_membership(client, WANTED[:2], regions=[REGION], member_credentials=sim.account)

        def jump(_: object) -> None:
            time.now += 1000

        report = await plan.apply(progress=jump)
    assert results(report)[TWO] == Result("INVITED", "ENABLED", "accept")
    assert results(report)[ONE] == Result("INVITED", "INVITED", "", "not done within 900 s: the account is INVITED")

"""Whose credentials there are: nothing waits for one account's, nor is anything said to be sent without them."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve
from support.virtual_time import in_virtual_time

from detective_async import AssumeRole, Credentials, ServiceError
from detective_async.membership import ActionKind, ByInvitation, ByOrganization, Reason, plan_membership
from detective_async.testing import DetectiveSimulator, Failure, Fault, Latency
from membership.worlds import (
    ADMINISTRATOR,
    ELSEWHERE,
    IDS,
    REGION,
    account,
    administrator,
    arn_in,
    graph,
    in_loop_time,
    load_world,
    member,
    statuses,
    writes,
)

ONE, TWO = IDS[:2]
KNOWN = [{"id": ONE}, {"id": TWO}]
EXPIRED = Failure(403, "ExpiredTokenException", "The security token included in the request is expired")
UNAVAILABLE = Failure(503, "ServiceUnavailable", "come back later")
WAITS = "no credentials yet, or no answer from STS to whose they are"


def renewing(sim: DetectiveSimulator, account_id: str) -> Callable[[], Awaitable[Credentials]]:
    """Return a provider that has new keys each time, and does not say whose they are."""

    async def provider() -> Credentials:
        keys = sim.temporary_credentials(account_id, 3600)
        return evolve(keys, account_id=None, expires_at=datetime.now(UTC) + timedelta(hours=1))

    return provider


@in_virtual_time
async def test_role_that_hangs() -> None:
    """It keeps no other account waiting, and nothing is said to have been sent for its account."""
    async with in_loop_time(member(ONE, "INVITED"), member(TWO, "INVITED")) as (sim, client):

        async def hangs() -> Credentials:
            await asyncio.Event().wait()
            raise AssertionError

        def role_of(account_id: str) -> AssumeRole:
            source = hangs if account_id == ONE else sim.account(ADMINISTRATOR)
            role = sim.role(account_id, "Detective", trusted=[ADMINISTRATOR])
            return AssumeRole(role, source=source, endpoint_url=sim.url, region=REGION)

        members = ByInvitation(credentials=role_of)
        plan = await plan_membership(client, map(account, (ONE, TWO)), regions=[REGION], members=members, concurrency=1)
        report = await plan.apply(timeout=20)
        after = statuses(sim)
    assert after == {ONE: "INVITED", TWO: "ENABLED"}
    (row,) = report.failures
    assert (row.account_id, row.done, row.maybe_done) == (ONE, (), ())
    assert row.problem == f"not done within 20 s: the account is INVITED; {WAITS}"


@in_virtual_time
async def test_many_roles_are_not_assumed_at_once() -> None:
    """As many keys are looked up at a time as there may be calls; those that hang give others their turn."""
    hanging = IDS[:4]
    running: list[str] = []
    peaks = [0]

    async with in_loop_time() as (sim, client):
        graphs = [graph(*(member(one, "INVITED") for one in IDS), region=region) for region in (REGION, ELSEWHERE)]
        load_world(sim, *graphs)

        def keys_of(account_id: str) -> Callable[[], Awaitable[Credentials]]:
            async def provider() -> Credentials:
                running.append(account_id)
                peaks.append(len(set(running).difference(hanging)))
                await asyncio.sleep(1000 if account_id in hanging else 1)
                running.remove(account_id)
                return evolve(sim.account(account_id), account_id=None)

            return provider

        plan = await plan_membership(
            client,
            map(account, IDS),
            regions=[REGION, ELSEWHERE],
            members=ByInvitation(credentials=keys_of),
            concurrency=2,
        )
        report = await plan.apply(timeout=30)
    assert max(peaks) == 2
    assert {row.account_id for row in report.failures} == set(hanging)
    assert all((row.problem or "").endswith(WAITS) for row in report.failures)


@in_virtual_time
async def test_sts_hangs_for_a_new_graph() -> None:
    """The report says what was waited for."""
    async with in_loop_time() as (sim, original):
        client = original.with_options(credentials=renewing(sim, ADMINISTRATOR))
        await client.delete_graph(arn_in(REGION))
        plan = await plan_membership(client, [account(ONE)], regions=[REGION])
        sim.inject(Fault(Latency(1000), "GetCallerIdentity", count=None))
        report = await plan.apply(timeout=20)
    (region,) = report.regions
    assert (region.done, region.maybe_done, region.reason) == ((), (), Reason.TIMED_OUT)
    assert region.problem == f"not done within 20 s: {WAITS}"


@pytest.mark.parametrize("operation", ["CreateGraph", "AcceptInvitation"])
async def test_keys_that_expire_after_sts_has_answered(sim: DetectiveSimulator, operation: str) -> None:
    """They are fetched and asked about again, also more than once."""
    load_world(sim, accounts=KNOWN)
    async with administrator(sim) as original:
        client = original.with_options(credentials=renewing(sim, ADMINISTRATOR))
        members = ByInvitation(credentials=lambda one: renewing(sim, one))
        plan = await plan_membership(client, [account(ONE)], regions=[REGION], members=members)
        sim.inject(Fault(EXPIRED, operation, count=3))
        report = await plan.apply()
    assert report.ok
    assert writes(sim)[operation] == 4


async def test_keys_that_stay_expired(sim: DetectiveSimulator) -> None:
    """Without others, or at the deadline, that is the problem."""
    load_world(sim, graph(member(ONE, "INVITED"), member(TWO, "INVITED")))
    fixed = evolve(sim.account(ONE), account_id=None)
    async with administrator(sim) as client:
        members = ByInvitation(credentials={ONE: fixed, TWO: renewing(sim, TWO)})
        plan = await plan_membership(client, map(account, (ONE, TWO)), regions=[REGION], members=members)
        sim.inject(Fault(EXPIRED, "AcceptInvitation", count=None))
        report = await plan.apply(timeout=30)
    assert [(row.account_id, row.reason) for row in report.failures] == [
        (ONE, Reason.KEYS_EXPIRED),
        (TWO, Reason.KEYS_EXPIRED),
    ]
    assert 1 < writes(sim)["AcceptInvitation"] < 40


@pytest.mark.parametrize("operation", ["CreateGraph", "AcceptInvitation"])
@in_virtual_time
async def test_the_deadline_comes_while_other_keys_are_tried(operation: str) -> None:
    """That the keys were refused until then is the reason, and not the time."""
    async with in_loop_time(member(ONE, "INVITED")) as (sim, original):
        client = original.with_options(credentials=renewing(sim, ADMINISTRATOR))
        if operation == "CreateGraph":
            await client.delete_graph(arn_in(REGION))
        members = ByInvitation(credentials=lambda one: renewing(sim, one))
        plan = await plan_membership(client, [account(ONE)], regions=[REGION], members=members)
        sim.inject(Fault(EXPIRED, operation, count=None))
        application = asyncio.create_task(plan.apply(timeout=30))
        await asyncio.sleep(10)
        sim.clear_faults()
        sim.inject(Fault(Latency(1000), operation, count=None))
        report = await application
    (failure,) = report.failures if operation == "AcceptInvitation" else report.regions
    assert failure.reason is Reason.KEYS_EXPIRED
    assert (failure.problem or "").endswith(
        f"ExpiredTokenException: {EXPIRED.message} ({operation}, HTTP 403, attempts: 1)"
    )
    assert isinstance(failure.error, ServiceError)


async def test_expired_keys_of_a_member(sim: DetectiveSimulator) -> None:
    """Their reason is that, also if STS says it."""
    load_world(sim, graph(member(ONE, "INVITED")))
    async with administrator(sim) as client:
        members = ByInvitation(credentials=lambda one: renewing(sim, one))
        plan = await plan_membership(client, [account(ONE)], regions=[REGION], members=members)
        sim.inject(Fault(Failure(403, "ExpiredToken", "expired"), "GetCallerIdentity", account=ONE, count=None))
        report = await plan.apply()
    assert [row.reason for row in report.failures] == [Reason.KEYS_EXPIRED]


@pytest.mark.parametrize("count", [30, None])
async def test_outage_of_sts_while_planning(sim: DetectiveSimulator, count: int | None) -> None:
    """STS is asked until the deadline before a graph is planned; then its last error is the problem."""
    load_world(sim, accounts=KNOWN)
    async with administrator(sim, max_attempts=1) as client:
        sim.inject(Fault(UNAVAILABLE, "GetCallerIdentity", count=count))
        plan = await plan_membership(client, [account(ONE)], regions=[REGION, "us-east-1"], timeout=900)
    if count is not None:
        assert (plan.problems, plan.administrator_id) == ((), ADMINISTRATOR)
        return
    assert [(problem.region, problem.reason) for problem in plan.problems] == [
        (REGION, Reason.WRONG_ACCOUNT),
        ("us-east-1", Reason.WRONG_ACCOUNT),
    ]
    assert "come back later" in plan.problems[0].text
    assert isinstance(plan.problems[0].error, ServiceError)


@in_virtual_time
async def test_sts_hangs_while_planning() -> None:
    """It is asked once more, and then said to be silent."""
    async with in_loop_time() as (sim, client):
        await client.delete_graph(arn_in(REGION))
        sim.inject(Fault(Latency(1000), "GetCallerIdentity", count=None))
        plan = await plan_membership(client, [account(ONE)], regions=[REGION], timeout=60)
    (problem,) = plan.problems
    assert problem.text == "it is not known whose credentials these are: STS does not respond"
    assert problem.reason is Reason.NO_RESPONSE


@pytest.mark.parametrize("is_organization", [False, True])
async def test_plan_without_its_first_action(sim: DetectiveSimulator, is_organization: bool) -> None:
    """A plan that was changed to make no graph makes none, and says so."""
    load_world(sim, accounts=[*KNOWN, {"id": IDS[2]}])
    sim.organization(IDS[2], [ADMINISTRATOR, ONE])
    organization = ByOrganization(administrator_id=ADMINISTRATOR, management_credentials=sim.account(IDS[2]))
    kinds = {ActionKind.CREATE_GRAPH, ActionKind.ENABLE_ADMINISTRATOR}
    async with administrator(sim) as client:
        members = organization if is_organization else ByInvitation()
        plan = await plan_membership(client, [account(ONE)], regions=[REGION], members=members)
        changed = evolve(plan, actions=tuple(one for one in plan.actions if one.kind not in kinds))
        report = await changed.apply()
    (region,) = report.regions
    kind = "enable administrator" if is_organization else "create graph"
    assert region.problem == f"it now needs {kind!r}, which the plan does not show: plan again"
    assert region.reason is Reason.NOT_PLANNED
    assert writes(sim) == {}

"""What contradicts the plan at first may be out of date: what is believed of it when, and at a deadline before that."""

import asyncio
from typing import Any

import pytest
from attrs import evolve
from support.virtual_time import in_virtual_time

from detective_async import DetectiveClient, ListMembersResponse
from detective_async.membership import ActionKind, ByInvitation, ByOrganization, Reason, plan_membership
from detective_async.testing import DetectiveSimulator, Fault, Latency
from membership.worlds import (
    ADMINISTRATOR,
    IDS,
    REGION,
    accepting,
    account,
    administrator,
    arn_in,
    empty_in_loop_time,
    graph,
    load_world,
    member,
    statuses,
    writes,
)

ONE, TWO = IDS[:2]
MANAGEMENT = "999999999999"


@pytest.mark.parametrize("timeout", [5, 30])
@pytest.mark.parametrize("is_deleted", [False, True])
def test_what_has_become_necessary(timeout: float, *, is_deleted: bool) -> None:
    """It has the same reason at a deadline before it is believed, so that nobody takes it for a slow service."""

    @in_virtual_time
    async def run() -> None:
        async with empty_in_loop_time() as (sim, client):
            sim.organization(MANAGEMENT, [ADMINISTRATOR, ONE])
            management = client.with_options(credentials=sim.account(MANAGEMENT))
            await management.enable_organization_admin_account(ADMINISTRATOR)
            (arn,) = sim.snapshot()
            await client.tag_resource(arn, {"a": "b"})
            await client.create_members(arn, [account(ONE)])
            plan = await plan_membership(
                client,
                [account(ONE)],
                regions=[REGION],
                tags={"a": "b"},
                datasource_packages=["EKS_AUDIT"],
                members=ByOrganization(auto_enable=False),
            )
            assert plan.actions == ()
            await client.untag_resource(arn, ["a"])
            sim.set_package(arn, "EKS_AUDIT", "STOPPED")
            await client.update_organization_configuration(arn, auto_enable=True)
            await client.delete_members(arn, [ONE])
            if is_deleted:
                await client.delete_graph(arn)
            report = await plan.apply(timeout=timeout)
        (region,), (row,) = report.regions, report.rows
        assert (region.reason, row.reason) == (Reason.NOT_PLANNED, Reason.NOT_PLANNED)
        before = "not done within 5 s: " if timeout == 5 else ""
        needed = "it now needs {}, which the plan does not show: plan again"
        if is_deleted:
            how = "not found" if timeout == 5 else "gone, and the plan does not make one"
            assert row.problem == region.problem == f"{before}the graph that the plan is for is {how}: plan again"
        else:
            of_graph = ("'tag graph' (a)", "'start packages' (EKS_AUDIT)", "'set auto-enable' (off)")
            texts = {needed.format(one) for one in of_graph}
            assert set((region.problem or "").removeprefix(before).split("; ")) == texts
            assert row.problem == before + needed.format("'enable member'")

    run()


@pytest.mark.parametrize("is_delegated", [False, True])
def test_packages_of_a_graph_that_was_made(*, is_delegated: bool) -> None:
    """They are waited for, as no action of the plan starts them, however the graph was made."""

    @in_virtual_time
    async def run() -> None:
        async with empty_in_loop_time() as (sim, client):
            sim.set_package_delay(40)
            sim.organization(MANAGEMENT, [ADMINISTRATOR, ONE])
            management = ByOrganization(administrator_id=ADMINISTRATOR, management_credentials=sim.account(MANAGEMENT))
            plan = await plan_membership(
                client,
                [account(ONE)],
                regions=[REGION],
                datasource_packages=["DETECTIVE_CORE"],
                members=management if is_delegated else ByInvitation(),
            )
            assert ActionKind.START_PACKAGES not in {action.kind for action in plan.actions}
            assert (await plan.apply(timeout=60)).ok

    run()


@pytest.mark.parametrize("delay", [4, 20])
def test_graph_that_is_being_deleted(delay: float) -> None:
    """A graph that is still listed, and that the plan did not see, is waited out and made anew, as the plan shows."""

    @in_virtual_time
    async def run() -> None:
        async with empty_in_loop_time() as (sim, client):
            load_world(sim, accounts=[{"id": ONE}])
            sim.set_deletion_delay(delay)
            plan = await plan_membership(client, [account(ONE)], regions=[REGION], members=accepting(sim))
            await client.delete_graph((await client.create_graph()).graph_arn)
            sim.forget_requests()
            report = await plan.apply(timeout=60)
            assert (report.ok, report.regions[0].done) == (True, (ActionKind.CREATE_GRAPH,))
            assert asyncio.get_running_loop().time() < 2 * delay
            assert writes(sim) == {"CreateGraph": 1, "CreateMembers": 1, "AcceptInvitation": 1}
            assert list(statuses(sim).values()) == ["ENABLED"]

    run()


@in_virtual_time
async def test_member_that_the_service_is_at_work_on() -> None:
    """An invited account whose owner accepts is not reported because AWS checks its volume at the end."""
    async with empty_in_loop_time() as (sim, client):
        members = [member(ONE, "INVITED"), member(TWO, "VERIFICATION_IN_PROGRESS")]
        load_world(sim, graph(*members), verification_delay=10)
        sim.set_activation_delay(60)
        plan = await plan_membership(client, [account(ONE), account(TWO)], regions=[REGION])
        application = asyncio.create_task(plan.apply(timeout=40))
        await asyncio.sleep(2)
        await client.with_options(credentials=sim.account(ONE)).accept_invitation(arn_in(REGION))
        report = await application
    assert [(row.after, row.problem) for row in report.rows] == [("ACCEPTED_BUT_DISABLED", None), ("INVITED", None)]


@in_virtual_time
async def test_interruption_before_the_first_look() -> None:
    """The accounts were not looked at; that a tag is missing is a problem of the graph."""
    async with empty_in_loop_time() as (sim, client):
        load_world(sim, graph(member(ONE, "INVITED"), tags={"a": "b"}))
        plan = await plan_membership(client, [account(ONE)], regions=[REGION], tags={"a": "b"})
        await client.untag_resource(arn_in(REGION), ["a"])
        sim.inject(Fault(Latency(100), "ListMembers"))
        application = asyncio.create_task(plan.apply())
        await asyncio.sleep(5)
        application.cancel()
        await asyncio.gather(application, return_exceptions=True)
        assert plan.report is not None
        (row,), (region,) = plan.report.rows, plan.report.regions
    assert (row.problem, row.reason) == ("interrupted: the account was not looked at", Reason.INTERRUPTED)
    assert "tag graph" in (region.problem or "")


async def test_times_in_whole_seconds(sim: DetectiveSimulator) -> None:
    """An invitation is that of this run, also if ListMembers rounds its time and CreateMembers does not."""

    class Rounds(DetectiveClient):
        async def list_members(self, *args: Any, **options: Any) -> ListMembersResponse:
            found = await super().list_members(*args, **options)
            rounded = [
                evolve(one, invited_time=one.invited_time and one.invited_time.replace(microsecond=0))
                for one in found.member_details
            ]
            return evolve(found, member_details=rounded)

    async with administrator(sim, Rounds) as client:
        plan = await plan_membership(client, [account(ONE)], regions=[REGION], members=accepting(sim))
        assert (await plan.apply(timeout=20)).ok


@in_virtual_time
async def test_delegated_graph_that_is_deleted_at_once() -> None:
    """That it is gone is soon reported, also if its members were never read."""
    async with empty_in_loop_time() as (sim, client):
        sim.organization(MANAGEMENT, [ADMINISTRATOR, ONE])
        members = ByOrganization(administrator_id=ADMINISTRATOR, management_credentials=sim.account(MANAGEMENT))
        plan = await plan_membership(client, [account(ONE)], regions=[REGION], members=members)
        sim.inject(Fault(Latency(5), "ListMembers", count=1))
        application = asyncio.create_task(plan.apply(timeout=300))
        while not sim.snapshot():  # noqa: ASYNC110 - the simulator gives no sign of it
            await asyncio.sleep(0.1)
        await asyncio.sleep(2)
        await client.delete_graph(next(iter(sim.snapshot())))
        report = await application
        assert asyncio.get_running_loop().time() < 60
    assert {row.reason for row in report.failures} == {Reason.NOT_PLANNED}

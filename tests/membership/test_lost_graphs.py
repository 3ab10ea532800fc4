"""Graphs that are deleted while a plan is applied: it is soon said, and no membership passes for one that is there."""

import asyncio
from typing import Any

import pytest
from support.virtual_time import in_virtual_time

from detective_async import DetectiveClient
from detective_async.membership import MembershipPlan, MembershipReport, Reason, plan_membership, plan_packages
from detective_async.testing import Fault, Latency
from membership.worlds import (
    IDS,
    REGION,
    accepting,
    account,
    arn_in,
    empty_in_loop_time,
    graph,
    load_world,
    member,
    statuses,
    writes,
)

ONE = IDS[0]
GONE = "the graph that the plan is for is gone, and the plan does not make one: plan again"


async def apply_and_delete(client: DetectiveClient, plan: MembershipPlan) -> tuple[MembershipReport, float]:
    """Apply a plan, delete the graph after three seconds, and return the report and the seconds that it took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    application = asyncio.create_task(plan.apply(timeout=600))
    await asyncio.sleep(3)
    await client.delete_graph(arn_in(REGION))
    return await application, loop.time() - began


@pytest.mark.parametrize("kind", ["packages", "tags", "memberships", "memberships and packages", "packages alone"])
def test_a_graph_that_is_deleted_while_it_is_waited_for(kind: str) -> None:
    """Whatever is waited for, the plan ends long before its deadline; members that were as wanted are so no more."""

    @in_virtual_time
    async def run() -> None:
        async with empty_in_loop_time() as (sim, client):
            is_waiting = kind.startswith("memberships")
            status = "VERIFICATION_IN_PROGRESS" if is_waiting else "ENABLED"
            load_world(sim, graph(member(ONE, status), packages={"EKS_AUDIT": "STOPPED"}), verification_delay=1000)
            sim.set_package_delay(1000)
            options: dict[str, Any] = {"members": accepting(sim)}
            if kind in {"packages", "memberships and packages"}:
                options["datasource_packages"] = ["EKS_AUDIT"]
            if kind == "tags":
                options["tags"] = {"a": "b"}
            if kind == "packages alone":
                plan = await plan_packages(client, ["EKS_AUDIT"], regions=[REGION])
            else:
                plan = await plan_membership(client, [account(ONE)], regions=[REGION], **options)
            if kind == "tags":
                # The tags are asked for when the graph is gone.
                sim.inject(Fault(Latency(5), "ListTagsForResource"))
            report, seconds = await apply_and_delete(client, plan)
            assert seconds < 60
            assert writes(sim)["DeleteGraph"] == 1
        assert [(one.problem, one.reason) for one in report.regions] == [(GONE, Reason.NOT_PLANNED)]
        rows = [(row.after, row.problem, row.reason) for row in report.rows]
        assert rows == ([] if kind == "packages alone" else [(None, GONE, Reason.NOT_PLANNED)])

    run()


@pytest.mark.parametrize(
    "late", [["ListTagsForResource"], ["ListDatasourcePackages"], ["ListTagsForResource", "ListMembers"]], ids=" ".join
)
@in_virtual_time
async def test_a_new_graph_that_only_some_reads_find(late: list[str]) -> None:
    """It is not gone, however long ListGraphs does not list it, while its members can be read or never could be."""
    async with empty_in_loop_time() as (sim, client):
        sim.set_read_lag(40, ["ListGraphs", *late])
        sim.set_package_delay(2)
        await asyncio.sleep(100)
        options: dict[str, Any] = {"members": accepting(sim), "tags": {"a": "b"}, "datasource_packages": ["EKS_AUDIT"]}
        plan = await plan_membership(client, [account(ONE)], regions=[REGION], **options)
        report = await plan.apply()
        assert statuses(sim) == {ONE: "ENABLED"}
    assert report.ok, str(report)


@in_virtual_time
async def test_what_hangs_is_named_at_the_deadline() -> None:
    """The report says for which response the time was not enough."""
    async with empty_in_loop_time() as (sim, client):
        load_world(sim, graph(member(ONE, "ENABLED"), tags={"a": "b"}))
        plan = await plan_membership(client, [account(ONE)], regions=[REGION], tags={"a": "b"})
        sim.inject(Fault(Latency(1000), "ListTagsForResource"))
        (region,) = (await plan.apply(timeout=10)).regions
        assert region.problem == "not done within 10 s: no response yet to the look for 'tag graph'"
        sim.inject(Fault(Latency(1000), "ListGraphs"))
        (region,) = (await plan.apply(timeout=10)).regions
    assert region.problem == "not done within 10 s: no response yet to the look for the graph"

"""Deleting graphs: the plan's text, the confirmation, and failures."""

import asyncio
import copy
import json
import pickle
from typing import Any

import pytest

from detective_async import (
    AccessDeniedException,
    ClientClosed,
    DetectiveClient,
    ListGraphsResponse,
    ParameterError,
    TooManyRequestsException,
)
from detective_async.membership import ActionKind, Reason, plan_teardown
from detective_async.testing import DetectiveSimulator, Drop, Failure, Fault, Throttle
from membership.worlds import (
    ADMINISTRATOR,
    DENIED,
    ELSEWHERE,
    REGION,
    administrator,
    arn_in,
    graph,
    load_world,
    member,
    some_accounts,
    writes,
)

REGIONS = [REGION, ELSEWHERE, "eu-central-1"]


@pytest.fixture(autouse=True)
def _two_graphs(sim: DetectiveSimulator) -> None:
    many = [member(one.account_id, "ENABLED") for one in some_accounts(250)]
    load_world(sim, graph(*many), graph(*many[:1], region=ELSEWHERE))


async def test_text_and_confirmation(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """The plan shows each graph with its number of members; any other confirmation deletes nothing."""
    teardown = await plan_teardown(client, regions=REGIONS)
    assert teardown
    assert str(teardown).splitlines() == [
        "as account 111122223333",
        "eu-west-1:",
        "  delete the graph, for all members too",
        f"    ({arn_in(REGION)}, which has 250 members)",
        "us-east-1:",
        "  delete the graph, for all members too",
        f"    ({arn_in(ELSEWHERE)}, which has 1 member)",
        "eu-central-1:",
        "  nothing to do",
        "DeleteGraph cannot be undone. It deletes the data of up to a year, with all investigations, for the",
        "administrator and all members; a new graph begins without it, and without a new free trial. Security teams",
        "watch for it, as attackers delete graphs to hide: tell yours before.",
    ]
    assert [(action.kind, action.region, action.reason) for action in teardown.actions] == [
        (ActionKind.DELETE_GRAPH, REGION, Reason.TEARDOWN),
        (ActionKind.DELETE_GRAPH, ELSEWHERE, Reason.TEARDOWN),
    ]
    data = teardown.to_dict()
    assert json.loads(json.dumps(data)) == data
    assert (data["administrator_id"], data["regions"], data["notes"]) == (ADMINISTRATOR, REGIONS, [])
    assert data["graphs"] == [
        {"region": REGION, "graph_arn": arn_in(REGION), "members": 250, "invitations": 0},
        {"region": ELSEWHERE, "graph_arn": arn_in(ELSEWHERE), "members": 1, "invitations": 0},
    ]
    assert [action["detail"] for action in data["actions"]] == [action.detail for action in teardown.actions]
    for confirm in ("", "444455556666", REGION):
        with pytest.raises(ParameterError) as raised:
            await teardown.apply(confirm=confirm)
        assert str(raised.value) == (
            "confirm: pass '111122223333', the administrator account whose 2 graphs would be deleted"
        )
    assert writes(sim) == {}


async def test_deletes_planned_graphs(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """A graph that was created since then is not touched, and is a failure: it remains."""
    teardown = await plan_teardown(client, regions=REGIONS)
    elsewhere = client.with_options(region=ELSEWHERE)
    await elsewhere.delete_graph(arn_in(ELSEWHERE))
    anew = (await elsewhere.create_graph()).graph_arn
    sim.forget_requests()
    report = await teardown.apply(confirm=ADMINISTRATOR)
    assert list(sim.snapshot()) == [anew]
    assert writes(sim)["DeleteGraph"] == 2
    gone, other = report.regions
    assert gone.ok
    assert gone.done == (ActionKind.DELETE_GRAPH,)
    assert (gone.graph_arn, other.graph_arn) == (arn_in(REGION), arn_in(ELSEWHERE))
    # Already deleted.
    assert other.done == (ActionKind.DELETE_GRAPH,)
    assert other.problem == "the graph is gone, but the account has another one now: plan again"
    assert (report.ok, other.reason) == (False, Reason.NOT_PLANNED)
    again = await plan_teardown(client, regions=[REGION])
    assert not again
    assert (await again.apply(confirm=ADMINISTRATOR)).regions == ()
    # Credentials of another account than was thought may be why there is no graph.
    with pytest.raises(ParameterError, match="pass '111122223333', the administrator account whose 0 graphs would"):
        await again.apply(confirm="444455556666")


async def test_failures(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """An unreadable region and a refused deletion are reported; other graphs are deleted."""
    sim.inject(Fault(DENIED, "DeleteGraph", region=REGION))
    sim.inject(Fault(DENIED, "ListGraphs", region="eu-central-1"))
    teardown = await plan_teardown(client, regions=REGIONS)
    assert "eu-central-1:\n  problem: not looked at, and may have a graph: AccessDeniedException: no" in str(teardown)
    report = await teardown.apply(confirm=ADMINISTRATOR)
    assert not report.ok
    assert [(region.region, type(region.error)) for region in report.failures] == [
        (REGION, AccessDeniedException),
        ("eu-central-1", AccessDeniedException),
    ]
    assert list(sim.snapshot()) == [arn_in(REGION)]
    assert str(report).splitlines()[0] == "1 graph gone; 1 region not looked at, where there may be more"
    assert [(one["region"], one["reason"]) for one in report.to_dict()["regions"] if not one["ok"]] == [
        (REGION, "access denied"),
        ("eu-central-1", "access denied"),
    ]
    assert [line.split(":")[0].strip() for line in str(report).splitlines()[1:]] == [REGION, "eu-central-1"]


async def test_unknown_outcome(sim: DetectiveSimulator, one_attempt_client: DetectiveClient) -> None:
    """A throttled deletion is repeated; after one without a response, it is seen that the graph is gone."""
    sim.inject(Fault(Drop("after"), "DeleteGraph", region=REGION))
    sim.inject(Fault(Throttle(), "DeleteGraph", region=ELSEWHERE, count=9))
    teardown = await plan_teardown(one_attempt_client, regions=REGIONS)
    report = await teardown.apply(confirm=ADMINISTRATOR)
    assert report.ok
    assert str(report) == "2 graphs gone"
    assert sim.snapshot() == {}
    assert writes(sim) == {"DeleteGraph": 11}


async def test_all_regions(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Those that the account has not opted in to have no graph, and are no problem."""
    sim.close_region("af-south-1")
    sim.inject(Fault(DENIED, "ListGraphs", region="eu-north-1"))
    teardown = await plan_teardown(client, regions="all")
    assert {graph.region for graph in teardown.graphs} == {REGION, ELSEWHERE}
    assert [problem.region for problem in teardown.problems] == ["eu-north-1"]
    assert [(note.region, note.reason) for note in teardown.notes] == [("af-south-1", Reason.REGION_NOT_OPTED_IN)]
    assert "note: the account has not opted in to af-south-1" in str(teardown)
    assert "af-south-1" not in teardown.to_dict()["regions"]


async def test_copies_of_a_teardown(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """They have reports of their own; a teardown is not pickled."""
    load_world(sim, graph())
    teardown = await plan_teardown(client, regions=[REGION])
    with pytest.raises(TypeError, match="a plan cannot be pickled"):
        pickle.dumps(teardown)
    for copied in (copy.copy(teardown), copy.deepcopy(teardown)):
        assert copied == teardown
        assert (await copied.apply(confirm=ADMINISTRATOR)).ok
        assert teardown.report is None


async def test_no_graph_of_an_unknown_account(sim: DetectiveSimulator) -> None:
    """If nobody says whose the credentials are, that there is no graph may be because they are of another account."""
    sim.inject(Fault(DENIED, "GetCallerIdentity", count=None))
    async with administrator(sim, account_id="999988887777") as client:
        teardown = await plan_teardown(client, regions=[REGION])
        report = await teardown.apply(confirm=ADMINISTRATOR)
    (problem,) = teardown.problems
    assert teardown.administrator_id is None
    assert (problem.region, problem.reason) == (REGION, Reason.WRONG_ACCOUNT)
    assert problem.text.startswith("no graph was found, but it is not known whose credentials these are, so nothing is")
    assert not report.ok


async def test_account_that_sts_does_not_say(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Where STS cannot be asked, the owner of a graph is the account; without a graph, it is not known."""
    sim.inject(Fault(DENIED, "GetCallerIdentity", count=None))
    assert (await plan_teardown(client, regions=REGIONS)).administrator_id == ADMINISTRATOR
    assert (await plan_teardown(client, regions=REGIONS[2:])).administrator_id is None


async def test_interrupted(sim: DetectiveSimulator) -> None:
    """A cancelled teardown has a report of what was deleted, what may have been, and what was not begun."""
    load_world(sim, *(graph(region=region) for region in REGIONS))
    reached = asyncio.Event()

    class Hangs(DetectiveClient):
        async def delete_graph(self, graph_arn: str) -> None:
            if self.region == ELSEWHERE:
                reached.set()
                await asyncio.Event().wait()
            await super().delete_graph(graph_arn)

    async with administrator(sim, Hangs) as client:
        teardown = await plan_teardown(client, regions=[REGION, ELSEWHERE, "eu-central-1"], concurrency=1)
        before = teardown.report
        assert before is None
        task = asyncio.create_task(teardown.apply(confirm=ADMINISTRATOR))
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert teardown.report is not None
    assert not teardown.report.ok
    assert [(one.region, one.done, one.reason, one.problem) for one in teardown.report.regions] == [
        (REGION, (ActionKind.DELETE_GRAPH,), None, None),
        (ELSEWHERE, (), Reason.INTERRUPTED, "it may be gone: plan again; interrupted while it was being deleted"),
        ("eu-central-1", (), Reason.INTERRUPTED, "interrupted before it was deleted"),
    ]


async def test_deadline(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """A deletion that is throttled until the deadline is a failure with the last error."""
    sim.throttle(None, operation="DeleteGraph")
    teardown = await plan_teardown(client, regions=[REGION])
    report = await teardown.apply(confirm=ADMINISTRATOR, timeout=20)
    assert [type(region.error) for region in report.failures] == [TooManyRequestsException]
    assert len(sim.snapshot()) == 2
    sim.clear_faults()


async def test_deadline_of_a_deletion_that_hangs(sim: DetectiveSimulator) -> None:
    """It ends at the deadline, and says what may be gone; others are deleted."""

    class Hangs(DetectiveClient):
        async def delete_graph(self, graph_arn: str) -> None:
            if self.region == ELSEWHERE:
                await asyncio.Event().wait()
            await super().delete_graph(graph_arn)

        async def list_members(self, *args: Any, **options: Any) -> Any:
            if self.region == "eu-central-1" and hanging:
                await asyncio.Event().wait()
            return await super().list_members(*args, **options)

    hanging: list[bool] = []
    load_world(sim, *(graph(region=region) for region in REGIONS))
    async with administrator(sim, Hangs) as client:
        teardown = await plan_teardown(client, regions=REGIONS)
        hanging.append(True)
        report = await teardown.apply(confirm=ADMINISTRATOR, timeout=0.5)
    assert teardown.report is report
    assert [(one.region, one.done, one.reason, one.problem) for one in report.regions] == [
        (REGION, (ActionKind.DELETE_GRAPH,), None, None),
        (ELSEWHERE, (), Reason.TIMED_OUT, "it may be gone: plan again; not deleted within 0.5 s"),
        ("eu-central-1", (), Reason.TIMED_OUT, "not deleted within 0.5 s"),
    ]


async def test_members_that_came_since(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """A graph with more members than the plan shows is not deleted; others are."""
    teardown = await plan_teardown(client, regions=REGIONS)
    await client.with_options(region=ELSEWHERE).create_members(arn_in(ELSEWHERE), some_accounts(3)[1:])
    report = await teardown.apply(confirm=ADMINISTRATOR)
    assert list(sim.snapshot()) == [arn_in(ELSEWHERE)]
    (failure,) = report.failures
    text = "since the plan, the graph has gained 2 invitations (200000000002, 200000000003): plan again"
    assert (failure.region, failure.reason, failure.problem) == (ELSEWHERE, Reason.NOT_PLANNED, text)
    again = await plan_teardown(client, regions=[ELSEWHERE])
    assert "which has 1 member and 2 invitations)" in " ".join(str(again).split())
    assert (await again.apply(confirm=ADMINISTRATOR)).ok


async def test_members_that_were_swapped(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """A graph with as many other members than the plan counts is not deleted; the first ten are named."""
    teardown = await plan_teardown(client, regions=[ELSEWHERE])
    elsewhere, (old, *new) = client.with_options(region=ELSEWHERE), some_accounts(13)
    load_world(sim, graph(*(member(one.account_id, "ENABLED") for one in new[:1]), region=ELSEWHERE))
    (failure,) = (await teardown.apply(confirm=ADMINISTRATOR)).regions
    text = f"since the plan, the graph has gained 1 member ({new[0].account_id}) and lost 1 member ({old.account_id})"
    assert (failure.done, failure.reason, failure.problem) == ((), Reason.NOT_PLANNED, f"{text}: plan again")
    await elsewhere.create_members(arn_in(ELSEWHERE), new[1:])
    (failure,) = (await teardown.apply(confirm=ADMINISTRATOR)).regions
    assert "and gained 12 invitations" not in (failure.problem or "")
    assert f"gained 11 invitations ({', '.join(one.account_id for one in new[1:11])} and 1 more)" in (
        failure.problem or ""
    )
    assert list(sim.snapshot()) == [arn_in(ELSEWHERE)]


async def test_members_that_are_not_seen_yet(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """A graph that is listed, and whose members cannot be listed yet, is waited for."""
    sim.inject(Fault(Failure(404, "ResourceNotFoundException", "not yet"), "ListMembers", count=3))
    teardown = await plan_teardown(client, regions=[REGION])
    assert [one.members for one in teardown.graphs] == [250]


async def test_closed_while_planning(sim: DetectiveSimulator) -> None:
    """A client that is closed while regions are read is no problem of a region."""

    class Closes(DetectiveClient):
        async def list_graphs(self, **_: object) -> ListGraphsResponse:
            raise ClientClosed("closed")

    async with administrator(sim, Closes) as client:
        with pytest.raises(ClientClosed):
            await plan_teardown(client, regions=REGIONS)

"""Deleting graphs: the plan's text, the confirmation, and failures."""

import asyncio
import copy
import json
import pickle
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from attrs import evolve
from support.virtual_time import in_virtual_time

from detective_async import (
    AccessDeniedException,
    ClientClosed,
    DetectiveClient,
    ListGraphsResponse,
    ListMembersResponse,
    ParameterError,
    ResourceNotFoundException,
    RetryPolicy,
    TooManyRequestsException,
)
from detective_async.membership import ActionKind, Reason, RegionReport, TeardownPlan, plan_teardown
from detective_async.testing import DetectiveSimulator, Drop, Failure, Fault, Throttle
from membership.worlds import (
    ADMINISTRATOR,
    DENIED,
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
    assert writes(sim)["DeleteGraph"] == 1
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
    sim.inject(Fault(DENIED, "DeleteGraph", region=REGION, count=None))
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
    # Security teams watch for it.
    assert 3 <= sum((one.operation, one.region) == ("DeleteGraph", REGION) for one in sim.requests) <= 8
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
    reached = {region: asyncio.Event() for region in (REGION, ELSEWHERE, "eu-central-1")}

    class Hangs(DetectiveClient):
        is_planned = False

        async def list_members(self, *args: Any, **options: Any) -> ListMembersResponse:
            if Hangs.is_planned and self.region == "eu-central-1":
                await self.hang()
            return await super().list_members(*args, **options)

        async def delete_graph(self, graph_arn: str) -> None:
            if self.region == ELSEWHERE:
                await self.hang()
            await super().delete_graph(graph_arn)
            reached[self.region].set()

        async def hang(self) -> None:
            reached[self.region].set()
            await asyncio.Event().wait()

    async with administrator(sim, Hangs) as client:
        teardown = await plan_teardown(client, regions=[REGION, ELSEWHERE, "eu-central-1"])
        before = teardown.report
        assert before is None
        Hangs.is_planned = True
        task = asyncio.create_task(teardown.apply(confirm=ADMINISTRATOR))
        async with asyncio.timeout(30):
            await asyncio.gather(*(one.wait() for one in reached.values()))
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
        report = await teardown.apply(confirm=ADMINISTRATOR, timeout=3)
    assert teardown.report is report
    assert [(one.region, one.done, one.reason, one.problem) for one in report.regions] == [
        (REGION, (ActionKind.DELETE_GRAPH,), None, None),
        (ELSEWHERE, (), Reason.TIMED_OUT, "it may be gone: plan again; not deleted within 3 s"),
        ("eu-central-1", (), Reason.TIMED_OUT, "not deleted within 3 s"),
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


NOT_FOUND = Failure(404, "ResourceNotFoundException", "The behavior graph does not exist")
ONE, TWO = (member(one, "ENABLED") for one in IDS[:2])
NOT_SEEN_FOR_LONG = (
    "it may be gone: plan again; it was not listed, but only for less than 15 s: a look may be out of date"
)


class Stale(DetectiveClient):
    """A client some of whose looks are out of date: the next that are taken of each list."""

    unlisted = 0
    # None stands for a graph that is not found.
    pages: list[list[str] | None]

    async def list_graphs(self, **options: Any) -> ListGraphsResponse:
        response = await super().list_graphs(**options)
        if Stale.unlisted == 0:
            return response
        Stale.unlisted -= 1
        return evolve(response, graph_list=[])

    async def list_members(self, *args: Any, **options: Any) -> ListMembersResponse:
        response = await super().list_members(*args, **options)
        if not Stale.pages:
            return response
        ids = Stale.pages.pop(0)
        if ids is None:
            raise ResourceNotFoundException(
                "ResourceNotFoundException", "not yet", status=404, request_id="r", operation="ListMembers", attempts=1
            )
        return evolve(response, member_details=[one for one in response.member_details if one.account_id in ids])


@asynccontextmanager
async def stale_world(*members: Mapping[str, Any]) -> AsyncIterator[tuple[DetectiveSimulator, DetectiveClient]]:
    """Yield a simulator with a graph and a client with one attempt per call, both on the event loop's clock."""
    Stale.unlisted, Stale.pages = 0, []
    async with in_loop_time(*members) as (sim, original):
        clock = original._transport.clock
        async with Stale(
            region=REGION,
            endpoint_url=sim.url,
            credentials=sim.account(ADMINISTRATOR),
            clock=clock,
            retry=RetryPolicy(max_attempts=1),
        ) as client:
            yield sim, client


async def tear_down(plan: TeardownPlan, timeout: float = 300) -> tuple[RegionReport, float]:
    """Apply a plan of one graph, and return the result and the seconds that it took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    (region,) = (await plan.apply(confirm=ADMINISTRATOR, timeout=timeout)).regions
    return region, loop.time() - began


async def join(sim: DetectiveSimulator, client: DetectiveClient, account_id: str) -> None:
    """Let an account become a member."""
    await client.create_members(arn_in(REGION), [account(account_id)])
    await client.with_options(credentials=sim.account(account_id)).accept_invitation(arn_in(REGION))


@pytest.mark.parametrize("effect", [NOT_FOUND, Drop("before")], ids=["not found", "lost"])
@in_virtual_time
async def test_one_look_does_not_say_that_a_graph_is_gone(effect: Failure | Drop) -> None:
    """A request that was lost or found no graph, and one look without it, are no proof: it is deleted after that."""
    async with stale_world(ONE) as (sim, client):
        plan = await plan_teardown(client, regions=[REGION])
        Stale.unlisted = 1
        Stale.pages = [IDS, None, None]
        sim.inject(Fault(effect, "DeleteGraph"))
        region, seconds = await tear_down(plan)
        assert sim.snapshot() == {}
        assert writes(sim) == {"DeleteGraph": 2}
    assert region.done == (ActionKind.DELETE_GRAPH,)
    assert seconds < 5


@in_virtual_time
async def test_deleted_by_somebody_else() -> None:
    """It counts as gone when no look has shown it for 15 s; without that time, it may be gone."""
    async with stale_world(ONE) as (sim, client):
        plan = await plan_teardown(client, regions=[REGION])
        await client.delete_graph(arn_in(REGION))
        early, _ = await tear_down(plan, timeout=14)
        region, seconds = await tear_down(plan)
        assert writes(sim) == {"DeleteGraph": 1}
    kinds = (ActionKind.DELETE_GRAPH,)
    assert (early.done, early.maybe_done, early.reason, early.problem) == (
        (),
        kinds,
        Reason.TIMED_OUT,
        NOT_SEEN_FOR_LONG,
    )
    assert (region.ok, region.done, region.maybe_done) == (True, kinds, ())
    assert 15 <= seconds < 20


@in_virtual_time
async def test_looks_that_show_it_between() -> None:
    """Looks that do not show a graph are counted anew after one that does."""
    async with stale_world(ONE) as (sim, client):
        plan = await plan_teardown(client, regions=[REGION])
        sim.inject(Fault(NOT_FOUND, "ListMembers", count=None))
        application = asyncio.create_task(tear_down(plan, timeout=60))
        for _ in range(3):
            Stale.unlisted = 1000
            await asyncio.sleep(12)
            Stale.unlisted = 0
            await asyncio.sleep(6)
        region, _ = await application
        assert len(sim.snapshot()) == 1
    assert (region.done, region.maybe_done) == ((), ())
    assert (region.problem or "").startswith("ResourceNotFoundException: ")


@pytest.mark.parametrize("pages", [[None], [[]]], ids=["not found", "without its member"])
@in_virtual_time
async def test_members_that_looks_show_between(pages: list[list[str] | None]) -> None:
    """Looks that contradict the plan are counted anew after one that shows the members, also where none lists it."""
    async with stale_world(ONE) as (sim, client):
        plan = await plan_teardown(client, regions=[REGION])
        sim.inject(Fault(Throttle(), "DeleteGraph", count=None))
        Stale.unlisted = 1000
        application = asyncio.create_task(tear_down(plan, timeout=60))
        for _ in range(3):
            Stale.pages = pages * 1000
            await asyncio.sleep(12)
            Stale.pages = []
            await asyncio.sleep(6)
        sim.clear_faults()
        region, _ = await application
        assert sim.snapshot() == {}
    assert (region.ok, region.done) == (True, (ActionKind.DELETE_GRAPH,))


@pytest.mark.parametrize(
    ("effect", "before"),
    [(Throttle(), ""), (Failure(503, "ServiceUnavailable", "down"), "it may be gone: plan again; ")],
    ids=["throttled", "down"],
)
@in_virtual_time
async def test_who_joins_during_an_outage(effect: Throttle | Failure, before: str) -> None:
    """The members are compared before each further request."""
    async with stale_world(ONE) as (sim, client):
        plan = await plan_teardown(client, regions=[REGION])
        sim.inject(Fault(effect, "DeleteGraph", count=None))
        application = asyncio.create_task(tear_down(plan))
        await asyncio.sleep(30)
        await join(sim, client, IDS[1])
        await asyncio.sleep(30)
        sim.clear_faults()
        region, _ = await application
        assert len(sim.snapshot()) == 1
    text = f"{before}since the plan, the graph has gained 1 member ({IDS[1]}): plan again"
    assert (region.done, region.reason, region.problem) == ((), Reason.NOT_PLANNED, text)


@in_virtual_time
async def test_members_that_cannot_be_read_at_first() -> None:
    """A graph of which a look knows nothing is not deleted before its members are compared."""
    async with stale_world(ONE) as (sim, client):
        plan = await plan_teardown(client, regions=[REGION])
        await join(sim, client, IDS[1])
        sim.forget_requests()
        sim.inject(Fault(NOT_FOUND, "ListMembers"))
        region, _ = await tear_down(plan)
        assert (len(sim.snapshot()), writes(sim)) == (1, {})
    assert region.problem == f"since the plan, the graph has gained 1 member ({IDS[1]}): plan again"


@in_virtual_time
async def test_members_that_looks_miss_or_still_have() -> None:
    """Other members than the plan's are believed when all looks have shown them for 15 s, and not after one."""
    async with stale_world(ONE, TWO) as (sim, client):
        plan = await plan_teardown(client, regions=[REGION])
        Stale.pages = [[IDS[0]]] * 1000
        lost, seconds = await tear_down(plan)
        assert 15 <= seconds < 20
        early, _ = await tear_down(plan, timeout=10)
        Stale.pages = [[IDS[0]]]
        plan_of_one = await plan_teardown(client, regions=[REGION])
        # Its members as they were before the plan.
        Stale.pages = [IDS[:2], [IDS[0]]]
        assert writes(sim) == {}
        deleted, _ = await tear_down(plan_of_one)
        assert sim.snapshot() == {}
    text = f"since the plan, the graph has lost 1 member ({IDS[1]}): plan again"
    assert (lost.problem, lost.reason) == (early.problem, early.reason) == (text, Reason.NOT_PLANNED)
    assert deleted.ok


@in_virtual_time
async def test_members_after_a_lost_response() -> None:
    """They may have gone with the graph, so it is deleted; but who has joined is not deleted with it."""
    async with stale_world(ONE, TWO) as (sim, client):
        plan = await plan_teardown(client, regions=[REGION])
        sim.inject(Fault(Drop("before"), "DeleteGraph"))
        Stale.pages = [IDS[:2], *[[]] * 1000]
        region, seconds = await tear_down(plan)
        assert region.ok
        assert seconds < 5
        Stale.pages = []
        load_world(sim, graph(ONE))
        plan = await plan_teardown(client, regions=[REGION])
        sim.inject(Fault(Drop("before"), "DeleteGraph", count=None))
        application = asyncio.create_task(tear_down(plan))
        await asyncio.sleep(5)
        await join(sim, client, IDS[1])
        await asyncio.sleep(5)
        sim.clear_faults()
        region, _ = await application
        assert len(sim.snapshot()) == 1
    text = f"it may be gone: plan again; since the plan, the graph has gained 1 member ({IDS[1]}): plan again"
    assert (region.done, region.maybe_done, region.problem) == ((), (ActionKind.DELETE_GRAPH,), text)


@in_virtual_time
async def test_denials_with_other_answers_between() -> None:
    """They are counted anew after members that can be read."""
    async with stale_world(ONE) as (sim, client):
        plan = await plan_teardown(client, regions=[REGION])
        application = asyncio.create_task(tear_down(plan))
        for _ in range(3):
            sim.inject(Fault(DENIED, "ListMembers", count=None))
            await asyncio.sleep(12)
            sim.clear_faults()
            sim.inject(Fault(Throttle(), "DeleteGraph", count=None))
            await asyncio.sleep(8)
        sim.clear_faults()
        region, _ = await application
    assert region.ok


@pytest.mark.parametrize("operation", ["ListMembers", "DeleteGraph"])
async def test_a_denial_that_passes(sim: DetectiveSimulator, client: DetectiveClient, operation: str) -> None:
    """New permissions and keys are denied here and there for some seconds."""
    load_world(sim, graph())
    plan = await plan_teardown(client, regions=[REGION])
    sim.inject(Fault(DENIED, operation, count=3))
    report = await plan.apply(confirm=ADMINISTRATOR)
    assert report.ok
    assert sim.snapshot() == {}


@pytest.mark.parametrize("operation", ["ListMembers", "DeleteGraph"])
@in_virtual_time
async def test_denials_and_graphs_that_are_not_found(operation: str) -> None:
    """A denial long after others is not believed because of them, if AWS has said meanwhile that there is no graph."""
    async with in_loop_time() as (sim, client):
        plan = await plan_teardown(client, regions=[REGION])
        application = asyncio.create_task(plan.apply(confirm=ADMINISTRATOR))
        for effect, seconds in ((DENIED, 4), (Failure(404, "ResourceNotFoundException", "no graph"), 20), (DENIED, 8)):
            sim.inject(Fault(effect, operation, count=None))
            await asyncio.sleep(seconds)
            sim.clear_faults()
        report = await application
        assert report.ok, str(report)
        assert sim.snapshot() == {}


@pytest.mark.parametrize("missing", ["ListMembers", "DeleteGraph"])
@pytest.mark.parametrize("denied", ["ListGraphs", "GetCallerIdentity"])
@in_virtual_time
async def test_a_look_that_stays_denied(missing: str, denied: str) -> None:
    """Whether a graph is gone cannot be known then; the other answers of each attempt do not hide it."""
    async with in_loop_time() as (sim, original):
        client = original.with_options(credentials=evolve(sim.account(ADMINISTRATOR), account_id=None))
        plan = await plan_teardown(client, regions=[REGION])
        application = asyncio.create_task(plan.apply(confirm=ADMINISTRATOR))
        for number in range(30):
            sim.clear_faults()
            if number % 2:
                sim.inject(Fault(Failure(503, "ServiceUnavailable", "down"), "ListMembers", count=3))
            sim.inject(Fault(Failure(404, "ResourceNotFoundException", "no graph"), missing, count=None))
            sim.inject(Fault(DENIED, denied, count=None))
            await asyncio.sleep(4)
        sim.clear_faults()
        assert application.done()
        (region,) = (await application).regions
    assert getattr(region.error, "operation", None) == denied

"""Failures of a whole region and timeouts: each account gets the reason, and the other regions are processed."""

import asyncio
import json
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attrs import evolve
from support.virtual_time import in_virtual_time

from detective_async import (
    AccessDeniedException,
    AssumeRole,
    ConflictException,
    CreateGraphResponse,
    CreateMembersResponse,
    Credentials,
    DatasourcePackage,
    DatasourcePackageIngestDetail,
    DatasourcePackageIngestState,
    DetectiveClient,
    HostNotFound,
    InternalServerException,
    ListDatasourcePackagesResponse,
    Paginator,
    ProgressEvent,
    RetryPolicy,
    TagResourceResponse,
    Timeouts,
    TooManyRequestsException,
    UnprocessedAccount,
)
from detective_async.membership import AccountReport, ByInvitation, Reason, RegionReport, plan_membership, plan_teardown
from detective_async.testing import DetectiveSimulator, Drop, Failure, Fault, Garbage, Latency, Throttle
from detective_async.testing.faults import Effect
from membership.worlds import (
    ADMINISTRATOR,
    DENIED,
    ELSEWHERE,
    IDS,
    ONBOARDED,
    REGION,
    Result,
    WorldTime,
    accepting,
    account,
    administrator,
    arn_in,
    empty_in_loop_time,
    graph,
    in_loop_time,
    invitations,
    load_world,
    member,
    plan_and_apply,
    results,
    running_tasks,
    some_accounts,
    statuses,
    writes,
)

ONE, TWO, THREE = IDS[:3]
WANTED = [account(one) for one in IDS[:3]]
NO_GRAPHS = Garbage(b'{"GraphList":[]}', content_type="application/json")
UNKNOWN = "it is not known whether 'accept' was carried out: plan again"


async def test_unavailable_region(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Its accounts fail with the reason, shown once in the text; the other regions are processed."""
    sim.close_region(ELSEWHERE)
    events: list[ProgressEvent] = []
    plan = await plan_membership(client, WANTED, regions=[ELSEWHERE, REGION, "eu-central-1"], members=accepting(sim))
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
    assert sum(request.region == ELSEWHERE for request in sim.requests) == 1


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
    # A new permission is not seen everywhere at once.
    assert 3 <= len(refused) < 20


@pytest.mark.parametrize(
    "operation",
    [
        *("ListGraphs", "CreateGraph", "ListMembers", "CreateMembers", "AcceptInvitation", "AssumeRole"),
        *("ListTagsForResource", "TagResource", "ListDatasourcePackages", "UpdateDatasourcePackages"),
    ],
)
@pytest.mark.parametrize("code", ["AccessDeniedException", "UnrecognizedClientException", "OptInRequired"])
async def test_a_denial_that_passes(
    sim: DetectiveSimulator, client: DetectiveClient, operation: str, code: str
) -> None:
    """Permissions, keys and regions that are new are denied here and there for some seconds."""
    if operation != "CreateGraph":
        load_world(sim, graph(packages={"EKS_AUDIT": "STOPPED"}))

    def role_of(account_id: str) -> AssumeRole:
        return AssumeRole(sim.role(account_id, "Detective", trusted=[ADMINISTRATOR]), source=sim.account(ADMINISTRATOR))

    options: dict[str, Any] = {"tags": {"a": "b"}, "datasource_packages": ["EKS_AUDIT"]}
    plan = await plan_membership(client, WANTED, regions=[REGION], members=ByInvitation(credentials=role_of), **options)
    sim.inject(Fault(Failure(403, code, "not yet"), operation, count=3))
    report = await plan.apply()
    assert report.ok, str(report)


@pytest.mark.parametrize(
    ("read", "change"), [("ListTagsForResource", "TagResource"), ("ListMembers", "AcceptInvitation")]
)
@in_virtual_time
async def test_denials_with_other_answers_between(read: str, change: str) -> None:
    """They are counted anew after a read that succeeds."""
    async with in_loop_time(member(ONE, "INVITED")) as (sim, client):
        plan = await plan_membership(client, WANTED[:1], regions=[REGION], members=accepting(sim), tags={"a": "b"})
        application = asyncio.create_task(plan.apply())
        for _ in range(3):
            sim.inject(Fault(Throttle(), change, count=None))
            sim.inject(Fault(DENIED, read, count=None))
            await asyncio.sleep(12)
            sim.clear_faults()
            sim.inject(Fault(Throttle(), change, count=None))
            await asyncio.sleep(8)
        sim.clear_faults()
        report = await application
    assert report.ok, str(report)


@in_virtual_time
async def test_denials_of_two_actions() -> None:
    """The second action of an account has its own time, after the first one has succeeded."""
    async with empty_in_loop_time() as (sim, client):
        sim.set_verification_delay(60)
        plan = await plan_membership(client, WANTED[:1], regions=[REGION], members=accepting(sim))
        sim.inject(Fault(DENIED, "CreateMembers", count=3))
        sim.inject(Fault(DENIED, "AcceptInvitation", count=3))
        report = await plan.apply()
    assert report.ok, str(report)


@in_virtual_time
async def test_pauses_are_short_again_after_progress() -> None:
    """The second action of an account does not wait as the first one had to in the end."""
    async with in_loop_time() as (sim, client):
        plan = await plan_membership(client, WANTED[:1], regions=[REGION], members=accepting(sim))
        sim.inject(Fault(DENIED, "CreateMembers", count=6))
        sim.inject(Fault(DENIED, "AcceptInvitation", count=2))
        report = await plan.apply()
        first, *_, last = (one.time for one in sim.requests if one.operation == "AcceptInvitation")
    assert report.ok, str(report)
    assert last - first < timedelta(seconds=4)


@in_virtual_time
async def test_denials_before_and_after_other_answers() -> None:
    """A denial long after others is not believed because of them."""
    async with in_loop_time(member(ONE, "INVITED")) as (sim, client):
        plan = await plan_membership(client, WANTED[:1], regions=[REGION], members=accepting(sim), tags={"a": "b"})
        application = asyncio.create_task(plan.apply())
        effects: list[Any] = [DENIED, Failure(503, "ServiceUnavailable", "later"), DENIED]
        for effect, seconds in zip(effects, (10, 30, 5), strict=True):
            for operation in ("TagResource", "AcceptInvitation"):
                sim.inject(Fault(effect, operation, count=None))
            await asyncio.sleep(seconds)
            sim.clear_faults()
        report = await application
    assert report.ok, str(report)


@pytest.mark.parametrize(
    "faults",
    [
        [("ListMembers", DENIED, 3), ("ListMembers", Throttle(), 20), ("ListMembers", DENIED, 12)],
        [("ListGraphs", DENIED, 3), ("ListGraphs", Throttle(), 20), ("ListMembers", DENIED, 12)],
        [("ListGraphs", DENIED, 12), ("ListMembers", DENIED, 12)],
        [("ListGraphs", DENIED, 12), ("ListGraphs", Throttle(), 20), ("ListGraphs", DENIED, 12)],
        [("ListGraphs", DENIED, 4), ("ListGraphs", NO_GRAPHS, 13), ("ListGraphs", DENIED, 3)],
    ],
)
@in_virtual_time
async def test_denied_reads_with_other_answers_between(faults: list[tuple[str, Effect, float]]) -> None:
    """Another error ends a row of denials, too, and so does a read that succeeds."""
    async with in_loop_time(member(ONE, "INVITED")) as (sim, client):
        plan = await plan_membership(client, WANTED[:1], regions=[REGION], members=accepting(sim))
        application = asyncio.create_task(plan.apply())
        for operation, effect, seconds in faults:
            sim.inject(Fault(effect, operation, count=None))
            await asyncio.sleep(seconds)
            sim.clear_faults()
        report = await application
    assert report.ok, str(report)


@in_virtual_time
async def test_denials_of_a_role_and_of_what_it_may_do() -> None:
    """Each has its own time: the policy of a new role may come after the role."""
    async with in_loop_time(member(ONE, "INVITED")) as (sim, client):
        members = ByInvitation(
            credentials=lambda one: AssumeRole(
                sim.role(one, "Detective", trusted=[ADMINISTRATOR]), source=sim.account(ADMINISTRATOR)
            )
        )
        plan = await plan_membership(client, WANTED[:1], regions=[REGION], members=members)
        application = asyncio.create_task(plan.apply())
        for operation in ("AssumeRole", "AcceptInvitation"):
            sim.inject(Fault(DENIED, operation, count=None))
            await asyncio.sleep(11)
            sim.clear_faults()
        report = await application
    assert report.ok, str(report)


@pytest.mark.parametrize(
    ("first", "operation"),
    [("ListGraphs", "CreateGraph"), ("AcceptInvitation", "AcceptInvitation"), ("ListMembers", "DeleteGraph")],
)
@in_virtual_time
async def test_denials_of_a_role_long_before(first: str, operation: str) -> None:
    """That a role cannot be assumed anew is not believed because of what was so before it could be."""
    async with empty_in_loop_time() as (sim, original):

        def role_of(one: str) -> AssumeRole:
            return AssumeRole(sim.role(one, "Detective", trusted=[ADMINISTRATOR]), source=sim.account(ADMINISTRATOR))

        if operation != "CreateGraph":
            load_world(sim, graph(member(ONE, "INVITED")))
        client = original.with_options(credentials=role_of(ADMINISTRATOR))
        if operation == "AcceptInvitation":
            members = ByInvitation(credentials=role_of)
            plan = await plan_membership(original, WANTED[:1], regions=[REGION], members=members)
        else:
            plan = await plan_membership(client, WANTED[:1], regions=[REGION])
        teardown = await plan_teardown(client, regions=[REGION])
        expired = Fault(Failure(403, "ExpiredTokenException", "expired"), first)
        sim.inject(expired)
        sim.inject(Fault(DENIED, "AssumeRole", count=None))
        is_teardown = operation == "DeleteGraph"
        application = asyncio.create_task(teardown.apply(confirm=ADMINISTRATOR) if is_teardown else plan.apply())
        await asyncio.sleep(4)
        sim.clear_faults()
        sim.inject(Fault(Failure(503, "ServiceUnavailable", "later"), operation, count=None))
        await asyncio.sleep(20)
        sim.clear_faults()
        sim.inject(expired)
        sim.inject(Fault(DENIED, "AssumeRole"))
        report = await application
    assert report.ok, str(report)


@in_virtual_time
async def test_denials_and_accounts_left_unprocessed() -> None:
    """That AWS answers for an account ends a row of denials, too."""
    left = CreateMembersResponse(
        members=[], unprocessed_accounts=[UnprocessedAccount(account_id=ONE, reason="Please try again later")]
    )
    create_members, now = DetectiveClient.create_members, asyncio.get_running_loop().time
    async with in_loop_time() as (sim, client):
        plan = await plan_membership(client, WANTED[:1], regions=[REGION], members=accepting(sim))
        sim.inject(Fault(DENIED, "CreateMembers", count=None))
        began = now()

        async def later(self: DetectiveClient, *arguments: Any, **options: Any) -> CreateMembersResponse:
            return left if 3 < now() - began < 23 else await create_members(self, *arguments, **options)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(DetectiveClient, "create_members", later)
            application = asyncio.create_task(plan.apply())
            await asyncio.sleep(27)
            sim.clear_faults()
            report = await application
    assert report.ok, str(report)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("AccessDenied", Reason.ACCESS_DENIED),
        ("InvalidClientTokenId", Reason.UNKNOWN_KEYS),
        ("RegionDisabledException", Reason.REGION_UNAVAILABLE),
        ("ExpiredToken", Reason.KEYS_EXPIRED),
        ("MalformedPolicyDocument", Reason.NO_CREDENTIALS),
    ],
)
async def test_why_a_role_cannot_be_assumed(
    sim: DetectiveSimulator, client: DetectiveClient, code: str, reason: Reason
) -> None:
    """The reason is the same as for any other operation."""
    load_world(sim, graph(member(ONE, "INVITED")))
    role = AssumeRole(sim.role(ONE, "Detective", trusted=[ADMINISTRATOR]), source=sim.account(ADMINISTRATOR))
    members = ByInvitation(credentials={ONE: role})
    plan = await plan_membership(client, WANTED[:1], regions=[REGION], members=members)
    sim.inject(Fault(Failure(403, code, "no"), "AssumeRole", count=None))
    report = await plan.apply()
    assert [row.reason for row in report.rows] == [reason]


@in_virtual_time
async def test_a_chain_of_roles_that_is_denied() -> None:
    """The role that is denied is the reason, and is assumed after a while, whichever of them it is."""
    async with in_loop_time(member(ONE, "INVITED")) as (sim, client):
        hub = AssumeRole(sim.role(TWO, "Hub", trusted=[ADMINISTRATOR]), source=sim.account(ADMINISTRATOR))
        members = ByInvitation(
            credentials=lambda one: AssumeRole(sim.role(one, "Detective", trusted=[TWO]), source=hub)
        )
        plan = await plan_membership(client, WANTED[:1], regions=[REGION], members=members)
        sim.inject(Fault(DENIED, "AssumeRole", count=None))
        denied = await plan.apply(timeout=60)
        assert [row.reason for row in denied.rows] == [Reason.ACCESS_DENIED]
        application = asyncio.create_task(plan.apply())
        await asyncio.sleep(8)
        sim.clear_faults()
        report = await application
    assert report.ok, str(report)


@in_virtual_time
async def test_two_roles_of_a_chain_that_are_denied() -> None:
    """One after the other: each role has its own time."""
    async with in_loop_time(member(ONE, "INVITED")) as (sim, client):
        hub = AssumeRole(sim.role(TWO, "Hub", trusted=[ADMINISTRATOR]), source=sim.account(ADMINISTRATOR))
        role = AssumeRole(sim.role(ONE, "Detective", trusted=[TWO]), source=hub)
        members = ByInvitation(credentials={ONE: role})
        plan = await plan_membership(client, WANTED[:1], regions=[REGION], members=members)
        application = asyncio.create_task(plan.apply())
        for by, seconds in ((ADMINISTRATOR, 12), (TWO, 9)):
            sim.inject(Fault(DENIED, "AssumeRole", account=by, count=None))
            await asyncio.sleep(seconds)
            sim.clear_faults()
        report = await application
    assert report.ok, str(report)


@in_virtual_time
async def test_keys_that_sts_does_not_know() -> None:
    """They end a region whose graph would be made as soon as that is believed."""
    async with empty_in_loop_time() as (sim, original):
        client = original.with_options(credentials=evolve(sim.account(ADMINISTRATOR), account_id=None))
        plan = await plan_membership(client, WANTED[:1], regions=[REGION])
        sim.inject(Fault(Failure(403, "InvalidClientTokenId", "unknown"), "GetCallerIdentity", count=None))
        application = asyncio.create_task(plan.apply())
        await asyncio.sleep(60)
        assert application.done()
    (region,) = (await application).regions
    assert region.reason is Reason.UNKNOWN_KEYS


async def test_a_denial_at_the_deadline(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Before it is believed, it is the reason all the same."""
    load_world(sim, graph(member(ONE, "INVITED")))
    plan = await plan_membership(client, WANTED[:1], regions=[REGION], members=accepting(sim), tags={"a": "b"})
    for operation in ("AcceptInvitation", "TagResource"):
        sim.inject(Fault(DENIED, operation, count=None))
    report = await plan.apply(timeout=10)
    assert [one.reason for one in (*report.regions, *report.rows)] == [Reason.ACCESS_DENIED] * 2
    sim.inject(Fault(DENIED, "ListMembers", count=None))
    report = await plan.apply(timeout=10)
    assert [row.reason for row in report.rows] == [Reason.ACCESS_DENIED]


@in_virtual_time
async def test_denied_changes_are_not_repeated_often() -> None:
    """Each of them is an error in the account's CloudTrail."""
    async with in_loop_time(member(ONE, "INVITED")) as (sim, client):
        plan = await plan_membership(client, WANTED[:2], regions=[REGION], members=accepting(sim), tags={"a": "b"})
        sim.inject(Fault(DENIED, count=None, operation="TagResource"))
        sim.inject(Fault(DENIED, count=None, operation="CreateMembers"))
        sim.inject(Fault(DENIED, count=None, operation="AcceptInvitation"))
        await plan.apply()
    assert {name: 3 <= number <= 8 for name, number in writes(sim).items()} == dict.fromkeys(
        ("TagResource", "CreateMembers", "AcceptInvitation"), True
    )


@pytest.mark.parametrize("effect", [DENIED, Throttle()])
@in_virtual_time
async def test_the_accounts_of_a_request_stay_together(effect: Effect) -> None:
    """Although each account waits for a time that is random in part, the request is repeated for all of them."""
    numbers = random.Random(1)  # noqa: S311
    async with in_loop_time() as (sim, original):
        clock = evolve(original._transport.clock, random=numbers.random)
        options: dict[str, Any] = {"endpoint_url": sim.url, "timeouts": Timeouts(read=None, attempt=None, total=None)}
        keys = sim.account(ADMINISTRATOR)
        async with DetectiveClient(region=REGION, credentials=keys, clock=clock, **options) as client:
            plan = await plan_membership(client, some_accounts(40), regions=[REGION], members=accepting(sim))
            sim.inject(Fault(effect, "CreateMembers", count=None))
            application = asyncio.create_task(plan.apply())
            await asyncio.sleep(12)
            sim.clear_faults()
            report = await application
    assert report.ok, str(report)
    asked = [one for one in sim.requests if one.operation == "CreateMembers"]
    assert {len(json.loads(one.body)["Accounts"]) for one in asked} == {40}


async def test_region_unreadable_when_planned(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """The plan says so and is not empty; nothing is asked or done there when it is applied."""
    load_world(sim, graph(member(THREE, "ENABLED")), graph(region=ELSEWHERE))
    sim.inject(Fault(DENIED, "ListGraphs", region=REGION))
    plan = await plan_membership(client, WANTED[:2], regions=[REGION, ELSEWHERE])
    assert {action.region for action in plan.actions} == {ELSEWHERE}
    alone = evolve(plan, actions=())
    assert alone
    sim.forget_requests()
    report = await plan.apply()
    assert {one.region for one in sim.requests if one.operation != "GetCallerIdentity"} == {ELSEWHERE}
    assert {(row.region, row.reason) for row in report.failures} == {(REGION, Reason.ACCESS_DENIED)}
    assert [region.ok for region in report.regions] == [False, True]
    assert report.regions[0].problem == plan.problems[0].text


async def test_deleted_graph(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """A graph that was deleted after planning is not created anew, before applying or in the middle of it."""
    load_world(sim, graph(member(ONE, "VERIFICATION_IN_PROGRESS"), member(IDS[3], "ENABLED")), verification_delay=100)
    wanted = [*WANTED, account(IDS[3])]
    plan = await plan_membership(client, wanted, regions=[REGION], members=accepting(sim))
    gone = "the graph that the plan is for is gone, and the plan does not make one: plan again"

    class Deletes(DetectiveClient):
        async def create_members(self, graph_arn: str, *args: Any, **options: Any) -> Any:
            response = await super().create_members(graph_arn, *args, **options)
            await self.delete_graph(graph_arn)
            return response

    async with administrator(sim, Deletes) as deleting:
        report = await evolve(plan, client=deleting).apply()
    assert {(row.problem, row.reason) for row in report.failures} == {(gone, Reason.NOT_PLANNED)}
    # Also the one that was as wanted is no member any more.
    assert [(row.done, row.after) for row in report.failures] == [
        ((), None),
        (("invite",), None),
        (("invite",), None),
        ((), None),
    ]
    assert (report.regions[0].problem, report.regions[0].reason) == (gone, Reason.NOT_PLANNED)
    sim.forget_requests()
    report = await plan.apply()
    assert {(row.problem, row.reason) for row in report.failures} == {(gone, Reason.NOT_PLANNED)}
    assert writes(sim) == {}
    assert sim.snapshot() == {}


@pytest.mark.parametrize("graphs", ["", f'{{"Arn":"{arn_in(REGION)[:-4]}0000","CreatedTime":"2026-01-01T00:00:00Z"}}'])
async def test_a_graph_that_is_not_seen_at_first(sim: DetectiveSimulator, client: DetectiveClient, graphs: str) -> None:
    """One ListGraphs that is empty, or has the graph before it, does not mean that the graph is gone."""
    load_world(sim, graph())
    plan = await plan_membership(client, WANTED, regions=[REGION], members=accepting(sim))
    body = f'{{"GraphList":[{graphs}]}}'.encode()
    sim.inject(Fault(Garbage(body=body, content_type="application/json"), "ListGraphs"))
    assert (await plan.apply()).ok


@pytest.mark.parametrize(("fault", "requests"), [(Garbage(status=200), 1), (Drop("before"), 2)])
async def test_a_lost_response_of_create_graph(
    sim: DetectiveSimulator, one_attempt_client: DetectiveClient, fault: Garbage | Drop, requests: int
) -> None:
    """That the graph is there then counts as done, once."""
    plan = await plan_membership(one_attempt_client, WANTED, regions=[REGION], members=accepting(sim))
    sim.inject(Fault(fault, "CreateGraph"))
    report = await plan.apply()
    assert report.ok
    assert report.regions[0].done == ("create graph",)
    assert writes(sim)["CreateGraph"] == requests


async def test_expired_keys(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """They have a reason of their own."""
    sim.inject(Fault(Failure(403, "ExpiredTokenException", "expired"), count=None))
    plan = await plan_membership(client, WANTED, regions=[REGION])
    assert [problem.reason for problem in plan.problems] == [Reason.KEYS_EXPIRED]


async def test_graph_that_cannot_be_looked_for(sim: DetectiveSimulator) -> None:
    """While it is not known whether a graph that is not found was deleted, it is waited for."""
    load_world(sim, graph(member(ONE, "INVITED")))
    not_found = Failure(404, "ResourceNotFoundException", "no such graph")

    class Looks(DetectiveClient):
        looks = 0

        def iter_members(self, *args: Any, **options: Any) -> Any:
            Looks.looks += 1
            if Looks.looks == 2:
                sim.inject(Fault(not_found, "ListMembers", count=20))
                sim.inject(Fault(Throttle(), "ListGraphs", count=2))
            return super().iter_members(*args, **options)

    async with administrator(sim, Looks, max_attempts=1) as client:
        plan = await plan_membership(client, WANTED[:1], regions=[REGION], members=accepting(sim))
        report = await plan.apply()
    assert report.ok
    assert Looks.looks > 20


async def test_an_outage_of_names(sim: DetectiveSimulator) -> None:
    """A host that has responded and is not found any more is waited for; nothing was sent to it."""
    load_world(sim, graph(member(ONE, "INVITED")))

    class NoHost(DetectiveClient):
        calls = 0

        def iter_graphs(self, **options: Any) -> Any:
            NoHost.calls += 1
            if 1 < NoHost.calls < 9:
                raise HostNotFound("no such host", operation="ListGraphs", attempts=1, outcome_unknown=False)
            return super().iter_graphs(**options)

    async with administrator(sim, NoHost) as client:
        report = await plan_and_apply(client, WANTED[:1], members=accepting(sim))
    assert report.ok
    assert NoHost.calls == 9


async def test_a_member_that_leaves(sim: DetectiveSimulator) -> None:
    """One that was seen as a member, and is none for a while, would have to be invited, which was not planned."""

    class Leaves(DetectiveClient):
        looks = 0

        def iter_members(self, *args: Any, **options: Any) -> Any:
            Leaves.looks += 1
            if Leaves.looks == 4:
                known = [{"id": one} for one in (ADMINISTRATOR, ONE, TWO)]
                sim.load({"graphs": [graph(member(TWO, "ENABLED"))], "accounts": known})
            return super().iter_members(*args, **options)

    time = WorldTime(sim)
    load_world(
        sim,
        graph(member(ONE, "VERIFICATION_IN_PROGRESS"), member(TWO, "VERIFICATION_IN_PROGRESS")),
        verification_delay=10_000,
    )
    async with administrator(sim, Leaves, time=time) as client:
        plan = await plan_membership(client, WANTED[:2], regions=[REGION], members=accepting(sim))
        began = time.now
        report = await plan.apply()
    assert 15 < time.now - began < 40
    assert [(row.account_id, row.reason) for row in report.failures] == [(ONE, Reason.NOT_PLANNED)]
    assert writes(sim) == {}


async def test_what_has_become_necessary_since(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """It is reported as not planned, and not done."""
    load_world(sim, graph(member(ONE, "ENABLED"), tags={"a": "b", "c": "d"}))
    plan = await plan_membership(
        client, WANTED[:1], regions=[REGION], tags={"a": "b", "c": "e"}, datasource_packages=["DETECTIVE_CORE"]
    )
    assert [(action.kind, action.items) for action in plan.actions] == [("tag graph", ("c",))]
    load_world(sim, graph(tags={"c": "d"}))
    sim.set_package(next(iter(sim.snapshot())), "DETECTIVE_CORE", "STOPPED")
    report = await plan.apply()
    (row,) = report.failures
    assert (row.reason, row.problem) == (
        Reason.NOT_PLANNED,
        "it now needs 'invite', which the plan does not show: plan again",
    )
    (region,) = report.regions
    assert region.reason is Reason.NOT_PLANNED
    assert set((region.problem or "").split("; ")) == {
        "it now needs 'tag graph' (a), which the plan does not show: plan again",
        "it now needs 'start packages' (DETECTIVE_CORE), which the plan does not show: plan again",
    }
    assert region.done == ("tag graph",)
    assert writes(sim) == {"TagResource": 1}


async def test_graph_that_came_in_between(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """A graph that somebody else made after planning is used; what it lacks was not planned."""
    plan = await plan_membership(client, WANTED[:1], regions=[REGION, ELSEWHERE], tags={"a": "b"})
    load_world(sim, graph(tags={"a": "b"}), graph(region=ELSEWHERE))
    report = await plan.apply()
    assert writes(sim) == {"CreateMembers": 2}
    assert [region.reason for region in report.regions] == [None, Reason.NOT_PLANNED]
    assert report.failures == ()


async def test_conflict(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """A conflict is waited out, until the deadline."""
    conflict = Failure(409, "ConflictException", "busy")
    sim.inject(Fault(conflict, "CreateGraph", region=REGION, count=15))
    sim.inject(Fault(conflict, "CreateGraph", region=ELSEWHERE, count=None))
    report = await plan_and_apply(client, WANTED, regions=[REGION, ELSEWHERE])
    here, there = report.regions
    assert here.done == ("create graph",)
    assert isinstance(there.error, ConflictException)
    assert there.done == ()
    assert {row.region for row in report.failures} == {ELSEWHERE}


@in_virtual_time
@pytest.mark.parametrize("timeout", [4, 60])
@pytest.mark.parametrize("operation", ["ListGraphs", "CreateGraph", "TagResource", "ListMembers", "CreateMembers"])
async def test_error_until_the_deadline(operation: str, timeout: float) -> None:
    """What has failed all the time is in the report: in its text, and as the error."""
    async with in_loop_time() as (sim, client):
        if operation in {"CreateGraph", "ListMembers"}:
            await client.delete_graph(arn_in(REGION))
        plan = await plan_membership(client, WANTED, regions=[REGION], tags={"a": "b"})
        sim.inject(Fault(Failure(), operation, count=None))
        report = await plan.apply(timeout=timeout)
        sim.clear_faults()
    found: list[RegionReport | AccountReport] = [*report.failures, *(one for one in report.regions if not one.ok)]
    assert found
    for one in found:
        assert isinstance(one.error, InternalServerException)
        assert one.error.operation == operation
        assert one.reason is Reason.TIMED_OUT
        assert f"not done within {timeout} s: " in (one.problem or "")
        assert (one.problem or "").count(f"InternalServerException: An internal error occurred ({operation},") == 1
        assert "is not a member" not in (one.problem or "") or operation == "CreateMembers"


@in_virtual_time
@pytest.mark.parametrize("operation", ["CreateGraph", "TagResource", "CreateMembers"])
async def test_deadline_passes_during_a_request(operation: str) -> None:
    """Nobody knows whether it was carried out, and the report says so instead of that nothing was done."""
    async with in_loop_time() as (sim, client):
        if operation == "CreateGraph":
            await client.delete_graph(arn_in(REGION))
        tags = {"a": "b"} if operation == "TagResource" else None
        plan = await plan_membership(client, WANTED[:1], regions=[REGION], tags=tags)
        sim.inject(Fault(Latency(1000), operation))
        report = await plan.apply(timeout=20)
    kind = {"CreateGraph": "create graph", "TagResource": "tag graph", "CreateMembers": "invite"}[operation]
    assert [one.maybe_done for one in (*report.regions, *report.rows) if one.maybe_done] == [(kind,)]
    first, second = str(report).splitlines()[:2]
    assert first.endswith(f"; not known whether it was done: {kind}: 1")
    assert f": it is not known whether {kind!r} was carried out: plan again; not done within 20 s" in second


async def test_keys_of_another_account_and_no_actions(sim: DetectiveSimulator) -> None:
    """A plan without actions, applied with other keys: the graph is not said to be gone; nor if STS does not answer."""
    load_world(sim, graph(*(member(one, "INVITED") for one in IDS[:3])))
    keys = [sim.account(ADMINISTRATOR)]

    async def current() -> Credentials:
        return evolve(keys[-1], expires_at=datetime.now(UTC) + timedelta(seconds=1))

    clock = WorldTime(sim).clock(real_dates=True)
    async with DetectiveClient(region=REGION, endpoint_url=sim.url, credentials=current, clock=clock) as client:
        plan = await plan_membership(client, WANTED, regions=[REGION])
        assert plan.actions == ()
        keys.append(sim.account(TWO))
        report = await plan.apply()
        assert report.regions[0].reason is Reason.WRONG_ACCOUNT
        assert {row.problem for row in report.failures} == {report.regions[0].problem}
        sim.inject(Fault(DENIED, "GetCallerIdentity", count=None))
        report = await plan.apply()
        text = "the graph that the plan is for is gone, or the client has credentials of another account: plan again"
        assert (report.regions[0].problem, report.regions[0].reason) == (text, Reason.NOT_PLANNED)
        sim.clear_faults()
        sim.inject(Fault(DENIED, "GetCallerIdentity", count=1))
        report = await plan.apply()
        assert report.regions[0].reason is Reason.WRONG_ACCOUNT
    assert writes(sim) == {}


async def test_late_graph(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """A new graph whose members and tags are not seen for a while is waited for."""
    sim.set_read_lag(30)
    report = await plan_and_apply(client, WANTED, members=accepting(sim), tags={"a": "b"})
    assert set(results(report).values()) == {ONBOARDED}
    assert report.ok
    assert writes(sim)["CreateGraph"] == 1
    assert writes(sim)["CreateMembers"] == 1
    assert writes(sim)["TagResource"] == 0


async def test_tags_and_packages_fail(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """The report fails, but no account does."""
    load_world(sim, graph())
    sim.inject(Fault(DENIED, "TagResource", count=None))
    sim.inject(Fault(Throttle(), "UpdateDatasourcePackages", count=None))
    report = await plan_and_apply(
        client,
        WANTED,
        members=accepting(sim),
        tags={"a": "b"},
        datasource_packages=["EKS_AUDIT"],
    )
    assert set(results(report).values()) == {ONBOARDED}
    assert report.failures == ()
    assert not report.ok
    (region,) = report.regions
    assert isinstance(region.error, AccessDeniedException)
    denied, _, throttled = (region.problem or "").partition("; not done within 900 s: TooManyRequestsException: ")
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
    assert report.regions[0].problem == "not done within 900 s: 'tag graph' (a) was done, but its effect is not visible"
    assert report.regions[0].reason is Reason.TIMED_OUT
    assert report.regions[0].done == ("tag graph",)
    assert report.regions[0].error is None


async def test_timeout_during_verification(sim: DetectiveSimulator) -> None:
    """Unfinished accounts fail with their status; the others and the graph are done."""
    load_world(sim, graph(member(ONE, "VERIFICATION_IN_PROGRESS"), member(TWO, "INVITED")), verification_delay=10_000)
    time = WorldTime(sim)
    async with administrator(sim, time=time) as client:
        plan = await plan_membership(client, WANTED, regions=[REGION], members=accepting(sim))
        began = time.now
        report = await plan.apply(timeout=90)
        assert time.now - began == pytest.approx(90)
        late = "not done within 90 s: the account is VERIFICATION_IN_PROGRESS"
        later = "not done within 90 s: 'invite' was done, but the account is VERIFICATION_IN_PROGRESS"
        assert results(report) == {
            ONE: Result("VERIFICATION_IN_PROGRESS", "VERIFICATION_IN_PROGRESS", "", late),
            TWO: Result("INVITED", "ENABLED", "accept"),
            THREE: Result(None, "VERIFICATION_IN_PROGRESS", "invite", later),
        }
        assert report.regions[0].ok
        await sim.advance(10_000)
        sim.forget_requests()
        report = await plan.apply(timeout=90)
        assert report.ok
        assert writes(sim) == {"AcceptInvitation": 2}


@in_virtual_time
async def test_last_error_at_the_timeout() -> None:
    """The problem contains the last error."""
    async with in_loop_time(member(ONE, "INVITED")) as (sim, client):
        sim.throttle(None, operation="AcceptInvitation")
        plan = await plan_membership(client, WANTED[:1], regions=[REGION], members=accepting(sim))
        report = await plan.apply(timeout=60)
    (failure,) = report.failures
    assert (failure.problem or "").startswith("not done within 60 s: the account is INVITED; TooManyRequestsException")
    assert isinstance(failure.error, TooManyRequestsException)


@in_virtual_time
async def test_timeout_without_response() -> None:
    """The timeout applies to a region and to an account that hang; others are processed meanwhile."""
    late = "not done within 60 s"
    unread = "no response yet to the look for 'create graph'"
    async with in_loop_time(member(ONE, "INVITED"), member(TWO, "INVITED")) as (sim, client):
        plan = await plan_membership(
            client,
            WANTED[:2],
            regions=[REGION, ELSEWHERE],
            members=accepting(sim),
            tags={"a": "b"},
        )
        sim.inject(Fault(Latency(1000), "ListGraphs", region=ELSEWHERE))
        sim.inject(Fault(Latency(1000), "AcceptInvitation", account=ONE))
        began = asyncio.get_running_loop().time()
        report = await plan.apply(timeout=60)
        assert asyncio.get_running_loop().time() - began == pytest.approx(60)
        assert running_tasks() == []
    assert results(report) == {
        ONE: Result("INVITED", "INVITED", "", f"{UNKNOWN}; {late}: the account was INVITED"),
        TWO: Result("INVITED", "ENABLED", "accept"),
    }
    assert set(results(report, ELSEWHERE).values()) == {Result(None, None, "", f"{late}: {unread}")}
    assert [region.problem for region in report.regions] == [None, f"{late}: {unread}"]


@in_virtual_time
async def test_planning_without_response() -> None:
    """A region that hangs is a problem when the time is over, with the error that came before, if any."""
    async with in_loop_time() as (sim, client):
        sim.inject(Fault(Latency(1000), "ListMembers", region=REGION))
        sim.inject(Fault(Throttle(), "ListGraphs", region=ELSEWHERE, count=None))
        once = client.with_options(retry=RetryPolicy(max_attempts=1))
        sim.inject(Fault(Latency(1000), "ListGraphs", region="eu-central-1"))
        began = asyncio.get_running_loop().time()
        plan = await plan_membership(once, WANTED, regions=[REGION, ELSEWHERE, "eu-central-1"], timeout=5)
        assert asyncio.get_running_loop().time() - began == pytest.approx(6)
        teardown = await plan_teardown(client, regions=[REGION], timeout=5)
    late = ("it could not be read within 5 s", Reason.TIMED_OUT)
    first, second, third = ((problem.text, problem.reason) for problem in plan.problems)
    assert first == third == late
    assert second[0].startswith("TooManyRequestsException")
    assert [graph.region for graph in teardown.graphs] == [REGION]


async def test_deadline_passes_during_an_action(sim: DetectiveSimulator) -> None:
    """The action is cancelled, and no other one starts."""
    load_world(sim, graph(member(ONE, "INVITED"), member(TWO, "INVITED")))
    sim.inject(Fault(Latency(60), "AcceptInvitation", account=ONE))
    time = WorldTime(sim)
    async with administrator(sim, time=time) as client:
        plan = await plan_membership(client, WANTED[:2], regions=[REGION], members=accepting(sim))

        def jump(_: object) -> None:
            time.now += 1000

        report = await plan.apply(progress=jump)
    assert results(report)[TWO] == Result("INVITED", "ENABLED", "accept")
    assert results(report)[ONE] == Result(
        "INVITED", "INVITED", "", f"{UNKNOWN}; not done within 900 s: the account was INVITED"
    )
    assert [row.maybe_done for row in report.rows] == [("accept",), ()]
    assert str(report).splitlines()[0].endswith("; accept: 1; not known whether it was done: accept: 1")


async def test_credentials_that_changed_since(sim: DetectiveSimulator) -> None:
    """If the client's keys were replaced by those of another account, applying the plan changes nothing there."""
    keys = [sim.account(ADMINISTRATOR)]

    async def current() -> Credentials:
        return evolve(keys[-1], expires_at=datetime.now(UTC) + timedelta(seconds=1))

    clock = WorldTime(sim).clock(real_dates=True)
    async with DetectiveClient(region=REGION, endpoint_url=sim.url, credentials=current, clock=clock) as client:
        plan = await plan_membership(client, WANTED, regions=[REGION, ELSEWHERE])
        keys.append(sim.account(TWO))
        sim.forget_requests()
        report = await plan.apply()
    assert {row.reason for row in report.failures} == {Reason.WRONG_ACCOUNT}
    assert {region.reason for region in report.regions} == {Reason.WRONG_ACCOUNT}
    assert [request.operation for request in sim.requests] == ["GetCallerIdentity"]


@pytest.mark.parametrize("when", ["before", "midway"])
async def test_no_graph_for_another_account(sim: DetectiveSimulator, when: str) -> None:
    """No graph is made if STS does not say whose keys they are now, nor if they were replaced after it was asked."""
    keys = [sim.account(ADMINISTRATOR)]

    async def current() -> Credentials:
        return evolve(keys[-1], expires_at=datetime.now(UTC) + timedelta(seconds=1))

    clock = WorldTime(sim).clock(real_dates=True)
    async with DetectiveClient(region=REGION, endpoint_url=sim.url, credentials=current, clock=clock) as client:
        plan = await plan_membership(client, WANTED, regions=[REGION])
        if when == "before":
            sim.inject(Fault(Failure(403, "AccessDenied", "no"), "GetCallerIdentity", count=None))
            keys.append(sim.account(TWO))
            report = await plan.apply()
        else:
            sim.inject(Fault(Failure(), "ListGraphs", count=None))
            task = asyncio.create_task(plan.apply())
            while sim.requests[-1].operation != "ListGraphs":  # noqa: ASYNC110
                await asyncio.sleep(0)
            keys.append(sim.account(TWO))
            sim.clear_faults()
            report = await task
    (region,) = report.regions
    assert (region.reason, region.done, region.maybe_done) == (Reason.WRONG_ACCOUNT, (), ())
    assert ("not known whose" if when == "before" else TWO) in str(region.problem)
    assert writes(sim) == {}


async def test_new_graph_is_deleted_midway(sim: DetectiveSimulator) -> None:
    """A graph that the plan has made, and that was seen, is no new one any more: that it is gone is soon reported."""
    sim.set_verification_delay(600)
    time = WorldTime(sim)
    async with administrator(sim, time=time) as client:
        plan = await plan_membership(client, WANTED, regions=[REGION])
        began = time.now
        task = asyncio.create_task(plan.apply())
        while not (statuses(sim) and [one.operation for one in sim.requests].count("ListMembers") > 2):  # noqa: ASYNC110
            await asyncio.sleep(0)
        await client.delete_graph(next(iter(sim.snapshot())))
        report = await task
    assert {row.reason for row in report.failures} == {Reason.NOT_PLANNED}
    assert time.now - began < 100
    assert sim.snapshot() == {}


@in_virtual_time
async def test_tags_of_a_graph_that_was_there() -> None:
    """CreateGraph sets none if the graph was there, which no look showed: the report says what was waited for."""
    async with empty_in_loop_time() as (sim, client):
        load_world(sim, accounts=[{"id": one} for one in (ONE, TWO, THREE)])
        sim.set_read_lag(4, ["ListGraphs"])
        await asyncio.sleep(5)
        await client.create_graph()
        plan = await plan_membership(client, WANTED, regions=[REGION], tags={"a": "b"})
        report = await plan.apply(timeout=25)
    problem = "not done within 25 s: it now needs 'tag graph' (a), which the plan does not show: plan again"
    assert (report.regions[0].done, report.regions[0].problem) == (("create graph",), problem)
    assert report.regions[0].reason is Reason.NOT_PLANNED


@pytest.mark.parametrize("looks", [1, 1000])
async def test_looks_at_tags_that_are_late(sim: DetectiveSimulator, looks: int) -> None:
    """That tags are missing which the plan saw is believed after 15 s."""
    load_world(sim, graph(tags={"a": "b"}))

    class Late(DetectiveClient):
        late = 0

        async def list_tags_for_resource(self, resource_arn: str) -> Any:
            found = await super().list_tags_for_resource(resource_arn)
            Late.late -= 1
            return evolve(found, tags={}) if Late.late >= 0 else found

    time = WorldTime(sim)
    async with administrator(sim, Late, time=time) as client:
        plan = await plan_membership(client, WANTED, regions=[REGION], tags={"a": "b"})
        Late.late, began = looks, time.now
        report = await plan.apply()
    problem = None if looks == 1 else "it now needs 'tag graph' (a), which the plan does not show: plan again"
    assert (report.regions[0].done, report.regions[0].problem) == ((), problem)
    assert looks == 1 or 15 <= time.now - began < 25


@pytest.mark.parametrize("tags", [None, {"a": "b"}])
async def test_plan_while_a_graph_is_being_deleted(
    sim: DetectiveSimulator, client: DetectiveClient, tags: dict[str, str] | None
) -> None:
    """It is looked for again: a graph that is still listed at first is made anew."""
    load_world(sim, graph(), accounts=[{"id": one} for one in (ONE, TWO, THREE)])
    sim.set_deletion_delay(4)
    await client.delete_graph(arn_in(REGION))
    plan = await plan_membership(client, WANTED, regions=[REGION], tags=tags)
    assert plan.problems == ()
    assert plan.actions[0].kind == "create graph"


async def test_graph_that_is_deleted_after_it_was_made(sim: DetectiveSimulator) -> None:
    """The plan shows that it is made once."""
    load_world(sim, accounts=[{"id": one} for one in (ADMINISTRATOR, ONE, TWO, THREE)], verification_delay=100)

    class Deletes(DetectiveClient):
        async def create_members(self, graph_arn: str, *args: Any, **options: Any) -> Any:
            response = await super().create_members(graph_arn, *args, **options)
            await self.delete_graph(graph_arn)
            return response

    async with administrator(sim, Deletes) as client:
        plan = await plan_membership(client, WANTED, regions=[REGION], members=accepting(sim))
        report = await plan.apply()
    problem = "the graph that was there for this plan is gone, and the plan does not make another one: plan again"
    assert (report.regions[0].problem, report.regions[0].done) == (problem, ("create graph",))


async def test_packages_that_this_release_does_not_know(sim: DetectiveSimulator) -> None:
    """They are not stopped, also those of a graph that the plan makes."""
    load_world(sim, accounts=[{"id": one} for one in (ADMINISTRATOR, ONE, TWO, THREE)])
    started = {
        DatasourcePackage("VPC_LOGS"): DatasourcePackageIngestDetail(
            datasource_package_ingest_state=DatasourcePackageIngestState.STARTED
        )
    }
    sent: list[list[str]] = []

    class Newer(DetectiveClient):
        async def create_graph(self, **options: Any) -> CreateGraphResponse:
            response = await super().create_graph(**options)
            sim.set_package(response.graph_arn, "EKS_AUDIT", "DISABLED")
            return response

        async def list_datasource_packages(self, graph_arn: str, **options: Any) -> ListDatasourcePackagesResponse:
            found = await super().list_datasource_packages(graph_arn, **options)
            return evolve(found, datasource_packages={**found.datasource_packages, **started})

        async def update_datasource_packages(self, graph_arn: str, datasource_packages: Any) -> None:
            sent.append(datasource_packages)
            known = [one for one in datasource_packages if one not in started]
            await super().update_datasource_packages(graph_arn, known)

    async with administrator(sim, Newer) as client:
        plan = await plan_membership(client, WANTED, regions=[REGION], datasource_packages=["EKS_AUDIT"])
        assert (await plan.apply()).regions[0].ok
    assert [sorted(some) for some in sent] == [["ASFF_SECURITYHUB_FINDING", "DETECTIVE_CORE", "EKS_AUDIT", "VPC_LOGS"]]

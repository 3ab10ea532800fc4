"""What a report says of requests without a response: until the state shows their effect, it is not known."""

import asyncio
import random
from collections.abc import Mapping
from typing import Any

import pytest
from attrs import evolve

from detective_async import Credentials, DatasourcePackage, DetectiveClient
from detective_async.membership import (
    AccountReport,
    ActionKind,
    ByInvitation,
    ByOrganization,
    MembershipReport,
    Reason,
    RegionReport,
    plan_membership,
    plan_teardown,
)
from detective_async.testing import DetectiveSimulator, Drop, Failure, Fault, Throttle
from membership.worlds import (
    ADMINISTRATOR,
    DENIED,
    IDS,
    REGION,
    WRONG,
    WorldTime,
    accepting,
    account,
    administrator,
    arn_in,
    graph,
    load_world,
    member,
    request_bodies,
    statuses,
)

ONE, TWO, THREE, FOUR = IDS[:4]
WANTED = [account(one) for one in (ONE, TWO, THREE)]
KNOWN = [{"id": one} for one in (ONE, TWO, THREE, FOUR)]
LOST = Drop("after")
CREATE, REMOVE, REINVITE = ActionKind.CREATE_GRAPH, ActionKind.REMOVE, ActionKind.REINVITE
INVITE, ACCEPT = ActionKind.INVITE, ActionKind.ACCEPT
#: Reads may be late, but not denied: then the report says so, and not what became of each account.
OPERATIONS = ["CreateGraph", "TagResource", "CreateMembers", "DeleteMembers", "AcceptInvitation"]
EFFECTS: list[Drop | Failure | Throttle] = [
    LOST,
    LOST,
    LOST,
    Failure(),
    DENIED,
    Throttle(),
    Failure(403, "ExpiredTokenException", "expired"),
]


def load_members(sim: DetectiveSimulator) -> None:
    """Load a graph with members for each action: to be invited again, to be accepted for, and to be removed."""
    members = member(ONE, "VERIFICATION_FAILED", WRONG), member(TWO, "INVITED"), member(FOUR, "ENABLED")
    load_world(sim, graph(*members), accounts=KNOWN)


async def apply(client: DetectiveClient, sim: DetectiveSimulator, *faults: Fault, **options: Any) -> MembershipReport:
    """Plan, let faults happen, and apply."""
    timeout = options.pop("timeout", 60)
    lag = options.pop("lag", 0)
    plan = await plan_membership(
        client, WANTED, regions=[REGION], members=accepting(sim), tags={"a": "b"}, remove_others=True, max_removals=1
    )
    sim.set_read_lag(lag)
    # What is written at the moment of that is seen at once.
    await sim.advance(1)
    for fault in faults:
        sim.inject(fault)
    return await plan.apply(timeout=timeout)


def said(one: AccountReport | RegionReport) -> set[ActionKind]:
    """Return the actions that were or may have been carried out."""
    assert not set(one.done) & set(one.maybe_done), one
    return {*one.done, *one.maybe_done}


def effects(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, set[ActionKind]]:
    """Return what was carried out for each account."""
    found: dict[str, set[ActionKind]] = {one: set() for one in (ONE, TWO, THREE, FOUR)}
    for one, kinds in found.items():
        was, now = before.get(one), after.get(one)
        if was and not now:
            kinds.add(REMOVE)
        if was == "VERIFICATION_FAILED" and now not in {was, None}:
            kinds.add(REINVITE)
        if now and not was:
            kinds.add(INVITE)
        if now == "ENABLED" and was != "ENABLED":
            kinds.add(ACCEPT)
    return found


@pytest.mark.parametrize("seed", range(40))
async def test_reports_hide_and_invent_nothing(sim: DetectiveSimulator, seed: int) -> None:
    """Whatever happens to the requests, the report has all that took effect, and as done nothing else."""
    rnd = random.Random(seed)  # noqa: S311
    if seed % 4 == 0:
        load_world(sim, accounts=KNOWN)
    else:
        load_members(sim)
    before, graphs = statuses(sim), len(sim.snapshot())
    faults = [
        Fault(rnd.choice(EFFECTS), rnd.choice(OPERATIONS), count=rnd.choice([1, 3, 4, None]))
        for _ in range(rnd.choice([1, 2, 3]))
    ]
    async with administrator(sim) as client:
        report = await apply(client, sim, *faults, lag=rnd.choice([0, 0, 1, 8, 40]), timeout=rnd.choice([3, 10, 60]))
    # Not all of them meet a request.
    sim.clear_faults()
    after = statuses(sim)
    (region,) = report.regions
    is_made = len(sim.snapshot()) > graphs
    assert is_made <= (CREATE in said(region)), faults
    assert (CREATE in region.done) <= is_made, faults
    found = effects(before, after)
    for row in report.rows:
        kinds = found[row.account_id]
        assert kinds <= said(row), (faults, row)
        # The removal is the first half of another invitation.
        assert set(row.done) <= kinds | ({REMOVE} if REINVITE in kinds else set()), (faults, row)
    if is_made or before != after:
        assert "nothing " not in str(report).splitlines()[0]


@pytest.mark.parametrize(
    ("operation", "account_id", "kind"),
    [("CreateMembers", THREE, INVITE), ("DeleteMembers", FOUR, REMOVE), ("AcceptInvitation", TWO, ACCEPT)],
)
async def test_refusal_after_a_lost_response(
    sim: DetectiveSimulator, operation: str, account_id: str, kind: ActionKind
) -> None:
    """A later error does not say that an earlier request had no effect."""
    load_members(sim)
    async with administrator(sim) as client:
        faults = Fault(LOST, operation, count=3), Fault(DENIED, operation, count=None)
        report = await apply(client, sim, *faults, lag=300)
    (row,) = (row for row in report.rows if row.account_id == account_id)
    assert (row.done, row.maybe_done, row.reason) == ((), (kind,), Reason.ACCESS_DENIED)
    text = f"it is not known whether {str(kind)!r} was carried out: plan again; AccessDeniedException: not you"
    assert (row.problem or "").startswith(text)


async def test_removal_without_a_response_that_is_seen_late(sim: DetectiveSimulator) -> None:
    """It is done once that is seen, though AWS said of its repetition that there is no such member."""
    load_members(sim)
    async with administrator(sim) as client:
        report = await apply(client, sim, Fault(LOST, "DeleteMembers", count=3), lag=8)
    assert {row.account_id: row.done for row in report.rows}[FOUR] == (REMOVE,)
    assert {row.account_id: row.done for row in report.rows}[ONE] == (REINVITE, ACCEPT)
    assert report.ok
    assert not any(row.maybe_done for row in report.rows)


@pytest.mark.parametrize("is_lost", [False, True])
async def test_members_that_cannot_be_listed_any_more(sim: DetectiveSimulator, is_lost: bool) -> None:
    """The region's problem hides neither who was removed, or may have been, nor what was reached."""
    load_members(sim)

    class FailsLater(DetectiveClient):
        async def delete_members(self, *args: Any, **options: Any) -> Any:
            sim.inject(Fault(DENIED, "ListMembers", count=None))
            return await super().delete_members(*args, **options)

    async with administrator(sim, FailsLater, max_attempts=1) as client:
        faults = [Fault(DENIED, "CreateMembers", count=None), *([Fault(LOST, "DeleteMembers", count=2)] * is_lost)]
        report = await apply(client, sim, *faults)
    rows = {row.account_id: row for row in report.rows}
    removed, half = rows[FOUR], rows[ONE]
    problem = half.problem or ""
    if is_lost:
        assert (half.maybe_done, removed.maybe_done) == ((REMOVE,), (REMOVE,))
        assert problem.startswith("it is not known whether 'remove' was carried out: plan again; AccessDenied")
        assert not removed.ok
    else:
        assert (half.done, removed.done, removed.ok) == ((REMOVE,), (REMOVE,), True)
        assert problem.startswith("it was removed, but not invited again; AccessDeniedException: not you (ListMembers")
        assert "; AccessDeniedException: not you (CreateMembers" in problem
    assert f"{REGION} {ONE}: {problem}" in str(report)


async def test_members_that_cannot_be_listed_after_an_invitation(sim: DetectiveSimulator) -> None:
    """The accounts that were invited are named, although their problem is that of the region."""
    load_world(sim, graph(), accounts=KNOWN)

    class FailsLater(DetectiveClient):
        async def create_members(self, *args: Any, **options: Any) -> Any:
            sim.inject(Fault(DENIED, "ListMembers", count=None))
            return await super().create_members(*args, **options)

    sim.set_verification_delay(10)
    async with administrator(sim, FailsLater) as client:
        plan = await plan_membership(client, WANTED, regions=[REGION])
        report = await plan.apply()
    assert [(row.done, row.ok) for row in report.rows] == [((INVITE,), False)] * 3
    assert [row.account_id in str(report) for row in report.rows] == [True] * 3


@pytest.mark.parametrize("lag", [0, 1])
@pytest.mark.parametrize("is_lost", [False, True])
async def test_only_the_removal_succeeds(sim: DetectiveSimulator, lag: float, is_lost: bool) -> None:
    """A member that was removed, and not invited again, is reported as removed."""
    load_members(sim)
    faults = [Fault(DENIED, "CreateMembers", count=None), *([Fault(LOST, "DeleteMembers")] if is_lost else ())]
    async with administrator(sim, max_attempts=1) as client:
        report = await apply(client, sim, *faults, lag=lag)
    assert ONE not in statuses(sim)
    (row,) = (row for row in report.rows if row.account_id == ONE)
    assert (row.done, row.maybe_done, row.after, row.reason) == ((REMOVE,), (), None, Reason.ACCESS_DENIED)
    assert (row.problem or "").startswith("it was removed, but not invited again; AccessDeniedException: not you")


async def test_only_the_removal_succeeds_until_the_deadline(sim: DetectiveSimulator) -> None:
    """The same of an invitation that fails until then."""
    load_members(sim)
    async with administrator(sim) as client:
        report = await apply(client, sim, Fault(Throttle(), "CreateMembers", count=None))
    (row,) = (row for row in report.rows if row.account_id == ONE)
    assert (row.done, row.maybe_done, row.reason) == ((REMOVE,), (), Reason.TIMED_OUT)
    text = "it was removed, but not invited again; not done within 60 s: the account is not a member; TooManyRequests"
    assert (row.problem or "").startswith(text)


async def test_graph_without_a_response(sim: DetectiveSimulator) -> None:
    """An error of a later read does not hide that of the request, nor say that it had no effect."""
    load_world(sim, accounts=KNOWN)
    async with administrator(sim) as client:
        report = await apply(client, sim, Fault(LOST, "CreateGraph", count=None), lag=300)
    (region,) = report.regions
    assert (region.done, region.maybe_done, len(sim.snapshot())) == ((), (CREATE,), 1)
    assert "it is not known whether 'create graph' was carried out: plan again; not done" in (region.problem or "")
    assert "; not done within 60 s: CreateGraph: the server closed" in (region.problem or "")
    assert "not known whether it was done: create graph: 1" in str(report)


@pytest.mark.parametrize(("effect", "reason"), [(DENIED, Reason.ACCESS_DENIED), (Throttle(), Reason.TIMED_OUT)])
async def test_graph_without_a_response_and_reads_that_fail(
    sim: DetectiveSimulator, effect: Failure | Throttle, reason: Reason
) -> None:
    """The same if the graphs cannot be listed any more."""
    load_world(sim, accounts=KNOWN)

    class FailsLater(DetectiveClient):
        async def create_graph(self, **options: Any) -> Any:
            sim.inject(Fault(effect, "ListGraphs", count=None))
            return await super().create_graph(**options)

    async with administrator(sim, FailsLater) as client:
        report = await apply(client, sim, Fault(LOST, "CreateGraph", count=3))
    (region,) = report.regions
    assert (region.done, region.maybe_done, region.reason) == ((), (CREATE,), reason)
    assert "it is not known whether 'create graph' was carried out: plan again; " in (region.problem or "")
    assert ("CreateGraph: the server closed" in (region.problem or "")) is (reason is Reason.TIMED_OUT)


@pytest.mark.parametrize("fault", [Fault(LOST, "TagResource"), Fault(Drop("before"), "TagResource", count=2)])
async def test_tags_without_a_response(sim: DetectiveSimulator, fault: Fault) -> None:
    """They are done once they are seen."""
    load_members(sim)
    async with administrator(sim, max_attempts=1) as client:
        report = await apply(client, sim, fault)
    (region,) = report.regions
    assert (region.ok, region.done, region.maybe_done) == (True, (ActionKind.TAG_GRAPH,), ())


async def test_volume_after_an_acceptance_without_a_response(sim: DetectiveSimulator) -> None:
    """A volume that is not known is waited for as after any other acceptance."""
    load_members(sim)
    sim.set_volume(TWO, "VOLUME_UNKNOWN")
    time = WorldTime(sim)
    async with administrator(sim, time=time) as client:
        await time.sleep(1000)
        began = time.now
        report = await apply(client, sim, Fault(LOST, "AcceptInvitation", account=TWO), timeout=900)
    (row,) = (row for row in report.rows if row.account_id == TWO)
    assert (row.done, row.maybe_done, row.reason) == ((ACCEPT,), (), Reason.VOLUME_UNKNOWN)
    assert 240 <= time.now - began < 300


async def test_accounts_that_were_not_seen_yet(sim: DetectiveSimulator) -> None:
    """An account that was invited a moment ago, and is not seen yet, is not said to have declined."""
    load_members(sim)
    async with administrator(sim) as client:
        report = await apply(client, sim, lag=30, timeout=5)
    (row,) = (row for row in report.rows if row.account_id == THREE)
    assert (row.done, row.reason) == ((INVITE,), Reason.TIMED_OUT)


async def test_teardown_of_a_graph_that_is_not_found_once(sim: DetectiveSimulator) -> None:
    """It is looked for among the graphs before it is believed to be gone."""
    load_world(sim, graph())
    async with administrator(sim) as client:
        teardown = await plan_teardown(client, regions=[REGION])
        sim.inject(Fault(Failure(404, "ResourceNotFoundException", "no such graph"), "DeleteGraph", count=2))
        report = await teardown.apply(confirm=ADMINISTRATOR)
    assert report.ok
    assert sim.snapshot() == {}
    assert report.regions[0].done == (ActionKind.DELETE_GRAPH,)


async def test_teardown_of_a_graph_that_is_never_found(sim: DetectiveSimulator) -> None:
    """A graph that is listed, but cannot be deleted, is a failure."""
    load_world(sim, graph())
    async with administrator(sim) as client:
        teardown = await plan_teardown(client, regions=[REGION])
        sim.inject(Fault(Failure(404, "ResourceNotFoundException", "no such graph"), "DeleteGraph", count=None))
        report = await teardown.apply(confirm=ADMINISTRATOR, timeout=20)
    (region,) = report.regions
    assert (region.ok, region.done, region.maybe_done) == (False, (), ())
    assert (region.problem or "").startswith("ResourceNotFoundException: no such graph")


async def test_teardown_whose_responses_are_lost(sim: DetectiveSimulator) -> None:
    """A graph that is not listed any more is gone, although no request for it has had a response."""
    load_world(sim, graph())
    async with administrator(sim, max_attempts=1) as client:
        teardown = await plan_teardown(client, regions=[REGION])
        sim.inject(Fault(Drop("after"), "DeleteGraph", count=None))
        report = await teardown.apply(confirm=ADMINISTRATOR, timeout=20)
    (region,) = report.regions
    assert (region.ok, region.done, region.maybe_done) == (True, (ActionKind.DELETE_GRAPH,), ())
    assert sum(one.operation == "DeleteGraph" for one in sim.requests) == 1


async def test_teardown_without_a_response(sim: DetectiveSimulator) -> None:
    """A later error does not say that the graph is there."""
    load_world(sim, graph())
    async with administrator(sim) as client:
        teardown = await plan_teardown(client, regions=[REGION])
        sim.set_read_lag(60, ["ListGraphs", "ListMembers"])
        sim.inject(Fault(LOST, "DeleteGraph", count=3))
        sim.inject(Fault(DENIED, "DeleteGraph", count=None))
        report = await teardown.apply(confirm=ADMINISTRATOR)
    (region,) = report.regions
    assert (region.done, region.maybe_done, region.reason) == ((), (ActionKind.DELETE_GRAPH,), Reason.ACCESS_DENIED)
    assert (region.problem or "").startswith("it may be gone: plan again; AccessDeniedException: not you")
    assert str(report).splitlines()[0] == "0 graphs gone; 1 graph of which it is not known whether it is gone"


async def test_teardown_with_the_keys_of_another_account(sim: DetectiveSimulator) -> None:
    """A graph that these keys do not find is not said to be gone."""
    load_world(sim, graph(), accounts=KNOWN)
    keys = [sim.account(ADMINISTRATOR)]

    async def provider() -> Any:
        return keys[0]

    async with administrator(sim) as original:
        client = original.with_options(credentials=provider)
        teardown = await plan_teardown(client, regions=[REGION])
        keys[0] = sim.account(ONE)
        report = await teardown.apply(confirm=ADMINISTRATOR)
    assert arn_in(REGION) in sim.snapshot()
    assert not report.ok


def exchanging(keys: list[Credentials], others: Credentials) -> type[DetectiveClient]:
    """Return a client that has the keys of another account from its first DeleteGraph on."""

    class Exchanges(DetectiveClient):
        async def delete_graph(self, graph_arn: str) -> None:
            keys[0] = others
            await super().delete_graph(graph_arn)

    return Exchanges


async def test_teardown_while_the_keys_are_exchanged(sim: DetectiveSimulator) -> None:
    """A graph that is not found with the keys of another account is not said to be gone."""
    load_world(sim, graph(), accounts=KNOWN)
    keys = [sim.account(ADMINISTRATOR)]

    async def provider() -> Any:
        return keys[0]

    async with administrator(sim, exchanging(keys, sim.account(ONE))) as original:
        client = original.with_options(credentials=provider)
        teardown = await plan_teardown(client, regions=[REGION])
        sim.inject(Fault(Failure(404, "ResourceNotFoundException", "no such graph"), "DeleteGraph"))
        report = await teardown.apply(confirm=ADMINISTRATOR)
    (region,) = report.regions
    assert arn_in(REGION) in sim.snapshot()
    assert (region.ok, region.done, region.maybe_done, region.reason) == (False, (), (), Reason.WRONG_ACCOUNT)


@pytest.mark.parametrize("effect", [DENIED, Failure(503, "ServiceUnavailable", "later")])
async def test_teardown_while_sts_does_not_say_whose_the_keys_are(sim: DetectiveSimulator, effect: Failure) -> None:
    """A graph that is not found is not said to be gone while its keys may be those of another account."""
    load_world(sim, graph(), accounts=KNOWN)
    keys = [sim.account(ADMINISTRATOR)]

    async def provider() -> Any:
        return evolve(keys[0], account_id=None)

    async with administrator(sim) as original:
        client = original.with_options(credentials=provider)
        teardown = await plan_teardown(client, regions=[REGION])
        keys[0] = sim.account(ONE)
        sim.inject(Fault(Failure(404, "ResourceNotFoundException", "no such graph"), "ListMembers", count=None))
        sim.inject(Fault(effect, "GetCallerIdentity", count=None))
        report = await teardown.apply(confirm=ADMINISTRATOR, timeout=20)
    (region,) = report.regions
    assert arn_in(REGION) in sim.snapshot()
    assert (region.ok, region.done, region.reason) == (False, (), Reason.WRONG_ACCOUNT)
    assert "it is not known whose credentials these are" in (region.problem or "")


@pytest.mark.parametrize("operation", ["CreateGraph", "EnableOrganizationAdminAccount"])
async def test_packages_of_a_graph_that_was_made_without_a_response(sim: DetectiveSimulator, operation: str) -> None:
    """AWS starts all packages of a new graph: none of them is left out, and so stopped."""
    load_world(sim, accounts=KNOWN)
    sim.set_package_delay(30)
    sim.organization(FOUR, [ADMINISTRATOR, ONE])
    members = (
        ByInvitation()
        if operation == "CreateGraph"
        else ByOrganization(administrator_id=ADMINISTRATOR, management_credentials=sim.account(FOUR))
    )
    async with administrator(sim) as client:
        plan = await plan_membership(
            client, [account(ONE)], regions=[REGION], members=members, datasource_packages=["EKS_AUDIT"]
        )
        sim.inject(Fault(LOST, operation, count=3))
        assert (await plan.apply()).ok
    (body,) = request_bodies(sim, "UpdateDatasourcePackages")
    assert set(body["DatasourcePackages"]) == set(DatasourcePackage)


async def test_invitation_after_a_removal_without_a_response(sim: DetectiveSimulator) -> None:
    """Of another invitation, the removal is known, and the invitation may have been sent."""
    load_members(sim)
    async with administrator(sim) as client:
        faults = Fault(Drop("before"), "CreateMembers", count=6), Fault(DENIED, "CreateMembers", count=None)
        report = await apply(client, sim, *faults)
    (row,) = (row for row in report.rows if row.account_id == ONE)
    assert (row.done, row.maybe_done, row.reason) == ((REMOVE,), (REINVITE,), Reason.ACCESS_DENIED)
    text = "it was removed, and may have been invited again: plan again; AccessDeniedException: not you"
    assert (row.problem or "").startswith(text)


async def test_teardown_that_hangs_after_an_error(sim: DetectiveSimulator) -> None:
    """At the deadline, the last error is still said."""
    load_world(sim, graph())
    tries = 0

    class Hangs(DetectiveClient):
        async def delete_graph(self, graph_arn: str) -> None:
            nonlocal tries
            tries += 1
            if tries == 2:
                await asyncio.Event().wait()
            await super().delete_graph(graph_arn)

    async with administrator(sim, Hangs) as client:
        teardown = await plan_teardown(client, regions=[REGION])
        sim.inject(Fault(Throttle(), "DeleteGraph", count=3))
        report = await teardown.apply(confirm=ADMINISTRATOR, timeout=3)
    (region,) = report.regions
    assert (region.maybe_done, region.reason) == ((ActionKind.DELETE_GRAPH,), Reason.TIMED_OUT)
    assert (region.problem or "").startswith(
        "it may be gone: plan again; not deleted within 3 s; TooManyRequestsException"
    )

"""Removals are of the memberships that the plan saw, and a member is gone only if more than one look says so."""

import copy
import pickle
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from attrs import evolve

from detective_async import Account, DetectiveClient
from detective_async.client.paginator import Paginator
from detective_async.membership import ActionKind, MembershipPlan, Reason, plan_membership, read_accounts
from detective_async.testing import DetectiveSimulator, Drop, Failure, Fault
from membership.worlds import (
    ADMINISTRATOR,
    DENIED,
    ELSEWHERE,
    IDS,
    REGION,
    WRONG,
    WorldTime,
    accepting,
    account,
    address,
    administrator,
    arn_in,
    graph,
    load_world,
    member,
    plan_and_apply,
    request_bodies,
    statuses,
    writes,
)

ONE, TWO, THREE = IDS[:3]
REMOVE = ActionKind.REMOVE
OTHER = "it was removed and added again since the plan was made, which shows no removal of that: plan again"
UNSURE = "not done within 10 s: the account was not among the members, which is believed after 15 s"


class Without:
    """Members without the first account."""

    def __init__(self, members: Paginator[Any, Any]) -> None:
        self._members = members

    async def pages(self) -> AsyncGenerator[Any, None]:
        async for page in self._members.pages():
            yield evolve(page, member_details=[one for one in page.member_details if one.account_id != ONE])


def missing_in(misses: list[bool]) -> type[DetectiveClient]:
    """Return a client whose next looks at the members miss one, or not."""

    class LooksAway(DetectiveClient):
        def iter_members(self, *args: Any, **options: Any) -> Any:
            found = super().iter_members(*args, **options)
            return Without(found) if misses and misses.pop(0) else found

    return LooksAway


def load_members(sim: DetectiveSimulator) -> None:
    load_world(sim, graph(*(member(one, "ENABLED") for one in (ONE, TWO, THREE))))


async def removal_of(client: DetectiveClient, *ids: str) -> MembershipPlan:
    return await plan_membership(client, [], regions=[REGION], remove=ids, max_removals=len(ids))


@pytest.mark.parametrize("number", [1, 5])
async def test_looks_that_lack_a_member(sim: DetectiveSimulator, number: int) -> None:
    """The member is removed as soon as it is seen again, and its status before is that."""
    load_members(sim)
    async with administrator(sim, missing_in([False] + number * [True])) as client:
        plan = await removal_of(client, ONE, TWO)
        report = await plan.apply()
    assert [(row.before, row.after, row.done, row.ok) for row in report.rows] == [
        ("ENABLED", None, (REMOVE,), True)
    ] * 2
    assert statuses(sim) == {THREE: "ENABLED"}


@pytest.mark.parametrize("timeout", [40, 10])
@pytest.mark.parametrize("misses", [3, 1000])
async def test_looks_that_lack_a_wanted_member(sim: DetectiveSimulator, misses: int, timeout: float) -> None:
    """Likewise, if the plan saw it and no look since has had it."""
    load_world(sim, graph(member(ONE, "INVITED")))
    async with administrator(sim, missing_in([False] + misses * [True])) as client:
        plan = await plan_membership(client, [account(ONE)], regions=[REGION], members=accepting(sim))
        (row,) = (await plan.apply(timeout=timeout)).rows
    if misses == 3:
        assert (row.before, row.after, row.done, row.ok) == ("INVITED", "ENABLED", (ActionKind.ACCEPT,), True)
    else:
        problem = "it now needs 'invite', which the plan does not show: plan again"
        problem = f"not done within 10 s: {problem}" if timeout == 10 else problem
        assert (row.before, row.after, row.done, row.problem) == (None, None, (), problem)
        assert row.reason is Reason.NOT_PLANNED


async def test_member_that_others_removed(sim: DetectiveSimulator) -> None:
    """It is gone if no look has it for 15 s; nothing is sent."""
    load_members(sim)
    time = WorldTime(sim)
    async with administrator(sim, time=time) as client:
        plan = await removal_of(client, ONE)
        await client.delete_members(arn_in(REGION), [ONE])
        sim.forget_requests()
        began = time.now
        report = await plan.apply()
    assert 15 <= time.now - began < 20
    assert (report.ok, report.rows[0].done, request_bodies(sim, "DeleteMembers")) == (True, (), [])


async def test_member_that_the_service_says_is_none(sim: DetectiveSimulator) -> None:
    """It is gone at the first look that lacks it, which the service's own word confirms."""
    load_members(sim)
    time = WorldTime(sim)
    async with administrator(sim, time=time) as client:
        plan = await removal_of(client, ONE)
        sim.set_read_lag(5)
        await sim.advance(1)
        await client.delete_members(arn_in(REGION), [ONE])
        began = time.now
        report = await plan.apply()
    assert time.now - began < 10
    assert (report.ok, report.rows[0].done) == (True, ())


@pytest.mark.parametrize("is_sent", [False, True])
async def test_deadline_before_that_is_known(sim: DetectiveSimulator, is_sent: bool) -> None:
    """It is not said to be gone, also after a request for it of which nobody knows whether it arrived."""
    load_members(sim)
    if is_sent:
        sim.inject(Fault(Drop("before"), "DeleteMembers"))
    async with administrator(sim, missing_in([False] + is_sent * [False] + 1000 * [True]), max_attempts=1) as client:
        plan = await removal_of(client, ONE)
        report = await plan.apply(timeout=10)
    (row,) = report.rows
    assert (row.ok, row.done, row.reason) == (False, (), Reason.TIMED_OUT)
    if is_sent:
        assert (row.before, row.maybe_done) == ("ENABLED", (REMOVE,))
        assert (row.problem or "").startswith(f"it is not known whether 'remove' was carried out: plan again; {UNSURE}")
    else:
        assert (row.before, row.maybe_done, row.problem) == (None, (), UNSURE)
    assert ONE in statuses(sim)


@pytest.mark.parametrize("lag", [0, 5])
async def test_member_that_was_added_again(sim: DetectiveSimulator, client: DetectiveClient, lag: float) -> None:
    """It is left, since the plan saw another membership, also if its return is seen late."""
    load_members(sim)
    plan = await removal_of(client, ONE, TWO)
    await client.delete_members(arn_in(REGION), [ONE])
    sim.set_read_lag(lag)
    await sim.advance(1)
    await client.create_members(arn_in(REGION), [account(ONE)])
    report = await plan.apply()
    assert [(row.done, row.problem, row.reason) for row in report.rows] == [
        ((), OTHER, Reason.NOT_PLANNED),
        ((REMOVE,), None, None),
    ]
    assert request_bodies(sim, "DeleteMembers")[1:] == [{"GraphArn": arn_in(REGION), "AccountIds": [TWO]}]
    assert statuses(sim) == {ONE: "INVITED", THREE: "ENABLED"}


@pytest.mark.parametrize("is_named", [True, False])
async def test_plan_that_is_applied_again(sim: DetectiveSimulator, client: DetectiveClient, is_named: bool) -> None:
    """It does not remove what another plan has added since."""
    load_members(sim)
    if is_named:
        plan = await removal_of(client, ONE)
    else:
        wanted = [account(TWO), account(THREE)]
        plan = await plan_membership(client, wanted, regions=[REGION], remove_others=True, max_removals=1)
    assert (await plan.apply()).ok
    await sim.advance(1)
    assert (await plan_and_apply(client, [account(ONE)], members=accepting(sim))).ok
    report = await plan.apply()
    assert [(row.account_id, row.problem) for row in report.failures] == [(ONE, OTHER)]
    assert statuses(sim) == dict.fromkeys((ONE, TWO, THREE), "ENABLED")


@pytest.mark.parametrize("right", [True, False])
@pytest.mark.parametrize("lag", [0, 5])
async def test_failed_member_that_was_invited_again(
    sim: DetectiveSimulator, client: DetectiveClient, lag: float, *, right: bool
) -> None:
    """It is not removed to be invited once more: its new membership is accepted, or reported as not planned."""
    load_world(sim, graph(member(ONE, "VERIFICATION_FAILED", WRONG)))
    plan = await plan_membership(client, [account(ONE)], regions=[REGION], members=accepting(sim))
    assert [one.kind for one in plan.actions] == [ActionKind.REINVITE, ActionKind.ACCEPT]
    await client.delete_members(arn_in(REGION), [ONE])
    sim.set_read_lag(lag)
    await sim.advance(1)
    await client.create_members(arn_in(REGION), [account(ONE) if right else Account(ONE, WRONG)])
    sim.forget_requests()
    report = await plan.apply()
    (row,) = report.rows
    assert writes(sim) == ({"AcceptInvitation": 1} if right else {})
    if right:
        assert (row.after, row.done, row.problem) == ("ENABLED", (ActionKind.ACCEPT,), None)
    else:
        assert (row.done, row.problem, row.reason) == ((), OTHER, Reason.NOT_PLANNED)
    assert statuses(sim) == {ONE: "ENABLED" if right else "VERIFICATION_FAILED"}


async def test_member_that_has_accepted_since(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """It is the same membership, and removed."""
    load_world(sim, graph(member(ONE, "INVITED")))
    plan = await removal_of(client, ONE)
    async with administrator(sim, account_id=ONE) as owner:
        await owner.accept_invitation(arn_in(REGION))
    report = await plan.apply()
    assert [(row.before, row.done, row.ok) for row in report.rows] == [("ENABLED", (REMOVE,), True)]


async def test_removal_without_a_response_that_is_denied_later(sim: DetectiveSimulator) -> None:
    """It is done if that is seen within 15 s, whatever AWS says of its repetition."""
    load_members(sim)
    time = WorldTime(sim)
    async with administrator(sim, max_attempts=1, time=time) as client:
        plan = await removal_of(client, ONE)
        sim.set_read_lag(5)
        await sim.advance(1)
        sim.inject(Fault(Drop("after"), "DeleteMembers"))
        sim.inject(Fault(DENIED, "DeleteMembers", count=None))
        report = await plan.apply()
    assert [(row.done, row.maybe_done, row.ok) for row in report.rows] == [((REMOVE,), (), True)]


async def test_named_member_with_an_address_of_the_list(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """It is removed: one that is named is no mistyped id of the list."""
    load_members(sim)
    plan = await plan_membership(
        client, [Account(IDS[4], address(ONE))], regions=[REGION], remove=[ONE], max_removals=1
    )
    assert plan.problems == ()
    assert [(one.kind, one.account_id) for one in plan.actions] == [(REMOVE, ONE), (ActionKind.INVITE, IDS[4])]


@pytest.mark.parametrize("by_region", [False, True])
@pytest.mark.parametrize(("listed", "state"), [(ONE, "SUSPENDED"), (ADMINISTRATOR, "ACTIVE")])
async def test_no_graph_for_nobody(
    sim: DetectiveSimulator, client: DetectiveClient, listed: str, state: str, *, by_region: bool
) -> None:
    """Beside a removal, accounts of which none is to be a member, such as the administrator, ask for no graph."""
    load_members(sim)
    accounts, _ = read_accounts(["Account ID,Email,State", f"{listed},{address(listed)},{state}"])
    regions = [REGION, ELSEWHERE]
    places: dict[str, Any] = {"accounts": accounts, "regions": regions}
    if by_region:
        places = {"accounts": dict.fromkeys(regions, accounts)}
    for removed in (ONE, TWO):
        plan = await plan_membership(client, **places, remove=[removed], max_removals=1)
        assert [(one.kind, one.account_id) for one in plan.actions] == [(REMOVE, removed)]
        assert plan.problems == ()
    report = await plan.apply()
    assert report.ok
    assert [one.graph_arn for one in report.regions] == [arn_in(REGION), None]
    assert len(sim.snapshot()) == 1


async def test_no_graph_for_an_administrator_that_is_known_late(
    sim: DetectiveSimulator, client: DetectiveClient
) -> None:
    """Likewise, if STS does not say at first who that is."""
    load_world(sim, accounts=[{"id": ADMINISTRATOR}])
    sim.inject(Fault(Failure(503), "GetCallerIdentity", count=60))
    options: dict[str, Any] = {"regions": [REGION], "remove": [TWO], "max_removals": 1, "timeout": 60}
    plan = await plan_membership(client, [account(ADMINISTRATOR)], **options)
    assert (plan.administrator_id, plan.actions, plan.problems) == (ADMINISTRATOR, (), ())
    assert (await plan.apply()).ok
    assert sim.snapshot() == {}


async def test_graph_for_the_administrator_alone(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Without a removal, a list with nobody else, as of an organization of one account, is one to make a graph for."""
    load_world(sim, accounts=[{"id": ADMINISTRATOR}])
    plan = await plan_membership(client, [account(ADMINISTRATOR)], regions=[REGION])
    assert [one.kind for one in plan.actions] == [ActionKind.CREATE_GRAPH]


async def test_ids_of_a_list_that_are_named(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Actions and reports have them as plain strings."""
    load_members(sim)
    accounts, _ = read_accounts([f"{ONE},{address(ONE)}", "1,"])
    plan = await plan_membership(
        client, [], regions=[REGION], remove=[one.account_id for one in accounts], max_removals=1
    )
    assert [type(one.account_id) for one in plan.actions] == [str]


async def test_copies_of_a_plan(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """They have reports of their own, and know which memberships they are for; a plan is not pickled."""
    load_members(sim)
    plan = await removal_of(client, ONE)
    with pytest.raises(TypeError, match="a plan cannot be pickled"):
        pickle.dumps(plan)
    for copied in (copy.copy(plan), copy.deepcopy(plan)):
        assert copied == plan
        assert (await copied.apply()).ok
        assert plan.report is None
    assert statuses(sim) == dict.fromkeys((TWO, THREE), "ENABLED")

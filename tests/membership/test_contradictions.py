"""Single looks and answers that contradict what is known, and what this run has done: none decides alone."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attrs import define, evolve, field

from detective_async import (
    Administrator,
    ConnectionLost,
    CreateMembersResponse,
    DeleteMembersResponse,
    DetectiveClient,
    InvitationType,
    ListMembersResponse,
    MemberDetail,
    MemberStatus,
    ServiceQuotaExceededException,
    UnprocessedAccount,
)
from detective_async.membership import ByOrganization, MembershipReport, Reason, plan_membership
from detective_async.testing import DetectiveSimulator, Failure, Fault
from membership.worlds import (
    ADMINISTRATOR,
    ELSEWHERE,
    IDS,
    REGION,
    WorldTime,
    accepting,
    account,
    administrator,
    arn_in,
    graph,
    load_world,
    member,
    statuses,
    writes,
)

ONE, TWO = IDS[:2]
MANAGEMENT = "999999999999"
Hook = Callable[[int, Any], Any]


def wrapped(name: str) -> Any:
    async def method(self: "Hooked", *args: Any, **options: Any) -> Any:
        self.world.calls[name] += 1
        number = self.world.calls[name]
        if before := self.world.before.get(name):
            await before(number)
        if name in self.world.instead:
            return self.world.instead[name]
        response = await getattr(DetectiveClient, name)(self, *args, **options)
        after = self.world.after.get(name)
        return after(number, response) if after else response

    return method


@define
class World:
    """What a client meets: functions before its calls and after them, with the number of the call, or a response."""

    sim: DetectiveSimulator
    time: WorldTime
    calls: Counter[str] = field(factory=Counter)
    instead: dict[str, Any] = field(factory=dict)
    before: dict[str, Callable[[int], Awaitable[None]]] = field(factory=dict)
    after: dict[str, Hook] = field(factory=dict)

    def look(self, function: Hook) -> None:
        """Let looks at the members, counted from now on, show something else: a list of members."""
        self.calls.clear()
        self.after["list_members"] = lambda number, found: ListMembersResponse(
            member_details=function(number, found.member_details)
        )


class Hooked(DetectiveClient):
    world: World

    list_members = wrapped("list_members")
    create_members = wrapped("create_members")
    delete_members = wrapped("delete_members")
    list_tags_for_resource = wrapped("list_tags_for_resource")
    describe_organization_configuration = wrapped("describe_organization_configuration")
    list_organization_admin_accounts = wrapped("list_organization_admin_accounts")


@asynccontextmanager
async def hooked(sim: DetectiveSimulator) -> AsyncIterator[tuple[World, DetectiveClient]]:
    """Yield a world and its client, whose waits take no time."""
    world = World(sim, WorldTime(sim))

    class OfWorld(Hooked):
        pass

    OfWorld.world = world
    async with administrator(sim, OfWorld, time=world.time, max_attempts=1) as client:
        yield world, client


def old(status: str) -> MemberDetail:
    """Return the account in a membership of long ago."""
    at = datetime(2020, 1, 1, tzinfo=UTC)
    return MemberDetail(account_id=ONE, status=MemberStatus(status), invited_time=at, updated_time=at)


def lose_first(operation: str) -> Callable[[int], Awaitable[None]]:
    """Let the first request be lost on its way."""

    async def before(number: int) -> None:
        if number == 1:
            raise ConnectionLost("reset", operation=operation, attempts=1, outcome_unknown=True)

    return before


def by_organization(sim: DetectiveSimulator, **options: Any) -> ByOrganization:
    sim.organization(MANAGEMENT, [ADMINISTRATOR, ONE])
    return ByOrganization(administrator_id=ADMINISTRATOR, management_credentials=sim.account(MANAGEMENT), **options)


async def test_an_old_membership_after_a_lost_invitation(sim: DetectiveSimulator) -> None:
    """It is not the effect of the request that was lost."""
    load_world(sim, graph())
    async with hooked(sim) as (world, client):
        plan = await plan_membership(client, [account(ONE)], regions=[REGION], members=accepting(sim))
        world.before["create_members"] = lose_first("CreateMembers")
        world.look(lambda number, found: [old("ENABLED")] if number == 2 else found)
        assert (await plan.apply()).ok
    assert statuses(sim) == {ONE: "ENABLED"}


async def test_one_look_that_misses_a_member_after_a_lost_removal(sim: DetectiveSimulator) -> None:
    """It does not mean that the first half of the second invitation was carried out."""
    load_world(sim, graph(member(ONE, "VERIFICATION_FAILED")))
    async with hooked(sim) as (world, client):
        plan = await plan_membership(client, [account(ONE)], regions=[REGION], members=accepting(sim))
        world.before["delete_members"] = lose_first("DeleteMembers")
        world.look(lambda number, found: [] if number == 2 else found)
        report = await plan.apply()
    assert [row.done for row in report.rows] == [("reinvite", "accept")]


async def test_a_refusal_that_speaks_of_no_member(sim: DetectiveSimulator) -> None:
    """Of an account that is to be added, it does not mean that there was nothing to be done."""
    load_world(sim, graph())
    async with hooked(sim) as (world, client):
        plan = await plan_membership(client, [account(ONE)], regions=[REGION], members=accepting(sim))
        refused = UnprocessedAccount(account_id=ONE, reason="The account is not a member of the organization")
        world.instead["create_members"] = CreateMembersResponse(unprocessed_accounts=[refused])
        began = world.time.now
        report = await plan.apply()
        assert world.time.now - began < 30
    assert [row.reason for row in report.rows] == [Reason.REFUSED]


async def test_the_last_look_misses_an_invited_account(sim: DetectiveSimulator) -> None:
    """The account has declined nothing."""
    load_world(sim, graph(), verification_delay=1000)
    async with hooked(sim) as (world, client):
        plan = await plan_membership(client, [account(ONE)], regions=[REGION], members=accepting(sim))
        began = world.time.now
        world.look(lambda _, found: found if world.time.now - began < 29 else [])
        (row,) = (await plan.apply(timeout=30)).rows
    assert (row.after, row.reason) == ("VERIFICATION_IN_PROGRESS", Reason.TIMED_OUT)


@pytest.mark.parametrize("status", ["VERIFICATION_FAILED", "ENABLED"])
async def test_an_old_state_after_an_account_was_enabled(sim: DetectiveSimulator, status: str) -> None:
    """Accounts of an organization have no time of invitation, so that the time of the change counts."""
    async with hooked(sim) as (world, client):
        plan = await plan_membership(client, [account(ONE)], regions=[REGION], members=by_organization(sim))
        sim.set_verification_delay(3)
        earlier = evolve(old(status), invited_time=None, invitation_type=InvitationType.ORGANIZATION)
        world.look(lambda number, found: [earlier] if number == 2 else found)
        report = await plan.apply()
    assert report.ok
    assert statuses(sim) == {ONE: "ENABLED"}


async def test_a_former_administrator_in_one_look(sim: DetectiveSimulator) -> None:
    """The plan saw none, and goes on."""
    async with hooked(sim) as (world, client):
        members = by_organization(sim)
        plan = await plan_membership(client, [account(ONE)], regions=[REGION, ELSEWHERE], members=members)
        former = [Administrator(account_id=TWO)]
        world.calls.clear()
        world.after["list_organization_admin_accounts"] = lambda number, found: (
            evolve(found, administrators=former) if number <= 3 else found
        )
        assert (await plan.apply()).ok


@pytest.mark.parametrize("count", [1, 100])
async def test_a_setting_that_the_plan_has_read(sim: DetectiveSimulator, count: int) -> None:
    """One answer that there is no graph is not believed; answers for a while are."""
    async with hooked(sim) as (_, client):
        members = by_organization(sim, auto_enable=True)
        await client.with_options(credentials=sim.account(MANAGEMENT)).enable_organization_admin_account(ADMINISTRATOR)
        plan = await plan_membership(client, [account(ONE)], regions=[REGION], members=members)
        error = Failure(400, "ValidationException", "there is no behavior graph")
        sim.inject(Fault(error, "DescribeOrganizationConfiguration", count=count))
        report = await plan.apply()
        sim.clear_faults()
    assert [(one.ok, one.auto_enable) for one in report.regions] == [(count == 1, True if count == 1 else None)]


@pytest.mark.parametrize("has_times", [True, False])
async def test_a_removed_member_in_a_late_look(sim: DetectiveSimulator, *, has_times: bool) -> None:
    """Another run has removed it first; that AWS says so counts, and not the look."""
    load_world(sim, graph(member(ONE, "ENABLED"), member(TWO, "VERIFICATION_IN_PROGRESS")), verification_delay=4)
    async with hooked(sim) as (world, client):
        options: dict[str, Any] = {"members": accepting(sim), "remove_others": True, "max_removals": 1}
        times: dict[str, Any] = {} if has_times else {"invited_time": None, "updated_time": None}
        world.look(lambda _, found: [evolve(one, **times) for one in found])
        plan = await plan_membership(client, [account(TWO)], regions=[REGION], **options)
        # It was removed just before.
        (before,) = [one for one in (await client.list_members(arn_in(REGION))).member_details if one.account_id == ONE]

        async def removed(_: int) -> None:
            await DetectiveClient.delete_members(client, arn_in(REGION), [ONE])

        world.before["delete_members"] = removed
        began = world.time.now
        world.look(
            lambda number, found: [
                *([before] if number == 1 or world.time.now - began > 3 else []),
                *(evolve(one, **times) for one in found if one.account_id == TWO),
            ]
        )
        report = await plan.apply(timeout=12)
    assert [(row.account_id, row.after, row.problem) for row in report.rows] == [
        (TWO, "ENABLED", None),
        (ONE, None, None),
    ]


async def test_an_acceptance_by_another(sim: DetectiveSimulator) -> None:
    """AWS has the time to find out the volume that it has after this run's own."""
    load_world(sim, graph(member(ONE, "INVITED")))
    async with hooked(sim) as (world, client):
        plan = await plan_membership(client, [account(ONE)], regions=[REGION], members=accepting(sim))
        await client.with_options(credentials=sim.account(ONE)).accept_invitation(arn_in(REGION))
        began = world.time.now
        unknown: dict[str, Any] = {"status": MemberStatus.ACCEPTED_BUT_DISABLED, "disabled_reason": "VOLUME_UNKNOWN"}
        world.look(lambda _, found: [evolve(one, **unknown) for one in found] if world.time.now - began < 60 else found)
        assert (await plan.apply()).ok


async def test_two_looks_with_an_outage_between_them(sim: DetectiveSimulator) -> None:
    """They do not show for 15 s that an invited account is no member."""
    load_world(sim, graph(), verification_delay=60)
    async with hooked(sim) as (world, client):
        plan = await plan_membership(client, [account(ONE)], regions=[REGION], members=accepting(sim))
        began = world.time.now
        misses: list[float] = []

        def miss(_: int, found: list[MemberDetail]) -> list[MemberDetail]:
            seconds = world.time.now - began
            if seconds < 1 or len(misses) == 2:
                return found
            misses.append(seconds)
            if len(misses) == 1:
                sim.inject(Fault(Failure(500, "InternalServerException", "down"), "ListMembers", count=12))
            return []

        world.look(miss)
        assert (await plan.apply()).ok
    assert misses[1] - misses[0] > 15


async def test_a_page_that_is_invalid_once(sim: DetectiveSimulator) -> None:
    """The look begins again; the token of a page may be none any more."""
    load_world(sim, graph(member(ONE, "INVITED")))
    async with hooked(sim) as (_, client):
        plan = await plan_membership(client, [account(ONE)], regions=[REGION], members=accepting(sim))
        sim.inject(Fault(Failure(400, "ValidationException", "The next token is invalid"), "ListMembers"))
        assert (await plan.apply()).ok


@pytest.mark.parametrize(("looks", "done"), [(1, ("tag graph",)), (100, ())])
async def test_a_tag_that_is_there_although_the_plan_missed_it(
    sim: DetectiveSimulator, looks: int, done: tuple[str, ...]
) -> None:
    """One look may show what was before; when all do, another has set it."""
    load_world(sim, graph())
    async with hooked(sim) as (world, client):
        plan = await plan_membership(client, [account(ADMINISTRATOR)], regions=[REGION], tags={"a": "b"})
        world.calls.clear()
        world.after["list_tags_for_resource"] = lambda number, found: (
            evolve(found, tags={"a": "b"}) if number <= looks else found
        )
        report = await plan.apply()
        assert [(one.done, one.problem) for one in report.regions] == [(done, None)]
        if looks == 1:
            # What this plan has done before is no surprise.
            began = world.time.now
            report = await plan.apply(timeout=10)
            assert (report.ok, world.time.now) == (True, began)


async def test_a_tag_that_is_there_at_the_deadline(sim: DetectiveSimulator) -> None:
    """It is said why that was not believed."""
    load_world(sim, graph())
    async with hooked(sim) as (world, client):
        plan = await plan_membership(client, [account(ADMINISTRATOR)], regions=[REGION], tags={"a": "b"})
        world.after["list_tags_for_resource"] = lambda _, found: evolve(found, tags={"a": "b"})
        (region,) = (await plan.apply(timeout=5)).regions
    assert region.problem == (
        "not done within 5 s: nothing is missing for 'tag graph' any more, which is believed after 15 s"
    )


async def test_an_invitation_after_the_one_that_was_accepted(sim: DetectiveSimulator) -> None:
    """Nobody waits for the first acceptance to be seen."""
    load_world(sim, graph(member(ONE, "INVITED")))
    async with hooked(sim) as (world, client):
        plan = await plan_membership(client, [account(ONE)], regions=[REGION], members=accepting(sim))

        def again(number: int, found: list[MemberDetail]) -> list[MemberDetail]:
            later = [one.invited_time + timedelta(hours=1) for one in found if one.invited_time]
            new: dict[str, Any] = {"status": MemberStatus.INVITED, "invited_time": later[0], "updated_time": later[0]}
            return [evolve(one, **new) for one in found] if number > 1 else found

        world.look(again)
        began = world.time.now
        (row,) = (await plan.apply()).rows
        assert world.time.now - began < 20
    assert (row.done, row.reason) == (("accept",), Reason.NOT_PLANNED)
    assert row.problem == "it was removed and invited again since this run accepted its invitation: plan again"


async def test_a_lost_invitation_that_is_declined(sim: DetectiveSimulator) -> None:
    """It was seen, so that it counts as made, and as declined when it is seen no more."""
    load_world(sim, graph(), verification_delay=1000)
    async with hooked(sim) as (world, client):
        plan = await plan_membership(client, [account(ONE)], regions=[REGION], members=accepting(sim))

        def lose(number: int, found: Any) -> Any:
            if number == 1:
                raise ConnectionLost("reset", operation="CreateMembers", attempts=1, outcome_unknown=True)
            return found

        world.after["create_members"] = lose
        began = world.time.now
        world.look(lambda _, found: found if world.time.now - began < 30 else [])
        (row,) = (await plan.apply()).rows
        assert world.time.now - began < 100
    assert (row.done, row.reason) == (("invite",), Reason.DECLINED)


async def test_looking_fails_while_an_account_becomes_as_wanted(sim: DetectiveSimulator) -> None:
    """It is reported as wanted, although nothing was decided on it any more."""
    load_world(sim, graph(member(ONE, "ENABLED"), member(TWO, "VERIFICATION_IN_PROGRESS")), verification_delay=1000)
    async with hooked(sim) as (world, client):
        plan = await plan_membership(client, [account(TWO)], regions=[REGION], remove=[ONE], max_removals=1)
        is_removed = asyncio.Event()

        def note(_: int, response: DeleteMembersResponse) -> DeleteMembersResponse:
            is_removed.set()
            return response

        async def fail(number: int) -> None:
            if number > 1:
                await is_removed.wait()
                await asyncio.sleep(0.05)
                raise ServiceQuotaExceededException(
                    "ServiceQuotaExceededException", "no", status=402, operation="ListMembers", attempts=1
                )

        world.calls.clear()
        world.before["list_members"], world.after["delete_members"] = fail, note
        report = await plan.apply()
    assert {row.account_id: row.ok for row in report.rows} == {ONE: True, TWO: False}


async def test_a_plan_that_is_applied_twice(sim: DetectiveSimulator) -> None:
    """What the first application has made is no surprise for the second."""
    load_world(sim, graph())
    async with hooked(sim) as (world, client):
        plan = await plan_membership(client, [account(ONE)], regions=[REGION], members=accepting(sim))
        assert (await plan.apply()).ok
        began = world.time.now
        report: MembershipReport = await plan.apply(timeout=10)
        assert (report.ok, world.time.now) == (True, began)
    assert writes(sim) == {"CreateMembers": 1, "AcceptInvitation": 1}

"""Applying plans where nothing goes wrong: each mode, what is reported, and that nothing is done twice."""

from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from detective_async import AssumeRole, AttemptEvent, DetectiveClient
from detective_async.events import Event
from detective_async.http.exchange import exchange
from detective_async.membership import ActionKind, plan_membership, plan_teardown
from detective_async.testing import DetectiveSimulator
from membership.worlds import (
    ADMINISTRATOR,
    ELSEWHERE,
    REGION,
    WRONG,
    Fate,
    Told,
    WorldTime,
    account,
    administrator,
    arn_in,
    asked,
    fates,
    fill,
    graph,
    invited,
    member,
    some_accounts,
    statuses,
    writes,
)

IDS = [f"{number}" * 12 for number in range(2, 10)]


async def test_by_invitation(sim: DetectiveSimulator) -> None:
    """From nothing to enabled members in two regions, with tags and packages; then there is nothing left to do."""
    wanted = some_accounts(60)
    async with administrator(sim) as client:
        options: dict[str, Any] = {
            "regions": [REGION, ELSEWHERE],
            "member_credentials": sim.account,
            "tags": {"team": "secops"},
            "datasource_packages": ["EKS_AUDIT"],
            "message": "Please join",
            "disable_email_notification": True,
        }
        plan = await plan_membership(client, wanted, **options)
        report = await plan.apply()
        assert report.ok
        assert report.failures == ()
        assert [(row.region, row.account_id) for row in report.rows] == [
            (region, one.account_id) for region in (REGION, ELSEWHERE) for one in wanted
        ]
        assert set(fates(report).values()) | set(fates(report, ELSEWHERE).values()) == {
            Fate(None, "ENABLED", "invite, accept")
        }
        for region in report.regions:
            found = sim.snapshot()[region.graph_arn or ""]
            assert found["tags"] == {"team": "secops"}
            assert found["packages"]["EKS_AUDIT"] == "STARTED"
            assert region.done == (ActionKind.CREATE_GRAPH, ActionKind.START_PACKAGES)
            assert region.ok
        assert str(report) == (
            "120 of 120 memberships in 2 regions are as wanted; "
            "create graph: 2, start packages: 2, invite: 120, accept: 120"
        )
        # 60 accounts in requests of 50 at most, and nobody in two of them.
        assert writes(sim) == {
            "CreateGraph": 2,
            "UpdateDatasourcePackages": 2,
            "CreateMembers": 4,
            "AcceptInvitation": 120,
        }
        assert set(invited(sim).values()) == {1}
        assert {(one["Message"], one["DisableEmailNotification"]) for one in asked(sim, "CreateMembers")} == {
            ("Please join", True)
        }

        sim.forget_requests()
        assert not await plan_membership(client, wanted, **options)
        again = await plan.apply()
        assert again.ok
        assert {row.done for row in again.rows} == {()}
        assert str(again) == "120 of 120 memberships in 2 regions are as wanted; nothing had to be done"
        assert writes(sim) == {}


async def test_invitations_that_stay_open(sim: DetectiveSimulator) -> None:
    """Without credentials of the members, being invited is what is wanted, once the address is verified."""
    fill(sim, graph(member(IDS[0], "VERIFICATION_IN_PROGRESS")), verification_delay=30)
    async with administrator(sim) as client:
        plan = await plan_membership(client, [account(IDS[0]), account(IDS[1])], regions=[REGION])
        assert [action.account_id for action in plan.actions] == [IDS[1]]
        report = await plan.apply()
        assert fates(report) == {
            IDS[0]: Fate("VERIFICATION_IN_PROGRESS", "INVITED", ""),
            IDS[1]: Fate(None, "INVITED", "invite"),
        }
        assert writes(sim) == {"CreateMembers": 1}
        assert not await plan_membership(client, [account(IDS[0]), account(IDS[1])], regions=[REGION])


async def test_members_in_any_state(sim: DetectiveSimulator) -> None:
    """Each gets what its state needs and no more; members that nobody named stay, unless others are to go."""
    fill(
        sim,
        graph(
            member(IDS[0], "ENABLED"),
            member(IDS[1], "INVITED"),
            member(IDS[2], "VERIFICATION_FAILED", WRONG),
            member(IDS[3], "ACCEPTED_BUT_DISABLED"),
            member(IDS[4], "VERIFICATION_IN_PROGRESS"),
            member(IDS[5], "ENABLED", "old@example.com"),
            member(IDS[6], "VERIFICATION_FAILED", WRONG),
        ),
        verification_delay=30,
    )
    wanted = [account(one) for one in (*IDS[:6], IDS[7])]
    async with administrator(sim) as client:
        plan = await plan_membership(client, wanted, regions=[REGION], member_credentials=sim.account)
        report = await plan.apply()
        assert report.ok
        assert fates(report) == {
            IDS[0]: Fate("ENABLED", "ENABLED", ""),
            IDS[1]: Fate("INVITED", "ENABLED", "accept"),
            IDS[2]: Fate("VERIFICATION_FAILED", "ENABLED", "reinvite, accept"),
            IDS[3]: Fate("ACCEPTED_BUT_DISABLED", "ENABLED", "start monitoring"),
            IDS[4]: Fate("VERIFICATION_IN_PROGRESS", "ENABLED", "accept"),
            IDS[5]: Fate("ENABLED", "ENABLED", ""),
            IDS[7]: Fate(None, "ENABLED", "invite, accept"),
        }
        assert statuses(sim)[IDS[6]] == "VERIFICATION_FAILED"
        assert asked(sim, "DeleteMembers") == [{"GraphArn": arn_in(REGION), "AccountIds": [IDS[2]]}]
        assert set(invited(sim).values()) == {1}

        plan = await plan_membership(client, wanted, regions=[REGION], remove_others=True)
        report = await plan.apply()
        assert report.ok
        assert fates(report)[IDS[6]] == Fate("VERIFICATION_FAILED", None, "remove")
        assert set(statuses(sim)) == {one.account_id for one in wanted}


async def test_only_who_was_named_is_removed(sim: DetectiveSimulator) -> None:
    """A member that has come since the plan was made is not removed by it, and one that has gone is no failure."""
    fill(sim, graph(member(IDS[0], "ENABLED"), member(IDS[1], "ENABLED"), member(IDS[2], "ENABLED")))
    async with administrator(sim) as client:
        plan = await plan_membership(client, [account(IDS[0])], regions=[REGION], remove_others=True)
        await client.create_members(arn_in(REGION), [account(IDS[3])])
        await client.delete_members(arn_in(REGION), [IDS[2]])
        report = await plan.apply()
        assert report.ok
        assert fates(report) == {
            IDS[0]: Fate("ENABLED", "ENABLED", ""),
            IDS[1]: Fate("ENABLED", None, "remove"),
            IDS[2]: Fate(None, None, ""),
        }
        assert set(statuses(sim)) == {IDS[0], IDS[3]}


async def test_what_is_now_counts(sim: DetectiveSimulator) -> None:
    """An account that somebody else has invited since the plan was made is accepted, and not invited again."""
    fill(sim, graph())
    async with administrator(sim) as client:
        plan = await plan_membership(client, [account(IDS[0])], regions=[REGION], member_credentials=sim.account)
        await client.create_members(arn_in(REGION), [account(IDS[0])])
        report = await plan.apply()
        assert fates(report) == {IDS[0]: Fate("INVITED", "ENABLED", "accept")}


async def test_a_graph_that_is_full(sim: DetectiveSimulator) -> None:
    """Those that are to go make room first, so that a full graph takes as many others."""
    full = some_accounts(1200)
    fill(sim, graph(*(member(one.account_id, "ENABLED") for one in full)))
    wanted = full[:1195]
    for place, one in enumerate(IDS[:5]):
        wanted.insert(240 * place, account(one))
    async with administrator(sim) as client:
        plan = await plan_membership(client, wanted, regions=[REGION], remove_others=True)
        report = await plan.apply()
    assert report.ok
    assert len(report.rows) == 1205
    assert set(statuses(sim)) == {one.account_id for one in wanted}
    # What has nothing to do takes no place in a request.
    assert writes(sim) == {"DeleteMembers": 1, "CreateMembers": 1}


async def test_each_is_accepted_as_soon_as_it_is_invited() -> None:
    """Of accounts whose verification takes longer and longer none waits for another."""
    wanted = some_accounts(6)
    now = 1_800_000_000.0
    # No time passes but what is slept.
    async with DetectiveSimulator(wall_clock=lambda: now) as sim:
        began = sim.now
        ready = [(one.account_id, began + timedelta(seconds=20 * number)) for number, one in enumerate(wanted)]
        fill(sim, graph(*(member(one, "VERIFICATION_IN_PROGRESS", verifies_at=time) for one, time in ready)))
        clock = evolve(WorldTime(sim).clock(), time=lambda: now)
        async with DetectiveClient(
            region=REGION, endpoint_url=sim.url, credentials=sim.account(ADMINISTRATOR), clock=clock
        ) as client:
            plan = await plan_membership(client, wanted, regions=[REGION], member_credentials=sim.account)
            await plan.apply()
    accepted = [(one.time - began).total_seconds() for one in sim.requests if one.operation == "AcceptInvitation"]
    assert len(accepted) == 6
    for number, time in enumerate(accepted):
        # The pauses since the one before have grown to a quarter of the time that has passed since then.
        assert 20 * number <= time <= 20 * number + 5.5


async def test_progress(sim: DetectiveSimulator) -> None:
    """Each account in each region is told of once, as it comes to its end; a callback that raises stops nothing."""
    told = Told([])
    sim.account(IDS[1], WRONG)
    async with administrator(sim) as client:
        plan = await plan_membership(
            client, [account(one) for one in IDS[:3]], regions=[REGION, ELSEWHERE], member_credentials=sim.account
        )
        report = await plan.apply(progress=told)
        assert [(event.done, event.total) for event in told.events] == [(number, 6) for number in range(1, 7)]
        assert told.events[-1].failed == 2
        assert [event.failed for event in told.events] == sorted(event.failed for event in told.events)
        assert all(event.elapsed >= 0 for event in told.events)

        def broken(_: object) -> None:
            raise RuntimeError

        again = await plan.apply(progress=broken)
        assert [row.after for row in again.rows] == [row.after for row in report.rows]


async def test_the_limit_to_calls_at_once(sim: DetectiveSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many accounts and regions there are, as many calls are under way as were allowed, and no more."""
    under_way: list[int] = []
    now = 0

    async def gauged(*args: Any, **options: Any) -> Any:
        nonlocal now
        now += 1
        under_way.append(now)
        try:
            return await exchange(*args, **options)
        finally:
            now -= 1

    monkeypatch.setattr("detective_async.http.call.exchange", gauged)
    regions = [REGION, ELSEWHERE, "eu-central-1", "eu-north-1"]
    async with administrator(sim) as client:
        plan = await plan_membership(
            client, some_accounts(20), regions=regions, member_credentials=sim.account, concurrency=3
        )
        assert max(under_way) == 3
        under_way.clear()
        report = await plan.apply()
        assert report.ok
        assert max(under_way) == 3
        teardown = await plan_teardown(client, regions=regions, concurrency=2)
        under_way.clear()
        await teardown.apply(confirm=ADMINISTRATOR)
        assert max(under_way) == 2


async def test_a_role_is_assumed_once_for_all_regions(sim: DetectiveSimulator) -> None:
    """Credentials of a member are asked for when it accepts for the first time, and serve everywhere."""
    asked_for: list[str] = []

    def source(account_id: str) -> AssumeRole:
        asked_for.append(account_id)
        role = sim.role(account_id, "Detective", trusted=[ADMINISTRATOR])
        return AssumeRole(role, source=sim.account(ADMINISTRATOR))

    fill(sim, graph(member(IDS[0], "ENABLED")))
    async with administrator(sim) as client:
        plan = await plan_membership(
            client, [account(one) for one in IDS[:3]], regions=[REGION, ELSEWHERE], member_credentials=source
        )
        report = await plan.apply()
    assert report.ok
    assert sorted(asked_for) == IDS[:3]
    assert sum(request.operation == "AssumeRole" for request in sim.requests) == 3


async def test_the_clients_own_settings_hold(sim: DetectiveSimulator) -> None:
    """Hooks are told of every attempt, those in the name of member accounts too, and whose name it is."""
    events: list[Event] = []
    async with DetectiveClient(
        region=REGION, endpoint_url=sim.url, credentials=sim.account(ADMINISTRATOR), hooks=[events.append]
    ) as client:
        plan = await plan_membership(
            client,
            [account(IDS[0])],
            regions=[ELSEWHERE],
            member_credentials=lambda account_id: evolve(sim.account(account_id), account_id=None),
        )
        await plan.apply()
    accepted = [event.account for event in events if event.operation == "AcceptInvitation"]
    assert set(accepted) == {IDS[0]}
    assert [(event.operation, event.region) for event in events if isinstance(event, AttemptEvent)] == [
        (request.operation, ELSEWHERE) for request in sim.requests
    ]

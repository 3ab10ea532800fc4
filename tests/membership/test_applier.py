"""Applying plans without failures."""

from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from detective_async import AssumeRole, AttemptEvent, DetectiveClient, ProgressEvent
from detective_async.events import Event
from detective_async.http.exchange import exchange
from detective_async.membership import ActionKind, ByInvitation, plan_membership, plan_teardown
from detective_async.testing import DetectiveSimulator
from membership.worlds import (
    ADMINISTRATOR,
    ELSEWHERE,
    IDS,
    REGION,
    WRONG,
    Result,
    WorldTime,
    accepting,
    account,
    arn_in,
    graph,
    invitations,
    load_world,
    member,
    plan_and_apply,
    request_bodies,
    results,
    some_accounts,
    statuses,
    writes,
)


async def test_by_invitation(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Creates graphs in two regions with members, tags and packages; then there is nothing left to do."""
    wanted = some_accounts(60)
    options: dict[str, Any] = {
        "regions": [REGION, ELSEWHERE],
        "members": accepting(sim),
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
    assert set(results(report).values()) | set(results(report, ELSEWHERE).values()) == {
        Result(None, "ENABLED", "invite, accept")
    }
    for region in report.regions:
        found = sim.snapshot()[region.graph_arn or ""]
        assert found["tags"] == {"team": "secops"}
        assert found["packages"]["EKS_AUDIT"] == "STARTED"
        # A new graph has all packages started.
        assert region.done == (ActionKind.CREATE_GRAPH,)
        assert region.ok
    assert str(report) == (
        "120 of 120 memberships in 2 regions are as wanted; create graph: 2, invite: 120, accept: 120"
    )
    # 60 accounts need two requests per region, and no account is in two of them.
    assert writes(sim) == {"CreateGraph": 2, "CreateMembers": 4, "AcceptInvitation": 120}
    assert set(invitations(sim).values()) == {1}
    assert {(one["Message"], one["DisableEmailNotification"]) for one in request_bodies(sim, "CreateMembers")} == {
        ("Please join", True)
    }

    sim.forget_requests()
    assert not await plan_membership(client, wanted, **options)
    again = await plan.apply()
    assert again.ok
    assert {row.done for row in again.rows} == {()}
    assert str(again) == "120 of 120 memberships in 2 regions are as wanted; nothing had to be done"
    assert writes(sim) == {}


async def test_without_member_credentials(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """A verified invitation is then the desired state."""
    load_world(sim, graph(member(IDS[0], "VERIFICATION_IN_PROGRESS")), verification_delay=30)
    plan = await plan_membership(client, [account(IDS[0]), account(IDS[1])], regions=[REGION])
    assert [action.account_id for action in plan.actions] == [IDS[1]]
    report = await plan.apply()
    assert results(report) == {
        IDS[0]: Result("VERIFICATION_IN_PROGRESS", "INVITED", ""),
        IDS[1]: Result(None, "INVITED", "invite"),
    }
    assert writes(sim) == {"CreateMembers": 1}
    assert not await plan_membership(client, [account(IDS[0]), account(IDS[1])], regions=[REGION])


async def test_members_in_every_state(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Each state gets the necessary actions only; other members remain unless they should be removed."""
    load_world(
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
    report = await plan_and_apply(client, wanted, members=accepting(sim), retry_disabled=True)
    assert report.ok
    assert results(report) == {
        IDS[0]: Result("ENABLED", "ENABLED", ""),
        IDS[1]: Result("INVITED", "ENABLED", "accept"),
        IDS[2]: Result("VERIFICATION_FAILED", "ENABLED", "reinvite, accept"),
        IDS[3]: Result("ACCEPTED_BUT_DISABLED", "ENABLED", "start monitoring"),
        IDS[4]: Result("VERIFICATION_IN_PROGRESS", "ENABLED", "accept"),
        IDS[5]: Result("ENABLED", "ENABLED", ""),
        IDS[7]: Result(None, "ENABLED", "invite, accept"),
    }
    assert statuses(sim)[IDS[6]] == "VERIFICATION_FAILED"
    assert request_bodies(sim, "DeleteMembers") == [{"GraphArn": arn_in(REGION), "AccountIds": [IDS[2]]}]
    assert set(invitations(sim).values()) == {1}

    report = await plan_and_apply(client, wanted, remove_others=True, max_removals=1)
    assert report.ok
    assert results(report)[IDS[6]] == Result("VERIFICATION_FAILED", None, "remove")
    assert set(statuses(sim)) == {one.account_id for one in wanted}


async def test_only_planned_removals(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """A member that joined after planning is not removed, and one that left is no failure."""
    load_world(sim, graph(member(IDS[0], "ENABLED"), member(IDS[1], "ENABLED"), member(IDS[2], "ENABLED")))
    plan = await plan_membership(client, [account(IDS[0])], regions=[REGION], remove_others=True, max_removals=2)
    await client.create_members(arn_in(REGION), [account(IDS[3])])
    await client.delete_members(arn_in(REGION), [IDS[2]])
    report = await plan.apply()
    assert report.ok
    assert results(report) == {
        IDS[0]: Result("ENABLED", "ENABLED", ""),
        IDS[1]: Result("ENABLED", None, "remove"),
        IDS[2]: Result(None, None, ""),
    }
    assert set(statuses(sim)) == {IDS[0], IDS[3]}


async def test_state_changed_after_planning(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """An account that was invited meanwhile accepts, and is not invited again."""
    load_world(sim, graph())
    plan = await plan_membership(client, [account(IDS[0])], regions=[REGION], members=accepting(sim))
    await client.create_members(arn_in(REGION), [account(IDS[0])])
    report = await plan.apply()
    assert results(report) == {IDS[0]: Result("INVITED", "ENABLED", "accept")}


async def test_full_graph(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Removals come first, so that a full graph has room for the same number of new members."""
    full = some_accounts(1200)
    load_world(sim, graph(*(member(one.account_id, "ENABLED") for one in full)))
    wanted = full[:1195]
    for place, one in enumerate(IDS[:5]):
        wanted.insert(240 * place, account(one))
    report = await plan_and_apply(client, wanted, remove_others=True, max_removals=5)
    assert report.ok
    assert len(report.rows) == 1205
    assert set(statuses(sim)) == {one.account_id for one in wanted}
    # Accounts without an action are in no request.
    assert writes(sim) == {"DeleteMembers": 1, "CreateMembers": 1}


@pytest.mark.parametrize("accepts", [True, False])
async def test_accounts_do_not_wait_for_each_other(accepts: bool) -> None:
    """Each account accepts, or is done without an action, soon after its own verification."""
    wanted = some_accounts(6)
    ended: list[float] = []
    now = 1_800_000_000.0
    # Time passes only by sleeping.
    async with DetectiveSimulator(wall_clock=lambda: now) as sim:
        began = sim.now
        ready = [(one.account_id, began + timedelta(seconds=20 * number)) for number, one in enumerate(wanted)]
        load_world(sim, graph(*(member(one, "VERIFICATION_IN_PROGRESS", verifies_at=time) for one, time in ready)))
        clock = evolve(WorldTime(sim).clock(), time=lambda: now)
        async with DetectiveClient(
            region=REGION, endpoint_url=sim.url, credentials=sim.account(ADMINISTRATOR), clock=clock
        ) as client:
            source = sim.account if accepts else None
            plan = await plan_membership(client, wanted, regions=[REGION], members=ByInvitation(credentials=source))
            await plan.apply(progress=lambda _: ended.append((sim.now - began).total_seconds()))
    assert writes(sim) == ({"AcceptInvitation": 6} if accepts else {})
    assert len(ended) == 6
    for number, time in enumerate(ended):
        # The pauses grow to about a quarter of the time since the previous change.
        assert 20 * number <= time <= 20 * number + 5.5


async def test_progress(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """The callback is called once per account and region; its exceptions have no effect."""
    events: list[ProgressEvent] = []
    sim.account(IDS[1], WRONG)
    plan = await plan_membership(
        client, [account(one) for one in IDS[:3]], regions=[REGION, ELSEWHERE], members=accepting(sim)
    )
    report = await plan.apply(progress=events.append)
    assert [(event.done, event.total) for event in events] == [(number, 6) for number in range(1, 7)]
    assert events[-1].failed == 2
    assert [event.failed for event in events] == sorted(event.failed for event in events)
    assert all(event.elapsed >= 0 for event in events)

    def broken(_: object) -> None:
        raise RuntimeError

    again = await plan.apply(progress=broken)
    assert [row.after for row in again.rows] == [row.after for row in report.rows]


async def test_concurrency(sim: DetectiveSimulator, client: DetectiveClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """The calls in progress reach the limit and never exceed it."""
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
    plan = await plan_membership(client, some_accounts(20), regions=regions, members=accepting(sim), concurrency=3)
    assert max(under_way) == 3
    under_way.clear()
    report = await plan.apply()
    assert report.ok
    assert max(under_way) == 3
    teardown = await plan_teardown(client, regions=regions, concurrency=2)
    under_way.clear()
    await teardown.apply(confirm=ADMINISTRATOR)
    assert max(under_way) == 2


async def test_member_credentials_are_requested_once(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """They are requested when first needed, and used in all regions."""
    requested: list[str] = []

    def source(account_id: str) -> AssumeRole:
        requested.append(account_id)
        role = sim.role(account_id, "Detective", trusted=[ADMINISTRATOR])
        return AssumeRole(role, source=sim.account(ADMINISTRATOR))

    load_world(sim, graph(member(IDS[0], "ENABLED")))
    report = await plan_and_apply(
        client, [account(one) for one in IDS[:3]], regions=[REGION, ELSEWHERE], members=ByInvitation(credentials=source)
    )
    assert report.ok
    assert sorted(requested) == IDS[:3]
    assert sum(request.operation == "AssumeRole" for request in sim.requests) == 3


async def test_hooks(sim: DetectiveSimulator) -> None:
    """The client's hooks get all attempts, including those of member accounts, with the account id."""
    events: list[Event] = []
    async with DetectiveClient(
        region=REGION, endpoint_url=sim.url, credentials=sim.account(ADMINISTRATOR), hooks=[events.append]
    ) as client:
        plan = await plan_membership(
            client,
            [account(IDS[0])],
            regions=[ELSEWHERE],
            members=ByInvitation(credentials=lambda account_id: evolve(sim.account(account_id), account_id=None)),
        )
        await plan.apply()
    accepted = [event.account for event in events if event.operation == "AcceptInvitation"]
    assert set(accepted) == {IDS[0]}
    assert [(event.operation, event.region) for event in events if isinstance(event, AttemptEvent)] == [
        (request.operation, request.region) for request in sim.requests
    ]
    # The account is asked for where the client is, all other requests go to the plan's region.
    assert [one.operation for one in sim.requests if one.region != ELSEWHERE] == ["GetCallerIdentity"] * 2

"""Graphs that have no room for all accounts, and requests that are refused because of one account."""

from collections.abc import Iterable
from typing import Any

import pytest

from detective_async import Account, CreateMembersResponse, DetectiveClient, ServiceQuotaExceededException
from detective_async import ValidationException as Invalid
from detective_async.membership import MembershipReport, Reason, plan_membership
from detective_async.testing import DetectiveSimulator
from membership.worlds import (
    REGION,
    account,
    administrator,
    graph,
    load_world,
    member,
    plan_and_apply,
    request_bodies,
    some_accounts,
    statuses,
)

ALL = some_accounts(1400)


def load_members(sim: DetectiveSimulator, number: int) -> None:
    load_world(sim, graph(*(member(one.account_id, "ENABLED") for one in ALL[:number])))


def refused(report: MembershipReport) -> list[str]:
    """Return the accounts that the quota left out."""
    assert {(row.reason, type(row.error)) for row in report.failures} <= {
        (Reason.QUOTA_EXCEEDED, ServiceQuotaExceededException)
    }
    return [row.account_id for row in report.failures]


@pytest.mark.parametrize(("members", "requests"), [(1200, [1]), (1195, [5, 1]), (1140, [50, 10, 1])])
async def test_a_graph_without_room(
    sim: DetectiveSimulator, client: DetectiveClient, members: int, requests: list[int]
) -> None:
    """What has room is invited; one request tells that nothing else has, in each run."""
    load_members(sim, members)
    wanted = ALL[: members + 130]
    report = await plan_and_apply(client, wanted)
    assert refused(report) == [one.account_id for one in ALL[1200 : members + 130]]
    assert [len(body["Accounts"]) for body in request_bodies(sim, "CreateMembers")] == requests
    sim.forget_requests()
    await plan_and_apply(client, wanted)
    assert len(request_bodies(sim, "CreateMembers")) == 1
    assert len(statuses(sim)) == 1200


async def test_a_raised_quota(
    sim: DetectiveSimulator, client: DetectiveClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the first account beyond the default quota, the others follow in requests of fifty."""
    monkeypatch.setattr("detective_async.testing.services.detective.members.MEMBERS_PER_GRAPH", 2000)
    load_members(sim, 1190)
    plan = await plan_membership(client, ALL[:1320], regions=[REGION])
    assert [note.reason for note in plan.notes] == [Reason.MANY_MEMBERS]
    report = await plan.apply()
    assert report.ok
    assert [len(body["Accounts"]) for body in request_bodies(sim, "CreateMembers")] == [10, 1, 50, 50, 19]


async def test_a_lower_quota(sim: DetectiveSimulator, client: DetectiveClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused request is halved until it is known how many have room; then nothing else is tried."""
    monkeypatch.setattr("detective_async.testing.services.detective.members.MEMBERS_PER_GRAPH", 30)
    report = await plan_and_apply(client, ALL[:50])
    assert len(refused(report)) == 20
    assert len(statuses(sim)) == 30
    assert len(request_bodies(sim, "CreateMembers")) <= 12


async def test_one_invalid_account(sim: DetectiveSimulator) -> None:
    """Halving finds it in a few requests, and all others are invited."""
    bad = ALL[17].account_id
    sizes: list[int] = []

    class Refuses(DetectiveClient):
        async def create_members(
            self, graph_arn: str, accounts: Iterable[Account], **options: Any
        ) -> CreateMembersResponse:
            accounts = list(accounts)
            sizes.append(len(accounts))
            if bad in {one.account_id for one in accounts}:
                raise Invalid("ValidationException", "one of them")
            return await super().create_members(graph_arn, accounts, **options)

    async with administrator(sim, Refuses) as client:
        report = await plan_and_apply(client, ALL[:50])
    assert [(row.account_id, type(row.error)) for row in report.failures] == [(bad, Invalid)]
    assert len(statuses(sim)) == 49
    assert len(sizes) == 13


async def test_removals_make_room(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Where there is no room, removals come first; one that fails does not keep the others back for ever."""
    load_members(sim, 1200)
    wanted = [*ALL[2:1200], account("3" * 12), account("4" * 12)]
    report = await plan_and_apply(client, wanted, remove_others=True, max_removals=2)
    assert report.ok
    assert len(statuses(sim)) == 1200


@pytest.mark.parametrize("max_removals", [None, 4, 5])
async def test_removals_that_are_not_confirmed(
    sim: DetectiveSimulator, client: DetectiveClient, max_removals: int | None
) -> None:
    """They make no room, so the plan says that AWS may refuse those who come in their place."""
    load_members(sim, 1200)
    plan = await plan_membership(client, ALL[5:1205], regions=[REGION], remove_others=True, max_removals=max_removals)
    expected = [] if max_removals == 5 else [Reason.MANY_MEMBERS]
    assert [note.reason for note in plan.notes] == expected

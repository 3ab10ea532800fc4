"""How members come, move from status to status, and go."""

from typing import Any

import pytest

from detective_async.testing import DetectiveSimulator

pytestmark = pytest.mark.asyncio

MEMBER = "000000000001"


async def graph_of(client: Any) -> Any:
    return (await client.create_graph())["GraphArn"]


async def status(client: Any, graph: Any, account: Any = MEMBER) -> Any:
    answer = await client.get_members(GraphArn=graph, AccountIds=[account])
    return answer["MemberDetails"][0]["Status"] if answer["MemberDetails"] else None


@pytest.mark.simulator(verification_delay=60)
async def test_a_verification_takes_its_virtual_time(boto: Any, people: Any, sim: DetectiveSimulator) -> None:
    """With a delay, members are being verified until the clock has passed it; the invitation shows only then."""
    admin, member = boto(), boto(MEMBER)
    graph = await graph_of(admin)
    answer = await admin.create_members(GraphArn=graph, Accounts=people(2))
    assert {one["Status"] for one in answer["Members"]} == {"VERIFICATION_IN_PROGRESS"}
    assert (await member.list_invitations())["Invitations"] == []
    with pytest.raises(member.exceptions.ConflictException):
        await member.accept_invitation(GraphArn=graph)
    await sim.advance(59)
    assert await status(admin, graph) == "VERIFICATION_IN_PROGRESS"
    await sim.advance(2)
    assert await status(admin, graph) == "INVITED"
    (invitation,) = (await member.list_invitations())["Invitations"]
    assert (invitation["UpdatedTime"] - invitation["InvitedTime"]).total_seconds() == 60


async def test_an_address_that_is_not_the_accounts_fails_verification(sim: DetectiveSimulator, boto: Any) -> None:
    """A registered account verifies with its own address only, in any case; an unknown account with any."""
    sim.account("000000000001", email="Root@Example.com")
    sim.account("000000000002")
    admin = boto()
    graph = await graph_of(admin)
    accounts = [
        {"AccountId": "000000000001", "EmailAddress": "root@example.COM"},
        {"AccountId": "000000000002", "EmailAddress": "someone@example.com"},
        {"AccountId": "000000000003", "EmailAddress": "anyone@example.com"},
    ]
    answer = await admin.create_members(GraphArn=graph, Accounts=accounts)
    assert [one["Status"] for one in answer["Members"]] == ["INVITED", "VERIFICATION_FAILED", "INVITED"]
    again = await admin.create_members(GraphArn=graph, Accounts=accounts[1:2])
    assert again["UnprocessedAccounts"] == [{"AccountId": "000000000002", "Reason": "Account is already a member"}]
    await admin.delete_members(GraphArn=graph, AccountIds=["000000000002"])
    accounts[1]["EmailAddress"] = "account-000000000002@example.com"
    answer = await admin.create_members(GraphArn=graph, Accounts=accounts[1:2])
    assert answer["Members"][0]["Status"] == "INVITED"


async def test_who_is_a_member_already_or_the_administrator_comes_back_unprocessed(boto: Any, people: Any) -> None:
    """CreateMembers takes the new ones and says why it did not take the others."""
    admin = boto()
    graph = await graph_of(admin)
    await admin.create_members(GraphArn=graph, Accounts=people(1))
    mixed = [*people(2), *people(1, first=2), {"AccountId": "111122223333", "EmailAddress": "a@example.com"}]
    answer = await admin.create_members(GraphArn=graph, Accounts=mixed)
    assert [one["AccountId"] for one in answer["Members"]] == ["000000000002"]
    assert [one["AccountId"] for one in answer["UnprocessedAccounts"]] == [MEMBER, "000000000002", "111122223333"]
    assert answer["UnprocessedAccounts"][0]["Reason"] == "Account is already a member"


@pytest.mark.parametrize("problem", ["VOLUME_TOO_HIGH", "VOLUME_UNKNOWN"])
async def test_a_volume_problem_keeps_a_member_disabled_until_monitoring_is_started(
    sim: DetectiveSimulator, boto: Any, people: Any, problem: Any
) -> None:
    """Accepting gives ACCEPTED_BUT_DISABLED with the reason; StartMonitoringMember enables once it can."""
    admin, member = boto(), boto(MEMBER)
    graph = await graph_of(admin)
    await admin.create_members(GraphArn=graph, Accounts=people(1))
    sim.set_volume(MEMBER, problem)
    with pytest.raises(admin.exceptions.ConflictException):
        await admin.start_monitoring_member(GraphArn=graph, AccountId=MEMBER)
    await member.accept_invitation(GraphArn=graph)
    (detail,) = (await admin.list_members(GraphArn=graph))["MemberDetails"]
    assert (detail["Status"], detail["DisabledReason"]) == ("ACCEPTED_BUT_DISABLED", problem)
    await admin.start_monitoring_member(GraphArn=graph, AccountId=MEMBER)
    assert await status(admin, graph) == "ACCEPTED_BUT_DISABLED"
    with pytest.raises(member.exceptions.ConflictException):
        await member.disassociate_membership(GraphArn=graph)
    sim.set_volume(MEMBER, None)
    await admin.start_monitoring_member(GraphArn=graph, AccountId=MEMBER)
    (detail,) = (await admin.list_members(GraphArn=graph))["MemberDetails"]
    assert detail["Status"] == "ENABLED"
    assert "DisabledReason" not in detail
    assert detail["VolumeUsageInBytes"] > 0


async def test_a_rejected_invitation_leaves_both_lists_and_can_be_sent_again(boto: Any, people: Any) -> None:
    """RejectInvitation ends the membership; CreateMembers starts a new one."""
    admin, member = boto(), boto(MEMBER)
    graph = await graph_of(admin)
    await admin.create_members(GraphArn=graph, Accounts=people(1))
    await member.reject_invitation(GraphArn=graph)
    assert (await admin.list_members(GraphArn=graph))["MemberDetails"] == []
    assert (await member.list_invitations())["Invitations"] == []
    with pytest.raises(member.exceptions.ResourceNotFoundException):
        await member.reject_invitation(GraphArn=graph)
    await admin.create_members(GraphArn=graph, Accounts=people(1))
    await member.accept_invitation(GraphArn=graph)
    with pytest.raises(member.exceptions.ConflictException):
        await member.reject_invitation(GraphArn=graph)
    with pytest.raises(member.exceptions.ConflictException):
        await member.accept_invitation(GraphArn=graph)


async def test_a_member_that_leaves_or_is_removed_is_gone(boto: Any, people: Any) -> None:
    """DisassociateMembership and DeleteMembers end it; DeleteMembers says whom it could not remove."""
    admin, member = boto(), boto(MEMBER)
    graph = await graph_of(admin)
    await admin.create_members(GraphArn=graph, Accounts=people(3))
    await member.accept_invitation(GraphArn=graph)
    await member.disassociate_membership(GraphArn=graph)
    with pytest.raises(member.exceptions.ResourceNotFoundException):
        await member.disassociate_membership(GraphArn=graph)
    answer = await admin.delete_members(GraphArn=graph, AccountIds=[MEMBER, "000000000002", "111122223333"])
    assert answer["AccountIds"] == ["000000000002"]
    assert [one["AccountId"] for one in answer["UnprocessedAccounts"]] == [MEMBER, "111122223333"]
    answer = await admin.get_members(GraphArn=graph, AccountIds=[MEMBER, "000000000003"])
    assert [one["AccountId"] for one in answer["MemberDetails"]] == ["000000000003"]
    assert [one["AccountId"] for one in answer["UnprocessedAccounts"]] == [MEMBER]


async def test_a_deleted_graph_leaves_every_members_list(boto: Any, people: Any) -> None:
    """DeleteGraph ends all memberships, and CreateGraph then makes another graph."""
    admin, member = boto(), boto(MEMBER)
    graph = await graph_of(admin)
    await admin.create_members(GraphArn=graph, Accounts=people(1))
    await member.accept_invitation(GraphArn=graph)
    await admin.delete_graph(GraphArn=graph)
    assert (await member.list_invitations())["Invitations"] == []
    assert (await admin.list_graphs())["GraphList"] == []
    with pytest.raises(admin.exceptions.ResourceNotFoundException):
        await admin.list_members(GraphArn=graph)
    assert await graph_of(admin) != graph


async def test_the_member_of_many_graphs_sees_all_their_invitations(boto: Any, people: Any) -> None:
    """ListInvitations pages over the graphs of one region."""
    graphs = set()
    for number in range(5):
        admin = boto(f"{number}" * 12)
        graph = await graph_of(admin)
        await admin.create_members(GraphArn=graph, Accounts=people(1, first=77))
        graphs.add(graph)
    member = boto("000000000077")
    first = await member.list_invitations(MaxResults=3)
    second = await member.list_invitations(MaxResults=3, NextToken=first["NextToken"])
    assert "NextToken" not in second
    assert {one["GraphArn"] for one in first["Invitations"] + second["Invitations"]} == graphs
    assert (await boto("000000000077", region="us-east-1").list_invitations())["Invitations"] == []


async def test_only_the_administrator_deals_with_its_graph(boto: Any, people: Any) -> None:
    """Other accounts, members too, get AccessDeniedException; another region ResourceNotFoundException."""
    admin, member = boto(), boto(MEMBER)
    graph = await graph_of(admin)
    await admin.create_members(GraphArn=graph, Accounts=people(1))
    for client in (member, boto("999999999999")):
        for call in (
            client.list_members(GraphArn=graph),
            client.create_members(GraphArn=graph, Accounts=people(1, first=9)),
            client.delete_graph(GraphArn=graph),
            client.tag_resource(ResourceArn=graph, Tags={"a": "b"}),
        ):
            with pytest.raises(client.exceptions.AccessDeniedException) as caught:
                await call
            assert caught.value.response["ErrorCode"] == "INVALID_GRAPH_ARN"
    elsewhere = boto(region="us-east-1")
    with pytest.raises(elsewhere.exceptions.ResourceNotFoundException):
        await elsewhere.list_members(GraphArn=graph)


async def test_a_graph_has_room_for_1200_members(boto: Any, people: Any) -> None:
    """One more is a ServiceQuotaExceededException, 402, that names the resource, and nobody is added."""
    admin = boto()
    graph = await graph_of(admin)
    for first in range(1, 1200, 50):
        await admin.create_members(GraphArn=graph, Accounts=people(50 if first < 1151 else 49, first=first))
    with pytest.raises(admin.exceptions.ServiceQuotaExceededException) as caught:
        await admin.create_members(GraphArn=graph, Accounts=people(2, first=2000))
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 402
    assert caught.value.response["Resources"] == ["MEMBER_ACCOUNTS"]
    assert await status(admin, graph, "000000002000") is None
    await admin.create_members(GraphArn=graph, Accounts=people(1, first=2000))


@pytest.mark.simulator(verification_delay=60)
async def test_a_member_removed_before_its_verification_is_not_verified(
    boto: Any, people: Any, sim: DetectiveSimulator
) -> None:
    """The verification of the first invitation does not speak for the second."""
    admin = boto()
    graph = await graph_of(admin)
    await admin.create_members(GraphArn=graph, Accounts=people(1))
    await sim.advance(30)
    await admin.delete_members(GraphArn=graph, AccountIds=[MEMBER])
    await admin.create_members(GraphArn=graph, Accounts=people(1))
    await sim.advance(31)
    assert await status(admin, graph) == "VERIFICATION_IN_PROGRESS"
    await sim.advance(30)
    assert await status(admin, graph) == "INVITED"


async def test_an_account_keeps_its_other_memberships(boto: Any, sim: DetectiveSimulator) -> None:
    """Leaving one graph leaves the other in the list; a registered address can be changed."""
    sim.account(MEMBER)
    sim.account(MEMBER, email="new@example.com")
    graphs = []
    for name in ("222222222222", "333333333333"):
        admin = boto(name)
        graphs.append(await graph_of(admin))
        accounts = [{"AccountId": MEMBER, "EmailAddress": "new@example.com"}]
        await admin.create_members(GraphArn=graphs[-1], Accounts=accounts)
    member = boto(MEMBER)
    await member.reject_invitation(GraphArn=graphs[0])
    assert [one["GraphArn"] for one in (await member.list_invitations())["Invitations"]] == graphs[1:]

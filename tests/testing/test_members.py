"""The life of a member: invitation, verification, acceptance, removal."""

from typing import Any

import pytest

from detective_async.testing import DetectiveSimulator

ADMIN = "111122223333"
MEMBER = "000000000001"


async def graph_of(client: Any) -> Any:
    return (await client.create_graph())["GraphArn"]


async def statuses(client: Any, graph: Any) -> dict[str, str]:
    response = await client.list_members(GraphArn=graph)
    return {member["AccountId"]: member["Status"] for member in response["MemberDetails"]}


def ids(details: list[dict[str, str]]) -> list[str]:
    return [one["AccountId"] for one in details]


@pytest.mark.simulator(verification_delay=60)
async def test_verification_takes_its_virtual_time(boto: Any, people: Any, sim: DetectiveSimulator) -> None:
    """Members are verified once the delay has passed; only then they see the invitation."""
    admin, member = boto(), boto(MEMBER)
    graph = await graph_of(admin)
    response = await admin.create_members(GraphArn=graph, Accounts=people(2))
    assert {one["Status"] for one in response["Members"]} == {"VERIFICATION_IN_PROGRESS"}
    assert (await member.list_invitations())["Invitations"] == []
    await member.refused("ConflictException", "accept_invitation", GraphArn=graph)
    await sim.advance(30)
    assert set((await statuses(admin, graph)).values()) == {"VERIFICATION_IN_PROGRESS"}
    await sim.advance(30)
    assert set((await statuses(admin, graph)).values()) == {"INVITED"}
    (invitation,) = (await member.list_invitations())["Invitations"]
    assert (invitation["UpdatedTime"] - invitation["InvitedTime"]).total_seconds() == 60


@pytest.mark.simulator(verification_delay=60)
async def test_a_new_invitation_has_its_own_verification(boto: Any, people: Any, sim: DetectiveSimulator) -> None:
    """If a member is removed and invited again, the verification of the first invitation has no effect."""
    admin = boto()
    graph = await graph_of(admin)
    await admin.create_members(GraphArn=graph, Accounts=people(1))
    await sim.advance(30)
    await admin.delete_members(GraphArn=graph, AccountIds=[MEMBER])
    await admin.create_members(GraphArn=graph, Accounts=people(1))
    await sim.advance(31)
    assert await statuses(admin, graph) == {MEMBER: "VERIFICATION_IN_PROGRESS"}
    await sim.advance(30)
    assert await statuses(admin, graph) == {MEMBER: "INVITED"}


async def test_verification_needs_the_registered_address(sim: DetectiveSimulator, boto: Any) -> None:
    """A registered account verifies with its own address only, in any case; another account with any address."""
    sim.account("000000000001", email="old@example.com")
    sim.account("000000000001", email="Root@Example.com")
    sim.account("000000000002")
    admin = boto()
    graph = await graph_of(admin)
    accounts = [
        {"AccountId": "000000000001", "EmailAddress": "root@example.COM"},
        {"AccountId": "000000000002", "EmailAddress": "someone@example.com"},
        {"AccountId": "000000000003", "EmailAddress": "anyone@example.com"},
    ]
    response = await admin.create_members(GraphArn=graph, Accounts=accounts)
    assert [one["Status"] for one in response["Members"]] == ["INVITED", "VERIFICATION_FAILED", "INVITED"]
    again = await admin.create_members(GraphArn=graph, Accounts=accounts[1:2])
    assert again["UnprocessedAccounts"] == [{"AccountId": "000000000002", "Reason": "Account is already a member"}]
    await admin.delete_members(GraphArn=graph, AccountIds=["000000000002"])
    accounts[1]["EmailAddress"] = "account-000000000002@example.com"
    response = await admin.create_members(GraphArn=graph, Accounts=accounts[1:2])
    assert response["Members"][0]["Status"] == "INVITED"


async def test_members_and_the_administrator_are_unprocessed(boto: Any, people: Any) -> None:
    """CreateMembers adds the new accounts, and gives the reason for each of the others."""
    admin = boto()
    graph = await graph_of(admin)
    await admin.create_members(GraphArn=graph, Accounts=people(1))
    mixed = [*people(2), *people(1, first=2), {"AccountId": ADMIN, "EmailAddress": "a@example.com"}]
    response = await admin.create_members(GraphArn=graph, Accounts=mixed)
    assert ids(response["Members"]) == ["000000000002"]
    assert [(one["AccountId"], one["Reason"]) for one in response["UnprocessedAccounts"]] == [
        (MEMBER, "Account is already a member"),
        ("000000000002", "Account is already a member"),
        (ADMIN, "Account is the administrator of the behavior graph"),
    ]


@pytest.mark.parametrize("problem", ["VOLUME_TOO_HIGH", "VOLUME_UNKNOWN"])
async def test_a_volume_problem_disables_a_member(
    sim: DetectiveSimulator, boto: Any, people: Any, problem: Any
) -> None:
    """Accepting leads to ACCEPTED_BUT_DISABLED with the reason; StartMonitoringMember enables once it is solved."""
    admin, member = boto(), boto(MEMBER)
    graph = await graph_of(admin)
    monitor = {"GraphArn": graph, "AccountId": MEMBER}
    await admin.create_members(GraphArn=graph, Accounts=people(1))
    sim.set_volume(MEMBER, problem)
    await admin.refused("ConflictException", "start_monitoring_member", **monitor)
    await member.accept_invitation(GraphArn=graph)
    await admin.start_monitoring_member(**monitor)
    (detail,) = (await admin.list_members(GraphArn=graph))["MemberDetails"]
    assert (detail["Status"], detail["DisabledReason"]) == ("ACCEPTED_BUT_DISABLED", problem)
    await member.refused("ConflictException", "disassociate_membership", GraphArn=graph)
    sim.set_volume(MEMBER, None)
    await admin.start_monitoring_member(**monitor)
    (detail,) = (await admin.list_members(GraphArn=graph))["MemberDetails"]
    assert detail["Status"] == "ENABLED"
    assert "DisabledReason" not in detail
    assert detail["VolumeUsageInBytes"] > 0


async def test_members_leave_and_are_removed(boto: Any, people: Any) -> None:
    """Rejecting, DisassociateMembership, DeleteMembers and DeleteGraph end a membership, which may begin again.

    Accounts that are no members are unprocessed.
    """
    admin, member = boto(), boto(MEMBER)
    graph = await graph_of(admin)
    await admin.create_members(GraphArn=graph, Accounts=people(1))
    await member.reject_invitation(GraphArn=graph)
    assert await statuses(admin, graph) == {}
    assert (await member.list_invitations())["Invitations"] == []
    await member.refused("ResourceNotFoundException", "reject_invitation", GraphArn=graph)
    await admin.create_members(GraphArn=graph, Accounts=people(3))
    await member.accept_invitation(GraphArn=graph)
    await member.refused("ConflictException", "reject_invitation", GraphArn=graph)
    await member.refused("ConflictException", "accept_invitation", GraphArn=graph)
    await member.disassociate_membership(GraphArn=graph)
    await member.refused("ResourceNotFoundException", "disassociate_membership", GraphArn=graph)
    await admin.refused("ResourceNotFoundException", "start_monitoring_member", GraphArn=graph, AccountId=MEMBER)
    response = await admin.delete_members(GraphArn=graph, AccountIds=[MEMBER, "000000000002", ADMIN])
    assert response["AccountIds"] == ["000000000002"]
    assert ids(response["UnprocessedAccounts"]) == [MEMBER, ADMIN]
    response = await admin.get_members(GraphArn=graph, AccountIds=[MEMBER, "000000000003"])
    assert ids(response["MemberDetails"]) == ["000000000003"]
    assert ids(response["UnprocessedAccounts"]) == [MEMBER]
    await admin.delete_graph(GraphArn=graph)
    assert (await boto("000000000003").list_invitations())["Invitations"] == []
    assert (await admin.list_graphs())["GraphList"] == []
    await admin.refused("ResourceNotFoundException", "list_members", GraphArn=graph)
    assert await graph_of(admin) != graph


async def test_a_member_of_several_graphs_sees_each_of_them(boto: Any, people: Any) -> None:
    """ListInvitations pages through the graphs of one region; leaving one graph keeps the others."""
    graphs = []
    for number in range(5):
        admin = boto(f"{number}" * 12)
        graphs.append(await graph_of(admin))
        await admin.create_members(GraphArn=graphs[-1], Accounts=people(1, first=77))
    member = boto("000000000077")
    first = await member.list_invitations(MaxResults=3)
    second = await member.list_invitations(MaxResults=3, NextToken=first["NextToken"])
    assert "NextToken" not in second
    assert [one["GraphArn"] for one in first["Invitations"] + second["Invitations"]] == graphs
    assert (await boto("000000000077", region="us-east-1").list_invitations())["Invitations"] == []
    await member.reject_invitation(GraphArn=graphs[0])
    assert [one["GraphArn"] for one in (await member.list_invitations())["Invitations"]] == graphs[1:]


async def test_only_the_administrator_may_manage_its_graph(boto: Any, people: Any) -> None:
    """Other accounts get AccessDeniedException, members too; in another region, the graph is not found."""
    admin, member = boto(), boto(MEMBER)
    graph = await graph_of(admin)
    await admin.create_members(GraphArn=graph, Accounts=people(1))
    for client in (member, boto("999999999999")):
        for operation, members in (
            ("list_members", {"GraphArn": graph}),
            ("create_members", {"GraphArn": graph, "Accounts": people(1, first=9)}),
            ("delete_graph", {"GraphArn": graph}),
            ("tag_resource", {"ResourceArn": graph, "Tags": {"a": "b"}}),
        ):
            refused = await client.refused("AccessDeniedException", operation, **members)
            assert refused["ErrorCode"] == "INVALID_GRAPH_ARN"
    await boto(region="us-east-1").refused("ResourceNotFoundException", "list_members", GraphArn=graph)


async def test_a_graph_has_at_most_1200_members(boto: Any, people: Any) -> None:
    """More members are rejected with ServiceQuotaExceededException (402), and none of them is added."""
    admin = boto()
    graph = await graph_of(admin)
    for first in range(1, 1200, 50):
        await admin.create_members(GraphArn=graph, Accounts=people(50 if first < 1151 else 49, first=first))
    new = people(2, first=2000)
    refused = await admin.refused("ServiceQuotaExceededException", "create_members", GraphArn=graph, Accounts=new)
    assert refused["ResponseMetadata"]["HTTPStatusCode"] == 402
    assert refused["Resources"] == ["MEMBER_ACCOUNTS"]
    assert (await admin.get_members(GraphArn=graph, AccountIds=["000000002000"]))["MemberDetails"] == []
    await admin.create_members(GraphArn=graph, Accounts=new[:1])

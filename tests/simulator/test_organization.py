"""Organizations: a delegated administrator, members without invitations."""

from typing import Any

import pytest
import pytest_asyncio

from detective_async.testing import DetectiveSimulator

pytestmark = pytest.mark.asyncio

MANAGEMENT = "999999999999"
DELEGATE = "111122223333"
ONE, TWO = "000000000001", "000000000002"


@pytest.fixture
def org(sim: DetectiveSimulator) -> None:
    sim.organization(MANAGEMENT, [DELEGATE, ONE, TWO])


@pytest_asyncio.fixture
async def graph(org: Any, boto: Any) -> Any:  # noqa: ARG001  the organization comes first
    """The organization's graph, administered by the delegate."""
    await boto(MANAGEMENT).enable_organization_admin_account(AccountId=DELEGATE)
    (arn,) = [one["Arn"] for one in (await boto(DELEGATE).list_graphs())["GraphList"]]
    return arn


async def test_the_management_account_names_the_administrator(graph: Any, boto: Any) -> None:
    """The administrator gets a graph if it has none, and is listed with it; naming it again changes nothing."""
    management = boto(MANAGEMENT)
    await management.enable_organization_admin_account(AccountId=DELEGATE)
    (listed,) = (await management.list_organization_admin_accounts())["Administrators"]
    assert (listed["AccountId"], listed["GraphArn"]) == (DELEGATE, graph)
    assert listed["DelegationTime"].tzinfo
    assert (await boto(MANAGEMENT, region="us-east-1").list_organization_admin_accounts())["Administrators"] == []


@pytest.mark.usefixtures("org")
async def test_who_may_not_name_an_administrator_is_refused(boto: Any) -> None:
    """Only the management account may, and only an account of the organization."""
    for account in (DELEGATE, "333333333333"):
        client = boto(account)
        with pytest.raises(client.exceptions.AccessDeniedException):
            await client.enable_organization_admin_account(AccountId=account)
        with pytest.raises(client.exceptions.AccessDeniedException):
            await client.list_organization_admin_accounts()
        with pytest.raises(client.exceptions.AccessDeniedException):
            await client.disable_organization_admin_account()
    management = boto(MANAGEMENT)
    with pytest.raises(management.exceptions.ValidationException):
        await management.enable_organization_admin_account(AccountId="333333333333")
    with pytest.raises(management.exceptions.ValidationException):
        await management.disable_organization_admin_account()


@pytest.mark.usefixtures("graph")
async def test_there_is_one_administrator_and_one_delegate(boto: Any) -> None:
    """A second administrator in the region, or another delegate in another, is refused; management itself may be."""
    management, elsewhere = boto(MANAGEMENT), boto(MANAGEMENT, region="us-east-1")
    with pytest.raises(management.exceptions.ValidationException, match="already"):
        await management.enable_organization_admin_account(AccountId=ONE)
    with pytest.raises(elsewhere.exceptions.ValidationException, match="delegated"):
        await elsewhere.enable_organization_admin_account(AccountId=ONE)
    await elsewhere.enable_organization_admin_account(AccountId=MANAGEMENT)


async def test_accounts_of_the_organization_are_enabled_without_an_invitation(
    graph: Any, sim: DetectiveSimulator, boto: Any, people: Any
) -> None:
    """They go straight to ENABLED or ACCEPTED_BUT_DISABLED; accounts from outside are invited."""
    sim.set_volume(TWO, "VOLUME_UNKNOWN")
    admin = boto(DELEGATE)
    answer = await admin.create_members(GraphArn=graph, Accounts=people(3))
    found = [(one["InvitationType"], one["Status"], "InvitedTime" in one) for one in answer["Members"]]
    assert found == [
        ("ORGANIZATION", "ENABLED", False),
        ("ORGANIZATION", "ACCEPTED_BUT_DISABLED", False),
        ("INVITATION", "INVITED", True),
    ]
    sim.set_volume(TWO, None)
    await admin.start_monitoring_member(GraphArn=graph, AccountId=TWO)
    member = boto(ONE)
    for call in (member.disassociate_membership, member.reject_invitation):
        with pytest.raises(member.exceptions.AccessDeniedException):
            await call(GraphArn=graph)
    with pytest.raises(member.exceptions.ConflictException):
        await member.accept_invitation(GraphArn=graph)
    await admin.delete_members(GraphArn=graph, AccountIds=[ONE])
    assert [one["AccountId"] for one in (await admin.list_members(GraphArn=graph))["MemberDetails"]] == [
        TWO,
        "000000000003",
    ]
    answer = await admin.create_members(GraphArn=graph, Accounts=people(1))
    assert answer["Members"][0]["Status"] == "ENABLED"


async def test_new_accounts_are_enabled_where_the_administrator_wants_it(
    graph: Any, sim: DetectiveSimulator, boto: Any, people: Any
) -> None:
    """AutoEnable is off, can be turned on, and makes members of the accounts that join from then on."""
    admin = boto(DELEGATE)
    assert (await admin.describe_organization_configuration(GraphArn=graph))["AutoEnable"] is False
    sim.organization(MANAGEMENT, ["000000000005"])
    assert (await admin.list_members(GraphArn=graph))["MemberDetails"] == []
    await admin.update_organization_configuration(GraphArn=graph, AutoEnable=True)
    assert (await admin.describe_organization_configuration(GraphArn=graph))["AutoEnable"] is True
    assert (await admin.list_members(GraphArn=graph))["MemberDetails"] == []
    other = boto("444444444444")
    await other.create_graph()
    await admin.create_members(GraphArn=graph, Accounts=people(1, first=7))
    sim.organization(MANAGEMENT, ["000000000006", "000000000007"])
    members = (await admin.list_members(GraphArn=graph))["MemberDetails"]
    found = [(one["AccountId"], one["Status"]) for one in members]
    assert found == [("000000000006", "ENABLED"), ("000000000007", "INVITED")]
    await admin.update_organization_configuration(GraphArn=graph)
    assert (await admin.describe_organization_configuration(GraphArn=graph))["AutoEnable"] is True


async def test_the_configuration_is_the_administrators_alone(graph: Any, boto: Any) -> None:
    """Others, and graphs of no organization, are refused; a graph that is not there is a ValidationException."""
    for account in (MANAGEMENT, ONE):
        client = boto(account)
        with pytest.raises(client.exceptions.AccessDeniedException):
            await client.describe_organization_configuration(GraphArn=graph)
        own = (await client.create_graph())["GraphArn"]
        with pytest.raises(client.exceptions.AccessDeniedException):
            await client.update_organization_configuration(GraphArn=own, AutoEnable=True)
    with pytest.raises(client.exceptions.ValidationException):
        await client.describe_organization_configuration(GraphArn=graph[:-32] + "0" * 32)


async def test_removing_the_administrator_deletes_the_graph(graph: Any, boto: Any, people: Any) -> None:
    """DisableOrganizationAdminAccount deletes the graph from every member's list; the delegation stays."""
    management, admin, member = boto(MANAGEMENT), boto(DELEGATE), boto(ONE)
    await admin.create_members(GraphArn=graph, Accounts=people(1))
    assert len((await member.list_invitations())["Invitations"]) == 1
    await management.disable_organization_admin_account()
    assert (await admin.list_graphs())["GraphList"] == []
    assert (await member.list_invitations())["Invitations"] == []
    assert (await management.list_organization_admin_accounts())["Administrators"] == []
    with pytest.raises(management.exceptions.ValidationException, match="delegated"):
        await management.enable_organization_admin_account(AccountId=ONE)


@pytest.mark.usefixtures("org")
async def test_members_accepted_before_belong_to_the_organization_afterwards(boto: Any, people: Any) -> None:
    """An existing graph becomes the organization's, with the members it has."""
    admin = boto(DELEGATE)
    graph = (await admin.create_graph())["GraphArn"]
    await admin.create_members(GraphArn=graph, Accounts=people(2))
    await boto(ONE).accept_invitation(GraphArn=graph)
    await boto(MANAGEMENT).enable_organization_admin_account(AccountId=DELEGATE)
    members = (await admin.list_members(GraphArn=graph))["MemberDetails"]
    assert [one["InvitationType"] for one in members] == ["ORGANIZATION", "INVITATION"]


async def test_a_graph_made_anew_is_the_organizations_again(graph: Any, boto: Any) -> None:
    """The administrator that deletes its graph and makes another is still the organization's administrator."""
    admin = boto(DELEGATE)
    await admin.delete_graph(GraphArn=graph)
    assert "GraphArn" not in (await boto(MANAGEMENT).list_organization_admin_accounts())["Administrators"][0]
    await boto(MANAGEMENT).disable_organization_admin_account()
    await boto(MANAGEMENT).enable_organization_admin_account(AccountId=DELEGATE)
    await admin.delete_graph(GraphArn=(await admin.create_graph())["GraphArn"])
    another = (await admin.create_graph())["GraphArn"]
    assert (await admin.describe_organization_configuration(GraphArn=another))["AutoEnable"] is False


@pytest.mark.usefixtures("org")
async def test_an_account_is_in_one_organization(sim: DetectiveSimulator) -> None:
    """An account of one organization cannot be put in another."""
    with pytest.raises(ValueError, match=MANAGEMENT):
        sim.organization("888888888888", [ONE])


async def test_an_account_that_leaves_is_no_longer_a_member(sim: DetectiveSimulator, graph: Any, boto: Any) -> None:
    """Leaving the organization ends its memberships; those by invitation stay, and the account may be invited."""
    admin = boto(DELEGATE)
    accounts = [{"AccountId": name, "EmailAddress": f"account-{name}@example.com"} for name in (ONE, TWO)]
    await admin.create_members(GraphArn=graph, Accounts=accounts)
    sim.account("333333333333")
    other = (await boto("333333333333").create_graph())["GraphArn"]
    await boto("333333333333").create_members(GraphArn=other, Accounts=accounts)
    sim.leave_organization(ONE)
    listed = (await admin.list_members(GraphArn=graph))["MemberDetails"]
    assert [member["AccountId"] for member in listed] == [TWO]
    assert sim.snapshot()[other]["members"] == {ONE: "INVITED", TWO: "INVITED"}
    (again,) = (await admin.create_members(GraphArn=graph, Accounts=accounts[:1]))["Members"]
    assert (again["Status"], again["InvitationType"]) == ("INVITED", "INVITATION")
    sim.organization("888888888888", [ONE])


async def test_who_aws_would_not_let_go_cannot_leave(sim: DetectiveSimulator, graph: Any) -> None:
    """The management account, the delegated administrator and strangers; nobody leaves then."""
    for accounts, words in (
        ((ONE, MANAGEMENT), "manages its organization"),
        ((ONE, DELEGATE), "deregistered first"),
        ((ONE, "333333333333"), "not in an organization"),
    ):
        with pytest.raises(ValueError, match=words):
            sim.leave_organization(*accounts)
    assert ONE in sim.dump()["organizations"][0]["accounts"]
    assert graph in sim.snapshot()


async def test_a_deregistered_administrator_loses_the_organizations_graphs(
    sim: DetectiveSimulator, graph: Any, boto: Any
) -> None:
    """In every region where it is the administrator; the management account's own graphs stay."""
    await boto(MANAGEMENT, region="us-east-1").enable_organization_admin_account(AccountId=MANAGEMENT)
    (kept,) = [arn for arn, one in sim.snapshot().items() if one["administrator"] == MANAGEMENT]
    asia = boto(MANAGEMENT, region="ap-south-1")
    await asia.enable_organization_admin_account(AccountId=DELEGATE)
    (deleted,) = [one["Arn"] for one in (await boto(DELEGATE, region="ap-south-1").list_graphs())["GraphList"]]
    await boto(DELEGATE, region="ap-south-1").delete_graph(GraphArn=deleted)
    sim.deregister_administrator(MANAGEMENT)
    assert graph not in sim.snapshot()
    assert list(sim.snapshot()) == [kept]
    assert (await boto(MANAGEMENT).list_organization_admin_accounts())["Administrators"] == []
    for account in (MANAGEMENT, "333333333333"):
        with pytest.raises(ValueError, match="no delegated administrator"):
            sim.deregister_administrator(account)
    sim.leave_organization(DELEGATE)

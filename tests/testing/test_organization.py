"""Organizations: the Detective administrator account, and members without invitations."""

from typing import Any

import pytest
import pytest_asyncio

from detective_async.testing import DetectiveSimulator

MANAGEMENT = "999999999999"
DELEGATE = "111122223333"
OUTSIDER = "333333333333"
ONE, TWO = "000000000001", "000000000002"


@pytest.fixture
def org(sim: DetectiveSimulator) -> None:
    sim.organization(MANAGEMENT, [DELEGATE, ONE, TWO])


@pytest_asyncio.fixture
async def graph(org: Any, boto: Any) -> Any:  # noqa: ARG001  the organization must exist
    """The organization's graph, administered by the delegate."""
    await boto(MANAGEMENT).enable_organization_admin_account(AccountId=DELEGATE)
    (arn,) = [one["Arn"] for one in (await boto(DELEGATE).list_graphs())["GraphList"]]
    return arn


async def statuses(client: Any, graph: Any) -> dict[str, str]:
    members = (await client.list_members(GraphArn=graph))["MemberDetails"]
    return {one["AccountId"]: one["Status"] for one in members}


async def administrators(client: Any) -> Any:
    return (await client.list_organization_admin_accounts())["Administrators"]


async def test_the_management_account_appoints_the_administrator(graph: Any, boto: Any) -> None:
    """The administrator gets a graph if it has none, and is listed with it; a repeated call changes nothing."""
    management = boto(MANAGEMENT)
    await management.enable_organization_admin_account(AccountId=DELEGATE)
    (listed,) = await administrators(management)
    assert (listed["AccountId"], listed["GraphArn"]) == (DELEGATE, graph)
    assert listed["DelegationTime"].tzinfo
    assert await administrators(boto(MANAGEMENT, region="us-east-1")) == []


@pytest.mark.usefixtures("org")
async def test_only_the_management_account_may_appoint(boto: Any) -> None:
    """Other accounts are denied, outsiders in the words that Terraform looks for; the administrator must be inside."""
    for account, code in ((DELEGATE, "AccessDeniedException"), (OUTSIDER, "ValidationException")):
        client = boto(account)
        for refused in (
            await client.refused(code, "enable_organization_admin_account", AccountId=account),
            await client.refused(code, "list_organization_admin_accounts"),
            await client.refused(code, "disable_organization_admin_account"),
        ):
            is_outside = "account is not a member of an organization" in refused["Error"]["Message"]
            assert is_outside is (account == OUTSIDER)
            assert "ErrorCode" not in refused
    management = boto(MANAGEMENT)
    await management.refused("ValidationException", "enable_organization_admin_account", AccountId=OUTSIDER)
    await management.refused("ValidationException", "disable_organization_admin_account")


@pytest.mark.usefixtures("graph")
async def test_there_is_one_delegated_administrator(boto: Any) -> None:
    """A second administrator in a region is rejected, and another delegate elsewhere, except for the management."""
    management, elsewhere = boto(MANAGEMENT), boto(MANAGEMENT, region="us-east-1")
    for client, word in ((management, "already"), (elsewhere, "delegated")):
        refused = await client.refused("ValidationException", "enable_organization_admin_account", AccountId=ONE)
        assert word in refused["Error"]["Message"]
    await elsewhere.enable_organization_admin_account(AccountId=MANAGEMENT)


async def test_accounts_of_the_organization_need_no_invitation(
    graph: Any, sim: DetectiveSimulator, boto: Any, people: Any
) -> None:
    """They become ENABLED or ACCEPTED_BUT_DISABLED at once; other accounts are invited."""
    sim.set_volume(TWO, "VOLUME_UNKNOWN")
    admin = boto(DELEGATE)
    response = await admin.create_members(GraphArn=graph, Accounts=people(3))
    found = [(one["InvitationType"], one["Status"], "InvitedTime" in one) for one in response["Members"]]
    assert found == [
        ("ORGANIZATION", "ENABLED", False),
        ("ORGANIZATION", "ACCEPTED_BUT_DISABLED", False),
        ("INVITATION", "INVITED", True),
    ]
    sim.set_volume(TWO, None)
    await admin.start_monitoring_member(GraphArn=graph, AccountId=TWO)
    member = boto(ONE)
    await member.refused("AccessDeniedException", "disassociate_membership", GraphArn=graph)
    await member.refused("AccessDeniedException", "reject_invitation", GraphArn=graph)
    await member.refused("ConflictException", "accept_invitation", GraphArn=graph)
    await admin.delete_members(GraphArn=graph, AccountIds=[ONE])
    assert await statuses(admin, graph) == {TWO: "ENABLED", "000000000003": "INVITED"}
    response = await admin.create_members(GraphArn=graph, Accounts=people(1))
    assert response["Members"][0]["Status"] == "ENABLED"


async def test_auto_enable_adds_accounts_that_join_later(
    graph: Any, sim: DetectiveSimulator, boto: Any, people: Any
) -> None:
    """AutoEnable is off by default; once it is on, accounts that join the organization become members."""
    admin, on = boto(DELEGATE), {"GraphArn": graph}

    async def auto_enable() -> Any:
        return (await admin.describe_organization_configuration(**on))["AutoEnable"]

    assert await auto_enable() is False
    sim.organization(MANAGEMENT, ["000000000005"])
    assert await statuses(admin, graph) == {}
    await admin.update_organization_configuration(**on, AutoEnable=True)
    assert await auto_enable() is True
    assert await statuses(admin, graph) == {}
    await boto("444444444444").create_graph()
    await admin.create_members(**on, Accounts=people(1, first=7))
    sim.organization(MANAGEMENT, ["000000000006", "000000000007"])
    assert await statuses(admin, graph) == {"000000000006": "ENABLED", "000000000007": "ENABLED"}
    await admin.update_organization_configuration(**on)
    assert await auto_enable() is True


async def test_an_invited_account_that_joins_is_of_the_organization(
    graph: Any, sim: DetectiveSimulator, boto: Any, people: Any
) -> None:
    """It may not leave the graph: whether it had accepted, accepts later, or is enabled by the administrator."""
    admin, on = boto(DELEGATE), {"GraphArn": graph}
    accepted, later, enabled = (f"00000000000{number}" for number in (6, 7, 8))
    await admin.create_members(**on, Accounts=people(3, first=6))
    await boto(accepted).accept_invitation(**on)
    sim.organization(MANAGEMENT, [accepted, later, enabled])
    members = {one["AccountId"]: one for one in (await admin.list_members(**on))["MemberDetails"]}
    assert {name: (one["Status"], one["InvitationType"]) for name, one in members.items()} == {
        accepted: ("ENABLED", "ORGANIZATION"),
        later: ("INVITED", "INVITATION"),
        enabled: ("INVITED", "INVITATION"),
    }
    await boto(later).accept_invitation(**on)
    again = await admin.create_members(**on, Accounts=people(3, first=6))
    assert [one["AccountId"] for one in again["UnprocessedAccounts"]] == [accepted, later]
    members = {one["AccountId"]: one for one in (await admin.list_members(**on))["MemberDetails"]}
    for name in (accepted, later, enabled):
        assert (members[name]["Status"], members[name]["InvitationType"]) == ("ENABLED", "ORGANIZATION")
        await boto(name).refused("AccessDeniedException", "disassociate_membership", **on)


@pytest.mark.usefixtures("org")
@pytest.mark.parametrize("state", ["SUSPENDED", "CLOSED", "PENDING_ACTIVATION"])
async def test_an_account_that_is_not_active_cannot_administer(sim: DetectiveSimulator, boto: Any, state: Any) -> None:
    """As AWS Organizations registers no suspended account as a delegated administrator."""
    sim.set_account_state(DELEGATE, state)
    await boto(MANAGEMENT).refused("ValidationException", "enable_organization_admin_account", AccountId=DELEGATE)
    assert sim.snapshot() == {}


@pytest.mark.usefixtures("org")
def test_the_management_account_is_closed_last(sim: DetectiveSimulator) -> None:
    """While the organization has others that are not closed, it cannot be; it can be suspended."""
    sim.organization(MANAGEMENT, ["000000000009"])
    sim.set_account_state(MANAGEMENT, "SUSPENDED")
    for state in ("PENDING_CLOSURE", "CLOSED"):
        with pytest.raises(ValueError, match=r"closed or have left: 111122223333, 000000000001, 000000000002, \.\.\.$"):
            sim.set_account_state(MANAGEMENT, state)
    sim.leave_organization(ONE, TWO)
    sim.set_account_state("000000000009", "CLOSED")
    with pytest.raises(ValueError, match=r"have left: 111122223333$"):
        sim.set_account_state(MANAGEMENT, "CLOSED")
    sim.set_account_state(DELEGATE, "CLOSED")
    sim.set_account_state(MANAGEMENT, "CLOSED")


@pytest.mark.usefixtures("org")
def test_a_refused_organization_changes_nothing(sim: DetectiveSimulator) -> None:
    """Neither accounts nor organizations, wherever the account is that cannot be added."""
    before = sim.dump()
    for accounts in ([OUTSIDER, ONE], ["444444444444", "1"]):
        with pytest.raises(ValueError, match=r"is in the organization of|12 digits"):
            sim.organization("888888888888", accounts)
    assert {**sim.dump(), "time": None} == {**before, "time": None}


async def test_auto_enable_keeps_the_quota(graph: Any, sim: DetectiveSimulator, boto: Any) -> None:
    """A graph with 1,200 members enrolls no more, and the world can be saved and loaded; inferred."""
    await boto(DELEGATE).update_organization_configuration(GraphArn=graph, AutoEnable=True)
    sim.organization(MANAGEMENT, [f"{number:012d}" for number in range(11, 1213)])
    assert list(sim.snapshot()[graph]["members"])[-1] == "000000001210"
    assert len(sim.snapshot()[graph]["members"]) == 1200
    dumped = sim.dump()
    sim.load(dumped)
    assert sim.dump()["graphs"] == dumped["graphs"]


async def test_only_the_administrator_may_configure(graph: Any, boto: Any) -> None:
    """Other accounts and other graphs are denied; for a missing graph, the error is a ValidationException."""
    for account in (MANAGEMENT, ONE):
        client = boto(account)
        await client.refused("AccessDeniedException", "describe_organization_configuration", GraphArn=graph)
        own = {"GraphArn": (await client.create_graph())["GraphArn"], "AutoEnable": True}
        await client.refused("AccessDeniedException", "update_organization_configuration", **own)
    missing = {"GraphArn": graph[:-32] + "0" * 32}
    await client.refused("ValidationException", "describe_organization_configuration", **missing)


async def test_removing_the_administrator_deletes_the_graph(graph: Any, boto: Any, people: Any) -> None:
    """DisableOrganizationAdminAccount deletes the graph and its memberships; the delegation remains."""
    management, admin, member = boto(MANAGEMENT), boto(DELEGATE), boto(ONE)
    await admin.create_members(GraphArn=graph, Accounts=people(1))
    assert len((await member.list_invitations())["Invitations"]) == 1
    await management.disable_organization_admin_account()
    assert (await admin.list_graphs())["GraphList"] == []
    assert (await member.list_invitations())["Invitations"] == []
    assert await administrators(management) == []
    refused = await management.refused("ValidationException", "enable_organization_admin_account", AccountId=ONE)
    assert "delegated" in refused["Error"]["Message"]


@pytest.mark.usefixtures("org")
async def test_an_existing_graph_becomes_the_organizations(boto: Any, people: Any) -> None:
    """Its members of the organization that have accepted an invitation become organization members."""
    admin = boto(DELEGATE)
    graph = (await admin.create_graph())["GraphArn"]
    await admin.create_members(GraphArn=graph, Accounts=people(2))
    await boto(ONE).accept_invitation(GraphArn=graph)
    await boto(MANAGEMENT).enable_organization_admin_account(AccountId=DELEGATE)
    members = (await admin.list_members(GraphArn=graph))["MemberDetails"]
    assert [one["InvitationType"] for one in members] == ["ORGANIZATION", "INVITATION"]


async def test_a_recreated_graph_belongs_to_the_organization(graph: Any, boto: Any) -> None:
    """An administrator that deletes its graph and creates another one is still the organization's administrator."""
    admin, management = boto(DELEGATE), boto(MANAGEMENT)
    await admin.delete_graph(GraphArn=graph)
    assert "GraphArn" not in (await administrators(management))[0]
    await management.disable_organization_admin_account()
    await management.enable_organization_admin_account(AccountId=DELEGATE)
    await admin.delete_graph(GraphArn=(await admin.create_graph())["GraphArn"])
    another = (await admin.create_graph())["GraphArn"]
    assert (await admin.describe_organization_configuration(GraphArn=another))["AutoEnable"] is False


async def test_an_account_that_leaves_is_no_longer_a_member(
    sim: DetectiveSimulator, graph: Any, boto: Any, people: Any
) -> None:
    """Leaving the organization ends its memberships, except those by invitation; another one may then have it."""
    admin, outsider = boto(DELEGATE), boto(OUTSIDER)
    await admin.create_members(GraphArn=graph, Accounts=people(2))
    other = (await outsider.create_graph())["GraphArn"]
    await outsider.create_members(GraphArn=other, Accounts=people(2))
    with pytest.raises(ValueError, match=f"in the organization of {MANAGEMENT}"):
        sim.organization("888888888888", [ONE])
    sim.leave_organization(ONE)
    assert await statuses(admin, graph) == {TWO: "ENABLED"}
    assert sim.snapshot()[other]["members"] == {ONE: "INVITED", TWO: "INVITED"}
    (again,) = (await admin.create_members(GraphArn=graph, Accounts=people(1)))["Members"]
    assert (again["Status"], again["InvitationType"]) == ("INVITED", "INVITATION")
    sim.organization("888888888888", [ONE])


async def test_some_accounts_cannot_leave(sim: DetectiveSimulator, graph: Any) -> None:
    """The management account, the delegated administrator and outsiders; then no account leaves."""
    for account, words in (
        (MANAGEMENT, "manages its organization"),
        (DELEGATE, "deregistered first"),
        (OUTSIDER, "not in an organization"),
    ):
        with pytest.raises(ValueError, match=words):
            sim.leave_organization(ONE, account)
    assert ONE in sim.dump()["organizations"][0]["accounts"]
    assert graph in sim.snapshot()


@pytest.mark.usefixtures("graph")
async def test_deregistering_the_administrator_deletes_its_graphs(sim: DetectiveSimulator, boto: Any) -> None:
    """In every region where it is the administrator; the management account's own graphs remain."""
    await boto(MANAGEMENT, region="us-east-1").enable_organization_admin_account(AccountId=MANAGEMENT)
    (kept,) = [arn for arn, one in sim.snapshot().items() if one["administrator"] == MANAGEMENT]
    asia = boto(DELEGATE, region="ap-south-1")
    await boto(MANAGEMENT, region="ap-south-1").enable_organization_admin_account(AccountId=DELEGATE)
    (deleted,) = [one["Arn"] for one in (await asia.list_graphs())["GraphList"]]
    await asia.delete_graph(GraphArn=deleted)
    sim.deregister_administrator(MANAGEMENT)
    assert list(sim.snapshot()) == [kept]
    assert await administrators(boto(MANAGEMENT)) == []
    for account in (MANAGEMENT, OUTSIDER):
        with pytest.raises(ValueError, match="no delegated administrator"):
            sim.deregister_administrator(account)
    sim.leave_organization(DELEGATE)


@pytest.mark.simulator(verification_delay=10)
async def test_an_account_suspended_while_it_is_verified_is_not_enabled(
    sim: DetectiveSimulator, graph: Any, boto: Any, people: Any
) -> None:
    """Its volume is not known; it is enabled within an hour of being active again. Inferred."""
    admin = boto(DELEGATE)
    await admin.create_members(GraphArn=graph, Accounts=people(1))
    sim.set_account_state(ONE, "SUSPENDED")
    await sim.advance(10)
    (member,) = (await admin.list_members(GraphArn=graph))["MemberDetails"]
    assert (member["Status"], member["DisabledReason"]) == ("ACCEPTED_BUT_DISABLED", "VOLUME_UNKNOWN")
    sim.load(sim.dump())
    await sim.advance(3600)
    assert await statuses(admin, graph) == {ONE: "ACCEPTED_BUT_DISABLED"}
    sim.set_account_state(ONE, "ACTIVE")
    await sim.advance(3600)
    assert await statuses(admin, graph) == {ONE: "ENABLED"}


@pytest.mark.parametrize("attempt", ["StartMonitoringMember", "the hourly pass"])
async def test_a_suspended_account_stays_disabled(
    sim: DetectiveSimulator, graph: Any, boto: Any, people: Any, attempt: str
) -> None:
    """Also if the problem with its volume is solved, whether it was invited or is one of the organization."""
    admin = boto(DELEGATE)
    accounts = [*people(1), {"AccountId": OUTSIDER, "EmailAddress": f"account-{OUTSIDER}@example.com"}]
    for account in (ONE, OUTSIDER):
        sim.set_volume(account, "VOLUME_TOO_HIGH")
    await admin.create_members(GraphArn=graph, Accounts=accounts)
    await boto(OUTSIDER).accept_invitation(GraphArn=graph)
    for account in (ONE, OUTSIDER):
        sim.set_account_state(account, "SUSPENDED")
        sim.set_volume(account, None)
        if attempt == "StartMonitoringMember":
            await admin.start_monitoring_member(GraphArn=graph, AccountId=account)
    if attempt == "the hourly pass":
        await sim.advance(3600)
    assert set((await statuses(admin, graph)).values()) == {"ACCEPTED_BUT_DISABLED"}

"""What the service goes on with after it has responded: deletions, delegations, and members that fit later."""

from collections.abc import Callable
from typing import Any

import pytest

from detective_async.testing import DetectiveSimulator

ADMIN = "111122223333"
MANAGEMENT = "999999999999"
ONE, TWO, THREE = "000000000001", "000000000002", "000000000003"
GIGABYTE = 1_000_000_000


async def graphs(client: Any) -> list[str]:
    return [one["Arn"] for one in (await client.list_graphs())["GraphList"]]


async def statuses(client: Any, graph: str) -> dict[str, str]:
    members = (await client.list_members(GraphArn=graph))["MemberDetails"]
    return {one["AccountId"]: one["Status"] for one in members}


@pytest.mark.simulator(deletion_delay=60)
async def test_a_graph_is_queued_to_be_deleted(sim: DetectiveSimulator, boto: Any, people: Any) -> None:
    """It leaves its members' lists at once; until it is gone it is listed, and nothing else can be done with it.

    Source: the API's model, DeleteGraph ("queues it to be deleted", "removes the behavior graph from each member
    account's list") and CreateGraph (ConflictException). What other operations say meanwhile is inferred.
    """
    admin, member = boto(), boto(ONE)
    graph = (await admin.create_graph())["GraphArn"]
    await admin.create_members(GraphArn=graph, Accounts=people(1))
    await admin.delete_graph(GraphArn=graph)
    assert (await member.list_invitations())["Invitations"] == []
    assert await graphs(admin) == [graph]
    await admin.refused("ResourceNotFoundException", "list_members", GraphArn=graph)
    await admin.refused("ResourceNotFoundException", "delete_graph", GraphArn=graph)
    await admin.refused("ConflictException", "create_graph")
    found = await admin.batch_get_membership_datasources(GraphArns=[graph])
    assert [one["GraphArn"] for one in found["UnprocessedGraphs"]] == [graph]
    dumped = sim.dump()
    assert "deleted_at" in dumped["graphs"][0]
    sim.load(dumped)
    await sim.advance(61)
    assert await graphs(admin) == []
    assert (await admin.create_graph())["GraphArn"] != graph


@pytest.mark.simulator(deletion_delay=60)
@pytest.mark.parametrize("by_management", [True, False])
async def test_accounts_are_not_enrolled_while_the_graph_is_deleted(
    sim: DetectiveSimulator, boto: Any, *, by_management: bool
) -> None:
    """AutoEnable ends with the deletion; accounts that join then have no invitations, and the world can be loaded."""
    sim.organization(MANAGEMENT, [ADMIN])
    await boto(MANAGEMENT).enable_organization_admin_account(AccountId=ADMIN)
    (graph,) = await graphs(boto())
    await boto().update_organization_configuration(GraphArn=graph, AutoEnable=True)
    if by_management:
        await boto(MANAGEMENT).disable_organization_admin_account()
    else:
        await boto().delete_graph(GraphArn=graph)
    sim.organization(MANAGEMENT, [ONE])
    assert sim.snapshot()[graph]["members"] == {}
    sim.load(sim.dump())
    for _ in range(2):
        assert (await boto(ONE).list_invitations())["Invitations"] == []
        await sim.advance(61)
    assert sim.snapshot() == {}


async def test_memberships_end_with_the_graph(sim: DetectiveSimulator, boto: Any, people: Any) -> None:
    """However it ends: its members' lists never have a graph that does not exist."""
    graph = (await boto().create_graph())["GraphArn"]
    await boto().create_members(GraphArn=graph, Accounts=people(1))
    sim._world.forget_graph(sim._world.graphs[graph])
    assert (await boto(ONE).list_invitations())["Invitations"] == []


@pytest.mark.simulator(deletion_delay=60)
async def test_the_organizations_graph_is_queued_too(sim: DetectiveSimulator, boto: Any) -> None:
    """Until it is gone, its account cannot become the administrator again; inferred."""
    sim.organization(MANAGEMENT, [ADMIN])
    management = boto(MANAGEMENT)
    await management.enable_organization_admin_account(AccountId=ADMIN)
    (graph,) = await graphs(boto())
    await boto().delete_graph(GraphArn=graph)
    await boto().refused("ValidationException", "describe_organization_configuration", GraphArn=graph)
    (administrator,) = (await management.list_organization_admin_accounts())["Administrators"]
    assert "GraphArn" not in administrator
    await management.disable_organization_admin_account()
    await management.refused("ValidationException", "enable_organization_admin_account", AccountId=ADMIN)
    await sim.advance(60)
    await management.enable_organization_admin_account(AccountId=ADMIN)


@pytest.mark.simulator(delegation_delay=60)
async def test_a_delegation_settles(sim: DetectiveSimulator, boto: Any) -> None:
    """While an organization's first delegation settles, other regions are refused; then all follow, without delay.

    Source: sister services. GuardDuty and Macie: aws-samples/aws-secure-environment-accelerator, issue 778; the words,
    of Audit Manager: awslabs/landing-zone-accelerator-on-aws, issue 370.
    """
    sim.organization(MANAGEMENT, [ADMIN])
    here, there, elsewhere = (boto(MANAGEMENT, region=one) for one in ("eu-west-1", "us-east-1", "us-west-2"))
    await here.enable_organization_admin_account(AccountId=ADMIN)
    await here.enable_organization_admin_account(AccountId=ADMIN)
    refused = await there.refused("ValidationException", "enable_organization_admin_account", AccountId=ADMIN)
    assert "conflicts with another attempt to modify the same entity. Try again later." in refused["Error"]["Message"]
    assert await graphs(boto(region="us-east-1")) == []
    await sim.advance(30)
    sim.load(sim.dump())
    await there.refused("ValidationException", "enable_organization_admin_account", AccountId=ADMIN)
    await sim.advance(30)
    await there.enable_organization_admin_account(AccountId=ADMIN)
    await elsewhere.enable_organization_admin_account(AccountId=ADMIN)
    # The delegation itself is ended here, and the next one is a first one again.
    sim.deregister_administrator(MANAGEMENT)
    await there.enable_organization_admin_account(AccountId=ADMIN)
    await here.refused("ValidationException", "enable_organization_admin_account", AccountId=ADMIN)


async def test_by_default_nothing_takes_time(sim: DetectiveSimulator, boto: Any) -> None:
    """Without the settings, a graph is gone at once, and regions can be delegated one after the other."""
    sim.organization(MANAGEMENT, [ADMIN])
    for region in ("eu-west-1", "us-east-1"):
        await boto(MANAGEMENT, region=region).enable_organization_admin_account(AccountId=ADMIN)
    admin = boto()
    await admin.delete_graph(GraphArn=(await graphs(admin))[0])
    assert await graphs(admin) == []


async def test_disabled_members_are_enabled_within_an_hour(sim: DetectiveSimulator, boto: Any, people: Any) -> None:
    """An hourly process enables members that were disabled, once they can be; nobody has to call StartMonitoringMember.

    Source: the user guide ("Detective automatically enables accounts as the behavior graph can accommodate them").
    """
    admin = boto()
    graph = (await admin.create_graph())["GraphArn"]
    for account in (ONE, TWO):
        sim.set_volume(account, "VOLUME_UNKNOWN")
    await admin.create_members(GraphArn=graph, Accounts=people(2))
    for account in (ONE, TWO):
        await boto(account).accept_invitation(GraphArn=graph)
    sim.set_volume(ONE, None)
    await sim.advance(3540)
    assert set((await statuses(admin, graph)).values()) == {"ACCEPTED_BUT_DISABLED"}
    await sim.advance(60)
    assert await statuses(admin, graph) == {ONE: "ENABLED", TWO: "ACCEPTED_BUT_DISABLED"}
    # Once more, and from a file.
    sim.set_volume(TWO, None)
    sim.load(sim.dump())
    await sim.advance(3600)
    assert await statuses(admin, graph) == {ONE: "ENABLED", TWO: "ENABLED"}


async def test_loading_does_not_postpone_when_members_are_enabled(
    sim: DetectiveSimulator, boto: Any, people: Any
) -> None:
    """The dump has the time at which members that fit by then are enabled."""
    admin = boto()
    graph = (await admin.create_graph())["GraphArn"]
    sim.set_volume(ONE, "VOLUME_TOO_HIGH")
    await admin.create_members(GraphArn=graph, Accounts=people(1))
    await boto(ONE).accept_invitation(GraphArn=graph)
    await sim.advance(3600)
    sim.set_volume(ONE, None)
    for _ in range(2):
        await sim.advance(1900)
        sim.load(sim.dump())
    assert await statuses(admin, graph) == {ONE: "ENABLED"}


async def test_members_that_fit_are_enabled_in_the_order_of_their_invitations(
    sim: DetectiveSimulator, boto: Any, people: Any
) -> None:
    """A graph that is full disables further accounts; when one leaves, the one that was invited first gets its place.

    Source: the user guide, on the quotas of data volume, and on members that are not enabled.
    """
    admin = boto()
    graph = (await admin.create_graph())["GraphArn"]
    # Each of these contributes little more than one gigabyte.
    sim.set_volume_limit(2 * GIGABYTE)
    for first in (3, 2, 1):
        await admin.create_members(GraphArn=graph, Accounts=people(1, first=first))
        await sim.advance(1)
    for account in (THREE, ONE, TWO):
        await boto(account).accept_invitation(GraphArn=graph)
    details = (await admin.list_members(GraphArn=graph))["MemberDetails"]
    assert [(one["Status"], one.get("DisabledReason")) for one in details] == [
        ("ACCEPTED_BUT_DISABLED", "VOLUME_TOO_HIGH"),
        ("ACCEPTED_BUT_DISABLED", "VOLUME_TOO_HIGH"),
        ("ENABLED", None),
    ]
    await sim.advance(3600)
    await admin.start_monitoring_member(GraphArn=graph, AccountId=ONE)
    assert (await statuses(admin, graph))[ONE] == "ACCEPTED_BUT_DISABLED"
    await admin.delete_members(GraphArn=graph, AccountIds=[THREE])
    await sim.advance(3600)
    assert await statuses(admin, graph) == {ONE: "ACCEPTED_BUT_DISABLED", TWO: "ENABLED"}
    sim.set_volume_limit(10_000 * GIGABYTE)
    await sim.advance(3600)
    assert set((await statuses(admin, graph)).values()) == {"ENABLED"}


async def test_a_graph_above_its_limit_gets_no_members(sim: DetectiveSimulator, boto: Any, people: Any) -> None:
    """CreateMembers refuses new accounts; a member that does not fit stays disabled, and shares are those of the limit.

    Source: the API's model, ServiceQuotaExceededException ("above the limit of 10 TB per day"); what
    StartMonitoringMember does then is inferred.
    """
    admin = boto()
    graph = (await admin.create_graph())["GraphArn"]
    await admin.create_members(GraphArn=graph, Accounts=people(2))
    await boto(ONE).accept_invitation(GraphArn=graph)
    volume = (await admin.get_members(GraphArn=graph, AccountIds=[ONE]))["MemberDetails"][0]["VolumeUsageInBytes"]
    sim.set_volume_limit(volume)
    await admin.create_members(GraphArn=graph, Accounts=people(1, first=3))
    sim.set_volume_limit(volume // 2)
    refused = await admin.refused(
        "ServiceQuotaExceededException", "create_members", GraphArn=graph, Accounts=people(1, first=4)
    )
    assert f"above the limit of {volume // 2} bytes per day" in refused["Error"]["Message"]
    assert (await admin.create_members(GraphArn=graph, Accounts=people(2)))["Members"] == []
    await boto(TWO).accept_invitation(GraphArn=graph)
    await admin.start_monitoring_member(GraphArn=graph, AccountId=TWO)
    details = (await admin.list_members(GraphArn=graph))["MemberDetails"]
    assert [one["Status"] for one in details] == ["ENABLED", "ACCEPTED_BUT_DISABLED", "INVITED"]
    assert details[0]["PercentOfGraphUtilization"] == pytest.approx(200)
    (invitation,) = (await boto(ONE).list_invitations())["Invitations"]
    assert invitation["PercentOfGraphUtilization"] == pytest.approx(200)
    sim.set_volume_limit(0)
    assert "PercentOfGraphUtilization" not in (await admin.list_members(GraphArn=graph))["MemberDetails"][0]


@pytest.mark.parametrize(
    "change",
    [
        lambda sim: sim.set_package_delay(-1),
        lambda sim: sim.set_deletion_delay("1"),
        lambda sim: sim.set_delegation_delay(None),
        lambda sim: sim.set_volume_limit(-1),
        lambda sim: sim.set_volume(ONE, "TOO_HIGH"),
        lambda _: DetectiveSimulator(package_delay=-1),
    ],
)
def test_impossible_settings_are_refused(change: Callable[[DetectiveSimulator], Any]) -> None:
    """As those of seeds."""
    with pytest.raises((ValueError, TypeError), match="must be"):
        change(DetectiveSimulator())


def test_settings_are_in_the_seed() -> None:
    """They are loaded and dumped; a seed without them keeps those that are set."""
    sim = DetectiveSimulator(package_delay=1, deletion_delay=2, delegation_delay=3)
    sim.set_volume_limit(4)
    keys = ("package_delay", "deletion_delay", "delegation_delay", "volume_limit")
    assert [sim.dump()[key] for key in keys] == [1, 2, 3, 4]
    sim.set_package_delay(5)
    sim.set_deletion_delay(6)
    sim.set_delegation_delay(7)
    other = DetectiveSimulator()
    other.load(sim.dump())
    other.load({})
    assert [other.dump()[key] for key in keys] == [5, 6, 7, 4]


@pytest.mark.simulator(verification_delay=60, package_delay=60, read_lag=5)
async def test_a_baseline_has_what_is_under_way(sim: DetectiveSimulator, boto: Any, people: Any) -> None:
    """After a reset, what was under way at the baseline is completed again, in the world of that reset alone."""
    admin = boto()
    graph = (await admin.create_graph())["GraphArn"]
    await admin.create_members(GraphArn=graph, Accounts=people(1))
    sim.set_baseline()
    for _ in range(2):
        sim.reset()
        assert sim.snapshot()[graph]["members"] == {ONE: "VERIFICATION_IN_PROGRESS"}
        await sim.advance(66)
        assert await statuses(admin, graph) == {ONE: "INVITED"}
        assert set(sim.snapshot()[graph]["packages"].values()) == {"STARTED"}

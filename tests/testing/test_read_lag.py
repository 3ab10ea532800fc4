"""Read lag: what is written is seen later; and the statuses that members have on their way."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from detective_async.testing import DetectiveSimulator
from detective_async.testing.services.detective import OPERATIONS
from detective_async.testing.world.read_lag import LAGGING, READS

ADMIN = "111122223333"
MANAGEMENT = "999999999999"
MEMBER = "000000000001"
# Beside it, the real time that passes between calls is little, also on a busy machine.
LAG = 60
ENTITY = "arn:aws:iam::000000000001:role/Deploy"


async def statuses(client: Any, graph: str) -> dict[str, str]:
    members = (await client.list_members(GraphArn=graph))["MemberDetails"]
    return {one["AccountId"]: one["Status"] for one in members}


async def graphs(client: Any) -> list[str]:
    return [one["Arn"] for one in (await client.list_graphs())["GraphList"]]


def test_every_reading_operation_can_lag() -> None:
    """Each operation of the API that lists, gets or describes is one, and the two answers to an invitation."""
    reading = {name for name in OPERATIONS if name.startswith(("BatchGet", "Describe", "Get", "List"))}
    assert reading == READS
    assert reading | {"AcceptInvitation", "RejectInvitation"} == LAGGING


@pytest.mark.simulator(read_lag=LAG)
async def test_what_was_written_is_seen_later_and_in_order(sim: DetectiveSimulator, boto: Any, people: Any) -> None:
    """A graph, its members and its tags are seen once the lag has passed, in the order in which they were written."""
    admin = boto()
    graph = (await admin.create_graph(Tags={"a": "1"}))["GraphArn"]
    await sim.advance(LAG / 2)
    await admin.create_members(GraphArn=graph, Accounts=people(2))
    await admin.tag_resource(ResourceArn=graph, Tags={"a": "2"})
    assert await graphs(admin) == []
    await admin.refused("ResourceNotFoundException", "list_members", GraphArn=graph)
    await sim.advance(LAG / 2)
    assert await graphs(admin) == [graph]
    assert await statuses(admin, graph) == {}
    assert (await admin.list_tags_for_resource(ResourceArn=graph))["Tags"] == {"a": "1"}
    await sim.advance(LAG / 2)
    assert await statuses(admin, graph) == {MEMBER: "INVITED", "000000000002": "INVITED"}
    assert (await admin.list_tags_for_resource(ResourceArn=graph))["Tags"] == {"a": "2"}
    await admin.untag_resource(ResourceArn=graph, TagKeys=["a"])
    assert (await admin.list_tags_for_resource(ResourceArn=graph))["Tags"] == {"a": "2"}
    await admin.delete_members(GraphArn=graph, AccountIds=[MEMBER])
    await admin.delete_graph(GraphArn=graph)
    assert len((await admin.get_members(GraphArn=graph, AccountIds=[MEMBER]))["MemberDetails"]) == 1
    await sim.advance(LAG)
    assert await graphs(admin) == []
    await admin.refused("ResourceNotFoundException", "list_members", GraphArn=graph)


@pytest.mark.simulator(read_lag=LAG)
async def test_writing_operations_act_on_what_is_true_now(sim: DetectiveSimulator, boto: Any, people: Any) -> None:
    """CreateGraph returns the graph that is not listed yet, and CreateMembers knows the members that are not."""
    admin = boto()
    graph = (await admin.create_graph())["GraphArn"]
    assert (await admin.create_graph())["GraphArn"] == graph
    await admin.create_members(GraphArn=graph, Accounts=people(1))
    again = await admin.create_members(GraphArn=graph, Accounts=people(1))
    assert again["UnprocessedAccounts"] == [{"AccountId": MEMBER, "Reason": "Account is already a member"}]
    assert sim.snapshot()[graph]["members"] == {MEMBER: "INVITED"}


@pytest.mark.simulator(read_lag=LAG)
async def test_an_invitation_just_made_is_not_found(sim: DetectiveSimulator, boto: Any, people: Any) -> None:
    """Accepting or rejecting it works once it is seen; then the member is INVITED for as long as the lag."""
    admin, member, other = boto(), boto(MEMBER), boto("000000000002")
    graph = (await admin.create_graph())["GraphArn"]
    await sim.advance(LAG)
    await admin.create_members(GraphArn=graph, Accounts=people(2))
    assert (await member.list_invitations())["Invitations"] == []
    await member.refused("ResourceNotFoundException", "accept_invitation", GraphArn=graph)
    await other.refused("ResourceNotFoundException", "reject_invitation", GraphArn=graph)
    await sim.advance(LAG)
    await member.accept_invitation(GraphArn=graph)
    await other.reject_invitation(GraphArn=graph)
    assert await statuses(admin, graph) == {MEMBER: "INVITED", "000000000002": "INVITED"}
    assert [one["Status"] for one in (await member.list_invitations())["Invitations"]] == ["INVITED"]
    await member.refused("ConflictException", "accept_invitation", GraphArn=graph)
    await sim.advance(LAG)
    assert await statuses(admin, graph) == {MEMBER: "ENABLED"}


@pytest.mark.simulator(read_lag=LAG, verification_delay=60)
async def test_an_invitation_that_no_read_shows_is_not_found(sim: DetectiveSimulator, boto: Any, people: Any) -> None:
    """Neither one whose verification has just ended, nor another one than the one that was rejected."""
    admin, member = boto(), boto(MEMBER)
    graph = (await admin.create_graph())["GraphArn"]
    await sim.advance(LAG)
    await admin.create_members(GraphArn=graph, Accounts=people(1))
    await sim.advance(61)
    assert (await member.list_invitations())["Invitations"] == []
    await member.refused("ResourceNotFoundException", "accept_invitation", GraphArn=graph)
    await sim.advance(LAG)
    await member.reject_invitation(GraphArn=graph)
    sim.set_verification_delay(0)
    await admin.create_members(GraphArn=graph, Accounts=people(1))
    await member.refused("ResourceNotFoundException", "accept_invitation", GraphArn=graph)
    await sim.advance(LAG)
    await member.accept_invitation(GraphArn=graph)


async def test_a_clock_that_is_set_back_hides_nothing(client_of: Any) -> None:
    """The virtual time stays, and goes on from there."""
    wall = [0.0]
    async with DetectiveSimulator(read_lag=LAG, wall_clock=lambda: time.time() + wall[0]) as sim:
        client = client_of(sim)
        await asyncio.to_thread(client.create_graph)
        await sim.advance(LAG)
        before = sim.now
        wall[0] = -120
        assert before <= sim.now < before + timedelta(minutes=1)
        assert len((await asyncio.to_thread(client.list_graphs))["GraphList"]) == 1
        await sim.advance(60)
        assert sim.now >= before + timedelta(seconds=60)


async def test_the_lag_of_single_operations(sim: DetectiveSimulator, boto: Any) -> None:
    """Only these operations lag, each as set; a lag for all replaces them."""
    admin = boto()
    sim.set_read_lag(LAG, operations=["ListTagsForResource", "ListMembers"])
    sim.set_read_lag(2 * LAG, operations="ListMembers")
    graph = (await admin.create_graph())["GraphArn"]
    assert await graphs(admin) == [graph]
    await admin.refused("ResourceNotFoundException", "list_tags_for_resource", ResourceArn=graph)
    await sim.advance(LAG)
    await admin.list_tags_for_resource(ResourceArn=graph)
    await admin.refused("ResourceNotFoundException", "list_members", GraphArn=graph)
    sim.set_read_lag(0)
    assert await statuses(admin, graph) == {}


@pytest.mark.simulator(read_lag=LAG)
async def test_a_longer_lag_hides_nothing_that_was_written_before(sim: DetectiveSimulator, boto: Any) -> None:
    """Neither for all operations, nor for some, whose lag does not change that of the others."""
    admin = boto()
    graph = (await admin.create_graph())["GraphArn"]
    sim.set_read_lag(100, ["ListGraphs"])
    assert await graphs(admin) == [graph]
    await admin.refused("ResourceNotFoundException", "list_members", GraphArn=graph)
    sim.set_read_lag(100)
    assert await graphs(admin) == [graph]
    assert await statuses(admin, graph) == {}
    await admin.delete_graph(GraphArn=graph)
    await sim.advance(50)
    assert await graphs(admin) == [graph]
    await sim.advance(50)
    assert await graphs(admin) == []


async def test_what_was_written_before_is_seen_at_once(sim: DetectiveSimulator, boto: Any) -> None:
    """A lag that is set later is one for what is written later."""
    admin = boto()
    graph = (await admin.create_graph())["GraphArn"]
    sim.set_read_lag(LAG)
    assert await graphs(admin) == [graph]
    await admin.delete_graph(GraphArn=graph)
    assert await graphs(admin) == [graph]


async def test_a_lag_in_real_time(sim: DetectiveSimulator, boto: Any) -> None:
    """Nobody has to advance the virtual time: it runs."""
    admin = boto()
    # Long enough for a busy machine to look before it is over.
    sim.set_read_lag(3)
    graph = (await admin.create_graph())["GraphArn"]
    assert await graphs(admin) == []
    await asyncio.sleep(3)
    assert await graphs(admin) == [graph]


@pytest.mark.simulator(read_lag=LAG)
async def test_investigations_and_packages_lag_too(sim: DetectiveSimulator, boto: Any) -> None:
    """An investigation is found, has finished, and is archived, each after the lag; packages are started likewise."""
    admin = boto()
    sim.investigations(duration=60)
    graph = {"GraphArn": (await admin.create_graph())["GraphArn"]}
    await sim.advance(LAG)
    scope = {"ScopeStartTime": datetime(2026, 1, 1, tzinfo=UTC), "ScopeEndTime": datetime(2026, 1, 2, tzinfo=UTC)}
    found = {
        **graph,
        "InvestigationId": (await admin.start_investigation(**graph, EntityArn=ENTITY, **scope))["InvestigationId"],
    }
    sim.set_package(graph["GraphArn"], "EKS_AUDIT", "STOPPED")
    await admin.refused("ResourceNotFoundException", "get_investigation", **found)
    packages = (await admin.list_datasource_packages(**graph))["DatasourcePackages"]
    assert packages["EKS_AUDIT"]["DatasourcePackageIngestState"] != "STOPPED"
    await sim.advance(60)
    packages = (await admin.list_datasource_packages(**graph))["DatasourcePackages"]
    assert packages["EKS_AUDIT"]["DatasourcePackageIngestState"] == "STOPPED"
    assert (await admin.get_investigation(**found))["Status"] == "RUNNING"
    assert (await admin.list_indicators(**found))["Indicators"] == []
    await sim.advance(LAG)
    await admin.update_investigation_state(**found, State="ARCHIVED")
    shown = await admin.get_investigation(**found)
    assert (shown["Status"], shown["State"]) == ("SUCCESSFUL", "ACTIVE")
    await sim.advance(LAG)
    assert (await admin.get_investigation(**found))["State"] == "ARCHIVED"


@pytest.mark.simulator(read_lag=LAG)
async def test_delegations_lag_and_organizations_do_not(sim: DetectiveSimulator, boto: Any) -> None:
    """What AWS Organizations knows is known at once; the administrator of a region is seen later."""
    sim.organization(MANAGEMENT, [ADMIN])
    management = boto(MANAGEMENT)
    assert (await management.list_organization_admin_accounts())["Administrators"] == []
    await management.enable_organization_admin_account(AccountId=ADMIN)
    assert (await management.list_organization_admin_accounts())["Administrators"] == []
    await sim.advance(LAG)
    (listed,) = (await management.list_organization_admin_accounts())["Administrators"]
    assert listed["AccountId"] == ADMIN


@pytest.mark.simulator(read_lag=LAG, verification_delay=60)
async def test_what_happens_by_itself_is_seen_as_late(sim: DetectiveSimulator, boto: Any, people: Any) -> None:
    """A long advance brings about what is due on the way, at its own time."""
    admin = boto()
    graph = (await admin.create_graph())["GraphArn"]
    await admin.create_members(GraphArn=graph, Accounts=people(1))
    await sim.advance(60 + LAG / 2)
    assert await statuses(admin, graph) == {MEMBER: "VERIFICATION_IN_PROGRESS"}
    await sim.advance(LAG / 2)
    assert await statuses(admin, graph) == {MEMBER: "INVITED"}


async def test_only_recent_states_are_kept(sim: DetectiveSimulator, boto: Any, people: Any) -> None:
    """The states that no operation reads any more are dropped, and unchanged graphs are shared by the others."""
    sim.set_read_lag(LAG)
    admin = boto()
    graph = (await admin.create_graph())["GraphArn"]
    other = (await boto(region="us-east-1").create_graph())["GraphArn"]
    for number in range(20):
        await admin.create_members(GraphArn=graph, Accounts=people(1, first=number + 1))
        await sim.advance(LAG / 6)
    states = sim._world.reads._states
    assert 5 <= len(states) <= 8
    assert len({id(state.graphs[other]) for state in states}) == 1
    assert len({id(state.graphs[graph]) for state in states}) == len(states)
    sim.set_read_lag(0)
    assert sim._world.reads._states == []


@pytest.mark.simulator(activation_delay=30)
async def test_a_volume_check_takes_its_time(sim: DetectiveSimulator, boto: Any, people: Any) -> None:
    """A member that has accepted is disabled without a reason, and then enabled, or disabled with one."""
    admin = boto()
    graph = (await admin.create_graph())["GraphArn"]
    sim.set_volume("000000000002", "VOLUME_TOO_HIGH")
    await admin.create_members(GraphArn=graph, Accounts=people(2))
    for account in (MEMBER, "000000000002"):
        await boto(account).accept_invitation(GraphArn=graph)

    async def details() -> list[tuple[str, str | None]]:
        members = (await admin.list_members(GraphArn=graph))["MemberDetails"]
        return [(one["Status"], one.get("DisabledReason")) for one in members]

    assert await details() == [("ACCEPTED_BUT_DISABLED", None)] * 2
    await sim.advance(20)
    # It is being checked already, and the check does not begin again.
    await admin.start_monitoring_member(GraphArn=graph, AccountId=MEMBER)
    await sim.advance(10)
    assert await details() == [("ENABLED", None), ("ACCEPTED_BUT_DISABLED", "VOLUME_TOO_HIGH")]
    sim.set_volume("000000000002", None)
    await admin.start_monitoring_member(GraphArn=graph, AccountId="000000000002")
    assert (await details())[1] == ("ACCEPTED_BUT_DISABLED", "VOLUME_TOO_HIGH")
    await sim.advance(30)
    assert await details() == [("ENABLED", None)] * 2


@pytest.mark.simulator(activation_delay=30)
async def test_a_member_that_leaves_is_not_enabled(sim: DetectiveSimulator, boto: Any, people: Any) -> None:
    """The check of a member that was removed has no effect, also if it is invited again."""
    admin, member = boto(), boto(MEMBER)
    graph = (await admin.create_graph())["GraphArn"]
    await admin.create_members(GraphArn=graph, Accounts=people(1))
    await member.accept_invitation(GraphArn=graph)
    await admin.delete_members(GraphArn=graph, AccountIds=[MEMBER])
    await sim.advance(20)
    await admin.create_members(GraphArn=graph, Accounts=people(1))
    await member.accept_invitation(GraphArn=graph)
    await sim.advance(15)
    assert await statuses(admin, graph) == {MEMBER: "ACCEPTED_BUT_DISABLED"}
    await sim.advance(15)
    assert await statuses(admin, graph) == {MEMBER: "ENABLED"}


@pytest.mark.simulator(verification_delay=60, activation_delay=30)
async def test_an_account_of_the_organization_has_the_same_statuses(
    sim: DetectiveSimulator, boto: Any, people: Any
) -> None:
    """Without an invitation: it is verified that it belongs to the organization, and its volume is checked.

    Source: the API's model, MemberDetail.Status, on VERIFICATION_IN_PROGRESS.
    """
    sim.organization(MANAGEMENT, [ADMIN, MEMBER])
    await boto(MANAGEMENT).enable_organization_admin_account(AccountId=ADMIN)
    admin = boto()
    (graph,) = await graphs(admin)
    (created,) = (await admin.create_members(GraphArn=graph, Accounts=people(1)))["Members"]
    assert (created["Status"], created["InvitationType"]) == ("VERIFICATION_IN_PROGRESS", "ORGANIZATION")
    await sim.advance(61)
    assert await statuses(admin, graph) == {MEMBER: "ACCEPTED_BUT_DISABLED"}
    await sim.advance(30)
    assert await statuses(admin, graph) == {MEMBER: "ENABLED"}


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda sim: sim.set_read_lag(-1), ValueError, "seconds: must be a number of seconds"),
        (lambda sim: sim.set_read_lag(1, ["ListGraph"]), ValueError, "did you mean ListGraphs"),
        (lambda sim: sim.set_read_lag(1, ["CreateGraph"]), ValueError, "an operation that reads"),
        (lambda sim: sim.set_read_lag(1, [1]), TypeError, "an operation that reads"),
        (lambda sim: sim.set_activation_delay("1"), TypeError, "seconds: must be a number of seconds"),
        (lambda sim: sim.set_verification_delay(float("nan")), ValueError, "seconds: must be a number of seconds"),
        (lambda _: DetectiveSimulator(read_lag=-1), ValueError, "read_lag: must be a number of seconds"),
    ],
)
def test_impossible_settings_are_refused(
    change: Callable[[DetectiveSimulator], Any], error: type[Exception], words: str
) -> None:
    """The error names the argument, and the nearest operation."""
    with pytest.raises(error, match=words):
        change(DetectiveSimulator())


async def test_lags_and_delays_are_in_the_seed(sim: DetectiveSimulator, boto: Any) -> None:
    """They are loaded and dumped; a seed without them keeps those that are set; what is loaded is seen at once."""
    sim.set_read_lag(LAG)
    sim.set_read_lag(7, ["ListGraphs"])
    sim.set_activation_delay(9)
    sim.set_verification_delay(8)
    dumped = sim.dump()
    keys = ("read_lag", "read_lags", "activation_delay", "verification_delay")
    assert [dumped[key] for key in keys] == [LAG, {"ListGraphs": 7}, 9, 8]
    other = DetectiveSimulator()
    other.load(dumped)
    assert [other.dump()[key] for key in keys] == [dumped[key] for key in keys]
    sim.load({"graphs": [{"administrator": ADMIN, "region": "eu-west-1"}]})
    assert [sim.dump()[key] for key in keys] == [dumped[key] for key in keys]
    assert len(await graphs(boto())) == 1
    await boto(region="us-east-1").create_graph()
    assert await graphs(boto(region="us-east-1")) == []


def test_members_under_way_are_in_the_seed() -> None:
    """The end of a check or a verification is dumped and loaded; it has come to pass if it is over."""
    sim = DetectiveSimulator(wall_clock=lambda: 1_800_000_000.0)
    sim.load(
        {
            "organizations": [
                {
                    "management_account": MANAGEMENT,
                    "accounts": [ADMIN],
                    "administrators": {"eu-west-1": {"account": ADMIN}},
                }
            ],
            "graphs": [
                {
                    "administrator": ADMIN,
                    "region": "eu-west-1",
                    "members": [
                        {
                            "account": "000000000001",
                            "status": "ACCEPTED_BUT_DISABLED",
                            "checked_at": "2030-01-01T00:00:00Z",
                        },
                        {
                            "account": "000000000002",
                            "status": "ACCEPTED_BUT_DISABLED",
                            "checked_at": "2020-01-01T00:00:00Z",
                        },
                        {
                            "account": MANAGEMENT,
                            "status": "VERIFICATION_IN_PROGRESS",
                            "invitation_type": "ORGANIZATION",
                            "verifies_at": "2030-01-01T00:00:00Z",
                        },
                    ],
                }
            ],
        }
    )
    dumped = sim.dump()
    members = dumped["graphs"][0]["members"]
    assert [one["status"] for one in members] == ["ACCEPTED_BUT_DISABLED", "ENABLED", "VERIFICATION_IN_PROGRESS"]
    assert members[0]["checked_at"] == members[2]["verifies_at"] == "2030-01-01T00:00:00+00:00"
    assert "disabled_reason" not in members[0]
    other = DetectiveSimulator(wall_clock=lambda: 1_800_000_000.0)
    other.load(dumped)
    assert other.dump() == dumped
    other._advance(10 * 365 * 86400)
    assert {one["status"] for one in other.dump()["graphs"][0]["members"]} == {"ENABLED"}

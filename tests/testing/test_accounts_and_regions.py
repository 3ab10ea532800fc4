"""Accounts that are suspended or closed, and regions that do not exist or are not opted in to."""

from typing import Any

import pytest

from detective_async.testing import DetectiveSimulator, SimulatorThread

ADMIN = "111122223333"
MANAGEMENT = "999999999999"
ONE, TWO = "000000000001", "000000000002"
GOVCLOUD = "us-gov-west-1"


async def statuses(client: Any, graph: str) -> dict[str, str]:
    members = (await client.list_members(GraphArn=graph))["MemberDetails"]
    return {one["AccountId"]: one["Status"] for one in members}


@pytest.mark.parametrize("state", ["SUSPENDED", "PENDING_CLOSURE", "CLOSED"])
async def test_a_dead_account_can_call_nothing(sim: DetectiveSimulator, boto: Any, state: Any) -> None:
    """Its keys are not accepted, and its roles cannot be assumed; inferred."""
    arn = sim.role(ONE, "Audit", trusted=[ADMIN])
    sts = boto(service="sts")
    await sts.assume_role(RoleArn=arn, RoleSessionName="me")
    sim.set_account_state(ONE, state)
    await boto(ONE).refused("UnrecognizedClientException", "list_graphs")
    await boto(ONE, service="sts").refused("InvalidClientTokenId", "get_caller_identity")
    await sts.refused("AccessDenied", "assume_role", RoleArn=arn, RoleSessionName="me")
    sim.set_account_state(ONE, "ACTIVE")
    await boto(ONE).list_graphs()


async def test_an_account_that_is_not_activated_yet(sim: DetectiveSimulator, boto: Any) -> None:
    """It needs a subscription. Source: the API's common errors, OptInRequired."""
    sim.set_account_state(ONE, "PENDING_ACTIVATION")
    refused = await boto(ONE).refused("OptInRequired", "list_graphs")
    assert refused["ResponseMetadata"]["HTTPStatusCode"] == 403


async def test_closed_members_are_removed(sim: DetectiveSimulator, boto: Any, people: Any) -> None:
    """Suspended ones stay, and closed ones leave every graph, but not in GovCloud.

    Source: the user guide ("Detective automatically removes member accounts that are terminated in AWS, except in the
    AWS GovCloud Regions").
    """
    clients = [boto(), boto(region="us-east-1"), boto(region=GOVCLOUD)]
    found = []
    for client in clients:
        graph = (await client.create_graph())["GraphArn"]
        await client.create_members(GraphArn=graph, Accounts=people(2))
        found.append(graph)
    sim.set_account_state(ONE, "SUSPENDED")
    sim.set_account_state(TWO, "CLOSED")
    assert [set(await statuses(*pair)) for pair in zip(clients, found, strict=True)] == [{ONE}, {ONE}, {ONE, TWO}]


async def test_dead_accounts_do_not_become_members(sim: DetectiveSimulator, boto: Any, people: Any) -> None:
    """Those of the organization are unprocessed, also by AutoEnable; the invitation of another one fails; inferred."""
    sim.organization(MANAGEMENT, [ADMIN, ONE])
    await boto(MANAGEMENT).enable_organization_admin_account(AccountId=ADMIN)
    admin = boto()
    graph = (await admin.list_graphs())["GraphList"][0]["Arn"]
    for account in (ONE, TWO):
        sim.set_account_state(account, "SUSPENDED")
    created = await admin.create_members(GraphArn=graph, Accounts=people(2))
    assert created["UnprocessedAccounts"] == [{"AccountId": ONE, "Reason": "Account is not active"}]
    assert await statuses(admin, graph) == {TWO: "VERIFICATION_FAILED"}
    await admin.update_organization_configuration(GraphArn=graph, AutoEnable=True)
    sim.set_account_state("000000000003", "CLOSED")
    sim.organization(MANAGEMENT, ["000000000003", "000000000004"])
    assert await statuses(admin, graph) == {TWO: "VERIFICATION_FAILED", "000000000004": "ENABLED"}


@pytest.mark.simulator(verification_delay=60)
async def test_govcloud_checks_no_address(boto: Any, people: Any) -> None:
    """Any address will do, and the invitation is there at once. Source: the user guide, on invited member accounts."""
    admin = boto(region=GOVCLOUD)
    graph = (await admin.create_graph())["GraphArn"]
    assert graph.startswith("arn:aws-us-gov:")
    accounts = [{"AccountId": ADMIN[::-1], "EmailAddress": "somebody.else@example.com"}, *people(1)]
    await admin.create_members(GraphArn=graph, Accounts=accounts)
    assert set((await statuses(admin, graph)).values()) == {"INVITED"}


async def test_regions_are_opted_in_per_account(sim: DetectiveSimulator, boto: Any) -> None:
    """A region can be closed to one account, and to all; each is undone as it was done."""
    sim.close_region("me-south-1", ONE)
    await boto(region="me-south-1").list_graphs()
    await boto(ONE, region="me-south-1").refused("UnrecognizedClientException", "list_graphs")
    await boto(ONE, region="me-south-1", service="sts").refused("InvalidClientTokenId", "get_caller_identity")
    sim.close_region("me-south-1")
    await boto(region="me-south-1").refused("UnrecognizedClientException", "list_graphs")
    sim.open_region("me-south-1")
    assert {one["id"]: one.get("closed_regions") for one in sim.dump()["accounts"]} == {
        ADMIN: None,
        ONE: ["me-south-1"],
    }
    sim.load(sim.dump())
    await boto(ONE, region="me-south-1").refused("UnrecognizedClientException", "list_graphs")
    sim.open_region("me-south-1", ONE)
    await boto(ONE, region="me-south-1").list_graphs()
    with pytest.raises(ValueError, match="12 digits"):
        sim.close_region("me-south-1", "1")


@pytest.mark.parametrize(
    ("region", "meant"),
    [("EU-WEST-1", "Did you mean eu-west-1?"), ("us-est-1", "Did you mean us-east-1"), ("Ireland", "")],
)
async def test_regions_that_do_not_exist_are_refused(
    raw: Any, sim: DetectiveSimulator, region: str, meant: str
) -> None:
    """In AWS's words, with the region that may be meant; the request is recorded with its account."""
    reply = await raw.ask("POST", "/graphs/list", b"{}", region=region)
    assert (reply.status, reply.code) == (403, "InvalidSignatureException")
    assert reply.message.startswith(f"Credential should be scoped to a valid region, not '{region}'.")
    assert meant in reply.message
    assert (sim.requests[-1].account_id, sim.requests[-1].region) == (ADMIN, region)


async def test_regions_that_are_new_are_accepted(boto: Any) -> None:
    """Such as the ninth one in the same part of the world, or one for tests."""
    for region in ("ap-southeast-9", "local"):
        await boto(region=region).create_graph()


def test_regions_that_do_not_exist_are_none_anywhere() -> None:
    """Not in a seed, and not in the variables for a client."""
    sim = DetectiveSimulator()
    for region in ("us-est-1", "EU-WEST-1", 1):
        with pytest.raises(ValueError, match=r"graphs\[0\].region: must be a region of AWS, such as "):
            sim.load({"graphs": [{"administrator": ADMIN, "region": region}]})
    with pytest.raises(ValueError, match="did you mean eu-west-1"), SimulatorThread() as running:
        running.environment(ADMIN, region="EU-WEST-1")

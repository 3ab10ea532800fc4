"""Whose keys assume a role that has no `source`."""

import pytest

from detective_async import AssumeRole, AssumeRoleError, Credentials, DetectiveClient, DetectiveFleet, Target
from detective_async.testing import DetectiveSimulator

HUB = "111122223333"
SPOKE = "444455556666"
LEAF = "777788889999"
STRANGER = "999900001111"


@pytest.fixture(autouse=True)
def _keys_of_a_stranger_in_the_environment(sim: DetectiveSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = sim.account(STRANGER)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys.secret_access_key)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)


def client_of(sim: DetectiveSimulator, credentials: Credentials | AssumeRole | None) -> DetectiveClient:
    return DetectiveClient(region="eu-west-1", endpoint_url=sim.url, credentials=credentials)


def assumers(sim: DetectiveSimulator) -> list[str | None]:
    """The accounts that have assumed a role, in order."""
    return [request.account_id for request in sim.requests if request.operation == "AssumeRole"]


async def test_the_keys_of_the_client_assume_it(sim: DetectiveSimulator) -> None:
    """Those that `DetectiveClient(...)` was given, for clients that are derived from it, also twice."""
    role = AssumeRole(sim.role(SPOKE, "Audit", trusted=[HUB]))
    async with client_of(sim, sim.account(HUB)) as client:
        derived = client.with_options(credentials=sim.account(LEAF), region="us-east-1")
        await derived.with_options(credentials=role).list_graphs()
    assert assumers(sim) == [HUB]


async def test_without_keys_of_the_client_those_of_the_environment(sim: DetectiveSimulator) -> None:
    """As the AWS CLI's, both for the client itself and for one that is derived from it."""
    role = AssumeRole(sim.role(SPOKE, "Audit", trusted=[STRANGER]))
    async with client_of(sim, None) as client:
        await client.with_options(credentials=role).list_graphs()
    async with client_of(sim, AssumeRole(role.role_arn)) as client:
        await client.list_graphs()
    assert assumers(sim) == [STRANGER, STRANGER]


async def test_the_role_of_the_client_assumes_it(sim: DetectiveSimulator) -> None:
    """And the role of the client itself, which cannot wait for itself, is assumed with the environment's keys."""
    hub = AssumeRole(sim.role(HUB, "Hub", trusted=[STRANGER]))
    spoke = AssumeRole(sim.role(SPOKE, "Audit", trusted=[HUB]), source=hub)
    leaf = AssumeRole(sim.role(LEAF, "Audit", trusted=[SPOKE]))
    async with client_of(sim, spoke) as client:
        await client.with_options(credentials=leaf).list_graphs()
        await client.with_options(credentials=hub).list_graphs()
    assert assumers(sim) == [STRANGER, HUB, SPOKE]


async def test_the_keys_of_a_fleet_assume_the_roles_of_its_targets(sim: DetectiveSimulator) -> None:
    """As with `DetectiveFleet.assume_role`."""
    role = AssumeRole(sim.role(SPOKE, "Audit", trusted=[HUB]))
    targets = [Target(SPOKE, "eu-west-1", role)]
    async with DetectiveFleet(targets, endpoint_url=sim.url, credentials=sim.account(HUB)) as fleet:
        assert [outcome.ok async for outcome in fleet.run(lambda client, _: client.list_graphs())] == [True]
    assert assumers(sim) == [HUB]


async def test_keys_that_may_not_assume_it(sim: DetectiveSimulator) -> None:
    """The error names the client's keys, and no others are tried."""
    role = AssumeRole(sim.role(SPOKE, "Audit", trusted=[STRANGER]))
    async with client_of(sim, sim.account(HUB)) as client:
        with pytest.raises(AssumeRoleError, match=f"User: arn:aws:iam::{HUB}:.* is not authorized"):
            await client.with_options(credentials=role).list_graphs()
    assert assumers(sim) == [HUB]

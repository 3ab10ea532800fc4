"""The same role in every account: assumed once in each, and by whom, where and how it was said."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from detective_async import AssumeRole, Credentials, DetectiveClient, DetectiveFleet, Target
from detective_async.testing import DetectiveSimulator
from fleet.counting_server import accounts

HUB, SPARE = "111122223333", "999988887777"
EVERY = accounts(5)
REGIONS = ["eu-west-1", "us-east-1", "ap-south-1"]


@pytest.fixture(autouse=True)
def _roles(sim: DetectiveSimulator) -> None:
    for one in EVERY:
        sim.role(one, "Audit", trusted=[HUB, SPARE], external_id="open-sesame")


def fleet_of(sim: DetectiveSimulator, **options: Any) -> DetectiveFleet:
    options = {"external_id": "open-sesame", "endpoint_url": sim.url, **options}
    return DetectiveFleet.assume_role("Audit", EVERY, REGIONS, **options)


async def create(client: DetectiveClient, _target: Target) -> str:
    arn = (await client.create_graph()).graph_arn
    assert arn is not None
    return arn


async def run(fleet: DetectiveFleet) -> None:
    """See that all is done, and in the accounts in which it was to be done."""
    outcomes = [outcome async for outcome in fleet.run(create)]
    assert len(outcomes) == 15
    for outcome in outcomes:
        assert outcome.result().split(":")[3:5] == [outcome.target.region, outcome.target.account_id]


def asked_of_sts(sim: DetectiveSimulator) -> Counter[tuple[str | None, str | None]]:
    """Count the requests by who asked, and in which region."""
    asked = [request for request in sim.requests if request.operation == "AssumeRole"]
    return Counter((request.account_id, request.region) for request in asked)


async def test_once_for_each_account(sim: DetectiveSimulator) -> None:
    """However many regions and runs there are, and though all of them ask at once."""
    async with fleet_of(sim, source=sim.account(HUB)) as fleet:
        await run(fleet)
        assert asked_of_sts(sim) == {(HUB, "eu-west-1"): 5}
        await asyncio.gather(run(fleet), run(fleet))
        graphs = [pair async for pair in fleet.iter_graphs()]
    assert len(graphs) == 15
    assert asked_of_sts(sim) == {(HUB, "eu-west-1"): 5}


async def test_a_fleet_of_ones_own_roles(sim: DetectiveSimulator) -> None:
    """Targets that were given the same provider share what it got; the fleet's own settings are no obstacle."""
    roles = {
        one: AssumeRole(
            f"arn:aws:iam::{one}:role/Audit", source=sim.account(HUB), external_id="open-sesame", region="us-east-1"
        )
        for one in EVERY
    }
    targets = (Target(one, region, roles[one]) for region in REGIONS for one in EVERY)
    async with DetectiveFleet(targets, endpoint_url=sim.url, concurrency=15) as fleet:
        await run(fleet)
    assert asked_of_sts(sim) == {(HUB, "us-east-1"): 5}


async def test_expired_ones_are_assumed_again(sim: DetectiveSimulator) -> None:
    """Once for each account."""
    async with fleet_of(sim, source=sim.account(HUB)) as fleet:
        await run(fleet)
        await sim.advance(3601)
        await run(fleet)
    assert asked_of_sts(sim) == {(HUB, "eu-west-1"): 10}


@pytest.mark.parametrize(
    ("region", "environment", "expected"),
    [
        (None, None, "eu-west-1"),
        ("eu-north-1", None, "eu-north-1"),
        (None, "sa-east-1", "sa-east-1"),
        ("eu-north-1", "sa-east-1", "eu-north-1"),
        (None, "cn-north-1", "eu-west-1"),
        ("cn-north-1", None, "eu-west-1"),
    ],
)
async def test_whose_sts(
    sim: DetectiveSimulator,
    monkeypatch: pytest.MonkeyPatch,
    region: str | None,
    environment: str | None,
    expected: str,
) -> None:
    """One for all: the region that was set, by whatever means, if it is of the same partition; else the first one."""
    if environment is not None:
        monkeypatch.setenv("AWS_REGION", environment)
    async with fleet_of(sim, source=sim.account(HUB), region=region) as fleet:
        await run(fleet)
        # There the default credentials would be looked up, if the source were not given.
        assert fleet._client.region == expected
    assert asked_of_sts(sim) == {(HUB, expected): 5}


async def test_the_region_of_a_profile(
    sim: DetectiveSimulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A profile that was named is read for it too."""
    config = tmp_path / "config"
    config.write_text("[profile hub]\nregion = eu-central-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    async with fleet_of(sim, source=sim.account(HUB), profile="hub") as fleet:
        await run(fleet)
    assert asked_of_sts(sim) == {(HUB, "eu-central-1"): 5}


async def test_regions_that_are_closed_do_not_matter_to_sts(sim: DetectiveSimulator) -> None:
    """A role is not asked for in the region of the target, which may not be opted in to."""
    sim.close_region("ap-south-1")
    async with fleet_of(sim, source=sim.account(HUB)) as fleet:
        outcomes = [outcome async for outcome in fleet.run(create)]
    assert {outcome.target.region for outcome in outcomes if not outcome.ok} == {"ap-south-1"}
    assert asked_of_sts(sim) == {(HUB, "eu-west-1"): 5}


@pytest.mark.parametrize("given", ["source", "credentials", "both", "environment"])
async def test_who_assumes_them(sim: DetectiveSimulator, monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    """The source; else the fleet's credentials; else what the AWS CLI would use."""
    options: dict[str, Any] = {}
    if given == "source":
        options["source"] = sim.account(HUB)
    elif given == "credentials":
        options["credentials"] = sim.account(HUB)
    elif given == "both":
        options |= {"source": sim.account(HUB), "credentials": sim.account(SPARE)}
    else:
        for name, value in sim.environment(HUB, region="eu-west-1").items():
            monkeypatch.setenv(name, value)
    async with fleet_of(sim, **options) as fleet:
        await run(fleet)
    assert asked_of_sts(sim) == {(HUB, "eu-west-1"): 5}


async def test_a_source_that_is_asked_is_asked_once(sim: DetectiveSimulator) -> None:
    """One callable for all the roles; what it gave is kept as long as it lasts."""
    asked = 0

    async def vault() -> Credentials:
        nonlocal asked
        asked += 1
        keys = sim.account(HUB)
        return Credentials(
            keys.access_key_id, keys.secret_access_key, expires_at=datetime.now(UTC) + timedelta(hours=1)
        )

    async with fleet_of(sim, source=vault) as fleet:
        await run(fleet)
    assert asked == 1
    assert asked_of_sts(sim) == {(HUB, "eu-west-1"): 5}


async def test_what_the_role_is_asked_with(sim: DetectiveSimulator) -> None:
    """The session's name and how long it lasts reach STS; a wrong external id is refused by it."""
    for one in EVERY:
        sim.role(one, "Audit", trusted=[HUB], external_id="open-sesame", max_session_duration=7200)
    async with fleet_of(sim, source=sim.account(HUB), session_name="me@work", duration=7200) as fleet:
        await run(fleet)
    bodies = [request.body.decode() for request in sim.requests if request.operation == "AssumeRole"]
    assert len(bodies) == 5
    assert all("RoleSessionName=me%40work" in body and "DurationSeconds=7200" in body for body in bodies)
    async with fleet_of(sim, source=sim.account(HUB), external_id="wrong-word") as fleet:
        assert not any([outcome.ok async for outcome in fleet.run(create)])

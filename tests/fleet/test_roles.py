"""A role of the same name in every account: assumed once per account, with the given parameters."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from detective_async import AssumeRole, AssumeRoleError, Credentials, DetectiveFleet, OutcomeKind, Target
from detective_async.testing import DetectiveSimulator
from fleet.counting_server import accounts, create_graph

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


async def run(fleet: DetectiveFleet) -> None:
    """Check that the work ran in every account and region."""
    outcomes = [outcome async for outcome in fleet.run(create_graph)]
    assert len(outcomes) == 15
    for outcome in outcomes:
        assert outcome.result().split(":")[3:5] == [outcome.target.region, outcome.target.account_id]


def sts_requests(sim: DetectiveSimulator) -> Counter[tuple[str | None, str | None]]:
    """Count the AssumeRole requests by caller and region."""
    asked = [request for request in sim.requests if request.operation == "AssumeRole"]
    return Counter((request.account_id, request.region) for request in asked)


async def test_once_per_account(sim: DetectiveSimulator) -> None:
    """Each role is assumed once, for all regions, runs and concurrent calls; and again once it has expired."""
    async with fleet_of(sim, source=sim.account(HUB)) as fleet:
        await run(fleet)
        assert sts_requests(sim) == {(HUB, "eu-west-1"): 5}
        await asyncio.gather(run(fleet), run(fleet))
        assert len([pair async for pair in fleet.iter_graphs()]) == 15
        assert sts_requests(sim) == {(HUB, "eu-west-1"): 5}
        await sim.advance(3601)
        await run(fleet)
    assert sts_requests(sim) == {(HUB, "eu-west-1"): 10}


async def test_explicit_role_providers(sim: DetectiveSimulator) -> None:
    """Targets with the same provider share its credentials."""
    roles = {
        one: AssumeRole(
            f"arn:aws:iam::{one}:role/Audit", source=sim.account(HUB), external_id="open-sesame", region="us-east-1"
        )
        for one in EVERY
    }
    targets = (Target(one, region, roles[one]) for region in REGIONS for one in EVERY)
    async with DetectiveFleet(targets, endpoint_url=sim.url, concurrency=15) as fleet:
        await run(fleet)
    assert sts_requests(sim) == {(HUB, "us-east-1"): 5}


@pytest.mark.parametrize(
    ("region", "environment", "expected"),
    [
        (None, None, "eu-west-1"),
        ("eu-north-1", None, "eu-north-1"),
        (None, "sa-east-1", "sa-east-1"),
        ("eu-north-1", "sa-east-1", "eu-north-1"),
        (None, "cn-north-1", "eu-west-1"),
        ("cn-north-1", None, "eu-west-1"),
        ("of the profile", None, "eu-central-1"),
    ],
)
async def test_sts_region(
    sim: DetectiveSimulator,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    *,
    region: Any,
    environment: Any,
    expected: str,
) -> None:
    """One STS for all: the configured region if it is in the same partition, else the first one."""
    (tmp_path / "config").write_text("[profile hub]\nregion = eu-central-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    if environment is not None:
        monkeypatch.setenv("AWS_REGION", environment)
    options = {"profile": "hub"} if region == "of the profile" else {"region": region}
    async with fleet_of(sim, source=sim.account(HUB), **options) as fleet:
        await run(fleet)
        # Default credentials would be looked up there.
        assert fleet._client.region == expected
    assert sts_requests(sim) == {(HUB, expected): 5}


async def test_closed_region_and_sts(sim: DetectiveSimulator) -> None:
    """The region is unavailable, which is no failure; its STS, which may be closed, is not called."""
    sim.close_region("ap-south-1")
    async with fleet_of(sim, source=sim.account(HUB)) as fleet:
        outcomes = [outcome async for outcome in fleet.run(create_graph)]
    assert {(outcome.target.region, outcome.kind) for outcome in outcomes} == {
        ("eu-west-1", OutcomeKind.SUCCEEDED),
        ("us-east-1", OutcomeKind.SUCCEEDED),
        ("ap-south-1", OutcomeKind.REGION_UNAVAILABLE),
    }
    assert {getattr(outcome.error, "code", None) for outcome in outcomes} == {None, "UnrecognizedClientException"}
    assert sts_requests(sim) == {(HUB, "eu-west-1"): 5}


@pytest.mark.parametrize(
    ("regions", "expected"),
    [
        (["af-south-1", "ap-east-1", "ap-northeast-1", "us-east-1"], "ap-northeast-1"),
        (["af-south-1", "ap-east-1"], "us-east-1"),
        (["us-gov-east-1", "us-gov-west-1"], "us-gov-east-1"),
    ],
)
def test_sts_of_a_region_without_opt_in(regions: list[str], expected: str) -> None:
    """Without a configured region, the first of the regions that every account has, else the partition's own."""
    assert DetectiveFleet.assume_role("Audit", EVERY, regions).client.region == expected


@pytest.mark.parametrize("given", ["source", "credentials", "both", "environment"])
async def test_source(sim: DetectiveSimulator, monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    """The source, else the fleet's credentials, else the default credentials."""
    keys, spare = sim.account(HUB), sim.account(SPARE)
    for name, value in sim.environment(HUB if given == "environment" else SPARE, region="eu-west-1").items():
        monkeypatch.setenv(name, value)
    options = {"both": {"source": keys, "credentials": spare}, "environment": {}}.get(given, {given: keys})
    async with fleet_of(sim, **options) as fleet:
        await run(fleet)
    assert sts_requests(sim) == {(HUB, "eu-west-1"): 5}


async def test_source_is_called_once(sim: DetectiveSimulator) -> None:
    """All roles share the cached credentials of the source."""
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
    assert sts_requests(sim) == {(HUB, "eu-west-1"): 5}


async def test_role_parameters(sim: DetectiveSimulator) -> None:
    """Session name and duration reach STS; a wrong external id is refused in all regions of its account only."""
    for one in EVERY:
        sim.role(one, "Audit", trusted=[HUB], external_id="open-sesame", max_session_duration=7200)
    async with fleet_of(sim, source=sim.account(HUB), session_name="me@work", duration=7200) as fleet:
        await run(fleet)
    bodies = [request.body.decode() for request in sim.requests if request.operation == "AssumeRole"]
    assert len(bodies) == 5
    assert all("RoleSessionName=me%40work" in body and "DurationSeconds=7200" in body for body in bodies)
    sim.role(EVERY[2], "Audit", trusted=[HUB], external_id="wrong-word")
    async with fleet_of(sim, source=sim.account(HUB), external_id="wrong-word") as fleet:
        outcomes = [outcome async for outcome in fleet.run(create_graph)]
    assert {outcome.target.account_id for outcome in outcomes if outcome.ok} == {EVERY[2]}
    for error in (outcome.error for outcome in outcomes if not outcome.ok):
        assert isinstance(error, AssumeRoleError)
        assert error.code == "AccessDenied"

"""AssumeRole in a region that the account has not enabled: the region that every account has is asked instead."""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import define, field
from support.botocore_endpoints import REGIONS
from support.cloud import ROLE

from detective_async import (
    AssumeRole,
    AssumeRoleError,
    Credentials,
    CredentialsError,
    DetectiveClient,
    HostNotFound,
    ServiceError,
)
from detective_async.api.service import Service
from detective_async.api.sts import AssumedRole
from detective_async.auth import Caller, CredentialsProvider, EnvironmentCredentials, FixedCredentials
from detective_async.settings.endpoints import home_region, needs_no_opt_in, partition_of
from detective_async.testing import DetectiveSimulator, Failure, Fault

HUB, SPOKE = "111122223333", "444455556666"
KEYS = Credentials("AKIAIOSFODNN7EXAMPLE", "secret")
ASSUMED = AssumedRole("ASIAROLE", "s", "t", datetime(2099, 1, 1, tzinfo=UTC), SPOKE)


def refusal(code: str) -> ServiceError:
    return ServiceError(code, f"says {code}", status=403, operation="AssumeRole")


NO_HOST = HostNotFound("no such host", operation="AssumeRole", attempts=3, outcome_unknown=False)


@define
class FakeCaller:
    """A client in a region, whose STS gives the next outcome."""

    region: str
    outcomes: list[Any]
    asked: list[str] = field(factory=list)
    default_credentials: CredentialsProvider = field(factory=EnvironmentCredentials)
    client_credentials: CredentialsProvider = field(factory=EnvironmentCredentials)
    fetch_timeout: float | None = None

    def now(self) -> float:
        return 1_800_000_000.0

    earliest_now = now

    def spawn(self, work: Coroutine[Any, Any, Credentials]) -> asyncio.Task[Credentials]:
        return asyncio.create_task(work)

    def for_service(
        self, service: Service, *, credentials: CredentialsProvider, region: str | None, endpoint_url: str | None
    ) -> Caller:
        assert (service.name, endpoint_url, credentials) == ("sts", None, FixedCredentials(KEYS))
        self.asked.append(str(region))
        return self

    async def call(self, operation: Any, request: Any) -> Any:
        assert operation.name == "AssumeRole"
        assert request["RoleArn"] == ROLE
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


@pytest.mark.parametrize(
    ("region", "outcomes", "asked", "raised"),
    [
        ("af-south-1", [ASSUMED], ["af-south-1"], None),
        ("af-south-1", [refusal("InvalidClientTokenId"), ASSUMED], ["af-south-1", "us-east-1"], None),
        ("us-east-2", [refusal("RegionDisabledException"), ASSUMED], ["us-east-2", "us-east-1"], None),
        ("eu-future-1", [NO_HOST, ASSUMED], ["eu-future-1", "us-east-1"], None),
        ("cn-north-1", [refusal("RegionDisabledException"), ASSUMED], ["cn-north-1", "cn-northwest-1"], None),
        ("us-gov-east-1", [NO_HOST, ASSUMED], ["us-gov-east-1", "us-gov-west-1"], None),
        # What that STS says of the role counts, and else what the first one said.
        (
            "af-south-1",
            [refusal("InvalidClientTokenId"), refusal("AccessDenied")],
            ["af-south-1", "us-east-1"],
            "AccessDenied",
        ),
        (
            "us-east-2",
            [refusal("RegionDisabledException"), refusal("InvalidClientTokenId")],
            ["us-east-2", "us-east-1"],
            "RegionDisabledException",
        ),
        ("us-east-2", [refusal("RegionDisabledException"), NO_HOST], ["us-east-2", "us-east-1"], "RegionDisabled"),
        ("eu-west-1", [NO_HOST, refusal("SignatureDoesNotMatch")], ["eu-west-1", "us-east-1"], "no such host"),
        # Nothing else to ask.
        ("us-east-1", [refusal("InvalidClientTokenId")], ["us-east-1"], "InvalidClientTokenId"),
        ("eu-west-1", [refusal("AccessDenied")], ["eu-west-1"], "AccessDenied"),
        ("eu-west-1", [CredentialsError("sealed")], ["eu-west-1"], "sealed"),
    ],
)
async def test_a_region_that_is_not_enabled(
    region: str, outcomes: list[Any], asked: list[str], raised: str | None
) -> None:
    """STS is asked once more, in the region that needs no opt-in; the error is the more telling one."""
    caller = FakeCaller(region, list(outcomes))
    role = AssumeRole(ROLE, source=KEYS)
    if raised is None:
        assert (await role.get_credentials_for(caller)).access_key_id == "ASIAROLE"
    else:
        with pytest.raises(AssumeRoleError, match=f"cannot assume {ROLE}: .*{raised}"):
            await role.get_credentials_for(caller)
    assert (caller.asked, caller.outcomes) == (asked, [])


async def test_the_region_of_the_role_is_tried_first() -> None:
    """Also one that was named, because a fleet names it for all of its roles."""
    caller = FakeCaller("eu-west-1", [refusal("RegionDisabledException"), ASSUMED])
    await AssumeRole(ROLE, source=KEYS, region="me-south-1").get_credentials_for(caller)
    assert caller.asked == ["me-south-1", "us-east-1"]


async def test_a_closed_region_of_the_simulator(sim: DetectiveSimulator) -> None:
    """The role is assumed elsewhere, and its keys are used in the client's region."""
    sim.inject(Fault(Failure(403, "InvalidClientTokenId"), "AssumeRole"))
    role = AssumeRole(sim.role(SPOKE, "Audit", trusted=[HUB]), source=sim.account(HUB))
    async with DetectiveClient(region="eu-south-1", endpoint_url=sim.url, credentials=role) as client:
        await client.list_graphs()
    assert [(request.operation, request.region) for request in sim.requests] == [
        ("AssumeRole", "eu-south-1"),
        ("AssumeRole", "us-east-1"),
        ("ListGraphs", "eu-south-1"),
    ]


def test_every_partition_has_a_region_that_needs_no_opt_in() -> None:
    """It is in the same partition, and one that botocore knows."""
    homes = {partition_of(region): home_region(region) for region in REGIONS}
    assert len(homes) == 8
    for partition, home in homes.items():
        assert partition_of(home) == partition
        assert needs_no_opt_in(home)
        assert home in REGIONS
    assert [region for region in ("af-south-1", "eu-central-2", "mx-central-1") if needs_no_opt_in(region)] == []

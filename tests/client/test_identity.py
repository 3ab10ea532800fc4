"""Whose credentials a client has, by STS."""

import pytest

from detective_async import AssumeRole, Credentials, DetectiveClient, ServiceError
from detective_async.client.identity import caller_account
from detective_async.testing import DetectiveSimulator, Failure, Fault

ADMINISTRATOR, MEMBER = "111122223333", "444455556666"


async def test_the_account_of_the_keys(sim: DetectiveSimulator) -> None:
    """Of a user and of a role; whatever the credentials say themselves."""
    keys = sim.account(ADMINISTRATOR)
    plain = Credentials(keys.access_key_id, keys.secret_access_key, account_id=MEMBER)
    role = AssumeRole(sim.role(MEMBER, "Audit", trusted=[ADMINISTRATOR]), source=keys)
    async with DetectiveClient(region="eu-west-1", endpoint_url=sim.url, credentials=plain) as client:
        assert await caller_account(client) == ADMINISTRATOR
        assert await caller_account(client.with_options(credentials=role)) == MEMBER
    assert [(one.operation, one.region) for one in sim.requests if one.operation != "AssumeRole"] == [
        ("GetCallerIdentity", "eu-west-1")
    ] * 2


@pytest.mark.parametrize(
    ("region", "code", "asked"),
    [
        ("af-south-1", "InvalidClientTokenId", ["af-south-1", "us-east-1"]),
        ("eu-west-1", "RegionDisabledException", ["eu-west-1", "us-east-1"]),
        ("eu-west-1", "InvalidClientTokenId", ["eu-west-1"]),
        ("us-east-1", "RegionDisabledException", ["us-east-1"]),
    ],
)
async def test_a_closed_region(sim: DetectiveSimulator, region: str, code: str, asked: list[str]) -> None:
    """The region that every account has is asked instead; a refusal of the keys themselves is raised."""
    sim.inject(Fault(Failure(403, code, "no"), "GetCallerIdentity", region=region, count=None))
    async with DetectiveClient(region=region, endpoint_url=sim.url, credentials=sim.account(ADMINISTRATOR)) as client:
        if len(asked) == 1:
            with pytest.raises(ServiceError, match=code):
                await caller_account(client)
        else:
            assert await caller_account(client) == ADMINISTRATOR
    assert [one.region for one in sim.requests] == asked

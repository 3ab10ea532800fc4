"""Whose credentials a client has, by STS."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve

from detective_async import AssumeRole, ClientClosed, Credentials, DetectiveClient, ServiceError, StaticCredentials
from detective_async.client.identity import caller_account, identified
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


async def test_a_client_that_stays_with_an_account(sim: DetectiveSimulator) -> None:
    """Whose keys a source gives at any time is asked once for each key, and what is sent with the client is theirs."""
    accounts = [MEMBER, ADMINISTRATOR, ADMINISTRATOR]

    async def source() -> Credentials:
        soon = datetime.now(UTC) + timedelta(seconds=1)
        return evolve(sim.account(accounts.pop()), account_id=None, expires_at=soon)

    async with DetectiveClient(region="eu-west-1", endpoint_url=sim.url, credentials=source) as client:
        known: dict[str, str] = {}
        _, first = await identified(client, known)
        account_id, second = await identified(client, known)
        assert (account_id, len(sim.requests)) == (ADMINISTRATOR, 1)
        assert (await identified(client, known))[0] == MEMBER
        for one in (first, second):
            await one.list_graphs()
            assert sim.requests[-1].account_id == ADMINISTRATOR
    assert accounts == []


@pytest.mark.parametrize("renewed", [True, False])
async def test_keys_that_have_expired(sim: DetectiveSimulator, renewed: bool) -> None:
    """Others are got as for any call; if the source has none, the refusal is raised."""
    keys = [sim.account(MEMBER), sim.account(ADMINISTRATOR)]

    async def source() -> Credentials:
        return keys.pop() if len(keys) > 1 and renewed else keys[0]

    sim.inject(Fault(Failure(403, "ExpiredToken", "no"), "GetCallerIdentity", count=1 if renewed else 2))
    async with DetectiveClient(region="eu-west-1", endpoint_url=sim.url, credentials=source) as client:
        if renewed:
            account_id, pinned = await identified(client, {})
            assert account_id == MEMBER
            await pinned.list_graphs()
            assert sim.requests[-1].account_id == MEMBER
        else:
            with pytest.raises(ServiceError, match="ExpiredToken"):
                await identified(client, {})


async def test_keys_that_do_not_work_at_first(sim: DetectiveSimulator) -> None:
    """A refusal of keys that the client itself is not refused for is raised."""
    keys = sim.account(ADMINISTRATOR)
    unsaid = StaticCredentials(keys.access_key_id, keys.secret_access_key, keys.session_token)
    sim.inject(Fault(Failure(403, "AccessDenied", "no"), "GetCallerIdentity"))
    async with DetectiveClient(region="eu-west-1", endpoint_url=sim.url, credentials=unsaid) as client:
        with pytest.raises(ServiceError, match="AccessDenied"):
            await identified(client, {})
        assert (await identified(client, {}))[0] == ADMINISTRATOR


async def test_closed_while_keys_are_looked_up(sim: DetectiveSimulator) -> None:
    """It is a closed client, and no timeout."""
    waiting = asyncio.Event()

    async def source() -> Credentials:
        waiting.set()
        await asyncio.Event().wait()
        return sim.account(MEMBER)

    client = DetectiveClient(region="eu-west-1", endpoint_url=sim.url, credentials=source)
    task = asyncio.create_task(identified(client, {}))
    await waiting.wait()
    await client.aclose()
    with pytest.raises(ClientClosed):
        await task

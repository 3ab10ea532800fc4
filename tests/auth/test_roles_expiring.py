"""Expiring credentials of roles and other sources: when and how often they are fetched again, on a fake clock."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from attrs import define, field
from support.fakes import FakeTime

from detective_async import (
    AssumeRole,
    AssumeRoleError,
    Credentials,
    DetectiveClient,
    RetryPolicy,
    ServiceError,
    StaticCredentials,
)
from detective_async.testing import DetectiveSimulator, Failure, Fault, Latency

pytestmark = pytest.mark.slow

HUB = "111122223333"
SPOKE = "444455556666"
MINUTE = 60
HOUR = 3600


@define
class ClockedSimulator:
    """A simulator and clients with the same fake clock."""

    time: FakeTime = field(factory=lambda: FakeTime(1_800_000_000.0))
    sim: DetectiveSimulator = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.sim = DetectiveSimulator(wall_clock=lambda: self.time.now)

    def client(self, credentials: Any) -> DetectiveClient:
        return DetectiveClient(
            region="eu-west-1", credentials=credentials, endpoint_url=self.sim.url, clock=self.time.clock()
        )

    def role(self, name: str = "Audit", source: Any = None) -> AssumeRole:
        arn = self.sim.role(SPOKE, name, trusted=[HUB, SPOKE])
        return AssumeRole(arn, source=source or self.sim.account(HUB))

    @property
    def operations(self) -> list[str]:
        """The operations that were called, with the error codes of those that failed."""
        return [
            f"{one.operation} {one.error_code}" if one.error_code else str(one.operation) for one in self.sim.requests
        ]


@pytest.fixture
async def env() -> AsyncIterator[ClockedSimulator]:
    env = ClockedSimulator()
    async with env.sim:
        yield env


async def until(condition: Callable[[], object]) -> None:
    """Run other tasks until a condition is true, for up to 30 s."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.001)


@asynccontextmanager
async def closed_at_the_end(*clients: DetectiveClient) -> AsyncIterator[None]:
    try:
        yield
    finally:
        for client in clients:
            await client.aclose()


def fetches() -> list[asyncio.Task[Any]]:
    """Return the running fetches of credentials."""
    return [task for task in asyncio.all_tasks() if "SharedFetches" in str(task.get_coro())]


async def test_a_call_with_expired_keys_is_repeated_with_new_ones(env: ClockedSimulator) -> None:
    """If the service calls a role's keys expired, new ones are fetched, without a delay; and so the next time."""
    async with env.client(env.role()) as client:
        await client.create_graph()
        for _ in range(2):
            env.sim.forget_requests()
            await env.sim.advance(HOUR + 1)
            response = await client.list_graphs()
            assert response.response_metadata.attempts == 2
            assert env.operations == ["ListGraphs ExpiredTokenException", "AssumeRole", "ListGraphs"]
    assert env.time.slept == []


async def test_the_repetition_with_new_keys_is_no_retry(env: ClockedSimulator) -> None:
    """It happens even with one attempt, and once only."""
    env.sim.inject(Fault(Failure(403, "ExpiredTokenException"), operation="ListGraphs", count=None))
    async with env.client(env.role()) as client:
        with pytest.raises(ServiceError, match="ExpiredTokenException") as caught:
            await client.with_options(retry=RetryPolicy(max_attempts=1)).list_graphs()
    assert caught.value.attempts == 2
    failed = "ListGraphs ExpiredTokenException"
    assert env.operations == ["AssumeRole", failed, "AssumeRole", failed]


async def test_concurrent_calls_with_expired_keys(env: ClockedSimulator) -> None:
    """Each call is repeated, and the role is assumed once."""
    async with env.client(env.role()) as client:
        await client.list_graphs()
        await env.sim.advance(HOUR + 1)
        await asyncio.gather(*(client.list_graphs() for _ in range(60)))
    # Calls that start late may find new keys; with a hundred connections, none of these waits for one.
    assert env.operations.count("AssumeRole") == 2
    assert env.operations.count("ListGraphs ExpiredTokenException") <= 60
    assert env.operations.count("ListGraphs") == 61


async def test_a_late_refusal_of_old_keys_keeps_the_new_ones(env: ClockedSimulator) -> None:
    """Invalidating old keys after new ones were fetched has no effect."""
    role = env.role()
    async with env.client(role) as client:
        old = await role.get_credentials_for(client._transport)
        role.invalidate(old)
        new = await role.get_credentials_for(client._transport)
        role.invalidate(old)
        assert await role.get_credentials_for(client._transport) == new != old
    assert env.operations == ["AssumeRole"] * 2


async def test_expired_keys_of_a_source_role(env: ClockedSimulator) -> None:
    """STS has its own code for them; the source role is assumed again, and then the role itself."""
    middle = env.role("Middle")
    role = env.role("Audit", middle)
    async with env.client(role) as client:
        await client.list_graphs()
        env.sim.forget_requests()
        await env.sim.advance(HOUR + 1)
        await client.list_graphs()
    first, *rest = env.operations
    assert first == "ListGraphs ExpiredTokenException"
    assert rest == ["AssumeRole ExpiredToken", "AssumeRole", "AssumeRole", "ListGraphs"]


@pytest.mark.parametrize("wrapped", [False, True])
async def test_expired_fixed_keys_are_final(env: ClockedSimulator, wrapped: bool) -> None:
    """There are no other keys, so the call is not repeated."""
    keys = env.sim.temporary_credentials(HUB)
    fixed = StaticCredentials(keys.access_key_id, keys.secret_access_key, keys.session_token)
    await env.sim.advance(HOUR + 1)
    async with env.client(fixed if wrapped else keys) as client:
        with pytest.raises(ServiceError, match="ExpiredTokenException") as caught:
            await client.list_graphs()
    assert (caught.value.attempts, len(env.sim.requests)) == (1, 1)


async def test_expired_fixed_keys_as_the_source_of_a_role(env: ClockedSimulator) -> None:
    """The error is about the role."""
    role = env.role(source=env.sim.temporary_credentials(HUB))
    await env.sim.advance(HOUR + 1)
    async with env.client(role) as client:
        with pytest.raises(AssumeRoleError) as caught:
            await client.list_graphs()
    assert caught.value.code == "ExpiredToken"
    assert env.operations == ["AssumeRole ExpiredToken"]


class Vault:
    """A provider of temporary keys, which `renew` replaces."""

    def __init__(self, sim: DetectiveSimulator) -> None:
        self.sim = sim
        self.calls = 0
        self.renew()

    def renew(self) -> None:
        self.keys = self.sim.temporary_credentials(HUB)

    async def get_credentials(self) -> Credentials:
        self.calls += 1
        return self.keys


@pytest.mark.parametrize("called", [False, True])
@pytest.mark.parametrize("with_expiry", [False, True])
async def test_a_users_provider_is_called_again(env: ClockedSimulator, called: bool, with_expiry: bool) -> None:
    """A provider or callable that returns the same expired keys makes the refusal final; new keys are used."""
    vault = Vault(env.sim)

    async def call() -> Credentials:
        keys = await vault.get_credentials()
        return keys if with_expiry else Credentials(keys.access_key_id, keys.secret_access_key, keys.session_token)

    async with env.client(call if called else vault) as client:
        await client.list_graphs()
        await env.sim.advance(HOUR + 1)
        vault.calls = 0
        with pytest.raises(ServiceError, match="ExpiredTokenException") as caught:
            await client.list_graphs()
        assert caught.value.attempts == 1
        # Keys of a callable that have an expiry are cached; a provider is called each time.
        assert vault.calls == (1 if called and with_expiry else 2)
        vault.renew()
        response = await client.list_graphs()
        assert response.response_metadata.http_status == 200


async def test_an_early_refresh_does_not_delay_calls(env: ClockedSimulator) -> None:
    """In the last quarter of an hour, a call uses the old keys while new ones are fetched in the background."""
    role = env.role()
    async with env.client(role) as client:
        await client.list_graphs()
        old = await role.get_credentials_for(client._transport)
        env.time.now += 44 * MINUTE
        await client.list_graphs()
        assert env.operations == ["AssumeRole", "ListGraphs", "ListGraphs"]
        env.time.now += 2 * MINUTE
        env.sim.inject(Fault(Latency(0.05), operation="AssumeRole"))
        await client.list_graphs()
        # The call ended before the refresh.
        assert env.operations[3] == "ListGraphs"
        await until(lambda: env.operations.count("AssumeRole") == 2 and not fetches())
        new = await role.get_credentials_for(client._transport)
        assert new != old
        env.time.now += 13 * MINUTE
        assert (await client.list_graphs()).response_metadata.attempts == 1
        assert env.operations.count("AssumeRole") == 2


async def test_a_failed_early_refresh_raises_in_the_last_seconds(
    env: ClockedSimulator, caplog: pytest.LogCaptureFixture
) -> None:
    """Until then the old keys are used, and a warning is logged."""
    async with env.client(env.role()) as client:
        await client.list_graphs()
        env.sim.inject(Fault(Failure(403, "AccessDenied"), operation="AssumeRole", count=None))
        env.time.now += 50 * MINUTE
        await client.list_graphs()
        await until(lambda: not fetches())
        await client.list_graphs()
        assert env.operations.count("AssumeRole AccessDenied") == 1
        (message,) = caplog.messages
        assert "the old credentials are used until" in message
        assert "AccessDenied" in message
        assert vars(caplog.records[0])["error_code"] == "AssumeRoleError"
        assert vars(caplog.records[0])["account"] == env.role().role_arn.split(":")[4]
        env.time.now += 9 * MINUTE + 49
        await client.list_graphs()
        env.time.now += 2
        with pytest.raises(AssumeRoleError, match="AccessDenied"):
            await client.list_graphs()


async def test_concurrent_calls_of_many_clients_assume_a_role_once(env: ClockedSimulator) -> None:
    """At the start, and again after the keys have expired."""
    role = env.role()
    async with env.client(env.sim.account(HUB)) as client:
        for times in (1, 2):
            calls = [client.with_options(credentials=role).list_graphs() for _ in range(200)]
            await asyncio.gather(*calls)
            assert env.operations.count("AssumeRole") == times
            env.time.now += HOUR


async def test_cancelling_the_first_call_does_not_cancel_the_fetch(env: ClockedSimulator) -> None:
    """The role is assumed once, for the other calls."""
    env.sim.inject(Fault(Latency(0.05), operation="AssumeRole"))
    async with env.client(env.role()) as client:
        first, *others = [asyncio.create_task(client.list_graphs()) for _ in range(5)]
        await until(lambda: not env.sim.faults)
        first.cancel()
        await asyncio.gather(*others)
        assert first.cancelled()
    assert env.operations == ["AssumeRole", *["ListGraphs"] * 4]


async def test_closing_the_client_cancels_its_early_refresh(env: ClockedSimulator) -> None:
    """No task remains."""
    client = env.client(env.role())
    await client.list_graphs()
    env.time.now += 50 * MINUTE
    env.sim.inject(Fault(Latency(60), operation="AssumeRole"))
    await client.list_graphs()
    await until(lambda: not env.sim.faults)
    assert len(fetches()) == 1
    await client.aclose()
    assert fetches() == []


@pytest.mark.parametrize("waiting", [1, 50])
async def test_closing_one_of_two_clients_that_share_a_role(env: ClockedSimulator, waiting: int) -> None:
    """If the client that fetches is closed, the other client fetches itself, once for all its calls."""
    role = env.role()
    one, two = env.client(role), env.client(role)
    async with closed_at_the_end(one, two):
        env.sim.inject(Fault(Latency(60), operation="AssumeRole"))
        first = asyncio.create_task(one.list_graphs())
        await until(lambda: not env.sim.faults)
        others = [asyncio.create_task(two.list_graphs()) for _ in range(waiting)]
        await asyncio.sleep(0.01)
        assert len(fetches()) == 1
        await one.aclose()
        await asyncio.gather(*others)
        # The call tries to fetch again with its closed client.
        with pytest.raises(RuntimeError, match="the client was closed during the call"):
            await first
    assert env.operations == ["AssumeRole", *["ListGraphs"] * waiting]


async def test_keys_stay_in_the_role_when_a_client_is_closed(env: ClockedSimulator) -> None:
    """The next client uses them, and refreshes them."""
    role = env.role()
    async with env.client(role) as client:
        await client.list_graphs()
    async with env.client(role) as client:
        await client.list_graphs()
        assert env.operations == ["AssumeRole", "ListGraphs", "ListGraphs"]
        env.time.now += HOUR
        await client.list_graphs()
    assert env.operations[3:] == ["AssumeRole", "ListGraphs"]

"""Keys that stop working: when they are fetched anew, by whom, and how often. One clock, which only the tests move."""

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
class World:
    """A simulator and clients that live by the same clock."""

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
    def asked(self) -> list[str]:
        """What has been asked for, and how each ended that did not end well."""
        return [
            f"{one.operation} {one.error_code}" if one.error_code else str(one.operation) for one in self.sim.requests
        ]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    async with world.sim:
        yield world


async def until(condition: Callable[[], object]) -> None:
    """Let everybody else run until something is so; far more patient than any machine is slow."""
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
    """Give the fetches of credentials that are under way."""
    return [task for task in asyncio.all_tasks() if "RefreshingCache" in str(task.get_coro())]


async def test_keys_that_the_service_calls_expired(world: World) -> None:
    """A role's keys that die before their time are fetched anew, and the call is repeated once; so is the next time."""
    async with world.client(world.role()) as client:
        await client.create_graph()
        for _ in range(2):
            world.sim.forget_requests()
            await world.sim.advance(HOUR + 1)
            answer = await client.list_graphs()
            assert answer.response_metadata.attempts == 2
            assert world.asked == ["ListGraphs ExpiredTokenException", "AssumeRole", "ListGraphs"]
    assert world.time.slept == []


async def test_that_repetition_is_no_retry(world: World) -> None:
    """It is made even where retries are turned off, and it is the only one."""
    world.sim.inject(Fault(Failure(403, "ExpiredTokenException"), operation="ListGraphs", count=None))
    async with world.client(world.role()) as client:
        with pytest.raises(ServiceError, match="ExpiredTokenException") as caught:
            await client.with_options(retry=RetryPolicy(max_attempts=1)).list_graphs()
    assert caught.value.attempts == 2
    failed = "ListGraphs ExpiredTokenException"
    assert world.asked == ["AssumeRole", failed, "AssumeRole", failed]


async def test_many_calls_that_are_told_so_at_once(world: World) -> None:
    """Each is repeated, and the role is assumed once."""
    async with world.client(world.role()) as client:
        await client.list_graphs()
        await world.sim.advance(HOUR + 1)
        await asyncio.gather(*(client.list_graphs() for _ in range(60)))
    # Those that came late found fresh keys; a hundred connections keep none of these waiting.
    assert world.asked.count("AssumeRole") == 2
    assert world.asked.count("ListGraphs ExpiredTokenException") <= 60
    assert world.asked.count("ListGraphs") == 61


async def test_one_that_is_told_so_late(world: World) -> None:
    """A call that is refused with old keys, when others have fetched new ones already, takes nothing from them."""
    role = world.role()
    async with world.client(role) as client:
        old = await role.get_credentials_for(client._transport)
        role.invalidate(old)
        new = await role.get_credentials_for(client._transport)
        role.invalidate(old)
        assert await role.get_credentials_for(client._transport) == new != old
    assert world.asked == ["AssumeRole"] * 2


async def test_the_keys_of_a_source_expire_too(world: World) -> None:
    """STS says it in its own words; the role in the middle is assumed anew, and the other call repeated."""
    middle = world.role("Middle")
    role = world.role("Audit", middle)
    async with world.client(role) as client:
        await client.list_graphs()
        world.sim.forget_requests()
        await world.sim.advance(HOUR + 1)
        await client.list_graphs()
    first, *rest = world.asked
    assert first == "ListGraphs ExpiredTokenException"
    assert rest == ["AssumeRole ExpiredToken", "AssumeRole", "AssumeRole", "ListGraphs"]


@pytest.mark.parametrize("wrapped", [False, True])
async def test_keys_that_are_what_they_are(world: World, wrapped: bool) -> None:
    """With fixed keys the refusal is final at once."""
    keys = world.sim.temporary_credentials(HUB)
    fixed = StaticCredentials(keys.access_key_id, keys.secret_access_key, keys.session_token)
    await world.sim.advance(HOUR + 1)
    async with world.client(fixed if wrapped else keys) as client:
        with pytest.raises(ServiceError, match="ExpiredTokenException") as caught:
            await client.list_graphs()
    assert (caught.value.attempts, len(world.sim.requests)) == (1, 1)


async def test_a_source_of_expired_keys_that_are_fixed(world: World) -> None:
    """The role cannot be had, and that is said of the role."""
    role = world.role(source=world.sim.temporary_credentials(HUB))
    await world.sim.advance(HOUR + 1)
    async with world.client(role) as client:
        with pytest.raises(AssumeRoleError) as caught:
            await client.list_graphs()
    assert caught.value.code == "ExpiredToken"
    assert world.asked == ["AssumeRole ExpiredToken"]


class Vault:
    """Gives temporary keys; new ones once it is told to."""

    def __init__(self, sim: DetectiveSimulator) -> None:
        self.sim = sim
        self.asked = 0
        self.renew()

    def renew(self) -> None:
        self.keys = self.sim.temporary_credentials(HUB)

    async def get_credentials(self) -> Credentials:
        self.asked += 1
        return self.keys


@pytest.mark.parametrize("called", [False, True])
@pytest.mark.parametrize("expiry_told", [False, True])
async def test_a_source_of_ones_own(world: World, called: bool, expiry_told: bool) -> None:
    """A provider or a callable is asked again: with the same keys the refusal is final, with others all is well."""
    vault = Vault(world.sim)

    async def call() -> Credentials:
        keys = await vault.get_credentials()
        return keys if expiry_told else Credentials(keys.access_key_id, keys.secret_access_key, keys.session_token)

    async with world.client(call if called else vault) as client:
        await client.list_graphs()
        await world.sim.advance(HOUR + 1)
        vault.asked = 0
        with pytest.raises(ServiceError, match="ExpiredTokenException") as caught:
            await client.list_graphs()
        assert caught.value.attempts == 1
        # Keys whose end is known are kept until then, unless they are the provider's own affair.
        assert vault.asked == (1 if called and expiry_told else 2)
        vault.renew()
        answer = await client.list_graphs()
        assert answer.response_metadata.http_status == 200


async def test_a_refresh_ahead_of_time(world: World) -> None:
    """In the last quarter of an hour a call goes out with the old keys at once, and new ones are fetched beside it."""
    role = world.role()
    async with world.client(role) as client:
        await client.list_graphs()
        old = await role.get_credentials_for(client._transport)
        world.time.now += 44 * MINUTE
        await client.list_graphs()
        assert world.asked == ["AssumeRole", "ListGraphs", "ListGraphs"]
        world.time.now += 2 * MINUTE
        world.sim.inject(Fault(Latency(0.05), operation="AssumeRole"))
        await client.list_graphs()
        # The one answered before the other, which it did not wait for.
        assert world.asked[3] == "ListGraphs"
        await until(lambda: world.asked.count("AssumeRole") == 2 and not fetches())
        new = await role.get_credentials_for(client._transport)
        assert new != old
        world.time.now += 13 * MINUTE
        assert (await client.list_graphs()).response_metadata.attempts == 1
        assert world.asked.count("AssumeRole") == 2


async def test_a_refresh_ahead_of_time_that_fails(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """The old keys go on working until their last minute, and then the error is told."""
    async with world.client(world.role()) as client:
        await client.list_graphs()
        world.sim.inject(Fault(Failure(403, "AccessDenied"), operation="AssumeRole", count=None))
        world.time.now += 50 * MINUTE
        await client.list_graphs()
        await until(lambda: not fetches())
        await client.list_graphs()
        assert world.asked.count("AssumeRole AccessDenied") == 1
        (message,) = caplog.messages
        assert "the old credentials are used until" in message
        assert "AccessDenied" in message
        assert vars(caplog.records[0])["error_code"] == "AssumeRoleError"
        assert vars(caplog.records[0])["account"] == world.role().role_arn.split(":")[4]
        world.time.now += 9 * MINUTE
        with pytest.raises(AssumeRoleError, match="AccessDenied"):
            await client.list_graphs()


async def test_ten_thousand_tasks_assume_a_role_once(world: World) -> None:
    """At the start, and again when all of them find the keys expired."""
    role = world.role()
    # It takes down where each of the tasks was made, at ten times the price of making it.
    asyncio.get_running_loop().set_debug(False)
    async with world.client(role) as client:
        for times in (1, 2):
            given = await asyncio.gather(*(role.get_credentials_for(client._transport) for _ in range(10_000)))
            assert len(set(given)) == 1
            assert world.asked == ["AssumeRole"] * times
            world.time.now += HOUR


async def test_many_calls_at_once_assume_a_role_once(world: World) -> None:
    """The same with calls to the service, of many clients."""
    role = world.role()
    async with world.client(world.sim.account(HUB)) as client:
        for times in (1, 2):
            calls = [client.with_options(credentials=role).list_graphs() for _ in range(200)]
            await asyncio.gather(*calls)
            assert world.asked.count("AssumeRole") == times
            world.time.now += HOUR


async def test_one_that_gives_up_takes_nothing_from_the_others(world: World) -> None:
    """The call that began to assume the role is cancelled; it is assumed all the same, once."""
    world.sim.inject(Fault(Latency(0.05), operation="AssumeRole"))
    async with world.client(world.role()) as client:
        first, *others = [asyncio.create_task(client.list_graphs()) for _ in range(5)]
        await until(lambda: not world.sim.faults)
        first.cancel()
        await asyncio.gather(*others)
        assert first.cancelled()
    assert world.asked == ["AssumeRole", *["ListGraphs"] * 4]


async def test_a_client_that_is_closed_leaves_no_task(world: World) -> None:
    """A refresh in the background ends with the client that runs it."""
    client = world.client(world.role())
    await client.list_graphs()
    world.time.now += 50 * MINUTE
    world.sim.inject(Fault(Latency(60), operation="AssumeRole"))
    await client.list_graphs()
    await until(lambda: not world.sim.faults)
    assert len(fetches()) == 1
    await client.aclose()
    assert fetches() == []


@pytest.mark.parametrize("waiting", [1, 50])
async def test_one_of_two_clients_is_closed(world: World, waiting: int) -> None:
    """They share a role, and the one that assumes it is closed in the middle: the other assumes it itself, once."""
    role = world.role()
    one, two = world.client(role), world.client(role)
    async with closed_at_the_end(one, two):
        world.sim.inject(Fault(Latency(60), operation="AssumeRole"))
        first = asyncio.create_task(one.list_graphs())
        await until(lambda: not world.sim.faults)
        others = [asyncio.create_task(two.list_graphs()) for _ in range(waiting)]
        await asyncio.sleep(0.01)
        assert len(fetches()) == 1
        await one.aclose()
        await asyncio.gather(*others)
        # It asks again, of a client that is closed by now.
        with pytest.raises(RuntimeError, match="the client is closed"):
            await first
    assert world.asked == ["AssumeRole", *["ListGraphs"] * waiting]


async def test_a_closed_client_does_not_take_the_keys_along(world: World) -> None:
    """What a client got is there for the next one, and refreshed by it."""
    role = world.role()
    async with world.client(role) as client:
        await client.list_graphs()
    async with world.client(role) as client:
        await client.list_graphs()
        assert world.asked == ["AssumeRole", "ListGraphs", "ListGraphs"]
        world.time.now += HOUR
        await client.list_graphs()
    assert world.asked[3:] == ["AssumeRole", "ListGraphs"]

"""The state that derived clients share."""

import asyncio
import gc
from contextlib import suppress
from datetime import UTC, datetime
from unittest.mock import Mock
from weakref import ReferenceType, ref

import botocore.session
import pytest
from attrs import define
from support.fakes import FakeTime

from detective_async import (
    Credentials,
    DetectiveClient,
    DetectiveFleet,
    EnvironmentCredentials,
    RetryPolicy,
    StaticCredentials,
    Target,
)
from detective_async.api.service import Service
from detective_async.auth import CredentialsSource
from detective_async.http.state import Limits, SharedState, pop_closed
from detective_async.retry.policy import retry_rules
from detective_async.settings.config import Settings
from detective_async.settings.endpoints import Endpoint

KEYS = Credentials("id-1", "b")


@define
class Unhashable:
    """A provider that is equal to others of its kind, and no key."""

    async def get_credentials(self) -> Credentials:
        return Credentials("a", "b")


async def provide() -> Credentials:
    return Credentials("a", "b")


@pytest.fixture
def root(fake_time: FakeTime) -> DetectiveClient:
    return DetectiveClient(region="eu-west-1", credentials=Credentials("id-1", "b"), clock=fake_time.clock())


def resolve(service: Service, region: str) -> Endpoint:
    return service.resolve(region)


def limits_of(client: DetectiveClient) -> Limits:
    return client._transport.limits


def test_one_state_for_each_account_and_region(root: DetectiveClient) -> None:
    """Clients with the same credentials and region share it, in whatever way they were derived."""
    home = limits_of(root)
    assert limits_of(root.with_options()) is home
    assert limits_of(root.with_options(region="eu-west-1", retry=RetryPolicy(max_attempts=1))) is home
    assert limits_of(root.with_options(credentials=Credentials("id-1", "b", "token"))) is home
    assert limits_of(root.with_options(credentials=StaticCredentials("id-1", "b"))) is home
    abroad = limits_of(root.with_options(region="us-east-1"))
    assert abroad is not home
    other = root.with_options(credentials=StaticCredentials("id-2", "b"))
    assert limits_of(other) is not home
    assert (
        limits_of(other.with_options(region="us-east-1").with_options(credentials=Credentials("id-1", "b"))) is abroad
    )
    unrelated = DetectiveClient(region="eu-west-1", credentials=Credentials("id-1", "b"))
    assert limits_of(unrelated) is not home


def test_a_provider_identifies_its_account(root: DetectiveClient) -> None:
    """Equal providers have the same state; a provider that is not hashable has its own."""

    def limits(provider: CredentialsSource) -> Limits:
        return limits_of(root.with_options(credentials=provider))

    assert limits(provide) is limits(provide)
    assert limits(EnvironmentCredentials()) is limits(EnvironmentCredentials())
    one, two = Unhashable(), Unhashable()
    assert limits(one) is limits(one)
    assert limits(one) is not limits(two)


def test_the_number_of_states_is_bounded() -> None:
    """The least recently used one is dropped."""
    shared = SharedState(EnvironmentCredentials(), resolve, retry_rules(RetryPolicy(), Settings()))
    one, two = StaticCredentials("id-1", "b"), StaticCredentials("id-2", "b")
    first, second = shared.limits(one, "eu-west-1", "detective"), shared.limits(two, "eu-west-1", "detective")
    for number in range(16_382):
        shared.limits(one, f"region-{number}", "detective")
    assert shared.limits(one, "eu-west-1", "detective") is first
    shared.limits(two, "one-more", "detective")
    assert shared.limits(one, "eu-west-1", "detective") is first
    assert shared.limits(two, "eu-west-1", "detective") is not second


async def test_clients_with_the_same_callable_or_session_share_its_credentials(
    root: DetectiveClient, fake_time: FakeTime
) -> None:
    """The callable is called once."""
    asked = []

    async def vault() -> Credentials:
        asked.append(1)
        return Credentials("a", "b", expires_at=datetime.fromtimestamp(fake_time.now + 3600, UTC))

    session = botocore.session.Session()
    session.set_credentials("c", "d")
    for source in (vault, session):
        clients = [root.with_options(credentials=source, region=region) for region in ("eu-west-1", "us-east-1")]
        assert clients[0]._transport.credentials is clients[1]._transport.credentials
        for one in clients:
            await one._transport.credentials.get_credentials_for(one._transport)  # type: ignore[attr-defined]
    assert asked == [1]


async def test_the_limit_of_an_account_in_a_region() -> None:
    """Each pair has its own limit; STS, which all accounts share, has none."""
    loop = asyncio.get_running_loop()
    rules = retry_rules(RetryPolicy(), Settings())
    shared = SharedState(EnvironmentCredentials(), resolve, rules, max_requests=2)
    in_loop = shared.in_loop(loop)
    one, two = StaticCredentials("id-1", "b"), StaticCredentials("id-2", "b")
    wanted = [(one, "eu-west-1"), (one, "us-east-1"), (two, "eu-west-1")]
    limited = [shared.limits(provider, region, "detective") for provider, region in wanted]
    assert shared.limits(one, "eu-west-1", "detective") is limited[0]
    for limits in limited:
        semaphore = in_loop.limits_of(limits).semaphore
        assert semaphore is not None
        for _ in range(2):
            await semaphore.acquire()
        assert semaphore.locked()
    assert in_loop.limits_of(shared.limits(one, "eu-west-1", "sts", gated=False)).semaphore is None


def test_what_belongs_to_an_event_loop_is_dropped_with_it() -> None:
    """However many accounts were called in however many event loops; the quotas stay."""
    fleet = DetectiveFleet([Target("111122223333", "eu-west-1")], endpoint_url="http://127.0.0.1:9", region="eu-west-1")
    shared = fleet.client._transport.shared
    loops: list[ReferenceType[asyncio.AbstractEventLoop]] = []

    async def call(number: int) -> Limits:
        loop = asyncio.get_running_loop()
        loops.append(ref(loop))
        limits = limits_of(fleet.client.with_options(credentials=Credentials(f"id-{number}", "b")))
        of_loop = shared.in_loop(loop).limits_of(limits)
        assert shared.in_loop(loop).limits_of(limits) is of_loop
        assert of_loop.health is shared.in_loop(loop).health("detective", "eu-west-1")
        # A semaphore that was waited for refers to its event loop.
        assert of_loop.semaphore is not None
        with suppress(TimeoutError):
            async with asyncio.timeout(0.001):
                for _ in range(9):
                    await of_loop.semaphore.acquire()
        return limits

    kept = [asyncio.run(call(number)) for number in range(5)]
    gc.collect()
    assert [loop() is not None for loop in loops] == [False] * 4 + [True]
    assert len({id(one.quota) for one in kept}) == 5


def test_two_threads_find_the_same_closed_event_loop() -> None:
    """Each value is given to one of them only."""
    closed, running = Mock(), Mock(is_closed=lambda: False)
    values: dict[asyncio.AbstractEventLoop, str] = {closed: "one", running: "two"}
    # The other thread is faster.
    closed.is_closed = lambda: bool(values.pop(closed))
    assert pop_closed(values) == []
    assert list(values) == [running]
    running.is_closed = lambda: True
    assert pop_closed(values) == ["two"]


def test_clients_of_a_fleet_share_their_quota() -> None:
    """Also the fleet's own client, with clients that were derived from it."""
    client = DetectiveFleet([Target("111122223333", "eu-west-1")], region="eu-west-1", credentials=KEYS).client
    assert limits_of(client.with_options()) is limits_of(client)
    assert limits_of(client.with_options(region="eu-west-1", credentials=KEYS)) is limits_of(client)

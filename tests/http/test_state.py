"""The state that derived clients share."""

import asyncio
from datetime import UTC, datetime

import botocore.session
import pytest
from attrs import define
from support.fakes import FakeTime

from detective_async import Credentials, DetectiveClient, EnvironmentCredentials, RetryPolicy, StaticCredentials
from detective_async.api.service import Service
from detective_async.auth import CredentialsSource
from detective_async.http.state import Limits, SharedState
from detective_async.retry.policy import retry_rules
from detective_async.settings.config import Settings
from detective_async.settings.endpoints import Endpoint


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
    shared = SharedState(EnvironmentCredentials(), resolve, retry_rules(RetryPolicy(), Settings()))
    one, two = StaticCredentials("id-1", "b"), StaticCredentials("id-2", "b")
    before = shared.limits(one, "eu-west-1", "detective")
    assert before.in_loop(loop).semaphore is None
    shared.limit_requests(2)
    wanted = [(one, "eu-west-1"), (one, "us-east-1"), (two, "eu-west-1")]
    limited = [shared.limits(provider, region, "detective") for provider, region in wanted]
    assert shared.limits(one, "eu-west-1", "detective") is limited[0]
    for limits in limited:
        assert limits is not before
        semaphore = limits.in_loop(loop).semaphore
        assert semaphore is not None
        for _ in range(2):
            await semaphore.acquire()
        assert semaphore.locked()
    assert shared.limits(one, "eu-west-1", "sts", gated=False).in_loop(loop).semaphore is None

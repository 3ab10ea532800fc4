"""Sessions of other SDKs as credentials: their keys, and refreshes that do not block the event loop."""

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import botocore.session
import pytest
from aiobotocore.credentials import AioCredentials, AioRefreshableCredentials
from aiobotocore.session import AioSession
from botocore.credentials import Credentials as BotocoreCredentials
from botocore.credentials import DeferredRefreshableCredentials, RefreshableCredentials

from detective_async import (
    ConfigurationError,
    Credentials,
    CredentialsError,
    DeadlineExceeded,
    DetectiveClient,
    ServiceError,
    SessionCredentials,
    Timeouts,
)
from detective_async.testing import DetectiveSimulator

HUB = "111122223333"


def _botocore_session(keys: Credentials) -> botocore.session.Session:
    session = botocore.session.Session()
    session.set_credentials(keys.access_key_id, keys.secret_access_key, keys.session_token)
    return session


def _aiobotocore_session(keys: Credentials) -> AioSession:
    session = AioSession()
    session.set_credentials(keys.access_key_id, keys.secret_access_key, keys.session_token)
    return session


def _parts(keys: Credentials) -> tuple[str, str, str | None]:
    return keys.access_key_id, keys.secret_access_key, keys.session_token


KINDS: dict[str, Callable[[Credentials], Any]] = {
    "boto3's session": lambda keys: boto3.Session(*_parts(keys)),
    "botocore's session": _botocore_session,
    "aiobotocore's session": _aiobotocore_session,
    "botocore's credentials": lambda keys: BotocoreCredentials(*_parts(keys)),
    "aiobotocore's credentials": lambda keys: AioCredentials(*_parts(keys)),
    "boto3's session's credentials": lambda keys: boto3.Session(*_parts(keys)).get_credentials(),
}


async def test_keys_that_are_set_in_an_object_count_from_then_on(sim: DetectiveSimulator) -> None:
    """An object with plain keys is read for each call, as by botocore; without a thread, because it never blocks."""
    found = BotocoreCredentials("AKIAOLDOLDOLDOLDOLD7", "old-secret")
    provider = SessionCredentials(found)
    keys = sim.account(HUB)
    async with DetectiveClient(region="eu-west-1", endpoint_url=sim.url, credentials=provider) as client:
        with pytest.raises(ServiceError, match="UnrecognizedClientException"):
            await client.list_graphs()
        found.access_key, found.secret_key = keys.access_key_id, keys.secret_access_key
        assert (await client.list_graphs()).response_metadata.attempts == 1
    assert await provider.get_credentials() == keys
    assert len(sim.requests) == 2


def test_frozen_keys_are_refused() -> None:
    """They are never refreshed; the error says what to pass, and does not contain them."""
    frozen = boto3.Session("AKIAOLDOLDOLDOLDOLD7", "old-secret").get_credentials().get_frozen_credentials()
    with pytest.raises(
        ConfigurationError, match="got a ReadOnlyCredentials: pass the session that they are of"
    ) as caught:
        DetectiveClient(region="eu-west-1", credentials=frozen)
    assert "old-secret" not in str(caught.value)


@pytest.mark.parametrize("temporary", [False, True])
@pytest.mark.parametrize("kind", KINDS)
async def test_the_keys_of_sessions_sign_calls(sim: DetectiveSimulator, kind: str, temporary: bool) -> None:
    """Both sessions themselves and `SessionCredentials` are accepted."""
    keys = sim.temporary_credentials(HUB) if temporary else sim.account(HUB)
    source = KINDS[kind](keys)
    for credentials in (source, SessionCredentials(source)):
        async with DetectiveClient(region="eu-west-1", endpoint_url=sim.url, credentials=credentials) as client:
            assert (await client.list_graphs()).response_metadata.http_status == 200
    assert [request.account_id for request in sim.requests] == [HUB, HUB]
    assert await SessionCredentials(source).get_credentials() == Credentials(*_parts(keys))


@pytest.mark.parametrize("make", [boto3.Session, botocore.session.Session, AioSession])
async def test_the_chain_of_a_session(make: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The credentials that a session finds itself are used."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "environment")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    assert await SessionCredentials(make()).get_credentials() == Credentials("environment", "secret")


@pytest.mark.parametrize(
    ("make", "name"), [(boto3.Session, "boto3"), (botocore.session.Session, "botocore"), (AioSession, "aiobotocore")]
)
async def test_a_session_without_credentials(make: Callable[[], Any], name: str) -> None:
    """The error names the library of the session, and nothing is sent."""
    async with DetectiveClient(region="eu-west-1", endpoint_url="http://127.0.0.1:1", credentials=make()) as client:
        with pytest.raises(CredentialsError, match=f"the {name} session has no credentials"):
            await client.list_graphs()


@pytest.mark.parametrize(
    "source", [None, "AKIA", {}, Credentials("a", "b"), object()], ids=lambda source: type(source).__name__
)
def test_values_that_are_not_sessions_are_refused(source: Any) -> None:
    """The error names the type of the value, and does not contain the value."""
    with pytest.raises(ConfigurationError, match=r"takes a session of boto3, .* got a (NoneType|str|dict|Cred|object)"):
        SessionCredentials(source)


class Refresher:
    """Makes new keys for each refresh of a session."""

    def __init__(self, lifetime: float = 3600) -> None:
        self.lifetime = lifetime
        self.threads: list[threading.Thread] = []
        self.error: Exception | None = None
        self.blocked: threading.Event | None = None

    @property
    def count(self) -> int:
        return len(self.threads)

    def __call__(self) -> dict[str, str]:
        self.threads.append(threading.current_thread())
        if self.blocked is not None:
            self.blocked.wait()
        if self.error is not None:
            raise self.error
        expiry = datetime.now(UTC) + timedelta(seconds=self.lifetime)
        key = f"key-{self.count}"
        return {"access_key": key, "secret_key": "s", "token": "t", "expiry_time": expiry.isoformat()}

    async def awaited(self) -> dict[str, str]:
        await asyncio.sleep(0)
        return self()

    def refreshable(self) -> RefreshableCredentials:
        return RefreshableCredentials.create_from_metadata(self(), self, "tests")

    def aio_refreshable(self) -> AioRefreshableCredentials:
        return AioRefreshableCredentials.create_from_metadata(self(), self.awaited, "tests")


@pytest.mark.parametrize("kind", ["refreshable", "aio_refreshable"])
async def test_a_session_is_asked_to_refresh_expiring_keys(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new keys and their expiry are used."""
    refresher = Refresher(lifetime=100)
    provider = SessionCredentials(getattr(refresher, kind)())
    keys = await provider.get_credentials()
    assert keys.access_key_id == "key-2"
    assert keys.expires_at is not None
    refresher.lifetime = 3600
    # A clock by which the keys expire in less than ten seconds.
    late = keys.expires_at.timestamp() - 9
    for name in ("now", "earliest_now"):
        monkeypatch.setattr(f"detective_async.auth.cache._NO_CLIENT.{name}", lambda: late)
    given = await provider._cache.get(provider._fetch_from_source)
    monkeypatch.undo()
    assert given.access_key_id == "key-3"
    assert await provider.get_credentials() == given


@pytest.mark.parametrize("kind", ["refreshable", "aio_refreshable"])
async def test_concurrent_tasks_share_one_refresh(kind: str) -> None:
    """A thousand tasks cause one refresh."""
    refresher = Refresher(lifetime=100)
    provider = SessionCredentials(getattr(refresher, kind)())
    refresher.lifetime = 3600
    given = await asyncio.gather(*(provider.get_credentials() for _ in range(1000)))
    assert {keys.access_key_id for keys in given} == {"key-2"}
    assert refresher.count == 2


async def test_a_blocking_refresh_runs_in_a_thread() -> None:
    """It does not block the event loop, and the call ends at its deadline."""
    refresher = Refresher()
    refresher.blocked = threading.Event()
    credentials = DeferredRefreshableCredentials(refresher, "tests")
    try:
        async with DetectiveClient(
            region="eu-west-1",
            endpoint_url="http://127.0.0.1:1",
            credentials=credentials,
            timeouts=Timeouts(total=0.05),
        ) as client:
            with pytest.raises(
                DeadlineExceeded, match="it was still waiting for credentials from the botocore session"
            ):
                await client.list_graphs()
    finally:
        refresher.blocked.set()
    (thread,) = refresher.threads
    assert thread is not threading.main_thread()


async def test_aiobotocore_is_awaited_in_the_event_loop() -> None:
    """An async session is not called in a thread."""
    refresher = Refresher(lifetime=100)
    provider = SessionCredentials(refresher.aio_refreshable())
    refresher.lifetime = 3600
    await provider.get_credentials()
    assert set(refresher.threads) == {threading.main_thread()}


@pytest.mark.parametrize("kind", ["refreshable", "aio_refreshable"])
@pytest.mark.parametrize(
    "error", [OSError("no route"), LookupError("no entry"), StopIteration("no more"), RuntimeError("locked")]
)
async def test_an_exception_of_a_refresh_becomes_a_credentials_error(kind: str, error: Exception) -> None:
    """Any exception of a session is converted, even StopIteration."""
    refresher = Refresher(lifetime=100)
    provider = SessionCredentials(getattr(refresher, kind)())
    refresher.error = error
    with pytest.raises(CredentialsError, match=r"session failed: .*(no route|no entry|StopIteration|more|locked)"):
        await asyncio.wait_for(provider.get_credentials(), 30)


async def test_an_expiry_without_a_time_zone() -> None:
    """Other libraries' credentials may have one: it is in UTC."""
    found = BotocoreCredentials("a", "b")
    vars(found)["_expiry_time"] = datetime(2099, 1, 1)  # noqa: DTZ001 - that is the point
    assert (await SessionCredentials(found).get_credentials()).expires_at == datetime(2099, 1, 1, tzinfo=UTC)


async def test_expired_keys_of_a_session_are_final(sim: DetectiveSimulator) -> None:
    """The session returns the same keys again, so the call is not repeated."""
    sessions = boto3.Session(*_parts(sim.temporary_credentials(HUB)))
    async with DetectiveClient(region="eu-west-1", endpoint_url=sim.url, credentials=sessions) as client:
        await client.list_graphs()
        await sim.advance(3601)
        with pytest.raises(ServiceError, match="ExpiredTokenException") as caught:
            await client.list_graphs()
    assert caught.value.attempts == 1
    assert len(sim.requests) == 2


async def test_one_session_for_many_clients(sim: DetectiveSimulator) -> None:
    """Clients with the same session share its credentials."""
    refresher = Refresher(lifetime=100)
    # These keys are refreshed whenever they are read.
    credentials = refresher.refreshable()
    async with DetectiveClient(region="eu-west-1", endpoint_url=sim.url, credentials=sim.account(HUB)) as client:
        for _ in range(3):
            with pytest.raises(ServiceError, match="UnrecognizedClientException"):
                await client.with_options(credentials=credentials).list_graphs()
    # The last one because AWS did not know the keys; the session is asked for others once.
    assert refresher.count == 3

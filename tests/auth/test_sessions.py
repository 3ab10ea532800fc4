"""Sessions of other SDKs as credentials: their keys, refreshed by them, off the event loop."""

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


@pytest.mark.parametrize("temporary", [False, True])
@pytest.mark.parametrize("kind", KINDS)
async def test_what_sessions_have(sim: DetectiveSimulator, kind: str, temporary: bool) -> None:
    """Passed as they are, or wrapped, their keys sign the calls."""
    keys = sim.temporary_credentials(HUB) if temporary else sim.account(HUB)
    source = KINDS[kind](keys)
    for credentials in (source, SessionCredentials(source)):
        async with DetectiveClient(region="eu-west-1", endpoint_url=sim.url, credentials=credentials) as client:
            assert (await client.list_graphs()).response_metadata.http_status == 200
    assert [request.account_id for request in sim.requests] == [HUB, HUB]
    assert await SessionCredentials(source).get_credentials() == Credentials(*_parts(keys))


@pytest.mark.parametrize("make", [boto3.Session, botocore.session.Session, AioSession])
async def test_the_chain_of_a_session(make: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """What the session finds by itself counts."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "environment")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    assert await SessionCredentials(make()).get_credentials() == Credentials("environment", "secret")


@pytest.mark.parametrize(
    ("make", "name"), [(boto3.Session, "boto3"), (botocore.session.Session, "botocore"), (AioSession, "aiobotocore")]
)
async def test_a_session_without_credentials(make: Callable[[], Any], name: str) -> None:
    """An error that names the kind of session, and nothing is sent."""
    async with DetectiveClient(region="eu-west-1", endpoint_url="http://127.0.0.1:1", credentials=make()) as client:
        with pytest.raises(CredentialsError, match=f"the {name} session has no credentials"):
            await client.list_graphs()


@pytest.mark.parametrize(
    "source", [None, "AKIA", {}, Credentials("a", "b"), object()], ids=lambda source: type(source).__name__
)
def test_what_is_no_session(source: Any) -> None:
    """Said when it is wrapped, with what it is instead and without what is in it."""
    with pytest.raises(ConfigurationError, match=r"takes a session of boto3, .* got a (NoneType|str|dict|Cred|object)"):
        SessionCredentials(source)


class Refresher:
    """Gives new keys each time that a session wants some."""

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
async def test_the_session_refreshes(kind: str) -> None:
    """What is about to expire is asked for anew, of the session, which gets others; their end is known."""
    refresher = Refresher(lifetime=100)
    provider = SessionCredentials(getattr(refresher, kind)())
    keys = await provider.get_credentials()
    assert keys.access_key_id == "key-2"
    assert keys.expires_at is not None
    refresher.lifetime = 3600
    # Less than a minute is left of it, by a clock that says so.
    late = keys.expires_at.timestamp() - 59
    given = await provider._cache.get(provider._fetch_from_source, now=lambda: late)
    assert given.access_key_id == "key-3"
    assert await provider.get_credentials() == given


@pytest.mark.parametrize("kind", ["refreshable", "aio_refreshable"])
async def test_many_tasks_have_a_session_refresh_once(kind: str) -> None:
    """A thousand at once ask it once."""
    refresher = Refresher(lifetime=100)
    provider = SessionCredentials(getattr(refresher, kind)())
    refresher.lifetime = 3600
    given = await asyncio.gather(*(provider.get_credentials() for _ in range(1000)))
    assert {keys.access_key_id for keys in given} == {"key-2"}
    assert refresher.count == 2


async def test_what_blocks_does_so_in_a_thread() -> None:
    """A refresh that waits for the network holds up one thread, no task, and no longer than the call's deadline."""
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
            with pytest.raises(DeadlineExceeded, match="no answer within"):
                await client.list_graphs()
    finally:
        refresher.blocked.set()
    (thread,) = refresher.threads
    assert thread is not threading.main_thread()


async def test_aiobotocore_is_asked_on_the_event_loop() -> None:
    """What is async is awaited: it belongs to the loop."""
    refresher = Refresher(lifetime=100)
    provider = SessionCredentials(refresher.aio_refreshable())
    refresher.lifetime = 3600
    await provider.get_credentials()
    assert set(refresher.threads) == {threading.main_thread()}


@pytest.mark.parametrize("kind", ["refreshable", "aio_refreshable"])
@pytest.mark.parametrize(
    "error", [OSError("no route"), LookupError("no entry"), StopIteration("no more"), RuntimeError("locked")]
)
async def test_a_session_that_cannot_refresh(kind: str, error: Exception) -> None:
    """Whatever goes wrong in it is an error of credentials, for those who ask the provider by itself too."""
    refresher = Refresher(lifetime=100)
    provider = SessionCredentials(getattr(refresher, kind)())
    refresher.error = error
    with pytest.raises(CredentialsError, match=r"session failed: .*(no route|no entry|StopIteration|more|locked)"):
        await asyncio.wait_for(provider.get_credentials(), 30)


async def test_a_session_whose_keys_the_service_calls_expired(sim: DetectiveSimulator) -> None:
    """The session is asked again; what else it could have is its own affair, and the same keys are final."""
    sessions = boto3.Session(*_parts(sim.temporary_credentials(HUB)))
    async with DetectiveClient(region="eu-west-1", endpoint_url=sim.url, credentials=sessions) as client:
        await client.list_graphs()
        await sim.advance(3601)
        with pytest.raises(ServiceError, match="ExpiredTokenException") as caught:
            await client.list_graphs()
    assert caught.value.attempts == 1
    assert len(sim.requests) == 2


async def test_one_session_for_many_clients(sim: DetectiveSimulator) -> None:
    """Clients that are given the same session ask it once."""
    refresher = Refresher(lifetime=100)
    # It would refresh them each time.
    credentials = refresher.refreshable()
    async with DetectiveClient(region="eu-west-1", endpoint_url=sim.url, credentials=sim.account(HUB)) as client:
        for _ in range(3):
            with pytest.raises(ServiceError, match="UnrecognizedClientException"):
                await client.with_options(credentials=credentials).list_graphs()
    assert refresher.count == 2

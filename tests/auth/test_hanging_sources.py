"""Sources that hang, or that cancel: a call says whose keys it waits for, and the next one starts anew."""

import asyncio
import gc
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from attrs import define, field
from botocore.credentials import Credentials as BotocoreCredentials
from botocore.credentials import RefreshableCredentials

from detective_async import (
    AssumeRole,
    ClientClosed,
    ConfigurationError,
    Credentials,
    CredentialsError,
    DeadlineExceeded,
    DefaultCredentials,
    DetectiveClient,
    SessionCredentials,
    Timeouts,
)
from detective_async.testing import DetectiveSimulator

HUB, SPOKE = "111122223333", "444455556666"


@define
class Vault:
    """A source that does something else when it is asked first."""

    keys: Credentials
    first: Callable[[], Any] = field(default=lambda: asyncio.sleep(1e6))
    asked: int = 0

    async def get_credentials(self) -> Credentials:
        self.asked += 1
        if self.asked == 1:
            await self.first()
        return self.keys

    async def temporary(self) -> Credentials:
        keys = await self.get_credentials()
        expires_at = datetime.now(UTC) + timedelta(hours=1)
        return Credentials(keys.access_key_id, keys.secret_access_key, keys.session_token, expires_at)


SOURCES: dict[str, tuple[Callable[[DetectiveSimulator, Vault], Any], str]] = {
    "provider": (lambda _, vault: vault, "Vault"),
    "callable": (lambda _, vault: vault.get_credentials, "Vault.get_credentials"),
    "keys that expire": (lambda _, vault: vault.temporary, "Vault.temporary"),
    "role": (
        lambda sim, vault: AssumeRole(sim.role(SPOKE, "Audit", trusted=[HUB]), source=vault.temporary),
        f"AssumeRole of arn:aws:iam::{SPOKE}:role/Audit with the keys of Vault.temporary",
    ),
}


@pytest.mark.parametrize("source", SOURCES)
async def test_a_look_up_that_hangs_is_given_up(
    sim: DetectiveSimulator, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    """The error names the source, for all calls that wait; the next call starts a new one."""
    monkeypatch.setattr("detective_async.auth.shared_fetch._ABANDONED_AFTER", 0.0)
    make, name = SOURCES[source]
    vault = Vault(sim.account(HUB))
    async with DetectiveClient(
        region="eu-west-1",
        endpoint_url=sim.url,
        credentials=make(sim, vault),
        timeouts=Timeouts(credentials=0.05),
    ) as client:
        errors = await asyncio.gather(
            *(client.list_graphs() for _ in range(1 if source == "provider" else 3)), return_exceptions=True
        )
        for error in errors:
            assert isinstance(error, CredentialsError)
            assert str(error) == f"{name} gave no credentials within 0.05 s"
        # The machine may be busy.
        client._transport.shared.timeouts = Timeouts()
        await client.with_options(timeouts=Timeouts()).list_graphs()
    assert vault.asked == 2


@pytest.mark.parametrize("source", SOURCES)
async def test_the_first_clients_timeout_counts(sim: DetectiveSimulator, source: str) -> None:
    """Not that of a client derived from it, whether the source is a provider, a function or a role."""
    make, name = SOURCES[source]
    async with DetectiveClient(
        region="eu-west-1",
        endpoint_url=sim.url,
        credentials=make(sim, Vault(sim.account(HUB))),
        timeouts=Timeouts(credentials=0.05),
    ) as client:
        with pytest.raises(CredentialsError) as caught:
            await client.with_options(timeouts=Timeouts(credentials=3.0)).list_graphs()
    assert str(caught.value) == f"{name} gave no credentials within 0.05 s"


@pytest.mark.parametrize("source", SOURCES)
async def test_a_call_names_the_source_that_it_waits_for(
    sim: DetectiveSimulator, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    """Its own deadline has passed; the next call does not wait for the same look-up."""
    monkeypatch.setattr("detective_async.auth.shared_fetch._ABANDONED_AFTER", 0.0)
    make, name = SOURCES[source]
    vault = Vault(sim.account(HUB))
    async with DetectiveClient(region="eu-west-1", endpoint_url=sim.url, credentials=make(sim, vault)) as client:
        with pytest.raises(DeadlineExceeded) as caught:
            await client.with_options(timeouts=Timeouts(total=0.05)).list_graphs()
        assert caught.value.problem == (f"no response within 0.05 s; it was still waiting for credentials from {name}")
        assert (caught.value.attempts, caught.value.outcome_unknown) == (0, False)
        await client.list_graphs()
    assert vault.asked == 2


@pytest.fixture
def stubborn() -> Iterator[Callable[[], Any]]:
    """What a source may do that ignores its cancellation, until the end of the test."""
    over = False

    async def wait() -> None:
        while not over:
            try:
                await asyncio.sleep(0.02)
            except asyncio.CancelledError:
                continue

    yield wait
    over = True


@pytest.mark.parametrize("timeouts", [Timeouts(credentials=0.05), Timeouts(total=0.05)], ids=["bound", "deadline"])
@pytest.mark.parametrize("source", SOURCES)
async def test_a_source_that_ignores_its_cancellation(
    sim: DetectiveSimulator,
    monkeypatch: pytest.MonkeyPatch,
    stubborn: Callable[[], Any],
    source: str,
    timeouts: Timeouts,
) -> None:
    """The call ends all the same, and so does a call that is cancelled."""
    monkeypatch.setattr("detective_async.http.pool._LONGEST_END", 0.01)
    make, name = SOURCES[source]
    async with DetectiveClient(
        region="eu-west-1",
        endpoint_url=sim.url,
        credentials=make(sim, Vault(sim.account(HUB), stubborn)),
        timeouts=timeouts,
    ) as client:
        with pytest.raises((CredentialsError, DeadlineExceeded), match=name):
            await client.list_graphs()
        call = asyncio.create_task(client.list_graphs())
        await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call


async def test_a_provider_that_fails_when_nobody_waits_any_more(
    sim: DetectiveSimulator, caplog: pytest.LogCaptureFixture
) -> None:
    """It was cancelled, and asyncio does not report what that led to."""
    ended = asyncio.Event()

    async def late() -> Any:
        try:
            await asyncio.sleep(1e6)
        finally:
            ended.set()
            raise LookupError("sealed")

    async with DetectiveClient(
        region="eu-west-1",
        endpoint_url=sim.url,
        credentials=Vault(sim.account(HUB), late),
        timeouts=Timeouts(credentials=0.05),
    ) as client:
        with pytest.raises(CredentialsError, match=r"Vault gave no credentials within 0.05 s"):
            await client.list_graphs()
        await ended.wait()
    gc.collect()
    assert caplog.messages == []


@pytest.mark.parametrize("source", SOURCES)
async def test_a_client_that_is_closed_while_a_call_waits_for_keys(sim: DetectiveSimulator, source: str) -> None:
    """The call says so."""
    vault = Vault(sim.account(HUB))
    client = DetectiveClient(region="eu-west-1", endpoint_url=sim.url, credentials=SOURCES[source][0](sim, vault))
    call = asyncio.create_task(client.list_graphs())
    while not vault.asked:  # noqa: ASYNC110 - the source has no event
        await asyncio.sleep(0)
    await client.aclose()
    with pytest.raises(ClientClosed):
        await call


async def test_a_provider_that_cancels_its_own_task(sim: DetectiveSimulator) -> None:
    """That looks like a client that was closed, so it is asked once more."""

    class SelfCancelling:
        asked = 0

        async def get_credentials(self) -> Any:
            self.asked += 1
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(0)

    provider = SelfCancelling()
    async with DetectiveClient(region="eu-west-1", endpoint_url=sim.url, credentials=provider) as client:
        with pytest.raises(CredentialsError, match="SelfCancelling failed: its look-ups were cancelled"):
            await client.list_graphs()
    assert provider.asked == 2


@pytest.mark.parametrize("source", SOURCES)
async def test_a_source_that_raises_generator_exit(sim: DetectiveSimulator, source: str) -> None:
    """It does not pass for an end of the caller's own coroutine."""

    def leave() -> Any:
        raise GeneratorExit

    vault = Vault(sim.account(HUB), leave)
    async with DetectiveClient(
        region="eu-west-1", endpoint_url=sim.url, credentials=SOURCES[source][0](sim, vault)
    ) as client:
        with pytest.raises(CredentialsError, match=r"Vault.* failed: GeneratorExit"):
            await client.list_graphs()
        await client.list_graphs()


@pytest.mark.parametrize("kind", [LookupError, CredentialsError, GeneratorExit])
async def test_an_error_of_a_provider_is_freed_with_its_last_reference(
    sim: DetectiveSimulator, kind: type[BaseException]
) -> None:
    """No cycle of references is left to the garbage collector, which would free the keys in its frames late."""

    def fail() -> Any:
        raise kind("sealed")

    def errors() -> list[CredentialsError]:
        return [one for one in gc.get_objects() if type(one) is CredentialsError]

    async with DetectiveClient(
        region="eu-west-1", endpoint_url=sim.url, credentials=Vault(sim.account(HUB), fail)
    ) as client:
        before = errors()
        gc.disable()
        try:
            with pytest.raises(CredentialsError):
                await client.list_graphs()
            await asyncio.sleep(0)
            assert len(errors()) == len(before)
        finally:
            gc.enable()


def _cancelled() -> Any:
    raise asyncio.CancelledError


@pytest.mark.parametrize("source", SOURCES)
async def test_a_source_that_raises_cancelled_error(sim: DetectiveSimulator, source: str) -> None:
    """Nobody cancelled the call: it raises a CredentialsError, and the next one asks again."""
    vault = Vault(sim.account(HUB), _cancelled)
    async with DetectiveClient(
        region="eu-west-1", endpoint_url=sim.url, credentials=SOURCES[source][0](sim, vault)
    ) as client:
        with pytest.raises(CredentialsError, match=r"Vault.* failed: it was cancelled"):
            await client.list_graphs()
        await client.list_graphs()


@pytest.mark.parametrize("source", SOURCES)
async def test_a_call_that_is_cancelled_while_it_waits(sim: DetectiveSimulator, source: str) -> None:
    """That is no error of the source."""
    vault = Vault(sim.account(HUB))
    async with DetectiveClient(
        region="eu-west-1", endpoint_url=sim.url, credentials=SOURCES[source][0](sim, vault)
    ) as client:
        task = asyncio.create_task(client.list_graphs())
        while not vault.asked:  # noqa: ASYNC110 - the source has no event
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_timeout_of_the_source_itself(sim: DetectiveSimulator) -> None:
    """It is not mistaken for one of the client's."""

    def late() -> Any:
        raise TimeoutError("vault did not answer")

    async with DetectiveClient(
        region="eu-west-1", endpoint_url=sim.url, credentials=Vault(sim.account(HUB), late)
    ) as client:
        with pytest.raises(CredentialsError, match="Vault failed: TimeoutError: vault did not answer"):
            await client.list_graphs()


@pytest.fixture
def hanging() -> Iterator[RefreshableCredentials]:
    """A credentials object of botocore whose refresh hangs, and which holds its lock meanwhile."""
    release = threading.Event()
    past = datetime.now(UTC) - timedelta(hours=1)
    yield RefreshableCredentials("old", "s", "t", past, lambda: release.wait() and {}, "tests")
    release.set()


@pytest.mark.parametrize("kind", ["chain", "session"])
async def test_a_refresh_of_botocore_that_hangs(
    hanging: RefreshableCredentials, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The next look-up does not wait for the lock that the first one holds."""
    new = BotocoreCredentials("new", "s")
    provider: DefaultCredentials | SessionCredentials
    if kind == "chain":
        provider = DefaultCredentials()
        # Found by an earlier look-up.
        monkeypatch.setattr(provider, "_found", hanging)
        monkeypatch.setattr("detective_async.auth.botocore_chain._find_credentials", lambda *_: new)
    else:
        session = boto3.Session()
        monkeypatch.setattr(session._session, "_credentials", hanging)
        resolver = session._session.get_component("credential_provider")
        monkeypatch.setattr(resolver, "load_credentials", lambda: new)
        provider = SessionCredentials(session)
    # Long enough for its thread to take the lock, on a busy machine too.
    monkeypatch.setattr("detective_async.auth.cache._NO_CLIENT.fetch_timeout", 1.0)
    with pytest.raises(CredentialsError, match="gave no credentials within 1 s"):
        await provider.get_credentials()
    monkeypatch.setattr("detective_async.auth.cache._NO_CLIENT.fetch_timeout", 30.0)
    assert (await provider.get_credentials()).access_key_id == "new"


async def test_a_refresh_of_botocore_that_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its old keys are not taken for new ones."""

    def locked() -> Any:
        raise RuntimeError("locked")

    past = datetime.now(UTC) - timedelta(hours=1)
    provider = DefaultCredentials()
    found = RefreshableCredentials("old", "s", "t", past, locked, "tests")
    monkeypatch.setattr("detective_async.auth.botocore_chain._find_credentials", lambda *_: found)
    with pytest.raises(CredentialsError, match="RuntimeError: locked"):
        await provider.get_credentials()


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), "60", True])
def test_the_timeout_is_checked(seconds: Any) -> None:
    """As the others are."""
    with pytest.raises(ConfigurationError, match="credentials must be a positive number of seconds"):
        Timeouts(credentials=seconds)

"""Providers of credentials, and the validation of keys."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import botocore.credentials
import botocore.session
import pytest

from detective_async import (
    ConfigurationError,
    Credentials,
    CredentialsError,
    DefaultCredentials,
    DetectiveClient,
    EnvironmentCredentials,
    StaticCredentials,
)
from detective_async.auth import as_provider
from detective_async.auth.chain import _Environment
from detective_async.testing import DetectiveSimulator

SECRET = "hunter2hunter2hunter2"


def test_secrets_are_not_in_repr() -> None:
    """The secret key and the session token are in no `repr`."""
    for thing in (Credentials("AKIA", SECRET, SECRET), StaticCredentials("AKIA", SECRET, SECRET)):
        assert "AKIA" in repr(thing)
        assert SECRET not in repr(thing)
        assert SECRET not in repr(as_provider(thing))


async def test_a_subclass_of_static_credentials_is_called() -> None:
    """StaticCredentials itself is read once; a subclass may return other keys each time."""

    class Rotating(StaticCredentials):
        async def get_credentials(self) -> Credentials:
            keys = await super().get_credentials()
            return Credentials(f"{keys.access_key_id}-2", keys.secret_access_key, keys.session_token)

    provider = as_provider(Rotating("AKIA", SECRET, "token"))
    assert await provider.get_credentials() == Credentials("AKIA-2", SECRET, "token")


@pytest.mark.parametrize("keys", [("", "s"), ("a", ""), ("a", " "), (None, "s"), ("a", None)])
def test_empty_keys_are_refused(keys: tuple[str, str]) -> None:
    """Otherwise AWS would refuse the request with a message about signatures."""
    with pytest.raises(CredentialsError, match="must be a non-empty string"):
        Credentials(*keys)
    with pytest.raises(CredentialsError):
        StaticCredentials(*keys)


@pytest.mark.parametrize(
    "stray", ["{}\n", "\t{}", "{}\u00a0", "a{}\x00b", "a\r\nx-amz-date: {}", "{}\x7f{}", "\u3000{}"]
)
@pytest.mark.parametrize("name", ["access_key_id", "secret_access_key", "session_token"])
def test_keys_with_white_space_at_an_end_or_control_characters_are_refused(name: str, stray: str) -> None:
    """Other characters within a key are accepted."""
    keys = {"access_key_id": "AKIA", "secret_access_key": "secret", "session_token": "token"}
    Credentials(**keys | {name: "in \u00e9 between"})  # type: ignore[arg-type]
    with pytest.raises(CredentialsError, match=f"{name} has white space at an end or contains a control character"):
        Credentials(**keys | {name: stray.format("secret", "secret")})  # type: ignore[arg-type]


def test_an_expiry_without_a_time_zone_is_refused() -> None:
    """It could be compared with the wrong clock."""
    with pytest.raises(CredentialsError, match="time zone"):
        Credentials("a", "b", expires_at=datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point


@pytest.mark.parametrize("replaced", [False, True], ids=["os.environ", "replaced"])
async def test_keys_in_the_environment(replaced: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are read for each call; an error names the missing variables. Tests may replace `os.environ`."""
    if replaced:
        monkeypatch.setattr(os, "environ", dict(os.environ))
    with pytest.raises(CredentialsError, match="AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY not set"):
        await EnvironmentCredentials().get_credentials()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    with pytest.raises(CredentialsError, match="environment: AWS_SECRET_ACCESS_KEY not set"):
        await DefaultCredentials().get_credentials()
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    assert await DefaultCredentials().get_credentials() == Credentials("a", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "t")
    assert await EnvironmentCredentials().get_credentials() == Credentials("a", SECRET, "t")


async def test_keys_that_change_while_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one thread sets for a moment is not taken for the keys that are there afterwards."""
    values = _Environment._values

    def change_after(self: _Environment) -> list[Any]:
        found = values(self)
        os.environ["AWS_ACCESS_KEY_ID"] = "b"
        return found

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    environment = _Environment()
    monkeypatch.setattr(_Environment, "_values", change_after)
    found = environment.credentials()
    assert found is not None
    assert found.access_key_id == "a"


@pytest.mark.parametrize(("text", "expected"), [("111122223333", "111122223333"), ("my account", None), ("", None)])
async def test_the_account_id_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, text: str, expected: str | None
) -> None:
    """`AWS_ACCOUNT_ID` is for events and logs only, so a malformed one is ignored."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_ACCOUNT_ID", text)
    assert (await EnvironmentCredentials().get_credentials()).account_id == expected


@pytest.mark.parametrize("account_id", ["1234", "11112222333x", "\uff11" * 12, 111122223333])
def test_a_malformed_account_id_argument_is_refused(account_id: str) -> None:
    """An account id must be a string of 12 ASCII digits."""
    with pytest.raises(CredentialsError, match="account_id must be 12 digits"):
        Credentials("a", "b", account_id=account_id)


def test_the_account_id_is_not_compared() -> None:
    """The same keys have the same state, whether or not their account is known."""
    assert Credentials("a", "b", account_id="111122223333") == Credentials("a", "b")
    assert hash(Credentials("a", "b", account_id="111122223333")) == hash(Credentials("a", "b"))


def test_with_keys_in_the_environment_botocore_is_not_imported() -> None:
    """A program with keys in its environment does not import the chain."""
    script = (
        "import asyncio, os, sys; os.environ.update(AWS_ACCESS_KEY_ID='a', AWS_SECRET_ACCESS_KEY='b')\n"
        "from detective_async import DefaultCredentials\n"
        "asyncio.run(DefaultCredentials().get_credentials())\n"
        "print('botocore' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


async def test_the_chain_reads_the_shared_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile's keys are found, and an explicit profile takes precedence over the environment."""
    (tmp_path / "credentials").write_text(
        "[default]\naws_access_key_id = d\naws_secret_access_key = x\n"
        "[work]\naws_access_key_id = w\naws_secret_access_key = y\naws_session_token = z\n"
        f"aws_account_id = {'1' * 12}\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    for profile in (None, ""):
        assert await DefaultCredentials(profile).get_credentials() == Credentials("d", "x")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "e")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "e")
    provider = DefaultCredentials(profile="work")
    assert await provider.get_credentials() == Credentials("w", "y", "z")
    assert (await provider.get_credentials()).account_id == "1" * 12
    assert repr(provider) == "DefaultCredentials(profile='work')"


async def test_the_chain_runs_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A blocking provider does not block the event loop."""
    threads = []

    def get_credentials(_: botocore.session.Session) -> None:
        threads.append(threading.current_thread())

    monkeypatch.setattr(botocore.session.Session, "get_credentials", get_credentials)
    with pytest.raises(CredentialsError, match="no credentials: set AWS_ACCESS_KEY_ID"):
        await DefaultCredentials().get_credentials()
    assert threads
    assert threads[0] is not threading.main_thread()


def _configure_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expiry: str) -> None:
    """Configure a credential_process that prints different keys each time."""
    process = tmp_path / "process.py"
    process.write_text(
        "import json, uuid\n"
        f"print(json.dumps(dict(Version=1, AccessKeyId=uuid.uuid4().hex, SecretAccessKey='s', Expiration={expiry!r})))"
    )
    (tmp_path / "config").write_text(f"[default]\ncredential_process = {sys.executable} {process}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))


async def test_a_credential_process_runs_again_when_its_keys_expire(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Botocore runs it again for keys that expire within ten seconds."""
    expiry = (datetime.now(UTC) + timedelta(seconds=9)).isoformat()
    _configure_process(tmp_path, monkeypatch, expiry)
    provider = DefaultCredentials()
    first = await provider.get_credentials()
    assert first.expires_at is not None
    assert first.expires_at.isoformat() == expiry
    assert (await provider.get_credentials()).access_key_id != first.access_key_id


async def test_invalidate_makes_botocore_fetch_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise botocore would return the same keys for hours."""
    _configure_process(tmp_path, monkeypatch, (datetime.now(UTC) + timedelta(hours=12)).isoformat())
    provider = DefaultCredentials()
    first = await provider.get_credentials()
    assert await provider.get_credentials() == first
    provider.invalidate(first)
    assert (await provider.get_credentials()).access_key_id != first.access_key_id


async def test_a_failing_chain_says_so() -> None:
    """The error is a CredentialsError with botocore's message."""
    with pytest.raises(CredentialsError, match=r"the AWS credential chain failed: .*nowhere"):
        await DefaultCredentials(profile="nowhere").get_credentials()


async def keys_from_a_vault() -> Credentials:
    return Credentials("vault", "b")


@pytest.mark.parametrize(
    ("source", "key"),
    [
        (Credentials("fixed", "b"), "fixed"),
        (StaticCredentials("static", "b"), "static"),
        (keys_from_a_vault, "vault"),
    ],
)
async def test_accepted_credentials(source: Credentials, key: str) -> None:
    """Credentials, a provider, or an async callable."""
    assert (await as_provider(source).get_credentials()).access_key_id == key


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (StaticCredentials, "pass an instance, StaticCredentials"),
        (("a", "b"), "got a tuple"),
        ("AKIA", "got a str"),
    ],
)
def test_other_values_are_refused_as_credentials(source: Credentials, problem: str) -> None:
    """The constructor of the client raises."""
    with pytest.raises(ConfigurationError, match=problem):
        DetectiveClient(region="eu-west-1", credentials=source)


def test_a_callable_is_shown_by_its_name() -> None:
    """The `repr` of a callable may show bound secrets."""
    assert repr(as_provider(keys_from_a_vault)) == "<credentials of keys_from_a_vault>"


async def test_a_callable_that_returns_something_else() -> None:
    """The error names the callable."""

    async def vault() -> dict[str, str]:
        return {}

    with pytest.raises(CredentialsError, match=r"vault.* returned a dict, expected Credentials"):
        await as_provider(vault).get_credentials()  # type: ignore[arg-type]


class Provider:
    """A provider that returns what it was made with."""

    def __init__(self, given: object) -> None:
        self.given = given

    async def get_credentials(self) -> Any:
        return self.given


class BlockingProvider(Provider):
    def get_credentials(self) -> Any:
        return self.given


def async_callable(given: object) -> Any:
    return Provider(given).get_credentials


def blocking_callable(given: object) -> Any:
    return BlockingProvider(given).get_credentials


@pytest.mark.parametrize("source", [Provider, async_callable, BlockingProvider, blocking_callable])
@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (None, "None"),
        ({"AccessKeyId": SECRET}, "a dict"),
        (("AKIA", SECRET), "a tuple"),
        (SECRET, "a str"),
        (StaticCredentials("AKIA", SECRET), "a StaticCredentials"),
        (botocore.credentials.Credentials("AKIA", SECRET), "a Credentials"),
    ],
)
async def test_what_is_not_credentials_is_refused_before_anything_is_sent(
    source: Callable[[object], Any], given: object, kind: str
) -> None:
    """From each kind of provider: the error names its type, and what is wanted."""
    is_async = source in (Provider, async_callable)
    wanted = f"returned {kind}, expected Credentials" if is_async else f"is not async: it returned {kind}, expected"
    # Nothing listens there, so that a request would end in a ConnectError.
    async with DetectiveClient(
        region="eu-west-1", credentials=source(given), endpoint_url="http://127.0.0.1:1"
    ) as client:
        with pytest.raises(CredentialsError, match=wanted) as caught:
            await client.list_graphs()
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("source", [Provider, async_callable])
async def test_frozen_keys_of_botocore_are_accepted(sim: DetectiveSimulator, source: Callable[[object], Any]) -> None:
    """`get_frozen_credentials()` of a session returns them."""
    keys = sim.account("111122223333")
    frozen = botocore.credentials.ReadOnlyCredentials(keys.access_key_id, keys.secret_access_key, None)
    async with DetectiveClient(region="eu-west-1", credentials=source(frozen), endpoint_url=sim.url) as client:
        assert (await client.list_graphs()).graph_list == []


async def test_an_exception_without_a_text() -> None:
    """Whatever a provider raises becomes a CredentialsError, even if its text cannot be had."""

    class SilentError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    async def vault() -> Credentials:
        raise SilentError

    with pytest.raises(CredentialsError, match=r"SilentError: \(no text\)"):
        await as_provider(vault).get_credentials()


async def test_an_exception_of_a_provider_becomes_a_credentials_error() -> None:
    """The error names the exception and its place, and is not chained to it: its text may contain secrets."""

    async def vault() -> Credentials:
        raise LookupError("sealed")

    async with DetectiveClient(region="eu-west-1", credentials=vault) as client:
        with pytest.raises(
            CredentialsError, match=r"vault failed: LookupError: sealed \(test_prov.*\.py, line \d"
        ) as caught:
            await client.list_graphs()
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None

"""Where keys come from, and that their secrets stay there."""

import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

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

SECRET = "hunter2hunter2hunter2"


def test_secrets_are_not_in_repr() -> None:
    """Neither the secret key nor the session token shows."""
    for thing in (Credentials("AKIA", SECRET, SECRET), StaticCredentials("AKIA", SECRET, SECRET)):
        assert "AKIA" in repr(thing)
        assert SECRET not in repr(thing)
        assert SECRET not in repr(as_provider(thing))


@pytest.mark.parametrize("keys", [("", "s"), ("a", ""), ("a", " "), (None, "s"), ("a", None)])
def test_missing_keys_are_refused(keys: tuple[str, str]) -> None:
    """An empty key would only fail at AWS, with a message about signatures."""
    with pytest.raises(CredentialsError, match="must be a non-empty string"):
        Credentials(*keys)
    with pytest.raises(CredentialsError):
        StaticCredentials(*keys)


@pytest.mark.parametrize(
    "stray", ["{}\n", "\t{}", "{}\u00a0", "a{}\x00b", "a\r\nx-amz-date: {}", "{}\x7f{}", "\u3000{}"]
)
@pytest.mark.parametrize("name", ["access_key_id", "secret_access_key", "session_token"])
def test_what_came_along_when_a_key_was_copied_is_refused(name: str, stray: str) -> None:
    """White space at an end, and control characters anywhere; what is in between is the key's own affair."""
    keys = {"access_key_id": "AKIA", "secret_access_key": "secret", "session_token": "token"}
    Credentials(**keys | {name: "in \u00e9 between"})  # type: ignore[arg-type]
    with pytest.raises(CredentialsError, match=f"{name} has white space at an end, or a control character"):
        Credentials(**keys | {name: stray.format("secret", "secret")})  # type: ignore[arg-type]


def test_an_expiry_without_a_time_zone_is_refused() -> None:
    """It would be compared with the wrong clock."""
    with pytest.raises(CredentialsError, match="time zone"):
        Credentials("a", "b", expires_at=datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point


async def test_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read anew at each call; what is missing is named."""
    with pytest.raises(CredentialsError, match="AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY not set"):
        await EnvironmentCredentials().get_credentials()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    with pytest.raises(CredentialsError, match="environment: AWS_SECRET_ACCESS_KEY not set"):
        await DefaultCredentials().get_credentials()
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    assert await DefaultCredentials().get_credentials() == Credentials("a", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "t")
    assert await EnvironmentCredentials().get_credentials() == Credentials("a", SECRET, "t")


@pytest.mark.parametrize(("text", "expected"), [("111122223333", "111122223333"), ("my account", None), ("", None)])
async def test_whose_keys_the_environment_has(monkeypatch: pytest.MonkeyPatch, text: str, expected: str | None) -> None:
    """Said by `AWS_ACCOUNT_ID`, as for other SDKs; it is for events and logs, so nonsense in there stops nobody."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_ACCOUNT_ID", text)
    assert (await EnvironmentCredentials().get_credentials()).account_id == expected


@pytest.mark.parametrize("account_id", ["1234", "11112222333x", "\uff11" * 12, 111122223333])
def test_an_account_id_must_be_one(account_id: str) -> None:
    """Where it is given by hand."""
    with pytest.raises(CredentialsError, match="account_id must be 12 digits"):
        Credentials("a", "b", account_id=account_id)


def test_the_same_keys_are_equal_whoever_knows_whose_they_are() -> None:
    """The state of an account and region hangs on that."""
    assert Credentials("a", "b", account_id="111122223333") == Credentials("a", "b")
    assert hash(Credentials("a", "b", account_id="111122223333")) == hash(Credentials("a", "b"))


def test_with_keys_in_the_environment_botocore_is_not_imported() -> None:
    """A process whose keys are in its environment does not pay for the chain."""
    script = (
        "import asyncio, os, sys; os.environ.update(AWS_ACCESS_KEY_ID='a', AWS_SECRET_ACCESS_KEY='b')\n"
        "from detective_async import DefaultCredentials\n"
        "asyncio.run(DefaultCredentials().get_credentials())\n"
        "print('botocore' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


async def test_the_chain_reads_the_shared_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile's keys are found by botocore; a profile that is named goes before the environment."""
    (tmp_path / "credentials").write_text(
        "[default]\naws_access_key_id = d\naws_secret_access_key = x\n"
        "[work]\naws_access_key_id = w\naws_secret_access_key = y\naws_session_token = z\n"
        f"aws_account_id = {'1' * 12}\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    assert await DefaultCredentials().get_credentials() == Credentials("d", "x")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "e")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "e")
    provider = DefaultCredentials(profile="work")
    assert await provider.get_credentials() == Credentials("w", "y", "z")
    assert (await provider.get_credentials()).account_id == "1" * 12
    assert repr(provider) == "DefaultCredentials(profile='work')"


async def test_the_chain_is_asked_off_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider that blocks does so in a thread."""
    threads = []

    def get_credentials(_: botocore.session.Session) -> None:
        threads.append(threading.current_thread())

    monkeypatch.setattr(botocore.session.Session, "get_credentials", get_credentials)
    with pytest.raises(CredentialsError, match="no credentials: set AWS_ACCESS_KEY_ID"):
        await DefaultCredentials().get_credentials()
    assert threads
    assert threads[0] is not threading.main_thread()


async def test_the_chain_is_asked_again_when_its_credentials_expire(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that gives short-lived keys is run again by botocore; the session is made once."""
    expiry = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    process = tmp_path / "process.py"
    process.write_text(
        "import json, uuid\n"
        f"print(json.dumps(dict(Version=1, AccessKeyId=uuid.uuid4().hex, SecretAccessKey='s', Expiration={expiry!r})))"
    )
    (tmp_path / "config").write_text(f"[default]\ncredential_process = {sys.executable} {process}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    provider = DefaultCredentials()
    first = await provider.get_credentials()
    assert first.expires_at is not None
    assert first.expires_at.isoformat() == expiry
    assert (await provider.get_credentials()).access_key_id != first.access_key_id


async def test_what_aws_calls_expired_is_asked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Botocore forgets it too, though it would go on giving it for hours."""
    expiry = (datetime.now(UTC) + timedelta(hours=12)).isoformat()
    process = tmp_path / "process.py"
    process.write_text(
        "import json, uuid\n"
        f"print(json.dumps(dict(Version=1, AccessKeyId=uuid.uuid4().hex, SecretAccessKey='s', Expiration={expiry!r})))"
    )
    (tmp_path / "config").write_text(f"[default]\ncredential_process = {sys.executable} {process}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    provider = DefaultCredentials()
    first = await provider.get_credentials()
    assert await provider.get_credentials() == first
    provider.invalidate(first)
    assert (await provider.get_credentials()).access_key_id != first.access_key_id


async def test_a_failing_chain_says_so() -> None:
    """Botocore's own words are kept, as one of our errors."""
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
async def test_what_will_do_as_credentials(source: Credentials, key: str) -> None:
    """Keys, a provider of them, or an async callable."""
    assert (await as_provider(source).get_credentials()).access_key_id == key


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (StaticCredentials, "pass an instance, StaticCredentials"),
        (("a", "b"), "got a tuple"),
        ("AKIA", "got a str"),
    ],
)
def test_what_will_not_do_as_credentials(source: Credentials, problem: str) -> None:
    """Said when the client is made."""
    with pytest.raises(ConfigurationError, match=problem):
        DetectiveClient(region="eu-west-1", credentials=source)


def test_a_callable_is_shown_by_its_name() -> None:
    """The repr of a callable may show what it was bound to."""
    assert repr(as_provider(keys_from_a_vault)) == "<credentials of keys_from_a_vault>"


async def test_a_callable_that_gives_something_else() -> None:
    """The error names the callable."""

    async def vault() -> dict[str, str]:
        return {}

    with pytest.raises(CredentialsError, match=r"vault.* gave a dict, expected Credentials"):
        await as_provider(vault).get_credentials()  # type: ignore[arg-type]


async def test_a_provider_that_fails_is_a_credentials_error() -> None:
    """What it raised is told, and where, but not chained: its text may hold secrets."""

    async def vault() -> Credentials:
        raise LookupError("sealed")

    async with DetectiveClient(region="eu-west-1", credentials=vault) as client:
        with pytest.raises(
            CredentialsError, match=r"vault failed: LookupError: sealed \(test_prov.*\.py, line \d"
        ) as caught:
            await client.list_graphs()
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None

"""Credential processes that hang: they end with the look-up that has started them."""

import asyncio
import inspect
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
from aiobotocore.session import AioSession
from attrs import define
from support.loop_threads import wait_until

from detective_async import CredentialsError, DefaultCredentials, SessionCredentials
from detective_async.auth.cache import CachedProvider
from detective_async.auth.processes import LookUp, _Process, end_with_look_up

_KEYS = '{"Version": 1, "AccessKeyId": "key", "SecretAccessKey": "secret"}'
SOURCES: dict[str, Callable[[], CachedProvider]] = {
    "chain": DefaultCredentials,
    "boto3": lambda: SessionCredentials(boto3.Session()),
    "botocore": lambda: SessionCredentials(botocore.session.Session()),
    "aiobotocore": lambda: SessionCredentials(AioSession()),
}


@define
class Started:
    """A profile whose process writes its id, and does what a test wants."""

    folder: Path

    def configure(self, command: str, profile: str = "[default]") -> None:
        script = self.folder / "script"
        script.write_text(f"#!/bin/sh\necho $$ >> {self.folder}/ids\n{command}\necho '{_KEYS}'\n")
        script.chmod(0o700)
        (self.folder / "config").write_text(f"{profile}\nregion = eu-west-1\ncredential_process = {script}\n")

    @property
    def ids(self) -> list[int]:
        """The ids of the processes that were started."""
        path = self.folder / "ids"
        return [int(line) for line in path.read_text().splitlines()] if path.exists() else []

    def are_gone(self) -> bool:
        """Whether all have ended."""
        return not any(_exists(one) for one in self.ids)


def _exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Started]:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    started = Started(tmp_path)
    yield started
    for one in started.ids:
        with suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)


#: Replaces the shell, and has a child that holds its pipes.
HANGING = {"alone": "exec sleep 1000", "with a child": "sleep 30 & wait"}
ROLE = "[default]\nrole_arn = arn:aws:iam::111122223333:role/x\nsource_profile = keys\n[profile keys]"


@pytest.mark.parametrize("profile", ["[default]", ROLE], ids=["default", "source_profile"])
@pytest.mark.parametrize("command", HANGING)
@pytest.mark.parametrize("source", SOURCES)
async def test_a_process_that_hangs_is_killed_with_its_look_up(
    started: Started, monkeypatch: pytest.MonkeyPatch, source: str, command: str, profile: str
) -> None:
    """Not what it has started itself; the next look-up starts another process."""
    started.configure(HANGING[command], profile)
    provider, added, add = SOURCES[source](), [], LookUp.add

    def noted(self: LookUp, process: Any) -> None:
        add(self, process)
        added.append(process)

    monkeypatch.setattr(LookUp, "add", noted)
    monkeypatch.setattr("detective_async.auth.cache._NO_CLIENT.fetch_timeout", None)
    for number in (1, 2):
        call = asyncio.create_task(provider.get_credentials())

        def has_started(number: int = number) -> bool:
            return len(started.ids) == len(added) == number

        await asyncio.to_thread(wait_until, has_started)
        assert _exists(started.ids[-1])
        for fetch in provider._cache._fetching.copy():
            current = fetch.round_ref()
            assert current is not None
            for task in current.fetches:
                task.cancel()
        call.cancel()
        await asyncio.wait((call,))
        await asyncio.to_thread(wait_until, started.are_gone)


@pytest.mark.parametrize("source", SOURCES)
async def test_a_process_that_ends_is_waited_for(started: Started, source: str) -> None:
    """However slow it is, and when it has ended nothing is killed."""
    started.configure("sleep 0.3")
    assert (await SOURCES[source]().get_credentials()).access_key_id == "key"


async def test_a_process_that_fails(started: Started) -> None:
    """Its error is botocore's, as before."""
    started.configure("echo sealed >&2; exit 3")
    with pytest.raises(CredentialsError, match="Error when retrieving credentials from custom-process: sealed"):
        await DefaultCredentials().get_credentials()


def test_a_process_that_is_started_too_late() -> None:
    """The look-up was given up meanwhile."""
    look_up = LookUp()
    look_up.give_up()
    process = _Process(["sleep", "1000"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    look_up.add(process)
    assert process.communicate() == (b"", b"")
    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    ("make", "kind"), [(botocore.session.Session, subprocess.Popen), (AioSession, asyncio.subprocess.Process)]
)
async def test_a_session_of_the_users_own_is_left_alone(started: Started, make: Callable[[], Any], kind: type) -> None:
    """Its processes are plain ones when the user calls it; twice prepared is as good as once."""
    started.configure("true")
    session = make()
    chain = session.get_component("credential_provider")
    builder = chain.get_provider("assume-role")._profile_provider_builder
    makers = []
    for _ in range(2):
        end_with_look_up(chain)
        makers.append(builder._create_process_provider)
    assert makers[0] is makers[1]
    for provider in (chain.get_provider("custom-process"), makers[0]("default")):
        process = await _result(provider._popen("true"))
        await _result(process.wait())
        assert type(process) is kind
    assert (await _result(session.get_credentials())).access_key == "key"


async def _result(found: Any) -> Any:
    return await found if inspect.isawaitable(found) else found


def test_a_popen_of_the_users_own_stays() -> None:
    """Only botocore's default is replaced."""

    class Chain:
        providers = (botocore.credentials.ProcessProvider("default", dict, popen=print),)

    end_with_look_up(Chain)
    assert Chain.providers[0]._popen is print

"""Profiles whose role needs the code of an MFA device: botocore would ask on the terminal."""

import asyncio
import getpass
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import botocore.credentials
import botocore.session
import pytest
from aiobotocore.session import AioSession
from support.cloud import ROLE, Cloud

from detective_async import CredentialsError, DefaultCredentials, SessionCredentials

_KEYS = "aws_access_key_id = home\naws_secret_access_key = home-secret\n"
_MFA = "mfa_serial = arn:aws:iam::111122223333:mfa/phone\nregion = eu-west-1\n"


@pytest.fixture(autouse=True)
def prompts(home: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts of prompts; each is answered with a code."""
    (home / ".aws/config").write_text(
        f"[default]\n{_KEYS}"
        f"[profile audit]\nrole_arn = {ROLE}\nsource_profile = default\n{_MFA}"
        f"[profile nested]\nrole_arn = {ROLE}\nsource_profile = audit\nregion = eu-west-1\n"
    )
    asked: list[str] = []

    def answer(prompt: str = "") -> str:
        asked.append(prompt)
        return "123456"

    monkeypatch.setattr(getpass, "getpass", answer)
    # botocore took the function when it was imported.
    for provider in (botocore.credentials.AssumeRoleProvider, _aiobotocore_provider()):
        defaults = tuple(answer if value is _GETPASS else value for value in provider.__init__.__defaults__ or ())
        monkeypatch.setattr(provider.__init__, "__defaults__", defaults)
    return asked


_GETPASS = getpass.getpass


def _aiobotocore_provider() -> Any:
    from aiobotocore.credentials import AioAssumeRoleProvider  # noqa: PLC0415

    return AioAssumeRoleProvider


SOURCES: dict[str, Callable[[str], Any]] = {
    "the chain": DefaultCredentials,
    "boto3": lambda profile: SessionCredentials(boto3.Session(profile_name=profile)),
    "botocore": lambda profile: SessionCredentials(botocore.session.Session(profile=profile)),
    "botocore's credentials": lambda profile: SessionCredentials(
        botocore.session.Session(profile=profile).get_credentials()
    ),
    "aiobotocore": lambda profile: SessionCredentials(AioSession(profile=profile)),
}


@pytest.mark.parametrize("profile", ["audit", "nested"])
@pytest.mark.parametrize("source", SOURCES)
async def test_nothing_prompts(source: str, profile: str, prompts: list[str], cloud: Cloud) -> None:
    """The error says what to do instead, now and the next time, and nothing is sent."""
    provider = SOURCES[source](profile)
    for _ in range(2):
        with pytest.raises(CredentialsError, match=r"AssumeRole\(..., mfa_serial=.* get-session-token"):
            await provider.get_credentials()
    assert prompts == []
    assert cloud.requests == []


@pytest.mark.parametrize("own", [False, True])
async def test_the_users_own_use_of_a_session_prompts(own: bool, prompts: list[str], cloud: Cloud) -> None:
    """A session that a client has used asks its user as before; and a prompt of the user's own stays in use."""
    session = boto3.Session(profile_name="audit")
    if own:
        resolver = session._session.get_component("credential_provider")
        resolver.get_provider("assume-role")._prompter = lambda _: "654321"
        assert (await SessionCredentials(session).get_credentials()).access_key_id.startswith("role")
    else:
        found = session.get_credentials()
        with pytest.raises(CredentialsError):
            await SessionCredentials(found).get_credentials()
        found._refresh_using._has_been_called = False
        await asyncio.to_thread(found.get_frozen_credentials)
        assert prompts == ["Enter MFA code for arn:aws:iam::111122223333:mfa/phone: "]
    assert [request.values["TokenCode"] for request in cloud.requests] == ["654321" if own else "123456"]


async def test_a_login_session_needs_the_extra(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error for a profile of `aws login` names it."""
    monkeypatch.setattr("botocore.credentials.EC", None)
    (home / ".aws/config").write_text("[default]\nlogin_session = arn:aws:iam::111122223333:user/alice\n")
    with pytest.raises(CredentialsError, match=r'pip install "detective-async\[login\]"'):
        await DefaultCredentials().get_credentials()

"""With all loggers at DEBUG, botocore's too, no text of the credential chain contains a secret."""

import asyncio
import logging
import sys
import warnings
from collections.abc import Awaitable, Callable, Iterator
from hashlib import sha1
from pathlib import Path

import boto3
import pytest
from aiobotocore.session import AioSession
from attrs import define, field
from support.cloud import CLOSED_ROLE, CONTAINER_TOKEN, IMDS_TOKEN, REFRESHED_SSO_TOKEN, ROLE, SSO_TOKEN, Cloud
from support.secret_search import Listener, find, texts_of

from detective_async import (
    AssumeRole,
    Credentials,
    DefaultCredentials,
    DetectiveClient,
    SessionCredentials,
    StaticCredentials,
)

SECRET = "wJalrXUtnFEMI+K7MDENG+bPxRfiCYzEXAMPLEKEY"
TOKEN = "IQoJb3JpZ2luX2VjEXAMPLE" + "TokenOfTheProfile0123456789" * 6
PROCESS_SECRET = "ProcessXUtnFEMI+K7MDENG+bPxRfiCYzEXAMPLE"
PROCESS_TOKEN = "ProcessToken" + "0123456789abcdefghij" * 6
IDENTITY = "eyJhbGciOiJSUzI1NiIsImtpZCI6IkVYQU1QTEUifQ0123456789EXAMPLE"
REFRESH_TOKEN = "RefreshToken" + "0123456789abcdefghij" * 3
CLIENT_SECRET = "ClientSecret" + "0123456789abcdefghij" * 3
# Too short to be recognised as a secret by its form.
EXTERNAL_ID = "open-sesame-of-ours"
KEYS = Credentials("AKIAIOSFODNN7EXAMPLE", SECRET, TOKEN)


@define
class TextCollector:
    """Collects everything that is logged, and other texts."""

    texts: list[tuple[str, str]] = field(factory=list)

    def add(self, where: str, text: str) -> None:
        self.texts.append((where, text))

    async def await_and_collect(self, call: Awaitable[object]) -> object:
        """Collect the texts of a call's result or exception."""
        try:
            result = await call
        except Exception as error:  # noqa: BLE001 - the texts of any exception are searched
            self.texts += texts_of(error)
            return error
        self.add("a result", f"{result!r} {result!s}")
        return result

    def leaks(self, cloud: Cloud) -> list[str]:
        """Return the secrets that occur in the texts."""
        secrets = {
            "the profile's secret": SECRET,
            "the profile's token": TOKEN,
            "the process's secret": PROCESS_SECRET,
            "the process's token": PROCESS_TOKEN,
            "the identity": IDENTITY,
            "the SSO token": SSO_TOKEN,
            "the renewed SSO token": REFRESHED_SSO_TOKEN,
            "the refresh token": REFRESH_TOKEN,
            "the client's secret": CLIENT_SECRET,
            "the container's token": CONTAINER_TOKEN,
            "the external id": EXTERNAL_ID,
            "the metadata's token": IMDS_TOKEN,
            **cloud.secrets,
        }
        for number, request in enumerate(cloud.requests):
            signature = request.headers.get("authorization", "").rpartition("Signature=")[2]
            if signature:
                secrets[f"signature {number}"] = signature
        return find(self.texts, secrets)


@pytest.fixture
def collector() -> Iterator[TextCollector]:
    """Set all loggers to DEBUG and collect their records."""
    collector = TextCollector()
    listener, root = Listener(collector.add), logging.getLogger()
    loggers = [root, *(logging.getLogger(name) for name in list(root.manager.loggerDict))]
    levels = [(logger, logger.level) for logger in loggers]
    root.addHandler(listener)
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    with warnings.catch_warnings():
        yield collector
    root.removeHandler(listener)
    for logger, level in levels:
        logger.setLevel(level)


@pytest.fixture(autouse=True)
def _profiles(home: Path, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Profiles for each part of the chain, valid and invalid, with secrets everywhere."""
    keys = f"aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = {SECRET}\naws_session_token = {TOKEN}\n"
    printed = f'{{"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "{PROCESS_SECRET}", '
    printed += f'"SessionToken": "{PROCESS_TOKEN}", "Expiration": "2100-01-01T00:00:00Z"}}'
    scripts = {
        "process": f"print({printed!r})",
        "failing": f"import sys; sys.exit('no: {PROCESS_SECRET} {PROCESS_TOKEN}')",
        "garbage": f"print('{PROCESS_SECRET} {PROCESS_TOKEN}')",
        "no-key": f"print({printed.replace('AccessKeyId', 'KeyId')!r})",
        "expired": f"print({printed.replace('2100', '2001')!r})",
        # Botocore runs it twice, as what it gives at first is about to expire.
        "failing-later": "import sys, pathlib, datetime as d; first = not pathlib.Path(__file__ + '2').exists()\n"
        "pathlib.Path(__file__ + '2').touch(); soon = d.datetime.now(d.timezone.utc) + d.timedelta(seconds=99)\n"
        f"print({printed!r}.replace('2100-01-01T00:00:00Z', soon.isoformat()))\n"
        f"sys.exit(None if first else 'no: {PROCESS_SECRET} {PROCESS_TOKEN}')",
        "no-time": f"print({printed.replace('2100-01-01T00:00:00Z', PROCESS_TOKEN)!r})",
    }
    config = [f"[default]\n{keys}"]
    for name, script in scripts.items():
        (home / f"{name}.py").write_text(script)
        config.append(f"[profile {name}]\ncredential_process = {sys.executable} -I -S {home}/{name}.py\n")
    role = f"external_id = {EXTERNAL_ID}\nsource_profile = default\nregion = eu-west-1\n"
    config.append(f"[profile role]\nrole_arn = {ROLE}\n{role}")
    config.append(f"[profile closed]\nrole_arn = {CLOSED_ROLE}\n{role}")
    for name, arn in (("web", ROLE), ("closed-web", CLOSED_ROLE)):
        config.append(
            f"[profile {name}]\nrole_arn = {arn}\nweb_identity_token_file = {home}/token\nregion = eu-west-1\n"
        )
    (home / "token").write_text(IDENTITY)
    for name in ("sso", "refused-sso", "renewed-sso"):
        config.append(
            f"[profile {name}]\nsso_session = {name}\nsso_account_id = 444455556666\nsso_role_name = Reader\n"
            f"[sso-session {name}]\nsso_start_url = https://example.com/start\nsso_region = eu-west-1\n"
        )
        token = "unknown-" + SSO_TOKEN if name == "refused-sso" else SSO_TOKEN
        year = "2001" if name == "renewed-sso" else "2100"
        (home / f".aws/sso/cache/{sha1(name.encode()).hexdigest()}.json").write_text(  # noqa: S324 - as the CLI does
            f'{{"accessToken": "{token}", "expiresAt": "{year}-01-01T00:00:00Z", "refreshToken": "{REFRESH_TOKEN}", '
            f'"clientId": "id", "clientSecret": "{CLIENT_SECRET}", "registrationExpiresAt": "2100-01-01T00:00:00Z", '
            '"startUrl": "https://example.com/start", "region": "eu-west-1"}'
        )
    (home / ".aws/config").write_text("".join(config))
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", cloud.url)


GOOD = ("default", "process", "expired", "role", "web", "sso", "renewed-sso")
BAD = ("failing", "garbage", "no-key", "failing-later", "no-time", "closed", "closed-web", "refused-sso")


@pytest.mark.parametrize("profile", [*GOOD, *BAD])
async def test_profiles_show_no_secret(profile: str, collector: TextCollector, cloud: Cloud) -> None:
    """Keys, processes, roles, web identities and SSO, successful and failing."""
    provider = DefaultCredentials(profile)
    result = await collector.await_and_collect(provider.get_credentials())
    assert isinstance(result, Credentials) == (profile in GOOD)
    await collector.await_and_collect(_call(cloud, provider))
    collector.add("a provider", f"{provider!r} {vars(provider)!r}")
    assert collector.leaks(cloud) == []


async def _call(cloud: Cloud, credentials: object) -> object:
    """Make a call with credentials; the fake cloud has no meaningful response to it."""
    async with DetectiveClient(region="eu-west-1", endpoint_url=cloud.url, credentials=credentials) as client:  # type: ignore[arg-type]
        return await client.list_graphs()


@pytest.mark.parametrize("path", ["/container", "/container-without-keys", "/nowhere"])
async def test_container_metadata_shows_no_secret(
    path: str, collector: TextCollector, cloud: Cloud, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the token of the request nor the keys in the response are shown."""
    monkeypatch.setenv("AWS_CONFIG_FILE", str(home / "no-such-file"))
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{cloud.url}{path}")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", CONTAINER_TOKEN)
    await collector.await_and_collect(DefaultCredentials().get_credentials())
    assert cloud.requests
    assert collector.leaks(cloud) == []


async def test_instance_metadata_shows_no_secret(
    collector: TextCollector, cloud: Cloud, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the session token nor the keys are shown."""
    monkeypatch.setenv("AWS_CONFIG_FILE", str(home / "no-such-file"))
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    await collector.await_and_collect(DefaultCredentials().get_credentials())
    assert len(cloud.requests) == 3
    assert collector.leaks(cloud) == []


@pytest.mark.parametrize("arn", [ROLE, CLOSED_ROLE])
async def test_assumed_roles_show_no_secret(arn: str, collector: TextCollector, cloud: Cloud) -> None:
    """Roles whose source is a role with temporary keys, with and without a client, allowed and refused."""
    first = AssumeRole(f"{ROLE}First", source=KEYS, region="eu-west-1", endpoint_url=cloud.url)
    role = AssumeRole(arn, source=first, external_id=EXTERNAL_ID, region="eu-west-1", endpoint_url=cloud.url)
    await collector.await_and_collect(role.get_credentials())
    await collector.await_and_collect(_call(cloud, role))
    collector.add("a role", f"{role!r} {first!r} {StaticCredentials(KEYS.access_key_id, SECRET, TOKEN)!r}")
    assert len(cloud.requests) >= 2
    assert collector.leaks(cloud) == []


@pytest.mark.parametrize("make", [boto3.Session, AioSession])
@pytest.mark.parametrize("profile", ["default", "role", "closed", "failing"])
async def test_sessions_show_no_secret(
    make: Callable[..., object], profile: str, collector: TextCollector, cloud: Cloud
) -> None:
    """What sessions log while they fetch keys for a client is redacted."""
    session = make(profile_name=profile) if make is boto3.Session else AioSession(profile=profile)
    # What a session logs while it is created is not redacted.
    collector.texts.clear()
    provider = SessionCredentials(session)
    await collector.await_and_collect(provider.get_credentials())
    collector.add("a provider", repr(provider))
    assert collector.leaks(cloud) == []


async def test_other_uses_of_botocore_are_not_redacted(collector: TextCollector, cloud: Cloud) -> None:
    """Botocore logs as usual for sessions that the program uses itself, and the search finds secrets in that."""
    await DefaultCredentials("role").get_credentials()
    assert collector.leaks(cloud) == []
    session = boto3.Session(profile_name="role")
    await asyncio.to_thread(lambda: session.get_credentials().get_frozen_credentials())
    assert {leak.partition(" in ")[0] for leak in collector.leaks(cloud)} >= {"the profile's token"}

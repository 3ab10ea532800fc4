"""The chain, with botocore as the oracle: from the same files and variables the same keys, or none."""

import asyncio
import sys
from datetime import datetime
from pathlib import Path

import botocore.session
import pytest
from support.cloud import ROLE, Cloud
from support.other_sdks import whoami
from support.profiles import CASES, Case

from detective_async import Credentials, CredentialsError, DefaultCredentials, DetectiveClient

pytestmark = pytest.mark.slow


def _arrange(case: Case, cloud: Cloud, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def filled_in(text: str) -> str:
        return text.replace("{url}", cloud.url).replace("{home}", str(home)).replace("{python}", sys.executable)

    files = {".aws/config": case.config, ".aws/credentials": case.credentials, **case.files}
    for name, content in files.items():
        (home / name).write_bytes(filled_in(content).encode("utf-8", "surrogateescape"))
    if case.metadata:
        monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    for variable, value in case.environ.items():
        monkeypatch.setenv(variable, filled_in(value))


def _botocores(profile: str | None) -> Credentials | None:
    """Ask botocore itself; nothing where it refuses."""
    try:
        found = botocore.session.Session(profile=profile).get_credentials()
        keys = found.get_frozen_credentials() if found else None
    except Exception:  # noqa: BLE001 - it has no base for all of its errors
        return None
    expires_at: datetime | None = getattr(found, "_expiry_time", None)
    return keys and Credentials(keys.access_key, keys.secret_key, keys.token, expires_at)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_the_same_as_botocore(case: Case, cloud: Cloud, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same keys, token and expiry; or neither gives any, and our error says what is wrong and what to do."""
    _arrange(case, cloud, home, monkeypatch)
    oracle = await asyncio.to_thread(_botocores, case.profile)
    provider = DefaultCredentials(case.profile)
    if case.gives is not None:
        given = await provider.get_credentials()
        assert given == oracle
        assert given.access_key_id.startswith(case.gives)
        return
    assert oracle is None
    with pytest.raises(CredentialsError) as caught:
        await provider.get_credentials()
    for words in case.says:
        assert words.replace("{home}", str(home)) in str(caught.value)
    # Its exceptions quote what programs and servers said, secrets included.
    assert caught.value.__cause__ is None


@pytest.fixture
def role(home: Path) -> None:
    """A profile of a role that says nothing of a region."""
    (home / ".aws/config").write_text(
        f"[profile audit]\nrole_arn = {ROLE}\nsource_profile = default\n"
        "[default]\naws_access_key_id = home\naws_secret_access_key = home-secret\n"
    )


@pytest.mark.usefixtures("role")
async def test_a_role_is_asked_for_where_the_client_is(cloud: Cloud) -> None:
    """As with an SDK's client, the region of the calls is that of STS."""

    def ask_botocore() -> None:
        session = botocore.session.Session(profile="audit")
        session.create_client("detective", region_name="eu-north-1").close()
        session.get_credentials().get_frozen_credentials()

    await asyncio.to_thread(ask_botocore)
    await DefaultCredentials("audit", region="eu-north-1").get_credentials()
    async with DetectiveClient(region="eu-north-1", profile="audit") as client:
        transport = client._transport
        await transport.shared.default_credentials.get_credentials_for(transport)  # type: ignore[attr-defined]
    assert [asked.region for asked in cloud.asked] == ["eu-north-1"] * 3


@pytest.mark.usefixtures("role")
async def test_aws_region_is_read_too(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable that all SDKs but botocore read does for its roles as well."""
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    await DefaultCredentials("audit").get_credentials()
    assert [asked.region for asked in cloud.asked] == ["eu-north-1"]


@pytest.mark.usefixtures("role")
async def test_motos_sts_gives_a_role(moto: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A role of a profile, from an STS that others wrote, which then knows the keys as the role's."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", moto)
    keys = await DefaultCredentials("audit", region="eu-west-1").get_credentials()
    identity = await asyncio.to_thread(whoami, moto, keys)
    assert identity.startswith("arn:aws:sts::444455556666:assumed-role/Audit/botocore-session-")


@pytest.mark.usefixtures("home")
async def test_motos_instance_gives_its_role(moto: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys of an instance, from metadata that others wrote."""
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", moto)
    given = await DefaultCredentials().get_credentials()
    assert (given.access_key_id, given.secret_access_key) == ("test-key", "test-secret-key")
    assert given.session_token == "test-session-token"
    assert given.expires_at is not None

"""The credential chain gives the same keys as botocore from the same files and variables, or none."""

import asyncio
import sys
from datetime import datetime
from pathlib import Path

import botocore.session
import pytest
from support.cloud import ROLE, Cloud
from support.other_sdks import caller_arn
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


def _from_botocore(profile: str | None) -> Credentials | None:
    """Return the credentials that botocore finds; None if it raises."""
    try:
        found = botocore.session.Session(profile=profile).get_credentials()
        keys = found.get_frozen_credentials() if found else None
    except Exception:  # noqa: BLE001 - botocore's errors have no common base
        return None
    expires_at: datetime | None = getattr(found, "_expiry_time", None)
    return keys and Credentials(keys.access_key, keys.secret_key, keys.token, expires_at)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_profiles_give_the_same_keys_as_botocore(
    case: Case, cloud: Cloud, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same keys, token and expiry; or both raise, and our error says what is wrong and what to do."""
    _arrange(case, cloud, home, monkeypatch)
    oracle = await asyncio.to_thread(_from_botocore, case.profile)
    provider = DefaultCredentials(case.profile)
    if case.gives is not None:
        given = await provider.get_credentials()
        assert (oracle is None) if case.botocore_refuses else (given == oracle)
        assert given.access_key_id.startswith(case.gives)
        return
    assert oracle is None
    with pytest.raises(CredentialsError) as caught:
        await provider.get_credentials()
    for words in case.says:
        assert words.replace("{home}", str(home)) in str(caught.value)
    # botocore's exceptions quote output of programs and servers, including secrets.
    assert caught.value.__cause__ is None


@pytest.fixture
def role(home: Path) -> None:
    """A profile with a role and without a region."""
    (home / ".aws/config").write_text(
        f"[profile audit]\nrole_arn = {ROLE}\nsource_profile = default\n"
        "[default]\naws_access_key_id = home\naws_secret_access_key = home-secret\n"
    )


@pytest.mark.usefixtures("role")
async def test_a_role_of_a_profile_is_assumed_in_the_clients_region(cloud: Cloud) -> None:
    """The same as with botocore's client."""

    def assume_by_botocore() -> None:
        session = botocore.session.Session(profile="audit")
        session.create_client("detective", region_name="eu-north-1").close()
        session.get_credentials().get_frozen_credentials()

    await asyncio.to_thread(assume_by_botocore)
    await DefaultCredentials("audit", region="eu-north-1").get_credentials()
    async with DetectiveClient(region="eu-north-1", profile="audit") as client:
        transport = client._transport
        await transport.shared.default_credentials.get_credentials_for(transport)  # type: ignore[attr-defined]
    assert [request.region for request in cloud.requests] == ["eu-north-1"] * 3


@pytest.mark.usefixtures("role")
async def test_aws_region_is_the_region_of_sts(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Botocore itself does not read AWS_REGION."""
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    await DefaultCredentials("audit").get_credentials()
    assert [request.region for request in cloud.requests] == ["eu-north-1"]


@pytest.mark.usefixtures("role")
async def test_a_role_of_a_profile_from_moto(moto: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Moto's STS then identifies the keys as the role's."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", moto)
    keys = await DefaultCredentials("audit", region="eu-west-1").get_credentials()
    identity = await asyncio.to_thread(caller_arn, moto, keys)
    assert identity.startswith("arn:aws:sts::444455556666:assumed-role/Audit/botocore-session-")


@pytest.mark.usefixtures("home")
async def test_instance_metadata_from_moto(moto: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys of moto's instance metadata are found."""
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", moto)
    given = await DefaultCredentials().get_credentials()
    assert (given.access_key_id, given.secret_access_key) == ("test-key", "test-secret-key")
    assert given.session_token == "test-session-token"
    assert given.expires_at is not None

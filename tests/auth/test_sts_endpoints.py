"""The endpoint of STS, compared with botocore's endpoint rules and settings."""

import asyncio
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from support.botocore_endpoints import REGIONS, rules_of
from support.cloud import ROLE, Cloud

from detective_async import AssumeRole, ConfigurationError, Credentials, DetectiveClient
from detective_async.api.sts import STS
from detective_async.settings.endpoints import resolve_sts

RULES = rules_of("sts")
KEYS = Credentials("a", "b")


@pytest.mark.parametrize("use_fips", [False, True])
@pytest.mark.parametrize("use_dualstack", [False, True])
def test_endpoints_are_the_same_as_botocores(use_fips: bool, use_dualstack: bool) -> None:
    """All regions of all partitions, and regions that do not exist yet, with each flag; never the global endpoint."""
    assert len(REGIONS) > 30
    # A flag that is off is left out, which is the default.
    flags: dict[str, Any] = {
        name: True for name, on in (("use_fips", use_fips), ("use_dualstack", use_dualstack)) if on
    }
    for region in REGIONS:
        expected = RULES.resolve_endpoint(
            Region=region, UseFIPS=use_fips, UseDualStack=use_dualstack, UseGlobalEndpoint=False
        ).url
        endpoint = resolve_sts(region, **flags)
        assert endpoint.url == expected == f"https://{endpoint.host}"
        assert (endpoint.region, endpoint.path) == (region, "")


_SERVICES = "[default]\nservices = mine\n[services mine]\nsts =\n  endpoint_url = http://sts.services.example\n"
SETTINGS: dict[str, tuple[dict[str, str], str]] = {
    "nothing": ({}, ""),
    "AWS_ENDPOINT_URL_STS": ({"AWS_ENDPOINT_URL_STS": "http://sts.example:4580"}, _SERVICES),
    "AWS_ENDPOINT_URL": ({"AWS_ENDPOINT_URL": "http://all.example"}, _SERVICES),
    "both": ({"AWS_ENDPOINT_URL": "http://all.example", "AWS_ENDPOINT_URL_STS": "http://sts.example"}, ""),
    "another service's": ({"AWS_ENDPOINT_URL_DETECTIVE": "http://detective.example"}, ""),
    "services": ({}, _SERVICES),
    "another service of the services": ({}, _SERVICES.replace("sts =", "detective =")),
    "the profile's": ({}, "[default]\nendpoint_url = http://profile.example\n"),
    "services take precedence over the profile": (
        {},
        _SERVICES.replace("mine\n[", "mine\nendpoint_url = http://p.example\n["),
    ),
    "ignored": ({"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true", "AWS_ENDPOINT_URL_STS": "http://sts.example"}, ""),
    "FIPS": ({"AWS_USE_FIPS_ENDPOINT": "true"}, ""),
    "dual stack": ({"AWS_USE_DUALSTACK_ENDPOINT": "true"}, ""),
    "FIPS of the profile": ({}, "[default]\nuse_fips_endpoint = true\nuse_dualstack_endpoint = true\n"),
}


@pytest.mark.parametrize("setting", SETTINGS)
async def test_settings_are_read_as_botocore_reads_them(
    setting: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client uses the same STS endpoint as botocore's client of STS."""
    environ, config = SETTINGS[setting]
    (tmp_path / "config").write_text(config)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    def resolve_by_botocore() -> str:
        client = botocore.session.Session().create_client("sts", region_name="eu-west-1")
        client.close()
        return str(client.meta.endpoint_url)

    expected = await asyncio.to_thread(resolve_by_botocore)
    async with DetectiveClient(region="eu-west-1", credentials=KEYS) as client:
        assert client._transport.shared.resolve(STS, "eu-west-1").url == expected


async def test_the_roles_endpoint_url_takes_precedence(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """An `endpoint_url` argument of a role overrides the environment."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")
    role = AssumeRole(ROLE, source=KEYS, region="eu-west-1", endpoint_url=cloud.url)
    await role.get_credentials()
    assert len(cloud.requests) == 1


@pytest.mark.parametrize(
    ("endpoint_url", "expected"),
    [
        ("http://127.0.0.1:4580", "http://127.0.0.1:4580"),
        ("http://127.8.9.1/prefix/", "http://127.8.9.1/prefix"),
        ("http://localhost:4580", "http://localhost:4580"),
        ("http://[::1]:4580", "http://[::1]:4580"),
        ("https://vpce-1.example.com", "https://sts.eu-west-1.amazonaws.com"),
        ("http://127.example.com", "https://sts.eu-west-1.amazonaws.com"),
    ],
)
async def test_a_loopback_endpoint_is_used_for_sts(
    endpoint_url: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a loopback endpoint URL of a client is used for STS, too; a setting for STS takes precedence."""
    async with DetectiveClient(region="eu-west-1", credentials=KEYS, endpoint_url=endpoint_url) as client:
        assert client._transport.shared.resolve(STS, "eu-west-1").url == expected
        assert client.with_options(region="us-east-1")._transport.shared.resolve(STS, "us-east-1").region == "us-east-1"
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://sts.example")
    async with DetectiveClient(region="eu-west-1", credentials=KEYS, endpoint_url=endpoint_url) as client:
        assert client._transport.shared.resolve(STS, "eu-west-1").url == "http://sts.example"


def test_a_malformed_endpoint_url() -> None:
    """The constructor raises; the error says what is wrong, without the password in the URL."""
    with pytest.raises(ConfigurationError, match="the endpoint URL must not contain a user") as caught:
        AssumeRole(ROLE, source=KEYS, region="eu-west-1", endpoint_url="http://me:hunter2@sts.example")
    assert "hunter2" not in str(caught.value)

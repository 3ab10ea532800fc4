"""Fixtures for the tests of credentials."""

from collections.abc import Iterator
from pathlib import Path

import botocore.credentials
import botocore.tokens
import pytest
from botocore.utils import ContainerMetadataFetcher
from moto.moto_server.threaded_moto_server import ThreadedMotoServer
from support.cloud import Cloud, running


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with running() as cloud:
        yield cloud


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    """The URL of a moto server."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()
    # moto does not close the socket, which would cause a ResourceWarning.
    if server._server is not None:
        server._server.server_close()


@pytest.fixture
def home(tmp_path: Path, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory, in an environment where all endpoints are the fake cloud, and failures take no time."""
    (tmp_path / ".aws/sso/cache").mkdir(parents=True)
    for name, value in {
        "HOME": str(tmp_path),
        "AWS_CONFIG_FILE": str(tmp_path / ".aws/config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / ".aws/credentials"),
        "AWS_ENDPOINT_URL_STS": cloud.url,
        "AWS_ENDPOINT_URL_SSO": cloud.url,
        "AWS_ENDPOINT_URL_SSO_OIDC": cloud.url,
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": cloud.url,
        "AWS_MAX_ATTEMPTS": "1",
        "BOTO_CONFIG": str(tmp_path / "no-such-file"),
    }.items():
        monkeypatch.setenv(name, value)
    for provider in (botocore.credentials.SSOProvider, botocore.tokens.SSOTokenProvider):
        # botocore determines it when it is imported.
        name = "_SSO_TOKEN_CACHE_DIR"
        assert hasattr(provider, name)
        monkeypatch.setattr(provider, name, str(tmp_path / ".aws/sso/cache"))
    monkeypatch.setattr(ContainerMetadataFetcher, "SLEEP_TIME", 0)
    return tmp_path

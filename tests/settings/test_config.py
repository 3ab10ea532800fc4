"""Settings from the environment and the shared files, compared with botocore's."""

from collections.abc import Callable
from pathlib import Path

import botocore.session
import pytest
from botocore import configprovider

from detective_async import ConfigurationError, DetectiveClient, RetryPolicy, StaticCredentials
from detective_async.settings.config import read_settings

KEYS = StaticCredentials("key", "secret")
CONFIG = """
[default]
region = eu-west-1
max_attempts = 7

[profile work]
region = eu-west-2
use_fips_endpoint = true

[profile "two words"]
region = eu-west-3
use_dualstack_endpoint = TRUE

[profile local]
region = eu-north-1
endpoint_url = http://localhost:1
services = mine

[services mine]
detective =
  endpoint_url = http://localhost:2
s3 =
  endpoint_url = http://localhost:3

[profile ignoring]
region = eu-north-1
endpoint_url = http://localhost:1
ignore_configured_endpoint_urls = true
"""
CREDENTIALS = """
[work]
aws_access_key_id = x
region = eu-south-1
[only-keys]
aws_access_key_id = x
region = eu-south-2
"""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    def write(config: str, credentials: str = "") -> None:
        (tmp_path / "config").write_text(config)
        (tmp_path / "credentials").write_text(credentials)
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))

    write(CONFIG, CREDENTIALS)
    return write


@pytest.mark.parametrize("profile", [None, "default", "work", "two words", "local", "only-keys"])
@pytest.mark.usefixtures("files")
def test_regions_and_flags_are_the_same_as_botocores(profile: str | None) -> None:
    """For each profile of a file that has all settings."""
    session = botocore.session.Session(profile=profile)
    settings = read_settings(profile)
    assert settings.region == session.get_config_variable("region")
    assert settings.use_fips == session.get_config_variable("use_fips_endpoint")
    assert settings.use_dualstack == session.get_config_variable("use_dualstack_endpoint")
    expected = session.get_config_variable("max_attempts")
    assert settings.max_attempts == (None if expected is None else int(expected))


@pytest.mark.parametrize("profile", ["default", "local", "ignoring"])
@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"AWS_ENDPOINT_URL": "http://localhost:4"},
        {"AWS_ENDPOINT_URL_DETECTIVE": "http://localhost:5"},
        {"AWS_ENDPOINT_URL": "http://localhost:4", "AWS_ENDPOINT_URL_DETECTIVE": "http://localhost:5"},
        {"AWS_ENDPOINT_URL": "http://localhost:4", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
    ],
)
@pytest.mark.usefixtures("files")
def test_endpoint_urls_are_the_same_as_botocores(
    profile: str, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Environment, services section and profile take precedence in botocore's order."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    client = botocore.session.Session(profile=profile).create_client(
        "detective", aws_access_key_id="x", aws_secret_access_key="x"
    )
    with_custom_url = client.meta.endpoint_url if "localhost" in client.meta.endpoint_url else None
    client.close()
    assert read_settings(profile).endpoint_url == with_custom_url


@pytest.mark.usefixtures("files")
def test_the_environment_takes_precedence_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """All variables are read, and arguments take precedence over them."""
    assert read_settings().region == "eu-west-1"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    assert read_settings().region == "us-east-1"
    monkeypatch.setenv("AWS_REGION", "us-east-2")
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", "true")
    monkeypatch.setenv("AWS_USE_DUALSTACK_ENDPOINT", "true")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "9")
    client = DetectiveClient(credentials=KEYS)
    assert client.region == "us-east-2"
    assert client.endpoint_url == "https://detective-fips.us-east-2.api.aws"
    assert client._transport.max_attempts == 9
    client = DetectiveClient(
        region="eu-west-3",
        credentials=KEYS,
        use_fips=False,
        use_dualstack=False,
        retry=RetryPolicy(max_attempts=2),
    )
    assert client.endpoint_url == "https://api.detective.eu-west-3.amazonaws.com"
    assert client._transport.max_attempts == 2
    monkeypatch.setenv("AWS_PROFILE", "work")
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert DetectiveClient(credentials=KEYS, use_dualstack=False).region == "eu-south-1"
    assert DetectiveClient(credentials=KEYS, profile="two words").region == "eu-west-3"


def test_a_changed_file_is_read_again(files: Callable[[str, str], None]) -> None:
    """The cache depends on the file's time and size."""
    assert read_settings().region == "eu-west-1"
    files("[default]\nregion = ap-southeast-2\n", "")
    assert read_settings().region == "ap-southeast-2"


def test_the_error_without_a_region(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It lists the settings that can contain a region."""
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    with pytest.raises(ConfigurationError) as caught:
        DetectiveClient(credentials=KEYS)
    for place in ("region=", "AWS_REGION", "AWS_DEFAULT_REGION", "'default'", str(tmp_path / "config")):
        assert place in str(caught.value)


@pytest.mark.parametrize(
    ("config", "profile", "problem"),
    [
        ("[default]\nregion = x\n", "typo", "profile 'typo' is in neither"),
        ("[default]\nuse_fips_endpoint = yes\n", None, "use_fips_endpoint in profile 'default' must be true or false"),
        ("[default]\nmax_attempts = many\n", None, "must be a whole number of at least 1, got 'many'"),
        ("[default]\nretry_mode = never\n", None, "must be one of adaptive, legacy, standard, got 'never'"),
        ("[default]\nmax_attempts = 0\n", None, "must be a whole number of at least 1"),
        ("aws_secret_access_key = hunter2\n", None, "cannot be read as a shared config file"),
        ("[default\nhunter2\n", None, "cannot be read"),
    ],
)
def test_a_malformed_setting_is_named(
    config: str, profile: str | None, problem: str, files: Callable[[str], None]
) -> None:
    """The error names the source of the value, and never quotes a line of the file."""
    files(config)
    with pytest.raises(ConfigurationError, match=problem) as caught:
        DetectiveClient(region="eu-west-1", credentials=KEYS, profile=profile)
    assert "hunter2" not in str(caught.value)


def test_a_binary_file_is_malformed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It raises the same error as other malformed files."""
    (tmp_path / "config").write_bytes(b"\xff\xfe")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    with pytest.raises(ConfigurationError, match="UnicodeDecodeError"):
        read_settings()


def test_a_missing_home_directory_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user in a container may have no home directory."""

    def no_home(_: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("AWS_CONFIG_FILE")
    monkeypatch.setattr(Path, "expanduser", no_home)
    assert read_settings().region is None


@pytest.mark.parametrize(
    ("variable", "config", "policy", "adaptive"),
    [
        (None, "", RetryPolicy(), False),
        ("adaptive", "", RetryPolicy(), True),
        ("ADAPTIVE", "retry_mode = standard", RetryPolicy(), True),
        (None, "retry_mode = adaptive", RetryPolicy(), True),
        ("legacy", "retry_mode = adaptive", RetryPolicy(), False),
        ("adaptive", "", RetryPolicy(mode="standard"), False),
        ("standard", "", RetryPolicy(mode="adaptive"), True),
    ],
)
def test_the_retry_mode(  # noqa: PLR0917 - a table and two fixtures
    variable: str | None,
    config: str,
    policy: RetryPolicy,
    adaptive: bool,
    files: Callable[[str, str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The argument takes precedence over the variable, and that over the file; `legacy` means `standard`."""
    files(f"[default]\nregion = eu-west-1\n{config}\n", "")
    if variable:
        monkeypatch.setenv("AWS_RETRY_MODE", variable)
    client = DetectiveClient(credentials=KEYS, retry=policy)
    assert client._transport.adaptive is adaptive
    other = RetryPolicy(mode="standard" if adaptive else "adaptive")
    assert client.with_options(retry=other)._transport.adaptive is not adaptive


@pytest.mark.parametrize("text", [None, "true", "TRUE", "false", "", "1", " true"])
def test_the_new_retry_schedule(text: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable is read as botocore reads it, whatever its default is."""
    monkeypatch.delenv("AWS_NEW_RETRIES_2026", raising=False)
    if text is not None:
        monkeypatch.setenv("AWS_NEW_RETRIES_2026", text)
    assert read_settings().new_retries is (None if text is None else configprovider._resolve_new_retries())
    policy = RetryPolicy(max_attempts=3)
    client = DetectiveClient(region="eu-west-1", credentials=KEYS, retry=policy)
    slow = text is not None and not configprovider._resolve_new_retries()
    assert client._transport.schedule.transient_backoff == (1.0 if slow else 0.05)
    assert client.with_options(region="us-east-1")._transport.schedule == client._transport.schedule


def test_the_ca_bundle(files: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable takes precedence over the file."""
    assert read_settings().ca_bundle is None
    files("[default]\nca_bundle = /in/the/file.pem\n", "")
    assert read_settings().ca_bundle == "/in/the/file.pem"
    monkeypatch.setenv("AWS_CA_BUNDLE", "/in/the/environment.pem")
    assert read_settings().ca_bundle == "/in/the/environment.pem"

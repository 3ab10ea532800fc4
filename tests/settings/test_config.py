"""Settings from the environment and the shared files, compared with botocore's."""

from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import botocore.exceptions
import botocore.session
import pytest
from botocore import configprovider
from botocore.configprovider import ConfiguredEndpointProvider
from botocore.endpoint import EndpointCreator

from detective_async import (
    AssumeRole,
    AssumeRoleError,
    ConfigurationError,
    DetectiveClient,
    RetryPolicy,
    StaticCredentials,
)
from detective_async.api.sts import STS
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


SECTIONS = (
    "[default]\nregion = eu-west-1\nmax_attempts = 7\n",
    "[profile default]\nregion = us-east-1\nuse_fips_endpoint = true\n",
    '[profile "default"]\nmax_attempts = 5\n',
)


@pytest.mark.parametrize(
    "credentials", ["", "[default]\nregion = ca-central-1\n", "[profile default]\nregion = x-y-1\n"]
)
@pytest.mark.parametrize(
    "sections",
    [*permutations(SECTIONS, 2), *permutations(SECTIONS)],
    ids=lambda found: "".join(found).replace("\n", " "),
)
@pytest.mark.parametrize("profile", [None, "default"])
def test_of_several_sections_of_one_profile_the_last_counts(
    files: Callable[[str, str], None], profile: str | None, sections: tuple[str, ...], credentials: str
) -> None:
    """Nothing of the others is merged into it, as in botocore; what the credentials file has is."""
    files("".join(sections), credentials)
    reference = botocore.session.Session(profile=profile).get_scoped_config()
    settings = read_settings(profile)
    assert (settings.region, settings.use_fips and "true") == (
        reference.get("region"),
        reference.get("use_fips_endpoint"),
    )
    assert str(settings.max_attempts) == reference.get("max_attempts", "None")


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
    assert read_settings(profile).endpoint_urls.find("detective") == with_custom_url


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
        ("[default]\nretry_mode = " + "9" * 5000, None, "must be one of adaptive, legacy, standard, got a str"),
        ("[default]\nuse_fips_endpoint = " + "9" * 5000, None, "must be true or false, got a str"),
        ("[default]\n", "x" * 5000, r"profile 'x{300} \[\.\.\.\]' is in neither"),
        (f"[default]\nmax_attempts = {'9' * 5000}\n", None, "must be a whole number of at least 1, got a str"),
        ("aws_secret_access_key = hunter2\n", None, "cannot be read as a shared config file"),
        ("[default\nhunter2\n", None, "cannot be read"),
        # The rest is not read.
        ("[default]\n" + " hunter2\n" * 9, None, r"\(line 2 is neither a section nor of the form NAME = VALUE\)"),
        ("[default]\n" + "=\n" * 9, None, r"\(line 2 is neither"),
        ("[default]\nhunter2 = 1\nHUNTER2: 2", None, r"\(line 3 sets a key that is set already\)"),
        ("[default]\n# x\n\n[default]", None, r"\(line 4 begins a section that is there already\)"),
        ("[a]\ns3 =\n  hunter2\n", None, r"\(line 3 is below a key without a value, and is not of the form"),
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
    """AWS's variable takes precedence over the file, and that over the variable of requests, as in botocore."""
    assert read_settings().ca_bundle is None
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/of/requests.pem")
    for expected in ("/of/requests.pem", "~/in/the/$FILE.pem", "/in/the/environment.pem"):
        if "FILE" in expected:
            files(f"[default]\nca_bundle = {expected}\n", "")
        elif "environment" in expected:
            monkeypatch.setenv("AWS_CA_BUNDLE", expected)
        assert read_settings().ca_bundle == expected
        verify = EndpointCreator(None)._get_verify_value(botocore.session.Session().get_config_variable("ca_bundle"))
        assert verify == expected


@pytest.mark.parametrize("name", ["config", "credentials"])
@pytest.mark.parametrize("form", ["$FOLDER/{}", "${{FOLDER}}/{}", "~/{}", "$TILDE/{}", "$UNKNOWN/{}", "~nobody/{}"])
@pytest.mark.usefixtures("files")
def test_paths_are_expanded_as_by_botocore(
    name: str, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Variables first, then the home directory."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("FOLDER", str(tmp_path))
    monkeypatch.setenv("TILDE", "~")
    variable = {"config": "AWS_CONFIG_FILE", "credentials": "AWS_SHARED_CREDENTIALS_FILE"}[name]
    nowhere = str(tmp_path / "nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", nowhere)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", nowhere)
    monkeypatch.setenv(variable, form.format(name))
    profile = {"config": "default", "credentials": "work"}[name]
    found = read_settings(profile) if "UNKNOWN" not in form and "nobody" not in form else None
    if found is None:
        with pytest.raises(ConfigurationError, match="is in neither"):
            read_settings(profile)
        with pytest.raises(botocore.exceptions.ProfileNotFound):
            botocore.session.Session(profile=profile).get_config_variable("region")
    else:
        assert found.region == botocore.session.Session(profile=profile).get_config_variable("region")
        assert found.region is not None


SERVICES = {
    "no section": "services = typo",
    "an empty section": "services = empty\n[services empty]",
    "no name": "services =",
    "and a URL": "services = typo\nendpoint_url = http://localhost:1",
    "a section for another service": "services = s3\n[services s3]\ns3 =\n  endpoint_url = http://localhost:3",
    "a URL on the service's own line": "services = a\n[services a]\ndetective = http://me:hunter2@a:1\nsts = http://a:1",
    "nothing below the service": "services = a\nendpoint_url = http://localhost:1\n[services a]\ndetective =\nsts =",
    "other settings below it": "services = a\n[services a]\ndetective =\n  x = http://localhost:3\nsts =\n  x = 1",
    "no URL below it": "services = a\nendpoint_url = http://localhost:1\n[services a]\ndetective =\n  endpoint_url =",
    "switched off": "services = typo\nignore_configured_endpoint_urls = true",
}


@pytest.mark.parametrize("profile", SERVICES)
@pytest.mark.parametrize(
    "environ",
    [{}, {"AWS_ENDPOINT_URL": "http://localhost:4"}, {"AWS_ENDPOINT_URL_DETECTIVE": "http://localhost:5"}],
    ids=str,
)
@pytest.mark.parametrize("service", ["detective", "sts"])
def test_a_missing_section_of_services(
    profile: str, environ: dict[str, str], service: str, files: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is refused where botocore refuses it, rather than that requests go to AWS."""
    files(f"[default]\nregion = eu-west-1\n{SERVICES[profile]}\n")
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    settings, session = read_settings(), botocore.session.Session()
    provider = ConfiguredEndpointProvider(session.full_config, session.get_scoped_config(), service)
    if session.get_config_variable("ignore_configured_endpoint_urls"):
        assert settings.endpoint_urls.find(service) is None
        return
    try:
        expected = provider.provide()
    except (botocore.exceptions.InvalidConfigError, AttributeError) as error:
        # botocore takes a value on the service's own line for settings, and fails.
        on_own_line = (
            f"^{service} in section .services a. of .* must have nothing on its own line, and indented settings"
        )
        missing = r"^services in profile 'default' is '\w*', but .* has no section"
        with pytest.raises(
            ConfigurationError, match=on_own_line if isinstance(error, AttributeError) else missing
        ) as caught:
            settings.endpoint_urls.find(service)
        assert "hunter2" not in str(caught.value)
        # Not the profile's own URL either, if there is one.
        assert settings.endpoint_urls.find(service, "http://localhost:8") == "http://localhost:8"
        if service == "detective":
            with pytest.raises(ConfigurationError, match="services"):
                DetectiveClient(credentials=KEYS)
            assert DetectiveClient(credentials=KEYS, endpoint_url="http://localhost:9").region == "eu-west-1"
    else:
        assert settings.endpoint_urls.find(service) == expected
        assert settings.endpoint_urls.find(service, "http://localhost:8") == (expected or "http://localhost:8")


async def test_a_missing_section_of_services_and_roles(files: Callable[[str], None]) -> None:
    """A role is not assumed at AWS's STS either; a simulator on this machine is one."""
    files("[default]\nregion = eu-west-1\nservices = typo\n")
    role = AssumeRole("arn:aws:iam::111122223333:role/Audit", source=KEYS)
    async with DetectiveClient(credentials=role, endpoint_url="https://detective.example.com") as client:
        with pytest.raises(AssumeRoleError, match="services in profile 'default' is 'typo'"):
            await client.list_graphs()
    async with DetectiveClient(credentials=role, endpoint_url="http://localhost:9") as client:
        assert client._transport.shared.resolve(STS, "eu-west-1").url == "http://localhost:9"

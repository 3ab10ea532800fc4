"""Reads the settings of the environment and the shared config file, for arguments that were not given."""

import os
from collections.abc import Mapping
from functools import lru_cache
from os.path import expandvars
from pathlib import Path
from typing import NamedTuple

from detective_async.errors import ConfigurationError
from detective_async.settings.arguments import check_kind, cut, shown
from detective_async.settings.endpoint_urls import EndpointUrls
from detective_async.settings.shared_file import Section, SharedFileError, parse_shared_file

_MOST_DIGITS = 18
_BOOLEANS = {"true": True, "false": False}
# `legacy`, the SDKs' first mode, is not implemented; `standard` corrects its faults.
_RETRY_MODES = {"adaptive": "adaptive", "legacy": "standard", "standard": "standard"}


class Settings(NamedTuple):
    """The settings that were found; None for those that were not.

    Attributes:
        region: the region to call.
        endpoint_urls: the URLs to use instead of the region's own.
        use_fips: whether to use FIPS endpoints.
        use_dualstack: whether to use endpoints that have IPv6 addresses too.
        max_attempts: the maximum number of attempts of a call.
        retry_mode: the retry mode.
        new_retries: whether to use the retry schedule that the SDKs have since 2026.
        ca_bundle: a file with the certificates of trusted authorities.
        app_id: the name of the application, for the user agent.
        in_lambda: whether the program runs in an AWS Lambda function.
    """

    region: str | None = None
    endpoint_urls: EndpointUrls = EndpointUrls()
    use_fips: bool | None = None
    use_dualstack: bool | None = None
    max_attempts: int | None = None
    retry_mode: str | None = None
    new_retries: bool | None = None
    ca_bundle: str | None = None
    app_id: str | None = None
    in_lambda: bool = False


def read_settings(profile: str | None = None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings from the same places as the AWS SDKs: the environment, then the profile in the shared files.

    Args:
        profile: the profile's name; None reads `AWS_PROFILE`, then uses `default`.
        environ: the environment variables.

    Raises:
        ConfigurationError: the profile does not exist, or a file or a value is malformed.
    """
    if profile is not None:
        check_kind(profile, str, "profile", "the name of a profile")
    sections = _profile_sections(profile, environ)
    return Settings(
        region=_first(environ, "AWS_REGION", "AWS_DEFAULT_REGION") or sections.profile.get("region") or None,
        endpoint_urls=_endpoint_urls(sections, environ),
        use_fips=_boolean("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint", sections, environ),
        use_dualstack=_boolean("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint", sections, environ),
        max_attempts=_max_attempts(sections, environ),
        retry_mode=_retry_mode(sections, environ),
        new_retries=_new_retries(environ),
        ca_bundle=_setting("AWS_CA_BUNDLE", "ca_bundle", sections, environ)[1] or _first(environ, "REQUESTS_CA_BUNDLE"),
        app_id=_setting("AWS_SDK_UA_APP_ID", "sdk_ua_app_id", sections, environ)[1],
        in_lambda="AWS_LAMBDA_FUNCTION_NAME" in environ,
    )


def region_sources(profile: str | None = None, environ: Mapping[str, str] = os.environ) -> str:
    """List the settings that may contain the region, for the error if none of them does."""
    name = profile or _first(environ, "AWS_PROFILE", "AWS_DEFAULT_PROFILE") or "default"
    return f"region=..., AWS_REGION, AWS_DEFAULT_REGION, or region in profile {cut(name)!r} of {_config_file(environ)}"


class _Sections(NamedTuple):
    """The sections of the shared files that one profile uses."""

    name: str
    profile: Mapping[str, str]
    #: The lines below each service's name, in the section that the profile's `services` names.
    services: Mapping[str, str]


def _profile_sections(profile: str | None, environ: Mapping[str, str]) -> _Sections:
    requested = profile or _first(environ, "AWS_PROFILE", "AWS_DEFAULT_PROFILE")
    name = requested or "default"
    config = _read(_config_path(environ))
    credentials = _read(_path(environ, "AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"))
    headers = {f"profile {name}", "default"} if name == "default" else {f"profile {name}"}
    # Of several sections of one profile, the last one counts, and nothing of the others.
    found = [section for header, section in config.items() if header in headers][-1:]
    if name in credentials:
        found.append(credentials[name])
    if requested and not found:
        raise ConfigurationError(f"profile {cut(requested)!r} is in neither the shared config nor the credentials file")
    merged: dict[str, str] = {}
    for section in found:
        merged.update(section)
    return _Sections(name, merged, config.get(f"services {merged.get('services', '')}", {}))


def _config_path(environ: Mapping[str, str]) -> Path:
    return _path(environ, "AWS_CONFIG_FILE", "~/.aws/config")


def _config_file(environ: Mapping[str, str]) -> str:
    return cut(str(_config_path(environ)))


def _path(environ: Mapping[str, str], variable: str, default: str) -> Path:
    path = Path(expandvars(environ.get(variable) or default))
    try:
        return path.expanduser()
    except RuntimeError:
        # No home directory, so the file does not exist either.
        return path


def _read(path: Path) -> Mapping[str, Section]:
    """Read one of the shared files; a missing file counts as empty, as in the AWS CLI."""
    try:
        stat = path.stat()
    except OSError:
        return {}
    return _parse(path, stat.st_mtime_ns, stat.st_size)


# A program may create a client for each of many accounts: parse a file again only if it has changed.
@lru_cache(maxsize=8)
def _parse(path: Path, _mtime_ns: int, _size: int) -> Mapping[str, Section]:
    try:
        return parse_shared_file(path.read_text(encoding="utf-8"))
    except SharedFileError as error:
        problem = str(error)
    except (OSError, UnicodeDecodeError) as error:
        # Not its message, which may quote the file.
        problem = type(error).__name__
    # Raised outside the handler, so that a traceback does not show the file's text.
    raise ConfigurationError(f"{cut(str(path))} cannot be read as a shared config file ({problem})")


def _endpoint_urls(sections: _Sections, environ: Mapping[str, str]) -> EndpointUrls:
    if _boolean("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls", sections, environ):
        return EndpointUrls()
    variables = {name: value for name, value in environ.items() if name.startswith("AWS_ENDPOINT_URL")}
    return EndpointUrls(variables, sections.profile, sections.services, sections.name, _config_file(environ))


def _boolean(variable: str, key: str, sections: _Sections, environ: Mapping[str, str]) -> bool | None:
    source, text = _setting(variable, key, sections, environ)
    if text is None:
        return None
    if text.lower() not in _BOOLEANS:
        raise ConfigurationError(f"{source} must be true or false, got {shown(text)}")
    return _BOOLEANS[text.lower()]


def _max_attempts(sections: _Sections, environ: Mapping[str, str]) -> int | None:
    source, text = _setting("AWS_MAX_ATTEMPTS", "max_attempts", sections, environ)
    if text is None:
        return None
    # Python reads no whole number of more than 4,300 digits.
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS and int(text) >= 1):
        raise ConfigurationError(f"{source} must be a whole number of at least 1, got {shown(text)}")
    return int(text)


def _retry_mode(sections: _Sections, environ: Mapping[str, str]) -> str | None:
    source, text = _setting("AWS_RETRY_MODE", "retry_mode", sections, environ)
    if text is None:
        return None
    if text.lower() not in _RETRY_MODES:
        raise ConfigurationError(f"{source} must be one of {', '.join(sorted(_RETRY_MODES))}, got {shown(text)}")
    return _RETRY_MODES[text.lower()]


def _new_retries(environ: Mapping[str, str]) -> bool | None:
    # As botocore reads it: everything but "true" is false, the empty text too, and there is no key in the files.
    text = environ.get("AWS_NEW_RETRIES_2026")
    return None if text is None else text.lower() == "true"


def _setting(variable: str, key: str, sections: _Sections, environ: Mapping[str, str]) -> tuple[str, str | None]:
    """Return where a setting comes from, for messages, and its value."""
    if environ.get(variable):
        return variable, environ[variable].strip()
    return f"{key} in profile {cut(sections.name)!r}", sections.profile.get(key) or None


def _first(environ: Mapping[str, str], *variables: str) -> str | None:
    return next((environ[variable] for variable in variables if environ.get(variable)), None)

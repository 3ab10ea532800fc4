"""How requests say where they come from: the user agent, and the trace of a Lambda function."""

import logging
import os
import platform
from urllib.parse import quote

import aiohttp

from detective_async._version import __version__
from detective_async.errors import ConfigurationError
from detective_async.settings.arguments import shown
from detective_async.settings.expressions import expression

_logger = logging.getLogger("detective_async")

USER_AGENT = f"detective-async/{__version__} python/{platform.python_version()} aiohttp/{aiohttp.__version__}"
#: AWS's limit for the name of an application, of which botocore warns too.
_MAX_APP_ID = 50
_NOT_IN_APP_ID = expression(r"[^A-Za-z0-9!$%&'*+\-.^_`|~,#]")
_SUFFIX = expression(r"[!-~]([ -~]*[!-~])?")


def user_agent(app_id: str | None, suffix: str | None) -> str:
    """Give the header `User-Agent`.

    Args:
        app_id: the application's name in the settings; like botocore, replaces what may not be in it by `-`.
        suffix: what the user adds.

    Raises:
        ConfigurationError: the suffix is not printable ASCII.
    """
    parts = [USER_AGENT]
    if app_id:
        if len(app_id) > _MAX_APP_ID:
            _logger.warning(
                "the name of the application (AWS_SDK_UA_APP_ID, or sdk_ua_app_id of the profile) is longer than %d "
                "characters",
                _MAX_APP_ID,
            )
        parts.append(f"app/{_NOT_IN_APP_ID.sub('-', app_id)}")
    if suffix is not None:
        if not isinstance(suffix, str) or not _SUFFIX.fullmatch(suffix):
            raise ConfigurationError(
                f"user_agent_suffix: expected printable ASCII without a space at either end, got {shown(suffix)}"
            )
        parts.append(suffix)
    return " ".join(parts)


def lambda_trace() -> str | None:
    """Give the trace id of the Lambda invocation that runs now, percent-encoded as botocore does; None without one."""
    trace = os.environ.get("_X_AMZN_TRACE_ID")
    return quote(trace, safe="-=;:+&[]{}\"',", errors="surrogateescape") if trace else None

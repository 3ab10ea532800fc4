"""The environment variables that point an AWS client to a simulator."""

import os
from urllib.parse import urlsplit

from detective_async.auth.credentials import Credentials

#: What botocore, the AWS SDK for JavaScript and Terraform read, and what would change the outcome of calls: that which
#: leads to other credentials or describes them, or to another endpoint; which changes retries, timeouts or the handling
#: of clock skews. Left are: sources of credentials that come after keys in the environment; what is only for other
#: services, for HTTPS, or for the User-Agent; `AWS_DATA_PATH`, for own models; and what belongs to a configuration of
#: Terraform (`TF_VAR_*`, default tags).
CONFLICTING = (
    "AWS_ACCOUNT_ID",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_DEFAULTS_MODE",
    "AWS_DEFAULT_PROFILE",
    "AWS_DISABLE_CLOCK_SKEW_CORRECTION",
    "AWS_ENABLE_DEFAULT_SOCKET_TIMEOUT_2026",
    "AWS_ENDPOINT_URL",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_MAX_ATTEMPTS",
    "AWS_NEW_RETRIES_2026",
    "AWS_PROFILE",
    "AWS_RETRY_MODE",
    "AWS_SECURITY_TOKEN",
    "AWS_SESSION_TOKEN",
    "AWS_STS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
    "SMITHY_NEW_RETRIES_2026",
    "TF_AWS_STS_ENDPOINT",
)


def variables(url: str, credentials: Credentials, region: str) -> dict[str, str]:
    """Return the variables to set, by name."""
    upper, lower = os.environ.get("NO_PROXY"), os.environ.get("no_proxy")
    # Both are set, and clients differ in which one they prefer: it must not lose the hosts of the only one there was.
    excluded = {
        "NO_PROXY": _without_proxy(upper if upper is not None else lower or "", url),
        "no_proxy": _without_proxy(lower if lower is not None else upper or "", url),
    }
    return {
        "AWS_ENDPOINT_URL_DETECTIVE": url,
        "AWS_ENDPOINT_URL_ORGANIZATIONS": url,
        "AWS_ENDPOINT_URL_STS": url,
        "AWS_REGION": region,
        # boto3 reads only this one.
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
        **excluded,
    }


def _without_proxy(excluded: str, url: str) -> str:
    """Return the hosts that are reached without a proxy, with that of the simulator among them."""
    if excluded.strip() == "*":
        # All hosts, but only if it stands alone.
        return excluded
    host = urlsplit(url).hostname or ""
    # Some clients compare with the brackets, and some without.
    return ",".join(filter(None, (excluded, host, f"[{host}]" if ":" in host else "")))

"""The environment variables that point an AWS client to a simulator."""

import os
from urllib.parse import urlsplit

from detective_async.auth.credentials import Credentials

#: Variables that would point a client to another endpoint or to other credentials, or describe the latter.
CONFLICTING = (
    "AWS_ACCOUNT_ID",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_DEFAULT_PROFILE",
    "AWS_ENDPOINT_URL",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_PROFILE",
    "AWS_SECURITY_TOKEN",
    "AWS_SESSION_TOKEN",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
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

"""The environment variables that point an AWS client at a simulator."""

from detective_async.auth import Credentials

#: What would lead a client elsewhere, or make it sign with something else.
DISTURBING = (
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
    return {
        "AWS_ENDPOINT_URL_DETECTIVE": url,
        "AWS_ENDPOINT_URL_STS": url,
        "AWS_REGION": region,
        # The one that boto3 reads.
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
    }

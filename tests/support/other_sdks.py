"""Calls by boto3."""

from typing import Any

import boto3

from detective_async import Credentials


def sts_client(url: str, keys: Credentials, region: str = "eu-west-1") -> Any:
    """Create boto3's client of an STS."""
    return boto3.Session().client(
        "sts",
        region_name=region,
        endpoint_url=url,
        aws_access_key_id=keys.access_key_id,
        aws_secret_access_key=keys.secret_access_key,
        aws_session_token=keys.session_token,
    )


def caller_arn(url: str, keys: Credentials) -> str:
    """Return the ARN that an STS has for keys."""
    client = sts_client(url, keys)
    try:
        return str(client.get_caller_identity()["Arn"])
    finally:
        client.close()

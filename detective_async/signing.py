"""Signature version 4: the canonical forms and the key are aws-requests-auth's, the time is the caller's."""

import hmac
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256

from attrs import frozen
from aws_requests_auth.aws_auth import AWSRequestsAuth, getSignatureKey

from detective_async.credentials import Credentials

_ALGORITHM = "AWS4-HMAC-SHA256"


@frozen
class _Signable:
    """What aws-requests-auth reads of a request."""

    url: str


def sign(
    *,
    method: str,
    host: str,
    path: str,
    query: str,
    body: bytes | None,
    region: str,
    service: str,
    credentials: Credentials,
    time: float,
) -> dict[str, str]:
    """Give the headers that prove who sends a request.

    Args:
        method: the HTTP method, in capitals.
        host: the Host header as it will be sent.
        path: percent-encoded, as it will be sent.
        query: percent-encoded, as it will be sent.
        body: as it will be sent; None for none.
        region: which region's service is addressed.
        service: by which name that service goes.
        credentials: whose name to sign in.
        time: seconds since the epoch.
    """
    now = datetime.fromtimestamp(time, UTC)
    timestamp = now.strftime("%Y%m%dT%H%M%SZ")
    date = timestamp[:8]
    headers = {"host": host, "x-amz-date": timestamp}
    if credentials.session_token:
        headers["x-amz-security-token"] = credentials.session_token
    signed_headers = ";".join(sorted(headers))
    signable = _Signable(f"https://{host}{path}?{query}")
    canonical_request = "\n".join(
        (
            method,
            AWSRequestsAuth.get_canonical_path(signable),
            AWSRequestsAuth.get_canonical_querystring(signable),
            *(f"{name}:{headers[name]}" for name in sorted(headers)),
            "",
            signed_headers,
            sha256(body or b"").hexdigest(),
        )
    )
    scope = f"{date}/{region}/{service}/aws4_request"
    to_sign = f"{_ALGORITHM}\n{timestamp}\n{scope}\n{sha256(canonical_request.encode()).hexdigest()}"
    key = _signing_key(credentials.secret_access_key, date, region, service)
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    del headers["host"]
    headers["Authorization"] = (
        f"{_ALGORITHM} Credential={credentials.access_key_id}/{scope}, "
        f"SignedHeaders={signed_headers}, Signature={signature}"
    )
    return headers


# Four HMACs that only change with the day: one key per secret and region is enough.
@lru_cache(maxsize=4096)
def _signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    key: bytes = getSignatureKey(secret, date, region, service)
    return key

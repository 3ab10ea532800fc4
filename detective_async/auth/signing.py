"""Signature version 4: the canonical forms and the key are aws-requests-auth's, the time is the caller's."""

import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256

from attrs import frozen

from detective_async.auth import Credentials
from detective_async.auth.aws_requests_auth import AWSRequestsAuth, signature_key

_ALGORITHM = "AWS4-HMAC-SHA256"
#: Headers that say what a request is or how it travels; AWS refuses those that begin with `x-amz-` where unsigned.
_RESERVED = re.compile(
    r"(x-amz-|amz-sdk-|proxy-).*|accept(-encoding)?|authorization|connection|content-.*|cookie|date|expect|host"
    r"|keep-alive|te|trailer|transfer-encoding|upgrade|user-agent"
)
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


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
    timestamp, date = _timestamp(int(time))
    keyed, scope = _key_and_scope(credentials.secret_access_key, date, region, service)
    token = credentials.session_token
    # In the order of their names.
    if token:
        signed_headers = "host;x-amz-date;x-amz-security-token"
        canonical_headers = f"host:{host}\nx-amz-date:{timestamp}\nx-amz-security-token:{token}\n"
    else:
        signed_headers = "host;x-amz-date"
        canonical_headers = f"host:{host}\nx-amz-date:{timestamp}\n"
    body_hash = sha256(body or b"").hexdigest()
    canonical_request = (
        f"{method}\n{_canonical_target(path, query)}\n{canonical_headers}\n{signed_headers}\n{body_hash}"
    )
    request_hash = sha256(canonical_request.encode()).hexdigest()
    signature = keyed.copy()
    signature.update(f"{_ALGORITHM}\n{timestamp}\n{scope}\n{request_hash}".encode())
    headers = {
        "x-amz-date": timestamp,
        "Authorization": (
            f"{_ALGORITHM} Credential={credentials.access_key_id}/{scope}, "
            f"SignedHeaders={signed_headers}, Signature={signature.hexdigest()}"
        ),
    }
    if token:
        headers["x-amz-security-token"] = token
    return headers


def unsigned(headers: Mapping[str, str]) -> dict[str, str]:
    """Give those headers that may go along with a signed request without being signed themselves."""
    return {
        name: value
        for name, value in headers.items()
        if isinstance(name, str)
        and isinstance(value, str)
        and _NAME.fullmatch(name)
        and not _RESERVED.fullmatch(name.lower())
        and value.isascii()
        and value.isprintable()
    }


# The same within a second.
@lru_cache(maxsize=16)
def _timestamp(seconds: int) -> tuple[str, str]:
    timestamp = datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%dT%H%M%SZ")
    return timestamp, timestamp[:8]


# Most operations have one path and no query.
@lru_cache(maxsize=256)
def _canonical_target(path: str, query: str) -> str:
    signable = _Signable(f"https://host{path}?{query}")
    return f"{AWSRequestsAuth.get_canonical_path(signable)}\n{AWSRequestsAuth.get_canonical_querystring(signable)}"


# Four HMACs that only change with the day: one key per secret and region is enough.
@lru_cache(maxsize=1024)
def _key_and_scope(secret: str, date: str, region: str, service: str) -> tuple[hmac.HMAC, str]:
    key = signature_key(secret, date, region, service)
    return hmac.new(key, digestmod="sha256"), f"{date}/{region}/{service}/aws4_request"

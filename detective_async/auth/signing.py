"""Signature Version 4: canonical forms and keys are from aws-requests-auth, the time is a parameter."""

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256

from detective_async.auth import Credentials
from detective_async.auth.aws_requests_auth import AWSRequestsAuth, signature_key
from detective_async.settings.expressions import expression

_ALGORITHM = "AWS4-HMAC-SHA256"
#: Headers that describe the request or its transport. AWS refuses unsigned headers that begin with `x-amz-`.
_RESERVED = expression(
    r"(x-amz-|amz-sdk-|proxy-).*|accept(-encoding)?|authorization|connection|content-.*|cookie|date|expect|host"
    r"|keep-alive|te|trailer|transfer-encoding|upgrade|user-agent"
)
_FRAMING = frozenset({"content-encoding", "content-length", "transfer-encoding"})
_NAME = expression(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


class _Signable:
    """The attribute of a request that aws-requests-auth reads."""

    def __init__(self, url: str) -> None:
        self.url = url


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
    target: str | None = None,
) -> dict[str, str]:
    """Return the headers that authenticate a request.

    Args:
        method: the HTTP method, in capitals.
        host: the Host header as it will be sent.
        path: percent-encoded, as it will be sent.
        query: percent-encoded, as it will be sent.
        body: as it will be sent; None for none.
        region: the region of the service.
        service: the service's name in signatures.
        credentials: the keys to sign with.
        time: seconds since the epoch.
        target: the header `X-Amz-Target`; None for none.
    """
    timestamp, date = _timestamp(int(time))
    keyed, scope = _key_and_scope(credentials.secret_access_key, date, region, service)
    token = credentials.session_token
    # The signature requires the headers in the order of their names.
    if token:
        signed_headers = "host;x-amz-date;x-amz-security-token"
        canonical_headers = f"host:{host}\nx-amz-date:{timestamp}\nx-amz-security-token:{token}\n"
    else:
        signed_headers = "host;x-amz-date"
        canonical_headers = f"host:{host}\nx-amz-date:{timestamp}\n"
    if target:
        signed_headers += ";x-amz-target"
        canonical_headers += f"x-amz-target:{target}\n"
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
    if target:
        headers["x-amz-target"] = target
    return headers


def unsigned(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that may be sent unsigned with a signed request."""
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


def breaks_signature(name: str) -> bool:
    """Return whether a default header of a session would make AWS refuse a signed request, or misread its body.

    Headers of the same name as those of the request itself do no harm, because they are replaced.
    """
    name = name.lower()
    return (name.startswith("x-amz-") and name != "x-amz-date") or name in _FRAMING


# All calls within a second have the same timestamp.
@lru_cache(maxsize=16)
def _timestamp(seconds: int) -> tuple[str, str]:
    timestamp = datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%dT%H%M%SZ")
    return timestamp, timestamp[:8]


# Most operations have one path and no query.
@lru_cache(maxsize=256)
def _canonical_target(path: str, query: str) -> str:
    signable = _Signable(f"https://host{path}?{query}")
    return f"{AWSRequestsAuth.get_canonical_path(signable)}\n{AWSRequestsAuth.get_canonical_querystring(signable)}"


# Four HMACs whose result changes only with the day.
@lru_cache(maxsize=1024)
def _key_and_scope(secret: str, date: str, region: str, service: str) -> tuple[hmac.HMAC, str]:
    key = signature_key(secret, date, region, service)
    return hmac.new(key, digestmod="sha256"), f"{date}/{region}/{service}/aws4_request"

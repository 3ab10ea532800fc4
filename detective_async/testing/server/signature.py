"""Verification of AWS Signature Version 4, with the canonicalisation of botocore."""

import hmac
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote_plus

from attrs import frozen
from botocore.auth import SigV4Auth

from detective_async.testing.server.requests import Headers, Request
from detective_async.testing.services.errors import ApiError

SKEW = timedelta(minutes=5)

_STAMP = "%Y%m%dT%H%M%SZ"
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=(?P<key>[^/,\s]+)/(?P<date>\d{8})/(?P<region>[^/,\s]{1,64})/"
    r"(?P<service>[a-z0-9.-]+)/aws4_request\s*,\s*SignedHeaders=(?P<signed>[^,\s]+)\s*,\s*"
    r"Signature=(?P<signature>[0-9a-f]{64})\s*",
    re.ASCII,
)


@frozen
class Scope:
    """The contents of an Authorization header, not yet verified."""

    access_key_id: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str


def parse_authorization(headers: Headers) -> Scope:
    """Parse the Authorization header.

    Raises:
        ApiError: it is missing, or not of Signature Version 4.
    """
    values = headers.get_all("authorization")
    if not values:
        raise ApiError("MissingAuthenticationTokenException", "Missing Authentication Token")
    match = _AUTHORIZATION.fullmatch(values[0])
    if match is None or len(values) > 1:
        raise ApiError(
            "IncompleteSignatureException",
            "The Authorization header must hold AWS4-HMAC-SHA256 with Credential, SignedHeaders and Signature",
        )
    key, date, region, service, signed, signature = match.groups()
    return Scope(key, date, region, service, tuple(signed.split(";")), signature)


def verify(scope: Scope, secret: str, request: Request, *, service: str) -> datetime:
    """Verify that a request was signed with this secret, for this service, and return when.

    Raises:
        ApiError: an InvalidSignatureException or IncompleteSignatureException that gives the reason.
    """
    if scope.service != service:
        raise _invalid(f"Credential should be scoped to correct service: '{service}'.")
    if "host" not in scope.signed_headers:
        raise _invalid("'Host' must be a 'SignedHeader' in the Authorization header.")
    for name in scope.signed_headers:
        if not request.headers.get_all(name):
            raise _invalid(f"The signed header '{name}' is not in the request.")
    signed_at = _signed_at(scope, request.headers)
    stamp = signed_at.strftime(_STAMP)
    if scope.date != stamp[:8]:
        raise _invalid(f"The date in the credential scope is {scope.date}, the request's is {stamp[:8]}.")
    expected = _Signer(scope, secret).expected_signature(stamp, request)
    if not hmac.compare_digest(expected, scope.signature):
        raise _invalid(
            "The request signature we calculated does not match the signature you provided. "
            "Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
        )
    return signed_at


def _signed_at(scope: Scope, headers: Headers) -> datetime:
    for name, read in _DATES:
        values = headers.get_all(name)
        if not values:
            continue
        if name not in scope.signed_headers:
            raise _invalid(f"'{name}' must be a 'SignedHeader' in the Authorization header.")
        try:
            (value,) = values
            return read(value)
        except (ValueError, TypeError, OverflowError):
            raise ApiError("IncompleteSignatureException", f"The '{name}' header is not a valid date") from None
    raise ApiError("IncompleteSignatureException", "The request has neither an 'X-Amz-Date' nor a 'Date' header")


def _amz_date(value: str) -> datetime:
    return datetime.strptime(value, _STAMP).replace(tzinfo=UTC)


def _http_date(value: str) -> datetime:
    moment = parsedate_to_datetime(value)
    # The zone "-0000", which botocore writes, is parsed as a time without a zone.
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


_DATES: tuple[tuple[str, Callable[[str], datetime]], ...] = (("x-amz-date", _amz_date), ("date", _http_date))


def check_time(signed_at: datetime, now: datetime) -> None:
    """Check that a request was signed at about this time; an InvalidSignatureException says otherwise."""
    stamp = signed_at.strftime(_STAMP)
    at = now.strftime(_STAMP)
    if signed_at < now - SKEW:
        raise _invalid(
            f"Signature expired: {stamp} is now earlier than {(now - SKEW).strftime(_STAMP)} ({at} - 5 min.)"
        )
    if signed_at > now + SKEW:
        latest = (now + SKEW).strftime(_STAMP)
        raise _invalid(f"Signature not yet current: {stamp} is still later than {latest} ({at} + 5 min.)")


def _invalid(message: str) -> ApiError:
    return ApiError("InvalidSignatureException", message)


class _Signer(SigV4Auth):  # type: ignore[misc]
    """botocore's signer, made to sign the same headers at the same time as the client."""

    def __init__(self, scope: Scope, secret: str) -> None:
        super().__init__(
            SimpleNamespace(access_key=scope.access_key_id, secret_key=secret), scope.service, scope.region
        )
        self._signed = scope.signed_headers

    def expected_signature(self, stamp: str, received: Request) -> str:
        request = SimpleNamespace(
            method=received.method,
            url=f"http://simulator{received.target}",
            # Decoded, since the service signs its own encoding of the parameters and not the client's.
            params=[_unquote_pair(pair) for pair in received.target.partition("?")[2].split("&") if pair],
            # Without headers here, botocore hashes the body and does not trust X-Amz-Content-SHA256.
            headers={},
            body=received.body,
            context={"timestamp": stamp},
            claimed=received.headers,
        )
        try:
            text = self.string_to_sign(request, self.canonical_request(request))
        except UnicodeError:
            return ""
        key = _signing_key(self.credentials.secret_key, stamp[:8], self._region_name, self._service_name)
        return hmac.new(key, text.encode(), "sha256").hexdigest()

    def headers_to_sign(self, request: Any) -> Any:
        return Headers((name, value) for name in self._signed for value in request.claimed.get_all(name))


def _unquote_pair(pair: str) -> tuple[str, str]:
    name, _, value = pair.partition("=")
    return unquote_plus(name, errors="surrogateescape"), unquote_plus(value, errors="surrogateescape")


@lru_cache(maxsize=4096)
def _signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    signer = SigV4Auth(None, service, region)
    key: Any = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = signer._sign(key, part)  # noqa: SLF001  botocore has no public function that returns the derived key
    return bytes(key)

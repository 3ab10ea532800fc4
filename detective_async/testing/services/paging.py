"""Pages without gaps or repeats: a token holds the last key of its page, not a position in the list."""

import base64
import hashlib
import hmac
import json
from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from detective_async.testing.services.errors import ApiError, invalid

_LIFETIME = timedelta(hours=24)
# The MAC detects tokens that a client has made up or changed. It protects no secret, so the key may be public.
_MAC_KEY = b"detective simulator"
_MAC_SIZE = 9

Key = Any


def page(
    keys: Sequence[Key], *, token: str | None, limit: int, scope: Sequence[Any], now: datetime
) -> tuple[Sequence[Key], str | None]:
    """Return one page of ascending keys, and the token of the next page, or None for the last one.

    A token is bound to its scope (the operation, the account, the graph, the filters), and expires after 24 hours.
    """
    last = last_key(token, scope=scope, now=now)
    start = bisect_right(keys, last) if last is not None else 0
    chosen = keys[start : start + limit]
    more = start + limit < len(keys)
    return chosen, _encode(chosen[-1], _hash(scope), now) if more else None


def last_key(token: str | None, *, scope: Sequence[Any], now: datetime) -> Key:
    """Return the last key of the page before that of a token; None without a token."""
    return None if token is None else _decode(token, _hash(scope), now)


def _hash(scope: Sequence[Any]) -> str:
    return hashlib.sha256(json.dumps(scope, default=str).encode()).hexdigest()[:16]


def _encode(key: Key, scope_hash: str, now: datetime) -> str:
    content = json.dumps([scope_hash, int(now.timestamp()), key], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_mac(content) + content).decode()


def _decode(token: str, scope_hash: str, now: datetime) -> Key:
    try:
        raw = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
    except ValueError:
        raise _invalid_token() from None
    content = raw[_MAC_SIZE:]
    if not hmac.compare_digest(raw[:_MAC_SIZE], _mac(content)):
        raise _invalid_token()
    issued_for, issued_at, key = json.loads(content)
    if issued_for != scope_hash or now.timestamp() - issued_at > _LIFETIME.total_seconds():
        raise _invalid_token()
    return tuple(key) if isinstance(key, list) else key


def _mac(content: bytes) -> bytes:
    return hmac.digest(_MAC_KEY, content, "sha256")[:_MAC_SIZE]


def _invalid_token() -> ApiError:
    return invalid("1 validation error detected: the value at 'nextToken' is not a token for this request, or too old")

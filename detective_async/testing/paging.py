"""Pages that neither skip nor repeat: a token holds the last key handed out, not a position."""

import base64
import hashlib
import hmac
import json
from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from detective_async.testing.problems import Problem, invalid

_LIFETIME = timedelta(hours=24)
# Whoever makes up a token is told so; nothing is kept secret with this.
_SEAL = b"detective simulator"
_SEAL_SIZE = 9

Key = Any


def page(
    keys: Sequence[Key], *, token: str | None, limit: int, scope: Sequence[Any], now: datetime
) -> tuple[Sequence[Key], str | None]:
    """Cut a page out of sorted keys.

    Args:
        keys: what there is now, in ascending order.
        token: from the page before, or None for the first.
        limit: the page's size.
        scope: what a token is good for: the operation, the account, the graph, the filters.
        now: tokens stop working after 24 hours.

    Returns:
        The keys of the page, and the token of the next one, or None when this is the last.

    Raises:
        Problem: the token is not one that was handed out for this scope.
    """
    mark = hashlib.sha256(json.dumps(scope, default=str).encode()).hexdigest()[:16]
    start = bisect_right(keys, _open(token, mark, now)) if token is not None else 0
    chosen = keys[start : start + limit]
    more = start + limit < len(keys)
    return chosen, _close(chosen[-1], mark, now) if more else None


def _close(key: Key, mark: str, now: datetime) -> str:
    content = json.dumps([mark, int(now.timestamp()), key], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_seal(content) + content).decode()


def _open(token: str, mark: str, now: datetime) -> Key:
    try:
        raw = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
    except ValueError:
        raise _refused() from None
    content = raw[_SEAL_SIZE:]
    if not hmac.compare_digest(raw[:_SEAL_SIZE], _seal(content)):
        raise _refused()
    made_for, made_at, key = json.loads(content)
    if made_for != mark or now.timestamp() - made_at > _LIFETIME.total_seconds():
        raise _refused()
    return tuple(key) if isinstance(key, list) else key


def _seal(content: bytes) -> bytes:
    return hmac.digest(_SEAL, content, "sha256")[:_SEAL_SIZE]


def _refused() -> Problem:
    return invalid("1 validation error detected: the value at 'nextToken' is not a token for this request, or too old")

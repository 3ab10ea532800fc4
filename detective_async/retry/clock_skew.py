"""A clock that is off: AWS refuses what is dated more than five minutes away, and tells its own time."""

from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

_CODES = frozenset(
    {
        "AuthFailure",
        "InvalidSignatureException",
        "RequestExpired",
        "RequestInTheFuture",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
    }
)
#: Seconds. Less than the five minutes that AWS grants, so that a clock at the edge is corrected too.
_TOLERANCE = 240.0


def correction(status: int, code: str, headers: Mapping[str, str], now: float) -> float | None:
    """Give the seconds to add to our time, where a refusal is due to a clock that is off; else None.

    Args:
        status: the answer's HTTP status.
        code: its error code.
        headers: its headers, of which Date counts.
        now: what we take for the time, earlier corrections included, in seconds since the epoch.
    """
    if status != 403 or code not in _CODES:  # noqa: PLR2004 - Forbidden
        return None
    try:
        date = parsedate_to_datetime(headers.get("Date", ""))
        offset = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now
    except (ValueError, OverflowError):
        return None
    return offset if abs(offset) > _TOLERANCE else None

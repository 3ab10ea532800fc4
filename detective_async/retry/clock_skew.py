"""Correction of a wrong local clock: AWS refuses requests dated more than five minutes off, and sends its time."""

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
#: Seconds. Less than the five minutes that AWS tolerates, so that a clock near that limit is corrected too.
_TOLERANCE = 240.0


def correction(status: int, code: str, headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds to add to the local time if a wrong clock caused an error response; else None.

    Args:
        status: the response's HTTP status.
        code: its error code.
        headers: its headers; only Date is used.
        now: the local time with earlier corrections, in seconds since the epoch.
    """
    if status != 403 or code not in _CODES:  # noqa: PLR2004 - Forbidden
        return None
    try:
        date = parsedate_to_datetime(headers.get("Date", ""))
        offset = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now
    except (ValueError, OverflowError):
        return None
    return offset if abs(offset) > _TOLERANCE else None

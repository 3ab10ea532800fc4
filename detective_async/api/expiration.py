"""Reads when credentials expire, from the sources that do not all write it in the same way."""

import math
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_expiration(text: str) -> datetime:
    """Return the time in a text, as botocore reads it: ISO 8601, RFC 822, or seconds since the epoch.

    A time without a zone is in UTC.

    Raises:
        ValueError: the text is none of these.
    """
    # botocore's parser knows these names; a time without a zone is in UTC in any case.
    text = text.strip().removesuffix(" UTC").removesuffix(" GMT")
    try:
        seconds = float(text)
    except ValueError:
        return _read_date(text)
    if not math.isfinite(seconds):
        raise ValueError(text)
    try:
        # Not `fromtimestamp`, whose range depends on the platform.
        return _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        raise ValueError(text) from None


def _read_date(text: str) -> datetime:
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        try:
            read = parsedate_to_datetime(text)
        except (TypeError, IndexError, OverflowError):
            raise ValueError(text) from None
    return read if read.tzinfo else read.replace(tzinfo=UTC)

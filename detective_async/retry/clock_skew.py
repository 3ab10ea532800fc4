"""Correction of a wrong local clock: AWS refuses requests dated more than five minutes off, and sends its time."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

#: The codes that all SDKs know for a wrong date or, if the dates differ, take for one.
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
#: Services differ in the status that they send with these codes.
_STATUSES = frozenset({400, 401, 403})
#: Seconds. Less than the five minutes that AWS tolerates, so that a clock near that limit is corrected too.
_TOLERANCE = 240.0
#: Seconds by which the local clock may drift from the monotonic one before it counts as set anew.
_JUMP = 60.0
#: The time of AWS is between these, in seconds since the epoch: any other Date is not of AWS.
_EARLIEST = datetime(2025, 1, 1, tzinfo=UTC).timestamp()
_LATEST = datetime(2100, 1, 1, tzinfo=UTC).timestamp()


class ClockCorrection:
    """What has to be added to the local time for AWS's, learnt from refusals.

    It can be wrong: learnt from a response that is not AWS's, or outdated because the local clock was set. So it is
    dropped if the local clock jumps, replaced by what any later refusal says, and dropped if requests that are dated
    with it are refused by responses that say no time.

    Attributes:
        offset: in seconds; 0 for no correction.
        confirmed: whether no request dated with the offset was refused for its date since one was accepted.
    """

    def __init__(self) -> None:
        self.offset = 0.0
        self.confirmed = False
        # Of the time when the offset was learnt: the local time less the monotonic one.
        self._anchor = 0.0

    def current(self, wall: float, monotonic: float) -> float:
        """Return the offset, after dropping it if the local clock was set since it was learnt.

        Args:
            wall: the local time, in seconds since the epoch.
            monotonic: the monotonic time, in seconds.
        """
        if self.offset and abs(wall - monotonic - self._anchor) > _JUMP:
            self.offset = 0.0
        return self.offset

    def accepted(self, offset: float) -> None:
        """Note that a request was accepted which was dated with this offset."""
        self.confirmed = self.confirmed or offset == self.offset

    def refused(
        self,
        status: int,
        code: str,
        headers: Mapping[str, str],
        *,
        signed_at: float,
        wall: float,
        monotonic: float,
    ) -> bool:
        """Learn from an error response, and return whether the request was refused only for its date.

        Args:
            status: the response's HTTP status.
            code: its error code.
            headers: its headers; only Date is used.
            signed_at: the date of the request, in seconds since the epoch.
            wall: the local time, likewise.
            monotonic: the monotonic time, in seconds.
        """
        if status not in _STATUSES or code not in _CODES:
            return False
        now = wall + self.current(wall, monotonic)
        date = _date(headers)
        if date is None:
            if abs(now - signed_at) > _TOLERANCE:
                return True
            return self._doubted()
        if abs(date - now) > _TOLERANCE:
            offset = date - wall
            self.offset = offset if abs(offset) > _TOLERANCE else 0.0
            self._anchor = wall - monotonic
            self.confirmed = False
        # Not compared with the time now: the process may have been frozen between signing and sending.
        return abs(date - signed_at) > _TOLERANCE

    def _doubted(self) -> bool:
        """Drop an offset with which nothing was accepted; return whether there was one."""
        if not self.offset:
            return False
        if self.confirmed:
            # The signature may be wrong for another reason. The next refusal drops the offset.
            self.confirmed = False
            return False
        self.offset = 0.0
        return True


def _date(headers: Mapping[str, str]) -> float | None:
    """Return the time in the header Date, in seconds since the epoch; None if it cannot be AWS's."""
    try:
        date = parsedate_to_datetime(headers.get("Date", ""))
        seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
    return seconds if _EARLIEST <= seconds <= _LATEST else None

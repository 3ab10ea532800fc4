"""What keeps metrics few, whatever servers answer and however many accounts there are."""

from collections.abc import Hashable

from detective_async.retry.policy import RetryQuota

#: Error codes that are told apart: three times as many as Detective, STS and the transport have between them.
_MOST_CODES = 100
#: What the semantic conventions have for all others.
_OTHER = "_OTHER"
#: Accounts in each region whose level is remembered.
_MOST_ACCOUNTS = 256
_FULL = RetryQuota().available


class BoundedValues:
    """Lets a bounded number of different values through: a server may answer with any error code."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def bound(self, value: str) -> str:
        """Give the value, or `_OTHER` where there were too many others before it."""
        if value not in self._known:
            if len(self._known) >= _MOST_CODES:
                return _OTHER
            self._known.add(value)
        return value


class LowestLevels:
    """Finds the lowest quota of many: without an account's id in it, a metric must not show just the last one's.

    Remembered are those accounts of each place that have less than a full quota, the latest of them.
    """

    def __init__(self) -> None:
        self._places: dict[Hashable, dict[str | None, int]] = {}

    def lowest(self, place: Hashable, account: str | None, level: int) -> int:
        """Take note of an account's level, and give the lowest one of the place."""
        levels = self._places.setdefault(place, {})
        levels.pop(account, None)
        if level < _FULL:
            levels[account] = level
            if len(levels) > _MOST_ACCOUNTS:
                del levels[next(iter(levels))]
        return min(levels.values(), default=_FULL)

"""Limits the cardinality of metrics, however many error codes servers send and however many accounts there are."""

from collections.abc import Hashable

from detective_async.retry.policy import RetryQuota

#: Distinct error codes: three times as many as Detective, STS and the transport have together.
_MAX_CODES = 100
#: The value that the semantic conventions define for all others.
_OTHER = "_OTHER"
#: Accounts per region whose quota is remembered.
_MAX_ACCOUNTS = 256
_FULL = RetryQuota().available


class BoundedValues:
    """Passes a limited number of distinct values: a server may send any error code."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def bound(self, value: str) -> str:
        """Return the value, or `_OTHER` if there were too many distinct values before."""
        if value not in self._known:
            if len(self._known) >= _MAX_CODES:
                return _OTHER
            self._known.add(value)
        return value


class LowestQuotas:
    """Finds the lowest retry quota of many accounts: a metric without account ids would show the latest one only.

    For each region the accounts with less than a full quota are remembered, up to a limit, the latest ones.
    """

    def __init__(self) -> None:
        self._regions: dict[Hashable, dict[str | None, int]] = {}

    def lowest(self, region: Hashable, account: str | None, quota: int) -> int:
        """Record an account's quota, and return the lowest one in the region."""
        quotas = self._regions.setdefault(region, {})
        quotas.pop(account, None)
        if quota < _FULL:
            quotas[account] = quota
            if len(quotas) > _MAX_ACCOUNTS:
                del quotas[next(iter(quotas))]
        return min(quotas.values(), default=_FULL)

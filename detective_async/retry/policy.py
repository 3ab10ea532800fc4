"""Retry decisions and delays: the AWS SDKs' "standard" mode, revision 2.1. Performs no I/O and reads no clock."""

import enum

from attrs import define, field, frozen

from detective_async.errors import ConfigurationError, ConnectError, ServiceError, TransportError
from detective_async.settings.arguments import is_count, shown

DEFAULT_MAX_ATTEMPTS = 3
MODES = ("standard", "adaptive")
_MAX_BACKOFF = 20.0
_QUOTA = 500
#: The service may ask for a delay that exceeds the backoff by at most this many seconds.
_MAX_EXTRA_DELAY = 5.0

_TRANSIENT_STATUSES = frozenset({500, 502, 503, 504})
_TRANSIENT_CODES = frozenset({"RequestTimeout", "RequestTimeoutException"})
_THROTTLING_STATUS = 429
_THROTTLING_CODES = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)


class FailureKind(enum.Enum):
    """A kind of transient failure: the cost of its retry in the quota, and the base of its backoff in seconds."""

    TRANSIENT = (14, 0.05)
    THROTTLING = (5, 1.0)

    def __init__(self, cost: int, base_delay: float) -> None:
        self.cost = cost
        self.base_delay = base_delay


@frozen
class RetryPolicy:
    """When and how often to retry.

    Args:
        mode: `standard`, the common behaviour of the AWS SDKs, or `adaptive`, which also limits the request rate after
            the service has throttled a request. None reads `AWS_RETRY_MODE`, then `retry_mode` of the shared config
            file; the default is `standard`, which is also used for `legacy`.
        max_attempts: the maximum number of attempts of a call, including the first; 1 disables retries. None reads
            `AWS_MAX_ATTEMPTS`, then `max_attempts` of the shared config file; the default is 3.

    Raises:
        ConfigurationError: a value is out of range.
    """

    mode: str | None = None
    max_attempts: int | None = None

    def __attrs_post_init__(self) -> None:
        if self.mode is not None and not (isinstance(self.mode, str) and self.mode in MODES):
            raise ConfigurationError(f"retry mode {shown(self.mode)} does not exist; use 'standard' or 'adaptive'")
        if self.max_attempts is not None and not is_count(self.max_attempts):
            raise ConfigurationError(
                f"max_attempts must be a whole number of at least 1, got {shown(self.max_attempts)}"
            )


@define
class RetryQuota:
    """A token bucket: retries consume tokens, successes add some, so that retries do not overload a failing service.

    Shared by all calls of an account in a region. While it is empty, calls fail without retries.
    """

    available: int = _QUOTA

    def acquire(self, cost: int) -> bool:
        """Take the cost of one retry, or return False if the quota is too low."""
        if cost > self.available:
            return False
        self.available -= cost
        return True

    def release(self, amount: int) -> None:
        """Add an amount after a success, up to the maximum."""
        self.available = min(_QUOTA, self.available + amount)


def failure_kind(error: ServiceError | TransportError) -> FailureKind | None:
    """Return the kind of a transient error; None for a final one."""
    if isinstance(error, TransportError):
        return FailureKind.TRANSIENT
    if error.status == _THROTTLING_STATUS or error.code in _THROTTLING_CODES:
        return FailureKind.THROTTLING
    if error.status in _TRANSIENT_STATUSES or error.code in _TRANSIENT_CODES:
        return FailureKind.TRANSIENT
    return None


def backoff(kind: FailureKind, attempt: int, random: float, retry_after: float | None = None) -> float:
    """Return the seconds to wait before the next attempt.

    Args:
        kind: the kind of the failure.
        attempt: the attempt that failed, from 1.
        random: a random number from 0 to 1.
        retry_after: the delay in the service's response; limited to 5 s more than the backoff.
    """
    delay = random * min(kind.base_delay * 2.0 ** min(attempt - 1, 60), _MAX_BACKOFF)
    if retry_after is None:
        return delay
    return max(delay, min(retry_after, delay + _MAX_EXTRA_DELAY))


@define
class Attempts:
    """Counts the attempts of one call and decides after each failure whether there is another.

    Attributes:
        count: the number of attempts that were started.
        sent: whether the service may have received a part of the current attempt.
        outcome_unknown: whether the service may have carried out an attempt that failed.
        reserved: what the next attempt has taken from the quota, until it begins.
    """

    max_attempts: int
    quota: RetryQuota
    repeatable: bool
    count: int = 0
    sent: bool = False
    outcome_unknown: bool = False
    reserved: int = 0
    _last_cost: int | None = field(default=None, init=False)

    def begin(self) -> None:
        """Count an attempt."""
        self.count += 1
        self.reserved = 0
        # Assumed until more is known: not every session reports when it has a connection.
        self.sent = True

    def give_back(self) -> None:
        """Refund the cost of a retry that will not be made."""
        self.quota.release(self.reserved)
        self.reserved = 0

    def succeeded(self) -> None:
        """Refund the cost of the last retry to the quota, or 1 if there was no retry."""
        self.quota.release(1 if self._last_cost is None else self._last_cost)

    def failed(self, error: ServiceError | TransportError) -> None:
        """Record whether the service may have carried out the attempt, and set the error's attributes."""
        kind = failure_kind(error)
        if isinstance(error, ServiceError):
            error.retryable = kind is not None
            # An error response means that nothing was done, unless the service itself failed.
            may_have_acted = kind is FailureKind.TRANSIENT
        else:
            may_have_acted = self.sent and not isinstance(error, ConnectError)
        self.sent = False
        self.outcome_unknown |= may_have_acted
        error.outcome_unknown = self.outcome_unknown

    def wait_after(self, error: ServiceError | TransportError, random: float) -> float | None:
        """Return the seconds to wait before the next attempt, or None if there is none."""
        kind = failure_kind(error)
        if self.count >= self.max_attempts or kind is None:
            return None
        if self.outcome_unknown and not self.repeatable:
            return None
        if not self.quota.acquire(kind.cost):
            return None
        self._last_cost = self.reserved = kind.cost
        return backoff(kind, self.count, random, error.retry_after if isinstance(error, ServiceError) else None)

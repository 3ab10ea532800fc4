"""When to try again, and after how long: the AWS SDKs' "standard" mode, revision 2.1. Pure: no clock, no sleep."""

import enum

from attrs import define, field, frozen

from detective_async.errors import ConfigurationError, ConnectError, ServiceError, TransportError

DEFAULT_MAX_ATTEMPTS = 3
MODES = ("standard", "adaptive")
_MAX_BACKOFF = 20.0
_QUOTA = 500
#: How much longer than our own backoff the service may make us wait, in seconds.
_MAX_EXTRA_WAIT = 5.0

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


class Kind(enum.Enum):
    """A passing kind of failure: what a retry costs of the quota, and the base of its backoff in seconds."""

    TRANSIENT = (14, 0.05)
    THROTTLING = (5, 1.0)

    def __init__(self, cost: int, base_delay: float) -> None:
        self.cost = cost
        self.base_delay = base_delay


@frozen
class RetryPolicy:
    """How often to try.

    Args:
        mode: `standard`, the behaviour that the AWS SDKs share, or `adaptive`, which beyond that slows requests down to
            what the service takes, once it has refused one as too many. None reads `AWS_RETRY_MODE`, then `retry_mode`
            of the shared config file, and falls back to `standard`, which also stands in for `legacy`.
        max_attempts: how many attempts a call may take, the first one included; 1 turns retries off. None reads
            `AWS_MAX_ATTEMPTS`, then `max_attempts` of the shared config file, and falls back to 3.

    Raises:
        ConfigurationError: a value is out of range.
    """

    mode: str | None = None
    max_attempts: int | None = None

    def __attrs_post_init__(self) -> None:
        if self.mode not in (None, *MODES):
            raise ConfigurationError(f"retry mode {self.mode!r} is not known; use 'standard' or 'adaptive'")
        if self.max_attempts is not None and (
            not isinstance(self.max_attempts, int) or isinstance(self.max_attempts, bool) or self.max_attempts < 1
        ):
            raise ConfigurationError(f"max_attempts must be a whole number of at least 1, got {self.max_attempts!r}")


@define
class RetryQuota:
    """A bucket that retries draw on and successes fill, so that a failing service is not hammered by retries.

    Shared by all calls of an account in a region: when most of them fail, the bucket runs dry and they fail at once.
    """

    available: int = _QUOTA

    def acquire(self, cost: int) -> bool:
        """Take the cost of one retry; False where there is not enough left."""
        if cost > self.available:
            return False
        self.available -= cost
        return True

    def release(self, amount: int) -> None:
        """Give back after a success: the last retry's cost, or 1 where there was no retry."""
        self.available = min(_QUOTA, self.available + amount)


def failure_kind(error: ServiceError | TransportError) -> Kind | None:
    """Say of which passing kind an error is; None for a final one."""
    if isinstance(error, TransportError):
        return Kind.TRANSIENT
    if error.status == _THROTTLING_STATUS or error.code in _THROTTLING_CODES:
        return Kind.THROTTLING
    if error.status in _TRANSIENT_STATUSES or error.code in _TRANSIENT_CODES:
        return Kind.TRANSIENT
    return None


def backoff(kind: Kind, attempt: int, random: float, retry_after: float | None = None) -> float:
    """Give the seconds to wait before the next attempt.

    Args:
        kind: what failed.
        attempt: the attempt that failed, from 1.
        random: from 0 up to 1, drawn for this wait.
        retry_after: the seconds that the service asked for; at most 5 s more than our own wait are granted.
    """
    delay = random * min(kind.base_delay * 2.0 ** min(attempt - 1, 60), _MAX_BACKOFF)
    if retry_after is None:
        return delay
    return max(delay, min(retry_after, delay + _MAX_EXTRA_WAIT))


@define
class Attempts:
    """The attempts of one call: counts them, and decides after each failure whether there is another.

    Attributes:
        count: how many have been begun.
        sent: whether something of the one under way may have reached the service.
        outcome_unknown: whether the service may have acted on one that has failed.
    """

    max_attempts: int
    quota: RetryQuota
    repeatable: bool
    count: int = 0
    sent: bool = False
    outcome_unknown: bool = False
    _last_cost: int | None = field(default=None, init=False)

    def begin(self) -> None:
        """Count an attempt."""
        self.count += 1
        # Until it is known better: not everything that sends requests tells when it has a connection.
        self.sent = True

    def connection(self, there: bool) -> None:  # noqa: FBT001 - a callback
        """Note whether there is a connection for the attempt: before that, nothing of it can have been sent."""
        self.sent = there

    def succeeded(self) -> None:
        """Refund the quota: what the last retry cost, or 1 where there was none."""
        self.sent = False
        self.quota.release(1 if self._last_cost is None else self._last_cost)

    def failed(self, error: ServiceError | TransportError) -> None:
        """Take note of what the attempt may have done, and tell the error."""
        kind = failure_kind(error)
        if isinstance(error, ServiceError):
            error.retryable = kind is not None
            # An answer: a refusal, unless the service failed in the middle of it.
            acted = kind is Kind.TRANSIENT
        else:
            acted = self.sent and not isinstance(error, ConnectError)
        self.sent = False
        self.outcome_unknown |= acted
        error.outcome_unknown = self.outcome_unknown

    def wait_after(self, error: ServiceError | TransportError, random: float) -> float | None:
        """Give the seconds to wait before the next attempt, or None where the error is final."""
        kind = failure_kind(error)
        if self.count >= self.max_attempts or kind is None:
            return None
        if self.outcome_unknown and not self.repeatable:
            return None
        if not self.quota.acquire(kind.cost):
            return None
        self._last_cost = kind.cost
        return backoff(kind, self.count, random, error.retry_after if isinstance(error, ServiceError) else None)

"""Retry decisions and delays: the AWS SDKs' "standard" mode, revision 2.1. Performs no I/O and reads no clock."""

import enum
import math
from asyncio import CancelledError
from typing import TYPE_CHECKING, NamedTuple, Self, TypeVar

from attrs import field, frozen

from detective_async.errors import (
    AttemptTimeout,
    ClientClosed,
    ConfigurationError,
    ConnectError,
    CredentialsError,
    DeadlineExceeded,
    HostNotFound,
    ServiceError,
    TransportError,
)
from detective_async.settings.arguments import is_count, is_positive, shown
from detective_async.settings.config import Settings

if TYPE_CHECKING:
    from detective_async.retry.host_health import HostHealth

T = TypeVar("T")

DEFAULT_MAX_ATTEMPTS = 3
MODES = ("standard", "adaptive")
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


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_positive(value: object) -> bool:
    return is_positive(value) and value != math.inf


def _first(*values: T | None) -> T | None:
    return next((value for value in values if value is not None), None)


class FailureKind(enum.Enum):
    """A kind of transient failure."""

    TRANSIENT = enum.auto()
    THROTTLING = enum.auto()


class Schedule(NamedTuple):
    """How long to wait before a retry, and what the retry costs.

    Attributes:
        transient_backoff: the upper bound of the first wait after a transient failure, in seconds; it doubles with each
            attempt.
        throttling_backoff: the same after throttling.
        max_backoff: the upper bound of every wait, in seconds.
        transient_cost: what a retry takes from the quota after a transient failure.
        throttling_cost: the same after throttling.
        timeout_cost: the same after an attempt that timed out.
        unreached_attempts: the maximum number of attempts at a host whose name does not exist, or that has responded to
            no call of a fleet while the hosts of other regions have. None for as many as elsewhere.
    """

    transient_backoff: float = 0.05
    throttling_backoff: float = 1.0
    max_backoff: float = 20.0
    transient_cost: int = 14
    throttling_cost: int = 5
    timeout_cost: int = 14
    unreached_attempts: int | None = None

    def cost(self, kind: FailureKind, error: ServiceError | TransportError) -> int:
        """Return what a retry takes from the quota."""
        if kind is FailureKind.THROTTLING:
            return self.throttling_cost
        return self.timeout_cost if isinstance(error, AttemptTimeout) else self.transient_cost


#: The schedule of the SDKs since 2026.
SCHEDULE_2026 = Schedule()
#: The schedule of the SDKs' standard mode before: `AWS_NEW_RETRIES_2026=false`.
SCHEDULE_BEFORE_2026 = Schedule(transient_backoff=1.0, transient_cost=5, timeout_cost=10)


@frozen
class RetryPolicy:
    """When and how often to retry.

    Fields that are None take what the environment sets, then the default. The runs of a `DetectiveFleet`, `client.bulk`
    and `detective_async.membership` take what `RetryPolicy.patient()` sets instead of the defaults below.

    Args:
        mode: `standard`, the common behaviour of the AWS SDKs, or `adaptive`, which also limits the request rate after
            the service has throttled a request. None reads `AWS_RETRY_MODE`, then `retry_mode` of the shared config
            file; the default is `standard`, which is also used for `legacy`.
        max_attempts: the maximum number of attempts of a call, including the first; 1 disables retries. None reads
            `AWS_MAX_ATTEMPTS`, then `max_attempts` of the shared config file; the default is 3.
        initial_backoff: the upper bound of the first wait, in seconds, after any failure that is retried; each wait is
            a random part of its bound, which doubles with each attempt. The default is that of the AWS SDKs: 0.05 after
            a transient failure and 1 after throttling, or 1 after both with `AWS_NEW_RETRIES_2026=false`.
        max_backoff: the upper bound of every wait, in seconds; the default is 20.
        retry_cost: what a retry takes from the quota, which holds 500 for each account and region; 0 to 500. The
            default is that of the AWS SDKs: 14 after a transient failure and 5 after throttling; with
            `AWS_NEW_RETRIES_2026=false` 5, and 10 after a timeout.

    Raises:
        ConfigurationError: a value is out of range.
    """

    mode: str | None = None
    max_attempts: int | None = None
    initial_backoff: float | None = field(default=None, kw_only=True)
    max_backoff: float | None = field(default=None, kw_only=True)
    retry_cost: int | None = field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.mode is not None and not (isinstance(self.mode, str) and self.mode in MODES):
            raise ConfigurationError(f"retry mode {shown(self.mode)} does not exist; use 'standard' or 'adaptive'")
        if self.max_attempts is not None and not is_count(self.max_attempts):
            raise ConfigurationError(
                f"max_attempts must be a whole number of at least 1, got {shown(self.max_attempts)}"
            )
        for name, value in (("initial_backoff", self.initial_backoff), ("max_backoff", self.max_backoff)):
            if value is not None and not _is_positive(value):
                raise ConfigurationError(f"retry: {name} must be a positive number of seconds, got {shown(value)}")
        if self.retry_cost is not None and not (_is_whole(self.retry_cost) and 0 <= self.retry_cost <= _QUOTA):
            raise ConfigurationError(
                f"retry_cost must be a whole number from 0 to {_QUOTA}, got {shown(self.retry_cost)}"
            )

    @classmethod
    def patient(cls, mode: str | None = None) -> Self:
        """Return the policy of long jobs: calls survive outages of about ten seconds.

        8 attempts, and waits of up to 1, 2, 4, 8, 16, 20 and 20 s between them; each retry takes 1 from the quota, so
        that a hundred calls in flight can wait together.

        Args:
            mode: as for the class.
        """
        return cls(mode, max_attempts=8, initial_backoff=1.0, max_backoff=20.0, retry_cost=1)


_PATIENT = RetryPolicy.patient()


class RetryRules(NamedTuple):
    """What a policy and the environment come to.

    Attributes:
        max_attempts: the maximum number of attempts of a call.
        adaptive: whether the request rate is limited.
        schedule: the delays and costs of retries.
    """

    max_attempts: int
    adaptive: bool
    schedule: Schedule


def retry_rules(policy: RetryPolicy, settings: Settings, *, patient: bool = False) -> RetryRules:
    """Resolve a policy.

    Args:
        policy: the user's; its fields take precedence.
        settings: those of the environment and the shared config file; they come second.
        patient: whether fields that neither of them sets are those of `RetryPolicy.patient()`.
    """
    defaults = _PATIENT if patient else RetryPolicy()
    max_attempts = policy.max_attempts or settings.max_attempts
    schedule = SCHEDULE_BEFORE_2026 if settings.new_retries is False else SCHEDULE_2026
    if settings.new_retries is False:
        # The environment has chosen the delays and the costs. True is what the default is, so it chooses nothing.
        defaults = RetryPolicy(max_attempts=defaults.max_attempts)
    if patient and not max_attempts:
        schedule = schedule._replace(unreached_attempts=DEFAULT_MAX_ATTEMPTS)
    backoff = _first(policy.initial_backoff, defaults.initial_backoff)
    if backoff is not None:
        schedule = schedule._replace(transient_backoff=backoff, throttling_backoff=backoff)
    max_backoff = _first(policy.max_backoff, defaults.max_backoff)
    if max_backoff is not None:
        schedule = schedule._replace(max_backoff=max_backoff)
    cost = _first(policy.retry_cost, defaults.retry_cost)
    if cost is not None:
        schedule = schedule._replace(transient_cost=cost, throttling_cost=cost, timeout_cost=cost)
    return RetryRules(
        max_attempts=max_attempts or defaults.max_attempts or DEFAULT_MAX_ATTEMPTS,
        adaptive=(policy.mode or settings.retry_mode) == "adaptive",
        schedule=schedule,
    )


class RetryQuota:
    """A token bucket: retries consume tokens, successes add some, so that retries do not overload a failing service.

    Shared by all calls of an account in a region. While it is empty, calls fail without retries.
    """

    __slots__ = ("available",)

    def __init__(self, available: int = _QUOTA) -> None:
        self.available = available

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


def backoff(
    schedule: Schedule, kind: FailureKind, attempt: int, random: float, retry_after: float | None = None
) -> float:
    """Return the seconds to wait before the next attempt.

    Args:
        schedule: the bounds of the delay.
        kind: the kind of the failure.
        attempt: the attempt that failed, from 1.
        random: a random number from 0 to 1.
        retry_after: the delay in the service's response; limited to 5 s more than the backoff.
    """
    base = schedule.throttling_backoff if kind is FailureKind.THROTTLING else schedule.transient_backoff
    delay = random * min(base * 2.0 ** min(attempt - 1, 60), schedule.max_backoff)
    if retry_after is None:
        return delay
    return max(delay, min(retry_after, delay + _MAX_EXTRA_DELAY))


class Attempts:
    """Counts the attempts of one call and decides after each failure whether there is another.

    Attributes:
        max_attempts: the maximum number of attempts.
        quota: what retries draw on.
        repeatable: whether the request may be sent again after an unknown outcome.
        schedule: the delays and costs of retries.
        health: what the fleet knows of the host; None outside of fleets.
        count: the number of attempts that were started.
        sent: whether the service may have received a part of the current attempt.
        outcome_unknown: whether the service may have carried out an attempt that failed.
        reserved: what the next attempt has taken from the quota, until it begins.
    """

    count = 0
    sent = False
    outcome_unknown = False
    reserved = 0
    _last_cost: int | None = None
    _got_response = False

    def __init__(
        self,
        max_attempts: int,
        quota: RetryQuota,
        repeatable: bool,  # noqa: FBT001 - as the operation has it
        schedule: Schedule = SCHEDULE_2026,
        health: "HostHealth | None" = None,
    ) -> None:
        self.max_attempts = max_attempts
        self.quota = quota
        self.repeatable = repeatable
        self.schedule = schedule
        self.health = health

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
        if self.quota.available < _QUOTA:
            self.quota.release(1 if self._last_cost is None else self._last_cost)

    def failed(self, error: ServiceError | TransportError) -> None:
        """Record whether the service may have carried out the attempt, and set the error's attributes."""
        kind = failure_kind(error)
        self._got_response = isinstance(error, ServiceError)
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
        health = self.health if isinstance(error, TransportError) else None
        if health is None:
            return None if kind is None else self._delay(kind, error, random)
        # Calls that are retried already go on, as they would with another host.
        is_vain = health.dead and self.count == 1
        delay = None if kind is None or is_vain else self._delay(kind, error, random)
        # Asked only for a call that would be retried: another one is lost, whoever waits.
        if delay is not None and health.make_way():
            # Not lost: with all its retries, it might have got a response.
            self.give_back()
            return None
        if delay is None:
            health.note_lost_call()
        return delay

    def cut_off(self, error: BaseException, now: float) -> None:
        """Record that the call ended with an exception.

        One of credentials, or of a client that was closed, may come after an attempt that the service carried out, and
        one that came while the call waited for a response says something of the host.

        Args:
            error: a `DeadlineExceeded` counts against the host. So does a cancellation if the host did not respond
                before: most likely it comes from a timeout of the caller's own.
            now: seconds of a monotonic clock.
        """
        if isinstance(error, ClientClosed | ConfigurationError | CredentialsError):
            error.outcome_unknown = self.outcome_unknown or self.sent
        health = self.health
        if health is None or not self.count or self._got_response:
            return
        if isinstance(error, DeadlineExceeded):
            health.note_failure(now)
            health.note_lost_call()
        elif isinstance(error, CancelledError) and not health.responding:
            health.note_failure(now)

    def _delay(self, kind: FailureKind, error: ServiceError | TransportError, random: float) -> float | None:
        if self.count >= self._limit(error):
            return None
        if self.outcome_unknown and not self.repeatable:
            return None
        cost = self.schedule.cost(kind, error)
        if not self.quota.acquire(cost):
            return None
        self._last_cost = self.reserved = cost
        retry_after = error.retry_after if isinstance(error, ServiceError) else None
        return backoff(self.schedule, kind, self.count, random, retry_after)

    def _limit(self, error: ServiceError | TransportError) -> int:
        """Return the maximum number of attempts after this error."""
        health, unreached = self.health, self.schedule.unreached_attempts
        if unreached is None or not isinstance(error, TransportError):
            return self.max_attempts
        is_silent = health is not None and health.alone_silent
        return min(unreached, self.max_attempts) if is_silent or isinstance(error, HostNotFound) else self.max_attempts

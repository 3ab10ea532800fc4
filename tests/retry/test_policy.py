"""The retry policy: kinds of failures, backoff, quota and attempts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detective_async import (
    AttemptTimeout,
    ConfigurationError,
    ConnectError,
    ConnectionLost,
    RetryPolicy,
    ServiceError,
    TransportError,
)
from detective_async.retry.policy import Attempts, FailureKind, RetryQuota, backoff, failure_kind

THROTTLING_CODES = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "TooManyRequestsException",
    "ProvisionedThroughputExceededException",
    "TransactionInProgressException",
    "RequestLimitExceeded",
    "BandwidthLimitExceeded",
    "LimitExceededException",
    "SlowDown",
    "PriorRequestNotComplete",
    "EC2ThrottledException",
]


def lost() -> ConnectionLost:
    return ConnectionLost("x", operation="ListGraphs", attempts=1, outcome_unknown=True)


def refused() -> ConnectError:
    return ConnectError("x", operation="ListGraphs", attempts=1, outcome_unknown=False)


def throttled(retry_after: float | None = None) -> ServiceError:
    return ServiceError("TooManyRequestsException", status=429, retry_after=retry_after)


@pytest.mark.parametrize("code", THROTTLING_CODES)
def test_throttling_codes(code: str) -> None:
    """They count with any status, even with one that is transient by itself."""
    assert failure_kind(ServiceError(code, status=400)) is FailureKind.THROTTLING
    assert failure_kind(ServiceError(code, status=503)) is FailureKind.THROTTLING


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("Anything", 429, FailureKind.THROTTLING),
        ("Anything", 500, FailureKind.TRANSIENT),
        ("Anything", 502, FailureKind.TRANSIENT),
        ("Anything", 503, FailureKind.TRANSIENT),
        ("Anything", 504, FailureKind.TRANSIENT),
        ("RequestTimeout", 400, FailureKind.TRANSIENT),
        ("RequestTimeoutException", 400, FailureKind.TRANSIENT),
        ("InternalServerException", 500, FailureKind.TRANSIENT),
        ("ServiceQuotaExceededException", 402, None),
        ("ValidationException", 400, None),
        ("AccessDeniedException", 403, None),
        ("Anything", 501, None),
        ("Anything", 301, None),
    ],
)
def test_kinds_of_service_errors(code: str, status: int, kind: FailureKind | None) -> None:
    """Which error responses are throttling, transient or final."""
    assert failure_kind(ServiceError(code, status=status)) is kind


@pytest.mark.parametrize("kind", [ConnectError, ConnectionLost, AttemptTimeout])
def test_transport_errors_are_transient(kind: type[TransportError]) -> None:
    """Connection errors and timeouts are retried."""
    assert failure_kind(kind("x", operation="ListGraphs", attempts=1, outcome_unknown=True)) is FailureKind.TRANSIENT


@pytest.mark.parametrize(
    ("kind", "attempt", "delay"),
    [
        (FailureKind.TRANSIENT, 1, 0.05),
        (FailureKind.TRANSIENT, 2, 0.1),
        (FailureKind.TRANSIENT, 9, 12.8),
        (FailureKind.TRANSIENT, 10, 20.0),
        (FailureKind.THROTTLING, 1, 1.0),
        (FailureKind.THROTTLING, 5, 16.0),
        (FailureKind.THROTTLING, 6, 20.0),
        (FailureKind.THROTTLING, 100_000, 20.0),
    ],
)
def test_backoff_doubles_up_to_20_seconds(kind: FailureKind, attempt: int, delay: float) -> None:
    """The delay is the random number times that maximum."""
    assert backoff(kind, attempt, 1.0) == pytest.approx(delay)
    assert backoff(kind, attempt, 0.5) == pytest.approx(delay / 2)
    assert backoff(kind, attempt, 0.0) == 0.0


@pytest.mark.parametrize(
    ("retry_after", "delay"), [(0.0, 0.5), (0.3, 0.5), (2.0, 2.0), (5.5, 5.5), (5.6, 5.5), (1e9, 5.5)]
)
def test_the_service_may_ask_for_up_to_5_seconds_more(retry_after: float, delay: float) -> None:
    """The delay is at least the backoff, and at most 5 s more."""
    assert backoff(FailureKind.THROTTLING, 1, 0.5, retry_after) == pytest.approx(delay)


def test_retries_cost_quota_and_successes_refund_it() -> None:
    """A transient retry costs 14, a throttled one 5; a success refunds the last cost, or 1, up to 500."""
    quota = RetryQuota()
    attempts = Attempts(3, quota, repeatable=True)
    attempts.begin()
    assert attempts.wait_after(lost(), 1.0) == pytest.approx(0.05)
    assert quota.available == 486
    attempts.begin()
    assert attempts.wait_after(throttled(), 1.0) == pytest.approx(2.0)
    assert quota.available == 481
    attempts.begin()
    attempts.succeeded()
    assert quota.available == 486
    first_time = Attempts(3, quota, repeatable=True)
    first_time.begin()
    first_time.succeeded()
    assert quota.available == 487
    for _ in range(100):
        Attempts(3, quota, repeatable=True).succeeded()
    assert quota.available == 500


def test_the_quota_can_be_used_up_exactly() -> None:
    """A retry that costs all that is left is allowed."""
    quota = RetryQuota(available=14)
    attempts = Attempts(3, quota, repeatable=True)
    attempts.begin()
    assert attempts.wait_after(lost(), 1.0) is not None
    assert quota.available == 0


def test_an_exhausted_quota_makes_failures_final() -> None:
    """A retry that costs more than is left is not allowed, and costs nothing."""
    quota = RetryQuota(available=13)
    attempts = Attempts(3, quota, repeatable=True)
    attempts.begin()
    assert attempts.wait_after(lost(), 1.0) is None
    assert attempts.wait_after(throttled(), 1.0) is not None
    assert quota.available == 8


def test_the_last_attempt_costs_no_quota() -> None:
    """The number of attempts is checked before the quota."""
    quota = RetryQuota()
    attempts = Attempts(1, quota, repeatable=True)
    attempts.begin()
    assert attempts.wait_after(lost(), 1.0) is None
    assert quota.available == 500


def test_retry_after_does_not_make_an_error_transient() -> None:
    """A final error with that header is not retried."""
    attempts = Attempts(3, RetryQuota(), repeatable=True)
    attempts.begin()
    assert attempts.wait_after(ServiceError("ValidationException", retry_after=1.0), 1.0) is None


@pytest.mark.parametrize(
    ("error", "repeated"),
    [
        (refused(), True),
        (throttled(), True),
        (lost(), False),
        (ServiceError("InternalServerException", status=500), False),
    ],
)
def test_an_unrepeatable_request_is_retried_only_if_it_was_certainly_not_carried_out(
    error: ServiceError | TransportError, repeated: bool
) -> None:
    """That is, if no connection could be made, or if it was throttled."""
    attempts = Attempts(3, RetryQuota(), repeatable=False)
    attempts.begin()
    attempts.failed(error)
    assert error.outcome_unknown is not repeated
    assert (attempts.wait_after(error, 1.0) is not None) is repeated


def test_an_unrepeatable_request_without_a_connection_is_retried() -> None:
    """After a timeout before anything was sent, the outcome is known."""
    attempts = Attempts(3, RetryQuota(), repeatable=False)
    attempts.begin()
    attempts.connection(False)
    error = AttemptTimeout("x", operation="StartInvestigation", attempts=1, outcome_unknown=False)
    attempts.failed(error)
    assert not error.outcome_unknown
    assert attempts.wait_after(error, 1.0) is not None


def test_an_unrepeatable_request_with_an_unknown_outcome_is_never_retried() -> None:
    """Not even after a later attempt that was throttled."""
    attempts = Attempts(9, RetryQuota(), repeatable=False)
    attempts.begin()
    attempts.failed(lost())
    attempts.begin()
    error = throttled()
    attempts.failed(error)
    assert error.outcome_unknown
    assert attempts.wait_after(error, 1.0) is None


def test_an_unknown_outcome_stays_unknown() -> None:
    """Later attempts that were certainly not carried out do not change it."""
    attempts = Attempts(3, RetryQuota(), repeatable=True)
    attempts.begin()
    attempts.failed(refused())
    assert not attempts.outcome_unknown
    attempts.begin()
    attempts.failed(lost())
    attempts.begin()
    attempts.failed(refused())
    assert attempts.outcome_unknown


@given(
    outcomes=st.lists(st.sampled_from(["ok", "lost", "throttled", "final"]), max_size=300),
    max_attempts=st.integers(1, 5),
)
def test_the_quota_stays_within_its_bounds(outcomes: list[str], max_attempts: int) -> None:
    """With any outcomes in any order, it is from 0 to 500, and no call exceeds its attempts."""
    quota = RetryQuota()
    errors: dict[str, ServiceError | TransportError] = {
        "lost": lost(),
        "throttled": throttled(),
        "final": ServiceError("ValidationException"),
    }
    attempts = Attempts(max_attempts, quota, repeatable=True)
    for outcome in outcomes:
        attempts.begin()
        assert attempts.count <= max_attempts
        if outcome == "ok":
            attempts.succeeded()
            attempts = Attempts(max_attempts, quota, repeatable=True)
        elif attempts.wait_after(errors[outcome], 1.0) is None:
            attempts = Attempts(max_attempts, quota, repeatable=True)
        assert 0 <= quota.available <= 500


@pytest.mark.parametrize("max_attempts", [0, -1, True, 1.5, "3"])
def test_an_invalid_number_of_attempts_is_refused(max_attempts: int) -> None:
    """The constructor raises."""
    with pytest.raises(ConfigurationError, match="max_attempts must be a whole number of at least 1"):
        RetryPolicy(max_attempts=max_attempts)


def test_an_unknown_mode_is_refused() -> None:
    """The error names the modes that exist."""
    with pytest.raises(ConfigurationError, match="use 'standard' or 'adaptive'"):
        RetryPolicy(mode="legacy")

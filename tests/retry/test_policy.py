"""The retry rules, without a clock or a network."""

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
    """Whatever the status, even one that would be transient."""
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
    """Which answers are worth another attempt."""
    assert failure_kind(ServiceError(code, status=status)) is kind


@pytest.mark.parametrize("kind", [ConnectError, ConnectionLost, AttemptTimeout])
def test_no_answer_is_transient(kind: type[TransportError]) -> None:
    """Connection errors and timeouts are worth another attempt."""
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
    """With the largest draw; half the draw gives half the wait."""
    assert backoff(kind, attempt, 1.0) == pytest.approx(delay)
    assert backoff(kind, attempt, 0.5) == pytest.approx(delay / 2)
    assert backoff(kind, attempt, 0.0) == 0.0


@pytest.mark.parametrize(
    ("retry_after", "delay"), [(0.0, 0.5), (0.3, 0.5), (2.0, 2.0), (5.5, 5.5), (5.6, 5.5), (1e9, 5.5)]
)
def test_the_service_may_ask_for_up_to_5_seconds_more(retry_after: float, delay: float) -> None:
    """Never less than our own wait, never more than 5 s beyond it."""
    assert backoff(FailureKind.THROTTLING, 1, 0.5, retry_after) == pytest.approx(delay)


def test_the_quota_is_drawn_on_and_refunded() -> None:
    """A transient retry costs 14, a throttled one 5; success gives the last cost back, or 1, up to 500."""
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


def test_an_empty_quota_ends_the_call_at_once() -> None:
    """The error is raised, and nothing is drawn."""
    quota = RetryQuota(available=13)
    attempts = Attempts(3, quota, repeatable=True)
    attempts.begin()
    assert attempts.wait_after(lost(), 1.0) is None
    assert attempts.wait_after(throttled(), 1.0) is not None
    assert quota.available == 8


def test_the_last_attempt_draws_nothing() -> None:
    """Attempts are looked at before the quota."""
    quota = RetryQuota()
    attempts = Attempts(1, quota, repeatable=True)
    attempts.begin()
    assert attempts.wait_after(lost(), 1.0) is None
    assert quota.available == 500


def test_retry_after_makes_nothing_retryable_by_itself() -> None:
    """A final error stays final."""
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
def test_what_is_not_repeatable_is_repeated_only_if_it_certainly_was_not_executed(
    error: ServiceError | TransportError, repeated: bool
) -> None:
    """Could not connect, or throttled: then, and only then."""
    attempts = Attempts(3, RetryQuota(), repeatable=False)
    attempts.begin()
    attempts.failed(error)
    assert error.outcome_unknown is not repeated
    assert (attempts.wait_after(error, 1.0) is not None) is repeated


def test_what_got_no_connection_is_repeated_whatever_ended_it() -> None:
    """A timeout before anything was sent leaves no doubt."""
    attempts = Attempts(3, RetryQuota(), repeatable=False)
    attempts.begin()
    attempts.connection(False)
    error = AttemptTimeout("x", operation="StartInvestigation", attempts=1, outcome_unknown=False)
    attempts.failed(error)
    assert not error.outcome_unknown
    assert attempts.wait_after(error, 1.0) is not None


def test_a_doubt_from_an_earlier_attempt_stays() -> None:
    """What may have been executed once is not repeated because a later attempt was refused."""
    attempts = Attempts(9, RetryQuota(), repeatable=False)
    attempts.begin()
    attempts.failed(lost())
    attempts.begin()
    error = throttled()
    attempts.failed(error)
    assert error.outcome_unknown
    assert attempts.wait_after(error, 1.0) is None


def test_an_unknown_outcome_is_not_forgotten() -> None:
    """Once an attempt may have been executed, later ones that were not do not change that."""
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
    """Whatever happens in whatever order, it is never below 0 or above 500, and no call exceeds its attempts."""
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
def test_a_senseless_number_of_attempts_is_refused(max_attempts: int) -> None:
    """When the policy is made, not when it is first needed."""
    with pytest.raises(ConfigurationError, match="max_attempts must be a whole number of at least 1"):
        RetryPolicy(max_attempts=max_attempts)


def test_an_unknown_mode_is_refused() -> None:
    """The error names those there are."""
    with pytest.raises(ConfigurationError, match="use 'standard' or 'adaptive'"):
        RetryPolicy(mode="legacy")

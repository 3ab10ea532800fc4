"""The retry policy: kinds of failures, backoff, quota and attempts."""

from typing import Any

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
from detective_async.retry.policy import SCHEDULE_2026, Attempts, FailureKind, RetryQuota, backoff, failure_kind

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


def throttled() -> ServiceError:
    return ServiceError("TooManyRequestsException", status=429)


def after(
    *errors: ServiceError | TransportError,
    max_attempts: int = 3,
    quota: RetryQuota | None = None,
    repeatable: bool = True,
) -> Attempts:
    """Return the state after attempts that failed with these errors."""
    attempts = Attempts(max_attempts, RetryQuota() if quota is None else quota, repeatable=repeatable)
    for error in errors:
        attempts.begin()
        attempts.failed(error)
    return attempts


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        # They count with any status, even with one that is transient by itself.
        *((code, status, FailureKind.THROTTLING) for code in THROTTLING_CODES for status in (400, 503)),
        ("Anything", 429, FailureKind.THROTTLING),
        *(("Anything", status, FailureKind.TRANSIENT) for status in (500, 502, 503, 504)),
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


def test_transport_errors_are_transient() -> None:
    """Connection errors and timeouts are retried."""
    timeout = AttemptTimeout("x", operation="ListGraphs", attempts=1, outcome_unknown=True)
    assert {failure_kind(error) for error in (lost(), refused(), timeout)} == {FailureKind.TRANSIENT}


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
    assert backoff(SCHEDULE_2026, kind, attempt, 1.0) == pytest.approx(delay)
    assert backoff(SCHEDULE_2026, kind, attempt, 0.5) == pytest.approx(delay / 2)
    assert backoff(SCHEDULE_2026, kind, attempt, 0.0) == 0.0


@pytest.mark.parametrize(
    ("retry_after", "delay"), [(0.0, 0.5), (0.3, 0.5), (2.0, 2.0), (5.5, 5.5), (5.6, 5.5), (1e9, 5.5)]
)
def test_the_service_may_ask_for_up_to_5_seconds_more(retry_after: float, delay: float) -> None:
    """The delay is at least the backoff, and at most 5 s more."""
    assert backoff(SCHEDULE_2026, FailureKind.THROTTLING, 1, 0.5, retry_after) == pytest.approx(delay)


def test_retries_cost_quota_and_successes_refund_it() -> None:
    """A transient retry costs 14, a throttled one 5; a success refunds the last cost, or 1, up to 500."""
    quota = RetryQuota()
    attempts = after(lost(), quota=quota)
    assert attempts.wait_after(lost(), 1.0) == pytest.approx(0.05)
    assert quota.available == 486
    attempts.begin()
    assert attempts.wait_after(throttled(), 1.0) == pytest.approx(2.0)
    assert quota.available == 481
    attempts.succeeded()
    assert quota.available == 486
    after(quota=quota).succeeded()
    assert quota.available == 487
    for _ in range(100):
        after(quota=quota).succeeded()
    assert quota.available == 500


@pytest.mark.parametrize(
    ("available", "error", "max_attempts", "left"),
    [
        # A retry may cost all that is left, but not more.
        (14, lost(), 3, 0),
        (13, lost(), 3, None),
        (13, throttled(), 3, 8),
        # The last attempt and final errors cost nothing, even if the service sends a delay.
        (500, lost(), 1, None),
        (500, ServiceError("ValidationException", retry_after=1.0), 3, None),
    ],
)
def test_what_the_quota_allows(
    available: int, error: ServiceError | TransportError, max_attempts: int, left: int | None
) -> None:
    """A retry that is not allowed costs nothing."""
    quota = RetryQuota(available)
    wait = after(error, max_attempts=max_attempts, quota=quota).wait_after(error, 1.0)
    assert (wait is None) is (left is None)
    assert quota.available == (available if left is None else left)


@pytest.mark.parametrize(
    ("errors", "repeated"),
    [
        ([refused()], True),
        ([throttled()], True),
        ([lost()], False),
        ([ServiceError("InternalServerException", status=500)], False),
        # Not even after a later attempt that was certainly not carried out.
        ([lost(), throttled()], False),
    ],
)
def test_an_unrepeatable_request_is_retried_only_if_it_was_certainly_not_carried_out(
    errors: list[ServiceError | TransportError], repeated: bool
) -> None:
    """That is, if no connection could be made, or if it was throttled."""
    attempts = after(*errors, max_attempts=9, repeatable=False)
    assert errors[-1].outcome_unknown is not repeated
    assert (attempts.wait_after(errors[-1], 1.0) is not None) is repeated


def test_an_unrepeatable_request_without_a_connection_is_retried() -> None:
    """After a timeout before anything was sent, the outcome is known."""
    attempts = after(repeatable=False)
    attempts.begin()
    attempts.connection(False)
    error = AttemptTimeout("x", operation="StartInvestigation", attempts=1, outcome_unknown=False)
    attempts.failed(error)
    assert not error.outcome_unknown
    assert attempts.wait_after(error, 1.0) is not None


def test_an_unknown_outcome_stays_unknown() -> None:
    """Later attempts that were certainly not carried out do not change it."""
    assert not after(refused()).outcome_unknown
    assert after(refused(), lost(), refused()).outcome_unknown


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
    attempts = after(max_attempts=max_attempts, quota=quota)
    for outcome in outcomes:
        attempts.begin()
        assert attempts.count <= max_attempts
        if outcome == "ok":
            attempts.succeeded()
        if outcome == "ok" or attempts.wait_after(errors[outcome], 1.0) is None:
            attempts = after(max_attempts=max_attempts, quota=quota)
        assert 0 <= quota.available <= 500


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        *(
            ({"max_attempts": bad}, "max_attempts must be a whole number of at least 1")
            for bad in (0, -1, True, 1.5, "3")
        ),
        ({"mode": "legacy"}, "use 'standard' or 'adaptive'"),
    ],
)
def test_an_invalid_policy_is_refused(options: dict[str, Any], problem: str) -> None:
    """The constructor raises, and says what is possible."""
    with pytest.raises(ConfigurationError, match=problem):
        RetryPolicy(**options)

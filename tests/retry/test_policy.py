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
    Credentials,
    DetectiveClient,
    DetectiveFleet,
    HostNotFound,
    RetryPolicy,
    ServiceError,
    Target,
    TransportError,
)
from detective_async.retry.host_health import HostHealth, Watcher
from detective_async.retry.policy import (
    SCHEDULE_2026,
    SCHEDULE_BEFORE_2026,
    Attempts,
    FailureKind,
    RetryQuota,
    Schedule,
    backoff,
    failure_kind,
    retry_rules,
)
from detective_async.settings.config import Settings

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
    attempts.sent = False
    error = AttemptTimeout("x", operation="StartInvestigation", attempts=1, outcome_unknown=False)
    attempts.failed(error)
    assert not error.outcome_unknown
    assert attempts.wait_after(error, 1.0) is not None


def test_a_retry_that_is_not_made_costs_nothing() -> None:
    """Its cost is given back once, and the cost of one that was begun is not."""
    attempts = after(refused())
    full = attempts.quota.available
    attempts.wait_after(refused(), 1.0)
    assert attempts.quota.available == full - attempts.reserved < full
    attempts.give_back()
    attempts.give_back()
    assert attempts.quota.available == full
    attempts.wait_after(refused(), 1.0)
    attempts.begin()
    assert attempts.reserved == 0


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
            ({"max_attempts": bad}, f"^max_attempts must be a whole number of at least 1, got {bad!r}$")
            for bad in (0, -1, True, 1.5, "3")
        ),
        ({"mode": "legacy"}, "^retry mode 'legacy' does not exist; use 'standard' or 'adaptive'$"),
        *(
            ({name: bad}, f"retry: {name} must be a positive number of seconds")
            for name in ("initial_backoff", "max_backoff")
            for bad in (0, -1.0, True, "1", 10**400, float("inf"), float("nan"))
        ),
        *(({"retry_cost": bad}, "retry_cost must be a whole number from 0 to 500") for bad in (-1, 501, 1.0, True)),
    ],
)
def test_an_invalid_policy_is_refused(options: dict[str, Any], problem: str) -> None:
    """The constructor raises, and says what is possible."""
    with pytest.raises(ConfigurationError, match=problem):
        RetryPolicy(**options)


def schedule(first: float, first_throttled: float, longest: float, *costs: int) -> tuple[float, ...]:
    return first, first_throttled, longest, *costs


#: The SDKs' schedule of 2026, the one before, and the one of `RetryPolicy.patient()`.
NEW, OLD, PATIENT = (
    schedule(0.05, 1, 20, 14, 5, 14),
    schedule(1, 1, 20, 5, 5, 10),
    schedule(1, 1, 20, 1, 1, 1),
)


@pytest.mark.parametrize(
    ("policy", "settings", "patient", "attempts", "values"),
    [
        (RetryPolicy(), Settings(), False, 3, NEW),
        (RetryPolicy(), Settings(new_retries=True), False, 3, NEW),
        (RetryPolicy(), Settings(new_retries=False), False, 3, OLD),
        (RetryPolicy(), Settings(max_attempts=5), False, 5, NEW),
        (RetryPolicy(initial_backoff=2, max_backoff=9), Settings(), False, 3, schedule(2, 2, 9, 14, 5, 14)),
        (RetryPolicy(initial_backoff=2), Settings(new_retries=False), False, 3, schedule(2, 2, 20, 5, 5, 10)),
        (RetryPolicy(retry_cost=0), Settings(), False, 3, schedule(0.05, 1, 20, 0, 0, 0)),
        (RetryPolicy.patient(), Settings(max_attempts=2, new_retries=True), False, 8, PATIENT),
        # Of a job: what the user's policy and the environment leave unset is patient.
        (RetryPolicy(), Settings(), True, 8, PATIENT),
        (RetryPolicy(), Settings(max_attempts=2), True, 2, PATIENT),
        (RetryPolicy(max_attempts=1), Settings(max_attempts=2), True, 1, PATIENT),
        (RetryPolicy(initial_backoff=0.1), Settings(), True, 8, schedule(0.1, 0.1, 20, 1, 1, 1)),
        (RetryPolicy(), Settings(new_retries=True), True, 8, PATIENT),
        (RetryPolicy(), Settings(new_retries=False), True, 8, OLD),
    ],
)
def test_what_a_policy_and_the_environment_come_to(
    policy: RetryPolicy, settings: Settings, patient: bool, attempts: int, values: tuple[float, ...]
) -> None:
    """The policy's fields come first, then the environment's, then the defaults of the client or of the job."""
    rules = retry_rules(policy, settings, patient=patient)
    found = rules.schedule
    assert rules.max_attempts == attempts
    assert values == (
        found.transient_backoff,
        found.throttling_backoff,
        found.max_backoff,
        found.transient_cost,
        found.throttling_cost,
        found.timeout_cost,
    )
    # Where attempts were asked for, a host that does not exist gets as many.
    chosen = policy.max_attempts or settings.max_attempts
    assert found.unreached_attempts == (3 if patient and not chosen else None)


def test_look_ups_of_a_fleet_are_patient() -> None:
    """Those of a client follow its own policy."""
    keys = Credentials("a", "b")
    fleet = DetectiveFleet([Target("111122223333", "eu-west-1")], region="eu-west-1", credentials=keys)
    client = DetectiveClient(region="eu-west-1", credentials=keys, retry=RetryPolicy(max_attempts=2))
    assert fleet.client._transport.shared.rules == retry_rules(RetryPolicy(), Settings(), patient=True)
    assert client._transport.shared.rules == retry_rules(RetryPolicy(max_attempts=2), Settings())


def test_the_mode_of_the_patient_policy() -> None:
    """It may be adaptive too."""
    assert RetryPolicy.patient() == RetryPolicy(max_attempts=8, initial_backoff=1, max_backoff=20, retry_cost=1)
    assert RetryPolicy.patient("adaptive").mode == "adaptive"


def test_costs_before_2026() -> None:
    """A retry costs 5, and 10 after an attempt that timed out."""
    timeout = AttemptTimeout("x", operation="ListGraphs", attempts=1, outcome_unknown=True)
    costs = [SCHEDULE_BEFORE_2026.cost(FailureKind.TRANSIENT, error) for error in (lost(), timeout)]
    assert [*costs, SCHEDULE_BEFORE_2026.cost(FailureKind.THROTTLING, throttled())] == [5, 10, 5]


def test_a_hundred_calls_in_flight_can_wait_for_ten_seconds() -> None:
    """With the patient policy, 400 retries leave tokens; with the default one, 35 use them up."""
    for policy, retries in ((RetryPolicy.patient(), 500), (RetryPolicy(), 35)):
        quota, rules = RetryQuota(), retry_rules(policy, Settings())
        granted = 0
        while Attempts(8, quota, repeatable=True, schedule=rules.schedule).wait_after(lost(), 1.0) is not None:
            granted += 1
        assert granted == retries


def not_found() -> HostNotFound:
    return HostNotFound("x", operation="ListGraphs", attempts=1, outcome_unknown=False)


PATIENT_JOB = Schedule(unreached_attempts=3)


@pytest.mark.parametrize(
    ("error", "schedule", "answered", "attempts"),
    [
        (not_found(), PATIENT_JOB, None, 3),
        (not_found(), SCHEDULE_2026, None, 8),
        (refused(), PATIENT_JOB, None, 8),
        (refused(), PATIENT_JOB, False, 8),
        (refused(), PATIENT_JOB, True, 8),
        (throttled(), PATIENT_JOB, False, 8),
    ],
)
def test_patience_is_for_hosts_that_have_been_heard_of(
    error: ServiceError | TransportError, schedule: Schedule, answered: bool | None, attempts: int
) -> None:
    """A host that does not exist, or that has answered no call of the fleet, gets three attempts by default."""
    health = None if answered is None else HostHealth()
    if health is not None and answered:
        health.note_response()
    call = Attempts(8, RetryQuota(), repeatable=True, schedule=schedule, health=health)
    count = 0
    while True:
        call.begin()
        count += 1
        if call.wait_after(error, 0.0) is None:
            break
    assert count == attempts
    assert health is None or health.lost_calls == isinstance(error, TransportError)


def test_a_host_is_given_up_after_three_lost_calls_until_it_answers() -> None:
    """Then each call has one attempt; one response clears the doubt."""
    health = HostHealth()
    health.note_response()

    def retried() -> bool:
        call = Attempts(2, RetryQuota(), repeatable=True, health=health)
        call.begin()
        health.note_failure(0.0)
        if call.wait_after(refused(), 0.0) is None:
            return False
        call.begin()
        health.note_failure(0.0)
        assert call.wait_after(refused(), 0.0) is None
        return True

    assert [retried() for _ in range(5)] == [True, True, True, False, False]
    assert health.dead
    health.note_response()
    assert not health.dead
    assert retried()


def test_a_call_that_is_retried_goes_on_when_its_host_is_given_up() -> None:
    """It has as many attempts as another call in the same outage; only later calls have one."""
    health = HostHealth()
    begun, later = (Attempts(8, RetryQuota(), repeatable=True, health=health) for _ in range(2))
    begun.begin()
    assert begun.wait_after(refused(), 0.0) is not None
    for _ in range(3):
        health.note_lost_call()
    assert health.dead
    for call, goes_on in ((begun, True), (later, False)):
        call.begin()
        assert (call.wait_after(refused(), 0.0) is not None) is goes_on


@pytest.mark.parametrize(
    ("answered", "failures", "seconds", "crowding", "vain"),
    [
        (False, 3, 0.0, True, True),
        (False, 3, 0.0, False, False),
        (False, 2, 60.0, True, False),
        (True, 3, 9.9, True, False),
        (True, 3, 10.0, True, True),
    ],
)
def test_when_a_call_makes_way_for_other_hosts(
    answered: bool, failures: int, seconds: float, crowding: bool, vain: bool
) -> None:
    """After three failures in a row, if others wait; at a host that has answered, after ten seconds without one."""
    health, changes, given_up = HostHealth(), [], []
    health.watchers.append(
        Watcher(lambda: changes.append(health.responding), lambda: crowding, lambda: given_up.append(1))
    )
    if answered:
        health.note_response()
    for number in range(failures):
        health.note_failure(100.0 + seconds * number / (failures - 1))
    call = Attempts(8, quota := RetryQuota(), repeatable=True, health=health)
    call.begin()
    assert (call.wait_after(refused(), 0.0) is None) is vain
    assert given_up == [1] * vain
    assert (quota.available == RetryQuota().available) is vain
    # With all its retries, it might have got a response.
    assert health.lost_calls == 0
    # Only changes are told, and not each attempt.
    assert changes == ([True, False] if answered else [False])
    health.note_response()
    assert changes[-1]
    health.reset()
    assert not any((health.failing, health.ever_responded, health.dead))


@pytest.mark.parametrize(
    ("max_attempts", "quota", "repeatable"),
    [(1, RetryQuota().available, True), (8, 0, True), (8, RetryQuota().available, False)],
    ids=["no attempt left", "no quota left", "not repeatable"],
)
def test_a_call_that_is_not_retried_makes_no_way(max_attempts: int, quota: int, repeatable: bool) -> None:
    """It is lost, whoever waits for its slot, and three of these give the host up."""
    health, given_up = HostHealth(), []
    health.watchers.append(Watcher(lambda: None, lambda: True, lambda: given_up.append(1)))
    for _ in range(3):
        call = Attempts(max_attempts, RetryQuota(quota), repeatable, health=health)
        call.begin()
        health.note_failure(0.0)
        call.failed(error := lost())
        assert call.wait_after(error, 0.0) is None
    assert not given_up
    assert health.dead


def test_single_failures_between_answers_are_not_held_against_a_host() -> None:
    """One that has answered fails only after three in a row."""
    health = HostHealth()
    for _ in range(5):
        for _ in range(2):
            health.note_failure(0.0)
        # Before the first answer, one failure is enough.
        assert health.failing is not health.ever_responded
        assert not health.clear
        health.note_response()
        assert (health.clear, health.responding) == (True, True)

"""The retry loop, with prepared responses and a fake clock."""

import asyncio
import contextvars
import logging
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from aioresponses import CallbackResult, aioresponses
from attrs import asdict
from support.fakes import FakeTime

from detective_async import (
    AttemptEvent,
    CallEvent,
    ConfigurationError,
    ConnectError,
    ConnectionLost,
    Credentials,
    CredentialsError,
    DeadlineExceeded,
    DetectiveClient,
    EnvironmentCredentials,
    InternalServerException,
    RetryEvent,
    RetryPolicy,
    ServiceError,
    Timeouts,
    TooManyRequestsException,
    ValidationException,
)

URL = "https://api.detective.eu-west-1.amazonaws.com/graphs/list"
START_INVESTIGATION = "https://api.detective.eu-west-1.amazonaws.com/investigations/startInvestigation"
THROTTLED = {"x-amzn-errortype": "TooManyRequestsException", "x-amzn-requestid": "throttled"}
ARN = "arn:aws:detective:eu-west-1:111122223333:graph:" + "0a" * 16
NO_SUCH_HOST = aiohttp.ClientConnectorDNSError(
    ConnectionKey("x", 443, True, True, None, None, None, None),
    OSError("no such host"),
)
Events = list[AttemptEvent | RetryEvent | CallEvent]


@pytest.fixture
def events() -> Events:
    return []


@pytest.fixture
async def aws(credentials: Credentials, fake_time: FakeTime, events: Events) -> AsyncIterator[DetectiveClient]:
    async with DetectiveClient(
        region="eu-west-1", credentials=credentials, clock=fake_time.clock(), hooks=[events.append]
    ) as client:
        yield client


async def test_a_call_that_succeeds_at_once(aws: DetectiveClient, mock_aws: aioresponses, fake_time: FakeTime) -> None:
    """One attempt, no delay, and the metadata of the response."""
    mock_aws.post(URL, payload={"GraphList": []}, headers={"x-amzn-requestid": "id-1"})
    answer = await aws.list_graphs()
    assert answer.graph_list == []
    assert answer.response_metadata.request_id == "id-1"
    assert answer.response_metadata.http_status == 200
    assert answer.response_metadata.attempts == 1
    assert fake_time.slept == []


async def test_the_headers_of_a_request(aws: DetectiveClient, mock_aws: aioresponses, credentials: Credentials) -> None:
    """All headers that AWS and its tools use, with the date of the injected clock."""
    mock_aws.post(URL, status=500)
    mock_aws.post(URL, payload={})
    await aws.list_graphs(max_results=5)
    (calls,) = mock_aws.requests.values()
    first, second = (call.kwargs["headers"] for call in calls)
    assert calls[0].kwargs["data"] == b'{"MaxResults":5}'
    assert calls[0].kwargs["allow_redirects"] is False
    assert first["Host"] == "api.detective.eu-west-1.amazonaws.com"
    assert first["Content-Type"] == "application/json"
    assert first["x-amz-date"] == "20150830T123600Z"
    assert first["x-amz-security-token"] == credentials.session_token
    assert re.fullmatch(r"detective-async/\S+ python/\S+ aiohttp/\S+", first["User-Agent"])
    assert re.fullmatch(r"[0-9a-f-]{36}", first["amz-sdk-invocation-id"])
    assert first["amz-sdk-invocation-id"] == second["amz-sdk-invocation-id"]
    assert (first["amz-sdk-request"], second["amz-sdk-request"]) == ("attempt=1; max=3", "attempt=2; max=3")


async def test_each_attempt_has_its_own_signature(
    aws: DetectiveClient, mock_aws: aioresponses, fake_time: FakeTime
) -> None:
    """The second one has the time of the second attempt."""
    mock_aws.post(URL, status=429, headers={"x-amz-retry-after": "5000"})
    mock_aws.post(URL, payload={})
    await aws.list_graphs()
    (calls,) = mock_aws.requests.values()
    first, second = (call.kwargs["headers"] for call in calls)
    assert second["x-amz-date"] == "20150830T123605Z"
    assert first["Authorization"] != second["Authorization"]
    assert fake_time.slept == [5.0]


async def test_throttled_attempts_are_retried_and_reported_to_hooks(
    aws: DetectiveClient, mock_aws: aioresponses, fake_time: FakeTime, events: Events
) -> None:
    """Hooks receive each attempt and each retry, in order."""
    mock_aws.post(URL, status=429, headers=THROTTLED)
    mock_aws.post(URL, status=429, headers=THROTTLED)
    mock_aws.post(URL, payload={}, headers={"x-amzn-requestid": "done"})
    assert (await aws.list_graphs()).response_metadata.attempts == 3
    assert fake_time.slept == [1.0, 2.0]
    (calls,) = mock_aws.requests.values()
    common = {
        "operation": "ListGraphs",
        "account": None,
        "region": "eu-west-1",
        "invocation_id": calls[0].kwargs["headers"]["amz-sdk-invocation-id"],
    }
    error_code, sizes = "TooManyRequestsException", {"request_bytes": 2, "response_bytes": 0}
    failed = {
        "max_attempts": 3,
        "error_code": error_code,
        "throttled": True,
        "status": 429,
        "request_id": "throttled",
        **sizes,
    }
    assert [asdict(event) for event in events] == [
        {**common, "attempt": 1, "waited": 0.0, "elapsed": 0.0, **failed},
        {**common, "attempt": 1, "max_attempts": 3, "delay": 1.0, "error_code": error_code},
        {**common, "attempt": 2, "waited": 1.0, "elapsed": 0.0, **failed},
        {**common, "attempt": 2, "max_attempts": 3, "delay": 2.0, "error_code": error_code},
        {
            **common,
            "attempt": 3,
            "max_attempts": 3,
            "waited": 2.0,
            "elapsed": 0.0,
            "status": 200,
            "request_id": "done",
            "error_code": None,
            "throttled": False,
            "request_bytes": 2,
            "response_bytes": 2,
        },
        {
            **common,
            "attempts": 3,
            "elapsed": 3.0,
            "waited": 3.0,
            "status": 200,
            "request_id": "done",
            "error_code": None,
            "request_bytes": 2,
            "response_bytes": 2,
            "retry_quota": 495,
        },
    ]


async def test_the_last_error_is_raised(aws: DetectiveClient, mock_aws: aioresponses, fake_time: FakeTime) -> None:
    """Three attempts, two delays, then the modelled exception, which is marked as retryable."""
    for _ in range(3):
        mock_aws.post(URL, status=429, headers=THROTTLED)
    with pytest.raises(TooManyRequestsException) as caught:
        await aws.list_graphs()
    assert caught.value.attempts == 3
    assert caught.value.retryable
    assert caught.value.operation == "ListGraphs"
    assert len(fake_time.slept) == 2


async def test_a_final_error_is_raised_at_once(aws: DetectiveClient, mock_aws: aioresponses, events: Events) -> None:
    """There is no delay and no second attempt."""
    mock_aws.post(URL, status=400, payload={"message": "no"}, headers={"x-amzn-errortype": "ValidationException"})
    with pytest.raises(ValidationException, match="no") as caught:
        await aws.list_graphs()
    assert not caught.value.retryable
    assert [type(event).__name__ for event in events] == ["AttemptEvent", "CallEvent"]


async def test_retries_can_be_turned_off(aws: DetectiveClient, mock_aws: aioresponses) -> None:
    """With one attempt, there is no retry."""
    mock_aws.post(URL, status=500, headers={"x-amzn-errortype": "InternalServerException"})
    with pytest.raises(InternalServerException):
        await aws.with_options(retry=RetryPolicy(max_attempts=1)).list_graphs()


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_redirects_are_not_followed(aws: DetectiveClient, mock_aws: aioresponses, status: int) -> None:
    """A redirect is an error, because a signature is for one host."""
    mock_aws.post(URL, status=status, headers={"Location": "https://evil.example.com/"})
    with pytest.raises(ServiceError) as caught:
        await aws.list_graphs()
    assert (caught.value.status, caught.value.code) == (status, str(status))
    assert len(mock_aws.requests) == 1


async def test_connection_errors_are_retried(aws: DetectiveClient, mock_aws: aioresponses, fake_time: FakeTime) -> None:
    """A host name that does not resolve may do so later; nothing was sent."""
    for _ in range(3):
        mock_aws.post(URL, exception=NO_SUCH_HOST)
    with pytest.raises(ConnectError) as caught:
        await aws.list_graphs()
    assert caught.value.attempts == 3
    assert not caught.value.outcome_unknown
    assert "no such host" in str(caught.value)
    assert fake_time.slept == [0.05, 0.1]


async def test_an_unknown_outcome_of_an_earlier_attempt_is_kept(aws: DetectiveClient, mock_aws: aioresponses) -> None:
    """The first attempt may have been carried out, although the last one was not sent."""
    mock_aws.post(URL, exception=aiohttp.ServerDisconnectedError())
    mock_aws.post(URL, exception=NO_SUCH_HOST)
    mock_aws.post(URL, exception=NO_SUCH_HOST)
    with pytest.raises(ConnectError) as caught:
        await aws.list_graphs()
    assert caught.value.outcome_unknown


async def test_unrepeatable_operations_are_not_retried(aws: DetectiveClient, mock_aws: aioresponses) -> None:
    """A second StartInvestigation could start a second investigation."""
    now = datetime.now(UTC)
    mock_aws.post(START_INVESTIGATION, exception=aiohttp.ServerDisconnectedError())
    with pytest.raises(ConnectionLost) as caught:
        await aws.start_investigation(ARN, "arn:aws:iam::111122223333:role/x", now, now)
    assert (caught.value.attempts, caught.value.outcome_unknown) == (1, True)
    mock_aws.post(START_INVESTIGATION, exception=NO_SUCH_HOST)
    mock_aws.post(START_INVESTIGATION, status=429, headers=THROTTLED)
    mock_aws.post(START_INVESTIGATION, payload={"InvestigationId": "1" * 21})
    answer = await aws.start_investigation(ARN, "arn:aws:iam::111122223333:role/x", now, now)
    assert answer.response_metadata.attempts == 3


async def test_an_exhausted_quota_ends_the_retries(aws: DetectiveClient, mock_aws: aioresponses) -> None:
    """35 failing retries use it up; then failures are raised at once, also in derived clients."""
    mock_aws.post(URL, status=500, repeat=True)
    same = aws.with_options(timeouts=Timeouts(total=10))
    attempts = []
    for _ in range(40):
        with pytest.raises(ServiceError) as caught:
            await same.list_graphs()
        attempts.append(caught.value.attempts)
    assert attempts == [3] * 17 + [2] + [1] * 22
    with pytest.raises(ServiceError) as caught:
        await aws.list_graphs()
    assert caught.value.attempts == 1
    with pytest.raises(ServiceError) as caught:
        await aws.with_options(credentials=Credentials("another", "account")).list_graphs()
    assert caught.value.attempts == 3


async def test_exceptions_of_hooks_are_logged(
    credentials: Credentials, mock_aws: aioresponses, caplog: pytest.LogCaptureFixture
) -> None:
    """They do not change the call."""

    def broken(_: object) -> None:
        raise LookupError("oops")

    seen: Events = []
    mock_aws.post(URL, payload={})
    async with DetectiveClient(region="eu-west-1", credentials=credentials, hooks=[broken, seen.append]) as client:
        await client.list_graphs()
    assert [type(event).__name__ for event in seen] == ["AttemptEvent", "CallEvent"]
    assert [record for record in caplog.record_tuples if record[0].startswith("detective_async")] == [
        ("detective_async", logging.ERROR, "a hook failed on AttemptEvent"),
        ("detective_async", logging.ERROR, "a hook failed on CallEvent"),
    ]


def test_a_hook_must_be_a_plain_callable(credentials: Credentials) -> None:
    """The coroutines of a coroutine function would never be awaited."""

    async def hook(_: object) -> None: ...

    for bad in (hook, "print"):
        with pytest.raises(ConfigurationError, match="hooks: expected plain callables"):
            DetectiveClient(region="eu-west-1", credentials=credentials, hooks=[bad])  # type: ignore[list-item]


async def test_the_deadline_includes_delays(credentials: Credentials, mock_aws: aioresponses) -> None:
    """A call ends during a delay at its deadline; the outcome of the failed attempt is known."""
    mock_aws.post(URL, status=429, headers={"x-amz-retry-after": "5000"})
    async with DetectiveClient(region="eu-west-1", credentials=credentials, timeouts=Timeouts(total=0.05)) as client:
        with pytest.raises(DeadlineExceeded, match=r"no response within 0\.05 s") as caught:
            await client.list_graphs()
    assert (caught.value.attempts, caught.value.outcome_unknown) == (1, False)


async def test_the_deadline_includes_credentials() -> None:
    """A provider that hangs does not extend the call; nothing was sent."""

    async def vault() -> Credentials:
        await asyncio.sleep(60)
        raise AssertionError("never")

    async with DetectiveClient(region="eu-west-1", credentials=vault, timeouts=Timeouts(total=0.05)) as client:
        with pytest.raises(DeadlineExceeded) as caught:
            await client.list_graphs()
    assert (caught.value.attempts, caught.value.outcome_unknown) == (0, False)


async def test_a_call_can_be_closed_in_another_context(aws: DetectiveClient, mock_aws: aioresponses) -> None:
    """The garbage collector may close its coroutine in any context."""

    async def slow(_: object, **__: object) -> CallbackResult:
        await asyncio.sleep(60)
        raise AssertionError("never")

    mock_aws.post(URL, callback=slow)
    call = aws.list_graphs()
    contextvars.copy_context().run(call.send, None)
    call.close()


async def test_an_outer_timeout_stays_a_timeout_error(credentials: Credentials, mock_aws: aioresponses) -> None:
    """The caller's own `asyncio.timeout` does not become DeadlineExceeded."""

    async def slow(_: object, **__: object) -> CallbackResult:
        await asyncio.sleep(60)
        raise AssertionError("never")

    mock_aws.post(URL, callback=slow)
    async with DetectiveClient(region="eu-west-1", credentials=credentials) as client:
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.05):
                await client.list_graphs()
    assert type(caught.value) is TimeoutError


async def test_a_timeout_error_of_a_provider_is_a_credentials_error() -> None:
    """It does not become DeadlineExceeded."""

    async def vault() -> Credentials:
        raise TimeoutError("vault")

    async with DetectiveClient(region="eu-west-1", credentials=vault) as client:
        with pytest.raises(CredentialsError, match="TimeoutError: vault"):
            await client.list_graphs()


async def test_a_credentials_error_of_a_provider_is_not_wrapped() -> None:
    """It is raised unchanged."""
    async with DetectiveClient(region="eu-west-1", credentials=EnvironmentCredentials()) as client:
        with pytest.raises(CredentialsError, match=r"^environment: AWS_ACCESS_KEY_ID and"):
            await client.list_graphs()


def test_timeouts_can_be_turned_off() -> None:
    """None disables a timeout."""
    assert Timeouts(connect=None, read=None, attempt=None, total=None).total is None


@pytest.mark.parametrize("timeouts", [{"connect": 0}, {"read": -1}, {"attempt": True}, {"total": "5"}])
def test_invalid_timeouts_are_refused(timeouts: dict[str, float]) -> None:
    """The constructor raises, with the name of the timeout."""
    with pytest.raises(ConfigurationError, match=f"timeouts: {next(iter(timeouts))} must be a positive number"):
        Timeouts(**timeouts)


async def test_the_adaptive_mode_limits_the_rate(
    aws: DetectiveClient, mock_aws: aioresponses, fake_time: FakeTime, events: Events
) -> None:
    """After throttling, calls of this account and region wait; others, and the standard mode, do not."""
    mock_aws.post(URL, status=429, headers=THROTTLED)
    mock_aws.post(URL, payload={}, repeat=True)
    fake_time.random = 0.0
    adaptive = aws.with_options(retry=RetryPolicy(mode="adaptive"))
    await adaptive.list_graphs()
    assert [type(event).__name__ for event in events] == [
        "AttemptEvent",
        "RetryEvent",
        "AttemptEvent",
        "CallEvent",
    ]
    began = fake_time.now
    for _ in range(4):
        await adaptive.list_graphs()
    assert fake_time.now - began >= 1.0
    began = fake_time.now
    for _ in range(4):
        await aws.list_graphs()
        await adaptive.with_options(credentials=Credentials("another", "account")).list_graphs()
    assert fake_time.now == began

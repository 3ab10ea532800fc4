"""The retry loop, with prepared responses and a fake clock."""

import asyncio
import contextvars
import logging
import re
import socket
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

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
    Credentials,
    CredentialsError,
    DetectiveClient,
    EnvironmentCredentials,
    HostNotFound,
    InternalServerException,
    RetryEvent,
    RetryPolicy,
    ServiceError,
    Timeouts,
    TooManyRequestsException,
    ValidationException,
)
from detective_async.auth import CredentialsSource

URL = "https://api.detective.eu-west-1.amazonaws.com/graphs/list"
THROTTLED = {"x-amzn-errortype": "TooManyRequestsException", "x-amzn-requestid": "throttled"}
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


async def test_the_headers_of_a_request(
    aws: DetectiveClient, mock_aws: aioresponses, credentials: Credentials, fake_time: FakeTime
) -> None:
    """The headers that AWS and its tools need; each attempt is signed with the time of the injected clock."""
    mock_aws.post(URL, status=429, headers={"x-amz-retry-after": "5000"})
    mock_aws.post(URL, payload={})
    await aws.list_graphs(max_results=5)
    assert fake_time.slept == [5.0]
    (calls,) = mock_aws.requests.values()
    first, second = (call.kwargs["headers"] for call in calls)
    assert calls[0].kwargs["data"] == b'{"MaxResults":5}'
    assert calls[0].kwargs["allow_redirects"] is False
    assert first["Host"] == "api.detective.eu-west-1.amazonaws.com"
    assert first["Content-Type"] == "application/json"
    assert (first["x-amz-date"], second["x-amz-date"]) == ("20150830T123600Z", "20150830T123605Z")
    assert first["Authorization"] != second["Authorization"]
    assert first["x-amz-security-token"] == credentials.session_token
    assert re.fullmatch(r"detective-async/\S+ python/\S+ aiohttp/\S+", first["User-Agent"])
    assert re.fullmatch(r"[0-9a-f-]{36}", first["amz-sdk-invocation-id"])
    assert first["amz-sdk-invocation-id"] == second["amz-sdk-invocation-id"]
    assert (first["amz-sdk-request"], second["amz-sdk-request"]) == ("attempt=1; max=3", "attempt=2; max=3")


async def test_throttled_attempts_are_retried_and_reported_to_hooks(
    aws: DetectiveClient, mock_aws: aioresponses, fake_time: FakeTime, events: Events
) -> None:
    """In order, and the call at the end; the response has the metadata of the last attempt."""
    for _ in range(2):
        mock_aws.post(URL, status=429, headers=THROTTLED)
    mock_aws.post(URL, payload={"GraphList": []}, headers={"x-amzn-requestid": "done"})
    response = await aws.list_graphs()
    metadata = response.response_metadata
    assert (response.graph_list, metadata.request_id, metadata.http_status, metadata.attempts) == ([], "done", 200, 3)
    assert fake_time.slept == [1.0, 2.0]
    (calls,) = mock_aws.requests.values()
    invocation_id = calls[0].kwargs["headers"]["amz-sdk-invocation-id"]
    common = {"operation": "ListGraphs", "account": None, "region": "eu-west-1", "invocation_id": invocation_id}
    throttled = {"error_code": "TooManyRequestsException", "max_attempts": 3}
    failed = throttled | {"throttled": True, "status": 429, "request_id": "throttled", "response_bytes": 0}
    done = {"status": 200, "request_id": "done", "error_code": None, "response_bytes": 17}
    expected = [
        {"attempt": 1, "waited": 0.0, "elapsed": 0.0, "request_bytes": 2, **failed},
        {"attempt": 1, "delay": 1.0, **throttled},
        {"attempt": 2, "waited": 1.0, "elapsed": 0.0, "request_bytes": 2, **failed},
        {"attempt": 2, "delay": 2.0, **throttled},
        {
            "attempt": 3,
            "max_attempts": 3,
            "waited": 2.0,
            "elapsed": 0.0,
            "throttled": False,
            "request_bytes": 2,
            **done,
        },
        {"attempts": 3, "elapsed": 3.0, "waited": 3.0, "request_bytes": 2, "retry_quota": 495, **done},
    ]
    assert [asdict(event) for event in events] == [{**common, **event} for event in expected]


@pytest.mark.parametrize(
    ("status", "error", "attempts"),
    [(400, ValidationException, 1), (429, TooManyRequestsException, 3), (500, InternalServerException, 3)],
)
async def test_the_last_error_is_raised(
    status: int,
    error: type[ServiceError],
    attempts: int,
    *,
    aws: DetectiveClient,
    mock_aws: aioresponses,
    events: Events,
) -> None:
    """A final one at once; others after three attempts, and `retryable`."""
    headers = {"x-amzn-errortype": error.__name__}
    mock_aws.post(URL, status=status, headers=headers, payload={"message": "no"}, repeat=True)
    with pytest.raises(error, match="no") as caught:
        await aws.list_graphs()
    assert (caught.value.operation, caught.value.attempts) == ("ListGraphs", attempts)
    assert caught.value.retryable is (attempts > 1)
    kinds = ["AttemptEvent", "RetryEvent"] * (attempts - 1) + ["AttemptEvent", "CallEvent"]
    assert [type(event).__name__ for event in events] == kinds


@pytest.mark.parametrize(
    ("problem", "error"),
    [(socket.gaierror(socket.EAI_NONAME, "no such host"), HostNotFound), (OSError("no such host"), ConnectError)],
)
async def test_a_name_that_does_not_resolve(
    problem: OSError, error: type[ConnectError], aws: DetectiveClient, mock_aws: aioresponses
) -> None:
    """A name that does not exist has an error of its own; the message has the reason."""
    key = ConnectionKey(urlsplit(URL).hostname or "", 443, True, True, None, None, None, None)
    mock_aws.post(URL, exception=aiohttp.ClientConnectorDNSError(key, problem), repeat=True)
    with pytest.raises(ConnectError, match="no such host") as caught:
        await aws.list_graphs()
    assert type(caught.value) is error
    assert (caught.value.attempts, caught.value.outcome_unknown) == (3, False)


async def test_an_exhausted_quota_ends_the_retries(aws: DetectiveClient, mock_aws: aioresponses) -> None:
    """35 failing retries use it up; then failures are raised at once, also in derived clients."""
    mock_aws.post(URL, status=500, repeat=True)

    async def attempts(client: DetectiveClient) -> int:
        with pytest.raises(ServiceError) as caught:
            await client.list_graphs()
        return caught.value.attempts

    same = aws.with_options(timeouts=Timeouts(total=10))
    assert [await attempts(same) for _ in range(40)] == [3] * 17 + [2] + [1] * 22
    assert await attempts(aws) == 1
    assert await attempts(aws.with_options(credentials=Credentials("another", "account"))) == 3


async def test_exceptions_of_hooks_are_logged(
    credentials: Credentials, mock_aws: aioresponses, caplog: pytest.LogCaptureFixture
) -> None:
    """The call and the other hooks are not affected."""

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
    """A coroutine function is refused: it would never be awaited."""

    async def hook(_: object) -> None: ...

    for bad in (hook, "print"):
        with pytest.raises(ConfigurationError, match="hooks: expected plain callables"):
            DetectiveClient(region="eu-west-1", credentials=credentials, hooks=[bad])  # type: ignore[list-item]


async def test_a_call_can_be_closed_in_another_context(aws: DetectiveClient, mock_aws: aioresponses) -> None:
    """The garbage collector may close its coroutine in any context."""

    async def slow(_: object, **__: object) -> CallbackResult:
        await asyncio.sleep(60)
        raise AssertionError("never")

    mock_aws.post(URL, callback=slow)
    call = aws.list_graphs()
    contextvars.copy_context().run(call.send, None)
    call.close()


async def _vault_that_times_out() -> Credentials:
    raise TimeoutError("vault")


@pytest.mark.parametrize(
    ("provider", "message"),
    [
        (_vault_that_times_out, "TimeoutError: vault"),
        (EnvironmentCredentials(), r"^environment: AWS_ACCESS_KEY_ID and"),
    ],
)
async def test_errors_of_providers(provider: CredentialsSource, message: str) -> None:
    """A provider's TimeoutError is not taken for the deadline; its CredentialsError is not wrapped in another."""
    async with DetectiveClient(region="eu-west-1", credentials=provider) as client:
        with pytest.raises(CredentialsError, match=message):
            await client.list_graphs()


@pytest.mark.parametrize("timeouts", [{"connect": 0}, {"read": -1}, {"attempt": True}, {"total": "5"}])
def test_invalid_timeouts_are_refused(timeouts: dict[str, float]) -> None:
    """The constructor raises, and names the timeout."""
    with pytest.raises(ConfigurationError, match=f"timeouts: {next(iter(timeouts))} must be a positive number"):
        Timeouts(**timeouts)


async def test_the_adaptive_mode_limits_the_rate(
    aws: DetectiveClient, mock_aws: aioresponses, fake_time: FakeTime
) -> None:
    """After a throttle, calls of this account and region wait; others, and the standard mode, do not."""
    mock_aws.post(URL, status=429, headers=THROTTLED)
    mock_aws.post(URL, payload={}, repeat=True)
    fake_time.random = 0.0
    adaptive = aws.with_options(retry=RetryPolicy(mode="adaptive"))
    assert (await adaptive.list_graphs()).response_metadata.attempts == 2
    began = fake_time.now
    for _ in range(4):
        await adaptive.list_graphs()
    assert fake_time.now - began >= 1.0
    began = fake_time.now
    for _ in range(4):
        await aws.list_graphs()
        await adaptive.with_options(credentials=Credentials("another", "account")).list_graphs()
    assert fake_time.now == began


async def test_keys_that_were_refused_are_not_used_again(
    aws: DetectiveClient, mock_aws: aioresponses, fake_time: FakeTime
) -> None:
    """A provider that returns expired keys again ends the call with the error that said so, whatever came after it."""
    keys = iter(["A", "B", "A"])

    async def provide() -> Credentials:
        return Credentials(next(keys), "secret")

    mock_aws.post(URL, status=403, headers={"x-amzn-errortype": "ExpiredTokenException"})
    mock_aws.post(URL, status=503)
    with pytest.raises(ServiceError) as caught:
        await aws.with_options(credentials=provide).list_graphs()
    assert (caught.value.code, caught.value.attempts) == ("ExpiredTokenException", 1)
    assert len(fake_time.slept) == 1


async def test_a_hook_that_exits_at_the_start(credentials: Credentials, mock_aws: aioresponses) -> None:
    """The call ends for the other hooks too, before anything is sent."""
    ended = []

    def leave(_: object) -> None:
        raise SystemExit

    def hook(event: object) -> None:
        ended.append(event)

    hook.on_start = leave  # type: ignore[attr-defined]
    async with DetectiveClient(region="eu-west-1", credentials=credentials, hooks=[hook]) as client:
        with pytest.raises(SystemExit):
            await client.list_graphs()
    assert [type(event) for event in ended] == [CallEvent]
    assert not mock_aws.requests

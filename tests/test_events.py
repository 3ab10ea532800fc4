"""The events of a call: its start, attempts, retries and end."""

import asyncio
from collections.abc import AsyncIterator
from contextvars import ContextVar, Token
from typing import Any

import pytest
from aioresponses import CallbackResult, aioresponses
from attrs import define, evolve, exceptions, field
from support.fakes import FakeTime
from support.wire_server import until

from detective_async import (
    AssumeRole,
    AttemptEvent,
    CallEvent,
    CallStart,
    ConnectionLost,
    Credentials,
    CredentialsError,
    DeadlineExceeded,
    DecodeError,
    DetectiveClient,
    DetectiveFleet,
    ParameterError,
    RetryEvent,
    Target,
    Timeouts,
)
from detective_async.events import Event
from detective_async.testing import DetectiveSimulator

URL = "https://api.detective.eu-west-1.amazonaws.com/graphs/list"
MEMBER = "444455556666"
_current: ContextVar[str | None] = ContextVar("_current", default=None)


@define
class RecordingHook:
    """A hook that records all events, and adds headers in `on_start`."""

    headers: dict[str, Any] = field(factory=dict)
    events: list[CallStart | Event] = field(factory=list)
    _tokens: dict[str, Token[str | None]] = field(factory=dict)

    def on_start(self, start: CallStart) -> None:
        self.events.append(start)
        start.headers.update(self.headers)
        self._tokens[start.invocation_id] = _current.set(start.invocation_id)

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, CallEvent):
            # Raises if this is not the context of the start.
            _current.reset(self._tokens.pop(event.invocation_id))

    @property
    def ends(self) -> list[CallEvent]:
        return [event for event in self.events if isinstance(event, CallEvent)]


@pytest.fixture
def recorder() -> RecordingHook:
    return RecordingHook()


@pytest.fixture
async def aws(credentials: Credentials, fake_time: FakeTime, recorder: RecordingHook) -> AsyncIterator[DetectiveClient]:
    async with DetectiveClient(
        region="eu-west-1", credentials=credentials, clock=fake_time.clock(), hooks=[recorder]
    ) as client:
        yield client


async def test_call_start_comes_first(aws: DetectiveClient, mock_aws: aioresponses, recorder: RecordingHook) -> None:
    """It has the destination of the call and the id of all its events."""
    mock_aws.post(URL, payload={})
    await aws.list_graphs()
    start, *others = recorder.events
    assert start == CallStart(
        operation="ListGraphs",
        service="detective",
        account=None,
        region="eu-west-1",
        endpoint_url="https://api.detective.eu-west-1.amazonaws.com",
        invocation_id=start.invocation_id,
    )
    assert [(type(event).__name__, event.invocation_id) for event in others] == [
        ("AttemptEvent", start.invocation_id),
        ("CallEvent", start.invocation_id),
    ]


async def test_starts_and_ends_are_nested(credentials: Credentials, mock_aws: aioresponses) -> None:
    """The first hook to receive the start is the last to receive the end; other events are in order."""
    events: list[tuple[str, str]] = []

    class Named(RecordingHook):
        def __init__(self, name: str) -> None:
            self.name = name

        def on_start(self, start: CallStart) -> None:
            events.append((self.name, type(start).__name__))

        def __call__(self, event: Event) -> None:
            events.append((self.name, type(event).__name__))

    mock_aws.post(URL, payload={})
    async with DetectiveClient(
        region="eu-west-1", credentials=credentials, hooks=[Named("outer"), Named("inner")]
    ) as client:
        await client.list_graphs()
    assert events == [
        ("outer", "CallStart"),
        ("inner", "CallStart"),
        ("outer", "AttemptEvent"),
        ("inner", "AttemptEvent"),
        ("inner", "CallEvent"),
        ("outer", "CallEvent"),
    ]


async def test_context_variables_of_the_start_are_set_until_the_end(recorder: RecordingHook) -> None:
    """They are set for everything in the call, for no other call, and not afterwards."""
    seen = []

    async def vault() -> Credentials:
        seen.append(_current.get())
        raise CredentialsError("closed")

    async with DetectiveClient(region="eu-west-1", credentials=vault, hooks=[recorder]) as client:
        await asyncio.gather(*(client.list_graphs() for _ in range(2)), return_exceptions=True)
        with pytest.raises(CredentialsError):
            await client.list_graphs()
    assert _current.get() is None
    assert len(recorder.ends) == 3
    assert len(seen) == len(set(seen)) == 2
    assert set(seen) <= {event.invocation_id for event in recorder.ends}


async def test_a_hook_can_add_headers(aws: DetectiveClient, mock_aws: aioresponses, recorder: RecordingHook) -> None:
    """They are sent with each attempt; reserved and malformed ones are ignored."""
    sent = {"traceparent": "00-ab-cd-01", "X-Amzn-Trace-Id": "Root=1-2-3", "tracestate": ""}
    reserved = [
        "host",
        "Authorization",
        "X-AMZ-Date",
        "x-amz-meta",
        "Content-Length",
        "content-type",
        "USER-AGENT",
        "te",
    ]
    malformed = {"a name": "x", "": "x", "name": "line\r\nbreak", "other": "ü", "number": 1, 2: "x"}
    recorder.headers = {**sent, **dict.fromkeys(reserved, "mine"), **malformed}  # type: ignore[dict-item]
    mock_aws.post(URL, status=500)
    mock_aws.post(URL, payload={})
    await aws.list_graphs()
    (calls,) = mock_aws.requests.values()
    for call in calls:
        headers = call.kwargs["headers"]
        assert {name: headers[name] for name in sent} == sent
        assert "mine" not in headers.values()
        assert not set(malformed) & set(headers)
        signed = headers["Authorization"].partition("SignedHeaders=")[2].partition(",")[0]
        assert signed == "host;x-amz-date;x-amz-security-token"


async def test_added_headers_do_not_break_the_signature(sim: DetectiveSimulator) -> None:
    """They are not signed, and the service accepts the request."""
    recorder = RecordingHook({"X-Amzn-Trace-Id": "Root=1-2-3"})
    async with DetectiveClient(
        region="eu-west-1", endpoint_url=sim.url, credentials=sim.account(MEMBER), hooks=[recorder]
    ) as client:
        await client.create_graph()
    assert [event.status for event in recorder.ends] == [200]


async def test_a_hook_without_on_start(credentials: Credentials, mock_aws: aioresponses) -> None:
    """It receives one event for the attempt and one for the call."""
    events: list[Event] = []
    mock_aws.post(URL, payload={})
    async with DetectiveClient(region="eu-west-1", credentials=credentials, hooks=[events.append]) as client:
        await client.list_graphs()
    assert [type(event).__name__ for event in events] == ["AttemptEvent", "CallEvent"]


async def test_exceptions_of_on_start_are_logged(
    credentials: Credentials, mock_aws: aioresponses, caplog: pytest.LogCaptureFixture
) -> None:
    """They do not change the call."""

    class Broken(RecordingHook):
        def on_start(self, start: CallStart) -> None:
            raise LookupError(start.operation)

        def __call__(self, event: Event) -> None: ...

    mock_aws.post(URL, payload={})
    async with DetectiveClient(region="eu-west-1", credentials=credentials, hooks=[Broken()]) as client:
        await client.list_graphs()
    assert [record.message for record in caplog.records if record.name == "detective_async"] == [
        "a hook failed on CallStart"
    ]


@pytest.mark.parametrize("kind", [CallStart, AttemptEvent, RetryEvent, CallEvent])
async def test_events_are_frozen(
    aws: DetectiveClient, mock_aws: aioresponses, recorder: RecordingHook, kind: type[Any]
) -> None:
    """All hooks receive the same objects."""
    mock_aws.post(URL, status=500)
    mock_aws.post(URL, payload={})
    await aws.list_graphs()
    event = next(event for event in recorder.events if isinstance(event, kind))
    with pytest.raises(exceptions.FrozenInstanceError):
        setattr(event, "operation", "another")  # noqa: B010 - type checkers know that it cannot be


async def test_the_end_of_a_call_that_was_refused(
    aws: DetectiveClient, mock_aws: aioresponses, recorder: RecordingHook
) -> None:
    """It has the code, status and request id of the error, and the rest of the quota."""
    for _ in range(3):
        mock_aws.post(
            URL, status=429, headers={"x-amzn-errortype": "TooManyRequestsException", "x-amzn-requestid": "no"}
        )
    with pytest.raises(Exception, match="TooManyRequests"):
        await aws.list_graphs()
    (end,) = recorder.ends
    assert (end.error_code, end.status, end.request_id) == ("TooManyRequestsException", 429, "no")
    assert (end.attempts, end.waited, end.elapsed, end.retry_quota) == (3, 3.0, 3.0, 490)


async def test_the_end_of_a_call_without_a_response(
    credentials: Credentials, mock_aws: aioresponses, recorder: RecordingHook, fake_time: FakeTime
) -> None:
    """It has the class of the error, and nothing of the response to an earlier attempt."""
    mock_aws.post(URL, status=500, body=b"12345")
    for _ in range(2):
        mock_aws.post(URL, exception=ConnectionResetError("reset"))
    async with DetectiveClient(
        region="eu-west-1", credentials=credentials, hooks=[recorder], clock=fake_time.clock()
    ) as client:
        with pytest.raises(ConnectionLost):
            await client.list_graphs()
    (end,) = recorder.ends
    assert (end.error_code, end.status, end.request_id, end.response_bytes) == ("ConnectionLost", None, None, None)
    sizes = [event.response_bytes for event in recorder.events if isinstance(event, AttemptEvent)]
    assert sizes == [5, None, None]


async def test_the_end_of_a_call_whose_response_cannot_be_decoded(
    aws: DetectiveClient, mock_aws: aioresponses, recorder: RecordingHook
) -> None:
    """The attempt succeeded, the call did not."""
    mock_aws.post(URL, payload={"GraphList": 5})
    with pytest.raises(DecodeError):
        await aws.list_graphs()
    (end,) = recorder.ends
    assert (end.error_code, end.status, end.response_bytes) == ("DecodeError", 200, 16)


async def test_the_end_of_a_call_without_credentials(recorder: RecordingHook) -> None:
    """It had no attempt."""

    async def vault() -> Credentials:
        raise CredentialsError("closed")

    async with DetectiveClient(region="eu-west-1", credentials=vault, hooks=[recorder]) as client:
        with pytest.raises(CredentialsError):
            await client.list_graphs()
    assert [type(event) for event in recorder.events] == [CallStart, CallEvent]
    (end,) = recorder.ends
    assert (end.error_code, end.attempts, end.status, end.account) == ("CredentialsError", 0, None, None)


@pytest.mark.parametrize("total", [1, None])
async def test_the_end_of_a_call_that_exceeds_its_time(
    credentials: Credentials, mock_aws: aioresponses, recorder: RecordingHook, total: float | None
) -> None:
    """By its deadline or a cancellation, in a delay after a response."""
    mock_aws.post(URL, status=429, headers={"x-amz-retry-after": "9000", "x-amzn-requestid": "wait"})
    async with DetectiveClient(
        region="eu-west-1", credentials=credentials, timeouts=Timeouts(total=total), hooks=[recorder]
    ) as client:
        call = asyncio.create_task(client.list_graphs())
        await until(lambda: len(recorder.events) > 1, "the first attempt has ended")
        if total is None:
            call.cancel()
        with pytest.raises(asyncio.CancelledError if total is None else DeadlineExceeded):
            await call
    (end,) = recorder.ends
    assert end.error_code == ("CancelledError" if total is None else "DeadlineExceeded")
    assert (end.attempts, end.status, end.request_id) == (1, 429, "wait")


async def test_the_end_of_a_call_that_is_cancelled_in_an_attempt(
    aws: DetectiveClient, mock_aws: aioresponses, recorder: RecordingHook
) -> None:
    """It has nothing of the response to an earlier attempt."""
    attempted = asyncio.Event()

    async def slow(_: object, **__: object) -> CallbackResult:
        attempted.set()
        await asyncio.sleep(60)
        raise AssertionError("never")

    mock_aws.post(URL, status=500, headers={"x-amzn-requestid": "first"})
    mock_aws.post(URL, callback=slow)
    call = asyncio.create_task(aws.list_graphs())
    await attempted.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    (end,) = recorder.ends
    assert (end.error_code, end.attempts, end.status, end.request_id) == ("CancelledError", 2, None, None)


async def test_an_attempt_without_a_delay_has_waited_zero_seconds(
    aws: DetectiveClient, mock_aws: aioresponses, recorder: RecordingHook
) -> None:
    """A delay is counted for the attempt after it only."""
    mock_aws.post(URL, status=429)
    skewed = {"x-amzn-errortype": "RequestTimeTooSkewed", "Date": "Mon, 23 Nov 2026 10:00:00 GMT"}
    mock_aws.post(URL, status=403, headers=skewed)
    mock_aws.post(URL, payload={})
    await aws.list_graphs()
    assert [event.waited for event in recorder.events if isinstance(event, AttemptEvent)] == [0.0, 1.0, 0.0]
    assert [event.waited for event in recorder.ends] == [1.0]


async def test_invalid_parameters_cause_no_event(aws: DetectiveClient, recorder: RecordingHook) -> None:
    """Nothing is sent, so there is no call."""
    with pytest.raises(ParameterError):
        await aws.list_graphs(max_results=0)
    assert recorder.events == []


async def test_the_account_of_the_credentials(mock_aws: aioresponses, recorder: RecordingHook) -> None:
    """Or the account id that the derived client was given."""
    mock_aws.post(URL, payload={}, repeat=True)
    known = Credentials("key", "secret", account_id="111122223333")
    async with DetectiveClient(region="eu-west-1", credentials=known, hooks=[recorder]) as client:
        await client.list_graphs()
        await client.with_options(account_id=MEMBER).list_graphs()
        await client.with_options(account_id=MEMBER).with_options(region="eu-west-1").list_graphs()
        other = client.with_options(account_id=MEMBER).with_options(credentials=Credentials("other", "secret"))
        await other.list_graphs()
    assert [end.account for end in recorder.ends] == ["111122223333", MEMBER, MEMBER, None]


async def test_the_account_of_a_role(sim: DetectiveSimulator, recorder: RecordingHook) -> None:
    """It is in STS's response; the call to STS has the source's account."""
    sim.role(MEMBER, "Audit", trusted=["111122223333"])
    role = AssumeRole(f"arn:aws:iam::{MEMBER}:role/Audit", source=sim.account("111122223333"))
    async with DetectiveClient(region="eu-west-1", endpoint_url=sim.url, credentials=role, hooks=[recorder]) as client:
        await client.with_options(account_id=MEMBER).list_graphs()
    assert [(start.service, start.account) for start in recorder.events if isinstance(start, CallStart)] == [
        ("detective", MEMBER),
        ("sts", None),
    ]
    assert [(end.operation, end.account, end.status) for end in recorder.ends] == [
        ("AssumeRole", "111122223333", 200),
        ("ListGraphs", MEMBER, 200),
    ]


async def test_the_end_of_a_role_that_is_refused(sim: DetectiveSimulator, recorder: RecordingHook) -> None:
    """The call to STS ends with its code, the call that needed the role with AssumeRoleError."""
    role = AssumeRole(f"arn:aws:iam::{MEMBER}:role/Audit", source=Credentials("nobody", "knows"))
    async with DetectiveClient(region="eu-west-1", endpoint_url=sim.url, credentials=role, hooks=[recorder]) as client:
        with pytest.raises(CredentialsError):
            await client.list_graphs()
    assert [(end.operation, end.error_code, end.status) for end in recorder.ends] == [
        ("AssumeRole", "InvalidClientTokenId", 403),
        ("ListGraphs", "AssumeRoleError", None),
    ]


async def test_the_accounts_of_a_fleet(sim: DetectiveSimulator, recorder: RecordingHook) -> None:
    """Each call has its target's account; calls of the fleet's own client have its account."""
    own, others = sim.account(MEMBER), [evolve(sim.account(one), account_id=None) for one in (MEMBER, "111122223333")]
    targets = [Target(MEMBER, "eu-west-1", others[0]), Target("111122223333", "eu-west-1", others[1])]
    async with DetectiveFleet(targets, endpoint_url=sim.url, hooks=[recorder], credentials=own) as fleet:
        assert [outcome.error async for outcome in fleet.run(lambda client, _: client.list_graphs())] == [None, None]
        assert {end.account for end in recorder.ends} == {MEMBER, "111122223333"}
        await fleet.client.list_graphs()
    assert recorder.ends[-1].account == MEMBER

"""What hooks are told of a call: its beginning, its attempts and waits, and its end, however that comes about."""

import asyncio
from collections.abc import AsyncIterator
from contextvars import ContextVar, Token
from typing import Any

import pytest
from aioresponses import CallbackResult, aioresponses
from attrs import define, evolve, exceptions, field
from support.fakes import FakeTime

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
class Watcher:
    """A hook that wants to know of beginnings too, and adds headers there."""

    headers: dict[str, Any] = field(factory=dict)
    told: list[CallStart | Event] = field(factory=list)
    _tokens: dict[str, Token[str | None]] = field(factory=dict)

    def on_start(self, start: CallStart) -> None:
        self.told.append(start)
        start.headers.update(self.headers)
        self._tokens[start.invocation_id] = _current.set(start.invocation_id)

    def __call__(self, event: Event) -> None:
        self.told.append(event)
        if isinstance(event, CallEvent):
            # Fails where it is not the context of the start.
            _current.reset(self._tokens.pop(event.invocation_id))

    @property
    def ends(self) -> list[CallEvent]:
        return [event for event in self.told if isinstance(event, CallEvent)]


@pytest.fixture
def watcher() -> Watcher:
    return Watcher()


@pytest.fixture
async def aws(credentials: Credentials, fake_time: FakeTime, watcher: Watcher) -> AsyncIterator[DetectiveClient]:
    async with DetectiveClient(
        region="eu-west-1", credentials=credentials, clock=fake_time.clock(), hooks=[watcher]
    ) as client:
        yield client


async def test_the_beginning_is_told_before_all_else(
    aws: DetectiveClient, mock_aws: aioresponses, watcher: Watcher
) -> None:
    """With where it is going, under the id that all its events have."""
    mock_aws.post(URL, payload={})
    await aws.list_graphs()
    start, *others = watcher.told
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


async def test_beginnings_and_ends_are_nested(credentials: Credentials, mock_aws: aioresponses) -> None:
    """Who is told first of the beginning is told last of the end; in between, all in their order."""
    told: list[tuple[str, str]] = []

    class Named(Watcher):
        def __init__(self, name: str) -> None:
            self.name = name

        def on_start(self, start: CallStart) -> None:
            told.append((self.name, type(start).__name__))

        def __call__(self, event: Event) -> None:
            told.append((self.name, type(event).__name__))

    mock_aws.post(URL, payload={})
    async with DetectiveClient(
        region="eu-west-1", credentials=credentials, hooks=[Named("outer"), Named("inner")]
    ) as client:
        await client.list_graphs()
    assert told == [
        ("outer", "CallStart"),
        ("inner", "CallStart"),
        ("outer", "AttemptEvent"),
        ("inner", "AttemptEvent"),
        ("inner", "CallEvent"),
        ("outer", "CallEvent"),
    ]


async def test_what_the_beginning_sets_holds_until_the_end(watcher: Watcher) -> None:
    """A context variable is seen by what the call does, by no other call's, and by nobody afterwards."""
    seen = []

    async def vault() -> Credentials:
        seen.append(_current.get())
        raise CredentialsError("closed")

    async with DetectiveClient(region="eu-west-1", credentials=vault, hooks=[watcher]) as client:
        await asyncio.gather(*(client.list_graphs() for _ in range(2)), return_exceptions=True)
        with pytest.raises(CredentialsError):
            await client.list_graphs()
    assert _current.get() is None
    assert len(watcher.ends) == 3
    assert len(seen) == len(set(seen)) == 2
    assert set(seen) <= {event.invocation_id for event in watcher.ends}


async def test_a_hook_may_add_headers(aws: DetectiveClient, mock_aws: aioresponses, watcher: Watcher) -> None:
    """They go along with each attempt; the request's own, the signature's and what is no header do not."""
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
    watcher.headers = {**sent, **dict.fromkeys(reserved, "mine"), **malformed}  # type: ignore[dict-item]
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


async def test_added_headers_reach_a_service_that_checks_signatures(sim: DetectiveSimulator) -> None:
    """They do not make the request another one."""
    watcher = Watcher({"X-Amzn-Trace-Id": "Root=1-2-3"})
    async with DetectiveClient(
        region="eu-west-1", endpoint_url=sim.url, credentials=sim.account(MEMBER), hooks=[watcher]
    ) as client:
        await client.create_graph()
    assert [event.status for event in watcher.ends] == [200]


async def test_a_hook_without_a_beginning_is_not_told_of_it(credentials: Credentials, mock_aws: aioresponses) -> None:
    """One event for the attempt and one for the call."""
    told: list[Event] = []
    mock_aws.post(URL, payload={})
    async with DetectiveClient(region="eu-west-1", credentials=credentials, hooks=[told.append]) as client:
        await client.list_graphs()
    assert [type(event).__name__ for event in told] == ["AttemptEvent", "CallEvent"]


async def test_a_beginning_that_fails_fails_nothing(
    credentials: Credentials, mock_aws: aioresponses, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, as what a hook raises is."""

    class Broken(Watcher):
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
async def test_events_cannot_be_changed(
    aws: DetectiveClient, mock_aws: aioresponses, watcher: Watcher, kind: type[Any]
) -> None:
    """All hooks are handed the same ones."""
    mock_aws.post(URL, status=500)
    mock_aws.post(URL, payload={})
    await aws.list_graphs()
    event = next(event for event in watcher.told if isinstance(event, kind))
    with pytest.raises(exceptions.FrozenInstanceError):
        setattr(event, "operation", "another")  # noqa: B010 - type checkers know that it cannot be


async def test_the_end_of_a_call_that_was_refused(
    aws: DetectiveClient, mock_aws: aioresponses, watcher: Watcher
) -> None:
    """The code, status and request id that the error has, and what it cost of the quota."""
    for _ in range(3):
        mock_aws.post(
            URL, status=429, headers={"x-amzn-errortype": "TooManyRequestsException", "x-amzn-requestid": "no"}
        )
    with pytest.raises(Exception, match="TooManyRequests"):
        await aws.list_graphs()
    (end,) = watcher.ends
    assert (end.error_code, end.status, end.request_id) == ("TooManyRequestsException", 429, "no")
    assert (end.attempts, end.waited, end.elapsed, end.retry_quota) == (3, 3.0, 3.0, 490)


async def test_the_end_of_a_call_that_got_no_answer(
    credentials: Credentials, mock_aws: aioresponses, watcher: Watcher, fake_time: FakeTime
) -> None:
    """The class of the error, and nothing of the answer to an earlier attempt."""
    mock_aws.post(URL, status=500, body=b"12345")
    for _ in range(2):
        mock_aws.post(URL, exception=ConnectionResetError("reset"))
    async with DetectiveClient(
        region="eu-west-1", credentials=credentials, hooks=[watcher], clock=fake_time.clock()
    ) as client:
        with pytest.raises(ConnectionLost):
            await client.list_graphs()
    (end,) = watcher.ends
    assert (end.error_code, end.status, end.request_id, end.response_bytes) == ("ConnectionLost", None, None, None)
    sizes = [event.response_bytes for event in watcher.told if isinstance(event, AttemptEvent)]
    assert sizes == [5, None, None]


async def test_the_end_of_a_call_whose_answer_cannot_be_read(
    aws: DetectiveClient, mock_aws: aioresponses, watcher: Watcher
) -> None:
    """The attempt succeeded, the call did not."""
    mock_aws.post(URL, payload={"GraphList": 5})
    with pytest.raises(DecodeError):
        await aws.list_graphs()
    (end,) = watcher.ends
    assert (end.error_code, end.status, end.response_bytes) == ("DecodeError", 200, 16)


async def test_the_end_of_a_call_without_credentials(watcher: Watcher) -> None:
    """It had no attempt."""

    async def vault() -> Credentials:
        raise CredentialsError("closed")

    async with DetectiveClient(region="eu-west-1", credentials=vault, hooks=[watcher]) as client:
        with pytest.raises(CredentialsError):
            await client.list_graphs()
    assert [type(event) for event in watcher.told] == [CallStart, CallEvent]
    (end,) = watcher.ends
    assert (end.error_code, end.attempts, end.status, end.account) == ("CredentialsError", 0, None, None)


@pytest.mark.parametrize("total", [0.02, None])
async def test_the_end_of_a_call_that_takes_too_long(
    credentials: Credentials, mock_aws: aioresponses, watcher: Watcher, total: float | None
) -> None:
    """Whether it is given up by itself or cancelled from outside, in a wait after an answer."""
    mock_aws.post(URL, status=429, headers={"x-amz-retry-after": "9000", "x-amzn-requestid": "wait"})
    async with DetectiveClient(
        region="eu-west-1", credentials=credentials, timeouts=Timeouts(total=total), hooks=[watcher]
    ) as client:
        with pytest.raises(TimeoutError if total is None else DeadlineExceeded):
            async with asyncio.timeout(0.1):
                await client.list_graphs()
    (end,) = watcher.ends
    assert end.error_code == ("CancelledError" if total is None else "DeadlineExceeded")
    assert (end.attempts, end.status, end.request_id) == (1, 429, "wait")


async def test_the_end_of_a_call_that_is_cancelled_in_an_attempt(
    aws: DetectiveClient, mock_aws: aioresponses, watcher: Watcher
) -> None:
    """What an earlier attempt got is not taken for the answer to this one."""

    async def slow(_: object, **__: object) -> CallbackResult:
        await asyncio.sleep(60)
        raise AssertionError("never")

    mock_aws.post(URL, status=500, headers={"x-amzn-requestid": "first"})
    mock_aws.post(URL, callback=slow)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await aws.list_graphs()
    (end,) = watcher.ends
    assert (end.error_code, end.attempts, end.status, end.request_id) == ("CancelledError", 2, None, None)


async def test_what_is_sent_again_at_once_waited_for_nothing(
    aws: DetectiveClient, mock_aws: aioresponses, watcher: Watcher
) -> None:
    """A wait belongs to the attempt after it, and to no other."""
    mock_aws.post(URL, status=429)
    skewed = {"x-amzn-errortype": "RequestTimeTooSkewed", "Date": "Mon, 23 Nov 2026 10:00:00 GMT"}
    mock_aws.post(URL, status=403, headers=skewed)
    mock_aws.post(URL, payload={})
    await aws.list_graphs()
    assert [event.waited for event in watcher.told if isinstance(event, AttemptEvent)] == [0.0, 1.0, 0.0]
    assert [event.waited for event in watcher.ends] == [1.0]


async def test_no_call_without_a_valid_request(aws: DetectiveClient, watcher: Watcher) -> None:
    """What is refused before anything could be sent is no call."""
    with pytest.raises(ParameterError):
        await aws.list_graphs(max_results=0)
    assert watcher.told == []


async def test_the_account_is_what_the_credentials_say(mock_aws: aioresponses, watcher: Watcher) -> None:
    """Or what the derived client was told."""
    mock_aws.post(URL, payload={}, repeat=True)
    known = Credentials("key", "secret", account_id="111122223333")
    async with DetectiveClient(region="eu-west-1", credentials=known, hooks=[watcher]) as client:
        await client.list_graphs()
        await client.with_options(account_id=MEMBER).list_graphs()
        await client.with_options(account_id=MEMBER).with_options(region="eu-west-1").list_graphs()
        other = client.with_options(account_id=MEMBER).with_options(credentials=Credentials("other", "secret"))
        await other.list_graphs()
    assert [end.account for end in watcher.ends] == ["111122223333", MEMBER, MEMBER, None]


async def test_the_account_of_a_role(sim: DetectiveSimulator, watcher: Watcher) -> None:
    """STS says whose keys it gave; the call to STS itself is a call too, of the source's account."""
    sim.role(MEMBER, "Audit", trusted=["111122223333"])
    role = AssumeRole(f"arn:aws:iam::{MEMBER}:role/Audit", source=sim.account("111122223333"))
    async with DetectiveClient(region="eu-west-1", endpoint_url=sim.url, credentials=role, hooks=[watcher]) as client:
        await client.with_options(account_id=MEMBER).list_graphs()
    assert [(start.service, start.account) for start in watcher.told if isinstance(start, CallStart)] == [
        ("detective", MEMBER),
        ("sts", None),
    ]
    assert [(end.operation, end.account, end.status) for end in watcher.ends] == [
        ("AssumeRole", "111122223333", 200),
        ("ListGraphs", MEMBER, 200),
    ]


async def test_the_end_of_a_role_that_is_refused(sim: DetectiveSimulator, watcher: Watcher) -> None:
    """Both calls end: the one to STS with its code, the one that needed the keys with the error that it raises."""
    role = AssumeRole(f"arn:aws:iam::{MEMBER}:role/Audit", source=Credentials("nobody", "knows"))
    async with DetectiveClient(region="eu-west-1", endpoint_url=sim.url, credentials=role, hooks=[watcher]) as client:
        with pytest.raises(CredentialsError):
            await client.list_graphs()
    assert [(end.operation, end.error_code, end.status) for end in watcher.ends] == [
        ("AssumeRole", "InvalidClientTokenId", 403),
        ("ListGraphs", "AssumeRoleError", None),
    ]


async def test_the_accounts_of_a_fleet(sim: DetectiveSimulator, watcher: Watcher) -> None:
    """Each call says whose it is, whatever its credentials know; those of the fleet's own client are its own's."""
    own, others = sim.account(MEMBER), [evolve(sim.account(one), account_id=None) for one in (MEMBER, "111122223333")]
    targets = [Target(MEMBER, "eu-west-1", others[0]), Target("111122223333", "eu-west-1", others[1])]
    async with DetectiveFleet(targets, endpoint_url=sim.url, hooks=[watcher], credentials=own) as fleet:
        assert [outcome.error async for outcome in fleet.run(lambda client, _: client.list_graphs())] == [None, None]
        assert {end.account for end in watcher.ends} == {MEMBER, "111122223333"}
        await fleet.client.list_graphs()
    assert watcher.ends[-1].account == MEMBER

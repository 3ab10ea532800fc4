"""Calls over real connections that break or stall."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from support.fakes import FakeTime

from detective_async import (
    AttemptTimeout,
    ConnectError,
    ConnectionLost,
    Credentials,
    DeadlineExceeded,
    DecodeError,
    DetectiveClient,
    DetectiveError,
    RetryPolicy,
    Timeouts,
)

ARN = "arn:aws:detective:eu-west-1:111122223333:graph:" + "0a" * 16
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
Behave = Callable[[asyncio.StreamReader, asyncio.StreamWriter, int], Awaitable[None]]
Call = Callable[[DetectiveClient], Awaitable[object]]

# One call per method that aiohttp would send again by itself, and one that it would not.
CALLS: dict[str, Call] = {
    "PUT": lambda client: client.accept_invitation(ARN),
    "DELETE": lambda client: client.untag_resource(ARN, ["k"]),
    "GET": lambda client: client.list_tags_for_resource(ARN),
    "POST": lambda client: client.list_graphs(),
}


class Server:
    """A server that reads requests and calls a function for each."""

    def __init__(self, behave: Behave) -> None:
        self.behave = behave
        self.requests: list[str] = []
        self.url = ""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = next(
                    (int(line[15:]) for line in head.splitlines() if line.lower().startswith("content-length")), 0
                )
                await reader.readexactly(length)
                self.requests.append(head)
                await self.behave(reader, writer, len(self.requests))
                if writer.is_closing():
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(behave: Behave) -> AsyncIterator[Server]:
    server = Server(behave)
    listener = await asyncio.start_server(server.handle, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listener.close()


@asynccontextmanager
async def client_of(
    server: Server, fake_time: FakeTime, *, max_attempts: int = 3, timeouts: Timeouts | None = None
) -> AsyncIterator[DetectiveClient]:
    async with DetectiveClient(
        region="eu-west-1",
        credentials=Credentials("a", "b"),
        endpoint_url=server.url,
        clock=fake_time.clock(),
        retry=RetryPolicy(max_attempts=max_attempts),
        timeouts=timeouts or Timeouts(),
    ) as client:
        yield client


async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter, _number: int) -> None:
    writer.write(OK)


async def drop(_: asyncio.StreamReader, writer: asyncio.StreamWriter, _number: int) -> None:
    writer.close()


async def hang(reader: asyncio.StreamReader, _: asyncio.StreamWriter, _number: int) -> None:
    await reader.read()


@pytest.mark.parametrize("session", ["ours", "ours, and aiohttp cannot be told", "the caller's"])
@pytest.mark.parametrize("method", CALLS)
async def test_aiohttp_does_not_retry_itself(
    method: str, session: str, fake_time: FakeTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reused connection that breaks is one attempt, with any method and any session."""
    if session == "ours, and aiohttp cannot be told":
        monkeypatch.setattr("detective_async.http.exchange._RETRIES", "_something_else")

    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await (answer if number == 1 else drop)(reader, writer, number)

    async with serving(answer_once) as server, aiohttp.ClientSession() as callers:
        client = DetectiveClient(
            region="eu-west-1",
            credentials=Credentials("a", "b"),
            endpoint_url=server.url,
            clock=fake_time.clock(),
            retry=RetryPolicy(max_attempts=1),
            session=callers if session == "the caller's" else None,
        )
        await CALLS[method](client)
        with pytest.raises(ConnectionLost) as caught:
            await CALLS[method](client)
        await client.aclose()
    assert (caught.value.attempts, caught.value.outcome_unknown) == (1, True)
    assert [request.split(" ")[0] for request in server.requests] == [method, method]


@pytest.mark.parametrize("method", CALLS)
async def test_a_dropped_connection_is_one_counted_retry(method: str, fake_time: FakeTime) -> None:
    """The second attempt succeeds; the server gets exactly two, with their numbers."""

    async def drop_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await (drop if number == 1 else answer)(reader, writer, number)

    async with serving(drop_once) as server, client_of(server, fake_time) as client:
        await CALLS[method](client)
    numbers = [
        line for request in server.requests for line in request.splitlines() if "amz-sdk-request" in line.lower()
    ]
    assert [line.partition(": ")[2] for line in numbers] == ["attempt=1; max=3", "attempt=2; max=3"]
    assert fake_time.slept == [0.05]


async def test_a_refused_connection_has_a_known_outcome(fake_time: FakeTime) -> None:
    """Nothing was sent."""
    async with serving(answer) as server:
        pass
    async with client_of(server, fake_time) as client:
        with pytest.raises(ConnectError, match=r"cannot connect to 127\.0\.0\.1.*Connect call failed") as caught:
            await client.list_graphs()
    assert (caught.value.attempts, caught.value.outcome_unknown) == (3, False)


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{",
        b"HTTP/1.1 200 OK\r\ncontent-",
        b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-encoding: gzip\r\n\r\nplain",
    ],
)
async def test_incomplete_responses_are_retried(sent: bytes, fake_time: FakeTime) -> None:
    """A response that is incomplete, or no HTTP, is a broken connection."""

    async def send_some(_: asyncio.StreamReader, writer: asyncio.StreamWriter, _number: int) -> None:
        writer.write(sent)
        writer.close()

    async with serving(send_some) as server, client_of(server, fake_time) as client:
        with pytest.raises(ConnectionLost) as caught:
            await client.list_graphs()
    assert (caught.value.attempts, caught.value.outcome_unknown) == (3, True)
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("timeouts", "error"),
    [
        (Timeouts(read=0.05), AttemptTimeout),
        (Timeouts(attempt=0.05), AttemptTimeout),
        (Timeouts(total=0.05), DeadlineExceeded),
    ],
)
async def test_each_timeout_ends_a_call_without_a_response(
    timeouts: Timeouts, error: type[DetectiveError], fake_time: FakeTime
) -> None:
    """The outcome is unknown."""
    async with serving(hang) as server, client_of(server, fake_time, max_attempts=2, timeouts=timeouts) as client:
        with pytest.raises(error) as caught:
            await client.list_graphs()
    assert caught.value.outcome_unknown
    assert caught.value.attempts == (1 if error is DeadlineExceeded else 2)  # type: ignore[attr-defined]


async def test_the_attempt_timeout_ends_a_slow_response(fake_time: FakeTime) -> None:
    """Bytes that keep arriving restart the `read` timeout, but not `attempt`."""

    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter, _number: int) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        for _second in range(1000):
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.01)

    timeouts = Timeouts(read=5, attempt=0.1)
    async with serving(drip) as server, client_of(server, fake_time, max_attempts=1, timeouts=timeouts) as client:
        with pytest.raises(AttemptTimeout):
            await client.list_graphs()


async def test_a_response_that_cannot_be_decoded_is_not_retried(fake_time: FakeTime) -> None:
    """The service has carried out the request: a retry would do it twice."""

    async def nonsense(_: asyncio.StreamReader, writer: asyncio.StreamWriter, _number: int) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nx-amzn-requestid: id-1\r\ncontent-length: 6\r\n\r\n<html>")

    async with serving(nonsense) as server, client_of(server, fake_time) as client:
        with pytest.raises(DecodeError, match="the body is not JSON") as caught:
            await client.list_graphs()
    assert (caught.value.status, caught.value.request_id, caught.value.attempts) == (200, "id-1", 1)
    assert len(server.requests) == 1


async def test_a_path_prefix_of_the_endpoint_is_kept(fake_time: FakeTime) -> None:
    """For gateways that serve Detective below a path; ARNs stay percent-encoded as they are signed."""
    async with serving(answer) as server:
        server.url += "/gateway/detective/"
        async with client_of(server, fake_time) as client:
            await client.list_tags_for_resource(ARN)
    assert server.requests[0].startswith(f"GET /gateway/detective/tags/{ARN.replace(':', '%3A')} HTTP/1.1\r\n")


async def test_a_proxy_of_the_environment_is_used(fake_time: FakeTime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests go through it, except to hosts in `NO_PROXY`."""
    async with serving(answer) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        target = Server(answer)
        target.url = "http://detective.example.com"
        async with client_of(target, fake_time) as client:
            await client.list_graphs()
            await client.list_graphs()
        assert proxy.requests[0].startswith("POST http://detective.example.com/graphs/list HTTP/1.1\r\n")
        assert len(proxy.requests) == 2
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        async with serving(answer) as direct, client_of(direct, fake_time) as client:
            await client.list_graphs()
        assert len(direct.requests) == 1
        assert len(proxy.requests) == 2


async def test_netrc_is_ignored(
    fake_time: FakeTime, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A password for the host in `.netrc` neither replaces the signature nor stops the call."""
    netrc = tmp_path_factory.mktemp("home") / "netrc"
    netrc.write_text("default login me password hunter2\n")
    monkeypatch.setenv("NETRC", str(netrc))
    async with serving(answer) as server, client_of(server, fake_time) as client:
        await client.list_graphs()
    assert "AWS4-HMAC-SHA256" in server.requests[0]

"""Direct requests: the server gets the same ones as from aiohttp's sessions, and tools see what they expect."""

import asyncio
import json
import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import (
    ClientConnectionResetError,
    ClientRequest,
    ClientResponse,
    ClientSession,
    TraceConfig,
    TraceRequestStartParams,
)
from support.certificates import Certificates
from support.fakes import FakeTime
from support.interruptions import passes
from support.wire_server import LoopClock, Request, serving, until

from detective_async import (
    Account,
    ClientClosed,
    ConfigurationError,
    Credentials,
    DetectiveClient,
    DetectiveError,
    RetryPolicy,
    Timeouts,
)
from detective_async.http.connector import _Protocol

ARN = "arn:aws:detective:eu-west-1:111122223333:graph:" + "0a" * 16
Call = Callable[[DetectiveClient], Awaitable[object]]
CALLS: dict[str, Call] = {
    "POST": lambda client: client.list_graphs(),
    "POST with much in it": lambda client: client.create_members(
        ARN, [Account(f"{number:012}", f"{'x' * 40}{number}@example.com") for number in range(50)], message="é" * 900
    ),
    "PUT": lambda client: client.accept_invitation(ARN),
    "GET": lambda client: client.list_tags_for_resource(ARN),
    "DELETE": lambda client: client.untag_resource(ARN, ["a b", "ü/?&=%", "c"]),
}


def comparable(request: Request) -> tuple[str, list[str], bytes]:
    """Give the request line, the headers in alphabetical order without the random id, and the body.

    The order on the wire differs, and has no meaning in HTTP: aiohttp writes Host first.
    """
    line, *headers = re.sub("(?<=invocation-id: )[^\r]*", "*", request.head).split("\r\n")
    return line, sorted(headers, key=str.lower), request.body


def client_of(url: str, fake_time: FakeTime) -> DetectiveClient:
    return DetectiveClient(
        region="eu-west-1",
        endpoint_url=url,
        credentials=Credentials("id", "secret", "token"),
        retry=RetryPolicy(max_attempts=1),
        clock=fake_time.clock(),
    )


@pytest.fixture
def sessions_requests(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The methods of the requests that aiohttp's sessions make."""
    made = []
    init = ClientRequest.__init__

    def note(self: ClientRequest, method: str, *args: object, **kwargs: object) -> None:
        made.append(method)
        init(self, method, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(ClientRequest, "__init__", note)
    return made


@pytest.mark.shortcut
@pytest.mark.parametrize("prefix", ["", "/", "/under/this", "/under/this/"])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_requests_are_the_same_as_aiohttps(
    call: Call, prefix: str, fake_time: FakeTime, sessions_requests: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Request line, headers and body, for all forms of requests."""
    async with serving(Request.answer) as server:
        async with client_of(server.url + prefix, fake_time) as client:
            await call(client)
        assert sessions_requests == []
        monkeypatch.setattr("detective_async.http.connector._SUPPORTED", "none of them")
        async with client_of(server.url + prefix, fake_time) as client:
            await call(client)
        assert len(sessions_requests) == 1
    ours, aiohttps = map(comparable, server.requests)
    assert ours == aiohttps


async def test_a_path_prefix_of_the_endpoint_is_kept(fake_time: FakeTime) -> None:
    """For gateways that serve Detective below a path; ARNs are sent percent-encoded, as they were signed."""
    async with serving(Request.answer) as server, client_of(f"{server.url}/gateway/it/", fake_time) as client:
        await client.list_tags_for_resource(ARN)
    assert server.requests[0].head.startswith(f"GET /gateway/it/tags/{ARN.replace(':', '%3A')} HTTP/1.1\r\n")


async def test_head_and_body_are_one_write(fake_time: FakeTime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two writes would be two packets, and two TLS records."""
    writes: list[bytes] = []
    transport = asyncio.selector_events._SelectorSocketTransport  # type: ignore[attr-defined]
    write = transport.write

    def note(self: object, data: bytes) -> None:
        writes.append(bytes(data))
        write(self, data)

    async with serving(Request.answer) as server, client_of(server.url, fake_time) as client:
        monkeypatch.setattr(transport, "write", note)
        await client.list_graphs()
    assert [data for data in writes if data.startswith(b"POST") and data.endswith(b"\r\n\r\n{}")]
    assert len([data for data in writes if data.startswith(b"POST") or data == b"{}"]) == 1


def traced(monkeypatch: pytest.MonkeyPatch, seen: list[str]) -> None:
    """As OpenTelemetry and Sentry do it: with a trace in every session."""
    init = ClientSession.__init__

    async def on_start(_: object, __: object, params: TraceRequestStartParams) -> None:
        seen.append(params.method)

    def init_with_trace(self: ClientSession, *args: Any, **kwargs: Any) -> None:
        trace = TraceConfig()
        trace.on_request_start.append(on_start)
        init(self, *args, trace_configs=[trace], **kwargs)

    monkeypatch.setattr(ClientSession, "__init__", init_with_trace)


def replaced(monkeypatch: pytest.MonkeyPatch, seen: list[str]) -> None:
    """As aioresponses and Datadog do it: with another method of the class."""
    request = ClientSession._request

    async def note(self: ClientSession, method: str, *args: Any, **kwargs: Any) -> ClientResponse:
        seen.append(method)
        return await request(self, method, *args, **kwargs)

    monkeypatch.setattr(ClientSession, "_request", note)


@pytest.mark.parametrize("tool", [traced, replaced])
async def test_tools_see_the_requests(
    tool: Callable[[pytest.MonkeyPatch, list[str]], None], fake_time: FakeTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session sends them if a tool for tests or tracing has changed it."""
    seen: list[str] = []
    async with serving(Request.answer) as server:
        tool(monkeypatch, seen)
        async with client_of(server.url, fake_time) as client:
            await client.list_graphs()
            await client.list_tags_for_resource(ARN)
    assert seen == ["POST", "GET"]


@pytest.mark.shortcut
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
async def test_asyncio_reads_small_blocks(
    tls: bool, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 120 KiB, which glibc keeps, and a larger response arrives whole."""
    name = "x" * 300_000
    body = json.dumps({"GraphList": [], "NextToken": name}).encode()
    sizes: list[int] = []
    if tls:
        read = ssl.SSLObject.read

        def note_size(self: ssl.SSLObject, size: int = 1024, *buffer: Any) -> Any:
            sizes.append(size)
            return read(self, size, *buffer)

        monkeypatch.setattr(ssl.SSLObject, "read", note_size)
    else:
        transport = asyncio.selector_events._SelectorSocketTransport  # type: ignore[attr-defined]
        read_ready = transport._read_ready__data_received

        def note(self: Any) -> None:
            sizes.append(self.max_size)
            read_ready(self)

        monkeypatch.setattr(transport, "_read_ready__data_received", note)
    async with (
        serving(lambda request: request.answer(body), certificates.good if tls else None) as server,
        DetectiveClient(region="eu-west-1", endpoint_url=server.url, credentials=Credentials("a", "b")) as client,
    ):
        assert (await client.list_graphs()).next_token == name
        sizes.clear()
        assert (await client.list_graphs()).next_token == name
    assert 120 * 2**10 in sizes


@pytest.mark.shortcut
async def test_a_connection_keeps_one_timer(fake_time: FakeTime, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many requests it is used for."""
    loop = asyncio.get_running_loop()
    set_timers: list[float] = []
    call_at = loop.call_at

    def note(when: float, *args: Any, **kwargs: Any) -> asyncio.TimerHandle:
        set_timers.append(when - loop.time())
        return call_at(when, *args, **kwargs)

    async with serving(Request.answer) as server, client_of(server.url, fake_time) as client:
        await client.list_graphs()
        monkeypatch.setattr(loop, "call_at", note)
        for _ in range(20):
            await client.list_graphs()
    assert len(set_timers) <= 2


async def test_a_connection_that_was_closed_is_not_used_by_a_session(
    fake_time: FakeTime, sessions_requests: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session's request does not fail either: the connection is checked in both ways."""
    monkeypatch.setattr("detective_async.http.connector._SUPPORTED", "none of them")
    async with serving(Request.answer) as server, client_of(server.url, fake_time) as client:
        await client.list_graphs()
        (connection,) = server.connections
        assert connection.transport is not None
        # At once, so that the event loop has not read the end when the connection is needed.
        connection.transport.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        metadata = (await client.list_graphs()).response_metadata
    assert metadata is not None
    assert metadata.attempts == 1
    assert len(sessions_requests) == 2
    assert len({request.connection for request in server.requests}) == 2


async def test_a_connection_that_is_lost_before_it_is_used() -> None:
    """Nothing is written."""
    protocol = _Protocol(asyncio.get_running_loop())
    with pytest.raises(ClientConnectionResetError):
        protocol.request(b"", None, None, None)


WITHOUT = """
import aiohttp
from aiohttp import http_writer
aiohttp.__version__ = "3.15.0"
del http_writer._serialize_headers, aiohttp.ClientSession._request
from detective_async import DetectiveClient
"""


def test_another_aiohttp_may_lack_the_private_parts() -> None:
    """The package can be imported; its sessions send the requests then."""
    subprocess.run([sys.executable, "-c", WITHOUT], check=True)


PATCHED = """
import asyncio
from unittest import mock
import aiohttp
import detective_async  # which imports no more than it has to

async def main():
    async with detective_async.DetectiveClient(
        region="eu-west-1", credentials=detective_async.Credentials("a", "b"), endpoint_url="http://127.0.0.1:1"
    ) as client:
        await client.list_graphs()

for name in ("_request", "request"):
    with mock.patch.object(aiohttp.ClientSession, name, side_effect=aiohttp.ClientPayloadError) as request:
        try:
            asyncio.run(main())
        except detective_async.DetectiveError as error:
            print(name, request.called, type(error).__name__)
"""


def test_a_tool_that_came_before_the_first_use_sees_the_requests() -> None:
    """The package is imported as far as it is used, which may be after the tool has replaced a method."""
    run = subprocess.run([sys.executable, "-c", PATCHED], check=True, capture_output=True, text=True)
    assert run.stdout.splitlines() == [f"{name} True ConnectionLost" for name in ("_request", "request")]


@pytest.mark.parametrize("timeouts", [Timeouts(attempt=1), Timeouts(total=1)], ids=["attempt", "total"])
async def test_a_response_that_arrives_as_the_time_ends(timeouts: Timeouts, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read, although the timer fires in the same round of the event loop; on a new and a used connection."""
    clock = LoopClock(monkeypatch)

    def react(request: Request) -> None:
        request.answer()
        clock.pass_time(1.01)

    async with (
        serving(react) as server,
        DetectiveClient(
            region="eu-west-1",
            endpoint_url=server.url,
            credentials=Credentials("a", "b"),
            timeouts=timeouts,
            retry=RetryPolicy(max_attempts=1),
        ) as client,
    ):
        for _ in range(3):
            assert (await client.list_graphs()).graph_list == []
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("whose", "head"),
    [
        ("client", "100 Continue\r\n\r\n"),
        ("client", "200 OK\r\ncontent-length: 9\r\n\r\n{"),
        # After the head of a response, aiohttp lets the call wait for its timeout.
        ("session", "100 Continue\r\n\r\n"),
    ],
    ids=["client, 100", "client, 200", "session, 100"],
)
async def test_closing_in_the_round_in_which_a_part_arrives(head: str, whose: str) -> None:
    """No exception of aiohttp's leaves the call, whichever round that is."""
    for rounds in range(8):
        async with (
            serving(lambda request: request.send(f"HTTP/1.1 {head}".encode())) as server,
            ClientSession() as session,
        ):
            client = DetectiveClient(
                region="eu-west-1",
                endpoint_url=server.url,
                credentials=Credentials("a", "b"),
                session=session if whose == "session" else None,
            )
            call = asyncio.create_task(client.list_graphs())
            await until(lambda: server.requests, "it was sent")
            await passes(rounds)
            await (client.aclose() if whose == "client" else session.close())
            with pytest.raises(ClientClosed if whose == "client" else ConfigurationError):
                await call
            await client.aclose()


@pytest.mark.shortcut
async def test_a_connection_that_switched_protocols_is_not_used_again(fake_time: FakeTime) -> None:
    """Nobody asked the server to."""
    async with (
        serving(lambda request: request.answer(b"", "101 Switching Protocols")) as server,
        client_of(server.url, fake_time) as client,
    ):
        for _ in range(2):
            with pytest.raises(DetectiveError):
                await client.list_graphs()
    assert len({request.connection for request in server.requests}) == 2

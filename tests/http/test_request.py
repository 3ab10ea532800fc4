"""The short way of requests: the server gets the same bytes as from aiohttp's own class."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import ClientRequest, DummyCookieJar
from multidict import CIMultiDict
from support.fakes import FakeTime
from yarl import URL

from detective_async import (
    Account,
    AttemptTimeout,
    Credentials,
    DetectiveClient,
    RetryPolicy,
    ServiceError,
    Timeouts,
)
from detective_async.http import request as sending

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


class Recorder:
    """A server that records all received bytes, and sends an empty object for each request."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, list[str], bytes]] = []
        self.url = ""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = b""
        while piece := await reader.read(2**20):
            data += piece
            head, end, body = data.partition(b"\r\n\r\n")
            lines = head.decode().split("\r\n")
            length = next((int(line[15:]) for line in lines if line.lower().startswith("content-length:")), 0)
            if not end or len(body) < length:
                continue
            self.requests.append((lines[0], sorted(map(_without_chance, lines[1:])), body))
            data = b""
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        writer.close()


def _without_chance(line: str) -> str:
    name, _, value = line.partition(": ")
    return f"{name.lower()}: {'*' if name == 'amz-sdk-invocation-id' else value}"


@asynccontextmanager
async def recording() -> AsyncIterator[Recorder]:
    recorder = Recorder()
    listener = await asyncio.start_server(recorder.handle, "127.0.0.1", 0)
    recorder.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield recorder
    finally:
        listener.close()


def client_of(url: str, fake_time: FakeTime) -> DetectiveClient:
    return DetectiveClient(
        region="eu-west-1",
        endpoint_url=url,
        credentials=Credentials("id", "secret", "token"),
        retry=RetryPolicy(max_attempts=1),
        clock=fake_time.clock(),
    )


@pytest.mark.parametrize("prefix", ["", "/under/this"])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_requests_are_the_same_as_aiohttps(
    call: Call, prefix: str, fake_time: FakeTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Request line, headers and body, for all forms of requests."""
    async with recording() as recorder:
        made = []
        init = sending.WholeRequest.__init__

        def note(self: sending.WholeRequest, *args: object, **kwargs: object) -> None:
            made.append(self)
            init(self, *args, **kwargs)  # type: ignore[arg-type]

        monkeypatch.setattr(sending.WholeRequest, "__init__", note)
        async with client_of(recorder.url + prefix, fake_time) as client:
            await call(client)
            assert len(made) == 1
            monkeypatch.setattr(sending, "_SUPPORTED", "none of them")
            await call(client)
            assert len(made) == 1
    ours, aiohttps = recorder.requests
    assert ours == aiohttps


async def test_head_and_body_are_one_write(fake_time: FakeTime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two writes would be two packets and two TLS records."""
    writes: list[bytes] = []
    transport = asyncio.selector_events._SelectorSocketTransport  # type: ignore[attr-defined]
    write = transport.write

    def note(self: object, data: bytes) -> None:
        writes.append(bytes(data))
        write(self, data)

    async with recording() as recorder, client_of(recorder.url, fake_time) as client:
        monkeypatch.setattr(transport, "write", note)
        await client.list_graphs()
    assert [data for data in writes if data.startswith(b"POST") and data.endswith(b"\r\n\r\n{}")]
    assert len([data for data in writes if data.startswith(b"POST") or data == b"{}"]) == 1


async def test_a_response_without_reading_the_request_is_accepted(fake_time: FakeTime) -> None:
    """A server may respond before, or without, reading the request."""
    answered, gone = asyncio.Event(), asyncio.Event()

    async def answer_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Not one byte is read.
        writer.write(b"HTTP/1.1 413 No\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        await answered.wait()
        del reader
        writer.close()
        await writer.wait_closed()
        gone.set()

    listener = await asyncio.start_server(answer_at_once, "127.0.0.1", 0, limit=1)
    url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    async with client_of(url, fake_time) as client:
        with pytest.raises(ServiceError) as refused:
            await CALLS["POST with much in it"](client)
    assert refused.value.status == 413
    answered.set()
    await gone.wait()
    listener.close()


async def test_the_read_timeout_starts_when_the_request_was_sent(fake_time: FakeTime) -> None:
    """And not only after the first part of a response."""
    gone = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        gone.set()

    listener = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    async with client_of(url, fake_time) as client:
        with pytest.raises(AttemptTimeout, match="nothing came for too long"):
            await client.with_options(timeouts=Timeouts(read=0.05, attempt=5)).list_graphs()
    await gone.wait()
    listener.close()


@pytest.mark.parametrize(
    "options", [{"proxy": URL("http://proxy"), "auth": None}, {"proxy": None, "auth": object()}], ids=["proxy", "auth"]
)
async def test_unusual_requests_use_aiohttps_class(options: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests through a proxy, and with aiohttp's authentication."""
    monkeypatch.setattr(ClientRequest, "__init__", lambda *_, **__: None)
    request = sending.new_request("GET", URL("http://host/"), **options)
    assert type(request) is ClientRequest


async def test_a_default_header_can_be_replaced() -> None:
    """The caller's headers take precedence over those that aiohttp adds."""
    options = dict.fromkeys(("auth", "proxy", "server_hostname", "session", "timer"))
    request = sending.new_request(
        "GET",
        URL("http://host/"),
        headers=CIMultiDict({"ACCEPT": "text/x"}),
        data=None,
        loop=asyncio.get_running_loop(),
        response_class=None,
        ssl=True,
        traces=[],
        cookies=DummyCookieJar().filter_cookies(URL("http://host/")),
        **options,
    )
    assert request.headers.getall("accept") == ["text/x"]
    assert "content-length" not in request.headers

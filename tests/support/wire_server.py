"""A server whose answers the test gives one by one; it has no tasks, so that whatever is left over is the client's."""

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from attrs import define, field, frozen


async def until(condition: Callable[[], object], what: str) -> None:
    """Let everybody else run until something is so; far more patient than any machine is slow."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, f"waited in vain until {what}"
        await asyncio.sleep(0)


def after_passes(count: int, callback: Callable[[], None]) -> None:
    """Call something when the event loop has gone round that many times."""
    loop = asyncio.get_running_loop()
    loop.call_soon(callback if count <= 1 else lambda: after_passes(count - 1, callback))


class LoopClock:
    """The running event loop's clock, which can be moved ahead: every timer that has come due by then goes off."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        loop = asyncio.get_running_loop()
        self._real = loop.time
        self._ahead = 0.0
        monkeypatch.setattr(loop, "time", lambda: self._real() + self._ahead)

    def pass_time(self, seconds: float) -> None:
        """Move it ahead."""
        self._ahead += seconds


@frozen(eq=False)
class Request:
    """A request that waits for its answer."""

    connection: "Connection"
    head: str
    body: bytes

    @property
    def attempt(self) -> int:
        """Which attempt of its call it says it is."""
        return int(self.header("amz-sdk-request").partition("=")[2].partition(";")[0])

    def header(self, name: str) -> str:
        """Give a header; empty where it is not there."""
        lines = (line.partition(": ") for line in self.head.splitlines())
        return next((value for key, _, value in lines if key.lower() == name), "")

    @property
    def token(self) -> str:
        """The NextToken that it asks with."""
        return str(json.loads(self.body).get("NextToken"))

    def echo(self) -> None:
        """Answer with the token that was asked with, so that a call can tell its own answer from another's."""
        self.answer(json.dumps({"GraphList": [], "NextToken": self.token}).encode())

    def answer(self, body: bytes = b"{}", status: str = "200 OK", *headers: str) -> None:
        """Send an answer."""
        lines = (f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers, "", "")
        self.send("\r\n".join(lines).encode() + body)

    def send(self, data: bytes) -> None:
        """Send whatever it is."""
        if self.connection.transport is not None:
            self.connection.transport.write(data)

    def drop(self) -> None:
        """Close the connection."""
        if self.connection.transport is not None:
            self.connection.transport.close()


@define(eq=False)
class WireServer:
    """What has arrived, and how many connections there are.

    Args:
        react: what to do with a request when it arrives; by default nothing.
    """

    react: Callable[[Request], None] = lambda _: None
    url: str = ""
    requests: list[Request] = field(factory=list)
    connections: "set[Connection]" = field(factory=set)
    most_connections: int = 0

    async def emptied(self) -> None:
        """Wait until the last connection is gone."""
        await until(lambda: not self.connections, "every connection is closed")


class Connection(asyncio.Protocol):
    """One connection to the server."""

    def __init__(self, server: WireServer) -> None:
        self.server = server
        self.transport: asyncio.Transport | None = None
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.server.connections.add(self)
        self.server.most_connections = max(self.server.most_connections, len(self.server.connections))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self.transport = None
        self.server.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        self.received += data
        while b"\r\n\r\n" in self.received:
            head, _, rest = self.received.partition(b"\r\n\r\n")
            request = Request(self, head.decode(), b"")
            length = int(request.header("content-length") or 0)
            if len(rest) < length:
                return
            self.received = rest[length:]
            request = Request(self, head.decode(), rest[:length])
            self.server.requests.append(request)
            self.server.react(request)


@asynccontextmanager
async def serving(
    react: Callable[[Request], None] = lambda _: None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[WireServer]:
    """Listen on a port of this machine."""
    server = WireServer(react)
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(lambda: Connection(server), "127.0.0.1", 0, ssl=tls, backlog=4096)
    server.url = f"http{'s' if tls else ''}://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listener.close()
        for connection in list(server.connections):
            if connection.transport is not None:
                connection.transport.abort()

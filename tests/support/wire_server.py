"""A server whose responses the test sends; it has no tasks, so that remaining tasks are the client's."""

import asyncio
import json
import os
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from attrs import define, field, frozen


async def until(condition: Callable[[], object], what: str) -> None:
    """Run other tasks until a condition is true, for up to half a minute."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, f"waited in vain until {what}"
        await asyncio.sleep(0)


def after_passes(count: int, callback: Callable[[], None]) -> None:
    """Call a function after a number of passes of the event loop."""
    loop = asyncio.get_running_loop()
    loop.call_soon(callback if count <= 1 else lambda: after_passes(count - 1, callback))


class LoopClock:
    """The running event loop's clock, which can be advanced: all timers until then fire."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        loop = asyncio.get_running_loop()
        self._real = loop.time
        self._ahead = 0.0
        monkeypatch.setattr(loop, "time", lambda: self._real() + self._ahead)

    def pass_time(self, seconds: float) -> None:
        """Advance the clock."""
        self._ahead += seconds


@frozen(eq=False)
class Request:
    """A request that waits for its response."""

    connection: "Connection"
    head: str
    body: bytes

    @property
    def attempt(self) -> int:
        """The attempt's number in the request's header."""
        return int(self.header("amz-sdk-request").partition("=")[2].partition(";")[0])

    def header(self, name: str) -> str:
        """Return a header; empty if it is missing."""
        lines = (line.partition(": ") for line in self.head.splitlines())
        return next((value for key, _, value in lines if key.lower() == name), "")

    @property
    def token(self) -> str:
        """The request's NextToken."""
        return str(json.loads(self.body).get("NextToken"))

    def echo(self) -> None:
        """Send the request's token as the response, so that a call can recognise its own response."""
        self.answer(json.dumps({"GraphList": [], "NextToken": self.token}).encode())

    def answer(self, body: bytes = b"{}", status: str = "200 OK", *headers: str) -> None:
        """Send a response."""
        lines = (f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers, "", "")
        self.send("\r\n".join(lines).encode() + body)

    def send(self, data: bytes) -> None:
        """Send raw bytes."""
        if self.connection.transport is not None:
            self.connection.transport.write(data)

    def drop(self) -> None:
        """Close the connection."""
        if self.connection.transport is not None:
            self.connection.transport.close()


@define(eq=False)
class WireServer:
    """The requests and connections of the server.

    Args:
        react: called with each request; does nothing by default.
    """

    react: Callable[[Request], None] = lambda _: None
    url: str = ""
    requests: list[Request] = field(factory=list)
    connections: "set[Connection]" = field(factory=set)
    most_connections: int = 0

    async def emptied(self) -> None:
        """Wait until all connections are closed."""
        await until(lambda: not self.connections, "every connection is closed")

    def open_in_clients(self) -> int:
        """Count this process's sockets that lead to the server.

        Not all open files, less `connections`: a server in another thread closes its own ones meanwhile.
        """
        port = int(self.url.rpartition(":")[2])
        return sum(_leads_to(port, int(number)) for number in os.listdir("/dev/fd"))  # noqa: PTH208 - numbers only


def _leads_to(port: int, descriptor: int) -> bool:
    try:
        # A copy, because another thread may close the descriptor at any moment.
        copy = os.dup(descriptor)
    except OSError:
        return False
    try:
        with socket.socket(fileno=copy) as sock:
            copy = -1
            return sock.family == socket.AF_INET and sock.getpeername()[1] == port
    except OSError:
        # Not a socket, or one that is not connected.
        return False
    finally:
        if copy != -1:
            os.close(copy)


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
    """Run the server on a local port."""
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

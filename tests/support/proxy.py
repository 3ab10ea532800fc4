"""A proxy before the simulator that injects planned faults into connections and responses.

Without a plan it forwards everything unchanged. The faults are in `faults`.
"""

import asyncio
import contextlib
import itertools
import socket
import ssl
import struct
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from attrs import define, field, frozen

# With this value of SO_LINGER (on, 0 s), closing a socket sends RST instead of FIN.
_RESET = struct.pack("ii", 1, 0)
_MAX_HEAD = 2**16


@frozen
class Reply:
    """A response of the service."""

    status: bytes
    headers: tuple[bytes, ...]
    body: bytes

    def head(self, *headers: bytes, status: bytes | None = None) -> bytes:
        """Return the head without the body's length, which each fault sets itself."""
        kept = (line for line in self.headers if not line.lower().startswith((b"content-length", b"transfer-encoding")))
        return b"\r\n".join((b"HTTP/1.1 " + (status or self.status), *kept, *headers, b"", b""))

    @property
    def whole(self) -> bytes:
        """The complete response."""
        return self.head(b"content-length: %d" % len(self.body)) + self.body


@define(eq=False)
class Exchange:
    """One request and its response."""

    connection: int
    request: bytes
    _proxy: "Proxy"
    _reader: asyncio.StreamReader
    _writer: asyncio.StreamWriter

    async def forward(self) -> Reply:
        """Forward the request to the service and return its response."""
        where = urlsplit(self._proxy.target)
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        try:
            writer.write(self.request)
            head = (await reader.readuntil(b"\r\n\r\n")).splitlines()
            length = next((int(line[15:]) for line in head if line.lower().startswith(b"content-length:")), 0)
            body = await reader.readexactly(length)
            return Reply(head[0].partition(b" ")[2], tuple(head[1:-1]), body)
        finally:
            writer.close()
            await writer.wait_closed()

    async def send(self, *pieces: bytes) -> None:
        """Send data to the client, which may have disconnected."""
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                self._writer.write(piece)
                await self._writer.drain()

    async def send_slowly(self, pieces: Iterable[bytes], pause: float) -> None:
        """Send pieces with pauses until the client disconnects."""
        for piece in pieces:
            await self.send(piece)
            if self._writer.is_closing():
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self.until_client_leaves()
                    return

    async def until_client_leaves(self) -> None:
        """Send nothing until the client disconnects."""
        with contextlib.suppress(ConnectionError):
            while await self._reader.read(_MAX_HEAD):
                pass

    @property
    def socket(self) -> Any:
        """The connection's socket, for actions without the event loop."""
        return self._writer.get_extra_info("socket")

    def stop_reading(self) -> None:
        """Stop reading from the client, including its disconnection, until `resume_reading`."""
        self._writer.transport.pause_reading()  # type: ignore[attr-defined]

    def resume_reading(self) -> None:
        """Read again."""
        self._writer.transport.resume_reading()  # type: ignore[attr-defined]

    def hang_up(self) -> None:
        """Close the connection normally."""
        self._writer.close()

    def reset(self) -> None:
        """Reset the connection."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._writer.transport.abort()


@frozen
class PortFault:
    """A fault of the port, until the proxy listens."""

    name: str
    play: Callable[["Proxy"], None]


@frozen
class ConnectionFault:
    """A fault of a connection before HTTP; without `tls`, the connection is closed afterwards."""

    name: str
    play: Callable[[socket.socket], Awaitable[None]]
    tls: ssl.SSLContext | None = None


@frozen
class ExchangeFault:
    """A fault of one request or its response."""

    name: str
    play: Callable[[Exchange], Awaitable[None]]


@define(eq=False)
class Proxy:
    """A proxy on a local port.

    Attributes:
        target: the URL of the service.
        tls: the certificate; None for no TLS.
        plan: the faults of the next connections and requests.
        exchanges: the requests so far.
        connections: the number of connections so far.
        open: the number of open connections.
    """

    target: str
    tls: ssl.SSLContext | None = None
    plan: deque[ConnectionFault | ExchangeFault] = field(factory=deque)
    exchanges: list[Exchange] = field(factory=list)
    connections: int = 0
    _listener: socket.socket = field(init=False)
    _accepting: "asyncio.Task[None] | None" = None
    _open: set["asyncio.Task[None]"] = field(factory=set)
    _fillers: list[socket.socket] = field(factory=list)

    @property
    def url(self) -> str:
        """The endpoint URL for clients."""
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self._listener.getsockname()[1]}"

    @property
    def open(self) -> int:
        """The number of open connections."""
        return len(self._open)

    async def __aenter__(self) -> Self:
        """Reserve a port, which refuses connections until `listen` or `ignore`."""
        # With the protocol number of TCP, asyncio disables Nagle's algorithm, which would delay small pieces.
        self._listener = socket.socket(proto=socket.IPPROTO_TCP)
        self._listener.setblocking(False)
        self._listener.bind(("127.0.0.1", 0))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Release the port, and close all connections."""
        tasks = self.tasks
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for sock in (self._listener, *self._fillers):
            sock.close()

    @property
    def tasks(self) -> "set[asyncio.Task[None]]":
        """The proxy's own tasks."""
        return self._open if self._accepting is None else {self._accepting, *self._open}

    def listen(self) -> None:
        """Accept connections."""
        self._listener.listen(100)
        for filler in self._fillers:
            filler.close()
        if self._fillers:
            self._listener.accept()[0].close()
            self._fillers.clear()
        self._accepting = asyncio.create_task(self._accept())

    def ignore(self) -> None:
        """Ignore connections, by a full accept queue, until `listen`; Linux only."""
        self._listener.listen(0)
        for _ in range(2):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(self._listener.getsockname())
            self._fillers.append(filler)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        for number in itertools.count(self.connections + 1):
            sock, _ = await loop.sock_accept(self._listener)
            self.connections = number
            task = asyncio.create_task(self._serve(sock, number))
            self._open.add(task)
            task.add_done_callback(self._open.discard)

    async def _serve(self, sock: socket.socket, number: int) -> None:
        # The client may break the connection at any moment, such as when it refuses a certificate.
        with contextlib.suppress(OSError, asyncio.IncompleteReadError), sock:
            tls = self.tls
            if self.plan and isinstance(self.plan[0], ConnectionFault):
                fault = self.plan.popleft()
                assert isinstance(fault, ConnectionFault)
                await fault.play(sock)
                tls = fault.tls
                if tls is None:
                    return
            loop = asyncio.get_running_loop()
            reader = asyncio.StreamReader(loop=loop)
            protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
            transport, _ = await loop.connect_accepted_socket(lambda: protocol, sock, ssl=tls)
            writer = asyncio.StreamWriter(transport, protocol, reader, loop)
            try:
                while not writer.is_closing():
                    exchange = Exchange(number, await _read_request(reader), self, reader, writer)
                    self.exchanges.append(exchange)
                    await self._next_fault().play(exchange)
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()

    def _next_fault(self) -> ExchangeFault:
        if self.plan and isinstance(self.plan[0], ExchangeFault):
            fault = self.plan.popleft()
            assert isinstance(fault, ExchangeFault)
            return fault
        return NO_FAULT


async def _read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.splitlines() if line.lower().startswith(b"content-length:")), 0)
    return head + await reader.readexactly(length)


async def _pass_on(exchange: Exchange) -> None:
    await exchange.send((await exchange.forward()).whole)


NO_FAULT = ExchangeFault("none", _pass_on)


@contextlib.asynccontextmanager
async def counting_server() -> AsyncIterator[tuple[str, list[int]]]:
    """Run a server; yield its URL and a list that grows with each connection."""
    seen: list[int] = []

    def note(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(len(seen))
        writer.close()

    server = await asyncio.start_server(note, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", seen
    finally:
        server.close()

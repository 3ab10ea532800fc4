"""Connections of our own: checked before they are used again, and written to without an aiohttp session in between.

What relies on private parts of aiohttp's connections is here. The reasons are in docs/design/direct-requests.md;
`DETECTIVE_ASYNC_DIRECT_REQUESTS=off` in the environment turns it off.
"""

import asyncio
import os
import select
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import partial
from types import FunctionType
from typing import Any
from weakref import WeakKeyDictionary

import aiohttp
from aiohttp import hdrs, http_writer
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from yarl import URL

from detective_async.http.descriptors import is_exhausted
from detective_async.http.time_limits import TimeLimit, is_late, limited, time_limit
from detective_async.http.unclosed import close_idle, close_socket

#: The versions of aiohttp whose private parts are known.
_SUPPORTED = "3.14."
_ENABLED = os.environ.get("DETECTIVE_ASYNC_DIRECT_REQUESTS") != "off"
_AIOHTTPS_GLOBALS = vars(aiohttp.client)
# Another version may lack it.
_serialize_headers: Any = getattr(http_writer, "_serialize_headers", None)
#: Bytes of a response that are read, after decompression: fifty times the largest response of the API.
MAX_RESPONSE_SIZE = 16 * 2**20
#: Bytes that aiohttp buffers before it pauses reading: as a rule, more than the whole response.
BUFFER_SIZE = 2**20
#: Bytes that asyncio allocates to read into. Its own 256 KiB are more than glibc keeps: each time, it asks the system.
_READ_SIZE = 120 * 2**10
#: Seconds between two tries while there are too many open files.
_PAUSE = 0.05
#: For how many seconds then, if there is no timeout for connecting.
_LONGEST_WAIT = 5.0


class ConnectionUse:
    """A connection, and when a request last had it.

    Attributes:
        host: the host that it goes to.
        has_input: polls the socket for input that the event loop has not read, with a timeout.
        since: when the last request was given it, by the event loop's clock.
        reused: whether a request had it before that one.
    """

    __slots__ = ("has_input", "host", "reused", "since")

    def __init__(
        self, host: str | None, has_input: Callable[[int], object], since: float, *, reused: bool = False
    ) -> None:
        self.host = host
        self.has_input = has_input
        self.since = since
        self.reused = reused


def ignore_connection_events(_: ConnectionUse | None) -> None:
    """Default listener: ignores connection events."""


#: Called by sessions of our own: with None when a request starts to wait for a connection, with that when it has one.
on_connection: ContextVar[Callable[[ConnectionUse | None], None]] = ContextVar(
    "on_connection", default=ignore_connection_events
)


class Destination(aiohttp.ClientRequest):
    """What a connector has to know of the requests to a URL, so that none needs a request object of its own.

    Args:
        url: the URL that the paths of requests are appended to.

    Attributes:
        key: the key of the connections that the requests can use.
        prefix: the path of the URL.
    """

    def __init__(self, url: str) -> None:
        # aiohttp's own `__init__` is not called: its work is what this class saves.
        self.url = self.original_url = URL(url, encoded=True)
        self.proxy = self.proxy_auth = self.proxy_headers = self.server_hostname = None
        self._ssl = True
        self.key = super().connection_key
        self.prefix = "" if self.url.raw_path == "/" else self.url.raw_path

    @property
    def connection_key(self) -> Any:
        """The key of the connections that the requests can use."""
        return self.key


class Connector(aiohttp.TCPConnector):
    """An aiohttp connection pool that checks a connection before it hands it out again.

    Attributes:
        is_traced: whether a tool for tracing has added its own to the session, and expects to see the requests.
        trusted_after: host -> a time of the event loop's clock: connections that no request was given after it are not
            used again.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.is_traced = False
        self._is_known = _ENABLED and aiohttp.__version__.startswith(_SUPPORTED) and _serialize_headers is not None
        if self._is_known:
            self._factory: Any = partial(_Protocol, loop=self._loop)
        self.trusted_after: dict[str | None, float] = {}
        self._uses: WeakKeyDictionary[asyncio.BaseProtocol, ConnectionUse] = WeakKeyDictionary()
        self._destinations: dict[str, Destination] = {}

    def destination(self, url: str) -> Destination | None:
        """Give what is known of a URL, the same object each time; None if the session has to send the requests."""
        if not self._is_known or self.is_traced:
            return None
        # A tool for tests or tracing may have replaced the session's methods, also before this module was imported.
        for method in (aiohttp.ClientSession._request, aiohttp.ClientSession.request):  # noqa: SLF001 - see above
            if type(method) is not FunctionType or method.__globals__ is not _AIOHTTPS_GLOBALS:
                return None
        found = self._destinations.get(url)
        if found is None:
            found = self._destinations[url] = Destination(url)
        return found

    async def reuse(self, destination: Destination) -> Connection | None:
        """Give an idle connection that the server has not closed; None if there is none."""
        began = self._loop.time()
        while (connection := await self._get(destination.key, [])) is not None:
            use = self._use(connection, destination, began)
            if use is not None:
                on_connection.get()(use)
                return connection
        return None

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[Any], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        """Give an idle connection that the server has not closed, or open one."""
        report = on_connection.get()
        report(None)
        began = started = self._loop.time()
        was_late = False
        while True:
            try:
                connection = await super().connect(req, traces, timeout)
            except TimeoutError:
                # An event loop that the program blocked says nothing about the network. Nothing was sent, so that
                # connecting again is harmless; once only, or a dead host would take long where all timers are late.
                now, limit = self._loop.time(), timeout.connect
                if was_late or limit is None or not is_late(now, started + limit, limit):
                    raise
                was_late, started = True, now
                continue
            except OSError as error:
                await self._wait_for_file(error, began, timeout.connect)
                started = self._loop.time()
                continue
            use = self._use(connection, req, began)
            if use is not None:
                report(use)
                return connection

    def _use(self, connection: Connection, req: aiohttp.ClientRequest, began: float) -> ConnectionUse | None:
        """Give the use of a connection by a request that waits since then; None, and close it, if it is not usable."""
        protocol = connection.protocol
        assert protocol is not None  # noqa: S101 - it has just been connected
        use = self._uses.get(protocol)
        if use is None:
            transport = connection.transport
            _limit_reads(transport)
            use = self._uses[protocol] = ConnectionUse(req.url.raw_host, _input_check(transport), began)
            return use
        if (
            not protocol.should_close
            and not use.has_input(0)
            and (not self.trusted_after or use.since > self.trusted_after.get(use.host, -1.0))
        ):
            use.since, use.reused = began, True
            return use
        # No request is outstanding on it, so the input is its end, or a response to no request.
        connection.close()
        return None

    async def _wait_for_file(self, error: OSError, began: float, timeout: float | None) -> None:
        """Wait a moment if there are too many open files; raise any other error, or this one after the timeout."""
        if self._loop.time() - began >= (_LONGEST_WAIT if timeout is None else timeout) or not is_exhausted(error):
            raise error
        # The clients of a program, and the hosts of a client, have one limit on open files.
        close_idle(self._loop)
        # Requests in flight will end, and leave their connections.
        await asyncio.sleep(_PAUSE)

    def close_idle(self) -> None:
        """Close the connections that no request has."""
        for idle in self._conns.values():
            for protocol, _ in idle:
                protocol.close()
        self._conns.clear()

    def end_exchanges(self) -> None:
        """Wake up who waits for a response. Closing wakes nobody whose response has begun."""
        for protocol in list(self._acquired):
            if isinstance(protocol, _Protocol):
                protocol.fail(aiohttp.ClientConnectionError())

    def abandon(self, *, forked: bool) -> None:
        """Close the sockets without the event loop, and without aiohttp's warning."""
        self._closed = True
        protocols = [protocol for idle in self._conns.values() for protocol, _ in idle]
        for protocol in (*protocols, *self._acquired):
            close_socket(protocol.transport, self._loop, forked=forked)
        self._conns.clear()
        self._acquired.clear()


async def send(
    connector: Connector,
    destination: Destination,
    method: str,
    path: str,
    *,
    headers: dict[str, str],
    body: bytes | None,
    timeout: aiohttp.ClientTimeout,
    until: float | None,
    deadline: float | None,
    timers: set[asyncio.Timeout],
) -> tuple[int, Mapping[str, str], bytes | None]:
    """Write a request at once, without a task, and read the response.

    Args:
        connector: has the connections.
        destination: the URL that the path is appended to.
        method: the HTTP method.
        path: percent-encoded, with the query.
        headers: of the request; those that aiohttp adds to every request are added.
        body: of the request.
        timeout: for a new connection, and between two pieces of the response.
        until: when the exchange must be over, by the event loop's clock; None for no limit.
        deadline: when it must be over even if the event loop was late; None for no limit.
        timers: has the timer of a new connection, so that it can be ended; `Connector.end_exchanges` ends the rest.

    Returns:
        The status, the headers, and the body; None instead of the body if it exceeds `MAX_RESPONSE_SIZE`.
    """
    connection = await connector.reuse(destination)
    try:
        if connection is None:
            loop = asyncio.get_running_loop()
            limit = time_limit(loop, until, deadline)
            async with limited(loop, limit, timers):
                connection = await _connected(connector, destination, timeout)
            until = None if limit is None else limit.until
        else:
            limit = None
        protocol: Any = connection.protocol
        protocol.set_response_params(
            read_until_eof=True, auto_decompress=True, read_timeout=timeout.sock_read, read_bufsize=BUFFER_SIZE
        )
        for name, value in aiohttp.ClientRequest.DEFAULT_HEADERS.items():
            headers.setdefault(name, value)
        if body is not None or method not in aiohttp.ClientRequest.GET_METHODS:
            headers[hdrs.CONTENT_LENGTH] = str(len(body or b""))
        head = _serialize_headers(f"{method} {destination.prefix}{path} HTTP/1.1", headers)
        protocol.request(head + body if body else head, until, deadline, limit)
        message, payload = await protocol.read()
        while message.code in _INFORMATIONAL:
            message, payload = await protocol.read()
        if message.code < _FIRST_FINAL:
            # It has switched protocols, as nobody asked it to.
            protocol.force_close()
        content = await read_body(payload, message.headers.get(hdrs.CONTENT_LENGTH))
        protocol.until = None
    except BaseException:
        if connection is not None:
            connection.close()
        raise
    # One that was not read to its end is closed.
    connection.release()
    return message.code, message.headers, content


#: The first HTTP status that no other one can follow.
_FIRST_FINAL = 200
#: HTTP statuses that are followed by another one.
_INFORMATIONAL = frozenset(range(100, _FIRST_FINAL)) - {101}


async def _connected(connector: Connector, destination: Destination, timeout: aiohttp.ClientTimeout) -> Connection:
    try:
        return await connector.connect(destination, [], timeout)
    except TimeoutError as error:
        raise aiohttp.ConnectionTimeoutError from error


async def read_body(content: aiohttp.StreamReader, length: str | None) -> bytes | None:
    """Read a body to its end; return None if it exceeds `MAX_RESPONSE_SIZE`, or the length says that it will."""
    if content.is_eof():
        # Small responses have arrived completely by now.
        whole = content.read_nowait()
        return whole if len(whole) <= MAX_RESPONSE_SIZE else None
    if length is not None and length.isdecimal() and int(length) > MAX_RESPONSE_SIZE:
        return None
    size = 0
    pieces: list[bytes] = []
    async for piece in content.iter_any():
        size += len(piece)
        if size > MAX_RESPONSE_SIZE:
            return None
        pieces.append(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class _Protocol(ResponseHandler):
    """aiohttp's side of a connection, with one timer that is left to run, instead of three for each request.

    When it fires, it looks whether anything is due, and is set again if not.

    Attributes:
        until: when the exchange must be over, by the event loop's clock; None if there is none, or no limit.
    """

    until: float | None = None

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._timer_handle: asyncio.TimerHandle | None = None
        self._read_due: float | None = None
        self._limit: TimeLimit | None = None
        self._began = 0.0
        self._deadline: float | None = None

    def request(self, data: bytes, until: float | None, deadline: float | None, limit: TimeLimit | None) -> None:
        """Write a request, and begin to wait for its response.

        Args:
            data: the request.
            until: as for a `TimeLimit`, of which most requests need none.
            deadline: likewise.
            limit: the one that applied to connecting, if the connection is new.
        """
        transport: Any = self.transport
        if transport is None or transport.is_closing():
            raise aiohttp.ClientConnectionResetError("Cannot write to closing transport")
        # Without waiting for the socket: requests are small, and a server may respond before it has read them.
        transport.write(data)
        self._began, self.until, self._deadline, self._limit = self._loop.time(), until, deadline, limit
        self._reschedule_timeout()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Wake up who waits, and stop the timer."""
        super().connection_lost(exc)
        if self._timer_handle is not None:
            self._timer_handle.cancel()
            self._timer_handle = None

    def _reschedule_timeout(self) -> None:
        due = self._read_due = self._loop.time() + self._read_timeout if self._read_timeout else None
        if due is None or (self.until is not None and self.until < due):
            due = self.until
        handle = self._timer_handle
        if due is not None and (handle is None or handle.when() > due):
            if handle is not None:
                handle.cancel()
            self._timer_handle = self._loop.call_at(due, self._check)

    def _drop_timeout(self) -> None:
        self._read_due = None

    def _check(self) -> None:
        self._timer_handle = None
        now = self._loop.time()
        if self.until is not None and now >= self.until:
            limit = self._limit = self._limit or TimeLimit(self._began, self.until, self._deadline)
            if limit.is_over(now):
                # In the next round: until then, a response that has arrived is read.
                self._loop.call_soon(self._end, limit)
                return
            self.until = limit.until
        elif self._read_due is not None and now >= self._read_due:
            self._on_read_timeout()
            return
        due = min((time for time in (self.until, self._read_due) if time is not None), default=None)
        if due is not None:
            self._timer_handle = self._loop.call_at(due, self._check)

    def _end(self, limit: TimeLimit) -> None:
        """Raise to who waits for the response, if that is still the one with this limit."""
        if self._limit is not limit or self.until is None:
            return
        self.fail(TimeoutError())

    def fail(self, error: Exception) -> None:
        """Raise an exception to who waits for the response."""
        self.set_exception(error)
        if self._payload is not None:
            self._payload.set_exception(error)


def _limit_reads(transport: asyncio.Transport | None) -> None:
    """Make asyncio read into smaller blocks."""
    parts: tuple[Any, ...] = transport, getattr(transport, "_ssl_protocol", None)
    for part in parts:
        if hasattr(part, "max_size"):
            part.max_size = _READ_SIZE


def _input_check(transport: asyncio.Transport | None) -> Callable[[int], object]:
    """Give a function that polls the socket for input that the event loop has not read, with a timeout."""
    sock = transport.get_extra_info("socket") if transport is not None else None
    if sock is None:
        return lambda _: False
    if not hasattr(select, "poll"):
        return lambda timeout: select.select([sock], [], [], timeout)[0]
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return poll.poll

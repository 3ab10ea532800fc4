"""The connection pool: aiohttp sessions, opened at the first call, shared by derived clients, closed once."""

import asyncio
import select
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from typing import Any, TypeVar, cast
from weakref import WeakKeyDictionary

import aiohttp
from aiohttp.connector import Connection
from attrs import Factory, define

from detective_async.errors import ConfigurationError
from detective_async.http.environment import proxy_for, ssl_context
from detective_async.http.exchange import disable_aiohttp_retries, retry_prevention
from detective_async.http.request import new_request

#: Connections, and therefore requests in flight, of a session of our own.
MAX_CONNECTIONS = 100
#: AWS closes idle connections after about 20 s. Ours are closed before, so that none is reused while AWS closes it.
_KEEPALIVE = 15.0
CLOSED = "the client is closed"

T = TypeVar("T")


def ignore_connection_events(_: bool) -> None:  # noqa: FBT001 - a listener's signature
    """Default listener: ignores connection events."""


#: Called by sessions of our own: with False when a request starts to wait for a connection, with True when it has one.
on_connection: ContextVar[Callable[[bool], None]] = ContextVar("on_connection", default=ignore_connection_events)


class ConnectionPool:
    """The aiohttp sessions, and how many requests may be in flight on them.

    The connectors of our own sessions have no limit. Requests wait for a semaphore here instead, so that this wait does
    not count as connect time.

    Args:
        session: the caller's session, which is used and never closed; None opens sessions of our own at the first call.
        ca_bundle: the certificates of the authorities that a session of our own trusts; None for the system's.

    Attributes:
        owns_sessions: whether the sessions are our own.
        middlewares: the aiohttp middlewares of each request; None for the session's.
        closed: whether no further request can be made.

    Raises:
        ConfigurationError: the bundle cannot be read.
    """

    def __init__(self, session: aiohttp.ClientSession | None = None, ca_bundle: str | None = None) -> None:
        self.owns_sessions = session is None
        self.middlewares = retry_prevention(session)
        self._callers = session
        self._reusing: aiohttp.ClientSession | None = None
        self._fresh: aiohttp.ClientSession | None = None
        self.closed = False
        self._ssl = ssl_context(ca_bundle)
        self._spawned: set[asyncio.Task[Any]] = set()
        self._proxies: dict[str, str | None] = {}
        if session is None:
            self._semaphores = _Semaphores(asyncio.Semaphore(MAX_CONNECTIONS))
        else:
            self._semaphores = _semaphores_of(session)
        self._limit: asyncio.Semaphore | None = None

    def limit(self, requests: int) -> None:
        """Bound the requests in flight; to be called before the first request."""
        if self.owns_sessions:
            self._semaphores = _Semaphores(asyncio.Semaphore(requests))
        else:
            # Beside the limits of the session, which also count requests that are not ours.
            self._limit = asyncio.Semaphore(requests)

    def proxy_for(self, url: str) -> str | None:
        """Give the proxy that the environment (`HTTPS_PROXY`, `NO_PROXY`, ...) sets for a URL; read once per URL.

        A session of the caller's has its own proxy settings. aiohttp's `trust_env` is not used, because it also reads
        `.netrc`, in a thread and for every request, and refuses a signed request to a host that is listed there.

        Raises:
            ConfigurationError: the proxy is of a kind that aiohttp cannot use.
        """
        if not self.owns_sessions:
            return None
        if url not in self._proxies:
            self._proxies[url] = proxy_for(url)
        return self._proxies[url]

    def bounds(self, host: str) -> tuple[asyncio.Semaphore | None, ...]:
        """Give the bounds on the requests in flight to a host, in the order in which they are to be acquired.

        The narrowest first: a request that waits for it would otherwise hold a place in a wider one.
        """
        semaphores = self._semaphores
        if not semaphores.limit_per_host:
            return self._limit, semaphores.all
        of_host = semaphores.hosts.setdefault(host, asyncio.Semaphore(semaphores.limit_per_host))
        return of_host, self._limit, semaphores.all

    def session(self, *, fresh: bool) -> aiohttp.ClientSession:
        """Give the session for a request that has its turn.

        Args:
            fresh: whether the request must go out on a new connection, because a reused one may be closing, and this
                request cannot be repeated. A session of the caller's is used as it is.

        Raises:
            RuntimeError: the pool was closed.
            ConfigurationError: the caller's session was closed.
        """
        if self.closed:
            raise RuntimeError(CLOSED)
        if self._callers is not None:
            if self._callers.closed:
                raise ConfigurationError("session: the aiohttp session that was passed in is closed")
            return self._callers
        if fresh:
            if self._fresh is None:
                self._fresh = _open(_Connector(limit=0, force_close=True, ssl=self._ssl), aiohttp.ClientRequest)
            return self._fresh
        if self._reusing is None:
            self._reusing = _open(_Connector(limit=0, keepalive_timeout=_KEEPALIVE, ssl=self._ssl), new_request)
        return self._reusing

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run a coroutine that uses the connections; closing the pool cancels it.

        Raises:
            RuntimeError: the pool was closed.
        """
        if self.closed:
            # Started now, it would run on closed connections, and others would wait for it.
            work.close()
            raise RuntimeError(CLOSED)
        task = asyncio.create_task(work)
        self._spawned.add(task)
        task.add_done_callback(self._spawned.discard)
        return task

    async def aclose(self) -> None:
        """Close the sessions of our own and cancel the spawned tasks; closing twice is harmless."""
        self.closed = True
        for task in self._spawned:
            task.cancel()
        await asyncio.gather(*self._spawned, return_exceptions=True)
        for session in (self._reusing, self._fresh):
            if session is not None:
                await session.close()


@define(eq=False)
class Turn:
    """A request's turn: entering it acquires the semaphores in front of a host, first come, first served.

    Attributes:
        pool: where the request will be sent.
        host: the host that it will be sent to.
        account: the bound of its account in its region, if there is one.
        deadline: how long it may wait, by the event loop's clock; `TimeoutError` after that. None for no limit.
    """

    pool: ConnectionPool
    host: str
    account: asyncio.Semaphore | None
    deadline: float | None
    _acquired: list[asyncio.Semaphore] = Factory(list)

    async def __aenter__(self) -> None:
        """Acquire all semaphores, or none."""
        try:
            for semaphore in (self.account, *self.pool.bounds(self.host)):
                if semaphore is None:
                    continue
                if semaphore.locked():
                    async with asyncio.timeout_at(self.deadline):
                        await semaphore.acquire()
                else:
                    await semaphore.acquire()
                self._acquired.append(semaphore)
        except BaseException:
            await self.__aexit__()
            raise

    async def __aexit__(self, *_: object) -> None:
        """Release them."""
        for semaphore in self._acquired:
            semaphore.release()


def _open(connector: aiohttp.TCPConnector, new_request: Callable[..., aiohttp.ClientRequest]) -> aiohttp.ClientSession:
    session = aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        # aiohttp's parameter is typed as a class; it is only called.
        request_class=cast("type[aiohttp.ClientRequest]", new_request),
    )
    disable_aiohttp_retries(session)
    return session


class _Connector(aiohttp.TCPConnector):
    """An aiohttp connection pool that checks a connection before it hands it out again."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._handed_out: WeakKeyDictionary[asyncio.BaseProtocol, Callable[[int], object]] = WeakKeyDictionary()

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[Any], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        """Give a connection that the server has not closed."""
        report = on_connection.get()
        report(False)  # noqa: FBT003 - a listener's argument
        while True:
            connection = await super().connect(req, traces, timeout)
            protocol = connection.protocol
            assert protocol is not None  # noqa: S101 - it has just been connected
            has_input = self._handed_out.get(protocol)
            if has_input is None:
                self._handed_out[protocol] = _input_check(connection.transport)
                break
            if not protocol.should_close and not has_input(0):
                break
            # No request is outstanding on it, so the input is its end, or a response to no request.
            connection.close()
        report(True)  # noqa: FBT003
        return connection


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


@define(eq=False)
class _Semaphores:
    """Bounds on the requests in flight: on all of them, and on those to each host."""

    all: asyncio.Semaphore | None
    limit_per_host: int = 0
    hosts: dict[str, asyncio.Semaphore] = Factory(dict)


# By session, because several clients may use the same one.
_session_semaphores: WeakKeyDictionary[aiohttp.ClientSession, _Semaphores] = WeakKeyDictionary()


def _semaphores_of(session: aiohttp.ClientSession) -> _Semaphores:
    """Give semaphores with the limits of a session's connector, so that requests do not wait inside of that."""
    if session not in _session_semaphores:
        connector = session.connector
        limit, per_host = (connector.limit, connector.limit_per_host) if connector is not None else (0, 0)
        _session_semaphores[session] = _Semaphores(asyncio.Semaphore(limit) if limit else None, per_host)
    return _session_semaphores[session]

"""The aiohttp sessions: opened at the first call, shared by every client made from one, closed once."""

import asyncio
import math
import select
import ssl
from collections.abc import Callable, Coroutine, Sequence
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass
from weakref import WeakKeyDictionary

import aiohttp
from aiohttp.connector import Connection

from detective_async.errors import ConfigurationError
from detective_async.http.exchange import have_nothing_resent
from detective_async.http.request import new_request

#: Connections at once, and therefore requests at once, of a session of our own.
MAX_CONNECTIONS = 100
#: AWS closes idle connections after about 20 s: ours go first, so that none is reused while it is being closed.
_KEEPALIVE = 15.0
CLOSED = "the client is closed"

T = TypeVar("T")


def nobody(_: bool) -> None:  # noqa: FBT001 - it stands for those that are told
    """Is told, and does not care."""


#: Told False when a request begins to wait for its connection, and True when it has got it; by sessions of our own.
on_connection: ContextVar[Callable[[bool], None]] = ContextVar("on_connection", default=nobody)


class Connections:
    """The sessions, and the right to use one.

    Args:
        session: the caller's session, which is used and never closed; None opens sessions of our own at the first call.
        ca_bundle: the certificates of the authorities that a session of our own trusts; None for the system's.

    Raises:
        ConfigurationError: the bundle cannot be read.
    """

    def __init__(self, session: aiohttp.ClientSession | None = None, ca_bundle: str | None = None) -> None:
        self._callers = session
        self._reusing: aiohttp.ClientSession | None = None
        self._fresh: aiohttp.ClientSession | None = None
        self._closed = False
        self._ssl = _ssl_context(ca_bundle)
        self._spawned: set[asyncio.Task[Any]] = set()
        self._proxies: dict[str, str | None] = {}
        # The pool itself has no limit: waiting for a turn here keeps that wait out of the connect timeout.
        self._turns = _Turns(MAX_CONNECTIONS) if session is None else _turns_of(session)
        self._limit: asyncio.Semaphore | None = None

    def limit(self, requests: int) -> None:
        """Have no more than so many requests at once; to be said before the first one."""
        if self.owned:
            self._turns = _Turns(requests)
        else:
            # Beside the session's own limits, which count the requests of others too.
            self._limit = asyncio.Semaphore(requests)

    @property
    def owned(self) -> bool:
        """Whether the sessions are ours."""
        return self._callers is None

    @property
    def closed(self) -> bool:
        """Whether no further request can be made."""
        return self._closed

    def timeout(self, connect: float | None, read: float | None) -> aiohttp.ClientTimeout:
        """Give what aiohttp is to watch: the making of a connection, and the pauses in an answer."""
        return _timeout(connect, read, owned=self.owned)

    def proxy_for(self, url: str) -> str | None:
        """Give the proxy that the environment (`HTTPS_PROXY`, `NO_PROXY`, ...) sets for a URL; looked up once per URL.

        A session of the caller's own decides for itself. aiohttp's `trust_env` is not used, because it also reads
        `.netrc`, in a thread and for every request, and refuses a signed request to a host that it finds there.

        Raises:
            ConfigurationError: the proxy is of a kind that aiohttp cannot use.
        """
        if not self.owned:
            return None
        if url not in self._proxies:
            self._proxies[url] = _proxy_of_the_environment(url)
        return self._proxies[url]

    def turn(self, host: str, gate: asyncio.Semaphore | None = None, until: float | None = None) -> "Turn":
        """Give a request's turn, to be waited for by entering it; first come, first served.

        Args:
            host: where the request goes.
            gate: a further limit that it falls under. It is waited for first, or the requests that wait for it would
                hold the turns of others.
            until: how long it may wait, by the event loop's clock; `TimeoutError` after that. None for no limit.
        """
        gates = (gate, *self._turns.gates(host, self._limit))
        return Turn([gate for gate in gates if gate is not None], until)

    def session(self, *, fresh: bool) -> aiohttp.ClientSession:
        """Give the session for a request whose turn it is.

        Args:
            fresh: whether it must go out on a new connection, because one that is reused may break for no fault of
                the request's. A session of the caller's own is as it is.

        Raises:
            RuntimeError: the connections were closed.
        """
        if self._closed:
            raise RuntimeError(CLOSED)
        return self._callers or self._own_session(fresh=fresh)

    def _own_session(self, *, fresh: bool) -> aiohttp.ClientSession:
        if fresh:
            if self._fresh is None:
                self._fresh = _open(_Connector(limit=0, force_close=True, ssl=self._ssl), aiohttp.ClientRequest)
            return self._fresh
        if self._reusing is None:
            connector = _Connector(limit=0, keepalive_timeout=_KEEPALIVE, ssl=self._ssl)
            self._reusing = _open(connector, new_request)
        return self._reusing

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run something that uses the connections, until they are closed at the latest.

        Raises:
            RuntimeError: they were closed.
        """
        if self._closed:
            # Or others would wait for what cannot succeed.
            work.close()
            raise RuntimeError(CLOSED)
        task = asyncio.create_task(work)
        self._spawned.add(task)
        task.add_done_callback(self._spawned.discard)
        return task

    async def aclose(self) -> None:
        """Close the sessions that are ours, and end what was spawned; closing twice is harmless."""
        self._closed = True
        for task in self._spawned:
            task.cancel()
        await asyncio.gather(*self._spawned, return_exceptions=True)
        for session in (self._reusing, self._fresh):
            if session is not None:
                await session.close()


def _open(connector: aiohttp.TCPConnector, new_request: Callable[..., aiohttp.ClientRequest]) -> aiohttp.ClientSession:
    session = aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        # A class to aiohttp, which does no more with it than call it.
        request_class=cast("type[aiohttp.ClientRequest]", new_request),
    )
    have_nothing_resent(session)
    return session


class _Connector(aiohttp.TCPConnector):
    """A pool that looks at a connection before it hands it out again."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._handed_out: WeakKeyDictionary[asyncio.BaseProtocol, Callable[[], bool]] = WeakKeyDictionary()

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[Any], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        """Give a connection that the server has not closed."""
        tell = on_connection.get()
        tell(False)  # noqa: FBT003 - as the variable says
        while True:
            connection = await super().connect(req, traces, timeout)
            protocol = connection.protocol
            assert protocol is not None  # noqa: S101 - as it has just been connected
            has_input = self._handed_out.get(protocol)
            if has_input is None:
                self._handed_out[protocol] = _input_of(connection.transport)
                break
            if not protocol.should_close and not has_input():
                break
            # Nothing was asked yet, so what has come is the end of it, or an answer to nobody.
            connection.close()
        tell(True)  # noqa: FBT003
        return connection


def _input_of(transport: asyncio.Transport | None) -> Callable[[], bool]:
    """Give what asks the system whether something has come that the event loop has not read yet."""
    sock = transport.get_extra_info("socket") if transport is not None else None
    if sock is None:
        return lambda: False
    if not hasattr(select, "poll"):
        return lambda: bool(select.select([sock], [], [], 0)[0])
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return lambda: bool(poll.poll(0))


class Turn:
    """Waits for its turn when it is entered, and lets the next one have it when it is left."""

    __slots__ = ("_gates", "_until")

    def __init__(self, gates: Sequence[asyncio.Semaphore], until: float | None) -> None:
        self._gates = gates
        self._until = until

    async def __aenter__(self) -> None:
        """Pass all gates, or none."""
        passed = 0
        try:
            for gate in self._gates:
                if gate.locked():
                    async with asyncio.timeout_at(self._until):
                        await gate.acquire()
                else:
                    await gate.acquire()
                passed += 1
        except BaseException:
            for gate in self._gates[:passed]:
                gate.release()
            raise

    async def __aexit__(self, *_: object) -> None:
        """Open them for the next one."""
        for gate in self._gates:
            gate.release()


class _Turns:
    """Semaphores for all requests and for those to each host; 0 for no limit."""

    def __init__(self, limit: int, limit_per_host: int = 0) -> None:
        self._all = asyncio.Semaphore(limit) if limit else None
        self._limit_per_host = limit_per_host
        self._hosts: dict[str, asyncio.Semaphore] = {}

    def gates(self, host: str, limit: asyncio.Semaphore | None) -> tuple[asyncio.Semaphore | None, ...]:
        """Give those that a request to a host has to pass, in order, with a limit besides."""
        if not self._limit_per_host:
            return limit, self._all
        # First the host's, or the requests that wait for one host would hold the turns of all others.
        return self._hosts.setdefault(host, asyncio.Semaphore(self._limit_per_host)), limit, self._all


# By session, for clients may share one.
_turns_of_sessions: WeakKeyDictionary[aiohttp.ClientSession, _Turns] = WeakKeyDictionary()


def _turns_of(session: aiohttp.ClientSession) -> _Turns:
    """Give turns by the limits of the session's own pool, so that no request of ours waits inside of it for another."""
    if session not in _turns_of_sessions:
        connector = session.connector
        limits = (connector.limit, connector.limit_per_host) if connector is not None else (0, 0)
        _turns_of_sessions[session] = _Turns(*limits)
    return _turns_of_sessions[session]


@lru_cache(maxsize=256)
def _timeout(connect: float | None, read: float | None, *, owned: bool) -> aiohttp.ClientTimeout:
    # `connect` covers name look-up, TCP and TLS, but also the wait for the pool, which only ours never has.
    return aiohttp.ClientTimeout(
        connect=connect if owned else None,
        sock_connect=None if owned else connect,
        sock_read=read,
        # Exact: aiohttp would round long timeouts up to full seconds.
        ceil_threshold=math.inf,
    )


@lru_cache(maxsize=8)
def _ssl_context(ca_bundle: str | None) -> ssl.SSLContext | bool:
    if ca_bundle is None:
        return True
    try:
        return ssl.create_default_context(cafile=ca_bundle)
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"the CA bundle {ca_bundle} (AWS_CA_BUNDLE, or ca_bundle of the profile) cannot be used: {error}"
        ) from None


def _proxy_of_the_environment(url: str) -> str | None:
    parts = urlsplit(url)
    proxy = None if proxy_bypass(parts.netloc) else getproxies().get(parts.scheme)
    if not proxy:
        return None
    # Without a scheme it is HTTP, as for curl.
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    scheme = urlsplit(proxy).scheme
    if scheme not in ("http", "https"):
        raise ConfigurationError(f"the proxy that the environment sets is of kind {scheme!r}; use http:// or https://")
    return proxy

"""The connection pool: aiohttp sessions, opened at the first call, shared by derived clients, closed once."""

import asyncio
from collections.abc import Awaitable, Coroutine
from contextlib import AsyncExitStack, suppress
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import aiohttp

from detective_async.errors import ClientClosed, ConfigurationError
from detective_async.http.connector import ConnectionUse, Connector
from detective_async.http.decoding import DecodingTurns
from detective_async.http.descriptors import affordable
from detective_async.http.environment import proxy_for, ssl_context
from detective_async.http.exchange import disable_aiohttp_retries, retry_prevention
from detective_async.http.state import pop_closed
from detective_async.http.unclosed import Origin, origin_of, registered, warn_unclosed

#: Connections, and therefore requests in flight, of a session of our own.
MAX_CONNECTIONS = 100
#: AWS closes idle connections after about 20 s. Ours are closed before, so that none is reused while AWS closes it.
_KEEPALIVE = 15.0
#: For how many seconds closing waits for the end of cancelled look-ups of credentials.
_LONGEST_END = 2.0
CLOSED = "the client is closed"
CLOSED_MEANWHILE = "the client was closed during the call"

T = TypeVar("T")


class ConnectionPool:
    """The connections of a client and of those that were derived from it, for each event loop that uses them.

    Args:
        session: the caller's session, which is used and never closed; None opens sessions of our own at the first call.
        ca_bundle: the certificates of the authorities that a session of our own trusts; None for the system's.
        max_requests: the limit on requests in flight in an event loop; None for the default.
        needs_tls: whether the certificates are read at once, because the first request needs them.
        owner: the class whose instance is to be closed.

    Attributes:
        owns_sessions: whether the sessions are our own.
        proxies: URL -> the proxy of our own sessions; None for none. A session of the caller's has settings of its own.
        middlewares: the aiohttp middlewares of each request; None for the session's.
        closed: whether no further request can be made.
        origin: where the client was made.

    Raises:
        ConfigurationError: the bundle cannot be read.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession | None = None,
        ca_bundle: str | None = None,
        max_requests: int | None = None,
        *,
        needs_tls: bool = True,
        owner: str = "DetectiveClient",
    ) -> None:
        self.owns_sessions = session is None
        self.middlewares = retry_prevention(session)
        self._callers = session
        self.closed = False
        self.origin = origin_of(owner)
        self.proxies = _Proxies()
        self._max_requests = max_requests
        self._of_loops: dict[asyncio.AbstractEventLoop, LoopConnections] = {}
        # Those of the event loop that made the last call: as a rule there is only one.
        self._current: LoopConnections | None = None
        self._ssl = ssl_context(ca_bundle, on_demand=not needs_tls)

    def __del__(self) -> None:
        for connections in self._of_loops.values():
            connections.leave()
        if not self.closed:
            warn_unclosed(self.origin)

    def connections(self, loop: asyncio.AbstractEventLoop) -> "LoopConnections":
        """Give the connections of the running event loop.

        Raises:
            ClientClosed: the pool was closed.
            ConfigurationError: the caller's session belongs to another event loop.
        """
        current = self._current
        if current is None or current.loop is not loop:
            current = self._connections_of(loop)
        if self.closed:
            raise ClientClosed(CLOSED)
        return current

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run a coroutine that uses the connections; closing the pool cancels it.

        Raises:
            ClientClosed: the pool was closed.
            ConfigurationError: the caller's session belongs to another event loop.
        """
        try:
            return self.connections(asyncio.get_running_loop()).spawn(work)
        except BaseException:
            # Started now, it would run on closed connections, and others would wait for it.
            work.close()
            raise

    async def aclose(self) -> None:
        """Close the sessions of our own and cancel the spawned tasks; closing twice is harmless.

        Those of event loops in other threads are told to close theirs, without waiting for them.
        """
        self.closed = True
        running = self._of_loops.pop(asyncio.get_running_loop(), None)
        for connections in list(self._of_loops.values()):
            connections.close_from_elsewhere()
        if running is not None:
            await running.aclose()

    def _connections_of(self, loop: asyncio.AbstractEventLoop) -> "LoopConnections":
        found = self._of_loops.get(loop)
        if found is None:
            # aiohttp has no public name for it that does not warn.
            of_session = getattr(self._callers, "_loop", loop)
            if of_session is not loop:
                raise ConfigurationError(
                    "the session that was passed to the client belongs to another event loop, which is "
                    f"{'closed' if of_session.is_closed() else 'not the one that runs here'}: make session and client "
                    "in the event loop that uses them, or let the client open its own session"
                )
            for connections in pop_closed(self._of_loops):
                connections.abandon()
            found = self._of_loops[loop] = LoopConnections(
                loop, self.origin, self._callers, self._ssl, self._max_requests
            )
        self._current = found
        return found


class _Proxies(dict[str, str | None]):
    """The proxies that the environment (`HTTPS_PROXY`, `NO_PROXY`, ...) sets, read once per URL.

    aiohttp's `trust_env` is not used, because it also reads `.netrc`, in a thread and for every request, and refuses a
    signed request to a host that is listed there.
    """

    def __missing__(self, url: str) -> str | None:
        """Read the environment.

        Raises:
            ConfigurationError: the proxy is of a kind that aiohttp cannot use.
        """
        found = self[url] = proxy_for(url)
        return found


class LoopConnections:
    """The connections of one event loop, and how many requests may be in flight on them.

    The connectors of our own sessions have no limit. Requests wait for a semaphore here instead, so that this wait does
    not count as connect time.

    Args:
        loop: the event loop.
        origin: where the client was made.
        session: the caller's session; None for sessions of our own.
        ssl: the TLS context of a session of our own, or True for aiohttp's default.
        max_requests: the limit on requests in flight; None for the default.

    Attributes:
        closed: whether no further request can be sent.
        decoding: the turns in which large responses are decoded.
        exchanges: the timers of the exchanges in progress.
        bounds: the bounds on the requests in flight, in the order in which they are to be acquired.
        is_bounded_by_host: whether there is one for each host, too, to be acquired before them.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        origin: Origin,
        session: aiohttp.ClientSession | None,
        ssl: Any,
        max_requests: int | None,
    ) -> None:
        self.loop = loop
        self.origin = origin
        self._callers = session
        self._ssl = ssl
        self._max_requests = max_requests
        self.closed = False
        self._closing: asyncio.Task[None] | None = None
        self.decoding = DecodingTurns(loop)
        # The timers of waits that end when the client is closed. The exchanges do so, too, if the sessions are our own.
        self._waits: set[asyncio.Timeout] = set()
        self.exchanges: set[asyncio.Timeout] = set()
        self._reset()

    def _reset(self) -> None:
        self._reusing: aiohttp.ClientSession | None = None
        self._fresh: aiohttp.ClientSession | None = None
        self._spawned: set[asyncio.Task[Any]] = set()
        limit: asyncio.Semaphore | None = None
        if self._callers is None:
            self._semaphores = _Semaphores(asyncio.Semaphore(affordable(self._max_requests or MAX_CONNECTIONS)))
        else:
            self._semaphores = _semaphores_of(self._callers)
            if self._max_requests is not None:
                # Beside the limits of the session, which also count requests that are not ours.
                limit = asyncio.Semaphore(self._max_requests)
        self.bounds = tuple(one for one in (limit, self._semaphores.all) if one is not None)
        self.is_bounded_by_host = self._semaphores.limit_per_host > 0

    def bound_of(self, host: str) -> asyncio.Semaphore:
        """Give the bound on the requests in flight to a host, where there is one."""
        semaphores = self._semaphores
        return semaphores.hosts.setdefault(host, asyncio.Semaphore(semaphores.limit_per_host))

    def session(self, *, fresh: bool) -> aiohttp.ClientSession:
        """Give the session for a request that has its turn.

        Args:
            fresh: whether the request must go out on a new connection: a reused one may be closing, and this request
                cannot be repeated; or one has just failed. A session of the caller's is used as it is.

        Raises:
            ClientClosed: the pool was closed.
            ConfigurationError: the caller's session was closed.
        """
        if self.closed:
            raise ClientClosed(CLOSED_MEANWHILE)
        if self._callers is not None:
            self._check_callers()
            return self._callers
        if fresh:
            if self._fresh is None:
                self._fresh = self._open(force_close=True)
            return self._fresh
        if self._reusing is None:
            self._reusing = self._open(keepalive_timeout=_KEEPALIVE)
        return self._reusing

    def check_not_ended(self) -> None:
        """Raise to a call whose connection has broken if closing the client, or the caller's session, did that.

        Raises:
            ClientClosed: the client was closed. That leaves a session of the caller's open.
            ConfigurationError: the caller's session was closed.
        """
        if self._callers is not None:
            self._check_callers()
        elif self.closed:
            raise ClientClosed(CLOSED_MEANWHILE)

    def _check_callers(self) -> None:
        if self._callers is not None and self._callers.closed:
            raise ConfigurationError("session: the aiohttp session that was passed in is closed")

    async def wait(self, work: Awaitable[T], deadline: float | None) -> T:
        """Await something that is in vain when the client is closed.

        Raises:
            TimeoutError: the deadline has passed, or the client was closed.
        """
        async with asyncio.timeout_at(deadline) as timer:
            self._waits.add(timer)
            try:
                return await work
            finally:
                self._waits.discard(timer)
                # It refers to the task, which may keep the exception, whose traceback refers to this frame: a cycle.
                del timer

    def distrust(self, failed: ConnectionUse) -> None:
        """Use no connection again to the host of one that failed after it had been idle, unless it was used later.

        Whatever made that one fail, such as a firewall that forgot it, has most likely made the others fail as well.
        """
        connector = self._reusing and self._reusing.connector
        if isinstance(connector, Connector):
            times = connector.trusted_after
            times[failed.host] = max(failed.since, times.get(failed.host, failed.since))

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run a coroutine; closing the connections cancels it."""
        task = self.loop.create_task(work)
        self._spawned.add(task)
        task.add_done_callback(self._spawned.discard)
        return task

    async def aclose(self) -> None:
        """Close the sessions of our own and cancel the spawned tasks, even if this is cancelled."""
        self.closed = True
        registered.discard(self)
        for timer in self._waits | self.exchanges if self._callers is None else self._waits:
            if not timer.expired():
                timer.reschedule(self.loop.time())
        for session in (self._reusing, self._fresh):
            if session is not None and isinstance(session.connector, Connector):
                session.connector.end_exchanges()
        async with AsyncExitStack() as stack:
            for session in (self._reusing, self._fresh):
                if session is not None:
                    stack.push_async_callback(session.close)
            # One of them may be closing the client.
            tasks = self._spawned - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            if tasks:
                # With a limit: a provider of the user's may ignore its cancellation.
                await asyncio.wait(tasks, timeout=_LONGEST_END)

    def close_from_elsewhere(self) -> None:
        """Close the sessions from another event loop, which cannot wait for that."""
        self.closed = True
        if self.loop.is_closed():
            self.abandon()
        else:
            # The event loop may be closed at this moment.
            with suppress(RuntimeError):
                self.loop.call_soon_threadsafe(self._start_closing)

    def _start_closing(self) -> None:
        self._closing = self.loop.create_task(self.aclose())

    def leave(self) -> None:
        """Close the idle connections of a client that was dropped: at once, or in the thread of their event loop."""
        if self.loop.is_running() and self.loop is not asyncio._get_running_loop():  # noqa: SLF001 - documented
            with suppress(RuntimeError):
                self.loop.call_soon_threadsafe(self.abandon)
        else:
            self.abandon()

    def close_idle(self) -> None:
        """Close the connections that no request has."""
        connector = self._reusing and self._reusing.connector
        if isinstance(connector, Connector):
            connector.close_idle()

    def abandon(self, *, forked: bool = False) -> None:
        """Forget the sessions and close their sockets, without the event loop.

        Args:
            forked: whether this is the copy of a process that goes on using them.
        """
        registered.discard(self)
        for session in (self._reusing, self._fresh):
            if session is not None:
                connector = session.connector
                session.detach()
                if isinstance(connector, Connector):
                    connector.abandon(forked=forked)
        self._reset()

    def _open(self, **options: Any) -> aiohttp.ClientSession:
        connector = Connector(limit=0, ssl=self._ssl, **options)
        session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        connector.is_traced = bool(session.trace_configs)
        disable_aiohttp_retries(session)
        self.origin.opened = True
        registered.add(self)
        return session


class Turn:
    """A request's turn: entering it acquires the semaphores in front of a host, first come, first served.

    The narrowest first: a request that waits for it would otherwise hold a place in a wider one.

    Attributes:
        connections: those of the running event loop.
        host: the host that it will be sent to.
        account: the bound of its account in its region, if there is one.
        deadline: how long it may wait, by the event loop's clock; `TimeoutError` after that. None for no limit.
    """

    def __init__(
        self, connections: LoopConnections, host: str, account: asyncio.Semaphore | None, deadline: float | None
    ) -> None:
        self.connections = connections
        self.host = host
        self.account = account
        self.deadline = deadline
        self._acquired: list[asyncio.Semaphore] = []

    async def __aenter__(self) -> None:
        """Acquire all semaphores, or none."""
        connections = self.connections
        bounds = connections.bounds
        if connections.is_bounded_by_host:
            bounds = connections.bound_of(self.host), *bounds
        if self.account is not None:
            bounds = self.account, *bounds
        try:
            for semaphore in bounds:
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


class _Semaphores:
    """Bounds on the requests in flight: on all of them, and on those to each host."""

    def __init__(self, every: asyncio.Semaphore | None, limit_per_host: int = 0) -> None:
        self.all = every
        self.limit_per_host = limit_per_host
        self.hosts: dict[str, asyncio.Semaphore] = {}


# By session, because several clients may use the same one.
_session_semaphores: WeakKeyDictionary[aiohttp.ClientSession, _Semaphores] = WeakKeyDictionary()


def _semaphores_of(session: aiohttp.ClientSession) -> _Semaphores:
    """Give semaphores with the limits of a session's connector, so that requests do not wait inside of that."""
    if session not in _session_semaphores:
        connector = session.connector
        limit, per_host = (connector.limit, connector.limit_per_host) if connector is not None else (0, 0)
        _session_semaphores[session] = _Semaphores(asyncio.Semaphore(limit) if limit else None, per_host)
    return _session_semaphores[session]

"""A call through a proxy, in virtual time, and its observable results."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
from attrs import define, field
from support.certificates import Certificates
from support.operation_cases import REGION, WORLD, OperationCase
from support.proxy import Proxy

from detective_async import Clock, DetectiveClient, DetectiveError, RetryPolicy, Timeouts
from detective_async.auth import CredentialsSource
from detective_async.events import AttemptEvent, Event, RetryEvent
from detective_async.testing import DetectiveSimulator

#: No value is a sum of others or a whole number, so that each can be recognised in a duration.
TIMEOUTS = Timeouts(connect=6.2, read=7.3, attempt=13.7, total=100)
# Long enough for the other side to see that a connection was closed.
_SETTLED = 0.5


@define
class CallResult:
    """The result and the duration of a call."""

    response: Any
    error: DetectiveError | None
    seconds: float
    attempts: int


@define(eq=False)
class ProxiedClient:
    """A client, the proxy that it calls, and the service behind that."""

    operation: OperationCase
    sim: DetectiveSimulator
    proxy: Proxy
    client: DetectiveClient
    before_retry: Callable[[], None] | None = None
    events: list[Event] = field(factory=list)

    async def call(self) -> CallResult:
        """Call the operation, and check what must hold for every result."""
        self.events.clear()
        loop = asyncio.get_running_loop()
        started = loop.time()
        response: Any = None
        error: DetectiveError | None = None
        try:
            response = await self.operation.call(self.client)
        except DetectiveError as caught:
            error = caught
        seconds = loop.time() - started
        attempts = sum(isinstance(event, AttemptEvent) for event in self.events)
        await asyncio.sleep(_SETTLED)
        if response is not None:
            assert response.response_metadata.attempts == attempts
        return CallResult(response, error, seconds, attempts)

    def note(self, event: Event) -> None:
        """Record an event, and run `before_retry` before the next attempt."""
        self.events.append(event)
        if isinstance(event, RetryEvent) and self.before_retry is not None:
            self.before_retry()

    @property
    def executed(self) -> int:
        """How often the service got the operation, carried out or refused because it was carried out before."""
        return sum(one.operation == self.operation.name for one in self.sim.requests)


@asynccontextmanager
async def proxied_client(
    operation: OperationCase,
    *,
    certificates: Certificates | None = None,
    session: Callable[[], aiohttp.ClientSession] | None = None,
    credentials: CredentialsSource | None = None,
    timeouts: Timeouts = TIMEOUTS,
    max_attempts: int = 3,
    listening: bool = True,
    host: str = "127.0.0.1",
) -> AsyncIterator[ProxiedClient]:
    """Start a simulator, a proxy and a client, and check at the end that no task and no connection remains.

    Args:
        operation: the operation to call.
        certificates: those of the proxy; None for no TLS. A session that is passed in must trust them.
        session: opens a session for the client; None lets the client open its own.
        credentials: another source of the credentials of the operation's account.
        timeouts: the client's.
        max_attempts: the client's.
        listening: whether the proxy listens from the start.
        host: the host name in the client's URL.
    """
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        sim = await stack.enter_async_context(DetectiveSimulator())
        sim.load(WORLD)
        proxy = await stack.enter_async_context(Proxy(sim.url, certificates.good if certificates else None))
        callers = await stack.enter_async_context(session()) if session else None
        running: ProxiedClient
        if listening:
            proxy.listen()
        before = asyncio.all_tasks() - proxy.tasks
        client = DetectiveClient(
            region=REGION,
            credentials=credentials or sim.account(operation.account),
            endpoint_url=proxy.url.replace("127.0.0.1", host),
            session=callers,
            retry=RetryPolicy(max_attempts=max_attempts),
            timeouts=timeouts,
            hooks=[lambda event: running.note(event)],  # noqa: PLW0108 - assigned below
            # The maximum backoff, so that the duration is known; real dates, which the service accepts.
            clock=Clock(monotonic=loop.time, random=lambda: 1.0),
        )
        running = ProxiedClient(operation, sim, proxy, client)
        async with client:
            yield running
        if callers is not None:
            await callers.close()
        await asyncio.sleep(_SETTLED)
        assert proxy.open == 0
        assert asyncio.all_tasks() - proxy.tasks == before

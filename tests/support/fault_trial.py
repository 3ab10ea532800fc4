"""One call through the proxy, in virtual time, with everything that can be seen of it from outside."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
from attrs import define, field
from support.certificates import Certificates
from support.operation_kinds import REGION, WORLD, Deed
from support.proxy import Proxy

from detective_async import Clock, DetectiveClient, DetectiveError, RetryPolicy, Timeouts
from detective_async.auth import CredentialsSource
from detective_async.events import AttemptEvent, Event, RetryEvent
from detective_async.testing import DetectiveSimulator

#: None is a sum of others, nor a whole number, to which it could have been rounded.
TIMEOUTS = Timeouts(connect=6.2, read=7.3, attempt=13.7, total=100)
# Long enough for whatever was closed to be seen as closed by the other side.
_SETTLED = 0.5


@define
class Ending:
    """How a call ended, and when."""

    answer: Any
    error: DetectiveError | None
    seconds: float
    attempts: int


@define(eq=False)
class Trial:
    """A client, the proxy that it talks to, and the service behind that."""

    deed: Deed
    sim: DetectiveSimulator
    proxy: Proxy
    client: DetectiveClient
    before_retry: Callable[[], None] | None = None
    events: list[Event] = field(factory=list)

    async def call(self) -> Ending:
        """Do the deed, and check what has to hold however it ends."""
        self.events.clear()
        loop = asyncio.get_running_loop()
        started = loop.time()
        answer: Any = None
        error: DetectiveError | None = None
        try:
            answer = await self.deed.call(self.client)
        except DetectiveError as caught:
            error = caught
        seconds = loop.time() - started
        attempts = sum(isinstance(event, AttemptEvent) for event in self.events)
        await asyncio.sleep(_SETTLED)
        if answer is not None:
            assert answer.response_metadata.attempts == attempts
        return Ending(answer, error, seconds, attempts)

    def note(self, event: Event) -> None:
        """Take note of what the client tells, and do what is to be done before its next attempt."""
        self.events.append(event)
        if isinstance(event, RetryEvent) and self.before_retry is not None:
            self.before_retry()

    @property
    def executed(self) -> int:
        """How often the service has carried the deed out or refused it for having been carried out."""
        return sum(one.operation == self.deed.name for one in self.sim.requests)


@asynccontextmanager
async def trial(
    deed: Deed,
    *,
    certificates: Certificates | None = None,
    session: Callable[[], aiohttp.ClientSession] | None = None,
    credentials: CredentialsSource | None = None,
    timeouts: Timeouts = TIMEOUTS,
    max_attempts: int = 3,
    listening: bool = True,
    host: str = "127.0.0.1",
) -> AsyncIterator[Trial]:
    """Set everything up, and check at the end that nothing is left of the client: no task, no connection.

    Args:
        deed: what the client is to do.
        certificates: of the proxy; None for no TLS. A session of the client's own has to be told to trust them.
        session: opens a session for the client to use; None for one of its own.
        credentials: another source of the deed's account's credentials.
        timeouts: of the client.
        max_attempts: of the client.
        listening: whether the proxy does so from the beginning.
        host: what the client calls it.
    """
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        sim = await stack.enter_async_context(DetectiveSimulator())
        sim.load(WORLD)
        proxy = await stack.enter_async_context(Proxy(sim.url, certificates.good if certificates else None))
        callers = await stack.enter_async_context(session()) if session else None
        running: Trial
        if listening:
            proxy.listen()
        before = asyncio.all_tasks() - proxy.tasks
        client = DetectiveClient(
            region=REGION,
            credentials=credentials or sim.account(deed.account),
            endpoint_url=proxy.url.replace("127.0.0.1", host),
            session=callers,
            retry=RetryPolicy(max_attempts=max_attempts),
            timeouts=timeouts,
            hooks=[lambda event: running.note(event)],  # noqa: PLW0108 - it is not there yet
            # The most that backoff can take, so that the time is known; real dates, or the service refuses them.
            clock=Clock(monotonic=loop.time, random=lambda: 1.0),
        )
        running = Trial(deed, sim, proxy, client)
        async with client:
            yield running
        if callers is not None:
            await callers.close()
        await asyncio.sleep(_SETTLED)
        assert proxy.open == 0
        assert asyncio.all_tasks() - proxy.tasks == before

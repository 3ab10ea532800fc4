"""More concurrent calls than connections: they queue in order, and queueing is no failure."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager

import aiohttp
import pytest
from attrs import define, field
from support.interruptions import passes
from support.wire_server import LoopClock, Request, WireServer, serving, until

from detective_async import Clock, Credentials, DeadlineExceeded, DetectiveClient, DetectiveError, Timeouts
from detective_async.http.pool import MAX_CONNECTIONS

pytestmark = [pytest.mark.exhaustive, pytest.mark.slow]

CALLS = 2000
#: Much shorter than the time of the whole queue.
TIMEOUTS = Timeouts(connect=10, read=20, attempt=20, total=None)
WAVE = 15.0

#: The maximum number of connections of a pool, and its connector; None for the client's own session.
POOLS: dict[str, tuple[int, Callable[[], aiohttp.TCPConnector] | None]] = {
    "our own": (MAX_CONNECTIONS, None),
    "limit=7": (7, lambda: aiohttp.TCPConnector(limit=7)),
    "limit_per_host=5": (5, lambda: aiohttp.TCPConnector(limit_per_host=5)),
}


@define
class QueuedCalls:
    """Calls on one client, and a server that holds their requests."""

    limit: int
    server: WireServer
    client: DetectiveClient
    held: list[Request]
    session: aiohttp.ClientSession | None
    finished: list[int] = field(factory=list)

    async def call(self, number: int, client: DetectiveClient | None = None) -> None:
        response = await (client or self.client).list_graphs(next_token=str(number))
        assert response.next_token == str(number)
        self.finished.append(number)

    def start(self, numbers: range, client: DetectiveClient | None = None) -> list[asyncio.Task[None]]:
        return [asyncio.create_task(self.call(number, client)) for number in numbers]

    async def holds(self, count: int) -> list[int]:
        """Wait until the server holds exactly that many requests; return their numbers."""
        await until(lambda: len(self._waiting()) >= count, f"the server has {count} requests")
        await settled()
        assert len(self._waiting()) == count
        return sorted(number_of(request) for request in self._waiting())

    def release(self, count: int | None = None) -> None:
        """Respond to that many held requests, or to all, in random order."""
        waiting = self._waiting()
        for request in random.sample(waiting, len(waiting) if count is None else count):
            self.held.remove(request)
            request.echo()

    async def release_until_done(self, calls: list[asyncio.Task[None]]) -> None:
        def release_and_look() -> bool:
            self.release()
            return all(call.done() for call in calls)

        await until(release_and_look, "every call is done")

    async def has_every_turn(self) -> bool:
        """Return whether all connections can be used concurrently."""
        calls = self.start(range(self.limit))
        all_are_held = await self.holds(self.limit) == list(range(self.limit))
        await self.release_until_done(calls)
        return all_are_held

    def _waiting(self) -> list[Request]:
        return [request for request in self.held if request.connection.transport is not None]


def number_of(request: Request) -> int:
    return int(request.token)


def settled() -> Coroutine[None, None, None]:
    """Let everything happen that can happen now."""
    return passes(50)


def client_of(server: WireServer, session: aiohttp.ClientSession | None, clock: Clock = Clock()) -> DetectiveClient:
    return DetectiveClient(
        region="eu-west-1",
        credentials=Credentials("a", "b"),
        endpoint_url=server.url,
        session=session,
        timeouts=TIMEOUTS,
        clock=clock,
    )


@asynccontextmanager
async def queued_calls(
    pool: str, clock: Clock = Clock(), fail: Callable[[Request], bool] = lambda _: False
) -> AsyncIterator[QueuedCalls]:
    limit, connector = POOLS[pool]
    held: list[Request] = []

    def react(request: Request) -> None:
        if fail(request):
            request.answer(b"{}", "500 Oops")
        else:
            held.append(request)

    before = asyncio.all_tasks()
    async with serving(react) as server:
        session = None if connector is None else aiohttp.ClientSession(connector=connector())
        async with client_of(server, session, clock) as client:
            yield QueuedCalls(limit, server, client, held, session)
        if session is not None:
            await session.close()
        await server.emptied()
        assert server.most_connections <= limit
    assert asyncio.all_tasks() <= before


@pytest.fixture(params=POOLS)
def pool(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def clock(monkeypatch: pytest.MonkeyPatch) -> LoopClock:
    return LoopClock(monkeypatch)


async def test_thousands_of_calls_are_sent_in_order(pool: str, clock: LoopClock) -> None:
    """All succeed in the order of their start; queueing counts neither as connecting nor as an attempt."""
    # Debug mode would keep a stack for every step of every call.
    asyncio.get_running_loop().set_debug(enabled=False)
    async with queued_calls(pool) as crowd:
        calls = crowd.start(range(CALLS))
        for begun in range(0, CALLS, crowd.limit):
            await crowd.holds(min(crowd.limit, CALLS - begun))
            clock.pass_time(WAVE)
            await settled()
            crowd.release()
        await asyncio.gather(*calls)
        # Requests that the server holds at the same time end in any order; other calls do not overtake.
        assert max(abs(place - number) for place, number in enumerate(crowd.finished)) < crowd.limit
        assert sorted(crowd.finished) == list(range(CALLS))
        assert crowd.server.most_connections == crowd.limit


async def test_a_retry_queues_up_again(pool: str) -> None:
    """A call in a delay holds no connection, and queues behind the calls that waited before."""
    backoff = asyncio.Event()

    async def sleep(_: float) -> None:
        await backoff.wait()

    # Few, for retries have a quota.
    failing = range(5)
    async with queued_calls(
        pool, Clock(sleep=sleep), lambda request: number_of(request) in failing and request.attempt == 1
    ) as crowd:
        first, second = (range(5 + n * crowd.limit, 5 + (n + 1) * crowd.limit) for n in range(2))
        calls = crowd.start(range(second.stop))
        assert await crowd.holds(crowd.limit) == list(first)
        backoff.set()
        await settled()
        for wave in (second, failing):
            crowd.release()
            assert await crowd.holds(len(wave)) == list(wave)
        crowd.release()
        await asyncio.gather(*calls)


async def test_calls_of_several_clients_queue_together(pool: str, clock: LoopClock) -> None:
    """Other regions, accounts, and clients of the same session share the connections, and the order."""
    async with queued_calls(pool) as crowd:
        clients = [
            crowd.client,
            crowd.client.with_options(region="us-east-1"),
            crowd.client.with_options(credentials=Credentials("c", "d")),
        ]
        if crowd.session is not None:
            clients.append(client_of(crowd.server, crowd.session))
        waves = [range(wave * crowd.limit, (wave + 1) * crowd.limit) for wave in range(6)]
        calls = [
            task for n in range(waves[-1].stop) for task in crowd.start(range(n, n + 1), clients[n % len(clients)])
        ]
        for wave in waves:
            assert await crowd.holds(crowd.limit) == list(wave)
            clock.pass_time(WAVE)
            await settled()
            crowd.release()
        await asyncio.gather(*calls)
        await clients[-1].aclose()


async def test_cancelled_calls_leave_the_queue(pool: str) -> None:
    """Every second call, running or queued, is cancelled: the others succeed, and no connection is lost."""
    async with queued_calls(pool) as crowd:
        count = 8 * crowd.limit
        calls = crowd.start(range(count))
        await crowd.holds(crowd.limit)
        for call in calls[::2]:
            call.cancel()
        await crowd.release_until_done(calls)
        assert all(call.cancelled() for call in calls[::2])
        await asyncio.gather(*calls[1::2])
        assert sorted(crowd.finished) == list(range(1, count, 2))
        # What was cancelled in the queue was never sent.
        sent = {number_of(request) for request in crowd.server.requests}
        assert sent == set(range(crowd.limit)) | set(range(1, count, 2))
        assert await crowd.has_every_turn()


async def test_a_call_that_is_cancelled_when_it_gets_its_connection(pool: str) -> None:
    """The next call gets the connection."""
    async with queued_calls(pool) as crowd:
        calls = crowd.start(range(crowd.limit + 50))
        await crowd.holds(crowd.limit)
        for steps in range(20):
            sent = {number_of(request) for request in crowd.server.requests}
            next_one = next(number for number, call in enumerate(calls) if number not in sent and not call.done())
            crowd.release(1)
            for _ in range(steps):
                await asyncio.sleep(0)
            calls[next_one].cancel()
            await crowd.holds(crowd.limit)
        await crowd.release_until_done(calls)
        assert [call.exception() for call in calls if not call.cancelled()].count(None) == len(crowd.finished)
        assert await crowd.has_every_turn()


async def test_a_deadline_in_the_queue(pool: str, clock: LoopClock) -> None:
    """The error says that nothing was sent, and the call leaves the queue."""
    async with queued_calls(pool) as crowd:
        patient = crowd.client.with_options(timeouts=Timeouts(connect=10, read=None, attempt=None, total=None))
        short_timeout = crowd.client.with_options(timeouts=Timeouts(total=50))
        calls = crowd.start(range(crowd.limit), patient)
        await crowd.holds(crowd.limit)
        late = crowd.start(range(crowd.limit, 3 * crowd.limit), short_timeout)
        await settled()
        clock.pass_time(60)
        await until(lambda: all(call.done() for call in late), "the late calls have ended")
        for error in await asyncio.gather(*late, return_exceptions=True):
            assert isinstance(error, DeadlineExceeded)
            assert (error.attempts, error.outcome_unknown) == (0, False)
        crowd.release()
        await asyncio.gather(*calls)
        assert len(crowd.server.requests) == crowd.limit
        assert await crowd.has_every_turn()


async def test_closing_ends_the_queue(pool: str) -> None:
    """Queued calls end at once with an error when the client is closed."""
    async with queued_calls(pool) as crowd:
        calls = crowd.start(range(3 * crowd.limit))
        await crowd.holds(crowd.limit)
        await crowd.client.aclose()
        # Those that are under way on a session of the caller's own may finish: it is still open.
        await crowd.release_until_done(calls)
        errors = await asyncio.gather(*calls, return_exceptions=True)
        assert all(error is None or isinstance(error, DetectiveError | RuntimeError) for error in errors)
        for error in errors[crowd.limit :]:
            assert str(error) == "the client was closed during the call"
        assert len(crowd.server.requests) == crowd.limit

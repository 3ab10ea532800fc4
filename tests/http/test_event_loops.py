"""One client in several event loops: one after the other, and in several threads at the same time."""

import asyncio
import gc
import threading
import warnings
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from typing import Any

import aiohttp
import pytest
from support.certificates import Certificates
from support.server_thread import server_thread
from support.wire_server import WireServer, until

from detective_async import (
    ClientClosed,
    ConfigurationError,
    Credentials,
    DetectiveClient,
    DetectiveFleet,
    RetryPolicy,
    Target,
)

KEYS = Credentials("a", "b")
Run = Callable[[Coroutine[Any, Any, object]], object]
either = pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])


def make(server: WireServer, **options: Any) -> DetectiveClient:
    return DetectiveClient(region="eu-west-1", credentials=KEYS, endpoint_url=server.url, **options)


@pytest.fixture
def server() -> Iterator[WireServer]:
    with server_thread() as running:
        yield running


def without_shutdown(work: Coroutine[Any, Any, object]) -> None:
    """Run and close an event loop, without the rest of what `asyncio.run` does."""
    loop = asyncio.new_event_loop()
    loop.run_until_complete(work)
    loop.close()


def interrupted(work: Coroutine[Any, Any, object]) -> None:
    """End an event loop in the middle of the work."""

    async def start() -> None:
        task = asyncio.create_task(work)
        while not task.done():
            await asyncio.sleep(0.001)
            task.cancel()

    with suppress(asyncio.CancelledError):
        asyncio.run(start())


ENDS: dict[str, Run] = {
    "asyncio.run": asyncio.run,
    "run_until_complete and close": without_shutdown,
    "cancelled": interrupted,
}


@either
@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_one_event_loop_after_another(end: Run, tls: bool, certificates: Certificates) -> None:
    """More calls than connections work in each of them, without a warning, and no socket is left."""
    with server_thread(tls=certificates.good if tls else None) as server:
        client = make(server, retry=RetryPolicy(mode="adaptive"))
        client._transport.pool._max_requests = 2

        async def many() -> None:
            await asyncio.gather(*(client.list_graphs() for _ in range(7)))

        end(many())
        asyncio.run(many())
        asyncio.run(many())
        assert len(client._transport.pool._of_loops) == 1
        assert server.open_in_clients() == 2
        asyncio.run(client.aclose())
        assert server.open_in_clients() == 0
    with pytest.raises(ClientClosed, match="the client is closed"):
        asyncio.run(client.list_graphs())


def test_a_hundred_event_loops(server: WireServer) -> None:
    """Only the last one's connection is open."""
    client = make(server)
    for _ in range(100):
        without_shutdown(client.list_graphs())
        assert server.open_in_clients() == 1
    asyncio.run(client.aclose())
    assert server.open_in_clients() == 0


def test_an_idle_event_loop_keeps_its_connections(server: WireServer) -> None:
    """One that was not closed uses them again after calls in another one."""
    client = make(server)
    with asyncio.Runner() as runner:
        runner.run(client.list_graphs())
        asyncio.run(client.list_graphs())
        runner.run(client.list_graphs())
        first, second, third = (request.connection for request in server.requests)
        assert first is third is not second
        runner.run(client.aclose())


def test_event_loops_in_two_threads(server: WireServer) -> None:
    """Both make calls at the same time, on their own connections, and one of them closes the client for both."""
    client = make(server, retry=RetryPolicy(mode="adaptive"))
    meeting = threading.Barrier(2)
    closed = threading.Event()

    async def work() -> None:
        for _ in range(5):
            await asyncio.gather(*(client.list_graphs() for _ in range(30)))
            await asyncio.to_thread(meeting.wait)

    async def work_and_wait() -> None:
        await work()
        await asyncio.to_thread(closed.wait)
        # What was told from the other thread is done in the next round.
        await asyncio.sleep(0)
        connections = client._transport.pool._of_loops[asyncio.get_running_loop()]
        assert connections._closing is not None
        await connections._closing
        with pytest.raises(ClientClosed):
            await client.list_graphs()

    async def work_and_close() -> None:
        await work()
        await client.aclose()
        closed.set()

    failures: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(work_and_wait())
        except BaseException as error:  # noqa: BLE001 - raised below
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        asyncio.run(work_and_close())
    finally:
        closed.set()
        thread.join()
    assert failures == []
    assert len(server.requests) == 300


@pytest.mark.parametrize("state", ["closed", "not the one that runs here"])
def test_a_session_of_another_event_loop(server: WireServer, state: str) -> None:
    """It is refused before anything is sent, also for a fleet's targets."""
    loop = asyncio.new_event_loop()

    async def open_session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    session = loop.run_until_complete(open_session())
    client = make(server, session=session)
    loop.run_until_complete(client.list_graphs())
    if state == "closed":
        loop.run_until_complete(session.close())
        loop.close()
    sent = len(server.requests)
    with pytest.raises(ConfigurationError, match=f"belongs to another event loop, which is {state}"):
        asyncio.run(client.list_graphs())

    async def spawn() -> None:
        with pytest.raises(ConfigurationError):
            client._transport.spawn(KEYS_LATER())

    asyncio.run(spawn())
    assert len(server.requests) == sent
    if state != "closed":
        loop.run_until_complete(client.list_graphs())
        loop.run_until_complete(session.close())
        loop.close()


async def KEYS_LATER() -> Credentials:  # noqa: N802
    return KEYS


def test_a_fleet_in_several_event_loops(server: WireServer) -> None:
    """It runs in each, also after one that ended in the middle of a run."""
    targets = [Target(f"{number:012}", "eu-west-1") for number in range(20)]
    fleet = DetectiveFleet(
        targets, concurrency=5, concurrency_per_target=1, endpoint_url=server.url, credentials=KEYS, region="eu-west-1"
    )

    async def work(count: int) -> int:
        done = 0
        async for outcome in fleet.run(lambda client, _: asyncio.gather(*(client.list_graphs() for _ in range(3)))):
            outcome.result()
            done += 1
            if done == count:
                break
        return done

    for count in (20, 3, 20):
        assert asyncio.run(work(count)) == count
    asyncio.run(fleet.aclose())
    with pytest.raises(ClientClosed):
        asyncio.run(work(1))


def test_a_fleet_whose_run_was_left_in_another_event_loop(server: WireServer) -> None:
    """Closing it does not wait for that run, which ends when its event loop goes on."""
    targets = [Target(f"{number:012}", "eu-west-1") for number in range(20)]
    fleet = DetectiveFleet(targets, concurrency=2, endpoint_url=server.url, credentials=KEYS, region="eu-west-1")
    run = fleet.run(lambda client, _: client.list_graphs())

    async def consume() -> int:
        return len([outcome async for outcome in run])

    with asyncio.Runner() as runner:
        runner.get_loop().run_until_complete(anext(run))
        asyncio.run(fleet.aclose())
        with pytest.raises(ClientClosed):
            runner.run(consume())


async def test_entering_what_was_closed(server: WireServer) -> None:
    """A client, one that was derived from it, and a fleet are refused."""
    client = make(server)
    derived = client.with_options()
    fleet = DetectiveFleet([Target("111122223333", "eu-west-1")], endpoint_url=server.url, credentials=KEYS)
    await client.aclose()
    await fleet.aclose()
    for closed in (client, derived, fleet):
        with pytest.raises(ClientClosed, match="the client is closed"):
            async with closed:
                raise AssertionError
    assert issubclass(ClientClosed, RuntimeError)


@either
@pytest.mark.parametrize("moment", [0, 1, 2])
async def test_aclose_that_is_cancelled(moment: int, tls: bool, certificates: Certificates) -> None:
    """The sessions are closed and spawned tasks are cancelled, in whichever round that happens."""
    with server_thread(tls=certificates.good if tls else None) as server:
        client = make(server)
        await client.list_graphs()
        connections = client._transport.pool.connections(asyncio.get_running_loop())
        sessions = [connections.session(fresh=fresh) for fresh in (False, True)]

        async def slow_to_end() -> Credentials:
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
            return KEYS

        task = client._transport.spawn(slow_to_end())
        await asyncio.sleep(0)
        closing = asyncio.create_task(client.aclose())
        for _ in range(moment):
            await asyncio.sleep(0)
        closing.cancel()
        with suppress(asyncio.CancelledError):
            await closing
        if moment:
            assert all(session.closed for session in sessions)
            with suppress(asyncio.CancelledError):
                await task
        await asyncio.gather(*(client.aclose() for _ in range(3)))
        task.cancel()
        for session in sessions:
            await session.close()


async def test_a_fleet_whose_aclose_is_cancelled(server: WireServer) -> None:
    """Its client is closed anyway."""
    fleet = DetectiveFleet([Target("111122223333", "eu-west-1")], endpoint_url=server.url, credentials=KEYS)

    async def work(client: DetectiveClient, _: Target) -> None:
        await client.list_graphs()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)

    waiting = asyncio.ensure_future(anext(fleet.run(work)))
    await until(lambda: server.requests, "the work has begun")
    closing = asyncio.create_task(fleet.aclose())
    await asyncio.sleep(0)
    closing.cancel()
    with suppress(asyncio.CancelledError):
        await closing
    assert fleet.client._transport.pool.closed
    await asyncio.gather(waiting, return_exceptions=True)


def dropped_in_its_loop(client: list[DetectiveClient]) -> None:
    async def drop() -> None:
        await client[0].list_graphs()
        client.clear()

    asyncio.run(drop())


def dropped_after_its_loop(client: list[DetectiveClient]) -> None:
    without_shutdown(client[0].list_graphs())
    client.clear()


def dropped_while_its_loop_is_idle(client: list[DetectiveClient]) -> None:
    with asyncio.Runner() as runner:
        runner.run(client[0].list_graphs())
        client.clear()


def dropped_from_another_thread(client: list[DetectiveClient]) -> None:
    async def drop() -> None:
        await client[0].list_graphs()
        await asyncio.to_thread(client.clear)
        # The sockets are closed in this thread.
        await asyncio.sleep(0)

    asyncio.run(drop())


def dropped_in_a_cycle(client: list[DetectiveClient]) -> None:
    async def drop() -> None:
        await client[0].list_graphs()
        vars(client[0])["itself"] = client[0]
        client.clear()
        gc.collect()

    asyncio.run(drop())


@either
@pytest.mark.parametrize(
    "drop",
    [
        dropped_in_its_loop,
        dropped_after_its_loop,
        dropped_while_its_loop_is_idle,
        dropped_from_another_thread,
        dropped_in_a_cycle,
    ],
)
def test_a_client_that_was_not_closed(
    drop: Callable[[list[DetectiveClient]], None], tls: bool, certificates: Certificates
) -> None:
    """One warning names it and the line that made it; no other warning, and no socket, is left."""
    with server_thread(tls=certificates.good if tls else None) as server:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            clients = [make(server)]
            drop(clients)
            gc.collect()
        assert server.open_in_clients() == 0
    assert len(caught) == 1
    assert caught[0].category is ResourceWarning
    line = make.__code__.co_firstlineno + 1
    assert str(caught[0].message) == (
        f"unclosed DetectiveClient, made at {__file__}:{line}: use `async with`, or await its aclose()"
    )
    assert (caught[0].filename, caught[0].lineno) == (__file__, line)


@either
async def test_one_that_was_not_closed_harms_no_other(tls: bool, certificates: Certificates) -> None:
    """Its sockets are closed while the event loop runs, and other clients get sockets with the same numbers."""
    with server_thread(tls=certificates.good if tls else None) as server:
        async with make(server) as other:
            for _ in range(3):
                clients = [make(server)]
                await clients[0].list_graphs()
                with pytest.warns(ResourceWarning, match="unclosed DetectiveClient"):
                    clients.clear()
                await asyncio.gather(*(other.list_graphs() for _ in range(3)))


def test_what_needs_no_closing(server: WireServer) -> None:
    """A client without connections, derived clients, and one with the caller's session cause no warning."""

    async def work() -> None:
        make(server)
        async with aiohttp.ClientSession() as session:
            await make(server, session=session).list_graphs()
        async with make(server) as client:
            for _ in range(3):
                await client.with_options(region="us-east-1").list_graphs()

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        asyncio.run(work())
        gc.collect()
    assert caught == []


def test_a_fleet_that_was_not_closed(server: WireServer) -> None:
    """The warning names the fleet."""

    async def work() -> None:
        fleet = DetectiveFleet([Target("111122223333", "eu-west-1")], endpoint_url=server.url, credentials=KEYS)
        await fleet.client.list_graphs()

    with pytest.warns(ResourceWarning, match="unclosed DetectiveFleet, made at .*test_event_loops"):
        asyncio.run(work())


def test_a_derived_client_outlives_the_first(server: WireServer) -> None:
    """The connections are closed when the last one is gone."""

    async def work() -> None:
        derived = make(server).with_options(region="us-east-1")
        gc.collect()
        await derived.list_graphs()
        await derived.with_options(credentials=Credentials("c", "d")).list_graphs()
        assert len({request.connection for request in server.requests}) == 1

    with pytest.warns(ResourceWarning, match="unclosed DetectiveClient"):
        asyncio.run(work())

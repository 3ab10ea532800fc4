"""One cache of credentials in several event loops that run at the same time."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.loop_threads import run_in_loops, wait_until

from detective_async import AssumeRole, Credentials, CredentialsError, DetectiveClient
from detective_async.auth import ManagedProvider, RefreshingCache
from detective_async.auth.cache import CachedProvider
from detective_async.testing import SimulatorThread

HUB, SPOKE = "111122223333", "444455556666"
PHONE = "arn:aws:iam::111122223333:mfa/phone"
#: Calls in each event loop.
CALLS = 10


def cache_of(provider: Any) -> RefreshingCache:
    assert isinstance(provider, CachedProvider | AssumeRole)
    return provider._cache


class Meeting:
    """A number of calls, in several event loops, that wait for a cache at the same time.

    Each event loop has also decided whether it fetches itself: one that is late would find that the others are through.
    """

    def __init__(self, loops: int, calls: int) -> None:
        self.loops = loops
        self.calls = calls
        self._cache: RefreshingCache | None = None
        self._decided: set[asyncio.AbstractEventLoop] = set()
        self._met = False

    def watch(self, cache: RefreshingCache) -> None:
        """Say which cache they wait for."""
        self._cache = cache
        take_place = cache._take_place

        def noted(started: Any) -> Any:
            others = take_place(started)
            self._decided.add(asyncio.get_running_loop())
            return others

        setattr(cache, "_take_place", noted)  # noqa: B010 - a method, for type checkers

    def wait(self) -> None:
        """Block until they all wait."""
        wait_until(self._have_met)

    def _have_met(self) -> bool:
        assert self._cache is not None
        # Of two fetches that wait for it, the first that ends ends its round.
        if not self._met and len(self._decided) >= self.loops:
            self._met = sum(current.waiting for current in self._cache._rounds.copy().values()) >= self.calls
        return self._met


def keys(number: int = 1, lifetime: float | None = 3600) -> Credentials:
    expires_at = None if lifetime is None else datetime.now(UTC) + timedelta(seconds=lifetime)
    return Credentials(f"key-{number}", "secret", expires_at=expires_at)


class Source(CachedProvider):
    """A source that gives keys when a number of calls wait for them, and then does what it is told."""

    def __init__(self, loops: int, calls: int, *, lifetime: float | None = 3600, **options: Any) -> None:
        super().__init__(RefreshingCache("the source", **options))
        self.meeting = Meeting(loops, calls)
        self.meeting.watch(self._cache)
        self.lifetime = lifetime
        self.error: Exception | None = None
        self.fetches = 0

    async def _fetch_from_source(self) -> Credentials:
        self.fetches += 1
        number = self.fetches
        await asyncio.to_thread(self.meeting.wait)
        if self.error is not None:
            raise self.error
        return keys(number, self.lifetime)


async def many(provider: ManagedProvider) -> list[str]:
    given = await asyncio.gather(*(provider.get_credentials() for _ in range(CALLS)))
    return [one.access_key_id for one in given]


@pytest.mark.parametrize(("loops", "fetches"), [(2, 2), (5, 3)])
@pytest.mark.parametrize("lifetime", [3600, None], ids=["cached", "not cached"])
def test_calls_share_a_fetch_in_each_event_loop(loops: int, fetches: int, lifetime: float | None) -> None:
    """No more than three fetches run in all of them: the other event loops get the result of one of these."""
    source = Source(loops, loops * CALLS, lifetime=lifetime, cache_permanent=False)
    given = run_in_loops(loops, lambda _: many(source))
    assert source.fetches == fetches
    assert [len(one) for one in given] == [CALLS] * loops
    assert not source._cache._rounds
    assert not source._cache._fetching


def test_a_coroutine_function_is_shared() -> None:
    """It is called once in each of two event loops, however many calls of a client wait for it."""
    called = 0

    async def vault() -> Credentials:
        nonlocal called
        called += 1
        await asyncio.to_thread(meeting.wait)
        return keys()

    meeting = Meeting(2, 2 * CALLS)
    with SimulatorThread() as sim:
        client = DetectiveClient(region="eu-west-1", endpoint_url=sim.url, credentials=vault)
        meeting.watch(cache_of(client._transport.credentials))

        async def work(_: int) -> None:
            await asyncio.gather(*(client.list_graphs() for _ in range(CALLS)), return_exceptions=True)

        run_in_loops(2, work)
        asyncio.run(client.aclose())
    assert called == 2


@pytest.mark.parametrize("interactive", [False, True], ids=["role", "role with an MFA code"])
def test_a_role_is_shared(interactive: bool) -> None:
    """It is assumed once in each of two event loops; and once in both, with one code, if a person is asked."""
    asked: list[threading.Thread] = []
    meeting = Meeting(2, 2 * CALLS)

    def ask() -> str:
        asked.append(threading.current_thread())
        meeting.wait()
        return "123456"

    async def source() -> Credentials:
        await asyncio.to_thread(meeting.wait)
        return sim.account(HUB)

    with SimulatorThread() as sim:
        options: dict[str, Any] = {"mfa_serial": PHONE, "mfa_code": ask} if interactive else {}
        role = AssumeRole(sim.role(SPOKE, "Audit", trusted=[HUB]), source=source, **options)
        meeting.watch(role._cache)
        client = DetectiveClient(region="eu-west-1", endpoint_url=sim.url, credentials=role)

        async def work(_: int) -> None:
            await asyncio.gather(*(client.list_graphs() for _ in range(CALLS)))

        run_in_loops(2, work)
        asyncio.run(client.aclose())
        operations = [request.operation for request in sim.requests]
    assert operations.count("ListGraphs") == 2 * CALLS
    assert operations.count("AssumeRole") == (1 if interactive else 2)
    assert len(asked) == interactive


def test_an_error_of_a_prompt_is_raised_in_all_event_loops() -> None:
    """A wrong code does not make the next event loop ask: each call raises a copy of the error."""
    source = Source(2, 2 * CALLS, interactive=True)
    source.error = CredentialsError("wrong code")

    async def errors(_: int) -> list[Any]:
        return await asyncio.gather(*(source.get_credentials() for _ in range(CALLS)), return_exceptions=True)

    first, second = run_in_loops(2, errors)
    assert {str(error) for error in first + second} == {"wrong code"}
    assert len({id(error) for error in first + second}) == 2 * CALLS
    assert source.fetches == 1


class Context:
    """A client whose fetches a test can see."""

    fetch_timeout = None

    def __init__(self) -> None:
        self.spawned: list[asyncio.Task[Credentials]] = []

    def now(self) -> float:
        return time.time()

    earliest_now = now

    def spawn(self, work: Coroutine[Any, Any, Credentials]) -> asyncio.Task[Credentials]:
        self.spawned.append(asyncio.create_task(work))
        return self.spawned[-1]


def stop(context: Context) -> None:
    context.spawned[0].get_loop().stop()


def cancel(context: Context) -> None:
    context.spawned[0].cancel()


def fail(_: Context) -> None:
    raise RuntimeError("no terminal")


@pytest.fixture
def old_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop that may be stopped at any time."""
    loop = asyncio.new_event_loop()
    yield loop
    for task in asyncio.all_tasks(loop):
        task.cancel()
    for _ in range(5):
        # A stop that comes late ends the next run.
        with contextlib.suppress(RuntimeError):
            loop.run_until_complete(asyncio.gather(*asyncio.all_tasks(loop), return_exceptions=True))
            loop.run_until_complete(loop.shutdown_default_executor())
            break
    loop.close()


@pytest.mark.parametrize("end", [stop, cancel, fail])
def test_a_fetch_that_ends_without_credentials(end: Callable[[Context], None], old_loop: Any) -> None:
    """If it was cancelled, or its event loop stopped, a waiting one fetches itself; errors are passed on."""
    source, context, started = Source(2, 2, interactive=True), Context(), threading.Event()

    async def fetch() -> Credentials:
        started.set()
        await asyncio.to_thread(source.meeting.wait)
        end(context)
        await asyncio.sleep(3600)
        raise AssertionError

    async def call_until_the_fetch_ends() -> None:
        caller = asyncio.create_task(source._cache.get(fetch, context))
        await asyncio.sleep(0)
        await asyncio.wait(context.spawned)
        caller.cancel()
        await asyncio.wait((caller,))

    def run() -> None:
        # As the loop was stopped.
        with contextlib.suppress(RuntimeError):
            old_loop.run_until_complete(call_until_the_fetch_ends())

    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(30)
    try:
        outcome = asyncio.run(source.get_credentials()).access_key_id
    except RuntimeError as error:
        outcome = str(error)
    thread.join()
    assert (outcome, source.fetches) == (("no terminal", 0) if end is fail else ("key-1", 1))


def test_an_early_refresh_runs_in_one_event_loop() -> None:
    """The others go on with the old keys meanwhile, and use the new ones then."""
    source = Source(0, 0)
    first = asyncio.run(source.get_credentials())
    source._cache._refresh_from = 0.0
    over = threading.Event()

    async def fetch() -> Credentials:
        source.fetches += 1
        await asyncio.to_thread(over.wait, 30)
        return keys(source.fetches)

    async def work(index: int) -> str:
        if index:
            await asyncio.to_thread(wait_until, lambda: source.fetches == 2)
        old = (await source._cache.get(fetch)).access_key_id
        if index:
            over.set()
        await asyncio.to_thread(wait_until, lambda: source._cache._cached != first)
        return f"{old}, {(await source._cache.get(fetch)).access_key_id}"

    assert run_in_loops(2, work) == ["key-1, key-2"] * 2
    assert source.fetches == 2


async def test_keys_that_another_thread_stored_meanwhile() -> None:
    """A fetch that was decided before is not carried out."""
    source, stored = Source(0, 0), keys(7)

    class Late(Context):
        def spawn(self, work: Coroutine[Any, Any, Credentials]) -> asyncio.Task[Credentials]:
            source._cache._cached = stored
            return super().spawn(work)

    assert await source._cache.get(source._fetch_from_source, Late()) == stored
    assert source.fetches == 0


def test_event_loops_that_are_closed_are_forgotten() -> None:
    """Also if a fetch was under way when they ended."""
    source = Source(0, 0)

    hanging: list[asyncio.AbstractEventLoop] = []

    async def hang() -> Credentials:
        hanging.append(asyncio.get_running_loop())
        await asyncio.sleep(3600)
        raise AssertionError

    async def leave() -> None:
        kept.append(asyncio.create_task(source._cache.get(hang)))
        before = len(hanging)
        while len(hanging) == before:  # noqa: ASYNC110 - the fetch has no event
            await asyncio.sleep(0)
        for task in asyncio.all_tasks():
            # Asyncio would say that they never ended, which is the point.
            setattr(task, "_log_destroy_pending", False)  # noqa: B010 - not known to type checkers

    kept: list[asyncio.Task[Credentials]] = []
    for _ in range(3):
        loop = asyncio.new_event_loop()
        loop.run_until_complete(leave())
        loop.close()
    assert len(source._cache._rounds) == len(source._cache._fetching) == 1
    asyncio.run(source.get_credentials())
    assert (source._cache._rounds, source._cache._fetching) == ({}, {})


def test_a_forked_process_asks_itself() -> None:
    """The parent's event loop, which seems to run there, too, is not waited for."""
    source = Source(2, 2, interactive=True)

    async def work(index: int) -> str:
        if index:
            await asyncio.to_thread(wait_until, lambda: source.fetches)
            for current in source._cache._rounds.copy().values():
                current.process = -1
        return (await source.get_credentials()).access_key_id

    assert sorted(run_in_loops(2, work)) == ["key-1", "key-2"]

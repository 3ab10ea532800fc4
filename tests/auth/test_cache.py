"""The cache for credentials that expire, with a fake clock."""

import asyncio
import logging
import pickle
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import pytest

from detective_async import Credentials, CredentialsError
from detective_async.auth import RefreshingCache

MINUTE = 60.0
Step = float | Exception


class FakeSource:
    """Returns numbered credentials with the given lifetimes in seconds, or raises the given exceptions."""

    def __init__(self, *steps: Step) -> None:
        self.steps = list(steps)
        self.now = 1_800_000_000.0
        self.fetches = 0
        self.blocked: asyncio.Event | None = None

    async def fetch(self) -> Credentials:
        self.fetches += 1
        number = self.fetches
        step = self.steps.pop(0)
        if self.blocked is not None:
            await self.blocked.wait()
        if isinstance(step, Exception):
            raise step
        expires_at = None if step == float("inf") else datetime.fromtimestamp(self.now + step, UTC)
        return Credentials(f"key-{number}", "secret", expires_at=expires_at)


class CachedSource:
    """A cache in front of a fake source."""

    def __init__(self, *steps: Step, cache_permanent: bool = True) -> None:
        self.source = FakeSource(*steps)
        self.cache = RefreshingCache("the source", cache_permanent=cache_permanent)
        self.spawned: list[asyncio.Task[Credentials]] = []

    def spawn(self, work: Coroutine[Any, Any, Credentials]) -> asyncio.Task[Credentials]:
        self.spawned.append(asyncio.create_task(work))
        return self.spawned[-1]

    async def key(self) -> str:
        given = await self.cache.get(self.source.fetch, now=lambda: self.source.now, spawn=self.spawn)
        return given.access_key_id

    async def after(self, seconds: float) -> str:
        """Get the key some seconds later, and wait for a refresh that this starts."""
        self.source.now += seconds
        key = await self.key()
        await self.settle()
        return key

    async def settle(self) -> None:
        await asyncio.gather(*self.spawned, return_exceptions=True)
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("lifetime", "window"),
    [
        (20 * MINUTE, 5 * MINUTE),
        (30 * MINUTE, 15 * MINUTE),
        (60 * MINUTE, 15 * MINUTE),
        (90 * MINUTE - 1, 15 * MINUTE),
        (120 * MINUTE, 60 * MINUTE),
        (12 * 60 * MINUTE, 60 * MINUTE),
        # Not before half of the lifetime, or short-lived credentials would be fetched all the time.
        (6 * MINUTE, 3 * MINUTE),
        (22 * MINUTE, 11 * MINUTE),
        (90 * MINUTE, 45 * MINUTE),
    ],
)
async def test_a_refresh_starts_in_the_background_before_the_expiry(lifetime: float, window: float) -> None:
    """In the window, which depends on the lifetime, the old credentials are returned while new ones are fetched."""
    cached = CachedSource(lifetime, lifetime)
    assert await cached.key() == "key-1"
    assert await cached.after(lifetime - window - 1) == "key-1"
    assert cached.source.fetches == 1
    assert await cached.after(2) == "key-1"
    assert cached.source.fetches == 2
    assert await cached.key() == "key-2"
    assert cached.source.fetches == 2


async def test_credentials_in_their_last_minute_are_not_returned() -> None:
    """A caller waits for new ones instead."""
    cached = CachedSource(3600, 3600)
    assert await cached.key() == "key-1"
    cached.source.now += 3600 - 60
    assert await cached.key() == "key-2"


async def test_concurrent_callers_share_one_fetch() -> None:
    """Ten thousand tasks cause one fetch at the start, and one when the credentials have expired."""
    # Debug mode stores a traceback for each task, which takes ten seconds.
    asyncio.get_running_loop().set_debug(False)
    cached = CachedSource(3600, 3600)
    cached.source.blocked = asyncio.Event()
    for number in (1, 2):
        tasks = [asyncio.create_task(cached.key()) for _ in range(10_000)]
        await asyncio.sleep(0)
        cached.source.blocked.set()
        assert set(await asyncio.gather(*tasks)) == {f"key-{number}"}
        cached.source.blocked.clear()
        cached.source.now += 3600
    assert cached.source.fetches == 2


async def test_a_failed_early_refresh_is_logged_and_repeated_later(caplog: pytest.LogCaptureFixture) -> None:
    """The old credentials stay in use, and the pauses between refreshes grow up to five minutes."""
    down = CredentialsError("the vault is sealed")
    cached = CachedSource(12 * 3600, *[down] * 8, 12 * 3600)
    await cached.key()
    cached.source.now += 11 * 3600
    for pause in (15, 30, 60, 120, 240, 300, 300, 300):
        fetches = cached.source.fetches
        with caplog.at_level(logging.WARNING, "detective_async.credentials"):
            assert await cached.after(0) == "key-1"
        assert cached.source.fetches == fetches + 1
        assert await cached.after(pause - 1) == "key-1"
        assert cached.source.fetches == fetches + 1
        cached.source.now += 1
    assert "the source failed; the old credentials are used until" in caplog.messages[0]
    assert caplog.messages[0].endswith("the vault is sealed")
    assert len(caplog.messages) == 8
    await cached.after(0)
    assert await cached.key() == "key-10"


async def test_an_early_refresh_with_the_same_expiry_is_repeated_later() -> None:
    """A source with its own cache is not called for each request."""
    cached = CachedSource(3600, 3600 - 2760, 3600 - 2776)
    await cached.key()
    await cached.after(2760)
    assert cached.source.fetches == 2
    await cached.after(14)
    assert cached.source.fetches == 2
    await cached.after(2)
    assert cached.source.fetches == 3


async def test_a_caller_that_needs_a_failing_early_refresh_gets_its_error() -> None:
    """Credentials in their last minute are not returned instead."""
    cached = CachedSource(3600, CredentialsError("down"), 3600)
    await cached.key()
    cached.source.blocked = asyncio.Event()
    cached.source.now += 3000
    assert await cached.key() == "key-1"
    await asyncio.sleep(0)
    cached.source.now += 590
    late = asyncio.create_task(cached.key())
    await asyncio.sleep(0)
    cached.source.blocked.set()
    with pytest.raises(CredentialsError, match="down"):
        await late
    assert cached.source.fetches == 2
    assert await cached.key() == "key-3"


async def test_a_cancelled_caller_does_not_cancel_the_fetch() -> None:
    """The other caller gets the credentials."""
    cached = CachedSource(3600)
    cached.source.blocked = asyncio.Event()
    first, second = asyncio.create_task(cached.key()), asyncio.create_task(cached.key())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    cached.source.blocked.set()
    assert await second == "key-1"
    assert first.cancelled()


async def test_every_waiting_caller_gets_a_copy_of_the_error() -> None:
    """The copies have the same cause, and the next call fetches again."""
    down = CredentialsError("down")
    down.__cause__ = OSError("no route")
    cached = CachedSource(down, 3600)
    errors = await asyncio.gather(*(cached.key() for _ in range(3)), return_exceptions=True)
    assert [str(error) for error in errors] == ["down"] * 3
    assert len({id(error) for error in errors}) == 3
    assert all(isinstance(error, CredentialsError) and error.__cause__ is down.__cause__ for error in errors)
    assert await cached.key() == "key-2"


async def test_a_failure_without_waiting_callers_is_not_reported() -> None:
    """Asyncio does not log the exception as never retrieved."""
    reports: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
    cached = CachedSource(CredentialsError("down"))
    cached.source.blocked = asyncio.Event()
    task = asyncio.create_task(cached.key())
    await asyncio.sleep(0)
    task.cancel()
    cached.source.blocked.set()
    await cached.settle()
    del cached
    await asyncio.sleep(0.01)
    assert reports == []


async def test_a_cancelled_fetch_is_started_again_by_waiting_callers() -> None:
    """This happens when the client that ran the fetch is closed while other clients wait for it."""
    cached = CachedSource(3600, 3600)
    cached.source.blocked = asyncio.Event()
    waiting = asyncio.create_task(cached.key())
    await asyncio.sleep(0.01)
    cached.spawned[0].cancel()
    await asyncio.sleep(0)
    cached.source.blocked.set()
    assert await waiting == "key-2"


async def test_a_cancelled_early_refresh_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The next call starts another one."""
    cached = CachedSource(3600, 3600, 3600)
    await cached.key()
    cached.source.blocked = asyncio.Event()
    cached.source.now += 3000
    await cached.key()
    await asyncio.sleep(0.01)
    cached.spawned[-1].cancel()
    cached.source.blocked.set()
    await cached.settle()
    assert await cached.after(0) == "key-1"
    assert await cached.key() == "key-3"
    assert caplog.messages == []


async def test_credentials_that_have_expired_already_raise() -> None:
    """The error names the source and the time of the expiry."""
    with pytest.raises(CredentialsError, match="the source returned credentials that expired at 2027"):
        await CachedSource(0.0).key()


async def test_credentials_for_less_than_a_minute_are_not_reused() -> None:
    """The caller that waited for them gets them; the next one fetches again."""
    cached = CachedSource(50, 50)
    assert [await cached.key(), await cached.key()] == ["key-1", "key-2"]


@pytest.mark.parametrize(("keep", "keys"), [(True, ["key-1", "key-1"]), (False, ["key-1", "key-2"])])
async def test_permanent_credentials_are_cached_on_request(keep: bool, keys: list[str]) -> None:
    """Otherwise they are fetched each time."""
    cached = CachedSource(float("inf"), float("inf"), cache_permanent=keep)
    assert [await cached.key(), await cached.key()] == keys


async def test_invalidate_removes_only_the_given_credentials() -> None:
    """A task that was refused with old credentials does not remove the new ones."""
    cached = CachedSource(3600, 3600)
    old = await cached.cache.get(cached.source.fetch, now=lambda: cached.source.now)
    cached.cache.invalidate(old)
    assert await cached.key() == "key-2"
    cached.cache.invalidate(old)
    assert await cached.key() == "key-2"


async def test_invalidate_discards_a_refresh_that_is_running() -> None:
    """It may return the same credentials: later callers start a new fetch, whose result is cached."""
    cached = CachedSource(3600, 3600, 3600)
    old = await cached.cache.get(cached.source.fetch, now=lambda: cached.source.now)
    cached.source.blocked = asyncio.Event()
    cached.source.now += 3000
    assert await cached.key() == "key-1"
    await asyncio.sleep(0.01)
    cached.cache.invalidate(old)
    waiting = asyncio.create_task(cached.key())
    await asyncio.sleep(0.01)
    cached.source.blocked.set()
    assert await waiting == "key-3"
    assert await cached.key() == "key-3"


def test_each_event_loop_runs_its_own_fetch() -> None:
    """A fetch of a stopped loop does not block callers in another loop."""
    cached = CachedSource(3600, 3600)

    async def get_key() -> str:
        cached.source.blocked = None
        return await cached.key()

    async def leave_unfinished(keep: Callable[[asyncio.Task[str]], None]) -> None:
        cached.source.blocked = asyncio.Event()
        keep(asyncio.create_task(cached.key()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    loop, tasks = asyncio.new_event_loop(), list[asyncio.Task[str]]()
    loop.run_until_complete(leave_unfinished(tasks.append))
    assert asyncio.run(get_key()) == "key-2"
    for task in [*tasks, *cached.spawned[:1]]:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*tasks, *cached.spawned[:1], return_exceptions=True))
    loop.close()


@pytest.mark.parametrize("cache_permanent", [True, False])
async def test_pickles_contain_settings_and_no_credentials(cache_permanent: bool) -> None:
    """The unpickled cache fetches its own credentials."""
    cached = CachedSource(3600, 3600, float("inf"), float("inf"), cache_permanent=cache_permanent)
    assert await cached.key() == "key-1"
    pickled = pickle.dumps(cached.cache)
    assert b"key-1" not in pickled
    assert b"secret" not in pickled
    cached.cache = pickle.loads(pickled)
    assert await cached.key() == "key-2"
    cached.source.now += 3600
    assert await cached.key() == "key-3"
    assert await cached.key() == ("key-3" if cache_permanent else "key-4")


async def test_a_cache_can_be_pickled_during_a_fetch() -> None:
    """The fetch is not part of the pickle."""
    cached = CachedSource(3600)
    cached.source.blocked = asyncio.Event()
    task = asyncio.create_task(cached.key())
    await asyncio.sleep(0)
    assert pickle.loads(pickle.dumps(cached.cache))._refresh is None
    cached.source.blocked.set()
    assert await task == "key-1"

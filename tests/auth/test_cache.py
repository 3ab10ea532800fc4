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
        self.fetch_timeout: float | None = 60.0
        # How far ahead a correction of the clock is that no request confirmed.
        self.doubtful = 0.0

    def now(self) -> float:
        return self.source.now

    def earliest_now(self) -> float:
        return min(self.source.now, self.source.now - self.doubtful)

    def spawn(self, work: Coroutine[Any, Any, Credentials]) -> asyncio.Task[Credentials]:
        self.spawned.append(asyncio.create_task(work))
        return self.spawned[-1]

    async def key(self) -> str:
        given = await self.cache.get(self.source.fetch, self)
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


async def test_credentials_in_their_last_ten_seconds_are_not_returned() -> None:
    """A caller waits for new ones instead; until then, it gets the old ones while new ones are fetched."""
    cached = CachedSource(3600, 3600, 3600)
    assert await cached.key() == "key-1"
    assert await cached.after(3600 - 11) == "key-1"
    assert await cached.after(3600 - 10) == "key-3"


@pytest.mark.parametrize("hangs", [False, True])
async def test_credentials_for_ten_more_seconds_are_used_when_the_source_fails(
    caplog: pytest.LogCaptureFixture, hangs: bool
) -> None:
    """Whether the source raises or hangs; a warning says why, and the next call after that waits for the source."""
    cached = CachedSource(3600, CredentialsError("down"), CredentialsError("still down"), 3600)
    assert await cached.key() == "key-1"
    if hangs:
        cached.source.blocked, cached.fetch_timeout = asyncio.Event(), 0.001
    assert await cached.after(3600 - 11) == "key-1"
    await asyncio.sleep(0.01)
    assert caplog.messages == [
        "the source failed; the old credentials are used until 2027-01-15 09:00:00+00:00: "
        + ("the source gave no credentials within 0.001 s" if hangs else "down")
    ]
    assert await cached.key() == "key-1"
    cached.source.now += 1
    with pytest.raises(CredentialsError, match="within" if hangs else "still down"):
        await cached.key()


@pytest.mark.parametrize("years", [-2, 73])
async def test_keys_are_used_while_a_correction_of_the_clock_is_not_confirmed(years: float) -> None:
    """They are good by one of the two clocks; new ones are fetched meanwhile, and when the correction is taken back."""
    cached = CachedSource(3600, CredentialsError("down"), 3600)
    assert await cached.key() == "key-1"
    cached.doubtful = years * 365 * 24 * 60 * MINUTE
    assert await cached.after(cached.doubtful) == "key-1"
    assert await cached.after(-cached.doubtful) == "key-1"
    cached.doubtful = 0.0
    assert await cached.after(3600 - 15 * MINUTE) == "key-1"
    await cached.settle()
    assert cached.source.fetches == (3 if years > 0 else 2)


async def test_keys_that_have_expired_by_a_confirmed_correction_are_not_used() -> None:
    """A call waits for others."""
    cached = CachedSource(3600, CredentialsError("down"), 3600)
    assert await cached.key() == "key-1"
    with pytest.raises(CredentialsError, match="down"):
        await cached.after(3600)


@pytest.mark.parametrize("ahead", [-73, 73])
async def test_keys_that_were_fetched_with_a_wrong_correction_are_refreshed_early(ahead: float) -> None:
    """When it has been taken back: the time of the next fetch is counted from their expiry."""
    cached = CachedSource(3600, 3600)
    far = ahead * 365 * 24 * 60 * MINUTE

    async def fetch() -> Credentials:
        cached.source.now -= far
        try:
            return await cached.source.fetch()
        finally:
            cached.source.now += far

    cached.source.now += far
    assert (await cached.cache.get(fetch, cached)).access_key_id == "key-1"
    cached.source.now -= far
    assert await cached.after(3600 - 4 * MINUTE) == "key-1"
    assert await cached.key() == "key-2"


@pytest.mark.parametrize("error", [GeneratorExit(), BaseException("odd")])
async def test_a_source_that_raises_what_is_no_exception(error: BaseException) -> None:
    """Asyncio and Python would take it for their own."""
    cached = CachedSource()

    async def odd() -> Credentials:
        raise error

    with pytest.raises(CredentialsError, match=f"^the source failed: {type(error).__name__}$"):
        await cached.cache.get(odd, cached)


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


async def test_credentials_that_seem_to_have_expired_are_used(caplog: pytest.LogCaptureFixture) -> None:
    """AWS judges by its own clock, and this machine's may be wrong: a warning is logged, and the next call fetches."""
    cached = CachedSource(0.0, -7200.0)
    assert [await cached.key(), await cached.key()] == ["key-1", "key-2"]
    assert "the source returned credentials that by this machine's clock expired at 2027" in caplog.messages[0]


async def test_short_lived_credentials_are_reused_until_their_last_ten_seconds() -> None:
    """A source of keys for less than a minute is not asked for each call."""
    cached = CachedSource(50, 50)
    assert [await cached.key(), await cached.after(20), await cached.after(25)] == ["key-1", "key-1", "key-2"]


@pytest.mark.parametrize(("keep", "keys"), [(True, ["key-1", "key-1"]), (False, ["key-1", "key-2"])])
async def test_permanent_credentials_are_cached_on_request(keep: bool, keys: list[str]) -> None:
    """Otherwise they are fetched each time."""
    cached = CachedSource(float("inf"), float("inf"), cache_permanent=keep)
    assert [await cached.key(), await cached.key()] == keys


async def test_invalidate_removes_only_the_given_credentials() -> None:
    """A task that was refused with old credentials does not remove the new ones."""
    cached = CachedSource(3600, 3600)
    old = await cached.cache.get(cached.source.fetch, cached)
    cached.cache.invalidate(old)
    assert await cached.key() == "key-2"
    cached.cache.invalidate(old)
    assert await cached.key() == "key-2"


async def test_invalidate_discards_a_refresh_that_is_running() -> None:
    """It may return the same credentials: later callers start a new fetch, whose result is cached."""
    cached = CachedSource(3600, 3600, 3600)
    old = await cached.cache.get(cached.source.fetch, cached)
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
    assert pickle.loads(pickle.dumps(cached.cache))._rounds == {}
    cached.source.blocked.set()
    assert await task == "key-1"


class HangingSource(CachedSource):
    """A source whose fetches end only when a test says so, each with its own result."""

    def __init__(self, *, ignores_cancellation: bool = False, **options: Any) -> None:
        super().__init__()
        self.cache = RefreshingCache("the source", **options)
        self.ignores_cancellation = ignores_cancellation
        self.fetches: list[asyncio.Future[Credentials]] = []

    async def fetch(self) -> Credentials:
        self.fetches.append(asyncio.get_running_loop().create_future())
        while True:
            try:
                return await asyncio.shield(self.fetches[-1])
            except asyncio.CancelledError:
                if not self.ignores_cancellation:
                    raise

    async def key(self) -> str:
        return (await self.cache.get(self.fetch, self)).access_key_id

    async def given_up(self, callers: int = 1) -> None:
        """Let callers wait for a moment, one after the other, and give up."""
        for _ in range(callers):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(self.key(), 0.001)

    def answer(self, number: int, key: str = "key") -> None:
        expires_at = datetime.fromtimestamp(self.source.now + 3600, UTC)
        self.fetches[number].set_result(Credentials(key, "secret", expires_at=expires_at))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fetch for which no caller waits counts as abandoned at once."""
    monkeypatch.setattr("detective_async.auth.shared_fetch._ABANDONED_AFTER", 0.0)


@pytest.mark.parametrize("ignores_cancellation", [False, True])
async def test_a_hanging_fetch_ends_at_its_timeout(ignores_cancellation: bool) -> None:
    """All who wait get an error that names the source, and the next call starts anew."""
    cached = HangingSource(ignores_cancellation=ignores_cancellation)
    cached.fetch_timeout = 0.01
    errors = await asyncio.gather(*(cached.key() for _ in range(3)), return_exceptions=True)
    assert [str(error) for error in errors] == ["the source gave no credentials within 0.01 s"] * 3
    assert {type(error) for error in errors} == {CredentialsError}
    cached.fetch_timeout = 60.0
    again = asyncio.create_task(cached.key())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    cached.answer(1)
    assert await again == "key"
    assert len(cached.fetches) == 2
    if ignores_cancellation:
        cached.answer(0, "late")
        assert await cached.key() == "key"


async def test_a_fetch_without_a_timeout_is_waited_for() -> None:
    """None means that."""
    cached = HangingSource()
    cached.fetch_timeout = None
    waiting = asyncio.create_task(cached.key())
    await asyncio.sleep(0.01)
    cached.answer(0)
    assert await waiting == "key"


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("first", [0, 1, 2])
async def test_a_fetch_that_all_callers_gave_up_gets_others_beside_it(first: int) -> None:
    """Up to three run at once, and the first that succeeds counts, also the slow one that was started first."""
    cached = HangingSource()
    await cached.given_up(5)
    assert len(cached.fetches) == 3
    waiting = asyncio.create_task(cached.key())
    await asyncio.sleep(0)
    cached.answer(first, f"key-{first}")
    assert await waiting == f"key-{first}"
    await cached.settle()
    assert [task.cancelled() for task in cached.spawned] == [number != first for number in range(3)]
    assert await cached.key() == f"key-{first}"


@pytest.mark.usefixtures("impatient")
async def test_a_slow_fetch_fills_the_cache_though_nobody_waits_any_more() -> None:
    """Callers whose deadlines are shorter than a look-up takes get its result in the end."""
    cached = HangingSource()
    cached.fetch_timeout = None
    await cached.given_up(2)
    cached.answer(0, "slow")
    await cached.settle()
    assert await cached.key() == "slow"


@pytest.mark.usefixtures("impatient")
async def test_the_last_failing_fetch_counts() -> None:
    """While another fetch runs, the error of one is not raised."""
    cached = HangingSource()
    await cached.given_up(2)
    waiting = asyncio.create_task(cached.key())
    await asyncio.sleep(0.001)
    for number in range(3):
        assert not waiting.done()
        cached.fetches[number].set_exception(CredentialsError(f"error {number}"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    with pytest.raises(CredentialsError, match="error 2"):
        await waiting


@pytest.mark.parametrize("interactive", [False, True])
async def test_no_second_fetch_is_started_while_somebody_waits_or_types(
    monkeypatch: pytest.MonkeyPatch, interactive: bool
) -> None:
    """Nor before the first has run for a moment; a person is not asked twice."""
    cached = HangingSource(interactive=interactive)
    waiting = asyncio.create_task(cached.key())
    await asyncio.sleep(0)
    await cached.given_up(2)
    waiting.cancel()
    await cached.given_up(2)
    assert len(cached.fetches) == 1
    monkeypatch.setattr("detective_async.auth.shared_fetch._ABANDONED_AFTER", 0.0)
    await cached.given_up(1)
    assert len(cached.fetches) == (1 if interactive else 2)


async def test_a_person_is_not_asked_before_a_call_needs_the_keys() -> None:
    """Interactive sources have no early refresh."""
    cached = CachedSource(3600, 3600)
    cached.cache = RefreshingCache("the source", interactive=True)
    assert [await cached.key(), await cached.after(3589), await cached.after(1)] == ["key-1", "key-1", "key-2"]


async def test_a_source_that_raises_cancelled_error_fails() -> None:
    """It is not asked again for ever: neither the caller nor its client was cancelled."""
    cached = CachedSource()

    async def cancelled() -> Credentials:
        raise asyncio.CancelledError

    with pytest.raises(CredentialsError, match="the source failed: it was cancelled"):
        await cached.cache.get(cancelled, cached)


async def test_a_source_that_cancels_its_own_task_fails() -> None:
    """That looks like a client that was closed, so it is tried some times."""
    cached = CachedSource()

    async def suicidal() -> Credentials:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)
        raise AssertionError

    with pytest.raises(CredentialsError, match="its look-ups were cancelled"):
        await cached.cache.get(suicidal, cached)
    assert len(cached.spawned) == 10


async def test_keys_that_aws_does_not_know_are_looked_up_again() -> None:
    """At most once a minute; concurrent callers share one look-up, and a failure keeps the old keys."""
    cached = CachedSource(3600, 3600, CredentialsError("down"))
    old = await cached.cache.get(cached.source.fetch, cached)

    async def look_again(used: Credentials = old) -> bool:
        return await cached.cache.look_again(used, cached.source.fetch, cached)

    assert await asyncio.gather(*(look_again() for _ in range(5))) == [True] * 5
    assert cached.source.fetches == 2
    new = await cached.cache.get(cached.source.fetch, cached)
    # A call that was refused late, when the new keys had been found.
    assert await look_again(old)
    assert (new.access_key_id, await look_again(new), cached.source.fetches) == ("key-2", False, 2)
    cached.cache._look_again_from = 0.0
    assert not await look_again(new)
    assert (cached.source.fetches, await cached.key()) == (3, "key-2")


async def test_a_look_up_again_that_gives_the_same_keys() -> None:
    """The answer is no."""
    keys = Credentials("key", "secret")
    cached = CachedSource()

    async def fetch() -> Credentials:
        await asyncio.sleep(0)
        return keys

    await cached.cache.get(fetch, cached)
    assert not await cached.cache.look_again(keys, fetch, cached)

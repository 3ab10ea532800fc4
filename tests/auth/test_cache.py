"""The refreshing cache, on a clock of its own."""

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


class Source:
    """Gives credentials that last so many seconds, or fails, as it was told; each set has a number."""

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


class Asking:
    """A cache, and whoever asks it."""

    def __init__(self, *steps: Step, cache_permanent: bool = True) -> None:
        self.source = Source(*steps)
        self.cache = RefreshingCache("the source", cache_permanent=cache_permanent)
        self.spawned: list[asyncio.Task[Credentials]] = []

    def spawn(self, work: Coroutine[Any, Any, Credentials]) -> asyncio.Task[Credentials]:
        self.spawned.append(asyncio.create_task(work))
        return self.spawned[-1]

    async def key(self) -> str:
        given = await self.cache.get(self.source.fetch, now=lambda: self.source.now, spawn=self.spawn)
        return given.access_key_id

    async def after(self, seconds: float) -> str:
        """Ask later, and let a refresh that this begins come to its end."""
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
        # Never before half of their time, or short-lived ones would be fetched again and again.
        (6 * MINUTE, 3 * MINUTE),
        (22 * MINUTE, 11 * MINUTE),
        (90 * MINUTE, 45 * MINUTE),
    ],
)
async def test_a_refresh_ahead_of_time(lifetime: float, window: float) -> None:
    """Within the window by lifetime the old ones are still given, and new ones fetched in the background."""
    asking = Asking(lifetime, lifetime)
    assert await asking.key() == "key-1"
    assert await asking.after(lifetime - window - 1) == "key-1"
    assert asking.source.fetches == 1
    assert await asking.after(2) == "key-1"
    assert asking.source.fetches == 2
    assert await asking.key() == "key-2"
    assert asking.source.fetches == 2


async def test_a_refresh_that_must_be_waited_for() -> None:
    """Within the last minute the old ones are not given any more."""
    asking = Asking(3600, 3600)
    assert await asking.key() == "key-1"
    asking.source.now += 3600 - 60
    assert await asking.key() == "key-2"


async def test_many_that_wait_make_one_fetch() -> None:
    """Ten thousand tasks at once ask the source once; so do ten thousand that find them expired."""
    # Which keeps a traceback of each task, and ten seconds busy.
    asyncio.get_running_loop().set_debug(False)
    asking = Asking(3600, 3600)
    asking.source.blocked = asyncio.Event()
    for number in (1, 2):
        tasks = [asyncio.create_task(asking.key()) for _ in range(10_000)]
        await asyncio.sleep(0)
        asking.source.blocked.set()
        assert set(await asyncio.gather(*tasks)) == {f"key-{number}"}
        asking.source.blocked.clear()
        asking.source.now += 3600
    assert asking.source.fetches == 2


async def test_an_early_refresh_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    """The old ones are kept, the log says so, and the pauses between tries grow up to five minutes."""
    down = CredentialsError("the vault is sealed")
    asking = Asking(12 * 3600, *[down] * 8, 12 * 3600)
    await asking.key()
    asking.source.now += 11 * 3600
    for pause in (15, 30, 60, 120, 240, 300, 300, 300):
        fetches = asking.source.fetches
        with caplog.at_level(logging.WARNING, "detective_async.credentials"):
            assert await asking.after(0) == "key-1"
        assert asking.source.fetches == fetches + 1
        assert await asking.after(pause - 1) == "key-1"
        assert asking.source.fetches == fetches + 1
        asking.source.now += 1
    assert "the source failed; the old credentials are used until" in caplog.messages[0]
    assert caplog.messages[0].endswith("the vault is sealed")
    assert len(caplog.messages) == 8
    await asking.after(0)
    assert await asking.key() == "key-10"


async def test_an_early_refresh_that_brings_nothing_new_pauses_too() -> None:
    """A source with a cache of its own is not asked for each request."""
    asking = Asking(3600, 3600 - 2760, 3600 - 2776)
    await asking.key()
    await asking.after(2760)
    assert asking.source.fetches == 2
    await asking.after(14)
    assert asking.source.fetches == 2
    await asking.after(2)
    assert asking.source.fetches == 3


async def test_who_joins_a_failing_early_refresh_too_late_gets_its_error() -> None:
    """What is about to expire is not given to those that had to wait for better."""
    asking = Asking(3600, CredentialsError("down"), 3600)
    await asking.key()
    asking.source.blocked = asyncio.Event()
    asking.source.now += 3000
    assert await asking.key() == "key-1"
    await asyncio.sleep(0)
    asking.source.now += 590
    late = asyncio.create_task(asking.key())
    await asyncio.sleep(0)
    asking.source.blocked.set()
    with pytest.raises(CredentialsError, match="down"):
        await late
    assert asking.source.fetches == 2
    assert await asking.key() == "key-3"


async def test_one_that_gives_up_does_not_stop_the_others() -> None:
    """The fetch goes on for those who still wait."""
    asking = Asking(3600)
    asking.source.blocked = asyncio.Event()
    impatient, patient = asyncio.create_task(asking.key()), asyncio.create_task(asking.key())
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.sleep(0)
    asking.source.blocked.set()
    assert await patient == "key-1"
    assert impatient.cancelled()


async def test_a_failed_fetch_is_told_to_all_and_tried_again() -> None:
    """Each that waits gets an error of its own, with the cause; the next one asks anew."""
    down = CredentialsError("down")
    down.__cause__ = OSError("no route")
    asking = Asking(down, 3600)
    errors = await asyncio.gather(*(asking.key() for _ in range(3)), return_exceptions=True)
    assert [str(error) for error in errors] == ["down"] * 3
    assert len({id(error) for error in errors}) == 3
    assert all(isinstance(error, CredentialsError) and error.__cause__ is down.__cause__ for error in errors)
    assert await asking.key() == "key-2"


async def test_a_failure_that_nobody_waits_for_is_quiet() -> None:
    """When all who asked have given up, their error is not reported as never retrieved."""
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    asking = Asking(CredentialsError("down"))
    asking.source.blocked = asyncio.Event()
    task = asyncio.create_task(asking.key())
    await asyncio.sleep(0)
    task.cancel()
    asking.source.blocked.set()
    await asking.settle()
    del asking
    await asyncio.sleep(0.01)
    assert complaints == []


async def test_a_fetch_that_was_ended_is_begun_again() -> None:
    """The client that ran it was closed; those that wait elsewhere start one of their own."""
    asking = Asking(3600, 3600)
    asking.source.blocked = asyncio.Event()
    waiting = asyncio.create_task(asking.key())
    await asyncio.sleep(0.01)
    asking.spawned[0].cancel()
    await asyncio.sleep(0)
    asking.source.blocked.set()
    assert await waiting == "key-2"


async def test_an_early_refresh_that_was_ended_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is logged, and the next one who asks begins another."""
    asking = Asking(3600, 3600, 3600)
    await asking.key()
    asking.source.blocked = asyncio.Event()
    asking.source.now += 3000
    await asking.key()
    await asyncio.sleep(0.01)
    asking.spawned[-1].cancel()
    asking.source.blocked.set()
    await asking.settle()
    assert await asking.after(0) == "key-1"
    assert await asking.key() == "key-3"
    assert caplog.messages == []


async def test_expired_ones_are_refused() -> None:
    """A source whose clock or cache is off gets the blame, not AWS."""
    with pytest.raises(CredentialsError, match="the source gave credentials that have expired already, at 2027"):
        await Asking(0.0).key()


async def test_short_lived_ones_are_given_once() -> None:
    """What lasts no minute is handed to those who waited for it, and fetched anew for the next."""
    asking = Asking(50, 50)
    assert [await asking.key(), await asking.key()] == ["key-1", "key-2"]


@pytest.mark.parametrize(("keep", "keys"), [(True, ["key-1", "key-1"]), (False, ["key-1", "key-2"])])
async def test_those_that_never_expire(keep: bool, keys: list[str]) -> None:
    """Kept, or asked for each time, as the source wants it."""
    asking = Asking(float("inf"), float("inf"), cache_permanent=keep)
    assert [await asking.key(), await asking.key()] == keys


async def test_only_the_ones_that_were_used_are_forgotten() -> None:
    """A thousand tasks that were refused with the old ones cost one fetch."""
    asking = Asking(3600, 3600)
    old = await asking.cache.get(asking.source.fetch, now=lambda: asking.source.now)
    asking.cache.invalidate(old)
    assert await asking.key() == "key-2"
    asking.cache.invalidate(old)
    assert await asking.key() == "key-2"


async def test_a_refresh_from_before_they_were_refused_is_not_waited_for() -> None:
    """It may bring the same ones: who comes after the refusal has others fetched, which are kept."""
    asking = Asking(3600, 3600, 3600)
    old = await asking.cache.get(asking.source.fetch, now=lambda: asking.source.now)
    asking.source.blocked = asyncio.Event()
    asking.source.now += 3000
    assert await asking.key() == "key-1"
    await asyncio.sleep(0.01)
    asking.cache.invalidate(old)
    asked = asyncio.create_task(asking.key())
    await asyncio.sleep(0.01)
    asking.source.blocked.set()
    assert await asked == "key-3"
    assert await asking.key() == "key-3"


def test_another_loop_starts_a_fetch_of_its_own() -> None:
    """What a loop that has stopped left behind keeps nobody waiting."""
    asking = Asking(3600, 3600)

    async def ask() -> str:
        asking.source.blocked = None
        return await asking.key()

    async def leave_one_behind(keep: Callable[[asyncio.Task[str]], None]) -> None:
        asking.source.blocked = asyncio.Event()
        keep(asyncio.create_task(asking.key()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    loop, tasks = asyncio.new_event_loop(), list[asyncio.Task[str]]()
    loop.run_until_complete(leave_one_behind(tasks.append))
    assert asyncio.run(ask()) == "key-2"
    for task in [*tasks, *asking.spawned[:1]]:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*tasks, *asking.spawned[:1], return_exceptions=True))
    loop.close()


@pytest.mark.parametrize("cache_permanent", [True, False])
async def test_a_cache_goes_without_what_it_keeps(cache_permanent: bool) -> None:
    """Keys are of this process; what unpickles it fetches its own, and keeps what it would have kept here."""
    asking = Asking(3600, 3600, float("inf"), float("inf"), cache_permanent=cache_permanent)
    assert await asking.key() == "key-1"
    pickled = pickle.dumps(asking.cache)
    assert b"key-1" not in pickled
    assert b"secret" not in pickled
    asking.cache = pickle.loads(pickled)
    assert await asking.key() == "key-2"
    asking.source.now += 3600
    assert await asking.key() == "key-3"
    assert await asking.key() == ("key-3" if cache_permanent else "key-4")


async def test_a_cache_goes_while_a_fetch_is_under_way() -> None:
    """Which stays where it is."""
    asking = Asking(3600)
    asking.source.blocked = asyncio.Event()
    task = asyncio.create_task(asking.key())
    await asyncio.sleep(0)
    assert pickle.loads(pickle.dumps(asking.cache))._refresh is None
    asking.source.blocked.set()
    assert await task == "key-1"

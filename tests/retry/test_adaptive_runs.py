"""Whole runs of the adaptive mode through storms of throttles, sleeps included, beside botocore's own limiter."""

import asyncio
import random
from collections.abc import Callable
from typing import Protocol

import pytest
from aiobotocore.retries.adaptive import AsyncClientRateLimiter
from aiobotocore.retries.bucket import AsyncTokenBucket
from attrs import define, field
from botocore.retries.adaptive import RateClocker
from botocore.retries.throttling import CubicCalculator
from support import virtual_time
from support.fakes import FakeTime
from support.interruptions import passes
from support.virtual_time import VirtualTimeLoop, in_virtual_time

from detective_async import Clock
from detective_async.retry.rate_limiter import Pace

#: Seconds: when the storm begins and ends, and when the run does.
BEGIN, END, OVER = 4.0, 10.0, 15.0


class Limiter(Protocol):
    async def wait(self) -> None: ...

    async def record(self, *, throttled: bool) -> None: ...


class LoopTime:
    """botocore's clock, by the virtual time of the event loop."""

    def current_time(self) -> float:
        return asyncio.get_running_loop().time()


class Bucket(AsyncTokenBucket):  # type: ignore[misc] # no types
    """The one of aiobotocore, which is botocore's with `await`. In virtual time, it would wait for ever for 1e-17 s."""

    def _sleep_amount(self, amount: float) -> float:
        seconds = float(super()._sleep_amount(amount))
        return seconds if seconds > 1e-6 else 0.0


class ThrottlingFlag:
    def is_throttling_error(self, *, throttled: bool) -> bool:
        return throttled


class Theirs:
    def __init__(self) -> None:
        clock = LoopTime()
        self.limiter = AsyncClientRateLimiter(
            CubicCalculator(0, clock.current_time()), RateClocker(clock), Bucket(1, clock), ThrottlingFlag(), clock
        )

    async def wait(self) -> None:
        await self.limiter.on_sending_request(None)

    async def record(self, *, throttled: bool) -> None:
        await self.limiter.on_receiving_response(throttled=throttled)


@define
class Ours:
    pace: Pace = field(factory=Pace)

    async def wait(self) -> None:
        await self.pace.wait(Clock(monotonic=LoopTime().current_time))

    async def record(self, *, throttled: bool) -> None:
        self.pace.record(LoopTime().current_time(), throttled=throttled)


async def successes(make: Callable[[], Limiter], callers: int, share: float, seed: int) -> tuple[int, int]:
    """Call for as long as the run takes; return the successes during the storm and after it.

    Args:
        make: makes the limiter of all callers.
        callers: how many call at the same time, one call after the other, with three attempts each.
        share: the part of the attempts that are throttled in the storm.
        seed: of the randomness.
    """
    loop, limiter, rng = asyncio.get_running_loop(), make(), random.Random(seed)  # noqa: S311 - for variety
    ended: list[float] = []

    async def caller() -> None:
        while True:
            for attempt in range(3):
                await limiter.wait()
                await asyncio.sleep(rng.uniform(0.08, 0.12))
                throttled = BEGIN < loop.time() < END and rng.random() < share
                await limiter.record(throttled=throttled)
                if not throttled:
                    ended.append(loop.time())
                    break
                await asyncio.sleep(rng.random() * 2.0**attempt)

    tasks = [asyncio.create_task(caller()) for _ in range(callers)]
    await asyncio.sleep(OVER)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return sum(BEGIN <= when < END for when in ended), sum(when >= END for when in ended)


@pytest.mark.parametrize(("callers", "share"), [(1, 0.9), (6, 0.9), (6, 0.5), (12, 0.9)])
def test_a_run_through_a_storm_succeeds_as_often_as_botocores(
    callers: int, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the storm, where the rate rises, as many calls succeed, within a few percent."""
    # There are no sockets to wait for.
    monkeypatch.setattr(virtual_time, "_GRACE", 0.0)
    totals = []
    for make in (Ours, Theirs):
        during = after = 0
        for seed in range(2):
            with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
                counts = runner.run(successes(make, callers, share, seed))
            during, after = during + counts[0], after + counts[1]
        totals.append((during, after))
    (our_during, our_after), (their_during, their_after) = totals
    assert abs(our_during - their_during) <= 3
    assert our_after == pytest.approx(their_after, rel=0.06, abs=2)
    assert their_after > 20


@in_virtual_time
async def test_a_waiting_call_is_woken_when_the_rate_rises() -> None:
    """At the minimum rate the first call would wait 2 s; a success after 1 s at a higher rate lets it go earlier."""
    loop = asyncio.get_running_loop()
    pace, clock = Pace(), Clock(monotonic=LoopTime().current_time)
    await asyncio.sleep(20.0)
    pace.record(loop.time(), throttled=True)
    began = loop.time()
    ends: list[tuple[int, float]] = []

    async def call(number: int) -> None:
        await pace.wait(clock)
        ends.append((number, loop.time() - began))

    tasks = [asyncio.create_task(call(number)) for number in range(3)]
    await asyncio.sleep(1.0)
    # As if the curve had begun long ago, so that one response raises the limit steeply.
    pace.limiter._curve_started_at, pace.limiter._measured = 0.0, 10.0
    pace.record(loop.time(), throttled=False)
    rate = pace.limiter.rate
    assert rate is not None
    assert rate > 2.0
    await asyncio.gather(*tasks)
    # In order; what was filled at the old rate counts, and the rest comes at the new rate.
    assert [number for number, _ in ends] == [0, 1, 2]
    assert ends[0][1] == pytest.approx(1.0 + 0.5 / rate, abs=0.01)
    assert ends[2][1] == pytest.approx(1.0 + 2.5 / rate, abs=0.01)


@in_virtual_time
async def test_only_the_first_of_the_queue_is_woken() -> None:
    """Two hundred waiting calls and a hundred changes of the rate: the limiter is asked a hundred times, not 20,000."""
    pace, clock = Pace(), Clock(monotonic=LoopTime().current_time)
    await asyncio.sleep(1.0)
    pace.record(LoopTime().current_time(), throttled=True)
    asked = 0

    def monotonic() -> float:
        nonlocal asked
        asked += 1
        return LoopTime().current_time()

    clock = Clock(monotonic=monotonic)
    tasks = [asyncio.create_task(pace.wait(clock)) for _ in range(200)]
    await passes(3)
    for _ in range(100):
        pace.record(LoopTime().current_time() + 0.6, throttled=False)
        await passes(6)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert asked <= 320


@in_virtual_time
async def test_a_call_cancelled_while_it_is_woken_takes_no_token() -> None:
    """The wake and the cancellation may come in the same pass of the event loop."""
    pace, clock = Pace(), Clock(monotonic=LoopTime().current_time)
    await asyncio.sleep(1.0)
    pace.record(LoopTime().current_time(), throttled=True)
    first, second = (asyncio.create_task(pace.wait(clock)) for _ in range(2))
    await asyncio.sleep(1.9)
    for _ in range(20):
        pace.record(LoopTime().current_time(), throttled=False)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    before = pace.limiter._tokens
    await second
    assert before < 1.0
    assert pace._sleep is None
    await asyncio.gather(pace.wait(clock))


def test_a_queue_left_behind_by_a_loop_blocks_no_other_loop(fake_time: FakeTime) -> None:
    """A loop that ends while calls wait leaves a lock that nobody releases."""
    pace = Pace()
    pace.record(fake_time.now, throttled=True)
    loop = asyncio.new_event_loop()
    left = loop.create_task(pace.wait(Clock(monotonic=lambda: fake_time.now)))
    loop.run_until_complete(asyncio.sleep(0))
    # Its timer and its lock are never released.
    asyncio.run(pace.wait(fake_time.clock()))
    assert fake_time.slept
    left.cancel()
    loop.run_until_complete(asyncio.gather(left, return_exceptions=True))
    loop.close()

"""The rate limiter of the adaptive mode, compared with botocore's."""

import asyncio
import tracemalloc

import pytest
from attrs import define
from botocore.retries.adaptive import ClientRateLimiter, RateClocker
from botocore.retries.bucket import TokenBucket
from botocore.retries.throttling import CubicCalculator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.fakes import FakeTime
from support.hypothesis_profiles import examples

from detective_async.retry.rate_limiter import Pace, RateLimiter

# The machine may be busy.
_SETTINGS = settings(max_examples=examples(200), suppress_health_check=[HealthCheck.too_slow])
NEGLIGIBLE = 1e-6
#: Start times of clocks: near 0, since the start of the machine, and since the epoch.
ORIGINS = st.sampled_from([-7.3, 0.0, 0.75, 86_399.9, 4e6 + 0.123, 1_790_000_000.4])
#: From bursts within one measurement to a month without calls.
PAUSES = st.one_of(st.just(0.0), st.floats(0.0, 0.6), st.floats(0.0, 10.0), st.floats(0.0, 2_600_000.0))
STEPS = st.lists(
    st.tuples(PAUSES, st.sampled_from(["send", "send after the wait", "success", "success", "throttle"])), max_size=80
)


@define
class BotocoreTime:
    now: float

    def current_time(self) -> float:
        return self.now


class ThrottlingFlag:
    """Replaces botocore's detector, which inspects responses: the test says whether one is throttled."""

    def is_throttling_error(self, *, throttled: bool) -> bool:
        return throttled


class Botocore:
    """botocore's rate limiter with a fake clock and without sleeps."""

    def __init__(self, now: float) -> None:
        self.clock = BotocoreTime(now)
        self.bucket = TokenBucket(max_rate=1, clock=self.clock)
        self.clocker = RateClocker(self.clock)
        self.limiter = ClientRateLimiter(
            rate_adjustor=CubicCalculator(starting_max_rate=0, start_time=now),
            rate_clocker=self.clocker,
            token_bucket=self.bucket,
            throttling_detector=ThrottlingFlag(),
            clock=self.clock,
        )

    def wait(self) -> float:
        if not self.limiter._enabled:
            return 0.0
        self.bucket._refill()
        return max(0.0, float(self.bucket._sleep_amount(1)))

    def take(self) -> None:
        if not self.limiter._enabled:
            self.limiter.on_sending_request(request=None)
        elif self.wait():
            # botocore would wait for a rounding error, which our limiter does not.
            self.bucket._current_capacity -= 1
        else:
            assert self.bucket.acquire(block=False)

    def record(self, *, throttled: bool) -> None:
        self.limiter.on_receiving_response(throttled=throttled)


def at_minimum_rate(now: float = 0.0) -> Pace:
    """Return one that was throttled by the first response: one request every 2 seconds, and no tokens."""
    pace = Pace()
    pace.limiter.record(now, throttled=True)
    return pace


@_SETTINGS
@given(origin=ORIGINS, reserved_first=st.booleans(), steps=STEPS)
def test_rates_and_waits_are_the_same_as_botocores(
    origin: float, reserved_first: bool, steps: list[tuple[float, str]]
) -> None:
    """With any requests and responses at any times, the rates and the times of requests are equal."""
    theirs = Botocore(origin)
    ours = RateLimiter()
    # The limiter's time starts with its first use, of either kind.
    if reserved_first:
        assert ours.reserve(origin) == 0.0
    else:
        theirs.record(throttled=False)
        ours.record(origin, throttled=False)
    now = origin
    for pause, step in steps:
        now += pause
        theirs.clock.now = now
        if step.startswith("send"):
            wait = ours.reserve(now)
            assert wait == pytest.approx(theirs.wait(), abs=2 * NEGLIGIBLE)
            if wait and step == "send after the wait":
                now += wait
                theirs.clock.now = now
                wait = ours.reserve(now)
                assert wait == 0.0
                assert theirs.wait() <= 2 * NEGLIGIBLE
            if not wait:
                theirs.take()
        else:
            ours.record(now, throttled=step == "throttle")
            theirs.record(throttled=step == "throttle")
        assert ours._measured == pytest.approx(theirs.clocker.measured_rate)
        assert ours._rate == pytest.approx(theirs.bucket.max_rate)
        assert (ours.rate is not None) is theirs.limiter._enabled
        assert ours._tokens == pytest.approx(theirs.bucket.available_capacity, abs=1e-5) or not theirs.limiter._enabled


def test_the_limit_rises_by_the_cubic_curve() -> None:
    """Throttled at 32 per second, it is there again after the cube root of 24 seconds, where the curve is level."""
    limiter = RateLimiter()
    start = 20.0
    for number in range(32 * 20 + 1):
        limiter.record(number / 32.0, throttled=False)
    limiter.record(start, throttled=True)
    levels_after = 24.0 ** (1 / 3)
    rates: list[float] = []
    for number in range(1, 33 * 5):
        now = start + number / 32.0
        limiter.record(now, throttled=False)
        assert limiter.rate == pytest.approx(32.0 + 0.4 * (number / 32.0 - levels_after) ** 3, rel=0.01)
        rates.append(limiter._rate)
    assert rates == sorted(rates)
    assert rates[0] < 24.0
    assert rates[-1] > 36.0


def test_rounding_errors_are_not_waited_for() -> None:
    """A token may be taken half a microsecond early, but not 10, and the difference is subtracted afterwards."""
    limiter = RateLimiter()
    limiter.record(0.0, throttled=True)
    assert limiter.reserve(2.0 - 10e-6) == pytest.approx(10e-6)
    assert limiter.reserve(2.0 - 0.5e-6) == 0.0
    assert limiter.reserve(2.0) == pytest.approx(2.0, abs=1e-9)


async def test_later_callers_do_not_overtake_waiters(fake_time: FakeTime) -> None:
    """Not even if there is a token, and the waiter that gets it has not been woken yet."""
    pace = at_minimum_rate(fake_time.now)
    served: list[str] = []

    async def go(name: str) -> None:
        await pace.wait(fake_time.clock())
        served.append(name)

    async def go_twice() -> None:
        await go("first")
        fake_time.now += 10.0
        await go("first again")

    await asyncio.gather(go_twice(), go("second"), go("third"))
    assert served == ["first", "second", "third", "first again"]


@_SETTINGS
@given(cancels=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 7)), max_size=8))
def test_cancelling_at_any_moment_blocks_no_other_waiter(cancels: list[tuple[int, int]]) -> None:
    """The others are served in order, every 2 seconds."""

    async def run() -> None:
        fake_time = FakeTime(start=0.0)
        pace = at_minimum_rate()
        served: list[tuple[int, float]] = []

        async def go(number: int) -> None:
            await pace.wait(fake_time.clock())
            served.append((number, fake_time.now))

        tasks = [asyncio.create_task(go(number)) for number in range(8)]
        for steps, number in cancels:
            for _ in range(steps):
                await asyncio.sleep(0)
            tasks[number].cancel()
        async with asyncio.timeout(60):
            await asyncio.gather(*tasks, return_exceptions=True)
        assert [number for number, _ in served] == [number for number in range(8) if not tasks[number].cancelled()]
        assert [when for _, when in served] == pytest.approx([2.0 * (index + 1) for index in range(len(served))])

    asyncio.run(run())


async def test_a_sleep_that_ends_early_is_repeated(fake_time: FakeTime) -> None:
    """A token is taken when there is one, and not when a sleep ends."""
    start = fake_time.now
    pace = at_minimum_rate(start)
    clock = fake_time.clock()

    async def half(seconds: float) -> None:
        await fake_time.sleep(seconds / 2 if len(fake_time.slept) < 5 else seconds)

    object.__setattr__(clock, "sleep", half)
    await pace.wait(clock)
    assert fake_time.now - start == pytest.approx(2.0)
    assert len(fake_time.slept) == 6


def test_it_can_be_used_in_several_event_loops(fake_time: FakeTime) -> None:
    """It is created without a loop, and used in one after the other."""
    pace = Pace()
    asyncio.run(pace.wait(fake_time.clock()))
    pace.limiter.record(fake_time.now, throttled=True)
    asyncio.run(pace.wait(fake_time.clock()))
    asyncio.run(pace.wait(fake_time.clock()))
    assert sum(fake_time.slept) == pytest.approx(4.0)


async def test_memory_without_throttling(fake_time: FakeTime) -> None:
    """Each takes less than half a kilobyte and has no queue."""
    clock = fake_time.clock()
    tracemalloc.start()
    try:
        paces = [Pace() for _ in range(10_000)]
        for pace in paces:
            await pace.wait(clock)
            pace.limiter.record(clock.monotonic(), throttled=False)
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used / 10_000 < 512
    assert not any(pace._queue for pace in paces)
    assert fake_time.slept == []

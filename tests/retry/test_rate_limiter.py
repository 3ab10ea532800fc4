"""The rate limit of the adaptive mode, next to botocore's own."""

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

# A busy machine is no failure.
_SETTINGS = settings(max_examples=examples(200), suppress_health_check=[HealthCheck.too_slow])
NEGLIGIBLE = 1e-6
#: Of a clock that starts at 0, of one that counts since the machine started, and of the time of day.
ORIGINS = st.sampled_from([-7.3, 0.0, 0.75, 86_399.9, 4e6 + 0.123, 1_790_000_000.4])
#: From bursts within one measurement to a client that was idle for a month.
PAUSES = st.one_of(st.just(0.0), st.floats(0.0, 0.6), st.floats(0.0, 10.0), st.floats(0.0, 2_600_000.0))
STEPS = st.lists(
    st.tuples(PAUSES, st.sampled_from(["send", "send when told", "success", "success", "throttle"])), max_size=80
)


@define
class BotocoreTime:
    now: float

    def current_time(self) -> float:
        return self.now


class Told:
    """In place of what looks into an answer to see whether it is a throttle."""

    def is_throttling_error(self, *, throttled: bool) -> bool:
        return throttled


class Botocore:
    """botocore's rate limiter, on a clock of ours and without its sleep."""

    def __init__(self, now: float) -> None:
        self.clock = BotocoreTime(now)
        self.bucket = TokenBucket(max_rate=1, clock=self.clock)
        self.clocker = RateClocker(self.clock)
        self.limiter = ClientRateLimiter(
            rate_adjustor=CubicCalculator(starting_max_rate=0, start_time=now),
            rate_clocker=self.clocker,
            token_bucket=self.bucket,
            throttling_detector=Told(),
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
            # A rounding error is left to wait for, which we do not.
            self.bucket._current_capacity -= 1
        else:
            assert self.bucket.acquire(block=False)

    def record(self, *, throttled: bool) -> None:
        self.limiter.on_receiving_response(throttled=throttled)


def steady(rate: float, seconds: float, *, limiter: RateLimiter, start: float = 0.0) -> float:
    """Answer at a steady rate, without a throttle; give the time of the last one."""
    answers = round(rate * seconds)
    for number in range(answers + 1):
        limiter.record(start + number / rate, throttled=False)
    return start + answers / rate


def at_the_least(now: float = 0.0) -> Pace:
    """Give one that was throttled at its first request: a request every 2 seconds, none of them saved up."""
    pace = Pace()
    pace.limiter.record(now, throttled=True)
    return pace


@_SETTINGS
@given(origin=ORIGINS, asked_first=st.booleans(), steps=STEPS)
def test_it_is_botocores(origin: float, asked_first: bool, steps: list[tuple[float, str]]) -> None:
    """Whatever is sent and answered when: the same rates, and a request may be sent at the same instants."""
    theirs = Botocore(origin)
    ours = RateLimiter()
    # Its time begins when it is first used, whichever way.
    if asked_first:
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
            if wait and step == "send when told":
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


@_SETTINGS
@given(origin=ORIGINS, steps=STEPS)
def test_what_holds_whatever_happens(origin: float, steps: list[tuple[float, str]]) -> None:
    """Never under 0.5 a second nor over twice what is measured; no wait is negative, endless or more than 2 s."""
    limiter = RateLimiter()
    now = origin
    for pause, step in steps:
        now += pause
        if step.startswith("send"):
            wait = limiter.reserve(now)
            assert 0.0 <= wait <= 2.0 + 2 * NEGLIGIBLE
            if wait:
                assert limiter.reserve(now) == wait, "asking takes nothing"
                now += wait
                assert limiter.reserve(now) == 0.0
        else:
            limiter.record(now, throttled=step == "throttle")
            assert 0.5 <= limiter._rate <= max(0.5, 2 * limiter._measured)


@pytest.mark.parametrize("origin", [0.0, 1_790_000_000.4])
def test_there_is_no_limit_before_the_first_throttle(origin: float) -> None:
    """Any number at once, however many were answered."""
    limiter = RateLimiter()
    for _ in range(1000):
        assert limiter.reserve(origin) == 0.0
        limiter.record(origin, throttled=False)
    assert limiter.rate is None


@pytest.mark.parametrize("measured", [2.0, 10.0, 400.0])
def test_a_throttle_sets_the_limit(measured: float) -> None:
    """At 0.7 of what was measured, and the next one at 0.7 of that."""
    limiter = RateLimiter()
    now = steady(measured, 10.0, limiter=limiter)
    assert limiter._measured == pytest.approx(measured, rel=0.01)
    limiter.record(now, throttled=True)
    assert limiter.rate == pytest.approx(0.7 * measured, rel=0.01)
    limiter.record(now, throttled=True)
    assert limiter.rate == pytest.approx(0.49 * measured, rel=0.01)


def test_the_limit_has_a_floor() -> None:
    """A request every 2 seconds is left, however often the service throttles."""
    limiter = RateLimiter()
    now = steady(10.0, 5.0, limiter=limiter)
    for _ in range(50):
        limiter.record(now, throttled=True)
    assert limiter.rate == 0.5
    while limiter.reserve(now) == 0.0:
        pass
    assert limiter.reserve(now) <= 2.0


def test_the_limit_rises_by_the_cubic_curve() -> None:
    """Throttled at 32 a second, it is back there after the cube root of 24 seconds, and level around that."""
    limiter = RateLimiter()
    start = steady(32.0, 20.0, limiter=limiter)
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


def test_the_limit_stays_within_twice_what_is_measured() -> None:
    """Long after the throttle the curve is sky-high, but who sends 4 a second may not suddenly send a million."""
    limiter = RateLimiter()
    start = steady(4.0, 10.0, limiter=limiter)
    limiter.record(start, throttled=True)
    steady(4.0, 3600.0, limiter=limiter, start=start)
    assert limiter.rate == pytest.approx(8.0, rel=0.01)


def test_idle_days_save_up_a_second_of_turns() -> None:
    """And no number is too large to be cubed."""
    limiter = RateLimiter()
    start = steady(10.0, 10.0, limiter=limiter)
    limiter.record(start, throttled=True)
    now = start + 400 * 86_400.0
    turns = 0
    while limiter.reserve(now) == 0.0:
        turns += 1
    assert turns == 7
    limiter.record(now, throttled=False)
    assert limiter.rate is not None
    assert 0.5 <= limiter.rate <= 2 * limiter._measured


def test_only_a_rounding_error_is_not_waited_for() -> None:
    """Half a microsecond early is in time, 10 microseconds are not, and what is taken early is missing afterwards."""
    limiter = RateLimiter()
    limiter.record(0.0, throttled=True)
    assert limiter.reserve(2.0 - 10e-6) == pytest.approx(10e-6)
    assert limiter.reserve(2.0 - 0.5e-6) == 0.0
    assert limiter.reserve(2.0) == pytest.approx(2.0, abs=1e-9)


def test_requests_go_out_at_the_limit() -> None:
    """Who asks, waits what he is told and asks again, gets 7 turns a second: no more, and no fewer."""
    limiter = RateLimiter()
    start = now = steady(10.0, 10.0, limiter=limiter)
    limiter.record(now, throttled=True)
    while limiter.reserve(now) == 0.0:
        pass
    for _ in range(7000):
        while wait := limiter.reserve(now):
            now += wait
    assert now - start == pytest.approx(1000.0, rel=0.001)


async def test_waiters_go_in_order(fake_time: FakeTime) -> None:
    """First come, first served, one every 2 seconds."""
    start = fake_time.now
    pace = at_the_least(start)
    went: list[tuple[int, float]] = []

    async def go(number: int) -> None:
        await pace.wait(fake_time.clock())
        went.append((number, fake_time.now - start))

    await asyncio.gather(*(go(number) for number in range(20)))
    assert [number for number, _ in went] == list(range(20))
    assert [when for _, when in went] == pytest.approx([2.0 * (turn + 1) for turn in range(20)])


async def test_nobody_jumps_the_queue(fake_time: FakeTime) -> None:
    """Not even who comes when there is a turn to be had, and the one whose it is has been called but not yet woken."""
    pace = at_the_least(fake_time.now)
    went: list[str] = []

    async def go(name: str) -> None:
        await pace.wait(fake_time.clock())
        went.append(name)

    async def go_twice() -> None:
        await go("first")
        fake_time.now += 10.0
        await go("first again")

    await asyncio.gather(go_twice(), go("second"), go("third"))
    assert went == ["first", "second", "third", "first again"]


@pytest.mark.parametrize("cancelled", [0, 1, 2])
async def test_a_cancelled_waiter_takes_no_turn(cancelled: int, fake_time: FakeTime) -> None:
    """Whether it is the one that sleeps or stands behind it: the others go as if it had never come."""
    start = fake_time.now
    pace = at_the_least(start)
    went: list[float] = []

    async def go() -> None:
        await pace.wait(fake_time.clock())
        went.append(fake_time.now - start)

    tasks = [asyncio.create_task(go()) for _ in range(3)]
    await asyncio.sleep(0)
    tasks[cancelled].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert [task.cancelled() for task in tasks] == [number == cancelled for number in range(3)]
    assert went == pytest.approx([2.0, 4.0])
    await go()
    assert went[2:] == pytest.approx([6.0])


@_SETTINGS
@given(cancels=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 7)), max_size=8))
def test_cancelling_at_any_moment_blocks_nobody(cancels: list[tuple[int, int]]) -> None:
    """Whoever is cancelled after whatever number of steps: the rest go in order, every 2 seconds."""

    async def run() -> None:
        fake_time = FakeTime(start=0.0)
        pace = at_the_least()
        went: list[tuple[int, float]] = []

        async def go(number: int) -> None:
            await pace.wait(fake_time.clock())
            went.append((number, fake_time.now))

        tasks = [asyncio.create_task(go(number)) for number in range(8)]
        for steps, number in cancels:
            for _ in range(steps):
                await asyncio.sleep(0)
            tasks[number].cancel()
        async with asyncio.timeout(60):
            await asyncio.gather(*tasks, return_exceptions=True)
        assert [number for number, _ in went] == [number for number in range(8) if not tasks[number].cancelled()]
        assert [when for _, when in went] == pytest.approx([2.0 * (turn + 1) for turn in range(len(went))])

    asyncio.run(run())


async def test_a_sleep_that_ends_early_is_slept_again(fake_time: FakeTime) -> None:
    """A turn is taken when there is one, and not when a sleep is over."""
    start = fake_time.now
    pace = at_the_least(start)
    clock = fake_time.clock()

    async def half(seconds: float) -> None:
        await fake_time.sleep(seconds / 2 if len(fake_time.slept) < 5 else seconds)

    object.__setattr__(clock, "sleep", half)
    await pace.wait(clock)
    assert fake_time.now - start == pytest.approx(2.0)
    assert len(fake_time.slept) == 6


def test_it_outlives_an_event_loop(fake_time: FakeTime) -> None:
    """Made outside of any, and used in one after the other."""
    pace = Pace()
    asyncio.run(pace.wait(fake_time.clock()))
    pace.limiter.record(fake_time.now, throttled=True)
    asyncio.run(pace.wait(fake_time.clock()))
    asyncio.run(pace.wait(fake_time.clock()))
    assert sum(fake_time.slept) == pytest.approx(4.0)


async def test_ten_thousand_are_small(fake_time: FakeTime) -> None:
    """Used but never throttled, each is less than half a kilobyte, and has no queue."""
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

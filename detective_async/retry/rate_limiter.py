"""The client-side rate limiter of the AWS SDKs' "adaptive" retry mode.

The first throttled response sets a limit of 0.7 of the measured rate of responses. The limit then grows along the CUBIC
curve: fast at first, slowly near the rate at which the service throttled, then increasingly fast. It never exceeds
twice the measured rate. Every further throttled response restarts the curve.
"""

import asyncio
import math
from contextlib import suppress

from attrs import define, field

from detective_async.settings.clock import Clock

#: The part of the rate that remains after a throttled response.
_BETA = 0.7
#: The steepness of the curve.
_SCALE = 0.4
#: The weight of the newest measurement.
_SMOOTHING = 0.8
#: The maximum number of measurements per second.
_MEASUREMENTS = 2
_MIN_RATE = 0.5
#: The maximum ratio of the limit to the measured rate.
_MAX_LEAD = 2.0
#: Shorter waits, in seconds, are rounding errors of clock readings and count as none; else they would repeat.
_NEGLIGIBLE = 1e-6


@define(eq=False, weakref_slot=False)
class RateLimiter:
    """The rate limit of one account and region. Reads no clock: `now` is in seconds of a monotonic clock."""

    _limited: bool = field(default=False, init=False)
    # A token bucket that fills at the allowed rate, up to one second's tokens; it fills from the start, as in the SDKs.
    _rate: float = field(default=1.0, init=False)
    _tokens: float = field(default=0.0, init=False)
    _filled_at: float | None = field(default=None, init=False)
    # The measured rate, and the number of responses since the last measurement.
    _measured: float = field(default=0.0, init=False)
    _measured_at: float = field(default=0.0, init=False)
    _responses: int = field(default=0, init=False)
    # The rate at which the curve is level, and the time at which it started.
    _plateau: float = field(default=0.0, init=False)
    _curve_started_at: float = field(default=0.0, init=False)

    @property
    def rate(self) -> float | None:
        """The allowed requests per second; None (no limit) before the first throttled response."""
        return self._rate if self._limited else None

    def reserve(self, now: float) -> float:
        """Take a token for one request.

        Returns:
            0 if a token was taken; otherwise the seconds to wait before the next try.
        """
        self._fill(now)
        if not self._limited:
            return 0.0
        wait = (1.0 - self._tokens) / self._rate
        if wait > _NEGLIGIBLE:
            return wait
        # May become slightly negative, so that tokens that were taken early do not add up.
        self._tokens -= 1.0
        return 0.0

    def record(self, now: float, *, throttled: bool) -> None:
        """Record a response: measure the rate and adjust the limit."""
        # The tokens until now are added at the old rate.
        self._fill(now)
        self._measure(now)
        if throttled:
            self._plateau = min(self._measured, self._rate) if self._limited else self._measured
            self._curve_started_at = now
            self._limited = True
        self._rate = max(_MIN_RATE, min(self._curve(now), _MAX_LEAD * self._measured))
        self._tokens = min(self._tokens, self._capacity)

    @property
    def _capacity(self) -> float:
        return max(1.0, self._rate)

    def _fill(self, now: float) -> None:
        if self._filled_at is None:
            self._curve_started_at = now
            self._measured_at = math.floor(now)
        else:
            self._tokens = min(self._capacity, self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now

    def _measure(self, now: float) -> None:
        self._responses += 1
        measured_at = math.floor(now * _MEASUREMENTS) / _MEASUREMENTS
        if measured_at > self._measured_at:
            newest = self._responses / (measured_at - self._measured_at)
            self._measured = _SMOOTHING * newest + (1.0 - _SMOOTHING) * self._measured
            self._measured_at = measured_at
            self._responses = 0

    def _curve(self, now: float) -> float:
        # Chosen so that the curve starts at 0.7 of the plateau.
        levels_after = math.cbrt(self._plateau * (1.0 - _BETA) / _SCALE)
        return self._plateau + _SCALE * (now - self._curve_started_at - levels_after) ** 3


@define(eq=False, weakref_slot=False)
class Pace:
    """A rate limiter, and the queue of the calls that wait for it.

    Attributes:
        limiter: the rate limiter.
    """

    limiter: RateLimiter = field(factory=RateLimiter, init=False)
    # The event loop that the queue belongs to, and the queue: made when a call has to wait, since most accounts are
    # never throttled, and there may be thousands.
    _queue: tuple[asyncio.AbstractEventLoop, asyncio.Lock] | None = field(default=None, init=False)
    # The sleep of the first call of the queue; the others wait for their turn.
    _sleep: asyncio.Timeout | None = field(default=None, init=False)

    async def wait(self, clock: Clock) -> None:
        """Wait for a token and take it, in the order of the calls; a cancelled call takes none."""
        if self._queue is None and not self.limiter.reserve(clock.monotonic()):
            return
        async with self._lock():
            while delay := self.limiter.reserve(clock.monotonic()):
                with suppress(TimeoutError):
                    async with asyncio.timeout(None) as self._sleep:
                        await clock.sleep(delay)
                self._sleep = None

    def record(self, now: float, *, throttled: bool) -> None:
        """Record a response; every one must be recorded.

        Args:
            now: seconds of a monotonic clock.
            throttled: whether the service refused because of the rate.
        """
        before = self.limiter.rate
        self.limiter.record(now, throttled=throttled)
        sleep, rate = self._sleep, self.limiter.rate
        if sleep is not None and before is not None and rate is not None and rate > before:
            # The sleep was computed at the old rate. Ending it makes its call compute it again.
            self._sleep = None
            sleep.reschedule(0.0)

    def _lock(self) -> asyncio.Lock:
        loop = asyncio.get_running_loop()
        if self._queue is None or self._queue[0] is not loop:
            self._queue = loop, asyncio.Lock()
        return self._queue[1]

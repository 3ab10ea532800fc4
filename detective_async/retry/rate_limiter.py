"""How fast to send: what the AWS SDKs' "adaptive" retry mode adds to "standard", a rate limit of the client's own.

The first throttled answer sets a limit, at 0.7 of the rate at which answers came until then. From there it rises by
the CUBIC curve: fast at first, level around the rate that was too much, then faster and faster. It never exceeds twice
the measured rate, and every further throttled answer starts the curve anew.
"""

import asyncio
import math

from attrs import define, field

from detective_async.settings.clock import Clock

#: What is left of the rate after a throttled answer.
_BETA = 0.7
#: How steep the curve is.
_SCALE = 0.4
#: The weight of the newest measurement.
_SMOOTHING = 0.8
#: How many measurements a second are taken at most.
_MEASUREMENTS = 2
_MIN_RATE = 0.5
#: How far the limit may be above the measured rate.
_MAX_LEAD = 2.0
#: A wait that is shorter, in seconds, is none: it comes from the rounding of clock readings, and would repeat itself.
_NEGLIGIBLE = 1e-6


@define(eq=False, weakref_slot=False)
class RateLimiter:
    """The limit of one account and region. Pure: it is told the time, in seconds of a clock that never goes back."""

    _limited: bool = field(default=False, init=False)
    # A bucket of turns that fills at the allowed rate, up to a second's worth; from the start, as in the AWS SDKs.
    _rate: float = field(default=1.0, init=False)
    _turns: float = field(default=0.0, init=False)
    _filled_at: float | None = field(default=None, init=False)
    # The measured rate, and the answers since it was last measured.
    _measured: float = field(default=0.0, init=False)
    _measured_at: float = field(default=0.0, init=False)
    _answers: int = field(default=0, init=False)
    # Where the curve levels, and when it began.
    _plateau: float = field(default=0.0, init=False)
    _began_at: float = field(default=0.0, init=False)

    @property
    def rate(self) -> float | None:
        """The requests a second that are allowed now; None, no limit, before the first throttled answer."""
        return self._rate if self._limited else None

    def reserve(self, now: float) -> float:
        """Take the turn of one request.

        Returns:
            0 where it was taken. Otherwise nothing was, and it is the seconds to wait before asking again.
        """
        self._fill(now)
        if not self._limited:
            return 0.0
        wait = (1.0 - self._turns) / self._rate
        if wait > _NEGLIGIBLE:
            return wait
        # A turn that was taken early leaves less than none, so that many such do not add up.
        self._turns -= 1.0
        return 0.0

    def record(self, now: float, *, throttled: bool) -> None:
        """Take note of an answer: measure the rate and adjust what is allowed."""
        # What came in until now came in at the old rate.
        self._fill(now)
        self._measure(now)
        if throttled:
            self._plateau = min(self._measured, self._rate) if self._limited else self._measured
            self._began_at = now
            self._limited = True
        self._rate = max(_MIN_RATE, min(self._curve(now), _MAX_LEAD * self._measured))
        self._turns = min(self._turns, self._capacity)

    @property
    def _capacity(self) -> float:
        return max(1.0, self._rate)

    def _fill(self, now: float) -> None:
        if self._filled_at is None:
            self._began_at = now
            self._measured_at = math.floor(now)
        else:
            self._turns = min(self._capacity, self._turns + (now - self._filled_at) * self._rate)
        self._filled_at = now

    def _measure(self, now: float) -> None:
        self._answers += 1
        measured_at = math.floor(now * _MEASUREMENTS) / _MEASUREMENTS
        if measured_at > self._measured_at:
            newest = self._answers / (measured_at - self._measured_at)
            self._measured = _SMOOTHING * newest + (1.0 - _SMOOTHING) * self._measured
            self._measured_at = measured_at
            self._answers = 0

    def _curve(self, now: float) -> float:
        # So that it begins at 0.7 of the plateau.
        levels_after = math.cbrt(self._plateau * (1.0 - _BETA) / _SCALE)
        return self._plateau + _SCALE * (now - self._began_at - levels_after) ** 3


@define(eq=False, weakref_slot=False)
class Pace:
    """A rate limiter and the queue before it.

    Attributes:
        limiter: whose turns are waited for; it wants to be told of every answer.
    """

    limiter: RateLimiter = field(factory=RateLimiter, init=False)
    # There is none until somebody has to wait: most are never throttled, and there may be thousands.
    _queue: asyncio.Lock | None = field(default=None, init=False)

    async def wait(self, clock: Clock) -> None:
        """Wait for a turn and take it. First come, first served; who is cancelled has taken none."""
        if self._queue is None:
            if not self.limiter.reserve(clock.monotonic()):
                return
            self._queue = asyncio.Lock()
        async with self._queue:
            while delay := self.limiter.reserve(clock.monotonic()):
                await clock.sleep(delay)

"""Stand-ins for time and chance."""

import asyncio
import time

from detective_async import Clock


class FakeTime:
    """A clock that moves only when somebody sleeps on it; what was slept is on record."""

    def __init__(self, start: float = 1_440_938_160.0) -> None:
        self.now = start
        self.slept: list[float] = []
        self.random = 1.0

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        # A real sleep lets others run, and lets a cancellation in.
        await asyncio.sleep(0)

    def clock(self, *, real_dates: bool = False) -> Clock:
        """Give a clock on this time; with real dates, its signatures pass a server that looks at them."""
        return Clock(
            time=time.time if real_dates else lambda: self.now,
            monotonic=lambda: self.now,
            sleep=self.sleep,
            random=lambda: self.random,
        )

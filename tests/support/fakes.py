"""Fake time and randomness."""

import asyncio
import time

from detective_async import Clock


class FakeTime:
    """A clock that advances only by its own sleeps, and records them."""

    def __init__(self, start: float = 1_440_938_160.0) -> None:
        self.now = start
        self.slept: list[float] = []
        self.random = 1.0

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        # A real sleep lets other tasks run, and can be cancelled.
        await asyncio.sleep(0)

    def clock(self, *, real_dates: bool = False) -> Clock:
        """Return a clock with this time; with real dates, a server accepts its signatures."""
        return Clock(
            time=time.time if real_dates else lambda: self.now,
            monotonic=lambda: self.now,
            sleep=self.sleep,
            random=lambda: self.random,
        )

"""Time, twice: the wall clock that signatures are judged by, and the virtual one that the service lives by."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from attrs import define, field


@define
class Clock:
    """A clock that runs in real time and can be pushed forward.

    Only the virtual time moves with `advance`. Clients sign with a clock that the simulator cannot move, so their
    signatures would all be rejected as too old if they were judged by virtual time.

    Args:
        source: seconds since the epoch, such as `time.time`.
    """

    source: Callable[[], float] = time.time
    _offset: timedelta = field(factory=timedelta, init=False)

    def wall(self) -> datetime:
        """Return the time by which signatures are judged."""
        return datetime.fromtimestamp(self.source(), UTC)

    def now(self) -> datetime:
        """Return the virtual time."""
        return self.wall() + self._offset

    def advance(self, seconds: float) -> None:
        """Push the virtual time forward; time never goes back."""
        if not 0 <= seconds < float("inf"):
            raise ValueError(f"seconds must be zero or more, got {seconds!r}")
        self._offset += timedelta(seconds=seconds)

"""Two times: the wall clock for checking signatures, and the virtual time of the services."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from attrs import define, field

from detective_async.testing.world.errors import NotAllowedError

_CENTURY = 100 * 366 * 86400
# Later times leave no room for what is added to them.
_LATEST = datetime(9001, 1, 1, tzinfo=UTC)


@define
class Clock:
    """A clock that runs in real time, and whose virtual time can be advanced.

    Signatures are checked against the wall clock: clients sign with a clock that the simulator cannot advance, so
    against the virtual time all their signatures would have expired.
    """

    # Returns seconds since the epoch.
    source: Callable[[], float] = time.time
    _offset: timedelta = field(factory=timedelta, init=False)

    def wall(self) -> datetime:
        """Return the time for checking signatures."""
        return datetime.fromtimestamp(self.source(), UTC)

    def now(self) -> datetime:
        """Return the virtual time."""
        return self.wall() + self._offset

    @property
    def behind(self) -> timedelta:
        """By how much the virtual time is behind the wall clock, which is that of clients; zero if it is ahead."""
        return max(-self._offset, timedelta(0))

    def set(self, now: datetime) -> None:
        """Set the virtual time, also to an earlier one; only for a world of that time."""
        self._offset = now - self.wall()

    def follow_wall(self) -> None:
        """Let the virtual time be that of the wall clock again, as at first; only for a world without a past."""
        self._offset = timedelta(0)

    def advance(self, seconds: float) -> None:
        """Advance the virtual time by zero or more seconds; it does not go back."""
        if seconds and self.wall() + self._offset > _LATEST - timedelta(seconds=min(seconds, _CENTURY)):
            raise NotAllowedError(
                f"seconds: the virtual time must stay before the year {_LATEST.year}, got {seconds!r}"
            )
        self._offset += timedelta(seconds=seconds)

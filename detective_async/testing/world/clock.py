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
    _latest: datetime | None = field(default=None, init=False)

    def wall(self) -> datetime:
        """Return the time for checking signatures."""
        return datetime.fromtimestamp(self.source(), UTC)

    def now(self) -> datetime:
        """Return the virtual time, which does not go back when the wall clock does."""
        now = self.wall() + self._offset
        if self._latest is not None and now < self._latest:
            self._offset += self._latest - now
            now = self._latest
        self._latest = now
        return now

    @property
    def ahead(self) -> timedelta:
        """By how much the virtual time is ahead of the wall clock, which is that of clients; negative if behind."""
        return self._offset

    def set(self, now: datetime) -> None:
        """Set the virtual time, also to an earlier one; only for a world of that time."""
        self._offset, self._latest = now - self.wall(), now

    def follow_wall(self) -> None:
        """Let the virtual time be that of the wall clock again, as at first; only for a world without a past."""
        self._offset, self._latest = timedelta(0), None

    def advance(self, seconds: float) -> None:
        """Advance the virtual time by zero or more seconds; it does not go back."""
        if seconds and self.wall() + self._offset > _LATEST - timedelta(seconds=min(seconds, _CENTURY)):
            raise NotAllowedError(
                f"seconds: the virtual time must stay before the year {_LATEST.year}, got {seconds!r}"
            )
        self._offset += timedelta(seconds=seconds)

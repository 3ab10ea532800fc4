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
    def ahead(self) -> timedelta:
        """By how much the virtual time is ahead of the wall clock."""
        return self._offset

    def set_ahead(self, ahead: timedelta) -> None:
        """Go back to a virtual time by what was `ahead` then; only for a world of that time."""
        self._offset = ahead

    def advance(self, seconds: float) -> None:
        """Advance the virtual time by zero or more seconds; it does not go back."""
        if seconds and self.wall() + self._offset > _LATEST - timedelta(seconds=min(seconds, _CENTURY)):
            raise NotAllowedError(
                f"seconds: the virtual time must stay before the year {_LATEST.year}, got {seconds!r}"
            )
        self._offset += timedelta(seconds=seconds)

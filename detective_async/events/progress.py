"""The progress of a large job."""

from collections.abc import Callable

from attrs import define, field, frozen

from detective_async.events import emit


@frozen(kw_only=True)
class ProgressEvent:
    """A part of a large job has ended.

    Attributes:
        done: the number of parts that have ended, including those that failed.
        failed: the number of parts that failed.
        total: the number of all parts; None if it is not known before the end.
        elapsed: seconds since the start of the job.
    """

    done: int
    failed: int
    total: int | None
    elapsed: float

    @property
    def rate(self) -> float:
        """The average number of parts per second."""
        return self.done / self.elapsed if self.elapsed > 0 else 0.0


ProgressCallback = Callable[[ProgressEvent], object]


@define(eq=False)
class ProgressCounter:
    """Counts the parts of a large job that have ended, and calls a progress callback.

    Attributes:
        callback: receives an event for each part, or None.
        total: the number of all parts; None if it is not known.
        now: returns the seconds of a monotonic clock.
    """

    callback: ProgressCallback | None
    total: int | None
    now: Callable[[], float]
    _started_at: float = field(init=False)
    _done: int = field(init=False, default=0)
    _failed: int = field(init=False, default=0)

    def __attrs_post_init__(self) -> None:
        self._started_at = self.now()

    def add(self, *, failed: bool) -> None:
        """Count a part that has ended."""
        self._done += 1
        self._failed += failed
        if self.callback is not None:
            elapsed = self.now() - self._started_at
            event = ProgressEvent(done=self._done, failed=self._failed, total=self.total, elapsed=elapsed)
            emit((self.callback,), event)

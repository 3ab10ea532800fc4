"""What callbacks are told: of each attempt, of each wait between two attempts, of the progress of a large job."""

import inspect
import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

from attrs import define, field, frozen

_logger = logging.getLogger("detective_async")


@frozen(kw_only=True)
class AttemptEvent:
    """One attempt has ended.

    Attributes:
        operation: the API operation, such as `ListMembers`.
        region: where it was sent.
        attempt: which attempt, from 1.
        max_attempts: how many there may be.
        elapsed: seconds it took.
        status: the HTTP status, or None where no answer came.
        request_id: AWS's id of the request, or None.
        error_code: AWS's error code, or the class of a transport error; None for success.
    """

    operation: str
    region: str
    attempt: int
    max_attempts: int
    elapsed: float
    status: int | None = None
    request_id: str | None = None
    error_code: str | None = None


@frozen(kw_only=True)
class RetryEvent:
    """An attempt failed and another one will follow after a wait.

    Attributes:
        operation: the API operation, such as `ListMembers`.
        region: where it was sent.
        attempt: which attempt failed, from 1.
        max_attempts: how many there may be.
        delay: seconds until the next one.
        error_code: AWS's error code, or the class of a transport error.
    """

    operation: str
    region: str
    attempt: int
    max_attempts: int
    delay: float
    error_code: str


@frozen(kw_only=True)
class ProgressEvent:
    """One more part of a large job has ended.

    Attributes:
        done: how many parts have ended, those that failed included.
        failed: how many of them failed.
        total: how many there are; None where nobody knows before the end.
        elapsed: seconds since the job began.
    """

    done: int
    failed: int
    total: int | None
    elapsed: float

    @property
    def rate(self) -> float:
        """Parts per second so far."""
        return self.done / self.elapsed if self.elapsed > 0 else 0.0


Event = AttemptEvent | RetryEvent
Hook = Callable[[Event], object]
ProgressCallback = Callable[[ProgressEvent], object]

T = TypeVar("T")


def emit(hooks: Iterable[Callable[[T], object]], event: T) -> None:
    """Tell every hook; one that raises is logged and never fails what it watches."""
    for hook in hooks:
        try:
            hook(event)
        except Exception:
            _logger.exception("a hook failed on %s", type(event).__name__)


@define(eq=False)
class Tally:
    """Counts the parts of a large job that have ended, and tells whoever wants to know.

    Attributes:
        callback: is told of each; None for nobody.
        total: how many parts there are; None where nobody knows.
        now: seconds that never go back.
    """

    callback: ProgressCallback | None
    total: int | None
    now: Callable[[], float]
    _began: float = field(init=False)
    _done: int = field(init=False, default=0)
    _failed: int = field(init=False, default=0)

    def __attrs_post_init__(self) -> None:
        self._began = self.now()

    def add(self, *, failed: bool) -> None:
        """Count one more."""
        self._done += 1
        self._failed += failed
        if self.callback is not None:
            elapsed = self.now() - self._began
            event = ProgressEvent(done=self._done, failed=self._failed, total=self.total, elapsed=elapsed)
            emit((self.callback,), event)


def is_plain_callable(value: object) -> bool:
    """Tell whether it can be told of events; what a coroutine function gives would never be awaited."""
    return callable(value) and not inspect.iscoroutinefunction(value)

"""What hooks are told: one frozen event per attempt and one per wait between two attempts."""

import logging
from collections.abc import Callable, Iterable

from attrs import frozen

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


Event = AttemptEvent | RetryEvent
Hook = Callable[[Event], object]


def emit(hooks: Iterable[Hook], event: Event) -> None:
    """Tell every hook; one that raises is logged and never fails the call that it watches."""
    for hook in hooks:
        try:
            hook(event)
        except Exception:
            _logger.exception("a hook failed on %s", type(event).__name__)

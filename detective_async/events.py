"""The events that hooks and callbacks receive: calls, attempts, retries, and the progress of a large job."""

import inspect
import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

from attrs import define, field, frozen

from detective_async.errors import ConfigurationError

_logger = logging.getLogger("detective_async")


@frozen(kw_only=True)
class CallStart:
    """A call starts: for hooks that have a method `on_start`.

    Both `on_start` and the hook's call with the `CallEvent`, which always follows, run in the task of the call. So a
    context variable that is set at the start is set during the whole call, and can be reset at its end.

    Attributes:
        operation: the API operation, such as `ListMembers`.
        service: the service's name in signatures: `detective`, or `sts` when a role is assumed.
        account: the account of the credentials, if it is known before they are fetched; else None.
        region: the region that is called.
        endpoint_url: the URL that is called.
        invocation_id: the same for all events of the call.
        headers: empty. Headers that a hook adds, such as a trace id, are sent with each attempt, unsigned. Headers of
            the request itself or of AWS's signature are ignored, and so are malformed ones.
    """

    operation: str
    service: str
    account: str | None
    region: str
    endpoint_url: str
    invocation_id: str
    headers: dict[str, str] = field(factory=dict)


@frozen(kw_only=True)
class AttemptEvent:
    """One attempt has ended.

    Attributes:
        operation: the API operation, such as `ListMembers`.
        account: the account of the credentials; None if it is not known.
        region: the region that was called.
        invocation_id: the same for all events of a call; sent to AWS as `amz-sdk-invocation-id`.
        attempt: the attempt's number, from 1.
        max_attempts: the maximum number of attempts.
        waited: seconds between the previous attempt and this one.
        elapsed: seconds that the attempt took.
        status: the HTTP status; None without a response.
        request_id: AWS's id of the request, or None.
        error_code: AWS's error code, or the class of a transport error; None for success.
        throttled: whether the service throttled the request.
        request_bytes: the size of the request's body.
        response_bytes: the size of the response's body after decompression; None without a response, or if it exceeds
            the limit.
    """

    operation: str
    account: str | None
    region: str
    invocation_id: str
    attempt: int
    max_attempts: int
    waited: float
    elapsed: float
    status: int | None = None
    request_id: str | None = None
    error_code: str | None = None
    throttled: bool = False
    request_bytes: int = 0
    response_bytes: int | None = None


@frozen(kw_only=True)
class RetryEvent:
    """An attempt failed, and another one will follow after a delay.

    Attributes:
        operation: the API operation, such as `ListMembers`.
        account: the account of the credentials; None if it is not known.
        region: the region that was called.
        invocation_id: the same for all events of a call.
        attempt: the number of the attempt that failed, from 1.
        max_attempts: the maximum number of attempts.
        delay: seconds until the next attempt.
        error_code: AWS's error code, or the class of a transport error.
    """

    operation: str
    account: str | None
    region: str
    invocation_id: str
    attempt: int
    max_attempts: int
    delay: float
    error_code: str


@frozen(kw_only=True)
class CallEvent:
    """A call has ended, successfully or not. There is no event for a call with invalid parameters.

    Attributes:
        operation: the API operation, such as `ListMembers`.
        account: the account of the credentials; None if it is not known.
        region: the region that was called.
        invocation_id: the same for all events of the call.
        attempts: the number of attempts; 0 if the call ended before the first one.
        elapsed: seconds from the start to the end of the call, including credentials, queueing and delays.
        waited: seconds of them that were delays between attempts.
        status: the HTTP status of the last attempt; None without a response.
        request_id: AWS's id of the last attempt, or None.
        error_code: AWS's error code, or the class of the exception, including `CancelledError`; None for success.
        request_bytes: the size of the request's body.
        response_bytes: the size of the last response's body after decompression; None without a response, or if it
            exceeds the limit.
        retry_quota: the rest of the retry quota of the account in the region, of 500.
    """

    operation: str
    account: str | None
    region: str
    invocation_id: str
    attempts: int
    elapsed: float
    waited: float
    status: int | None
    request_id: str | None
    error_code: str | None
    request_bytes: int
    response_bytes: int | None
    retry_quota: int


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


Event = AttemptEvent | RetryEvent | CallEvent
Hook = Callable[[Event], object]
ProgressCallback = Callable[[ProgressEvent], object]

T = TypeVar("T")


def emit(hooks: Iterable[Callable[[T], object]], event: T) -> None:
    """Call every hook with an event; an exception from a hook is logged and not raised."""
    for hook in hooks:
        try:
            hook(event)
        except Exception:
            _logger.exception("a hook failed on %s", type(event).__name__)


def emit_start(hooks: Iterable[Hook], start: CallStart) -> None:
    """Call the `on_start` of every hook that has one."""
    emit([on_start for hook in hooks if (on_start := getattr(hook, "on_start", None)) is not None], start)


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


def is_plain_callable(value: object) -> bool:
    """Return whether a value is callable and not asynchronous: then its result would never be awaited."""
    try:
        return callable(value) and not any(map(_is_async, (value, getattr(value, "__call__", None))))  # noqa: B004
    except Exception:  # noqa: BLE001 - an object of a user's may raise when it is asked for an attribute
        return False


def is_hook(value: object) -> bool:
    """Return whether a value is a plain callable, and its `on_start`, if it has one, too.

    A class whose instances are callable is not one: calling it would only make an instance.

    Raises:
        ConfigurationError: the value raises an error when it is asked for an attribute, as each call would ask it.
    """
    if isinstance(value, type) and any("__call__" in vars(base) for base in value.__mro__):
        return False
    try:
        on_start = getattr(value, "on_start", None)
    except Exception:  # noqa: BLE001 - it may be any class
        problem = f"hooks: expected plain callables, got {type(value).__name__}, which raises when asked for on_start"
    else:
        return is_plain_callable(value) and (on_start is None or is_plain_callable(on_start))
    raise ConfigurationError(problem)


def _is_async(value: object) -> bool:
    return inspect.iscoroutinefunction(value) or inspect.isasyncgenfunction(value)

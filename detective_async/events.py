"""What hooks and callbacks are told: of each call, attempt and wait, and of the progress of a large job."""

import inspect
import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

from attrs import define, field, frozen

_logger = logging.getLogger("detective_async")


@frozen(kw_only=True)
class CallStart:
    """A call begins: told to those hooks that have a method `on_start`.

    That is called in the task of the call, as the hook is for the call's `CallEvent`, which follows in any case: a
    context variable that is set at the start is set for all that the call does, and can be reset at its end.

    Attributes:
        operation: the API operation, such as `ListMembers`.
        service: whose it is, as requests are signed: `detective`, or `sts` where a role is assumed.
        account: the account in whose name it is made, as far as that is known before there are credentials.
        region: where it will be sent.
        endpoint_url: the URL of that.
        invocation_id: the same for all events of the call.
        headers: empty. What a hook adds is sent with each attempt, unsigned, such as a trace's id. Names that belong to
            the request itself or to AWS's signature are left out, and so is what is no header.
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
        account: the account in whose name it was made, or None where nobody said.
        region: where it was sent.
        invocation_id: the same for all events of a call; AWS has it too, as `amz-sdk-invocation-id`.
        attempt: which attempt, from 1.
        max_attempts: how many there may be.
        waited: seconds between the attempt before it and this one.
        elapsed: seconds it took.
        status: the HTTP status, or None where no answer came.
        request_id: AWS's id of the request, or None.
        error_code: AWS's error code, or the class of a transport error; None for success.
        throttled: whether the service refused it because there were too many.
        request_bytes: how large the request's body was.
        response_bytes: how large the answer's body was, unpacked; None where none came, or too much.
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
    """An attempt failed and another one will follow after a wait.

    Attributes:
        operation: the API operation, such as `ListMembers`.
        account: the account in whose name it was made, or None where nobody said.
        region: where it was sent.
        invocation_id: the same for all events of a call.
        attempt: which attempt failed, from 1.
        max_attempts: how many there may be.
        delay: seconds until the next one.
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
    """A call has ended, however it did; what was refused before anything could be sent is no call.

    Attributes:
        operation: the API operation, such as `ListMembers`.
        account: the account in whose name it was made, or None where nobody said.
        region: where it was sent.
        invocation_id: the same for all events of the call.
        attempts: how many attempts it took; 0 where it did not come to one.
        elapsed: seconds from its beginning, credentials, turns, attempts and waits included.
        waited: seconds of them that were waits between attempts.
        status: the HTTP status that the last attempt got, or None where it got none.
        request_id: AWS's id of the last attempt, or None.
        error_code: AWS's error code, or else the class of what was raised, `CancelledError` included; None for success.
        request_bytes: how large the request's body was.
        response_bytes: how large the body was that the last attempt got, unpacked; None where none came, or too much.
        retry_quota: what is left for retries of the account in the region, of 500.
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


Event = AttemptEvent | RetryEvent | CallEvent
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


def emit_start(hooks: Iterable[Hook], start: CallStart) -> None:
    """Tell those hooks that want to know of beginnings."""
    emit([on_start for hook in hooks if (on_start := getattr(hook, "on_start", None)) is not None], start)


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

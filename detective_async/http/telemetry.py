"""The events of one call: made from what the retry loop reports, passed to hooks and written as log lines."""

from attrs import asdict, define, field

from detective_async.auth import Credentials
from detective_async.auth.signing import unsigned
from detective_async.errors import ServiceError, TransportError, code_of
from detective_async.events import (
    AttemptEvent,
    CallEvent,
    CallStart,
    Event,
    Hook,
    RetryEvent,
    call_logger,
    emit,
    emit_start,
    retry_logger,
)
from detective_async.http.exchange import NoResponse, RawResponse
from detective_async.retry.policy import Attempts, FailureKind, failure_kind
from detective_async.settings.clock import Clock
from detective_async.settings.endpoints import Endpoint


@define(kw_only=True, eq=False)
class CallRecorder:
    """Reports one call to its hooks, of which `log` is one where log lines are read; made only where there are any.

    Attributes:
        headers: what the hooks add to each attempt, unsigned.
    """

    operation: str
    service: str
    endpoint: Endpoint
    account_id: str | None
    invocation_id: str
    attempts: Attempts
    request_bytes: int
    hooks: tuple[Hook, ...]
    clock: Clock
    headers: dict[str, str] = field(init=False, factory=dict)
    _account: str | None = field(init=False)
    _call_started: float = field(init=False)
    _attempt_started: float = field(init=False, default=0.0)
    _delay: float = field(init=False, default=0.0)
    _waited: float = field(init=False, default=0.0)
    _last: AttemptEvent | None = field(init=False, default=None)

    def start(self) -> None:
        """Report that the call has started."""
        self._account = self.account_id
        self._call_started = self.clock.monotonic()
        start = CallStart(
            operation=self.operation,
            service=self.service,
            account=self.account_id,
            region=self.endpoint.region,
            endpoint_url=self.endpoint.url,
            invocation_id=self.invocation_id,
        )
        emit_start(self.hooks, start)
        self.headers = unsigned(start.headers)

    def attempt_prepared(self, credentials: Credentials) -> None:
        """Note the account of an attempt that now waits for its turn."""
        self._last = None
        self._account = self.account_id or credentials.account_id

    def attempt_started(self) -> None:
        """Note when an attempt is sent."""
        self._attempt_started = self.clock.monotonic()

    def attempt_ended(self, raw: RawResponse | NoResponse, error: ServiceError | TransportError | None = None) -> None:
        """Report an attempt: its response, and the error made of that."""
        self._last = AttemptEvent(
            operation=self.operation,
            account=self._account,
            region=self.endpoint.region,
            invocation_id=self.invocation_id,
            attempt=self.attempts.count,
            max_attempts=self.attempts.max_attempts,
            waited=self._delay,
            elapsed=self.clock.monotonic() - self._attempt_started,
            status=raw.status if isinstance(raw, RawResponse) else None,
            request_id=_request_id(raw, error),
            error_code=None if error is None else code_of(error),
            throttled=error is not None and failure_kind(error) is FailureKind.THROTTLING,
            request_bytes=self.request_bytes,
            response_bytes=_size(raw),
        )
        self._delay = 0.0
        emit(self.hooks, self._last)

    def retry(self, error: ServiceError | TransportError, delay: float) -> None:
        """Report that another attempt will follow after a wait."""
        self._delay = delay
        self._waited += delay
        event = RetryEvent(
            operation=self.operation,
            account=self._account,
            region=self.endpoint.region,
            invocation_id=self.invocation_id,
            attempt=self.attempts.count,
            max_attempts=self.attempts.max_attempts,
            delay=delay,
            error_code=code_of(error),
        )
        emit(self.hooks, event)

    def end(self, error: BaseException | None = None) -> None:
        """Report that the call has ended, and how."""
        last = self._last
        event = CallEvent(
            operation=self.operation,
            account=self._account,
            region=self.endpoint.region,
            invocation_id=self.invocation_id,
            attempts=self.attempts.count,
            elapsed=self.clock.monotonic() - self._call_started,
            waited=self._waited,
            status=last.status if last else None,
            request_id=last.request_id if last else None,
            error_code=None if error is None else code_of(error),
            request_bytes=self.request_bytes,
            response_bytes=last.response_bytes if last else None,
            retry_quota=self.attempts.quota.available,
        )
        # In reverse, so that what several hooks set at the start and reset at the end is nested.
        emit(self.hooks[::-1], event)


def _size(raw: RawResponse | NoResponse) -> int | None:
    return len(raw.body) if isinstance(raw, RawResponse) and raw.body is not None else None


def _request_id(raw: RawResponse | NoResponse, error: ServiceError | TransportError | None) -> str | None:
    # An error's id has been redacted: servers may echo secrets.
    if isinstance(error, ServiceError):
        return error.request_id
    return raw.request_id if isinstance(raw, RawResponse) else None


def log(event: Event) -> None:
    """Write a log line, with the event's attributes as fields of the record."""
    extra = asdict(event)
    match event:
        case RetryEvent():
            retry_logger.info(
                "%s in %s: attempt %d of %d failed (%s), the next one follows in %.3f s",
                event.operation,
                event.region,
                event.attempt,
                event.max_attempts,
                event.error_code,
                event.delay,
                extra=extra,
            )
        case AttemptEvent():
            call_logger.debug(
                "%s in %s: attempt %d of %d took %.3f s: %s",
                event.operation,
                event.region,
                event.attempt,
                event.max_attempts,
                event.elapsed,
                event.error_code or event.status,
                extra=extra,
            )
        case _:
            call_logger.debug(
                "%s in %s: %s after %d attempts and %.3f s",
                event.operation,
                event.region,
                event.error_code or "done",
                event.attempts,
                event.elapsed,
                extra=extra,
            )

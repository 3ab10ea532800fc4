"""Events as log lines: calls and attempts on the logger `detective_async`, retries on `detective_async.retry`."""

import logging

from attrs import asdict

from detective_async.events import AttemptEvent, Event, Hook, RetryEvent

_calls = logging.getLogger("detective_async")
_retries = logging.getLogger("detective_async.retry")


def with_logs(hooks: tuple[Hook, ...]) -> tuple[Hook, ...]:
    """Add what writes log lines to the hooks, where somebody reads any."""
    return (*hooks, log) if _retries.isEnabledFor(logging.INFO) or _calls.isEnabledFor(logging.DEBUG) else hooks


def log(event: Event) -> None:
    """Write a line, with what the event knows as fields of the record.

    Calls and attempts are DEBUG, retries INFO: each of them is something that the service did not do at once.
    """
    extra = asdict(event)
    match event:
        case RetryEvent():
            _retries.info(
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
            _calls.debug(
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
            _calls.debug(
                "%s in %s: %s after %d attempts and %.3f s",
                event.operation,
                event.region,
                event.error_code or "done",
                event.attempts,
                event.elapsed,
                extra=extra,
            )

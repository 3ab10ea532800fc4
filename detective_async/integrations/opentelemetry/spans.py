"""A span for each call, with its attempts and waits as events."""

from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer

from detective_async.events import AttemptEvent, CallEvent, CallStart, RetryEvent
from detective_async.integrations.opentelemetry.attributes import Attributes, name_of, of_end, of_server


def begin(tracer: Tracer, start: CallStart, operation: Attributes) -> Span:
    """Begin the span of a call, as a child of the one that is current."""
    return tracer.start_span(
        name_of(start),
        kind=SpanKind.CLIENT,
        # All that is known by now, for samplers to go by.
        attributes={**operation, **of_server(start.endpoint_url)},
    )


def add_attempt(span: Span, event: AttemptEvent) -> None:
    """Note that an attempt has ended."""
    if span.is_recording():
        numbers = {"detective_async.attempt": event.attempt, "detective_async.elapsed": event.elapsed}
        span.add_event("detective_async.attempt", {**numbers, **of_end(event)})


def add_retry(span: Span, event: RetryEvent) -> None:
    """Note that a wait begins."""
    if span.is_recording():
        attributes: Attributes = {
            "detective_async.attempt": event.attempt,
            "detective_async.delay": event.delay,
            "error.type": event.error_code,
        }
        span.add_event("detective_async.retry", attributes)


def end(span: Span, event: CallEvent) -> None:
    """End the span of a call."""
    if span.is_recording():
        attributes: Attributes = {
            "detective_async.attempts": event.attempts,
            "detective_async.waited": event.waited,
            "detective_async.retry_quota": event.retry_quota,
        }
        if event.account is not None:
            attributes["cloud.account.id"] = event.account
        span.set_attributes({**attributes, **of_end(event)})
        if event.error_code is not None:
            span.set_status(StatusCode.ERROR)
    span.end()

"""The span of a call, with its attempts and waits as span events."""

from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer

from detective_async.events import AttemptEvent, CallEvent, CallStart, RetryEvent
from detective_async.integrations.opentelemetry.attributes import (
    Attributes,
    result_attributes,
    server_attributes,
    span_name,
)


def start(tracer: Tracer, call: CallStart, operation: Attributes) -> Span:
    """Start the span of a call, as a child of the current span."""
    return tracer.start_span(
        span_name(call),
        kind=SpanKind.CLIENT,
        # At the start, so that samplers see them.
        attributes={**operation, **server_attributes(call.endpoint_url)},
    )


def add_attempt(span: Span, event: AttemptEvent) -> None:
    """Add an attempt that has ended."""
    if span.is_recording():
        numbers = {"detective_async.attempt": event.attempt, "detective_async.elapsed": event.elapsed}
        span.add_event("detective_async.attempt", {**numbers, **result_attributes(event)})


def add_retry(span: Span, event: RetryEvent) -> None:
    """Add a wait before a retry."""
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
        span.set_attributes({**attributes, **result_attributes(event)})
        if event.error_code is not None:
            span.set_status(StatusCode.ERROR)
    span.end()

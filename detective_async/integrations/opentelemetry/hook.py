"""The hook: turns a client's events into spans and metrics."""

from contextvars import Token
from typing import Any

from attrs import define
from opentelemetry import metrics, trace
from opentelemetry.context import Context, attach, create_key, detach, get_value, set_value
from opentelemetry.metrics import MeterProvider
from opentelemetry.propagators.textmap import Setter, TextMapPropagator
from opentelemetry.trace import Span, TracerProvider

from detective_async._version import __version__
from detective_async.events import AttemptEvent, CallEvent, CallStart, Event, RetryEvent
from detective_async.integrations.opentelemetry import spans
from detective_async.integrations.opentelemetry.attributes import (
    SCHEMA_URL,
    Attributes,
    duration_attributes,
    operation_attributes,
)
from detective_async.integrations.opentelemetry.metrics import Metrics

_NAME = "detective_async"


@define(eq=False)
class _Call:
    """A call in progress."""

    invocation_id: str
    operation: Attributes
    duration: Attributes
    span: Span
    token: Token[Context] | None = None
    attempts: int = 0


class _Headers(Setter[dict[str, str]]):
    """Writes a propagator's headers into those of a request."""

    def set(self, carrier: dict[str, str], key: str, value: str) -> None:
        """Set a header."""
        carrier[key] = value


class OpenTelemetryHook:
    """Creates a span for each call, and records metrics.

    The parent of the span is the span that is current where the call is made, also if a fleet, a paginator or `bulk`
    makes the call in a task of its own. During the call, its span is the current one: log records carry its ids, and
    spans of an instrumented aiohttp are its children, as is the span of an AssumeRole that the call needs. Attempts and
    waits are span events. A call that raises or is cancelled has the status ERROR. Spans contain only names, numbers
    and ids.

    Metrics count calls, attempts and throttles, and record durations and the retry quota. Only spans carry account ids,
    of which there may be thousands; the quota is the lowest one of all accounts in a region.

    One hook serves all clients of a program. Unpickled in another process, it uses the global providers there.

    Args:
        tracer_provider: creates the spans; None uses the global provider.
        meter_provider: creates the metrics; None uses the global provider.
        propagator: writes the trace's ids into unsigned request headers; None writes no headers. AWS reads only
            `X-Amzn-Trace-Id`, which `AwsXRayPropagator` writes. The global propagator is not the default: it usually
            writes the baggage too, which is not meant for AWS.
    """

    def __init__(
        self,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        *,
        propagator: TextMapPropagator | None = None,
    ) -> None:
        self._tracer = trace.get_tracer(_NAME, __version__, tracer_provider, SCHEMA_URL)
        self._metrics = Metrics(metrics.get_meter(_NAME, __version__, meter_provider, SCHEMA_URL))
        self._propagator = propagator
        # A call's state is kept in its own context, so that a call without an end event leaves nothing behind.
        self._key = create_key(_NAME)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (), {"_propagator": self._propagator}

    def on_start(self, start: CallStart) -> None:
        """Start the call's span, and make it the current one."""
        operation = operation_attributes(start)
        span = spans.start(self._tracer, start, operation)
        call = _Call(start.invocation_id, operation, duration_attributes(start), span)
        call.token = attach(set_value(self._key, call, trace.set_span_in_context(span)))
        if self._propagator is not None:
            self._propagator.inject(start.headers, setter=_Headers())

    def __call__(self, event: Event) -> None:
        """Record an attempt, a wait, or the end of a call."""
        call = get_value(self._key)
        if not isinstance(call, _Call) or call.invocation_id != event.invocation_id:
            # An abandoned call, closed by the garbage collector or the event loop in a context other than its own.
            return
        match event:
            case AttemptEvent():
                call.attempts += 1
                self._metrics.count_attempt(call.operation, event)
                spans.add_attempt(call.span, event)
            case RetryEvent():
                spans.add_retry(call.span, event)
            case _:
                self._end(call, event)

    def _end(self, call: _Call, event: CallEvent) -> None:
        assert call.token is not None  # noqa: S101 - set by on_start
        try:
            # While the span is current, so that the metrics' exemplars refer to it.
            unfinished = event.attempts - call.attempts
            self._metrics.count_call(call.operation, call.duration, event, unfinished=unfinished)
            spans.end(call.span, event)
        finally:
            # Even if the SDK raises: otherwise later spans of the task would be children of this call.
            detach(call.token)

"""The hook: what a client tells, in OpenTelemetry's terms."""

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
from detective_async.integrations.opentelemetry.attributes import Attributes, of_operation
from detective_async.integrations.opentelemetry.metrics import Metrics

_NAME = "detective_async"


@define(eq=False)
class _Call:
    """A call under way."""

    invocation_id: str
    operation: Attributes
    span: Span
    token: Token[Context] | None = None
    attempts: int = 0


class _Headers(Setter[dict[str, str]]):
    """Writes the headers of a request."""

    def set(self, carrier: dict[str, str], key: str, value: str) -> None:
        """Write one."""
        carrier[key] = value


class OpenTelemetryHook:
    """Makes a span of each call, and counts.

    The span is a child of the one that is current where the call is made, also where a fleet, a paginator or `bulk`
    makes it in a task of its own. While the call is under way it is the current one itself: log records carry its ids,
    and spans of what instruments aiohttp are below it, as is the AssumeRole that the call needed. Attempts and waits
    are its events, and a call that raises, a cancelled one too, is an error. Nothing is told but names, numbers and
    ids.

    Metrics count calls, attempts and throttles, and show durations and the quota of retries. Only spans tell accounts
    apart, of which there may be thousands; the quota is that of the account that has least left in a region.

    One is enough for all clients of a program. Sent to another process, it takes what is set globally there.

    Args:
        tracer_provider: makes the spans; None for the global one.
        meter_provider: takes the metrics; None for the global one.
        propagator: writes the trace's ids into the requests' headers, unsigned; None for no such headers. AWS reads
            `X-Amzn-Trace-Id`, which `AwsXRayPropagator` writes, and nothing else. The global one is not used by
            itself: as a rule it writes the baggage too, which is not for others.
    """

    def __init__(
        self,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        *,
        propagator: TextMapPropagator | None = None,
    ) -> None:
        self._tracer = trace.get_tracer(_NAME, __version__, tracer_provider)
        self._metrics = Metrics(metrics.get_meter(_NAME, __version__, meter_provider))
        self._propagator = propagator
        # What is known of a call lies in its own context, so that nothing is left of one whose end never comes.
        self._key = create_key(_NAME)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (), {"_propagator": self._propagator}

    def on_start(self, start: CallStart) -> None:
        """Begin the call's span, and make it the current one."""
        operation = of_operation(start)
        span = spans.begin(self._tracer, start, operation)
        call = _Call(start.invocation_id, operation, span)
        call.token = attach(set_value(self._key, call, trace.set_span_in_context(span)))
        if self._propagator is not None:
            self._propagator.inject(start.headers, setter=_Headers())

    def __call__(self, event: Event) -> None:
        """Take note of an attempt, a wait, or the call's end."""
        call = get_value(self._key)
        if not isinstance(call, _Call) or call.invocation_id != event.invocation_id:
            # A call that nobody awaits any more, closed by whoever clears up: its context is not this one.
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
        assert call.token is not None  # noqa: S101 - it was attached when it began
        try:
            # While its span is the current one, so that the metrics' exemplars are of it.
            self._metrics.count_call(call.operation, event, unfinished=event.attempts - call.attempts)
            spans.end(call.span, event)
        finally:
            # Whatever the SDK does, or all that the task does later would be below this call.
            detach(call.token)

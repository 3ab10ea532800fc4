"""A hook whose spans and metrics are kept in memory."""

from collections.abc import Sequence
from typing import Any

from attrs import frozen
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Sampler
from opentelemetry.trace import Span, SpanContext, Tracer
from support.fakes import FakeTime

from detective_async import ClientOptions
from detective_async.integrations.opentelemetry import OpenTelemetryHook
from detective_async.testing import DetectiveSimulator

HUB = "111122223333"
REGION = "eu-west-1"


@frozen(kw_only=True, eq=False)
class Recorded:
    """A hook, and the spans and metrics that it created."""

    hook: OpenTelemetryHook
    traces: TracerProvider
    exporter: InMemorySpanExporter
    reader: InMemoryMetricReader

    @property
    def tracer(self) -> Tracer:
        """A tracer for the caller's spans."""
        return self.traces.get_tracer("a program")

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        """All spans that have ended, in order."""
        return self.exporter.get_finished_spans()

    @property
    def calls(self) -> list[ReadableSpan]:
        """The hook's spans."""
        return [span for span in self.spans if span.name.startswith(("Detective.", "STS."))]

    def points(self, metric: str) -> list[Any]:
        """The data points of a metric."""
        data = self.reader.get_metrics_data()
        scopes = [scope for resource in data.resource_metrics for scope in resource.scope_metrics] if data else []
        metrics = [found for scope in scopes for found in scope.metrics if found.name == metric]
        return [point for found in metrics for point in found.data.data_points]

    def counted(self, metric: str) -> dict[tuple[Any, ...], Any]:
        """The counts of a metric, by operation and error."""
        return {
            (point.attributes["rpc.method"], point.attributes.get("error.type")): point.value
            for point in self.points(metric)
        }


def recording(sampler: Sampler = ALWAYS_ON, **options: Any) -> Recorded:
    """Create a hook with in-memory exporters."""
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    traces = TracerProvider(sampler, shutdown_on_exit=False)
    traces.add_span_processor(SimpleSpanProcessor(exporter))
    hook = OpenTelemetryHook(traces, MeterProvider([reader], shutdown_on_exit=False), **options)
    return Recorded(hook=hook, traces=traces, exporter=exporter, reader=reader)


def settings(recorded: Recorded, sim: DetectiveSimulator, fake_time: FakeTime) -> ClientOptions:
    """Return the options of a client or fleet of the administrator, whose waits take no time."""
    return {
        "region": REGION,
        "endpoint_url": sim.url,
        "credentials": sim.account(HUB),
        "hooks": [recorded.hook],
        "clock": fake_time.clock(real_dates=True),
    }


def id_of(span: ReadableSpan) -> SpanContext:
    """Return the span's context."""
    context = span.get_span_context()
    assert context is not None
    return context


def is_child(span: ReadableSpan, parent: ReadableSpan | Span) -> bool:
    """Return whether a span is the child of another."""
    return span.parent == parent.get_span_context()


def attributes_of(thing: Any) -> dict[str, Any]:
    """Return the attributes of a span, an event or a data point."""
    return dict(thing.attributes or {})

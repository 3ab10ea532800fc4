"""The hook without an SDK, with late, failing or sampling SDKs, and in other processes."""

import importlib
import pickle
import subprocess
import sys
import textwrap

import pytest
from integrations.opentelemetry.recorded import Recorded, recording, settings
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from support.fakes import FakeTime

from detective_async import DetectiveClient
from detective_async.integrations.opentelemetry import OpenTelemetryHook
from detective_async.testing import DetectiveSimulator, SimulatorThread

# In a process of its own: global providers can be set only once per process.
PROGRAM = """
import asyncio, sys
{setup}
from detective_async import DetectiveClient
from detective_async.integrations.opentelemetry import OpenTelemetryHook

hook = OpenTelemetryHook()
{afterwards}

async def main():
    async with DetectiveClient(region="eu-west-1", hooks=[hook]) as client:
        await client.list_graphs()

asyncio.run(main())
{end}
"""


def run(program: str, **parts: str) -> str:
    """Run a program against a simulator, and return its output."""
    source = program.format(**{name: textwrap.dedent(part) for name, part in parts.items()})
    with SimulatorThread() as sim:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", source],
            env=sim.environment("111122223333", region="eu-west-1"),
            capture_output=True,
            text=True,
            check=True,
        )
    assert not done.stderr
    return done.stdout


def test_without_sdk() -> None:
    """With OpenTelemetry's API alone, calls work as without the hook."""
    found = run(
        PROGRAM,
        setup='sys.modules["opentelemetry.sdk"] = None',
        afterwards="",
        end='print(*sorted(name for name in sys.modules if name.startswith("opentelemetry.sdk")))',
    )
    assert found == "opentelemetry.sdk\n"


def test_late_global_providers() -> None:
    """The global providers may be set after the hook is created."""
    found = run(
        PROGRAM,
        setup="""
            from opentelemetry import metrics, trace
            from opentelemetry.sdk.metrics import MeterProvider
            from opentelemetry.sdk.metrics.export import InMemoryMetricReader
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import SimpleSpanProcessor
            from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
            exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
        """,
        afterwards="""
            traces = TracerProvider()
            traces.add_span_processor(SimpleSpanProcessor(exporter))
            trace.set_tracer_provider(traces)
            metrics.set_meter_provider(MeterProvider([reader]))
        """,
        end="""
            print(*(span.name for span in exporter.get_finished_spans()))
            [resource] = reader.get_metrics_data().resource_metrics
            print(*sorted(metric.name for scope in resource.scope_metrics for metric in scope.metrics))
        """,
    )
    assert found.splitlines() == [
        "Detective.ListGraphs",
        "detective_async.attempts detective_async.calls detective_async.retry_quota rpc.client.call.duration",
    ]


def test_without_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The import error says what to install."""
    name = "detective_async.integrations.opentelemetry"
    for module in [module for module in sys.modules if module.startswith(name)]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    for module in [module for module in sys.modules if module.startswith("opentelemetry.")]:
        monkeypatch.delitem(sys.modules, module)
    with pytest.raises(ImportError, match=r'pip install "detective-async\[opentelemetry\]"'):
        importlib.import_module(name)


async def test_trace_is_not_sampled(sim: DetectiveSimulator, fake_time: FakeTime) -> None:
    """There are no spans, and the metrics are complete."""
    recorded = recording(ALWAYS_OFF)
    sim.throttle()
    async with DetectiveClient(**settings(recorded, sim, fake_time)) as client:
        await client.list_graphs()
    assert not recorded.spans
    assert recorded.counted("detective_async.calls") == {("ListGraphs", None): 1}


class _FailingAtStart(SpanProcessor):
    """A faulty span processor."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        raise RuntimeError(f"{span} {parent_context}")


class _FailingAtEnd(SpanProcessor):
    def on_end(self, span: ReadableSpan) -> None:
        raise RuntimeError(f"{span}")


@pytest.mark.parametrize("processor", [_FailingAtStart(), _FailingAtEnd()], ids=lambda one: type(one).__name__)
async def test_failing_sdk(
    processor: SpanProcessor, sim: DetectiveSimulator, fake_time: FakeTime, caplog: pytest.LogCaptureFixture
) -> None:
    """The call works, the exception is logged, and the current span is restored."""
    recorded = recording()
    recorded.traces.add_span_processor(processor)
    before = trace.get_current_span()
    async with DetectiveClient(**settings(recorded, sim, fake_time)) as client:
        assert (await client.list_graphs()).graph_list == []
    assert trace.get_current_span() is before
    [record] = caplog.records
    assert "a hook failed" in record.getMessage()


def test_pickle(recorded: Recorded) -> None:
    """The hook uses the other process's global providers, and keeps its propagator."""
    [hook] = pickle.loads(pickle.dumps([OpenTelemetryHook(recorded.traces)]))
    assert isinstance(hook, OpenTelemetryHook)
    hook = pickle.loads(pickle.dumps(OpenTelemetryHook(propagator=TraceContextTextMapPropagator())))
    assert isinstance(hook._propagator, TraceContextTextMapPropagator)

"""The hook among others: without an SDK, with one that is set up late or fails, not sampled, in other processes."""

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

# What is set globally can be set once in a process.
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
    """Run a program against a simulator, and give what it prints."""
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


def test_without_an_sdk() -> None:
    """With OpenTelemetry's API alone, calls are as they are without the hook."""
    found = run(
        PROGRAM,
        setup='sys.modules["opentelemetry.sdk"] = None',
        afterwards="",
        end='print(*sorted(name for name in sys.modules if name.startswith("opentelemetry.sdk")))',
    )
    assert found == "opentelemetry.sdk\n"


def test_an_sdk_that_is_set_up_late() -> None:
    """The hook may be made before the global providers are."""
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


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """To import it says what is missing, and what to do."""
    name = "detective_async.integrations.opentelemetry"
    for module in [module for module in sys.modules if module.startswith(name)]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    for module in [module for module in sys.modules if module.startswith("opentelemetry.")]:
        monkeypatch.delitem(sys.modules, module)
    with pytest.raises(ImportError, match=r'pip install "detective-async\[opentelemetry\]"'):
        importlib.import_module(name)


async def test_a_trace_that_is_not_sampled(sim: DetectiveSimulator, fake_time: FakeTime) -> None:
    """There are no spans, and the metrics are complete."""
    recorded = recording(ALWAYS_OFF)
    sim.throttle()
    async with DetectiveClient(**settings(recorded, sim, fake_time)) as client:
        await client.list_graphs()
    assert not recorded.spans
    assert recorded.counted("detective_async.calls") == {("ListGraphs", None): 1}


class _FailingAtStart(SpanProcessor):
    """What somebody plugged into the SDK, and never tried."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        raise RuntimeError(f"{span} {parent_context}")


class _FailingAtEnd(SpanProcessor):
    def on_end(self, span: ReadableSpan) -> None:
        raise RuntimeError(f"{span}")


@pytest.mark.parametrize("processor", [_FailingAtStart(), _FailingAtEnd()], ids=lambda one: type(one).__name__)
async def test_an_sdk_that_fails(
    processor: SpanProcessor, sim: DetectiveSimulator, fake_time: FakeTime, caplog: pytest.LogCaptureFixture
) -> None:
    """Calls are made all the same, it is logged, and afterwards the current span is the one before."""
    recorded = recording()
    recorded.traces.add_span_processor(processor)
    before = trace.get_current_span()
    async with DetectiveClient(**settings(recorded, sim, fake_time)) as client:
        assert (await client.list_graphs()).graph_list == []
    assert trace.get_current_span() is before
    [record] = caplog.records
    assert "a hook failed" in record.getMessage()


def test_another_process_has_its_own(recorded: Recorded) -> None:
    """A hook that is sent along takes what is set globally where it arrives, and keeps its propagator."""
    [hook] = pickle.loads(pickle.dumps([OpenTelemetryHook(recorded.traces)]))
    assert isinstance(hook, OpenTelemetryHook)
    hook = pickle.loads(pickle.dumps(OpenTelemetryHook(propagator=TraceContextTextMapPropagator())))
    assert isinstance(hook._propagator, TraceContextTextMapPropagator)

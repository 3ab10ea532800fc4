"""Trace headers are sent only with a propagator, unsigned."""

from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
from integrations.opentelemetry.recorded import Recorded, id_of, recording, settings
from multidict import CIMultiDict
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from support.fakes import FakeTime

from detective_async import DetectiveClient
from detective_async.testing import DetectiveSimulator

Ask = Callable[[Recorded], Awaitable[list[CIMultiDict[str]]]]


@pytest.fixture
async def ask(sim: DetectiveSimulator, fake_time: FakeTime) -> AsyncIterator[Ask]:
    """Call ListGraphs with a hook, and return the headers of each request."""
    sent: list[CIMultiDict[str]] = []

    async def note(_session: object, _context: object, params: aiohttp.TraceRequestHeadersSentParams) -> None:
        sent.append(CIMultiDict(params.headers))

    config = aiohttp.TraceConfig()
    config.on_request_headers_sent.append(note)
    async with aiohttp.ClientSession(trace_configs=[config]) as session:

        async def call(recorded: Recorded) -> list[CIMultiDict[str]]:
            options = settings(recorded, sim, fake_time)
            options["session"] = session
            await DetectiveClient(**options).list_graphs()
            return sent

        yield call


async def test_no_headers_by_default(ask: Ask) -> None:
    """Neither ids nor baggage are sent, whatever the global propagator is."""
    recorded = recording()
    token = context.attach(baggage.set_baggage("customer", "a secret"))
    try:
        with recorded.tracer.start_as_current_span("the caller"):
            [headers] = await ask(recorded)
    finally:
        context.detach(token)
    assert not {"traceparent", "tracestate", "baggage", "x-amzn-trace-id"} & {name.lower() for name in headers}


async def test_propagator(ask: Ask, sim: DetectiveSimulator) -> None:
    """Each attempt carries the ids of the call's span, and the signature remains valid."""
    recorded = recording(propagator=TraceContextTextMapPropagator())
    sim.throttle()
    sent = await ask(recorded)
    span = id_of(recorded.calls[0])
    expected = f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags:02x}"
    assert [headers["traceparent"] for headers in sent] == [expected] * 2
    assert all("traceparent" not in headers["Authorization"] for headers in sent)


async def test_trace_is_not_sampled(ask: Ask) -> None:
    """The headers say that the trace is not sampled."""
    recorded = recording(ALWAYS_OFF, propagator=TraceContextTextMapPropagator())
    [headers] = await ask(recorded)
    assert not trace.TraceFlags(int(headers["traceparent"].rpartition("-")[2], 16)).sampled
    assert not recorded.spans

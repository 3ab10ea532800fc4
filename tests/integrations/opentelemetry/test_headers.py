"""Trace headers are sent only with a propagator, unsigned."""

from collections.abc import AsyncIterator

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

Sent = list[CIMultiDict[str]]


@pytest.fixture
async def session(sent: Sent) -> AsyncIterator[aiohttp.ClientSession]:
    """A session that records request headers."""

    async def note(
        _session: aiohttp.ClientSession, _context: object, params: aiohttp.TraceRequestHeadersSentParams
    ) -> None:
        sent.append(CIMultiDict(params.headers))

    config = aiohttp.TraceConfig()
    config.on_request_headers_sent.append(note)
    async with aiohttp.ClientSession(trace_configs=[config]) as session:
        yield session


@pytest.fixture
def sent() -> Sent:
    return []


async def list_graphs(
    recorded: Recorded, session: aiohttp.ClientSession, sim: DetectiveSimulator, fake_time: FakeTime
) -> None:
    options = settings(recorded, sim, fake_time)
    options["session"] = session
    await DetectiveClient(**options).list_graphs()


async def test_no_headers_by_default(
    sent: Sent, session: aiohttp.ClientSession, sim: DetectiveSimulator, fake_time: FakeTime
) -> None:
    """Neither ids nor baggage are sent, whatever the global propagator is."""
    recorded = recording()
    token = context.attach(baggage.set_baggage("customer", "a secret"))
    try:
        with recorded.tracer.start_as_current_span("the caller"):
            await list_graphs(recorded, session, sim, fake_time)
    finally:
        context.detach(token)
    [headers] = sent
    assert not {"traceparent", "tracestate", "baggage", "x-amzn-trace-id"} & {name.lower() for name in headers}


async def test_propagator(
    sent: Sent, session: aiohttp.ClientSession, sim: DetectiveSimulator, fake_time: FakeTime
) -> None:
    """Each attempt carries the ids of the call's span, and the signature remains valid."""
    recorded = recording(propagator=TraceContextTextMapPropagator())
    sim.throttle()
    await list_graphs(recorded, session, sim, fake_time)
    span = id_of(recorded.calls[0])
    expected = f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags:02x}"
    assert [headers["traceparent"] for headers in sent] == [expected] * 2
    assert all("traceparent" not in headers["Authorization"] for headers in sent)


async def test_trace_is_not_sampled(
    sent: Sent, session: aiohttp.ClientSession, sim: DetectiveSimulator, fake_time: FakeTime
) -> None:
    """The headers say that the trace is not sampled."""
    recorded = recording(ALWAYS_OFF, propagator=TraceContextTextMapPropagator())
    await list_graphs(recorded, session, sim, fake_time)
    [headers] = sent
    flags = trace.TraceFlags(int(headers["traceparent"].rpartition("-")[2], 16))
    assert not flags.sampled
    assert not recorded.spans

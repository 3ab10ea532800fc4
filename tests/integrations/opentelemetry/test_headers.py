"""The trace's ids are sent along where that is asked for, and change nothing of what was signed."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from integrations.opentelemetry.recorded import id_of, recording, settings
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
    """A session that notes what goes out."""

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


async def test_by_itself_it_sends_nothing(
    sent: Sent, session: aiohttp.ClientSession, sim: DetectiveSimulator, fake_time: FakeTime
) -> None:
    """Neither ids nor the baggage of the program goes out to AWS, whatever the global propagator writes."""
    recorded = recording()
    options = settings(recorded, sim, fake_time)
    options["session"] = session
    token = context.attach(baggage.set_baggage("customer", "a secret"))
    try:
        with recorded.tracer.start_as_current_span("the caller"):
            await DetectiveClient(**options).list_graphs()
    finally:
        context.detach(token)
    [headers] = sent
    assert not {"traceparent", "tracestate", "baggage", "x-amzn-trace-id"} & {name.lower() for name in headers}


async def test_a_propagator_of_one_s_own(
    sent: Sent, session: aiohttp.ClientSession, sim: DetectiveSimulator, fake_time: FakeTime
) -> None:
    """Each attempt carries the ids of the call's span; the server, which looks at signatures, takes it."""
    recorded = recording(propagator=TraceContextTextMapPropagator())
    options = settings(recorded, sim, fake_time)
    options["session"] = session
    sim.throttle()
    await DetectiveClient(**options).list_graphs()
    span = id_of(recorded.calls[0])
    expected = f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags:02x}"
    assert [headers["traceparent"] for headers in sent] == [expected] * 2
    assert all("traceparent" not in headers["Authorization"] for headers in sent)


async def test_of_a_trace_that_is_not_sampled(
    sent: Sent, session: aiohttp.ClientSession, sim: DetectiveSimulator, fake_time: FakeTime
) -> None:
    """The ids go out all the same, and that the trace is not sampled."""
    recorded = recording(ALWAYS_OFF, propagator=TraceContextTextMapPropagator())
    options = settings(recorded, sim, fake_time)
    options["session"] = session
    await DetectiveClient(**options).list_graphs()
    [headers] = sent
    flags = trace.TraceFlags(int(headers["traceparent"].rpartition("-")[2], 16))
    assert not flags.sampled
    assert not recorded.spans

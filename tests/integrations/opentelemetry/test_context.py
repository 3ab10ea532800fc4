"""The span of a call is a child of the caller's, and the parent of whatever the call does."""

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from typing import Any
from weakref import ref

import aiohttp
import pytest
from integrations.opentelemetry.recorded import HUB, Recorded, attributes_of, id_of, is_child, recording
from opentelemetry import trace

from detective_async import (
    Account,
    AssumeRole,
    CallStart,
    ClientOptions,
    Credentials,
    DetectiveClient,
    DetectiveFleet,
    Target,
    Timeouts,
)
from detective_async.membership import plan_membership
from detective_async.testing import DetectiveSimulator, Fault, Latency

MEMBERS = [f"{number:012}" for number in range(120)]
ACCOUNTS = [Account(account, f"account-{account}@example.com") for account in MEMBERS]


async def with_members(client: DetectiveClient) -> str:
    graph_arn = (await client.create_graph()).graph_arn
    await client.bulk.create_members(graph_arn, ACCOUNTS)
    return graph_arn


async def directly(client: DetectiveClient, _options: ClientOptions) -> None:
    await client.list_graphs()


async def at_once(client: DetectiveClient, _options: ClientOptions) -> None:
    await asyncio.gather(*(client.list_graphs() for _ in range(20)))


async def page_by_page(client: DetectiveClient, _options: ClientOptions) -> None:
    graph_arn = await with_members(client)
    async for _ in client.iter_members(graph_arn, page_size=20):
        pass


async def ahead(client: DetectiveClient, _options: ClientOptions) -> None:
    graph_arn = await with_members(client)
    async for _ in client.iter_members(graph_arn, page_size=20, prefetch=2):
        pass


async def in_a_fleet(_client: DetectiveClient, options: ClientOptions) -> None:
    targets = [Target(HUB, region) for region in ("eu-west-1", "us-east-1")]
    async with DetectiveFleet(targets, **options) as fleet:
        async for outcome in fleet.run(lambda client, _target: client.list_graphs()):
            assert outcome.error is None


async def as_a_stream(client: DetectiveClient, options: ClientOptions) -> None:
    await with_members(client)
    targets = [Target(HUB, region) for region in ("eu-west-1", "us-east-1")]
    async with DetectiveFleet(targets, **options) as fleet:
        async for _ in fleet.iter_members():
            pass


async def by_a_plan(client: DetectiveClient, _options: ClientOptions) -> None:
    plan = await plan_membership(client, ACCOUNTS, regions=["eu-west-1", "us-east-1"])
    await plan.apply()


@pytest.mark.parametrize("work", [directly, at_once, page_by_page, ahead, in_a_fleet, as_a_stream, by_a_plan])
async def test_parent(
    work: Callable[[DetectiveClient, ClientOptions], Awaitable[None]],
    recorded: Recorded,
    client: DetectiveClient,
    options: ClientOptions,
    sim: DetectiveSimulator,
) -> None:
    """All calls of a job are children of the current span, in whichever task they are made."""
    with recorded.tracer.start_as_current_span("the caller") as caller:
        await work(client, options)
        assert trace.get_current_span() is caller
    assert len(recorded.calls) == len(sim.requests)
    assert all(is_child(span, caller) for span in recorded.calls)


async def test_without_parent(recorded: Recorded, client: DetectiveClient) -> None:
    """Without a current span each call starts its own trace."""
    await client.list_graphs()
    await client.list_graphs()
    first, second = recorded.calls
    assert first.parent is second.parent is None
    assert id_of(first).trace_id != id_of(second).trace_id


async def test_instrumented_aiohttp(recorded: Recorded, options: ClientOptions, sim: DetectiveSimulator) -> None:
    """During each request the call's span is current, so that HTTP spans become its children."""
    seen: list[trace.Span] = []

    async def note(*_: object) -> None:
        seen.append(trace.get_current_span())

    config = aiohttp.TraceConfig()
    config.on_request_start.append(note)
    sim.throttle()
    async with aiohttp.ClientSession(trace_configs=[config]) as options["session"]:
        await DetectiveClient(**options).list_graphs()
    [span] = recorded.calls
    assert [one.get_span_context() for one in seen] == [id_of(span)] * 2


async def test_assume_role(recorded: Recorded, options: ClientOptions, sim: DetectiveSimulator) -> None:
    """It runs once in the background, as a child of the first call that needs it, with the source's account id."""
    role = sim.role("444455556666", "Audit", trusted=[HUB])
    options["credentials"] = AssumeRole(role, source=sim.account(HUB))
    async with DetectiveClient(**options) as client:
        await asyncio.gather(*(client.list_graphs() for _ in range(3)))
    [assumed] = [span for span in recorded.calls if span.name == "STS.AssumeRole"]
    listed = [span for span in recorded.calls if span is not assumed]
    assert [is_child(assumed, span) for span in listed].count(True) == 1
    assert len(listed) == 3
    assert attributes_of(assumed)["rpc.service"] == "STS"
    assert [attributes_of(span)["cloud.account.id"] for span in (assumed, *listed)] == [HUB, *["444455556666"] * 3]


async def test_log_records(recorded: Recorded, client: DetectiveClient, sim: DetectiveSimulator) -> None:
    """All log records of a call, the last one included, carry its span's ids."""
    seen: list[tuple[str, int]] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append((record.name, trace.get_current_span().get_span_context().span_id))

    logger = logging.getLogger("detective_async")
    handler, level = Handler(), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        sim.throttle()
        await client.list_graphs()
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    span_id = id_of(recorded.calls[0]).span_id
    # Two attempts, the wait between them, and the end.
    assert seen == [
        ("detective_async", span_id),
        ("detective_async.retry", span_id),
        ("detective_async", span_id),
        ("detective_async", span_id),
    ]


async def test_nested_call(recorded: Recorded, options: ClientOptions, sim: DetectiveSimulator) -> None:
    """A call of a credentials provider is a child of the call that needs the credentials."""
    keys = sim.account(HUB)
    inner = DetectiveClient(**options)

    async def asking_first() -> Credentials:
        await inner.list_invitations()
        return keys

    options["credentials"] = asking_first
    async with inner, DetectiveClient(**options) as outer:
        await outer.list_graphs()
    invitations, graphs = recorded.calls
    assert is_child(invitations, graphs)
    assert [len(span.events) for span in recorded.calls] == [1, 1]


async def test_two_hooks(recorded: Recorded, options: ClientOptions, sim: DetectiveSimulator) -> None:
    """Each creates its own span, and the current span is restored."""
    other = recording()
    sim.throttle()
    options["hooks"] = [recorded.hook, other.hook]
    async with DetectiveClient(**options) as client:
        with recorded.tracer.start_as_current_span("the caller") as caller:
            await client.list_graphs()
            assert trace.get_current_span() is caller
    [first], [second] = recorded.calls, other.calls
    assert is_child(second, first)
    assert len(first.events) == len(second.events) == 3


async def test_cancelled_task(recorded: Recorded, client: DetectiveClient, sim: DetectiveSimulator) -> None:
    """The current span is restored."""
    sim.inject(Fault(Latency(60), count=None))
    found: list[trace.Span] = []

    async def work() -> None:
        with recorded.tracer.start_as_current_span("the caller"):
            try:
                await client.list_graphs()
            finally:
                found.append(trace.get_current_span())

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    [call, caller] = recorded.spans
    assert is_child(call, caller)
    assert [span.get_span_context() for span in found] == [id_of(caller)]


class Never:
    """A credentials provider that never returns."""

    async def get_credentials(self) -> Credentials:
        await asyncio.Event().wait()
        raise AssertionError


async def test_abandoned_call(recorded: Recorded, options: ClientOptions, caplog: pytest.LogCaptureFixture) -> None:
    """Closed in a different context, it affects no other span and is freed."""
    started: list[ref[Any]] = []

    class Noting:
        def __call__(self, _event: object) -> None: ...

        def on_start(self, _start: CallStart) -> None:
            started.append(ref(trace.get_current_span()))

    options["hooks"] = [recorded.hook, Noting()]
    options["credentials"] = Never()
    # The event loop keeps cancelled timers, with their contexts, for a while.
    options["timeouts"] = Timeouts(total=None, credentials=None)
    async with DetectiveClient(**options) as client:
        coroutine = client.list_graphs()
        copy_context().run(coroutine.send, None)
        with recorded.tracer.start_as_current_span("another task") as current:
            coroutine.close()
            assert trace.get_current_span() is current
    del coroutine
    gc.collect()
    assert (len(started), started[0]()) == (1, None)
    assert [span.name for span in recorded.spans] == ["another task"]
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_abandoned_call_closed_within_a_call(
    recorded: Recorded, options: ClientOptions, sim: DetectiveSimulator
) -> None:
    """It does not end the other call's span."""
    keys = sim.account(HUB)
    options["credentials"] = Never()
    options["timeouts"] = Timeouts(total=None)
    async with DetectiveClient(**options) as client:
        forgotten = client.list_invitations()
        copy_context().run(forgotten.send, None)

        async def clearing_up() -> Credentials:
            forgotten.close()
            return keys

        await client.with_options(credentials=clearing_up).list_graphs()
    [span] = recorded.calls
    assert (span.name, span.status.status_code, len(span.events)) == ("Detective.ListGraphs", trace.StatusCode.UNSET, 1)

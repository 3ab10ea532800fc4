"""A call ends when its `total` is over, in any phase."""

import asyncio
import math
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from support import faults
from support.certificates import Certificates
from support.operation_cases import LIST_MEMBERS, OPERATION_CASES, OperationCase
from support.proxied_call import CallResult, ProxiedClient, proxied_client
from support.proxy import ConnectionFault, ExchangeFault
from support.virtual_time import in_virtual_time

from detective_async import Clock, Credentials, DeadlineExceeded, DetectiveClient, RetryPolicy, Timeouts
from detective_async.retry.rate_limiter import Pace

TOTAL = 2.5
#: How long a call may exceed its deadline, in seconds.
LATE = 0.05
# All other timeouts are longer.
TIMEOUTS = Timeouts(connect=30, read=30, attempt=30, total=TOTAL)

STALLS: list[tuple[ConnectionFault | ExchangeFault, bool]] = [
    (faults.NEVER_READS, False),
    (faults.SILENT, False),
    (faults.SILENT_AFTER, True),
    (faults.UNFINISHED_HEAD, True),
    (faults.DRIPPING_HEAD, True),
    (faults.ENDLESS_1XX, True),
    (faults.STALLED_BODY, True),
    (faults.DRIPPING_BODY, True),
    (faults.STALLED_CHUNKS, True),
]
every_deed = pytest.mark.parametrize("operation", OPERATION_CASES.values(), ids=OPERATION_CASES)


@asynccontextmanager
async def short_deadline(
    operation: OperationCase, certificates: Certificates | None = None
) -> AsyncIterator[ProxiedClient]:
    async with proxied_client(operation, certificates=certificates, timeouts=TIMEOUTS) as running:
        yield running


def check(result: CallResult, *, attempts: int, unknown: bool) -> None:
    error = result.error
    assert type(error) is DeadlineExceeded
    assert TOTAL <= result.seconds <= TOTAL + LATE
    assert (error.attempts, error.outcome_unknown) == (attempts, unknown)


@every_deed
@pytest.mark.parametrize(("fault", "executed"), STALLS, ids=[fault.name for fault, _ in STALLS])
@in_virtual_time
async def test_an_exchange_that_stalls(
    fault: ConnectionFault | ExchangeFault, executed: bool, operation: OperationCase
) -> None:
    """The call ends at the deadline in any phase, closes its connection, and its outcome is unknown."""
    async with short_deadline(operation) as running:
        running.proxy.plan.append(fault)
        check(await running.call(), attempts=1, unknown=True)
        assert running.proxy.open == 0
        assert operation.effect(running.sim) == (operation.done if executed else operation.untouched)


@every_deed
@in_virtual_time
async def test_a_handshake_that_stalls(operation: OperationCase, certificates: Certificates) -> None:
    """Nothing was sent, so the outcome is known."""
    async with short_deadline(operation, certificates) as running:
        running.proxy.plan.append(faults.NEVER_READS)
        check(await running.call(), attempts=1, unknown=False)
        assert running.proxy.open == 0


@pytest.mark.skipif(sys.platform != "linux", reason="other systems deal otherwise with a full queue of connections")
@every_deed
@in_virtual_time
async def test_a_port_that_ignores_connections(operation: OperationCase) -> None:
    """Nothing was sent, so the outcome is known."""
    async with proxied_client(operation, timeouts=TIMEOUTS, listening=False) as running:
        running.proxy.ignore()
        check(await running.call(), attempts=1, unknown=False)


@every_deed
@in_virtual_time
async def test_a_provider_that_hangs(operation: OperationCase) -> None:
    """The call ends at the deadline, before an attempt."""

    async def hang() -> Credentials:
        await asyncio.sleep(math.inf)
        raise AssertionError

    async with proxied_client(operation, timeouts=TIMEOUTS, credentials=hang) as running:
        check(await running.call(), attempts=0, unknown=False)
        assert running.proxy.connections == 0


@every_deed
@in_virtual_time
async def test_a_full_pool(operation: OperationCase) -> None:
    """The pool of the caller's session is full: the call ends at the deadline, without an attempt."""

    def session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1))

    async with proxied_client(operation, timeouts=TIMEOUTS, session=session) as running:
        running.proxy.plan.append(faults.SILENT)
        first = asyncio.create_task(running.client.with_options(timeouts=Timeouts(read=50)).list_graphs())
        await asyncio.sleep(1)
        check(await running.call(), attempts=0, unknown=False)
        assert len(running.proxy.exchanges) == 1
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        assert (await running.call()).error is None


@every_deed
@in_virtual_time
async def test_a_delay_beyond_the_deadline(operation: OperationCase) -> None:
    """The service asks for a longer delay than there is time; the refused attempt has a known outcome."""
    async with short_deadline(operation) as running:
        running.sim.throttle(retry_after_ms=4000)
        check(await running.call(), attempts=1, unknown=False)
        assert operation.effect(running.sim) == operation.untouched


@in_virtual_time
async def test_all_attempts_share_one_deadline() -> None:
    """Two failures, a delay after each, and a third attempt that stalls."""
    async with short_deadline(LIST_MEMBERS) as running:
        running.proxy.plan.extend([faults.CLOSED_BEFORE, faults.CLOSED_BEFORE, faults.SILENT])
        check(await running.call(), attempts=3, unknown=True)


@in_virtual_time
async def test_a_rate_limiter_beyond_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """In adaptive mode, a call may have to wait longer for its token than it has time."""

    async def wait(_pace: Pace, clock: Clock) -> None:
        await clock.sleep(1000)

    monkeypatch.setattr(Pace, "wait", wait)
    began = asyncio.get_running_loop().time()
    async with DetectiveClient(
        region="eu-west-1",
        endpoint_url="http://127.0.0.1:9",
        credentials=Credentials("id", "secret"),
        retry=RetryPolicy(mode="adaptive"),
        timeouts=TIMEOUTS,
    ) as client:
        with pytest.raises(DeadlineExceeded) as late:
            await client.list_graphs()
    assert asyncio.get_running_loop().time() - began == pytest.approx(TOTAL, abs=LATE)
    assert (late.value.attempts, late.value.outcome_unknown) == (0, False)

"""A call ends when its `total` is over, in any phase."""

import asyncio
import math
import sys

import pytest
from support import faults
from support.certificates import Certificates
from support.operation_cases import LIST_MEMBERS, OPERATION_CASES, OperationCase
from support.proxied_call import CallResult, proxied_client
from support.proxy import ConnectionFault, ExchangeFault
from support.virtual_time import in_virtual_time

from detective_async import (
    Clock,
    ConnectError,
    Credentials,
    DeadlineExceeded,
    DetectiveClient,
    RetryPolicy,
    Timeouts,
)
from detective_async.http import call
from detective_async.http.exchange import NoResponse
from detective_async.retry.rate_limiter import Pace
from detective_async.testing import DetectiveSimulator

TOTAL = 2.5
#: The most that a call may last beyond its deadline, in seconds.
LATE = 0.05
# Everything else is more patient than that.
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
every_operation = pytest.mark.parametrize("operation", OPERATION_CASES.values(), ids=OPERATION_CASES)


def check(result: CallResult, *, attempts: int, unknown: bool) -> None:
    error = result.error
    assert type(error) is DeadlineExceeded
    assert "no response within 2.5 s" in str(error)
    assert TOTAL <= result.seconds <= TOTAL + LATE
    assert (error.attempts, error.outcome_unknown) == (attempts, unknown)


@every_operation
@pytest.mark.parametrize(("fault", "executed"), STALLS, ids=[fault.name for fault, _ in STALLS])
@in_virtual_time
async def test_an_exchange_that_stalls(
    fault: ConnectionFault | ExchangeFault, executed: bool, operation: OperationCase
) -> None:
    """The call ends in time, leaves no connection, and says that it may have been carried out."""
    async with proxied_client(operation, timeouts=TIMEOUTS) as running:
        running.proxy.plan.append(fault)
        check(await running.call(), attempts=1, unknown=True)
        assert running.proxy.open == 0
        assert operation.effect(running.sim) == (operation.done if executed else operation.untouched)


async def _hang() -> Credentials:
    await asyncio.sleep(math.inf)
    raise AssertionError


@every_operation
@pytest.mark.parametrize("phase", ["credentials", "port", "handshake"])
@in_virtual_time
async def test_a_stall_before_anything_was_sent(
    phase: str, operation: OperationCase, certificates: Certificates
) -> None:
    """The error says that nothing was done; credentials are awaited before there is an attempt."""
    if phase == "port" and sys.platform != "linux":
        pytest.skip("other systems treat a full queue of connections differently")
    async with proxied_client(
        operation,
        timeouts=TIMEOUTS,
        credentials=_hang if phase == "credentials" else None,
        certificates=certificates if phase == "handshake" else None,
        listening=phase == "handshake",
    ) as running:
        if phase == "port":
            running.proxy.ignore()
        running.proxy.plan.append(faults.NEVER_READS)
        check(await running.call(), attempts=int(phase != "credentials"), unknown=False)
        assert running.proxy.connections == (phase == "handshake")
        assert running.proxy.open == 0


@every_operation
@in_virtual_time
async def test_a_delay_beyond_the_deadline(operation: OperationCase) -> None:
    """The service asks for a longer wait than there is time for; nothing was done."""
    async with proxied_client(operation, timeouts=TIMEOUTS) as running:
        running.sim.throttle(retry_after_ms=4000)
        check(await running.call(), attempts=1, unknown=False)
        assert operation.effect(running.sim) == operation.untouched


@in_virtual_time
async def test_all_attempts_share_one_deadline() -> None:
    """One deadline covers two failures, the waits after them, and a third attempt that stalls."""
    async with proxied_client(LIST_MEMBERS, timeouts=TIMEOUTS) as running:
        running.proxy.plan.extend([faults.CLOSED_BEFORE, faults.CLOSED_BEFORE, faults.SILENT])
        check(await running.call(), attempts=3, unknown=True)


@in_virtual_time
async def test_a_rate_limiter_beyond_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait of the adaptive mode is covered too."""

    async def wait(_pace: Pace, clock: Clock) -> None:
        await clock.sleep(1000)

    monkeypatch.setattr(Pace, "wait", wait)
    async with proxied_client(LIST_MEMBERS, timeouts=TIMEOUTS) as running:
        running.client = running.client.with_options(retry=RetryPolicy(mode="adaptive"))
        check(await running.call(), attempts=0, unknown=False)


async def test_a_connection_that_fails_after_the_deadline(
    sim: DetectiveSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deadline is why the call ends, whatever else happened by then."""

    async def late(*_: object, deadline: float, **__: object) -> NoResponse:
        await asyncio.sleep(deadline - asyncio.get_running_loop().time() + 0.001)
        return NoResponse(ConnectError, "cannot connect")

    monkeypatch.setattr(call, "exchange", late)
    keys = sim.account("111122223333")
    timeouts = Timeouts(total=0.01)
    async with DetectiveClient(region="eu-west-1", endpoint_url=sim.url, credentials=keys, timeouts=timeouts) as client:
        with pytest.raises(DeadlineExceeded):
            await client.list_graphs()

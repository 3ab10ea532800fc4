"""A call ends when its `total` has passed, whatever it is waiting for."""

import asyncio
import math
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from support import faults
from support.certificates import Certificates
from support.fault_trial import Ending, Trial, trial
from support.operation_kinds import DEEDS, LIST_MEMBERS, Deed
from support.proxy import ConnectionFault, ExchangeFault
from support.virtual_time import in_virtual_time

from detective_async import Clock, Credentials, DeadlineExceeded, DetectiveClient, RetryPolicy, Timeouts
from detective_async.retry.rate_limiter import Pace

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
every_deed = pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)


@asynccontextmanager
async def impatient(deed: Deed, certificates: Certificates | None = None) -> AsyncIterator[Trial]:
    async with trial(deed, certificates=certificates, timeouts=TIMEOUTS) as running:
        yield running


def check(ending: Ending, *, attempts: int, unknown: bool) -> None:
    error = ending.error
    assert type(error) is DeadlineExceeded
    assert TOTAL <= ending.seconds <= TOTAL + LATE
    assert (error.attempts, error.outcome_unknown) == (attempts, unknown)


@every_deed
@pytest.mark.parametrize(("fault", "executed"), STALLS, ids=[fault.name for fault, _ in STALLS])
@in_virtual_time
async def test_an_exchange_that_stalls(fault: ConnectionFault | ExchangeFault, executed: bool, deed: Deed) -> None:
    """Wherever it does so, the call ends in time, leaves no connection, and says that it may have been carried out."""
    async with impatient(deed) as running:
        running.proxy.plan.append(fault)
        check(await running.call(), attempts=1, unknown=True)
        assert running.proxy.open == 0
        assert deed.effect(running.sim) == (deed.done if executed else deed.untouched)


@every_deed
@in_virtual_time
async def test_a_handshake_that_stalls(deed: Deed, certificates: Certificates) -> None:
    """Nothing was sent, and it is known that nothing was done."""
    async with impatient(deed, certificates) as running:
        running.proxy.plan.append(faults.NEVER_READS)
        check(await running.call(), attempts=1, unknown=False)
        assert running.proxy.open == 0


@pytest.mark.skipif(sys.platform != "linux", reason="other systems deal otherwise with a full queue of connections")
@every_deed
@in_virtual_time
async def test_a_port_that_says_nothing(deed: Deed) -> None:
    """Nothing was sent here either."""
    async with trial(deed, timeouts=TIMEOUTS, listening=False) as running:
        running.proxy.ignore()
        check(await running.call(), attempts=1, unknown=False)


@every_deed
@in_virtual_time
async def test_credentials_that_do_not_come(deed: Deed) -> None:
    """A provider that hangs is waited for as long as anything else, before there is an attempt."""

    async def hang() -> Credentials:
        await asyncio.sleep(math.inf)
        raise AssertionError

    async with trial(deed, timeouts=TIMEOUTS, credentials=hang) as running:
        check(await running.call(), attempts=0, unknown=False)
        assert running.proxy.connections == 0


@every_deed
@in_virtual_time
async def test_no_connection_becomes_free(deed: Deed) -> None:
    """The pool of a session that was passed in is full: the call ends in time, and was never begun."""

    def session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1))

    async with trial(deed, timeouts=TIMEOUTS, session=session) as running:
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
async def test_a_long_wait_between_attempts(deed: Deed) -> None:
    """The service asks for a longer wait than there is time for: the refused attempt has done nothing."""
    async with impatient(deed) as running:
        running.sim.throttle(retry_after_ms=4000)
        check(await running.call(), attempts=1, unknown=False)
        assert deed.effect(running.sim) == deed.untouched


@in_virtual_time
async def test_the_attempts_share_the_time() -> None:
    """Two quick failures, a wait after each, and a third attempt that stalls: all that is one deadline."""
    async with impatient(LIST_MEMBERS) as running:
        running.proxy.plan.extend([faults.CLOSED_BEFORE, faults.CLOSED_BEFORE, faults.SILENT])
        check(await running.call(), attempts=3, unknown=True)


@in_virtual_time
async def test_a_pace_that_is_too_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """In adaptive mode a call may have to wait for its turn longer than it has."""

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

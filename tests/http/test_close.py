"""Closing a client takes no time, whatever the other side does."""

import asyncio

import pytest
from support import faults
from support.certificates import Certificates
from support.fault_trial import trial
from support.operation_kinds import LIST_MEMBERS, START_INVESTIGATION, Deed
from support.proxy import Exchange
from support.virtual_time import in_virtual_time

from detective_async import ConnectionLost

either = pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
#: The most that closing may take, in virtual seconds.
SOON = 0.5


@either
@in_virtual_time
async def test_the_other_side_has_stopped_reading(tls: bool, certificates: Certificates) -> None:
    """An idle connection whose other end does not answer the farewell of TLS is left at once."""
    thawed = asyncio.Event()

    async def freeze(exchange: Exchange) -> None:
        exchange.stop_reading()
        await thawed.wait()
        exchange.resume_reading()

    loop = asyncio.get_running_loop()
    async with trial(LIST_MEMBERS, certificates=certificates if tls else None) as running:
        running.proxy.plan.append(faults.leaving(freeze))
        await LIST_MEMBERS.call(running.client)
        await asyncio.sleep(1)
        started = loop.time()
        await running.client.aclose()
        assert loop.time() - started <= SOON
        assert running.proxy.open == 1
        thawed.set()


@either
@pytest.mark.parametrize("deed", [LIST_MEMBERS, START_INVESTIGATION], ids=lambda deed: deed.name)
@in_virtual_time
async def test_a_call_is_under_way(deed: Deed, tls: bool, certificates: Certificates) -> None:
    """The call that is cut off ends as one whose connection broke, and nothing waits for the other side."""
    loop = asyncio.get_running_loop()
    async with trial(deed, certificates=certificates if tls else None, max_attempts=1) as running:
        running.proxy.plan.append(faults.SILENT_AFTER)
        call = asyncio.create_task(running.call())
        await asyncio.sleep(1)
        await running.client.aclose()
        assert loop.time() <= 1 + SOON
        ending = await call
        error = ending.error
        assert type(error) is ConnectionLost
        assert error.outcome_unknown
        assert ending.seconds <= 1 + SOON

"""Connections that broke while they were idle cause no error and no second attempt."""

import asyncio
import os
import select
import socket
import time
from collections.abc import Callable

import aiohttp
import pytest
from support import faults
from support.certificates import Certificates
from support.fault_trial import Trial, trial
from support.operation_kinds import DEEDS, START_INVESTIGATION, Deed
from support.proxy import NO_FAULT, Exchange, ExchangeFault
from support.virtual_time import in_virtual_time

every_deed = pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)
AFTERWARDS = {
    "closed at once": faults.CLOSED_AT_ONCE,
    "reset": faults.RESET_AFTERWARDS,
    "closed when idle": faults.CLOSED_WHEN_IDLE,
}
BABBLE = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
#: What the other side does at a moment when the event loop is busy with something else.
UNNOTICED: dict[str, Callable[[Exchange], object]] = {
    "closed": lambda exchange: exchange.socket.shutdown(socket.SHUT_RDWR),
    "sends more than it was asked for": lambda exchange: os.write(exchange.socket.fileno(), BABBLE),
}


async def check(running: Trial, *, connection: int) -> None:
    """The deed is done at the first attempt, on that connection."""
    ending = await running.call()
    assert ending.error is None
    assert ending.attempts == 1
    assert ending.seconds == 0
    assert [one.connection for one in running.proxy.exchanges] == [1, connection]
    assert running.deed.effect(running.sim) == running.deed.done


@every_deed
@pytest.mark.parametrize("session", [None, aiohttp.ClientSession], ids=["ours", "the caller's"])
@pytest.mark.parametrize("fault", AFTERWARDS.values(), ids=AFTERWARDS)
@in_virtual_time
async def test_a_connection_that_broke_when_idle(
    fault: ExchangeFault, session: Callable[[], aiohttp.ClientSession] | None, deed: Deed
) -> None:
    """The next call takes another connection."""
    async with trial(deed, session=session) as running:
        running.proxy.plan.append(fault)
        await running.client.list_graphs()
        await asyncio.sleep(11)
        await check(running, connection=2)


@every_deed
@in_virtual_time
async def test_an_answer_that_nobody_asked_for(deed: Deed) -> None:
    """It is not taken for the answer to the next request; on the caller's session, this is up to aiohttp."""
    async with trial(deed) as running:
        running.proxy.plan.append(faults.UNASKED_ANSWER)
        await running.client.list_graphs()
        await asyncio.sleep(1)
        await check(running, connection=2)


@every_deed
@pytest.mark.parametrize("system", ["plain", "TLS", "without poll"])
@pytest.mark.parametrize("happens", UNNOTICED.values(), ids=UNNOTICED)
@in_virtual_time
async def test_a_connection_that_broke_this_very_moment(
    happens: Callable[[Exchange], object],
    system: str,
    deed: Deed,
    certificates: Certificates,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Input that the event loop has not read yet keeps a connection from being used again."""
    if system == "without poll":
        # As on Windows.
        monkeypatch.delattr(select, "poll")
    async with trial(deed, certificates=certificates if system == "TLS" else None) as running:
        await running.client.list_graphs()
        await asyncio.sleep(1)
        happens(running.proxy.exchanges[0])
        # Blocking: it arrives, and the loop has no chance to see it.
        time.sleep(0.01)  # noqa: ASYNC251
        await check(running, connection=2)


@every_deed
@in_virtual_time
async def test_a_good_connection_is_used_again(deed: Deed) -> None:
    """Except by the operation that must not be repeated: it has a new one."""
    async with trial(deed) as running:
        running.proxy.plan.append(NO_FAULT)
        await running.client.list_graphs()
        await asyncio.sleep(1)
        await check(running, connection=2 if deed is START_INVESTIGATION else 1)

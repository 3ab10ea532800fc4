"""Idle connections that broke cause no error and no second attempt."""

import asyncio
import os
import socket
import time
from collections.abc import Callable

import aiohttp
import pytest
from support import faults
from support.certificates import Certificates
from support.operation_cases import OPERATION_CASES, START_INVESTIGATION, OperationCase
from support.proxied_call import ProxiedClient, proxied_client
from support.proxy import NO_FAULT, Exchange, ExchangeFault
from support.virtual_time import in_virtual_time

every_deed = pytest.mark.parametrize("operation", OPERATION_CASES.values(), ids=OPERATION_CASES)
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


async def check(running: ProxiedClient, *, connection: int) -> None:
    """The operation is done at the first attempt, on that connection."""
    result = await running.call()
    assert result.error is None
    assert result.attempts == 1
    assert result.seconds == 0
    assert [one.connection for one in running.proxy.exchanges] == [1, connection]
    assert running.operation.effect(running.sim) == running.operation.done


@every_deed
@pytest.mark.parametrize("session", [None, aiohttp.ClientSession], ids=["ours", "the caller's"])
@pytest.mark.parametrize("fault", AFTERWARDS.values(), ids=AFTERWARDS)
@in_virtual_time
async def test_a_connection_that_broke_while_idle(
    fault: ExchangeFault, session: Callable[[], aiohttp.ClientSession] | None, operation: OperationCase
) -> None:
    """The next call uses another connection."""
    async with proxied_client(operation, session=session) as running:
        running.proxy.plan.append(fault)
        await running.client.list_graphs()
        await asyncio.sleep(11)
        await check(running, connection=2)


@every_deed
@in_virtual_time
async def test_a_response_without_a_request(operation: OperationCase) -> None:
    """It is not taken for the response to the next request; the caller's own session leaves this to aiohttp."""
    async with proxied_client(operation) as running:
        running.proxy.plan.append(faults.UNREQUESTED_RESPONSE)
        await running.client.list_graphs()
        await asyncio.sleep(1)
        await check(running, connection=2)


@every_deed
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
@pytest.mark.parametrize("happens", UNNOTICED.values(), ids=UNNOTICED)
@in_virtual_time
async def test_a_connection_that_broke_before_the_loop_noticed(
    happens: Callable[[Exchange], object], tls: bool, operation: OperationCase, certificates: Certificates
) -> None:
    """It is checked before the connection is reused."""
    async with proxied_client(operation, certificates=certificates if tls else None) as running:
        await running.client.list_graphs()
        await asyncio.sleep(1)
        happens(running.proxy.exchanges[0])
        # Blocking, so that the data arrives while the loop does not run.
        time.sleep(0.01)  # noqa: ASYNC251
        await check(running, connection=2)


@every_deed
@in_virtual_time
async def test_a_good_connection_is_reused(operation: OperationCase) -> None:
    """Except for the operation that must not be repeated: it uses a new connection."""
    async with proxied_client(operation) as running:
        running.proxy.plan.append(NO_FAULT)
        await running.client.list_graphs()
        await asyncio.sleep(1)
        await check(running, connection=2 if operation is START_INVESTIGATION else 1)

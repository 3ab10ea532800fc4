"""Idle connections that something between client and service has forgotten: requests on them get no response."""

import asyncio

import pytest
from support.certificates import Certificates
from support.operation_cases import CREATE_MEMBERS, GRAPH, LIST_MEMBERS, OperationCase
from support.proxied_call import TIMEOUTS, proxied_client
from support.proxy import NO_FAULT, Exchange, ExchangeFault, Proxy
from support.virtual_time import in_virtual_time

from detective_async.http.connector import ConnectionUse
from detective_async.http.pool import ConnectionPool

CONNECTIONS = 4


def cut_off(proxy: Proxy, connections: int) -> None:
    """Forget the first connections: what is sent on them is never answered."""

    async def play(exchange: Exchange) -> None:
        if exchange.connection <= connections:
            await exchange.until_client_leaves()
        else:
            await NO_FAULT.play(exchange)

    proxy.plan.extend([ExchangeFault("cut off", play)] * 100)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
@pytest.mark.parametrize("operation", [LIST_MEMBERS, CREATE_MEMBERS], ids=lambda operation: operation.name)
@in_virtual_time
async def test_the_retry_has_a_fresh_connection(
    operation: OperationCase, tls: bool, certificates: Certificates
) -> None:
    """Of several connections that were cut off, a call meets one, and later calls none."""
    async with proxied_client(operation, certificates=certificates if tls else None) as running:
        await asyncio.gather(*(running.client.list_graphs() for _ in range(CONNECTIONS)))
        assert running.proxy.connections == CONNECTIONS
        cut_off(running.proxy, CONNECTIONS)
        result = await running.call()
        assert result.error is None
        assert result.attempts == 2
        assert result.seconds == pytest.approx((TIMEOUTS.read or 0) + 0.05)
        for _ in range(2):
            result = await running.call()
            assert (result.attempts, result.seconds) == (1, 0)
        running.proxy.plan.clear()


@in_virtual_time
async def test_connections_that_work_are_kept() -> None:
    """Those that were used since the request was sent that got no response."""
    async with proxied_client(LIST_MEMBERS) as running:
        await asyncio.gather(*(running.client.list_graphs() for _ in range(3)))
        await asyncio.sleep(1)

        async def only_the_first(exchange: Exchange) -> None:
            await exchange.until_client_leaves()

        running.proxy.plan.append(ExchangeFault("cut off", only_the_first))
        waiting = asyncio.create_task(running.client.list_members(GRAPH))
        await asyncio.sleep(1)
        await asyncio.gather(*(running.client.list_graphs() for _ in range(2)))
        response = await waiting
        assert response.response_metadata.attempts == 2
        # The fourth was the retry's.
        assert running.proxy.connections == 4
        await asyncio.gather(*(running.client.list_graphs() for _ in range(2)))
        assert running.proxy.connections == 4


async def test_without_connections_there_is_nothing_to_distrust() -> None:
    """As after the client was closed meanwhile."""
    connections = ConnectionPool().connections(asyncio.get_running_loop())
    connections.distrust(ConnectionUse("127.0.0.1", lambda _: False, 1.0, reused=True))
    assert connections._reusing is None

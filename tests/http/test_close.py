"""Closing a client does not wait for the server."""

import asyncio
import contextlib
import pickle

import aiohttp
import pytest
from support import faults
from support.certificates import Certificates
from support.operation_cases import LIST_MEMBERS, START_INVESTIGATION, OperationCase
from support.proxied_call import proxied_client
from support.proxy import Exchange
from support.virtual_time import in_virtual_time

from detective_async import (
    ClientClosed,
    ConfigurationError,
    ConnectionLost,
    Credentials,
    CredentialsError,
    DetectiveClient,
    DetectiveError,
    Timeouts,
)
from detective_async.http import pool
from detective_async.testing import DetectiveSimulator, Drop, Fault

either = pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
#: The most that closing may take, in virtual seconds.
SOON = 0.5


@either
@in_virtual_time
async def test_closing_does_not_wait_for_a_server_that_does_not_read(tls: bool, certificates: Certificates) -> None:
    """An idle TLS connection whose server does not respond to the shutdown is closed at once."""
    thawed = asyncio.Event()

    async def freeze(exchange: Exchange) -> None:
        exchange.stop_reading()
        await thawed.wait()
        exchange.resume_reading()

    loop = asyncio.get_running_loop()
    async with proxied_client(LIST_MEMBERS, certificates=certificates if tls else None) as running:
        running.proxy.plan.append(faults.leaving(freeze))
        await LIST_MEMBERS.call(running.client)
        await asyncio.sleep(1)
        started = loop.time()
        await running.client.aclose()
        assert loop.time() - started <= SOON
        assert running.proxy.open == 1
        thawed.set()


@either
@pytest.mark.parametrize("operation", [LIST_MEMBERS, START_INVESTIGATION], ids=lambda operation: operation.name)
@in_virtual_time
async def test_closing_during_a_call(operation: OperationCase, tls: bool, certificates: Certificates) -> None:
    """The call fails with a broken connection, and closing does not wait."""
    loop = asyncio.get_running_loop()
    async with proxied_client(operation, certificates=certificates if tls else None, max_attempts=1) as running:
        running.proxy.plan.append(faults.SILENT_AFTER)
        call = asyncio.create_task(running.call())
        await asyncio.sleep(1)
        await running.client.aclose()
        assert loop.time() <= 1 + SOON
        result = await call
        error = result.error
        assert type(error) is ConnectionLost
        assert error.outcome_unknown
        assert result.seconds <= 1 + SOON


async def _fails_after_a_lost_connection(sim: DetectiveSimulator, way: str) -> DetectiveError:
    """Lose the connection of a write that is carried out; what comes before the next attempt ends the call."""
    keys, asked = sim.account("111122223333"), 0
    closing: list[asyncio.Task[None]] = []

    async def provide() -> Credentials:
        nonlocal asked
        asked += 1
        if asked == 1:
            return keys
        if way == "the client is closed":
            closing.append(asyncio.create_task(client.aclose()))
            await asyncio.sleep(60)
        if way == "the session is closed":
            await session.close()
        if way == "the source fails":
            raise OSError("vault down")
        return None if way == "the source returns nothing" else keys  # type: ignore[return-value]

    sim.inject(Fault(Drop("after")))
    async with aiohttp.ClientSession() as session:
        client = DetectiveClient(
            region="eu-west-1",
            endpoint_url=sim.url,
            credentials=provide,
            session=session if way == "the session is closed" else None,
        )
        with pytest.raises(DetectiveError) as caught:
            await client.create_graph()
        await asyncio.gather(client.aclose(), *closing)
    return caught.value


@pytest.mark.parametrize(
    ("way", "error"),
    [
        ("the client is closed", ClientClosed),
        ("the session is closed", ConfigurationError),
        ("the source fails", CredentialsError),
        ("the source returns nothing", CredentialsError),
    ],
)
async def test_the_outcome_of_an_earlier_attempt_is_not_forgotten(
    way: str, error: type[DetectiveError], sim: DetectiveSimulator
) -> None:
    """Whatever ends the call: the service may have carried out an attempt whose response was lost."""
    caught = await _fails_after_a_lost_connection(sim, way)
    assert type(caught) is error
    assert caught.outcome_unknown
    assert pickle.loads(pickle.dumps(caught)).outcome_unknown


async def test_a_source_that_ignores_its_cancellation(sim: DetectiveSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing waits for it no longer than a moment; a source may close the client itself."""
    monkeypatch.setattr(pool, "_LONGEST_END", 0.01)
    ended, asked = asyncio.Event(), asyncio.Event()

    async def stubborn() -> Credentials:
        asked.set()
        while not ended.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await ended.wait()
        return sim.account("111122223333")

    async def closing() -> Credentials:
        await client.aclose()
        return sim.account("111122223333")

    for provider in (stubborn, closing):
        client = DetectiveClient(
            region="eu-west-1", endpoint_url=sim.url, credentials=provider, timeouts=Timeouts(credentials=0.1)
        )
        call = asyncio.create_task(client.list_graphs())
        if provider is stubborn:
            await asked.wait()
        await client.aclose()
        with pytest.raises(DetectiveError):
            await call
    ended.set()
    await asyncio.sleep(0)

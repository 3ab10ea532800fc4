"""Closing a client does not wait for the server."""

import asyncio
import contextlib
import pickle
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from support import faults
from support.certificates import Certificates
from support.operation_cases import LIST_MEMBERS, START_INVESTIGATION, OperationCase
from support.proxied_call import proxied_client
from support.proxy import Exchange
from support.virtual_time import in_virtual_time
from support.wire_server import Request, serving, until

from detective_async import (
    ClientClosed,
    Clock,
    ConfigurationError,
    ConnectionLost,
    Credentials,
    CredentialsError,
    DetectiveClient,
    DetectiveError,
    RetryPolicy,
    Timeouts,
)
from detective_async.http import pool
from detective_async.http.time_limits import TimeLimit, _expire
from detective_async.testing import DetectiveSimulator, Drop, Fault

either = pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
#: The most that closing may take, in virtual seconds.
SOON = 0.5
KEYS = Credentials("a", "b")


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
    """The call says that the client was closed, and closing does not wait."""
    loop = asyncio.get_running_loop()
    async with proxied_client(operation, certificates=certificates if tls else None, max_attempts=1) as running:
        running.proxy.plan.append(faults.SILENT_AFTER)
        call = asyncio.create_task(running.call())
        await asyncio.sleep(1)
        await running.client.aclose()
        assert loop.time() <= 1 + SOON
        result = await call
        error = result.error
        assert type(error) is ClientClosed
        assert error.outcome_unknown
        assert result.seconds <= 1 + SOON


def in_the_middle(request: Request) -> None:
    request.send(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n{")


def throttle(request: Request) -> None:
    request.answer(b'{"__type": "ThrottlingException"}', "429 Slow Down")


def ignore(_: Request) -> None:
    pass


@pytest.mark.parametrize(
    ("react", "options", "expected"),
    [
        pytest.param(ignore, {"scheme": "https"}, [False] * 3, id="during the TLS handshake"),
        pytest.param(ignore, {}, [True] * 3, id="before the response"),
        pytest.param(in_the_middle, {}, [True] * 3, id="in the response"),
        pytest.param(throttle, {}, [False] * 3, id="between attempts, after a refusal"),
        pytest.param(Request.drop, {}, [True] * 3, id="between attempts, after a lost response"),
        pytest.param(throttle, {"mode": "adaptive"}, [False] * 4, id="at the rate limit"),
        pytest.param(ignore, {"max_requests": 1}, [False, False, True], id="waiting for another call"),
    ],
)
async def test_calls_in_flight(react: Callable[[Request], None], options: dict[str, Any], expected: list[bool]) -> None:
    """Wherever they wait, they end at once, say why, and whether the service may have acted."""

    async def sleep(_: float) -> None:
        sleeping.append(True)
        await asyncio.Event().wait()

    sleeping: list[bool] = []
    max_requests = options.get("max_requests", 3)
    async with serving(react) as server:
        client = DetectiveClient(
            region="eu-west-1",
            credentials=KEYS,
            endpoint_url=server.url.replace("http", options.get("scheme", "http")),
            clock=Clock(sleep=sleep),
            retry=RetryPolicy(mode=options.get("mode")),
        )
        client._transport.pool._max_requests = max_requests
        calls = [asyncio.create_task(client.create_graph()) for _ in range(3)]
        arrived = server.connections if "scheme" in options else server.requests
        await until(lambda: len(arrived) == max_requests, "they have arrived")
        if react in (throttle, Request.drop):
            await until(lambda: len(sleeping) == 3, "they wait")
        if "mode" in options:
            # The first three wait for their next attempt.
            calls.append(asyncio.create_task(client.create_graph()))
            await until(lambda: len(sleeping) == 4, "it waits")
        await client.aclose()
        errors = await asyncio.gather(*calls, return_exceptions=True)
    assert [f"{type(error).__name__}: {error}" for error in errors] == [
        "ClientClosed: the client was closed during the call"
    ] * len(expected)
    assert sorted(error.outcome_unknown for error in errors if isinstance(error, ClientClosed)) == expected


class HangingSource:
    """A source that is asked in the call's own task."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def get_credentials(self) -> Credentials:
        self.asked.set()
        await asyncio.Event().wait()
        raise AssertionError


@pytest.mark.parametrize("spawned", [False, True])
async def test_a_call_that_waits_for_credentials(spawned: bool, sim: DetectiveSimulator) -> None:
    """It does not wait for the source's timeout."""
    source = HangingSource()
    client = DetectiveClient(
        region="eu-west-1", endpoint_url=sim.url, credentials=source.get_credentials if spawned else source
    )
    call = asyncio.create_task(client.create_graph())
    await source.asked.wait()
    await client.aclose()
    with pytest.raises(ClientClosed, match="the client was closed during the call") as caught:
        await call
    assert not caught.value.outcome_unknown


async def test_chunks_in_flight(caplog: pytest.LogCaptureFixture) -> None:
    """What a bulk operation has done is not lost; only chunks that were not sent are certain to have had no effect."""
    arn = f"arn:aws:detective:eu-west-1:111122223333:graph:{'0a' * 16}"

    def first_only(request: Request) -> None:
        if request is server.requests[0]:
            request.answer(b'{"AccountIds": ["000000000001"]}')

    async with serving(first_only) as server:
        client = DetectiveClient(region="eu-west-1", credentials=KEYS, endpoint_url=server.url)
        call = asyncio.create_task(
            client.bulk.delete_members(arn, [f"{number:012}" for number in range(1, 201)], concurrency=2)
        )
        await until(lambda: len(server.requests) == 3, "two are in flight")
        await client.aclose()
        result = await call
    assert result.account_ids == ["000000000001"]
    assert [type(failure.error) for failure in result.failures] == [ClientClosed] * 3
    assert [failure.error.outcome_unknown for failure in result.failures] == [True, True, False]
    assert "DeleteMembers for 50 of the account_ids failed: the client was closed during the call" in caplog.messages


async def test_an_exchange_that_runs_out_of_time_while_the_client_is_closed() -> None:
    """Its timer, which fires in the same round, has no effect any more."""
    loop = asyncio.get_running_loop()
    with pytest.raises(TimeoutError):  # noqa: PT012 - what raises is the end of the block
        async with asyncio.timeout(None) as timer:
            timer.reschedule(loop.time())
            loop.call_soon(_expire, timer, loop, TimeLimit(0.0, 0.0, None))
            await asyncio.Event().wait()


async def test_a_wait_whose_time_is_up_when_the_client_is_closed() -> None:
    """Its timer has fired, and is left alone."""
    client = DetectiveClient(region="eu-west-1", credentials=KEYS, endpoint_url="http://127.0.0.1:9")
    loop = asyncio.get_running_loop()
    wait = client._transport.pool.connections(loop).wait
    waiting = asyncio.create_task(wait(asyncio.Event().wait(), loop.time()))
    # It begins to wait, and its timer fires.
    for _ in range(2):
        await asyncio.sleep(0)
    await client.aclose()
    with pytest.raises(TimeoutError):
        await waiting


@pytest.mark.parametrize("react", [ignore, Request.drop])
async def test_the_callers_session_is_closed_during_a_call(react: Callable[[Request], None]) -> None:
    """The error names the session and not the network."""
    async with serving(react) as server, aiohttp.ClientSession() as session:
        client = DetectiveClient(region="eu-west-1", credentials=KEYS, endpoint_url=server.url, session=session)
        call = asyncio.create_task(client.create_graph())
        await until(lambda: server.requests, "it was sent")
        await session.close()
        with pytest.raises(ConfigurationError, match="the aiohttp session that was passed in is closed") as caught:
            await call
        assert caught.value.outcome_unknown


@pytest.mark.parametrize(("words", "expected"), [("Connection closed.", ConnectionLost), ("mine", RuntimeError)])
async def test_a_body_whose_session_was_closed(words: str, expected: type[Exception]) -> None:
    """Aiohttp raises a bare `RuntimeError` then; those of the caller's own code pass through."""

    async def fail(_: aiohttp.ClientRequest, __: object) -> aiohttp.ClientResponse:
        raise RuntimeError(words)

    async with aiohttp.ClientSession(middlewares=[fail]) as session:
        client = DetectiveClient(
            region="eu-west-1", credentials=KEYS, session=session, retry=RetryPolicy(max_attempts=1)
        )
        with pytest.raises(expected):
            await client.list_graphs()


async def test_a_client_with_the_callers_session_is_closed_during_a_call() -> None:
    """The session stays open: a response is returned, but after a failure there is no retry."""
    async with serving() as server, aiohttp.ClientSession() as session:
        client = DetectiveClient(region="eu-west-1", credentials=KEYS, endpoint_url=server.url, session=session)
        call = asyncio.create_task(client.list_graphs())
        lost = asyncio.create_task(client.create_graph())
        await until(lambda: len(server.requests) == 2, "they were sent")
        await client.aclose()
        server.requests[0].answer(b'{"GraphList": []}')
        server.requests[1].drop()
        assert (await call).graph_list == []
        with pytest.raises(ClientClosed) as caught:
            await lost
        assert caught.value.outcome_unknown


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

"""A program that blocks the event loop: timeouts that fire late say nothing about the network."""

import asyncio

import pytest
from support import faults
from support.certificates import Certificates
from support.operation_cases import LIST_MEMBERS, START_INVESTIGATION, OperationCase
from support.proxied_call import TIMEOUTS, proxied_client
from support.proxy import Exchange, ExchangeFault
from support.server_thread import server_thread
from support.virtual_time import VirtualTimeLoop, in_virtual_time
from support.wire_server import LoopClock

from detective_async import (
    AttemptTimeout,
    ConnectError,
    Credentials,
    DeadlineExceeded,
    DetectiveClient,
    RetryPolicy,
    Timeouts,
)
from detective_async.http.time_limits import is_late

BLOCKED = 20.0
either = pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
operations = pytest.mark.parametrize(
    "operation", [LIST_MEMBERS, START_INVESTIGATION], ids=lambda operation: operation.name
)


def block(after: float) -> None:
    """Block the event loop for longer than all timeouts of an attempt."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    loop.call_later(after, loop.pass_time, BLOCKED)


async def respond_and_block(exchange: Exchange) -> None:
    """Send the response, and block the event loop before the client can read it."""
    reply = await exchange.forward()
    await asyncio.sleep(5)
    exchange._writer.write(reply.whole)
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    loop.pass_time(BLOCKED)


@either
@operations
@in_virtual_time
async def test_blocked_while_connecting(operation: OperationCase, tls: bool, certificates: Certificates) -> None:
    """The call connects again in the same attempt."""
    async with proxied_client(
        operation, certificates=certificates if tls else None, max_attempts=1, listening=False
    ) as running:
        running.proxy.ignore()
        loop = asyncio.get_running_loop()
        block(after=1)
        loop.call_later(1, lambda: loop.call_soon(lambda: loop.call_soon(running.proxy.listen)))
        result = await running.call()
        assert result.error is None
        assert (result.attempts, running.executed) == (1, 1)


@in_virtual_time
async def test_a_dead_host_and_a_blocked_loop() -> None:
    """The attempt ends after as long as without the blocking."""
    async with proxied_client(LIST_MEMBERS, max_attempts=1, listening=False) as running:
        running.proxy.ignore()
        block(after=1)
        result = await running.call()
        assert type(result.error) is ConnectError
        assert result.seconds == pytest.approx(1 + BLOCKED + (TIMEOUTS.connect or 0))
        running.proxy.listen()


@in_virtual_time
async def test_an_event_loop_that_is_always_late() -> None:
    """There is one more try."""
    async with proxied_client(
        LIST_MEMBERS, max_attempts=1, listening=False, timeouts=Timeouts(connect=1, attempt=None, total=None)
    ) as running:
        running.proxy.ignore()
        for number in range(20):
            block(after=0.5 + number * (BLOCKED + 1))
        result = await running.call()
        assert type(result.error) is ConnectError
        assert result.seconds == pytest.approx(2 * (BLOCKED + 1), abs=1)
        running.proxy.listen()


@either
@operations
@in_virtual_time
async def test_blocked_while_the_response_arrives(
    operation: OperationCase, tls: bool, certificates: Certificates
) -> None:
    """A response that arrived meanwhile is read, although both the timeout for reading and the attempt's are over."""
    async with proxied_client(operation, certificates=certificates if tls else None, max_attempts=1) as running:
        running.proxy.plan.append(ExchangeFault("blocks", respond_and_block))
        result = await running.call()
        assert result.error is None
        assert (result.attempts, running.executed) == (1, 1)


@pytest.mark.parametrize(
    ("timeouts", "kind", "seconds"),
    [
        (Timeouts(read=None, attempt=5, total=None), AttemptTimeout, 1 + BLOCKED + 5),
        (Timeouts(read=None, attempt=5, total=23), DeadlineExceeded, 23),
        (Timeouts(read=None, attempt=5, total=15), DeadlineExceeded, 1 + BLOCKED),
    ],
)
@in_virtual_time
async def test_no_response_and_a_blocked_loop(timeouts: Timeouts, kind: type[Exception], seconds: float) -> None:
    """The attempt is given its time once more, but not beyond the deadline."""
    async with proxied_client(LIST_MEMBERS, max_attempts=1, timeouts=timeouts) as running:
        running.proxy.plan.append(faults.SILENT)
        block(after=1)
        result = await running.call()
        assert type(result.error) is kind
        assert result.seconds == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("timeout", "punctual", "late"), [(0.1, 0.05, 0.06), (1, 0.099, 0.11), (5, 0.249, 0.26), (60, 0.249, 0.26)]
)
def test_how_late_a_busy_event_loop_may_be(timeout: float, punctual: float, late: float) -> None:
    """A tenth of the timeout, from 50 to 250 ms."""
    assert not is_late(100 + punctual, 100, timeout)
    assert is_late(100 + late, 100, timeout)


@in_virtual_time
async def test_an_event_loop_with_slow_steps() -> None:
    """A dead host takes no longer than its timeout, and a step."""
    async with proxied_client(
        LIST_MEMBERS, max_attempts=1, listening=False, timeouts=Timeouts(connect=5, attempt=None, total=None)
    ) as running:
        running.proxy.ignore()
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        for number in range(200):
            loop.call_later(number * 0.13, loop.pass_time, 0.129)
        result = await running.call()
        assert type(result.error) is ConnectError
        assert result.seconds == pytest.approx(5, abs=0.3)
        running.proxy.listen()


def test_a_real_event_loop(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls survive that it is blocked for longer than the timeout for connecting, without retries."""

    async def work(url: str) -> None:
        clock, timeouts, keys = LoopClock(monkeypatch), Timeouts(connect=30), Credentials("a", "b")
        async with DetectiveClient(
            region="eu-west-1", credentials=keys, endpoint_url=url, timeouts=timeouts, retry=RetryPolicy(max_attempts=1)
        ) as client:
            calls = [asyncio.create_task(client.list_graphs()) for _ in range(10)]
            # They have begun to connect, and have not finished.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            clock.pass_time(40)
            await asyncio.gather(*calls)

    with server_thread(tls=certificates.good) as server:
        asyncio.run(work(server.url))

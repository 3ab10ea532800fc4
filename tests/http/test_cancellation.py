"""Calls that are interrupted at every moment: nothing is suppressed, lost or left running."""

import asyncio
import logging
import signal
import sys
import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from support.certificates import Certificates
from support.fakes import FakeTime
from support.interruptions import (
    INTERRUPTS,
    Call,
    Interrupt,
    after_steps,
    as_an_await_ends,
    by_a_timeout_from_outside,
    passes,
    was_cancelled,
)
from support.one_connection import FAILURES, single_connection
from support.strict_mode import warnings_in
from support.wire_server import LoopClock, after_passes, serving, until

from detective_async import (
    Clock,
    Credentials,
    DetectiveClient,
    DetectiveError,
    ParameterError,
    Timeouts,
    ValidationException,
)
from detective_async.http.pool import MAX_CONNECTIONS

pytestmark = [pytest.mark.exhaustive, pytest.mark.slow]

every_interrupt = pytest.mark.parametrize("interrupt", INTERRUPTS, ids=lambda interrupt: interrupt.__name__)


@pytest.fixture(params=["our session", "the caller's session"])
def owner(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(autouse=True)
def _nothing_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    said = [record.getMessage() for record in caplog.get_records("call") if record.levelno >= logging.WARNING]
    # asyncio's debug mode reports slow steps; on a busy machine any step may be slow.
    assert [message for message in said if not message.startswith("Executing ")] == []


@every_interrupt
@pytest.mark.parametrize("failure", FAILURES)
async def test_a_call_with_a_retry(owner: str, failure: str, interrupt: Interrupt, fake_time: FakeTime) -> None:
    """At every moment of its two attempts and of the delay between them."""
    async with single_connection(owner, fake_time.clock(), failure) as single:
        moments = await single.sweep(interrupt, lambda n: single.caller(n).list_graphs(next_token="swept"))
        assert moments > 2
        assert {request.attempt for request in single.server.requests if request.token == "swept"} == {1, 2}


@pytest.mark.parametrize("interrupt", [after_steps, as_an_await_ends])
async def test_a_call_over_tls(
    owner: str, interrupt: Interrupt, fake_time: FakeTime, certificates: Certificates
) -> None:
    """Also at every moment of the handshakes."""
    async with single_connection(owner, fake_time.clock(), certificates=certificates) as single:
        assert await single.sweep(interrupt, lambda n: single.caller(n).list_graphs(next_token="swept")) > 4


@every_interrupt
@pytest.mark.parametrize("prefetch", [0, 2])
async def test_an_iteration_over_pages(owner: str, prefetch: int, interrupt: Interrupt, fake_time: FakeTime) -> None:
    """While a page is fetched, in advance or not, and while the consumer runs."""

    async def walk(client: DetectiveClient) -> None:
        graphs = []
        async for graph in client.iter_graphs(starting_token="page-1", prefetch=prefetch):
            graphs.append(graph.arn)
            await asyncio.sleep(0)
        assert graphs == ["page-1", "page-2", "page-3"]

    async with single_connection(owner, fake_time.clock()) as single:
        assert await single.sweep(interrupt, lambda n: walk(single.caller(n))) > 4


@every_interrupt
async def test_a_queued_call(owner: str, interrupt: Interrupt, fake_time: FakeTime) -> None:
    """Before, when and after it gets its connection; the call before it is not affected."""

    async def queue(client: DetectiveClient) -> None:
        assert (await client.list_graphs(next_token="queued")).next_token == "queued"

    async with single_connection(owner, fake_time.clock()) as single:

        async def interrupt_behind_another(call: Call, moment: int) -> bool:
            first = asyncio.create_task(single.client.list_graphs(next_token="slow"))
            await asyncio.sleep(0)
            interrupted = await interrupt(call, moment)
            assert (await first).next_token == "slow"
            return interrupted

        assert await single.sweep(interrupt_behind_another, lambda n: queue(single.caller(n))) > 1


@every_interrupt
async def test_a_call_that_waits_for_credentials(owner: str, interrupt: Interrupt, fake_time: FakeTime) -> None:
    """Other calls that wait for the same refresh get its result, and there is one refresh."""
    refreshes = begun = 0
    others: list[asyncio.Task[Any]] = []

    async def refresh() -> Credentials:
        nonlocal refreshes
        refreshes += 1
        await passes(10)
        return Credentials("a", "b", expires_at=datetime.now(UTC) + timedelta(hours=1))

    async with single_connection(owner, fake_time.clock()) as single:

        async def call(client: DetectiveClient) -> None:
            nonlocal begun
            begun += 1
            # Another call waits for the refresh that this one has started.
            after_passes(1, lambda: others.append(asyncio.create_task(client.list_graphs(next_token="other"))))
            await client.list_graphs(next_token="given up")

        async def interrupt_beside_another(call: Call, moment: int) -> bool:
            interrupted = await interrupt(call, moment)
            await passes(2)
            while others:
                assert (await others.pop()).next_token == "other"
            assert refreshes == begun
            return interrupted

        def start(_: int) -> Call:
            # Another callable each time, because credentials are cached for each callable.
            return call(single.client.with_options(credentials=partial(refresh)))

        assert await single.sweep(interrupt_beside_another, start) > 1


@pytest.mark.parametrize("interrupt", [after_steps, by_a_timeout_from_outside])
async def test_a_refresh_that_fails_without_waiting_calls(interrupt: Interrupt, fake_time: FakeTime) -> None:
    """Nothing is logged, and the next call starts another refresh."""
    refreshes = 0

    async def refresh() -> Credentials:
        nonlocal refreshes
        refreshes += 1
        await passes(10)
        if refreshes == 1:
            raise OSError("the vault is closed")
        return Credentials("a", "b", expires_at=datetime.now(UTC) + timedelta(hours=1))

    async with single_connection("our session", fake_time.clock()) as single:
        client = single.client.with_options(credentials=refresh)
        assert await interrupt(client.list_graphs(next_token="given up"), 5)
        await passes(20)
        assert (await client.list_graphs(next_token="next")).next_token == "next"
        assert refreshes == 2


async def test_a_call_between_two_attempts(owner: str) -> None:
    """The wait for a retry holds no connection, ends at once, and its cost is given back."""
    waiting = asyncio.Event()

    async def sleep(_: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    async with single_connection(owner, Clock(sleep=sleep)) as single:
        task = asyncio.create_task(single.client.list_graphs(next_token="swept"))
        await waiting.wait()
        assert (await single.client.list_graphs(next_token="other")).next_token == "other"
        task.cancel()
        assert await was_cancelled(task)
        assert single.client._transport.limits.quota.available == 500
        await single.is_as_before()


@pytest.mark.parametrize(
    ("parameters", "error"), [({"max_results": 0}, ParameterError), ({"next_token": "refused"}, ValidationException)]
)
async def test_one_failure_in_a_task_group(
    owner: str, parameters: dict[str, Any], error: type[DetectiveError], fake_time: FakeTime
) -> None:
    """It cancels the other calls, in flight and queued, and is the group's only error."""
    async with single_connection(owner, fake_time.clock()) as single:

        async def fail() -> None:
            if error is ParameterError:
                await until(lambda: single.server.requests, "one of the others is in flight")
            await single.client.list_graphs(**parameters)

        calls: list[asyncio.Task[Any]] = []
        with pytest.raises(ExceptionGroup) as caught:  # noqa: PT012 - a group raises at its end
            async with asyncio.TaskGroup() as group:
                group.create_task(fail())
                calls += [group.create_task(single.client.list_graphs(next_token="held")) for _ in range(5)]
        assert [type(one) for one in caught.value.exceptions] == [error]
        assert all(call.cancelled() for call in calls)
        await single.is_as_before()


@pytest.mark.parametrize("first", ["the caller", "the deadline", "the attempt's timeout"])
@pytest.mark.parametrize("kind", ["cancel", "timeout"])
async def test_an_interruption_at_the_moment_of_the_deadline(
    owner: str, kind: str, first: str, fake_time: FakeTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller's cancellation or TimeoutError takes precedence, in any order."""
    mine, total, attempt = {
        "the caller": (10.0, 20.0, 30.0),
        "the deadline": (20.0, 10.0, 30.0),
        "the attempt's timeout": (30.0, 20.0, 10.0),
    }[first]
    clock = LoopClock(monkeypatch)
    timeouts = Timeouts(connect=None, read=None, attempt=attempt, total=total)
    async with single_connection(owner, fake_time.clock(), timeouts=timeouts) as single:
        loop = asyncio.get_running_loop()
        cancelling = None

        async def call() -> None:
            nonlocal cancelling
            task = asyncio.current_task()
            assert task is not None
            if kind == "cancel":
                loop.call_later(mine, task.cancel)
            try:
                async with asyncio.timeout(mine if kind == "timeout" else None):
                    await single.client.list_graphs(next_token="held")
            finally:
                cancelling = task.cancelling()

        task = asyncio.create_task(call())
        await until(lambda: single.server.requests, "the request is under way")
        # All three timers fire in the same pass of the event loop, in the order of their times.
        clock.pass_time(40)
        with pytest.raises(asyncio.CancelledError if kind == "cancel" else TimeoutError) as caught:
            await task
        assert type(caught.value) in (asyncio.CancelledError, TimeoutError)
        assert cancelling == (1 if kind == "cancel" else 0)
        await single.is_as_before()


async def test_keyboard_interrupt() -> None:
    """A program with running, queued and prefetching calls ends with a KeyboardInterrupt and no other output."""
    program = textwrap.dedent("""
        import asyncio, signal, sys
        from detective_async import Credentials, DetectiveClient

        async def walk(client):
            async for _ in client.iter_graphs(prefetch=2):
                pass

        async def main():
            credentials = Credentials("a", "b")
            async with DetectiveClient(region="eu-west-1", credentials=credentials, endpoint_url=sys.argv[1]) as client:
                await asyncio.gather(walk(client), *(client.list_graphs() for _ in range(200)))

        # If the tests run in the background, SIGINT may be ignored, and programs inherit that.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        asyncio.run(main(), debug=True)
    """)
    async with serving() as server:
        options = ("-P", "-W", "error", "-X", "dev", "-c", program, server.url)
        run = await asyncio.create_subprocess_exec(
            sys.executable, *options, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        while len(server.requests) < MAX_CONNECTIONS:
            assert run.returncode is None
            await asyncio.sleep(0.01)
        run.send_signal(signal.SIGINT)
        out, error = await run.communicate()
        await server.emptied()
    assert (run.returncode, out) == (-signal.SIGINT, b"")
    lines = warnings_in(error.decode()).splitlines()
    assert lines[-1] == "KeyboardInterrupt"
    assert {line for line in lines if line and not line.startswith(" ")} <= {
        "Traceback (most recent call last):",
        "asyncio.exceptions.CancelledError",
        "During handling of the above exception, another exception occurred:",
        "KeyboardInterrupt",
    }

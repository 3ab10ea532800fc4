"""`SimulatorThread`: the same controls, for code without an event loop."""

import asyncio
import inspect
import subprocess
import sys
import textwrap
import threading
import time
from typing import Any

import pytest
from support.strict_mode import warnings_in

from detective_async import DetectiveClient
from detective_async.testing import DetectiveSimulator, Fault, Latency, SimulatorThread
from detective_async.testing.controls import Controls

HUB = "111122223333"
ONE = "000000000001"
REGION = "eu-west-1"
DELAY = 30


def test_boto3_without_an_event_loop(client_of: Any) -> None:
    """In blocking code: invite, advance the time, accept."""
    with SimulatorThread(verification_delay=60) as sim:
        admin, member = client_of(sim), client_of(sim, ONE, attempts=2)
        graph = admin.create_graph()["GraphArn"]
        admin.create_members(
            GraphArn=graph, Accounts=[{"AccountId": ONE, "EmailAddress": f"account-{ONE}@example.com"}]
        )
        assert sim.snapshot()[graph]["members"] == {ONE: "VERIFICATION_IN_PROGRESS"}
        sim.advance(61)
        assert sim.snapshot()[graph]["members"] == {ONE: "INVITED"}
        sim.throttle(operation="AcceptInvitation", retry_after_ms=1)
        member.accept_invitation(GraphArn=graph)
        assert sim.snapshot()[graph]["members"] == {ONE: "ENABLED"}
        assert [request.status for request in sim.requests] == [200, 200, 429, 200]
        assert [request.operation for request in sim.requests][-1] == "AcceptInvitation"
        assert sim.faults == []


async def test_async_code_may_use_it_from_its_own_loop() -> None:
    """The controls do not need the caller's event loop: they may be called while it serves requests."""
    with SimulatorThread() as sim:
        async with DetectiveClient(region=REGION, credentials=sim.account(HUB), endpoint_url=sim.url) as client:
            graph = (await client.create_graph()).graph_arn
            sim.advance(5)
            assert list(sim.snapshot()) == [graph]


def test_it_has_every_control_with_the_same_signature() -> None:
    """Both kinds have the same controls, with the same documentation; only `advance` is a coroutine of one of them."""
    controls = {name: one for name, one in vars(Controls).items() if not name.startswith("_")}
    assert len(controls) > 20
    for name, control in controls.items():
        here = vars(SimulatorThread)[name]
        if isinstance(control, property):
            assert here.__doc__ == control.__doc__
        else:
            assert inspect.signature(here) == inspect.signature(control)
            assert here.__doc__ == control.__doc__
    assert inspect.iscoroutinefunction(DetectiveSimulator.advance)
    assert not inspect.iscoroutinefunction(SimulatorThread.advance)


def test_controls_act_in_the_simulators_thread_only() -> None:
    """A running simulator's state is used by its thread only; a stopped one's by the caller's."""
    threads = []

    def clock() -> float:
        threads.append(threading.current_thread())
        return time.time()

    sim = SimulatorThread(wall_clock=clock)
    _ = sim.now
    with sim:
        _ = sim.now
        sim.advance(1)
        assert {thread.name for thread in threads[1:]} == {"detective-simulator"}
    threads.clear()
    assert sim.dump()["accounts"] == []
    assert set(threads) == {threading.current_thread()}


def test_many_threads_may_use_it_concurrently() -> None:
    """Accounts, faults and dumps from eight threads."""
    with SimulatorThread() as sim:
        errors = []

        def work(number: int) -> None:
            try:
                for step in range(25):
                    sim.account(f"{number:06d}{step:06d}")
                    sim.throttle(operation=f"{number}-{step}")
                    sim.dump()
            except BaseException as error:
                errors.append(error)
                raise

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert (len(sim.accounts), len(sim.faults)) == (200, 200)


def test_errors_of_a_control_are_raised_in_the_caller() -> None:
    """An exception of a control is raised in the calling thread, and the simulator keeps running."""
    with SimulatorThread() as sim:
        with pytest.raises(ValueError, match="12 digits"):
            sim.account("1")
        with pytest.raises(ValueError, match="zero or more"):
            sim.advance(-1)
        assert sim.accounts == []


def test_it_is_started_and_stopped_like_the_async_one() -> None:
    """Starting a running one and a port in use are errors, stopping a stopped one is not; the state is kept."""
    sim = SimulatorThread(seed=1)
    with pytest.raises(RuntimeError, match="not running"):
        _ = sim.url
    sim.stop()
    sim.start()
    with pytest.raises(RuntimeError, match="started already"):
        sim.start()
    sim.account(HUB)
    assert repr(sim) == f"<SimulatorThread {sim.url} [1 accounts, 0 graphs]>"
    second = SimulatorThread(port=int(sim.url.rpartition(":")[2]))
    for _ in range(2):
        with pytest.raises(OSError, match="in use"):
            second.start()
    sim.stop()
    sim.stop()
    assert "not started" in repr(sim)
    with sim:
        assert sim.accounts == [HUB]


def test_stopping_does_not_wait_for_a_slow_answer(client_of: Any) -> None:
    """A delayed request does not delay the end of the block."""
    with SimulatorThread() as sim:
        sim.inject(Fault(Latency(DELAY)))
        client = client_of(sim)
        failed = []

        def ask() -> None:
            try:
                client.list_graphs()
            except Exception as error:  # noqa: BLE001  any error of boto3
                failed.append(error)

        waiting = threading.Thread(target=ask)
        waiting.start()
        while sim.faults:
            time.sleep(0.01)
    waiting.join()
    # Otherwise the request would have succeeded after the delay.
    assert failed


LEAVES_NOTHING = """
    import gc, threading
    from detective_async.testing import SimulatorThread

    for _ in range(3):
        with SimulatorThread() as sim:
            sim.account("111122223333")
    assert threading.active_count() == 1
    unstopped = SimulatorThread()
    unstopped.start()
    print("clean")
"""


def test_it_leaves_no_resources_behind() -> None:
    """In development mode with warnings as errors; one that is never stopped does not block the interpreter's exit."""
    found = subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", "-c", textwrap.dedent(LEAVES_NOTHING)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (found.returncode, found.stdout.strip(), warnings_in(found.stderr)) == (0, "clean", "")


async def test_the_callers_event_loop_is_not_used() -> None:
    """Starting one inside a running event loop does not use or change that loop."""
    loop = asyncio.get_running_loop()
    with SimulatorThread() as sim:
        assert asyncio.get_running_loop() is loop
        assert sim.accounts == []
    assert asyncio.all_tasks() == {asyncio.current_task()}

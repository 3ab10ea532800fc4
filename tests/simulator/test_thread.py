"""The simulator in a thread: the same controls, for code without an event loop."""

import asyncio
import inspect
import subprocess
import sys
import textwrap
import threading
import time
from typing import Any

import boto3
import pytest
from botocore.config import Config
from scrutiny import complaints

from detective_async import DetectiveClient
from detective_async.testing import DetectiveSimulator, Fault, Latency, SimulatorThread
from detective_async.testing.controls import Controls

HUB = "111122223333"
ONE = "000000000001"
REGION = "eu-west-1"
DELAY = 30


@pytest.fixture
def client_of(boto_session: boto3.Session) -> Any:
    def make(sim: SimulatorThread, account: str = HUB, attempts: int = 2) -> Any:
        keys = sim.account(account)
        return boto_session.client(
            "detective",
            region_name=REGION,
            endpoint_url=sim.url,
            aws_access_key_id=keys.access_key_id,
            aws_secret_access_key=keys.secret_access_key,
            config=Config(retries={"mode": "standard", "total_max_attempts": attempts}),
        )

    return make


def test_boto3_without_an_event_loop_anywhere(client_of: Any) -> None:
    """Plain blocking code: invite, let time pass, accept."""
    with SimulatorThread(verification_delay=60) as sim:
        admin, member = client_of(sim), client_of(sim, ONE)
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
        admin.close()
        member.close()


async def test_async_code_may_use_it_from_its_own_loop() -> None:
    """The controls do not need the loop of the caller: they can be called beside awaited requests."""
    with SimulatorThread() as sim:
        async with DetectiveClient(region=REGION, credentials=sim.account(HUB), endpoint_url=sim.url) as client:
            graph = (await client.create_graph()).graph_arn
            sim.advance(5)
            assert list(sim.snapshot()) == [graph]


def test_it_has_every_control_with_the_same_signature() -> None:
    """No control is missing or differs, and only how time passes does; all of them are documented."""
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
    """The state is touched by one thread; before the start and after the stop by the caller's, as there is no other."""
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


def test_many_threads_may_use_it_at_once() -> None:
    """Accounts, faults and dumps from eight threads, with requests in between, all arrive."""
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


def test_errors_of_a_control_come_to_the_caller() -> None:
    """What a control raises is raised where it was called, and the simulator goes on."""
    with SimulatorThread() as sim:
        with pytest.raises(ValueError, match="12 digits"):
            sim.account("1")
        with pytest.raises(ValueError, match="zero or more"):
            sim.advance(-1)
        assert sim.accounts == []


def test_it_is_started_and_stopped_like_its_twin() -> None:
    """Starting twice is an error, stopping twice is none; the state outlives a stop; a taken port is told."""
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
    """A request that is being delayed does not delay the end."""
    with SimulatorThread() as sim:
        sim.inject(Fault(Latency(DELAY)))
        client = client_of(sim, attempts=1)
        failed = []

        def ask() -> None:
            try:
                client.list_graphs()
            except Exception as error:  # noqa: BLE001  whatever boto3 makes of it
                failed.append(error)

        waiting = threading.Thread(target=ask)
        waiting.start()
        while sim.faults:
            time.sleep(0.01)
        start = time.monotonic()
    assert time.monotonic() - start < DELAY / 2
    waiting.join()
    client.close()
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


def test_it_leaves_nothing_behind_under_a_strict_python() -> None:
    """With warnings as errors and in development mode; one that was never stopped does not hold the interpreter."""
    found = subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", "-c", textwrap.dedent(LEAVES_NOTHING)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (found.returncode, found.stdout.strip(), complaints(found.stderr)) == (0, "clean", "")


async def test_a_loop_of_the_callers_is_left_alone() -> None:
    """Starting one inside a running loop neither needs nor changes that loop."""
    loop = asyncio.get_running_loop()
    with SimulatorThread() as sim:
        assert asyncio.get_running_loop() is loop
        assert sim.accounts == []
    assert asyncio.all_tasks() == {asyncio.current_task()}

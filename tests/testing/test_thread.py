"""`SimulatorThread`: the same controls, for code without an event loop."""

import asyncio
import inspect
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

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
    loop = asyncio.get_running_loop()
    with SimulatorThread() as sim:
        assert asyncio.get_running_loop() is loop
        async with DetectiveClient(region=REGION, credentials=sim.account(HUB), endpoint_url=sim.url) as client:
            graph = (await client.create_graph()).graph_arn
            sim.advance(5)
            assert list(sim.snapshot()) == [graph]
    assert asyncio.all_tasks() == {asyncio.current_task()}


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
    with SimulatorThread() as sim, ThreadPoolExecutor(8) as pool:

        def work(number: int) -> None:
            for step in range(25):
                sim.account(f"{number:06d}{step:06d}")
                sim.throttle(None, account=f"{number:06d}{step:06d}")
                sim.dump()

        assert list(pool.map(work, range(8))) == [None] * 8
        assert (len(sim.accounts), len(sim.faults)) == (200, 200)


def test_stopping_does_not_wait_for_a_slow_answer(client_of: Any) -> None:
    """A delayed request does not delay the end of the block."""
    with ThreadPoolExecutor() as pool:
        with SimulatorThread() as sim:
            sim.inject(Fault(Latency(DELAY)))
            waiting = pool.submit(client_of(sim).list_graphs)
            while sim.faults:
                time.sleep(0.01)
        # Otherwise the request would have succeeded after the delay.
        assert waiting.exception()

"""Fixtures for the tests of the client."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from support.waits import ADMINISTRATOR, NEVER, ScriptedTime

from detective_async import DetectiveClient, RetryPolicy
from detective_async.testing import DetectiveSimulator


@pytest.fixture
def scripted_time() -> ScriptedTime:
    return ScriptedTime()


@pytest.fixture
async def waiter(
    sim: DetectiveSimulator, scripted_time: ScriptedTime, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[DetectiveClient]:
    """A client with a fake clock and without retries.

    The event loop's clock is slow: it limits each poll to a second at the least, which a busy machine may need.
    """
    loop = asyncio.get_running_loop()
    real, start = loop.time, loop.time()
    monkeypatch.setattr(loop, "time", lambda: start + (real() - start) / 60)
    async with DetectiveClient(
        region="eu-west-1",
        credentials=sim.account(ADMINISTRATOR),
        endpoint_url=sim.url,
        clock=scripted_time.clock(real_dates=True),
        retry=RetryPolicy(max_attempts=1),
    ) as client:
        yield client
        monkeypatch.setattr(loop, "time", real)


@pytest.fixture
async def slow_graph(waiter: DetectiveClient, sim: DetectiveSimulator) -> str:
    """A graph whose invitations are verified only when the test advances the simulator's time."""
    sim.set_verification_delay(NEVER)
    return str((await waiter.create_graph()).graph_arn)

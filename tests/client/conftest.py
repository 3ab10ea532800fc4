"""Fixtures for the tests of the client."""

from collections.abc import AsyncIterator

import pytest
from support.waits import ADMINISTRATOR, NEVER, ScriptedTime

from detective_async import DetectiveClient, RetryPolicy
from detective_async.testing import DetectiveSimulator


@pytest.fixture
def scripted_time() -> ScriptedTime:
    return ScriptedTime()


@pytest.fixture
async def waiter(sim: DetectiveSimulator, scripted_time: ScriptedTime) -> AsyncIterator[DetectiveClient]:
    """A client with a fake clock and without retries."""
    async with DetectiveClient(
        region="eu-west-1",
        credentials=sim.account(ADMINISTRATOR),
        endpoint_url=sim.url,
        clock=scripted_time.clock(real_dates=True),
        retry=RetryPolicy(max_attempts=1),
    ) as client:
        yield client


@pytest.fixture
async def slow_graph(waiter: DetectiveClient, sim: DetectiveSimulator) -> str:
    """A graph whose invitations are verified only when the test advances the simulator's time."""
    sim.set_verification_delay(NEVER)
    return str((await waiter.create_graph()).graph_arn)

"""What the tests of this folder share."""

from collections.abc import AsyncIterator

import pytest
from support.waits import ADMINISTRATOR, NEVER, Story

from detective_async import DetectiveClient, RetryPolicy
from detective_async.testing import DetectiveSimulator


@pytest.fixture
def story() -> Story:
    return Story()


@pytest.fixture
async def waiter(sim: DetectiveSimulator, story: Story) -> AsyncIterator[DetectiveClient]:
    """A client whose waits take no time, and that does not repeat calls."""
    async with DetectiveClient(
        region="eu-west-1",
        credentials=sim.account(ADMINISTRATOR),
        endpoint_url=sim.url,
        clock=story.clock(real_dates=True),
        retry=RetryPolicy(max_attempts=1),
    ) as client:
        yield client


@pytest.fixture
async def slow_graph(waiter: DetectiveClient, sim: DetectiveSimulator) -> str:
    """A graph whose invitations are not verified before the test says so."""
    sim.set_verification_delay(NEVER)
    return str((await waiter.create_graph()).graph_arn)

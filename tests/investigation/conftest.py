"""Fixtures of the investigation tests."""

from collections.abc import AsyncIterator

import pytest

from detective_async import DetectiveClient
from detective_async.testing import DetectiveSimulator
from investigation.worlds import WorldTime, administrator


@pytest.fixture
def world_time(sim: DetectiveSimulator) -> WorldTime:
    return WorldTime(sim)


@pytest.fixture
async def client(sim: DetectiveSimulator, world_time: WorldTime) -> AsyncIterator[DetectiveClient]:
    """A client of the administrator account; its waits advance the simulator's time."""
    async with administrator(sim, world_time) as client:
        yield client


@pytest.fixture
async def graph_arn(client: DetectiveClient, sim: DetectiveSimulator) -> str:
    """The graph of the administrator."""
    arn = (await client.create_graph()).graph_arn
    sim.forget_requests()
    return arn

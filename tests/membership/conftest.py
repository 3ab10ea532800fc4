"""Fixtures of the membership tests."""

from collections.abc import AsyncIterator

import pytest

from detective_async import DetectiveClient
from detective_async.testing import DetectiveSimulator
from membership.worlds import administrator


@pytest.fixture
async def client(sim: DetectiveSimulator) -> AsyncIterator[DetectiveClient]:
    """A client of the administrator account; its waits advance the simulator's time."""
    async with administrator(sim) as client:
        yield client


@pytest.fixture
async def one_attempt_client(sim: DetectiveSimulator) -> AsyncIterator[DetectiveClient]:
    """Likewise, with one attempt per call, so that each fault becomes an error."""
    async with administrator(sim, max_attempts=1) as client:
        yield client

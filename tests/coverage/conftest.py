"""Fixtures of the coverage tests: a world with each reason why an account is not covered."""

from collections.abc import AsyncIterator

import pytest

from detective_async import DetectiveClient
from detective_async.testing import DetectiveSimulator

ADMINISTRATOR = "111122223333"
REGION = "eu-west-1"


@pytest.fixture
async def client(sim: DetectiveSimulator) -> AsyncIterator[DetectiveClient]:
    async with DetectiveClient(region=REGION, endpoint_url=sim.url, credentials=sim.account(ADMINISTRATOR)) as client:
        yield client

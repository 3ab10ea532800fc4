"""What these tests share."""

from collections.abc import AsyncIterator

import pytest
from integrations.opentelemetry.recorded import Recorded, recording, settings
from support.fakes import FakeTime

from detective_async import ClientOptions, DetectiveClient
from detective_async.testing import DetectiveSimulator


@pytest.fixture
def recorded() -> Recorded:
    return recording()


@pytest.fixture
def options(recorded: Recorded, sim: DetectiveSimulator, fake_time: FakeTime) -> ClientOptions:
    return settings(recorded, sim, fake_time)


@pytest.fixture
async def client(options: ClientOptions) -> AsyncIterator[DetectiveClient]:
    async with DetectiveClient(**options) as client:
        yield client

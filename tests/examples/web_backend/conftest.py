"""The example's backend on its simulated world, in the test's own event loop."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from attrs import evolve

# The examples are not part of the package.
sys.path.insert(0, str(Path(__file__).parents[3] / "examples"))

from support.backend import Backend
from web_backend import world
from web_backend.app import make_app
from web_backend.serving import serving
from web_backend.settings import Settings

from detective_async.testing import DetectiveSimulator


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "settings(**changes): changes to the settings of the backend")


@pytest.fixture
async def sim() -> AsyncIterator[DetectiveSimulator]:
    async with world.simulator() as simulator:
        yield simulator


@pytest.fixture
def settings(sim: DetectiveSimulator, request: pytest.FixtureRequest) -> Settings:
    """The settings for the simulated world, with the changes of the mark `settings`."""
    mark = request.node.get_closest_marker("settings")
    return evolve(world.settings(sim), **(mark.kwargs if mark else {}))


@pytest.fixture
async def url(settings: Settings) -> AsyncIterator[str]:
    """The URL of a running backend."""
    async with serving(make_app(settings)) as url:
        yield url


@pytest.fixture
async def backend(url: str) -> AsyncIterator[Backend]:
    async with aiohttp.ClientSession(url, timeout=aiohttp.ClientTimeout(total=60)) as http:
        yield Backend(http)

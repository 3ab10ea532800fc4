"""The backend on its simulated world, in the test's own event loop."""

import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from attrs import evolve, frozen

# The example is no part of the package.
sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))

from web_backend import world
from web_backend.app import make_app
from web_backend.serving import serving
from web_backend.settings import Settings

from detective_async.testing import DetectiveSimulator


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "settings(**changes): what is otherwise in the settings of the backend")


@pytest.fixture
async def sim() -> AsyncIterator[DetectiveSimulator]:
    async with world.simulator() as simulator:
        yield simulator


@pytest.fixture
def settings(sim: DetectiveSimulator, request: pytest.FixtureRequest) -> Settings:
    """Those of the simulated world, with what the mark `settings` says otherwise."""
    mark = request.node.get_closest_marker("settings")
    return evolve(world.settings(sim), **(mark.kwargs if mark else {}))


@pytest.fixture
async def http(settings: Settings) -> AsyncIterator[aiohttp.ClientSession]:
    """A session whose URLs are those of the backend."""
    timeout = aiohttp.ClientTimeout(total=60)
    async with serving(make_app(settings)) as url, aiohttp.ClientSession(url, timeout=timeout) as session:
        yield session


@frozen
class Event:
    """A server-sent event."""

    name: str
    data: Any
    id: str


async def _events(answer: aiohttp.ClientResponse) -> AsyncIterator[Event]:
    fields: dict[str, str] = {}
    async for line in answer.content:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name:
            fields[name] = value
        elif "data" in fields:
            yield Event(fields.get("event", "message"), json.loads(fields["data"]), fields.get("id", ""))
            fields = {}


@pytest.fixture
def watch(http: aiohttp.ClientSession) -> Callable[..., AbstractAsyncContextManager[AsyncIterator[Event]]]:
    """Open a stream of events, and give them as they come."""

    @asynccontextmanager
    async def watch(path: str, last: str | None = None) -> AsyncIterator[AsyncIterator[Event]]:
        async with http.get(path, headers={"Last-Event-ID": last} if last else {}) as answer:
            assert answer.status == 200, await answer.text()
            assert answer.content_type == "text/event-stream"
            yield _events(answer)

    return watch


@pytest.fixture
def collect(watch: Callable[..., Any]) -> Callable[..., Awaitable[list[Event]]]:
    """Read a stream of events to its end."""

    async def collect(path: str, last: str | None = None) -> list[Event]:
        async with watch(path, last) as stream:
            return [event async for event in stream]

    return collect

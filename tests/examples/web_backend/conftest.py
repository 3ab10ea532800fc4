"""The example's backend on its simulated world, in the test's own event loop, and its page in a browser."""

from __future__ import annotations

import re
import sys
from collections.abc import AsyncIterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from playwright.async_api import Page
    from support.page_api import PageApi

#: Console messages about requests that failed, as tests want them to.
_EXPECTED = re.compile(
    r"Failed to load resource: (the server responded with a status of [45]|net::ERR_)"
    r"|EventSource's response has a MIME|This view cannot be shown:"
)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "settings(**changes): changes to the settings of the backend")


@cache
def _loaded() -> DetectiveSimulator:
    return world.simulator()


@pytest.fixture
async def sim() -> AsyncIterator[DetectiveSimulator]:
    # Loading the world takes four times as long as copying it, and hundreds of tests have one.
    async with deepcopy(_loaded()) as simulator:
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


@pytest.fixture
async def page(devtools_url: str) -> AsyncIterator[Page]:
    """A page in a browser context of its own; at the end, its console may only have expected messages."""
    # Not at the top: playwright may be missing, which only the tests with a browser need.
    from support.browser import opened_page  # noqa: PLC0415

    async with opened_page(devtools_url) as (page, console):
        yield page
    assert [text for text in console if not _EXPECTED.match(text)] == []


@pytest.fixture
async def api(page: Page) -> PageApi:
    """The API of that page, which answers as a test says."""
    from support.page_api import PageApi  # noqa: PLC0415

    api = PageApi()
    await api.install(page)
    return api

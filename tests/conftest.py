"""Fixtures for all tests."""

import gc
import os
import time
from collections.abc import AsyncIterator, Generator, Iterator
from unittest.mock import Mock

import aiohttp
import pytest
from aioresponses import aioresponses
from support import hypothesis_profiles, measurement
from support.chromium import running_chromium
from support.fakes import FakeTime

import detective_async
from detective_async import Credentials, DetectiveClient
from detective_async.testing import DetectiveSimulator

ADMINISTRATOR = "111122223333"

hypothesis_profiles.register()


def pytest_report_header() -> str:
    """Show which package is tested: the installed one, or by mistake the source folder."""
    return f"detective_async: {detective_async.__version__} from {detective_async.__file__}"


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Measure no coverage while collecting, and none in the programs that tests start."""
    # pytest-xdist has started its workers by now.
    measurement.exclude_programs()
    measurement.run_what_runs_once()
    with measurement.paused():
        return (yield)


def _is_measured(item: pytest.Item) -> bool:
    unmeasured = {"browser", "cli", "exhaustive", "hypothesis", "load", "once"}
    return unmeasured.isdisjoint(mark.name for mark in item.iter_markers()) and "examples" not in item.path.parts


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
    """Measure no coverage in expensive tests that only cover what others cover too: it doubles their time."""
    if _is_measured(item):
        return (yield)
    with measurement.paused():
        result = yield
        if nextitem is not None and _is_measured(nextitem):
            measurement.clear_caches()
        return result


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take long, so that no process is left alone with one of them at the end."""
    long = {"browser", "cli", "load", "slow"}
    items.sort(key=lambda item: long.isdisjoint(mark.name for mark in item.iter_markers()))


def pytest_collection_finish() -> None:
    """Keep the thousands of collected tests from the garbage collector, which would look at them all over again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the developer's own AWS settings and proxies out of the tests."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "_X_AMZN")) or name.lower().endswith(("_proxy", "requests_ca_bundle")):
            monkeypatch.delenv(name)
    nowhere = tmp_path_factory.getbasetemp() / "no-such-file"
    monkeypatch.setenv("AWS_CONFIG_FILE", str(nowhere))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(nowhere))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def fake_time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def local_time_of_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A local time zone other than UTC."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def credentials() -> Credentials:
    return Credentials("AKIAIOSFODNN7EXAMPLE", "a secret of forty characters or so......", "a session token")


class _Response(aiohttp.ClientResponse):
    """The response of aioresponses, with the writer that aiohttp 3.14 needs."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, stream_writer=Mock(output_size=0), **kwargs)  # type: ignore[arg-type]


@pytest.fixture
def mock_aws() -> Iterator[aioresponses]:
    """Prepared responses instead of the network, for tests without a server."""
    with aioresponses() as mock:
        add = mock.add

        def add_with_writer(*args: object, **kwargs: object) -> None:
            add(*args, response_class=_Response, **kwargs)  # type: ignore[arg-type, misc]

        mock.add = add_with_writer  # type: ignore[method-assign]
        yield mock


@pytest.fixture(scope="session")
def devtools_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the browser that all tests of a process share, because it takes longer to start than to use."""
    with running_chromium(tmp_path_factory.mktemp("chromium")) as url:
        yield url


@pytest.fixture
async def sim() -> AsyncIterator[DetectiveSimulator]:
    async with DetectiveSimulator() as simulator:
        yield simulator


@pytest.fixture
async def client(sim: DetectiveSimulator, fake_time: FakeTime) -> AsyncIterator[DetectiveClient]:
    """A client of the administrator account at the simulator, with a fake clock."""
    async with DetectiveClient(
        region="eu-west-1",
        credentials=sim.account(ADMINISTRATOR),
        endpoint_url=sim.url,
        clock=fake_time.clock(real_dates=True),
    ) as client:
        yield client

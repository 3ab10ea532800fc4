"""The pytest plugin: fixtures for a simulator for each test, and for the environment variables that point to it.

pytest imports this module in every run where the package is installed: the fixtures import everything else.
"""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from detective_async.testing.controls import Settings
    from detective_async.testing.thread import SimulatorThread

_MARKER = (
    "detective_simulator(**settings): arguments of the test's simulator, such as verification_delay=60; "
    "see detective_async.testing.SimulatorThread"
)
_ACCOUNT = "111122223333"


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", _MARKER)


@pytest.fixture
def detective_simulator(request: pytest.FixtureRequest) -> Iterator["SimulatorThread"]:
    """A simulated Amazon Detective for one test, in a thread: for sync tests and for async tests of any kind.

    `@pytest.mark.detective_simulator(verification_delay=60)` sets its arguments.
    """
    from detective_async.testing.thread import SimulatorThread  # noqa: PLC0415

    mark = request.node.get_closest_marker("detective_simulator")
    settings: Settings = mark.kwargs if mark else {}
    with SimulatorThread(**settings) as simulator:
        yield simulator


@pytest.fixture
def detective_environment(detective_simulator: "SimulatorThread", monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The AWS_* variables that point to the test's simulator, which are set while the test runs.

    A client that is made without arguments uses the simulator, as account 111122223333 in us-east-1, and nothing of
    the developer's own configuration.
    """
    from detective_async.testing.environment import CONFLICTING  # noqa: PLC0415

    for name in CONFLICTING:
        monkeypatch.delenv(name, raising=False)
    variables = detective_simulator.environment(_ACCOUNT)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        variables[name] = os.devnull
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables

"""The pytest plugin: fixtures for a simulator for each test, and for the environment variables that point to it.

pytest imports this module in every run where the package is installed: the fixtures import everything else.
"""

import functools
import os
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from detective_async.testing.controls import Settings
    from detective_async.testing.thread import SimulatorThread

_NAME = "detective_simulator"
_MARKER = (
    f"{_NAME}(**settings): arguments of the test's simulator, such as verification_delay=60; "
    "see detective_async.testing.SimulatorThread; those of a test are added to those of its class and module"
)
_SCOPE = "detective_simulator_scope"
_SCOPES = ("function", "class", "module", "package", "session")
_ACCOUNT = "111122223333"
_ENDED_EARLY = pytest.StashKey[bool]()
# The shared simulator, while there is one, and its baselines: that of its start, and those that fixtures have set.
_SHARED = pytest.StashKey["tuple[SimulatorThread, list[Any]]"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Register the setting."""
    meaning = f"how many tests share a simulator, which is reset between them: {', '.join(_SCOPES)}"
    parser.addini(_SCOPE, meaning, default="function")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and check the setting."""
    config.addinivalue_line("markers", _MARKER)
    scope = config.getini(_SCOPE)
    if scope not in _SCOPES:
        raise pytest.UsageError(f"{_SCOPE}: must be one of {', '.join(_SCOPES)}, got {scope!r}")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> None:
    """Note that a test has failed, or was skipped, for the end of its fixtures."""
    if call.excinfo is not None:
        item.stash[_ENDED_EARLY] = True


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, object, object]:
    """Let the baseline that a fixture sets for the shared simulator end with this fixture."""
    shared = request.config.stash.get(_SHARED, None)
    if shared is None:
        return (yield)
    simulator, baselines = shared
    before = simulator._baseline  # noqa: SLF001 - fixtures that this one requests have set it
    try:
        return (yield)
    finally:
        baseline = simulator._baseline  # noqa: SLF001
        if baseline is not before and all(baseline is not one for one in baselines):
            baselines.append(baseline)
            # With a test, `detective_simulator` resets it, after it has warned of unused faults.
            is_reset = request.scope != "function"
            fixturedef.addfinalizer(functools.partial(_end_baseline, shared, baseline, is_reset=is_reset))


def _end_baseline(shared: "tuple[SimulatorThread, list[Any]]", baseline: object, *, is_reset: bool) -> None:
    simulator, baselines = shared
    baselines[:] = [one for one in baselines if one is not baseline]
    simulator._baseline = baselines[-1]  # noqa: SLF001
    if is_reset:
        simulator.reset()


def _scope(fixture_name: str, config: pytest.Config) -> Any:  # noqa: ARG001 - pytest names the arguments
    return config.getini(_SCOPE)


@pytest.fixture(scope=_scope)
def _detective_shared_settings(request: pytest.FixtureRequest) -> "Settings":
    return _settings(request.node)


@pytest.fixture(scope=_scope)
def detective_shared_simulator(
    _detective_shared_settings: "Settings", request: pytest.FixtureRequest
) -> Iterator["SimulatorThread"]:
    """The simulated Amazon Detective of a module or session, by the setting `detective_simulator_scope`.

    Fixtures of that scope, or of a narrower one, use it; the baseline that one of them sets ends with it.
    Tests use `detective_simulator`, which is the same one, reset for each of them.
    Markers of the scope, such as those of the module, set its arguments.
    """
    from detective_async.testing.thread import SimulatorThread  # noqa: PLC0415

    with SimulatorThread(**_detective_shared_settings) as simulator:
        request.config.stash[_SHARED] = simulator, [simulator._baseline]  # noqa: SLF001
        yield simulator
        del request.config.stash[_SHARED]


@pytest.fixture
def detective_simulator(request: pytest.FixtureRequest) -> Iterator["SimulatorThread"]:
    """A simulated Amazon Detective for one test, in a thread: for sync tests and for async tests of any kind.

    `@pytest.mark.detective_simulator(verification_delay=60)` sets its arguments. With the setting
    `detective_simulator_scope`, tests share one, which is reset before each that uses this fixture; those with a marker
    of their own do not share it.
    """
    settings = _settings(request.node)
    if settings == request.getfixturevalue("_detective_shared_settings"):
        simulator = request.getfixturevalue("detective_shared_simulator")
        if simulator._thread is None:  # noqa: SLF001 - a test before has stopped it
            simulator.start()
        baselines = request.config.stash[_SHARED][1]
        simulator._baseline = baselines[-1]  # noqa: SLF001 - a test must not replace it for others
        simulator.reset()
        yield simulator
        simulator._baseline = baselines[-1]  # noqa: SLF001
        _forget_faults(request.node, simulator)
        simulator._warn_of_unused_faults()  # noqa: SLF001 - what the end of a `with` statement does otherwise
        # Once more: a fixture of the wider scope that is made later must not build on what the test has left.
        simulator.reset()
        return

    if "detective_shared_simulator" in request.fixturenames:
        scope = request.config.getini(_SCOPE)
        pytest.fail(
            f"pytest.mark.{_NAME} of this test cannot change the simulator that the tests of a {scope} share, and "
            f"which a fixture of this test uses: set its arguments by a marker of the {scope}, or do not use "
            "detective_shared_simulator here",
            pytrace=False,
        )

    from detective_async.testing.thread import SimulatorThread  # noqa: PLC0415

    with SimulatorThread(**settings) as simulator:
        yield simulator
        _forget_faults(request.node, simulator)


def _forget_faults(node: pytest.Item, simulator: "SimulatorThread") -> None:
    """Remove the faults of a test that has ended early, so that no warning says that they were not used."""
    if node.stash.get(_ENDED_EARLY, False):
        simulator.clear_faults()


def _settings(node: pytest.Item | pytest.Collector) -> "Settings":
    """Return the arguments of all markers of a test, its class and its module; the closest marker decides."""
    settings: Settings = {}
    for mark in reversed(list(node.iter_markers(_NAME))):
        _check(mark)
        settings.update(mark.kwargs)  # type: ignore[typeddict-item]
    return settings


def _check(mark: pytest.Mark) -> None:
    """Let a test fail whose marker has an argument that a simulator does not have."""
    from detective_async.testing.controls import unknown_setting  # noqa: PLC0415

    problem = "takes arguments by name only" if mark.args else unknown_setting(mark.kwargs)
    if problem is not None:
        pytest.fail(f"pytest.mark.{_NAME} {problem}", pytrace=False)


@pytest.fixture
def detective_environment(detective_simulator: "SimulatorThread", monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The AWS_* variables that point to the test's simulator, which are set while the test runs.

    A client that is made without arguments uses the simulator, as account 111122223333 in us-east-1, and nothing of
    the developer's own configuration: neither credentials nor endpoints, retries or timeouts.
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

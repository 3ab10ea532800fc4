"""The pytest plugin, which a project gets by installing the package."""

import inspect
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

import detective_async
from detective_async.testing import pytest_plugin

pytestmark = pytest.mark.slow

pytest_plugins = ["pytester"]

Run = Callable[..., pytest.RunResult]

SYNC = """
    import os
    import boto3
    import pytest

    def client():
        return boto3.client("detective")

    def test_one(detective_environment, detective_simulator):
        arn = client().create_graph()["GraphArn"]
        assert list(detective_simulator.snapshot()) == [arn]
        assert arn.split(":")[3:5] == ["us-east-1", "111122223333"]
        assert boto3.client("sts").get_caller_identity()["Account"] == "111122223333"
        assert [one.operation for one in detective_simulator.requests] == ["CreateGraph", "GetCallerIdentity"]

    def test_two(detective_environment, detective_simulator):
        assert detective_simulator.snapshot() == {}
        assert detective_simulator.requests == []
        assert client().list_graphs()["GraphList"] == []
        assert os.environ["AWS_ENDPOINT_URL_DETECTIVE"] == detective_simulator.url
        assert detective_environment["AWS_ENDPOINT_URL_STS"] == detective_simulator.url

    @pytest.mark.detective_simulator(verification_delay=60, seed=7)
    def test_three(detective_simulator):
        keys = detective_simulator.account("111122223333")
        one = boto3.client("detective", region_name="eu-west-1", endpoint_url=detective_simulator.url,
            aws_access_key_id=keys.access_key_id, aws_secret_access_key=keys.secret_access_key)
        arn = one.create_graph()["GraphArn"]
        people = [{"AccountId": "000000000001", "EmailAddress": "account-000000000001@example.com"}]
        assert one.create_members(GraphArn=arn, Accounts=people)["Members"][0]["Status"] == "VERIFICATION_IN_PROGRESS"
        detective_simulator.advance(61)
        assert detective_simulator.snapshot()[arn]["members"] == {"000000000001": "INVITED"}

    def test_four():
        assert "AWS_ENDPOINT_URL_DETECTIVE" not in os.environ
        assert os.environ["AWS_SESSION_TOKEN"] == "mine"
"""

ASYNC = """
    import pytest
    from aiobotocore.session import get_session
    from detective_async import DetectiveClient

    {mark}
    async def test_our_own_client(detective_environment, detective_simulator):
        async with DetectiveClient() as client:
            arn = (await client.create_graph()).graph_arn
            detective_simulator.advance(1)
        assert list(detective_simulator.snapshot()) == [arn]

    {mark}
    async def test_aiobotocore(detective_environment, detective_simulator):
        async with get_session().create_client("detective") as client:
            arn = (await client.create_graph())["GraphArn"]
        assert list(detective_simulator.snapshot()) == [arn]
"""


ASYNCIO = ["-p", "pytest_asyncio.plugin", "-o", "asyncio_default_fixture_loop_scope=function"]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run pytest on a file of tests, with this plugin and the given ones only."""
    # Not by the entry point: a plugin cannot be loaded twice.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "mine")

    def start(source: str, *arguments: str) -> pytest.RunResult:
        pytester.makepyfile(source)
        return pytester.runpytest_subprocess(
            "-p", "detective_async.testing.pytest_plugin", "--strict-markers", "-W", "error", *arguments
        )

    return start


def test_each_sync_test_has_its_own_simulator(run: Run) -> None:
    """boto3 without arguments uses it; tests do not share state; the environment is restored."""
    run(SYNC).assert_outcomes(passed=4)


@pytest.mark.parametrize(
    ("mark", "arguments"),
    [
        ("@pytest.mark.asyncio", [*ASYNCIO, "-o", "asyncio_mode=strict"]),
        ("", [*ASYNCIO, "-o", "asyncio_mode=auto"]),
        ("@pytest.mark.anyio", ["-p", "anyio.pytest_plugin"]),
    ],
)
def test_async_tests_use_the_same_fixtures(run: Run, mark: str, arguments: list[str]) -> None:
    """With pytest-asyncio in both modes, and with anyio."""
    source = ASYNC.format(mark=mark)
    if "anyio" in mark:
        source += "\n    @pytest.fixture\n    def anyio_backend():\n        return 'asyncio'\n"
    run(source, *arguments).assert_outcomes(passed=2)


def test_fixtures_are_listed_with_what_they_do(run: Run) -> None:
    """`pytest --fixtures` and `--markers` document them."""
    fixtures = run("", "--fixtures").stdout.str()
    assert "A simulated Amazon Detective for one test" in fixtures
    assert "The AWS_* variables that point to the test's simulator" in fixtures
    assert "@pytest.mark.detective_simulator(**settings)" in run("", "--markers").stdout.str()


LIGHT = """
import sys, types
import pytest
# An empty package: its own imports are not tested here.
package = types.ModuleType("detective_async")
package.__path__ = [{path!r}]
sys.modules["detective_async"] = package
before = set(sys.modules)
import detective_async.testing.pytest_plugin
new = set(sys.modules) - before
print(sorted(name for name in new if not name.startswith("importlib")))
"""


def test_the_plugin_imports_nothing_until_it_is_used() -> None:
    """A test run that does not use Detective imports two small modules only."""
    (path,) = detective_async.__path__
    found = subprocess.run(
        [sys.executable, "-c", LIGHT.format(path=path)], capture_output=True, text=True, timeout=120, check=True
    )
    assert found.stdout.strip() == "['detective_async.testing', 'detective_async.testing.pytest_plugin']"


def function_of(fixture: Any) -> Any:
    """Return the function behind a fixture."""
    return inspect.unwrap(fixture)


def test_the_fixtures_restore_the_environment(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The functions of the fixtures, called directly, so that their coverage is measured."""
    monkeypatch.setenv("AWS_SESSION_TOKEN", "mine")
    monkeypatch.setenv("NO_PROXY", "example.com")
    steps = function_of(pytest_plugin.detective_simulator)(request)
    simulator = next(steps)
    with pytest.MonkeyPatch.context() as patch:
        variables = function_of(pytest_plugin.detective_environment)(simulator, patch)
        assert variables["AWS_ENDPOINT_URL_DETECTIVE"] == simulator.url == os.environ["AWS_ENDPOINT_URL_STS"]
        assert variables["NO_PROXY"] == "example.com,127.0.0.1"
        assert "AWS_SESSION_TOKEN" not in os.environ
    assert os.environ["AWS_SESSION_TOKEN"] == "mine"
    with pytest.raises(StopIteration):
        next(steps)
    pytest_plugin.pytest_configure(request.config)

"""The pytest plugin, which a project gets by installing the package."""

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES

import detective_async
from detective_async.testing import Failure, Fault, SimulatorThread, pytest_plugin
from detective_async.testing.environment import CONFLICTING

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


MERGED = """
    import pytest

    pytestmark = pytest.mark.detective_simulator(verification_delay=60, remember=1)

    def delay(simulator):
        return simulator.dump()["verification_delay"]

    @pytest.mark.detective_simulator(seed=7)
    class TestOfAClass:
        @pytest.mark.detective_simulator(verification_delay=30)
        def test_the_closest_decides(self, detective_simulator):
            assert delay(detective_simulator) == 30
            assert detective_simulator._seed == 7
            assert detective_simulator._backend.requests.most == 1

        def test_of_the_class(self, detective_simulator):
            assert delay(detective_simulator) == 60
            assert detective_simulator._seed == 7

    def test_of_the_module(detective_simulator):
        assert delay(detective_simulator) == 60
        assert detective_simulator._seed == 0
"""

REFUSED = """
    import pytest

    @pytest.mark.detective_simulator(verification_dealy=60)
    def test_mistyped(detective_simulator): ...

    @pytest.mark.detective_simulator(colour="red")
    def test_unknown(detective_simulator): ...

    @pytest.mark.detective_simulator(60)
    def test_positional(detective_simulator): ...
"""

SHARED = """
    import boto3
    import pytest
    from detective_async.testing import Failure, Fault

    ADMIN = "111122223333"
    urls = set()

    @pytest.fixture(scope="module")
    def world(detective_shared_simulator):
        arn = client(detective_shared_simulator).create_graph()["GraphArn"]
        detective_shared_simulator.advance(3600)
        detective_shared_simulator.set_baseline()
        return arn

    def client(simulator):
        keys = simulator.account(ADMIN)
        return boto3.client("detective", region_name="eu-west-1", endpoint_url=simulator.url,
            aws_access_key_id=keys.access_key_id, aws_secret_access_key=keys.secret_access_key)

    @pytest.mark.parametrize("number", range(3))
    def test_each_starts_from_the_world_of_the_module(world, detective_simulator, number):
        urls.add(detective_simulator.url)
        assert len(urls) == 1
        assert list(detective_simulator.snapshot()) == [world]
        assert detective_simulator.requests == detective_simulator.faults == []
        detective_simulator.advance(60)
        detective_simulator.inject(Fault(Failure(), operation="ListGraphs", count=None))
        client(detective_simulator).delete_graph(GraphArn=world)

    @pytest.mark.detective_simulator(seed=1)
    def test_with_a_marker_it_is_one_of_its_own(detective_simulator):
        assert detective_simulator.url not in urls
        assert detective_simulator.snapshot() == {}

    def test_the_environment_points_to_the_shared_one(detective_environment):
        assert {detective_environment["AWS_ENDPOINT_URL_DETECTIVE"]} == urls
"""

CHANGED = """
    import boto3
    import pytest

    urls = set()

    @pytest.fixture(scope="module")
    def url(detective_shared_simulator):
        return detective_shared_simulator.url

    def test_it_sets_a_baseline(detective_simulator):
        detective_simulator.set_account_state("444455556666", "CLOSED")
        detective_simulator.set_baseline()

    def test_it_starts_from_an_empty_world(detective_simulator):
        assert detective_simulator.accounts == []

    def test_it_starts_again(url, detective_simulator):
        detective_simulator.stop()
        detective_simulator.start()
        assert detective_simulator.url == url

    def test_it_stops(url, detective_simulator):
        assert detective_simulator.url == url
        detective_simulator.stop()

    def test_it_is_running(url, detective_environment):
        assert detective_environment["AWS_ENDPOINT_URL_DETECTIVE"] == url
        boto3.client("detective").create_graph()
"""

LEFT_OVER = """
    import pytest

    @pytest.fixture(scope="module")
    def closed(detective_shared_simulator):
        assert detective_shared_simulator.faults == []
        detective_shared_simulator.close_region("me-south-1")
        detective_shared_simulator.set_baseline()

    def test_it_leaves_a_lag_and_a_fault(detective_simulator):
        detective_simulator.set_read_lag(100)
        detective_simulator.throttle(count=None)

    def test_the_fixture_is_made_now(closed, detective_simulator):
        world = detective_simulator.dump()
        assert (world["read_lag"], world["closed_regions"]) == (0, ["me-south-1"])

    def test_it_is_stopped(detective_shared_simulator):
        detective_shared_simulator.stop()

    def test_it_is_started_again(closed, detective_simulator):
        assert detective_simulator.url
"""

BASELINES = """
    import pytest

    ACCOUNT = "{account}"

    @pytest.fixture
    def region(detective_shared_simulator):
        detective_shared_simulator.close_region("me-south-1")
        detective_shared_simulator.set_baseline()

    @pytest.fixture(scope="module")
    def accounts(request, detective_shared_simulator):
        assert detective_shared_simulator.accounts == []
        detective_shared_simulator.account(ACCOUNT)
        detective_shared_simulator.set_baseline()

    def test_one_without_it(detective_simulator):
        assert detective_simulator.accounts == []

    def test_one_with_it(accounts, detective_simulator):
        assert detective_simulator.accounts == [ACCOUNT]

    def test_a_narrower_one(region, detective_simulator):
        assert detective_simulator.accounts == [ACCOUNT]
        assert detective_simulator.dump()["closed_regions"] == ["me-south-1"]

    def test_none_that_is_narrower(detective_simulator):
        assert detective_simulator.accounts == [ACCOUNT]
        assert detective_simulator.dump()["closed_regions"] == []
"""

MARKED = """
    import pytest

    pytestmark = pytest.mark.detective_simulator(verification_delay=60)

    @pytest.fixture
    def builder(detective_shared_simulator):
        return detective_shared_simulator

    def delay(simulator):
        return simulator.dump()["verification_delay"]

    def test_the_marker_of_the_module(builder, detective_simulator):
        assert builder is detective_simulator
        assert delay(builder) == 60

    @pytest.mark.detective_simulator(verification_delay=30)
    def test_a_marker_of_its_own(builder, detective_simulator):
        assert builder is detective_simulator
        assert delay(builder) == 30

    @pytest.mark.detective_simulator(verification_delay=30)
    def test_a_marker_without_the_shared_one(detective_simulator):
        assert delay(detective_simulator) == 30

    class TestClass:
        pytestmark = pytest.mark.detective_simulator(seed=1)

        def test_of_a_class(self, builder):
            assert delay(builder) == 60
"""

LATE = """
    import threading
    import time
    import boto3
    from detective_async.testing import Fault, Latency

    threads = []

    def test_that_does_not_wait_for_its_request(detective_environment, detective_simulator):
        detective_simulator.inject(Fault(Latency(0.5)))
        threads.append(threading.Thread(target=boto3.client("detective").create_graph))
        threads[0].start()
        while detective_simulator.faults:
            time.sleep(0.01)

    def test_after_it(detective_simulator):
        threads[0].join()
        assert (detective_simulator.snapshot(), detective_simulator.requests) == ({}, [])
"""

UNUSED = """
    import pytest
    from detective_async.testing import Failure, Fault

    def test_on_its_own(detective_simulator):
        detective_simulator.inject(Fault(Failure(), operation="ListGraphs"))

    @pytest.mark.detective_simulator(seed=1)
    def test_with_a_marker(detective_simulator):
        detective_simulator.inject(Fault(Failure(), operation="ListMembers"))
"""

ENDED_EARLY = """
    import pytest
    from detective_async.testing import Failure, Fault

    pytestmark = pytest.mark.parametrize("error", [AssertionError, pytest.skip.Exception])

    def test_on_its_own(detective_simulator, error):
        detective_simulator.inject(Fault(Failure()))
        raise error

    @pytest.mark.detective_simulator(seed=1)
    def test_with_a_marker(detective_simulator, error):
        detective_simulator.inject(Fault(Failure()))
        raise error
"""

MACHINE = """
    import boto3

    def test_clients(detective_environment):
        client = boto3.client("detective")
        assert client.meta.config.retries == {"mode": "legacy"}
        assert client.list_graphs()["GraphList"] == []
        assert boto3.client("sts").get_caller_identity()["Account"] == "111122223333"
"""

FOREIGN = """
    import asyncio
    import boto3
    from detective_async.auth import EnvironmentCredentials

    def test_clients(detective_environment):
        boto3.client("detective").create_graph()
        assert asyncio.run(EnvironmentCredentials().get_credentials()).account_id is None
"""

MOTO = """
    import boto3
    import pytest
    from moto import mock_aws

    @pytest.fixture
    def moto():
        with mock_aws():
            yield

    def test_both(moto, detective_environment, detective_simulator):
        boto3.client("s3").create_bucket(Bucket="reports")
        graph_arn = boto3.client("detective").create_graph()["GraphArn"]
        assert list(detective_simulator.snapshot()) == [graph_arn]
        assert [bucket["Name"] for bucket in boto3.client("s3").list_buckets()["Buckets"]] == ["reports"]
        assert boto3.client("sts").get_caller_identity()["Account"] == "111122223333"

    def test_the_other_order(detective_environment, detective_simulator):
        with mock_aws():
            with pytest.raises(Exception, match="UnrecognizedClientException"):
                boto3.client("detective").create_graph()
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


def test_markers_merge(run: Run) -> None:
    """A test has the arguments of its module and class too; the closest marker decides."""
    run(MERGED).assert_outcomes(passed=3)


def test_markers_refuse_what_no_simulator_has(run: Run) -> None:
    """The error offers the nearest argument, or all of them."""
    result = run(REFUSED)
    result.assert_outcomes(errors=3)
    printed = result.stdout.str()
    assert (
        "pytest.mark.detective_simulator has no argument 'verification_dealy'; did you mean 'verification_delay'?"
        in printed
    )
    assert "pytest.mark.detective_simulator has no argument 'colour'; " in printed
    assert "pytest.mark.detective_simulator takes arguments by name only" in printed


@pytest.mark.parametrize("scope", ["module", "session"])
def test_a_simulator_may_have_a_wider_scope(run: Run, scope: str) -> None:
    """Tests share it and its URL; it is reset between them, to what a wider fixture has built."""
    run(SHARED, "-o", f"detective_simulator_scope={scope}").assert_outcomes(passed=5)


def test_no_test_changes_what_later_ones_share(run: Run) -> None:
    """Neither its baseline nor its URL; one that has been stopped is started again."""
    run(CHANGED, "-o", "detective_simulator_scope=module").assert_outcomes(passed=5)


@pytest.mark.parametrize("scope", ["module", "session"])
def test_a_baseline_ends_with_its_fixture(run: Run, pytester: pytest.Pytester, scope: str) -> None:
    """That of a module's fixture does not reach the next module, nor that of a test's fixture the next test."""
    pytester.makepyfile(
        test_first=BASELINES.format(account="000000000001"), test_second=BASELINES.format(account="000000000002")
    )
    run("", "-o", f"detective_simulator_scope={scope}").assert_outcomes(passed=8)


def test_a_fixture_that_is_made_late_builds_on_nothing(run: Run) -> None:
    """What an earlier test has left is gone before it; a simulator that was stopped is started."""
    run(LEFT_OVER, "-o", "detective_simulator_scope=module").assert_outcomes(passed=4)


def test_the_environment_has_nothing_of_other_keys(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither when they expire, nor their account, nor a profile by its older name."""
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", "2020-01-01T00:00:00Z")
    monkeypatch.setenv("AWS_ACCOUNT_ID", "999999999999")
    monkeypatch.setenv("AWS_DEFAULT_PROFILE", "mine")
    run(FOREIGN).assert_outcomes(passed=1)


#: Variables with values that change what a client does, or let it fail.
HOSTILE = {
    "AWS_DEFAULTS_MODE": "mobile",
    "AWS_DISABLE_CLOCK_SKEW_CORRECTION": "true",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    "AWS_MAX_ATTEMPTS": "1",
    "AWS_PROFILE": "mine",
    "AWS_RETRY_MODE": "adaptive",
    "AWS_STS_ENDPOINT": "http://127.0.0.1:1",
    "AWS_USE_DUALSTACK_ENDPOINT": "true",
    "AWS_USE_FIPS_ENDPOINT": "true",
}
#: Variables that are left on purpose, and change nothing.
HARMLESS = {
    "AWS_ACCOUNT_ID_ENDPOINT_MODE": "required",
    "AWS_AUTH_SCHEME_PREFERENCE": "httpBearerAuth",
    "AWS_BEARER_TOKEN_DETECTIVE": "mine",
    "AWS_CA_BUNDLE": "/nowhere",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1",
    "AWS_CREDENTIAL_SCOPE": "us-west-2",
    "AWS_CSM_ENABLED": "true",
    "AWS_DATA_PATH": "/nowhere",
    "AWS_ROLE_ARN": "arn:aws:iam::444455556666:role/mine",
    "AWS_SDK_UA_APP_ID": "mine",
    "AWS_SIGV4A_SIGNING_REGION_SET": "*",
    "AWS_STS_REGIONAL_ENDPOINTS": "legacy",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere",
}
#: What else botocore reads: what the fixture sets, what is for other services, for EC2's metadata, or for the network.
OTHER = re.compile(
    "(AWS_(DEFAULT_REGION|CONFIG_FILE|SHARED_CREDENTIALS_FILE|(DISABLE_)?REQUEST_.*|RESPONSE_.*|S3_.*|CSM_.*|"
    "(EC2_)?METADATA_.*|IMDS_.*|ENDPOINT_DISCOVERY_ENABLED|DISABLE_HOST_PREFIX_INJECTION)|BOTOCORE_TCP_KEEPALIVE)"
)


def test_the_environment_has_nothing_of_the_machine(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither its retries nor its profile, endpoints and timeouts; what is left changes nothing."""
    for name, value in (HOSTILE | HARMLESS).items():
        monkeypatch.setenv(name, value)
    run(MACHINE).assert_outcomes(passed=1)


def test_each_variable_is_unset_or_left_on_purpose() -> None:
    """All that this version of botocore reads."""
    read = {name for _, given, *_ in BOTOCORE_DEFAUT_SESSION_VARIABLES.values() for name in as_list(given)}
    assert {name for name in read - {*CONFLICTING, *HARMLESS} if not OTHER.fullmatch(name)} == set()
    assert set(HOSTILE) <= set(CONFLICTING)
    assert not set(HARMLESS) & set(CONFLICTING)


def test_markers_of_the_scope_set_the_shared_simulator(run: Run) -> None:
    """By default each test has one, to which all its markers apply; a module's has the arguments of the module."""
    run(MARKED).assert_outcomes(passed=4)
    result = run(MARKED, "-o", "detective_simulator_scope=module")
    result.assert_outcomes(passed=3, errors=1)
    message = (
        "*cannot change the simulator that the tests of a module share*set its arguments by a marker of the module*"
    )
    result.stdout.fnmatch_lines_random([message, "ERROR *::test_a_marker_of_its_own*"])


def test_a_late_request_does_not_change_the_next_test(run: Run) -> None:
    """One of a test before, which is answered only after the reset of the simulator that they share."""
    run(LATE, "-o", "detective_simulator_scope=module").assert_outcomes(passed=2)


def test_unused_faults_are_warned_of(run: Run) -> None:
    """At the end of each test, beside its name."""
    result = run(UNUSED, "-W", "default")
    result.assert_outcomes(passed=2, warnings=2)
    lines = [f"*test_*::{name}" for name in ("test_on_its_own", "test_with_a_marker")]
    result.stdout.fnmatch_lines_random([*lines, "*UnusedFaultWarning: no request has matched Fault(*ListGraphs*"])


@pytest.mark.parametrize("scope", ["function", "module"])
def test_a_test_that_ended_early_has_no_unused_faults(run: Run, scope: str) -> None:
    """One that has failed, or was skipped, had no chance to use them."""
    result = run(ENDED_EARLY, "-W", "default", "-o", f"detective_simulator_scope={scope}")
    result.assert_outcomes(failed=2, skipped=2, warnings=0)


def test_an_unknown_scope_is_refused(run: Run) -> None:
    """The error names those that there are."""
    result = run("def test(detective_simulator): ...", "-o", "detective_simulator_scope=forever")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    message = (
        "ERROR: detective_simulator_scope: must be one of function, class, module, package, session, got 'forever'"
    )
    result.stderr.fnmatch_lines_random(message)
    assert "INTERNALERROR" not in result.stdout.str() + result.stderr.str()


def test_moto_beside_it(run: Run) -> None:
    """The keys of moto are overwritten if it starts first; otherwise, it overwrites those of the simulator."""
    run(MOTO, "-W", "ignore:datetime:DeprecationWarning").assert_outcomes(passed=2)


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


def as_list(given: Any) -> list[str]:
    """Return the names of variables, of which botocore has one, several or none."""
    return given if isinstance(given, list) else [given] if given else []


def function_of(fixture: Any) -> Any:
    """Return the function behind a fixture."""
    return inspect.unwrap(fixture)


def test_the_fixtures_restore_the_environment(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The functions of the fixtures, called directly, so that their coverage is measured."""
    monkeypatch.setenv("AWS_SESSION_TOKEN", "mine")
    monkeypatch.setenv("NO_PROXY", "example.com")
    steps = function_of(pytest_plugin.detective_shared_simulator)({}, request)
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


@pytest.mark.detective_simulator(seed=3)
@pytest.mark.detective_simulator(seed=2, remember=1)
def test_the_settings_of_markers(request: pytest.FixtureRequest) -> None:
    """The functions of the fixtures, called directly, so that their coverage is measured."""
    assert pytest_plugin._settings(request.node) == {"seed": 2, "remember": 1}
    with pytest.raises(pytest.fail.Exception, match="did you mean 'seed'"):
        pytest_plugin._check(pytest.mark.detective_simulator(sead=1).mark)
    with pytest.raises(pytest.fail.Exception, match="activation_delay, "):
        pytest_plugin._check(pytest.mark.detective_simulator(colour=1).mark)
    with pytest.raises(pytest.fail.Exception, match="by name only"):
        pytest_plugin._check(pytest.mark.detective_simulator(1).mark)
    assert function_of(pytest_plugin._detective_shared_settings)(request) == {"seed": 2, "remember": 1}
    for ended_early in (False, True):
        other: Any = Mock(node=request.node, fixturenames=[])
        other.getfixturevalue.return_value = {}
        steps = function_of(pytest_plugin.detective_simulator)(other)
        simulator = next(steps)
        assert simulator._seed == 2
        if ended_early:
            simulator.inject(Fault(Failure()))
            skipped = pytest.CallInfo.from_call(lambda: pytest.skip("early"), "call")
            pytest_plugin.pytest_runtest_makereport(request.node, skipped)
        assert list(steps) == []
    assert simulator.faults == []


@pytest.mark.parametrize("is_stopped", [False, True])
def test_the_end_of_a_shared_simulator(request: pytest.FixtureRequest, *, is_stopped: bool) -> None:
    """The fixture's function, called directly as above: the baseline is that of before, and the next test starts it."""
    with SimulatorThread() as shared:
        baseline, url = shared._baseline, shared.url
        other: Any = Mock(node=request.node, fixturenames=[])
        other.config.stash = {pytest_plugin._SHARED: (shared, [baseline])}
        other.getfixturevalue.side_effect = lambda name: shared if name == "detective_shared_simulator" else {}
        steps = function_of(pytest_plugin.detective_simulator)(other)
        assert next(steps) is shared
        shared.set_baseline()
        if is_stopped:
            shared.stop()
        assert list(steps) == []
        assert shared._baseline == baseline
        steps = function_of(pytest_plugin.detective_simulator)(other)
        assert next(steps).url == url
        steps.close()


@pytest.fixture
def inner(detective_shared_simulator: SimulatorThread) -> str:
    """Set a baseline."""
    detective_shared_simulator.close_region("me-south-1")
    detective_shared_simulator.set_baseline()
    return "inner"


@pytest.fixture
def outer(request: pytest.FixtureRequest, detective_shared_simulator: SimulatorThread) -> str:
    """Request the fixture that sets a baseline, while this one is made."""
    return f"outer of {request.getfixturevalue('inner')}, {detective_shared_simulator.url}"


def test_a_baseline_belongs_to_the_fixture_that_sets_it(outer: str, request: pytest.FixtureRequest) -> None:
    """Not to another one that requests it; when it ends, the baseline is the one of before, whatever else has ended."""
    assert outer.startswith("outer of inner")
    simulator, baselines = shared = request.config.stash[pytest_plugin._SHARED]
    assert [simulator._baseline] == baselines[1:]
    first, second = baselines
    pytest_plugin._end_baseline(shared, second, is_reset=False)
    assert simulator.dump()["closed_regions"] == ["me-south-1"]
    pytest_plugin._end_baseline(shared, second, is_reset=True)
    assert simulator._baseline is first
    assert simulator.dump()["closed_regions"] == []


@pytest.mark.parametrize("scope", ["module", "forever"])
def test_the_scope_of_the_shared_simulator(scope: str) -> None:
    """The functions that pytest calls for it, called directly."""
    config: Any = Mock(getini={"detective_simulator_scope": scope}.__getitem__)
    assert pytest_plugin._scope("detective_shared_simulator", config) == scope
    problem = pytest.raises(pytest.UsageError, match="must be one of function, class")
    with problem if scope == "forever" else nullcontext():
        pytest_plugin.pytest_configure(config)


def test_a_marker_that_cannot_apply() -> None:
    """The function of the fixture, called directly, so that its coverage is measured."""
    mark = pytest.mark.detective_simulator(seed=1).mark
    request: Any = Mock(fixturenames=["detective_shared_simulator"])
    request.node.iter_markers.return_value = [mark]
    request.getfixturevalue.return_value = {}
    request.config.getini.return_value = "session"
    with pytest.raises(pytest.fail.Exception, match="by a marker of the session"):
        next(function_of(pytest_plugin.detective_simulator)(request))


def test_a_test_without_a_marker_uses_the_shared_one(detective_simulator: SimulatorThread) -> None:
    """By default, it is one of its own, too."""
    assert detective_simulator.snapshot() == {}

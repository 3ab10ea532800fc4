"""The public names of the package."""

import inspect
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import detective_async

REPOSITORY = Path(__file__).parent.parent
PROMISED = {
    "Account",
    "Credentials",
    "DetectiveClient",
    "DetectiveError",
    "DetectiveFleet",
    "Graph",
    "MemberDetail",
    "MemberStatus",
    "Outcome",
    "RetryPolicy",
    "ServiceError",
    "StaticCredentials",
    "Target",
    "Timeouts",
    "ValidationException",
    "WaiterTimeout",
}


def test_the_tests_run_against_the_installed_package() -> None:
    """The source folder is not imported."""
    assert REPOSITORY not in Path(detective_async.__file__).parents or ".venv" in detective_async.__file__


def test_star_import_gives_exactly_the_sorted_all() -> None:
    """`__all__` is sorted, and nothing else is exported."""
    namespace: dict[str, object] = {}
    exec("from detective_async import *", namespace)  # noqa: S102 - a star import is allowed at module level only
    del namespace["__builtins__"]
    assert sorted(namespace) == detective_async.__all__ == sorted(set(detective_async.__all__))
    assert set(detective_async.__all__) >= PROMISED


@pytest.mark.parametrize("name", [name for name in detective_async.__all__ if name != "__version__"])
def test_public_names_have_docstrings(name: str) -> None:
    """Each name and each public method has its own."""
    thing = getattr(detective_async, name)
    assert inspect.getdoc(thing)
    for member_name, member in vars(thing).items():
        if inspect.isfunction(member) and not member_name.startswith("_"):
            assert inspect.getdoc(member), f"{name}.{member_name}"


def test_the_version_is_that_of_the_distribution() -> None:
    """`__version__` and the installed metadata are equal."""
    assert detective_async.__version__ == version("detective-async")


def test_names_are_listed_before_they_are_imported() -> None:
    """`dir` lists them, and an unknown name is an AttributeError."""
    assert set(dir(detective_async)) >= set(detective_async.__all__)
    with pytest.raises(AttributeError, match="module 'detective_async' has no attribute 'DetectiveClent'"):
        _ = detective_async.DetectiveClent  # type: ignore[attr-defined]


def test_importing_the_package_alone_imports_nothing_heavy() -> None:
    """Pytest imports it for the plugin in every run."""
    script = (
        "import sys, pytest; before = set(sys.modules)\n"
        "import detective_async.testing.pytest_plugin\n"
        "print(sorted(name for name in set(sys.modules) - before if not name.startswith('importlib')))"
    )
    run = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == str(
        [
            "detective_async",
            "detective_async._version",
            "detective_async.testing",
            "detective_async.testing.pytest_plugin",
        ]
    )


def test_importing_the_client_imports_neither_botocore_nor_the_simulator() -> None:
    """Most programs need neither."""
    script = (
        "import sys\nfrom detective_async import *\n"
        "print([m for m in sys.modules if m.split('.')[0] == 'botocore' or m.startswith('detective_async.testing')])"
    )
    run = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"

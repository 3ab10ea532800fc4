"""The benchmark command: one short run with two contenders."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.once]

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
NAMES = ["small-call", "page", "stall", "start", "system-calls", "with-options", "fleet", "growth"]
_TIMEOUT = 240.0


def _run(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-W", "error", BENCHMARKS / "run.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=False)


def _output(*arguments: str | Path) -> str:
    done = _run(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """The results and the output of the shortest possible run."""
    file = tmp_path_factory.mktemp("benchmarks") / "results.json"
    printed = _output("--quick", "--rounds", "1", "--contenders", "detective-async", "--json", file)
    return json.loads(file.read_text(encoding="utf-8")), printed


def test_everything_is_measured(measured: tuple[dict[str, Any], str]) -> None:
    """Each measurement has a figure of detective-async, which it only has if its work was complete."""
    results, _ = measured
    assert list(results["measurements"]) == NAMES
    for name, each in results["measurements"].items():
        assert "detective-async" in each["contenders"] or (name == "system-calls" and not shutil.which("strace"))
    assert results["measurements"]["small-call"]["contenders"].keys() >= {"detective-async, role"}
    assert results["versions"].keys() >= {"aiohttp", "detective-async"}


def test_the_printed_tables_are_those_of_the_file(measured: tuple[dict[str, Any], str], tmp_path: Path) -> None:
    """`--show` prints the same; targets that refer to an absent contender are not measured."""
    results, printed = measured
    file = tmp_path / "results.json"
    file.write_text(json.dumps(results), encoding="utf-8")
    assert _output("--show", file) == printed
    assert "| small call, 1 in flight, CPU by bare aiohttp's" in printed
    assert printed.count("not measured") == (4 if results["measurements"]["system-calls"]["contenders"] else 6)


def test_the_committed_results_are_complete() -> None:
    """They have every measurement, and a figure for every target."""
    shown = _output("--show", BENCHMARKS / "results" / "latest.json")
    assert shown.count("\n**") == len(NAMES) + 1
    assert "not measured" not in shown


def test_results_of_other_pythons_are_added(measured: tuple[dict[str, Any], str], tmp_path: Path) -> None:
    """A run with another interpreter, and a results file of another Python, each give a row of their table."""
    results, _ = measured
    own, other, merged = (tmp_path / name for name in ("own.json", "other.json", "merged.json"))
    own.write_text(json.dumps(results), encoding="utf-8")
    other.write_text(json.dumps(results | {"python": "CPython 3.99.0"}), encoding="utf-8")
    options = ["--only", "start", "--contenders", "detective-async", "--quick", "--rounds", "1"]
    printed = _output("--show", own, "--add", other, "--pythons", sys.executable, *options, "--json", merged)
    assert [line.split(" |")[0] for line in printed.splitlines() if line.startswith("| CPython")] == [
        f"| {python}" for python in (results["python"], results["python"], "CPython 3.99.0")
    ]
    assert _output("--show", merged) == printed


def test_an_unknown_measurement_is_refused() -> None:
    """The error lists the known measurements."""
    done = _run("--only", "nothing")
    assert done.returncode == 2
    assert "small-call" in done.stderr

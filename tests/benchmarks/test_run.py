"""The way in: everything is measured, once, by two contenders, as quickly as it goes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.once]

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
NAMES = ["small-call", "page", "stall", "with-options", "start", "fleet", "growth"]
_PATIENCE = 240.0


def _do(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-W", "error", BENCHMARKS / "run.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)


def _run(*arguments: str | Path) -> str:
    done = _do(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """The results of a run that is as short as can be, and what it printed."""
    file = tmp_path_factory.mktemp("benchmarks") / "results.json"
    printed = _run("--quick", "--rounds", "1", "--contenders", "detective-async", "--json", file)
    return json.loads(file.read_text(encoding="utf-8")), printed


def test_everything_is_measured(measured: tuple[dict[str, Any], str]) -> None:
    """All seven, each with a figure of detective-async, which can only be there if its work was found to be done."""
    results, _ = measured
    assert list(results["measurements"]) == NAMES
    for each in results["measurements"].values():
        assert "detective-async" in each["contenders"]
    assert results["versions"].keys() >= {"aiohttp", "detective-async"}


def test_the_printed_tables_are_those_of_the_file(measured: tuple[dict[str, Any], str], tmp_path: Path) -> None:
    """`--show` measures nothing and prints the same; what refers to a contender that took no part is left open."""
    results, printed = measured
    file = tmp_path / "results.json"
    file.write_text(json.dumps(results), encoding="utf-8")
    assert _run("--show", file) == printed
    assert "| a small call, CPU by bare aiohttp's" in printed
    assert printed.count("not measured") == 2


def test_the_committed_results_are_complete() -> None:
    """Every measurement is in them, and every target has a figure."""
    shown = _run("--show", BENCHMARKS / "results" / "latest.json")
    assert shown.count("\n### ") == len(NAMES)
    assert "not measured" not in shown


def test_a_measurement_that_is_not_there_is_refused() -> None:
    """With the names of those that are."""
    done = _do("--only", "nothing")
    assert done.returncode == 2
    assert "small-call" in done.stderr

"""A fleet of 2,000 targets in its own process, against a server with latency in another process."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.load

_BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "fleet_check.py"
_ACCOUNTS, _REGIONS, _CONCURRENCY = 100, 20, 64
_TIMEOUT = 120.0


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The measurements of a fleet that found each target's members exactly once."""
    file = tmp_path_factory.mktemp("fleet") / "measured.json"
    limits = ["--accounts", str(_ACCOUNTS), "--concurrency", str(_CONCURRENCY)]
    done = subprocess.run(
        [sys.executable, _BENCHMARK, *limits, "--json", file],
        capture_output=True,
        text=True,
        timeout=_TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    measured: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return measured


def test_calls(measured: dict[str, Any]) -> None:
    """Each role is assumed once for all regions, each target is listed once, and the limit is used and kept."""
    targets, seen = _ACCOUNTS * _REGIONS, measured["seen"]
    assert measured["targets"] == targets
    assert seen["calls"] == {"AssumeRole": _ACCOUNTS, "ListGraphs": targets, "ListMembers": targets}
    assert _CONCURRENCY // 4 < seen["most_in_flight"] <= _CONCURRENCY
    assert seen["connections"] <= _CONCURRENCY


def test_memory(measured: dict[str, Any]) -> None:
    """The resident memory, imports included, stays below 150 MB."""
    assert measured["members_found"] == _ACCOUNTS * _REGIONS * 50
    assert measured["most_bytes"] < 150_000_000

"""A large fleet: 2,000 targets, in a process of its own, against a service in another one that takes its time."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.load

_BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "fleet_check.py"
_ACCOUNTS, _REGIONS, _CONCURRENCY = 100, 20, 64
_PATIENCE = 120.0


@pytest.fixture(scope="module")
def took(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the fleet took, and what the service saw; only if each target's members were found once, and no other."""
    file = tmp_path_factory.mktemp("fleet") / "took.json"
    limits = ["--accounts", str(_ACCOUNTS), "--concurrency", str(_CONCURRENCY)]
    done = subprocess.run(
        [sys.executable, _BENCHMARK, *limits, "--json", file],
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    took: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return took


def test_every_target_is_asked_once(took: dict[str, Any]) -> None:
    """Each role is assumed once for all its regions, and each account and region is listed once."""
    targets = _ACCOUNTS * _REGIONS
    assert took["targets"] == targets
    assert took["seen"]["calls"] == {"AssumeRole": _ACCOUNTS, "ListGraphs": targets, "ListMembers": targets}


def test_requests_at_once_keep_within_the_limit(took: dict[str, Any]) -> None:
    """By the service's count there are never more at once than the fleet's concurrency, and it is made use of."""
    assert _CONCURRENCY // 4 < took["seen"]["most_in_flight"] <= _CONCURRENCY
    assert took["seen"]["connections"] <= _CONCURRENCY


def test_memory_stays_small(took: dict[str, Any]) -> None:
    """The process never has 150 MB resident, with its imports, however many members it has gone through."""
    assert took["members_found"] == _ACCOUNTS * _REGIONS * 50
    assert took["most_bytes"] < 150_000_000

"""The committed figures: one run, shown in the tables, the chart and README."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from contenders import OURS
from publish import RESULTS, published

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[2]


@pytest.fixture
def results() -> dict[str, Any]:
    committed: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return committed


def test_the_committed_files_show_the_committed_figures(results: dict[str, Any]) -> None:
    """Writing tables, chart and rows again changes nothing, and the run was not a quick one."""
    assert not results["quick"]
    assert set(OURS.versions) <= results["versions"].keys()
    for path, text in published(results).items():
        assert path.read_text(encoding="utf-8") == text, path


def test_other_figures_change_every_file(results: dict[str, Any]) -> None:
    """So the test above fails if one of the files has old figures."""
    other = copy.deepcopy(results)
    for measurement in ("small-call", "page"):
        for figures in other["measurements"][measurement]["contenders"]["detective-async"].values():
            figures["median"] += 1
    before = published(results)
    changed = {
        path: [line for line in text.splitlines() if line not in before[path].splitlines()]
        for path, text in published(other).items()
    }
    assert all(changed.values())
    assert [line.partition(",")[0] for line in changed[ROOT / "README.md"]] == [
        "| CPU time of a page of 200 members",
        "| CPU time of a small call with 16 in flight",
    ]

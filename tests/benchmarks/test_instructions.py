"""The parts of a call that do no I/O cost no more than the stored figures say."""

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import instructions
import pytest

pytestmark = pytest.mark.slow

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
VERSION = "{}.{}".format(*sys.version_info)


@pytest.fixture
def before() -> Mapping[str, Any]:
    stored: Mapping[str, Mapping[str, Any]] = json.loads((BENCHMARKS / "results" / "instructions.json").read_text())
    if VERSION not in stored:
        pytest.skip(f"results/instructions.json has no figures for Python {VERSION}")
    return stored[VERSION]


@pytest.mark.shortcut
@pytest.mark.skipif(not shutil.which("valgrind"), reason="valgrind counts the instructions")
def test_no_part_needs_more_instructions(before: Mapping[str, Any]) -> None:
    """At most 15 % more than stored; on another build of Python, at most 50 % more, relative to json's instructions."""
    assert instructions.grown(instructions.count(), before) == []


@pytest.mark.parametrize(
    ("build", "factor", "fails"),
    [("this", 1.1, False), ("this", 1.2, True), ("another", 1.2, False), ("another", 1.6, True)],
)
def test_growth_is_detected(build: str, factor: float, fails: bool, before: Mapping[str, Any]) -> None:
    """Only the part that has grown is named."""
    counts = before["instructions"]
    more = counts | {"signing a request": counts["signing a request"] * factor}
    built = instructions.build() if build == "this" else "another"
    found = instructions.grown(more, {**before, "build": built})
    assert [text.partition(":")[0] for text in found] == (["signing a request"] if fails else [])

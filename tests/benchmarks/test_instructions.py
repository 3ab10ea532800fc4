"""The parts of a call that do no I/O cost no more than the stored figures say."""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import instructions
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
VERSION = "{}.{}".format(*sys.version_info)


@pytest.fixture
def before() -> Mapping[str, Any]:
    figures: Mapping[str, Any] = json.loads((BENCHMARKS / "results" / "instructions.json").read_text())[VERSION]
    return figures


@pytest.mark.skipif(not shutil.which("valgrind"), reason="valgrind counts the instructions")
def test_no_part_needs_more_instructions(before: Mapping[str, Any]) -> None:
    """At most 15 % more than stored; on another build of Python, at most 50 % more, relative to json's instructions."""
    assert instructions.grown(instructions.count(), before) == []


def test_no_part_takes_longer(before: Mapping[str, Any]) -> None:
    """The times are relative to json's in the same rounds, so that they do not depend on the machine."""
    # In a process of its own, since coverage may trace every line of this one.
    program = "import instructions, json; print(json.dumps(instructions.time_ratios()))"
    done = subprocess.run([sys.executable, "-c", program], cwd=BENCHMARKS, capture_output=True, text=True, check=True)
    assert instructions.slowed(json.loads(done.stdout), before) == []


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


def test_a_slower_part_is_detected(before: Mapping[str, Any]) -> None:
    """A part that takes three times as long is named."""
    ratios = before["time_ratios"]
    found = instructions.slowed(ratios | {"building a request": 3 * ratios["building a request"]}, before)
    assert [text.partition(":")[0] for text in found] == ["building a request"]

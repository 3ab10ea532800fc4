"""Count the instructions of the parts of a call that do no I/O: a figure that does not depend on other load.

Usage: `python benchmarks/instructions.py [--json FILE]`. Needs valgrind. With FILE, the figures of this
Python are put beside those of others that are in it; the tests hold the parts to `results/instructions.json`.
"""

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hot_parts import PARTS

_HERE = Path(__file__).parent
_COMMAND = [sys.executable, "-W", "ignore", str(_HERE / "hot_parts.py")]
_YARDSTICK = "yardstick"
#: By how much a part may cost more than it did: on the very same build of Python, and on another one.
_MARGIN, _MARGIN_ELSEWHERE = 1.15, 1.5


class CountError(Exception):
    """The instructions could not be counted."""


def count() -> dict[str, int]:
    """Return the number of instructions of each part.

    Raises:
        CountError: valgrind is not installed, or failed.
    """
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise CountError("there is no valgrind here")
    # Whatever is compiled to bytecode once is so before anything is counted.
    subprocess.run(_COMMAND, stdout=subprocess.DEVNULL, check=True)
    done = subprocess.run(
        [valgrind, "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null", *_COMMAND],
        capture_output=True,
        text=True,
        # Else dictionaries have another order each time.
        env=os.environ | {"PYTHONHASHSEED": "0"},
        check=False,
    )
    # A fork goes on counting where its parent was.
    refs = re.findall(r"^==(\d+)== I +refs: +([\d,]+)$", done.stderr, re.MULTILINE)
    totals = {process: int(number.replace(",", "")) for process, number in refs}
    forks = re.findall(r"^(\d+) (\d+) (.*)$", done.stdout, re.MULTILINE)
    if done.returncode or not totals.keys() >= {process for process, _, _ in forks}:
        raise CountError(f"valgrind failed: {done.stderr[-500:]}")
    counted = {(name, int(times)): totals[process] for process, times, name in forks}
    return {name: (counted[name, most] - counted[name, 0]) // most for name, (_, most) in PARTS.items()}


def build() -> str:
    """Return a name of the interpreter that is exact enough for instruction counts to be comparable."""
    return f"{platform.python_version()}, {platform.python_compiler()}, {platform.machine()}"


def count_ratios(counts: Mapping[str, int]) -> dict[str, float]:
    """Return the parts' instructions as ratios to the yardstick, which differ little between builds of a Python."""
    return {name: number / counts[_YARDSTICK] for name, number in counts.items() if name != _YARDSTICK}


def grown(counts: Mapping[str, int], before: Mapping[str, Any]) -> list[str]:
    """Return a line for each part that needs more instructions than allowed.

    Args:
        counts: part -> instructions now.
        before: the stored figures of this version of Python.
    """
    if before["build"] == build():
        return _grown(counts, before["instructions"], _MARGIN)
    return _grown(count_ratios(counts), count_ratios(before["instructions"]), _MARGIN_ELSEWHERE)


def _grown(now: Mapping[str, float], before: Mapping[str, float], margin: float) -> list[str]:
    return [
        f"{name}: {now[name]:.6g}, before: {figure:.6g}"
        for name, figure in before.items()
        if now[name] > figure * margin
    ]


def main() -> int:
    """Count and time the parts, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    options = parser.parse_args()
    try:
        counts = count()
    except CountError as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    print(f"Python {build()}")
    for name, number in counts.items():
        print(f"{name:24} {number:12,} instructions")
    if options.json:
        version = "{}.{}".format(*sys.version_info)
        known: dict[str, Any] = json.loads(options.json.read_text()) if options.json.exists() else {}
        known[version] = {"build": build(), "instructions": counts}
        options.json.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

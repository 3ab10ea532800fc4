"""Count the instructions of the parts of a call that do no I/O: a figure that does not depend on other load.

Usage: `python benchmarks/instructions.py [--json FILE]`. Needs valgrind; takes a minute. With FILE, the figures of this
Python are added to those of other Pythons in the file; the tests compare the parts with `results/instructions.json`.
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
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from time import process_time_ns
from typing import Any

from hot_parts import PARTS

_HERE = Path(__file__).parent
_YARDSTICK = "yardstick"
#: The largest allowed growth of a part: counted on the same build of Python, counted on another build, and timed.
_MARGIN, _MARGIN_ELSEWHERE, _MARGIN_OF_TIME = 1.15, 1.5, 2.5
_ROUNDS = 15


class CountError(Exception):
    """The instructions could not be counted."""


def count() -> dict[str, int]:
    """Return the number of instructions of each part.

    Raises:
        CountError: valgrind is not installed, or failed.
    """
    for name in PARTS:
        # Compiles everything to bytecode before anything is counted.
        subprocess.run(_command(name, 0), check=True)
    runs = [(name, times) for name, (_, most) in PARTS.items() for times in (0, most)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        totals = dict(zip(runs, pool.map(lambda run: _total(*run), runs), strict=True))
    return {name: (totals[name, most] - totals[name, 0]) // most for name, (_, most) in PARTS.items()}


def build() -> str:
    """Return a name of the interpreter that is exact enough for instruction counts to be comparable."""
    return f"{platform.python_version()}, {platform.python_compiler()}, {platform.machine()}"


def time_ratios() -> dict[str, float]:
    """Return the CPU time of each part as a ratio to the yardstick in the same round; medians."""
    parts = {name: (make(), most) for name, (make, most) in PARTS.items()}
    rounds: dict[str, list[float]] = {name: [] for name in parts}
    for _ in range(_ROUNDS):
        took = {}
        for name, (part, times) in parts.items():
            began = process_time_ns()
            for _ in range(times):
                part()
            took[name] = (process_time_ns() - began) / times
        for name, figures in rounds.items():
            figures.append(took[name] / took[_YARDSTICK])
    return {name: median(figures) for name, figures in rounds.items() if name != _YARDSTICK}


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


def slowed(ratios: Mapping[str, float], before: Mapping[str, Any]) -> list[str]:
    """Return a line for each part whose time ratio has grown too much; the margin allows for differing machines."""
    return _grown(ratios, before["time_ratios"], _MARGIN_OF_TIME)


def _grown(now: Mapping[str, float], before: Mapping[str, float], margin: float) -> list[str]:
    return [
        f"{name}: {now[name]:.6g}, before: {figure:.6g}"
        for name, figure in before.items()
        if now[name] > figure * margin
    ]


def _total(part: str, times: int) -> int:
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise CountError("valgrind is not installed")
    done = subprocess.run(
        [valgrind, "--tool=callgrind", "--callgrind-out-file=/dev/null", *_command(part, times)],
        capture_output=True,
        text=True,
        # Otherwise hash tables have another layout in each process.
        env=os.environ | {"PYTHONHASHSEED": "0"},
        check=False,
    )
    collected = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or not collected:
        raise CountError(f"valgrind failed on {part}: {done.stderr[-500:]}")
    return int(collected[1])


def _command(part: str, times: int) -> list[str]:
    return [sys.executable, "-W", "ignore", str(_HERE / "hot_parts.py"), part, str(times)]


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
    ratios = time_ratios()
    print(f"Python {build()}")
    for name, number in counts.items():
        print(f"{name:24} {number:12,} instructions, {ratios.get(name, 1.0):7.4f} of the yardstick's time")
    if options.json:
        version = "{}.{}".format(*sys.version_info)
        known: dict[str, Any] = json.loads(options.json.read_text()) if options.json.exists() else {}
        known[version] = {"build": build(), "instructions": counts, "time_ratios": ratios}
        options.json.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Count the instructions of a start and of the parts of a call without I/O: figures that do not depend on other load.

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
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from children import environment
from hot_parts import PARTS
from service import Service
from world import REGION

_HERE = Path(__file__).parent
_COMMAND = [sys.executable, "-W", "ignore", str(_HERE / "hot_parts.py")]
_YARDSTICK = "yardstick"
_START = "a start, beyond aiohttp's"
#: By how much a part may cost more than it did: on the very same build of Python, and on another one.
_MARGIN, _MARGIN_ELSEWHERE = 1.15, 1.5


class CountError(Exception):
    """The instructions could not be counted."""


def count() -> dict[str, int]:
    """Return the number of instructions of each part, and of a program's start.

    Raises:
        CountError: valgrind is not installed, or failed.
    """
    totals, printed = _run(_COMMAND, os.environ)
    forks = re.findall(r"^(\d+) (\d+) (.*)$", printed, re.MULTILINE)
    counted = {(name, int(times)): totals[process] for process, times, name in forks}
    parts = {name: (counted[name, most] - counted[name, 0]) // most for name, (_, most) in PARTS.items()}
    return {**parts, _START: _count_start()}


def _count_start() -> int:
    """Count what the program of `start/` takes from its start to its end, beyond that which uses aiohttp alone."""
    with ExitStack() as stack:
        url = Service(stack, None).url
        settings = environment(os.environ) | {"AWS_ENDPOINT_URL_DETECTIVE": url, "AWS_REGION": REGION}
        scripts = [str(_HERE / "start" / f"{name}.py") for name in ("bare_aiohttp", "detective_async_client")]
        bare, ours = (sum(_run([sys.executable, script], settings)[0].values()) for script in scripts)
    return ours - bare


def _run(command: Sequence[str], environ: Mapping[str, str]) -> tuple[dict[str, int], str]:
    """Return the instructions of a program and of each of its forks, by the process's id, and what it printed."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise CountError("there is no valgrind here")
    # Else dictionaries have another order each time.
    environ = {**environ, "PYTHONHASHSEED": "0"}
    # Whatever is compiled to bytecode once is so before anything is counted.
    subprocess.run(command, stdout=subprocess.DEVNULL, env=environ, check=True)
    done = subprocess.run(
        [valgrind, "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null", *command],
        capture_output=True,
        text=True,
        env=environ,
        check=False,
    )
    # A fork goes on counting where its parent was.
    refs = re.findall(r"^==(\d+)== I +refs: +([\d,]+)$", done.stderr, re.MULTILINE)
    if done.returncode or not refs:
        raise CountError(f"valgrind failed: {done.stderr[-500:]}")
    return {process: int(number.replace(",", "")) for process, number in refs}, done.stdout


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

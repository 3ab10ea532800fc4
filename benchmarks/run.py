"""Measure detective-async beside bare aiohttp and the other clients of Amazon Detective.

Usage: `python benchmarks/run.py [--quick] [--json FILE]`. README.md in this folder explains the figures.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from children import ChildError
from contenders import CAPO, CONTENDERS, OURS, absent, versions
from machine import machine, python
from measurements import Measurement, Plan
from measurements.calls import PAGE, SMALL_CALL
from measurements.fleet import FLEET
from measurements.growth import GROWTH
from measurements.stall import STALL
from measurements.start import START
from measurements.system_calls import SYSTEM_CALLS
from measurements.with_options import WITH_OPTIONS
from service import WorkDroppedError
from targets import by_python, verdicts

MEASUREMENTS = {each.name: each for each in (SMALL_CALL, PAGE, STALL, START, SYSTEM_CALLS, WITH_OPTIONS, FLEET, GROWTH)}
#: The targets in the table of every Python, each with the name of its measurement.
_EVERYWHERE = [(each.name, target) for each in MEASUREMENTS.values() for target in each.targets if target.column]
_EXPLANATION = (
    "CPU time, or wall time of stall and start, by that of bare aiohttp on the same Python; bold: the target is missed."
)


def measure(measurements: Sequence[Measurement], plan: Plan) -> dict[str, Any]:
    """Run the measurements one after the other, and return the results as JSON has them."""
    taking_part = plan.among(CONTENDERS)
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "python": python(),
        "machine": machine(),
        "versions": versions(taking_part),
        "absent": absent(CONTENDERS),
        "quick": plan.quick,
        "measurements": {each.name: each.measure(plan) for each in measurements},
    }


def measure_with(interpreter: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Measure what is in the table of every Python with another interpreter, and return the results."""
    wanted = dict.fromkeys(name for name, _ in _EVERYWHERE)
    only = ["--only", *(name for name in wanted if name in options.only)]
    clients = ["--contenders", *(name for name in (OURS.name, CAPO.name) if name in options.contenders)]
    size = [*(["--quick"] if options.quick else []), *(["--rounds", str(options.rounds)] if options.rounds else [])]
    with TemporaryDirectory() as folder:
        file = Path(folder) / "results.json"
        command = [str(interpreter), __file__, *only, *clients, *size, "--json", str(file)]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        results: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return results


def show(results: Mapping[str, Any]) -> str:
    """Return the results in Markdown: versions, targets, every Python, and the table of each measurement."""
    measured = [(MEASUREMENTS[name], results["measurements"][name]) for name in results["measurements"]]
    used = ", ".join(f"{name} {number}" for name, number in results["versions"].items())
    quick = " A quick run, only to check that everything works: do not quote it." if results["quick"] else ""
    return "\n\n".join(
        [
            f"{results['date']}, {results['python']} on {results['machine']}.{quick}\n{used}.",
            *(f"{name} is absent: {why}." for name, why in results["absent"].items()),
            verdicts([(target, figures) for each, figures in measured for target in each.targets]),
            f"**Every Python.** {_EXPLANATION}\n\n{by_python(_EVERYWHERE, [results, *results.get('pythons', [])])}",
            *(f"**{each.title}.** {each.show(figures)}" for each, figures in measured),
        ]
    )


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [contender.name for contender in CONTENDERS]
    parser.add_argument("--quick", action="store_true", help="fewer and smaller rounds, to check that everything works")
    parser.add_argument(
        "--only", nargs="+", choices=MEASUREMENTS, default=list(MEASUREMENTS), help="the measurements (default: all)"
    )
    parser.add_argument(
        "--contenders", nargs="+", choices=names, default=names, help="the clients beside bare aiohttp (default: all)"
    )
    parser.add_argument(
        "--rounds", type=int, metavar="N", help="the number of rounds that count (default: each measurement's own)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the results to this file")
    parser.add_argument("--show", type=Path, metavar="FILE", help="measure nothing; print the tables of a results file")
    parser.add_argument(
        "--pythons", nargs="+", type=Path, default=[], metavar="PATH", help="also measure with these interpreters"
    )
    parser.add_argument(
        "--add", nargs="+", type=Path, default=[], metavar="FILE", help="add the results files of other Pythons"
    )
    options = parser.parse_args(arguments)
    if options.rounds is not None and options.rounds < 1:
        parser.error("--rounds must be at least 1")
    return options


def _results(options: argparse.Namespace) -> dict[str, Any]:
    """Return the results of this Python, measured or read, and those of the others beside them."""
    results: dict[str, Any]
    if options.show:
        results = json.loads(options.show.read_text(encoding="utf-8"))
    else:
        missing = absent(CONTENDERS)
        plan = Plan(
            quick=options.quick,
            rounds=options.rounds,
            chosen=lambda one: one.client in options.contenders and one.client not in missing,
        )
        results = measure([MEASUREMENTS[name] for name in options.only], plan)
    others = [measure_with(interpreter, options) for interpreter in options.pythons]
    others += [json.loads(file.read_text(encoding="utf-8")) for file in options.add]
    # New results replace older ones of the same Python.
    known = {one["python"]: one for one in (*results.get("pythons", []), *others)}
    if known:
        results["pythons"] = [known[name] for name in sorted(known)]
    return results


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure or show, as the arguments say, and return the exit code."""
    options = _options(arguments)
    try:
        results = _results(options)
    except (ChildError, WorkDroppedError, subprocess.CalledProcessError) as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(show(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())

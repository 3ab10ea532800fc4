"""Measure what a call costs, beside bare aiohttp and the other clients of Amazon Detective.

Usage: `python benchmarks/run.py [--quick] [--json FILE]`; README.md beside this file says what the figures mean.
"""

import argparse
import http.client
import json
import os
import platform
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from answers import digest, normalise
from children import Child, ChildError
from contenders import BASELINE, CONTENDERS, Contender
from report import machine, summarise, tables
from server import SEEN_PATH
from workloads import SESSION_TOKEN, WORKLOADS, Workload

_FEWEST_ROUNDS = 7


class WorkDroppedError(Exception):
    """A contender did less, or other, than the rest."""


class Run:
    """Everybody who takes part, each in its process, against one server.

    Args:
        stack: what ends the processes.
    """

    def __init__(self, stack: ExitStack) -> None:
        self._url = stack.enter_context(Child("the server", "server.py")).listen()["url"]
        self.versions: dict[str, str] = {}
        self.absent: dict[str, str] = {}
        self._present: dict[Contender, Child] = {}
        for contender in CONTENDERS:
            child = stack.enter_context(Child(contender.name, "worker.py", contender.module, self._url))
            hello = child.listen()
            if "absent" in hello:
                self.absent[contender.name] = hello["absent"]
            else:
                self.versions |= hello["versions"]
                self._present[contender] = child
        if BASELINE.name in self.absent:
            raise ChildError(f"{BASELINE.name} is what all ratios refer to, but {self.absent[BASELINE.name]}")

    def check(self) -> None:
        """Let everybody make every call once, and compare what was sent and what was made of the answers.

        Raises:
            WorkDroppedError: somebody's differ.
        """
        for workload in WORKLOADS:
            for contender in self._present:
                self._batch(contender, workload, 1)
                seen = self._seen()
                if json.loads(seen["body"]) != workload.request:
                    raise WorkDroppedError(f"{contender.name} sent another {workload.name} request: {seen['body']}")
                signed = "AWS4-HMAC-SHA256" in seen["head"] and SESSION_TOKEN in seen["head"]
                if signed != contender.signs:
                    raise WorkDroppedError(f"{contender.name}: signed with the session token: {signed}")

    def measure(self, workload: Workload, calls: int, rounds: int) -> dict[str, dict[str, Any]]:
        """Let everybody have so many turns and give the figures; the first turn only warms up."""
        present = list(self._present)
        cpu: dict[str, list[float]] = {contender.name: [] for contender in present}
        wall: dict[str, list[float]] = {contender.name: [] for contender in present}
        for number in range(rounds + 1):
            _progress(f"{workload.name}: round {number} of {rounds}")
            first = number % len(present)
            for contender in present[first:] + present[:first]:
                took = self._batch(contender, workload, calls)
                if number:
                    cpu[contender.name].append(took["cpu_ns"] / calls / 1000)
                    wall[contender.name].append(took["wall_ns"] / calls / 1000)
        return summarise(cpu, wall, BASELINE.name)

    def _batch(self, contender: Contender, workload: Workload, calls: int) -> dict[str, Any]:
        before = self._seen()["counts"][workload.path]
        took = self._present[contender].ask({"workload": workload.name, "calls": calls})
        if "problem" in took:
            raise WorkDroppedError(f"{contender.name}, {workload.name}: {took['problem']}")
        # One more than was timed: the one that sees to the connection.
        asked = self._seen()["counts"][workload.path] - before
        if asked != calls + 1:
            raise WorkDroppedError(f"{contender.name}: {calls + 1} {workload.name} calls were {asked} requests")
        if took["digest"] != digest(normalise(workload.answer, times_are_text=True)):
            raise WorkDroppedError(f"{contender.name}: something else came of {workload.name} than was sent")
        return took

    def _seen(self) -> dict[str, Any]:
        connection = http.client.HTTPConnection(urlsplit(self._url).netloc, timeout=10)
        try:
            connection.request("GET", SEEN_PATH)
            seen: dict[str, Any] = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        return seen


def run(rounds: int, calls: int) -> dict[str, Any]:
    """Measure everything and give the results.

    Args:
        rounds: how many turns count.
        calls: how many small calls to a turn; heavier ones are fewer.
    """
    pinned = _share_one_cpu()
    with ExitStack() as stack:
        everybody = Run(stack)
        everybody.check()
        workloads = {}
        for workload in WORKLOADS:
            share = max(1, calls // workload.share)
            workloads[workload.name] = {
                "title": workload.title,
                "answer_bytes": len(workload.body),
                "calls": share,
                "contenders": everybody.measure(workload, share, rounds),
            }
        _progress("")
        return {
            "python": f"{platform.python_implementation()} {platform.python_version()}",
            "machine": f"{platform.system()} {platform.machine()}, {_cpu()}, {os.cpu_count()} CPUs, {pinned}",
            "versions": everybody.versions,
            "absent": everybody.absent,
            "rounds": rounds,
            "workloads": workloads,
        }


def _share_one_cpu() -> str:
    """Put this process, and those it starts, on one CPU; say so.

    Waking a process on another CPU can cost a virtual machine tens of microseconds. On which CPU the server runs is the
    scheduler's whim, and with it whether a contender pays for that.
    """
    if sys.platform != "linux":
        return "all of them used"
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    return "one of them used"


def _cpu() -> str:
    try:
        lines: Iterable[str] = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = ()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or "unnamed")


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def main() -> int:
    """Do what the command line says; give the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10, help=f"at least {_FEWEST_ROUNDS} (default: 10)")
    parser.add_argument("--calls", type=int, default=1000, help="small calls a round (default: 1000)")
    parser.add_argument("--quick", action="store_true", help="3 rounds of 100 calls: to see that it works")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results to a file, too")
    parser.add_argument("--show", type=Path, metavar="FILE", help="measure nothing: print the tables of such a file")
    options = parser.parse_args()
    if options.rounds < _FEWEST_ROUNDS or not 10 <= options.calls <= 1_000_000:
        parser.error(f"at least {_FEWEST_ROUNDS} rounds, and from 10 to 1,000,000 calls")
    try:
        if options.show:
            results = json.loads(options.show.read_text(encoding="utf-8"))
        else:
            results = run(3, 100) if options.quick else run(options.rounds, options.calls)
    except (ChildError, WorkDroppedError) as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(machine(results), tables(results), *(f"{k} is absent: {v}" for k, v in results["absent"].items()), sep="\n\n")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Measure a job of many targets: the members of every graph of many accounts in twenty regions.

Usage: `python benchmarks/fleet_run.py [--quick] [--check] [--json FILE]`; README.md beside this file says what the
figures mean. `--check` measures detective-async alone, and fails where it does not keep within its limits.
"""

import argparse
import http.client
import json
import os
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from children import Child, ChildError
from contenders import Contender
from fleet_contenders import BASELINE, FLEET_CONTENDERS, OURS
from fleet_job import MEMBERS, REGIONS, Found, expected
from fleet_report import show, show_check
from fleet_server import SEEN_PATH
from machine import machine, python
from report import spread

CONCURRENCY = 64
LATENCY_MS = 20
#: What detective-async may have resident at the most, everything that it imports included.
MOST_BYTES = 150_000_000

_FEWEST_ROUNDS = 5
_ACCOUNTS_TO_CHECK = 3


class WorkDroppedError(Exception):
    """A contender did less, or other, than the rest."""


@dataclass
class Turns:
    """What came of all the times that a contender did the job."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    most_bytes: list[int] = field(default_factory=list)
    imported_bytes: list[int] = field(default_factory=list)
    seen: list[dict[str, Any]] = field(default_factory=list)

    def add(self, took: dict[str, Any]) -> None:
        """Take note of one more."""
        self.wall.append(took["wall_ns"] / 1e9)
        self.cpu.append(took["cpu_ns"] / 1e9)
        self.most_bytes.append(took["most_bytes"])
        self.imported_bytes.append(took["imported_bytes"])
        self.seen.append(took["seen"])

    def summary(self, baseline: "Turns", latency: float) -> dict[str, Any]:
        """Give the figures.

        Args:
            baseline: the turns of the contender whose CPU time is the floor.
            latency: the seconds that the latency alone takes.
        """
        floors = [max(latency, cpu) for cpu in baseline.cpu]
        return {
            "wall_s": spread(self.wall),
            "cpu_s": spread(self.cpu),
            "floor_s": spread(floors),
            "wall_to_floor": spread([wall / floor for wall, floor in zip(self.wall, floors, strict=True)]),
            "most_mb": spread([most / 1e6 for most in self.most_bytes]),
            "imported_mb": round(median(self.imported_bytes) / 1e6, 1),
            "most_in_flight": max(seen["most_in_flight"] for seen in self.seen),
            "most_for_a_target": max(seen["most_for_a_target"] for seen in self.seen),
            "connections": max(seen["connections"] for seen in self.seen),
            "calls": self.seen[0]["calls"],
        }


class Run:
    """The server, and contenders that do the job against it, each time in a new process.

    Args:
        stack: what ends the server.
        concurrency: how many requests there may be at once.
        pinned: whether the server has a CPU for itself.
    """

    def __init__(self, stack: ExitStack, concurrency: int, *, pinned: bool) -> None:
        options = [str(LATENCY_MS), *(["--pin"] if pinned else [])]
        self._url = stack.enter_context(Child("the server", "fleet_server.py", *options)).listen()["url"]
        self._concurrency = concurrency
        self.versions: dict[str, str] = {}
        self.absent: dict[str, str] = {}

    def check(self, contender: Contender) -> None:
        """Let a contender do a small part of the job, and look at every field of what it found.

        Raises:
            WorkDroppedError: it did not find what was sent.
        """
        self.do(contender, _ACCOUNTS_TO_CHECK, expected(_ACCOUNTS_TO_CHECK, whole=True), whole=True)

    def do(self, contender: Contender, accounts: int, to_find: Found, *, whole: bool = False) -> dict[str, Any] | None:
        """Let a contender do the job once; gives what it took, and None if it is not installed.

        Raises:
            WorkDroppedError: it did less than the job, or more than was allowed.
        """
        arguments = [contender.module, self._url, str(accounts), str(self._concurrency)]
        with Child(contender.name, "fleet_worker.py", *arguments, *(["--whole"] if whole else [])) as child:
            took = child.listen()
        if "absent" in took:
            self.absent[contender.name] = took["absent"]
            return None
        if "problem" in took:
            raise WorkDroppedError(f"{contender.name}: {took['problem']}")
        self.versions |= took["versions"]
        took["seen"] = self._seen()
        self._judge(contender, accounts, to_find, took)
        return took

    def _judge(self, contender: Contender, accounts: int, to_find: Found, took: dict[str, Any]) -> None:
        found = {(account, region): (count, checksum) for account, region, count, checksum in took.pop("found")}
        took["members_found"] = sum(count for count, _ in found.values())
        if found != to_find:
            wrong = sorted(target for target in found.keys() | to_find if found.get(target) != to_find.get(target))
            raise WorkDroppedError(
                f"{contender.name}: other members than were sent in {len(wrong)}, such as {wrong[0]}"
            )
        targets = accounts * len(REGIONS)
        seen = took["seen"]
        calls = {"AssumeRole": accounts, "ListGraphs": targets, "ListMembers": targets}
        if seen["calls"] != calls:
            raise WorkDroppedError(f"{contender.name}: {calls} were {seen['calls']}")
        if seen["signed"] != (2 * targets if contender.signs else 0):
            raise WorkDroppedError(f"{contender.name}: {seen['signed']} requests were signed with the role's token")
        if seen["most_in_flight"] > self._concurrency:
            raise WorkDroppedError(f"{contender.name}: {seen['most_in_flight']} requests at once")

    def _seen(self) -> dict[str, Any]:
        connection = http.client.HTTPConnection(urlsplit(self._url).netloc, timeout=10)
        try:
            connection.request("GET", SEEN_PATH)
            seen: dict[str, Any] = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        return seen


def latency_alone(accounts: int, concurrency: int) -> float:
    """Give the seconds that the job takes where nothing takes time but the latency."""
    return accounts * (1 + 2 * len(REGIONS)) * LATENCY_MS / 1000 / concurrency


def run(sizes: list[int], rounds: int, concurrency: int) -> dict[str, Any]:
    """Measure all contenders and give the results.

    Args:
        sizes: numbers of accounts.
        rounds: how many times each does the job.
        concurrency: how many requests there may be at once.
    """
    used = _leave_a_cpu_to_the_server()
    with ExitStack() as stack:
        everybody = Run(stack, concurrency, pinned=True)
        for contender in FLEET_CONTENDERS:
            _progress(f"{contender.name}: a look at every field")
            everybody.check(contender)
        present = [contender for contender in FLEET_CONTENDERS if contender.name not in everybody.absent]
        measured = {}
        for accounts in sizes:
            to_find = expected(accounts)
            turns = {contender: Turns() for contender in present}
            for number in range(rounds):
                first = number % len(present)
                for contender in present[first:] + present[:first]:
                    targets = accounts * len(REGIONS)
                    _progress(f"{targets} targets: round {number + 1} of {rounds}: {contender.name}")
                    took = everybody.do(contender, accounts, to_find)
                    assert took is not None
                    turns[contender].add(took)
            latency = latency_alone(accounts, concurrency)
            measured[str(accounts * len(REGIONS))] = {
                "accounts": accounts,
                "latency_alone_s": round(latency, 3),
                "contenders": {each.name: turns[each].summary(turns[BASELINE], latency) for each in present},
            }
        _progress("")
        return {
            "python": python(),
            "machine": machine(used),
            "versions": everybody.versions,
            "absent": everybody.absent,
            "rounds": rounds,
            "concurrency": concurrency,
            "latency_ms": LATENCY_MS,
            "members": MEMBERS,
            "targets": measured,
        }


def check(accounts: int, concurrency: int) -> dict[str, Any]:
    """Let detective-async alone do the job once; gives what it took.

    Raises:
        WorkDroppedError: it did less than the job, or took more than is allowed.
    """
    with ExitStack() as stack:
        alone = Run(stack, concurrency, pinned=False)
        took = alone.do(OURS, accounts, expected(accounts))
        if took is None:
            raise ChildError(f"{OURS.name}: {alone.absent[OURS.name]}")
    took["targets"] = accounts * len(REGIONS)
    if took["most_bytes"] > MOST_BYTES:
        raise WorkDroppedError(f"{took['most_bytes'] / 1e6:.0f} MB of memory are more than {MOST_BYTES / 1e6:.0f}")
    return took


def _leave_a_cpu_to_the_server() -> str:
    """Keep this process, and those it starts, off the CPU that the server takes; say so."""
    if sys.platform != "linux" or len(os.sched_getaffinity(0)) == 1:
        return "shared by server and contender"
    os.sched_setaffinity(0, os.sched_getaffinity(0) - {max(os.sched_getaffinity(0))})
    return "one of them the server's alone"


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def main() -> int:
    """Do what the command line says; give the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=_FEWEST_ROUNDS, help=f"at least {_FEWEST_ROUNDS}, the default")
    parser.add_argument("--concurrency", type=int, default=CONCURRENCY, help="requests at once (default: 64)")
    parser.add_argument("--accounts", type=int, nargs="+", help="of 20 regions each (default: 100 and 50)")
    parser.add_argument("--quick", action="store_true", help="1 round of 15 accounts: to see that it works")
    parser.add_argument("--check", action="store_true", help="15 accounts, by detective-async alone: to see its limits")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results to a file, too")
    parser.add_argument("--show", type=Path, metavar="FILE", help="measure nothing: print the tables of such a file")
    options = parser.parse_args()
    if options.rounds < _FEWEST_ROUNDS or options.concurrency < 1 or min(options.accounts or [1]) < 1:
        parser.error(f"at least {_FEWEST_ROUNDS} rounds, 1 account, and a concurrency of 1")
    sizes = options.accounts or ([15] if options.quick or options.check else [100, 50])
    try:
        if options.show:
            results = json.loads(options.show.read_text(encoding="utf-8"))
        elif options.check:
            results = check(sizes[0], options.concurrency)
        else:
            results = run(sizes, 1 if options.quick else options.rounds, options.concurrency)
    except (ChildError, WorkDroppedError) as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(show_check(results) if options.check else show(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())

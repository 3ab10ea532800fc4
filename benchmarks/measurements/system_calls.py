"""The system calls of a small call, counted by strace."""

import shutil
import subprocess
from collections import defaultdict
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from contenders import CALLERS, OURS, Contender
from machine import cpus
from report import figures_table, spread
from service import Service, check_equal, run_job, turns
from targets import Target
from workloads import LIST_GRAPHS

from measurements import Measurement, Plan, median_of

#: How many calls are in flight at once.
_IN_FLIGHT = (1, 16)
#: The numbers of calls of two runs; the difference of their system calls is that of the calls between them.
_FEW, _MANY = 160, 800
_STRACE = ("strace", "-f", "-c", "-o")


def _measure(plan: Plan) -> dict[str, Any]:
    # In a thread, a client waits for the interpreter's lock as well.
    contenders = [one for one in plan.among(CALLERS) if one.asynchronous] if _can_trace() else []
    rounds = plan.size(plan.rounds_of(3), 1)
    counts: dict[Contender, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    with cpus(apart=False) as where, ExitStack() as stack:
        service = Service(stack, where.server)
        for _, contender in turns("system-calls", contenders, rounds):
            for in_flight in _IN_FLIGHT:
                few, many = (_count(service, contender, calls, in_flight) for calls in (_FEW, _MANY))
                counts[contender][in_flight].append((many - few) / (_MANY - _FEW))
    return {
        "cpus": where.used,
        "rounds": rounds,
        "contenders": {
            one.name: {f"calls_{in_flight}": spread(counts[one][in_flight]) for in_flight in _IN_FLIGHT}
            for one in contenders
        },
    }


def _can_trace() -> bool:
    """Tell whether strace is installed, and allowed."""
    return bool(shutil.which("strace")) and not subprocess.run([*_STRACE, "/dev/null", "true"], check=False).returncode


def _count(service: Service, contender: Contender, calls: int, in_flight: int) -> int:
    """Return the system calls of a process that makes so many calls."""
    service.seen()
    with TemporaryDirectory() as folder:
        summary = Path(folder) / "summary"
        with service.start(contender, "calls", under=[*_STRACE, str(summary)]) as child:
            run_job(child, operation=LIST_GRAPHS.name, calls=calls, in_flight=in_flight)
        requests = {LIST_GRAPHS.name: calls + in_flight} | ({"AssumeRole": 1} if contender.assumes_role else {})
        check_equal(f"{contender.name}: requests", requests, service.seen()["calls"])
        (total,) = (line for line in summary.read_text().splitlines() if line.endswith(" total"))
    return int(total.split()[3])


def _show(results: Mapping[str, Any]) -> str:
    if not results["contenders"]:
        return "Not measured: strace is not installed, or may not be used."
    columns = [(f"{number} in flight", f"calls_{number}", 1) for number in _IN_FLIGHT]
    return f"{results['rounds']} rounds; {results['cpus']}.\n\n{figures_table(results['contenders'], columns)}"


SYSTEM_CALLS = Measurement(
    "system-calls",
    "System calls of a small call",
    _measure,
    _show,
    tuple(
        Target(f"system calls, {number} in flight", median_of(OURS.name, f"calls_{number}"), 8, "calls")
        for number in _IN_FLIGHT
    ),
)

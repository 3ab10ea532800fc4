"""The time from the start of a process to its first response: imports, a client, a call."""

import os
import resource
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from answers import normalise
from children import environment
from contenders import BASELINE, CAPO, CONTENDERS, OURS, Contender
from machine import cpus
from report import Times, figures_table
from service import Service, WorkDroppedError, check_equal, turns
from targets import Target
from workloads import LIST_GRAPHS
from world import REGION

from measurements import Measurement, Plan, median_of, quotient_of

_SCRIPTS = Path(__file__).parent.parent / "start"
_COLUMNS = (
    ("wall to the first response, ms", "wall_ms", 0),
    ("wall / bare aiohttp", "wall_ratio", 2),
    ("CPU of the process, ms", "cpu_ms", 0),
    ("CPU / bare aiohttp", "cpu_ratio", 2),
)
_EXIT_TIMEOUT = 60.0


def _measure(plan: Plan) -> dict[str, Any]:
    contenders, rounds = plan.among(CONTENDERS), plan.rounds_of(10)
    times = Times("ms", [one.name for one in contenders])
    with cpus(apart=True) as where, ExitStack() as stack:
        service = Service(stack, where.server)
        # The warm-up compiles the sources.
        for counts, contender in turns("start", contenders, rounds, warmups=1):
            service.seen()
            waited, spent = _start(contender, service.url)
            check_equal(f"{contender.name}: requests", {LIST_GRAPHS.name: 1}, service.seen()["calls"])
            if counts:
                times.add(contender.name, wall=waited, cpu=spent)
    return {
        "cpus": where.used,
        "rounds": rounds,
        "contenders": times.beside(BASELINE.name),
    }


def _start(contender: Contender, url: str) -> tuple[float, float]:
    """Run a contender's script; return the milliseconds to its first line, and the CPU time of the whole process."""
    settings = {
        "AWS_ENDPOINT_URL_DETECTIVE": url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
    }
    spent = _cpu_of_children()
    began = perf_counter_ns()
    with subprocess.Popen(
        [sys.executable, str(_SCRIPTS / f"{contender.module}.py")],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(os.environ) | settings,
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        waited = perf_counter_ns() - began
        process.wait(_EXIT_TIMEOUT)
    _compare(contender, line)
    return waited / 1e6, (_cpu_of_children() - spent) * 1000


def _compare(contender: Contender, line: str) -> None:
    """Check that the line names the one graph, with the time of its creation."""
    arn, _, created = line.strip().partition(" ")
    try:
        got = normalise({"GraphList": [{"Arn": arn, "CreatedTime": datetime.fromisoformat(created)}]})
    except ValueError:
        raise WorkDroppedError(f"{contender.name}: no graph in {line!r}") from None
    check_equal(f"{contender.name}: answer", normalise(LIST_GRAPHS.answer, times_are_text=True), got)


def _cpu_of_children() -> float:
    """Return the seconds of CPU time of all child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _show(results: Mapping[str, Any]) -> str:
    return f"{results['rounds']} rounds; {results['cpus']}.\n\n{figures_table(results['contenders'], _COLUMNS)}"


START = Measurement(
    "start",
    "From the start of a process to its first response: ListGraphs",
    _measure,
    _show,
    (
        Target(
            "start to first response, by bare aiohttp's", median_of(OURS.name, "wall_ratio"), 1.15, "x", column="start"
        ),
        Target(
            "start by capo-detective's", quotient_of(OURS.name, CAPO.name, "wall_ms"), 1, "x", column="start by capo's"
        ),
    ),
)

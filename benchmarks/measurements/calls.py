"""The cost of a call: a small one, and one whose response is a page of 200 members."""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

from answers import digest, normalise
from children import Child
from contenders import BASELINE, CONTENDERS, OURS, Contender
from machine import cpus
from report import Times, figures_table
from service import Service, check_equal, run_job, turns
from targets import Target
from workloads import LIST_GRAPHS, LIST_MEMBERS, Workload

from measurements import Measurement, Plan, median_of

_COLUMNS = (
    ("CPU a call, us", "cpu_us", 0),
    ("CPU / bare aiohttp", "cpu_ratio", 2),
    ("wall a call, us", "wall_us", 0),
    ("wall / bare aiohttp", "wall_ratio", 2),
)


class _Calls:
    """The contenders that make the calls, each in a process of its own, against one server."""

    def __init__(self, stack: ExitStack, cpu: int | None, workload: Workload, contenders: list[Contender]) -> None:
        self._service = Service(stack, cpu)
        self._workload = workload
        self._children: dict[Contender, Child] = {
            one: stack.enter_context(self._service.start(one, "calls")) for one in contenders
        }
        self._digest = digest(normalise(workload.answer, times_are_text=True))

    def batch(self, contender: Contender, calls: int) -> dict[str, Any]:
        """Run a batch of calls of a contender, and check that all were made."""
        self._service.seen()
        took = run_job(self._children[contender], operation=self._workload.name, calls=calls)
        seen = self._service.seen()
        # The first call of a batch is not timed.
        check_equal(f"{contender.name}: requests", {self._workload.name: calls + 1}, seen["calls"])
        check_equal(f"{contender.name}: signed requests", calls + 1 if contender.signs else 0, seen["signed"])
        request = json.loads(seen["last"]["body"])
        check_equal(f"{contender.name}: members of the request", self._workload.request, request)
        check_equal(f"{contender.name}: digest of the response", self._digest, took["digest"])
        return took


def _measure(workload: Workload, full: int, quick: int, plan: Plan) -> dict[str, Any]:
    contenders, calls = plan.among(CONTENDERS), plan.size(full, quick)
    rounds = plan.rounds_of(10)
    times = Times("us", [one.name for one in contenders])
    with cpus(apart=False) as where, ExitStack() as stack:
        callers = _Calls(stack, where.server, workload, contenders)
        for counts, contender in turns(workload.name, contenders, rounds, warmups=1):
            took = callers.batch(contender, calls)
            if counts:
                times.add(contender.name, wall=took["wall_ns"] / calls / 1000, cpu=took["cpu_ns"] / calls / 1000)
    return {
        "cpus": where.used,
        "rounds": rounds,
        "calls": calls,
        "answer_bytes": len(workload.body),
        "contenders": times.beside(BASELINE.name),
    }


def _show(results: Mapping[str, Any]) -> str:
    how = f"{results['rounds']} rounds of {results['calls']:,} calls; {results['answer_bytes']:,} bytes"
    return f"{how}; {results['cpus']}.\n\n{figures_table(results['contenders'], _COLUMNS)}"


SMALL_CALL = Measurement(
    "small-call",
    "A small call: ListGraphs, one graph",
    partial(_measure, LIST_GRAPHS, 1000, 100),
    _show,
    (Target("a small call, CPU by bare aiohttp's", median_of(OURS.name, "cpu_ratio"), 1.35, "x"),),
)
PAGE = Measurement(
    "page",
    "A page: ListMembers, 200 members with every field filled",
    partial(_measure, LIST_MEMBERS, 50, 10),
    _show,
    (Target("a page of 200 members, CPU by bare aiohttp's", median_of(OURS.name, "cpu_ratio"), 1.6, "x"),),
)

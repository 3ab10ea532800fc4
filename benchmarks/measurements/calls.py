"""The cost of a call: a small one, with some of them in flight, and one whose response is a page of 200 members."""

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

from answers import digest, normalise
from children import Child
from contenders import BASELINE, CALLERS, OURS, ROLE, Contender
from machine import cpus
from report import Times, figures_table
from service import Service, check_equal, run_job, turns
from targets import Target
from workloads import LIST_GRAPHS, LIST_MEMBERS, Workload
from world import MOST_IN_FLIGHT

from measurements import Measurement, Plan, median_of

#: How many small calls are in flight at once.
_IN_FLIGHT = (1, 16, MOST_IN_FLIGHT)


class _Calls:
    """The contenders that make the calls, each in a process of its own, against one server."""

    def __init__(self, stack: ExitStack, cpu: int | None, workload: Workload, contenders: Sequence[Contender]) -> None:
        self._service = Service(stack, cpu)
        self._workload = workload
        self._children: dict[Contender, Child] = {
            one: stack.enter_context(self._service.start(one, "calls")) for one in contenders
        }
        self._digest = digest(normalise(workload.answer, times_are_text=True))
        self._roles = {one: {"AssumeRole": 1} for one in contenders if one.assumes_role}

    def batch(self, contender: Contender, calls: int, in_flight: int) -> dict[str, Any]:
        """Run a batch of calls of a contender, and check that all were made."""
        self._service.seen()
        took = run_job(self._children[contender], operation=self._workload.name, calls=calls, in_flight=in_flight)
        seen = self._service.seen()
        # The first call of each of those in flight is not timed; the role is assumed once, before all others.
        requests = {self._workload.name: calls + in_flight} | self._roles.pop(contender, {})
        check_equal(f"{contender.name}: requests", requests, seen["calls"])
        signed = sum(requests.values()) if contender.signs else 0
        check_equal(f"{contender.name}: signed requests", signed, seen["signed"])
        request = json.loads(seen["last"]["body"])
        check_equal(f"{contender.name}: members of the request", self._workload.request, request)
        check_equal(f"{contender.name}: digest of the response", self._digest, took["digest"])
        return took


def _measure(workload: Workload, levels: Sequence[int], full: int, quick: int, plan: Plan) -> dict[str, Any]:
    contenders, calls = plan.among(CALLERS), plan.size(full, quick)
    rounds, names = plan.rounds_of(10), [one.name for one in contenders]
    times = {in_flight: Times("us", names) for in_flight in levels}
    with cpus(apart=False) as where, ExitStack() as stack:
        callers = _Calls(stack, where.server, workload, contenders)
        for counts, contender in turns(workload.name, contenders, rounds, warmups=1):
            for in_flight in levels:
                took = callers.batch(contender, calls, in_flight)
                if counts:
                    wall, cpu = took["wall_ns"] / calls / 1000, took["cpu_ns"] / calls / 1000
                    times[in_flight].add(contender.name, wall=wall, cpu=cpu)
    figures = {in_flight: times[in_flight].beside(BASELINE.name) for in_flight in levels}
    return {
        "cpus": where.used,
        "rounds": rounds,
        "calls": calls,
        "answer_bytes": len(workload.body),
        "in_flight": list(levels),
        "contenders": {
            name: {f"{key}_{in_flight}": one for in_flight in levels for key, one in figures[in_flight][name].items()}
            for name in names
        },
    }


def _show(results: Mapping[str, Any]) -> str:
    how = f"{results['rounds']} rounds of {results['calls']:,} calls; {results['answer_bytes']:,} bytes"
    columns: list[tuple[str, str, int]] = []
    for number in results["in_flight"]:
        columns += [
            (f"{number} in flight: CPU a call, us", f"cpu_us_{number}", 0),
            ("CPU / bare aiohttp", f"cpu_ratio_{number}", 2),
        ]
    return f"{how}; {results['cpus']}.\n\n{figures_table(results['contenders'], columns)}"


def _target(what: str, contender: Contender, in_flight: int, limit: float) -> Target:
    figure = median_of(contender.name, f"cpu_ratio_{in_flight}")
    return Target(f"{what}, CPU by bare aiohttp's", figure, limit, "x", column=what)


SMALL_CALL = Measurement(
    "small-call",
    "A small call: ListGraphs, one graph",
    partial(_measure, LIST_GRAPHS, _IN_FLIGHT, 960, 128),
    _show,
    (
        _target("small call, 1 in flight", OURS, 1, 1.05),
        _target("16 in flight", OURS, 16, 1.2),
        _target("64 in flight", OURS, 64, 1.2),
        _target("16 in flight, a role's keys", ROLE, 16, 1.2),
    ),
)
PAGE = Measurement(
    "page",
    "A page: ListMembers, 200 members with every field filled",
    partial(_measure, LIST_MEMBERS, (1,), 50, 10),
    _show,
    (_target("page of 200 members", OURS, 1, 1.25),),
)

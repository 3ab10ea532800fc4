"""The longest time for which the event loop is blocked while one task reads many pages."""

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from contenders import AIOBOTOCORE, BASELINE, CONTENDERS, OURS
from machine import cpus
from report import Times, figures_table
from service import Service, check_equal, run_job, turns
from tally import expected_names
from targets import Target
from world import ACCOUNT_ID, PAGE, REGION, graph_arn

from measurements import Measurement, Plan, median_of, quotient_of

_COLUMNS = (
    ("longest stall, ms", "wall_ms", 2),
    ("stall / bare aiohttp", "wall_ratio", 2),
    ("most CPU between beats, ms", "cpu_ms", 2),
    ("CPU / bare aiohttp", "cpu_ratio", 2),
)
#: How many times each contender reads the pages in a round. The shortest stall counts, since other load on the machine
#: can only make a stall longer.
_PASSES = 3
#: The number of pages of the warm-up.
_FIRST = 2


def _measure(plan: Plan) -> dict[str, Any]:
    # A synchronous client blocks the loop for the whole call.
    contenders = [one for one in plan.among(CONTENDERS) if one.asynchronous]
    pages, rounds = plan.size(100, 10), plan.rounds_of(5)
    members = pages * PAGE
    first, graph = (graph_arn(ACCOUNT_ID, REGION, count) for count in (_FIRST * PAGE, members))
    to_find = expected_names(members)
    times = Times("ms", [one.name for one in contenders])
    with cpus(apart=True) as where, ExitStack() as stack:
        service = Service(stack, where.server)
        children = {one: stack.enter_context(service.start(one, "stall")) for one in contenders}
        for child in children.values():
            # Not timed: lazy imports in one process must not coincide with the pages of another.
            run_job(child, first_arn=first, graph_arn=first, passes=1)
        for _, contender in turns("stall", contenders, rounds):
            service.seen()
            took = run_job(children[contender], first_arn=first, graph_arn=graph, passes=_PASSES)
            requests = {"ListMembers": _FIRST + _PASSES * pages}
            check_equal(f"{contender.name}: requests", requests, service.seen()["calls"])
            check_equal(f"{contender.name}: count and checksum of the members", _PASSES * [to_find], took["found"])
            times.add(contender.name, wall=took["wall_ns"] / 1e6, cpu=took["cpu_ns"] / 1e6)
    return {
        "cpus": where.used,
        "rounds": rounds,
        "pages": pages,
        "contenders": times.beside(BASELINE.name),
    }


def _show(results: Mapping[str, Any]) -> str:
    how = f"{results['rounds']} rounds, of each the quietest of {_PASSES} times {results['pages']} pages"
    return f"{how}; {results['cpus']}.\n\n{figures_table(results['contenders'], _COLUMNS)}"


STALL = Measurement(
    "stall",
    "The longest stall of the event loop, while one task goes through the pages of a graph",
    _measure,
    _show,
    (
        Target("the longest stall, by bare aiohttp's", median_of(OURS.name, "wall_ratio"), 1.2, "x", column="stall"),
        Target("the longest stall, by aiobotocore's", quotient_of(OURS.name, AIOBOTOCORE.name, "wall_ms"), 0.1, "x"),
    ),
)

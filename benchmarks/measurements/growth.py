"""Whether the time per member or the memory grows with the length of a stream whose members are not kept."""

from collections import defaultdict
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from contenders import BASELINE, OURS, Contender
from machine import cpus
from report import cell, ratios, spread, table
from service import Service, check_equal, run_job, turns
from tally import expected_names
from targets import Target
from world import ACCOUNT_ID, PAGE, REGION, graph_arn

from measurements import Measurement, Plan, median_of

_SIZES = (1_000, 10_000, 100_000, 1_000_000)
#: The number of members after which the memory is taken as the base.
_SETTLED = 1_000
#: The number of members of the warm-up.
_FIRST = 2 * PAGE

#: The figures of each stream, by contender and size.
_Took = dict[tuple[Contender, int], list[dict[str, Any]]]


def _measure(plan: Plan) -> dict[str, Any]:
    contenders, rounds = plan.among((BASELINE, OURS)), plan.rounds_of(5)
    sizes = _SIZES[: plan.size(4, 3)]
    took: _Took = defaultdict(list)
    with cpus(apart=True) as where, ExitStack() as stack:
        service = Service(stack, where.server)
        for size in sizes:
            to_find = expected_names(size)
            for _, contender in turns(f"growth, {size:,} members", contenders, rounds):
                took[contender, size].append(_stream(service, contender, size, to_find))
    return {
        "cpus": where.used,
        "rounds": rounds,
        "sizes": list(sizes),
        "contenders": {one.name: _figures(one, sizes, took) for one in contenders},
    }


def _stream(service: Service, contender: Contender, size: int, to_find: list[int]) -> dict[str, Any]:
    """Stream a graph of that many members in a new process of a contender."""
    first, graph = (graph_arn(ACCOUNT_ID, REGION, count) for count in (_FIRST, size))
    service.seen()
    with service.start(contender, "growth") as child:
        took = run_job(child, first_arn=first, graph_arn=graph, settled=_SETTLED)
    check_equal(f"{contender.name}: requests", {"ListMembers": (_FIRST + size) // PAGE}, service.seen()["calls"])
    check_equal(f"{contender.name}: count and checksum of the members", to_find, took["found"])
    return took


def _figures(contender: Contender, sizes: tuple[int, ...], took: _Took) -> dict[str, Any]:
    cpu = {size: [one["cpu_ns"] / size / 1000 for one in took[contender, size]] for size in sizes}
    grown = {
        size: [(one["late_bytes"] - one["early_bytes"]) / 2**20 for one in took[contender, size]] for size in sizes
    }
    return {
        "by_size": {str(size): {"cpu_us": spread(cpu[size]), "grown_mib": spread(grown[size])} for size in sizes},
        "cpu_growth": ratios(cpu[sizes[-1]], cpu[sizes[0]]),
        "memory_growth_mib": spread(grown[sizes[-1]]),
    }


def _show(results: Mapping[str, Any]) -> str:
    header = [
        "members",
        *(f"{name}, {what}" for what in ("CPU each, us", "RSS, MiB") for name in results["contenders"]),
    ]
    rows = [
        [
            f"{size:,}",
            *(
                cell(figures["by_size"][str(size)][key], 2)
                for key in ("cpu_us", "grown_mib")
                for figures in results["contenders"].values()
            ),
        ]
        for size in results["sizes"]
    ]
    return (
        f"{results['rounds']} rounds; RSS: by how much it has grown since the {_SETTLED:,}th member; {results['cpus']}."
        f"\n\n{table(header, rows)}"
    )


GROWTH = Measurement(
    "growth",
    "A long stream: iter_members, with no member kept",
    _measure,
    _show,
    (
        Target("CPU a member, of the longest stream by the shortest's", median_of(OURS.name, "cpu_growth"), 1.1, "x"),
        Target("memory that the longest stream adds", median_of(OURS.name, "memory_growth_mib"), 5, "MiB"),
    ),
)

"""The cost of a client for another account and region, in time and in memory."""

from collections import defaultdict
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from contenders import AIOBOTOCORE, CAPO, OURS, Contender
from machine import cpus
from report import cell, spread, table
from service import Service, check_equal, run_job, turns
from targets import Target
from world import REGIONS, account_ids

from measurements import Measurement, Plan, median_of

#: Contender -> number of clients: as many as take about a second.
_FULL = {OURS: 10_000, CAPO: 1_000, AIOBOTOCORE: 20}
_QUICK = {OURS: 10_000, CAPO: 100, AIOBOTOCORE: 5}
#: The allocations of at most this many clients are traced.
_TRACED = 1_000


def _measure(plan: Plan) -> dict[str, Any]:
    counts = _QUICK if plan.quick else _FULL
    contenders = [one for one in counts if plan.chosen(one)]
    rounds = plan.rounds_of(5)
    took: dict[Contender, list[dict[str, Any]]] = defaultdict(list)
    with cpus(apart=False) as where, ExitStack() as stack:
        service = Service(stack, where.server)
        for _, contender in turns("with_options", contenders, rounds):
            service.seen()
            count, traced = counts[contender], min(counts[contender], _TRACED)
            with service.start(contender, "with_options") as child:
                took[contender].append(run_job(child, count=count, traced=traced))
            _check_last(contender, count, service.seen())
    return {
        "cpus": where.used,
        "rounds": rounds,
        "contenders": {one.name: _figures(counts[one], took[one]) for one in contenders},
    }


def _check_last(contender: Contender, count: int, seen: Mapping[str, Any]) -> None:
    """Check that the last timed client made one call, with the keys of its account, in its region."""
    # The warm-up comes before it, with one client for each region.
    made = len(REGIONS) + count
    target = (account_ids(made)[-1], REGIONS[(made - 1) % len(REGIONS)])
    check_equal(f"{contender.name}: requests", ({"ListGraphs": 1}, 1), (seen["calls"], seen["signed"]))
    last = seen["last"]
    check_equal(f"{contender.name}: target of the request", target, (last["account_id"], last["region"]))


def _figures(count: int, took: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "clients": count,
        "cpu_us": spread([one["cpu_ns"] / count / 1000 for one in took]),
        "wall_us": spread([one["wall_ns"] / count / 1000 for one in took]),
        "traced_kib": spread([one["traced_bytes"] / 1024 for one in took]),
        "rss_mib": spread([one["rss_bytes"] / 2**20 for one in took]),
    }


def _show(results: Mapping[str, Any]) -> str:
    header = ["", "clients", "wall a client, us", "CPU a client, us", "KiB a client", "RSS of all, MiB"]
    rows = [
        [
            name,
            f"{figures['clients']:,}",
            cell(figures["wall_us"], 1),
            cell(figures["cpu_us"], 1),
            cell(figures["traced_kib"], 2),
            cell(figures["rss_mib"], 1),
        ]
        for name, figures in results["contenders"].items()
    ]
    return f"{results['rounds']} rounds; {results['cpus']}.\n\n{table(header, rows)}"


WITH_OPTIONS = Measurement(
    "with-options",
    "A client for another account and region: with_options, and a new client of the others",
    _measure,
    _show,
    (
        Target("with_options, time", median_of(OURS.name, "wall_us"), 20, "us"),
        Target("with_options, memory", median_of(OURS.name, "traced_kib"), 2, "KiB"),
        Target("10,000 of them, resident memory", median_of(OURS.name, "rss_mib"), 25, "MiB"),
    ),
)

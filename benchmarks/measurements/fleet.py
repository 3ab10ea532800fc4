"""A job of many targets: the members of every graph of many accounts in twenty regions."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from canned import MEMBERS
from contenders import AIOBOTOCORE, BASELINE, FLEET_CONTENDERS, OURS, Contender
from machine import cpus
from report import figures_table, ratios, spread
from service import Service, check_equal, progress, run_job, turns
from tally import Found, expected_tally
from targets import Target
from world import REGIONS

from measurements import Measurement, Plan, median_of, quotient_of

CONCURRENCY = 64
LATENCY_MS = 20

_ACCOUNTS_TO_CHECK = 1
_COLUMNS = (
    ("wall, s", "wall_s", 2),
    ("CPU, s", "cpu_s", 2),
    ("wall / floor", "floor_ratio", 2),
    ("most memory, MB", "most_mb", 0),
    ("of imports, MB", "imported_mb", 0),
    ("connections", "connections", 0),
)


def do_job(
    service: Service, contender: Contender, accounts: int, to_find: Found, *, concurrency: int, whole: bool = False
) -> dict[str, Any]:
    """Run the job once in a new process of a contender; return the figures, with what the server saw.

    Args:
        service: the server.
        contender: the contender.
        accounts: the number of accounts.
        to_find: the expected result.
        concurrency: how many requests there may be at once.
        whole: whether to compare every field of every member; such a run is too slow to be timed.

    Raises:
        WorkDroppedError: the contender did not do all of the work, or exceeded the concurrency.
    """
    service.seen()
    with service.start(contender, "fleet") as child:
        took = run_job(child, accounts=accounts, concurrency=concurrency, whole=whole)
    seen = took["seen"] = service.seen()
    found = {(account, region): (count, checksum) for account, region, count, checksum in took.pop("found")}
    took["members_found"] = sum(count for count, _ in found.values())
    wrong = sorted(target for target in found.keys() | to_find if found.get(target) != to_find.get(target))
    check_equal(f"{contender.name}: targets with other members than were sent", [], wrong[:3])
    took["targets"] = targets = accounts * len(REGIONS)
    calls = {"AssumeRole": accounts, "ListGraphs": targets, "ListMembers": targets}
    check_equal(f"{contender.name}: requests", calls, seen["calls"])
    # Requests to STS are signed with the source's keys, which the server does not count.
    signed = 2 * targets if contender.signs else 0
    check_equal(f"{contender.name}: requests signed with the role's token", signed, seen["signed"])
    check_equal(f"{contender.name}: requests above the concurrency", 0, max(0, seen["most_in_flight"] - concurrency))
    return took


def _measure(plan: Plan) -> dict[str, Any]:
    contenders = plan.among(FLEET_CONTENDERS)
    accounts, rounds = plan.size(50, 3), plan.rounds_of(5)
    part, to_find = expected_tally(_ACCOUNTS_TO_CHECK, whole=True), expected_tally(accounts)
    took: dict[Contender, list[dict[str, Any]]] = defaultdict(list)
    with cpus(apart=True) as where, ExitStack() as stack:
        service = Service(stack, where.server, LATENCY_MS)
        for contender in contenders:
            progress(f"fleet: comparing every field: {contender.name}")
            do_job(service, contender, _ACCOUNTS_TO_CHECK, part, concurrency=CONCURRENCY, whole=True)
        for _, contender in turns("fleet", contenders, rounds):
            took[contender].append(do_job(service, contender, accounts, to_find, concurrency=CONCURRENCY))
    calls = accounts * (1 + 2 * len(REGIONS))
    alone = calls * LATENCY_MS / 1000 / CONCURRENCY
    floors = [max(alone, one["cpu_ns"] / 1e9) for one in took[BASELINE]]
    return {
        "cpus": where.used,
        "rounds": rounds,
        "targets": accounts * len(REGIONS),
        "calls": calls,
        "concurrency": CONCURRENCY,
        "latency_ms": LATENCY_MS,
        "members": MEMBERS,
        "latency_alone_s": round(alone, 3),
        "floor_s": spread(floors),
        "contenders": {one.name: _figures(took[one], floors) for one in contenders},
    }


def _figures(took: Sequence[Mapping[str, Any]], floors: Sequence[float]) -> dict[str, Any]:
    wall = [one["wall_ns"] / 1e9 for one in took]
    return {
        "wall_s": spread(wall),
        "cpu_s": spread([one["cpu_ns"] / 1e9 for one in took]),
        "floor_ratio": ratios(wall, floors),
        "most_mb": spread([one["most_bytes"] / 1e6 for one in took]),
        "imported_mb": spread([one["imported_bytes"] / 1e6 for one in took]),
        "most_in_flight": spread([one["seen"]["most_in_flight"] for one in took]),
        "connections": spread([one["seen"]["connections"] for one in took]),
    }


def _show(results: Mapping[str, Any]) -> str:
    how = (
        f"{results['rounds']} rounds of {results['targets']:,} targets with {results['members']} members each: "
        f"{results['calls']:,} calls of {results['latency_ms']} ms, {results['concurrency']} at once, which is "
        f"{results['latency_alone_s']:.2f} s; the floor is {results['floor_s']['median']:.2f} s; {results['cpus']}."
    )
    return f"{how}\n\n{figures_table(results['contenders'], _COLUMNS)}"


FLEET = Measurement(
    "fleet",
    "Many targets: AssumeRole, ListGraphs and ListMembers for each account and region",
    _measure,
    _show,
    (
        Target("many targets, time by the floor", median_of(OURS.name, "floor_ratio"), 1.3, "x"),
        Target(
            "many targets, rate by aiobotocore's",
            quotient_of(AIOBOTOCORE.name, OURS.name, "wall_s"),
            10,
            "x",
            at_least=True,
        ),
        Target("many targets, most resident memory", median_of(OURS.name, "most_mb"), 150, "MB"),
    ),
)

"""Measure the simulator: small requests a second on one core, latency under load, and the memory of a member.

Usage: `python benchmarks/simulator.py [--quick] [--json FILE]`. README.md in this folder explains the figures.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from itertools import cycle
from pathlib import Path
from statistics import quantiles
from time import perf_counter, perf_counter_ns
from typing import Any
from urllib.parse import quote

from children import Child, ChildError
from machine import cpus, machine, python
from report import cell, spread, table
from service import progress
from simulator_load import Load, Signer, WrongAnswerError, connect, exchange

import detective_async

#: The accounts that send small requests: more than one, so that more than one signing key is in use.
CALLERS = 50
CONNECTIONS = 16
LISTED_AT_ONCE = 8
MEMBERS = 1200
PAGE = 200
INVITED_AT_ONCE = 50
#: Seconds between two small requests that are sent while pages are listed.
PROBE_EVERY = 0.02

_FEWEST_ROUNDS = 7
_PACKAGES = ("aiohttp", "attrs", "botocore")


def rates(rounds: int, count: int) -> dict[str, Any]:
    """Measure small requests a second.

    Args:
        rounds: the number of rounds that count; one warm-up round comes before them.
        count: the number of requests per round.
    """
    with Child("the simulator", "simulator_server.py", "20000") as server:
        url = server.read()["url"]
        signer = Signer(server, url)
        accounts = [f"{number:012d}" for number in range(100_000_000_000, 100_000_000_000 + CALLERS)]
        signer.load_keys(accounts)
        load = Load(url, CONNECTIONS, 1)
        bodies = [load.send([signer.request(name, "/graph", {"Tags": {"team": "secops"}})]) for name in accounts]
        load.close()
        graphs = [json.loads(body)["GraphArn"] for (body,) in bodies]
        _check_signatures(url, signer.request(accounts[0], "/graphs/list", {}))

        def list_graphs() -> list[bytes]:
            return [signer.request(name, "/graphs/list", {}) for name in accounts]

        def get_members() -> list[bytes]:
            return [
                signer.request(name, "/graph/members/get", {"GraphArn": graph, "AccountIds": ["200000000000"]})
                for name, graph in zip(accounts, graphs, strict=True)
            ]

        def list_tags() -> list[bytes]:
            return [
                signer.request(name, f"/tags/{quote(graph, safe='')}", None, "GET")
                for name, graph in zip(accounts, graphs, strict=True)
            ]

        return {
            title: _rate(title, server, Load(url, connections, depth), make, rounds=rounds, count=count)
            for title, make, connections, depth in (
                ("ListGraphs, 1 connection", list_graphs, 1, 1),
                (f"ListGraphs, {CONNECTIONS} connections", list_graphs, CONNECTIONS, 1),
                (f"ListGraphs, 1 connection, {CONNECTIONS} pipelined", list_graphs, 1, CONNECTIONS),
                (f"GetMembers, {CONNECTIONS} connections", get_members, CONNECTIONS, 1),
                (f"ListTagsForResource, {CONNECTIONS} connections", list_tags, CONNECTIONS, 1),
            )
        }


def _check_signatures(url: str, request: bytes) -> None:
    """Check that the simulator refuses a request that was changed after it was signed."""
    load = Load(url, 1, 1)
    try:
        load.send([request])
        load.send([request.replace(b"{}", b"[]")])
    except WrongAnswerError as error:
        if "InvalidSignatureException" in str(error):
            return
        raise
    finally:
        load.close()
    raise WrongAnswerError("the simulator accepted a request that was changed after it was signed")


def _rate(
    title: str, server: Child, load: Load, make: Callable[[], list[bytes]], *, rounds: int, count: int
) -> dict[str, Any]:
    a_second, cpu_us = [], []
    for number in range(rounds + 1):
        progress(f"{title}: round {number} of {rounds}")
        # Signed in each round, since a signature is valid for five minutes.
        requests = [request for _, request in zip(range(count), cycle(make()), strict=False)]
        cpu = server.ask({"do": "cpu"})["ns"]
        began = perf_counter_ns()
        load.send(requests)
        took = perf_counter_ns() - began
        cpu = server.ask({"do": "cpu"})["ns"] - cpu
        if number:
            a_second.append(count / took * 1e9)
            cpu_us.append(cpu / count / 1000)
    load.close()
    return {"requests_a_second": spread(a_second), "cpu_us": spread(cpu_us)}


def many_members(graphs: int) -> dict[str, Any]:
    """Measure the memory of a member, and the time of listing all members.

    Args:
        graphs: the number of graphs, of 1,200 enabled members each.
    """
    with Child("the simulator", "simulator_server.py", "100") as server:
        url = server.read()["url"]
        signer = Signer(server, url)
        numbers = range(graphs)
        managements = [f"{700_000_000_000 + number}" for number in numbers]
        administrators = [f"{800_000_000_000 + number}" for number in numbers]
        signer.load_keys([*managements, *administrators])
        members = [[f"{900_000_000_000 + number * MEMBERS + one}" for one in range(MEMBERS)] for number in numbers]
        load = Load(url, 1, 1)
        # One organization and one graph are made before the memory is read, so that one-time work is not counted.
        arns = []
        before_accounts = 0
        for number in numbers:
            if number == 1:
                before_accounts = server.ask({"do": "memory"})["bytes"]
            progress(f"organization {number + 1} of {graphs}")
            server.ask(
                {"do": "organization", "accounts": [managements[number], administrators[number], *members[number]]}
            )
        before_members = 0
        for number in numbers:
            if number == 1:
                before_members = server.ask({"do": "memory"})["bytes"]
            progress(f"members of graph {number + 1} of {graphs}")
            arns.append(_graph_of(load, signer, managements[number], administrators[number], members[number]))
        after = server.ask({"do": "memory"})["bytes"]
        load.close()
        counted = (graphs - 1) * MEMBERS
        memory = {
            "members": counted,
            "rss_before_bytes": before_members,
            "rss_after_bytes": after,
            "bytes_a_member": round((after - before_members) / counted, 1),
            "bytes_an_account": round((before_members - before_accounts) / counted, 1),
        }
        progress("listing")
        listing = asyncio.run(_list_all(url, signer, dict(zip(administrators, arns, strict=True))))
        memory["rss_after_listing_bytes"] = server.ask({"do": "memory"})["bytes"]
        return {"graphs": graphs, "memory": memory, "listing": listing}


def _graph_of(load: Load, signer: Signer, management: str, administrator: str, members: Sequence[str]) -> str:
    """Create a graph; its members are enabled at once, since they are accounts of the organization."""
    load.send([signer.request(management, "/orgs/enableAdminAccount", {"AccountId": administrator})])
    (body,) = load.send([signer.request(administrator, "/graphs/list", {})])
    (graph,) = json.loads(body)["GraphList"]
    for start in range(0, len(members), INVITED_AT_ONCE):
        chosen = [
            {"AccountId": name, "EmailAddress": f"account-{name}@example.com"}
            for name in members[start : start + INVITED_AT_ONCE]
        ]
        given = {"GraphArn": graph["Arn"], "Accounts": chosen}
        (body,) = load.send([signer.request(administrator, "/graph/members", given)])
        if {one["Status"] for one in json.loads(body)["Members"]} != {"ENABLED"}:
            raise WrongAnswerError("the simulator did not enable all members")
    return str(graph["Arn"])


async def _list_all(url: str, signer: Signer, graphs: dict[str, str]) -> dict[str, Any]:
    """List every graph's members, several graphs at once, and send a small request at intervals."""
    pages: list[float] = []
    probes: list[float] = []
    to_list = iter(graphs.items())
    found = 0

    async def lister() -> None:
        nonlocal found
        reader, writer = await connect(url)
        for administrator, arn in to_list:
            given = {"GraphArn": arn, "MaxResults": PAGE}
            names: set[str] = set()
            while True:
                request = signer.request(administrator, "/graph/members/list", given)
                began = perf_counter()
                body = await exchange(reader, writer, request)
                pages.append((perf_counter() - began) * 1000)
                page = json.loads(body)
                names |= {member["AccountId"] for member in page["MemberDetails"]}
                if "NextToken" not in page:
                    break
                given["NextToken"] = page["NextToken"]
            if len(names) != MEMBERS:
                raise WrongAnswerError(f"a graph has {len(names)} members instead of {MEMBERS}")
            found += len(names)
        writer.close()

    async def prober() -> None:
        reader, writer = await connect(url)
        for administrator in cycle(graphs):
            request = signer.request(administrator, "/graphs/list", {})
            began = perf_counter()
            await exchange(reader, writer, request)
            probes.append((perf_counter() - began) * 1000)
            await asyncio.sleep(PROBE_EVERY)
        writer.close()

    probe = asyncio.create_task(prober())
    began = perf_counter()
    await asyncio.gather(*(lister() for _ in range(LISTED_AT_ONCE)))
    took = perf_counter() - began
    probe.cancel()
    await asyncio.gather(probe, return_exceptions=True)
    return {
        "members": found,
        "seconds": round(took, 3),
        "members_a_second": round(found / took),
        "graphs_at_once": LISTED_AT_ONCE,
        "page_ms": _latency(pages),
        "small_request_ms": _latency(probes),
    }


def _latency(milliseconds: Sequence[float]) -> dict[str, float]:
    cuts = quantiles(milliseconds, n=100, method="inclusive")
    return {
        "count": len(milliseconds),
        "median": round(cuts[49], 3),
        "p95": round(cuts[94], 3),
        "p99": round(cuts[98], 3),
        "max": round(max(milliseconds), 3),
    }


def run(rounds: int, count: int, graphs: int) -> dict[str, Any]:
    """Measure everything, and return the results."""
    with cpus(apart=True) as where:
        small = rates(rounds, count)
        members = many_members(graphs)
    progress("")
    return {
        "python": python(),
        "machine": machine(where.used),
        "versions": {"detective-async": detective_async.__version__} | {name: version(name) for name in _PACKAGES},
        "rounds": rounds,
        "requests_a_round": count,
        "rates": small,
        **members,
    }


def show(results: dict[str, Any]) -> str:
    """Return the results of a run, in Markdown."""
    versions = ", ".join(f"{name} {number}" for name, number in results["versions"].items())
    memory, listing = results["memory"], results["listing"]
    rates_header = [
        f"{results['requests_a_round']:,} small requests a round",
        "requests a second",
        "server CPU each, us",
    ]
    rates_rows = [
        [title, cell(row["requests_a_second"], 0), cell(row["cpu_us"], 0)] for title, row in results["rates"].items()
    ]
    latencies = {f"a page of {PAGE} members": listing["page_ms"], "ListGraphs meanwhile": listing["small_request_ms"]}
    figures = ["median", "p95", "p99", "max"]
    latency_rows = [
        [title, f"{row['count']:,}", *(f"{row[name]:,.1f}" for name in figures)] for title, row in latencies.items()
    ]
    listed = (
        f"{results['graphs']} graphs of {MEMBERS:,} enabled members, {listing['graphs_at_once']} listed at once: "
        f"{listing['members']:,} members in {listing['seconds']:,.1f} s."
    )
    cost = (
        f"Memory: {memory['rss_before_bytes'] / 2**20:,.0f} MiB before {memory['members']:,} members, "
        f"{memory['rss_after_bytes'] / 2**20:,.0f} MiB after: {memory['bytes_a_member']:,.0f} bytes a member, "
        f"and {memory['bytes_an_account']:,.0f} bytes a known account."
    )
    return "\n\n".join(
        [
            f"{results['python']} on {results['machine']}.\n{versions}.",
            table(rates_header, rates_rows),
            listed,
            table(["latency, ms", "count", *figures], latency_rows),
            cost,
        ]
    )


def main() -> int:
    """Measure or show, as the arguments say, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10, help=f"the number of rounds, at least {_FEWEST_ROUNDS} (10)")
    parser.add_argument("--count", type=int, default=3000, help="the number of small requests per round (%(default)s)")
    parser.add_argument("--graphs", type=int, default=200, help="the number of graphs of 1,200 members (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="3 rounds and 4 graphs, to check that everything works")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the results to this file")
    parser.add_argument("--show", type=Path, metavar="FILE", help="measure nothing; print the tables of a results file")
    options = parser.parse_args()
    if options.rounds < _FEWEST_ROUNDS or options.count < CONNECTIONS or options.graphs < 2:
        parser.error(f"at least {_FEWEST_ROUNDS} rounds, {CONNECTIONS} requests per round and 2 graphs are needed")
    try:
        if options.show:
            results = json.loads(options.show.read_text(encoding="utf-8"))
        else:
            results = run(3, 300, 4) if options.quick else run(options.rounds, options.count, options.graphs)
    except (ChildError, WrongAnswerError) as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(show(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())

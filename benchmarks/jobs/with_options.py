"""Time and memory of a client for another account and region; all clients are kept."""

import gc
import json
import tracemalloc
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from itertools import cycle
from time import perf_counter_ns, process_time_ns
from typing import Any

from answers import compare, normalise
from canned import graphs_page
from contenders import Client, Contender
from machine import resident_bytes
from world import REGIONS, Keys, account_ids, keys

from jobs import Do, with_client

#: Clients that are made before anything is measured, so that one-time work is not counted.
_WARMUP = len(REGIONS)


def open_job(contender: Contender, url: str) -> AbstractContextManager[Do]:
    """Open a client; each run says how many clients to derive, and how many more with every allocation traced."""
    return with_client(contender, url, partial(_make, contender))


async def _make(contender: Contender, client: Client, count: int, traced: int) -> dict[str, Any]:
    # An account for each client, so that nothing that belongs to the keys is shared. The keys are made in advance.
    accounts = account_ids(_WARMUP + count + traced)
    targets = [(keys(account_id), region) for account_id, region in zip(accounts, cycle(REGIONS), strict=False)]
    await _clients(client, targets[:_WARMUP])
    gc.collect()
    before = resident_bytes()
    wall, cpu = perf_counter_ns(), process_time_ns()
    made = await _clients(client, targets[_WARMUP : _WARMUP + count])
    wall, cpu = perf_counter_ns() - wall, process_time_ns() - cpu
    gc.collect()
    grown = resident_bytes() - before
    tracemalloc.start()
    began, _ = tracemalloc.get_traced_memory()
    kept = await _clients(client, targets[_WARMUP + count :])
    gc.collect()
    ended, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    await _call(contender, made[-1], *targets[_WARMUP + count - 1])
    return {"wall_ns": wall, "cpu_ns": cpu, "rss_bytes": grown, "traced_bytes": (ended - began) / len(kept)}


async def _clients(client: Client, targets: Sequence[tuple[Keys, str]]) -> list[Callable[[], Awaitable[object]]]:
    assert client.derive is not None
    return [await client.derive(keys, region) for keys, region in targets]


async def _call(contender: Contender, list_graphs: Callable[[], Awaitable[object]], given: Keys, region: str) -> None:
    """Check that a derived client works: the server answers with the graph of the account and region that signed."""
    account_id = given.session_token.partition("/")[0]
    got = normalise(await list_graphs(), times_are_text=contender.times_are_text)
    expected = normalise(json.loads(graphs_page(account_id, region)), times_are_text=True)
    compare(expected, got)

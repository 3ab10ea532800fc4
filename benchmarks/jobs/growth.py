"""Stream the members of a graph without keeping any; the figures show whether time or memory grows on the way."""

import gc
from contextlib import AbstractContextManager
from time import process_time_ns
from typing import Any

from contenders import Client, Contender
from machine import resident_bytes
from tally import Names

from jobs import Do, with_client


def open_job(contender: Contender, url: str) -> AbstractContextManager[Do]:
    """Open the client once; each run names two graphs, the first of which only warms up."""
    return with_client(contender, url, _stream)


async def _stream(client: Client, first_arn: str, graph_arn: str, settled: int) -> dict[str, Any]:
    # Not timed: one-time work, which does not depend on the size.
    await client.walk(first_arn, Names().see)
    gc.collect()
    names = Names()
    early = 0

    def see(name: str) -> None:
        nonlocal early
        names.see(name)
        if names.count == settled:
            early = resident_bytes()

    cpu = process_time_ns()
    await client.walk(graph_arn, see)
    cpu = process_time_ns() - cpu
    return {"cpu_ns": cpu, "early_bytes": early, "late_bytes": resident_bytes(), "found": names.found}

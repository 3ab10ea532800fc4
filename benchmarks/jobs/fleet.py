"""List the members of every graph of many accounts in twenty regions, once."""

import asyncio
import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter_ns, process_time_ns
from typing import Any

from contenders import Contender
from machine import most_resident_bytes
from tally import Tally
from world import account_ids

from jobs import Do


@contextmanager
def open_job(contender: Contender, url: str) -> Iterator[Do]:
    """Import the contender; a run names the numbers of accounts and of requests at once, and what to compare."""
    module = importlib.import_module(f"contenders.{contender.module}")

    def do(accounts: int, concurrency: int, *, whole: bool) -> dict[str, Any]:
        tally = Tally(whole=whole, times_are_text=contender.times_are_text)
        imported = most_resident_bytes()
        wall, cpu = perf_counter_ns(), process_time_ns()
        asyncio.run(module.run_fleet(url, account_ids(accounts), concurrency, tally))
        return {
            "wall_ns": perf_counter_ns() - wall,
            "cpu_ns": process_time_ns() - cpu,
            "imported_bytes": imported,
            "most_bytes": most_resident_bytes(),
            "found": [[*target, *members] for target, members in tally.found.items()],
        }

    yield do

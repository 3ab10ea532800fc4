"""One task reads the pages of a graph while another one measures the longest pause of the event loop."""

import asyncio
import gc
from contextlib import AbstractContextManager
from time import perf_counter_ns, thread_time_ns
from typing import Any

from contenders import Client, Contender
from tally import Names

from jobs import Do, with_client


class _Pauses:
    """Measures the longest pauses between two turns of the event loop, in nanoseconds.

    Attributes:
        wall: the longest pause by the clock.
        cpu: the most CPU time that the loop's thread used between two turns, which other processes do not affect.
    """

    def __init__(self) -> None:
        self.wall = 0
        self.cpu = 0

    async def measure(self) -> None:
        """Take a turn in each iteration of the loop, until cancelled."""
        wall, cpu = perf_counter_ns(), thread_time_ns()
        while True:
            await asyncio.sleep(0)
            now, spent = perf_counter_ns(), thread_time_ns()
            self.wall = max(self.wall, now - wall)
            self.cpu = max(self.cpu, spent - cpu)
            wall, cpu = now, spent


def open_job(contender: Contender, url: str) -> AbstractContextManager[Do]:
    """Open the client once.

    Each run names two graphs, the first of which only warms up, and says how many times to read the second.
    """
    return with_client(contender, url, _walk)


async def _walk(client: Client, first_arn: str, graph_arn: str, passes: int) -> dict[str, Any]:
    # Not timed: one-time work at the first page and at the first one after it.
    await client.walk(first_arn, Names().see)
    walked = [await _measured(client, graph_arn) for _ in range(passes)]
    return {
        "wall_ns": min(pauses.wall for pauses, _ in walked),
        "cpu_ns": min(pauses.cpu for pauses, _ in walked),
        "found": [names.found for _, names in walked],
    }


async def _measured(client: Client, graph_arn: str) -> tuple[_Pauses, Names]:
    gc.collect()
    names = Names()
    pauses = _Pauses()
    measuring = asyncio.create_task(pauses.measure())
    await asyncio.sleep(0)
    await client.walk(graph_arn, names.see)
    measuring.cancel()
    await asyncio.wait([measuring])
    return pauses, names

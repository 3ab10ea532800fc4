"""One task goes through the pages of a graph while another one beats; what counts is the longest pause of the beat."""

import asyncio
import gc
from contextlib import AbstractContextManager
from time import perf_counter_ns, thread_time_ns
from typing import Any

from contenders import Client, Contender
from tally import Names

from jobs import Do, with_client


class _Heart:
    """Beats whenever the loop lets it, and knows its longest pauses, in nanoseconds.

    Attributes:
        wall: the longest pause.
        cpu: the most CPU time that the loop's thread took between two beats: what is left of a pause where other
            processes had no part in it.
    """

    def __init__(self) -> None:
        self.wall = 0
        self.cpu = 0

    async def beat(self) -> None:
        """Beat until cancelled, each time that the loop comes round."""
        wall, cpu = perf_counter_ns(), thread_time_ns()
        while True:
            await asyncio.sleep(0)
            now, spent = perf_counter_ns(), thread_time_ns()
            self.wall = max(self.wall, now - wall)
            self.cpu = max(self.cpu, spent - cpu)
            wall, cpu = now, spent


def open_job(contender: Contender, url: str) -> AbstractContextManager[Do]:
    """Open the client once.

    Each order names two graphs, the first of which only warms up, and says how many times to go through the other.
    """
    return with_client(contender, url, _walk)


async def _walk(client: Client, first_arn: str, graph_arn: str, passes: int) -> dict[str, Any]:
    # Not timed: what is done once, at the first page and at the first one after it.
    await client.walk(first_arn, Names().see)
    walked = [await _beside_a_heart(client, graph_arn) for _ in range(passes)]
    return {
        "wall_ns": min(heart.wall for heart, _ in walked),
        "cpu_ns": min(heart.cpu for heart, _ in walked),
        "found": [names.found for _, names in walked],
    }


async def _beside_a_heart(client: Client, graph_arn: str) -> tuple[_Heart, Names]:
    gc.collect()
    names = Names()
    heart = _Heart()
    beating = asyncio.create_task(heart.beat())
    await asyncio.sleep(0)
    await client.walk(graph_arn, names.see)
    beating.cancel()
    await asyncio.wait([beating])
    return heart, names

"""Batches of calls, some of them in flight at once; the last answer of each batch is compared with what was sent."""

import asyncio
import gc
import importlib
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from time import perf_counter_ns, process_time_ns
from typing import Any

from answers import compare, digest, normalise
from contenders import Calls, Client, Contender
from workloads import WORKLOADS

from jobs import Do, with_client

#: Nanoseconds of CPU, nanoseconds of wall time, and the last answer.
Took = tuple[int, int, object]


@contextmanager
def open_job(contender: Contender, url: str) -> Iterator[Do]:
    """Open the client once; each run names an operation, the number of calls, and how many are in flight at once."""
    if contender.asynchronous:

        async def do(client: Client, operation: str, calls: int, in_flight: int) -> dict[str, Any]:
            return _results(contender, operation, await _async_batch(client.calls[operation], calls, in_flight))

        with with_client(contender, url, do) as run:
            yield run
        return
    sync_calls: Calls
    with importlib.import_module(f"contenders.{contender.module}").open_client(url) as sync_calls:
        yield lambda operation, calls, in_flight: _results(
            contender, operation, _sync_batch(sync_calls[operation], calls, in_flight)
        )


async def _async_batch(call: Callable[[], Awaitable[object]], calls: int, in_flight: int) -> Took:
    async def repeat(times: int) -> object:
        answer = None
        for _ in range(times):
            answer = await call()
        return answer

    # Not timed: lazy imports, and new connections in place of those that went idle between two batches.
    await asyncio.gather(*(repeat(1) for _ in range(in_flight)))
    gc.collect()
    wall, cpu = perf_counter_ns(), process_time_ns()
    answers = await asyncio.gather(*(repeat(calls // in_flight) for _ in range(in_flight)))
    return process_time_ns() - cpu, perf_counter_ns() - wall, answers[-1]


def _sync_batch(call: Callable[[], object], calls: int, in_flight: int) -> Took:
    def repeat(times: int) -> object:
        answer = None
        for _ in range(times):
            answer = call()
        return answer

    with ThreadPoolExecutor(in_flight) as threads:
        list(threads.map(repeat, [1] * in_flight))
        gc.collect()
        wall, cpu = perf_counter_ns(), process_time_ns()
        answers = list(threads.map(repeat, [calls // in_flight] * in_flight))
        return process_time_ns() - cpu, perf_counter_ns() - wall, answers[-1]


def _results(contender: Contender, operation: str, took: Took) -> dict[str, Any]:
    cpu, wall, answer = took
    got = normalise(answer, times_are_text=contender.times_are_text)
    compare(normalise(WORKLOADS[operation].answer, times_are_text=True), got)
    return {"cpu_ns": cpu, "wall_ns": wall, "digest": digest(got)}

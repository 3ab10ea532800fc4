"""Batches of sequential calls; the last answer of each batch is compared with what the server sent."""

import gc
import importlib
from collections.abc import Awaitable, Callable, Iterator
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
    """Open the client once; each run names an operation and the number of calls."""
    if contender.asynchronous:

        async def do(client: Client, operation: str, calls: int) -> dict[str, Any]:
            return _results(contender, operation, await _async_batch(client.calls[operation], calls))

        with with_client(contender, url, do) as run:
            yield run
        return
    sync_calls: Calls
    with importlib.import_module(f"contenders.{contender.module}").open_client(url) as sync_calls:
        yield lambda operation, calls: _results(contender, operation, _sync_batch(sync_calls[operation], calls))


async def _async_batch(call: Callable[[], Awaitable[object]], calls: int) -> Took:
    # Not timed: lazy imports, and a new connection in place of one that went idle between two batches.
    answer = await call()
    gc.collect()
    wall, cpu = perf_counter_ns(), process_time_ns()
    for _ in range(calls):
        answer = await call()
    return process_time_ns() - cpu, perf_counter_ns() - wall, answer


def _sync_batch(call: Callable[[], object], calls: int) -> Took:
    answer = call()
    gc.collect()
    wall, cpu = perf_counter_ns(), process_time_ns()
    for _ in range(calls):
        answer = call()
    return process_time_ns() - cpu, perf_counter_ns() - wall, answer


def _results(contender: Contender, operation: str, took: Took) -> dict[str, Any]:
    cpu, wall, answer = took
    got = normalise(answer, times_are_text=contender.times_are_text)
    compare(normalise(WORKLOADS[operation].answer, times_are_text=True), got)
    return {"cpu_ns": cpu, "wall_ns": wall, "digest": digest(got)}

"""One call after the other, as often as told; of each batch the last answer is compared."""

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
    """Open the client once; each order names an operation and says how often to call it."""
    if contender.asynchronous:

        async def do(client: Client, operation: str, calls: int) -> dict[str, Any]:
            return _tell(contender, operation, await _async_batch(client.calls[operation], calls))

        with with_client(contender, url, do) as orders:
            yield orders
        return
    sync_calls: Calls
    with importlib.import_module(f"contenders.{contender.module}").open_client(url) as sync_calls:
        yield lambda operation, calls: _tell(contender, operation, _sync_batch(sync_calls[operation], calls))


async def _async_batch(call: Callable[[], Awaitable[object]], calls: int) -> Took:
    # Not timed: a connection that went idle between two batches is replaced here, and imports are done.
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


def _tell(contender: Contender, operation: str, took: Took) -> dict[str, Any]:
    cpu, wall, answer = took
    got = normalise(answer, times_are_text=contender.times_are_text)
    compare(normalise(WORKLOADS[operation].answer, times_are_text=True), got)
    return {"cpu_ns": cpu, "wall_ns": wall, "digest": digest(got)}

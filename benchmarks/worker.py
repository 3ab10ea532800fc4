"""The process of one contender: opens its client once, then calls as often as it is told to.

Usage: `worker.py MODULE URL`. It speaks JSON, a line at a time: on stdout who it is, then for each line of stdin
(`{"workload": ..., "calls": ...}`) one line with what that took and what came back. It ends when stdin is closed.
"""

import asyncio
import gc
import importlib
import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from time import perf_counter_ns, process_time_ns
from typing import Any

from answers import NotTheSameAnswerError, compare, digest, normalise
from contenders import CONTENDERS, AsyncCalls, Calls, Contender
from workloads import WORKLOADS

_EXPECTED = {workload.name: normalise(workload.answer, times_are_text=True) for workload in WORKLOADS}

#: Runs so many calls of an operation; gives nanoseconds of CPU, nanoseconds of wall time, and the last answer.
Batch = Callable[[str, int], tuple[int, int, object]]


async def _async_batch(call: Callable[[], Awaitable[object]], calls: int) -> tuple[int, int, object]:
    # Not timed: a connection that went idle between two batches is replaced here, and imports are done.
    answer = await call()
    gc.collect()
    wall, cpu = perf_counter_ns(), process_time_ns()
    for _ in range(calls):
        answer = await call()
    return process_time_ns() - cpu, perf_counter_ns() - wall, answer


def _sync_batch(call: Callable[[], object], calls: int) -> tuple[int, int, object]:
    answer = call()
    gc.collect()
    wall, cpu = perf_counter_ns(), process_time_ns()
    for _ in range(calls):
        answer = call()
    return process_time_ns() - cpu, perf_counter_ns() - wall, answer


@contextmanager
def _batches(contender: Contender, url: str) -> Iterator[Batch]:
    module = importlib.import_module(f"contenders.{contender.module}")
    if not contender.asynchronous:
        sync_calls: Calls
        with module.open_calls(url) as sync_calls:
            yield lambda name, calls: _sync_batch(sync_calls[name], calls)
        return
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        async_calls: AsyncCalls = runner.run(stack.enter_async_context(module.open_calls(url)))
        try:
            yield lambda name, calls: runner.run(_async_batch(async_calls[name], calls))
        finally:
            runner.run(stack.aclose())


def _version(contender: Contender, distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        # Imported from a source folder, it has no metadata.
        return str(getattr(importlib.import_module(contender.package), "__version__", "unknown"))


def main() -> None:
    """Serve the harness until it closes stdin."""
    module, url = sys.argv[1:]
    contender = next(each for each in CONTENDERS if each.module == module)
    # The real stdout carries the protocol: nothing that a library prints may get in between.
    with os.fdopen(os.dup(1), "w", buffering=1) as out:
        os.dup2(2, 1)

        def say(message: dict[str, Any]) -> None:
            out.write(json.dumps(message) + "\n")

        if find_spec(contender.package) is None:
            say({"absent": f"the package {contender.package} is not installed"})
            return
        with _batches(contender, url) as batch:
            say({"versions": {name: _version(contender, name) for name in contender.versions}})
            for line in sys.stdin:
                order = json.loads(line)
                cpu, wall, answer = batch(order["workload"], order["calls"])
                try:
                    got = normalise(answer, times_are_text=contender.times_are_text)
                    compare(_EXPECTED[order["workload"]], got)
                except NotTheSameAnswerError as error:
                    say({"problem": str(error)})
                else:
                    say({"cpu_ns": cpu, "wall_ns": wall, "digest": digest(got)})


if __name__ == "__main__":
    main()

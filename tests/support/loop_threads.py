"""Event loops that run at the same time, each in its own thread."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run_in_loops(number: int, work: Callable[[int], Coroutine[Any, Any, T]]) -> list[T]:
    """Run a coroutine function in several event loops, none of which ends before all are through."""
    results: list[T] = []
    failures: list[BaseException] = []
    meeting = threading.Barrier(number)

    async def main(index: int) -> None:
        try:
            results.append(await work(index))
        finally:
            await asyncio.to_thread(meeting.wait, 60)

    def run(index: int) -> None:
        try:
            asyncio.run(main(index))
        except BaseException as error:  # noqa: BLE001 - raised below
            failures.append(error)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return results


def wait_until(condition: Callable[[], object]) -> None:
    """Block until a condition is true, for up to 60 s."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)

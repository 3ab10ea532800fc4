"""Working on many targets at once, so many at a time; it knows nothing of AWS."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Run(Generic[Item, Result]):
    """Work under way: a task for each item that is worked on, and the results that nobody has taken yet.

    Items are taken when there is room for one more, and no sooner. There is room while fewer than `concurrency` are
    worked on, and fewer than `concurrency` results wait to be taken: who takes them slowly slows the work down.

    Args:
        items: what to work on.
        work: does it; it raises `CancelledError` only where the run was stopped. Whatever else it raises ends the run.
        concurrency: how many at a time.

    Attributes:
        stopped: whether nothing is worked on any more.
    """

    def __init__(
        self, items: Iterable[Item], work: Callable[[Item], Coroutine[Any, Any, Result]], concurrency: int
    ) -> None:
        self._items = iter(items)
        self._work = work
        self._concurrency = concurrency
        self._tasks: set[asyncio.Task[Result]] = set()
        self._results: asyncio.Queue[Result | None] = asyncio.Queue()
        self._exhausted = False
        self._problem: BaseException | None = None
        self.stopped = False

    async def results(self) -> AsyncGenerator[Result, None]:
        """Give the results as they come; to be asked for once."""
        try:
            self._start_more()
            while (result := await self._results.get()) is not None:
                self._start_more()
                yield result
            if self._problem is not None:
                raise self._problem
        finally:
            await self.stop()

    async def stop(self, problem: Exception | None = None) -> None:
        """Cancel what is worked on, and wait until it has ended.

        Args:
            problem: what is raised where the next result is asked for; None to have no further ones.
        """
        self.stopped = True
        self._end(problem)
        for task in self._tasks:
            task.cancel()
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _start_more(self) -> None:
        while (
            not self._exhausted and len(self._tasks) < self._concurrency and self._results.qsize() < self._concurrency
        ):
            try:
                item = next(self._items)
            except StopIteration:
                self._end()
            except Exception as problem:  # noqa: BLE001 - raised once the others have ended
                self._end(problem)
            else:
                task = asyncio.create_task(self._work(item))
                self._tasks.add(task)
                task.add_done_callback(self._take)
        if self._exhausted and not self._tasks:
            self._results.put_nowait(None)

    def _end(self, problem: BaseException | None = None) -> None:
        self._exhausted = True
        self._problem = self._problem or problem

    def _take(self, task: asyncio.Task[Result]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            # Before it had begun; or it was stopped, and nobody asks any more.
            self._end(RuntimeError("the work was cancelled from outside"))
        elif (problem := task.exception()) is not None:
            self._end(problem)
        else:
            self._results.put_nowait(task.result())
        # One that was cancelled may have been so by somebody who ends all tasks, as asyncio.run() does at last: then
        # nothing may be started any more. Else whoever takes the result starts what comes next.
        if self._exhausted or not task.cancelling():
            self._start_more()

"""Working on many targets at once, so many at a time; it knows nothing of AWS."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Generic, Self, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_CANCELLED = "the work was cancelled from outside"


class Run(Generic[Item, Result]):
    """Work under way: a task for each item that is worked on, and the results that nobody has taken yet.

    Iterating over it, which is to be done once, begins it, and gives the results as they come.

    Items are taken when there is room for one more, and no sooner. There is room while fewer than `concurrency` are
    worked on, and fewer than `concurrency` results wait to be taken: who takes them slowly slows the work down.

    Args:
        items: what to work on.
        work: does it; it raises `CancelledError` only where the run was stopped. Whatever else it raises ends the run.
        concurrency: how many at a time.
        on_end: told of the run once it has ended, also where nobody waits for that any more.

    Attributes:
        stopped: whether it is over, or everything is being cancelled.
    """

    def __init__(
        self,
        items: Iterable[Item],
        work: Callable[[Item], Coroutine[Any, Any, Result]],
        concurrency: int,
        on_end: Callable[["Run[Item, Result]"], object],
    ) -> None:
        self._items = iter(items)
        self._work = work
        self._concurrency = concurrency
        self._on_end = on_end
        self._tasks: set[asyncio.Task[Result]] = set()
        self._results: asyncio.Queue[Result | None] = asyncio.Queue()
        self._changed = asyncio.Event()
        self._problem: BaseException | None = None
        self.stopped = False

    def __aiter__(self) -> Self:
        # Everything is begun by a task, and not by the callbacks of those that have ended: whoever ends all tasks, as
        # asyncio.run() does at last, ends this one too, and then nothing more is begun.
        self._driver = asyncio.create_task(self._drive())
        self._driver.add_done_callback(self._end)
        return self

    # Not a generator: at the end of asyncio.run() that would be closed beside the one that iterates over it, and the
    # two would be in each other's way.
    async def __anext__(self) -> Result:
        result = await self._results.get()
        self._changed.set()
        if result is not None:
            return result
        raise self._problem or StopAsyncIteration

    async def stop(self, problem: Exception | None = None) -> None:
        """Cancel what is worked on, and wait until it has ended; for one that was begun.

        Args:
            problem: what is raised where the next result is asked for; None to have no further ones.
        """
        self._problem = self._problem or problem
        if not self.stopped:
            # Once: a second time would end the waiting for those that take a while to end.
            self.stopped = True
            self._driver.cancel()
        await asyncio.wait([self._driver])

    async def _drive(self) -> None:
        try:
            await self._begin_all()
            while self._tasks:
                await asyncio.wait(self._tasks)
        finally:
            self.stopped = True
            for task in self._tasks:
                task.cancel()
            while self._tasks:
                await asyncio.wait(self._tasks)

    async def _begin_all(self) -> None:
        try:
            for item in self._items:
                task = asyncio.create_task(self._work(item))
                self._tasks.add(task)
                task.add_done_callback(self._take)
                while len(self._tasks) >= self._concurrency or self._results.qsize() >= self._concurrency:
                    self._changed.clear()
                    await self._changed.wait()
                if self._problem is not None:
                    return
        except Exception as problem:  # noqa: BLE001 - of the items; raised once those before have ended
            self._problem = problem

    def _take(self, task: asyncio.Task[Result]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            # Before it had begun; or it was stopped, and nobody asks any more.
            self._problem = self._problem or RuntimeError(_CANCELLED)
        elif (problem := task.exception()) is not None:
            self._problem = self._problem or problem
        else:
            self._results.put_nowait(task.result())
        self._changed.set()

    def _end(self, driver: asyncio.Task[None]) -> None:
        if driver.cancelled():
            self._problem = self._problem or RuntimeError(_CANCELLED)
        elif (problem := driver.exception()) is not None:
            self._problem = problem
        self._results.put_nowait(None)
        self._on_end(self)
        # As a rule it knows the run: only the garbage collector would free the two.
        del self._work

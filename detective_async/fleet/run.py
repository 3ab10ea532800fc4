"""A concurrency-limited run of one coroutine function over many items; independent of AWS."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Generic, Protocol, Self, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_CANCELLED = "the work was cancelled from outside"


class Items(Protocol[Item]):
    """The items of a run."""

    @property
    def exhausted(self) -> bool:
        """Whether all items were taken."""
        ...

    def take(self) -> Item | None:
        """Give the next item; None if there is none now: all were taken, or the next one has to wait."""
        ...

    def look_ahead(self) -> None:
        """Note that something has changed while no item can be started."""
        ...

    def ended(self, item: Item, /) -> None:
        """Note that the work on an item has ended."""
        ...


class Run(Generic[Item, Result]):
    """Works on items concurrently, a task per item, and gives the results in the order of completion.

    Iterate over it once: that starts the run.

    An item is taken only when a slot is free: fewer than `concurrency` items are in progress and fewer than
    `concurrency` results wait to be consumed. A slow consumer therefore slows the work down (backpressure).

    Args:
        work: processes one item. None is no result: it may be given later, to `add_result`. It may raise
            `CancelledError` only after the run was stopped; any other exception ends the run.
        before_end: called when all items have been processed, to add the last results; not if the consumer is gone.
        on_end: called with the run when it has ended, even if its consumer is gone.

    Attributes:
        stopped: whether the run has ended or is being cancelled.
        loop: the event loop, which runs when this is made.
    """

    def __init__(
        self,
        items: Items[Item],
        work: Callable[[Item], Coroutine[Any, Any, Result | None]],
        concurrency: int,
        before_end: Callable[[], object],
        on_end: Callable[["Run[Item, Result]"], object],
    ) -> None:
        self._items = items
        self._work = work
        self._concurrency = concurrency
        self._before_end = before_end
        self._on_end = on_end
        self._tasks: set[asyncio.Task[Result | None]] = set()
        self._results: asyncio.Queue[Result | None] = asyncio.Queue()
        self._changed = asyncio.Event()
        self._error: BaseException | None = None
        self._consumer_left = False
        self.stopped = False
        # Other threads read it, so it is there before the run can be found.
        self.loop = asyncio.get_running_loop()

    def __aiter__(self) -> Self:
        # One driver task starts all others, rather than the done callbacks of finished tasks: asyncio.run() cancels
        # every task at its end, the driver included, so that no new task starts during shutdown.
        self._driver = asyncio.create_task(self._drive())
        self._driver.add_done_callback(self._on_driver_done)
        return self

    # Not an async generator: asyncio.run() closes all generators at its end, and would close this one while the
    # generator that iterates over it still runs.
    async def __anext__(self) -> Result:
        result = await self._results.get()
        self._changed.set()
        if result is not None:
            return result
        raise self._error or StopAsyncIteration

    def add_result(self, result: Result) -> None:
        """Give a result of an item whose work has returned None."""
        self._results.put_nowait(result)

    async def stop(self, error: Exception | None = None) -> None:
        """Cancel the tasks of a started run and wait until they have ended.

        Args:
            error: raised to a consumer that asks for the next result; None ends its iteration.
        """
        self.cancel(error)
        await asyncio.wait([self._driver])

    def cancel(self, error: Exception | None = None) -> None:
        """Cancel the tasks of a started run, as `stop` does, without waiting."""
        self._error = self._error or error
        if not self.stopped:
            # Cancel once only: a second cancellation would interrupt the wait for tasks that end slowly.
            self.stopped = True
            self._consumer_left = error is None
            self._driver.cancel()

    async def _drive(self) -> None:
        try:
            await self._start_all()
            while self._tasks:
                await asyncio.wait(self._tasks)
        finally:
            self.stopped = True
            for task in self._tasks:
                task.cancel()
            while self._tasks:
                await asyncio.wait(self._tasks)

    async def _start_all(self) -> None:
        try:
            while self._error is None:
                self._changed.clear()
                item = self._items.take()
                if item is not None:
                    task = asyncio.create_task(self._work(item))
                    self._tasks.add(task)
                    task.add_done_callback(partial(self._on_task_done, item))
                elif self._items.exhausted:
                    return
                else:
                    await self._changed.wait()
                while len(self._tasks) >= self._concurrency or self._results.qsize() >= self._concurrency:
                    self._changed.clear()
                    await self._changed.wait()
                    self._items.look_ahead()
        except Exception as error:  # noqa: BLE001 - from the items' iterator; raised after the started tasks have ended
            self._error = error

    @property
    def is_working(self) -> bool:
        """Whether any item is in progress."""
        return any(not task.done() for task in self._tasks)

    def notify(self) -> None:
        """Look again for an item that may be taken."""
        self._changed.set()

    def _on_task_done(self, item: Item, task: asyncio.Task[Result | None]) -> None:
        self._items.ended(item)
        self._tasks.discard(task)
        if task.cancelled():
            # Before its first step, or because the run was stopped.
            self._error = self._error or RuntimeError(_CANCELLED)
        elif (error := task.exception()) is not None:
            self._error = self._error or error
        elif (result := task.result()) is not None:
            self._results.put_nowait(result)
        self._changed.set()

    def _on_driver_done(self, driver: asyncio.Task[None]) -> None:
        if not self._consumer_left:
            self._before_end()
        if driver.cancelled():
            self._error = self._error or RuntimeError(_CANCELLED)
        elif (error := driver.exception()) is not None:
            self._error = error
        self._results.put_nowait(None)
        self._on_end(self)
        # They usually refer to the run: without this only the garbage collector could free the cycle.
        del self._work, self._before_end

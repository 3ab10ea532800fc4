"""Does what a request asks for once, however often the request is repeated."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any

#: The most keys that are remembered; the oldest are dropped first.
_MAX_KEYS = 1_000


class KeyReusedError(Exception):
    """The key came with another request before."""


class Once:
    """Results by the key that the client has made for its request, such as a random number for each filled-in form."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[Hashable, asyncio.Task[Any]]] = {}

    async def do(self, key: str, request: Hashable, work: Callable[[], Awaitable[Any]]) -> Any:
        """Do the work, or return the result of the same request before; also while that is still under way.

        What has failed is done again, unless it may have been done nevertheless: then it fails in the same way again.

        Raises:
            KeyReusedError: the key came with another request before.
        """
        earlier, task = self._entries.get(key, (request, None))
        if earlier != request:
            raise KeyReusedError
        if task is None:

            async def run() -> Any:
                return await work()

            task = asyncio.create_task(run(), name="a request that is done once")
            self._entries[key] = request, task
            task.add_done_callback(lambda done: self._forget_failure(key, done))
            for old in list(self._entries)[:-_MAX_KEYS]:
                del self._entries[old]
        # Not cancelled with the request of the client that came first.
        return await asyncio.shield(task)

    async def aclose(self) -> None:
        """Stop all work."""
        tasks = [task for _, task in self._entries.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget_failure(self, key: str, task: "asyncio.Task[Any]") -> None:
        error = None if task.cancelled() else task.exception()
        if task.cancelled() or (error is not None and not getattr(error, "outcome_unknown", False)):
            self._entries.pop(key, None)

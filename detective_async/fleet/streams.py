"""The items of many targets as one stream."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from contextlib import aclosing
from typing import Any, Generic, TypeVar

from detective_async.client.client import DetectiveClient
from detective_async.errors import code_of
from detective_async.fleet.outcomes import Outcome, OutcomeKind
from detective_async.fleet.targets import Target

_logger = logging.getLogger("detective_async.fleet")

#: Pages in the queue, in addition to the one that each target in progress holds.
_QUEUED_PAGES = 8

Item = TypeVar("Item")

#: Takes the items of a page, and waits until there is room for more.
Put = Callable[[Sequence[Item]], Awaitable[None]]
#: Reads the items of one target, a page at a time.
Read = Callable[[DetectiveClient, Put[Item]], Awaitable[None]]
#: `DetectiveFleet.run`, for work that returns a number of items.
RunAll = Callable[[Callable[[DetectiveClient, Target], Coroutine[Any, Any, int]]], AsyncGenerator[Outcome[int], None]]


class FleetStream(Generic[Item]):
    """The items of all targets, as `(target, item)` pairs: in order for each target, with the targets interleaved.

        members = fleet.iter_members()
        async for target, member in members:
            print(target.account_id, target.region, member.account_id, member.status)
        for outcome in members.failures:
            print("not complete:", outcome.target, outcome.error)

    Pages are fetched on demand: for a slow consumer, at most one page per target in progress and a few more are
    buffered. A target that fails is logged as a warning and does not stop the others.

    There is no `collect()`, because a list does not say what is missing: use `[pair async for pair in members]`, and
    then read `failures`.

    Created by the `iter_...` methods of a fleet.
    """

    def __init__(self, run: RunAll, read: Read[Item]) -> None:
        self._run = run
        self._read = read
        self._outcomes: list[Outcome[int]] = []

    @property
    def outcomes(self) -> list[Outcome[int]]:
        """The outcomes of the targets that have ended so far; each value is the target's number of items."""
        return list(self._outcomes)

    @property
    def failures(self) -> list[Outcome[int]]:
        """The outcomes of the targets that failed: some or all of their items are missing."""
        return [outcome for outcome in self._outcomes if outcome.kind is OutcomeKind.FAILED]

    async def __aiter__(self) -> AsyncGenerator[tuple[Target, Item], None]:
        """Iterate over the pairs."""
        self._outcomes = []
        slots = asyncio.Semaphore(_QUEUED_PAGES)
        queue: asyncio.Queue[tuple[Target, Sequence[Item]] | None] = asyncio.Queue()

        async def enqueue_target(client: DetectiveClient, target: Target) -> int:
            count = 0

            async def put(items: Sequence[Item]) -> None:
                nonlocal count
                if items:
                    await slots.acquire()
                    queue.put_nowait((target, items))
                    count += len(items)

            await self._read(client, put)
            return count

        async def enqueue_all() -> None:
            try:
                async with aclosing(self._run(enqueue_target)) as outcomes:
                    async for outcome in outcomes:
                        self._add_outcome(outcome)
            finally:
                queue.put_nowait(None)

        producer = asyncio.create_task(enqueue_all())
        try:
            while (page := await queue.get()) is not None:
                slots.release()
                target, items = page
                for item in items:
                    yield target, item
            # Raises the exception that ended the run.
            await producer
        finally:
            producer.cancel()
            await asyncio.gather(producer, return_exceptions=True)

    def _add_outcome(self, outcome: Outcome[int]) -> None:
        self._outcomes.append(outcome)
        if outcome.kind is OutcomeKind.FAILED:
            target, error = outcome.target, outcome.error
            extra = {"account": target.account_id, "region": target.region, "error_code": error and code_of(error)}
            _logger.warning("%s failed: %s", target, error, extra=extra)

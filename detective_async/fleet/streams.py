"""The items of many targets as one stream."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import aclosing
from typing import Any, Generic, TypeVar

from detective_async.client.client import DetectiveClient
from detective_async.errors import code_of
from detective_async.fleet.outcomes import Outcome, OutcomeKind
from detective_async.fleet.targets import Target

_logger = logging.getLogger("detective_async.fleet")

#: Pages that wait to be taken, beside the one that each target holds.
_PAGES_AHEAD = 8

Item = TypeVar("Item")

#: Gives the items of one target, page by page.
Pages = Callable[[DetectiveClient], AsyncGenerator[Sequence[Item], None]]
#: Works on all targets, and gives the outcomes as they come.
RunAll = Callable[[Callable[[DetectiveClient, Target], Coroutine[Any, Any, int]]], AsyncGenerator[Outcome[int], None]]


class FleetStream(Generic[Item]):
    """The items of all targets, as `(target, item)` pairs: those of one target in their order, the targets mixed.

        members = fleet.iter_members()
        async for target, member in members:
            print(target.account_id, target.region, member.account_id, member.status)
        for outcome in members.failures:
            print("not complete:", outcome.target, outcome.error)

    Pages are fetched as they are needed: where items are taken slowly, no more than a page for each target that is
    worked on waits, and a few. A target that fails is logged as a warning and stops no other one; an account for which
    no region is available is logged too.

    Made by the `iter_...` methods of a fleet.
    """

    def __init__(self, run: RunAll, pages: Pages[Item]) -> None:
        self._run = run
        self._pages = pages
        self._outcomes: list[Outcome[int]] = []

    @property
    def outcomes(self) -> list[Outcome[int]]:
        """How the targets ended that have ended so far; the value is how many items each had."""
        return list(self._outcomes)

    @property
    def failures(self) -> list[Outcome[int]]:
        """Those that failed: of these targets, some or all items are missing."""
        return [outcome for outcome in self._outcomes if outcome.kind is OutcomeKind.FAILED]

    async def __aiter__(self) -> AsyncGenerator[tuple[Target, Item], None]:
        """Give pair after pair."""
        self._outcomes = []
        slots = asyncio.Semaphore(_PAGES_AHEAD)
        arrived: asyncio.Queue[tuple[Target, Sequence[Item]] | None] = asyncio.Queue()

        async def pump(client: DetectiveClient, target: Target) -> int:
            count = 0
            async with aclosing(self._pages(client)) as pages:
                async for items in pages:
                    if items:
                        await slots.acquire()
                        arrived.put_nowait((target, items))
                        count += len(items)
            return count

        async def pump_all() -> None:
            try:
                async with aclosing(self._run(pump)) as outcomes:
                    async for outcome in outcomes:
                        self._note(outcome)
            finally:
                arrived.put_nowait(None)

        pumping = asyncio.create_task(pump_all())
        try:
            while (page := await arrived.get()) is not None:
                slots.release()
                target, items = page
                for item in items:
                    yield target, item
            # Raises what ended it.
            await pumping
            self._warn_of_unknown_accounts()
        finally:
            pumping.cancel()
            await asyncio.gather(pumping, return_exceptions=True)

    def _warn_of_unknown_accounts(self) -> None:
        """Tell of those that are in no region: each of them looks like one that is not opted in to."""
        found = {one.target.account_id for one in self._outcomes if one.kind is not OutcomeKind.REGION_UNAVAILABLE}
        for account_id in dict.fromkeys(one.target.account_id for one in self._outcomes):
            if account_id not in found:
                _logger.warning(
                    "%s is in no region: does AWS know its keys, and can its names be found?",
                    account_id,
                    extra={"account": account_id},
                )

    def _note(self, outcome: Outcome[int]) -> None:
        self._outcomes.append(outcome)
        if outcome.kind is OutcomeKind.FAILED:
            target, error = outcome.target, outcome.error
            extra = {"account": target.account_id, "region": target.region, "error_code": error and code_of(error)}
            _logger.warning("%s failed: %s", target, error, extra=extra)

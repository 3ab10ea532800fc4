"""Surveys: all accounts and regions are read once, for any number of readers."""

import asyncio
import json
import secrets
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

from attrs import frozen

from detective_async import DetectiveClient, DetectiveFleet, Outcome, Target
from detective_async.integrations.aiohttp_web import ProblemError, to_json
from web_backend.feed import Feed

Collect = Callable[[DetectiveClient], Awaitable[Sequence[Any]]]


async def _graphs(client: DetectiveClient) -> Sequence[Any]:
    return await client.iter_graphs().collect()


async def _members(client: DetectiveClient) -> Sequence[Any]:
    graph = await client.iter_graphs().first()
    return [] if graph is None else await client.iter_members(graph.arn).collect()


async def _invitations(client: DetectiveClient) -> Sequence[Any]:
    return await client.iter_invitations().collect()


async def _investigations(client: DetectiveClient) -> Sequence[Any]:
    graph = await client.iter_graphs().first()
    return [] if graph is None else await client.iter_investigations(graph.arn).collect()


#: Kind of item -> how it is collected, and the name of one item in JSON.
KINDS: Mapping[str, tuple[Collect, str]] = {
    "graphs": (_graphs, "Graph"),
    "members": (_members, "Member"),
    "invitations": (_invitations, "Invitation"),
    "investigations": (_investigations, "Investigation"),
}


@frozen(kw_only=True)
class Found:
    """The items of one account in one region, as JSON that is serialized once for all readers.

    Attributes:
        account_id: the account.
        region: the region.
        lines: the items, and at the end the failure, if there was one.
        summary: the numbers of items by status, and the failure.
    """

    account_id: str
    region: str
    lines: tuple[bytes, ...]
    summary: bytes


class Survey:
    """One pass over all accounts and regions.

    Attributes:
        id: a random id.
        started: when it started.
        total: the number of targets.
        feed: the results, target by target.
    """

    def __init__(self, kind: str, fleet: DetectiveFleet, total: int, linger: float) -> None:
        self.id = secrets.token_hex(8)
        self.started = datetime.now(UTC)
        self.total = total
        self.feed: Feed[Found] = Feed()
        self._collect, self._name = KINDS[kind]
        self._fleet = fleet
        self._linger = linger
        self._watchers = 0
        self._stop_timer: asyncio.TimerHandle | None = None
        self._ended_at = 0.0
        self._usable = True
        self._task = asyncio.create_task(self._run(), name=f"survey of {kind}")
        self._task.add_done_callback(self._end)

    def is_current(self, max_age: float) -> bool:
        """Return whether it is running, or ended successfully at most that many seconds ago."""
        return self._usable and (not self.feed.ended or asyncio.get_running_loop().time() - self._ended_at <= max_age)

    def hold(self) -> None:
        """Cancel the timer that would stop it, since another reader is about to come."""
        if self._stop_timer is not None:
            self._stop_timer.cancel()
            self._stop_timer = None

    async def watch(self, start: int = 0) -> AsyncGenerator[tuple[int, Found], None]:
        """Yield (number, found) for all targets, as the results arrive.

        Raises:
            ProblemError: it was stopped before its end.
        """
        self.hold()
        self._watchers += 1
        try:
            async with aclosing(self.feed.follow(start)) as entries:
                async for entry in entries:
                    yield entry
        finally:
            self._watchers -= 1
            if not self._watchers and not self.feed.ended:
                # Not stopped at once: after a reload of the page, the reader comes back.
                self._stop_timer = asyncio.get_running_loop().call_later(self._linger, self.stop)

    def stop(self) -> None:
        """Stop it, if it is running."""
        if not self.feed.ended:
            self._usable = False
            self._task.cancel()

    async def aclose(self) -> None:
        """Stop it, and wait until it has ended."""
        self.hold()
        self.stop()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        async with aclosing(self._fleet.run(self._work)) as outcomes:
            async for outcome in outcomes:
                self.feed.put(_found(outcome, self._name, len(self.feed) + 1))

    def _end(self, task: asyncio.Task[None]) -> None:
        # Not at the end of `_run`, which may be cancelled before it has started.
        stopped = ProblemError(503, None, "The survey of the accounts was stopped.")
        error = stopped if task.cancelled() else task.exception()
        self._usable = error is None
        self._ended_at = asyncio.get_running_loop().time()
        self.feed.end(error)

    async def _work(self, client: DetectiveClient, _target: Target) -> Sequence[Any]:
        return await self._collect(client)


class Surveys:
    """The latest survey of each kind; at most one of each kind runs at a time."""

    def __init__(self, fleet: DetectiveFleet, total: int, *, keep: float, linger: float) -> None:
        self._fleet = fleet
        self._total = total
        self._keep = keep
        self._linger = linger
        self._latest: dict[str, Survey] = {}

    def get(self, kind: str, max_age: float | None = None) -> Survey:
        """Return the current survey of a kind, or start a new one.

        Args:
            kind: one of `KINDS`.
            max_age: how many seconds ago it may have ended; None means as long as surveys are kept.
        """
        survey = self._latest.get(kind)
        if survey is None or not survey.is_current(self._keep if max_age is None else min(max_age, self._keep)):
            survey = self._latest[kind] = Survey(kind, self._fleet, self._total, self._linger)
        survey.hold()
        return survey

    async def aclose(self) -> None:
        """Stop all running surveys."""
        for survey in self._latest.values():
            await survey.aclose()
        self._latest.clear()


def _found(outcome: Outcome[Sequence[Any]], name: str, done: int) -> Found:
    items = outcome.value or ()
    place = {"AccountId": outcome.target.account_id, "Region": outcome.target.region}
    lines = [_written({**place, name: to_json(one)}) for one in items]
    error = None if outcome.error is None else to_json(outcome.error)
    if error is not None:
        lines.append(_written({**place, "Failure": {"Outcome": outcome.kind, **error}}))
    counts = Counter(str(status) for one in items if (status := getattr(one, "status", None)) is not None)
    return Found(
        account_id=outcome.target.account_id,
        region=outcome.target.region,
        lines=tuple(lines),
        summary=_written({**place, "Outcome": outcome.kind, "Counts": dict(counts), "Error": error, "Done": done}),
    )


def _written(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()

"""A clock that moves the simulator's, clients whose waits take no time, and what the simulator has received."""

import asyncio
import inspect
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from support.fakes import FakeTime

from detective_async import DetectiveClient, RetryPolicy
from detective_async.investigation import InvestigationReport, investigate
from detective_async.testing import DetectiveSimulator

ADMINISTRATOR = "111122223333"
REGION = "eu-west-1"
ELSEWHERE = "us-east-1"
#: A day that is over.
START, END = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)


class WorldTime(FakeTime):
    """A clock that moves only by sleeping, for the client and the simulator alike.

    Attributes:
        actions: the number of a sleep, from 1 -> the action during it.
    """

    def __init__(self, sim: DetectiveSimulator) -> None:
        super().__init__()
        self.random = 0.0
        self.actions: dict[int, Callable[[], Awaitable[object]]] = {}
        self._sim = sim

    async def sleep(self, seconds: float) -> None:
        # Meanwhile requests are answered, as they would be in a real sleep.
        await asyncio.sleep(0.01)
        await super().sleep(seconds)
        await self._sim.advance(seconds)
        if action := self.actions.pop(len(self.slept), None):
            await action()


@asynccontextmanager
async def administrator(
    sim: DetectiveSimulator,
    time: FakeTime | None = None,
    *,
    kind: type[DetectiveClient] = DetectiveClient,
    account_id: str = ADMINISTRATOR,
    region: str = REGION,
    max_attempts: int = 3,
) -> AsyncIterator[DetectiveClient]:
    """Yield a client of an administrator account whose waits take no time."""
    async with kind(
        region=region,
        endpoint_url=sim.url,
        credentials=sim.account(account_id),
        clock=(time or WorldTime(sim)).clock(real_dates=True),
        retry=RetryPolicy(max_attempts=max_attempts),
    ) as client:
        yield client


def role(name: str, account_id: str = ADMINISTRATOR) -> str:
    return f"arn:aws:iam::{account_id}:role/path/{name}"


async def reports(client: DetectiveClient, entities: Iterable[Any], **options: Any) -> dict[str, InvestigationReport]:
    """Investigate, and return the reports by entity; there is one for each."""
    found: dict[str, InvestigationReport] = {}
    async for report in investigate(client, entities, **options):
        assert report.entity not in found
        found[report.entity] = report
    return found


def counts(sim: DetectiveSimulator) -> Counter[str]:
    """Count the requests of each operation."""
    return Counter(one.operation or "?" for one in sim.requests)


def starts(sim: DetectiveSimulator) -> Counter[str]:
    """Count the requests that have started an investigation of an entity."""
    return Counter(
        json.loads(one.body)["EntityArn"]
        for one in sim.requests
        if one.operation == "StartInvestigation" and one.status == 200
    )


async def start(client: DetectiveClient, graph_arn: str, entity: str, *, days: int = 1) -> str:
    """Start an investigation of the days before `END`."""
    started = await client.start_investigation(graph_arn, entity, END - timedelta(days=days), END)
    return started.investigation_id


def running_tasks() -> list[str]:
    """Return the source files of the package's running tasks, without those of the simulator."""
    coroutines = [task.get_coro() for task in asyncio.all_tasks()]
    files = [
        inspect.getfile(one.cr_code if inspect.iscoroutine(one) else one.ag_code)
        for one in coroutines
        if inspect.iscoroutine(one) or inspect.isasyncgen(one)
    ]
    return [file for file in files if "detective_async/" in file and "detective_async/testing/" not in file]

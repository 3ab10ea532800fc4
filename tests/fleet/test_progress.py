"""Progress events of a run."""

import asyncio
import logging
from collections.abc import Iterable

import pytest
from support.fakes import FakeTime

from detective_async import DetectiveClient, DetectiveFleet, ProgressEvent, ServiceError, Target
from fleet.counting_server import REGIONS, accounts, places


async def work(_client: DetectiveClient, target: Target) -> str:
    await asyncio.sleep(0)
    if target.account_id == accounts(2)[1]:
        raise ServiceError("AccessDeniedException")
    if target.region == REGIONS[2]:
        raise ServiceError("OptInRequired")
    return str(target)


async def events_of(targets: Iterable[Target], fake_time: FakeTime) -> list[ProgressEvent]:
    """Run the work, half a second per target, and return the events."""
    events: list[ProgressEvent] = []

    async def timed(client: DetectiveClient, target: Target) -> str:
        fake_time.now += 0.5
        return await work(client, target)

    async with DetectiveFleet(targets, concurrency=1, clock=fake_time.clock()) as fleet:
        number = 0
        async for _ in fleet.run(timed, progress=events.append):
            number += 1
            # The events may be ahead of the outcomes, but never behind.
            assert events[number - 1].done == number
    return events


async def test_events(fake_time: FakeTime) -> None:
    """There is one event per target, in order; an unavailable region counts as done and not as failed."""
    events = await events_of(places(3), fake_time)
    assert [event.done for event in events] == list(range(1, 10))
    assert [event.failed for event in events] == [0, 0, 0, 1, 2, 3, 3, 3, 3]
    assert {event.total for event in events} == {9}
    assert [event.elapsed for event in events] == [0.5 * done for done in range(1, 10)]
    assert {event.rate for event in events} == {2.0}
    assert ProgressEvent(done=1, failed=0, total=None, elapsed=0.0).rate == 0.0


async def test_total(fake_time: FakeTime) -> None:
    """It is unknown for an iterator, and known for lists, shards and roles."""
    assert {event.total for event in await events_of(iter(places(3)), fake_time)} == {None}
    fleet = DetectiveFleet(places(3)).shard(0, 2)
    events: list[ProgressEvent] = []
    assert len([outcome async for outcome in fleet.run(work, progress=events.append)]) == 5
    assert {event.total for event in events} == {5}
    roles = DetectiveFleet.assume_role("Audit", accounts(3), REGIONS[:2])
    assert len([outcome async for outcome in roles.run(work, progress=events.append)]) == 6
    assert events[-1].total == 6


async def test_concurrent_runs() -> None:
    """Two runs of one fleet count separately."""
    async with DetectiveFleet(places(3)) as fleet:

        async def run() -> list[int]:
            events: list[ProgressEvent] = []
            async for _ in fleet.run(work, progress=events.append):
                pass
            return [event.done for event in events]

        assert list(await asyncio.gather(run(), run())) == [list(range(1, 10))] * 2


async def test_callback_raises(caplog: pytest.LogCaptureFixture) -> None:
    """The exception is logged and has no other effect."""

    def complain(event: ProgressEvent) -> None:
        if event.done % 3 == 0:
            raise KeyError(event.done)

    async with DetectiveFleet(places(3)) as fleet:
        assert len([outcome async for outcome in fleet.run(work, progress=complain)]) == 9
    failures = [record for record in caplog.records if record.name == "detective_async"]
    assert [(one.levelno, one.getMessage()) for one in failures] == [
        (logging.ERROR, "a hook failed on ProgressEvent")
    ] * 3

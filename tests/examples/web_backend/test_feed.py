"""Feeds: every reader gets all entries, at its own pace; and jobs and surveys that are stopped before they start."""

import asyncio

import pytest
from web_backend import world
from web_backend.feed import Feed
from web_backend.jobs import Draft, Job
from web_backend.settings import Settings
from web_backend.survey import Survey, SurveyPlan

from detective_async import Account, DetectiveClient, DetectiveFleet
from detective_async.integrations.aiohttp_web import ProblemError
from detective_async.membership import plan_membership
from detective_async.testing import DetectiveSimulator


async def follow(feed: Feed[str], start: int = 0) -> list[tuple[int, str | None]]:
    return [entry async for entry in feed.follow(start)]


async def test_existing_and_later_entries() -> None:
    """A late reader gets all entries, and a waiting reader each new one."""
    feed: Feed[str] = Feed()
    early = asyncio.create_task(follow(feed))
    await asyncio.sleep(0)
    feed.put("a")
    late = asyncio.create_task(follow(feed, 1))
    await asyncio.sleep(0)
    feed.put("b")
    feed.end()
    assert await early == [(0, "a"), (1, "b")]
    assert await late == [(1, "b")]
    assert await follow(feed, 2) == []


async def test_a_reader_of_many_entries_yields() -> None:
    """Other tasks run meanwhile."""
    feed: Feed[str] = Feed()
    for number in range(1000):
        feed.put(str(number))
    feed.end()
    catching_up = asyncio.create_task(follow(feed))
    turns = 0
    while not catching_up.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 20
    assert len(await catching_up) == 1000


async def test_an_error_comes_last() -> None:
    """Every reader gets the entries before it first."""
    feed: Feed[str] = Feed()
    feed.put("a")
    feed.end(ZeroDivisionError())
    for _ in range(2):
        stream = feed.follow()
        assert await anext(stream) == (0, "a")
        with pytest.raises(ZeroDivisionError):
            await anext(stream)


async def test_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader gets None after a while without entries, and the later entries under their own numbers."""
    monkeypatch.setattr("web_backend.feed.SILENCE", 0.01)
    feed: Feed[str] = Feed()
    reader = feed.follow()
    assert [await anext(reader) for _ in range(2)] == [(0, None)] * 2
    feed.put("a")
    assert await anext(reader) == (0, "a")
    assert await anext(reader) == (1, None)


async def test_a_survey_that_is_stopped_before_it_starts(settings: Settings) -> None:
    """Its readers get an error instead of waiting for ever."""
    async with DetectiveFleet(settings.targets(), region=world.REGIONS[0]) as fleet, asyncio.timeout(60):
        plan = SurveyPlan(
            targets=settings.targets(), accounts=(), keep=1, linger=1, target_timeout=60, survey_timeout=60
        )
        survey = Survey("members", fleet, plan)
        await survey.aclose()
        assert not survey.is_current(1000)
        with pytest.raises(ProblemError):
            await anext(survey.watch())


async def test_a_job_that_is_stopped_before_it_starts(sim: DetectiveSimulator) -> None:
    """Its state is "stopped", and its readers get that event."""
    async with (
        asyncio.timeout(60),
        DetectiveClient(
            region=world.REGIONS[0], credentials=sim.account(world.OPERATOR), endpoint_url=sim.url
        ) as client,
    ):
        accounts = [Account(world.NEWCOMERS[0], world.address(world.NEWCOMERS[0]))]
        plan = await plan_membership(client, accounts, regions=[world.REGIONS[0]])
        draft = Draft(world.OPERATOR, (world.NEWCOMERS[0],), (world.REGIONS[0],), plan, moment=1)
        ended: list[str] = []
        job = Job(draft, 60, ended.append)
        await job.stop()
        assert (job.running, job.describe()["State"]) == (False, "stopped")
        assert [event.name async for _, event in job.feed.follow() if event] == ["stopped"]
        assert ended == [world.OPERATOR]

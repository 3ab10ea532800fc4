"""Surveys: all accounts are read once for any number of readers, and only while there are readers."""

import asyncio
from collections import Counter

import aiohttp
import pytest
from support.backend import TARGETS, Backend, readable_members
from support.wire_server import until
from web_backend import world
from web_backend.app import make_app
from web_backend.serving import serving
from web_backend.settings import Settings

from detective_async.testing import DetectiveSimulator, Drop, Failure, Fault, Latency

pytestmark = pytest.mark.slow

OVERVIEW = "/api/fleet/overview"


def calls(sim: DetectiveSimulator, operation: str = "ListGraphs") -> int:
    return sum(request.operation == operation for request in sim.requests)


def surveys() -> list[asyncio.Task[object]]:
    """List those that are under way."""
    return [task for task in asyncio.all_tasks() if task.get_name().startswith("survey of")]


async def settle(sim: DetectiveSimulator) -> int:
    """Wait until no more requests arrive, and return their number."""
    before = -1
    while before != len(sim.requests):
        before = len(sim.requests)
        await asyncio.sleep(0.3)
    return before


async def test_the_overview(backend: Backend, sim: DetectiveSimulator) -> None:
    """It has the number of targets, each target once, and the right numbers of members."""
    begin, *targets, end = await backend.events(OVERVIEW)
    assert (begin.name, begin.data["Total"]) == ("begin", TARGETS)
    assert end.name == "end"
    assert [one.name for one in targets] == ["target"] * TARGETS
    assert [one.data["Done"] for one in targets] == list(range(1, TARGETS + 1))
    assert len({(one.data["AccountId"], one.data["Region"]) for one in targets}) == TARGETS
    found = {(one.data["Region"], one.data["AccountId"]): Counter(one.data["Counts"]) for one in targets}
    assert {place: counts for place, counts in found.items() if counts} == readable_members(sim)
    failed = [one.data for one in targets if one.data["Error"]]
    assert [one["AccountId"] for one in failed] == [world.CLOSED] * len(world.REGIONS)
    assert all(one["Outcome"] == "failed" and one["Error"]["request_id"] for one in failed)


async def test_many_readers_share_one_survey(backend: Backend, sim: DetectiveSimulator) -> None:
    """All readers get the same events, and each account is read once."""
    sim.inject(Fault(Latency(0.1), count=None))
    first = asyncio.create_task(backend.events(OVERVIEW))
    await until(lambda: sim.requests, "it is under way")
    streams = await asyncio.gather(first, *(backend.events(OVERVIEW) for _ in range(50)))
    assert all(stream == streams[0] for stream in streams)
    # The role of the closed account cannot be assumed, so its graphs are never listed.
    assert calls(sim) == TARGETS - len(world.REGIONS)


async def test_a_finished_survey_is_reused(backend: Backend, sim: DetectiveSimulator) -> None:
    """A later reader gets the same survey, unless it asks for a new one."""
    first = await backend.events(OVERVIEW)
    assert await backend.events(OVERVIEW) == first
    before = calls(sim)
    assert (await backend.events(f"{OVERVIEW}?max_age=0"))[0].id != first[0].id
    assert calls(sim) == 2 * before


async def test_a_reconnected_reader_gets_the_rest(backend: Backend) -> None:
    """With the id of its last event, only later ones are sent; an id of another survey starts from the beginning."""
    whole = await backend.events(OVERVIEW)
    assert await backend.events(OVERVIEW, last=whole[40].id) == whole[41:]
    assert [event.name for event in await backend.events(OVERVIEW, last=whole[-2].id)] == ["end"]
    assert (await backend.events(OVERVIEW, last=f"{'0' * 16}-40"))[0].name == "begin"


@pytest.mark.settings(linger=0.1)
async def test_a_survey_without_readers_is_stopped(backend: Backend, sim: DetectiveSimulator) -> None:
    """No more accounts are read after the last reader has disconnected; the next reader starts a new survey."""
    sim.inject(Fault(Latency(0.3), count=None))
    async with backend.watch(OVERVIEW) as stream:
        begin = await anext(stream)
        await anext(stream)
    async with asyncio.timeout(60):
        await asyncio.gather(*surveys(), return_exceptions=True)
    assert await settle(sim) < 2 * TARGETS
    sim.clear_faults()
    again = await backend.events(OVERVIEW)
    assert again[0].id != begin.id
    assert len(again) == TARGETS + 2


@pytest.mark.settings(linger=60.0)
async def test_a_reload_does_not_stop_the_survey(backend: Backend, sim: DetectiveSimulator) -> None:
    """A reader that reconnects soon gets the same survey."""
    sim.inject(Fault(Latency(0.3), count=None))
    async with backend.watch(OVERVIEW) as stream:
        begin = await anext(stream)
    # By now, the backend has noticed the disconnection.
    await asyncio.sleep(0.5)
    again = await backend.events(OVERVIEW)
    assert again[0] == begin
    assert len(again) == TARGETS + 2


async def test_a_slow_reader_does_not_delay_others(backend: Backend) -> None:
    """A reader that reads nothing does not keep the others from the end."""
    async with backend.http.get("/api/fleet/members") as slow, asyncio.timeout(30):
        assert len(await backend.events(OVERVIEW)) == TARGETS + 2
        lines = (await slow.read()).splitlines()
    assert len(lines) > 1000


async def test_failures_are_reported_per_target(backend: Backend, sim: DetectiveSimulator) -> None:
    """Throttles and dropped connections are retried; a lasting failure is an error of its target only."""
    sim.throttle(None, probability=0.05)
    sim.inject(Fault(Drop("during"), count=None, probability=0.05))
    final = Failure(403, "AccessDeniedException", "no")
    sim.inject(Fault(final, account=world.ACCOUNTS[7], region=world.REGIONS[1], count=None))
    _, *targets, end = await backend.events(OVERVIEW)
    failed = {(one.data["AccountId"], one.data["Region"]) for one in targets if one.data["Error"]}
    assert (world.ACCOUNTS[7], world.REGIONS[1]) in failed
    assert len(failed) < TARGETS / 4
    assert end.name == "end"


@pytest.mark.parametrize("path", [OVERVIEW, "/api/fleet/members"])
async def test_a_shutdown_ends_streams(sim: DetectiveSimulator, settings: Settings, path: str) -> None:
    """A stream ends at once with a last record that says so, and the survey stops."""
    sim.inject(Fault(Latency(1), operation="ListMembers", count=None))
    async with aiohttp.ClientSession() as http:
        async with serving(make_app(settings)) as url, asyncio.timeout(60):
            response = await http.get(url + path)
            await response.content.readline()
        assert not surveys()
        last = (await response.read()).decode()
        response.release()
    assert "going down" in last or "stopped" in last
    await settle(sim)
    # Only the calls that were under way, and none that waited for a slot.
    assert calls(sim, "ListMembers") <= 64

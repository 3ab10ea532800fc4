"""Looking into all accounts: once for however many watch, and no longer than somebody does."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import aiohttp
import pytest
from web_backend import world
from web_backend.app import make_app
from web_backend.serving import serving
from web_backend.settings import Settings

from detective_async.testing import DetectiveSimulator, Drop, Failure, Fault, Latency

pytestmark = pytest.mark.slow

OVERVIEW = "/api/fleet/overview"
TARGETS = len(world.ACCOUNTS) * len(world.REGIONS)

Collect = Callable[..., Coroutine[Any, Any, list[Any]]]
Watch = Callable[..., Any]


def calls(sim: DetectiveSimulator, operation: str = "ListGraphs") -> int:
    return sum(request.operation == operation for request in sim.requests)


def surveys() -> list[asyncio.Task[object]]:
    """List those that are under way."""
    return [task for task in asyncio.all_tasks() if task.get_name().startswith("survey of")]


async def settle(sim: DetectiveSimulator) -> int:
    """Wait until nothing is asked any more, and tell how much was."""
    before = -1
    while before != len(sim.requests):
        before = len(sim.requests)
        await asyncio.sleep(0.3)
    return before


async def test_the_overview(collect: Collect, sim: DetectiveSimulator) -> None:
    """It begins with how many targets there are, has each of them once, and their numbers are the truth."""
    begin, *targets, end = await collect(OVERVIEW)
    assert (begin.name, begin.data["Total"]) == ("begin", TARGETS)
    assert end.name == "end"
    assert [one.name for one in targets] == ["target"] * TARGETS
    assert [one.data["Done"] for one in targets] == list(range(1, TARGETS + 1))
    assert len({(one.data["AccountId"], one.data["Region"]) for one in targets}) == TARGETS
    found = sum((Counter(one.data["Counts"]) for one in targets), Counter[str]())
    assert found == Counter(
        status
        for arn, graph in sim.snapshot().items()
        for status in graph["members"].values()
        if f":{world.CLOSED}:" not in arn
    )
    failed = [one.data for one in targets if one.data["Error"]]
    assert [one["AccountId"] for one in failed] == [world.CLOSED] * len(world.REGIONS)
    assert all(one["Outcome"] == "failed" and one["Error"]["request_id"] for one in failed)


async def test_many_watch_one_survey(collect: Collect, sim: DetectiveSimulator) -> None:
    """However many watch at once, each account is asked once, and all see the same."""
    sim.inject(Fault(Latency(0.1), count=None))
    first = asyncio.create_task(collect(OVERVIEW))
    await asyncio.sleep(0.3)
    streams = await asyncio.gather(first, *(collect(OVERVIEW) for _ in range(50)))
    assert all(stream == streams[0] for stream in streams)
    # Those of the closed account never get so far.
    assert calls(sim) == TARGETS - len(world.REGIONS)


async def test_a_survey_is_kept_for_a_while(collect: Collect, sim: DetectiveSimulator) -> None:
    """Who comes soon after its end is shown it again; who wants it new, or asks for another kind, is not."""
    first = await collect(OVERVIEW)
    assert await collect(OVERVIEW) == first
    before = calls(sim)
    assert (await collect(f"{OVERVIEW}?max_age=0"))[0].id != first[0].id
    assert calls(sim) == 2 * before


async def test_one_who_lost_the_connection_goes_on_where_it_broke(collect: Collect) -> None:
    """With the id of the last event that was seen, only what came after it is sent."""
    whole = await collect(OVERVIEW)
    rest = await collect(OVERVIEW, last=whole[40].id)
    assert rest == whole[41:]
    assert [event.name for event in await collect(OVERVIEW, last=whole[-2].id)] == ["end"]


async def test_an_id_of_another_survey(collect: Collect) -> None:
    """One who was away for too long begins anew."""
    assert (await collect(OVERVIEW, last=f"{'0' * 16}-40"))[0].name == "begin"


@pytest.mark.settings(linger=0.1)
async def test_nobody_watches(watch: Watch, collect: Collect, sim: DetectiveSimulator) -> None:
    """When the last watcher has gone, no more accounts are asked; and the next one begins anew."""
    sim.inject(Fault(Latency(0.3), count=None))
    async with watch(OVERVIEW) as stream:
        begin = await anext(stream)
        await anext(stream)
    async with asyncio.timeout(60):
        await asyncio.gather(*surveys(), return_exceptions=True)
    assert await settle(sim) < 2 * TARGETS
    sim.clear_faults()
    again = await collect(OVERVIEW)
    assert again[0].id != begin.id
    assert len(again) == TARGETS + 2


@pytest.mark.settings(linger=60.0)
async def test_one_who_reloads_is_back_in_time(watch: Watch, collect: Collect, sim: DetectiveSimulator) -> None:
    """A watcher who goes and comes back soon finds the same survey, and it is not stopped."""
    sim.inject(Fault(Latency(1), count=None))
    async with watch(OVERVIEW) as stream:
        begin = await anext(stream)
    # That it has gone is seen by now.
    await asyncio.sleep(0.5)
    again = await collect(OVERVIEW)
    assert again[0] == begin
    assert len(again) == TARGETS + 2


async def test_a_slow_watcher_holds_up_nobody(http: aiohttp.ClientSession, collect: Collect) -> None:
    """One who reads nothing does not keep the others from the end."""
    async with http.get("/api/fleet/members") as slow, asyncio.timeout(30):
        assert len(await collect(OVERVIEW)) == TARGETS + 2
        lines = (await slow.read()).splitlines()
    assert len(lines) > 1000


async def test_what_fails_here_and_there_is_told(collect: Collect, sim: DetectiveSimulator) -> None:
    """Throttles and dropped connections are got over; what is not is an error of its target and of no other."""
    sim.throttle(None, probability=0.05)
    sim.inject(Fault(Drop("during"), count=None, probability=0.05))
    sim.inject(Fault(Failure(), account=world.ACCOUNTS[7], region=world.REGIONS[1], count=None))
    events_ = await collect(OVERVIEW)
    failed = {(one.data["AccountId"], one.data["Region"]) for one in events_[1:-1] if one.data["Error"]}
    assert (world.ACCOUNTS[7], world.REGIONS[1]) in failed
    assert len(failed) < TARGETS / 4
    assert events_[-1].name == "end"


@pytest.mark.parametrize("path", [OVERVIEW, "/api/fleet/members"])
async def test_the_server_goes_down(sim: DetectiveSimulator, settings: Settings, path: str) -> None:
    """A stream that is under way ends with a word on that, at once, and nothing goes on."""
    sim.inject(Fault(Latency(1), operation="ListMembers", count=None))
    async with aiohttp.ClientSession() as http:
        async with serving(make_app(settings)) as url, asyncio.timeout(20):
            answer = await http.get(url + path)
            await answer.content.readline()
        assert not surveys()
        last = (await answer.read()).decode()
        answer.release()
    assert "going down" in last or "stopped" in last
    await asyncio.sleep(1.2)
    # What was on its way, and nothing that waited for its turn.
    assert calls(sim, "ListMembers") <= 64

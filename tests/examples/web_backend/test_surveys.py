"""Surveys: all accounts are read once for any number of readers, and only while there are readers."""

import asyncio
import json
from collections import Counter
from typing import Any

import aiohttp
import pytest
from support.backend import TARGETS, Backend, readable_members
from support.wire_server import until
from web_backend import api_fleet, feed, world
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


def comparable(lines: list[Any]) -> list[str]:
    """Return lines in one order, without the ids of requests."""
    for line in lines:
        line.get("Failure", {}).pop("request_id", None)
    return sorted(json.dumps(line, sort_keys=True) for line in lines)


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


async def test_the_records_of_a_stream(backend: Backend) -> None:
    """The first one says what is coming, and the last one how many there were, and from when to when."""
    begin, *lines, end = await backend.records("/api/fleet/members")
    assert begin["Begin"]["Total"] == TARGETS
    assert end["End"]["Lines"] == len([line for line in lines if "Progress" not in line]) > 1000
    assert end["End"]["StartedTime"] == begin["Begin"]["StartedTime"] < end["End"]["FinishedTime"]


@pytest.mark.settings(linger=0.0)
async def test_a_stream_that_is_stopped_has_no_end_mark(backend: Backend, sim: DetectiveSimulator) -> None:
    """Its last record is the error."""
    sim.inject(Fault(Latency(0.3), count=None))
    reader = asyncio.create_task(backend.records("/api/fleet/members"))
    await until(lambda: sim.requests, "it is under way")
    surveys()[0].cancel()
    *_, last = await reader
    assert list(last) == ["error"]


async def test_a_silent_survey_says_that_it_goes_on(
    backend: Backend, sim: DetectiveSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In both forms of streams, so that a reader can tell it from one that hangs."""
    monkeypatch.setattr(feed, "SILENCE", 0.05)
    sim.inject(Fault(Latency(0.5), operation="ListGraphs", count=None))
    records, events = await asyncio.gather(backend.records("/api/fleet/members"), backend.events(OVERVIEW))
    assert {"Progress": {"Done": 0, "Total": TARGETS}} in records
    assert "alive" in {event.name for event in events}


async def test_a_stream_with_nothing_selected_says_that_it_goes_on(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What others have answered is not silence to the survey, but to the reader of a selection."""
    monkeypatch.setattr(api_fleet, "_PROGRESS_INTERVAL", 0.0)
    for path in ("/api/fleet/members?member=9999", "/api/coverage"):
        records = await backend.records(path)
        done = [record["Progress"]["Done"] for record in records if "Progress" in record]
        assert len(done) > TARGETS / 2
        assert done == sorted(done)


@pytest.mark.settings(accounts=world.ACCOUNTS[:4], target_timeout=4.0)
async def test_an_account_that_hangs(backend: Backend, sim: DetectiveSimulator) -> None:
    """It is a failure of its own after its time limit, and the others are there."""
    sim.inject(Fault(Latency(60), account=world.ACCOUNTS[3], region=world.REGIONS[1], count=None))
    lines = await backend.ndjson("/api/fleet/members")
    failures = [line for line in lines if "Failure" in line]
    assert [(line["AccountId"], line["Region"]) for line in failures] == [(world.ACCOUNTS[3], world.REGIONS[1])]
    assert (failures[0]["Failure"]["Cause"], failures[0]["Failure"]["status"]) == ("DeadlineExceeded", 504)
    # Not by the time limit of a call, of which there may be any number.
    assert "within 4 seconds" in failures[0]["Failure"]["detail"]
    assert len(lines) > 100


@pytest.mark.settings(survey_timeout=1.0)
@pytest.mark.parametrize("path", ["/api/fleet/members", "/api/coverage"])
async def test_a_survey_that_hangs(backend: Backend, sim: DetectiveSimulator, path: str) -> None:
    """All that is left at its time limit are failures, and it ends as any other."""
    sim.inject(Fault(Latency(60), operation="ListGraphs", count=None))
    lines = await backend.ndjson(path)
    failures = [line for line in lines if "Failure" in line]
    assert len({(line["AccountId"], line["Region"]) for line in failures}) == TARGETS
    assert "DeadlineExceeded" in {line["Failure"]["Cause"] for line in failures}
    assert any("within the 1 seconds of the survey" in line["Failure"]["detail"] for line in failures)


RETRIES = "/api/fleet/retries"


@pytest.mark.parametrize("kind", ["members", "coverage"])
async def test_failures_of_one_cause_are_tried_again(backend: Backend, sim: DetectiveSimulator, kind: str) -> None:
    """Only their accounts are read again; what was found in the others is kept, with the time when it was found."""
    path = "/api/coverage" if kind == "coverage" else f"/api/fleet/{kind}"
    whole = await backend.ndjson(path)
    expired = Failure(403, "ExpiredTokenException", "expired")
    for account in world.ACCOUNTS[:5]:
        sim.inject(Fault(expired, account=account, operation="ListGraphs", count=None))
    failed = await backend.ndjson(f"{path}?max_age=0")
    causes = Counter(line["Failure"]["Cause"] for line in failed if "Failure" in line)
    assert causes == {"ExpiredTokenException": 5 * len(world.REGIONS), "AccessDenied": len(world.REGIONS)}
    sim.clear_faults()
    before = calls(sim)
    body = {"Kind": kind, "Cause": "ExpiredTokenException"}
    started = await backend.send("POST", RETRIES, body, 202)
    assert started["Targets"] == 5 * len(world.REGIONS)
    mended = await backend.ndjson(path)
    assert calls(sim) - before == 5 * len(world.REGIONS)
    assert comparable(mended) == comparable(whole)
    # Nothing is left of that cause, so nothing is started.
    again = await backend.send("POST", RETRIES, body, 202)
    assert again == {**started, "Targets": 0}


async def test_accounts_are_read_again(backend: Backend, sim: DetectiveSimulator) -> None:
    """Some accounts in some regions; a running survey has to end first, and there has to be one."""
    body = {"Kind": "members", "AccountIds": list(world.ACCOUNTS[:2]), "Regions": [world.REGIONS[0]]}
    await backend.send("POST", RETRIES, body, 404)
    await backend.send("POST", RETRIES, {"Kind": "members"}, 400)
    sim.inject(Fault(Latency(0.1), count=None))
    reader = asyncio.create_task(backend.events(OVERVIEW))
    await until(lambda: sim.requests, "it is under way")
    await backend.send("POST", RETRIES, body, 409)
    first = await reader
    assert (await backend.send("POST", RETRIES, body, 202))["Targets"] == 2
    second = await backend.events(OVERVIEW)
    times = [{(e.data["AccountId"], e.data["Region"]): e.data["Time"] for e in one[1:-1]} for one in (first, second)]
    changed = {place for place, time in times[0].items() if times[1][place] != time}
    assert changed == {(account, world.REGIONS[0]) for account in world.ACCOUNTS[:2]}


async def test_no_graph_is_not_no_members(backend: Backend, sim: DetectiveSimulator) -> None:
    """The overview says where there is a graph."""
    _, *targets, _ = await backend.events(OVERVIEW)
    found = {one.data["GraphArn"] for one in targets if one.data["GraphArn"]}
    assert found == {arn for arn in sim.snapshot() if world.CLOSED not in arn}
    assert [one for one in targets if one.data["GraphArn"] is None and one.data["Error"] is None]


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

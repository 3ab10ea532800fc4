"""Surveys: all accounts are read once for any number of readers, and only while there are readers."""

import asyncio
import itertools
import json
import socket
import struct
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


@pytest.mark.settings(linger=0.0)
async def test_a_reader_that_comes_while_it_ends_lets_it_go_on(backend: Backend, sim: DetectiveSimulator) -> None:
    """As long as answers are awaited: nobody asks the same twice."""
    sim.inject(Fault(Latency(3), operation="ListGraphs", count=None))
    async with backend.watch(OVERVIEW) as stream:
        begin = await anext(stream)
        await until(lambda: calls(sim, "ListGraphs") == 64, "all that may be asked at once are")
    # By now, the backend has noticed the disconnection.
    await asyncio.sleep(0.5)
    again = await backend.events(OVERVIEW)
    assert again[0] == begin
    assert len(again) == TARGETS + 2
    assert calls(sim, "ListGraphs") == TARGETS - len(world.REGIONS)


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
    monkeypatch.setattr(api_fleet, "_PROGRESS_INTERVAL", 0.05)
    sim.inject(Fault(Latency(0.5), operation="ListGraphs", count=None))
    records, events = await asyncio.gather(backend.records("/api/fleet/members"), backend.events(OVERVIEW, alive=True))
    assert {"Progress": {"Done": 0, "Total": TARGETS}} in records
    assert "alive" in {event.name for event in events}


@pytest.mark.settings(accounts=world.ACCOUNTS[:5])
@pytest.mark.parametrize(
    "path", ["/api/fleet/members?member=9999", "/api/coverage", "/api/fleet/members", "/api/fleet/investigations"]
)
async def test_a_stream_says_how_many_have_answered(
    backend: Backend, sim: DetectiveSimulator, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """Whatever they have answered: nothing that is selected, rows, or failures."""
    monkeypatch.setattr(api_fleet, "_PROGRESS_INTERVAL", 0.05)
    places = [(account, region) for account in world.ACCOUNTS[:5] for region in world.REGIONS]
    for number, (account, region) in enumerate(places):
        # One after the other, and every third one with a failure.
        sim.inject(Fault(Latency(0.1 * number), account=account, region=region, operation="ListGraphs", count=None))
        if number % 3 == 0:
            denied = Failure(403, "AccessDeniedException", "denied")
            sim.inject(Fault(denied, account=account, region=region, operation="ListGraphs", count=None))
    begin, *lines, _ = await backend.records(path)
    done = [line["Progress"]["Done"] for line in lines if "Progress" in line]
    assert done == sorted(done)
    assert len(set(done)) > begin["Begin"]["Total"] / 3


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
    assert causes == {"ExpiredToken": 5 * len(world.REGIONS), "AccessDenied": len(world.REGIONS)}
    sim.clear_faults()
    before = calls(sim)
    body = {"Kind": kind, "Cause": "ExpiredToken"}
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


async def test_what_a_retry_keeps_stays_as_old_as_it_is(backend: Backend, sim: DetectiveSimulator) -> None:
    """In its age, and in its date; a reader that does not mind gets it, and its new results."""
    first = await backend.events(OVERVIEW)
    oldest = min(event.data["Time"] for event in first[1:-1] if event.data["AccountId"] != world.ACCOUNTS[0])
    await asyncio.sleep(1.1)
    body = {"Kind": "members", "AccountIds": [world.ACCOUNTS[0]]}
    started = await backend.send("POST", RETRIES, body, 202)
    for path in (OVERVIEW, f"{OVERVIEW}?max_age=3600"):
        begin = (await backend.events(path))[0].data
        assert (begin["SurveyId"], begin["StartedTime"]) == (started["SurveyId"], oldest)
    async with backend.http.get("/api/export/members.csv") as response:
        written = oldest[:19].replace("-", "").replace(":", "")
        assert written in response.headers["Content-Disposition"]
    before = calls(sim)
    begin, *targets, _ = await backend.events(f"{OVERVIEW}?max_age=1")
    assert begin.data["SurveyId"] != started["SurveyId"]
    assert min(event.data["Time"] for event in targets) >= begin.data["StartedTime"] > oldest
    assert calls(sim) > before


async def test_a_retry_that_runs_is_as_old_as_what_it_keeps(backend: Backend, sim: DetectiveSimulator) -> None:
    """A reader that wants nothing old does not wait for it; another one that has it gets its end nevertheless."""
    first = await backend.events(OVERVIEW)
    sim.inject(Fault(Latency(1), account=world.ACCOUNTS[0], operation="ListGraphs", count=None))
    await backend.send("POST", RETRIES, {"Kind": "members", "AccountIds": [world.ACCOUNTS[0]]}, 202)
    async with backend.watch(OVERVIEW) as stream:
        begin = await anext(stream)
        new = await backend.events(f"{OVERVIEW}?max_age=0")
        rest = [event async for event in stream]
    assert len({first[0].id, begin.id, new[0].id}) == 3
    assert (len(rest), rest[-1].name) == (TARGETS + 1, "end")


@pytest.mark.settings(accounts=world.ACCOUNTS[:4])
async def test_a_retry_keeps_nothing_for_ever(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody may be shown any more is read again, and counted."""
    await backend.ndjson("/api/fleet/members")
    monkeypatch.setattr(api_fleet, "MAX_KEPT", 0)
    body = {"Kind": "members", "AccountIds": [world.ACCOUNTS[0]]}
    assert (await backend.send("POST", RETRIES, body, 202))["Targets"] == 4 * len(world.REGIONS)


@pytest.mark.settings(linger=0.1)
async def test_a_retry_after_a_survey_that_was_stopped(backend: Backend, sim: DetectiveSimulator) -> None:
    """It reads what is missing, too, and says so. What is not in the settings is refused."""
    sim.inject(Fault(Latency(0.3), operation="ListGraphs", count=None))
    async with backend.watch(OVERVIEW) as stream:
        await anext(stream)
    async with asyncio.timeout(60):
        await asyncio.gather(*surveys(), return_exceptions=True)
    sim.clear_faults()
    body = {"Kind": "members", "AccountIds": [world.ACCOUNTS[0]]}
    started = await backend.send("POST", RETRIES, body, 202)
    _, *targets, _ = await backend.events(OVERVIEW)
    assert started["Targets"] > len(world.REGIONS)
    assert len(targets) == TARGETS
    await backend.send("POST", RETRIES, {"Kind": "members", "AccountIds": ["999999999999"]}, 404)
    await backend.send("POST", RETRIES, {"Kind": "members", "Regions": ["eu-north-1"]}, 404)


ONE = {"accounts": world.ACCOUNTS[:1], "regions": world.REGIONS[:1]}


@pytest.mark.parametrize(
    "limit",
    [
        pytest.param("call", marks=pytest.mark.settings(**ONE, call_timeout=5.0)),
        pytest.param("target", marks=pytest.mark.settings(**ONE, target_timeout=5.0)),
    ],
)
async def test_what_was_answered_is_the_cause(backend: Backend, sim: DetectiveSimulator, limit: str) -> None:
    """If time runs out although each attempt was answered: accounts that are throttled do not hang."""
    sim.throttle(None, operation="ListGraphs", retry_after_ms=1000)
    (line,) = await backend.ndjson("/api/fleet/members")
    failure = line["Failure"]
    assert (failure["Cause"], failure["title"], failure["code"]) == (
        "TooManyRequests",
        "TooManyRequests",
        "DeadlineExceeded",
    )
    assert failure["last_code"] == "TooManyRequestsException"
    assert ("ListGraphs" in failure["detail"]) is (limit == "call")


async def hang_up(url: str, path: str) -> None:
    """Send a request, and reset the connection at once."""
    host, _, port = url.removeprefix("http://").partition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
    await writer.drain()
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()


async def read(http: aiohttp.ClientSession, path: str) -> None:
    """Read a stream to its end."""
    async with http.get(path) as response:
        await response.read()


@pytest.mark.settings(linger=0.1)
@pytest.mark.parametrize("wait", [False, True])
@pytest.mark.parametrize(
    ("path", "number"),
    [
        (OVERVIEW, 1),
        ("/api/coverage", 1),
        ("/api/export/members.csv", 1),
        (f"/api/accounts/{world.ACCOUNTS[0]}?wait=60", 2),
    ],
)
async def test_a_survey_is_stopped_whatever_its_reader_was(
    url: str, sim: DetectiveSimulator, path: str, number: int, wait: bool
) -> None:
    """A reader that has hung up before the answer is none, even if it never began to read."""
    # Longer than a busy machine takes to see that.
    sim.inject(Fault(Latency(3), operation="ListGraphs", count=None))
    async with asyncio.timeout(60):
        if wait:
            async with aiohttp.ClientSession(url) as http:
                reader = asyncio.create_task(read(http, path))
                await until(lambda: sim.requests, "it is under way")
                reader.cancel()
                await asyncio.wait([reader])
        else:
            await hang_up(url, path)
        await asyncio.sleep(0.3)
        await asyncio.gather(*surveys(), return_exceptions=True)
    await settle(sim)
    # Those whose answers were awaited, and none that waited for a slot.
    assert calls(sim, "ListGraphs") <= number * 64


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


@pytest.mark.parametrize("path", ["/api/export/members.csv", f"/api/accounts/{world.ACCOUNTS[0]}?wait=60"])
async def test_a_shutdown_ends_waiting(sim: DetectiveSimulator, settings: Settings, path: str) -> None:
    """What waits for a survey is answered at once: the server is going down."""
    sim.inject(Fault(Latency(30), operation="ListGraphs", count=None))
    async with aiohttp.ClientSession() as http:
        async with serving(make_app(settings)) as url, asyncio.timeout(60):
            reader = asyncio.create_task(http.get(url + path))
            await until(lambda: sim.requests, "it is under way")
        async with await reader as response:
            assert response.status == 503
            assert response.headers["Retry-After"]
            assert "going down" in await response.text()
    assert not surveys()


async def test_a_lost_connection_starts_no_survey(backend: Backend, sim: DetectiveSimulator) -> None:
    """A reader that has missed only the end gets that, though it has asked for nothing old."""
    path = f"{OVERVIEW}?max_age=0"
    *_, last, _ = await backend.events(path)
    before = calls(sim)
    assert [event.name for event in await backend.events(path, last.id)] == ["end"]
    assert calls(sim) == before


@pytest.mark.settings(linger=0.1)
async def test_a_reader_that_comes_back_late_goes_on(backend: Backend, sim: DetectiveSimulator) -> None:
    """A page that asks more rarely than surveys linger gets to the end, though no account answers while it waits."""
    sim.inject(Fault(Latency(2), operation="ListGraphs", count=None))
    done: list[int] = []
    async with asyncio.timeout(180):
        while not done or done[-1] < 2 * TARGETS:
            done.append((await backend.get(f"/api/accounts/{world.ACCOUNTS[0]}?wait=1"))["Done"])
            await asyncio.gather(*surveys(), return_exceptions=True)
    assert len(done) > 1
    assert done == sorted(done)
    # Nothing was read twice.
    assert calls(sim, "ListGraphs") == 2 * (TARGETS - len(world.REGIONS))


@pytest.mark.settings(linger=0.1)
@pytest.mark.parametrize(("query", "all_again"), [("", False), ("?max_age=0", True)])
async def test_only_what_is_young_enough_is_taken_over(
    backend: Backend, sim: DetectiveSimulator, query: str, all_again: bool
) -> None:
    """From a survey that was stopped: "Refresh" asks AWS for everything."""
    sim.inject(Fault(Latency(0.3), operation="ListGraphs", count=None))
    async with backend.watch(OVERVIEW) as stream:
        for _ in range(10):
            await anext(stream)
    async with asyncio.timeout(60):
        await asyncio.gather(*surveys(), return_exceptions=True)
    await settle(sim)
    sim.clear_faults()
    counts = [calls(sim, "ListGraphs")]
    for one in (query, "?max_age=0"):
        assert len(await backend.events(OVERVIEW + one)) == TARGETS + 2
        counts.append(calls(sim, "ListGraphs"))
    again, everything = (after - before for before, after in itertools.pairwise(counts))
    assert (again == everything) is all_again

"""Onboarding: a plan is looked at, applied in the background, and watched by whoever wants to."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import aiohttp
import pytest
from web_backend import jobs, world
from web_backend.app import make_app
from web_backend.serving import serving
from web_backend.settings import Settings

from detective_async.testing import DetectiveSimulator, Failure, Fault, Latency

pytestmark = pytest.mark.slow

ADMINISTRATOR, REGION = world.ACCOUNTS[0], world.REGIONS[0]
PLANS, JOBS = "/api/onboarding/plans", "/api/onboarding/jobs"

Collect = Callable[..., Coroutine[Any, Any, list[Any]]]
Watch = Callable[..., Any]


@pytest.fixture
async def sim(sim: DetectiveSimulator) -> DetectiveSimulator:
    """Addresses are verified at once."""
    sim.set_verification_delay(0)
    return sim


async def post(http: aiohttp.ClientSession, path: str, body: Any, status: int) -> Any:
    async with http.post(path, json=body) as answer:
        assert answer.status == status, await answer.text()
        return await answer.json(content_type=None)


async def make_plan(http: aiohttp.ClientSession, csv: str = "", status: int = 201, **others: Any) -> Any:
    body = {"AdministratorId": ADMINISTRATOR, "Regions": list(world.REGIONS), "Csv": csv or world.example(), **others}
    return await post(http, PLANS, body, status)


async def start(http: aiohttp.ClientSession, **others: Any) -> Any:
    """Plan, and begin to apply the plan."""
    plan = await make_plan(http, **others)
    return await post(http, JOBS, {"PlanId": plan["PlanId"]}, 202)


def statuses(sim: DetectiveSimulator, accounts: tuple[str, ...]) -> Counter[str]:
    return Counter(
        graph["members"].get(account, "NONE")
        for arn, graph in sim.snapshot().items()
        if f":{ADMINISTRATOR}:" in arn
        for account in accounts
    )


async def test_a_plan(http: aiohttp.ClientSession, sim: DetectiveSimulator) -> None:
    """It tells the lines that are no accounts, what would be done and in words; and nothing is done yet."""
    plan = await make_plan(http)
    assert [line["Line"] for line in plan["Lines"]] == [3, 8]
    kinds = Counter((action["Kind"], action["Region"]) for action in plan["Actions"])
    assert kinds == {(kind, region): 10 for kind in ("invite", "accept") for region in world.REGIONS}
    assert "invite 10 accounts" in plan["Text"]
    assert "@example.com" not in str(plan)
    assert statuses(sim, world.NEWCOMERS) == {"NONE": 12 * len(world.REGIONS)}


async def test_a_plan_is_applied(http: aiohttp.ClientSession, collect: Collect, sim: DetectiveSimulator) -> None:
    """A job invites and accepts, tells its progress on the way, and at last what became of each account."""
    job = await start(http)
    begin, *_, report, end = found = await collect(f"{JOBS}/{job['JobId']}/events")
    assert (begin.name, begin.data["State"], end.name) == ("begin", "running", "end")
    assert report.name == "report"
    progress = [event.data["Done"] for event in found if event.name == "progress"]
    assert progress == sorted(progress)
    assert progress[-1] == report.data["Total"] == 10 * len(world.REGIONS)
    assert report.data["Ok"] is False
    assert report.data["Summary"].startswith("27 of 30 memberships")
    rows = [row for event in found if event.name == "rows" for row in event.data]
    assert Counter(row["AccountId"] for row in rows if row["Problem"]) == {world.MOVED: len(world.REGIONS)}
    assert Counter(row["After"] for row in rows) == {"ENABLED": 27, "VERIFICATION_FAILED": 3}
    assert statuses(sim, world.NEWCOMERS) == {"ENABLED": 27, "VERIFICATION_FAILED": 3, "NONE": 6}
    async with http.get(f"{JOBS}/{job['JobId']}") as answer:
        assert (await answer.json())["State"] == "done"
    async with http.get(JOBS) as answer:
        assert [one["JobId"] for one in (await answer.json())["Jobs"]] == [job["JobId"]]


async def test_a_list_with_no_account_in_it(http: aiohttp.ClientSession) -> None:
    """It is refused with what is wrong with its lines, which never quotes an address."""
    problem = await make_plan(http, csv="12345,one@example.com\n444455556666", status=400)
    assert problem["parameter"] == "Csv"
    assert "line 1" in problem["detail"]
    assert "line 2" in problem["detail"]
    assert "one@" not in problem["detail"]


async def test_lines_are_counted_as_editors_do(http: aiohttp.ClientSession) -> None:
    """Whatever system the list comes from; letters that are line ends to some programs alone are none."""
    csv = "400000000001,root-400000000001@example.com\r\nx\x0b,y\r\n\u2028z\n"
    assert [line["Line"] for line in (await make_plan(http, csv=csv))["Lines"]] == [2, 3]


async def test_a_list_that_is_too_long(http: aiohttp.ClientSession) -> None:
    """More than AWS allows is refused before anything is asked of it."""
    csv = "\n".join(f"{number:012},a@example.com" for number in range(1201))
    assert (await make_plan(http, csv=csv, status=400))["parameter"]


async def test_a_plan_is_applied_once(http: aiohttp.ClientSession) -> None:
    """Who asks again, as after an answer that was lost, is told of the same job."""
    plan = await make_plan(http)
    first = await post(http, JOBS, {"PlanId": plan["PlanId"]}, 202)
    second = await post(http, JOBS, {"PlanId": plan["PlanId"]}, 202)
    assert first["JobId"] == second["JobId"]


async def test_a_job_goes_on_when_its_watchers_go(
    http: aiohttp.ClientSession, watch: Watch, collect: Collect, sim: DetectiveSimulator
) -> None:
    """They may come back, all of them, and read on where they left."""
    sim.inject(Fault(Latency(0.05), count=None))
    job = await start(http)
    path = f"{JOBS}/{job['JobId']}/events"
    async with watch(path) as stream:
        begin = await anext(stream)
    first, second = await asyncio.gather(collect(path, last=begin.id), collect(path))
    assert second == [begin, *first]
    assert second[-2].name == "report"
    assert await collect(path, last=f"{'0' * 32}-3") == second


async def test_a_job_is_stopped(http: aiohttp.ClientSession, collect: Collect, sim: DetectiveSimulator) -> None:
    """It says so to those who watch, and nothing more is done."""
    sim.inject(Fault(Latency(0.3), count=None))
    job = await start(http)
    watcher = asyncio.create_task(collect(f"{JOBS}/{job['JobId']}/events"))
    await asyncio.sleep(0.5)
    for _ in range(2):
        async with http.delete(f"{JOBS}/{job['JobId']}") as answer:
            assert (await answer.json())["State"] == "stopped"
    assert [event.name for event in await watcher][-2:] == ["stopped", "end"]
    await asyncio.sleep(0.5)
    before = len(sim.requests)
    await asyncio.sleep(0.5)
    assert len(sim.requests) == before


async def test_a_region_that_fails(http: aiohttp.ClientSession, collect: Collect, sim: DetectiveSimulator) -> None:
    """It is told in the plan, and in the report with the request's id, and the others go on."""
    sim.inject(Fault(Failure(403, "AccessDeniedException"), operation="CreateMembers", region=REGION, count=None))
    job = await start(http)
    found = await collect(f"{JOBS}/{job['JobId']}/events")
    rows = [row for event in found if event.name == "rows" for row in event.data]
    bad = [row for row in rows if row["Problem"] and row["AccountId"] != world.MOVED]
    assert {row["Region"] for row in bad} == {REGION}
    assert all(row["Error"]["request_id"] for row in bad)
    sim.inject(Fault(Failure(403, "AccessDeniedException"), operation="ListGraphs", region=REGION, count=None))
    plan = await make_plan(http)
    assert [problem["Region"] for problem in plan["Problems"] if problem["AccountId"] is None] == [REGION]


async def test_a_job_that_breaks(
    http: aiohttp.ClientSession, collect: Collect, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What nobody foresaw is logged, and told without its words, which may be anything."""

    def breaks(_report: object) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(jobs, "_summary", breaks)
    job = await start(http)
    last, _ = (await collect(f"{JOBS}/{job['JobId']}/events"))[-2:]
    assert (last.name, last.data["State"]) == ("failed", "failed")
    assert "a secret" not in str(last)
    assert "a secret" in caplog.text


async def test_no_more_jobs_than_may_be(
    http: aiohttp.ClientSession, sim: DetectiveSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that is too many is refused for now, and its plan stays."""
    monkeypatch.setattr(jobs, "MAX_RUNNING", 1)
    sim.inject(Fault(Latency(0.2), count=None))
    job = await start(http)
    plan = await make_plan(http)
    async with http.post(JOBS, json={"PlanId": plan["PlanId"]}) as answer:
        assert answer.status == 503
        assert answer.headers["Retry-After"]
    await http.delete(f"{JOBS}/{job['JobId']}")
    await post(http, JOBS, {"PlanId": plan["PlanId"]}, 202)


async def test_what_is_kept_is_bounded(
    http: aiohttp.ClientSession, collect: Collect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest plans and the oldest jobs that are over go, when there are more than are kept."""
    monkeypatch.setattr(jobs, "_MAX_DRAFTS", 2)
    monkeypatch.setattr(jobs, "_MAX_FINISHED", 2)
    plans = [(await make_plan(http))["PlanId"] for _ in range(3)]
    await post(http, JOBS, {"PlanId": plans[0]}, 404)
    started = []
    for _ in range(4):
        started.append((await start(http))["JobId"])
        await collect(f"{JOBS}/{started[-1]}/events")
    async with http.get(JOBS) as answer:
        assert [one["JobId"] for one in (await answer.json())["Jobs"]] == started[:0:-1]


async def test_the_server_goes_down(sim: DetectiveSimulator, settings: Settings) -> None:
    """Jobs that are under way are stopped and waited for, and nothing is asked of AWS after that."""
    sim.inject(Fault(Latency(0.2), count=None))
    async with aiohttp.ClientSession() as http:
        async with serving(make_app(settings)) as url, asyncio.timeout(20):
            session = aiohttp.ClientSession(url)
            job = await start(session)
            watcher = await session.get(f"{JOBS}/{job['JobId']}/events")
            await watcher.content.readline()
        assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("onboarding job")]
        text = (await watcher.read()).decode()
        assert "going down" in text or "stopped" in text
        await session.close()
        await http.close()
    await asyncio.sleep(0.5)
    before = len(sim.requests)
    await asyncio.sleep(0.5)
    assert len(sim.requests) == before

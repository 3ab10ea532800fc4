"""Onboarding: a plan is reviewed, applied in the background, and watched by any number of readers."""

import asyncio
from collections import Counter
from typing import Any

import aiohttp
import pytest
from support.backend import Backend, Event
from support.wire_server import until
from web_backend import feed, jobs, world
from web_backend.app import make_app
from web_backend.serving import serving
from web_backend.settings import Settings

from detective_async.membership import MembershipPlan, plan_membership
from detective_async.testing import DetectiveSimulator, Failure, Fault, Latency

pytestmark = pytest.mark.slow

ADMINISTRATOR, REGION = world.ACCOUNTS[0], world.REGIONS[0]
PLANS, JOBS = "/api/onboarding/plans", "/api/onboarding/jobs"


@pytest.fixture
async def sim(sim: DetectiveSimulator) -> DetectiveSimulator:
    """The simulator, which verifies addresses at once."""
    sim.set_verification_delay(0)
    return sim


async def make_plan(backend: Backend, csv: str = "", status: int = 201, administrator: str = ADMINISTRATOR) -> Any:
    body = {"AdministratorId": administrator, "Regions": list(world.REGIONS), "Csv": csv or world.example()}
    return await backend.send("POST", PLANS, body, status)


def target(plan: Any) -> dict[str, Any]:
    """Return the body of the request that applies a plan."""
    return {name: plan[name] for name in ("PlanId", "AdministratorId", "AccountIds")}


async def apply(backend: Backend, plan: Any, status: int = 202, **changes: Any) -> Any:
    return await backend.send("POST", JOBS, {**target(plan), **changes}, status)


async def start(backend: Backend) -> str:
    """Start a job, and return its path."""
    job = await apply(backend, await make_plan(backend))
    return f"{JOBS}/{job['JobId']}"


def rows_of(events: list[Event]) -> list[Any]:
    return [row for event in events if event.name == "rows" for row in event.data]


def statuses(sim: DetectiveSimulator, accounts: tuple[str, ...]) -> Counter[str]:
    return Counter(
        graph["members"].get(account, "NONE")
        for arn, graph in sim.snapshot().items()
        if f":{ADMINISTRATOR}:" in arn
        for account in accounts
    )


async def check_stopped(sim: DetectiveSimulator) -> None:
    """Check that no task of a job is left, and that the requests end before the accounts are members."""
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("onboarding job")]
    before = -1
    # Requests that were sent before may arrive late; a job that went on would send one in every interval until its end.
    while before != len(sim.requests):
        before = len(sim.requests)
        await asyncio.sleep(1)
    assert statuses(sim, world.NEWCOMERS)["ENABLED"] < 27


async def test_a_plan(backend: Backend, sim: DetectiveSimulator) -> None:
    """It has the invalid lines, the actions and their text; nothing is changed yet."""
    plan = await make_plan(backend)
    assert [line["Line"] for line in plan["Lines"]] == [3, 8]
    kinds = Counter((action["Kind"], action["Region"]) for action in plan["Actions"])
    assert kinds == {(kind, region): 10 for kind in ("invite", "accept") for region in world.REGIONS}
    assert "invite 10 accounts" in plan["Text"]
    assert "@example.com" not in str(plan)
    assert statuses(sim, world.NEWCOMERS) == {"NONE": 12 * len(world.REGIONS)}


async def test_the_notes_of_a_plan(backend: Backend) -> None:
    """The administrator's own account in the list is worth a note, and needs no action."""
    plan = await make_plan(backend, csv=f"{ADMINISTRATOR},root@example.com\n")
    assert plan["Actions"] == []
    assert {note["AccountId"] for note in plan["Notes"]} == {ADMINISTRATOR}
    assert all("administrator" in note["Note"] for note in plan["Notes"])


async def test_a_plan_is_applied(backend: Backend, sim: DetectiveSimulator) -> None:
    """The job invites and accepts; its events are the progress, and at the end the result for each account."""
    job = await start(backend)
    begin, *_, report, end = found = await backend.events(f"{job}/events")
    assert (begin.name, begin.data["State"], end.name) == ("begin", "running", "end")
    assert report.name == "report"
    progress = [event.data["Done"] for event in found if event.name == "progress"]
    assert progress == sorted(progress)
    assert progress[-1] == report.data["Total"] == 10 * len(world.REGIONS)
    assert report.data["Ok"] is False
    assert report.data["Summary"].startswith("27 of 30 memberships")
    rows = rows_of(found)
    assert Counter(row["AccountId"] for row in rows if row["Problem"]) == {world.MOVED: len(world.REGIONS)}
    assert Counter(row["After"] for row in rows) == {"ENABLED": 27, "VERIFICATION_FAILED": 3}
    assert statuses(sim, world.NEWCOMERS) == {"ENABLED": 27, "VERIFICATION_FAILED": 3, "NONE": 6}
    assert (await backend.get(job))["State"] == "done"
    assert [f"{JOBS}/{one['JobId']}" for one in (await backend.get(JOBS))["Jobs"]] == [job]


async def test_invalid_lists(backend: Backend) -> None:
    """A list without a valid line is refused with the problems of its lines, which never quote an address.

    Line ends of all systems count; other characters that only some programs treat as line ends do not.
    """
    problem = await make_plan(backend, csv="12345,one@example.com\n444455556666", status=400)
    assert problem["parameter"] == "Csv"
    assert "line 1" in problem["detail"]
    assert "line 2" in problem["detail"]
    assert "one@" not in problem["detail"]
    csv = "400000000001,root-400000000001@example.com\r\nx\x0b,y\r\n\u2028z\n"
    assert [line["Line"] for line in (await make_plan(backend, csv=csv))["Lines"]] == [2, 3]


async def test_a_plan_is_applied_once(backend: Backend) -> None:
    """A repeated request, as after a lost answer, returns the same job."""
    plan = await make_plan(backend)
    first, second = await apply(backend, plan), await apply(backend, plan)
    assert first["JobId"] == second["JobId"]


async def test_a_plan_is_applied_only_to_what_was_reviewed(backend: Backend, sim: DetectiveSimulator) -> None:
    """Another administrator or other accounts than the plan's are refused, and nothing is changed."""
    plan, other = await make_plan(backend), world.ACCOUNTS[1]
    before = statuses(sim, world.NEWCOMERS)
    for changes in ({"AdministratorId": other}, {"AccountIds": plan["AccountIds"][1:]}, {"AccountIds": [other]}):
        assert (await apply(backend, plan, 409, **changes))["code"] == "PlanMismatch"
    assert statuses(sim, world.NEWCOMERS) == before
    await apply(backend, plan, AccountIds=plan["AccountIds"][::-1])


async def test_only_the_newest_plan_of_an_administrator_is_applied(backend: Backend) -> None:
    """An older one is refused, unless its job has started: then the answer is that job. Others do not matter."""
    old = await make_plan(backend)
    elsewhere = await make_plan(backend, administrator=world.ACCOUNTS[1])
    new = await make_plan(backend)
    assert (await apply(backend, old, 409))["code"] == "PlanSuperseded"
    assert [(await backend.get(f"{PLANS}/{one['PlanId']}"))["Latest"] for one in (old, elsewhere, new)] == [
        False,
        True,
        True,
    ]
    job = await apply(backend, new)
    await make_plan(backend)
    assert (await apply(backend, new))["JobId"] == job["JobId"]
    await apply(backend, elsewhere)


async def test_one_job_at_a_time_for_an_administrator(backend: Backend, sim: DetectiveSimulator) -> None:
    """A new plan cannot know what a running job is about to change; the refusal names the job."""
    sim.inject(Fault(Latency(0.1), count=None))
    job = await start(backend)
    plan = await make_plan(backend)
    refused = await apply(backend, plan, 409)
    assert (refused["code"], f"{JOBS}/{refused['JobId']}") == ("JobRunning", job)
    await backend.send("DELETE", job, None, 200)
    # What the job has done is not in the plan.
    assert (await apply(backend, plan, 409))["code"] == "PlanSuperseded"
    await apply(backend, await make_plan(backend))


async def test_a_plan_that_was_answered_late(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is as old as its reading: a plan that was made meanwhile is newer, and a job has changed what it says."""
    read, gate, real = asyncio.Event(), asyncio.Event(), plan_membership

    async def late(*arguments: Any, **options: Any) -> MembershipPlan:
        plan = await real(*arguments, **options)
        read.set()
        await gate.wait()
        return plan

    monkeypatch.setattr("web_backend.api_onboarding.plan_membership", late)
    waiting = asyncio.create_task(make_plan(backend))
    await read.wait()
    monkeypatch.setattr("web_backend.api_onboarding.plan_membership", real)
    job = await start(backend)
    await backend.events(f"{job}/events")
    gate.set()
    old = await waiting
    assert old["Latest"] is False
    assert (await apply(backend, old, 409))["code"] == "PlanSuperseded"


async def test_a_plan_is_not_kept_longer_than_its_job(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeating the request never names a job that is gone."""
    monkeypatch.setattr(jobs, "_MAX_FINISHED", 0)
    plan, other = await make_plan(backend), await make_plan(backend, administrator=world.ACCOUNTS[1])
    job = await apply(backend, plan)
    await backend.events(f"{JOBS}/{job['JobId']}/events")
    await apply(backend, other)
    await backend.get(f"{JOBS}/{job['JobId']}", 404)
    await apply(backend, plan, 404)


async def test_a_shutdown_ends_planning(sim: DetectiveSimulator, settings: Settings) -> None:
    """A plan that is being made is given up, and the answer says why."""
    sim.inject(Fault(Latency(30), operation="ListMembers", count=None))
    async with aiohttp.ClientSession() as http:
        async with serving(make_app(settings)) as url, asyncio.timeout(60):
            body = {"AdministratorId": ADMINISTRATOR, "Regions": list(world.REGIONS), "Csv": world.example()}
            reader = asyncio.create_task(http.post(url + PLANS, json=body))
            await until(lambda: sim.requests, "it is under way")
        async with await reader as response:
            assert (response.status, "going down" in await response.text()) == (503, True)


async def test_a_plan_is_read_again(backend: Backend) -> None:
    """Its URL gives the same document, and the job that applies it."""
    plan = await make_plan(backend)
    assert await backend.get(f"{PLANS}/{plan['PlanId']}") == plan
    assert (plan["Latest"], plan["JobId"], plan["Regions"]) == (True, None, list(world.REGIONS))
    job = await apply(backend, plan)
    assert (await backend.get(f"{PLANS}/{plan['PlanId']}"))["JobId"] == job["JobId"]


@pytest.mark.settings(plan_timeout=0.3)
async def test_a_plan_that_takes_too_long(backend: Backend, sim: DetectiveSimulator) -> None:
    """It is 504: nothing waits for ever."""
    sim.inject(Fault(Latency(30), operation="ListMembers", count=None))
    assert (await make_plan(backend, status=504))["code"] == "DeadlineExceeded"


async def test_a_silent_job_says_that_it_goes_on(
    backend: Backend, sim: DetectiveSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event, since a page does not see the comments of a stream."""
    monkeypatch.setattr(feed, "SILENCE", 0.05)
    sim.inject(Fault(Latency(0.3), count=None))
    events = await backend.events(f"{await start(backend)}/events", alive=True)
    assert {"alive", "report"} <= {event.name for event in events}


async def test_a_job_goes_on_without_readers(backend: Backend, sim: DetectiveSimulator) -> None:
    """A reader that reconnects gets the events after its last one."""
    sim.inject(Fault(Latency(0.05), count=None))
    path = f"{await start(backend)}/events"
    async with backend.watch(path) as stream:
        begin = await anext(stream)
    first, second = await asyncio.gather(backend.events(path, last=begin.id), backend.events(path))
    assert second == [begin, *first]
    assert second[-2].name == "report"
    assert await backend.events(path, last=f"{'0' * 32}-3") == second


async def test_a_job_is_stopped(backend: Backend, sim: DetectiveSimulator) -> None:
    """Its readers get what was done until then and the event "stopped", and no more requests are sent."""
    sim.inject(Fault(Latency(0.3), count=None))
    job = await start(backend)
    async with backend.watch(f"{job}/events") as stream:
        events = [await anext(stream)]
        for _ in range(2):
            assert (await backend.send("DELETE", job, None, 200))["State"] == "stopped"
        events += [event async for event in stream]
    assert [event.name for event in events][-3:] == ["rows", "stopped", "end"]
    left = [row for row in rows_of(events) if row["Reason"] == "interrupted"]
    assert len(left) > 0
    stopped = events[-2].data
    # What a stop has interrupted has not failed.
    assert (stopped["Total"], stopped["Done"]) == (len(rows_of(events)), len(rows_of(events)) - len(left))
    assert stopped["Failed"] <= stopped["Done"]
    assert stopped["Changed"] == sum(bool(row["Done"]) for row in rows_of(events))
    # Nor has it been counted as progress meanwhile.
    assert all(event.data["Failed"] == 0 for event in events if event.name == "progress")
    await check_stopped(sim)


async def test_a_region_that_fails(backend: Backend, sim: DetectiveSimulator) -> None:
    """The plan and the report have the error with its request id; the other regions succeed."""
    sim.inject(Fault(Failure(403, "AccessDeniedException"), operation="CreateMembers", region=REGION, count=None))
    found = await backend.events(f"{await start(backend)}/events")
    bad = [row for row in rows_of(found) if row["Problem"] and row["AccountId"] != world.MOVED]
    assert {row["Region"] for row in bad} == {REGION}
    assert all(row["Error"]["request_id"] for row in bad)
    sim.inject(Fault(Failure(403, "AccessDeniedException"), operation="ListGraphs", region=REGION, count=None))
    plan = await make_plan(backend)
    assert [problem["Region"] for problem in plan["Problems"] if problem["AccountId"] is None] == [REGION]


async def test_expired_keys_are_named_as_such(backend: Backend, sim: DetectiveSimulator) -> None:
    """By a plan and by a job as elsewhere: AWS's words read as if the role could not be assumed."""
    words = "The server's credentials have expired: renew them"
    plan = await make_plan(backend)
    expired = Failure(400, "ExpiredToken", "The security token included in the request is expired")
    sim.inject(Fault(expired, count=None))
    job = await apply(backend, plan)
    *_, report, _ = found = await backend.events(f"{JOBS}/{job['JobId']}/events")
    assert {row["Problem"] for row in rows_of(found)} == {words}
    assert {region["Problem"] for region in report.data["Regions"]} <= {None, words}
    plan = await make_plan(backend)
    assert {problem["Problem"] for problem in plan["Problems"]} == {words}
    assert words in plan["Text"]
    assert "security token" not in plan["Text"]


async def test_an_unexpected_error_in_a_job(
    backend: Backend, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged; the event "failed" does not quote it."""

    def breaks(_report: object) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(jobs, "_summary", breaks)
    last, _ = (await backend.events(f"{await start(backend)}/events"))[-2:]
    assert (last.name, last.data["State"]) == ("failed", "failed")
    assert "a secret" not in str(last)
    assert "a secret" in caplog.text


async def test_the_limit_of_running_jobs(
    backend: Backend, sim: DetectiveSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another job is refused until one has ended; its plan is kept."""
    monkeypatch.setattr(jobs, "MAX_RUNNING", 1)
    sim.inject(Fault(Latency(0.2), count=None))
    job = await start(backend)
    plan = await make_plan(backend, administrator=world.ACCOUNTS[1])
    async with backend.http.post(JOBS, json=target(plan)) as response:
        assert response.status == 503
        assert response.headers["Retry-After"]
    await backend.send("DELETE", job, None, 200)
    await apply(backend, plan)


async def test_the_limits_of_stored_plans_and_jobs(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest plans and the oldest finished jobs are dropped."""
    monkeypatch.setattr(jobs, "_MAX_DRAFTS", 2)
    monkeypatch.setattr(jobs, "_MAX_FINISHED", 2)
    plans = [await make_plan(backend) for _ in range(3)]
    await apply(backend, plans[0], 404)
    started = []
    for _ in range(4):
        started.append(await start(backend))
        await backend.events(f"{started[-1]}/events")
    assert [f"{JOBS}/{one['JobId']}" for one in (await backend.get(JOBS))["Jobs"]] == started[:0:-1]


async def test_a_shutdown_stops_jobs(sim: DetectiveSimulator, settings: Settings) -> None:
    """Running jobs are stopped and awaited, and no more requests are sent to AWS."""
    sim.inject(Fault(Latency(0.2), count=None))
    async with serving(make_app(settings)) as url, asyncio.timeout(60):
        http = aiohttp.ClientSession(url)
        reader = await http.get(f"{await start(Backend(http))}/events")
        await reader.content.readline()
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("onboarding job")]
    text = (await reader.read()).decode()
    assert "going down" in text or "stopped" in text
    await http.close()
    await check_stopped(sim)


async def test_an_applied_plan_is_kept_as_long_as_its_job(
    backend: Backend, sim: DetectiveSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many plans are made meanwhile: the same request after a lost answer gets the same job."""
    monkeypatch.setattr(jobs, "_MAX_DRAFTS", 1)
    plan = await make_plan(backend)
    sim.inject(Fault(Latency(1), operation="CreateMembers", count=None))
    job = await apply(backend, plan)
    for other in world.ACCOUNTS[1:4]:
        await make_plan(backend, csv=f"{world.NEWCOMERS[0]},a@example.com", administrator=other)
    assert (await apply(backend, plan))["JobId"] == job["JobId"]


async def test_a_job_outdates_the_surveys(backend: Backend, sim: DetectiveSimulator) -> None:
    """One that was running when the job ended is not what a reader gets who asks afterwards, whatever age will do."""
    before = await backend.records("/api/fleet/members")
    sim.inject(Fault(Latency(30), operation="ListGraphs", account=world.ACCOUNTS[9], count=None))
    async with backend.watch("/api/fleet/overview?max_age=0") as stream:
        running = await anext(stream)
        job = await start(backend)
        await backend.events(f"{job}/events")
        sim.clear_faults()
        after = await backend.records("/api/fleet/members?max_age=3600")
    ids = {before[0]["Begin"]["SurveyId"], running.data["SurveyId"], after[0]["Begin"]["SurveyId"]}
    assert len(ids) == 3
    assert len(after) > len(before)

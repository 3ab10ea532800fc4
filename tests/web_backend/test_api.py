"""The API: what each route gives, of the simulated world."""

import asyncio
import json
from collections import Counter
from typing import Any

import aiohttp
import pytest
from web_backend import world
from web_backend.settings import Settings

from detective_async.testing import DetectiveSimulator, Failure, Fault

pytestmark = pytest.mark.slow

ACCOUNT, REGION = world.ACCOUNTS[0], world.REGIONS[0]
BASE = f"/api/accounts/{ACCOUNT}/regions/{REGION}"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/Admin"
START = {"EntityArn": ROLE, "ScopeStartTime": "2026-01-01T00:00:00Z", "ScopeEndTime": "2026-01-02T00:00:00+01:00"}


async def get(http: aiohttp.ClientSession, path: str, status: int = 200) -> Any:
    async with http.get(path) as answer:
        assert answer.status == status, await answer.text()
        assert answer.content_type == ("application/json" if status < 400 else "application/problem+json")
        return await answer.json(content_type=None)


async def send(http: aiohttp.ClientSession, method: str, path: str, body: Any, status: int) -> Any:
    async with http.request(method, path, json=body) as answer:
        assert answer.status == status, await answer.text()
        return await answer.json(content_type=None)


async def ndjson(http: aiohttp.ClientSession, path: str) -> list[Any]:
    async with http.get(path) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.content_type == "application/x-ndjson"
        return [json.loads(line) async for line in answer.content]


async def every_page(http: aiohttp.ClientSession, path: str, name: str) -> list[Any]:
    items, token = [], None
    while True:
        page = await get(http, f"{path}?max_results=2" + (f"&next_token={token}" if token else ""))
        items += page[name]
        token = page.get("NextToken")
        if token is None:
            return items


def graph(sim: DetectiveSimulator) -> tuple[str, dict[str, str]]:
    return next((arn, one["members"]) for arn, one in sim.snapshot().items() if f"{REGION}:{ACCOUNT}:" in arn)


async def test_members_of_the_whole_fleet(http: aiohttp.ClientSession, sim: DetectiveSimulator) -> None:
    """Every member of every graph is a line of its own, and so is every account that could not be seen."""
    lines = await ndjson(http, "/api/fleet/members")
    found = Counter((line["Member"]["GraphArn"], line["Member"]["Status"]) for line in lines if "Member" in line)
    expected = Counter(
        (arn, status)
        for arn, one in sim.snapshot().items()
        for status in one["members"].values()
        if f":{world.CLOSED}:" not in arn
    )
    assert found == expected
    failures = [line for line in lines if "Failure" in line]
    assert {(line["AccountId"], line["Region"]) for line in failures} == {(world.CLOSED, one) for one in world.REGIONS}
    assert all(line["Failure"]["code"] == "AccessDenied" for line in failures)
    assert f"{world.CLOSED}:role/{world.ROLE} is not there" in failures[0]["Failure"]["detail"]


@pytest.mark.parametrize(
    ("kind", "name"), [("graphs", "Graph"), ("invitations", "Invitation"), ("investigations", "Investigation")]
)
async def test_other_lists_of_the_whole_fleet(http: aiohttp.ClientSession, kind: str, name: str) -> None:
    """Graphs, invitations and investigations come in the same way, and no e-mail address with them."""
    lines = await ndjson(http, f"/api/fleet/{kind}")
    assert len([line for line in lines if name in line]) > 20
    assert len([line for line in lines if "Failure" in line]) == len(world.REGIONS)
    assert "@example.com" not in json.dumps(lines)


async def test_a_list_of_the_fleet_is_narrowed(http: aiohttp.ClientSession, sim: DetectiveSimulator) -> None:
    """By account and region, of which only those that are worked in are known."""
    lines = await ndjson(http, f"/api/fleet/members?account_id={ACCOUNT}&region={REGION}")
    assert {line["Member"]["AccountId"] for line in lines} == set(graph(sim)[1])
    unknown = await get(http, "/api/fleet/members?account_id=999999999999", 404)
    assert "999999999999 is not one of those" in unknown["detail"]
    await get(http, "/api/fleet/members?region=eu-north-1", 404)


async def test_one_account(http: aiohttp.ClientSession, sim: DetectiveSimulator) -> None:
    """Its graph with tags, and its members and investigations page by page, by the API's names."""
    arn, members = graph(sim)
    found = await get(http, f"{BASE}/graph")
    assert found["Arn"] == arn
    assert set(found["Tags"]) == {"team"}
    details = await every_page(http, f"{BASE}/members", "MemberDetails")
    assert {one["AccountId"]: one["Status"] for one in details} == members
    assert "EmailAddress" not in details[0]
    host = next(arn for arn, one in sim.snapshot().items() if ACCOUNT in one["members"])
    region = host.split(":")[3]
    invitations = await every_page(http, f"/api/accounts/{ACCOUNT}/regions/{region}/invitations", "Invitations")
    assert host in {one["GraphArn"] for one in invitations}


async def test_an_investigation(http: aiohttp.ClientSession) -> None:
    """It is started, listed, looked at, and archived; what it found comes page by page, all or of one type."""
    started = await send(http, "POST", f"{BASE}/investigations", START, 201)
    path = f"{BASE}/investigations/{started['InvestigationId']}"
    assert path in [
        f"{BASE}/investigations/{one['InvestigationId']}"
        for one in await every_page(http, f"{BASE}/investigations", "InvestigationDetails")
    ]
    found = await get(http, path)
    assert (found["EntityArn"], found["Status"]) == (ROLE, "RUNNING")
    assert found["ScopeEndTime"].startswith("2026-01-01T23:00:00")
    assert await send(http, "PATCH", path, {"State": "ARCHIVED"}, 200) == {"State": "ARCHIVED"}
    assert (await get(http, path))["State"] == "ARCHIVED"
    lines = await ndjson(http, f"/api/fleet/investigations?account_id={ACCOUNT}")
    finished = next(one for one in lines if one["Investigation"]["Status"] == "SUCCESSFUL")
    old = f"/api/accounts/{ACCOUNT}/regions/{finished['Region']}/investigations"
    old += f"/{finished['Investigation']['InvestigationId']}/indicators"
    assert len(await every_page(http, old, "Indicators")) == 24
    some = await get(http, f"{old}?indicator_type=NEW_ASO")
    assert {one["IndicatorType"] for one in some["Indicators"]} == {"NEW_ASO"}


async def test_what_makes_no_sense_together(http: aiohttp.ClientSession) -> None:
    """An investigation whose scope ends before it begins is refused by name."""
    problem = await send(http, "POST", f"{BASE}/investigations", {**START, "ScopeEndTime": "2025-12-31T00:00:00Z"}, 400)
    assert problem["parameter"] == "ScopeEndTime"


async def test_an_account_without_a_graph(http: aiohttp.ClientSession, sim: DetectiveSimulator) -> None:
    """It has no members to list and nothing to investigate, and that is 404."""
    there = {tuple(arn.split(":")[3:5]) for arn in sim.snapshot()}
    region, account = next((r, a) for r in world.REGIONS for a in world.ACCOUNTS if (r, a) not in there)
    base = f"/api/accounts/{account}/regions/{region}"
    for path in ("graph", "members", "investigations"):
        assert "no behavior graph" in (await get(http, f"{base}/{path}", 404))["detail"]
    assert (await get(http, f"{base}/invitations"))["Invitations"] is not None
    await send(http, "POST", f"{base}/investigations", START, 404)


async def test_what_is_not_there(http: aiohttp.ClientSession) -> None:
    """Accounts and regions that are not worked in, investigations, plans and jobs that there are not: 404 each."""
    await get(http, f"/api/accounts/{world.OPERATOR}/regions/{REGION}/graph", 404)
    await get(http, f"/api/accounts/{ACCOUNT}/regions/eu-north-1/graph", 404)
    missing = await get(http, f"{BASE}/investigations/{'9' * 21}", 404)
    assert missing["code"] == "ResourceNotFoundException"
    assert missing["request_id"]
    await get(http, f"/api/onboarding/jobs/{'0' * 32}", 404)
    await send(http, "POST", "/api/onboarding/jobs", {"PlanId": "0" * 32}, 404)
    await get(http, "/nowhere", 404)


async def test_a_closed_account(http: aiohttp.ClientSession) -> None:
    """An account that does not trust the backend is not the backend's failure: 403, and which role it is."""
    problem = await get(http, f"/api/accounts/{world.CLOSED}/regions/{REGION}/graph", 403)
    assert problem["code"] == "AccessDenied"
    assert f":{world.CLOSED}:role/{world.ROLE}" in problem["detail"]


async def test_an_upstream_that_fails(http: aiohttp.ClientSession, sim: DetectiveSimulator) -> None:
    """What AWS does not manage is 502 or 503, never 500, and nothing is cached of it."""
    sim.inject(Fault(Failure(500, "InternalServerException"), operation="ListMembers", count=3))
    assert (await get(http, f"{BASE}/members", 502))["code"] == "InternalServerException"
    sim.throttle(3, operation="ListMembers")
    async with http.get(f"{BASE}/members") as answer:
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) >= 1
    await get(http, f"{BASE}/members")


async def test_what_is_known(http: aiohttp.ClientSession, settings: Settings) -> None:
    """The page learns which accounts and regions there are, and whether invitations are accepted."""
    known = await get(http, "/api/settings")
    assert (tuple(known["Accounts"]), tuple(known["Regions"])) == (settings.accounts, settings.regions)
    assert known["Accepts"] is True
    assert (await get(http, "/api/health"))["status"] == "ok"


@pytest.mark.parametrize("path", ["/", "/page.css", "/page.js", "/icon.svg", "/api/settings", "/nowhere"])
async def test_every_answer_says_what_a_browser_may_do(http: aiohttp.ClientSession, path: str) -> None:
    """No answer may run what did not come with the page, be framed, be guessed at or be kept."""
    async with http.get(path) as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
        assert len(await answer.read()) > 50


async def test_head_asks_for_no_body(http: aiohttp.ClientSession, sim: DetectiveSimulator) -> None:
    """HEAD gives what GET would, without the content, on streams too."""
    for path in ("/", "/api/settings", "/api/fleet/members", "/api/fleet/overview", f"{BASE}/members"):
        async with asyncio.timeout(20), http.head(path) as answer:
            assert answer.status == 200
            assert await answer.read() == b""
    assert sim.requests

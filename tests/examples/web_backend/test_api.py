"""The API: the answer of each route, for the simulated world."""

import asyncio
import json
from collections import Counter

import pytest
from support.backend import Backend, readable_members
from web_backend import world
from web_backend.settings import Settings

from detective_async.testing import DetectiveSimulator, Failure, Fault

pytestmark = pytest.mark.slow

ACCOUNT, REGION = world.ACCOUNTS[0], world.REGIONS[0]
BASE = f"/api/accounts/{ACCOUNT}/regions/{REGION}"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/Admin"
START = {"EntityArn": ROLE, "ScopeStartTime": "2026-01-01T00:00:00Z", "ScopeEndTime": "2026-01-02T00:00:00+01:00"}


def graph(sim: DetectiveSimulator) -> tuple[str, dict[str, str]]:
    return next((arn, one["members"]) for arn, one in sim.snapshot().items() if f"{REGION}:{ACCOUNT}:" in arn)


async def test_members_of_the_fleet(backend: Backend, sim: DetectiveSimulator) -> None:
    """Every member of every graph has a line, and so has every account and region that failed."""
    lines = await backend.ndjson("/api/fleet/members")
    found: dict[tuple[str, str], Counter[str]] = {}
    for line in lines:
        if "Member" in line:
            region, account = line["Member"]["GraphArn"].split(":")[3:5]
            assert (line["Region"], line["AccountId"]) == (region, account)
            found.setdefault((region, account), Counter())[line["Member"]["Status"]] += 1
    assert found == readable_members(sim)
    failures = [line for line in lines if "Failure" in line]
    assert {(line["AccountId"], line["Region"]) for line in failures} == {(world.CLOSED, one) for one in world.REGIONS}
    assert all(line["Failure"]["code"] == "AccessDenied" for line in failures)
    assert f"{world.CLOSED}:role/{world.ROLE} does not exist" in failures[0]["Failure"]["detail"]


@pytest.mark.parametrize(
    ("kind", "name"), [("graphs", "Graph"), ("invitations", "Invitation"), ("investigations", "Investigation")]
)
async def test_other_lists_of_the_fleet(backend: Backend, kind: str, name: str) -> None:
    """Graphs, invitations and investigations have the same format, and no e-mail addresses."""
    lines = await backend.ndjson(f"/api/fleet/{kind}")
    assert len([line for line in lines if name in line]) > 20
    assert len([line for line in lines if "Failure" in line]) == len(world.REGIONS)
    assert "@example.com" not in json.dumps(lines)


async def test_filters_of_the_fleet(backend: Backend, sim: DetectiveSimulator) -> None:
    """A list is filtered by account and region; one that is not in the settings is 404."""
    lines = await backend.ndjson(f"/api/fleet/members?account_id={ACCOUNT}&region={REGION}")
    assert {line["Member"]["AccountId"] for line in lines} == set(graph(sim)[1])
    unknown = await backend.get("/api/fleet/members?account_id=999999999999", 404)
    assert "999999999999 is not in the settings" in unknown["detail"]
    await backend.get("/api/fleet/members?region=eu-north-1", 404)


async def test_one_account(backend: Backend, sim: DetectiveSimulator) -> None:
    """Its graph has tags, and its members and invitations come in pages, with the API's names."""
    arn, members = graph(sim)
    found = await backend.get(f"{BASE}/graph")
    assert found["Arn"] == arn
    assert set(found["Tags"]) == {"team"}
    details = await backend.every_page(f"{BASE}/members", "MemberDetails")
    assert {one["AccountId"]: one["Status"] for one in details} == members
    assert "EmailAddress" not in details[0]
    host = next(arn for arn, one in sim.snapshot().items() if ACCOUNT in one["members"])
    region = host.split(":")[3]
    invitations = await backend.every_page(f"/api/accounts/{ACCOUNT}/regions/{region}/invitations", "Invitations")
    assert host in {one["GraphArn"] for one in invitations}


async def test_an_investigation(backend: Backend) -> None:
    """It is started, listed, read and archived; its indicators come in pages, filtered by type on request."""
    wrong = {**START, "ScopeEndTime": "2025-12-31T00:00:00Z"}
    assert (await backend.send("POST", f"{BASE}/investigations", wrong, 400))["parameter"] == "ScopeEndTime"
    started = await backend.send("POST", f"{BASE}/investigations", START, 201)
    path = f"{BASE}/investigations/{started['InvestigationId']}"
    listed = await backend.every_page(f"{BASE}/investigations", "InvestigationDetails")
    assert started["InvestigationId"] in [one["InvestigationId"] for one in listed]
    found = await backend.get(path)
    assert (found["EntityArn"], found["Status"]) == (ROLE, "RUNNING")
    assert found["ScopeEndTime"].startswith("2026-01-01T23:00:00")
    assert await backend.send("PATCH", path, {"State": "ARCHIVED"}, 200) == {"State": "ARCHIVED"}
    assert (await backend.get(path))["State"] == "ARCHIVED"
    lines = await backend.ndjson(f"/api/fleet/investigations?account_id={ACCOUNT}")
    finished = next(one for one in lines if one["Investigation"]["Status"] == "SUCCESSFUL")
    old = f"/api/accounts/{ACCOUNT}/regions/{finished['Region']}/investigations"
    old += f"/{finished['Investigation']['InvestigationId']}/indicators"
    assert len(await backend.every_page(old, "Indicators")) == 24
    some = await backend.get(f"{old}?indicator_type=NEW_ASO")
    assert {one["IndicatorType"] for one in some["Indicators"]} == {"NEW_ASO"}


async def test_an_account_without_a_graph(backend: Backend, sim: DetectiveSimulator) -> None:
    """Its members and investigations are 404; its invitations are listed."""
    there = {tuple(arn.split(":")[3:5]) for arn in sim.snapshot()}
    region, account = next((r, a) for r in world.REGIONS for a in world.ACCOUNTS if (r, a) not in there)
    base = f"/api/accounts/{account}/regions/{region}"
    for path in ("graph", "members", "investigations"):
        assert "no behavior graph" in (await backend.get(f"{base}/{path}", 404))["detail"]
    assert (await backend.get(f"{base}/invitations"))["Invitations"] is not None
    await backend.send("POST", f"{base}/investigations", START, 404)


async def test_what_does_not_exist_is_404(backend: Backend) -> None:
    """Accounts and regions that are not in the settings, and unknown investigations, plans, jobs and paths."""
    await backend.get(f"/api/accounts/{world.OPERATOR}/regions/{REGION}/graph", 404)
    await backend.get(f"/api/accounts/{ACCOUNT}/regions/eu-north-1/graph", 404)
    missing = await backend.get(f"{BASE}/investigations/{'9' * 21}", 404)
    assert missing["code"] == "ResourceNotFoundException"
    assert missing["request_id"]
    await backend.get(f"/api/onboarding/jobs/{'0' * 32}", 404)
    await backend.send("POST", "/api/onboarding/jobs", {"PlanId": "0" * 32}, 404)
    await backend.get("/nowhere", 404)


async def test_a_closed_account_is_403(backend: Backend) -> None:
    """The problem names the role that does not trust the backend."""
    problem = await backend.get(f"/api/accounts/{world.CLOSED}/regions/{REGION}/graph", 403)
    assert problem["code"] == "AccessDenied"
    assert f":{world.CLOSED}:role/{world.ROLE}" in problem["detail"]


async def test_an_upstream_failure(backend: Backend, sim: DetectiveSimulator) -> None:
    """A failure of AWS is 502 or 503, never 500, and is not cached."""
    sim.inject(Fault(Failure(500, "InternalServerException"), operation="ListMembers", count=3))
    assert (await backend.get(f"{BASE}/members", 502))["code"] == "InternalServerException"
    sim.throttle(3, operation="ListMembers")
    async with backend.http.get(f"{BASE}/members") as response:
        assert response.status == 503
        assert int(response.headers["Retry-After"]) >= 1
    await backend.get(f"{BASE}/members")


async def test_the_settings_for_the_page(backend: Backend, settings: Settings) -> None:
    """They have the accounts and regions, and whether invitations are accepted."""
    known = await backend.get("/api/settings")
    assert (tuple(known["Accounts"]), tuple(known["Regions"])) == (settings.accounts, settings.regions)
    assert known["Accepts"] is True
    assert (await backend.get("/api/health"))["status"] == "ok"


@pytest.mark.parametrize("path", ["/", "/page.css", "/page.js", "/icon.svg", "/api/settings", "/nowhere"])
async def test_every_answer_has_security_headers(backend: Backend, path: str) -> None:
    """No answer may run code of other origins, be framed, be guessed at or be cached."""
    async with backend.http.get(path) as response:
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert response.headers["Cache-Control"] == "no-store"
        assert len(await response.read()) > 50


async def test_head_has_no_body(backend: Backend, sim: DetectiveSimulator) -> None:
    """HEAD gives the headers of GET without the content, for streams too."""
    for path in ("/", "/api/settings", "/api/fleet/members", "/api/fleet/overview", f"{BASE}/members"):
        async with asyncio.timeout(60), backend.http.head(path) as response:
            assert response.status == 200
            assert await response.read() == b""
    assert sim.requests

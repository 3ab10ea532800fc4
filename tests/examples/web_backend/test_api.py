"""The API: the answer of each route, for the simulated world."""

import asyncio
import json
from collections import Counter

import pytest
from support.backend import Backend, readable_members
from web_backend import feed, world
from web_backend.settings import Settings

from detective_async.testing import DetectiveSimulator, Drop, Failure, Fault, Latency

pytestmark = pytest.mark.slow

ACCOUNT, REGION = world.ACCOUNTS[0], world.REGIONS[0]
BASE = f"/api/accounts/{ACCOUNT}/regions/{REGION}"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/Admin"
SCOPE = {"ScopeStartTime": "2026-01-01T00:00:00Z", "ScopeEndTime": "2026-01-02T00:00:00+01:00"}
START = {"ClientToken": "0" * 32, "EntityArn": ROLE, **SCOPE}


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


async def test_more_filters(backend: Backend) -> None:
    """Members are filtered by a part of their ids and by status; investigations by severity, status and state."""
    whole = await backend.ndjson("/api/fleet/members")
    some = await backend.ndjson("/api/fleet/members?member=00-0000-02&status=ENABLED")
    wanted = [
        line
        for line in whole
        if "Member" in line and "00000002" in line["Member"]["AccountId"] and line["Member"]["Status"] == "ENABLED"
    ]
    assert [line for line in some if "Member" in line] == wanted != []
    lines = await backend.ndjson("/api/fleet/investigations?severity=CRITICAL&status=SUCCESSFUL&state=ACTIVE")
    found = [line["Investigation"] for line in lines if "Investigation" in line]
    assert {(one["Severity"], one["Status"], one["State"]) for one in found} == {("CRITICAL", "SUCCESSFUL", "ACTIVE")}


async def test_email_addresses_are_sent_on_request(backend: Backend) -> None:
    """Without the parameter, no line has one."""
    asked = await backend.ndjson(f"/api/fleet/members?account_id={ACCOUNT}&emails=true")
    assert all(line["Member"]["EmailAddress"] == world.address(line["Member"]["AccountId"]) for line in asked)
    for query in ("emails=false", ""):
        lines = await backend.ndjson(f"/api/fleet/members?account_id={ACCOUNT}&{query}")
        assert len(lines) == len(asked)
        assert "@example.com" not in json.dumps(lines)


async def test_packages_and_auto_enable(backend: Backend, sim: DetectiveSimulator) -> None:
    """A graph has the states of its packages, and whether its organization's new accounts are enabled."""
    lines = await backend.ndjson(f"/api/fleet/graphs?account_id={ACCOUNT}&region={REGION}")
    assert lines[0]["Graph"]["Packages"]["DETECTIVE_CORE"] == "STARTED"
    assert (lines[0]["Graph"]["AutoEnable"], lines[0]["Graph"]["Problems"]) == (None, {})
    for operation in ("ListDatasourcePackages", "DescribeOrganizationConfiguration"):
        sim.inject(Fault(Failure(403, "AccessDeniedException"), operation=operation, count=None))
    lines = await backend.ndjson(f"/api/fleet/graphs?account_id={ACCOUNT}&region={REGION}&max_age=0")
    assert (lines[0]["Graph"]["Packages"], lines[0]["Graph"]["AutoEnable"]) == (None, None)
    assert [one["code"] for one in lines[0]["Graph"]["Problems"].values()] == ["AccessDeniedException"] * 2


async def test_ids_with_dashes(backend: Backend, sim: DetectiveSimulator) -> None:
    """Account ids may have the dashes that AWS's console shows, in paths and queries."""
    dashed = f"{ACCOUNT[:4]}-{ACCOUNT[4:8]}-{ACCOUNT[8:]}"
    assert (await backend.get(f"/api/accounts/{dashed}/regions/{REGION}/graph"))["Arn"] == graph(sim)[0]
    lines = await backend.ndjson(f"/api/fleet/members?account_id={dashed}&region={REGION}")
    assert {line["AccountId"] for line in lines} == {ACCOUNT}
    assert (await backend.get(f"/api/accounts/{ACCOUNT[:4]}-{ACCOUNT[4:]}?wait=0", 400))["parameter"] == "account_id"


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


async def test_an_investigation_is_started_once(backend: Backend, sim: DetectiveSimulator) -> None:
    """Three requests with one token start one, even at once; with another body, the token is refused."""
    sim.inject(Fault(Latency(0.2), operation="StartInvestigation", count=None))
    path = f"{BASE}/investigations"
    answers = await asyncio.gather(*(backend.send("POST", path, START, 201) for _ in range(3)))
    answers.append(await backend.send("POST", path, START, 201))
    assert len({one["InvestigationId"] for one in answers}) == 1
    assert [request.operation for request in sim.requests].count("StartInvestigation") == 1
    other = {**START, "EntityArn": f"{ROLE}2"}
    assert (await backend.send("POST", path, other, 409))["code"] == "TokenReused"
    assert (await backend.send("POST", path, {**other, "ClientToken": "1" * 32}, 201)) != answers[0]


async def test_only_what_the_graph_has_is_investigated(backend: Backend, sim: DetectiveSimulator) -> None:
    """Users and roles of members, too; not those of accounts that have no data in it."""
    _, members = graph(sim)
    path = f"{BASE}/investigations"
    enabled = next(one for one, status in members.items() if status == "ENABLED")
    unverified = next(one for one, status in members.items() if status == "VERIFICATION_IN_PROGRESS")
    for account in (world.ACCOUNTS[7], unverified):
        wrong = {**START, "EntityArn": f"arn:aws:iam::{account}:role/Admin"}
        answer = await backend.send("POST", path, wrong, 400)
        assert answer["parameter"] == "EntityArn"
        assert f"is of account {account}, of which the graph of {ACCOUNT} in {REGION} has no data" in answer["detail"]
    assert "StartInvestigation" not in [request.operation for request in sim.requests]
    # The token of what was refused can be used again.
    await backend.send("POST", path, {**START, "EntityArn": f"arn:aws:iam::{enabled}:role/Admin"}, 201)


@pytest.mark.parametrize(
    ("arn", "words"),
    [
        (f"arn:aws-us-gov:iam::{ACCOUNT}:role/Admin", f"is of partition aws-us-gov, and the graph of {ACCOUNT} in"),
        (f"arn:aws:iam::{ACCOUNT}:role/Path/", "expected the ARN of an IAM user or role"),
        (f"arn:aws:iam::{ACCOUNT}:user/", "expected the ARN of an IAM user or role"),
    ],
)
async def test_an_arn_that_nobody_has_is_not_investigated(
    backend: Backend, sim: DetectiveSimulator, arn: str, words: str
) -> None:
    """Of another partition than the graph's, or without a name."""
    answer = await backend.send("POST", f"{BASE}/investigations", {**START, "EntityArn": arn}, 400)
    assert answer["parameter"] == "EntityArn"
    assert words in answer["detail"]
    assert "StartInvestigation" not in [request.operation for request in sim.requests]
    named = f"arn:aws:iam::{ACCOUNT}:role/Path/x"
    await backend.send("POST", f"{BASE}/investigations", {**START, "EntityArn": named}, 201)


async def test_a_start_that_failed_is_tried_again(backend: Backend, sim: DetectiveSimulator) -> None:
    """With the same token, unless it may have succeeded: then the answer stays the same."""
    path = f"{BASE}/investigations"
    sim.inject(Fault(Failure(403, "AccessDeniedException"), operation="StartInvestigation", count=1))
    await backend.send("POST", path, START, 403)
    await backend.send("POST", path, START, 201)
    sim.inject(Fault(Drop("after"), operation="StartInvestigation", count=None))
    unknown = {**START, "ClientToken": "1" * 32}
    assert (await backend.send("POST", path, unknown, 502))["outcome_unknown"] is True
    sim.clear_faults()
    before = len(sim.requests)
    assert (await backend.send("POST", path, unknown, 502))["outcome_unknown"] is True
    assert len(sim.requests) == before


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
    await backend.get(f"/api/onboarding/plans/{'0' * 32}", 404)
    job = {"PlanId": "0" * 32, "AdministratorId": ACCOUNT, "AccountIds": [ACCOUNT]}
    await backend.send("POST", "/api/onboarding/jobs", job, 404)
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


async def test_licences_are_where_the_libraries_are(backend: Backend) -> None:
    """Each copy that the page loads is served with its own."""
    for library in ("htm", "preact", "virtual-core"):
        async with backend.http.get(f"/parts/{library}/LICENSE") as response:
            assert (response.status, response.content_type) == (200, "text/plain")
            assert "Copyright" in await response.text()


async def test_the_settings_for_the_page(backend: Backend, settings: Settings) -> None:
    """They have the accounts and regions, and whether invitations are accepted; names only on request."""
    known = await backend.get("/api/settings")
    assert (tuple(known["Accounts"]), tuple(known["Regions"])) == (settings.accounts, settings.regions)
    assert known["Accepts"] is True
    assert known["Names"] == {}
    assert (await backend.get("/api/settings?names=true"))["Names"] == settings.names
    assert list(known["Limits"]) == ["Silence", "Answer", "Plan", "File"]
    # A client that waits as long always gets this backend's own answer.
    assert known["Limits"]["Silence"] > 2 * feed.SILENCE
    assert known["Limits"]["Answer"] > 2 * settings.call_timeout
    assert known["Limits"]["Plan"] > settings.plan_timeout
    assert known["Limits"]["File"] > settings.survey_timeout
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
    """HEAD gives the headers of GET without the content."""
    for path in ("/", "/api/settings", f"{BASE}/members"):
        async with asyncio.timeout(60), backend.http.head(path) as response:
            assert response.status == 200
            assert await response.read() == b""
    assert sim.requests


async def test_head_starts_no_survey(backend: Backend, sim: DetectiveSimulator) -> None:
    """Nobody would read it."""
    account = f"/api/accounts/{world.ACCOUNTS[0]}"
    for path in ("/api/fleet/members", "/api/fleet/overview", "/api/coverage", account, "/api/export/members.csv"):
        async with asyncio.timeout(60), backend.http.head(path) as response:
            assert (response.status, response.headers["Allow"]) == (405, "GET")
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("survey of")]
    assert not sim.requests

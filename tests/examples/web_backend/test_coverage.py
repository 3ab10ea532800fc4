"""The coverage of all accounts in all regions, and of one account, by what the library's own survey finds."""

import asyncio
import gc
from types import FrameType
from typing import Any

import pytest
from support.backend import TARGETS, Backend
from support.reference_cycles import collecting_cycles
from support.wire_server import until
from web_backend import world
from web_backend.settings import Settings

from detective_async import DetectiveFleet
from detective_async.coverage import CoverageReason, survey_fleet
from detective_async.testing import DetectiveSimulator, Failure, Fault, Latency

pytestmark = pytest.mark.slow

PATH = "/api/coverage"
KNOWN = len(world.NAMES)


def cells(lines: list[Any]) -> dict[tuple[str, str], Any]:
    return {(line["AccountId"], line["Region"]): line for line in lines if "State" in line}


async def test_it_is_that_of_the_library(backend: Backend, settings: Settings) -> None:
    """Each account in each region is one line, with the state that follows from the library's row."""
    lines = await backend.ndjson(PATH)
    found = cells(lines)
    assert len(found) == len([line for line in lines if "State" in line]) == KNOWN * len(world.REGIONS)
    async with DetectiveFleet(
        settings.targets(),
        region=world.REGIONS[0],
        credentials=settings.credentials,
        endpoint_url=settings.endpoint_url,
    ) as fleet:
        rows = await survey_fleet(fleet, accounts=list(world.NAMES))
    expected = {(row.account_id, row.region): row for row in rows}
    assert set(found) == set(expected)
    for place, row in expected.items():
        cell = found[place]
        assert (cell["State"] == "on") is row.covered
        assert (cell["State"] == "failed") is (row.reason is CoverageReason.COULD_NOT_LOOK)
        assert cell["Reason"] == row.reason
        assert (cell["State"] == "off") is (row.graph_arn is not None and not row.covered)
    assert {cell["Cause"] for cell in found.values() if cell["State"] == "failed"} == {"AccessDenied"}
    failures = [line for line in lines if "Failure" in line]
    assert [line["AccountId"] for line in failures] == [world.CLOSED] * len(world.REGIONS)


@pytest.mark.settings(accounts=(*world.ACCOUNTS[:3], world.CLOSED))
async def test_the_cause_of_a_cell_is_its_own(backend: Backend, sim: DetectiveSimulator) -> None:
    """An administrator's own failure, and not the most common one of the region, which is that of other accounts."""
    for account in world.ACCOUNTS[:2]:
        sim.inject(Fault(Failure(403, "ExpiredTokenException"), account=account, operation="ListGraphs", count=None))
    found = cells(await backend.ndjson(PATH))
    for region in world.REGIONS:
        assert found[world.CLOSED, region]["Cause"] == "AccessDenied"
        assert found[world.ACCOUNTS[0], region]["Cause"] == "ExpiredToken"
        assert found[world.NEWCOMERS[0], region]["Cause"] == "ExpiredToken"


@pytest.mark.settings(accounts=world.ACCOUNTS[:4])
async def test_unseen_accounts(backend: Backend) -> None:
    """An account that is in no graph is unseen, if all administrators have answered."""
    found = cells(await backend.ndjson(PATH))
    states = {found[world.NEWCOMERS[0], region]["State"] for region in world.REGIONS}
    assert states == {"unseen"}
    assert {found[world.NEWCOMERS[0], one]["Reason"] for one in world.REGIONS} <= {"not a member", "no graph"}


@pytest.mark.settings(accounts=world.ACCOUNTS[:4])
async def test_a_closed_region(backend: Backend, sim: DetectiveSimulator) -> None:
    """A region that the administrators have not opted in to is not a failure of their keys."""
    sim.close_region(world.REGIONS[2])
    found = cells(await backend.ndjson(PATH))
    cell = found[world.NEWCOMERS[0], world.REGIONS[2]]
    assert (cell["State"], cell["Reason"]) == ("unseen", "region not opted in")


async def test_its_filters(backend: Backend) -> None:
    """By a part of the id, by region, by state and by reason."""
    whole = cells(await backend.ndjson(PATH))
    some = cells(await backend.ndjson(f"{PATH}?account=4444-5555&region={world.REGIONS[0]}"))
    assert set(some) == {("444455556666", world.REGIONS[0])}
    for name, value in (("State", "off"), ("Reason", "verification failed")):
        found = cells(await backend.ndjson(f"{PATH}?{name.lower()}={value}"))
        assert found == {place: cell for place, cell in whole.items() if cell[name] == value} != {}


async def test_regions_come_one_after_the_other(backend: Backend, sim: DetectiveSimulator) -> None:
    """The cells of a region do not wait for another region, whose cells are not asked yet."""
    sim.inject(Fault(Latency(2), region=world.REGIONS[2], count=None))
    async with backend.http.get(PATH) as response:
        lines = []
        async for line in response.content:
            lines.append(line)
            if b'"off"' in line:
                break
    assert not any(world.REGIONS[2].encode() in line and b'"State"' in line for line in lines)


async def test_one_account(backend: Backend) -> None:
    """Its document has its cells, its memberships by administrator, and a name; any id is answered."""
    lines, members = await backend.ndjson(PATH), await backend.ndjson("/api/fleet/members")
    found = await backend.get("/api/accounts/4444-5555-6666")
    assert (found["AccountId"], found["Name"], found["Complete"]) == ("444455556666", world.NAMES["444455556666"], True)
    assert found["Coverage"] == [cells(lines)["444455556666", region] for region in world.REGIONS]
    own = [line for line in members if "Member" in line and line["Member"]["AccountId"] == "444455556666"]
    assert found["Memberships"] == own != []
    assert (found["IsAdministrator"], found["Failures"]) == (False, [])
    asked = await backend.get("/api/accounts/444455556666?emails=true")
    assert {one["Member"]["EmailAddress"] for one in asked["Memberships"]} == {world.address("444455556666")}
    assert found["Silent"] == {region: {"Count": 1, "AccountIds": [world.CLOSED]} for region in world.REGIONS}
    assert found["Unread"] == {region: [world.CLOSED] for region in world.REGIONS}
    (cause,) = found["Causes"]
    assert (cause["Cause"], cause["Accounts"], cause["Regions"]) == ("AccessDenied", 1, sorted(world.REGIONS))
    assert (cause["First"]["AccountId"], cause["First"]["Failure"]["Cause"]) == (world.CLOSED, "AccessDenied")
    closed = await backend.get(f"/api/accounts/{world.CLOSED}")
    assert closed["Causes"] == []
    assert {line["Failure"]["Cause"] for line in closed["Failures"]} == {"AccessDenied"}
    assert len(closed["Failures"]) == len(world.REGIONS)
    unknown = await backend.get("/api/accounts/999999999999")
    assert (unknown["Name"], unknown["Memberships"], len(unknown["Coverage"])) == (None, [], len(world.REGIONS))


async def test_causes_of_an_account(backend: Backend, sim: DetectiveSimulator) -> None:
    """Of the other administrators, the one of most failures first; each administrator is counted once."""
    expired = Failure(403, "ExpiredTokenException", "expired")
    for account in world.ACCOUNTS[:5]:
        sim.inject(Fault(expired, account=account, operation="ListGraphs", count=None))
    found = await backend.get("/api/accounts/999999999999?wait=30")
    counts = [(cause["Cause"], cause["Accounts"], cause["Regions"]) for cause in found["Causes"]]
    assert counts == [("ExpiredToken", 5, sorted(world.REGIONS)), ("AccessDenied", 1, sorted(world.REGIONS))]
    own = await backend.get(f"/api/accounts/{world.ACCOUNTS[0]}?wait=30")
    assert {line["Failure"]["Cause"] for line in own["Failures"]} == {"ExpiredToken"}
    assert [(cause["Cause"], cause["Accounts"]) for cause in own["Causes"]] == [
        ("ExpiredToken", 4),
        ("AccessDenied", 1),
    ]


async def test_a_region_that_is_known_has_no_causes(backend: Backend, sim: DetectiveSimulator) -> None:
    """Who did not answer about the coverage does not matter where the account is covered."""
    await backend.ndjson("/api/fleet/members")
    expired = Failure(403, "ExpiredTokenException", "expired")
    for account in world.ACCOUNTS[:5]:
        sim.inject(Fault(expired, account=account, operation="ListGraphs", count=None))
    covered = await backend.get("/api/accounts/444455556666?wait=30")
    assert {cell["State"] for cell in covered["Coverage"]} == {"on"}
    assert [cause["Cause"] for cause in covered["Causes"]] == ["AccessDenied"]
    unknown = await backend.get("/api/accounts/999999999999?wait=30")
    assert {cause["Cause"] for cause in unknown["Causes"]} == {"ExpiredToken", "AccessDenied"}


@pytest.mark.settings(accounts=world.ACCOUNTS[28:32])
async def test_one_account_while_the_surveys_run(backend: Backend, sim: DetectiveSimulator) -> None:
    """What is not known yet is not asked yet; the answer does not wait for a region that hangs."""
    sim.inject(Fault(Latency(60), region=world.REGIONS[1], count=None))
    async with asyncio.timeout(30):
        found = await backend.get("/api/accounts/999999999999?wait=0")
        assert {cell["State"] for cell in found["Coverage"]} == {"not asked"}
        assert (found["Complete"], found["Total"]) == (False, 2 * 4 * len(world.REGIONS))
        while found["Coverage"][0]["State"] == "not asked":
            found = await backend.get("/api/accounts/999999999999?wait=1")
    assert [cell["State"] for cell in found["Coverage"]][:2] == ["failed", "not asked"]


@pytest.mark.settings(accounts=world.ACCOUNTS[:4], names={})
async def test_an_account_that_only_the_last_region_has(backend: Backend, sim: DetectiveSimulator) -> None:
    """It has a cell in the earlier regions too, which were complete before it was found."""
    graphs = {arn: one["members"] for arn, one in sim.snapshot().items() if arn.split(":")[4] in world.ACCOUNTS[:4]}
    sim.inject(Fault(Latency(1), region=world.REGIONS[2], count=None))
    found = cells(await backend.ndjson(PATH))
    known = {account for members in graphs.values() for account in members}.union(world.ACCOUNTS[:4])
    first = {account for arn, members in graphs.items() if world.REGIONS[2] not in arn for account in members}
    assert known - first - set(world.ACCOUNTS)
    assert set(found) == {(account, region) for account in known for region in world.REGIONS}


@pytest.mark.settings(accounts=world.ACCOUNTS[:4], survey_timeout=5.0)
async def test_no_cell_is_lost_when_the_time_is_over(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells that are being made when the survey's time is over are given nevertheless."""
    real, calls = asyncio.to_thread, []

    async def slow(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 1:
            await asyncio.sleep(60)
        return await real(*arguments)

    monkeypatch.setattr("web_backend.matrix.asyncio.to_thread", slow)
    found = cells(await backend.ndjson(PATH))
    assert {account for account, _ in found} == set(world.NAMES)
    assert len(found) == KNOWN * len(world.REGIONS)


async def test_each_part_of_an_account_says_of_when_it_is(backend: Backend) -> None:
    """The memberships may be newer than the coverage; asked for again, both are of now."""
    await backend.ndjson(PATH)
    old = await backend.get("/api/accounts/444455556666?wait=60")
    await backend.ndjson("/api/fleet/members?max_age=0")
    mixed = await backend.get("/api/accounts/444455556666?wait=60")
    assert mixed["CoverageAsOf"] == mixed["AsOf"] == old["CoverageAsOf"] < mixed["MembershipsAsOf"]
    fresh = await backend.get("/api/accounts/444455556666?wait=60&max_age=0")
    assert min(fresh["CoverageAsOf"], fresh["MembershipsAsOf"]) == fresh["AsOf"] > mixed["MembershipsAsOf"]


async def test_many_readers_share_one_survey(backend: Backend, sim: DetectiveSimulator) -> None:
    """Each administrator is asked once in each region."""
    sim.inject(Fault(Latency(0.1), count=None))
    first = asyncio.create_task(backend.ndjson(PATH))
    await until(lambda: sim.requests, "it is under way")
    streams = await asyncio.gather(first, *(backend.ndjson(PATH) for _ in range(10)))
    assert all(stream == streams[0] for stream in streams)
    asked = [request.operation for request in sim.requests].count("ListGraphs")
    assert asked == TARGETS - len(world.REGIONS)


async def test_the_packages_need_a_permission_of_their_own(backend: Backend, sim: DetectiveSimulator) -> None:
    """Without it, the members tell what is covered."""
    denied = Failure(403, "AccessDeniedException")
    sim.inject(Fault(denied, operation="ListDatasourcePackages", count=None))
    found = cells(await backend.ndjson(PATH))
    assert "on" in {cell["State"] for cell in found.values()}


@pytest.mark.settings(accounts=world.ACCOUNTS[:4])
async def test_failures_leave_nothing_to_the_garbage_collector(backend: Backend, sim: DetectiveSimulator) -> None:
    """Their texts are kept, and not their tracebacks: frames that hold the error that they raised are cycles."""
    sim.inject(Fault(Failure(403, "ExpiredTokenException"), count=None))
    with collecting_cycles() as cycles:
        await backend.ndjson("/api/coverage")
        for _ in range(5):
            await asyncio.sleep(0.01)
        gc.collect()
        frames = {one.f_code.co_qualname for one in gc.garbage if isinstance(one, FrameType)}
        assert "_coverage" not in frames
        assert cycles() == []

"""survey and survey_fleet: rows, reasons, regions, and totals."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
from attrs import evolve

from detective_async import (
    AccessDeniedException,
    Credentials,
    DetectiveClient,
    DetectiveFleet,
    HostNotFound,
    MemberStatus,
    ParameterError,
    ProgressEvent,
    RetryPolicy,
    Target,
    TransportError,
    WaiterTimeout,
)
from detective_async.client.regions import detective_regions
from detective_async.coverage import (
    Coverage,
    CoverageReason,
    CoverageRow,
    RegionCoverage,
    RegionState,
    join_surveys,
    survey,
    survey_fleet,
)
from detective_async.testing import DetectiveSimulator, Drop, Failure, Fault, Garbage, Latency

ADMINISTRATOR, OTHER = "111122223333", "444455556666"
REGION, ELSEWHERE, OPT_IN = "eu-west-1", "us-east-1", "me-south-1"
#: A region that botocore does not list.
NOWHERE = "me-north-1"
DENIED = Failure(403, "AccessDeniedException", "not you")
UNKNOWN_KEYS = Failure(403, "UnrecognizedClientException", "who?")
CREATED = datetime(2026, 3, 1, tzinfo=UTC)
UPDATED = datetime(2026, 3, 2, tzinfo=UTC)
#: Account id -> the members of a seed.
STATUSES: Mapping[str, Mapping[str, Any]] = {
    "200000000001": {"status": "ENABLED"},
    "200000000002": {"status": "INVITED"},
    "200000000003": {"status": "VERIFICATION_FAILED", "email": "wrong@example.com"},
    "200000000004": {"status": "ACCEPTED_BUT_DISABLED", "disabled_reason": "VOLUME_TOO_HIGH"},
    "200000000005": {"status": "ACCEPTED_BUT_DISABLED", "disabled_reason": "VOLUME_UNKNOWN"},
}
REASONS = {
    ADMINISTRATOR: None,
    "200000000001": None,
    "200000000002": CoverageReason.INVITED,
    "200000000003": CoverageReason.VERIFICATION_FAILED,
    "200000000004": CoverageReason.VOLUME_TOO_HIGH,
    "200000000005": CoverageReason.VOLUME_UNKNOWN,
}
STRANGER = "300000000000"


def graph(
    members: Mapping[str, Mapping[str, Any]], region: str = REGION, administrator: str = ADMINISTRATOR
) -> dict[str, Any]:
    """Return a graph for a simulator's seed."""
    return {
        "administrator": administrator,
        "region": region,
        "id": "0a" * 16,
        "created": CREATED,
        "members": [
            {"account": one, "email": f"account-{one}@example.com", "updated_at": UPDATED, **more}
            for one, more in members.items()
        ],
    }


def load(sim: DetectiveSimulator, *graphs: Mapping[str, Any]) -> None:
    """Replace the world."""
    ids = {ADMINISTRATOR, OTHER, *(one["account"] for graph in graphs for one in graph["members"])}
    sim.load({"accounts": [{"id": one} for one in sorted(ids)], "graphs": list(graphs)})
    sim.forget_requests()


def reasons(found: Coverage, region: str = REGION) -> dict[str, CoverageReason | None]:
    assert all(row.covered == (row.reason is None) for row in found)
    return {row.account_id: row.reason for row in found if row.region == region}


def states(found: Coverage) -> dict[str, RegionState]:
    return {one.region: one.state for one in found.regions}


def check_totals(found: Coverage) -> None:
    """The numbers add up, in all and for each region."""
    by_region = found.totals_by_region().values()
    for totals in (found.totals, *by_region):
        assert totals.total == totals.covered + sum(totals.reasons.values())
        assert totals.covered <= totals.expected <= totals.total
        assert totals.uncovered == totals.expected - totals.covered
        assert all(totals.reasons.values())
    assert found.totals.total == len(found) == sum(one.total for one in by_region)
    assert found.totals.covered == sum(one.covered for one in by_region)
    assert found.totals.expected == sum(one.expected for one in by_region)
    assert len(found.uncovered) == found.totals.uncovered


async def test_reasons(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Each account has its reason in each region, asked of the administrator once per region."""
    load(sim, graph(STATUSES), graph({}, ELSEWHERE))
    sim.close_region(OPT_IN)
    accounts = [*REASONS, STRANGER]
    found = await survey(client, regions=[REGION, ELSEWHERE, "us-west-2", OPT_IN], accounts=accounts)
    assert reasons(found) == {**REASONS, STRANGER: CoverageReason.NOT_A_MEMBER}
    assert reasons(found, ELSEWHERE) == {**dict.fromkeys(accounts, CoverageReason.NOT_A_MEMBER), ADMINISTRATOR: None}
    assert reasons(found, "us-west-2") == dict.fromkeys(accounts, CoverageReason.NO_GRAPH)
    assert reasons(found, OPT_IN) == dict.fromkeys(accounts, CoverageReason.REGION_NOT_OPTED_IN)
    assert states(found) == {
        REGION: RegionState.MEMBERS,
        ELSEWHERE: RegionState.NO_MEMBERS,
        "us-west-2": RegionState.NO_GRAPH,
        OPT_IN: RegionState.NOT_OPTED_IN,
    }
    assert [(row.account_id, row.region) for row in found][:4] == [(ADMINISTRATOR, one.region) for one in found.regions]
    assert Counter((one.operation, one.region) for one in sim.requests) == {
        **{
            (name, region): 1
            for name in ("ListGraphs", "ListMembers", "ListDatasourcePackages")
            for region in (REGION, ELSEWHERE)
        },
        ("ListGraphs", "us-west-2"): 1,
        ("ListGraphs", OPT_IN): 1,
    }
    assert not found.ok
    check_totals(found)
    json.dumps(found.to_dict())


async def test_a_row(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """It has the status, since when, the volume, and the packages."""
    load(sim, graph(STATUSES))
    found = {row.account_id: row for row in await survey(client, regions=[REGION])}
    enabled = found["200000000001"]
    assert (enabled.status, enabled.since, enabled.is_administrator) == (MemberStatus.ENABLED, UPDATED, False)
    assert enabled.volume is not None
    assert enabled.volume > 1_000_000_000
    assert enabled.packages["DETECTIVE_CORE"] == "STARTED"
    administrator = found[ADMINISTRATOR]
    assert (administrator.status, administrator.since, administrator.is_administrator) == (None, CREATED, True)
    assert (administrator.volume, administrator.packages) == (None, enabled.packages)
    assert found["200000000002"].volume is None
    assert json.loads(json.dumps(enabled.to_dict())) == {
        "account_id": "200000000001",
        "region": REGION,
        "covered": True,
        "expected": True,
        "status": "ENABLED",
        "reason": None,
        "is_administrator": False,
        "since": "2026-03-02T00:00:00Z",
        "volume": enabled.volume,
        "packages": dict(enabled.packages),
        "graph_arn": f"arn:aws:detective:{REGION}:{ADMINISTRATOR}:graph:{'0a' * 16}",
    }
    assert found["200000000002"].to_dict()["reason"] == "invited"


async def test_all_accounts_that_are_found(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Without a list, the members of one region are looked for in all."""
    load(sim, graph(STATUSES), graph({}, ELSEWHERE))
    found = await survey(client, regions=[REGION, ELSEWHERE])
    assert [row.account_id for row in found if row.region == REGION] == sorted(REASONS)
    assert reasons(found, ELSEWHERE)["200000000001"] is CoverageReason.NOT_A_MEMBER
    assert found.unlisted == ()
    check_totals(found)


async def test_everything_is_covered(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Then it is ok."""
    load(sim, graph({"200000000001": {"status": "ENABLED"}}))
    found = await survey(client, regions=[REGION])
    assert found.ok
    assert str(found) == "2 of 2 covered"
    assert found.totals.to_dict() == {"total": 2, "expected": 2, "covered": 2, "reasons": {}}


async def test_nothing_is_found(client: DetectiveClient) -> None:
    """Without a graph and a list there are no rows, and that is not ok; the region says why, and so does the text."""
    found = await survey(client, regions=[REGION])
    assert (len(found), found.ok, states(found)) == (0, False, {REGION: RegionState.NO_GRAPH})
    assert (found.regions[0].graph_arn, found.regions[0].administrator_id) == (None, None)
    assert str(found) == f"0 of 0 covered\n  {REGION}: no graph"
    check_totals(found)


async def test_unlisted_members(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Members that are not in the list are no rows, and are named apart."""
    load(sim, graph(STATUSES), graph({}, ELSEWHERE))
    found = await survey(client, regions=[REGION, ELSEWHERE], accounts=["200000000001", "200000000001"])
    assert len(found) == 2
    assert [(row.account_id, row.region) for row in found.unlisted][:2] == [
        (ADMINISTRATOR, REGION),
        (ADMINISTRATOR, ELSEWHERE),
    ]
    assert {row.account_id for row in found.unlisted} == REASONS.keys() - {"200000000001"}


async def test_accounts_of_an_organization(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Those that are not active say so, unless they are covered or that is not known; they are not expected to be."""
    load(sim, graph(STATUSES))
    sim.close_region(OPT_IN)
    accounts = [
        SimpleNamespace(account_id="200000000001", status="SUSPENDED"),
        SimpleNamespace(account_id="200000000002", status="PENDING_CLOSURE"),
        SimpleNamespace(account_id="200000000003", status="ACTIVE"),
        SimpleNamespace(account_id=STRANGER, status="CLOSED"),
        SimpleNamespace(account_id="300000000001", status="PENDING_ACTIVATION"),
        SimpleNamespace(account_id="300000000002", status=None),
        SimpleNamespace(account_id="300000000003"),
    ]
    found = await survey(client, regions=[REGION, ELSEWHERE, OPT_IN], accounts=accounts)
    assert reasons(found) == {
        "200000000001": None,
        "200000000002": CoverageReason.SUSPENDED,
        "200000000003": CoverageReason.VERIFICATION_FAILED,
        STRANGER: CoverageReason.SUSPENDED,
        "300000000001": CoverageReason.PENDING_ACTIVATION,
        "300000000002": CoverageReason.NOT_A_MEMBER,
        "300000000003": CoverageReason.NOT_A_MEMBER,
    }
    assert {row.status for row in found if row.account_id == "200000000002" and row.region == REGION} == {"INVITED"}
    assert reasons(found, ELSEWHERE)[STRANGER] is CoverageReason.SUSPENDED
    assert reasons(found, OPT_IN)[STRANGER] is CoverageReason.REGION_NOT_OPTED_IN
    inactive = {"200000000001", "200000000002", STRANGER, "300000000001"}
    assert {row.account_id for row in found if not row.expected} == inactive
    assert {row.account_id for row in found.uncovered}.isdisjoint(inactive)
    check_totals(found)
    assert (await survey(client, regions=[REGION], accounts=accounts[:2])).ok
    assert not (await survey(client, regions=[REGION], accounts=accounts[1:2])).ok


async def test_a_member_whose_volume_is_being_checked(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """It has accepted, and AWS has not said why it is disabled; another is still being verified."""
    sim.organization("999999999999", [ADMINISTRATOR, "200000000001", "200000000002"])
    management = client.with_options(credentials=sim.account("999999999999"))
    await management.enable_organization_admin_account(ADMINISTRATOR)
    graph_arn = str((await client.create_graph()).graph_arn)
    sim.set_activation_delay(1000)
    await client.bulk.create_members(graph_arn, [_account("200000000001")])
    sim.set_verification_delay(1000)
    await client.bulk.create_members(graph_arn, [_account("200000000002")])
    found = await survey(client, regions=[REGION])
    assert reasons(found) == {
        ADMINISTRATOR: None,
        "200000000001": CoverageReason.NOT_YET_ENABLED,
        "200000000002": CoverageReason.VERIFICATION_IN_PROGRESS,
    }


def _account(account_id: str) -> Any:
    from detective_async import Account  # noqa: PLC0415

    return Account(account_id, f"account-{account_id}@example.com")


async def test_read_lag(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """A graph that cannot be seen yet is none."""
    sim.set_read_lag(100)
    await sim.advance(100)
    await client.create_graph()
    assert states(await survey(client, regions=[REGION])) == {REGION: RegionState.NO_GRAPH}
    await sim.advance(101)
    assert states(await survey(client, regions=[REGION])) == {REGION: RegionState.NO_MEMBERS}


async def test_a_stopped_core_package(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """What is enabled is not covered without the package that the others build on; other packages do not count."""
    load(sim, graph(STATUSES))
    graph_arn = f"arn:aws:detective:{REGION}:{ADMINISTRATOR}:graph:{'0a' * 16}"
    sim.set_package(graph_arn, "EKS_AUDIT", "STOPPED")
    assert reasons(await survey(client, regions=[REGION])) == REASONS
    sim.set_package(graph_arn, "DETECTIVE_CORE", "STOPPED")
    found = await survey(client, regions=[REGION])
    stopped = dict.fromkeys((ADMINISTRATOR, "200000000001"), CoverageReason.INGESTION_STOPPED)
    assert reasons(found) == {**REASONS, **stopped}
    assert found.regions[0].packages["DETECTIVE_CORE"] == "STOPPED"


@pytest.mark.parametrize("operation", ["ListGraphs", "ListMembers"])
async def test_a_region_that_could_not_be_read(
    sim: DetectiveSimulator, client: DetectiveClient, operation: str
) -> None:
    """Its accounts are not said to be uncovered for another reason, and the region has the error."""
    load(sim, graph(STATUSES), graph(STATUSES, ELSEWHERE))
    sim.inject(Fault(DENIED, operation=operation, region=ELSEWHERE, count=None))
    found = await survey(client, regions=[REGION, ELSEWHERE], accounts=[*REASONS, STRANGER])
    assert set(reasons(found, ELSEWHERE).values()) == {CoverageReason.COULD_NOT_LOOK}
    region = found.regions[1]
    assert (region.state, region.graph_arn) == (RegionState.COULD_NOT_LOOK, None)
    assert isinstance(region.error, AccessDeniedException)
    assert region.to_dict()["error"]["code"] == "AccessDeniedException"
    assert f"  {ELSEWHERE}: could not look: AccessDeniedException" in str(found)
    check_totals(found)


async def test_packages_that_could_not_be_read(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """The members tell what is covered; the region has the error."""
    load(sim, graph(STATUSES))
    sim.inject(Fault(DENIED, operation="ListDatasourcePackages"))
    found = await survey(client, regions=[REGION])
    assert reasons(found) == REASONS
    (region,) = found.regions
    assert (region.state, region.packages, region.members) == (RegionState.MEMBERS, {}, 5)
    assert isinstance(region.error, AccessDeniedException)


async def test_no_region_responds(sim: DetectiveSimulator) -> None:
    """Nothing is known."""
    sim.inject(Fault(Drop("before"), count=None))
    async with DetectiveClient(
        region=REGION, endpoint_url=sim.url, credentials=sim.account(ADMINISTRATOR), retry=RetryPolicy(max_attempts=1)
    ) as client:
        found = await survey(client, regions=[REGION, ELSEWHERE], accounts=[STRANGER])
    assert set(states(found).values()) == {RegionState.COULD_NOT_LOOK}
    assert isinstance(found.regions[0].error, TransportError)
    assert {row.reason for row in found} == {CoverageReason.COULD_NOT_LOOK}


@pytest.mark.parametrize("accepted", [True, False])
async def test_unknown_keys(sim: DetectiveSimulator, client: DetectiveClient, accepted: bool) -> None:
    """A region is closed if another one has accepted the keys, and if it has to be opted in to at all."""
    load(sim, graph({}))
    for region in (OPT_IN, ELSEWHERE, *(() if accepted else (REGION,))):
        sim.inject(Fault(UNKNOWN_KEYS, region=region, count=None))
    found = states(await survey(client, regions=[REGION, OPT_IN, ELSEWHERE]))
    assert found[OPT_IN] == (RegionState.NOT_OPTED_IN if accepted else RegionState.COULD_NOT_LOOK)
    assert found[ELSEWHERE] == RegionState.COULD_NOT_LOOK


async def test_a_region_that_says_that_it_is_closed(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """AWS's own word is enough."""
    sim.inject(Fault(Failure(403, "OptInRequired", "opt in"), count=None))
    assert states(await survey(client, regions=[OPT_IN])) == {OPT_IN: RegionState.NOT_OPTED_IN}


@pytest.fixture
def missing_hosts() -> Iterator[set[str]]:
    """The regions whose hosts do not exist."""
    regions: set[str] = set()
    original = DetectiveClient.list_graphs

    async def list_graphs(self: DetectiveClient, **options: Any) -> Any:
        if self.region in regions:
            raise HostNotFound("no such host", operation="ListGraphs", attempts=1, outcome_unknown=False)
        return await original(self, **options)

    with patch.object(DetectiveClient, "list_graphs", list_graphs):
        yield regions


@pytest.mark.parametrize(
    ("missing", "options", "state"),
    [
        ([NOWHERE], {}, RegionState.WITHOUT_DETECTIVE),
        # botocore's list has it.
        ([ELSEWHERE], {}, RegionState.COULD_NOT_LOOK),
        # No region has responded.
        ([NOWHERE, REGION], {}, RegionState.COULD_NOT_LOOK),
        # FIPS hosts exist in a few regions only, and the host of an endpoint URL is none of the regions' own.
        ([NOWHERE], {"use_fips": True}, RegionState.COULD_NOT_LOOK),
        ([NOWHERE], {"endpoint_url": "https://detective.example.com"}, RegionState.COULD_NOT_LOOK),
    ],
)
async def test_a_host_that_does_not_exist(
    mock_aws: Any, missing_hosts: set[str], missing: list[str], options: dict[str, Any], state: RegionState
) -> None:
    """The region has no Detective if another region's host has responded, and botocore does not list it."""
    missing_hosts.update(missing)
    host = f"https://api.detective{'-fips' * ('use_fips' in options)}.{REGION}.amazonaws.com"
    mock_aws.post(f"{options.get('endpoint_url', host)}/graphs/list", payload={"GraphList": []}, repeat=True)
    async with DetectiveClient(
        region=REGION, credentials=Credentials("a", "b"), retry=RetryPolicy(max_attempts=1), **options
    ) as client:
        found = await survey(client, regions=[REGION, missing[0]], accounts=[STRANGER])
    assert states(found)[missing[0]] == state
    reason = CoverageReason.REGION_WITHOUT_DETECTIVE
    assert (reasons(found, missing[0])[STRANGER] is reason) == (state is RegionState.WITHOUT_DETECTIVE)


async def test_all_regions(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """They are those that botocore lists; what is closed is not expected, unless nobody knows; progress counts them."""
    names = await detective_regions("aws")
    load(sim, *(graph({"200000000001": {"status": "ENABLED"}}, one) for one in names))
    sim.close_region(OPT_IN)
    events: list[ProgressEvent] = []
    found = await survey(client, regions="all", progress=events.append)
    assert [one.region for one in found.regions] == names
    assert (found.ok, len(found.uncovered)) == (True, 0)
    assert {row.region for row in found if not row.expected} == {OPT_IN}
    assert found.totals.expected == 2 * (len(names) - 1)
    check_totals(found)
    assert (events[-1].done, events[-1].total, events[-1].failed) == (len(names), len(names), 1)
    found = await survey(client, regions=[REGION, OPT_IN])
    assert (found.ok, len(found.uncovered)) == (False, 2)


async def test_one_missing_host_of_all_regions(
    sim: DetectiveSimulator, client: DetectiveClient, missing_hosts: set[str]
) -> None:
    """Nobody has looked there, so that not everything is covered."""
    names = await detective_regions("aws")
    load(sim, *(graph({"200000000001": {"status": "ENABLED"}}, one) for one in names))
    missing_hosts.add(ELSEWHERE)
    found = await survey(client, regions="all")
    assert not found.ok
    assert {row.region for row in found.uncovered} == {ELSEWHERE}
    assert set(reasons(found, ELSEWHERE).values()) == {CoverageReason.COULD_NOT_LOOK}


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        ({"Status": "ADDED_TOMORROW"}, CoverageReason.OTHER),
        ({"Status": "ACCEPTED_BUT_DISABLED", "DisabledReason": "ADDED_TOMORROW"}, CoverageReason.OTHER),
        ({"Status": "ENABLED"}, None),
        ({"Status": "ENABLED", "DatasourcePackageIngestStates": {"DETECTIVE_CORE": "ADDED"}}, None),
        (
            {"Status": "ENABLED", "DatasourcePackageIngestStates": {"DETECTIVE_CORE": "DISABLED"}},
            CoverageReason.INGESTION_STOPPED,
        ),
    ],
)
async def test_members_with_little_or_new_detail(
    sim: DetectiveSimulator, client: DetectiveClient, member: dict[str, Any], reason: CoverageReason | None
) -> None:
    """What AWS leaves out says nothing, and what it adds is a reason of its own."""
    load(sim, graph({}))
    usage = {"VolumeUsageByDatasourcePackage": {"EKS_AUDIT": {}}, "VolumeUsageInBytes": 7}
    details = {"AccountId": STRANGER, "GraphArn": "arn", **usage, **member}
    body = json.dumps({"MemberDetails": [details]}).encode()
    sim.inject(Fault(Garbage(body, content_type="application/json"), operation="ListMembers"))
    found = await survey(client, regions=[REGION], accounts=[STRANGER])
    assert reasons(found) == {STRANGER: reason}
    assert (found.rows[0].volume, found.rows[0].since) == (7, None)


async def test_a_graph_without_an_arn(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """It cannot be read, and is not taken for none."""
    sim.inject(Fault(Garbage(b'{"GraphList": [{}]}', content_type="application/json")))
    found = await survey(client, regions=[REGION])
    assert states(found) == {REGION: RegionState.COULD_NOT_LOOK}
    assert "the member is missing @ $.graph_list[0].arn" in str(found.regions[0].error)


@pytest.mark.parametrize(
    ("arguments", "parameter"),
    [
        ({"regions": []}, "regions"),
        ({"regions": REGION}, "regions"),
        ({"regions": [REGION, REGION]}, "regions[1]"),
        ({"accounts": []}, "accounts"),
        ({"accounts": STRANGER}, "accounts"),
        ({"accounts": [STRANGER, "7"]}, "accounts[1]"),
        ({"accounts": [object()]}, "accounts[0]"),
        ({"concurrency": 0}, "concurrency"),
        ({"progress": 7}, "progress"),
    ],
)
async def test_invalid_parameters(
    sim: DetectiveSimulator, client: DetectiveClient, arguments: dict[str, Any], parameter: str
) -> None:
    """They are refused before anything is sent."""
    with pytest.raises(ParameterError) as caught:
        await survey(client, **{"regions": [REGION], **arguments})
    assert caught.value.parameter == parameter
    assert sim.requests == []


async def test_an_account_id_that_is_a_number(client: DetectiveClient) -> None:
    """The error says so."""
    with pytest.raises(ParameterError, match=r"expected an account id \(12 digits, as a string\), got an int"):
        await survey(client, regions=[REGION], accounts=[111122223333])


def fleet_of(sim: DetectiveSimulator, *regions: str) -> DetectiveFleet:
    """Return a fleet of two administrators."""
    targets = [Target(one, region, sim.account(one)) for one in (ADMINISTRATOR, OTHER) for region in regions]
    return DetectiveFleet(targets, endpoint_url=sim.url, region=REGION, retry=RetryPolicy(max_attempts=1))


async def test_several_administrators(sim: DetectiveSimulator) -> None:
    """An account is covered by any of them; otherwise its row is that of the graph in which it has come furthest."""
    other = {
        "200000000001": {"status": "INVITED"},
        "200000000002": {"status": "ENABLED"},
        "200000000003": {"status": "INVITED"},
        ADMINISTRATOR: {"status": "INVITED"},
    }
    load(sim, graph(STATUSES), graph(other, REGION, OTHER), graph({}, ELSEWHERE, OTHER))
    async with fleet_of(sim, REGION, ELSEWHERE) as fleet:
        found = await survey_fleet(fleet, accounts=[*REASONS, OTHER, STRANGER])
    assert reasons(found) == {
        **REASONS,
        "200000000002": None,
        "200000000003": CoverageReason.INVITED,
        OTHER: None,
        STRANGER: CoverageReason.NOT_A_MEMBER,
    }
    assert reasons(found, ELSEWHERE)[STRANGER] is CoverageReason.NOT_A_MEMBER
    assert [(one.region, one.administrator_id, one.state) for one in found.regions] == [
        (REGION, ADMINISTRATOR, RegionState.MEMBERS),
        (REGION, OTHER, RegionState.MEMBERS),
        (ELSEWHERE, ADMINISTRATOR, RegionState.NO_GRAPH),
        (ELSEWHERE, OTHER, RegionState.NO_MEMBERS),
    ]
    check_totals(found)


async def test_an_administrator_that_could_not_be_asked(sim: DetectiveSimulator) -> None:
    """What another one does not cover is not known; what it covers is."""
    load(sim, graph(STATUSES), graph({}, REGION, OTHER))
    sim.inject(Fault(DENIED, operation="ListMembers", account=OTHER))
    async with fleet_of(sim, REGION) as fleet:
        found = await survey_fleet(fleet, accounts=["200000000001", STRANGER])
    assert reasons(found) == {"200000000001": None, STRANGER: CoverageReason.COULD_NOT_LOOK}


async def test_regions_of_a_fleet(sim: DetectiveSimulator, missing_hosts: set[str]) -> None:
    """A region that is unavailable is no failure, and is told from one without a graph."""
    load(sim, graph(STATUSES), graph({}, REGION, OTHER))
    sim.close_region(OPT_IN)
    async with fleet_of(sim, REGION, OPT_IN) as fleet:
        found = await survey_fleet(fleet)
    assert {one.state for one in found.regions if one.region == OPT_IN} == {RegionState.NOT_OPTED_IN}
    assert set(reasons(found, OPT_IN).values()) == {CoverageReason.REGION_NOT_OPTED_IN}
    missing_hosts.add(OPT_IN)
    async with fleet_of(sim, REGION, OPT_IN) as fleet:
        found = await survey_fleet(fleet)
    # At a custom endpoint, a missing host says nothing of the region.
    assert {one.state for one in found.regions if one.region == OPT_IN} == {RegionState.COULD_NOT_LOOK}


async def test_surveys_of_parts(sim: DetectiveSimulator) -> None:
    """They are joined to what one survey of all tells, whatever each was asked about; a part that failed says so."""
    other = {"200000000001": {"status": "INVITED"}, "200000000002": {"status": "ENABLED"}}
    load(sim, graph(STATUSES), graph(other, REGION, OTHER), graph({}, ELSEWHERE, OTHER))
    accounts: list[Any] = [*REASONS, OTHER, STRANGER]
    accounts.append(SimpleNamespace(account_id="200000000009", status="SUSPENDED"))
    parts, listed = [], []
    async with fleet_of(sim, REGION, ELSEWHERE) as fleet:
        whole = await survey_fleet(fleet, accounts=accounts)
        everything = await survey_fleet(fleet)
        for index in range(3):
            async with fleet.shard(index, 3) as shard:
                parts.append(await survey_fleet(shard))
                listed.append(await survey_fleet(shard, accounts=accounts))
    assert join_surveys(reversed(parts), accounts=accounts) == whole
    assert join_surveys(listed, accounts=accounts) == whole
    # What they were asked about is not forgotten.
    assert sorted(join_surveys(listed), key=repr) == sorted(whole, key=repr)
    assert join_surveys(parts) == everything
    lost = RegionCoverage(region=REGION, state=RegionState.COULD_NOT_LOOK, error=TimeoutError("lost"))
    found = join_surveys([*parts, Coverage(rows=(), regions=(lost,))], accounts=accounts)
    assert reasons(found)[STRANGER] is CoverageReason.COULD_NOT_LOOK
    assert reasons(found)["200000000002"] is None
    for wrong in ([7], parts[0]):
        with pytest.raises(ParameterError, match="surveys"):
            join_surveys(wrong)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


async def test_surveys_of_accounts_that_are_not_active(sim: DetectiveSimulator) -> None:
    """Joined, their rows say so still, and not that something is covered which is not."""
    load(sim, graph(STATUSES))
    inactive = SimpleNamespace(account_id="200000000002", status="CLOSED")
    async with fleet_of(sim, REGION) as fleet:
        part = await survey_fleet(fleet, accounts=[inactive])
    found = join_surveys([part], accounts=["200000000002"])
    assert reasons(found) == {"200000000002": CoverageReason.SUSPENDED}
    assert not found.ok


async def test_a_fleet_of_something_else() -> None:
    """It is refused."""
    with pytest.raises(ParameterError, match="fleet"):
        await survey_fleet(None)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def test_rows_can_be_compared_and_changed() -> None:
    """They are values."""
    row = CoverageRow(account_id=STRANGER, region=REGION, covered=True)
    assert evolve(row, covered=True) == row


async def test_a_region_that_does_not_answer(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """It has the error, and so has one that was not asked before the time was over; the others are read."""
    load(sim, graph(STATUSES), graph({}, ELSEWHERE))
    sim.inject(Fault(Latency(30), "ListMembers", region=ELSEWHERE))
    progress: list[ProgressEvent] = []
    regions = [REGION, ELSEWHERE, "us-west-2"]
    found = await survey(
        client, regions=regions, accounts=[STRANGER], timeout=3, concurrency=1, progress=progress.append
    )
    assert states(found) == {REGION: RegionState.MEMBERS, **dict.fromkeys(regions[1:], RegionState.COULD_NOT_LOOK)}
    assert reasons(found, ELSEWHERE) == {STRANGER: CoverageReason.COULD_NOT_LOOK}
    errors = [one.error for one in found.regions[1:]]
    assert [str(one) for one in errors] == ["the region was not read within 3 s"] * 2
    assert all(isinstance(one, WaiterTimeout) and one.timeout == 3 for one in errors)
    assert (progress[-1].done, progress[-1].failed) == (3, 2)
    with pytest.raises(ParameterError, match="timeout"):
        await survey(client, regions=regions, timeout=0)

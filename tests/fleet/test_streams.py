"""Merged streams yield the items of the clients' own iterators, target by target, in order."""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from support.fakes import FakeTime

from detective_async import (
    AccessDeniedException,
    Credentials,
    DetectiveClient,
    DetectiveFleet,
    FilterCriteria,
    FleetStream,
    IndicatorType,
    OutcomeKind,
    SortCriteria,
    StringFilter,
    Target,
)
from detective_async.testing import DetectiveSimulator, Failure, Fault
from fleet.counting_server import accounts, disable_debug

EVERY = accounts(4)
MANAGER = "999999999999"
REGIONS = ("eu-west-1", "us-east-1")


def _graph(administrator: str, region: str, number: int) -> dict[str, Any]:
    """Return a graph; the sizes range from no members to more than a page."""
    members = accounts(1000)[100 : 100 + number * 70]
    return {
        "administrator": administrator,
        "region": region,
        "members": [
            # Every account is invited by all others.
            *({"account": one, "status": "INVITED"} for one in EVERY if one != administrator),
            *({"account": one} for one in members),
        ],
        "investigations": [
            {
                "entity_arn": f"arn:aws:iam::{administrator}:role/role-{investigation}",
                "severity": ("LOW", "HIGH", "CRITICAL")[investigation % 3],
            }
            for investigation in range(number)
        ],
    }


#: The last account has no graph in the second region.
WITHOUT = (EVERY[-1], REGIONS[-1])
WORLD = {
    "accounts": [{"id": one} for one in EVERY],
    "organizations": [
        {
            "management_account": MANAGER,
            "accounts": EVERY,
            "administrators": {region: {"account": EVERY[0]} for region in REGIONS},
        }
    ],
    "graphs": [
        _graph(one, region, number)
        for number, (one, region) in enumerate((one, region) for one in EVERY for region in REGIONS)
        if (one, region) != WITHOUT
    ],
}


@pytest.fixture
async def sim(fake_time: FakeTime) -> AsyncIterator[DetectiveSimulator]:
    """A simulator at the client's time: it measures volumes each full hour, which a test must not cross."""
    async with DetectiveSimulator(wall_clock=lambda: fake_time.now) as simulator:
        yield simulator


@pytest.fixture
async def fleet(sim: DetectiveSimulator, fake_time: FakeTime) -> AsyncIterator[DetectiveFleet]:
    sim.load(WORLD)
    disable_debug()
    targets = [Target(one, region, sim.account(one)) for one in (*EVERY, MANAGER) for region in REGIONS]
    async with DetectiveFleet(targets, endpoint_url=sim.url, concurrency=4, clock=fake_time.clock()) as fleet:
        yield fleet


CRITERIA = FilterCriteria(severity=StringFilter("CRITICAL"))
BY_SEVERITY = SortCriteria(field="SEVERITY", sort_order="DESC")
NEW_ASO = IndicatorType.NEW_ASO


async def _by_graph(client: DetectiveClient, iterate: Callable[[DetectiveClient, str], Any]) -> list[Any]:
    graphs = (await client.list_graphs()).graph_list
    return [item for graph in graphs async for item in iterate(client, str(graph.arn))]


async def _indicators(client: DetectiveClient, arn: str, criteria: Any = None, kind: Any = None) -> AsyncIterator[Any]:
    async for one in client.iter_investigations(arn, filter_criteria=criteria):
        async for indicator in client.iter_indicators(arn, str(one.investigation_id), indicator_type=kind):
            yield one, indicator


Truth = Callable[[DetectiveClient], Any]
Open = Callable[[DetectiveFleet], FleetStream[Any]]


def _of_graphs(method: str, **options: Any) -> Truth:
    """Return the items of a client's iterator for all graphs of the client."""
    return lambda client: _by_graph(client, lambda client, arn: getattr(client, method)(arn, **options))


def _stream(least: int, method: str, **options: Any) -> tuple[int, Open, Truth]:
    """Return a stream of the items of graphs."""
    truth = _of_graphs(method, **{name: value for name, value in options.items() if name != "page_size"})
    return least, lambda fleet: getattr(fleet, method)(**options), truth


def _plain_stream(least: int, method: str) -> tuple[int, Open, Truth]:
    """Return a stream of items that belong to no graph."""
    return least, lambda fleet: getattr(fleet, method)(), lambda client: getattr(client, method)().collect()


#: The minimum number of items, the fleet's stream, and the items according to a target's own client.
STREAMS: dict[str, tuple[int, Open, Truth]] = {
    "graphs": _plain_stream(7, "iter_graphs"),
    "members": _stream(1400, "iter_members"),
    "members, a few at a time": _stream(1400, "iter_members", page_size=30),
    "invitations": _plain_stream(21, "iter_invitations"),
    "administrators": _plain_stream(2, "iter_organization_admin_accounts"),
    "packages": _stream(7, "iter_datasource_packages"),
    "investigations": _stream(21, "iter_investigations"),
    "some investigations": _stream(5, "iter_investigations", filter_criteria=CRITERIA),
    "investigations in an order": _stream(21, "iter_investigations", sort_criteria=BY_SEVERITY),
    "indicators": (21, lambda fleet: fleet.iter_indicators(), lambda client: _by_graph(client, _indicators)),
    "some indicators": (
        1,
        lambda fleet: fleet.iter_indicators(filter_criteria=CRITERIA, indicator_type=NEW_ASO),
        lambda client: _by_graph(client, lambda client, arn: _indicators(client, arn, CRITERIA, NEW_ASO)),
    ),
}
#: The accounts that may not call it: only the management account may list the administrators.
BARRED = {"administrators": EVERY}


@pytest.mark.parametrize("name", STREAMS)
async def test_items(fleet: DetectiveFleet, caplog: pytest.LogCaptureFixture, name: str) -> None:
    """No item is missing, duplicated or attributed to a wrong target; the outcomes count them."""
    least, open_stream, truth = STREAMS[name]
    barred = {str(target) for target in fleet._targets if target.account_id in BARRED.get(name, ())}
    expected: dict[str, list[Any]] = {}
    for target in fleet._targets:
        if str(target) not in barred:
            client = fleet._client.with_options(region=target.region, credentials=target.credentials)
            expected[str(target)] = await truth(client)
    stream = open_stream(fleet)
    assert (stream.outcomes, stream.failures) == ([], [])
    # A second iteration sends the requests again.
    for _ in range(2):
        found: dict[str, list[Any]] = defaultdict(list)
        async for target, item in stream:
            found[str(target)].append(item)
        assert found == {target: items for target, items in expected.items() if items}
        assert sum(map(len, found.values())) >= least
        counts = {str(outcome.target): outcome.value for outcome in stream.outcomes if outcome.ok}
        assert counts == {target: len(items) for target, items in expected.items()}
        assert {str(outcome.target) for outcome in stream.failures} == barred
        stream.outcomes.clear()
        assert len(stream.outcomes) == 10
    assert len([one for one in caplog.messages if "failed" in one]) == 2 * len(barred)


async def test_failing_target(sim: DetectiveSimulator, fleet: DetectiveFleet, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged and in `failures`; its earlier items and the other targets' items remain."""
    bad = EVERY[3]
    seen = []
    stream = fleet.iter_members(page_size=50)
    async for target, member in stream:
        seen.append((target, member.account_id))
        if target.account_id == bad and not sim.faults:
            sim.inject(Fault(Failure(403, "AccessDeniedException", "no"), "ListMembers", account=bad, count=None))
    assert len(stream.outcomes) == 10
    (failure,) = stream.failures
    assert (failure.target.account_id, failure.value, failure.kind) == (bad, None, OutcomeKind.FAILED)
    assert isinstance(failure.error, AccessDeniedException)
    # The page before the failure, and those in flight.
    assert 50 <= len([1 for target, _ in seen if target.account_id == bad]) < 500
    assert sum(outcome.value or 0 for outcome in stream.outcomes) == len(
        [1 for target, _ in seen if target.account_id != bad]
    )
    (warning,) = [record for record in caplog.records if record.name == "detective_async.fleet"]
    assert (warning.levelname, warning.getMessage()) == ("WARNING", f"{bad} in eu-west-1 failed: {failure.error}")
    assert (vars(warning)["account"], vars(warning)["region"]) == (bad, "eu-west-1")
    assert vars(warning)["error_code"] == "AccessDeniedException"


async def test_closed_region(sim: DetectiveSimulator, fleet: DetectiveFleet, caplog: pytest.LogCaptureFixture) -> None:
    """It has its own outcome kind, and is not logged."""
    sim.close_region(REGIONS[1])
    stream = fleet.iter_graphs()
    assert {target.region async for target, _ in stream} == {REGIONS[0]}
    assert stream.failures == []
    kinds = [outcome.kind for outcome in stream.outcomes]
    assert kinds.count(OutcomeKind.REGION_UNAVAILABLE) == kinds.count(OutcomeKind.SUCCEEDED) == 5
    assert not [record for record in caplog.records if record.name == "detective_async.fleet"]


async def test_keys_that_no_region_knows(
    sim: DetectiveSimulator, fleet: DetectiveFleet, caplog: pytest.LogCaptureFixture
) -> None:
    """They may not exist, so that all targets have failed, and are logged."""
    for region in REGIONS:
        sim.close_region(region)
    stream = fleet.iter_graphs()
    assert [pair async for pair in stream] == []
    assert len(stream.failures) == len(stream.outcomes) == 10
    warnings = [record for record in caplog.records if record.name == "detective_async.fleet"]
    assert [vars(record)["error_code"] for record in warnings] == ["UnrecognizedClientException"] * 10


async def test_missing_ids(mock_aws: Any) -> None:
    """A graph without an ARN is a failure of its target, and nothing is skipped silently."""
    base = "https://api.detective.eu-west-1.amazonaws.com"
    mock_aws.post(f"{base}/graphs/list", payload={"GraphList": [{}]})
    async with DetectiveFleet([Target("111122223333", "eu-west-1", Credentials("a", "b"))]) as fleet:
        stream = fleet.iter_indicators()
        assert [pair async for pair in stream] == []
    (failure,) = stream.failures
    assert "the member is missing @ $.graph_list[0].arn" in str(failure.error)

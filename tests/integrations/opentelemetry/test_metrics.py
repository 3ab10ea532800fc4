"""The metrics: counters of calls, attempts and throttles, durations, and the retry quota."""

import pytest
from integrations.opentelemetry.recorded import HUB, REGION, Recorded, attributes_of, id_of
from opentelemetry.semconv.schemas import Schemas
from yarl import URL

from detective_async import (
    ClientOptions,
    ConnectionLost,
    DeadlineExceeded,
    DetectiveClient,
    DetectiveFleet,
    RetryPolicy,
    ServiceError,
    Target,
    Timeouts,
)
from detective_async.integrations.opentelemetry.cardinality import LowestQuotas
from detective_async.testing import DetectiveSimulator, Drop, Failure, Fault, Latency

THROTTLED = "TooManyRequestsException"


async def test_counts(recorded: Recorded, client: DetectiveClient, sim: DetectiveSimulator) -> None:
    """Calls and attempts are counted by result, and throttles separately."""
    sim.throttle(2, operation="ListGraphs")
    await client.list_graphs()
    await client.list_graphs()
    sim.inject(Fault(Drop(), operation="ListInvitations", count=None))
    with pytest.raises(ConnectionLost):
        await client.list_invitations()
    assert recorded.counted("detective_async.calls") == {
        ("ListGraphs", None): 2,
        ("ListInvitations", "ConnectionLost"): 1,
    }
    assert recorded.counted("detective_async.attempts") == {
        ("ListGraphs", THROTTLED): 2,
        ("ListGraphs", None): 2,
        ("ListInvitations", "ConnectionLost"): 3,
    }
    assert recorded.counted("detective_async.throttles") == {("ListGraphs", None): 2}


async def test_interrupted_attempt(recorded: Recorded, client: DetectiveClient, sim: DetectiveSimulator) -> None:
    """An attempt that the end of its call interrupted is counted too."""
    sim.inject(Fault(Latency(60)))
    with pytest.raises(DeadlineExceeded):
        await client.with_options(timeouts=Timeouts(total=0.1)).list_graphs()
    assert recorded.counted("detective_async.attempts") == {("ListGraphs", "DeadlineExceeded"): 1}
    assert recorded.counted("detective_async.calls") == {("ListGraphs", "DeadlineExceeded"): 1}


async def test_durations(recorded: Recorded, client: DetectiveClient, sim: DetectiveSimulator) -> None:
    """They are in seconds, waits included, with the boundaries of the conventions."""
    sim.throttle()
    await client.list_graphs()
    [point] = recorded.points("rpc.client.call.duration")
    assert (point.count, point.sum) == (1, 1.0)
    assert point.explicit_bounds == (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)


async def test_attributes_of_durations(recorded: Recorded, client: DetectiveClient, sim: DetectiveSimulator) -> None:
    """They are those of the conventions for RPC: the method with its service, the server, the error."""
    await client.list_graphs()
    sim.inject(Fault(Failure(status=403, code="AccessDeniedException")))
    with pytest.raises(ServiceError):
        await client.create_graph()
    done, denied = map(attributes_of, recorded.points("rpc.client.call.duration"))
    server = {"server.address": "127.0.0.1", "server.port": URL(sim.url).port}
    everywhere = {"rpc.system.name": "aws-api", "cloud.region": REGION, **server}
    assert done == {"rpc.method": "Detective/ListGraphs", **everywhere}
    assert denied == {"rpc.method": "Detective/CreateGraph", "error.type": "AccessDeniedException", **everywhere}


async def test_schema(recorded: Recorded, client: DetectiveClient) -> None:
    """Spans and metrics name the version of the conventions that they follow, one that exists."""
    await client.list_graphs()
    data = recorded.reader.get_metrics_data()
    assert data is not None
    [scope] = data.resource_metrics[0].scope_metrics
    [span] = recorded.calls
    assert span.instrumentation_scope is not None
    assert scope.schema_url == scope.scope.schema_url == span.instrumentation_scope.schema_url
    assert scope.schema_url in {schema.value for schema in Schemas}


@pytest.mark.parametrize("metric", ["rpc.client.call.duration", "detective_async.calls", "detective_async.attempts"])
async def test_exemplars(metric: str, recorded: Recorded, client: DetectiveClient) -> None:
    """Exemplars refer to the call's span."""
    await client.list_graphs()
    [span] = recorded.calls
    [point] = recorded.points(metric)
    assert [exemplar.span_id for exemplar in point.exemplars] == [id_of(span).span_id]


OF_CALLS = {"rpc.system", "rpc.system.name", "rpc.service", "rpc.method", "cloud.region"}
OF_DURATIONS = {"rpc.system.name", "rpc.method", "cloud.region", "server.address", "server.port"}


@pytest.mark.parametrize(
    ("metric", "names"),
    [
        ("rpc.client.call.duration", OF_DURATIONS),
        ("detective_async.calls", OF_CALLS),
        ("detective_async.attempts", OF_CALLS),
        ("detective_async.throttles", OF_CALLS),
        ("detective_async.retry_quota", {"rpc.service", "cloud.region"}),
    ],
)
async def test_attributes(
    metric: str, names: set[str], recorded: Recorded, client: DetectiveClient, sim: DetectiveSimulator
) -> None:
    """They have a low cardinality: no account and no request."""
    sim.throttle()
    await client.list_graphs()
    assert {name for point in recorded.points(metric) for name in attributes_of(point)} - {"error.type"} == names


async def test_retry_quota(recorded: Recorded, options: ClientOptions, sim: DetectiveSimulator) -> None:
    """It is the lowest quota of the accounts in the region."""
    sim.throttle(3, account=HUB, region="us-east-1")
    accounts = [HUB, "444455556666", "777788889999"]
    targets = [
        Target(account, region, sim.account(account)) for account in accounts for region in (REGION, "us-east-1")
    ]
    options["retry"] = RetryPolicy(max_attempts=3, retry_cost=5)
    async with DetectiveFleet(targets, concurrency=1, **options) as fleet:
        outcomes = [outcome async for outcome in fleet.run(lambda client, _target: client.list_graphs())]
    assert [outcome.error is None for outcome in outcomes].count(False) == 1
    levels = {point.attributes["cloud.region"]: point.value for point in recorded.points("detective_async.retry_quota")}
    # Two retries, at 5 each.
    assert levels == {REGION: 500, "us-east-1": 490}


async def test_error_codes_are_limited(recorded: Recorded, client: DetectiveClient, sim: DetectiveSimulator) -> None:
    """Any number of error codes makes a hundred series, of which the first ones remain; the spans have all codes."""
    for number in (*range(120), 0):
        sim.inject(Fault(Failure(status=400, code=f"Code{number}")))
        with pytest.raises(ServiceError):
            await client.list_graphs()
    counts = recorded.counted("detective_async.calls")
    assert len(counts) == 101
    assert (counts["ListGraphs", "_OTHER"], counts["ListGraphs", "Code0"]) == (20, 2)
    assert {attributes_of(span)["error.type"] for span in recorded.calls} == {f"Code{number}" for number in range(120)}


def test_lowest_quota() -> None:
    """It is the lowest of the accounts with less than a full quota."""
    levels = LowestQuotas()
    assert levels.lowest("here", "one", 100) == 100
    assert levels.lowest("here", "two", 300) == 100
    assert levels.lowest("there", "three", 500) == 500
    assert levels.lowest("here", "one", 500) == 300
    assert levels.lowest("here", "two", 500) == 500


def test_number_of_accounts() -> None:
    """The latest 256 accounts per region are remembered."""
    levels = LowestQuotas()
    levels.lowest("here", "first", 1)
    levels.lowest("here", "second", 2)
    levels.lowest("here", "first", 1)
    found = [levels.lowest("here", str(number), 400) for number in range(256)]
    assert found == [1] * 255 + [400]


def test_accounts_with_a_full_quota() -> None:
    """They do not evict others."""
    levels = LowestQuotas()
    levels.lowest("here", "drained", 1)
    assert {levels.lowest("here", str(number), 500) for number in range(300)} == {1}

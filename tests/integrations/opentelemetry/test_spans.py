"""Spans with the attributes of the semantic conventions; attempts and waits are span events."""

import asyncio
import json
from typing import Any

import pytest
from integrations.opentelemetry.recorded import HUB, REGION, Recorded, attributes_of
from opentelemetry.semconv._incubating.attributes import aws_attributes, cloud_attributes, rpc_attributes
from opentelemetry.semconv.attributes import error_attributes, http_attributes, server_attributes
from opentelemetry.trace import SpanKind, StatusCode
from yarl import URL

from detective_async import (
    Account,
    ClientOptions,
    ConnectionLost,
    Credentials,
    CredentialsError,
    DeadlineExceeded,
    DecodeError,
    DetectiveClient,
    DetectiveError,
    ServiceError,
    Timeouts,
    __version__,
)
from detective_async.testing import DetectiveSimulator, Drop, Failure, Fault, Garbage, Latency

SECRET = "hunter2hunter2hunter2"


async def test_call(recorded: Recorded, client: DetectiveClient, sim: DetectiveSimulator) -> None:
    """Name, kind and attributes are those of the conventions for AWS SDKs."""
    await client.list_graphs()
    [span] = recorded.calls
    assert (span.name, span.kind, span.status.status_code) == (
        "Detective.ListGraphs",
        SpanKind.CLIENT,
        StatusCode.UNSET,
    )
    scope = span.instrumentation_scope
    assert scope is not None
    assert (scope.name, scope.version) == ("detective_async", __version__)
    attributes = attributes_of(span)
    assert attributes.pop("aws.request_id") == sim.requests[-1].request_id
    assert attributes == {
        "rpc.system": "aws-api",
        "rpc.system.name": "aws-api",
        "rpc.service": "Detective",
        "rpc.method": "ListGraphs",
        "cloud.region": REGION,
        "cloud.account.id": HUB,
        "server.address": "127.0.0.1",
        "server.port": URL(sim.url).port,
        "http.response.status_code": 200,
        "detective_async.attempts": 1,
        "detective_async.waited": 0.0,
        "detective_async.retry_quota": 500,
    }


async def test_attribute_names(recorded: Recorded, client: DetectiveClient, sim: DetectiveSimulator) -> None:
    """Each is in the conventions or starts with `detective_async.`."""
    sim.inject(Fault(Failure(), count=None))
    with pytest.raises(ServiceError):
        await client.list_graphs()
    modules = (aws_attributes, cloud_attributes, rpc_attributes, error_attributes, http_attributes, server_attributes)
    conventional = {value for module in modules for value in vars(module).values() if isinstance(value, str)}
    [span] = recorded.calls
    for thing in (span, *span.events):
        names = {name for name in attributes_of(thing) if not name.startswith("detective_async.")}
        assert names <= conventional


async def test_attempts_and_waits(recorded: Recorded, client: DetectiveClient, sim: DetectiveSimulator) -> None:
    """Each is a span event, in order, with its time and result."""
    sim.throttle()
    sim.inject(Fault(Drop()))
    await client.list_graphs()
    [span] = recorded.calls
    throttled, first_wait, lost, second_wait, done = span.events
    assert [event.name.rpartition(".")[2] for event in span.events] == [
        "attempt",
        "retry",
        "attempt",
        "retry",
        "attempt",
    ]
    ids = [request.request_id for request in sim.requests]
    code = "TooManyRequestsException"
    assert attributes_of(throttled) == {
        "detective_async.attempt": 1,
        "detective_async.elapsed": 0.0,
        "http.response.status_code": 429,
        "aws.request_id": ids[0],
        "error.type": code,
    }
    assert attributes_of(first_wait) == {"detective_async.attempt": 1, "detective_async.delay": 1.0, "error.type": code}
    assert attributes_of(lost) == {
        "detective_async.attempt": 2,
        "detective_async.elapsed": 0.0,
        "error.type": "ConnectionLost",
    }
    assert attributes_of(second_wait) == {
        "detective_async.attempt": 2,
        "detective_async.delay": 0.1,
        "error.type": "ConnectionLost",
    }
    assert attributes_of(done)["http.response.status_code"] == 200
    times = [span.start_time, *(event.timestamp for event in span.events), span.end_time]
    assert times == sorted(time for time in times if time is not None)
    attributes = attributes_of(span)
    assert (attributes["detective_async.attempts"], attributes["detective_async.waited"]) == (3, pytest.approx(1.1))
    # The call has succeeded.
    assert "error.type" not in attributes


#: A fault, what it raises, and the attributes for the error and the status.
ENDINGS: list[tuple[Fault, type[DetectiveError], str, int | None]] = [
    (Fault(Failure(), count=None), ServiceError, "InternalServerException", 500),
    (Fault(Failure(status=403, code="AccessDeniedException")), ServiceError, "AccessDeniedException", 403),
    (Fault(Drop(), count=None), ConnectionLost, "ConnectionLost", None),
    (Fault(Garbage()), DecodeError, "DecodeError", 200),
    (Fault(Latency(60)), DeadlineExceeded, "DeadlineExceeded", None),
]


@pytest.mark.parametrize(("fault", "raised", "code", "status"), ENDINGS)
async def test_failed_call(
    *, fault: Fault, raised: type[DetectiveError], code: str, status: int | None, recorded: Any, client: Any, sim: Any
) -> None:
    """The status is ERROR, and the attributes have the error's code or class."""
    sim.inject(fault)
    with pytest.raises(raised):
        await client.with_options(timeouts=Timeouts(total=0.05 if raised is DeadlineExceeded else 60)).list_graphs()
    [span] = recorded.calls
    attributes = attributes_of(span)
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, None)
    assert (attributes["error.type"], attributes.get("http.response.status_code")) == (code, status)


async def test_cancelled_call(recorded: Recorded, client: DetectiveClient, sim: DetectiveSimulator) -> None:
    """The span ends with the status ERROR."""
    sim.inject(Fault(Latency(60), count=None))
    task = asyncio.create_task(client.list_graphs())
    while not sim.requests and not task.done():
        await asyncio.sleep(0.001)
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    [span] = recorded.calls
    assert (span.status.status_code, attributes_of(span)["error.type"]) == (StatusCode.ERROR, "CancelledError")


async def test_without_credentials(recorded: Recorded, options: ClientOptions) -> None:
    """A call without attempts has no span events and no response attributes."""

    async def broken() -> Credentials:
        raise LookupError(SECRET)

    options["credentials"] = broken
    async with DetectiveClient(**options) as client:
        with pytest.raises(CredentialsError):
            await client.list_graphs()
    [span] = recorded.calls
    attributes = attributes_of(span)
    assert (span.events, attributes["detective_async.attempts"], attributes["error.type"]) == (
        (),
        0,
        "CredentialsError",
    )
    assert not {"http.response.status_code", "aws.request_id", "cloud.account.id"} & set(attributes)


async def test_server_address(recorded: Recorded, credentials: Credentials) -> None:
    """It is the regional host with the HTTPS port."""
    at_once = Timeouts(total=1e-9)
    async with DetectiveClient(
        region=REGION, credentials=credentials, hooks=[recorded.hook], timeouts=at_once
    ) as client:
        with pytest.raises(DeadlineExceeded):
            await client.list_graphs()
    attributes = attributes_of(recorded.calls[0])
    assert (attributes["server.address"], attributes["server.port"]) == (f"api.detective.{REGION}.amazonaws.com", 443)


async def test_no_secrets(recorded: Recorded, client: DetectiveClient, sim: DetectiveSimulator) -> None:
    """Spans contain no message, e-mail address, ARN or key."""
    graph_arn = (await client.create_graph()).graph_arn
    sim.inject(Fault(Failure(status=400, code="ValidationException", message=f"{SECRET} of {graph_arn}")))
    with pytest.raises(ServiceError, match=graph_arn):
        await client.create_members(graph_arn, [Account("444455556666", "root@example.com")], message=SECRET)
    exported = json.dumps([json.loads(span.to_json() or "") for span in recorded.calls])
    assert "ValidationException" in exported
    keys = sim.account(HUB)
    for secret in (SECRET, "root@", graph_arn, keys.secret_access_key, keys.access_key_id):
        assert secret not in exported

"""What goes wrong on demand, as boto3 and plain sockets see it."""

import asyncio
import gzip
import http.client
import json
import time
from typing import Any

import botocore.exceptions
import pytest

from detective_async.testing import (
    DetectiveSimulator,
    Drip,
    Drop,
    Failure,
    Fault,
    Garbage,
    Gzip,
    Latency,
    Throttle,
    Truncate,
)

pytestmark = pytest.mark.asyncio

LIST = ("POST", "/graphs/list", b"{}")


async def test_a_throttle_is_modelled_and_says_when_to_come_back(sim: DetectiveSimulator, raw: Any, boto: Any) -> None:
    """429 TooManyRequestsException with x-amz-retry-after; the next request passes."""
    sim.throttle(retry_after_ms=250)
    reply = await raw.ask(*LIST)
    assert (reply.status, reply.code) == (429, "TooManyRequestsException")
    assert reply.headers["x-amz-retry-after"] == "250"
    assert (await raw.ask(*LIST)).status == 200
    sim.throttle()
    client = boto()
    with pytest.raises(client.exceptions.TooManyRequestsException):
        await client.list_graphs()
    assert sim.faults == []


async def test_a_fault_strikes_whom_it_is_meant_for(sim: DetectiveSimulator, boto: Any) -> None:
    """Operation, account, region and count choose the requests."""
    sim.throttle(2, operation="CreateGraph", account="111122223333", region="us-east-1")
    target = boto(region="us-east-1")
    await target.list_graphs()
    await boto(region="eu-west-1").create_graph()
    await boto("222222222222", region="us-east-1").create_graph()
    for _ in range(2):
        with pytest.raises(target.exceptions.TooManyRequestsException):
            await target.create_graph()
    await target.create_graph()


async def test_a_throttled_request_changes_nothing(sim: DetectiveSimulator, boto: Any) -> None:
    """A refused CreateGraph makes no graph."""
    sim.inject(Fault(Throttle(), count=None))
    client = boto(attempts=1)
    with pytest.raises(client.exceptions.TooManyRequestsException):
        await client.create_graph()
    assert sim.snapshot() == {}
    sim.clear_faults()
    await client.create_graph()


async def test_boto3_gets_through_a_few_faults(sim: DetectiveSimulator, boto: Any) -> None:
    """An unmodified client with retries survives a throttle, a 503, a and dropped connections."""
    client = boto(attempts=6)
    for effect in (Throttle(), Failure(503, "ServiceUnavailable"), Drop("before"), Drop("after")):
        sim.inject(Fault(effect))
    await client.create_graph()
    assert [request.status for request in sim.requests] == [429, 503, None, 200, 200]


@pytest.mark.parametrize(("when", "status", "made"), [("before", None, 0), ("after", 200, 1)])
async def test_a_dropped_connection_is_dropped_when_told(
    sim: DetectiveSimulator, boto: Any, when: Any, status: Any, made: Any
) -> None:
    """Before: nothing is carried out. After: it is, and the client cannot know."""
    sim.inject(Fault(Drop(when)))
    with pytest.raises(botocore.exceptions.HTTPClientError):
        await boto().create_graph()
    assert len(sim.snapshot()) == made
    assert sim.requests[-1].status == status
    assert sim.requests[-1].faults == (Drop(when),)


async def test_an_answer_dropped_midway_has_begun(sim: DetectiveSimulator, raw: Any) -> None:
    """`during` sends the head and half of the body."""
    sim.inject(Fault(Drop("during")))
    with pytest.raises(http.client.IncompleteRead) as caught:
        await raw.ask(*LIST)
    assert caught.value.partial == b'{"GraphL'


async def test_an_error_of_any_kind_can_be_had(sim: DetectiveSimulator, raw: Any, boto: Any) -> None:
    """Failure gives any status and code; by default the service's own error."""
    sim.inject(Fault(Failure(), count=1))
    client = boto()
    with pytest.raises(client.exceptions.InternalServerException):
        await client.list_graphs()
    sim.inject(Fault(Failure(418, "Teapot", "short and stout", retry_after_ms="soon")))
    reply = await raw.ask(*LIST)
    assert (reply.status, reply.code, reply.message) == (418, "Teapot", "short and stout")
    assert reply.headers["x-amz-retry-after"] == "soon"


async def test_answers_can_be_spoiled(sim: DetectiveSimulator, raw: Any) -> None:
    """Cut short, replaced by garbage, or compressed, under a true Content-Length."""
    sim.inject(Fault(Truncate()))
    assert (await raw.ask(*LIST)).body == b'{"GraphL'
    sim.inject(Fault(Truncate(keep=1)))
    assert (await raw.ask(*LIST)).body == b"{"
    sim.inject(Fault(Garbage(b"\xff\x00", status=502)))
    reply = await raw.ask(*LIST)
    assert (reply.status, reply.body, reply.headers["content-type"]) == (502, b"\xff\x00", "text/html")
    assert (await raw.ask(*LIST)).body == b'{"GraphList":[]}'


async def test_an_answer_can_be_compressed(sim: DetectiveSimulator, raw: Any) -> None:
    """Gzip comes with the header that says so."""
    sim.inject(Fault(Gzip()))
    reply = await raw.ask(*LIST)
    assert reply.headers["content-encoding"] == "gzip"
    assert gzip.decompress(reply.body) == b'{"GraphList":[]}'


async def test_latency_comes_before_and_drips_during_the_answer(sim: DetectiveSimulator, raw: Any) -> None:
    """Latency delays, together with another fault; Drip spreads the body out."""
    sim.inject(Fault(Latency(0.1)))
    sim.throttle()
    start = time.monotonic()
    assert (await raw.ask(*LIST)).status == 429
    assert time.monotonic() - start >= 0.1
    sim.inject(Fault(Drip(0.05, size=8)))
    start = time.monotonic()
    assert json.loads((await raw.ask(*LIST)).body) == {"GraphList": []}
    assert time.monotonic() - start >= 0.05


async def test_probabilities_repeat_with_the_seed(raw: Any) -> None:
    """The same seed strikes the same requests."""
    outcomes = []
    for seed in (7, 7, 8):
        async with DetectiveSimulator(seed=seed) as sim:
            sim.throttle(None, probability=0.5)
            raw.sim = sim
            outcomes.append([(await raw.ask(*LIST)).status for _ in range(16)])
    assert outcomes[0] == outcomes[1] != outcomes[2]
    assert set(outcomes[0]) == {200, 429}


@pytest.mark.parametrize("wrong", [{"count": -1}, {"probability": 1.5}, {"probability": -0.1}])
async def test_a_fault_that_cannot_be_is_refused(wrong: Any) -> None:
    """Counts and probabilities are checked."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Fault(Throttle(), **wrong)


async def test_a_client_that_has_gone_is_no_trouble(sim: DetectiveSimulator, raw: Any, caplog: Any) -> None:
    """A connection that closes during a delay needs no dropping any more, and no log."""
    sim.inject(Fault(Latency(0.2)))
    sim.inject(Fault(Drop("after")))
    headers = raw.sign(*LIST)
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    host, port = sim.url[7:].split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"POST /graphs/list HTTP/1.1\r\n{lines}Content-Length: 2\r\n\r\n{{}}".encode())
    await asyncio.sleep(0.1)
    writer.close()
    await writer.wait_closed()
    async with asyncio.timeout(30):
        while not sim.requests:  # noqa: ASYNC110 - it tells nobody of an arrival
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    assert sim.requests[-1].status == 200
    # What asyncio's debug mode says of slow steps tells of the machine.
    assert [record for record in caplog.records if not record.getMessage().startswith("Executing ")] == []


async def test_a_fault_that_strikes_nobody_is_not_kept(sim: DetectiveSimulator) -> None:
    """A count of zero is no fault."""
    sim.throttle(0)
    assert sim.faults == []

"""Injected faults, as boto3 and raw HTTP clients observe them."""

import contextlib
import gzip
import http.client
import json
import time
from collections.abc import Callable
from typing import Any, cast

import botocore.exceptions
import pytest

from detective_async.testing import (
    ClockSkew,
    DetectiveSimulator,
    Drip,
    Drop,
    Failure,
    Fault,
    Garbage,
    Gzip,
    Latency,
    SimulatorThread,
    Throttle,
    Truncate,
    UnusedFaultWarning,
)
from detective_async.testing.faults import Effect

ADMIN = "111122223333"
LIST = ("POST", "/graphs/list", b"{}")
BODY = b'{"GraphList":[]}'


async def test_a_throttle_is_the_modelled_error_with_a_delay(sim: DetectiveSimulator, raw: Any, boto: Any) -> None:
    """429 TooManyRequestsException with x-amz-retry-after; the next request succeeds."""
    sim.throttle(retry_after_ms=250)
    reply = await raw.ask(*LIST)
    assert (reply.status, reply.code) == (429, "TooManyRequestsException")
    assert reply.headers["x-amz-retry-after"] == "250"
    assert (await raw.ask(*LIST)).status == 200
    sim.throttle()
    await boto().refused("TooManyRequestsException", "list_graphs")
    assert sim.faults == []


async def test_a_fault_applies_to_matching_requests(sim: DetectiveSimulator, boto: Any) -> None:
    """Operation, account, region and count select the requests; a throttled CreateGraph creates no graph."""
    sim.throttle(2, operation="CreateGraph", account=ADMIN, region="us-east-1")
    assert len(sim.faults) == 1
    target = boto(region="us-east-1")
    await target.list_graphs()
    await boto(region="eu-west-1").create_graph()
    await boto("222222222222", region="us-east-1").create_graph()
    for _ in range(2):
        await target.refused("TooManyRequestsException", "create_graph")
    assert len(sim.snapshot()) == 2
    await target.create_graph()
    sim.inject(Fault(Throttle(), count=None))
    for _ in range(2):
        await target.refused("TooManyRequestsException", "create_graph")
    sim.clear_faults()
    await target.create_graph()


async def test_boto3_retries_after_faults(sim: DetectiveSimulator, boto: Any) -> None:
    """An unmodified client with retries succeeds after a throttle, a 503 and two dropped connections."""
    client = boto(attempts=6)
    for effect in (Throttle(), Failure(503, "ServiceUnavailable"), Drop("before"), Drop("after")):
        sim.inject(Fault(effect))
    await client.create_graph()
    assert [request.status for request in sim.requests] == [429, 503, None, 200, 200]


@pytest.mark.parametrize(("when", "status", "created"), [("before", None, 0), ("after", 200, 1)])
async def test_a_connection_is_dropped_before_or_after(
    sim: DetectiveSimulator, boto: Any, when: Any, status: Any, created: int
) -> None:
    """Before: the operation is not carried out. After: it is, which the client cannot observe."""
    sim.inject(Fault(Drop(when)))
    with pytest.raises(botocore.exceptions.HTTPClientError):
        await boto().create_graph()
    assert len(sim.snapshot()) == created
    assert sim.requests[-1].status == status
    assert sim.requests[-1].faults == (Drop(when),)


async def test_a_connection_is_dropped_during_the_response(sim: DetectiveSimulator, raw: Any) -> None:
    """`during` sends the head and half of the body."""
    sim.inject(Fault(Drop("during")))
    with pytest.raises(http.client.IncompleteRead) as caught:
        await raw.ask(*LIST)
    assert caught.value.partial == b'{"GraphL'


async def test_a_failure_is_any_error(sim: DetectiveSimulator, raw: Any, boto: Any) -> None:
    """Failure has any status and code; by default those of the service's internal error."""
    sim.inject(Fault(Failure(), count=1))
    await boto().refused("InternalServerException", "list_graphs")
    sim.inject(Fault(Failure(418, "Teapot", "short and stout", retry_after_ms="soon")))
    reply = await raw.ask(*LIST)
    assert (reply.status, reply.code, reply.message) == (418, "Teapot", "short and stout")
    assert reply.headers["x-amz-retry-after"] == "soon"


async def test_response_bodies_are_changed(sim: DetectiveSimulator, raw: Any) -> None:
    """Truncated, replaced or compressed, with a correct Content-Length."""
    sim.inject(Fault(Truncate()))
    assert (await raw.ask(*LIST)).body == b'{"GraphL'
    sim.inject(Fault(Truncate(keep=1)))
    assert (await raw.ask(*LIST)).body == b"{"
    sim.inject(Fault(Garbage(b"\xff\x00", status=502)))
    reply = await raw.ask(*LIST)
    assert (reply.status, reply.body, reply.headers["content-type"]) == (502, b"\xff\x00", "text/html")
    sim.inject(Fault(Gzip()))
    reply = await raw.ask(*LIST)
    assert (gzip.decompress(reply.body), reply.headers["content-encoding"]) == (BODY, "gzip")
    assert (await raw.ask(*LIST)).body == BODY


async def test_latency_and_drips_delay_the_response(sim: DetectiveSimulator, raw: Any) -> None:
    """Latency delays, and another fault applies as well; Drip sends the body in pieces."""
    sim.inject(Fault(Latency(0.1)))
    sim.throttle()
    start = time.monotonic()
    assert (await raw.ask(*LIST)).status == 429
    assert time.monotonic() - start >= 0.1
    sim.inject(Fault(Drip(0.05, size=8)))
    start = time.monotonic()
    assert json.loads((await raw.ask(*LIST)).body) == {"GraphList": []}
    assert time.monotonic() - start >= 0.05


async def test_probabilities_are_repeatable(raw: Any) -> None:
    """With the same seed, a fault applies to the same requests."""
    outcomes = []
    for seed in (7, 7, 8):
        async with DetectiveSimulator(seed=seed) as sim:
            sim.throttle(None, probability=0.5)
            raw.sim = sim
            outcomes.append([(await raw.ask(*LIST)).status for _ in range(16)])
    assert outcomes[0] == outcomes[1] != outcomes[2]
    assert set(outcomes[0]) == {200, 429}


_MISTAKES: dict[str, tuple[Callable[[], object], str]] = {
    "a count below zero": (lambda: Fault(Throttle(), count=-1), "count"),
    "a count of zero": (lambda: Fault(Throttle(), count=0), "one or more"),
    "a probability above one": (lambda: Fault(Throttle(), probability=1.5), "probability"),
    "a probability below zero": (lambda: Fault(Throttle(), probability=-0.1), "probability"),
    "no such operation": (lambda: Fault(Failure(), operation="CreateGraphs"), "did you mean CreateGraph or "),
    "another style": (lambda: Fault(Failure(), operation="list_members"), "did you mean .*ListMembers"),
    "nothing like an operation": (lambda: Fault(Failure(), operation="?"), r"such as ListMembers, got '\?'$"),
    "an operation of another type": (lambda: Fault(Failure(), operation=cast("str", 5)), "an operation"),
    "a class": (lambda: Fault(cast("Effect", Throttle)), r"did you mean Throttle\(\)\?"),
    "a word": (lambda: Fault(cast("Effect", "Drop")), "one of Throttle, Failure, .* got 'Drop'"),
    "a short account": (lambda: Fault(Failure(), account="1111"), "12 digits"),
    "a number as account": (lambda: Fault(Failure(), account=cast("str", 111122223333)), "12 digits, as a string"),
    "no such region": (lambda: Fault(Failure(), region="us-est-1"), "did you mean us-east-1 or us-west-1"),
    "a region's name": (lambda: Fault(Failure(), region="Ireland"), "a region of AWS"),
    "status 0": (lambda: Garbage(status=0), "status: must be an HTTP status from 200 to 599, got 0"),
    "no content": (lambda: Failure(status=204), "status: must be an HTTP status of an error, from 400 to 599, got 204"),
    "a redirect": (lambda: Throttle(status=307), "status: must be an HTTP status of an error"),
    "two headers": (lambda: Failure(code="A\r\nX: y"), "code: must be text in one line"),
    "two lines as a code": (lambda: Throttle(code="A\nB"), "code: must be text in one line"),
    "status 600": (lambda: Throttle(status=600), "status"),
    "a status as text": (lambda: Garbage(status=cast("int", "502")), "status"),
    "text for bytes": (lambda: Garbage(body=cast("bytes", "<html>")), "body: must be bytes"),
    "a negative delay": (lambda: Latency(-1), "seconds: must be a number of seconds, zero or more"),
    "an endless delay": (lambda: Drip(float("inf")), "seconds"),
    "pieces of nothing": (lambda: Drip(1, size=0), "size"),
    "fewer bytes than none": (lambda: Truncate(-1), "keep"),
    "a count that is no whole number": (lambda: Fault(Failure(), count=cast("int", 1.5)), "count"),
    "a probability as text": (lambda: Fault(Failure(), probability=cast("float", "0.5")), "probability"),
    "no code": (lambda: Throttle(code=cast("str", None)), "code: must be text"),
    "a number as content type": (lambda: Garbage(content_type=cast("str", 5)), "content_type: must be text"),
    "two lines as content type": (lambda: Garbage(content_type="a\r\nb"), "content_type: must be text in one line"),
    "two lines in a header": (lambda: Failure(retry_after_ms="1\r\n2"), "retry_after_ms: .* in one line"),
    "a skew of ages": (lambda: ClockSkew(1e12), "seconds: .* within a century"),
    "half a byte": (lambda: Truncate(cast("int", 1.5)), "keep"),
    "no such moment": (lambda: Drop(cast("Any", "later")), "when"),
    "a fault's effect only": (
        lambda: SimulatorThread().inject(cast("Fault", Failure())),
        r"such as Fault\(Failure\(\)\)",
    ),
    "no such region to close": (
        lambda: SimulatorThread().close_region("us-est-1"),
        "did you mean us-east-1 or us-west-1",
    ),
    "no such region to open": (lambda: SimulatorThread().open_region("EU-WEST-1"), "did you mean .*eu-west-1"),
}


@pytest.mark.parametrize("region", ["local", "eu-west-9", "us-gov-west-1"])
def test_regions_may_be_new(region: str) -> None:
    """Clients can call regions that the installed botocore does not know, too."""
    assert Fault(Failure(), region=region).region == region


@pytest.mark.parametrize(("mistake", "message"), _MISTAKES.values(), ids=_MISTAKES)
def test_mistakes_are_refused(mistake: Callable[[], object], message: str) -> None:
    """What could never apply, or is no fault: the message says what is allowed, and offers the nearest name."""
    with pytest.raises((ValueError, TypeError), match=message):
        mistake()


@pytest.mark.parametrize("kind", [DetectiveSimulator, SimulatorThread])
async def test_a_fault_that_no_request_has_matched_is_warned_of(kind: type[Any]) -> None:
    """At the end of the block, if it was to apply a number of times; not after an error, and not if it was removed."""
    never = Fault(Throttle(), operation="ListMembers", count=2)
    with pytest.warns(UnusedFaultWarning, match="no request has matched Fault.*ListMembers"):
        await _use(kind, never)
    await _use(kind, Fault(Throttle(), operation="ListMembers", count=None))
    with pytest.raises(LookupError):
        await _use(kind, never, error=LookupError())
    await _use(kind, never, clear=True)


async def test_a_fault_that_was_matched_is_not_unused(sim: DetectiveSimulator, boto: Any) -> None:
    """Also one that applied less often than it could have, or not at all, by its probability."""
    faults = [Fault(Failure(), "ListGraphs", count=2), Fault(Latency(0), "ListGraphs", probability=0.0)]
    for fault in faults:
        sim.inject(fault)
    assert sim.unused_faults == faults
    await boto().refused("InternalServerException", "list_graphs")
    assert sim.unused_faults == []
    assert sim.faults == faults


async def _use(kind: type[Any], fault: Fault, *, error: Exception | None = None, clear: bool = False) -> None:
    """Inject a fault into a simulator of either kind that gets no requests."""
    async with contextlib.AsyncExitStack() as stack:
        simulator = kind()
        if kind is DetectiveSimulator:
            await stack.enter_async_context(simulator)
        else:
            stack.enter_context(simulator)
        simulator.inject(fault)
        if clear:
            simulator.clear_faults()
        if error is not None:
            raise error

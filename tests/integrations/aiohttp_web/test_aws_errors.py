"""Errors between the server and AWS, as the client sees them."""

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web
from integrations.aiohttp_web.site import ADMINISTRATOR, client_of, serving_routes
from integrations.aiohttp_web.streaming import Stream, both, streaming

from detective_async import Account, DetectiveClient, DetectiveFleet, RetryPolicy, Target, Timeouts
from detective_async.integrations.aiohttp_web import get_client, get_fleet, to_json
from detective_async.testing import DetectiveSimulator, Drop, Failure, Fault, Garbage, Latency, Throttle

ONCE = RetryPolicy(max_attempts=1)


async def create(request: web.Request) -> web.StreamResponse:
    return web.json_response(to_json(await get_client(request).create_graph()))


@pytest.mark.parametrize(
    ("effect", "status", "members"),
    [
        (Throttle(2500), 503, {"code": "TooManyRequestsException", "outcome_unknown": False}),
        (Throttle(code="ThrottlingException", status=400), 503, {"code": "ThrottlingException"}),
        (Failure(), 502, {"code": "InternalServerException", "outcome_unknown": True}),
        (Failure(503, "ServiceUnavailable"), 503, {"code": "ServiceUnavailable", "outcome_unknown": True}),
        (Failure(403, "AccessDeniedException", "not you"), 403, {"detail": "not you"}),
        (Failure(402, "ServiceQuotaExceededException"), 409, {"code": "ServiceQuotaExceededException"}),
        (Failure(409, "ConflictException"), 409, {"code": "ConflictException"}),
        (Failure(400, "ValidationException", "kim@example.com is none"), 400, {"detail": "*** is none"}),
        (Failure(403, "ExpiredTokenException"), 500, {"code": "ExpiredTokenException"}),
        (Garbage(), 502, {"code": "DecodeError", "outcome_unknown": True}),
        (Drop("before"), 502, {"code": "ConnectionLost", "outcome_unknown": True}),
        (Latency(30.0), 504, {"code": "AttemptTimeout", "outcome_unknown": True}),
    ],
    ids=repr,
)
async def test_faults(sim: DetectiveSimulator, effect: Any, status: int, members: dict[str, object]) -> None:
    """Each has its status, AWS's code and request id, and whether AWS may have acted."""
    sim.inject(Fault(effect, count=None))
    client = client_of(sim, retry=ONCE, timeouts=Timeouts(read=0.3))
    async with serving_routes({"/": create}, client) as site:
        answer = await site.ask("POST", "/")
    problem = answer.problem()
    assert problem["status"] == status
    assert members.items() <= problem.items()
    assert ("request_id" in problem) == (not isinstance(effect, Drop | Latency))
    assert answer.headers.get("Retry-After") == {503: "3" if effect == Throttle(2500) else "1"}.get(status)


async def test_aws_unreachable() -> None:
    """It is a 502, and nothing was done."""
    async with serving_routes({"/": create}) as site:
        problem = (await site.ask("POST", "/")).problem()
    assert (problem["status"], problem["code"], problem["outcome_unknown"]) == (502, "ConnectError", False)


@both
async def test_failing_page(stream: Stream, sim: DetectiveSimulator) -> None:
    """The items of earlier pages are sent, then the problem with AWS's request id."""
    client = client_of(sim, retry=ONCE)
    arn = str((await client.create_graph()).graph_arn)
    await client.create_members(arn, [Account(f"{n:012}", f"a{n}@example.com") for n in range(1, 11)])

    async def members(request: web.Request) -> Any:
        async for member in get_client(request).iter_members(arn, page_size=4):
            yield member
            if member.account_id == "000000000005":
                sim.inject(Fault(Throttle(), operation="ListMembers"))

    async with serving_routes({"/": streaming(stream, members)}, client) as site:
        answer = await site.get("/")
    assert answer.body.count(b'"AccountId"') == 8
    last = answer.body.strip().splitlines()[-1]
    problem = json.loads(last.removeprefix(b"data: "))
    problem = problem.get("error", problem)
    assert (problem["status"], problem["code"]) == (503, "TooManyRequestsException")
    assert problem["request_id"]


async def test_deadline_ends_a_fleets_work(sim: DetectiveSimulator) -> None:
    """All work in progress is cancelled."""
    sim.inject(Fault(Latency(30.0), count=None))
    keys = sim.account(ADMINISTRATOR)
    fleet = DetectiveFleet([Target(ADMINISTRATOR, f"us-east-{n}", keys) for n in (1, 2)], endpoint_url=sim.url)
    cancelled = 0

    async def work(client: DetectiveClient, _target: Target) -> None:
        nonlocal cancelled
        try:
            await client.list_graphs()
        except asyncio.CancelledError:
            cancelled += 1
            raise

    async def run(request: web.Request) -> web.StreamResponse:
        return web.json_response([to_json(outcome) async for outcome in get_fleet(request).run(work)])

    async with serving_routes({"/": run}, fleet, deadline=0.7) as site:
        problem = (await site.get("/")).problem()
        assert cancelled == 2
    assert (problem["status"], problem["code"]) == (504, "DeadlineExceeded")

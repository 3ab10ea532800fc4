"""Errors are freed without the garbage collector: they are in no reference cycle."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from support.interruptions import passes
from support.reference_cycles import collecting_cycles

from detective_async import (
    AssumeRole,
    Credentials,
    DetectiveClient,
    DetectiveError,
    DetectiveFleet,
    RetryPolicy,
    Target,
    Timeouts,
)
from detective_async.testing import DetectiveSimulator, Drop, Failure, Fault, Garbage, Latency, Throttle
from detective_async.testing.faults import Effect

pytestmark = [pytest.mark.exhaustive, pytest.mark.slow]

ACCOUNT = "111122223333"
Work = Callable[[DetectiveClient], Awaitable[object]]


#: Seconds until a call is given up; long enough for a busy machine to have sent it.
SOON = 0.3


async def cancel(client: DetectiveClient) -> None:
    async with asyncio.timeout(SOON):
        await client.list_graphs()


async def refused_role(client: DetectiveClient) -> None:
    role = AssumeRole("arn:aws:iam::444455556666:role/Nobody", source=client._transport.credentials)
    await asyncio.gather(*(client.with_options(credentials=role).list_graphs() for _ in range(3)))


async def broken_function() -> Credentials:
    raise LookupError("closed")


class BrokenProvider:
    async def get_credentials(self) -> Credentials:
        raise LookupError("closed")


def broken_by(**options: Any) -> Work:
    return lambda client: client.with_options(**options).list_graphs()


async def role_of_a_client_that_is_gone(client: DetectiveClient) -> None:
    role = AssumeRole("arn:aws:iam::444455556666:role/Nobody", source=client._transport.credentials)
    async with DetectiveClient(region="eu-west-1", credentials=role, endpoint_url=client.endpoint_url) as another:
        await another.list_graphs()


async def in_a_fleet(client: DetectiveClient) -> None:
    keys = Credentials("AKIAIOSFODNN7EXAMPLE", "of nobody")
    async with DetectiveFleet([Target(ACCOUNT, "eu-west-1", keys)], endpoint_url=client.endpoint_url) as fleet:
        async for outcome in fleet.run(lambda client, _: client.list_graphs()):
            assert outcome.error is not None


CASES: dict[str, tuple[Work, Effect | None]] = {
    "refused": (DetectiveClient.list_graphs, Failure(403, "AccessDeniedException")),
    "throttled out": (DetectiveClient.list_graphs, Throttle()),
    "server fault": (DetectiveClient.list_graphs, Failure(500)),
    "no answer": (DetectiveClient.list_graphs, Drop("before")),
    "half an answer": (DetectiveClient.list_graphs, Drop("during")),
    "malformed": (DetectiveClient.list_graphs, Garbage()),
    "expired": (DetectiveClient.list_graphs, Failure(403, "ExpiredTokenException")),
    "in a list": (lambda client: client.iter_graphs(prefetch=1).collect(), Failure(403, "AccessDeniedException")),
    "cancelled": (cancel, Latency(5)),
    "too late": (broken_by(timeouts=Timeouts(total=SOON)), Latency(5)),
    "refused role": (refused_role, None),
    "broken provider": (broken_by(credentials=broken_function), None),
    "another broken provider": (broken_by(credentials=BrokenProvider()), None),
    "role of a client that is gone": (role_of_a_client_that_is_gone, None),
    "in a fleet": (in_a_fleet, None),
}


@pytest.mark.parametrize("case", CASES)
async def test_errors_are_in_no_reference_cycle(sim: DetectiveSimulator, case: str) -> None:
    """No frame of a failed call has to be freed by the garbage collector."""
    work, effect = CASES[case]
    async with DetectiveClient(
        region="eu-west-1",
        credentials=sim.account(ACCOUNT),
        endpoint_url=sim.url,
        retry=RetryPolicy(max_attempts=2),
    ) as client:
        await client.list_graphs()
        if effect is not None:
            sim.inject(Fault(effect, count=None))
        failed = 0
        with collecting_cycles() as cycles:
            for _ in range(3):
                try:
                    await work(client)
                except (DetectiveError, TimeoutError):
                    failed += 1
            await passes(5)
            assert cycles() == []
    assert failed == (0 if work is in_a_fleet else 3)


async def test_reference_cycles_are_found() -> None:
    """A function of the library that refers to itself is reported."""
    with collecting_cycles() as cycles:
        paginator = DetectiveClient(region="eu-west-1").iter_graphs()
        paginator.__dict__["itself"] = paginator
        del paginator
        assert "Iterators.iter_graphs.<locals>.<lambda>" in cycles()

"""A failure in one target is its outcome, and does not affect the others."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
from support.fakes import FakeTime
from support.virtual_time import in_virtual_time

from detective_async import (
    AccessDeniedException,
    AssumeRole,
    AssumeRoleError,
    AttemptTimeout,
    ConfigurationError,
    ConnectionLost,
    Credentials,
    CredentialsError,
    DeadlineExceeded,
    DecodeError,
    DetectiveClient,
    DetectiveFleet,
    InternalServerException,
    Outcome,
    OutcomeKind,
    ParameterError,
    RetryPolicy,
    ServiceError,
    StaticCredentials,
    Target,
    Timeouts,
    TooManyRequestsException,
)
from detective_async.testing import DetectiveSimulator, Drop, Failure, Fault, Garbage
from fleet.counting_server import accounts, counting_server, create_graph, place_of, places

HUB = "111122223333"
EVERY = accounts(6)
BAD = EVERY[2]
GOOD = [one for one in EVERY if one != BAD]
Work = Callable[[DetectiveClient, Target], Awaitable[Any]]


async def outcomes_of(fleet: DetectiveFleet, work: Work = create_graph) -> dict[str, Outcome[Any]]:
    """Run the work in all targets, and check that all but one succeed."""
    async with fleet:
        outcomes = [outcome async for outcome in fleet.run(work)]
    assert len(outcomes) == len(EVERY)
    found = {outcome.target.account_id: outcome for outcome in outcomes}
    assert [one for one in EVERY if not found[one].ok] == [BAD]
    return found


def fleet_of(sim: DetectiveSimulator, fake_time: FakeTime, credentials: Mapping[str, Any]) -> DetectiveFleet:
    """Create a fleet with more targets than slots, so that a failing target could block others."""
    targets = [Target(one, "eu-west-1", credentials.get(one) or sim.account(one)) for one in EVERY]
    return DetectiveFleet(
        targets,
        endpoint_url=sim.url,
        concurrency=2,
        clock=fake_time.clock(real_dates=True),
        retry=RetryPolicy(max_attempts=3, retry_cost=5),
    )


async def list_with_max_results(client: DetectiveClient, target: Target) -> None:
    await client.list_graphs(max_results=0 if target.account_id == BAD else 1)


async def _failing_source() -> Credentials:
    raise OSError("the vault is sealed")


DENIED = Failure(403, "AccessDeniedException", "no")
#: What is wrong with one account: a fault, credentials or the work; and the error of its outcome.
WRONG: dict[str, tuple[Any, type[Exception]]] = {
    "access denied": (DENIED, AccessDeniedException),
    "a server fault": (Failure(), InternalServerException),
    "a malformed response": (Garbage(), DecodeError),
    "a lost connection": (Drop(), ConnectionLost),
    "no credentials": (5, ConfigurationError),
    "a failing source": (_failing_source, CredentialsError),
    "a wrong key": (StaticCredentials("AKIAIOSFODNN7EXAMPLE", "wrong"), ServiceError),
    "a failing source of a role": (
        AssumeRole("arn:aws:iam::444455556666:role/x", source=_failing_source),
        AssumeRoleError,
    ),
    "a role that is denied": (
        AssumeRole("arn:aws:iam::444455556666:role/x", source=Credentials("hub", "secret")),
        AssumeRoleError,
    ),
    "an invalid parameter": (list_with_max_results, ParameterError),
}


@pytest.mark.parametrize("case", WRONG)
async def test_errors_of_one_target(sim: DetectiveSimulator, fake_time: FakeTime, case: str) -> None:
    """A refused, failed or lost request, invalid credentials or parameters fail the target with the error."""
    wrong, kind = WRONG[case]
    work: Work = create_graph
    credentials: dict[str, Any] = {}
    if wrong is list_with_max_results:
        work = wrong
    elif isinstance(wrong, Failure | Garbage | Drop):
        sim.inject(Fault(wrong, account=BAD, count=None))
    else:
        credentials = {BAD: wrong}
    outcome = (await outcomes_of(fleet_of(sim, fake_time, credentials), work))[BAD]
    assert (outcome.kind, outcome.value) == (OutcomeKind.FAILED, None)
    assert type(outcome.error) is kind
    with pytest.raises(kind):
        outcome.result()


async def test_retry_quota_is_per_target(sim: DetectiveSimulator, fake_time: FakeTime) -> None:
    """A throttled target exhausts its own retry quota only."""
    sim.throttle(None, account=BAD)
    sim.throttle(2, account=GOOD[-1])

    async def insist(client: DetectiveClient, target: Target) -> str:
        if target.account_id != BAD:
            return await create_graph(client, target)
        for _ in range(60):
            try:
                await client.list_graphs()
            except TooManyRequestsException as error:
                attempts.append(error.attempts)
        return await create_graph(client, target)

    attempts: list[int] = []
    outcome = (await outcomes_of(fleet_of(sim, fake_time, {}), insist))[BAD]
    assert isinstance(outcome.error, TooManyRequestsException)
    # The retry quota is exhausted: there is only one attempt.
    assert (attempts[0], attempts[-1], outcome.error.attempts) == (3, 1, 1)


@pytest.mark.parametrize(
    ("timeouts", "kind", "takes"),
    [
        (Timeouts(connect=None, read=60, attempt=None, total=None), AttemptTimeout, 180),
        (Timeouts(connect=None, read=None, attempt=60, total=None), AttemptTimeout, 180),
        (Timeouts(connect=None, read=None, attempt=None, total=60), DeadlineExceeded, 60),
    ],
)
@in_virtual_time
async def test_timeouts(timeouts: Timeouts, kind: type[Exception], takes: float) -> None:
    """The fleet's timeouts apply to each target, and the others do not wait."""
    loop = asyncio.get_running_loop()
    async with counting_server(lambda request: place_of(request)[0] == BAD) as server:
        targets = places(len(EVERY), ["eu-west-1"])
        async with DetectiveFleet(
            targets,
            endpoint_url=server.url,
            concurrency=2,
            timeouts=timeouts,
            clock=FakeTime().clock(),
            retry=RetryPolicy(max_attempts=3),
        ) as fleet:
            run = fleet.run(lambda client, _: client.list_graphs())
            for _ in GOOD:
                assert (await anext(run)).ok
            assert loop.time() < 1
            (outcome,) = [outcome async for outcome in run]
    assert (outcome.target.account_id, type(outcome.error)) == (BAD, kind)
    assert takes <= loop.time() < takes + 1

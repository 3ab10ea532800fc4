"""A failure in one target is its outcome, and does not affect the others."""

import asyncio
from collections.abc import Awaitable, Callable
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


def fleet_of(sim: DetectiveSimulator, fake_time: FakeTime, **options: Any) -> DetectiveFleet:
    """Create a fleet with more targets than slots, so that a failing target could block others."""
    targets = [Target(one, "eu-west-1", sim.account(one)) for one in EVERY]
    clock = fake_time.clock(real_dates=True)
    return DetectiveFleet(targets, endpoint_url=sim.url, concurrency=2, clock=clock, **options)


DENIED = Failure(403, "AccessDeniedException", "no")
FAULTS: dict[str, tuple[Fault, type[Exception]]] = {
    "access denied": (Fault(DENIED, account=BAD, count=None), AccessDeniedException),
    "a server fault": (Fault(Failure(), account=BAD, count=None), InternalServerException),
    "a malformed response": (Fault(Garbage(), account=BAD, count=None), DecodeError),
    "a lost connection": (Fault(Drop(), account=BAD, count=None), ConnectionLost),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_service_errors(sim: DetectiveSimulator, fake_time: FakeTime, fault: str) -> None:
    """A refused, failed or lost request fails the target with the error."""
    injected, kind = FAULTS[fault]
    sim.inject(injected)
    outcome = (await outcomes_of(fleet_of(sim, fake_time)))[BAD]
    assert type(outcome.error) is kind
    assert (outcome.kind, outcome.value) == (OutcomeKind.FAILED, None)
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
    outcome = (await outcomes_of(fleet_of(sim, fake_time), insist))[BAD]
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
            targets, endpoint_url=server.url, concurrency=2, timeouts=timeouts, clock=FakeTime().clock()
        ) as fleet:
            run = fleet.run(lambda client, _: client.list_graphs())
            for _ in GOOD:
                assert (await anext(run)).ok
            assert loop.time() < 1
            (outcome,) = [outcome async for outcome in run]
    assert (outcome.target.account_id, type(outcome.error)) == (BAD, kind)
    assert takes <= loop.time() < takes + 1


async def test_region_not_opted_in(sim: DetectiveSimulator, fake_time: FakeTime) -> None:
    """It is distinguished from a failure."""
    regions = ["eu-west-1", "ap-east-1", "us-east-1"]
    sim.close_region("ap-east-1")
    for one in EVERY:
        sim.role(one, "Audit", trusted=[HUB])
    async with DetectiveFleet.assume_role(
        "Audit", EVERY, regions, source=sim.account(HUB), endpoint_url=sim.url, clock=fake_time.clock(real_dates=True)
    ) as fleet:
        outcomes = [outcome async for outcome in fleet.run(create_graph)]
    kinds = {(outcome.target.region, outcome.kind) for outcome in outcomes}
    assert kinds == {
        ("eu-west-1", OutcomeKind.SUCCEEDED),
        ("us-east-1", OutcomeKind.SUCCEEDED),
        ("ap-east-1", OutcomeKind.REGION_UNAVAILABLE),
    }
    errors = [outcome.error for outcome in outcomes if not outcome.ok]
    assert len(errors) == len(EVERY)
    assert all(isinstance(error, ServiceError) and error.code == "UnrecognizedClientException" for error in errors)


async def test_role_denied(sim: DetectiveSimulator, fake_time: FakeTime) -> None:
    """All regions of the account fail with STS's error; the other roles are assumed."""
    for one in EVERY:
        sim.role(one, "Audit", trusted=[HUB if one != BAD else BAD])
    async with DetectiveFleet.assume_role(
        "Audit",
        EVERY,
        ["eu-west-1", "us-east-1"],
        source=sim.account(HUB),
        endpoint_url=sim.url,
        clock=fake_time.clock(real_dates=True),
        concurrency=2,
    ) as fleet:
        outcomes = [outcome async for outcome in fleet.run(create_graph)]
    failed = [outcome for outcome in outcomes if not outcome.ok]
    assert {outcome.target.account_id for outcome in failed} == {BAD}
    assert len(failed) == 2
    for outcome in failed:
        assert isinstance(outcome.error, AssumeRoleError)
        assert (outcome.error.code, outcome.kind) == ("AccessDenied", OutcomeKind.FAILED)


async def _failing_source() -> Credentials:
    raise OSError("the vault is sealed")


@pytest.mark.parametrize(
    ("credentials", "kind"),
    [
        (5, ConfigurationError),
        (_failing_source, CredentialsError),
        (StaticCredentials("AKIAIOSFODNN7EXAMPLE", "wrong"), ServiceError),
        (AssumeRole("arn:aws:iam::444455556666:role/x", source=_failing_source), CredentialsError),
    ],
)
async def test_invalid_credentials(
    sim: DetectiveSimulator, fake_time: FakeTime, credentials: Any, kind: type[Exception]
) -> None:
    """Only the target with the invalid credentials fails."""
    targets = [Target(one, "eu-west-1", credentials if one == BAD else sim.account(one)) for one in EVERY]
    fleet = DetectiveFleet(targets, endpoint_url=sim.url, concurrency=2, clock=fake_time.clock(real_dates=True))
    outcome = (await outcomes_of(fleet))[BAD]
    assert isinstance(outcome.error, kind)


async def test_parameter_error(sim: DetectiveSimulator, fake_time: FakeTime) -> None:
    """An invalid parameter in the work is an error like any other."""

    async def work(client: DetectiveClient, target: Target) -> None:
        await client.list_graphs(max_results=0 if target.account_id == BAD else 1)

    assert isinstance((await outcomes_of(fleet_of(sim, fake_time), work))[BAD].error, ParameterError)

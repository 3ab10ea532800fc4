"""Whatever goes wrong in one target is that one's outcome, and of no concern to the others."""

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
from fleet.gauge import accounts, gauging, place_of, places

HUB = "111122223333"
EVERY = accounts(6)
BAD = EVERY[2]
GOOD = [one for one in EVERY if one != BAD]
Work = Callable[[DetectiveClient, Target], Awaitable[Any]]


async def create(client: DetectiveClient, _target: Target) -> str:
    arn = (await client.create_graph()).graph_arn
    assert arn is not None
    return arn


async def outcomes_of(fleet: DetectiveFleet, work: Work = create) -> dict[str, Outcome[Any]]:
    """Run it to the end, and see that all but one went well."""
    async with fleet:
        outcomes = [outcome async for outcome in fleet.run(work)]
    assert len(outcomes) == len(EVERY)
    found = {outcome.target.account_id: outcome for outcome in outcomes}
    assert [one for one in EVERY if not found[one].ok] == [BAD]
    return found


def fleet_of(sim: DetectiveSimulator, fake_time: FakeTime, **options: Any) -> DetectiveFleet:
    """Have fewer at work than there are, so that what goes wrong in one could keep others from being begun."""
    targets = [Target(one, "eu-west-1", sim.account(one)) for one in EVERY]
    clock = fake_time.clock(real_dates=True)
    return DetectiveFleet(targets, endpoint_url=sim.url, concurrency=2, clock=clock, **options)


DENIED = Failure(403, "AccessDeniedException", "no")
FAULTS: dict[str, tuple[Fault, type[Exception]]] = {
    "access denied": (Fault(DENIED, account=BAD, count=None), AccessDeniedException),
    "a server fault": (Fault(Failure(), account=BAD, count=None), InternalServerException),
    "nonsense": (Fault(Garbage(), account=BAD, count=None), DecodeError),
    "no answer": (Fault(Drop(), account=BAD, count=None), ConnectionLost),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_what_the_service_does_to_one(sim: DetectiveSimulator, fake_time: FakeTime, fault: str) -> None:
    """Refused, broken or unanswered: it has failed, and with that error."""
    injected, kind = FAULTS[fault]
    sim.inject(injected)
    outcome = (await outcomes_of(fleet_of(sim, fake_time)))[BAD]
    assert type(outcome.error) is kind
    assert (outcome.kind, outcome.value) == (OutcomeKind.FAILED, None)
    with pytest.raises(kind):
        outcome.result()


async def test_one_that_is_throttled_out(sim: DetectiveSimulator, fake_time: FakeTime) -> None:
    """Its retries draw on a quota of its own: it may use that up, and all others have theirs."""
    sim.throttle(None, account=BAD)
    sim.throttle(2, account=GOOD[-1])

    async def insist(client: DetectiveClient, target: Target) -> str:
        if target.account_id != BAD:
            return await create(client, target)
        for _ in range(60):
            try:
                await client.list_graphs()
            except TooManyRequestsException as error:
                attempts.append(error.attempts)
        return await create(client, target)

    attempts: list[int] = []
    outcome = (await outcomes_of(fleet_of(sim, fake_time), insist))[BAD]
    assert isinstance(outcome.error, TooManyRequestsException)
    # There was nothing left to pay for a second attempt with.
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
async def test_one_that_is_not_answered_in_time(timeouts: Timeouts, kind: type[Exception], takes: float) -> None:
    """The fleet's timeouts are those of each target, and the others do not wait for them."""
    loop = asyncio.get_running_loop()
    async with gauging(lambda request: place_of(request)[0] == BAD) as gauge:
        targets = places(len(EVERY), ["eu-west-1"])
        async with DetectiveFleet(
            targets, endpoint_url=gauge.url, concurrency=2, timeouts=timeouts, clock=FakeTime().clock()
        ) as fleet:
            run = fleet.run(lambda client, _: client.list_graphs())
            for _ in GOOD:
                assert (await anext(run)).ok
            assert loop.time() < 1
            (outcome,) = [outcome async for outcome in run]
    assert (outcome.target.account_id, type(outcome.error)) == (BAD, kind)
    assert takes <= loop.time() < takes + 1


async def test_a_closed_region(sim: DetectiveSimulator, fake_time: FakeTime) -> None:
    """It is told from a failure: the account has not opted in to it."""
    regions = ["eu-west-1", "ap-east-1", "us-east-1"]
    sim.close_region("ap-east-1")
    for one in EVERY:
        sim.role(one, "Audit", trusted=[HUB])
    async with DetectiveFleet.assume_role(
        "Audit", EVERY, regions, source=sim.account(HUB), endpoint_url=sim.url, clock=fake_time.clock(real_dates=True)
    ) as fleet:
        outcomes = [outcome async for outcome in fleet.run(create)]
    kinds = {(outcome.target.region, outcome.kind) for outcome in outcomes}
    assert kinds == {
        ("eu-west-1", OutcomeKind.SUCCEEDED),
        ("us-east-1", OutcomeKind.SUCCEEDED),
        ("ap-east-1", OutcomeKind.REGION_UNAVAILABLE),
    }
    errors = [outcome.error for outcome in outcomes if not outcome.ok]
    assert len(errors) == len(EVERY)
    assert all(isinstance(error, ServiceError) and error.code == "UnrecognizedClientException" for error in errors)


async def test_a_role_that_may_not_be_assumed(sim: DetectiveSimulator, fake_time: FakeTime) -> None:
    """It fails in all regions of that account, with what STS said; the other accounts' roles are assumed."""
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
        outcomes = [outcome async for outcome in fleet.run(create)]
    failed = [outcome for outcome in outcomes if not outcome.ok]
    assert {outcome.target.account_id for outcome in failed} == {BAD}
    assert len(failed) == 2
    for outcome in failed:
        assert isinstance(outcome.error, AssumeRoleError)
        assert (outcome.error.code, outcome.kind) == ("AccessDenied", OutcomeKind.FAILED)


async def _sealed() -> Credentials:
    raise OSError("the vault is sealed")


@pytest.mark.parametrize(
    ("credentials", "kind"),
    [
        (5, ConfigurationError),
        (_sealed, CredentialsError),
        (StaticCredentials("AKIAIOSFODNN7EXAMPLE", "wrong"), ServiceError),
        (AssumeRole("arn:aws:iam::444455556666:role/x", source=_sealed), CredentialsError),
    ],
)
async def test_credentials_that_are_none(
    sim: DetectiveSimulator, fake_time: FakeTime, credentials: Any, kind: type[Exception]
) -> None:
    """Those of one target fail that one."""
    targets = [Target(one, "eu-west-1", credentials if one == BAD else sim.account(one)) for one in EVERY]
    fleet = DetectiveFleet(targets, endpoint_url=sim.url, concurrency=2, clock=fake_time.clock(real_dates=True))
    outcome = (await outcomes_of(fleet))[BAD]
    assert isinstance(outcome.error, kind)


async def test_bad_input_in_one(sim: DetectiveSimulator, fake_time: FakeTime) -> None:
    """What the work asks for wrongly is an error like any other."""

    async def work(client: DetectiveClient, target: Target) -> None:
        await client.list_graphs(max_results=0 if target.account_id == BAD else 1)

    assert isinstance((await outcomes_of(fleet_of(sim, fake_time), work))[BAD].error, ParameterError)

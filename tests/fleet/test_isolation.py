"""Whatever goes wrong in one target is that one's outcome, and of no concern to the others."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from fakes import FakeTime
from resilience.interruptions import passes
from resilience.virtual_time import in_virtual_time

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


class Odd(Exception):
    """Nobody has ever heard of it."""


async def _raise(error: BaseException) -> None:
    raise error


async def _cancel_itself() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(0)


async def _cancel_itself_and_go_on_to_fail() -> None:
    try:
        await _cancel_itself()
    except asyncio.CancelledError:
        raise Odd from None


async def _await_what_was_cancelled() -> None:
    task = asyncio.ensure_future(asyncio.Event().wait())
    task.cancel()
    await task


async def _time_out() -> None:
    async with asyncio.timeout(0):
        await asyncio.Event().wait()


async def _group() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.Event().wait())
        group.create_task(_raise(Odd()))


def _not_async() -> Any:
    return 5


def _not_even_that() -> Any:
    raise Odd


async def _deeper() -> None:
    await _deeper()


RAISING: dict[str, tuple[Callable[[], Awaitable[Any]], type[Exception]]] = {
    "something of its own": (lambda: _raise(Odd()), Odd),
    "a KeyError": (lambda: _raise(KeyError("x")), KeyError),
    "the end of an iteration": (lambda: _raise(StopAsyncIteration()), StopAsyncIteration),
    "a cancellation": (lambda: _raise(asyncio.CancelledError()), RuntimeError),
    "a cancellation of itself": (_cancel_itself, RuntimeError),
    "something else when cancelled": (_cancel_itself_and_go_on_to_fail, Odd),
    "what it awaits was cancelled": (_await_what_was_cancelled, RuntimeError),
    "a timeout of its own": (_time_out, TimeoutError),
    "a group": (_group, ExceptionGroup),
    "it is no coroutine function": (_not_async, TypeError),
    "before there is a coroutine": (_not_even_that, Odd),
    "too deep": (_deeper, RecursionError),
}


@pytest.mark.parametrize("case", RAISING)
async def test_whatever_the_work_raises(case: str) -> None:
    """It is the outcome's error, even where it is a cancellation that nobody asked for."""
    do, kind = RAISING[case]
    before = asyncio.all_tasks()

    def work(_client: DetectiveClient, target: Target) -> Awaitable[Any]:
        return do() if target.account_id == BAD else asyncio.sleep(0)

    outcome = (await outcomes_of(DetectiveFleet(places(len(EVERY), ["eu-west-1"]), concurrency=2), work))[BAD]
    assert type(outcome.error) is kind
    assert outcome.kind is OutcomeKind.FAILED
    if kind is RuntimeError:
        assert str(outcome.error) == "the work was cancelled"
    assert asyncio.all_tasks() == before


async def test_all_cancel_themselves(fake_time: FakeTime) -> None:
    """Then all have failed, and the run has come to its end all the same."""

    async def work(_client: DetectiveClient, _target: Target) -> None:
        await _cancel_itself()

    async with DetectiveFleet(places(20), concurrency=3, clock=fake_time.clock()) as fleet:
        outcomes = [outcome async for outcome in fleet.run(work)]
    assert len(outcomes) == 60
    assert {str(outcome.error) for outcome in outcomes} == {"the work was cancelled"}


class Exit(BaseException):
    """Something that is not meant to be caught, as `pytest.fail` raises."""


async def test_what_is_not_meant_to_be_caught_is_not() -> None:
    """It ends the run: nothing more is begun, what was begun comes to its end, and then it is raised."""
    begun = []

    async def work(_client: DetectiveClient, target: Target) -> None:
        begun.append(target)
        is_third = len(begun) == 3
        await asyncio.sleep(0)
        if is_third:
            raise Exit
        await asyncio.sleep(0)

    seen = 0
    async with DetectiveFleet(places(20), concurrency=3) as fleet:
        with pytest.raises(Exit):  # noqa: PT012 - the loop is what raises, at its end
            async for _ in fleet.run(work):
                seen += 1
    assert len(begun) < 10
    assert seen == len(begun) - 1


async def test_an_iterator_that_is_not_meant_to_go_on() -> None:
    """Likewise for what the targets raise; but then nobody knows how they are, and what was begun is cancelled."""

    def endless() -> Iterator[Target]:
        yield from places(2)
        raise Exit

    before = asyncio.all_tasks()
    async with DetectiveFleet(endless(), concurrency=100) as fleet:
        with pytest.raises(Exit):
            _ = [outcome async for outcome in fleet.run(lambda _client, _target: asyncio.Event().wait())]
    assert asyncio.all_tasks() == before


async def test_tasks_that_somebody_else_cancels() -> None:
    """Where they had not begun their work, and where it is the one that begins the others, the run ends and says so."""
    for steps in (1, 2):
        before = asyncio.all_tasks()
        async with DetectiveFleet(places(20), concurrency=3) as fleet:
            waiting = asyncio.ensure_future(anext(fleet.run(lambda _client, _target: asyncio.sleep(0))))
            await passes(steps)
            for task in asyncio.all_tasks() - before - {waiting}:
                task.cancel()
            with pytest.raises(RuntimeError, match="the work was cancelled from outside"):
                await waiting
        assert asyncio.all_tasks() == before


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

"""What a run gives: an outcome for every target, each as soon as it is there."""

import asyncio
import sys

import pytest
from support.fakes import FakeTime

from detective_async import (
    AccessDeniedException,
    AssumeRoleError,
    ConnectError,
    Credentials,
    DetectiveClient,
    DetectiveFleet,
    HostNotFound,
    Outcome,
    OutcomeKind,
    ServiceError,
    Target,
)
from detective_async.testing import DetectiveSimulator
from fleet.gauge import REGIONS, accounts, gauging, place_of, places

SECRET = "hunter2hunter2hunter2"
HERE = Target("111122223333", "eu-west-1", Credentials("AKIAIOSFODNN7EXAMPLE", SECRET))
NOT_FOUND = HostNotFound("no such name", operation="ListGraphs", attempts=3, outcome_unknown=False)


async def test_each_target_has_one_outcome(sim: DetectiveSimulator) -> None:
    """With what was done there, by the account that it names, in the region that it names."""
    targets = [Target(one, region, sim.account(one)) for one in accounts(7) for region in REGIONS]

    async def create(client: DetectiveClient, target: Target) -> str | None:
        assert client.region == target.region
        return (await client.create_graph()).graph_arn

    async with DetectiveFleet(targets, endpoint_url=sim.url, concurrency=4) as fleet:
        outcomes = [outcome async for outcome in fleet.run(create)]
    assert sorted((one.target for one in outcomes), key=str) == sorted(targets, key=str)
    for outcome in outcomes:
        arn = str(outcome.result())
        assert arn.split(":")[3:5] == [outcome.target.region, outcome.target.account_id]
        assert (outcome.ok, outcome.kind, outcome.error) == (True, OutcomeKind.SUCCEEDED, None)


async def test_a_slow_target_does_not_hold_up_the_fast_ones() -> None:
    """They come as they end, whatever the order of the targets is."""
    slow = places(5)[:3]
    held = {(one.account_id, one.region) for one in slow}
    async with (
        gauging(lambda request: place_of(request) in held) as gauge,
        DetectiveFleet(places(5), concurrency=5, endpoint_url=gauge.url) as fleet,
    ):
        run = fleet.run(lambda client, _: client.list_graphs())
        fast = [await anext(run) for _ in range(12)]
        assert len(gauge.held) == 3
        assert not {one.target for one in fast} & set(slow)
        gauge.release()
        assert {outcome.target async for outcome in run} == set(slow)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="tasks are never eager before 3.12")
async def test_tasks_that_begin_at_once() -> None:
    """With a task factory that does not wait for the next turn of the event loop, all is as it was."""

    async def at_once(_client: DetectiveClient, target: Target) -> Target:
        if int(target.account_id) % 2:
            await asyncio.sleep(0)
        return target

    if sys.version_info >= (3, 12):
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    async with DetectiveFleet(places(30), concurrency=4) as fleet:
        assert {outcome.result() async for outcome in fleet.run(at_once)} == set(places(30))


async def test_how_long_each_took(fake_time: FakeTime) -> None:
    """From the moment in which its work was begun, by the fleet's clock."""

    async def work(_client: DetectiveClient, target: Target) -> None:
        fake_time.now += int(target.account_id)
        if target.account_id.endswith("2"):
            raise ValueError

    async with DetectiveFleet(places(3, ["eu-west-1"]), concurrency=1, clock=fake_time.clock()) as fleet:
        assert [outcome.elapsed async for outcome in fleet.run(work)] == [1.0, 2.0, 3.0]


async def test_none_is_a_value_too() -> None:
    """Work that gives nothing has succeeded."""

    async def nothing(_client: DetectiveClient, _target: Target) -> None:
        pass

    async with DetectiveFleet([HERE]) as fleet:
        (outcome,) = [outcome async for outcome in fleet.run(nothing)]
    assert outcome.ok
    assert outcome.result() is None


def test_a_result_is_the_value_or_the_error() -> None:
    """What failed raises the very error, however often it is asked."""
    assert Outcome(HERE, 5, None, 0.1).result() == 5
    error = ValueError("no")
    failed: Outcome[int] = Outcome(HERE, None, error, 0.1)
    for _ in range(2):
        with pytest.raises(ValueError, match="no") as caught:
            failed.result()
        assert caught.value is error
    assert not failed.ok


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (None, OutcomeKind.SUCCEEDED),
        (ValueError("no"), OutcomeKind.FAILED),
        (AccessDeniedException("AccessDeniedException"), OutcomeKind.FAILED),
        (ServiceError("UnrecognizedClientException"), OutcomeKind.REGION_UNAVAILABLE),
        (ServiceError("OptInRequired"), OutcomeKind.REGION_UNAVAILABLE),
        (
            # Of the region whose STS was asked, and not of the target's.
            AssumeRoleError("no", role_arn="", code="RegionDisabledException", status=403, request_id=None),
            OutcomeKind.FAILED,
        ),
        (AssumeRoleError("no", role_arn="", code="AccessDenied", status=403, request_id=None), OutcomeKind.FAILED),
        (AssumeRoleError("no", role_arn="", code=None, status=None, request_id=None), OutcomeKind.FAILED),
        (NOT_FOUND, OutcomeKind.REGION_UNAVAILABLE),
        (ConnectError("no", operation="ListGraphs", attempts=3, outcome_unknown=False), OutcomeKind.FAILED),
    ],
)
def test_the_kind_follows_from_the_error(error: Exception | None, kind: OutcomeKind) -> None:
    """A region that an account has not opted in to, or that has no Detective, is no failure."""
    outcome: Outcome[None] = Outcome(HERE, None, error, 0.1)
    assert outcome.kind is kind
    assert outcome.ok == (error is None)


def test_an_outcome_shows_no_secret() -> None:
    """Its target's credentials are no part of what it shows; its target reads as a place."""
    assert SECRET not in repr(Outcome(HERE, None, None, 0.1))
    assert "AKIA" not in repr(Outcome(HERE, None, None, 0.1))
    assert str(HERE) == "111122223333 in eu-west-1"
    assert f"{OutcomeKind.REGION_UNAVAILABLE}" == "region unavailable"


async def test_the_work_may_be_any_callable_that_gives_an_awaitable(sim: DetectiveSimulator) -> None:
    """A lambda, a bound method, an object; what it returns is awaited within the target."""

    class Work:
        async def __call__(self, client: DetectiveClient, _target: Target) -> int:
            return len((await client.list_graphs()).graph_list)

        def later(self, client: DetectiveClient, target: Target) -> "asyncio.Task[int]":
            return asyncio.ensure_future(self(client, target))

    target = Target("111122223333", "eu-west-1", sim.account("111122223333"))
    async with DetectiveFleet([target], endpoint_url=sim.url) as fleet:
        for work in (Work(), Work().later):
            assert [outcome.result() async for outcome in fleet.run(work)] == [0]

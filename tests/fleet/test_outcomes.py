"""A run yields an outcome for every target as soon as it ends."""

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
from fleet.counting_server import places

SECRET = "hunter2hunter2hunter2"
HERE = Target("111122223333", "eu-west-1", Credentials("AKIAIOSFODNN7EXAMPLE", SECRET))
NOT_FOUND = HostNotFound("no such name", operation="ListGraphs", attempts=3, outcome_unknown=False)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="tasks are never eager before 3.12")
async def test_eager_tasks() -> None:
    """An eager task factory makes no difference."""

    async def at_once(_client: DetectiveClient, target: Target) -> Target:
        if int(target.account_id) % 2:
            await asyncio.sleep(0)
        return target

    if sys.version_info >= (3, 12):
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    async with DetectiveFleet(places(30), concurrency=4) as fleet:
        assert {outcome.result() async for outcome in fleet.run(at_once)} == set(places(30))


async def test_elapsed(fake_time: FakeTime) -> None:
    """It is measured from the start of the work, by the fleet's clock."""

    async def work(_client: DetectiveClient, target: Target) -> None:
        fake_time.now += int(target.account_id)
        if target.account_id.endswith("2"):
            raise ValueError

    async with DetectiveFleet(places(3, ["eu-west-1"]), concurrency=1, clock=fake_time.clock()) as fleet:
        assert [outcome.elapsed async for outcome in fleet.run(work)] == [1.0, 2.0, 3.0]


def test_result() -> None:
    """`result()` returns the value, or raises the same error each time."""
    assert Outcome(HERE, 5, None, 0.1).result() == 5
    assert Outcome(HERE, None, None, 0.1).result() is None
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
        # By itself, it may as well be the keys: a run knows more.
        (ServiceError("UnrecognizedClientException"), OutcomeKind.FAILED),
        (ServiceError("OptInRequired"), OutcomeKind.REGION_UNAVAILABLE),
        (ServiceError("RegionDisabledException"), OutcomeKind.REGION_UNAVAILABLE),
        (
            # It concerns the region of the STS, not the target's.
            AssumeRoleError("no", role_arn="", code="RegionDisabledException", status=403, request_id=None),
            OutcomeKind.FAILED,
        ),
        (AssumeRoleError("no", role_arn="", code="AccessDenied", status=403, request_id=None), OutcomeKind.FAILED),
        (AssumeRoleError("no", role_arn="", code=None, status=None, request_id=None), OutcomeKind.FAILED),
        # By itself, it may as well be the resolver: a run knows more.
        (NOT_FOUND, OutcomeKind.FAILED),
        (ConnectError("no", operation="ListGraphs", attempts=3, outcome_unknown=False), OutcomeKind.FAILED),
    ],
)
def test_kind(error: Exception | None, kind: OutcomeKind) -> None:
    """An unavailable region is distinguished from a failure; the target's credentials are hidden."""
    outcome: Outcome[None] = Outcome(HERE, None, error, 0.1)
    assert outcome.kind is kind
    assert outcome.ok == (error is None)
    assert SECRET not in repr(outcome)
    assert "AKIA" not in repr(outcome)


async def test_callables_that_return_awaitables(sim: DetectiveSimulator) -> None:
    """Objects and bound methods may be the work, and return any awaitable."""

    class Work:
        async def __call__(self, client: DetectiveClient, _target: Target) -> int:
            return len((await client.list_graphs()).graph_list)

        def later(self, client: DetectiveClient, target: Target) -> "asyncio.Task[int]":
            return asyncio.ensure_future(self(client, target))

    target = Target("111122223333", "eu-west-1", sim.account("111122223333"))
    async with DetectiveFleet([target], endpoint_url=sim.url) as fleet:
        for work in (Work(), Work().later):
            assert [outcome.result() async for outcome in fleet.run(work)] == [0]

"""Pickles for other processes: fleets and shards keep their credentials, outcomes have none."""

import asyncio
import multiprocessing
import pickle
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest

from detective_async import (
    AssumeRole,
    Credentials,
    DetectiveFleet,
    HostNotFound,
    Outcome,
    OutcomeKind,
    StaticCredentials,
    Target,
)
from detective_async.testing import DetectiveSimulator, Failure, Fault, SimulatorThread
from fleet.counting_server import accounts, create_graph

HUB = "111122223333"
SECRET = "hunter2hunter2hunter2"
KEYS = Credentials("AKIAIOSFODNN7EXAMPLE", SECRET, SECRET)
HERE = Target(HUB, "eu-west-1", KEYS)


def copy_of(thing: Any) -> Any:
    return pickle.loads(pickle.dumps(thing))


def test_target() -> None:
    """A target keeps its credentials."""
    assert copy_of(HERE) == HERE
    assert copy_of(HERE).credentials == KEYS
    assert copy_of(Target(HUB, "eu-west-1")) == Target(HUB, "eu-west-1")


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(HERE, ["a", 5], None, 1.5),
        Outcome(HERE, None, KeyError("x"), 0.0),
        Outcome(HERE, None, HostNotFound("x", operation="ListGraphs", attempts=3, outcome_unknown=False), 0.0),
        # With a custom endpoint, which the error does not show.
        Outcome(
            HERE,
            None,
            HostNotFound("x", operation="ListGraphs", attempts=3, outcome_unknown=False),
            0.0,
            kind=OutcomeKind.FAILED,
        ),
    ],
    ids=lambda outcome: f"{outcome.kind}",
)
def test_outcome(outcome: Outcome[Any]) -> None:
    """An outcome keeps everything but the target's credentials."""
    pickled = pickle.dumps(outcome)
    assert SECRET.encode() not in pickled
    assert b"AKIA" not in pickled
    copy = pickle.loads(pickled)
    assert copy.target == Target(HUB, "eu-west-1")
    assert (copy.value, copy.elapsed, copy.kind) == (outcome.value, outcome.elapsed, outcome.kind)
    assert (type(copy.error), str(copy.error)) == (type(outcome.error), str(outcome.error))
    # The original keeps them.
    assert outcome.target.credentials == KEYS


async def test_fleet(sim: DetectiveSimulator) -> None:
    """A fleet keeps its targets and settings, but not its connections and runs."""
    targets = [Target(one, "eu-west-1", sim.account(one)) for one in accounts(5)]
    async with DetectiveFleet(targets, concurrency=3, concurrency_per_target=2, endpoint_url=sim.url) as fleet:
        run = fleet.run(create_graph)
        await anext(run)
        async with copy_of(fleet) as copy:
            assert repr(copy) == "<DetectiveFleet [targets: 5, open]>"
            assert (copy._concurrency, copy._concurrency_per_target) == (3, 2)
            assert copy._client.endpoint_url == sim.url
            assert len([outcome async for outcome in copy.run(create_graph) if outcome.ok]) == 5
        await run.aclose()
    # The copy of a closed fleet is open.
    async with copy_of(fleet).shard(1, 2) as copy:
        assert len([outcome async for outcome in copy.run(create_graph) if outcome.ok]) == 2


async def test_roles_are_assumed_again(sim: DetectiveSimulator) -> None:
    """Pickles contain no session keys; the other process assumes the roles again."""
    for one in accounts(3):
        sim.role(one, "Audit", trusted=[HUB])
    async with DetectiveFleet.assume_role(
        "Audit", accounts(3), ["eu-west-1"], source=sim.account(HUB), endpoint_url=sim.url
    ) as fleet:
        assert len([outcome async for outcome in fleet.run(create_graph) if outcome.ok]) == 3
        target = next(iter(fleet._targets))
        role = target.credentials
        assert isinstance(role, AssumeRole)
        kept = role._cache._cached
        assert kept is not None
        assert kept.session_token is not None
        for thing in (fleet, fleet.shard(0, 2), role, target):
            pickled = pickle.dumps(thing)
            for secret in (kept.access_key_id, kept.secret_access_key, kept.session_token):
                assert secret.encode() not in pickled
        again = copy_of(role)
        assert (again.role_arn, again.region, again.duration) == (role.role_arn, role.region, role.duration)
        assert again._cache._cached is None
        sim.forget_requests()
        async with copy_of(fleet) as copy:
            assert len([outcome async for outcome in copy.run(create_graph) if outcome.ok]) == 3
    assert [request.operation for request in sim.requests].count("AssumeRole") == 3


@pytest.fixture
def simulator() -> Iterator[SimulatorThread]:
    with SimulatorThread() as simulator:
        yield simulator


def work_through(fleet: DetectiveFleet) -> list[Outcome[str]]:
    """Work on a shard, in another process."""

    async def run() -> list[Outcome[str]]:
        async with fleet:
            return [outcome async for outcome in fleet.run(create_graph)]

    return asyncio.run(run())


def test_shards_in_other_processes(simulator: SimulatorThread) -> None:
    """Each process works on its shard, and outcomes return with errors and without credentials."""
    every = accounts(7)
    for one in every:
        simulator.role(one, "Audit", trusted=[HUB])
    simulator.inject(Fault(Failure(403, "AccessDeniedException", "no"), account=every[4], count=None))
    keys = simulator.account(HUB)
    fleet = DetectiveFleet.assume_role(
        "Audit",
        every,
        ["eu-west-1", "us-east-1"],
        source=StaticCredentials(keys.access_key_id, keys.secret_access_key),
        endpoint_url=simulator.url,
    )
    shards = [fleet.shard(index, 3) for index in range(3)]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        outcomes = [outcome for part in pool.map(work_through, shards) for outcome in part]
    assert {str(outcome.target) for outcome in outcomes} == {str(target) for target in fleet._targets}
    assert len(outcomes) == 14
    for outcome in outcomes:
        assert outcome.target.credentials is None
        if outcome.target.account_id == every[4]:
            assert type(outcome.error).__name__ == "AccessDeniedException"
        else:
            assert str(outcome.result()).split(":")[4] == outcome.target.account_id

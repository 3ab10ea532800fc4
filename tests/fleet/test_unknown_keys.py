"""Keys that the service does not know: only where another region has accepted them is the region unavailable."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from detective_async import (
    AssumeRole,
    Credentials,
    DetectiveClient,
    DetectiveFleet,
    Outcome,
    OutcomeKind,
    RetryPolicy,
    ServiceError,
    Target,
)
from detective_async.fleet import undecided
from detective_async.fleet.undecided import UndecidedOutcomes
from detective_async.testing import DetectiveSimulator
from fleet.counting_server import accounts

#: Two regions that every account has, and two that have to be opted in to.
HERE, THERE, OPT_IN, OPT_IN_TOO = "eu-west-1", "ap-southeast-2", "af-south-1", "ap-east-1"
SUCCEEDED, FAILED, UNAVAILABLE = OutcomeKind.SUCCEEDED, OutcomeKind.FAILED, OutcomeKind.REGION_UNAVAILABLE
ONE, TWO = accounts(2)
KEYS, OTHER_KEYS = Credentials("AKIA1", "s"), Credentials("AKIA2", "s")
SESSION, NEXT_SESSION = Credentials("ASIA1", "s", "t"), Credentials("ASIA2", "s", "t")
ROLE = AssumeRole(f"arn:aws:iam::{ONE}:role/Audit", source=KEYS)
GLOBAL_ROLE = AssumeRole(f"arn:aws:iam::{ONE}:role/Audit", source=KEYS, endpoint_url="https://sts.amazonaws.com")
UNKNOWN, DENIED = "UnrecognizedClientException", "AccessDeniedException"

#: The region, the keys, and the error code of a call, or none; the call ends the target.
Step = tuple[str, Credentials, str | None]


def raised(error: ServiceError) -> ServiceError:
    """Give the error a traceback."""
    try:
        raise error
    except ServiceError:
        return error


def decided(
    steps: Iterable[Step], source: Any = None, fleet_source: Any = None, account: str = ONE
) -> list[tuple[str, OutcomeKind]]:
    """Take the steps in order, a target each; return the regions and kinds in the order of publication."""
    published: list[Outcome[Any]] = []
    outcomes = UndecidedOutcomes(published.append, fleet_source, lambda _: None)
    for region, keys, code in steps:
        error = None if code is None else raised(ServiceError(code))
        outcomes.note_keys(region, account, keys, error)
        judged = outcomes.decide(Outcome(Target(account, region, source), None, error, 0.0))
        if judged is not None:
            published.append(judged)
        elif error is not None:
            # Its frames would be most of the memory that is held.
            assert error.__traceback__ is None
    outcomes.publish_rest()
    assert not outcomes._held
    return [(one.target.region, one.kind) for one in published]


@pytest.mark.parametrize(
    ("code", "shows"),
    [
        (None, True),
        (DENIED, True),
        ("ValidationException", True),
        ("InternalServerException", False),
        ("TooManyRequestsException", False),
        ("OptInRequired", False),
        ("InvalidSignatureException", False),
        ("403", False),
    ],
)
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("keys", [KEYS, SESSION])
def test_what_shows_that_keys_exist(code: str | None, shows: bool, first: bool, keys: Credentials) -> None:
    """A success, or an error that is sent only to known keys, before or after the refusal, in another region."""
    steps: list[Step] = [(HERE, keys, code), (THERE, keys, UNKNOWN)]
    kinds = dict(decided(steps if first else reversed(steps)))
    assert kinds[THERE] is (UNAVAILABLE if shows else FAILED)


@pytest.mark.parametrize(
    ("steps", "source", "kinds"),
    [
        # Nothing shows that the keys exist.
        ([(HERE, KEYS, UNKNOWN), (OPT_IN, KEYS, UNKNOWN)], None, [FAILED, FAILED]),
        ([(OPT_IN, KEYS, UNKNOWN), (OPT_IN_TOO, KEYS, UNKNOWN)], None, [FAILED, FAILED]),
        # STS does, if no region refuses them that every account has.
        ([(OPT_IN, SESSION, UNKNOWN), (OPT_IN_TOO, SESSION, UNKNOWN)], ROLE, [UNAVAILABLE, UNAVAILABLE]),
        ([(OPT_IN, SESSION, UNKNOWN), (HERE, SESSION, UNKNOWN)], ROLE, [FAILED, FAILED]),
        # The tokens of the global STS are good for the other regions only.
        ([(OPT_IN, SESSION, UNKNOWN)], GLOBAL_ROLE, [FAILED]),
        # Other keys exist; the session of a role is replaced by another one.
        ([(THERE, KEYS, UNKNOWN), (HERE, OTHER_KEYS, None)], None, [SUCCEEDED, FAILED]),
        ([(THERE, SESSION, UNKNOWN), (HERE, NEXT_SESSION, None)], None, [UNAVAILABLE, SUCCEEDED]),
        # The same region has accepted them: they were deleted, which is what the next refusal means, too.
        ([(HERE, KEYS, None), (HERE, KEYS, UNKNOWN), (THERE, KEYS, UNKNOWN)], None, [SUCCEEDED, FAILED, FAILED]),
        ([(HERE, KEYS, UNKNOWN), (HERE, KEYS, None)], None, [FAILED, SUCCEEDED]),
        # The service's own word.
        ([(OPT_IN, KEYS, "OptInRequired")], None, [UNAVAILABLE]),
        ([(OPT_IN, KEYS, "InvalidClientTokenId")], None, [FAILED]),
    ],
)
def test_what_a_refusal_means(steps: list[Step], source: Any, kinds: list[OutcomeKind]) -> None:
    """The region is unavailable where that is known; otherwise the target has failed."""
    found = decided(steps, source)
    assert [kind for _, kind in found] == kinds
    if source is not None:
        assert decided(steps, None, source) == found


def test_accounts_are_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a region accepts of one account says nothing of another; only so many accounts are remembered."""
    monkeypatch.setattr(undecided, "_MAX_KEYS", 1)
    published: list[Outcome[Any]] = []
    outcomes = UndecidedOutcomes(published.append, None, lambda _: None)
    errors = [ServiceError(UNKNOWN) for _ in range(3)]
    outcomes.note_keys(THERE, ONE, SESSION, errors[0])
    assert outcomes.decide(Outcome(Target(ONE, THERE), None, errors[0], 0.0)) is None
    outcomes.note_keys(HERE, TWO, NEXT_SESSION, None)
    assert not published
    outcomes.note_keys(HERE, ONE, SESSION, None)
    assert [(one.target.account_id, one.kind) for one in published] == [(ONE, UNAVAILABLE)]
    for account, keys, error in ((ONE, SESSION, errors[1]), (TWO, NEXT_SESSION, errors[2])):
        outcomes.note_keys(THERE, account, keys, error)
        judged = outcomes.decide(Outcome(Target(account, THERE), None, error, 0.0))
        assert (judged is None) is (account == TWO)


async def list_graphs(client: DetectiveClient, _: Target) -> object:
    return await client.list_graphs()


async def kinds_of(
    sim: DetectiveSimulator, targets: Iterable[Target], work: Callable[..., Any] = list_graphs
) -> list[tuple[str, str, OutcomeKind]]:
    async with DetectiveFleet(targets, endpoint_url=sim.url, concurrency=1, retry=RetryPolicy(max_attempts=1)) as fleet:
        return [(one.target.account_id, one.target.region, one.kind) async for one in fleet.run(work)]


async def test_a_run(sim: DetectiveSimulator) -> None:
    """Deleted keys fail in each region; those of the account beside them are known, and its closed region too."""
    sim.close_region(THERE)
    targets = [
        Target(account, region, keys)
        for region in (THERE, HERE)
        for account, keys in ((ONE, sim.account(ONE)), (TWO, Credentials("AKIADELETED000000000", "s")))
    ]
    assert sorted(await kinds_of(sim, targets)) == [
        (ONE, THERE, UNAVAILABLE),
        (ONE, HERE, SUCCEEDED),
        (TWO, THERE, FAILED),
        (TWO, HERE, FAILED),
    ]


async def test_refusals_of_something_else(sim: DetectiveSimulator) -> None:
    """A call to another region, or with a client of the work's own, says nothing of the target's region."""
    sim.close_region(THERE)

    async def work(client: DetectiveClient, target: Target) -> None:
        await client.list_graphs()
        if target.account_id == ONE:
            await client.with_options(region=THERE).list_graphs()
        async with DetectiveClient(region=THERE, endpoint_url=sim.url, credentials=sim.account(TWO)) as other:
            await other.list_graphs()

    targets = [Target(account, HERE, sim.account(account)) for account in (ONE, TWO)]
    assert await kinds_of(sim, targets, work) == [(ONE, HERE, FAILED), (TWO, HERE, FAILED)]


async def test_roles_whose_regions_are_closed(sim: DetectiveSimulator) -> None:
    """STS shows that the keys exist, so that a region that has to be opted in to is known to be closed."""
    sim.close_region(OPT_IN)
    for account in (ONE, TWO):
        sim.role(account, "Audit", trusted=["111122223333"])
    async with DetectiveFleet.assume_role(
        "Audit", [ONE, TWO], [OPT_IN], source=sim.account("111122223333"), endpoint_url=sim.url
    ) as fleet:
        assert [one.kind async for one in fleet.run(list_graphs)] == [UNAVAILABLE] * 2
        stream = fleet.iter_members()
        assert [pair async for pair in stream] == []
        assert stream.failures == []

"""Invalid targets are refused by name, before any request; and fleets of iterators."""

from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

import pytest
from support.interruptions import passes

from detective_async import (
    AssumeRole,
    Clock,
    ConfigurationError,
    Credentials,
    DetectiveClient,
    DetectiveFleet,
    ParameterError,
    Target,
)
from detective_async.fleet.targets import RoleTargets
from fleet.counting_server import places

KEYS = Credentials("AKIAIOSFODNN7EXAMPLE", "hunter2hunter2hunter2")
ID, OTHER = "111122223333", "444455556666"


async def work(_client: DetectiveClient, _target: Target) -> None:
    await passes(3)


async def pages(_client: DetectiveClient, _target: Target) -> AsyncIterator[int]:
    yield 1


class Pages:
    async def __call__(self, _client: DetectiveClient, _target: Target) -> AsyncIterator[int]:
        yield 1


def never() -> float:
    raise AssertionError("a request was about to be signed")


OFFLINE = Clock(time=never)

TARGETS: list[tuple[Any, Any, str, str]] = [
    ("11112222333", "eu-west-1", "account_id", "got 11 characters"),
    (111122223333, "eu-west-1", "account_id", "got an int"),
    ("", "eu-west-1", "account_id", "must not be empty"),
    ("1111-2222-333", "eu-west-1", "account_id", "got 13 characters"),
    ("abcdefabcdef", "eu-west-1", "account_id", "'abcdefabcdef' is not one"),
    ("\u0661" * 12, "eu-west-1", "account_id", "is not one"),
    (None, "eu-west-1", "account_id", "got None"),
    (ID, "", "region", "expected a region, such as eu-west-1, got ''"),
    (ID, None, "region", "got None"),
    (ID, "eu west 1", "region", "got 'eu west 1'"),
    (ID, "Ireland", "region", "expected a region, such as eu-west-1, got 'Ireland'"),
    (ID, "-west-1", "region", "got '-west-1'"),
    (ID, "x.evil.example", "region", "got 'x.evil"),
    (ID, "eu-west-1\n", "region", "such as eu-west-1, got"),
    (ID, "x" * 64, "region", "got a str"),
]


def test_target_repr_and_equality() -> None:
    """Credentials are hidden, but compared."""
    target = Target(ID, "eu-west-1", KEYS)
    assert repr(target) == f"Target(account_id='{ID}', region='eu-west-1')"
    assert str(target) == f"{ID} in eu-west-1"
    assert {target, Target(ID, "eu-west-1", KEYS)} == {target}
    assert target != Target(ID, "eu-west-1")


FLEETS: list[tuple[Callable[[], object], str, str]] = [
    (lambda: DetectiveFleet([]), "targets", "must not be empty"),
    (lambda: DetectiveFleet({}), "targets", "must not be empty"),
    (lambda: DetectiveFleet([*places(1), "x"]), "targets[3]", "expected a Target, got str"),  # type: ignore[list-item]
    (lambda: DetectiveFleet([(ID, "eu-west-1")]), "targets[0]", "expected a Target, got tuple"),  # type: ignore[list-item]
    (lambda: DetectiveFleet("eu-west-1"), "targets[0]", "expected a Target, got str"),  # type: ignore[arg-type]
    (lambda: DetectiveFleet(places(1)[0]), "targets", "to iterate over, got Target"),  # type: ignore[arg-type]
    (lambda: DetectiveFleet(None), "targets", "to iterate over, got NoneType"),  # type: ignore[arg-type]
    (lambda: DetectiveFleet(places(1), concurrency=0), "concurrency", "must be at least 1, got 0"),
    (lambda: DetectiveFleet(places(1), concurrency=-1), "concurrency", "must be at least 1, got -1"),
    (lambda: DetectiveFleet(places(1), concurrency=True), "concurrency", "expected a whole number, got a bool"),
    (lambda: DetectiveFleet(places(1), concurrency=1.5), "concurrency", "got a float"),  # type: ignore[arg-type]
    (lambda: DetectiveFleet(places(1), concurrency=None), "concurrency", "got None"),  # type: ignore[arg-type]
    (lambda: DetectiveFleet(places(1), concurrency_per_target=0), "concurrency_per_target", "must be at least 1"),
    (lambda: DetectiveFleet(places(1)).run(None), "fn", "expected a coroutine function, got NoneType"),  # type: ignore[arg-type]
    (lambda: DetectiveFleet(places(1)).run("list_graphs"), "fn", "got str"),  # type: ignore[arg-type]
    (lambda: DetectiveFleet(places(1)).run(pages), "fn", "expected a coroutine function, got one that yields"),  # type: ignore[arg-type]
    (lambda: DetectiveFleet(places(1)).run(partial(pages)), "fn", "got one that yields"),  # type: ignore[arg-type]
    (lambda: DetectiveFleet(places(1)).run(Pages()), "fn", "got one that yields"),  # type: ignore[arg-type]
    (lambda: DetectiveFleet(places(1)).run(work, progress=5), "progress", "expected a plain callable, got 5"),  # type: ignore[arg-type]
    (lambda: DetectiveFleet(places(1)).run(work, progress=work), "progress", "expected a plain callable"),  # type: ignore[arg-type]
    (lambda: DetectiveFleet(places(1)).shard(0, 0), "count", "must be at least 1, got 0"),
    (lambda: DetectiveFleet(places(1)).shard(3, 3), "index", "must be 0 to 2, got 3"),
    (lambda: DetectiveFleet(places(1)).shard(-1, 3), "index", "must be 0 to 2, got -1"),
    (lambda: DetectiveFleet(places(1)).shard(0, 2.0), "count", "got a float"),  # type: ignore[arg-type]
]


ROLES: list[tuple[dict[str, Any], str, str]] = [
    ({"role_name": ""}, "role_name", "must not be empty"),
    ({"role_name": None}, "role_name", "got None"),
    ({"role_name": "/Audit"}, "role_name", "is not one"),
    ({"role_name": "Audit/"}, "role_name", "is not one"),
    ({"role_name": "two words"}, "role_name", "is not one"),
    ({"role_name": "a" * 65}, "role_name", "is not one"),
    # Easily mistaken for a name; would become `arn:...:role/arn:...:role/Audit`.
    ({"role_name": f"arn:aws:iam::{ID}:role/Audit"}, "role_name", "expected a role's name"),
    ({"account_ids": []}, "account_ids", "must not be empty"),
    ({"account_ids": iter([])}, "account_ids", "must not be empty"),
    ({"account_ids": ID}, "account_ids", "expected a list, got a str"),
    ({"account_ids": {ID: "x"}}, "account_ids", "expected a list, got a dict"),
    ({"account_ids": None}, "account_ids", "expected a list, got None"),
    ({"account_ids": [ID, "5"]}, "account_ids[1]", "got 1 character"),
    ({"account_ids": [ID, 5]}, "account_ids[1]", "got an int"),
    ({"account_ids": [ID, OTHER, ID]}, "account_ids[2]", f"{ID} is there already, as account_ids[0]"),
    ({"regions": []}, "regions", "must not be empty"),
    ({"regions": "eu-west-1"}, "regions", "expected a list, got a str"),
    ({"regions": ["eu-west-1", "eu-wset-1"]}, "regions[1]", "such as eu-west-1, got 'eu-wset-1'"),
    ({"regions": ["mars-1"]}, "regions[0]", "such as eu-west-1, got 'mars-1'"),
    ({"regions": [None]}, "regions[0]", "such as eu-west-1, got None"),
    ({"regions": ["eu-west-1", "eu-west-1"]}, "regions[1]", "eu-west-1 is there already, as regions[0]"),
    ({"regions": ["eu-west-1", "cn-north-1"]}, "regions[1]", "cn-north-1 and eu-west-1 are in different partitions"),
    ({"regions": ["us-gov-west-1", "us-west-1"]}, "regions[1]", "in different partitions of AWS: make a fleet for"),
    ({"external_id": "x"}, "external_id", "characters, got 1"),
    ({"session_name": "not a name"}, "session_name", "is not one"),
    ({"duration": 899}, "duration", "must be 900 to 43200, got 899"),
    ({"concurrency": 0}, "concurrency", "must be at least 1, got 0"),
    ({"concurrency_per_target": 0}, "concurrency_per_target", "must be at least 1, got 0"),
]


RIGHT: dict[str, Any] = {"role_name": "Audit", "account_ids": [ID], "regions": ["eu-west-1"], "source": KEYS}
INVALID: list[tuple[Callable[[], object], str, str]] = [
    *((partial(Target, one, region, KEYS), name, problem) for one, region, name, problem in TARGETS),
    *FLEETS,
    *((partial(DetectiveFleet.assume_role, **{**RIGHT, **wrong}), name, problem) for wrong, name, problem in ROLES),
]


@pytest.mark.parametrize(("make", "parameter", "problem"), INVALID)
def test_invalid_parameters(make: Callable[[], object], parameter: str, problem: str) -> None:
    """They are refused at once, by name and index, without secrets in the message."""
    with pytest.raises(ParameterError) as caught:
        make()
    assert caught.value.parameter == parameter
    assert problem in caught.value.problem
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"region": "not a region"}, "region: expected a region"),
        ({"endpoint_url": "nowhere"}, "must start with http"),
        ({"endpoint_url": "http://localhost", "use_fips": True}, "cannot be combined"),
        ({"credentials": 5}, "credentials"),
        ({"hooks": [5]}, "hooks: expected plain callables"),
    ],
)
def test_invalid_client_options(options: dict[str, Any], problem: str) -> None:
    """They are refused as by a client."""
    with pytest.raises(ConfigurationError, match=problem):
        DetectiveFleet(places(1), **options)
    with pytest.raises(ConfigurationError, match=problem):
        DetectiveFleet.assume_role("Audit", [ID], ["eu-west-1"], **options)


def test_order_of_role_targets() -> None:
    """Rounds of 64 accounts go region by region, so that as many roles are assumed at once."""
    accounts = [f"{number:012}" for number in range(70)]
    targets = [(one.account_id, one.region) for one in RoleTargets("Audit", accounts, ["eu-west-1", "us-east-1"])]
    assert [account_id for account_id, _ in targets] == [*accounts[:64] * 2, *accounts[64:] * 2]
    assert [region for _, region in targets] == [
        *["eu-west-1"] * 64,
        *["us-east-1"] * 64,
        *["eu-west-1"] * 6,
        *["us-east-1"] * 6,
    ]


def test_role_with_a_path() -> None:
    """The path is part of the ARN, whose partition is that of the regions."""
    fleet = DetectiveFleet.assume_role("security/deep/Audit", [ID], ["cn-north-1"], source=KEYS)
    (target,) = fleet._targets
    assert isinstance(target.credentials, AssumeRole)
    assert target.credentials.role_arn == f"arn:aws-cn:iam::{ID}:role/security/deep/Audit"


class Broken(Exception):
    """The iterator of targets fails."""


def breaking(count: int) -> Iterator[Target]:
    yield from places(count, ["eu-west-1"])
    raise Broken


def wrong(count: int) -> Iterator[Any]:
    yield from places(count, ["eu-west-1"])
    yield ID


class FailsToIterate:
    """Fails before the first target."""

    def __init__(self, count: int) -> None:
        assert count == 0

    def __iter__(self) -> Iterator[Target]:
        raise Broken


ITERATORS = [
    (make, kind, count) for make, kind in ((breaking, Broken), (wrong, ParameterError)) for count in (0, 1, 30)
]


@pytest.mark.parametrize(("make", "kind", "count"), [*ITERATORS, (FailsToIterate, Broken, 0)])
async def test_failing_iterator(make: Callable[[int], Iterator[Target]], kind: type[Exception], count: int) -> None:
    """Started work completes and its outcomes are yielded; then the error is raised."""
    outcomes = []
    async with DetectiveFleet(make(count), concurrency=10) as fleet:
        with pytest.raises(kind) as caught:  # noqa: PT012 - the loop is what raises, at its end
            async for outcome in fleet.run(work):
                outcomes.append(outcome)  # noqa: PERF401 - they are wanted although it raises
        assert not fleet._runs
    assert len({outcome.target for outcome in outcomes}) == len(outcomes) == count
    assert all(outcome.ok for outcome in outcomes)
    if isinstance(caught.value, ParameterError):
        assert str(caught.value) == f"targets[{count}]: expected a Target, got str"


async def test_iterator_is_single_use() -> None:
    """A second run or stream raises instead of yielding nothing."""
    async with DetectiveFleet(iter(places(2)), clock=OFFLINE) as fleet:
        unused = fleet.run(work)
        assert len([outcome async for outcome in fleet.run(work)]) == 6
        for again in (unused, fleet.run(work), aiter(fleet.iter_graphs())):
            with pytest.raises(RuntimeError, match="an iterator and were taken already: make the fleet of a list"):
                await anext(again)


async def test_collections_are_reusable() -> None:
    """Lists, sets, tuples and dicts can be used repeatedly; a run of an empty iterator yields nothing."""
    for targets in (places(2), set(places(2)), tuple(places(2)), dict.fromkeys(places(2))):
        async with DetectiveFleet(targets) as fleet:
            for _ in range(2):
                assert {outcome.target async for outcome in fleet.run(work)} == set(places(2))
    async with DetectiveFleet(iter(())) as fleet:
        assert [outcome async for outcome in fleet.run(work)] == []


def test_fleet_repr() -> None:
    """It contains the number of targets if known."""
    assert repr(DetectiveFleet(places(2))) == "<DetectiveFleet [targets: 6, open]>"
    assert repr(DetectiveFleet(iter(places(2)))) == "<DetectiveFleet [targets: unknown, open]>"
    roles = DetectiveFleet.assume_role("Audit", [ID, OTHER], ["eu-west-1"], source=KEYS)
    assert repr(roles) == "<DetectiveFleet [targets: 2, open]>"

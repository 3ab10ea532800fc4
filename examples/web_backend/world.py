"""The simulated accounts for trying out the backend: 40 accounts with graphs in 3 regions."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from detective_async.testing import DetectiveSimulator, Fault, Latency
from web_backend.settings import Settings

OPERATOR = "111122223333"
REGIONS = ("eu-west-1", "us-east-1", "ap-southeast-2")
ACCOUNTS = tuple(f"{number:012}" for number in range(200_000_000_001, 200_000_000_041))
#: An account whose role does not trust the operator, as an example of a failure.
CLOSED = ACCOUNTS[28]
#: The accounts that are members of the graphs, and those to be onboarded.
_MEMBERS = (*(f"{number:012}" for number in range(300_000_000_001, 300_000_000_240)), "444455556666")
NEWCOMERS = tuple(f"{number:012}" for number in range(400_000_000_001, 400_000_000_013))
ROLE, MEMBER_ROLE = "DetectiveOperations", "DetectiveOnboarding"
_TEAMS = ("payments", "platform", "search", "orders", "identity")
#: Account -> its name; those to be onboarded are not covered yet.
NAMES = {
    account_id: f"{_TEAMS[number % len(_TEAMS)]}-{number // len(_TEAMS) + 1:02}"
    for number, account_id in enumerate((*ACCOUNTS, *_MEMBERS, *NEWCOMERS))
}
#: The account whose address in the example is wrong.
MOVED = NEWCOMERS[4]
#: Status of members -> percentage.
_STATUSES = {
    "ENABLED": 78,
    "INVITED": 9,
    "VERIFICATION_IN_PROGRESS": 4,
    "VERIFICATION_FAILED": 3,
    "ACCEPTED_BUT_DISABLED": 6,
}
_SEVERITIES = ("INFORMATIONAL", "LOW", "MEDIUM", "HIGH", "CRITICAL")
_VERIFICATION = 2.0  # seconds
_DAY = timedelta(days=1)


def seed(now: datetime) -> dict[str, Any]:
    """Return the world for `DetectiveSimulator.load`; it is always the same except for the dates."""
    chance = random.Random(2)  # noqa: S311 - for variety, not for secrecy
    return {
        "verification_delay": _VERIFICATION,
        "investigations": {"duration": 5, "severity": "HIGH"},
        "accounts": [
            {"id": OPERATOR},
            *({"id": one, "email": address(one)} for one in (*ACCOUNTS, *_MEMBERS)),
            *({"id": one, "email": address(one, moved=one == MOVED)} for one in NEWCOMERS),
        ],
        "roles": [
            *({"account": one, "name": ROLE, "trusted": [] if one == CLOSED else [OPERATOR]} for one in ACCOUNTS),
            *({"account": one, "name": MEMBER_ROLE, "trusted": [OPERATOR]} for one in NEWCOMERS),
        ],
        "graphs": list(_graphs(chance, now)),
    }


def address(account_id: str, *, moved: bool = False) -> str:
    """Return the e-mail address of an account's root user."""
    return f"{'moved' if moved else 'root'}-{account_id}@example.com"


def example() -> str:
    """Return a list of accounts to onboard, with two invalid lines and one wrong address."""
    lines = [f"{one},{address(one)}" for one in NEWCOMERS]
    lines[2] = f"{NEWCOMERS[2][1:]},{address(NEWCOMERS[2])}"
    lines[7] = f"{NEWCOMERS[7]},root at example.com"
    return "\n".join(lines) + "\n"


def simulator(*, port: int = 0, delay: float = 0.0) -> DetectiveSimulator:
    """Make a simulator with the world in it.

    Args:
        port: the port to listen on; 0 for a free one.
        delay: the latency in seconds, so that progress is visible.
    """
    sim = DetectiveSimulator(port=port, seed=2)
    sim.load(seed(datetime.now(UTC)))
    if delay:
        sim.inject(Fault(Latency(delay), count=None))
    return sim


def settings(sim: DetectiveSimulator, url: str | None = None) -> Settings:
    """Return the settings of a backend on a simulator.

    Args:
        sim: the simulator.
        url: the URL, if the simulator runs in another process; the keys of accounts are the same in all simulators.
    """
    return Settings(
        accounts=ACCOUNTS,
        regions=REGIONS,
        names=NAMES,
        role_name=ROLE,
        member_role=MEMBER_ROLE,
        credentials=sim.account(OPERATOR),
        endpoint_url=url or sim.url,
        example=example(),
    )


def _graphs(chance: random.Random, now: datetime) -> Iterator[dict[str, Any]]:
    for region in REGIONS:
        for number, account_id in enumerate(ACCOUNTS):
            # A few accounts have not enabled Detective in all regions.
            if chance.random() < 0.07:  # noqa: PLR2004
                continue
            created = now - _DAY * chance.randint(40, 400)
            members = chance.sample(_MEMBERS, chance.randint(3, 30))
            # Some accounts are members of each other's graphs.
            others = chance.sample([one for one in ACCOUNTS if one != account_id], 2) if number % 4 == 0 else []
            yield {
                "administrator": account_id,
                "region": region,
                "id": f"{chance.getrandbits(128):032x}",
                "created": created,
                "tags": {"team": chance.choice(("secops", "platform", "payments"))},
                "members": [_member(chance, one, now) for one in (*members, *others)],
                "investigations": [_investigation(chance, account_id, now) for _ in range(chance.choice((0, 0, 1, 2)))],
            }


def _member(chance: random.Random, account_id: str, now: datetime) -> dict[str, Any]:
    (status,) = chance.choices(list(_STATUSES), list(_STATUSES.values()))
    invited = now - _DAY * chance.randint(2, 39)
    return {
        "account": account_id,
        "status": status,
        "invited_at": invited,
        "updated_at": invited + _DAY,
        # Not while the backend is tried out.
        **({"verifies_at": now + _DAY} if status == "VERIFICATION_IN_PROGRESS" else {}),
    }


def _investigation(chance: random.Random, account_id: str, now: datetime) -> dict[str, Any]:
    created = now - timedelta(hours=chance.randint(1, 24 * 20))
    kind, name = chance.choice((("role", "Deployer"), ("role", "Admin"), ("user", "anna"), ("user", "build")))
    return {
        "entity_arn": f"arn:aws:iam::{account_id}:{kind}/{name}",
        "id": f"{chance.randrange(10**21):021d}",
        "created": created,
        "finishes": created + timedelta(minutes=20),
        "scope_start": created - _DAY,
        "scope_end": created,
        "outcome": chance.choice(("SUCCESSFUL",) * 9 + ("FAILED",)),
        "severity": chance.choice(_SEVERITIES),
        "state": chance.choice(("ACTIVE", "ACTIVE", "ACTIVE", "ARCHIVED")),
    }

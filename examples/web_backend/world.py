"""The world that the backend is tried out in: 40 accounts with graphs in 3 regions, and what may be in such."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from detective_async.testing import DetectiveSimulator, Fault, Latency
from web_backend.settings import Settings

OPERATOR = "111122223333"
REGIONS = ("eu-west-1", "us-east-1", "ap-southeast-2")
ACCOUNTS = tuple(f"{number:012}" for number in range(200_000_000_001, 200_000_000_041))
#: Has not let the operator in, so that what a failure looks like is to be seen.
CLOSED = ACCOUNTS[28]
#: Those that are members of the graphs, and those that are to become so.
_MEMBERS = tuple(f"{number:012}" for number in range(300_000_000_001, 300_000_000_241))
NEWCOMERS = tuple(f"{number:012}" for number in range(400_000_000_001, 400_000_000_013))
ROLE, MEMBER_ROLE = "DetectiveOperations", "DetectiveOnboarding"
#: Whose address is another one than the example says.
MOVED = NEWCOMERS[4]
#: How members are doing, and how many of a hundred.
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
    """Give the world, the same each time but for the dates: what `DetectiveSimulator.load` takes."""
    # What it is for is variety and not secrecy.
    chance = random.Random(2)  # noqa: S311
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
    """Give the e-mail address of an account's root user."""
    return f"{'moved' if moved else 'root'}-{account_id}@example.com"


def example() -> str:
    """Give a list of accounts to onboard: two of its lines make no sense, and one address is no longer right."""
    lines = [f"{one},{address(one)}" for one in NEWCOMERS]
    lines[2] = f"{NEWCOMERS[2][1:]},{address(NEWCOMERS[2])}"
    lines[7] = f"{NEWCOMERS[7]},root at example.com"
    return "\n".join(lines) + "\n"


def simulator(*, port: int = 0, delay: float = 0.0) -> DetectiveSimulator:
    """Make a simulator with the world in it.

    Args:
        port: where it is to listen; 0 for a free port.
        delay: seconds that each answer takes, so that there is something to watch.
    """
    sim = DetectiveSimulator(port=port, seed=2)
    sim.load(seed(datetime.now(UTC)))
    if delay:
        sim.inject(Fault(Latency(delay), count=None))
    return sim


def settings(sim: DetectiveSimulator, url: str | None = None) -> Settings:
    """Give the settings of a backend on such a simulator.

    Args:
        sim: the simulator.
        url: where it is, if it is another one of the same kind that runs there: accounts have the same keys in all.
    """
    return Settings(
        accounts=ACCOUNTS,
        regions=REGIONS,
        role_name=ROLE,
        member_role=MEMBER_ROLE,
        credentials=sim.account(OPERATOR),
        endpoint_url=url or sim.url,
        example=example(),
    )


def _graphs(chance: random.Random, now: datetime) -> Iterator[dict[str, Any]]:
    for region in REGIONS:
        for number, account_id in enumerate(ACCOUNTS):
            # A few have not enabled Detective everywhere.
            if chance.random() < 0.07:  # noqa: PLR2004
                continue
            created = now - _DAY * chance.randint(40, 400)
            members = chance.sample(_MEMBERS, chance.randint(3, 30))
            # Some are members of each other's.
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
        # Not during anybody's visit.
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

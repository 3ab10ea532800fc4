"""Simulators with members in any state, clients whose waits take no time, and what has come of it all."""

import asyncio
import inspect
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from attrs import define, frozen
from support.fakes import FakeTime

from detective_async import Account, DetectiveClient, RetryPolicy
from detective_async.membership import MembershipReport
from detective_async.testing import DetectiveSimulator

ADMINISTRATOR = "111122223333"
REGION = "eu-west-1"
ELSEWHERE = "us-east-1"
WRONG = "somebody.else@example.com"
#: What plans ask, and what they never do.
READS = frozenset(
    {
        "GetMembers",
        "ListGraphs",
        "ListMembers",
        "ListTagsForResource",
        "ListDatasourcePackages",
        "ListOrganizationAdminAccounts",
        "DescribeOrganizationConfiguration",
    }
)


class WorldTime(FakeTime):
    """Time that passes only when somebody sleeps, for the client and the service alike."""

    def __init__(self, sim: DetectiveSimulator) -> None:
        super().__init__()
        self.random = 0.0
        self._sim = sim

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        await self._sim.advance(seconds)


@asynccontextmanager
async def administrator(
    sim: DetectiveSimulator, *, account_id: str = ADMINISTRATOR, max_attempts: int = 3
) -> AsyncIterator[DetectiveClient]:
    """Give a client of an administrator account whose waits take no time."""
    async with DetectiveClient(
        region=REGION,
        endpoint_url=sim.url,
        credentials=sim.account(account_id),
        clock=WorldTime(sim).clock(real_dates=True),
        retry=RetryPolicy(max_attempts=max_attempts),
    ) as client:
        yield client


def address(account_id: str) -> str:
    return f"account-{account_id}@example.com"


def account(account_id: str) -> Account:
    return Account(account_id, address(account_id))


def some_accounts(number: int) -> list[Account]:
    return [account(f"{number:012}") for number in range(200_000_000_001, 200_000_000_001 + number)]


def arn_in(region: str, owner: str = ADMINISTRATOR) -> str:
    return f"arn:aws:detective:{region}:{owner}:graph:{'0a' * 16}"


def graph(*members: Mapping[str, Any], region: str = REGION, **more: Any) -> dict[str, Any]:
    """Describe a graph for a simulator's seed."""
    return {"administrator": ADMINISTRATOR, "region": region, "id": "0a" * 16, "members": list(members), **more}


def member(account_id: str, status: str, email: str | None = None, **more: Any) -> dict[str, Any]:
    """Describe a member for a simulator's seed."""
    if status == "ACCEPTED_BUT_DISABLED":
        more = {"disabled_reason": "VOLUME_UNKNOWN", **more}
    return {"account": account_id, "status": status, "email": email or address(account_id), **more}


def fill(
    sim: DetectiveSimulator,
    *graphs: Mapping[str, Any],
    accounts: Iterable[Mapping[str, Any]] = (),
    verification_delay: float = 0.0,
) -> None:
    """Put graphs, and accounts with what is special about them, in the place of a simulator's world."""
    known = {ADMINISTRATOR: {"id": ADMINISTRATOR}}
    known.update({one["account"]: {"id": one["account"]} for graph in graphs for one in graph["members"]})
    known.update({one["id"]: dict(one) for one in accounts})
    sim.load({"accounts": list(known.values()), "graphs": list(graphs), "verification_delay": verification_delay})


def statuses(sim: DetectiveSimulator, region: str = REGION) -> dict[str, str]:
    """Give the members of the administrator's graph in a region."""
    for arn, one in sim.snapshot().items():
        if arn.split(":")[3:5] == [region, ADMINISTRATOR]:
            return dict(one["members"])
    return {}


def writes(sim: DetectiveSimulator) -> Counter[str]:
    """Count what was asked for that changes something."""
    return Counter(one.operation or "?" for one in sim.requests if one.operation not in READS)


def asked(sim: DetectiveSimulator, operation: str) -> list[Any]:
    """Give the bodies of the requests of an operation."""
    return [json.loads(one.body) for one in sim.requests if one.operation == operation]


def invited(sim: DetectiveSimulator) -> Counter[tuple[str | None, str]]:
    """Count how often each account in each region was asked to be a member in a request that was carried out."""
    return Counter(
        (one.region, account["AccountId"])
        for one in sim.requests
        if one.operation == "CreateMembers" and one.status == 200
        for account in json.loads(one.body)["Accounts"]
    )


def work_left() -> list[str]:
    """Name the tasks of the package's that run, those of the simulator aside."""
    coroutines = [task.get_coro() for task in asyncio.all_tasks()]
    places = [inspect.getfile(one.cr_code) for one in coroutines if inspect.iscoroutine(one)]
    return [place for place in places if "detective_async/" in place and "detective_async/testing/" not in place]


@frozen
class Fate:
    """What a report says of an account."""

    before: str | None
    after: str | None
    done: str
    problem: str | None = None


def fates(report: MembershipReport, region: str = REGION) -> dict[str, Fate]:
    return {
        row.account_id: Fate(row.before, row.after, ", ".join(row.done), row.problem)
        for row in report.rows
        if row.region == region
    }


@define
class Told:
    """A progress callback that remembers."""

    events: list[Any]

    def __call__(self, event: Any) -> None:
        self.events.append(event)

"""Simulated worlds with members in any state, clients whose waits take no time, and readable results."""

import asyncio
import inspect
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from attrs import frozen
from support.fakes import FakeTime

from detective_async import Account, Clock, DetectiveClient, RetryPolicy, Timeouts
from detective_async.membership import Action, ByInvitation, MembershipPlan, MembershipReport, plan_membership
from detective_async.testing import DetectiveSimulator, Failure

ADMINISTRATOR = "111122223333"
REGION = "eu-west-1"
ELSEWHERE = "us-east-1"
IDS = [f"{number}" * 12 for number in range(2, 10)]
WRONG = "somebody.else@example.com"
DENIED = Failure(403, "AccessDeniedException", "not you")
#: The operations that plans may call.
READS = frozenset(
    {
        "GetMembers",
        "ListGraphs",
        "ListMembers",
        "ListTagsForResource",
        "ListDatasourcePackages",
        "ListOrganizationAdminAccounts",
        "DescribeOrganizationConfiguration",
        "GetCallerIdentity",
        "AssumeRole",
    }
)


class WorldTime(FakeTime):
    """A clock that moves only by sleeping, for the client and the simulator alike."""

    def __init__(self, sim: DetectiveSimulator) -> None:
        super().__init__()
        self.random = 0.0
        self._sim = sim

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        await self._sim.advance(seconds)


@asynccontextmanager
async def administrator(
    sim: DetectiveSimulator,
    kind: type[DetectiveClient] = DetectiveClient,
    *,
    account_id: str = ADMINISTRATOR,
    max_attempts: int = 3,
    time: WorldTime | None = None,
) -> AsyncIterator[DetectiveClient]:
    """Yield a client of an administrator account whose waits take no time."""
    async with kind(
        region=REGION,
        endpoint_url=sim.url,
        credentials=sim.account(account_id),
        clock=(time or WorldTime(sim)).clock(real_dates=True),
        retry=RetryPolicy(max_attempts=max_attempts),
    ) as client:
        yield client


def accepting(sim: DetectiveSimulator) -> ByInvitation:
    """Let the members accept with their own credentials."""
    return ByInvitation(credentials=sim.account)


async def plan_and_apply(client: DetectiveClient, accounts: Iterable[Account], **options: Any) -> MembershipReport:
    """Plan and apply, by default in one region."""
    return await (await plan_membership(client, accounts, **{"regions": [REGION], **options})).apply()


@asynccontextmanager
async def in_loop_time(*members: Mapping[str, Any]) -> AsyncIterator[tuple[DetectiveSimulator, DetectiveClient]]:
    """Yield a simulator with a graph and a client, both on the event loop's clock."""
    async with empty_in_loop_time() as (sim, client):
        load_world(sim, graph(*members))
        yield sim, client


@asynccontextmanager
async def empty_in_loop_time() -> AsyncIterator[tuple[DetectiveSimulator, DetectiveClient]]:
    """Yield a simulator of which nothing is set and a client, both on the event loop's clock."""
    loop = asyncio.get_running_loop()
    clock = Clock(time=lambda: 1_800_000_000 + loop.time(), monotonic=loop.time, random=lambda: 0.5)
    async with (
        DetectiveSimulator(wall_clock=clock.time) as sim,
        DetectiveClient(
            region=REGION,
            endpoint_url=sim.url,
            credentials=sim.account(ADMINISTRATOR),
            clock=clock,
            timeouts=Timeouts(read=None, attempt=None, total=None),
        ) as client,
    ):
        yield sim, client


def address(account_id: str) -> str:
    return f"account-{account_id}@example.com"


def account(account_id: str) -> Account:
    return Account(account_id, address(account_id))


def some_accounts(number: int) -> list[Account]:
    return [account(f"{number:012}") for number in range(200_000_000_001, 200_000_000_001 + number)]


def arn_in(region: str, owner: str = ADMINISTRATOR) -> str:
    return f"arn:aws:detective:{region}:{owner}:graph:{'0a' * 16}"


def graph(*members: Mapping[str, Any], region: str = REGION, **more: Any) -> dict[str, Any]:
    """Return a graph for a simulator's seed, by default an old one, without the optional packages."""
    packages = {"ASFF_SECURITYHUB_FINDING": "DISABLED", "EKS_AUDIT": "DISABLED", **more.pop("packages", {})}
    place = {"administrator": ADMINISTRATOR, "region": region, "id": "0a" * 16}
    return {**place, "members": list(members), "packages": packages, **more}


def member(account_id: str, status: str, email: str | None = None, **more: Any) -> dict[str, Any]:
    """Return a member for a simulator's seed."""
    if status == "ACCEPTED_BUT_DISABLED":
        more = {"disabled_reason": "VOLUME_UNKNOWN", **more}
    return {"account": account_id, "status": status, "email": email or address(account_id), **more}


def load_world(
    sim: DetectiveSimulator,
    *graphs: Mapping[str, Any],
    accounts: Iterable[Mapping[str, Any]] = (),
    verification_delay: float = 0.0,
) -> None:
    """Replace the simulator's world by these graphs and accounts."""
    known = {ADMINISTRATOR: {"id": ADMINISTRATOR}}
    known.update({one["account"]: {"id": one["account"]} for graph in graphs for one in graph["members"]})
    known.update({one["id"]: dict(one) for one in accounts})
    sim.load({"accounts": list(known.values()), "graphs": list(graphs), "verification_delay": verification_delay})


def statuses(sim: DetectiveSimulator, region: str = REGION) -> dict[str, str]:
    """Return the members of the administrator's graph in a region, with their statuses."""
    for arn, one in sim.snapshot().items():
        if arn.split(":")[3:5] == [region, ADMINISTRATOR]:
            return dict(one["members"])
    return {}


def writes(sim: DetectiveSimulator) -> Counter[str]:
    """Count the requests of operations that change something."""
    return Counter(one.operation or "?" for one in sim.requests if one.operation not in READS)


def request_bodies(sim: DetectiveSimulator, operation: str) -> list[Any]:
    """Return the bodies of an operation's requests."""
    return [json.loads(one.body) for one in sim.requests if one.operation == operation]


#: The operation of each action on a graph, and of each on an account.
_OF_GRAPHS = {
    "EnableOrganizationAdminAccount": "enable administrator",
    "CreateGraph": "create graph",
    "TagResource": "tag graph",
    "UpdateDatasourcePackages": "start packages",
    "UpdateOrganizationConfiguration": "set auto-enable",
}
_OF_ACCOUNTS = {
    "DeleteMembers": {"remove", "reinvite"},
    "CreateMembers": {"invite", "enable member", "reinvite"},
    "AcceptInvitation": {"accept"},
    "StartMonitoringMember": {"start monitoring"},
}


def check_contract(sim: DetectiveSimulator, plan: MembershipPlan, *, with_faults: bool = False) -> None:
    """Check that every request that changes something, of those that were seen, is an action of the plan.

    So are its tags and its packages; and without faults, each action is carried out by one request at most.
    """
    of_graphs = {(action.region, str(action.kind)): action for action in plan.actions}
    of_accounts = {(action.region, action.account_id, str(action.kind)) for action in plan.actions}
    times: Counter[tuple[str, str | None, str | None]] = Counter()
    for request in sim.requests:
        name, region = request.operation or "?", request.region
        if name in READS:
            continue
        body = json.loads(request.body)
        accounts: list[str | None] = [None]
        if name in _OF_GRAPHS:
            action = of_graphs.get((region or "", _OF_GRAPHS[name]))
            assert action is not None, f"{name} in {region} is not in the plan"
            is_new = bool(
                of_graphs.keys() & {(region or "", kind) for kind in ("create graph", "enable administrator")}
            )
            _check_contents(name, body, action, is_new=is_new)
        else:
            accounts = _accounts_in(name, body, request.account_id)
            for account_id in accounts:
                shown = {(region, account_id, kind) for kind in _OF_ACCOUNTS[name]}
                assert shown & of_accounts, f"{name} of {account_id} in {region} is not in the plan"
        times.update((name, region, account_id) for account_id in accounts if request.status == 200)
    if not with_faults:
        assert set(times.values()) <= {1}, f"done twice: {times.most_common(1)}"


def _check_contents(operation: str, body: Any, action: Action, *, is_new: bool) -> None:
    """Check the contents of a request that changes a graph."""
    match operation:
        case "CreateGraph":
            tags = ", ".join(body.get("Tags", {}))
            assert action.detail == (f"tags {tags}" if tags else "")
        case "TagResource":
            assert set(body["Tags"]) <= set(action.items)
        case "UpdateDatasourcePackages":
            # AWS starts all packages of a new graph.
            assert is_new or set(body["DatasourcePackages"]) <= {*action.items, "DETECTIVE_CORE"}
        case "UpdateOrganizationConfiguration":
            assert body["AutoEnable"] is (action.items == ("on",))
        case _:
            assert body == {"AccountId": action.account_id}


def _accounts_in(operation: str, body: Any, caller: str | None) -> list[str | None]:
    match operation:
        case "CreateMembers":
            return [one["AccountId"] for one in body["Accounts"]]
        case "DeleteMembers":
            return list(body["AccountIds"])
        case "StartMonitoringMember":
            return [body["AccountId"]]
        case _:
            return [caller]


def invitations(sim: DetectiveSimulator) -> Counter[tuple[str | None, str]]:
    """Count the successful CreateMembers requests that contain an account, by region and account."""
    return Counter(
        (one.region, account["AccountId"])
        for one in sim.requests
        if one.operation == "CreateMembers" and one.status == 200
        for account in json.loads(one.body)["Accounts"]
    )


def running_tasks() -> list[str]:
    """Return the source files of the package's running tasks, without those of the simulator."""
    coroutines = [task.get_coro() for task in asyncio.all_tasks()]
    files = [inspect.getfile(one.cr_code) for one in coroutines if inspect.iscoroutine(one)]
    return [file for file in files if "detective_async/" in file and "detective_async/testing/" not in file]


@frozen
class Result:
    """What a report says about an account."""

    before: str | None
    after: str | None
    done: str
    problem: str | None = None


#: The result of an account that was not a member before.
ONBOARDED = Result(None, "ENABLED", "invite, accept")


def results(report: MembershipReport, region: str = REGION) -> dict[str, Result]:
    return {
        row.account_id: Result(row.before, row.after, ", ".join(row.done), row.problem)
        for row in report.rows
        if row.region == region
    }

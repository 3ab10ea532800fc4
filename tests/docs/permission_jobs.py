"""The jobs of the page on permissions, each run in a world where its callers may do only what their policies allow."""

import asyncio
import contextlib
import io
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import aiohttp
from attrs import Factory, frozen

from detective_async import DetectiveClient, DetectiveError
from detective_async.api.operations import OPERATIONS
from detective_async.cli import main
from detective_async.membership import ByOrganization, plan_membership
from detective_async.organization import list_accounts
from detective_async.testing import Failure, Fault, SimulatorThread
from docs.checks import action_of

# The example is no part of the package.
sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))

from web_backend.app import make_app
from web_backend.serving import serving
from web_backend.settings import Settings

CALLER, HUB, MANAGEMENT = "111122223333", "444455556666", "999999999999"
MEMBERS = tuple(str(number) * 12 for number in range(2, 7))
REGION, ELSEWHERE = "eu-west-1", "us-east-1"
ROLE = "DetectiveOnboarding"
#: Nothing here calls these: AWS does, while it carries out EnableOrganizationAdminAccount. CreateGraph with tags needs
#: TagResource, too, which the simulator does not check.
NOT_SIMULATED = frozenset(
    {
        "iam:CreateServiceLinkedRole",
        "organizations:EnableAWSServiceAccess",
        "organizations:RegisterDelegatedAdministrator",
    }
)
#: Action -> operation.
OPERATION_OF = {
    **{f"detective:{action_of(name)}": name for name in OPERATIONS},
    "organizations:ListAccounts": "ListAccounts",
    "sts:AssumeRole": "AssumeRole",
}


@frozen
class Result:
    """Whether a job has done what it should, and what it said."""

    works: bool
    text: str


@frozen
class Job:
    """A job.

    Attributes:
        run: does it.
        callers: heading of a policy -> the accounts that it is for.
        seed: the world.
    """

    run: Callable[[SimulatorThread], Result]
    callers: Mapping[str, tuple[str, ...]]
    seed: Mapping[str, Any] = Factory(dict)


@contextlib.contextmanager
def restricted(job: Job, allowed: Mapping[str, set[str]]) -> Iterator[SimulatorThread]:
    """Run a simulator with the world of a job, which denies what the policies do not allow."""
    with SimulatorThread(seed=1) as sim:
        sim.load(job.seed)
        for heading, accounts in job.callers.items():
            for action, operation in OPERATION_OF.items():
                if action not in allowed[heading]:
                    for account in accounts:
                        denied = Failure(403, "AccessDeniedException", f"not authorized to perform: {action}")
                        sim.inject(Fault(denied, operation, account=account, count=None))
        yield sim


def command(*arguments: str) -> Callable[[SimulatorThread], Result]:
    """Return a job that runs the command as the caller, in a folder with a list of accounts."""

    def run(sim: SimulatorThread) -> Result:
        out, error = (io.TextIOWrapper(io.BytesIO(), write_through=True) for _ in range(2))
        with (
            patch.dict(
                os.environ, {**sim.environment(CALLER, region=REGION), "AWS_MAX_ATTEMPTS": "1", "COLUMNS": "300"}
            ),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(error),
        ):
            Path("accounts.csv").write_text("".join(f"{one},{address(one)}\n" for one in MEMBERS[:4]))
            Path("administrators.txt").write_text(f"{HUB}\n")
            code = main(arguments)
        text = "".join(stream.buffer.getvalue().decode() for stream in (out, error))
        return Result(code == 0 and "denied" not in text, text)

    return run


def address(account_id: str) -> str:
    return f"root-{account_id}@example.com"


def organization(sim: SimulatorThread) -> Result:
    """Delegate the administrator where there is none, and enable all accounts."""

    async def run() -> Result:
        options = {"endpoint_url": sim.url, "region": REGION}
        async with DetectiveClient(credentials=sim.account(CALLER), **options) as client:  # type: ignore[arg-type]
            try:
                plan = await plan_membership(
                    client,
                    await list_accounts(client),
                    regions=[REGION, ELSEWHERE],
                    members=ByOrganization(
                        administrator_id=CALLER,
                        management_credentials=sim.account(MANAGEMENT),
                        auto_enable=True,
                    ),
                    tags={"team": "secops"},
                    datasource_packages=["EKS_AUDIT"],
                    remove_others=True,
                    max_removals=1,
                    retry_disabled=True,
                    timeout=5,
                )
                report = await plan.apply(timeout=5)
            except DetectiveError as error:
                return Result(works=False, text=str(error))
            return Result(report.ok, f"{plan}\n{report}")

    return asyncio.run(run())


def backend(sim: SimulatorThread) -> Result:
    """Call all routes of the example's backend but those of onboarding, in one account."""
    settings = Settings(
        accounts=[HUB], regions=[REGION], role_name=ROLE, credentials=sim.account(CALLER), endpoint_url=sim.url
    )
    base = f"/api/accounts/{HUB}/regions/{REGION}"
    scope = {"ScopeStartTime": "2026-03-01T00:00:00Z", "ScopeEndTime": "2026-03-02T00:00:00Z"}

    async def run() -> Result:
        failed = []
        async with serving(make_app(settings)) as url, aiohttp.ClientSession(url) as http:

            async def call(method: str, path: str, body: Any = None) -> Any:
                async with http.request(method, path, json=body) as response:
                    text = await response.text()
                    # Failures of a survey are lines of its stream, and those of a part are in the line.
                    if not response.ok or '"Failure"' in text or '"Problems":{"' in text:
                        failed.append(f"{method} {path}: {text}")
                    return json.loads(text.splitlines()[0])

            for path in ("fleet/graphs", "fleet/members", "fleet/invitations", "fleet/investigations", "coverage"):
                await call("GET", f"/api/{path}")
            for path in ("/graph", "/members", "/invitations", "/investigations"):
                await call("GET", base + path)
            body = {"ClientToken": "0" * 32, "EntityArn": ENTITY, **scope}
            started = await call("POST", f"{base}/investigations", body)
            one = f"{base}/investigations/{started.get('InvestigationId', INVESTIGATION)}"
            await call("GET", one)
            await call("GET", f"{one}/indicators")
            await call("PATCH", one, {"State": "ARCHIVED"})
        return Result(not failed, "\n".join(failed))

    return asyncio.run(run())


def graph(*members: Mapping[str, Any], owner: str = CALLER, **more: Any) -> dict[str, Any]:
    """Return a graph for the world, without a tag, and with one of its packages stopped."""
    return {
        "administrator": owner,
        "region": REGION,
        "members": list(members),
        "packages": {"EKS_AUDIT": "DISABLED"},
        "investigations": [{"id": INVESTIGATION, "entity_arn": ENTITY}],
        **more,
    }


def member(account_id: str, status: str = "ENABLED", **more: Any) -> dict[str, Any]:
    return {"account": account_id, "email": address(account_id), "status": status, **more}


ENTITY, INVESTIGATION = f"arn:aws:iam::{MEMBERS[0]}:role/Deploy", "000000000000000000001"
_DISABLED = {"status": "ACCEPTED_BUT_DISABLED", "disabled_reason": "VOLUME_UNKNOWN"}
_ACCOUNTS = [{"id": one, "email": address(one)} for one in (CALLER, HUB, *MEMBERS)]
_ROLES = [{"account": one, "name": ROLE, "trusted": [CALLER]} for one in (CALLER, HUB, *MEMBERS)]
_COVERED = {
    "accounts": _ACCOUNTS,
    "roles": _ROLES,
    "graphs": [graph(*(member(one) for one in MEMBERS[:4]))],
    "organizations": [
        {
            "management_account": MEMBERS[0],
            "accounts": [CALLER, *MEMBERS[1:4]],
            "delegated": CALLER,
            "administrators": {REGION: {"account": CALLER}},
        }
    ],
}
_OF_HUB = {**_COVERED, "organizations": [], "graphs": [graph(member(MEMBERS[0]), owner=HUB)]}
#: A wrong address, a member without its volume, one that is not in the list, and a region without a graph.
_TO_ONBOARD = {
    **_COVERED,
    "verification_delay": 0,
    "graphs": [
        graph(
            member(MEMBERS[0], "VERIFICATION_FAILED", email="wrong@example.com"),
            member(MEMBERS[1], **_DISABLED),
            member(MEMBERS[4]),
        )
    ],
    "organizations": [],
}
_ORGANIZATION = {
    **_COVERED,
    "accounts": [*_ACCOUNTS, {"id": MANAGEMENT}],
    "graphs": [
        graph(
            member(MEMBERS[1], invitation_type="ORGANIZATION", **_DISABLED),
            member(MEMBERS[4], invitation_type="INVITATION"),
        ),
    ],
    "organizations": [
        {
            "management_account": MANAGEMENT,
            "accounts": [CALLER, *MEMBERS[:3]],
            "delegated": CALLER,
            "administrators": {REGION: {"account": CALLER}},
        }
    ],
}
_ONBOARD = (
    *("onboard", "accounts.csv", "--regions", f"{REGION},{ELSEWHERE}", "--role-name", ROLE, "--yes", "--timeout", "5"),
    *("--packages", "EKS_AUDIT", "--tag", "team=secops", "--remove-others", "--max-removals", "1", "--retry-disabled"),
)
_INVENTORY = ("inventory", "--role-name", ROLE, "--accounts", "administrators.txt")
#: Of another time than the investigation that is there: it looks at that one, and starts another.
_INVESTIGATE = ("investigate", ENTITY, "--timeout", "5", "--start", "2026-03-01", "--end", "2026-03-03")
#: Section of the page -> its job.
JOBS = {
    "See what you may do": Job(command("whoami"), {"Caller": (CALLER,)}, _COVERED),
    "Onboard by invitation": Job(
        command(*_ONBOARD), {"Administrator": (CALLER,), "Role in each member account": MEMBERS}, _TO_ONBOARD
    ),
    "Onboard accounts of an organization": Job(
        organization, {"Delegated administrator": (CALLER,), "Management account": (MANAGEMENT,)}, _ORGANIZATION
    ),
    "Find out which accounts are not covered": Job(
        command("coverage", "--organization"), {"Administrator": (CALLER,)}, _COVERED
    ),
    "Make an inventory": Job(
        command(*_INVENTORY), {"Caller": (CALLER,), "Role in each administrator account": (HUB,)}, _OF_HUB
    ),
    "Investigate": Job(command(*_INVESTIGATE), {"Administrator": (CALLER,)}, _COVERED),
    "Delete graphs": Job(command("teardown", "--confirm", CALLER), {"Administrator": (CALLER,)}, _COVERED),
    "Run the example's web backend": Job(
        backend,
        {"Server": (CALLER,), "Role in each account": (HUB,)},
        _OF_HUB,
    ),
}

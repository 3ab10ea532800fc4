"""What the caller's account is, and what it may do: asked by reading only."""

import os
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any

from attrs import Factory, define, frozen

from detective_async.auth import CredentialsProvider, DefaultCredentials
from detective_async.cli.caller import find_caller
from detective_async.cli.options import Job
from detective_async.cli.output import PLURAL, Results
from detective_async.client.client import DetectiveClient
from detective_async.client.concurrency import map_concurrently
from detective_async.client.identity import caller_account
from detective_async.client.regions import region_finding
from detective_async.errors import DetectiveError, HostNotFound, ServiceError, code_of
from detective_async.organization import list_accounts

#: Regions that are asked at a time.
_CONCURRENCY = 8


@frozen
class Needs:
    """What a job needs.

    Attributes:
        reads: the permissions that can be tried by reading.
        changes: those that cannot, because that would change something.
        options: those that only some options of the job need.
        delegation: those of the management account, where the organization has no administrator yet.
        graph: whether the account must have a graph.
    """

    reads: tuple[str, ...]
    changes: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    delegation: tuple[str, ...] = ()
    graph: bool = False


_LIST = ("detective:ListGraphs", "detective:ListMembers")
#: Of onboarding: --packages and --tag.
_OPTIONS = (
    "detective:ListDatasourcePackages",
    "detective:ListTagsForResource",
    "detective:TagResource",
    "detective:UpdateDatasourcePackages",
)
#: Job -> what it needs, by the names of the service authorization reference.
NEEDS: Mapping[str, Needs] = {
    "onboard": Needs(
        _LIST,
        (
            "detective:CreateGraph",
            "detective:CreateMembers",
            # Accounts whose address was wrong are invited again, and for that removed.
            "detective:DeleteMembers",
        ),
        ("detective:StartMonitoringMember", "sts:AssumeRole", *_OPTIONS),
    ),
    "onboard --organization": Needs(
        (
            *_LIST,
            "detective:DescribeOrganizationConfiguration",
            "organizations:ListAccounts",
        ),
        ("detective:CreateMembers",),
        (
            "detective:DeleteMembers",
            "detective:StartMonitoringMember",
            "detective:UpdateOrganizationConfiguration",
            *_OPTIONS,
        ),
        (
            "detective:EnableOrganizationAdminAccount",
            "detective:ListOrganizationAdminAccount",
            "iam:CreateServiceLinkedRole",
            "organizations:EnableAWSServiceAccess",
            "organizations:RegisterDelegatedAdministrator",
        ),
    ),
    "coverage": Needs(_LIST, options=("detective:ListDatasourcePackages", "organizations:ListAccounts"), graph=True),
    "inventory": Needs(_LIST),
    "investigate": Needs(
        (*_LIST, "detective:ListInvestigations"),
        ("detective:StartInvestigation", "detective:GetInvestigation", "detective:ListIndicators"),
        graph=True,
    ),
    "teardown": Needs(_LIST, ("detective:DeleteGraph",), graph=True),
}

_COLUMNS = ("region", "job", "may", "graph_arn", "missing", "not_tried", "for_options", "for_delegation", "problem")


@define
class Region:
    """What was read in a region.

    Attributes:
        region: the region.
        graph_arn: the account's graph; None if it has none.
        tried: permission -> None if it is there, or why the read failed.
        problem: why nothing could be read; None if it could.
        is_closed: whether it is known that the account has no Detective there.
    """

    region: str
    graph_arn: str | None = None
    tried: dict[str, str | None] = Factory(dict)
    problem: str | None = None
    is_closed: bool = False

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each job; only one if nothing could be read."""
        if self.problem is not None:
            return [
                {
                    "region": self.region,
                    "graph_arn": None,
                    "job": "any",
                    "may": "no region" if self.is_closed else "unknown",
                    "missing": [],
                    "not_tried": [],
                    "for_options": [],
                    "for_delegation": [],
                    "problem": self.problem,
                }
            ]
        return [
            {"region": self.region, "graph_arn": self.graph_arn, "job": job, **self._may(needs)}
            for job, needs in NEEDS.items()
        ]

    def _may(self, needs: Needs) -> dict[str, Any]:
        failed = {name: why for name in needs.reads if (why := self.tried.get(name)) is not None}
        missing = [name for name, why in failed.items() if why == _DENIED]
        # The administrator of an organization has a graph.
        delegation = needs.delegation if self.graph_arn is None else ()
        untried = [*(name for name in needs.reads if name not in self.tried), *needs.changes]
        problem = None
        if missing:
            may, problem = "no", f"denied: {', '.join(missing)}"
        elif _NO_ORGANIZATION in failed.values():
            may, problem = "no organization", _NO_ORGANIZATION
        elif failed:
            may, problem = "unknown", "; ".join(f"{name}: {why}" for name, why in failed.items())
        elif needs.graph and self.graph_arn is None:
            may, problem = "no graph", "the account has no graph here"
        else:
            may = "if" if untried else "yes"
            if denied := [name for name in needs.options if self.tried.get(name) == _DENIED]:
                problem = f"denied for some options: {', '.join(denied)}"
        return {
            "may": may,
            "missing": missing,
            "not_tried": untried,
            "for_options": [*needs.options],
            "for_delegation": [*delegation],
            "problem": problem,
        }


@frozen(kw_only=True)
class Found:
    """Who calls, and what was read in each region."""

    account_id: str
    source: str
    profile: str | None
    regions: Sequence[Region]

    @property
    def ok(self) -> bool:
        """Whether all regions could be read, whatever they allow."""
        return all(row["may"] != "unknown" for region in self.regions for row in region.rows())

    def results(self, *, show_all: bool) -> Results:
        """Return the results: a row for each job in each region.

        Args:
            show_all: whether the table has what the jobs need, instead of counting those that are possible.
        """
        needs = {"not_tried": "if you may", "for_options": "some options need"}
        with_graph = [region for region in self.regions if region.graph_arn is not None]
        graphs = ", ".join(region.region for region in with_graph) or "none"
        rows = [row for region in self.regions for row in region.rows()]
        return Results(
            columns=_COLUMNS,
            rows=rows,
            document={
                "ok": self.ok,
                "account_id": self.account_id,
                "source": self.source,
                "profile": self.profile,
                "regions": [
                    {"region": one.region, "graph_arn": one.graph_arn, "problem": one.problem} for one in self.regions
                ],
                "rows": rows,
            },
            shown={
                "job": "job",
                "may": "may",
                "region": "region",
                **(needs if show_all else {}),
                "problem": "problem",
            },
            attention=lambda row: row["may"] in {"no", "unknown"},
            summarize=_summarize,
            summary=[
                f"account {self.account_id}, credentials from {self.source}",
                f"regions: {len(self.regions)}; with a graph: {graphs}",
            ],
        )


def _summarize(row: Mapping[str, Any]) -> str:
    if row["may"] == "no region":
        return f"region{PLURAL} without Detective: {row['problem']}"
    problem = f"; {row['problem']}" if row["problem"] else ""
    if row["may"] == "if":
        text = f"region{PLURAL}, {row['job']}: yes, if you may {' '.join(map(_short, row['not_tried']))}"
        management = f"; the management account also {' '.join(map(_short, row['for_delegation']))}"
        return f"{text}{management if row['for_delegation'] else ''}{problem}"
    return f"region{PLURAL}, {row['job']}: {row['may']}{problem if row['may'] == 'yes' else ''}"


def _short(permission: str) -> str:
    return permission.removeprefix("detective:")


#: Why a read failed, if AWS denied it.
_DENIED = "denied"
_NOT_OPTED_IN = "the account has not opted in to the region"
_NO_ORGANIZATION = "the account is in no organization"
# Detective says so in the message of a general error.
_NOT_IN_ORGANIZATION = "account is not a member of an organization"
#: botocore's name of a source -> what people call it.
_SOURCES = {
    "assume-role": "a role of the profile",
    "assume-role-with-web-identity": "a web identity",
    "config-file": "the shared config file",
    "container-role": "the container's role",
    "custom-process": "a credential_process",
    "iam-role": "the instance's role",
    "login": "`aws login`",
    "shared-credentials-file": "the shared credentials file",
    "sso": "IAM Identity Center",
}


async def look(job: Job) -> Found:
    """Ask who calls, and try in each region what can be read.

    Raises:
        CredentialsError: there are no usable credentials.
        ServiceError: STS refused them.
        TransportError: STS sent no response.
    """
    own = job.own_credentials()
    caller = await find_caller(job, need_account=job.account is None)
    async with caller.job.client(credentials=own if job.account is None else None) as client:
        account_id = caller.account_id if job.account is None else None
        account_id = account_id or await caller_account(client)
        source = _source(own, job)
        in_organization = await _why_not(list_accounts(client))
        regions = [Region(name, tried={"organizations:ListAccounts": in_organization}) for name in caller.regions]
        await map_concurrently(lambda region: _look_in(client, region), regions, concurrency=_CONCURRENCY)
    regions += [Region(name, problem=text) for name, text in caller.elsewhere.items()]
    return Found(account_id=account_id, source=source, profile=job.profile, regions=regions)


async def _look_in(client: DetectiveClient, region: Region) -> None:
    """Try what can be read in a region."""
    here = client.with_options(region=region.region)
    try:
        graph = await here.iter_graphs().first()
    except DetectiveError as error:
        why = region.tried["detective:ListGraphs"] = _why(error)
        # STS has accepted the keys. A host that is missing has not been looked at.
        finding = region_finding(error, region.region, keys_accepted=True)
        region.is_closed = finding.is_closed
        if region.is_closed:
            why = _NOT_OPTED_IN
        if why != _DENIED:
            region.problem = why
        return
    region.tried["detective:ListGraphs"] = None
    if graph is None:
        # The others name a graph.
        return
    arn = region.graph_arn = graph.arn
    reads = {
        "detective:ListMembers": here.list_members(arn, max_results=1),
        "detective:ListDatasourcePackages": here.list_datasource_packages(arn, max_results=1),
        "detective:ListInvestigations": here.list_investigations(arn, max_results=1),
        "detective:DescribeOrganizationConfiguration": here.describe_organization_configuration(arn),
    }
    for permission, read in reads.items():
        region.tried[permission] = await _why_not(read)


async def _why_not(read: Awaitable[object]) -> str | None:
    """Await a read; return why it failed, or None."""
    try:
        await read
    except DetectiveError as error:
        return _why(error)
    return None


def _why(error: DetectiveError) -> str:
    code = code_of(error)
    if code in {"AccessDenied", "AccessDeniedException"}:
        return _DENIED
    if isinstance(error, HostNotFound):
        return f"{error}: check --regions, --endpoint-url, and the network's name servers and proxies"
    if isinstance(error, ServiceError):
        if code == "AWSOrganizationsNotInUseException" or _NOT_IN_ORGANIZATION in error.message:
            return _NO_ORGANIZATION
        return f"{code}: {error.message}"
    return str(error)


def _source(own: CredentialsProvider, job: Job) -> str:
    """Return where the credentials come from, in words; never a part of them."""
    found = getattr(own, "_found", None)
    if job.profile is None and os.environ.get("AWS_ACCESS_KEY_ID"):
        source = "the environment"
    elif isinstance(own, DefaultCredentials) and found is not None:
        method = str(found.method)
        source = _SOURCES.get(method, method)
    else:
        source = "the AWS credential chain"
    if job.profile is not None:
        source = f"{source}, profile {job.profile}"
    return source if job.account is None else f"role {job.role_name}, assumed with those of {source}"

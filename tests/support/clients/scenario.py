"""A scenario with all operations of Amazon Detective, for any client.

Every call is recorded with its outcome. The simulator's time changes only by the scenario, and its ids are repeatable:
the records of two clients must be equal.
"""

import time
from asyncio import gather
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attrs import define, evolve, field, frozen
from support.clients.adapter import REGION, Adapter, Opener, Refusal, RefusedError
from support.clients.validator import problems
from support.contract.api import SERVICE_MODEL

from detective_async import Account, DetectiveClient
from detective_async.testing import DetectiveSimulator, Failure, Fault, RecordedRequest

ADMIN, OTHER_ADMIN, FULL = "111122223333", "444455556666", "777788889999"
MANAGEMENT, DELEGATE = "999999999999", "222233334444"
MEMBERS = [f"{number:012d}" for number in range(1, 10)]
ONE, TWO, THREE, FOUR, FIVE, *_, WRONG = MEMBERS
HELD_BACK, NEWCOMER, STRANGER = "000000000021", "000000000022", "000000000099"

START = datetime(2030, 1, 1, 12, 30, tzinfo=UTC)
VERIFICATION = 60.0
INVESTIGATION = 600.0
TAGS = {"team": "secops", "cost/center+a=b": "42 & more: 100 % über?"}


@define
class Step:
    """One call, and its outcome: a response or an error."""

    operation: str
    account: str
    region: str
    outcome: dict[str, Any] | Refusal | None = None


@frozen
class Result:
    """The record of a scenario."""

    steps: list[Step]
    requests: list[RecordedRequest] = field(repr=False)

    def in_brief(self) -> list[Step]:
        """Return the steps without the members of errors that the CLI does not print."""
        return [
            evolve(step, outcome=evolve(step.outcome, status=None, members=None))
            if isinstance(step.outcome, Refusal)
            else step
            for step in self.steps
        ]


class Run:
    """A run of the scenario with one client.

    Args:
        sim: the simulator, whose clock does not advance by itself.
        adapter: the client.
    """

    def __init__(self, sim: DetectiveSimulator, adapter: Adapter) -> None:
        self.sim = sim
        self.steps: list[Step] = []
        self._adapter = adapter

    async def call(self, operation: str, account: str, region: str = REGION, **members: Any) -> dict[str, Any]:
        """Call an operation, and validate its response by botocore's model.

        Returns:
            The response with all its lists and maps, also empty ones, but without empty ones inside its members.
        """
        step = Step(operation, account, region)
        self.steps.append(step)
        try:
            response = await self._adapter.call(operation, account, region, members)
        except RefusedError as refused:
            step.outcome = refused.refusal
            raise
        shape = SERVICE_MODEL.operation_model(operation).output_shape
        found = problems(shape, response)
        assert not found, f"{operation}: {found}"
        members_of_answer = shape.members.items() if shape else ()
        empty = {name: _EMPTY[member.type_name]() for name, member in members_of_answer if member.type_name in _EMPTY}
        read: dict[str, Any] = empty | without_empty(response)
        step.outcome = read
        return read

    async def refused(self, code: str, operation: str, account: str, region: str = REGION, **members: Any) -> Refusal:
        """Call an operation that must fail with this code."""
        with pytest.raises(RefusedError) as caught:
            await self.call(operation, account, region, **members)
        refusal = caught.value.refusal
        assert (refusal.code, refusal.operation) == (code, operation)
        return refusal

    async def walk(self, operation: str, account: str, items: str, **members: Any) -> list[list[Any]]:
        """Call a List operation page by page; return the items of each page.

        Not concurrently with another walk: the order of the steps would not be repeatable.
        """
        pages = []
        token: dict[str, str] = {}
        while True:
            response = await self.call(operation, account, **members, **token)
            pages.append(list(response[items].items()) if isinstance(response[items], dict) else response[items])
            if "NextToken" not in response:
                return pages
            token = {"NextToken": response["NextToken"]}


_EMPTY: dict[str, type] = {"list": list, "map": dict}


def without_empty(value: Any) -> Any:
    """Remove empty lists and maps, which not every client distinguishes from absent ones."""
    if isinstance(value, Mapping):
        return {key: without_empty(item) for key, item in value.items() if item not in ([], {})}
    return [without_empty(item) for item in value] if isinstance(value, list) else value


async def run_scenario(opener: Opener) -> Result:
    """Run the whole scenario with a client."""
    now = time.time()
    async with DetectiveSimulator(verification_delay=VERIFICATION, wall_clock=lambda: now) as sim:
        await sim.advance((START - sim.now).total_seconds())
        await _fill_a_graph(sim)
        sim.forget_requests()
        async with opener(sim) as adapter:
            run = Run(sim, adapter)
            graph = await enable(run)
            await invite(run, graph)
            await verify(run, graph)
            await accept(run, graph)
            await list_page_by_page(run, graph)
            await start_packages(run, graph)
            await tag(run, graph)
            await investigate(run, graph)
            await organize(run)
            await cause_errors(run, graph)
            await leave(run, graph)
            await tear_down(run, graph)
        return Result(run.steps, sim.requests)


async def _fill_a_graph(sim: DetectiveSimulator) -> None:
    """Give one administrator the maximum number of members."""
    async with DetectiveClient(region=REGION, endpoint_url=sim.url, credentials=sim.account(FULL)) as client:
        graph = (await client.create_graph()).graph_arn
        assert graph is not None
        ids = [f"{number:012d}" for number in range(500_000_000_000, 500_000_001_200)]
        for start in range(0, len(ids), 50):
            accounts = [Account(name, f"account-{name}@example.com") for name in ids[start : start + 50]]
            await client.create_members(graph, accounts)


async def enable(run: Run) -> str:
    """Enable Detective twice; only the administrator sees the graph, and only in its region."""
    graph: str = (await run.call("CreateGraph", ADMIN, Tags=TAGS))["GraphArn"]
    again, listed, elsewhere, of_another = await gather(
        run.call("CreateGraph", ADMIN),
        run.call("ListGraphs", ADMIN),
        run.call("ListGraphs", ADMIN, "us-east-1"),
        run.call("ListGraphs", ONE),
    )
    assert again == {"GraphArn": graph}
    assert listed == {"GraphList": [{"Arn": graph, "CreatedTime": START}]}
    assert elsewhere == of_another == {"GraphList": []}
    return graph


async def invite(run: Run, graph: str) -> None:
    """Invite nine accounts, one of them with a wrong e-mail address; then two that cannot be invited."""
    run.sim.account(WRONG)
    invited = await run.call("CreateMembers", ADMIN, GraphArn=graph, Accounts=_people(), Message="Join us, schnell!")
    assert _statuses(invited["Members"]) == dict.fromkeys(MEMBERS, "VERIFICATION_IN_PROGRESS")
    assert invited["UnprocessedAccounts"] == []
    again, not_sent_yet, _ = await gather(
        run.call("CreateMembers", ADMIN, GraphArn=graph, Accounts=[_person(ONE), _person(ADMIN)]),
        run.call("ListInvitations", ONE),
        run.refused("ConflictException", "AcceptInvitation", ONE, GraphArn=graph),
    )
    assert again["Members"] == []
    assert [(one["AccountId"], one["Reason"]) for one in again["UnprocessedAccounts"]] == [
        (ONE, "Account is already a member"),
        (ADMIN, "Account is the administrator of the behavior graph"),
    ]
    assert not_sent_yet == {"Invitations": []}


async def verify(run: Run, graph: str) -> None:
    """Complete the verification: the wrong address fails, the other accounts are invited."""
    await run.sim.advance(VERIFICATION)
    found, sent, not_sent = await gather(
        run.call("GetMembers", ADMIN, GraphArn=graph, AccountIds=[ONE, WRONG, STRANGER]),
        run.call("ListInvitations", ONE),
        run.call("ListInvitations", WRONG),
    )
    assert _statuses(found["MemberDetails"]) == {ONE: "INVITED", WRONG: "VERIFICATION_FAILED"}
    assert found["UnprocessedAccounts"] == [{"AccountId": STRANGER, "Reason": "Account is not a member"}]
    assert sent["Invitations"] == [found["MemberDetails"][0]]
    assert sent["Invitations"][0]["InvitedTime"] == START
    assert sent["Invitations"][0]["UpdatedTime"] == START + timedelta(seconds=VERIFICATION)
    assert not_sent == {"Invitations": []}


async def accept(run: Run, graph: str) -> None:
    """Accept twice; one member has too much data at first, and is enabled by StartMonitoringMember later."""
    run.sim.set_volume(TWO, "VOLUME_TOO_HIGH")
    await gather(
        run.call("AcceptInvitation", ONE, GraphArn=graph),
        run.call("AcceptInvitation", TWO, GraphArn=graph),
    )
    before, _ = await gather(
        run.call("GetMembers", ADMIN, GraphArn=graph, AccountIds=[ONE, TWO]),
        run.refused("ConflictException", "StartMonitoringMember", ADMIN, GraphArn=graph, AccountId=ONE),
    )
    assert _statuses(before["MemberDetails"]) == {ONE: "ENABLED", TWO: "ACCEPTED_BUT_DISABLED"}
    assert [member.get("DisabledReason") for member in before["MemberDetails"]] == [None, "VOLUME_TOO_HIGH"]
    assert before["MemberDetails"][0]["DatasourcePackageIngestStates"]["DETECTIVE_CORE"] == "STARTED"
    run.sim.set_volume(TWO, None)
    await run.call("StartMonitoringMember", ADMIN, GraphArn=graph, AccountId=TWO)


async def list_page_by_page(run: Run, graph: str) -> None:
    """List members and invitations over several pages: each of them once, in order."""
    pages, other = await gather(
        run.walk("ListMembers", ADMIN, "MemberDetails", GraphArn=graph, MaxResults=2),
        run.call("CreateGraph", OTHER_ADMIN),
    )
    assert [len(page) for page in pages] == [2, 2, 2, 2, 1]
    expected = {**dict.fromkeys(MEMBERS, "INVITED"), ONE: "ENABLED", TWO: "ENABLED", WRONG: "VERIFICATION_FAILED"}
    members = [member for page in pages for member in page]
    assert [member["AccountId"] for member in members] == MEMBERS
    assert _statuses(members) == expected
    await run.call("CreateMembers", OTHER_ADMIN, GraphArn=other["GraphArn"], Accounts=[_person(ONE)])
    await run.sim.advance(VERIFICATION)
    pages = await run.walk("ListInvitations", ONE, "Invitations", MaxResults=1)
    invitations = [[(one["AdministratorId"], one["GraphArn"], one["Status"]) for one in page] for page in pages]
    assert invitations == [[(ADMIN, graph, "ENABLED")], [(OTHER_ADMIN, other["GraphArn"], "INVITED")]]


async def start_packages(run: Run, graph: str) -> None:
    """Start a data source package, for the graph and for each enabled member, which stops another one."""
    run.sim.set_package(graph, "EKS_AUDIT", "DISABLED")
    started = run.sim.now
    unknown = graph[:-32] + "0" * 32
    await run.call("UpdateDatasourcePackages", ADMIN, GraphArn=graph, DatasourcePackages=["EKS_AUDIT"])
    pages, of_members, of_mine = await gather(
        run.walk("ListDatasourcePackages", ADMIN, "DatasourcePackages", GraphArn=graph, MaxResults=2),
        run.call("BatchGetGraphMemberDatasources", ADMIN, GraphArn=graph, AccountIds=[ONE, THREE, STRANGER]),
        run.call("BatchGetMembershipDatasources", ONE, GraphArns=[graph, unknown]),
    )
    assert [[(name, detail["DatasourcePackageIngestState"]) for name, detail in page] for page in pages] == [
        [("ASFF_SECURITYHUB_FINDING", "STOPPED"), ("DETECTIVE_CORE", "STARTED")],
        [("EKS_AUDIT", "STARTED")],
    ]
    enabled, invited = of_members["MemberDatasources"]
    assert (enabled["AccountId"], invited["AccountId"]) == (ONE, THREE)
    assert enabled["DatasourcePackageIngestHistory"]["EKS_AUDIT"]["STARTED"] == {"Timestamp": started}
    assert "DatasourcePackageIngestHistory" not in invited
    assert [one["AccountId"] for one in of_members["UnprocessedAccounts"]] == [STRANGER]
    assert of_mine["MembershipDatasources"] == [enabled]
    assert [one["GraphArn"] for one in of_mine["UnprocessedGraphs"]] == [unknown]


async def tag(run: Run, graph: str) -> None:
    """Change the tags, with keys and values that must be escaped."""
    await run.call("TagResource", ADMIN, ResourceArn=graph, Tags={"team": "detective", "new": ""})
    listed = await run.call("ListTagsForResource", ADMIN, ResourceArn=graph)
    assert listed == {"Tags": {**TAGS, "team": "detective", "new": ""}}
    await run.call("UntagResource", ADMIN, ResourceArn=graph, TagKeys=["cost/center+a=b", "new", "not/there"])
    assert await run.call("ListTagsForResource", ADMIN, ResourceArn=graph) == {"Tags": {"team": "detective"}}


async def investigate(run: Run, graph: str) -> None:
    """Investigate a role and a user: start, wait, list, read and archive."""
    run.sim.investigations(duration=INVESTIGATION)
    scope: dict[str, Any] = {
        "ScopeStartTime": datetime(2029, 12, 1, tzinfo=UTC),
        "ScopeEndTime": datetime(2029, 12, 31, tzinfo=UTC),
    }
    role, user = f"arn:aws:iam::{ONE}:role/Deploy", f"arn:aws:iam::{ONE}:user/alice"
    first = await run.call("StartInvestigation", ADMIN, GraphArn=graph, EntityArn=role, **scope)
    of_first = {"GraphArn": graph, **first}
    began = run.sim.now
    running, nothing_yet = await gather(
        run.call("GetInvestigation", ADMIN, **of_first), run.call("ListIndicators", ADMIN, **of_first)
    )
    described = {**of_first, **scope, "EntityArn": role, "EntityType": "IAM_ROLE", "CreatedTime": began}
    assert running == {**described, "State": "ACTIVE", "Status": "RUNNING"}
    assert nothing_yet == {**of_first, "Indicators": []}

    await run.sim.advance(INVESTIGATION)
    second = await run.call("StartInvestigation", ADMIN, GraphArn=graph, EntityArn=user, **scope)
    sort = {"Field": "CREATED_TIME", "SortOrder": "ASC"}
    only = {"Status": {"Value": "SUCCESSFUL"}, "CreatedTime": {"StartInclusive": began, "EndInclusive": run.sim.now}}
    done, pages, filtered, of_one_type = await gather(
        run.call("GetInvestigation", ADMIN, **of_first),
        run.walk("ListInvestigations", ADMIN, "InvestigationDetails", GraphArn=graph, MaxResults=1, SortCriteria=sort),
        run.call("ListInvestigations", ADMIN, GraphArn=graph, FilterCriteria=only),
        run.call("ListIndicators", ADMIN, **of_first, IndicatorType="NEW_ASO"),
    )
    assert done == {**described, "State": "ACTIVE", "Status": "SUCCESSFUL", "Severity": "HIGH"}
    assert [[one["InvestigationId"] for one in page] for page in pages] == [
        [i["InvestigationId"]] for i in (first, second)
    ]
    assert [one["InvestigationId"] for one in filtered["InvestigationDetails"]] == [first["InvestigationId"]]
    indicators = await run.walk("ListIndicators", ADMIN, "Indicators", **of_first, MaxResults=10)
    assert [len(page) for page in indicators] == [10, 10, 4]
    found = [one for page in indicators for one in page]
    assert {one["IndicatorType"]: list(one["IndicatorDetail"]) for one in found} == {
        "TTP_OBSERVED": ["TTPsObservedDetail"],
        "IMPOSSIBLE_TRAVEL": ["ImpossibleTravelDetail"],
        "FLAGGED_IP_ADDRESS": ["FlaggedIpAddressDetail"],
        "NEW_GEOLOCATION": ["NewGeolocationDetail"],
        "NEW_ASO": ["NewAsoDetail"],
        "NEW_USER_AGENT": ["NewUserAgentDetail"],
        "RELATED_FINDING": ["RelatedFindingDetail"],
        "RELATED_FINDING_GROUP": ["RelatedFindingGroupDetail"],
    }
    assert of_one_type["Indicators"] == [one for one in found if one["IndicatorType"] == "NEW_ASO"]

    await run.call("UpdateInvestigationState", ADMIN, **of_first, State="ARCHIVED")
    assert await run.call("GetInvestigation", ADMIN, **of_first) == {**done, "State": "ARCHIVED"}


async def organize(run: Run) -> None:
    """Appoint an organization's administrator, add its accounts, new ones automatically; remove the administrator."""
    sim = run.sim
    sim.organization(MANAGEMENT, [DELEGATE, HELD_BACK])
    sim.set_volume(HELD_BACK, "VOLUME_UNKNOWN")
    since = sim.now
    await run.call("EnableOrganizationAdminAccount", MANAGEMENT, AccountId=DELEGATE)
    administrators, graphs = await gather(
        run.call("ListOrganizationAdminAccounts", MANAGEMENT), run.call("ListGraphs", DELEGATE)
    )
    (graph,) = (one["Arn"] for one in graphs["GraphList"])
    assert administrators == {"Administrators": [{"AccountId": DELEGATE, "GraphArn": graph, "DelegationTime": since}]}
    held_back, configuration = await gather(
        run.call("CreateMembers", DELEGATE, GraphArn=graph, Accounts=[_person(HELD_BACK)]),
        run.call("DescribeOrganizationConfiguration", DELEGATE, GraphArn=graph),
    )
    assert configuration == {"AutoEnable": False}
    (member,) = held_back["Members"]
    assert (member["Status"], member["InvitationType"]) == ("VERIFICATION_IN_PROGRESS", "ORGANIZATION")
    await run.call("UpdateOrganizationConfiguration", DELEGATE, GraphArn=graph, AutoEnable=True)
    sim.organization(MANAGEMENT, [NEWCOMER])
    await sim.advance(VERIFICATION)
    listed, configuration, _ = await gather(
        run.call("ListMembers", DELEGATE, GraphArn=graph),
        run.call("DescribeOrganizationConfiguration", DELEGATE, GraphArn=graph),
        run.refused("AccessDeniedException", "DisassociateMembership", NEWCOMER, GraphArn=graph),
    )
    assert configuration == {"AutoEnable": True}
    assert [(one["AccountId"], one["Status"], one.get("DisabledReason")) for one in listed["MemberDetails"]] == [
        (HELD_BACK, "ACCEPTED_BUT_DISABLED", "VOLUME_UNKNOWN"),
        (NEWCOMER, "ENABLED", None),
    ]
    await run.call("DisableOrganizationAdminAccount", MANAGEMENT)
    graphs, invitations = await gather(run.call("ListGraphs", DELEGATE), run.call("ListInvitations", NEWCOMER))
    assert graphs == {"GraphList": []}
    assert invitations == {"Invitations": []}


async def cause_errors(run: Run, graph: str) -> None:
    """Cause the remaining errors that the API models, and one that it does not."""
    sim = run.sim
    (full,) = (arn for arn, one in sim.snapshot().items() if one["administrator"] == FULL)
    sim.throttle(1, operation="ListGraphs", account=ADMIN)
    sim.inject(Fault(Failure(), operation="ListInvitations", account=ADMIN))
    sim.close_region("af-south-1")
    denied, invalid, over_quota, throttled, failed, unknown = await gather(
        run.refused("AccessDeniedException", "ListMembers", ONE, GraphArn=graph),
        run.refused("ValidationException", "ListMembers", ADMIN, GraphArn=graph, NextToken="forged"),
        run.refused("ServiceQuotaExceededException", "CreateMembers", FULL, GraphArn=full, Accounts=[_person(ONE)]),
        run.refused("TooManyRequestsException", "ListGraphs", ADMIN),
        run.refused("InternalServerException", "ListInvitations", ADMIN),
        run.refused("UnrecognizedClientException", "ListGraphs", ADMIN, "af-south-1"),
    )
    for refusal, status, members in (
        (denied, 403, {"ErrorCode", "ErrorCodeReason"}),
        (invalid, 400, {"ErrorCode", "ErrorCodeReason"}),
        (over_quota, 402, {"Resources"}),
        (throttled, 429, set[str]()),
        (failed, 500, set[str]()),
        (unknown, 403, set[str]()),
    ):
        assert refusal.message
        assert refusal.status in {status, None}
        assert refusal.members is None or set(refusal.members) == members


async def leave(run: Run, graph: str) -> None:
    """Decline, leave and be removed: these members are no longer listed."""
    responses = await gather(
        run.call("DeleteMembers", ADMIN, GraphArn=graph, AccountIds=[FOUR, STRANGER]),
        run.call("RejectInvitation", THREE, GraphArn=graph),
        run.call("DisassociateMembership", ONE, GraphArn=graph),
    )
    assert responses[0]["AccountIds"] == [FOUR]
    assert [one["AccountId"] for one in responses[0]["UnprocessedAccounts"]] == [STRANGER]
    left, invitations = await gather(run.call("ListMembers", ADMIN, GraphArn=graph), run.call("ListInvitations", ONE))
    assert [one["AccountId"] for one in left["MemberDetails"]] == [TWO, *MEMBERS[4:]]
    assert [one["AdministratorId"] for one in invitations["Invitations"]] == [OTHER_ADMIN]


async def tear_down(run: Run, graph: str) -> None:
    """Disable Detective: the graph is no longer listed, for its administrator and its members."""
    await run.call("DeleteGraph", ADMIN, GraphArn=graph)
    graphs, invitations, _ = await gather(
        run.call("ListGraphs", ADMIN),
        run.call("ListInvitations", FIVE),
        run.refused("ResourceNotFoundException", "ListMembers", ADMIN, GraphArn=graph),
    )
    assert graphs == {"GraphList": []}
    assert invitations == {"Invitations": []}


def _people() -> list[dict[str, str]]:
    return [_person(name, "someone-else@example.com" if name == WRONG else None) for name in MEMBERS]


def _person(account: str, email: str | None = None) -> dict[str, str]:
    return {"AccountId": account, "EmailAddress": email or f"account-{account}@example.com"}


def _statuses(members: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    return {member["AccountId"]: member["Status"] for member in members}

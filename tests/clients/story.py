"""The whole story of Amazon Detective, step by step, for any client to live through.

Every call is written down with its outcome. The simulator's time stands still but for the steps that move it, and its
ids are repeatable, so what two clients have written down must be equal.
"""

import time
from asyncio import gather
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attrs import define, evolve, field, frozen
from support.contract.api import SERVICE_MODEL

from clients.adapter import REGION, Adapter, Opener, Refusal, RefusedError
from clients.validator import problems
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
    """One call, and what came of it: an answer or a refusal."""

    operation: str
    account: str
    region: str
    outcome: dict[str, Any] | Refusal | None = None


@frozen
class Told:
    """A story that has been told to its end."""

    steps: list[Step]
    requests: list[RecordedRequest] = field(repr=False)

    def in_brief(self) -> list[Step]:
        """Leave out of the refusals what the CLI does not print."""
        return [
            evolve(step, outcome=evolve(step.outcome, status=None, members=None))
            if isinstance(step.outcome, Refusal)
            else step
            for step in self.steps
        ]


class Story:
    """A simulator and a client that are on speaking terms.

    Args:
        sim: the simulator, whose clock stands still.
        adapter: the client.
    """

    def __init__(self, sim: DetectiveSimulator, adapter: Adapter) -> None:
        self.sim = sim
        self.steps: list[Step] = []
        self._adapter = adapter

    async def call(self, operation: str, account: str, region: str = REGION, **members: Any) -> dict[str, Any]:
        """Call an operation, and check its answer against botocore's model.

        Lists and maps at its top are there, be they empty; empty ones within are left out.
        """
        step = Step(operation, account, region)
        self.steps.append(step)
        try:
            answer = await self._adapter.call(operation, account, region, members)
        except RefusedError as refused:
            step.outcome = refused.refusal
            raise
        shape = SERVICE_MODEL.operation_model(operation).output_shape
        found = problems(shape, answer)
        assert not found, f"{operation}: {found}"
        members_of_answer = shape.members.items() if shape else ()
        empty = {name: _EMPTY[member.type_name]() for name, member in members_of_answer if member.type_name in _EMPTY}
        read: dict[str, Any] = empty | without_empty(answer)
        step.outcome = read
        return read

    async def refused(self, code: str, operation: str, account: str, region: str = REGION, **members: Any) -> Refusal:
        """Call an operation that has to be refused with this code."""
        with pytest.raises(RefusedError) as caught:
            await self.call(operation, account, region, **members)
        refusal = caught.value.refusal
        assert (refusal.code, refusal.operation) == (code, operation)
        return refusal

    async def walk(self, operation: str, account: str, items: str, **members: Any) -> list[list[Any]]:
        """Call a List operation page by page; give the items of each page.

        No two walks at the same time: which of them is a page ahead would be chance, and so the order of the steps.
        """
        pages = []
        token: dict[str, str] = {}
        while True:
            answer = await self.call(operation, account, **members, **token)
            pages.append(list(answer[items].items()) if isinstance(answer[items], dict) else answer[items])
            if "NextToken" not in answer:
                return pages
            token = {"NextToken": answer["NextToken"]}


_EMPTY: dict[str, type] = {"list": list, "map": dict}


def without_empty(value: Any) -> Any:
    """Drop lists and maps that are empty: not every client tells them from those that were left out."""
    if isinstance(value, Mapping):
        return {key: without_empty(item) for key, item in value.items() if item not in ([], {})}
    return [without_empty(item) for item in value] if isinstance(value, list) else value


async def tell(opener: Opener) -> Told:
    """Have a client live through the whole story."""
    now = time.time()
    async with DetectiveSimulator(verification_delay=VERIFICATION, wall_clock=lambda: now) as sim:
        await sim.advance((START - sim.now).total_seconds())
        await _fill_a_graph(sim)
        sim.forget_requests()
        async with opener(sim) as adapter:
            story = Story(sim, adapter)
            graph = await enable(story)
            await invite(story, graph)
            await verify(story, graph)
            await accept(story, graph)
            await list_page_by_page(story, graph)
            await start_packages(story, graph)
            await tag(story, graph)
            await investigate(story, graph)
            await organize(story)
            await be_refused(story, graph)
            await leave(story, graph)
            await tear_down(story, graph)
        return Told(story.steps, sim.requests)


async def _fill_a_graph(sim: DetectiveSimulator) -> None:
    """Give one administrator as many members as a graph may have."""
    async with DetectiveClient(region=REGION, endpoint_url=sim.url, credentials=sim.account(FULL)) as client:
        graph = (await client.create_graph()).graph_arn
        assert graph is not None
        ids = [f"{number:012d}" for number in range(500_000_000_000, 500_000_001_200)]
        for start in range(0, len(ids), 50):
            accounts = [Account(name, f"account-{name}@example.com") for name in ids[start : start + 50]]
            await client.create_members(graph, accounts)


async def enable(story: Story) -> str:
    """Enable Detective, twice; only the administrator sees the graph, and only in its region."""
    graph: str = (await story.call("CreateGraph", ADMIN, Tags=TAGS))["GraphArn"]
    again, listed, elsewhere, of_another = await gather(
        story.call("CreateGraph", ADMIN),
        story.call("ListGraphs", ADMIN),
        story.call("ListGraphs", ADMIN, "us-east-1"),
        story.call("ListGraphs", ONE),
    )
    assert again == {"GraphArn": graph}
    assert listed == {"GraphList": [{"Arn": graph, "CreatedTime": START}]}
    assert elsewhere == of_another == {"GraphList": []}
    return graph


async def invite(story: Story, graph: str) -> None:
    """Invite nine accounts, one of them at a wrong e-mail address; then two that cannot be invited."""
    story.sim.account(WRONG)
    invited = await story.call("CreateMembers", ADMIN, GraphArn=graph, Accounts=_people(), Message="Join us, schnell!")
    assert _statuses(invited["Members"]) == dict.fromkeys(MEMBERS, "VERIFICATION_IN_PROGRESS")
    assert invited["UnprocessedAccounts"] == []
    again, not_sent_yet, _ = await gather(
        story.call("CreateMembers", ADMIN, GraphArn=graph, Accounts=[_person(ONE), _person(ADMIN)]),
        story.call("ListInvitations", ONE),
        story.refused("ConflictException", "AcceptInvitation", ONE, GraphArn=graph),
    )
    assert again["Members"] == []
    assert [(one["AccountId"], one["Reason"]) for one in again["UnprocessedAccounts"]] == [
        (ONE, "Account is already a member"),
        (ADMIN, "Account is the administrator of the behavior graph"),
    ]
    assert not_sent_yet == {"Invitations": []}


async def verify(story: Story, graph: str) -> None:
    """Wait for the verification: the wrong address fails, the others get their invitations."""
    await story.sim.advance(VERIFICATION)
    found, sent, not_sent = await gather(
        story.call("GetMembers", ADMIN, GraphArn=graph, AccountIds=[ONE, WRONG, STRANGER]),
        story.call("ListInvitations", ONE),
        story.call("ListInvitations", WRONG),
    )
    assert _statuses(found["MemberDetails"]) == {ONE: "INVITED", WRONG: "VERIFICATION_FAILED"}
    assert found["UnprocessedAccounts"] == [{"AccountId": STRANGER, "Reason": "Account is not a member"}]
    assert sent["Invitations"] == [found["MemberDetails"][0]]
    assert sent["Invitations"][0]["InvitedTime"] == START
    assert sent["Invitations"][0]["UpdatedTime"] == START + timedelta(seconds=VERIFICATION)
    assert not_sent == {"Invitations": []}


async def accept(story: Story, graph: str) -> None:
    """Accept twice; one member has too much data at first, and is monitored once it has less."""
    story.sim.set_volume(TWO, "VOLUME_TOO_HIGH")
    await gather(
        story.call("AcceptInvitation", ONE, GraphArn=graph),
        story.call("AcceptInvitation", TWO, GraphArn=graph),
    )
    before, _ = await gather(
        story.call("GetMembers", ADMIN, GraphArn=graph, AccountIds=[ONE, TWO]),
        story.refused("ConflictException", "StartMonitoringMember", ADMIN, GraphArn=graph, AccountId=ONE),
    )
    assert _statuses(before["MemberDetails"]) == {ONE: "ENABLED", TWO: "ACCEPTED_BUT_DISABLED"}
    assert [member.get("DisabledReason") for member in before["MemberDetails"]] == [None, "VOLUME_TOO_HIGH"]
    assert before["MemberDetails"][0]["DatasourcePackageIngestStates"]["DETECTIVE_CORE"] == "STARTED"
    story.sim.set_volume(TWO, None)
    await story.call("StartMonitoringMember", ADMIN, GraphArn=graph, AccountId=TWO)


async def list_page_by_page(story: Story, graph: str) -> None:
    """List members and invitations over many pages: all of them, once, in order."""
    pages, other = await gather(
        story.walk("ListMembers", ADMIN, "MemberDetails", GraphArn=graph, MaxResults=2),
        story.call("CreateGraph", OTHER_ADMIN),
    )
    assert [len(page) for page in pages] == [2, 2, 2, 2, 1]
    expected = {**dict.fromkeys(MEMBERS, "INVITED"), ONE: "ENABLED", TWO: "ENABLED", WRONG: "VERIFICATION_FAILED"}
    members = [member for page in pages for member in page]
    assert [member["AccountId"] for member in members] == MEMBERS
    assert _statuses(members) == expected
    await story.call("CreateMembers", OTHER_ADMIN, GraphArn=other["GraphArn"], Accounts=[_person(ONE)])
    await story.sim.advance(VERIFICATION)
    pages = await story.walk("ListInvitations", ONE, "Invitations", MaxResults=1)
    invitations = [[(one["AdministratorId"], one["GraphArn"], one["Status"]) for one in page] for page in pages]
    assert invitations == [[(ADMIN, graph, "ENABLED")], [(OTHER_ADMIN, other["GraphArn"], "INVITED")]]


async def start_packages(story: Story, graph: str) -> None:
    """Start a data source package; the graph, and each enabled member, begin to take it in."""
    started = story.sim.now
    unknown = graph[:-32] + "0" * 32
    await story.call("UpdateDatasourcePackages", ADMIN, GraphArn=graph, DatasourcePackages=["EKS_AUDIT"])
    pages, of_members, of_mine = await gather(
        story.walk("ListDatasourcePackages", ADMIN, "DatasourcePackages", GraphArn=graph, MaxResults=2),
        story.call("BatchGetGraphMemberDatasources", ADMIN, GraphArn=graph, AccountIds=[ONE, THREE, STRANGER]),
        story.call("BatchGetMembershipDatasources", ONE, GraphArns=[graph, unknown]),
    )
    assert [[(name, detail["DatasourcePackageIngestState"]) for name, detail in page] for page in pages] == [
        [("ASFF_SECURITYHUB_FINDING", "DISABLED"), ("DETECTIVE_CORE", "STARTED")],
        [("EKS_AUDIT", "STARTED")],
    ]
    enabled, invited = of_members["MemberDatasources"]
    assert (enabled["AccountId"], invited["AccountId"]) == (ONE, THREE)
    assert enabled["DatasourcePackageIngestHistory"]["EKS_AUDIT"] == {"STARTED": {"Timestamp": started}}
    assert "DatasourcePackageIngestHistory" not in invited
    assert [one["AccountId"] for one in of_members["UnprocessedAccounts"]] == [STRANGER]
    assert of_mine["MembershipDatasources"] == [enabled]
    assert [one["GraphArn"] for one in of_mine["UnprocessedGraphs"]] == [unknown]


async def tag(story: Story, graph: str) -> None:
    """Change the tags, with keys and values that must be escaped on the way."""
    await story.call("TagResource", ADMIN, ResourceArn=graph, Tags={"team": "detective", "new": ""})
    listed = await story.call("ListTagsForResource", ADMIN, ResourceArn=graph)
    assert listed == {"Tags": {**TAGS, "team": "detective", "new": ""}}
    await story.call("UntagResource", ADMIN, ResourceArn=graph, TagKeys=["cost/center+a=b", "new", "not/there"])
    assert await story.call("ListTagsForResource", ADMIN, ResourceArn=graph) == {"Tags": {"team": "detective"}}


async def investigate(story: Story, graph: str) -> None:
    """Investigate a role and a user: started, waited for, found, read and filed away."""
    story.sim.investigations(duration=INVESTIGATION)
    scope: dict[str, Any] = {
        "ScopeStartTime": datetime(2029, 12, 1, tzinfo=UTC),
        "ScopeEndTime": datetime(2029, 12, 31, tzinfo=UTC),
    }
    role, user = f"arn:aws:iam::{ONE}:role/Deploy", f"arn:aws:iam::{ONE}:user/alice"
    first = await story.call("StartInvestigation", ADMIN, GraphArn=graph, EntityArn=role, **scope)
    of_first = {"GraphArn": graph, **first}
    began = story.sim.now
    running, nothing_yet = await gather(
        story.call("GetInvestigation", ADMIN, **of_first), story.call("ListIndicators", ADMIN, **of_first)
    )
    described = {**of_first, **scope, "EntityArn": role, "EntityType": "IAM_ROLE", "CreatedTime": began}
    assert running == {**described, "State": "ACTIVE", "Status": "RUNNING"}
    assert nothing_yet == {**of_first, "Indicators": []}

    await story.sim.advance(INVESTIGATION)
    second = await story.call("StartInvestigation", ADMIN, GraphArn=graph, EntityArn=user, **scope)
    sort = {"Field": "CREATED_TIME", "SortOrder": "ASC"}
    only = {"Status": {"Value": "SUCCESSFUL"}, "CreatedTime": {"StartInclusive": began, "EndInclusive": story.sim.now}}
    done, pages, filtered, of_one_type = await gather(
        story.call("GetInvestigation", ADMIN, **of_first),
        story.walk(
            "ListInvestigations", ADMIN, "InvestigationDetails", GraphArn=graph, MaxResults=1, SortCriteria=sort
        ),
        story.call("ListInvestigations", ADMIN, GraphArn=graph, FilterCriteria=only),
        story.call("ListIndicators", ADMIN, **of_first, IndicatorType="NEW_ASO"),
    )
    assert done == {**described, "State": "ACTIVE", "Status": "SUCCESSFUL", "Severity": "HIGH"}
    assert [[one["InvestigationId"] for one in page] for page in pages] == [
        [i["InvestigationId"]] for i in (first, second)
    ]
    assert [one["InvestigationId"] for one in filtered["InvestigationDetails"]] == [first["InvestigationId"]]
    indicators = await story.walk("ListIndicators", ADMIN, "Indicators", **of_first, MaxResults=10)
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

    await story.call("UpdateInvestigationState", ADMIN, **of_first, State="ARCHIVED")
    assert await story.call("GetInvestigation", ADMIN, **of_first) == {**done, "State": "ARCHIVED"}


async def organize(story: Story) -> None:
    """Give an organization an administrator, and its accounts as members, new ones by themselves; take it away."""
    sim = story.sim
    sim.organization(MANAGEMENT, [DELEGATE, HELD_BACK])
    sim.set_volume(HELD_BACK, "VOLUME_UNKNOWN")
    since = sim.now
    await story.call("EnableOrganizationAdminAccount", MANAGEMENT, AccountId=DELEGATE)
    administrators, graphs = await gather(
        story.call("ListOrganizationAdminAccounts", MANAGEMENT), story.call("ListGraphs", DELEGATE)
    )
    (graph,) = (one["Arn"] for one in graphs["GraphList"])
    assert administrators == {"Administrators": [{"AccountId": DELEGATE, "GraphArn": graph, "DelegationTime": since}]}
    held_back, configuration = await gather(
        story.call("CreateMembers", DELEGATE, GraphArn=graph, Accounts=[_person(HELD_BACK)]),
        story.call("DescribeOrganizationConfiguration", DELEGATE, GraphArn=graph),
    )
    assert configuration == {"AutoEnable": False}
    (member,) = held_back["Members"]
    assert (member["Status"], member["DisabledReason"]) == ("ACCEPTED_BUT_DISABLED", "VOLUME_UNKNOWN")
    await story.call("UpdateOrganizationConfiguration", DELEGATE, GraphArn=graph, AutoEnable=True)
    sim.organization(MANAGEMENT, [NEWCOMER])
    listed, configuration, _ = await gather(
        story.call("ListMembers", DELEGATE, GraphArn=graph),
        story.call("DescribeOrganizationConfiguration", DELEGATE, GraphArn=graph),
        story.refused("AccessDeniedException", "DisassociateMembership", NEWCOMER, GraphArn=graph),
    )
    assert configuration == {"AutoEnable": True}
    assert [(one["AccountId"], one["Status"], one["InvitationType"]) for one in listed["MemberDetails"]] == [
        (HELD_BACK, "ACCEPTED_BUT_DISABLED", "ORGANIZATION"),
        (NEWCOMER, "ENABLED", "ORGANIZATION"),
    ]
    await story.call("DisableOrganizationAdminAccount", MANAGEMENT)
    graphs, invitations = await gather(story.call("ListGraphs", DELEGATE), story.call("ListInvitations", NEWCOMER))
    assert graphs == {"GraphList": []}
    assert invitations == {"Invitations": []}


async def be_refused(story: Story, graph: str) -> None:
    """Be refused for the remaining reasons that the API models, and for one that it does not."""
    sim = story.sim
    (full,) = (arn for arn, one in sim.snapshot().items() if one["administrator"] == FULL)
    sim.throttle(1, operation="ListGraphs", account=ADMIN)
    sim.inject(Fault(Failure(), operation="ListInvitations", account=ADMIN))
    sim.close_region("af-south-1")
    denied, invalid, over_quota, throttled, failed, unknown = await gather(
        story.refused("AccessDeniedException", "ListMembers", ONE, GraphArn=graph),
        story.refused("ValidationException", "ListMembers", ADMIN, GraphArn=graph, NextToken="made up"),
        story.refused("ServiceQuotaExceededException", "CreateMembers", FULL, GraphArn=full, Accounts=[_person(ONE)]),
        story.refused("TooManyRequestsException", "ListGraphs", ADMIN),
        story.refused("InternalServerException", "ListInvitations", ADMIN),
        story.refused("UnrecognizedClientException", "ListGraphs", ADMIN, "af-south-1"),
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


async def leave(story: Story, graph: str) -> None:
    """Decline, leave and be removed: none of them is listed any more."""
    answers = await gather(
        story.call("DeleteMembers", ADMIN, GraphArn=graph, AccountIds=[FOUR, STRANGER]),
        story.call("RejectInvitation", THREE, GraphArn=graph),
        story.call("DisassociateMembership", ONE, GraphArn=graph),
    )
    assert answers[0]["AccountIds"] == [FOUR]
    assert [one["AccountId"] for one in answers[0]["UnprocessedAccounts"]] == [STRANGER]
    left, invitations = await gather(
        story.call("ListMembers", ADMIN, GraphArn=graph), story.call("ListInvitations", ONE)
    )
    assert [one["AccountId"] for one in left["MemberDetails"]] == [TWO, *MEMBERS[4:]]
    assert [one["AdministratorId"] for one in invitations["Invitations"]] == [OTHER_ADMIN]


async def tear_down(story: Story, graph: str) -> None:
    """Disable Detective: the graph is gone, for its administrator and from its members' lists."""
    await story.call("DeleteGraph", ADMIN, GraphArn=graph)
    graphs, invitations, _ = await gather(
        story.call("ListGraphs", ADMIN),
        story.call("ListInvitations", FIVE),
        story.refused("ResourceNotFoundException", "ListMembers", ADMIN, GraphArn=graph),
    )
    assert graphs == {"GraphList": []}
    assert invitations == {"Invitations": []}


def _people() -> list[dict[str, str]]:
    return [_person(name, "somebody-else@example.com" if name == WRONG else None) for name in MEMBERS]


def _person(account: str, email: str | None = None) -> dict[str, str]:
    return {"AccountId": account, "EmailAddress": email or f"account-{account}@example.com"}


def _statuses(members: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    return {member["AccountId"]: member["Status"] for member in members}

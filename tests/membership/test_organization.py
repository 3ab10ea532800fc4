"""The organization's graph: its administrator is designated, and accounts are enabled without invitation."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from attrs import evolve
from support.virtual_time import in_virtual_time

from detective_async import (
    AccessDeniedException,
    Account,
    CreateMembersResponse,
    DetectiveClient,
    ParameterError,
    ServiceError,
)
from detective_async.client.polling import Wait
from detective_async.membership import Action, ActionKind, ByInvitation, ByOrganization, Reason, plan_membership
from detective_async.membership.apply import Delegation
from detective_async.organization import AccountStatus, OrganizationAccount, list_accounts
from detective_async.testing import DetectiveSimulator, Failure, Fault, Latency, Throttle
from membership.worlds import (
    ADMINISTRATOR,
    DENIED,
    ELSEWHERE,
    REGION,
    WRONG,
    Result,
    account,
    address,
    administrator,
    check_contract,
    empty_in_loop_time,
    graph,
    load_world,
    member,
    plan_and_apply,
    results,
    some_accounts,
    statuses,
    writes,
)

MANAGEMENT = "999999999999"
OUTSIDER = "888888888888"
WANTED = some_accounts(3)
ONE, TWO, THREE = (one.account_id for one in WANTED)
ENABLED = Result(None, "ENABLED", "enable member")


@pytest.fixture(autouse=True)
def _organization(sim: DetectiveSimulator) -> None:
    sim.organization(MANAGEMENT, [ADMINISTRATOR, ONE, TWO, THREE])


@pytest.fixture
def management(sim: DetectiveSimulator) -> dict[str, Any]:
    return {"members": ByOrganization(management_credentials=sim.account(MANAGEMENT), administrator_id=ADMINISTRATOR)}


async def designate(client: DetectiveClient, sim: DetectiveSimulator, account_id: str = ADMINISTRATOR) -> None:
    await client.with_options(credentials=sim.account(MANAGEMENT)).enable_organization_admin_account(account_id)


async def test_designates_the_administrator(
    sim: DetectiveSimulator, client: DetectiveClient, management: dict[str, Any]
) -> None:
    """Each region gets the administrator, and its graph tags, packages and members."""
    options = {**management, "tags": {"a": "b"}, "datasource_packages": ["EKS_AUDIT"]}
    sim.set_volume(TWO, "VOLUME_TOO_HIGH")
    plan = await plan_membership(client, WANTED, regions=[REGION, ELSEWHERE], **options)
    assert plan.problems == ()
    assert plan.administrator_id == ADMINISTRATOR
    assert plan.actions[:6] == (
        Action(ActionKind.ENABLE_ADMINISTRATOR, REGION, ADMINISTRATOR, Reason.NO_ADMINISTRATOR),
        Action(ActionKind.TAG_GRAPH, REGION, None, Reason.TAGS_DIFFER, "a", ("a",)),
        Action(ActionKind.START_PACKAGES, REGION, None, Reason.PACKAGES_NOT_STARTED, "EKS_AUDIT", ("EKS_AUDIT",)),
        *(Action(ActionKind.ENABLE_MEMBER, REGION, one, Reason.NOT_A_MEMBER) for one in (ONE, TWO, THREE)),
    )
    text = f"make account {ADMINISTRATOR} the organization's Detective administrator (billed to the administrator by"
    assert text in str(plan)
    report = await plan.apply()
    # A new graph has all packages started.
    done = ("enable administrator", "tag graph")
    assert [region.done for region in report.regions] == [done, done]
    for region in (REGION, ELSEWHERE):
        found = results(report, region)
        assert found[ONE] == found[THREE] == ENABLED
        assert (found[TWO].after, found[TWO].done) == ("ACCEPTED_BUT_DISABLED", "enable member")
        assert (found[TWO].problem or "").startswith("AWS has not enabled it (VOLUME_TOO_HIGH)")
    assert writes(sim)["AcceptInvitation"] == 0

    sim.set_volume(TWO, None)
    sim.forget_requests()
    plan = await plan_membership(client, WANTED, regions=[REGION, ELSEWHERE], retry_disabled=True, **options)
    report = await plan.apply()
    assert report.ok
    assert writes(sim) == {"StartMonitoringMember": 2}
    assert not await plan_membership(client, WANTED, regions=[REGION, ELSEWHERE], **options)
    # The management account is needed only until then.
    assert not await plan_membership(client, WANTED, regions=[REGION, ELSEWHERE], members=ByOrganization())


async def test_one_region_first(sim: DetectiveSimulator, client: DetectiveClient, management: dict[str, Any]) -> None:
    """Delegation starts in one region; the others follow, together, when it is visible there."""
    regions = [REGION, ELSEWHERE, "eu-central-1", "eu-north-1"]
    sim.set_read_lag(5, ["ListGraphs", "ListOrganizationAdminAccounts"])
    plan = await plan_membership(client, WANTED, regions=regions, **management)
    sim.forget_requests()
    report = await plan.apply()
    assert report.ok
    names = ("EnableOrganizationAdminAccount", "ListOrganizationAdminAccounts")
    asked = [(one.operation, one.region) for one in sim.requests if one.operation in names]
    first, second, *rest = (index for index, (name, _) in enumerate(asked) if name == names[0])
    assert len(rest) == 2
    # It was looked at again and again until it was there, and nothing was asked of the others before.
    assert {region for _, region in asked[: second - 3]} == {REGION}
    assert asked[first + 1 : second].count((names[1], REGION)) > 3


async def test_a_delegation_that_settles(
    sim: DetectiveSimulator, client: DetectiveClient, management: dict[str, Any]
) -> None:
    """While the first delegation settles, the others are refused; that is waited out, with ever fewer requests."""
    sim.set_delegation_delay(50)
    plan = await plan_membership(client, WANTED, regions=[REGION, ELSEWHERE, "eu-central-1"], **management)
    report = await plan.apply()
    assert report.ok
    assert {region.done for region in report.regions} == {("enable administrator",)}
    assert writes(sim)["EnableOrganizationAdminAccount"] <= 1 + 2 * 10


async def test_a_first_region_that_fails(
    sim: DetectiveSimulator, client: DetectiveClient, management: dict[str, Any]
) -> None:
    """Then the next one is the first, alone again."""
    regions = [REGION, ELSEWHERE, "eu-central-1", "eu-north-1"]
    sim.set_read_lag(5, ["ListGraphs", "ListOrganizationAdminAccounts"])
    plan = await plan_membership(client, WANTED, regions=regions, **management)
    sim.inject(Fault(DENIED, "EnableOrganizationAdminAccount", region=REGION, count=None))
    sim.forget_requests()
    report = await plan.apply()
    assert [region.ok for region in report.regions] == [False, True, True, True]
    assert report.regions[0].reason is Reason.ACCESS_DENIED
    names = ("EnableOrganizationAdminAccount", "ListOrganizationAdminAccounts")
    asked = [(one.operation, one.region) for one in sim.requests if one.operation in names]
    second, third, _ = (index for index, (name, region) in enumerate(asked) if name == names[0] and region != REGION)
    assert asked[second:third].count((names[1], ELSEWHERE)) > 3


@in_virtual_time
async def test_a_first_region_that_hangs() -> None:
    """It keeps the others back for half of the time at most; of these, again, one delegates first."""
    async with empty_in_loop_time() as (sim, client):
        sim.organization(MANAGEMENT, [ADMINISTRATOR, ONE, TWO, THREE])
        sim.set_read_lag(4, ["ListGraphs", "ListOrganizationAdminAccounts"])
        members = ByOrganization(management_credentials=sim.account(MANAGEMENT), administrator_id=ADMINISTRATOR)
        regions = [REGION, ELSEWHERE, "eu-central-1", "eu-north-1"]
        plan = await plan_membership(client, WANTED, regions=regions, members=members)
        sim.forget_requests()
        sim.inject(Fault(Latency(1000), "EnableOrganizationAdminAccount", region=REGION))
        report = await plan.apply(timeout=60)
    assert [region.reason for region in report.regions] == [Reason.TIMED_OUT, None, None, None]
    for region in regions[1:]:
        assert set(results(report, region).values()) == {ENABLED}
    names = ("EnableOrganizationAdminAccount", "ListOrganizationAdminAccounts")
    asked = [(one.operation, one.region) for one in sim.requests if one.operation in names]
    # That of the first region gets no response.
    second, third, fourth = (index for index, (name, _) in enumerate(asked) if name == names[0])
    assert asked[second] == (names[0], ELSEWHERE)
    # In between, the second region was looked at until it had settled.
    assert asked[second:third].count((names[1], ELSEWHERE)) > 3
    assert fourth - third < 5


async def test_management_account_in_the_list(sim: DetectiveSimulator, management: dict[str, Any]) -> None:
    """A client of the management account, which is no administrator, is not called one."""
    assert management
    async with administrator(sim, account_id=MANAGEMENT) as client:
        listed = await list_accounts(client)
        plan = await plan_membership(client, listed, regions=[REGION], members=ByOrganization())
    assert [problem.reason for problem in plan.problems] == [Reason.NOT_ADMINISTRATOR]
    assert MANAGEMENT in {one.account_id for one in listed}
    assert plan.notes == ()


async def test_auto_enable(client: DetectiveClient, management: dict[str, Any]) -> None:
    """All accounts, existing and future: the setting is in the plan, in its text, and in the report."""
    by_management = management["members"]
    members = evolve(by_management, auto_enable=True)
    plan = await plan_membership(client, WANTED, regions=[REGION], members=members)
    assert Action(ActionKind.SET_AUTO_ENABLE, REGION, None, Reason.AUTO_ENABLE_DIFFERS, "on", ("on",)) in plan.actions
    assert "  turn auto-enable on: accounts that join the organization later become members" in str(plan).splitlines()
    report = await plan.apply()
    assert report.ok
    assert report.regions[0].done == ("enable administrator", "set auto-enable")
    arn = report.regions[0].graph_arn or ""
    assert (await client.describe_organization_configuration(arn)).auto_enable
    for again in (members, ByOrganization(auto_enable=True), ByOrganization()):
        assert not await plan_membership(client, WANTED, regions=[REGION], members=again)
    off = ByOrganization(auto_enable=False)
    plan = await plan_membership(client, WANTED, regions=[REGION], members=off)
    assert "  turn auto-enable off: accounts that join the organization later do not become members" in str(plan)
    assert [(action.kind, action.detail) for action in plan.actions] == [("set auto-enable", "off")]
    report = await plan.apply()
    assert (report.ok, report.regions[0].auto_enable) == (True, False)
    assert str(report).endswith("; set auto-enable: 1; auto-enable is off now")
    assert not (await client.describe_organization_configuration(arn)).auto_enable
    # A new graph has it off already.
    plan = await plan_membership(client, WANTED, regions=[ELSEWHERE], members=evolve(by_management, auto_enable=False))
    assert ActionKind.SET_AUTO_ENABLE not in {action.kind for action in plan.actions}


async def test_accounts_of_the_organization(
    sim: DetectiveSimulator, client: DetectiveClient, management: dict[str, Any]
) -> None:
    """The list of AWS Organizations is planned as it is: active accounts become members, the others are named."""
    sim.set_account_state(THREE, "SUSPENDED")
    accounts = await list_accounts(client.with_options(credentials=sim.account(MANAGEMENT)))
    assert {one.account_id for one in accounts} == {MANAGEMENT, ADMINISTRATOR, ONE, TWO, THREE}
    plan = await plan_membership(client, accounts, regions=[REGION], remove_others=True, max_removals=0, **management)
    assert {action.account_id for action in plan.actions if action.kind == "enable member"} == {MANAGEMENT, ONE, TWO}
    assert {(note.reason, note.account_id) for note in plan.notes} == {
        (Reason.SUSPENDED, THREE),
        (Reason.OWN_ACCOUNT, ADMINISTRATOR),
    }
    assert f"note: account {THREE} is SUSPENDED, and left as it is" in str(plan)
    sim.forget_requests()
    assert (await plan.apply()).ok
    check_contract(sim, plan)
    assert set(statuses(sim)) == {MANAGEMENT, ONE, TWO}
    assert not await plan_membership(client, accounts, regions=[REGION], **management)


async def test_a_suspended_member_is_not_removed(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """It is in the list, although nothing can be done for it."""
    load_world(sim, graph(member(ONE, "ENABLED"), member(TWO, "ENABLED")))
    accounts = [
        OrganizationAccount(ONE, address(ONE), "one", AccountStatus.ACTIVE),
        OrganizationAccount(TWO, address(TWO), "two", AccountStatus("PENDING_CLOSURE")),
    ]
    plan = await plan_membership(client, accounts, regions=[REGION], remove_others=True, max_removals=9)
    assert not plan
    assert plan.problems == ()


@pytest.mark.parametrize("members", [ByOrganization(), ByOrganization(auto_enable=True), ByInvitation()])
async def test_named_accounts_of_the_organization_are_removed(
    sim: DetectiveSimulator, client: DetectiveClient, management: dict[str, Any], members: Any
) -> None:
    """Suspended ones, too, but not in regions without a graph; another plan enables them again."""
    assert (await plan_and_apply(client, WANTED, **management)).ok
    suspended = OrganizationAccount(TWO, address(TWO), "two", AccountStatus.SUSPENDED)
    accounts: list[Any] = [account(THREE), suspended]
    plan = await plan_membership(client, accounts, regions=[REGION], members=members, remove=[ONE, TWO], max_removals=2)
    assert plan.notes == ()
    assert (await plan.apply()).ok
    assert statuses(sim) == {THREE: "ENABLED"}
    assert {row.done for row in (await plan_and_apply(client, WANTED, **management)).rows} == {(), ("enable member",)}
    more = {} if members.__class__ is ByInvitation else {"members": evolve(members, auto_enable=None)}
    plan = await plan_membership(client, [], regions=[REGION, ELSEWHERE], remove=[ONE], max_removals=1, **more)
    assert plan.actions == (Action(ActionKind.REMOVE, REGION, ONE, Reason.TO_BE_REMOVED, "ENABLED"),)
    assert (await plan.apply()).ok


@pytest.mark.parametrize("is_changed", [True, False])
async def test_member_that_was_enabled_again(
    sim: DetectiveSimulator, client: DetectiveClient, management: dict[str, Any], *, is_changed: bool
) -> None:
    """It is not removed: nothing but its last change tells its membership from the one that the plan saw."""
    assert (await plan_and_apply(client, WANTED, **management)).ok
    plan = await plan_membership(client, [], regions=[REGION], remove=[ONE], max_removals=1)
    await sim.advance(1)
    if is_changed:
        (arn,) = sim.snapshot()
        await client.delete_members(arn, [ONE])
        await client.create_members(arn, [account(ONE)])
    (row,) = (await plan.apply()).rows
    if is_changed:
        problem = "it has changed since the plan was made, and may have been removed and added again: plan again"
        assert (row.done, row.problem, row.reason) == ((), problem, Reason.NOT_PLANNED)
    assert row.ok is not is_changed
    assert (ONE in statuses(sim)) is is_changed


async def test_existing_graph(sim: DetectiveSimulator, client: DetectiveClient, management: dict[str, Any]) -> None:
    """The graph and its members remain."""
    arn = (await client.create_graph()).graph_arn
    await client.create_members(arn, [account(ONE)])
    await client.with_options(credentials=sim.account(ONE)).accept_invitation(arn)
    plan = await plan_membership(client, WANTED, regions=[REGION], **management)
    assert [action.kind for action in plan.actions] == ["enable administrator", "enable member", "enable member"]
    report = await plan.apply()
    assert report.regions[0].graph_arn == arn
    assert results(report) == {ONE: Result("ENABLED", "ENABLED", ""), TWO: ENABLED, THREE: ENABLED}


async def test_invitation_from_before_the_organization(
    sim: DetectiveSimulator, client: DetectiveClient, management: dict[str, Any]
) -> None:
    """An account whose invitation failed is enabled instead, however long the failed one is still seen."""
    arn = (await client.create_graph()).graph_arn
    await client.create_members(arn, [Account(ONE, WRONG)])
    await designate(client, sim)
    sim.set_read_lag(5)
    sim.set_verification_delay(10)
    await sim.advance(600)
    plan = await plan_membership(client, [Account(ONE, WRONG)], regions=[REGION], **management)
    report = await plan.apply()
    assert results(report) == {ONE: Result("VERIFICATION_FAILED", "ENABLED", "reinvite")}


async def test_account_that_leaves_the_organization(sim: DetectiveSimulator, management: dict[str, Any]) -> None:
    """An account that was enabled without an invitation is not said to have declined one."""

    class Leaves(DetectiveClient):
        async def create_members(self, graph_arn: str, *args: Any, **options: Any) -> CreateMembersResponse:
            response = await super().create_members(graph_arn, *args, **options)
            await self.delete_members(graph_arn, [ONE])
            return response

    sim.set_verification_delay(10)
    async with administrator(sim, Leaves) as client:
        report = await plan_and_apply(client, WANTED[:2], **management)
    (row,) = report.failures
    assert (row.account_id, row.done, row.after) == (ONE, (ActionKind.ENABLE_MEMBER,), None)
    assert (row.problem or "").endswith("it was enabled, but is not a member: it may have left the organization")


async def test_account_outside_the_organization(
    sim: DetectiveSimulator, client: DetectiveClient, management: dict[str, Any]
) -> None:
    """AWS invites it; it accepts if there are credentials, and is a failure otherwise."""
    wanted = [*WANTED, account(OUTSIDER)]
    report = await plan_and_apply(client, wanted, **management)
    (failure,) = report.failures
    assert (failure.account_id, failure.after) == (OUTSIDER, "INVITED")
    assert (failure.problem or "").startswith("it is invited, either because it is outside the organization")
    members = evolve(management["members"], credentials=sim.account)
    plan = await plan_membership(client, wanted, regions=[REGION], members=members)
    assert [(action.kind, action.account_id) for action in plan.actions] == [("accept", OUTSIDER)]
    assert (await plan.apply()).ok


@pytest.mark.parametrize("is_silent", [None, True])
async def test_accounts_that_may_be_invited(
    sim: DetectiveSimulator, client: DetectiveClient, management: dict[str, Any], is_silent: bool | None
) -> None:
    """The plan says what happens to an account outside of the organization, and accepts its invitation."""
    members = evolve(management["members"], credentials=sim.account)
    wanted = [account(ONE), account(OUTSIDER)]
    plan = await plan_membership(
        client, wanted, regions=[REGION], members=members, disable_email_notification=is_silent
    )
    e_mails = "" if is_silent else "; an e-mail to each that is invited"
    lines = [
        "enable 2 accounts without invitation, or invite if outside the organization",
        f"(billed to each by volume{e_mails}): {ONE}, {OUTSIDER}",
        f"if invited, accept the invitation of 2 accounts (billed to each by volume): {ONE}, {OUTSIDER}",
    ]
    assert " ".join(lines) in " ".join(str(plan).split())
    sim.forget_requests()
    report = await plan.apply()
    assert results(report) == {ONE: ENABLED, OUTSIDER: Result(None, "ENABLED", "enable member, accept")}
    check_contract(sim, plan)
    assert not await plan_membership(client, wanted, regions=[REGION], members=members)


async def test_one_address_that_is_not_valid(client: DetectiveClient, management: dict[str, Any]) -> None:
    """It is a problem of its account alone, and none where no address is needed."""
    bad = "root@xn--e1afmkfd.xn--p1ai"
    accounts = [
        OrganizationAccount(ONE, address(ONE), "one", AccountStatus.ACTIVE),
        OrganizationAccount(TWO, bad, "two", AccountStatus.ACTIVE),
        OrganizationAccount(THREE, "", "three", AccountStatus.SUSPENDED),
    ]
    plan = await plan_membership(client, accounts, regions=[REGION], remove_others=True, **management)
    assert [(one.account_id, one.reason) for one in plan.problems] == [(TWO, Reason.INVALID_ADDRESS)]
    assert bad not in str(plan)
    report = await plan.apply()
    assert [(row.account_id, row.ok) for row in report.rows] == [(ONE, True), (TWO, False)]
    assert (report.rows[1].problem, report.rows[1].reason) == (plan.problems[0].text, Reason.INVALID_ADDRESS)
    await client.create_members(report.regions[0].graph_arn or "", [account(TWO)])
    assert not await plan_membership(client, accounts, regions=[REGION], remove_others=True, **management)
    with pytest.raises(ParameterError, match=r"accounts\[0\].account_id: expected an account id"):
        await plan_membership(client, [evolve(accounts[0], account_id="1")], regions=[REGION])


async def test_graph_is_not_the_organizations(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Without management credentials there is no action that would send invitations."""
    plan = await plan_membership(client, WANTED, regions=[REGION, ELSEWHERE], members=ByOrganization())
    assert plan.actions == ()
    assert {problem.text[:43] for problem in plan.problems} == {"the client's account has no graph here, so "}
    await client.create_graph()
    plan = await plan_membership(client, WANTED, regions=[REGION], members=ByOrganization())
    assert plan.actions == ()
    (problem,) = plan.problems
    assert problem.text.startswith(f"the graph of {ADMINISTRATOR} is not the organization's, or its credentials do")
    assert isinstance(problem.error, AccessDeniedException)
    assert problem.reason is Reason.NOT_ORGANIZATION_GRAPH
    report = await plan.apply()
    assert {row.problem for row in report.failures} == {report.regions[0].problem}
    assert {type(row.error) for row in report.failures} == {AccessDeniedException}
    assert writes(sim) == {"CreateGraph": 1}
    await designate(client, sim)
    # The plan showed nothing to do, and does nothing; a new one does.
    assert not (await plan.apply()).ok
    assert statuses(sim) == {}
    assert (await plan_and_apply(client, WANTED, members=ByOrganization())).ok


@pytest.mark.parametrize(
    ("operation", "code"),
    [("DescribeOrganizationConfiguration", "ServiceQuotaExceededException"), ("ListMembers", "AccessDeniedException")],
)
async def test_other_errors(
    sim: DetectiveSimulator, client: DetectiveClient, management: dict[str, Any], operation: str, code: str
) -> None:
    """They are reported unchanged; if the members cannot be listed, the administrator is not designated either."""
    options: dict[str, Any] = {"members": ByOrganization()}
    if operation == "ListMembers":
        await client.create_graph()
        options = management
    else:
        await designate(client, sim)
    sim.inject(Fault(Failure(402, code, "no"), operation))
    plan = await plan_membership(client, WANTED, regions=[REGION], **options)
    assert plan
    assert plan.actions == ()
    assert [problem.text.partition(":")[0] for problem in plan.problems] == [code]


async def test_different_administrator(
    sim: DetectiveSimulator, client: DetectiveClient, management: dict[str, Any]
) -> None:
    """A different administrator is not replaced, which would delete its graph."""
    await designate(client, sim, ONE)
    plan = await plan_membership(client, WANTED, regions=[REGION], **management)
    assert plan.actions == ()
    text = f"the organization's Detective administrator in {REGION} is {ONE}, and not {ADMINISTRATOR}"
    assert [problem.text for problem in plan.problems] == [text]
    assert (await plan.apply()).regions[0].problem == text
    # AWS requires the same one in all regions.
    plan = await plan_membership(client, WANTED, regions=[ELSEWHERE, REGION], **management)
    assert plan.actions == ()
    elsewhere = (
        f"the organization's Detective administrator in {REGION} is another account, and AWS requires the same one in "
        "all regions"
    )
    assert [(one.text, one.reason) for one in plan.problems] == [
        (elsewhere, Reason.WRONG_ADMINISTRATOR),
        (text, Reason.WRONG_ADMINISTRATOR),
    ]


@pytest.mark.parametrize("way", ["organization", "management", "invitation"])
async def test_client_of_a_different_account(sim: DetectiveSimulator, management: dict[str, Any], way: str) -> None:
    """It is detected before anything else is asked, and nothing is done, whatever way members are added."""
    members = {
        "organization": ByOrganization(administrator_id=ADMINISTRATOR),
        "management": management["members"],
        "invitation": ByInvitation(administrator_id=ADMINISTRATOR),
    }
    async with administrator(sim, account_id=TWO) as client:
        plan = await plan_membership(client, [account(ONE)], regions=[REGION, ELSEWHERE], members=members[way])
        assert [request.operation for request in sim.requests] == ["GetCallerIdentity"]
        assert plan
        assert plan.actions == ()
        assert plan.administrator_id == TWO
        text = f"the client has the credentials of account {TWO}, and not those of the administrator {ADMINISTRATOR}"
        assert [(problem.text, problem.reason) for problem in plan.problems] == [(text, Reason.WRONG_ACCOUNT)] * 2
        report = await plan.apply()
    assert {row.reason for row in report.failures} == {Reason.WRONG_ACCOUNT}
    assert [request.operation for request in sim.requests] == ["GetCallerIdentity"]


@pytest.mark.parametrize("way", ["management", "invitation"])
async def test_account_that_sts_does_not_say(
    sim: DetectiveSimulator, client: DetectiveClient, management: dict[str, Any], way: str
) -> None:
    """Where STS cannot be asked, the owner of a graph tells; without one, nothing is done."""
    sim.inject(Fault(DENIED, "GetCallerIdentity", count=None))
    members = management["members"] if way == "management" else ByInvitation(administrator_id=ADMINISTRATOR)
    plan = await plan_membership(client, WANTED, regions=[REGION], members=members)
    assert plan.actions == ()
    assert plan.administrator_id is None
    (problem,) = plan.problems
    assert problem.text.startswith("it is not known whose credentials these are, so nothing is done with them: Access")
    assert problem.reason is Reason.WRONG_ACCOUNT
    assert isinstance(problem.error, ServiceError)
    # Nor if nobody is named: the graph would be of any account.
    plan = await plan_membership(client, [account(ADMINISTRATOR), *WANTED], regions=[REGION])
    assert str(plan).startswith(f"{REGION}:")
    assert not (await plan.apply()).ok
    assert writes(sim) == {}
    await client.create_graph()
    plan = await plan_membership(client, [account(ADMINISTRATOR), *WANTED], regions=[REGION])
    assert (await plan.apply()).ok
    assert set(statuses(sim)) == {ONE, TWO, THREE}
    plan = await plan_membership(client, WANTED, regions=[REGION], members=members)
    # In the organization, they would not have to be invited.
    assert {problem.reason for problem in plan.problems} <= {Reason.NOT_IN_ORGANIZATION}
    assert plan.administrator_id == ADMINISTRATOR
    async with administrator(sim, account_id=TWO) as other:
        await other.create_graph()
        plan = await plan_membership(other, WANTED, regions=[REGION], members=members)
        assert [problem.reason for problem in plan.problems] == [Reason.WRONG_ACCOUNT]


async def test_errors_while_applying(
    sim: DetectiveSimulator, one_attempt_client: DetectiveClient, management: dict[str, Any]
) -> None:
    """A refused designation is reported; throttles are retried."""
    plan = await plan_membership(one_attempt_client, WANTED, regions=[REGION], **management)
    sim.inject(Fault(DENIED, "EnableOrganizationAdminAccount", count=None))
    report = await plan.apply()
    sim.clear_faults()
    assert isinstance(report.regions[0].error, AccessDeniedException)
    assert {type(row.error) for row in report.failures} == {AccessDeniedException}
    sim.inject(Fault(Throttle(), "EnableOrganizationAdminAccount", count=2))
    sim.inject(Fault(Throttle(), "ListOrganizationAdminAccounts", count=4))
    assert (await plan.apply()).ok


async def test_administrator_that_came_in_between(
    sim: DetectiveSimulator, client: DetectiveClient, management: dict[str, Any]
) -> None:
    """A different administrator is reported when the plan is applied, too."""
    plan = await plan_membership(client, WANTED, regions=[REGION], **management)
    await designate(client, sim, ONE)
    report = await plan.apply()
    assert report.regions[0].reason is Reason.WRONG_ADMINISTRATOR
    assert statuses(sim) == {}


async def test_administrator_that_came_in_one_region(
    sim: DetectiveSimulator, client: DetectiveClient, management: dict[str, Any]
) -> None:
    """Nobody is designated in the others either: AWS requires the same administrator everywhere."""
    plan = await plan_membership(client, WANTED, regions=[REGION, ELSEWHERE], **management)
    await designate(client, sim, ONE)
    sim.forget_requests()
    report = await plan.apply()
    assert [region.reason for region in report.regions] == [Reason.WRONG_ADMINISTRATOR] * 2
    assert writes(sim) == {}


async def test_a_delegation_that_is_denied_everywhere(
    sim: DetectiveSimulator, client: DetectiveClient, management: dict[str, Any]
) -> None:
    """The first region finds out that it lasts; each other one is asked once."""
    regions = [REGION, ELSEWHERE, "eu-central-1", "eu-north-1"]
    plan = await plan_membership(client, WANTED, regions=regions, **management)
    sim.inject(Fault(DENIED, "EnableOrganizationAdminAccount", count=None))
    report = await plan.apply()
    assert [region.reason for region in report.regions] == [Reason.ACCESS_DENIED] * 4
    asked = Counter(one.region for one in sim.requests if one.operation == "EnableOrganizationAdminAccount")
    assert asked[REGION] >= 3
    assert [asked[region] for region in regions[1:]] == [1, 1, 1]


@pytest.mark.parametrize(
    ("operation", "text"),
    [
        ("EnableOrganizationAdminAccount", "Another attempt conflicts with it: try again later"),
        ("DescribeOrganizationConfiguration", "not yet"),
        ("UpdateOrganizationConfiguration", "not yet"),
    ],
)
@in_virtual_time
async def test_denials_of_a_delegation_with_other_answers_between(operation: str, text: str) -> None:
    """A denial long after others is not believed because of them."""
    async with empty_in_loop_time() as (sim, client):
        sim.organization(MANAGEMENT, [ADMINISTRATOR, ONE])
        members = ByOrganization(
            management_credentials=sim.account(MANAGEMENT), administrator_id=ADMINISTRATOR, auto_enable=True
        )
        plan = await plan_membership(client, WANTED[:1], regions=[REGION], members=members)
        application = asyncio.create_task(plan.apply())
        for effect, seconds in ((DENIED, 5), (Failure(400, "ValidationException", text), 30), (DENIED, 12)):
            sim.inject(Fault(effect, operation, count=None))
            await asyncio.sleep(seconds)
            sim.clear_faults()
        report = await application
    assert report.ok, str(report)


@pytest.mark.parametrize(
    ("operation", "outage"),
    [
        ("EnableOrganizationAdminAccount", "ListGraphs"),
        ("EnableOrganizationAdminAccount", "ListOrganizationAdminAccounts"),
        ("ListGraphs", "ListOrganizationAdminAccounts"),
    ],
)
@in_virtual_time
async def test_denials_of_a_delegation_with_an_outage_between(operation: str, outage: str) -> None:
    """One denial is not believed because of a few long before, since when what comes before it had an outage."""
    async with empty_in_loop_time() as (sim, client):
        sim.organization(MANAGEMENT, [ADMINISTRATOR, ONE])
        members = ByOrganization(management_credentials=sim.account(MANAGEMENT), administrator_id=ADMINISTRATOR)
        plan = await plan_membership(client, WANTED[:1], regions=[REGION], members=members)
        application = asyncio.create_task(plan.apply())
        denied, busy = Fault(DENIED, operation, count=None), Fault(Failure(503, "Busy"), outage, count=None)
        for fault, seconds in ((denied, 4), (busy, 30), (evolve(denied, count=1), 30)):
            sim.inject(fault)
            await asyncio.sleep(seconds)
            sim.clear_faults()
        report = await application
    assert report.ok, str(report)


@in_virtual_time
async def test_a_read_that_stays_denied_in_one_region() -> None:
    """That the others can read says nothing of it, although they share what is known of denied changes."""
    async with empty_in_loop_time() as (sim, client):
        sim.organization(MANAGEMENT, [ADMINISTRATOR, ONE])
        sim.set_delegation_delay(60)
        members = ByOrganization(management_credentials=sim.account(MANAGEMENT), administrator_id=ADMINISTRATOR)
        regions = [REGION, ELSEWHERE, "eu-central-1"]
        plan = await plan_membership(client, WANTED[:1], regions=regions, members=members)
        sim.inject(Fault(DENIED, "ListOrganizationAdminAccounts", region=ELSEWHERE, count=None))
        report = await plan.apply()
    assert {one.region: one.reason for one in report.regions} == {
        REGION: None,
        ELSEWHERE: Reason.ACCESS_DENIED,
        "eu-central-1": None,
    }
    denied = [one for one in sim.requests if one.region == ELSEWHERE and one.status == DENIED.status]
    assert len(denied) < 20


@in_virtual_time
async def test_denials_of_two_reads_of_a_delegation() -> None:
    """Each has its own time, also if the first one is denied again: it was not while the second one was."""
    async with empty_in_loop_time() as (sim, client):
        sim.organization(MANAGEMENT, [ADMINISTRATOR, ONE])
        members = ByOrganization(management_credentials=sim.account(MANAGEMENT), administrator_id=ADMINISTRATOR)
        plan = await plan_membership(client, WANTED[:1], regions=[REGION], members=members)
        application = asyncio.create_task(plan.apply())
        first, second = "ListOrganizationAdminAccounts", "ListGraphs"
        for operation, seconds in ((first, 4), (second, 9), (first, 8)):
            sim.inject(Fault(DENIED, operation, count=None))
            await asyncio.sleep(seconds)
            sim.clear_faults()
        report = await application
    assert report.ok, str(report)


@in_virtual_time
async def test_one_denied_read_after_those_of_another_region() -> None:
    """It is not believed because of them, as a denied change would be: each region reads by itself."""
    async with empty_in_loop_time() as (sim, client):
        sim.organization(MANAGEMENT, [ADMINISTRATOR, ONE])
        members = ByOrganization(management_credentials=sim.account(MANAGEMENT), administrator_id=ADMINISTRATOR)
        plan = await plan_membership(client, WANTED[:1], regions=[REGION, ELSEWHERE], members=members)
        for region, count in ((REGION, None), (ELSEWHERE, 1)):
            sim.inject(Fault(DENIED, "ListOrganizationAdminAccounts", region=region, count=count))
        report = await plan.apply()
    assert [region.reason for region in report.regions] == [Reason.ACCESS_DENIED, None]


@in_virtual_time
async def test_a_delegation_that_stays_denied_in_one_region() -> None:
    """Other answers in other regions do not hide that; and a success in another one shows that it is so here only."""
    async with empty_in_loop_time() as (sim, client):
        sim.organization(MANAGEMENT, [ADMINISTRATOR, ONE])
        members = ByOrganization(management_credentials=sim.account(MANAGEMENT), administrator_id=ADMINISTRATOR)
        regions = [REGION, ELSEWHERE, "eu-central-1", "eu-north-1"]
        plan = await plan_membership(client, WANTED[:1], regions=regions, members=members)
        operation = "EnableOrganizationAdminAccount"
        busy = Failure(400, "ValidationException", "Another attempt conflicts with it: try again later")
        denied = Fault(DENIED, operation, region=ELSEWHERE, count=None)
        late = Fault(busy, operation, region="eu-north-1", count=None)
        for fault in (denied, late, Fault(busy, operation, region="eu-central-1", count=None)):
            sim.inject(fault)
        application = asyncio.create_task(plan.apply())
        await asyncio.sleep(100)
        sim.clear_faults()
        for fault in (denied, late):
            sim.inject(fault)
        await asyncio.sleep(30)
        sim.clear_faults()
        sim.inject(Fault(DENIED, operation, region="eu-north-1", count=1))
        report = await application
    assert [region.reason for region in report.regions] == [None, Reason.ACCESS_DENIED, None, None]
    assert sum(one.status == DENIED.status and one.region == ELSEWHERE for one in sim.requests) <= 8


@in_virtual_time
async def test_denials_of_two_regions() -> None:
    """After the delegation has succeeded in one, those of the other have their own time."""
    async with empty_in_loop_time() as (sim, client):
        sim.organization(MANAGEMENT, [ADMINISTRATOR, ONE, TWO, THREE])
        sim.set_delegation_delay(40)
        members = ByOrganization(management_credentials=sim.account(MANAGEMENT), administrator_id=ADMINISTRATOR)
        plan = await plan_membership(client, WANTED, regions=[REGION, ELSEWHERE], members=members)
        for region in (REGION, ELSEWHERE):
            sim.inject(Fault(DENIED, "EnableOrganizationAdminAccount", region=region, count=3))
        report = await plan.apply()
    assert report.ok, str(report)


async def test_organization_accounts_on_their_way(
    sim: DetectiveSimulator, client: DetectiveClient, management: dict[str, Any]
) -> None:
    """They are verified and checked without an invitation, and are waited for."""
    sim.set_verification_delay(20)
    sim.set_activation_delay(20)
    sim.set_read_lag(3)
    report = await plan_and_apply(client, WANTED, **management)
    assert results(report) == {ONE: ENABLED, TWO: ENABLED, THREE: ENABLED}
    assert writes(sim) == {"EnableOrganizationAdminAccount": 1, "CreateMembers": 1}


async def test_a_delegation_that_fails_late(client: DetectiveClient) -> None:
    """A region that is not the last one to have begun lets nobody begin by its failure."""
    delegation = Delegation(Wait(client._transport.clock, 0.02))
    release, began = asyncio.Event(), asyncio.Event()

    async def region(*, fails: bool) -> None:
        async with delegation.turn():
            if fails:
                await began.wait()
                raise RuntimeError
            began.set()
            await release.wait()

    first = asyncio.create_task(region(fails=True))
    await asyncio.sleep(0)
    second = asyncio.create_task(region(fails=False))
    with pytest.raises(RuntimeError):
        await first
    assert not delegation._free.is_set()
    release.set()
    await second
    assert delegation._free.is_set()


@pytest.mark.parametrize("operation", ["DescribeOrganizationConfiguration", "UpdateOrganizationConfiguration"])
@pytest.mark.parametrize(
    "error", [DENIED, Failure(400, "ValidationException", "there is no behavior graph"), Throttle()]
)
async def test_auto_enable_of_a_graph_that_is_not_seen_everywhere(
    sim: DetectiveSimulator,
    client: DetectiveClient,
    management: dict[str, Any],
    operation: str,
    error: Failure | Throttle,
) -> None:
    """It is waited for; that AWS denies it is believed after a while, as the permission may be missing."""
    members = evolve(management["members"], auto_enable=True)
    plan = await plan_membership(client, WANTED, regions=[REGION], members=members)
    sim.inject(Fault(error, operation, count=5))
    report = await plan.apply()
    assert (report.ok, report.regions[0].auto_enable) == (True, True)
    # With another graph that is as new, but for longer.
    plan = await plan_membership(client, WANTED, regions=[ELSEWHERE], members=members)
    sim.inject(Fault(error, operation, count=100))
    report = await plan.apply(timeout=60)
    sim.clear_faults()
    denied = error is DENIED
    reason = Reason.ACCESS_DENIED if denied else Reason.TIMED_OUT
    assert (report.regions[0].reason, report.regions[0].done) == (reason, ("enable administrator",))
    assert ("not done within" in (report.regions[0].problem or "")) is not denied
    assert all(row.ok for row in report.rows)

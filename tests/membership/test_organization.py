"""The organization's graph: its administrator is designated, and accounts are enabled without invitation."""

from typing import Any

import pytest

from detective_async import AccessDeniedException, DetectiveClient
from detective_async.membership import Action, ActionKind, plan_membership
from detective_async.testing import DetectiveSimulator, Failure, Fault, Throttle
from membership.worlds import (
    ADMINISTRATOR,
    DENIED,
    ELSEWHERE,
    REGION,
    Result,
    account,
    administrator,
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
    return {"organization": True, "management_credentials": sim.account(MANAGEMENT), "administrator_id": ADMINISTRATOR}


async def designate(client: DetectiveClient, sim: DetectiveSimulator, account_id: str = ADMINISTRATOR) -> None:
    await client.with_options(credentials=sim.account(MANAGEMENT)).enable_organization_admin_account(account_id)


async def test_designates_the_administrator(
    sim: DetectiveSimulator, client: DetectiveClient, management: dict[str, Any]
) -> None:
    """Each region gets the administrator, and its graph tags, packages and members."""
    options = {**management, "tags": {"a": "b"}, "datasource_packages": ["EKS_AUDIT"]}
    sim.set_volume(TWO, "VOLUME_UNKNOWN")
    plan = await plan_membership(client, WANTED, regions=[REGION, ELSEWHERE], **options)
    assert plan.problems == ()
    assert plan.actions[:6] == (
        Action(ActionKind.ENABLE_ADMINISTRATOR, REGION, ADMINISTRATOR),
        Action(ActionKind.TAG_GRAPH, REGION, detail="a"),
        Action(ActionKind.START_PACKAGES, REGION, detail="EKS_AUDIT"),
        *(Action(ActionKind.ENABLE_MEMBER, REGION, one) for one in (ONE, TWO, THREE)),
    )
    assert f"make the organization's Detective administrator 1 account: {ADMINISTRATOR}" in str(plan)
    report = await plan.apply()
    # A new graph has all packages started.
    done = ("enable administrator", "tag graph")
    assert [region.done for region in report.regions] == [done, done]
    problem = "start monitoring was done, but the account is ACCEPTED_BUT_DISABLED (VOLUME_UNKNOWN)"
    stuck = Result(None, "ACCEPTED_BUT_DISABLED", "enable member, start monitoring", problem)
    assert results(report) == results(report, ELSEWHERE) == {ONE: ENABLED, TWO: stuck, THREE: ENABLED}
    assert writes(sim)["AcceptInvitation"] == 0

    sim.set_volume(TWO, None)
    sim.forget_requests()
    report = await plan.apply()
    assert report.ok
    assert writes(sim) == {"StartMonitoringMember": 2}
    assert not await plan_membership(client, WANTED, regions=[REGION, ELSEWHERE], **options)
    # The management account is needed only until then.
    assert not await plan_membership(client, WANTED, regions=[REGION, ELSEWHERE], organization=True)


async def test_existing_graph(sim: DetectiveSimulator, client: DetectiveClient, management: dict[str, Any]) -> None:
    """The graph and its members remain."""
    arn = (await client.create_graph()).graph_arn or ""
    await client.create_members(arn, [account(ONE)])
    await client.with_options(credentials=sim.account(ONE)).accept_invitation(arn)
    plan = await plan_membership(client, WANTED, regions=[REGION], **management)
    assert [action.kind for action in plan.actions] == ["enable administrator", "enable member", "enable member"]
    report = await plan.apply()
    assert report.regions[0].graph_arn == arn
    assert results(report) == {ONE: Result("ENABLED", "ENABLED", ""), TWO: ENABLED, THREE: ENABLED}


async def test_account_outside_the_organization(
    sim: DetectiveSimulator, client: DetectiveClient, management: dict[str, Any]
) -> None:
    """AWS invites it; it accepts if there are credentials, and is a failure otherwise."""
    wanted = [*WANTED, account(OUTSIDER)]
    report = await plan_and_apply(client, wanted, **management)
    (failure,) = report.failures
    assert (failure.account_id, failure.after) == (OUTSIDER, "INVITED")
    assert (failure.problem or "").startswith("it is invited, either because it is outside the organization")
    plan = await plan_membership(client, wanted, regions=[REGION], member_credentials=sim.account, **management)
    assert [(action.kind, action.account_id) for action in plan.actions] == [("accept", OUTSIDER)]
    assert (await plan.apply()).ok


async def test_graph_is_not_the_organizations(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Without management credentials there is no action that would send invitations."""
    plan = await plan_membership(client, WANTED, regions=[REGION, ELSEWHERE], organization=True)
    assert plan.actions == ()
    assert {problem.text[:43] for problem in plan.problems} == {"the client's account has no graph here, so "}
    await client.create_graph()
    plan = await plan_membership(client, WANTED, regions=[REGION], organization=True)
    assert plan.actions == ()
    (problem,) = plan.problems
    assert problem.text.startswith(f"the graph of {ADMINISTRATOR} is not the organization's, or its credentials do")
    assert isinstance(problem.error, AccessDeniedException)
    report = await plan.apply()
    assert {row.problem for row in report.failures} == {report.regions[0].problem}
    assert {type(row.error) for row in report.failures} == {AccessDeniedException}
    assert writes(sim) == {"CreateGraph": 1}
    await designate(client, sim)
    assert (await plan.apply()).ok


@pytest.mark.parametrize(
    ("operation", "code"),
    [("DescribeOrganizationConfiguration", "ServiceQuotaExceededException"), ("ListMembers", "AccessDeniedException")],
)
async def test_other_errors(
    sim: DetectiveSimulator, client: DetectiveClient, management: dict[str, Any], operation: str, code: str
) -> None:
    """They are reported unchanged; if the members cannot be listed, the administrator is not designated either."""
    options: dict[str, Any] = {"organization": True}
    if operation == "ListMembers":
        await client.create_graph()
        options = management
    else:
        await designate(client, sim)
    sim.inject(Fault(Failure(402, code, "no"), operation))
    plan = await plan_membership(client, WANTED, regions=[REGION], **options)
    assert not plan
    assert [problem.text.partition(":")[0] for problem in plan.problems] == [code]


async def test_different_administrator(
    sim: DetectiveSimulator, client: DetectiveClient, management: dict[str, Any]
) -> None:
    """A different administrator is not replaced, which would delete its graph."""
    await designate(client, sim, ONE)
    plan = await plan_membership(client, WANTED, regions=[REGION], **management)
    assert plan.actions == ()
    text = f"the organization's Detective administrator here is {ONE}, and not {ADMINISTRATOR}"
    assert [problem.text for problem in plan.problems] == [text]
    assert (await plan.apply()).regions[0].problem == text


async def test_client_of_a_different_account(sim: DetectiveSimulator, management: dict[str, Any]) -> None:
    """It is detected by the owner of its graph, or by the missing graph."""
    async with administrator(sim, account_id=TWO) as client:
        report = await plan_and_apply(client, [account(ONE)], **management)
        assert report.regions[0].problem == (
            "enable administrator was done, but its effect is not visible yet: plan again later"
        )
        assert writes(sim) == {"EnableOrganizationAdminAccount": 1}
        await client.create_graph()
        plan = await plan_membership(client, [account(ONE)], regions=[REGION], **management)
        assert [problem.text for problem in plan.problems] == [
            f"the client has the credentials of account {TWO}, and not those of the administrator {ADMINISTRATOR}"
        ]
    assert statuses(sim) == {}


async def test_errors_while_applying(
    sim: DetectiveSimulator, one_attempt_client: DetectiveClient, management: dict[str, Any]
) -> None:
    """A refused designation is reported; throttles are retried."""
    plan = await plan_membership(one_attempt_client, WANTED, regions=[REGION], **management)
    sim.inject(Fault(DENIED, "EnableOrganizationAdminAccount"))
    report = await plan.apply()
    assert isinstance(report.regions[0].error, AccessDeniedException)
    assert {type(row.error) for row in report.failures} == {AccessDeniedException}
    sim.inject(Fault(Throttle(), "EnableOrganizationAdminAccount", count=2))
    sim.inject(Fault(Throttle(), "ListOrganizationAdminAccounts", count=4))
    assert (await plan.apply()).ok

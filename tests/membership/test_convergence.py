"""Property test: any world, desired state, faults and lag converge; nothing is done twice, or that no plan shows."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st
from support.hypothesis_profiles import UNEXPLAINED, examples

from detective_async import Account
from detective_async.membership import ByOrganization, MembershipPlan, MembershipReport, Reason, plan_membership
from detective_async.testing import DetectiveSimulator, Drop, Failure, Fault, Garbage, Throttle, Truncate
from detective_async.testing.faults import Effect
from detective_async.testing.world.entities import Graph, Member
from detective_async.testing.world.errors import NotAllowedError
from detective_async.testing.world.world import World
from membership.worlds import (
    ADMINISTRATOR,
    ELSEWHERE,
    REGION,
    WRONG,
    accepting,
    address,
    administrator,
    check_contract,
    graph,
    load_world,
    member,
    results,
    statuses,
)

pytestmark = [pytest.mark.exhaustive, pytest.mark.slow]

IDS = [f"20000000000{number}" for number in range(1, 7)]
DELAY = 30.0

FAULTS = [
    Throttle(),
    Throttle(code="ThrottlingException", status=400),
    Failure(),
    Failure(status=503, code="ServiceUnavailable"),
    Failure(status=409, code="ConflictException"),
    Drop("before"),
    Drop("during"),
    Drop("after"),
    Garbage(),
    Truncate(),
]
OPERATIONS = [
    None,
    "AcceptInvitation",
    "CreateGraph",
    "CreateMembers",
    "DeleteMembers",
    "GetMembers",
    "ListGraphs",
    "ListMembers",
    "StartMonitoringMember",
    "ListTagsForResource",
    "TagResource",
    "ListDatasourcePackages",
    "UpdateDatasourcePackages",
]
INITIAL_STATUSES = [
    None,
    "ACCEPTED_BUT_DISABLED",
    "ENABLED",
    "INVITED",
    "VERIFICATION_FAILED",
    "VERIFICATION_IN_PROGRESS",
    # Its address will turn out to be wrong.
    "VERIFICATION_WILL_FAIL",
]
#: What may be wanted beside members.
SETTINGS: dict[str, Any] = {"tags": {"team": "secops"}, "datasource_packages": ["EKS_AUDIT"]}
#: The reasons for final states that are not desired.
REASONS = {"VERIFICATION_FAILED": "verification failed", "ACCEPTED_BUT_DISABLED": "VOLUME_TOO_HIGH"}


@frozen
class AccountCase:
    """The initial and the desired state of an account in the region with a graph.

    Attributes:
        initial: its status; None if it is not a member.
        desired: its address among the desired accounts; None if it is not desired.
        too_big: whether its volume prevents enabling it.
    """

    initial: str | None
    desired: str | None
    too_big: bool

    @property
    def email(self) -> str:
        return "wrong" if self.initial in ("VERIFICATION_FAILED", "VERIFICATION_WILL_FAIL") else "right"


@frozen
class Case:
    """A world and its desired state.

    Attributes:
        accounts: account id -> its states.
        accepts: whether there are member credentials.
        removes: whether to remove others.
        elsewhere: whether the other region, which has no graph, is available.
        lag: seconds after which what was written is seen.
        activation: seconds for which an account that has accepted is checked.
        settings: whether tags and packages are wanted.
    """

    accounts: dict[str, AccountCase]
    accepts: bool
    removes: bool
    elsewhere: str
    lag: float
    activation: float
    settings: bool


def expected(one_case: AccountCase, case: Case, *, is_new: bool = False) -> str | None:
    """Return the status that an account should have in the end."""
    initial = None if is_new else one_case.initial
    if one_case.desired is None:
        if case.removes or initial is None:
            return None
        return {"VERIFICATION_IN_PROGRESS": "INVITED", "VERIFICATION_WILL_FAIL": "VERIFICATION_FAILED"}.get(
            initial, initial
        )
    if initial == "ENABLED":
        return "ENABLED"
    enabled = "ACCEPTED_BUT_DISABLED" if one_case.too_big else "ENABLED"
    if initial == "ACCEPTED_BUT_DISABLED":
        return enabled
    email = one_case.email if initial and one_case.email == "right" else one_case.desired
    if email == "wrong":
        return "VERIFICATION_FAILED"
    return enabled if case.accepts else "INVITED"


_ACCOUNT_CASES = st.builds(
    AccountCase, st.sampled_from(INITIAL_STATUSES), st.sampled_from([None, "right", "right", "wrong"]), st.booleans()
)
_CASES = st.builds(
    Case,
    st.fixed_dictionaries(dict.fromkeys(IDS, _ACCOUNT_CASES)).filter(
        lambda accounts: any(one.desired for one in accounts.values())
    ),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["open", "open", "closed"]),
    st.sampled_from([0.0, 0.0, 3.0, 12.0]),
    st.sampled_from([0.0, 20.0]),
    st.booleans(),
)


def _fault(effect: Effect, operation: str | None, **options: Any) -> Fault:
    try:
        return Fault(effect, operation, **options)
    except NotAllowedError:
        # The operation's responses have no body to truncate.
        return Fault(effect, **options)


_FAULTS, _OPERATIONS = st.sampled_from(FAULTS), st.sampled_from(OPERATIONS)
_PROBABILITIES = st.sampled_from([0.3, 1.0])
_ANY_FAULT = st.builds(_fault, _FAULTS, _OPERATIONS, count=st.sampled_from([1, 2, 4, 8]), probability=_PROBABILITIES)
_FAULT_LISTS = st.lists(_ANY_FAULT, max_size=6)


@settings(max_examples=examples(40), phases=UNEXPLAINED)
@given(_CASES, _FAULT_LISTS, st.sampled_from([1, 3]))
def test_convergence(case: Case, faults: list[Fault], max_attempts: int) -> None:
    """Valid accounts reach their desired state, the others are reported with a reason, and no action is left."""
    asyncio.run(_converge(case, faults, max_attempts))


async def _converge(case: Case, faults: list[Fault], max_attempts: int) -> None:
    async with DetectiveSimulator() as sim:
        _load(sim, case)
        async with administrator(sim, max_attempts=max_attempts) as client:

            async def plan() -> MembershipPlan:
                options: dict[str, Any] = {"members": accepting(sim)} if case.accepts else {}
                if case.settings:
                    options |= SETTINGS
                return await plan_membership(
                    client,
                    _desired_accounts(case),
                    regions=[REGION, ELSEWHERE],
                    remove_others=case.removes,
                    max_removals=len(IDS),
                    retry_failed=False,
                    retry_disabled=True,
                    **options,
                )

            async def apply(*, with_faults: bool = False) -> MembershipReport:
                planned = await plan()
                sim.forget_requests()
                report = await planned.apply()
                check_contract(sim, planned, with_faults=with_faults)
                return report

            with _counted_changes() as changes:
                for fault in faults:
                    sim.inject(fault)
                report = await apply(with_faults=bool(faults))
                _check_report_is_true(sim, case, report)
                _check_report(case, report, is_first=True)
                sim.clear_faults()
                # What was done is seen by the next plan.
                await sim.advance(case.lag)
                report = await apply()
                # Completes verifications that the plan did not wait for.
                await sim.advance(DELAY)
                _check_report(case, report)
                _check_statuses(sim, case)
                _check_settings(sim, [REGION, *([ELSEWHERE] * (case.elsewhere == "open"))] * case.settings)
                _check_changes(case, changes)
                last = await plan()
            again = {action.kind for action in last.actions}
            assert again <= {"start monitoring"}
            assert (again == set()) == (not _stays_disabled(case))
            failed = [one for one in _accounts(case) if expected(case.accounts[one], case) == "VERIFICATION_FAILED"]
            assert [problem.account_id for problem in last.problems if problem.region == REGION] == failed


def _check_settings(sim: DetectiveSimulator, regions: list[str]) -> None:
    """Check that the graphs in these regions have what is wanted beside their members."""
    found = {arn.split(":")[3]: one for arn, one in sim.snapshot().items()}
    for region in regions:
        assert found[region]["tags"] == SETTINGS["tags"]
        assert found[region]["packages"]["EKS_AUDIT"] == "STARTED"


def _accounts(case: Case) -> list[str]:
    return [one for one, one_case in case.accounts.items() if one_case.desired]


def _load(sim: DetectiveSimulator, case: Case) -> None:
    members = []
    for one, one_case in case.accounts.items():
        if one_case.initial is None:
            continue
        status = one_case.initial.replace("WILL_FAIL", "IN_PROGRESS")
        more = {"disabled_reason": "VOLUME_TOO_HIGH"} if status == "ACCEPTED_BUT_DISABLED" else {}
        members.append(member(one, status, WRONG if one_case.email == "wrong" else None, **more))
    big = [one for one, one_case in case.accounts.items() if one_case.too_big]
    load_world(
        sim,
        graph(*members),
        accounts=[{"id": one} | ({"volume_problem": "VOLUME_TOO_HIGH"} if one in big else {}) for one in IDS],
        verification_delay=DELAY,
    )
    sim.set_read_lag(case.lag)
    sim.set_activation_delay(case.activation)
    if case.elsewhere == "closed":
        sim.close_region(ELSEWHERE)


def _desired_accounts(case: Case) -> list[Account]:
    return [
        Account(one, WRONG if one_case.desired == "wrong" else address(one))
        for one, one_case in case.accounts.items()
        if one_case.desired
    ]


def _stays_disabled(case: Case) -> bool:
    """Return whether an account stays disabled, so that each plan tries to enable it again."""
    ends = [expected(one_case, case) for one_case in case.accounts.values() if one_case.desired]
    if case.elsewhere == "open":
        ends += [expected(one_case, case, is_new=True) for one_case in case.accounts.values() if one_case.desired]
    return "ACCEPTED_BUT_DISABLED" in ends


def _check_report_is_true(sim: DetectiveSimulator, case: Case, report: MembershipReport) -> None:
    """Check that a report after faults is true, and has a reason for every failure."""
    for row in report.rows:
        now = statuses(sim, row.region).get(row.account_id)
        if row.ok:
            desired = case.accounts[row.account_id].desired
            assert now == row.after
            assert now in (("ENABLED",) if case.accepts else ("ENABLED", "INVITED")) if desired else now is None
        else:
            assert row.problem


def _check_report(case: Case, report: MembershipReport, *, is_first: bool = False) -> None:
    """Check that a report has the expected statuses, with a reason for every failure."""
    found = results(report)
    for one in _accounts(case):
        will_fail = (case.accounts[one].initial, case.accounts[one].desired) == ("VERIFICATION_WILL_FAIL", "right")
        if is_first and will_fail and "reinvite" not in found[one].done:
            # Unless it had failed when the plan was made, only the next plan knows that.
            assert found[one].after == "VERIFICATION_FAILED"
            assert "'reinvite', which the plan does not show" in (found[one].problem or "")
            continue
        end = expected(case.accounts[one], case)
        assert found[one].after == end
        reason = REASONS.get(end or "")
        assert (reason is None) == (found[one].problem is None)
        assert reason is None or reason in (found[one].problem or "")
    if case.elsewhere == "closed":
        assert all("not available" in (fate.problem or "") for fate in results(report, ELSEWHERE).values())


def _check_statuses(sim: DetectiveSimulator, case: Case) -> None:
    """Check the statuses in the simulator."""
    found = statuses(sim)
    assert {one: found.get(one) for one in IDS} == {
        one: expected(one_case, case) for one, one_case in case.accounts.items()
    }
    if case.elsewhere == "open":
        ends = {one: expected(case.accounts[one], case, is_new=True) for one in _accounts(case)}
        assert statuses(sim, ELSEWHERE) == ends


@contextmanager
def _counted_changes() -> Iterator[Counter[tuple[str, str, str]]]:
    """Count joins and removals by region and account."""
    changes: Counter[tuple[str, str, str]] = Counter()
    join, leave = World.join, World.leave

    def joined(world: World, graph: Graph, member: Member) -> None:
        changes["join", graph.region, member.account_id] += 1
        join(world, graph, member)

    def left(world: World, graph: Graph, account_id: str) -> None:
        changes["leave", graph.region, account_id] += 1
        leave(world, graph, account_id)

    with patch.object(World, "join", joined), patch.object(World, "leave", left):
        yield changes


def _check_changes(case: Case, changes: Counter[tuple[str, str, str]]) -> None:
    """Check that each account joined and left only as often as necessary."""
    needed: Counter[tuple[str, str, str]] = Counter()
    for one, one_case in case.accounts.items():
        if one_case.desired is None:
            needed["leave", REGION, one] = int(case.removes and one_case.initial is not None)
            continue
        reinvited = one_case.initial is not None and one_case.email == "wrong" and one_case.desired == "right"
        needed["leave", REGION, one] = int(reinvited)
        needed["join", REGION, one] = int(reinvited or one_case.initial is None)
        needed["join", ELSEWHERE, one] = int(case.elsewhere == "open")
    assert changes == +needed


@frozen
class OrganizationCase:
    """A world with an organization, and its desired state.

    Attributes:
        inside: account id of the organization -> its status in the region with a graph; None if it is not a member.
        outside: the same of an account that is not of the organization.
        big: the accounts whose volume prevents enabling them.
        delegated: the regions that have the administrator already.
        accepts: whether there are member credentials, for the account outside.
        removes: whether to remove others, of which there is one.
        auto_enable: the setting that is wanted.
        settings: whether tags and packages are wanted.
        lag: seconds after which what was written is seen.
        settling: seconds until the first delegation has settled.
    """

    inside: dict[str, str | None]
    outside: str | None
    big: set[str]
    delegated: list[str]
    accepts: bool
    removes: bool
    auto_enable: bool | None
    settings: bool
    lag: float
    settling: float


MANAGEMENT = "999999999999"
INSIDE, OUTSIDE, OTHER = IDS[:3], IDS[3], IDS[4]
_ORGANIZATION_CASES = st.builds(
    OrganizationCase,
    st.fixed_dictionaries(dict.fromkeys(INSIDE, st.sampled_from([None, "ENABLED"]))),
    st.sampled_from([None, "INVITED", "ENABLED"]),
    st.sets(st.sampled_from(INSIDE), max_size=1),
    st.sampled_from([[], [REGION], [REGION, ELSEWHERE]]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([None, True, False]),
    st.booleans(),
    st.sampled_from([0.0, 4.0]),
    st.sampled_from([0.0, 30.0]),
)
_OF_ORGANIZATION = [
    None,
    "CreateMembers",
    "DescribeOrganizationConfiguration",
    "EnableOrganizationAdminAccount",
    "ListGraphs",
    "ListMembers",
    "ListOrganizationAdminAccounts",
    "TagResource",
    "UpdateOrganizationConfiguration",
]
_ORGANIZATION_FAULTS = st.lists(
    st.builds(
        _fault, _FAULTS, st.sampled_from(_OF_ORGANIZATION), count=st.sampled_from([1, 2, 4]), probability=_PROBABILITIES
    ),
    max_size=4,
)


@settings(max_examples=examples(20), phases=UNEXPLAINED)
@given(_ORGANIZATION_CASES, _ORGANIZATION_FAULTS)
def test_convergence_of_organizations(case: OrganizationCase, faults: list[Fault]) -> None:
    """Accounts of the organization are enabled without invitations, whatever there is, and no plan does more."""
    asyncio.run(_converge_organization(case, faults))


async def _converge_organization(case: OrganizationCase, faults: list[Fault]) -> None:
    async with DetectiveSimulator() as sim:
        _load_organization(sim, case)
        wanted = [Account(one, address(one)) for one in (*INSIDE, OUTSIDE)]
        members = ByOrganization(
            administrator_id=ADMINISTRATOR,
            management_credentials=sim.account(MANAGEMENT),
            auto_enable=case.auto_enable,
            credentials=sim.account if case.accepts else None,
        )
        options = {"members": members, **(SETTINGS if case.settings else {})}
        async with administrator(sim) as client:

            async def plan() -> MembershipPlan:
                return await plan_membership(
                    client,
                    wanted,
                    regions=[REGION, ELSEWHERE],
                    remove_others=case.removes,
                    max_removals=1,
                    retry_failed=False,
                    **options,
                )

            with _counted_changes() as changes:
                for with_faults in (True, False, False):
                    for fault in faults if with_faults else ():
                        sim.inject(fault)
                    planned = await plan()
                    sim.forget_requests()
                    report = await planned.apply()
                    check_contract(sim, planned, with_faults=with_faults and bool(faults))
                    sim.clear_faults()
                    await sim.advance(case.lag)
            last = await plan()
        assert last.actions == (), report
        ends = {one: "ACCEPTED_BUT_DISABLED" if one in case.big else "ENABLED" for one in INSIDE}
        for region in (REGION, ELSEWHERE):
            before = case.inside if region == REGION and REGION in case.delegated else dict.fromkeys(INSIDE)
            found = statuses(sim, region)
            assert {one: found.get(one) for one in INSIDE} == {one: before[one] or end for one, end in ends.items()}
            assert found[OUTSIDE] in ("ENABLED" if case.accepts else "INVITED", "ENABLED")
            assert (OTHER in found) <= (not case.removes)
        assert max(changes.values(), default=0) <= 1
        _check_settings(sim, [REGION, ELSEWHERE] * case.settings)
        reasons = {row.account_id: row.reason for row in report.failures}
        assert set(reasons) <= {OUTSIDE, *case.big}
        assert set(reasons.values()) <= {Reason.NOT_IN_ORGANIZATION, Reason.VOLUME_TOO_HIGH}


def _load_organization(sim: DetectiveSimulator, case: OrganizationCase) -> None:
    known = {**case.inside, OUTSIDE: case.outside, OTHER: "ENABLED"}
    members = [member(one, status) for one, status in known.items() if status is not None]
    graphs = [graph(*(members if region == REGION else ()), region=region) for region in case.delegated]
    accounts = [{"id": one} | ({"volume_problem": "VOLUME_TOO_HIGH"} if one in case.big else {}) for one in IDS]
    organization: dict[str, Any] = {"management_account": MANAGEMENT, "accounts": [ADMINISTRATOR, *INSIDE, OTHER]}
    if case.delegated:
        organization |= {
            "delegated": ADMINISTRATOR,
            "administrators": {region: {"account": ADMINISTRATOR} for region in case.delegated},
        }
    sim.load(
        {
            "accounts": [{"id": ADMINISTRATOR}, {"id": MANAGEMENT}, *accounts],
            "graphs": graphs,
            "organizations": [organization],
        }
    )
    sim.set_read_lag(case.lag)
    sim.set_delegation_delay(case.settling)

"""Reconciling the memberships of Detective graphs with a desired state: declare, look at the plan, apply it.

    accounts, problems = read_accounts(Path("accounts.csv").read_text().splitlines())
    plan = await plan_membership(
        client, accounts, regions=["eu-west-1", "us-east-1"], members=ByInvitation(credentials=role_of)
    )
    print(plan)
    report = await plan.apply(timeout=900)
    print(report)

A plan is a contract: applying it carries out its actions and nothing else. If the memberships are as desired, the plan
is empty, and applying it changes nothing.
"""

from detective_async.membership.accounts import AccountList, LineProblem, read_accounts
from detective_async.membership.actions import (
    AccountReport,
    Action,
    ActionKind,
    MembershipReport,
    Note,
    Problem,
    Reason,
    RegionReport,
    TeardownReport,
)
from detective_async.membership.desired import ByInvitation, ByOrganization
from detective_async.membership.plan import MembershipPlan, plan_membership, plan_packages
from detective_async.membership.teardown import GraphToDelete, TeardownPlan, plan_teardown

__all__ = [
    "AccountList",
    "AccountReport",
    "Action",
    "ActionKind",
    "ByInvitation",
    "ByOrganization",
    "GraphToDelete",
    "LineProblem",
    "MembershipPlan",
    "MembershipReport",
    "Note",
    "Problem",
    "Reason",
    "RegionReport",
    "TeardownPlan",
    "TeardownReport",
    "plan_membership",
    "plan_packages",
    "plan_teardown",
    "read_accounts",
]

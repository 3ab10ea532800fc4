"""Reconciling the memberships of Detective graphs with a desired state: declare, look at the plan, apply it.

    accounts, problems = read_accounts(Path("accounts.csv").read_text().splitlines())
    plan = await plan_membership(client, accounts, regions=["eu-west-1", "us-east-1"], member_credentials=role_of)
    print(plan)
    report = await plan.apply(timeout=900)
    print(report)

If the memberships are as desired, the plan is empty, and applying it changes nothing.
"""

from detective_async.membership.accounts_csv import LineProblem, read_accounts
from detective_async.membership.actions import Action, ActionKind, Problem
from detective_async.membership.plan import MembershipPlan, plan_membership
from detective_async.membership.report import AccountReport, MembershipReport, RegionReport, TeardownReport
from detective_async.membership.teardown import GraphToDelete, TeardownPlan, plan_teardown

__all__ = [
    "AccountReport",
    "Action",
    "ActionKind",
    "GraphToDelete",
    "LineProblem",
    "MembershipPlan",
    "MembershipReport",
    "Problem",
    "RegionReport",
    "TeardownPlan",
    "TeardownReport",
    "plan_membership",
    "plan_teardown",
    "read_accounts",
]

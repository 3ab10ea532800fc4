"""Bringing the memberships of Detective graphs to a wanted state: say who, look at the plan, apply it.

    accounts, problems = read_accounts(Path("accounts.csv").read_text().splitlines())
    plan = await plan_membership(client, accounts, regions=["eu-west-1", "us-east-1"], member_credentials=role_of)
    print(plan)
    report = await plan.apply(timeout=900)
    print(report)

Where all is as it should be, the plan is empty, and applying it does nothing.
"""

from detective_async.membership.actions import Action, ActionKind, Problem
from detective_async.membership.plan import MembershipPlan, plan_membership
from detective_async.membership.reading import LineProblem, read_accounts
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

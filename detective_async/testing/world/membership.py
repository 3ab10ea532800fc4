"""How an account becomes a member, and the changes of a member's status other than by verification."""

from collections.abc import Iterable
from datetime import datetime

from detective_async.testing.world.entities import Graph, Member
from detective_async.testing.world.world import World

OPEN_STATUSES = frozenset({"INVITED", "ENABLED", "ACCEPTED_BUT_DISABLED"})


def invite(world: World, graph: Graph, account_id: str, email: str, now: datetime) -> Member:
    """Invite an account: its e-mail address is verified after the world's verification delay."""
    member = Member(account_id, email, "VERIFICATION_IN_PROGRESS", "INVITATION", invited_at=now, updated_at=now)
    world.join(graph, member)
    world.schedule_verification(graph, member, now + world.verification_delay)
    world.complete_verifications(now)
    return member


def enroll(world: World, graph: Graph, account_id: str, email: str, now: datetime) -> Member:
    """Add an account of the graph's organization, which needs no invitation, and enable it."""
    member = Member(account_id, email, "ACCEPTED_BUT_DISABLED", "ORGANIZATION", invited_at=None, updated_at=now)
    world.join(graph, member)
    enable(world, graph, member, now)
    return member


def auto_enroll(world: World, graph: Graph, account_ids: Iterable[str], now: datetime) -> None:
    """Enroll accounts that are new in the organization, if the graph does so automatically."""
    if graph.auto_enable:
        for account_id in account_ids:
            if account_id not in graph.members and account_id != graph.administrator:
                enroll(world, graph, account_id, world.accounts[account_id].email, now)


def enable(world: World, graph: Graph, member: Member, now: datetime) -> None:
    """Enable a member, or disable it if its account has a volume problem."""
    account = world.accounts.get(member.account_id)
    problem = account.volume_problem if account else None
    member.status = "ACCEPTED_BUT_DISABLED" if problem else "ENABLED"
    member.disabled_reason = problem
    member.updated_at = now
    if not problem:
        for package, state in graph.packages.items():
            if state == "STARTED":
                member.ingest[package] = {state: now}

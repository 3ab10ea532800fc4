"""How an account becomes a member; beside verification, all that moves one from status to status."""

from collections.abc import Iterable
from datetime import datetime

from detective_async.testing.state import Graph, Member
from detective_async.testing.world import World

OPEN_STATUSES = frozenset({"INVITED", "ENABLED", "ACCEPTED_BUT_DISABLED"})


def invite(world: World, graph: Graph, account_id: str, email: str, now: datetime) -> Member:
    """Invite an account: its e-mail address is verified after the world's delay."""
    member = Member(account_id, email, "VERIFICATION_IN_PROGRESS", "INVITATION", invited_at=now, updated_at=now)
    world.join(graph, member)
    world.verify_later(graph, member, now + world.verification_delay)
    world.settle(now)
    return member


def enroll(world: World, graph: Graph, account_id: str, email: str, now: datetime) -> Member:
    """Enable an account of the graph's organization, which needs no invitation."""
    member = Member(account_id, email, "ACCEPTED_BUT_DISABLED", "ORGANIZATION", invited_at=None, updated_at=now)
    world.join(graph, member)
    monitor(world, graph, member, now)
    return member


def enroll_new(world: World, graph: Graph, account_ids: Iterable[str], now: datetime) -> None:
    """Enable accounts that are new in the organization, where the graph does so by itself."""
    if graph.auto_enable:
        for account_id in account_ids:
            if account_id not in graph.members and account_id != graph.administrator:
                enroll(world, graph, account_id, world.accounts[account_id].email, now)


def monitor(world: World, graph: Graph, member: Member, now: datetime) -> None:
    """Enable a member, unless its data volume stands against it."""
    account = world.accounts.get(member.account_id)
    problem = account.volume_problem if account else None
    member.status = "ACCEPTED_BUT_DISABLED" if problem else "ENABLED"
    member.disabled_reason = problem
    member.updated_at = now
    if not problem:
        for package, state in graph.packages.items():
            if state == "STARTED":
                member.ingest[package] = {state: now}

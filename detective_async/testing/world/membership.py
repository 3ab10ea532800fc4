"""How an account becomes a member, and the changes of a member's status."""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial

from detective_async.testing.world.entities import Graph, Member
from detective_async.testing.world.world import World

VERIFYING, DISABLED = "VERIFICATION_IN_PROGRESS", "ACCEPTED_BUT_DISABLED"
OPEN_STATUSES = frozenset({"INVITED", "ENABLED", DISABLED})


def invite(world: World, graph: Graph, account_id: str, email: str, now: datetime) -> Member:
    """Invite an account: its e-mail address is verified first."""
    due = now + world.delays.verification
    world.join(
        graph, Member(account_id, email, VERIFYING, "INVITATION", invited_at=now, updated_at=now, verifies_at=due)
    )
    return verify(world, graph, account_id, due, now)


def enroll(world: World, graph: Graph, account_id: str, email: str, now: datetime) -> Member:
    """Add an account of the graph's organization, which needs no invitation, and enable it after its verification."""
    due = now + world.delays.verification
    world.join(
        graph, Member(account_id, email, VERIFYING, "ORGANIZATION", invited_at=None, updated_at=now, verifies_at=due)
    )
    return verify(world, graph, account_id, due, now)


def auto_enroll(world: World, graph: Graph, account_ids: Iterable[str], now: datetime) -> None:
    """Enroll accounts that are new in the organization, if the graph does so automatically."""
    if graph.auto_enable:
        for account_id in account_ids:
            if account_id not in graph.members and account_id != graph.administrator:
                enroll(world, graph, account_id, world.accounts[account_id].email, now)


def verify(world: World, graph: Graph, account_id: str, due: datetime, now: datetime) -> Member:
    """Complete the verification of a member when it is due, and return the member as it is now."""
    _when_due(world, due, now, partial(_complete_verification, world, graph, account_id))
    return graph.members[account_id]


def activate(world: World, graph: Graph, member: Member, now: datetime) -> None:
    """Enable a member once its data volume has been checked; until then it is disabled without a reason."""
    due = now + world.delays.activation
    graph.change(member, status=DISABLED, updated_at=now, verifies_at=None, checked_at=due)
    check_volume(world, graph, member.account_id, due, now)


def check_again(world: World, graph: Graph, member: Member, now: datetime) -> None:
    """Check the data volume of a disabled member again, unless it is being checked."""
    if member.checked_at is None:
        due = now + world.delays.activation
        graph.change(member, checked_at=due)
        check_volume(world, graph, member.account_id, due, now)


def check_volume(world: World, graph: Graph, account_id: str, due: datetime, now: datetime) -> None:
    """Complete the check of a member's data volume when it is due: it is enabled, or disabled with the reason."""
    _when_due(world, due, now, partial(_complete_check, world, graph, account_id))


# Scheduled as partial functions, which a copy of the world copies with it: a nested function would change the original.


def _complete_verification(world: World, graph: Graph, account_id: str, due: datetime) -> None:
    member = graph.members.get(account_id)
    # The member may have been removed in the meantime, and invited again.
    if member is None or member.status != VERIFYING or member.verifies_at != due:
        return
    if member.invitation_type == "ORGANIZATION":
        activate(world, graph, member, due)
        return
    account = world.accounts.get(account_id)
    verified = account is None or account.email.casefold() == member.email.casefold()
    status = "INVITED" if verified else "VERIFICATION_FAILED"
    graph.change(member, status=status, updated_at=due, verifies_at=None)


def _complete_check(world: World, graph: Graph, account_id: str, due: datetime) -> None:
    member = graph.members.get(account_id)
    if member is not None and member.status == DISABLED and member.checked_at == due:
        _enable(world, graph, member, due)


def _when_due(world: World, due: datetime, now: datetime, action: Callable[[datetime], None]) -> None:
    if due <= now:
        action(due)
    else:
        world.schedule(due, action)


def _enable(world: World, graph: Graph, member: Member, now: datetime) -> None:
    account = world.accounts.get(member.account_id)
    problem = account.volume_problem if account else None
    if problem:
        graph.change(member, status=DISABLED, disabled_reason=problem, updated_at=now, checked_at=None)
        return
    started = {package: {state: now} for package, state in graph.packages.items() if state == "STARTED"}
    ingest = {**member.ingest, **started}
    graph.change(member, status="ENABLED", disabled_reason=None, updated_at=now, checked_at=None, ingest=ingest)

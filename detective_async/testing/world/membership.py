"""How an account becomes a member, and the changes of a member's status."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from attrs import evolve

from detective_async.testing.world.entities import Graph, Member
from detective_async.testing.world.world import MEMBERS_PER_GRAPH, World, partition_of

VERIFYING, DISABLED = "VERIFICATION_IN_PROGRESS", "ACCEPTED_BUT_DISABLED"
_PASS_INTERVAL = timedelta(hours=1)
_LARGEST_VOLUME = 11_000_000_000
_ACCEPTED = frozenset({"ENABLED", DISABLED})
OPEN_STATUSES = _ACCEPTED | {"INVITED"}


def invite(world: World, graph: Graph, account_id: str, email: str, now: datetime) -> Member:
    """Invite an account: its e-mail address is verified first, except in AWS GovCloud (US)."""
    due = now if checks_nothing(graph) else now + world.delays.verification
    member = Member(account_id, email, VERIFYING, "INVITATION", invited_at=now, updated_at=now, verifies_at=due)
    world.join(graph, evolve(member, any_address=account_id not in world.accounts))
    return verify(world, graph, account_id, due, now)


def enroll(world: World, graph: Graph, account_id: str, email: str, now: datetime) -> Member:
    """Add an account of the graph's organization, which needs no invitation, and enable it after its verification."""
    due = now + world.delays.verification
    if account_id in graph.members:
        # An invitation that it needs no longer.
        world.leave(graph, account_id)
    world.join(
        graph, Member(account_id, email, VERIFYING, "ORGANIZATION", invited_at=None, updated_at=now, verifies_at=due)
    )
    return verify(world, graph, account_id, due, now)


def adopt(world: World, graph: Graph) -> None:
    """Let members that have accepted an invitation, and are in the graph's organization, be members of that."""
    for member in list(graph.members.values()):
        if member.status in _ACCEPTED and in_organization(world, graph, member.account_id):
            graph.change(member, invitation_type="ORGANIZATION")


def auto_enroll(world: World, graph: Graph, account_ids: Iterable[str], now: datetime) -> None:
    """Enroll accounts that are new in the organization, if the graph does so automatically, and as long as they fit."""
    if graph.auto_enable:
        for account_id in account_ids:
            account = world.accounts[account_id]
            is_new = can_be_enrolled(world, graph, account_id) and account_id != graph.administrator
            fits = account_id in graph.members or len(graph.members) < MEMBERS_PER_GRAPH
            if is_new and fits and account.state == "ACTIVE":
                enroll(world, graph, account_id, account.email, now)


def in_organization(world: World, graph: Graph, account_id: str) -> bool:
    """Return whether an account is in the graph's organization, if that is the graph of one."""
    organization = world.organizations.get(graph.organization or "")
    return organization is not None and account_id in organization.accounts


def can_be_enrolled(world: World, graph: Graph, account_id: str) -> bool:
    """Return whether an account is in the graph's organization and no member yet, or only invited."""
    member = graph.members.get(account_id)
    is_free = member is None or (member.status not in _ACCEPTED and member.invitation_type == "INVITATION")
    return is_free and in_organization(world, graph, account_id)


def checks_nothing(graph: Graph) -> bool:
    """Return whether the service neither verifies e-mail addresses nor removes closed accounts in a graph's region."""
    return partition_of(graph.region) == "aws-us-gov"


def verify(world: World, graph: Graph, account_id: str, due: datetime, now: datetime) -> Member:
    """Complete the verification of a member when it is due, and return the member as it is now."""
    world.when_due(due, now, _complete_verification, graph, account_id)
    return graph.members[account_id]


def _complete_verification(world: World, due: datetime, graph: Graph, account_id: str) -> None:
    member = graph.members.get(account_id)
    # The member may have been removed in the meantime, and invited again.
    if member is None or member.status != VERIFYING or member.verifies_at != due:
        return
    if member.invitation_type == "ORGANIZATION":
        activate(world, graph, member, due)
        return
    account = world.accounts.get(account_id)
    is_active = account is None or account.state == "ACTIVE"
    is_right = account is None or member.any_address or account.email.casefold() == member.email.casefold()
    verified = (is_active and is_right) or checks_nothing(graph)
    status = "INVITED" if verified else "VERIFICATION_FAILED"
    graph.change(member, status=status, updated_at=due, verifies_at=None, any_address=False)


def activate(world: World, graph: Graph, member: Member, now: datetime) -> None:
    """Enable a member once its data volume has been checked; until then it is disabled without a reason."""
    due = now + world.delays.activation
    kind = "ORGANIZATION" if in_organization(world, graph, member.account_id) else member.invitation_type
    graph.change(member, status=DISABLED, updated_at=now, verifies_at=None, checked_at=due, invitation_type=kind)
    check_volume(world, graph, member.account_id, due, now)


def check_again(world: World, graph: Graph, member: Member, now: datetime) -> None:
    """Check the data volume of a disabled member again, unless it is being checked."""
    if member.checked_at is None:
        due = now + world.delays.activation
        graph.change(member, checked_at=due)
        check_volume(world, graph, member.account_id, due, now)


def check_volume(world: World, graph: Graph, account_id: str, due: datetime, now: datetime) -> None:
    """Complete the check of a member's data volume when it is due: it is enabled, or disabled with the reason."""
    world.when_due(due, now, _complete_check, graph, account_id)


def _complete_check(world: World, due: datetime, graph: Graph, account_id: str) -> None:
    member = graph.members.get(account_id)
    if member is None or member.status != DISABLED or member.checked_at != due:
        return
    problem = _problem(world, graph, member)
    if problem:
        graph.change(member, disabled_reason=problem, updated_at=due, checked_at=None)
    else:
        _enable(graph, member, due)


def leave(world: World, graph: Graph, account_id: str, now: datetime) -> None:
    """End an account's membership, which may make room for others."""
    world.leave(graph, account_id)
    schedule_pass(world, now)


def schedule_pass(world: World, now: datetime, due: datetime | None = None) -> None:
    """Let disabled members be enabled, by default in an hour, that fit by then, in the order of their invitations."""
    if world.pass_due is None:
        world.pass_due = due = due or now + _PASS_INTERVAL
        world.when_due(due, now, _enable_waiting)


def resume_pass(world: World, now: datetime, due: datetime | None) -> None:
    """Schedule in a new world what `schedule_pass` does: when it is due, or if there are disabled members that fit."""
    waiting = ((graph, member) for graph in world.graphs.values() for member in _waiting(graph))
    if due is not None or any(_problem(world, graph, member) is None for graph, member in waiting):
        schedule_pass(world, now, due)


def _waiting(graph: Graph) -> list[Member]:
    return [one for one in graph.members.values() if one.status == DISABLED and one.checked_at is None]


def _enable_waiting(world: World, due: datetime) -> None:
    world.pass_due = None
    for graph in world.graphs.values():
        for member in sorted(_waiting(graph), key=lambda one: (one.invited_at or one.updated_at, one.account_id)):
            if _problem(world, graph, member) is None:
                _enable(graph, member, due)


def volume_of(account_id: str) -> int:
    """Return the bytes a day that an account contributes, which are derived from its id."""
    return 1_000_000_000 + int(account_id) % 9973 * 1_000_000


def volume_ingested(graph: Graph) -> int:
    """Return the bytes a day that a graph takes in."""
    return sum(volume_of(one.account_id) for one in graph.members.values() if one.status == "ENABLED")


def _problem(world: World, graph: Graph, member: Member) -> str | None:
    """Return the reason why a member cannot be enabled."""
    account = world.accounts.get(member.account_id)
    if account and account.volume_problem:
        return account.volume_problem
    if account and account.state != "ACTIVE":
        # It has no data. There is no reason of its own for this in the API.
        return "VOLUME_UNKNOWN"
    # The sum takes long in large graphs, and few are so large that it matters.
    is_large = len(graph.members) * _LARGEST_VOLUME > world.volume_limit
    if is_large and volume_ingested(graph) + volume_of(member.account_id) > world.volume_limit:
        return "VOLUME_TOO_HIGH"
    return None


def _enable(graph: Graph, member: Member, now: datetime) -> None:
    started = {package: {state: now} for package, state in graph.packages.items() if state == "STARTED"}
    ingest = {**member.ingest, **started}
    graph.change(member, status="ENABLED", disabled_reason=None, updated_at=now, checked_at=None, ingest=ingest)

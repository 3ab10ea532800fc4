"""The next step for an account, derived from its desired and its actual state. Pure.

A plan follows these decisions as far ahead as they can be predicted. Applying the plan reads the members and decides
again, until no step is left.
"""

import enum

from attrs import evolve, frozen

from detective_async.api.models.members import Account, MemberDetail, MemberStatus
from detective_async.api.wire.error_responses import message_text
from detective_async.membership.actions import ActionKind


class Acceptance(enum.Enum):
    """Who accepts an account's invitation."""

    #: The plan, with the account's credentials.
    BY_PLAN = enum.auto()
    #: The account's owner: no `member_credentials` were given.
    BY_OWNER = enum.auto()
    #: Nobody: `member_credentials` were given, but none for this account.
    IMPOSSIBLE = enum.auto()


@frozen
class DesiredMember:
    """An account that should be a member, and who accepts its invitation."""

    account: Account
    acceptance: Acceptance


@frozen
class GraphFacts:
    """What holds for all members of a graph."""

    # Whether it is the organization's graph, whose members need no invitation.
    organization: bool = False
    # None if there is no graph yet.
    administrator_id: str | None = None


@frozen
class Do:
    """Carry out an action."""

    kind: ActionKind


@frozen
class Wait:
    """Wait: the service is verifying the account, and its result decides the next step."""


@frozen
class Done:
    """The account is in its desired state."""


@frozen
class Blocked:
    """No action can bring the account to its desired state; the reason says why, and what the user can do."""

    reason: str


Decision = Do | Wait | Done | Blocked


def decide(desired: DesiredMember | None, member: MemberDetail | None, facts: GraphFacts) -> Decision:
    """Return the next step for an account; a state is None if the account should not be, or is not, a member."""
    if desired is None:
        return Done() if member is None else Do(ActionKind.REMOVE)
    if desired.account.account_id == facts.administrator_id:
        return Blocked("it is the administrator account, whose data is in its own graph already: leave it out")
    if member is None:
        return Do(ActionKind.ENABLE_MEMBER if facts.organization else ActionKind.INVITE)
    return _decide_on_member(desired, member, facts)


def predict(
    desired: DesiredMember | None, member: MemberDetail | None, facts: GraphFacts
) -> tuple[list[ActionKind], Blocked | None]:
    """Return the actions for an account, in order, if each succeeds, and why they will not suffice, if so."""
    kinds: list[ActionKind] = []
    while True:
        decision = decide(desired, member, facts)
        if isinstance(decision, Done | Blocked):
            return kinds, decision if isinstance(decision, Blocked) else None
        status: MemberStatus | None = MemberStatus.INVITED
        if isinstance(decision, Do):
            kinds.append(decision.kind)
            status = _STATUS_AFTER[decision.kind]
        member = None if status is None else evolve(member or MemberDetail(), status=status)


def describe_status(member: MemberDetail | None) -> str:
    """Return an account's status as text, in which AWS's texts are escaped."""
    if member is None:
        return "not a member"
    status = str(member.status)
    return message_text(f"{status} ({member.disabled_reason})" if member.disabled_reason else status, ())


_STATUS_AFTER = {
    ActionKind.REMOVE: None,
    ActionKind.REINVITE: MemberStatus.INVITED,
    ActionKind.INVITE: MemberStatus.INVITED,
    ActionKind.ENABLE_MEMBER: MemberStatus.ENABLED,
    ActionKind.ACCEPT: MemberStatus.ENABLED,
    ActionKind.START_MONITORING: MemberStatus.ENABLED,
}


def _decide_on_member(desired: DesiredMember, member: MemberDetail, facts: GraphFacts) -> Decision:
    match member.status:
        case MemberStatus.ENABLED:
            return Done()
        case MemberStatus.VERIFICATION_IN_PROGRESS:
            return Wait()
        case MemberStatus.VERIFICATION_FAILED:
            return _decide_on_failed_verification(desired, member)
        case MemberStatus.INVITED:
            return _decide_on_invited(desired, facts)
        case MemberStatus.ACCEPTED_BUT_DISABLED:
            return Do(ActionKind.START_MONITORING)
        case _:
            status = message_text(str(member.status), ())
            return Blocked(f"its status is {status}, which this version of the library does not support")


def _decide_on_failed_verification(desired: DesiredMember, member: MemberDetail) -> Decision:
    if (member.email_address or "").casefold() != desired.account.email_address.casefold():
        return Do(ActionKind.REINVITE)
    return Blocked(
        "verification failed: the e-mail address is not that of the account's root user; correct it and plan again"
    )


def _decide_on_invited(desired: DesiredMember, facts: GraphFacts) -> Decision:
    if desired.acceptance is Acceptance.BY_PLAN:
        return Do(ActionKind.ACCEPT)
    if desired.acceptance is Acceptance.IMPOSSIBLE:
        return Blocked("it is invited, but member_credentials has no credentials to accept the invitation: add them")
    if facts.organization:
        return Blocked(
            "it is invited, either because it is outside the organization or because the invitation is older than the "
            "organization's graph: let it accept (member_credentials), or remove it and plan again"
        )
    return Done()

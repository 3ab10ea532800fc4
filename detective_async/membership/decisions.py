"""The next step for an account, derived from its desired and its actual state. Pure.

A plan follows these decisions as far ahead as they can be foreseen. Applying the plan reads the members and decides
again, until no step is left; of these steps, only those that the plan shows are carried out.
"""

import enum
from collections.abc import Collection
from datetime import datetime

from attrs import evolve, frozen

from detective_async.api.models.members import Account, InvitationType, MemberDetail, MemberStatus
from detective_async.api.wire.error_responses import message_text
from detective_async.membership.actions import ActionKind, Reason


class Acceptance(enum.Enum):
    """Who accepts an account's invitation."""

    #: The plan, with the account's credentials.
    BY_PLAN = enum.auto()
    #: The account's owner: no credentials were given.
    BY_OWNER = enum.auto()
    #: Nobody: credentials were given, but none for this account.
    IMPOSSIBLE = enum.auto()


@frozen
class DesiredMember:
    """An account that should be a member.

    Attributes:
        account: the account, with the e-mail address for its invitation.
        acceptance: who accepts the invitation.
        retry_failed: whether to invite it again, with the same address, after a failed verification.
        retry_disabled: whether to ask AWS to enable it, if AWS has not enabled it because of its volume.
    """

    account: Account
    acceptance: Acceptance
    retry_failed: bool = False
    retry_disabled: bool = False


@frozen
class GraphFacts:
    """What holds for all members of a graph."""

    # Whether it is the organization's graph, whose members need no invitation.
    organization: bool = False
    # None if there is no graph yet, and the client's account is not known.
    administrator_id: str | None = None
    # Why a member is removed that should be none.
    removal: Reason = Reason.NOT_IN_LIST


@frozen
class Do:
    """Carry out an action."""

    kind: ActionKind
    reason: Reason


@frozen
class Wait:
    """Wait: the service is at work on the account, and its result decides the next step."""


@frozen
class Done:
    """The account is in its desired state."""


@frozen
class Blocked:
    """No action can bring the account to its desired state; the text says why, and what the user can do."""

    reason: Reason
    text: str


Decision = Do | Wait | Done | Blocked


def decide(desired: DesiredMember | None, member: MemberDetail | None, facts: GraphFacts) -> Decision:
    """Return the next step for an account; a state is None if the account should not be, or is not, a member."""
    if desired is None:
        return Done() if member is None else Do(ActionKind.REMOVE, facts.removal)
    if desired.account.account_id == facts.administrator_id:
        # The administrator's data is in its own graph without a membership.
        return Done()
    if member is None:
        kind = ActionKind.ENABLE_MEMBER if facts.organization else ActionKind.INVITE
        return Do(kind, Reason.NOT_A_MEMBER)
    return _decide_on_member(desired, member, facts)


def foresee(
    desired: DesiredMember | None, member: MemberDetail | None, facts: GraphFacts
) -> tuple[list[Do], Blocked | None]:
    """Return the actions for an account, in order, if each succeeds, and why they will not suffice, if so."""
    actions: list[Do] = []
    while True:
        decision = decide(desired, member, facts)
        if isinstance(decision, Blocked):
            # Whether it is outside of the organization shows when it is added again, as one of its accounts or invited.
            is_open = decision.reason is Reason.NOT_IN_ORGANIZATION and bool(actions)
            return actions, None if is_open else decision
        if isinstance(decision, Done):
            if desired is not None and [one.kind for one in actions] == [ActionKind.ENABLE_MEMBER]:
                actions += _if_invited(desired)
            return actions, None
        if isinstance(decision, Do):
            actions.append(decision)
            status = _STATUS_AFTER[decision.kind]
        else:
            status = _status_after_waiting(member)
        member = None if status is None else _with_status(status, member, desired)


def _if_invited(desired: DesiredMember) -> list[Do]:
    """Return the further action for an account that turns out to be outside of the organization."""
    accepts = desired.acceptance is Acceptance.BY_PLAN
    return [Do(ActionKind.ACCEPT, Reason.NOT_IN_ORGANIZATION)] if accepts else []


def _with_status(status: MemberStatus, member: MemberDetail | None, desired: DesiredMember | None) -> MemberDetail:
    if member is not None:
        return evolve(member, status=status, disabled_reason=None)
    # Only an account that should be a member is added.
    assert desired is not None  # noqa: S101
    return MemberDetail(account_id=desired.account.account_id, status=status)


def needed(kind: ActionKind, planned: Collection[ActionKind]) -> ActionKind:
    """Return the planned action that an action is a part of: an invitation may be the second half of another one."""
    is_second_half = kind in ADDING and kind not in planned and ActionKind.REINVITE in planned
    return ActionKind.REINVITE if is_second_half else kind


def membership_time(member: MemberDetail) -> datetime | None:
    """Return what tells an account's membership from its earlier and later ones; None if AWS says nothing.

    That is when it was invited. Accounts of an organization are not; of them it is the last change, of whatever it was.
    """
    return member.invited_time or member.updated_time


def describe_status(member: MemberDetail | None) -> str:
    """Return an account's status as text, in which AWS's texts are escaped."""
    if member is None:
        return "not a member"
    status = str(member.status)
    return message_text(f"{status} ({member.disabled_reason})" if member.disabled_reason else status, ())


#: The actions that add a member.
ADDING = frozenset({ActionKind.INVITE, ActionKind.ENABLE_MEMBER})
_STATUS_AFTER = {
    ActionKind.REMOVE: None,
    ActionKind.REINVITE: MemberStatus.INVITED,
    ActionKind.INVITE: MemberStatus.INVITED,
    ActionKind.ENABLE_MEMBER: MemberStatus.ENABLED,
    ActionKind.ACCEPT: MemberStatus.ENABLED,
    ActionKind.START_MONITORING: MemberStatus.ENABLED,
}
_HOURLY = "AWS enables it within an hour once it fits, without being asked"
_DISABLED = {
    "VOLUME_TOO_HIGH": (
        Reason.VOLUME_TOO_HIGH,
        f"AWS has not enabled it (VOLUME_TOO_HIGH): the graph's data volume would be too high; {_HOURLY}",
    ),
    "VOLUME_UNKNOWN": (
        Reason.VOLUME_UNKNOWN,
        f"AWS has not enabled it (VOLUME_UNKNOWN): its data volume is not known; {_HOURLY}",
    ),
}


def _status_after_waiting(member: MemberDetail | None) -> MemberStatus:
    # Only members are waited for.
    is_invited = member is not None and member.status == MemberStatus.VERIFICATION_IN_PROGRESS
    return MemberStatus.INVITED if is_invited and not _is_of_organization(member) else MemberStatus.ENABLED


def _is_of_organization(member: MemberDetail | None) -> bool:
    return member is not None and member.invitation_type == InvitationType.ORGANIZATION


def _decide_on_member(desired: DesiredMember, member: MemberDetail, facts: GraphFacts) -> Decision:
    match member.status:
        case MemberStatus.ENABLED:
            return Done()
        case MemberStatus.VERIFICATION_IN_PROGRESS:
            return Wait()
        case MemberStatus.VERIFICATION_FAILED:
            return _decide_on_failed_verification(desired, member)
        case MemberStatus.INVITED:
            # An account of the organization needs no invitation: it is on its way.
            return Wait() if _is_of_organization(member) else _decide_on_invited(desired, facts)
        case MemberStatus.ACCEPTED_BUT_DISABLED:
            return _decide_on_disabled(desired, member)
        case _:
            status = message_text(str(member.status), ())
            return Blocked(
                Reason.UNKNOWN_STATUS, f"its status is {status}, which this version of the library does not support"
            )


def _decide_on_failed_verification(desired: DesiredMember, member: MemberDetail) -> Decision:
    if _is_of_organization(member):
        return Blocked(
            Reason.VERIFICATION_FAILED, "AWS could not verify this account of the organization: it is not invited again"
        )
    if (member.email_address or "").casefold() != desired.account.email_address.casefold():
        return Do(ActionKind.REINVITE, Reason.ADDRESS_DIFFERS)
    if desired.retry_failed:
        return Do(ActionKind.REINVITE, Reason.VERIFICATION_FAILED)
    return Blocked(
        Reason.VERIFICATION_FAILED,
        "verification failed: the e-mail address is not that of the account's root user; correct it and plan again",
    )


def _decide_on_invited(desired: DesiredMember, facts: GraphFacts) -> Decision:
    if desired.acceptance is Acceptance.BY_PLAN:
        return Do(ActionKind.ACCEPT, Reason.INVITED)
    if desired.acceptance is Acceptance.IMPOSSIBLE:
        return Blocked(
            Reason.NO_CREDENTIALS, "it is invited, but there are no credentials to accept the invitation: add them"
        )
    if facts.organization:
        return Blocked(
            Reason.NOT_IN_ORGANIZATION,
            "it is invited, either because it is outside the organization or because the invitation is older than the "
            "organization's graph: let it accept the invitation",
        )
    return Done()


def _decide_on_disabled(desired: DesiredMember, member: MemberDetail) -> Decision:
    if member.disabled_reason is None:
        # AWS is checking its volume.
        return Wait()
    known = _DISABLED.get(member.disabled_reason)
    reason, text = known or (Reason.DISABLED, f"AWS has not enabled it ({describe_status(member)})")
    return Do(ActionKind.START_MONITORING, reason) if desired.retry_disabled else Blocked(reason, text)

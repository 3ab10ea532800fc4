"""The one decision: from what is wanted of an account, and how it stands, to what is next. Pure.

A plan is what this says of each account, followed as far as it can be foreseen. Applying it is asking this again after
each look at the members, until there is nothing left to do.
"""

import enum

from attrs import evolve, frozen

from detective_async.api.models.members import Account, MemberDetail, MemberStatus
from detective_async.membership.actions import ActionKind


class Acceptance(enum.Enum):
    """Who accepts an account's invitation."""

    OURS = "we do, with its credentials"
    THEIRS = "whoever owns it: nobody was to do it here"
    LACKING = "nobody can: credentials were given, but not for this account"


@frozen
class Wanted:
    """An account that is to be a member.

    Attributes:
        account: its id, and the e-mail address to invite it by.
        acceptance: who accepts its invitation.
    """

    account: Account
    acceptance: Acceptance


@frozen
class Terms:
    """What holds for all members of a graph.

    Attributes:
        organization: whether it is the organization's graph, whose members need no invitation.
        administrator_id: whose graph it is; None while there is none.
    """

    organization: bool = False
    administrator_id: str | None = None


@frozen
class Do:
    """Something is to be done."""

    kind: ActionKind


@frozen
class Wait:
    """The service is at work; what is next depends on what comes of it."""


@frozen
class Done:
    """All is as it is wanted."""


@frozen
class Hopeless:
    """Nothing that can be done here would help.

    Attributes:
        reason: why, and what might.
    """

    reason: str


Decision = Do | Wait | Done | Hopeless


def decide(wanted: Wanted | None, member: MemberDetail | None, terms: Terms) -> Decision:
    """Say what is next for an account in a graph.

    Args:
        wanted: what is wanted of it; None where it is to be no member.
        member: how it stands; None where it is none.
        terms: what holds for all members.
    """
    if wanted is None:
        return Done() if member is None else Do(ActionKind.REMOVE)
    if wanted.account.account_id == terms.administrator_id:
        return Hopeless("it is the administrator account, whose own data is in its graph anyway: leave it out")
    if member is None:
        return Do(ActionKind.ENABLE_MEMBER if terms.organization else ActionKind.INVITE)
    return _decide_on_member(wanted, member, terms)


def foresee(
    wanted: Wanted | None, member: MemberDetail | None, terms: Terms
) -> tuple[list[ActionKind], Hopeless | None]:
    """Say what is to be done for an account if all goes well, in order, and why it will not suffice."""
    kinds: list[ActionKind] = []
    while True:
        decision = decide(wanted, member, terms)
        if isinstance(decision, Done | Hopeless):
            return kinds, decision if isinstance(decision, Hopeless) else None
        status: MemberStatus | None = MemberStatus.INVITED
        if isinstance(decision, Do):
            kinds.append(decision.kind)
            status = _LEADS_TO[decision.kind]
        member = None if status is None else evolve(member or MemberDetail(), status=status)


def describe(member: MemberDetail | None) -> str:
    """Say how an account stands."""
    if member is None:
        return "no member"
    status = str(member.status)
    return f"{status} ({member.disabled_reason})" if member.disabled_reason else status


_LEADS_TO = {
    ActionKind.REMOVE: None,
    ActionKind.REINVITE: MemberStatus.INVITED,
    ActionKind.INVITE: MemberStatus.INVITED,
    ActionKind.ENABLE_MEMBER: MemberStatus.ENABLED,
    ActionKind.ACCEPT: MemberStatus.ENABLED,
    ActionKind.START_MONITORING: MemberStatus.ENABLED,
}


def _decide_on_member(wanted: Wanted, member: MemberDetail, terms: Terms) -> Decision:
    match member.status:
        case MemberStatus.ENABLED:
            return Done()
        case MemberStatus.VERIFICATION_IN_PROGRESS:
            return Wait()
        case MemberStatus.VERIFICATION_FAILED:
            return _after_a_failed_verification(wanted, member)
        case MemberStatus.INVITED:
            return _when_invited(wanted, terms)
        case MemberStatus.ACCEPTED_BUT_DISABLED:
            return Do(ActionKind.START_MONITORING)
        case _:
            return Hopeless(f"its status is {member.status}, which this release does not know")


def _after_a_failed_verification(wanted: Wanted, member: MemberDetail) -> Decision:
    if (member.email_address or "").casefold() != wanted.account.email_address.casefold():
        return Do(ActionKind.REINVITE)
    return Hopeless(
        "verification failed: the e-mail address is not that of the account's root user; correct it and plan again"
    )


def _when_invited(wanted: Wanted, terms: Terms) -> Decision:
    if wanted.acceptance is Acceptance.OURS:
        return Do(ActionKind.ACCEPT)
    if wanted.acceptance is Acceptance.LACKING:
        return Hopeless("it is invited, and member_credentials has none for it to accept with")
    if terms.organization:
        return Hopeless(
            "it is invited, as accounts outside the organization are, or it was before the graph became the "
            "organization's: let it accept (member_credentials), or remove it and plan again"
        )
    return Done()

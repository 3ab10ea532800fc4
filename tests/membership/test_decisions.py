"""The decisions, as a table."""

from typing import Any

import pytest

from detective_async import Account, MemberDetail, MemberStatus
from detective_async.membership import ActionKind, Reason
from detective_async.membership.decisions import (
    Acceptance,
    Blocked,
    Decision,
    DesiredMember,
    Do,
    Done,
    GraphFacts,
    Wait,
    decide,
    describe_status,
    foresee,
    needed,
)

ROOT = Account("444455556666", "Root@Example.com")
BY_PLAN, BY_OWNER, IMPOSSIBLE = (
    DesiredMember(ROOT, acceptance) for acceptance in (Acceptance.BY_PLAN, Acceptance.BY_OWNER, Acceptance.IMPOSSIBLE)
)
RETRY = DesiredMember(ROOT, Acceptance.BY_PLAN, retry_failed=True, retry_disabled=True)
INVITATION = GraphFacts(administrator_id="111122223333")
ORGANIZATION = GraphFacts(organization=True, administrator_id="111122223333")


def member(status: str, email: str = "root@example.COM", **more: object) -> MemberDetail:
    known: dict[str, Any] = {"account_id": ROOT.account_id, "graph_arn": "arn", "email_address": email, **more}
    return MemberDetail(status=MemberStatus(status), **known)


def of_organization(status: str) -> MemberDetail:
    return member(status, "other@example.com", invitation_type="ORGANIZATION")


def disabled(reason: str | None) -> MemberDetail:
    return member("ACCEPTED_BUT_DISABLED", disabled_reason=reason)


NO_CREDENTIALS = Blocked(
    Reason.NO_CREDENTIALS, "it is invited, but there are no credentials to accept the invitation: add them"
)
OUTSIDE = Blocked(
    Reason.NOT_IN_ORGANIZATION,
    "it is invited, either because it is outside the organization or because the invitation is older than the "
    "organization's graph: let it accept the invitation",
)
WRONG_ADDRESS = Blocked(
    Reason.VERIFICATION_FAILED,
    "verification failed: the e-mail address is not that of the account's root user; correct it and plan again",
)
NOT_VERIFIED = Blocked(
    Reason.VERIFICATION_FAILED, "AWS could not verify this account of the organization: it is not invited again"
)
HOURLY = "AWS enables it within an hour once it fits, without being asked"
TOO_HIGH = Blocked(
    Reason.VOLUME_TOO_HIGH,
    f"AWS has not enabled it (VOLUME_TOO_HIGH): the graph's data volume would be too high; {HOURLY}",
)
VOLUME_UNKNOWN = Blocked(
    Reason.VOLUME_UNKNOWN, f"AWS has not enabled it (VOLUME_UNKNOWN): its data volume is not known; {HOURLY}"
)
NEWER_REASON = Blocked(Reason.DISABLED, "AWS has not enabled it (ACCEPTED_BUT_DISABLED (NEWER))")
UNKNOWN = Blocked(Reason.UNKNOWN_STATUS, "its status is NEWER, which this version of the library does not support")
INVITE = Do(ActionKind.INVITE, Reason.NOT_A_MEMBER)
ENABLE = Do(ActionKind.ENABLE_MEMBER, Reason.NOT_A_MEMBER)
ACCEPT = Do(ActionKind.ACCEPT, Reason.INVITED)
REMOVE = Do(ActionKind.REMOVE, Reason.NOT_IN_LIST)
CORRECT = Do(ActionKind.REINVITE, Reason.ADDRESS_DIFFERS)
AGAIN = Do(ActionKind.REINVITE, Reason.VERIFICATION_FAILED)

#: The desired and the actual state, facts of the graph, the decision, and all steps (if blocked: a part of the text).
TABLE: list[tuple[DesiredMember | None, MemberDetail | None, GraphFacts, Decision, str]] = [
    (BY_OWNER, None, INVITATION, INVITE, "invite"),
    (BY_PLAN, None, INVITATION, INVITE, "invite, accept"),
    (IMPOSSIBLE, None, INVITATION, INVITE, "invite, and then: no credentials"),
    (BY_OWNER, None, ORGANIZATION, ENABLE, "enable member"),
    # It is accepted if the account is invited: outside of the organization.
    (BY_PLAN, None, ORGANIZATION, ENABLE, "enable member, accept"),
    (BY_OWNER, member("INVITED"), INVITATION, Done(), ""),
    (BY_PLAN, member("INVITED"), INVITATION, ACCEPT, "accept"),
    (IMPOSSIBLE, member("INVITED"), INVITATION, NO_CREDENTIALS, ", and then: no credentials"),
    (BY_OWNER, member("INVITED"), ORGANIZATION, OUTSIDE, ", and then: outside the organ"),
    (BY_PLAN, member("INVITED"), ORGANIZATION, ACCEPT, "accept"),
    (BY_PLAN, member("INVITED", "other@example.com"), INVITATION, ACCEPT, "accept"),
    (BY_PLAN, member("VERIFICATION_IN_PROGRESS"), INVITATION, Wait(), "accept"),
    (BY_OWNER, member("VERIFICATION_IN_PROGRESS"), INVITATION, Wait(), ""),
    (BY_PLAN, member("VERIFICATION_FAILED"), INVITATION, WRONG_ADDRESS, ", and then: correct it"),
    # Whether it is outside of the organization is seen after that.
    (
        DesiredMember(ROOT, Acceptance.BY_OWNER, retry_failed=True),
        member("VERIFICATION_FAILED"),
        ORGANIZATION,
        AGAIN,
        "reinvite",
    ),
    (RETRY, member("VERIFICATION_FAILED"), INVITATION, AGAIN, "reinvite, accept"),
    (BY_PLAN, member("VERIFICATION_FAILED", "x@y.zz"), INVITATION, CORRECT, "reinvite, accept"),
    (BY_OWNER, member("VERIFICATION_FAILED", "x@y.zz"), INVITATION, CORRECT, "reinvite"),
    # Accounts of the organization are on their way without an invitation, and are never removed for it.
    (BY_OWNER, of_organization("VERIFICATION_IN_PROGRESS"), ORGANIZATION, Wait(), ""),
    (BY_PLAN, of_organization("INVITED"), ORGANIZATION, Wait(), ""),
    (RETRY, of_organization("VERIFICATION_FAILED"), ORGANIZATION, NOT_VERIFIED, ", and then: not invited again"),
    (BY_PLAN, member("ENABLED", "other@example.com"), INVITATION, Done(), ""),
    (IMPOSSIBLE, member("ENABLED"), ORGANIZATION, Done(), ""),
    (BY_PLAN, disabled(None), INVITATION, Wait(), ""),
    (BY_PLAN, disabled("VOLUME_TOO_HIGH"), INVITATION, TOO_HIGH, ", and then: within an hour"),
    (BY_OWNER, disabled("VOLUME_UNKNOWN"), ORGANIZATION, VOLUME_UNKNOWN, ", and then: within an hour"),
    (BY_OWNER, disabled("NEWER"), INVITATION, NEWER_REASON, ", and then: NEWER"),
    (
        RETRY,
        disabled("VOLUME_TOO_HIGH"),
        INVITATION,
        Do(ActionKind.START_MONITORING, Reason.VOLUME_TOO_HIGH),
        "start monitoring",
    ),
    (BY_PLAN, member("NEWER"), INVITATION, UNKNOWN, ", and then: NEWER, which"),
    (BY_PLAN, None, GraphFacts(administrator_id="444455556666"), Done(), ""),
    (BY_PLAN, None, GraphFacts(), INVITE, "invite, accept"),
    (None, None, INVITATION, Done(), ""),
    (None, member("ENABLED"), INVITATION, REMOVE, "remove"),
    (None, member("VERIFICATION_IN_PROGRESS"), ORGANIZATION, REMOVE, "remove"),
]


@pytest.mark.parametrize(("desired", "stands", "facts", "expected", "steps"), TABLE)
def test_decide_and_foresee(
    desired: DesiredMember | None, stands: MemberDetail | None, facts: GraphFacts, expected: Decision, steps: str
) -> None:
    """Each combination leads to an action, or is done, waiting or blocked."""
    assert decide(desired, stands, facts) == expected
    actions, blocked = foresee(desired, stands, facts)
    expected_kinds, _, text = steps.partition(", and then: ")
    assert ", ".join(action.kind for action in actions) == expected_kinds
    assert (blocked is not None) == bool(text)
    assert blocked is None or text in blocked.text


def test_second_half() -> None:
    """An invitation is the second half of a planned reinvitation, unless it is planned itself."""
    both = {ActionKind.INVITE, ActionKind.REINVITE}
    assert needed(ActionKind.INVITE, {ActionKind.REINVITE}) is ActionKind.REINVITE
    assert needed(ActionKind.ENABLE_MEMBER, {ActionKind.REINVITE}) is ActionKind.REINVITE
    assert needed(ActionKind.INVITE, both) is ActionKind.INVITE
    assert needed(ActionKind.ACCEPT, {ActionKind.REINVITE}) is ActionKind.ACCEPT


def test_describe_status() -> None:
    """The text has the status and the reason for a disabled member."""
    assert describe_status(None) == "not a member"
    assert describe_status(member("INVITED")) == "INVITED"
    assert describe_status(disabled("VOLUME_TOO_HIGH")) == "ACCEPTED_BUT_DISABLED (VOLUME_TOO_HIGH)"

"""The decisions, as a table."""

import pytest

from detective_async import Account, MemberDetail, MemberStatus
from detective_async.membership import ActionKind
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
    predict,
)

BY_PLAN, BY_OWNER, IMPOSSIBLE = (
    DesiredMember(Account("444455556666", "Root@Example.com"), acceptance)
    for acceptance in (Acceptance.BY_PLAN, Acceptance.BY_OWNER, Acceptance.IMPOSSIBLE)
)
INVITATION = GraphFacts(administrator_id="111122223333")
ORGANIZATION = GraphFacts(organization=True, administrator_id="111122223333")


def member(status: str, email: str = "root@example.COM", **more: object) -> MemberDetail:
    return MemberDetail(status=MemberStatus(status), email_address=email, **more)  # type: ignore[arg-type]


NO_CREDENTIALS = Blocked("it is invited, but member_credentials has no credentials to accept the invitation: add them")
OUTSIDE = Blocked(
    "it is invited, either because it is outside the organization or because the invitation is older than the "
    "organization's graph: let it accept (member_credentials), or remove it and plan again"
)
WRONG_ADDRESS = Blocked(
    "verification failed: the e-mail address is not that of the account's root user; correct it and plan again"
)
ITS_OWN = Blocked("it is the administrator account, whose data is in its own graph already: leave it out")
UNKNOWN, NO_STATUS = (
    Blocked(f"its status is {status}, which this version of the library does not support") for status in ("NEWER", None)
)

#: The desired and the actual state, facts of the graph, the decision, and all steps (if blocked: a part of the reason).
TABLE = [
    (BY_OWNER, None, INVITATION, Do(ActionKind.INVITE), "invite"),
    (BY_PLAN, None, INVITATION, Do(ActionKind.INVITE), "invite, accept"),
    (IMPOSSIBLE, None, INVITATION, Do(ActionKind.INVITE), "invite, and then: has no credentials"),
    (BY_OWNER, None, ORGANIZATION, Do(ActionKind.ENABLE_MEMBER), "enable member"),
    (BY_PLAN, None, ORGANIZATION, Do(ActionKind.ENABLE_MEMBER), "enable member"),
    (BY_OWNER, member("INVITED"), INVITATION, Done(), ""),
    (BY_PLAN, member("INVITED"), INVITATION, Do(ActionKind.ACCEPT), "accept"),
    (IMPOSSIBLE, member("INVITED"), INVITATION, NO_CREDENTIALS, ", and then: has no credentials"),
    (BY_OWNER, member("INVITED"), ORGANIZATION, OUTSIDE, ", and then: outside the organ"),
    (BY_PLAN, member("INVITED"), ORGANIZATION, Do(ActionKind.ACCEPT), "accept"),
    (BY_PLAN, member("INVITED", "other@example.com"), INVITATION, Do(ActionKind.ACCEPT), "accept"),
    (BY_PLAN, member("VERIFICATION_IN_PROGRESS"), INVITATION, Wait(), "accept"),
    (BY_OWNER, member("VERIFICATION_IN_PROGRESS"), INVITATION, Wait(), ""),
    (BY_PLAN, member("VERIFICATION_FAILED"), INVITATION, WRONG_ADDRESS, ", and then: correct it"),
    (BY_PLAN, member("VERIFICATION_FAILED", "x@y.zz"), INVITATION, Do(ActionKind.REINVITE), "reinvite, accept"),
    (BY_OWNER, member("VERIFICATION_FAILED", "x@y.zz"), INVITATION, Do(ActionKind.REINVITE), "reinvite"),
    (BY_PLAN, member("ENABLED", "other@example.com"), INVITATION, Done(), ""),
    (IMPOSSIBLE, member("ENABLED"), ORGANIZATION, Done(), ""),
    (BY_PLAN, member("ACCEPTED_BUT_DISABLED"), INVITATION, Do(ActionKind.START_MONITORING), "start monitoring"),
    (BY_OWNER, member("ACCEPTED_BUT_DISABLED"), ORGANIZATION, Do(ActionKind.START_MONITORING), "start monitoring"),
    (BY_PLAN, member("NEWER"), INVITATION, UNKNOWN, ", and then: NEWER, which"),
    (BY_PLAN, MemberDetail(), INVITATION, NO_STATUS, ", and then: None, which"),
    (BY_PLAN, None, GraphFacts(administrator_id="444455556666"), ITS_OWN, ", and then: the admin"),
    (BY_PLAN, None, GraphFacts(), Do(ActionKind.INVITE), "invite, accept"),
    (None, None, INVITATION, Done(), ""),
    (None, member("ENABLED"), INVITATION, Do(ActionKind.REMOVE), "remove"),
    (None, member("VERIFICATION_IN_PROGRESS"), ORGANIZATION, Do(ActionKind.REMOVE), "remove"),
]


@pytest.mark.parametrize(("desired", "stands", "facts", "expected", "steps"), TABLE)
def test_decide_and_predict(
    desired: DesiredMember | None, stands: MemberDetail | None, facts: GraphFacts, expected: Decision, steps: str
) -> None:
    """Each combination leads to an action, or is done, waiting or blocked."""
    assert decide(desired, stands, facts) == expected
    kinds, blocked = predict(desired, stands, facts)
    expected_kinds, _, reason = steps.partition(", and then: ")
    assert ", ".join(kinds) == expected_kinds
    assert (blocked is not None) == bool(reason)
    assert blocked is None or reason in blocked.reason


def test_describe_status() -> None:
    """The text has the status and the reason for a disabled member."""
    assert describe_status(None) == "not a member"
    assert describe_status(member("INVITED")) == "INVITED"
    assert describe_status(member("ACCEPTED_BUT_DISABLED", disabled_reason="VOLUME_TOO_HIGH")) == (
        "ACCEPTED_BUT_DISABLED (VOLUME_TOO_HIGH)"
    )

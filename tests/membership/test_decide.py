"""The one decision, as a table."""

import pytest

from detective_async import Account, MemberDetail, MemberStatus
from detective_async.membership import ActionKind
from detective_async.membership.decide import (
    Acceptance,
    Decision,
    Do,
    Done,
    Hopeless,
    Terms,
    Wait,
    Wanted,
    decide,
    describe,
    foresee,
)

OURS, THEIRS, LACKING = (
    Wanted(Account("444455556666", "Root@Example.com"), acceptance)
    for acceptance in (Acceptance.OURS, Acceptance.THEIRS, Acceptance.LACKING)
)
INVITATION = Terms(administrator_id="111122223333")
ORGANIZATION = Terms(organization=True, administrator_id="111122223333")


def member(status: str, email: str = "root@example.COM", **more: object) -> MemberDetail:
    return MemberDetail(status=MemberStatus(status), email_address=email, **more)  # type: ignore[arg-type]


#: wanted, how it stands, whose graph, and then: the decision (of a hopeless one: some of its words), and all steps.
TABLE = [
    (THEIRS, None, INVITATION, Do(ActionKind.INVITE), "invite"),
    (OURS, None, INVITATION, Do(ActionKind.INVITE), "invite, accept"),
    (LACKING, None, INVITATION, Do(ActionKind.INVITE), "invite, and then: has none for it"),
    (THEIRS, None, ORGANIZATION, Do(ActionKind.ENABLE_MEMBER), "enable member"),
    (OURS, None, ORGANIZATION, Do(ActionKind.ENABLE_MEMBER), "enable member"),
    (THEIRS, member("INVITED"), INVITATION, Done(), ""),
    (OURS, member("INVITED"), INVITATION, Do(ActionKind.ACCEPT), "accept"),
    (LACKING, member("INVITED"), INVITATION, Hopeless("has none for it"), ", and then: has none for it"),
    (THEIRS, member("INVITED"), ORGANIZATION, Hopeless("outside the organ"), ", and then: outside the organ"),
    (OURS, member("INVITED"), ORGANIZATION, Do(ActionKind.ACCEPT), "accept"),
    (OURS, member("INVITED", "other@example.com"), INVITATION, Do(ActionKind.ACCEPT), "accept"),
    (OURS, member("VERIFICATION_IN_PROGRESS"), INVITATION, Wait(), "accept"),
    (THEIRS, member("VERIFICATION_IN_PROGRESS"), INVITATION, Wait(), ""),
    (OURS, member("VERIFICATION_FAILED"), INVITATION, Hopeless("correct it"), ", and then: correct it"),
    (OURS, member("VERIFICATION_FAILED", "x@y.zz"), INVITATION, Do(ActionKind.REINVITE), "reinvite, accept"),
    (THEIRS, member("VERIFICATION_FAILED", "x@y.zz"), INVITATION, Do(ActionKind.REINVITE), "reinvite"),
    (OURS, member("ENABLED", "other@example.com"), INVITATION, Done(), ""),
    (LACKING, member("ENABLED"), ORGANIZATION, Done(), ""),
    (OURS, member("ACCEPTED_BUT_DISABLED"), INVITATION, Do(ActionKind.START_MONITORING), "start monitoring"),
    (THEIRS, member("ACCEPTED_BUT_DISABLED"), ORGANIZATION, Do(ActionKind.START_MONITORING), "start monitoring"),
    (OURS, member("NEWER"), INVITATION, Hopeless("NEWER, which"), ", and then: NEWER, which"),
    (OURS, MemberDetail(), INVITATION, Hopeless("None, which"), ", and then: None, which"),
    (OURS, None, Terms(administrator_id="444455556666"), Hopeless("the administrator"), ", and then: the admin"),
    (OURS, None, Terms(), Do(ActionKind.INVITE), "invite, accept"),
    (None, None, INVITATION, Done(), ""),
    (None, member("ENABLED"), INVITATION, Do(ActionKind.REMOVE), "remove"),
    (None, member("VERIFICATION_IN_PROGRESS"), ORGANIZATION, Do(ActionKind.REMOVE), "remove"),
]


@pytest.mark.parametrize(("wanted", "stands", "terms", "expected", "steps"), TABLE)
def test_what_is_next(
    wanted: Wanted | None, stands: MemberDetail | None, terms: Terms, expected: Decision, steps: str
) -> None:
    """Each state has its next action, or is done, must be waited for, or is hopeless for a reason."""
    found = decide(wanted, stands, terms)
    if isinstance(expected, Hopeless):
        assert isinstance(found, Hopeless)
        assert expected.reason in found.reason
    else:
        assert found == expected
    kinds, hopeless = foresee(wanted, stands, terms)
    expected_kinds, _, reason = steps.partition(", and then: ")
    assert ", ".join(kinds) == expected_kinds
    assert (hopeless is not None) == bool(reason)
    assert hopeless is None or reason in hopeless.reason


def test_how_one_stands() -> None:
    """In words: its status, and why it is disabled where it is."""
    assert describe(None) == "no member"
    assert describe(member("INVITED")) == "INVITED"
    assert describe(member("ACCEPTED_BUT_DISABLED", disabled_reason="VOLUME_TOO_HIGH")) == (
        "ACCEPTED_BUT_DISABLED (VOLUME_TOO_HIGH)"
    )

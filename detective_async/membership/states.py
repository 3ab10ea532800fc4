"""The state of one account in one region while a plan is applied: what was seen of it, done for it, and comes next."""

import enum
import re
from collections.abc import Callable, Iterator

from attrs import Factory, define, evolve, field, frozen

from detective_async.api.models.members import InvitationType, MemberDetail, MemberDisabledReason, MemberStatus
from detective_async.api.wire.error_responses import message_text
from detective_async.client import polling
from detective_async.errors import DetectiveError
from detective_async.membership.actions import REMOVING, AccountReport, ActionKind, Problem, Reason
from detective_async.membership.decisions import (
    ADDING,
    Blocked,
    DesiredMember,
    Do,
    Done,
    GraphFacts,
    decide,
    describe_status,
    membership_time,
    needed,
)
from detective_async.membership.execution import Execution
from detective_async.membership.failures import StoppedError, error_text, is_denial, reason_of, without_request_id
from detective_async.membership.graphs import not_known, not_planned
from detective_async.membership.looks import ROUNDING, SETTLING, Known, Refusals

#: Seconds for which the result of another check of an account's volume is waited for.
_VOLUME_CHECK = 60.0
#: Seconds for which a volume that is not known is waited for after the acceptance, as Terraform's provider waits for
#: ENABLED. Accounts that are new to AWS may stay so for days, which is not to hold up a run until its deadline.
_ENABLING = 240.0
#: Words of AWS for a reason that passes, so that a refused account is sent again.
_PASSING = re.compile(
    r"try again|retry|temporar|throttl|too many requests|rate exceeded|internal|unavailable|timed? ?out|in progress",
    re.IGNORECASE,
)
#: What AWS says of accounts for which nothing was to be done, so that it has only to be seen. Other words lead to a
#: shorter wait.
_ALREADY_MEMBER = re.compile(r"already a member", re.IGNORECASE)
_NO_MEMBER = re.compile(r"not a member", re.IGNORECASE)
_HALF_INVITED = "it was removed, but not invited again"
_CHANGED_MEMBERSHIP = "it has changed since the plan was made, and may have been removed and added again: plan again"
_INVITED_AGAIN = "it was removed and invited again since this run accepted its invitation: plan again"
_OTHER_MEMBERSHIP = "it was removed and added again since the plan was made, which shows no removal of that: plan again"


class Phase(enum.Enum):
    """Where the processing of an account is."""

    #: Its state has to be looked at before the next decision.
    UNSEEN = enum.auto()
    #: Its state is known, and the next step to be decided on.
    SEEN = enum.auto()
    #: An action is being carried out.
    ACTING = enum.auto()
    #: Its processing has ended.
    ENDED = enum.auto()


@frozen
class Failure:
    """A failed action.

    Attributes:
        kind: the action.
        reason: why it failed.
        text: the same in words.
        error: the error, or None.
        retry_at: when the action may be carried out again, by the clock; None if never.
        until: when a failure that is not repeated counts, by the clock: until then its cause may still disappear,
            because what others have done is not seen yet.
    """

    kind: ActionKind
    reason: Reason
    text: str
    error: Exception | None = None
    retry_at: float | None = None
    until: float = 0.0

    def reason_at_end(self, reason: Reason) -> Reason:
        """Return the reason of an end with this failure: not the lack of time, where more would hardly have helped."""
        is_lasting = self.error is not None and (self.retry_at is None or is_denial(self.error))
        return self.reason if is_lasting and reason is Reason.TIMED_OUT else reason


@define(eq=False)
class AccountState:
    """One account in one region.

    Attributes:
        desired: its desired state; None if it should be removed.
        planned: the actions that the plan shows for it.
        execution: for the clock, and for what errors mean.
        on_end: called when processing has ended.
        blocked: why the plan does not show what would have to be done for it, if that was said.
        seen: its state when the plan was made; None if it was not a member.
        known: what is known of it: at first, what the plan saw, or an earlier application of the plan.
        phase: where its processing is.
        member: its state when last seen; None if it was not a member.
        before: its status when first known.
        done: the actions that were carried out for it; `remove` also if it is to be invited again, and is not yet.
        maybe_done: the actions of which nobody knows whether they were carried out, until its state shows it.
        outcome: the problem that processing ended with, and its reason and error; None if there is none.
        failure: the last failure, until its consequences are known.
        refusals: what AWS has denied so far.
    """

    region: str
    account_id: str
    desired: DesiredMember | None
    planned: frozenset[ActionKind]
    execution: Execution
    on_end: Callable[["AccountState"], object]
    known: Known
    seen: MemberDetail | None
    blocked: Problem | None = None
    phase: Phase = Phase.UNSEEN
    member: MemberDetail | None = None
    before: MemberStatus | None = None
    done: list[ActionKind] = Factory(list)
    maybe_done: list[ActionKind] = Factory(list)
    outcome: tuple[str, Reason, Exception | None] | None = None
    failure: Failure | None = None
    # The account when its invitation was accepted, or AWS was asked to check its volume again.
    _acted_on: MemberDetail | None = None
    _is_known: bool = False
    # Whether its state is known since its last action.
    _was_seen: bool = False
    # Why it is not as desired, while that may still change by itself.
    _blocked_so_far: Blocked | None = None
    # When its status was last seen to have changed, or an action was carried out; None if neither was.
    _changed_at: float | None = None
    _pauses: Iterator[float] | None = None
    refusals: Refusals = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.refusals = Refusals(self.execution)

    @property
    def status(self) -> MemberStatus | None:
        """Its status when last seen."""
        return None if self.member is None else self.member.status

    @property
    def ended(self) -> bool:
        """Whether its processing has ended."""
        return self.phase is Phase.ENDED

    def observe(self, member: MemberDetail | None) -> bool:
        """Record what was seen of it, and return whether that is progress."""
        previous, was_member = self.status, self.known.member is not None
        if not self._learn(member):
            return False
        self._was_seen = True
        if not self._is_known:
            self._is_known, self.before = True, self.status
        if was_member and member is None and self.known.added is not None:
            self.end(_declined(self.known.added), Reason.DECLINED)
            return True
        self.phase = Phase.SEEN
        if self.status == previous:
            return False
        self.failure = self._pauses = None
        return True

    def observe_late(self, member: MemberDetail | None, facts: GraphFacts) -> None:
        """Record what was seen of it after processing has ended: others may have changed it, and nothing more is done.

        Without this, the report would say what the account was long before the end.
        """
        previous = self.status
        if not self._learn(member) or self.status == previous:
            return
        decision = decide(self._desired_now(), member, facts)
        if isinstance(decision, Done):
            self.outcome = None
        elif isinstance(decision, Blocked):
            self.outcome = decision.text, decision.reason, None
        elif isinstance(decision, Do) and self.outcome is None:
            text = f"it was as wanted, and is {describe_status(member)} since then: plan again"
            self.outcome = text, Reason.NOT_PLANNED, None

    def next_action(self, facts: GraphFacts) -> ActionKind | None:
        """Return the next action; None if there is none yet, or processing has ended."""
        decision = decide(self._desired_now(), self.member, facts)
        self._blocked_so_far = decision if isinstance(decision, Blocked) else None
        match decision:
            case Do():
                return self._checked(needed(decision.kind, self.planned))
            case Done():
                self.end()
            case Blocked():
                if self._may_still_change():
                    self.phase = Phase.UNSEEN
                else:
                    self.end(decision.text, decision.reason)
            case _:
                self.phase = Phase.UNSEEN
        return None

    def succeed(self, kind: ActionKind, member: MemberDetail | None) -> None:
        """Record an action that was carried out, and the state that the response has."""
        self._note_done(kind)
        if member is None:
            self.known.end()
        else:
            self.known.add(member)
        self.member, self.phase = member, Phase.SEEN

    def remove(self) -> None:
        """Record that it was removed, as the first half of another invitation."""
        self._note_done(ActionKind.REMOVE)
        self.known.end()
        self.member = None

    def sent(self, kind: ActionKind) -> None:
        """Record an action that was carried out, and whose response does not have the state that follows."""
        self._note_done(kind)
        self._acted_on = self.member
        self.phase, self._was_seen = Phase.UNSEEN, False

    def fail(self, kind: ActionKind, error: DetectiveError) -> None:
        """Record an error; the state is looked at before the next decision."""
        retry_at, shortest = None, self.refusals.record(error)
        if shortest is not None:
            retry_at = self._now + shortest if shortest else self._next_attempt()
        # What an earlier request without a response has done may be seen later.
        until = self._now + SETTLING if kind in self.maybe_done else 0.0
        self.failure = Failure(kind, reason_of(error), error_text(error), error, retry_at, until)
        self.phase = Phase.UNSEEN

    def note_unknown(self, kind: ActionKind) -> None:
        """Record that a request without a response may have carried out an action; later errors do not undo that."""
        if kind not in self.maybe_done:
            self.maybe_done.append(kind)

    def refuse(self, kind: ActionKind, part: ActionKind, reason: str | None) -> None:
        """Record that AWS left the account unprocessed, in the part of the action that was sent."""
        self.refusals.clear()
        text = without_request_id(message_text(reason, ())) or "no reason given"
        is_removal = part is ActionKind.REMOVE
        is_in_effect = (_NO_MEMBER if is_removal else _ALREADY_MEMBER).search(text) is not None
        if is_removal and is_in_effect:
            self.known.end()
        self.failure = Failure(
            kind,
            Reason.REFUSED,
            f"{kind}: AWS left the account unprocessed: {text}",
            retry_at=self._next_attempt() if _PASSING.search(text) else None,
            until=self.execution.wait.deadline if is_in_effect else self._now + SETTLING,
        )
        self.phase = Phase.UNSEEN

    def give_up(self, problem: str, reason: Reason, look_error: DetectiveError | None, facts: GraphFacts) -> None:
        """End processing before it is done, with the last failure, of an action or of looking at the members."""
        if self._end_as_wanted(facts):
            return
        known = self.known
        is_missing = known.missing.is_believed
        if reason is Reason.TIMED_OUT and known.added is not None and is_missing:
            self.member = None
            self.end(f"{problem}: {_declined(known.added)}", Reason.DECLINED)
            return
        blocked = self._blocked_so_far
        if reason is Reason.TIMED_OUT and blocked is not None and self.failure is None:
            self.end(f"{problem}: {blocked.text}", blocked.reason)
            return
        if reason is Reason.TIMED_OUT and known.missing.is_seen and (is_missing or not self._was_seen):
            decision = decide(self._desired_now(), None, facts)
            if isinstance(decision, Do) and (kind := needed(decision.kind, self.planned)) not in self.planned:
                self._end_unplanned(kind, f"{problem}: ")
                return
        text, reason, error = self._last_failure(reason, look_error)
        done = f"{str(self.done[-1])!r} was done" if self.done and not self._half_done and text is None else ""
        if known.missing.is_seen and (self.desired is None or not self._was_seen):
            seen = f"the account was not among the members, which is believed after {SETTLING:g} s"
        elif known.earlier.is_seen and not self._was_seen:
            seen = f"the account was only seen as it may have been before, which is believed after {SETTLING:g} s"
        elif self._was_seen:
            is_or_was = "was" if self.maybe_done else "is"
            seen = f"{done and f'{done}, but '}the account {is_or_was} {describe_status(self.member)}"
        else:
            seen = f"{done}, and the account was not looked at since" if done else "the account was not looked at"
        self.end(f"{problem}: {seen}{'' if text is None else f'; {text}'}", reason, error)

    def lose(self, lost: StoppedError) -> None:
        """Record that the graph is gone, and all memberships with it."""
        self.member = None
        if self.desired is not None and self.outcome is None:
            self.outcome = str(lost), lost.reason, None

    def stop(self, problem: str, reason: Reason, error: Exception | None, facts: GraphFacts) -> None:
        """End processing because of the region's problem, which does not hide the account's own."""
        if not self._end_as_wanted(facts):
            own = "" if self.failure is None else f"; {self.failure.text}"
            self.end(f"{problem}{own}", reason, error)

    def end(self, problem: str | None = None, reason: Reason | None = None, error: Exception | None = None) -> None:
        """End processing."""
        if problem is not None:
            self.outcome = problem, reason or Reason.FAILED, error
        self.phase = Phase.ENDED
        self.on_end(self)

    def report(self) -> AccountReport:
        """Return the result."""
        problem, reason, error = self.outcome or (None, None, None)
        if problem is not None and self._half_done:
            problem = f"{self._half_done}; {problem}"
        return AccountReport(
            account_id=self.account_id,
            region=self.region,
            before=self.before,
            after=self.status,
            done=tuple(self.done),
            maybe_done=tuple(self.maybe_done),
            problem=problem,
            error=error,
            reason=reason,
        )

    @property
    def _now(self) -> float:
        return self.execution.clock.monotonic()

    @property
    def _is_half_invited(self) -> bool:
        return self.desired is not None and ActionKind.REMOVE in self.done

    @property
    def _half_done(self) -> str:
        """What was done, or may have been, besides the last failure; empty if that says all."""
        if not self._is_half_invited:
            return not_known(self.maybe_done) if self.maybe_done else ""
        return "it was removed, and may have been invited again: plan again" if self.maybe_done else _HALF_INVITED

    def _note_done(self, kind: ActionKind) -> None:
        self.failure = self._pauses = None
        self.refusals.clear()
        if kind is ActionKind.REINVITE and self._is_half_invited:
            # The removal was its first half.
            self.done.remove(ActionKind.REMOVE)
        if kind in self.maybe_done:
            self.maybe_done.remove(kind)
        self.done.append(kind)
        self._changed_at = self._now

    def _note_effects(self, member: MemberDetail | None) -> None:
        for kind in [kind for kind in self.maybe_done if _shows_effect(kind, member)]:
            if kind in ADDING or kind is ActionKind.REINVITE:
                self.known.added = member
            self._note_done(kind)

    def _learn(self, member: MemberDetail | None) -> bool:
        """Learn what a look has shown, and return whether that is to be believed."""
        before = self.known.member
        if not self.known.believes(member):
            return False
        self._note_effects(member)
        if (before and before.status) != (member and member.status):
            self._changed_at = self._now
        self.member = member
        return True

    def _end_as_wanted(self, facts: GraphFacts) -> bool:
        """End processing if the account is as wanted, and that was only not decided on any more; return whether so."""
        is_wanted = self.phase is Phase.SEEN and isinstance(decide(self._desired_now(), self.member, facts), Done)
        if is_wanted:
            self.end()
        return is_wanted

    def _last_failure(
        self, reason: Reason, look_error: DetectiveError | None
    ) -> tuple[str | None, Reason, Exception | None]:
        """Return what has kept it so far, an action or looking at the members, and with it the reason of its end."""
        if self.failure is not None:
            return self.failure.text, self.failure.reason_at_end(reason), self.failure.error
        if look_error is None:
            return None, reason, None
        is_lasting = reason is Reason.TIMED_OUT and is_denial(look_error)
        return error_text(look_error), reason_of(look_error) if is_lasting else reason, look_error

    def _next_attempt(self) -> float:
        if self._pauses is None:
            self._pauses = polling.pauses(self.execution.clock)
        return self._now + next(self._pauses)

    def _desired_now(self) -> DesiredMember | None:
        """Return its desired state, with the second attempts that are planned and were not made yet."""
        if self.desired is None:
            return None
        due = self.planned.difference(self.done)
        return evolve(
            self.desired,
            retry_failed=ActionKind.REINVITE in due,
            retry_disabled=ActionKind.START_MONITORING in due,
        )

    def _checked(self, kind: ActionKind) -> ActionKind | None:
        """Return an action that is to be carried out now; None if it is not, or not yet."""
        failure = self.failure
        if kind in self.done:
            # Never repeated after a success, whose effect is seen later.
            self.phase = Phase.UNSEEN
            if kind is ActionKind.ACCEPT and _is_later(self.member, self._acted_on):
                self.end(_INVITED_AGAIN, Reason.NOT_PLANNED)
        elif kind not in self.planned:
            self._end_unplanned(kind)
        elif kind in REMOVING and self.member is not None and not _is_same_membership(self.member, self.seen):
            self.end(_OTHER_MEMBERSHIP if self.member.invited_time else _CHANGED_MEMBERSHIP, Reason.NOT_PLANNED)
        elif failure is None or failure.kind is not kind:
            return kind
        elif failure.retry_at is not None:
            if self._now >= failure.retry_at:
                return kind
            self.phase = Phase.UNSEEN
        elif self._now < failure.until:
            self.phase = Phase.UNSEEN
        else:
            self.end(failure.text, failure.reason, failure.error)
        return None

    def _end_unplanned(self, kind: ActionKind, before: str = "") -> None:
        """End processing because of an action that the plan does not show, and for which it may have said why."""
        if self.blocked is not None:
            self.end(f"{before}{self.blocked.text}", self.blocked.reason, self.blocked.error)
        else:
            stopped = not_planned(kind)
            self.end(f"{before}{stopped}", stopped.reason)

    def _may_still_change(self) -> bool:
        """Return whether a state that blocks may be from before the last action, or one in between."""
        member = self.member
        changed_at = self._changed_at
        if member is None or member.status != MemberStatus.ACCEPTED_BUT_DISABLED or changed_at is None:
            return False
        if self.done and self.done[-1] is ActionKind.START_MONITORING:
            is_unchanged = self._acted_on is not None and member.updated_time == self._acted_on.updated_time
            return is_unchanged and self._now < changed_at + _VOLUME_CHECK
        # After the acceptance, a volume may not be known yet.
        return member.disabled_reason == MemberDisabledReason.VOLUME_UNKNOWN and self._now < changed_at + _ENABLING


def _declined(invited: MemberDetail) -> str:
    if invited.invitation_type == InvitationType.ORGANIZATION:
        return "it was enabled, but is not a member: it may have left the organization"
    return "it was invited, but is not a member: it may have declined the invitation"


def _is_same_membership(member: MemberDetail, seen: MemberDetail | None) -> bool:
    return seen is not None and membership_time(member) == membership_time(seen)


def _is_later(member: MemberDetail | None, before: MemberDetail | None) -> bool:
    """Return whether a membership began later than another one."""
    at = None if member is None else member.invited_time
    earlier = None if before is None else before.invited_time
    return at is not None and earlier is not None and at > earlier + ROUNDING


def _shows_effect(kind: ActionKind, member: MemberDetail | None) -> bool:
    """Return whether a state that was seen after an action can only be its effect."""
    if kind is ActionKind.REMOVE:
        return member is None
    if member is None:
        return False
    match kind:
        case ActionKind.ACCEPT:
            return member.status in {MemberStatus.ENABLED, MemberStatus.ACCEPTED_BUT_DISABLED}
        case ActionKind.START_MONITORING:
            return member.status == MemberStatus.ENABLED
        case _:
            # It is added only while it is no member.
            return True

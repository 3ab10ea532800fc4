"""The state of one account in one region while a plan is applied."""

from collections.abc import Callable

from attrs import Factory, define, frozen

from detective_async.api.models.members import MemberDetail, MemberStatus
from detective_async.api.wire.error_responses import message_text
from detective_async.errors import DetectiveError
from detective_async.membership.actions import ActionKind
from detective_async.membership.decisions import Blocked, DesiredMember, Do, GraphFacts, Wait, decide, describe_status
from detective_async.membership.execution import MAX_RETRIES, error_text, is_transient


@frozen
class Failure:
    """A failed action, or a failed read of the account's state."""

    # None for a read.
    kind: ActionKind | None
    problem: str
    error: Exception | None
    transient: bool
    outcome_unknown: bool


@define(eq=False)
class AccountState:
    """One account in one region.

    Attributes:
        desired: its desired state; None if it should be removed.
        on_end: called when processing has ended.
        member: its state when last read; None if it was not a member.
        before: its status when first read.
        done: the actions that were carried out for it.
        problem: why it is not as desired; None if it is, or if processing has not ended.
        error: the error that caused the problem, or None.
        failure: the last failure, until its consequences are known.
        ended: whether processing has ended.
        in_progress: whether an action is being carried out.
        paused: whether to skip it until the next pause is over.
        stale: whether its state must be read before the next decision.
        isolated: whether to send its requests without other accounts, because a shared request was refused.
    """

    region: str
    account_id: str
    desired: DesiredMember | None
    on_end: Callable[["AccountState"], object]
    member: MemberDetail | None = None
    before: MemberStatus | None = None
    done: list[ActionKind] = Factory(list)
    problem: str | None = None
    error: Exception | None = None
    failure: Failure | None = None
    ended: bool = False
    in_progress: bool = False
    paused: bool = False
    stale: bool = True
    isolated: bool = False
    _retries: int = 0

    @property
    def status(self) -> MemberStatus | None:
        """Its status when last read."""
        return None if self.member is None else self.member.status

    def observe(self, member: MemberDetail | None) -> None:
        """Record the current state."""
        previous, self.member, self.stale = self.status, member, False
        if self.status == previous:
            return
        if self.failure is not None and self.failure.kind is not None and self.failure.outcome_unknown:
            self._add_done(self.failure.kind)
        self.failure, self._retries = None, 0

    def succeed(self, kind: ActionKind, member: MemberDetail | None) -> None:
        """Record an action that was carried out, and the state that followed."""
        self.failure = None
        self._add_done(kind)
        self.observe(member)

    def next_action(self, facts: GraphFacts) -> ActionKind | None:
        """Return the next action; None if there is none yet, or processing has ended."""
        decision = decide(self.desired, self.member, facts)
        if isinstance(decision, Do):
            return self._unless_exhausted(decision.kind)
        if isinstance(decision, Wait):
            self.pause()
        else:
            self.end(decision.reason if isinstance(decision, Blocked) else None)
        return None

    def fail(self, kind: ActionKind | None, error: DetectiveError) -> None:
        """Record an error; the state must be read before the next decision."""
        self.failure = Failure(kind, error_text(error), error, is_transient(error), error.outcome_unknown)
        if kind is None and (not self.failure.transient or self._count_retry()):
            self.give_up()
        elif self.failure.transient:
            self.pause()
        self.stale = True

    def refuse(self, kind: ActionKind, reason: str | None, *, repeated: bool) -> None:
        """Record that AWS left the account unprocessed.

        If the request was `repeated`, an earlier attempt without a response may have carried out the action.
        """
        text = message_text(reason, ()) or "no reason given"
        self.failure = Failure(
            kind, f"{kind}: AWS left the account unprocessed: {text}", None, transient=False, outcome_unknown=repeated
        )
        self.stale = True

    def pause(self) -> None:
        """Skip the account until the next pause is over, then read its state."""
        self.paused = self.stale = True

    def give_up(self, problem: str = "") -> None:
        """End processing with the last failure."""
        failure = self.failure
        if failure is None:
            self.end(problem)
        else:
            self.end("; ".join(filter(None, (problem, failure.problem))), failure.error)

    def end(self, problem: str | None = None, error: Exception | None = None) -> None:
        """End processing."""
        self.problem, self.error, self.ended = problem, error, True
        self.on_end(self)

    def _add_done(self, kind: ActionKind) -> None:
        if kind not in self.done:
            self.done.append(kind)

    def _unless_exhausted(self, kind: ActionKind) -> ActionKind | None:
        failure = self.failure
        if kind in self.done:
            # Never repeated after a success, whose effect may become visible later.
            if self._count_retry():
                hint = ": it may have declined" if self.member is None else ""
                self.end(f"{kind} was done, but the account is {describe_status(self.member)}{hint}")
            else:
                self.pause()
            return None
        if failure is not None and failure.kind is kind and (not failure.transient or self._count_retry()):
            self.give_up()
            return None
        return kind

    def _count_retry(self) -> bool:
        """Count a retry, and return whether the retries are exhausted."""
        self._retries += 1
        return self._retries > MAX_RETRIES

"""One account in one region while a plan is applied: what is known of it, and whether to go on with it."""

from collections.abc import Callable

from attrs import Factory, define, frozen

from detective_async.api.models.members import MemberDetail, MemberStatus
from detective_async.api.redaction import mask_addresses
from detective_async.errors import DetectiveError
from detective_async.membership.actions import ActionKind
from detective_async.membership.decide import Do, Hopeless, Terms, Wait, Wanted, decide, describe
from detective_async.membership.job import ROUNDS, explain, may_pass


@frozen
class Trouble:
    """Why something did not succeed.

    Attributes:
        kind: what was tried; None for reading the account's state.
        problem: what went wrong, in words.
        error: the error, if there was one.
        may_pass: whether it is worth trying again.
        maybe_done: whether it may have succeeded all the same.
    """

    kind: ActionKind | None
    problem: str
    error: Exception | None
    may_pass: bool
    maybe_done: bool


@define(eq=False)
class Row:
    """One account in one region.

    Attributes:
        wanted: what is wanted of it; None where it is to be removed.
        on_end: told once nothing more is done for it.
        member: how it stood when it was last seen; None where it was no member.
        before: how it stood when it was first seen.
        done: what was done for it.
        problem: why it is not as it is wanted; None where it is, or nobody knows yet.
        error: the error that this follows from, or None.
        trouble: what went wrong last, while it is not known what comes of it.
        ended: whether nothing more is done for it.
        busy: whether something is being done for it.
        resting: whether it is left alone until the next pause is over.
        stale: whether its state has to be read before anything else.
        alone: whether it goes into no request with others, because one with others was refused.
    """

    region: str
    account_id: str
    wanted: Wanted | None
    on_end: Callable[["Row"], object]
    member: MemberDetail | None = None
    before: MemberStatus | None = None
    done: list[ActionKind] = Factory(list)
    problem: str | None = None
    error: Exception | None = None
    trouble: Trouble | None = None
    ended: bool = False
    busy: bool = False
    resting: bool = False
    stale: bool = True
    alone: bool = False
    _rounds: int = 0

    @property
    def status(self) -> MemberStatus | None:
        """How it stood when it was last seen."""
        return None if self.member is None else self.member.status

    def begin(self, member: MemberDetail | None) -> None:
        """Take note of how it stands to begin with."""
        self.see(member)
        self.before = self.status

    def see(self, member: MemberDetail | None) -> None:
        """Take note of how it stands now."""
        previous, self.member, self.stale = self.status, member, False
        if self.status == previous:
            return
        if self.trouble is not None and self.trouble.kind is not None and self.trouble.maybe_done:
            self._did(self.trouble.kind)
        self.trouble, self._rounds = None, 0

    def do(self, kind: ActionKind, member: MemberDetail | None) -> None:
        """Take note of what was done, and of what has become of it."""
        self.trouble = None
        self._did(kind)
        self.see(member)

    def next(self, terms: Terms) -> ActionKind | None:
        """Say what to do now; None where there is nothing to do, now or any more."""
        decision = decide(self.wanted, self.member, terms)
        if isinstance(decision, Do):
            return self._once_more(decision.kind)
        if isinstance(decision, Wait):
            self.rest()
        else:
            self.end(decision.reason if isinstance(decision, Hopeless) else None)
        return None

    def stumble(self, kind: ActionKind | None, error: DetectiveError) -> None:
        """Take note of an error: its state is to be read again before anything else is done."""
        self.trouble = Trouble(kind, explain(error), error, may_pass(error), error.outcome_unknown)
        if kind is None and (not self.trouble.may_pass or self._is_enough()):
            self.give_up()
        elif self.trouble.may_pass:
            self.rest()
        self.stale = True

    def refuse(self, kind: ActionKind, reason: str | None, *, repeated: bool) -> None:
        """Take note of what AWS says of an account for which it did nothing.

        Args:
            kind: what was asked for.
            reason: AWS's words.
            repeated: whether an earlier attempt, to which no answer came, may have done it.
        """
        words = mask_addresses(reason or "no reason given")
        self.trouble = Trouble(kind, f"{kind}: AWS did nothing: {words}", None, may_pass=False, maybe_done=repeated)
        self.stale = True

    def rest(self) -> None:
        """Leave it alone for a while, and look then how it stands."""
        self.resting = self.stale = True

    def give_up(self, problem: str = "") -> None:
        """End with whatever went wrong last."""
        trouble = self.trouble
        words = [problem] if problem else []
        if trouble is not None:
            words.append(trouble.problem)
        self.end("; ".join(words), None if trouble is None else trouble.error)

    def end(self, problem: str | None = None, error: Exception | None = None) -> None:
        """Do nothing more for it."""
        self.problem, self.error, self.ended = problem, error, True
        self.on_end(self)

    def _did(self, kind: ActionKind) -> None:
        if kind not in self.done:
            self.done.append(kind)

    def _once_more(self, kind: ActionKind) -> ActionKind | None:
        trouble = self.trouble
        if kind in self.done:
            # It succeeded, so it is not done twice: perhaps it takes a while until it shows.
            if self._is_enough():
                hint = ": it may have declined" if self.member is None else ""
                self.end(f"{kind} was done, but it is {describe(self.member)}{hint}")
            else:
                self.rest()
            return None
        if trouble is not None and trouble.kind is kind and (not trouble.may_pass or self._is_enough()):
            self.give_up()
            return None
        return kind

    def _is_enough(self) -> bool:
        self._rounds += 1
        return self._rounds > ROUNDS

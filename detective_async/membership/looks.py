"""Which looks and refusals are believed, as what is new is not seen everywhere at once; what is known of an account."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from attrs import define, field

from detective_async.api.models.members import MemberDetail
from detective_async.api.sts import ASSUME_ROLE, GET_CALLER_IDENTITY
from detective_async.client import polling
from detective_async.errors import DetectiveError
from detective_async.membership.decisions import membership_time
from detective_async.membership.execution import Execution
from detective_async.membership.failures import innermost, is_denial, is_read
from detective_async.settings.clock import Clock

#: Seconds for which a state may contradict what was done or planned, because it is not seen everywhere yet.
SETTLING = 15.0
#: Seconds until a change that AWS has refused is tried again the first time.
_FIRST_PAUSE = 1.0
#: How many looks must show it, at least.
_LOOKS = 3
#: By how much the times of a membership may differ between operations. It is not known whether AWS rounds them alike.
ROUNDING = timedelta(seconds=1)

#: An operation, and the role if it is AssumeRole.
Refused = tuple[str, str | None]


@define(eq=False)
class Contradiction:
    """Something that looks show against the plan or what was done: by mistake, until they do so for long enough.

    Time alone does not count, as in an outage nothing is seen: between two looks it counts up to the half of what is
    needed.
    """

    _clock: Clock
    # When a look has first shown it, put off by what does not count since.
    _since: float | None = field(init=False, default=None)
    _latest: float = field(init=False, default=0.0)
    _looks: int = field(init=False, default=0)

    @property
    def is_seen(self) -> bool:
        """Whether the last look has shown it."""
        return self._since is not None

    @property
    def is_believed(self) -> bool:
        """Whether looks have shown it for long enough."""
        is_old = self._since is not None and self._clock.monotonic() >= self._since + SETTLING
        return is_old and self._looks >= _LOOKS

    def lasts(self) -> bool:
        """Record that a look has shown it, and return whether it is to be believed."""
        now = self._clock.monotonic()
        if self._since is None:
            self._since, self._looks = now, 0
        else:
            self._since += max(0.0, now - self._latest - SETTLING / 2)
        self._latest = now
        self._looks += 1
        return self.is_believed

    def clear(self) -> None:
        """Record that a look has not shown it."""
        self._since = None


@define(eq=False)
class Refusals:
    """What AWS refuses, as permissions, keys and regions that are new are not seen everywhere at once, like all else.

    Every error is recorded, and every success. Each operation has its own row of refusals, as each may have permissions
    of its own, and only another answer to that operation ends it; of AssumeRole, each role has one.

    Attributes:
        believed: the changes whose refusals are believed; several may share them.
    """

    _execution: Execution
    believed: set[Refused] = field(factory=set)
    _rows: dict[Refused, Contradiction] = field(init=False)
    # Each refused change is an error in the account's CloudTrail.
    _pauses: Iterator[float] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._begin()

    def record(self, error: DetectiveError, *, refuses: bool = False, passes: bool = False) -> float | None:
        """Record an error, and return for how many seconds not to try again; None if trying again does not help.

        It may help after transient errors, and after refusals that are not believed yet.

        Args:
            error: any error.
            refuses: whether it is a refusal even if it is no denial.
            passes: whether trying again helps in any case.
        """
        cause = innermost(error)
        operation = getattr(cause, "operation", ASSUME_ROLE.name)
        refused = operation, getattr(cause, "role_arn", None)
        # Whose keys they are is asked before a change.
        is_of_change = not is_read(error) or operation == GET_CALLER_IDENTITY.name
        is_refusal = refuses or is_denial(error)
        if not is_refusal:
            self._rows.pop(refused, None)
        elif self._rows.setdefault(refused, Contradiction(self._execution.clock)).lasts():
            if is_of_change:
                self.believed.add(refused)
        elif refused not in self.believed:
            passes = True
        if not passes and not self._execution.is_transient(error):
            return None
        return next(self._pauses) if is_of_change and (is_refusal or passes) else 0.0

    def answered(self, *operations: str) -> None:
        """Record operations that AWS has answered without a refusal."""
        for refused in [refused for refused in self._rows if refused[0] in operations]:
            del self._rows[refused]

    def identified(self) -> None:
        """Record that there were keys, and that STS has said whose."""
        self.answered(ASSUME_ROLE.name, GET_CALLER_IDENTITY.name)

    def clear(self) -> None:
        """Record a change that has succeeded."""
        self.believed.clear()
        self._begin()

    def _begin(self) -> None:
        self._rows, self._pauses = {}, polling.pauses(self._execution.clock, first=_FIRST_PAUSE)


@define(eq=False)
class Known:
    """What is known of an account's membership. What contradicts it is believed when all looks have shown it for long.

    Attributes:
        member: its last state that is believed, of looks and responses; None if it was not a member.
        is_listed: whether a look has shown the membership, and not only a response.
        added: the account as it was added in this run, by AWS's response; None if it was not.
        missing: that looks do not show the member.
        earlier: that looks show a state before the one that is known, or a member that is not known.
    """

    clock: Clock
    member: MemberDetail | None
    is_listed: bool = field(init=False)
    added: MemberDetail | None = field(init=False, default=None)
    missing: Contradiction = field(init=False)
    earlier: Contradiction = field(init=False)
    # The membership of which AWS has said that it is no more.
    _ended: MemberDetail | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self.is_listed = self.member is not None
        self.missing, self.earlier = Contradiction(self.clock), Contradiction(self.clock)

    def believes(self, member: MemberDetail | None) -> bool:
        """Return whether what a look has shown is to be believed, and learn it if so."""
        if member is None:
            self.earlier.clear()
            if self.member is not None and not self.missing.lasts():
                return False
            if self.added is not None and not self.is_listed:
                # It is not seen everywhere yet, however long that takes.
                return False
        else:
            self.missing.clear()
            if self._is_over(member) or (self._is_earlier(member) and not self.earlier.lasts()):
                return False
        self.member, self.is_listed = member, member is not None
        self._believe_anew()
        return True

    def add(self, member: MemberDetail) -> None:
        """Record that AWS has added it."""
        if self._is_over(member):
            # Its time does not tell it from the one before.
            self._ended = None
        self.member = self.added = member
        self.is_listed = False
        self._believe_anew()

    def end(self) -> None:
        """Record that AWS has said that it is no member."""
        self._ended, self.member, self.is_listed = self.member, None, False
        self._believe_anew()

    def _believe_anew(self) -> None:
        self.missing.clear()
        self.earlier.clear()

    def _is_over(self, member: MemberDetail) -> bool:
        """Return whether a membership is one that has ended, or one before that."""
        ended, at = None if self._ended is None else membership_time(self._ended), membership_time(member)
        return ended is not None and at is not None and at <= ended

    def _is_earlier(self, member: MemberDetail) -> bool:
        """Return whether a state is older than the one that is known, so far as that can be known."""
        if self.member is None:
            # Another may have added it, or the membership may be one that had ended.
            return True
        known, at = _changed_at(self.member), _changed_at(member)
        if known is None or at is None:
            return False
        return at < (known if self.is_listed else known - ROUNDING)


def _changed_at(member: MemberDetail) -> datetime | None:
    return member.updated_time or member.invited_time

"""What the calls of a fleet know of a host: whether it answers. Performs no I/O and reads no clock."""

from collections.abc import Callable

from attrs import Factory, define, field

#: As many calls in a row that got no response, with all their retries, show that further retries are in vain.
_LOST_CALLS = 3
#: So many attempts in a row must have failed before that is held against a host: a single one may be bad luck.
_FAILURES = 3
#: Seconds without a response after which retries at a host that has answered before may make way for other hosts.
_LONG_OUTAGE = 10.0


@define(eq=False)
class Watcher:
    """What one run of a fleet wants of a host's health.

    Attributes:
        on_change: called when the host starts or stops answering.
        is_crowding_out: whether the host's targets keep those of other hosts from starting. Called for a call that
            would be retried; if it returns True, the call gives up.
    """

    on_change: Callable[[], object]
    is_crowding_out: Callable[[], bool]


@define(eq=False)
class HostHealth:
    """Whether one host answers, in one region and for one service.

    Attributes:
        clear: whether the last attempt that ended got a response of any kind; False before the first one.
        answering: whether the host has answered and does not fail.
        failing: whether the last attempts got no response: one, or three at a host that has answered before.
        ever_answered: whether any attempt got a response.
        lost_calls: the number of calls in a row that got no response with all their retries.
        watchers: the runs that want to know.
    """

    clear: bool = field(default=False, init=False)
    answering: bool = field(default=False, init=False)
    failing: bool = field(default=False, init=False)
    ever_answered: bool = field(default=False, init=False)
    lost_calls: int = field(default=0, init=False)
    watchers: list[Watcher] = field(default=Factory(list), init=False)
    _failures: int = field(default=0, init=False)
    _failed_at: float = field(default=0.0, init=False)
    _failed_for: float = field(default=0.0, init=False)

    @property
    def dead(self) -> bool:
        """Whether so many calls in a row were lost that the next ones get one short attempt each."""
        return self.lost_calls >= _LOST_CALLS

    def note_answer(self) -> None:
        """Record a response; need not be called while `clear` is True."""
        changed = not self.answering
        self.clear = self.answering = self.ever_answered = True
        self.failing = False
        self._failures = self.lost_calls = 0
        if changed:
            self._notify()

    def note_failure(self, now: float) -> None:
        """Record an attempt without a response; `now` is in seconds of a monotonic clock."""
        self.clear = False
        if not self._failures:
            self._failed_at = now
        self._failures += 1
        self._failed_for = now - self._failed_at
        # One lost connection says little of a host that has answered.
        if not self.failing and (self._failures >= _FAILURES or not self.ever_answered):
            self.answering = False
            self.failing = True
            self._notify()

    def note_lost_call(self) -> None:
        """Record that a call got no response and is not retried any more."""
        self.lost_calls += 1

    def retries_are_vain(self) -> bool:
        """Return whether a call that got no response should give up rather than be retried."""
        if self.dead:
            return True
        if self._failures < _FAILURES or (self.ever_answered and self._failed_for < _LONG_OUTAGE):
            return False
        return any(watcher.is_crowding_out() for watcher in self.watchers)

    def reset(self) -> None:
        """Forget what is known: another run, later, starts anew."""
        self.clear = self.answering = self.failing = self.ever_answered = False
        self._failures = self.lost_calls = 0

    def _notify(self) -> None:
        for watcher in self.watchers:
            watcher.on_change()

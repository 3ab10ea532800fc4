"""What the calls of a fleet know of a host: whether it responds. Performs no I/O and reads no clock."""

from collections.abc import Callable

from attrs import Factory, define, field

#: As many calls in a row that got no response, with all their retries, show that further retries are in vain.
_LOST_CALLS = 3
#: So many attempts in a row must have failed before that is held against a host: a single one may be bad luck.
_FAILURES = 3
#: Seconds without a response after which retries at a host may make way for other hosts.
_LONG_OUTAGE = 10.0


@define(eq=False)
class Watcher:
    """The callbacks of one run of a fleet, for one host.

    Attributes:
        on_change: called when the host starts or stops responding.
        is_crowding_out: returns whether the host's targets keep those of other hosts from starting.
        on_giving_up: called when a call gives up its retries because of that.
    """

    on_change: Callable[[], object]
    is_crowding_out: Callable[[], bool]
    on_giving_up: Callable[[], object]


@define(eq=False)
class ServiceHealth:
    """What is known of all hosts of one service together, in one event loop.

    Where none of them has responded, the outage is most likely one of them all. So calls are patient with all of them,
    and what fails at one counts for the others.

    Attributes:
        any_responded: whether any of the hosts has responded.
        failures: the number of attempts that failed at hosts that never responded, since any host began to respond.
        lost_calls: the number of calls that were lost before any host responded.
    """

    any_responded: bool = False
    failures: int = 0
    lost_calls: int = 0

    def reset(self) -> None:
        """Forget what is known."""
        self.any_responded = False
        self.failures = self.lost_calls = 0


@define(eq=False)
class HostHealth:
    """Whether one host responds, in one region, for one service and in one event loop.

    Args:
        service: what is known of all hosts of the service.

    Attributes:
        clear: whether the last attempt that ended got a response of any kind; False before the first one.
        responding: whether the host has responded and does not fail.
        failing: whether the last attempts got no response: one, or three at a host that has responded before.
        ever_responded: whether any attempt got a response.
        lost_calls: the number of calls in a row that got no response with all their retries.
        watchers: the callbacks of the runs that have targets of this host.
    """

    _service: ServiceHealth = Factory(ServiceHealth)
    clear: bool = field(default=False, init=False)
    responding: bool = field(default=False, init=False)
    failing: bool = field(default=False, init=False)
    ever_responded: bool = field(default=False, init=False)
    lost_calls: int = field(default=0, init=False)
    watchers: list[Watcher] = field(default=Factory(list), init=False)
    _failures: int = field(default=0, init=False)
    _failed_at: float = field(default=0.0, init=False)
    _failed_for: float = field(default=0.0, init=False)

    @property
    def dead(self) -> bool:
        """Whether so much was in vain that the next calls get one short attempt each.

        That is three lost calls in a row, here or, before any host of the service has responded, at any of them.
        """
        lost = self.lost_calls if self._service.any_responded else self._service.lost_calls
        return lost >= _LOST_CALLS

    @property
    def alone_silent(self) -> bool:
        """Whether this host has never responded, and another one of the service has."""
        return self._service.any_responded and not self.ever_responded

    def note_response(self) -> None:
        """Record a response; need not be called while `clear` is True."""
        changed = not self.responding
        self.clear = self.responding = self.ever_responded = self._service.any_responded = True
        self.failing = False
        self._failures = self.lost_calls = 0
        if changed:
            self._service.failures = 0
            self._notify()

    def note_failure(self, now: float) -> None:
        """Record an attempt without a response; `now` is in seconds of a monotonic clock."""
        self.clear = False
        if not self._failures:
            self._failed_at = now
        self._failures += 1
        self._failed_for = now - self._failed_at
        if not self.ever_responded:
            self._service.failures += 1
        # One lost connection says little of a host that has responded.
        if not self.failing and (self._failures >= _FAILURES or not self.ever_responded):
            self.responding = False
            self.failing = True
            self._notify()

    def note_lost_call(self) -> None:
        """Record that a call got no response and is not retried any more."""
        self.lost_calls += 1
        if not self._service.any_responded:
            self._service.lost_calls += 1

    def make_way(self) -> bool:
        """Return whether a call is to give up rather than be retried, because targets of other hosts wait for its slot.

        That is recorded, so that no more calls give up than are waited for.
        """
        watcher = self._crowding()
        if watcher is None:
            return False
        watcher.on_giving_up()
        return True

    def reset(self) -> None:
        """Forget what is known: another run, later, starts anew."""
        self.clear = self.responding = self.failing = self.ever_responded = False
        self._failures = self.lost_calls = 0

    def _crowding(self) -> Watcher | None:
        """Return the watcher of a run in which other hosts wait for a slot of this one; None if there is none."""
        if self.ever_responded:
            may_be_brief = self._failures < _FAILURES or self._failed_for < _LONG_OUTAGE
        else:
            # Single attempts at several hosts tell as much as several at one. After the first response of any host they
            # are counted anew: an outage of all of them may just be over.
            may_be_brief = self._service.failures < _FAILURES
        if may_be_brief:
            return None
        return next((watcher for watcher in self.watchers if watcher.is_crowding_out()), None)

    def _notify(self) -> None:
        for watcher in self.watchers:
            watcher.on_change()

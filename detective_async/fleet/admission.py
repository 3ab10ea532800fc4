"""Decides which target starts next, so that hosts that do not respond leave slots to the others.

Targets start in the order of the list while nothing is known of their hosts, or while these respond. As soon as some
host has responded or failed, a host that has not responded gets its share: the slots divided by the number of hosts
seen. One that fails keeps a single target in progress while others can use the slots, and then its share. The other
targets wait aside, and the list is read on, by no more than `LOOK_AHEAD` targets. Nothing is given up untried: each
target starts, and where only such targets are left, they get all slots.
"""

from collections import deque
from collections.abc import Callable, Iterator

from attrs import Factory, define, field

from detective_async.fleet.targets import Target
from detective_async.retry.host_health import HostHealth, Watcher

#: The maximum number of targets that wait aside.
LOOK_AHEAD = 1024
#: While nothing is known of any host, none gets all slots: one in so many is kept for targets of other hosts.
_RESERVED = 6


@define(eq=False)
class _Lane:
    """The targets of one host.

    Attributes:
        health: whether the host responds.
        waiting: the targets aside, each with its number in the list.
        in_progress: the number of targets that were started and have not ended.
        giving_up: how many of these make way for others.
        proven: whether a target has ended without a failure of the host; its work may call nothing.
    """

    health: HostHealth
    waiting: deque[tuple[int, Target]] = Factory(deque)
    in_progress: int = 0
    giving_up: int = 0
    proven: bool = False


@define(eq=False)
class Admission:
    """The targets of one run, in the order in which they may start.

    Args:
        targets: read one by one, when a slot is free.
        slots: the maximum number of targets in progress.
        health_of: gives what is known of a region's host.
        on_change: called when a host starts or stops responding: another target may be allowed to start.
    """

    _targets: Iterator[Target]
    _slots: int
    _health_of: Callable[[str], HostHealth]
    _on_change: Callable[[], object]
    _lanes: dict[str, _Lane] = field(default=Factory(dict), init=False)
    _watchers: list[tuple[HostHealth, Watcher]] = field(default=Factory(list), init=False)
    _read: int = field(default=0, init=False)
    _aside: int = field(default=0, init=False)
    _in_progress: int = field(default=0, init=False)
    _exhausted: bool = field(default=False, init=False)
    _error: Exception | None = field(default=None, init=False)

    @property
    def exhausted(self) -> bool:
        """Whether all targets were started."""
        return self._exhausted and not self._aside

    def take(self) -> Target | None:
        """Give the target that starts next, for a free slot; None if none may start before something changes.

        Raises:
            Exception: what the iterator of the targets raised, after all targets before.
        """
        preferred = [lane for lane in self._ready() if not lane.in_progress or not lane.health.failing]
        lane = _first_in_list(preferred) or self._read_on() or _first_in_list(self._ready()) or self._last_resort()
        if lane is None:
            if self._error is not None and not self._aside:
                raise self._error
            return None
        lane.in_progress += 1
        self._in_progress += 1
        self._aside -= 1
        return lane.waiting.popleft()[1]

    def look_ahead(self) -> None:
        """Find a target that waits for a slot of a failing host, if there is one; called while no slot is free."""
        if any(lane.health.failing for lane in self._lanes.values()) and not self._is_awaited():
            self._read_on()

    def ended(self, target: Target) -> None:
        """Note that a target is no longer in progress."""
        lane = self._lanes[target.region]
        lane.in_progress -= 1
        lane.giving_up = max(0, lane.giving_up - 1)
        lane.proven = not lane.health.failing
        self._in_progress -= 1

    def close(self) -> None:
        """Stop watching the hosts; targets may still end."""
        for health, watcher in self._watchers:
            health.watchers.remove(watcher)
        # They refer to this object, which refers to the run: both are cycles.
        self._watchers.clear()
        self._on_change = int

    def _ready(self) -> list[_Lane]:
        return [lane for lane in self._lanes.values() if lane.waiting and self._may_start(lane)]

    def _read_on(self) -> _Lane | None:
        """Read targets until one may start whose host does not fail; give its lane, or None if the bound is reached."""
        while (lane := self._read_one()) is not None:
            if self._may_start(lane) and not (lane.in_progress and lane.health.failing):
                return lane
        return None

    def _read_one(self) -> _Lane | None:
        """Read a target and put it aside; give its lane, or None at the end of the list or if the bound is reached."""
        if self._exhausted or self._aside >= LOOK_AHEAD:
            return None
        try:
            target = next(self._targets, None)
        except Exception as error:  # noqa: BLE001 - of the user's iterator; raised when it is this target's turn
            target, self._error = None, error
        if target is None:
            self._exhausted = True
            return None
        lane = self._lanes.get(target.region) or self._new_lane(target.region)
        lane.waiting.append((self._read, target))
        self._read += 1
        self._aside += 1
        return lane

    def _last_resort(self) -> _Lane | None:
        """Give the lane that is to have a slot that no other target can use."""
        waiting = [lane for lane in self._lanes.values() if lane.waiting]
        if waiting and (self._exhausted or not self._is_known()):
            return min(waiting, key=lambda lane: (lane.in_progress, lane.waiting[0][0]))
        return None

    def _new_lane(self, region: str) -> _Lane:
        lane = self._lanes[region] = _Lane(self._health_of(region))
        watcher = Watcher(
            lambda: self._host_changed(lane), lambda: self._is_crowding_out(lane), lambda: self._giving_up(lane)
        )
        lane.health.watchers.append(watcher)
        self._watchers.append((lane.health, watcher))
        return lane

    def _host_changed(self, lane: _Lane) -> None:
        if not lane.health.ever_responded:
            # It failed. How many slots it may keep depends on how many other hosts there are. Now, because other calls
            # of this host may fail in the same round of the event loop.
            while self._read_one() is not None:
                pass
        self._on_change()

    def _may_start(self, lane: _Lane) -> bool:
        if lane.health.responding or (lane.proven and not lane.health.failing):
            return True
        return lane.in_progress < (self._share() if self._is_known() else self._slots - self._slots // _RESERVED)

    def _is_known(self) -> bool:
        """Return whether any host has responded or failed."""
        return any(lane.health.responding or lane.health.failing for lane in self._lanes.values())

    def _share(self) -> int:
        return -(-self._slots // max(2, len(self._lanes)))

    def _is_awaited(self) -> bool:
        """Return whether a target waits only for a slot, and not for its own host."""
        others = (lane for lane in self._lanes.values() if lane.waiting and not lane.health.failing)
        return any(self._may_start(lane) for lane in others)

    def _is_crowding_out(self, lane: _Lane) -> bool:
        """Return whether this host has more than its share of the slots while a target of another one waits."""
        if self._in_progress < self._slots or lane.in_progress - lane.giving_up <= self._share():
            return False
        return self._is_awaited()

    def _giving_up(self, lane: _Lane) -> None:
        lane.giving_up += 1


def _first_in_list(lanes: list[_Lane]) -> _Lane | None:
    return min(lanes, key=lambda lane: lane.waiting[0][0]) if lanes else None

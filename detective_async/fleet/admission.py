"""Decides which target starts next, so that hosts that do not respond leave slots to the others.

Targets start in the order of the list where their hosts respond, or where nothing is known of any host. A host that has
not responded yet gets its share: the slots divided by the number of hosts seen. One whose targets come in blocks gets a
quarter of the slots that other such hosts leave, so that the hosts of the next blocks are tried at the same time, and
not one connect timeout after the other. A host that fails keeps a single target in progress while others can use the
slots, and then its share. The other targets wait aside, and the list is read on. Nothing is given up untried: each
target starts, and where only such targets are left, they get all slots.
"""

from collections import deque
from collections.abc import Callable, Iterator

from attrs import Factory, define, field

from detective_async.fleet.targets import Target
from detective_async.retry.host_health import HostHealth, Watcher

#: The maximum number of targets that wait aside, while no host fails.
LOOK_AHEAD = 1024
#: The same while one fails, for targets whose number is unknown. Others may all wait: they are in memory already, as a
#: list or as the roles of accounts.
LONG_LOOK_AHEAD = 16_384
#: The maximum number of targets that are read at a time, because the event loop waits meanwhile.
_READ_AT_A_TIME = 16_384
#: Hosts that do not respond keep one slot in so many, where others can use the rest.
_SILENT_PART = 4


@define(eq=False)
class _Lane:
    """The targets of one host.

    Attributes:
        health: whether the host responds.
        waiting: the targets aside, each with its number in the list.
        in_progress: the number of targets that were started and have not ended.
        giving_up: how many of these make way for others.
        proven: whether a target has ended without a failure of the host; its work may call nothing.
        in_blocks: whether many of its targets come one after the other in the list.
    """

    health: HostHealth
    waiting: deque[tuple[int, Target]] = Factory(deque)
    in_progress: int = 0
    giving_up: int = 0
    proven: bool = False
    in_blocks: bool = False

    @property
    def responds(self) -> bool:
        """Whether the host has responded, or its targets need no response, and it does not fail."""
        return self.health.responding or (self.proven and not self.health.failing)

    @property
    def staying(self) -> int:
        """The number of targets in progress that do not make way for others."""
        return self.in_progress - self.giving_up


@define(eq=False)
class Admission:
    """The targets of one run, in the order in which they may start.

    Args:
        targets: read one by one, when a slot is free.
        slots: the maximum number of targets in progress.
        long_look_ahead: the maximum number of targets that wait aside while a host fails.
        health_of: gives what is known of a region's host.
        on_change: called when a host starts or stops responding: another target may be allowed to start.
    """

    _targets: Iterator[Target]
    _slots: int
    _long_look_ahead: int
    _health_of: Callable[[str], HostHealth]
    _on_change: Callable[[], object]
    _lanes: dict[str, _Lane] = field(default=Factory(dict), init=False)
    _watchers: list[tuple[HostHealth, Watcher]] = field(default=Factory(list), init=False)
    _read: int = field(default=0, init=False)
    _aside: int = field(default=0, init=False)
    _exhausted: bool = field(default=False, init=False)
    _error: Exception | None = field(default=None, init=False)
    # How many of the targets that were read last are of the same host.
    _block: int = field(default=0, init=False)
    _last_read: _Lane | None = field(default=None, init=False)

    @property
    def exhausted(self) -> bool:
        """Whether all targets were started."""
        return self._exhausted and not self._aside

    def take(self) -> Target | None:
        """Give the target that starts next, for a free slot; None if none may start before something changes.

        Raises:
            Exception: what the iterator of the targets raised, after all targets before.
        """
        lane = (
            self._first(self._may_start)
            or self._read_on()
            or self._first(lambda lane: not lane.health.failing and lane.in_progress < self._share())
            or self._first(lambda lane: lane.in_progress < self._share())
            or self._last_resort()
        )
        if lane is None:
            if self._error is not None and not self._aside:
                raise self._error
            return None
        lane.in_progress += 1
        self._aside -= 1
        return lane.waiting.popleft()[1]

    def look_ahead(self) -> None:
        """Find targets that can use the slots of failing hosts, if there are any; called while no slot is free."""
        if failing := self._failing():
            self._read_until(failing)

    def ended(self, target: Target) -> None:
        """Note that a target is no longer in progress."""
        lane = self._lanes[target.region]
        lane.in_progress -= 1
        lane.giving_up = max(0, lane.giving_up - 1)
        lane.proven = not lane.health.failing

    def close(self) -> None:
        """Stop watching the hosts; targets may still end."""
        for health, watcher in self._watchers:
            health.watchers.remove(watcher)
        # They refer to this object, which refers to the run: both are cycles.
        self._watchers.clear()
        self._on_change = int

    def _first(self, may_start: Callable[[_Lane], bool]) -> _Lane | None:
        """Give the lane whose next target comes first in the list, among those that may start."""
        if not self._aside:
            return None
        lanes = [lane for lane in self._lanes.values() if lane.waiting and may_start(lane)]
        return min(lanes, key=lambda lane: lane.waiting[0][0]) if lanes else None

    def _read_on(self) -> _Lane | None:
        """Read targets until one may start before those aside; give its lane, or None if there is none so far."""
        for lane in self._read_some():
            if self._may_start(lane):
                return lane
        return None

    def _read_until(self, wanted: int) -> None:
        """Read targets until so many more than there are free slots wait for nothing but a slot."""
        missing = wanted - self._excess()
        if missing <= 0 or any(self._is_full(lane) for lane in self._lanes.values()):
            return
        for lane in self._read_some():
            if self._is_full(lane):
                return
            if not lane.health.failing and len(lane.waiting) <= self._room(lane):
                missing -= 1
                if not missing:
                    return

    def _is_full(self, lane: _Lane) -> bool:
        """Return whether more targets of a host that does not fail would have to wait for it."""
        return self._any_responds() and not lane.health.failing and 0 < self._room(lane) < len(lane.waiting)

    def _read_some(self) -> Iterator[_Lane]:
        """Read targets, put them aside, and give their lanes."""
        failing = any(lane.health.failing for lane in self._lanes.values())
        bound = max(LOOK_AHEAD, self._long_look_ahead) if failing else LOOK_AHEAD
        for _ in range(min(bound - self._aside, _READ_AT_A_TIME)):
            if self._exhausted:
                return
            try:
                target = next(self._targets, None)
            except Exception as error:  # noqa: BLE001 - of the user's iterator; raised when it is this target's turn
                target, self._error = None, error
            if target is None:
                self._exhausted = True
                return
            yield self._put_aside(target)

    def _put_aside(self, target: Target) -> _Lane:
        lane = self._lanes.get(target.region) or self._new_lane(target.region)
        lane.waiting.append((self._read, target))
        self._read += 1
        self._aside += 1
        self._block = self._block + 1 if lane is self._last_read else 1
        self._last_read = lane
        if self._block > 1 and not lane.in_blocks:
            lane.in_blocks = self._block > self._part(lane)
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
            # It failed. Which hosts wait for its slots decides on its retries. Now, because other calls of this host,
            # and of others that do not respond, may fail in the same round of the event loop.
            self._read_until(self._silent())
        self._on_change()

    def _may_start(self, lane: _Lane) -> bool:
        """Return whether a target of this host may start before those of hosts that come later in the list."""
        if lane.responds:
            return True
        if lane.health.failing:
            return not lane.in_progress and self._failing() < self._failing_limit()
        return lane.in_progress < self._limit(lane)

    def _limit(self, lane: _Lane) -> int:
        """Return how many targets may be in progress of a host that has not responded yet."""
        limit = self._share() if self._is_known() else self._slots
        if lane.in_blocks:
            limit = min(limit, self._part(lane))
        return limit

    def _part(self, lane: _Lane) -> int:
        """Return a part of the slots that the other hosts leave which do not respond."""
        return max(1, (self._slots - self._silent() + lane.in_progress) // _SILENT_PART)

    def _room(self, lane: _Lane) -> int:
        """Return how many more targets of a host that does not fail could make use of slots of failing ones."""
        if lane.responds:
            return self._slots - lane.in_progress
        # If no host responds, all may be down for a moment: one target will tell.
        return (self._share() if self._any_responds() else 1) - lane.in_progress

    def _any_responds(self) -> bool:
        return any(lane.responds for lane in self._lanes.values())

    def _is_known(self) -> bool:
        """Return whether any host has responded or failed."""
        return any(lane.health.responding or lane.health.failing for lane in self._lanes.values())

    def _share(self) -> int:
        return -(-self._slots // max(2, len(self._lanes)))

    def _failing_limit(self) -> int:
        """Return how many targets of failing hosts may be in progress while others can use the slots."""
        return max(1, self._slots // _SILENT_PART)

    def _silent(self) -> int:
        """Return the number of targets in progress whose hosts do not respond."""
        return sum(lane.in_progress for lane in self._lanes.values() if not lane.responds)

    def _failing(self) -> int:
        """Return the number of targets in progress whose hosts fail, without those that make way."""
        return sum(lane.staying for lane in self._lanes.values() if lane.health.failing)

    def _excess(self) -> int:
        """Return by how many the targets that wait for nothing but a slot exceed the slots that are or become free."""
        lanes = self._lanes.values()
        waiting = sum(min(len(lane.waiting), max(0, self._room(lane))) for lane in lanes if not lane.health.failing)
        return waiting - (self._slots - sum(lane.staying for lane in lanes))

    def _is_crowding_out(self, lane: _Lane) -> bool:
        """Return whether targets of other hosts wait for slots, of which failing hosts have more than they may."""
        return lane.staying > 0 and self._failing() > self._failing_limit() and self._excess() > 0

    def _giving_up(self, lane: _Lane) -> None:
        lane.giving_up += 1

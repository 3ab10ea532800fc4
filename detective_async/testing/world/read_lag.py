"""Read lag: operations that read see what has been written only after a while, as in AWS.

Each change adds a state of what can be seen, and an operation with a lag reads the last state that is old enough.
Members and investigations are immutable, so states share them, and the copies of graphs that have not changed. Nothing
is recorded until there is a lag.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from attrs import define, field, frozen

from detective_async.testing.world.entities import Administrator, Graph, Organization

#: The operations that only read.
READS = frozenset(
    {
        "BatchGetGraphMemberDatasources",
        "BatchGetMembershipDatasources",
        "DescribeOrganizationConfiguration",
        "GetInvestigation",
        "GetMembers",
        "ListDatasourcePackages",
        "ListGraphs",
        "ListIndicators",
        "ListInvestigations",
        "ListInvitations",
        "ListMembers",
        "ListOrganizationAdminAccounts",
        "ListTagsForResource",
    }
)
#: The operations that may have a lag: the answers to an invitation, too, do not find one that was just made.
LAGGING = READS | {"AcceptInvitation", "RejectInvitation"}

_NONE = timedelta(0)


@frozen
class State:
    """What can be seen from a moment on."""

    moment: datetime
    graphs: dict[str, Graph]
    administered: dict[tuple[str, str], str]
    memberships: dict[tuple[str, str], tuple[str, ...]]
    # Management account -> region -> administrator.
    administrators: dict[str, dict[str, Administrator]]

    def __deepcopy__(self, _memo: dict[int, Any]) -> "State":
        # Nothing changes it, nor the graphs in it.
        return self


@define
class ReadLag:
    """The lag of each operation, and the states that may still be read."""

    default: timedelta = _NONE
    # Those of `LAGGING` that differ from the default.
    operations: dict[str, timedelta] = field(factory=dict)
    # When each of them was set: what was written before is seen without a lag.
    _since: datetime | None = None
    _since_of: dict[str, datetime] = field(factory=dict)
    _states: list[State] = field(factory=list)

    def of(self, operation: str) -> timedelta:
        """Return the lag of an operation."""
        return self.operations.get(operation, self.default if operation in LAGGING else _NONE)

    def set(self, lag: timedelta, operations: Iterable[str] | None, now: datetime) -> None:
        """Set the lag of a few operations, or of all."""
        if operations is None:
            self.default, self.operations = lag, {}
            self._since, self._since_of = now, {}
        else:
            names = list(operations)
            self.operations.update(dict.fromkeys(names, lag))
            self._since_of.update(dict.fromkeys(names, now))

    def moment(self, operation: str, now: datetime) -> datetime:
        """Return the moment whose state an operation reads now."""
        moment = now - self.of(operation)
        since = self._since_of.get(operation, self._since)
        # The clock of a test may have been set back.
        return moment if since is None else max(moment, min(since, now))

    def longest(self) -> timedelta:
        """Return the longest lag."""
        return max((self.default, *self.operations.values()))

    def record(
        self,
        now: datetime,
        graphs: Mapping[str, Graph],
        organizations: Mapping[str, Organization],
        administered: Mapping[tuple[str, str], str],
        memberships: Mapping[tuple[str, str], tuple[str, ...]],
    ) -> None:
        """Add the present state, and drop those that no operation reads any more."""
        longest = self.longest()
        if not longest:
            self._states.clear()
            return
        before = self._states[-1].graphs if self._states else {}
        copies = {}
        for arn, graph in graphs.items():
            known = before.get(arn)
            copies[arn] = known if known == graph else graph.copy()
        administrators = {name: dict(one.administrators) for name, one in organizations.items()}
        # The clock of a test may have been set back.
        moment = max(now, self._states[-1].moment) if self._states else now
        self._states.append(State(moment, copies, dict(administered), dict(memberships), administrators))
        del self._states[: self._index(now - longest)]

    def at(self, moment: datetime) -> State:
        """Return the state at a moment: the first one, if none is old enough. There must be a lag."""
        return self._states[self._index(moment)]

    def _index(self, moment: datetime) -> int:
        return max(0, bisect_right(self._states, moment, key=_moment) - 1)


def _moment(state: State) -> datetime:
    return state.moment

"""One call of an operation: the caller, the validated input, the time, and the world it acts on."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from attrs import evolve, frozen

from detective_async.testing.services import paging
from detective_async.testing.services.errors import ApiError, denied, not_found
from detective_async.testing.world.entities import Graph, Member, Session
from detective_async.testing.world.membership import OPEN_STATUSES
from detective_async.testing.world.world import World


@frozen
class Call:
    """A call whose signature and input have been checked.

    `account_id` is the calling account and `session` the role that it has assumed, if any; `region` is that of the
    signature, `now` the virtual time, and `given` has the input's members by wire name.
    """

    world: World
    operation: str
    account_id: str
    region: str
    now: datetime
    given: dict[str, Any]
    session: Session | None = None
    # The world as this operation sees it, where that is not `world`: as it was a while ago.
    seen: World | None = None
    # By how much `now` is ahead of the clocks of clients; negative if it is behind them.
    ahead: timedelta = timedelta(0)

    def graph(self, member: str = "GraphArn") -> Graph:
        """Return the graph that an input member names, which must be in this region, and not be deleted."""
        graph = self.world.graphs.get(self.given[member])
        if graph is None or graph.region != self.region or graph.deleted_at is not None:
            raise not_found("The behavior graph does not exist")
        return graph

    def own_graph(self, member: str = "GraphArn") -> Graph:
        """Return the graph that an input member names, which the caller must administer."""
        graph = self.graph(member)
        if graph.administrator != self.account_id:
            raise denied("Only the administrator account of the behavior graph may do this")
        return graph

    def membership(self) -> tuple[Graph, Member]:
        """Return the graph that the input names, and the caller's membership of it, which there must be."""
        graph = self.graph()
        member = graph.members.get(self.account_id)
        if member is None:
            raise _no_member()
        return graph, member

    def invitation(self) -> tuple[Graph, Member]:
        """Return what `membership` does, if the operation sees already that there is this invitation."""
        graph, member = self.membership()
        if self.seen is not None:
            _, seen = evolve(self, world=self.seen, seen=None).membership()
            if seen.status not in OPEN_STATUSES or seen.invited_at != member.invited_at:
                raise _no_member()
        return graph, member

    def resumed(self, *, scope: Sequence[Any] = ()) -> Any:
        """Return the key after which the page begins that the input asks for; None for the first page."""
        return paging.last_key(self.given.get("NextToken"), scope=self._scope(scope), now=self.now)

    def page(
        self, keys: Sequence[Any], *, limit: int = 200, scope: Sequence[Any] = ()
    ) -> tuple[Sequence[Any], str | None]:
        """Return the page of sorted keys that the input asks for; `limit` is the default of MaxResults."""
        return paging.page(
            keys,
            token=self.given.get("NextToken"),
            limit=self.given.get("MaxResults", limit),
            scope=self._scope(scope),
            now=self.now,
        )

    def _scope(self, scope: Sequence[Any]) -> list[Any]:
        return [self.operation, self.account_id, self.region, self.given.get("GraphArn"), *scope]


def _no_member() -> ApiError:
    return not_found("The account is not a member of the behavior graph")

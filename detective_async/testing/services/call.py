"""One call of an operation: the caller, the validated input, the time, and the world it acts on."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from attrs import frozen

from detective_async.testing.services import paging
from detective_async.testing.services.errors import denied, not_found
from detective_async.testing.world.entities import Graph, Member, Session
from detective_async.testing.world.world import World


@frozen
class Call:
    """A call whose signature and input have been checked.

    Args:
        world: the state to read and change.
        operation: such as `ListMembers`.
        account_id: the calling account.
        region: the region of the signature.
        now: the virtual time.
        given: the input's members, by wire name.
        session: the role that the caller has assumed; None for a user.
    """

    world: World
    operation: str
    account_id: str
    region: str
    now: datetime
    given: dict[str, Any]
    session: Session | None = None

    def graph(self, member: str = "GraphArn") -> Graph:
        """Return the graph that an input member names.

        Raises:
            ApiError: there is none in this region.
        """
        graph = self.world.graphs.get(self.given[member])
        if graph is None or graph.region != self.region:
            raise not_found("The behavior graph does not exist")
        return graph

    def own_graph(self, member: str = "GraphArn") -> Graph:
        """Return the graph that an input member names, which the caller must administer.

        Raises:
            ApiError: there is none, or another account administers it.
        """
        graph = self.graph(member)
        if graph.administrator != self.account_id:
            raise denied("Only the administrator account of the behavior graph may do this")
        return graph

    def membership(self) -> tuple[Graph, Member]:
        """Return the graph that the input names, and the caller's membership of it.

        Raises:
            ApiError: there is no such graph, or the caller is not a member.
        """
        graph = self.graph()
        member = graph.members.get(self.account_id)
        if member is None:
            raise not_found("The account is not a member of the behavior graph")
        return graph, member

    def page(
        self, keys: Sequence[Any], *, limit: int = 200, scope: Sequence[Any] = ()
    ) -> tuple[Sequence[Any], str | None]:
        """Return the page of sorted keys that the input asks for; `limit` is the default of MaxResults."""
        return paging.page(
            keys,
            token=self.given.get("NextToken"),
            limit=self.given.get("MaxResults", limit),
            scope=[self.operation, self.account_id, self.region, self.given.get("GraphArn"), *scope],
            now=self.now,
        )

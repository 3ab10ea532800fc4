"""The calls that are compared one by one: the request of every contender, and the server's answer."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from canned import graphs_page, members_page
from world import ACCOUNT_ID, PAGE, REGION, graph_arn

#: A graph with more than one page.
GRAPH_ARN = graph_arn(ACCOUNT_ID, REGION, 2 * PAGE)


@dataclass(frozen=True)
class Workload:
    """One kind of call.

    Attributes:
        name: the API operation.
        path: the path of the URL.
        request: the members of the request.
        make_body: makes the body of the answer; not done at import, where it would count as the contender's memory.
    """

    name: str
    path: str
    request: dict[str, Any]
    make_body: Callable[[], bytes]

    @cached_property
    def body(self) -> bytes:
        """The body of the answer."""
        return self.make_body()

    @property
    def answer(self) -> dict[str, Any]:
        """The members of the answer."""
        answer: dict[str, Any] = json.loads(self.body)
        return answer


LIST_GRAPHS = Workload("ListGraphs", "/graphs/list", {}, partial(graphs_page, ACCOUNT_ID, REGION))
LIST_MEMBERS = Workload(
    "ListMembers", "/graph/members/list", {"GraphArn": GRAPH_ARN, "MaxResults": PAGE}, partial(members_page, GRAPH_ARN)
)
WORKLOADS = {workload.name: workload for workload in (LIST_GRAPHS, LIST_MEMBERS)}

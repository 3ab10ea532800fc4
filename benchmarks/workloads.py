"""The calls that are compared one by one: what is asked of every contender, and what the server answers."""

import json
from dataclasses import dataclass
from typing import Any

from canned import graphs_page, members_page
from world import ACCOUNT_ID, PAGE, REGION, graph_arn

#: A graph of which a page is not the last.
GRAPH_ARN = graph_arn(ACCOUNT_ID, REGION, 2 * PAGE)


@dataclass(frozen=True)
class Workload:
    """One kind of call.

    Attributes:
        name: the API operation.
        path: where it is sent.
        request: the members of its request.
        body: the answer as it is sent.
    """

    name: str
    path: str
    request: dict[str, Any]
    body: bytes

    @property
    def answer(self) -> dict[str, Any]:
        """The members of the answer."""
        answer: dict[str, Any] = json.loads(self.body)
        return answer


LIST_GRAPHS = Workload("ListGraphs", "/graphs/list", {}, graphs_page(ACCOUNT_ID, REGION))
LIST_MEMBERS = Workload(
    "ListMembers", "/graph/members/list", {"GraphArn": GRAPH_ARN, "MaxResults": PAGE}, members_page(GRAPH_ARN)
)
WORKLOADS = {workload.name: workload for workload in (LIST_GRAPHS, LIST_MEMBERS)}

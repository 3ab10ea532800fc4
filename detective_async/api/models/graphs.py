"""Behavior graphs.

This module has no more than ListGraphs needs, which many programs call first.
"""

from datetime import datetime

from attrs import Factory, field, frozen

from detective_async.api.models.base import Response
from detective_async.api.models.constraints import MAX_RESULTS, PAGINATION_TOKEN, rule


@frozen(kw_only=True)
class Graph:
    """A behavior graph of which the calling account is the administrator.

    Attributes:
        arn: its ARN.
        created_time: when Detective was enabled.
    """

    arn: str
    created_time: datetime | None = None


@frozen
class ListGraphsRequest:
    """The members of ListGraphs."""

    next_token: str | None = field(default=None, kw_only=True, metadata=rule(PAGINATION_TOKEN))
    max_results: int | None = field(default=None, kw_only=True, metadata=rule(MAX_RESULTS))


@frozen(kw_only=True)
class ListGraphsResponse(Response):
    """A page of ListGraphs.

    Attributes:
        graph_list: the graphs; at most one per account and region today.
        next_token: the token of the next page; None on the last page.
    """

    graph_list: list[Graph] = Factory(list)
    next_token: str | None = None

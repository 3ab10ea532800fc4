"""Behavior graphs and their tags."""

from collections.abc import Mapping
from datetime import datetime

from attrs import Factory, field, frozen

from detective_async.api.models.base import Response
from detective_async.api.models.constraints import (
    GRAPH_ARN,
    MAX_RESULTS,
    PAGINATION_TOKEN,
    TAG_KEY,
    TAGS,
    Items,
    list_if_iterable,
    rule,
)


@frozen(kw_only=True)
class Graph:
    """A behavior graph of which the calling account is the administrator.

    Attributes:
        arn: its ARN.
        created_time: when Detective was enabled.
    """

    arn: str | None = None
    created_time: datetime | None = None


@frozen
class CreateGraphRequest:
    """The members of CreateGraph."""

    tags: Mapping[str, str] | None = field(default=None, kw_only=True, metadata=rule(TAGS))


@frozen(kw_only=True)
class CreateGraphResponse(Response):
    """The response of CreateGraph.

    Attributes:
        graph_arn: the graph's ARN; the existing graph's if the account had one already.
    """

    graph_arn: str | None = None


@frozen
class DeleteGraphRequest:
    """The members of DeleteGraph."""

    graph_arn: str = field(metadata=rule(GRAPH_ARN))


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


@frozen
class ListTagsForResourceRequest:
    """The members of ListTagsForResource."""

    resource_arn: str = field(metadata=rule(GRAPH_ARN))


@frozen(kw_only=True)
class ListTagsForResourceResponse(Response):
    """The response of ListTagsForResource.

    Attributes:
        tags: tag key -> tag value; at most 50.
    """

    tags: dict[str, str] = Factory(dict)


@frozen
class TagResourceRequest:
    """The members of TagResource."""

    resource_arn: str = field(metadata=rule(GRAPH_ARN))
    tags: Mapping[str, str] = field(metadata=rule(TAGS))


@frozen(kw_only=True)
class TagResourceResponse(Response):
    """The response of TagResource: nothing beyond its metadata."""


@frozen
class UntagResourceRequest:
    """The members of UntagResource."""

    resource_arn: str = field(metadata=rule(GRAPH_ARN))
    tag_keys: list[str] = field(converter=list_if_iterable, metadata=rule(Items(TAG_KEY, max_items=50)))


@frozen(kw_only=True)
class UntagResourceResponse(Response):
    """The response of UntagResource: nothing beyond its metadata."""

"""The tags of behavior graphs."""

from collections.abc import Mapping

from attrs import Factory, field, frozen

from detective_async.api.models.base import Response
from detective_async.api.models.constraints import GRAPH_ARN, TAG_KEY, TAGS, Items, list_if_iterable, rule


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

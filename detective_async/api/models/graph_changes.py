"""Making and deleting behavior graphs."""

from collections.abc import Mapping

from attrs import field, frozen

from detective_async.api.models.base import Response
from detective_async.api.models.constraints import GRAPH_ARN, TAGS, rule


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

    graph_arn: str


@frozen
class DeleteGraphRequest:
    """The members of DeleteGraph."""

    graph_arn: str = field(metadata=rule(GRAPH_ARN))

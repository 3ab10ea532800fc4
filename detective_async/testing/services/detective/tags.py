"""The tags of a graph."""

from typing import Any

from detective_async.testing.services.call import Call
from detective_async.testing.services.errors import invalid
from detective_async.testing.services.parity import parity

TAGS_PER_GRAPH = 50


@parity("The tags of the caller's own graph.")
def list_tags_for_resource(call: Call) -> dict[str, Any]:
    """List the tags."""
    return {"Tags": dict(sorted(call.own_graph("ResourceArn").tags.items()))}


@parity("50 tags of a graph, of the API's characters; a key that exists gets the new value.")
def tag_resource(call: Call) -> None:
    """Add tags; a key that exists already gets the new value."""
    graph = call.own_graph("ResourceArn")
    tags = {**graph.tags, **call.given["Tags"]}
    if len(tags) > TAGS_PER_GRAPH:
        raise invalid(f"1 validation error detected: 'tags' would give the graph more than {TAGS_PER_GRAPH} tags")
    graph.tags = tags


@parity("Keys that do not exist are ignored.")
def untag_resource(call: Call) -> None:
    """Remove tags; keys that do not exist are ignored."""
    graph = call.own_graph("ResourceArn")
    for key in call.given["TagKeys"]:
        graph.tags.pop(key, None)

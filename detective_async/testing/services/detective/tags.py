"""The tags of a graph."""

from typing import Any

from detective_async.testing.services.call import Call
from detective_async.testing.services.errors import invalid
from detective_async.testing.services.parity import API, INFERRED, Fact, parity

TAGS_PER_GRAPH = 50


@parity(Fact("The tags of a graph.", API), Fact("Only its administrator may read or change them.", INFERRED))
def list_tags_for_resource(call: Call) -> dict[str, Any]:
    """List the tags."""
    return {"Tags": dict(sorted(call.own_graph("ResourceArn").tags.items()))}


@parity(
    Fact("50 tags, of the API's characters.", API),
    Fact("A graph has 50 tags in all; a key that exists gets the new value.", INFERRED),
)
def tag_resource(call: Call) -> None:
    """Add tags; a key that exists already gets the new value."""
    graph = call.own_graph("ResourceArn")
    tags = {**graph.tags, **call.given["Tags"]}
    if len(tags) > TAGS_PER_GRAPH:
        raise invalid(f"1 validation error detected: 'tags' would give the graph more than {TAGS_PER_GRAPH} tags")
    graph.tags = tags


@parity(Fact("Keys that do not exist are ignored.", INFERRED))
def untag_resource(call: Call) -> None:
    """Remove tags; keys that do not exist are ignored."""
    graph = call.own_graph("ResourceArn")
    for key in call.given["TagKeys"]:
        graph.tags.pop(key, None)

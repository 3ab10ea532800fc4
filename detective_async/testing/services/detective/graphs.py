"""Behavior graphs."""

from typing import Any

from detective_async.testing.services.call import Call
from detective_async.testing.services.errors import conflict


def create_graph(call: Call) -> dict[str, Any]:
    """Enable Detective; a repeated call returns the same graph and leaves its tags unchanged."""
    graph = call.world.administered(call.account_id, call.region)
    if graph is None:
        graph = call.world.ensure_graph(call.account_id, call.region, call.now)
        graph.tags.update(call.given.get("Tags", {}))
    if graph.deleted_at is not None:
        raise conflict("The behavior graph of the account is being deleted")
    return {"GraphArn": graph.arn}


def delete_graph(call: Call) -> None:
    """Disable Detective: the members lose the graph at once, and the graph is queued to be deleted."""
    call.world.delete_graph(call.own_graph(), call.now)


def list_graphs(call: Call) -> dict[str, Any]:
    """List the graph that the caller administers in this region, if there is one, even if it is being deleted."""
    graph = call.world.administered(call.account_id, call.region)
    arns, token = call.page([graph.arn] if graph else [])
    graphs = [call.world.graphs[arn] for arn in arns]
    return {"GraphList": [{"Arn": one.arn, "CreatedTime": one.created} for one in graphs], "NextToken": token}

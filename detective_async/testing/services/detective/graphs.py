"""Behavior graphs."""

from typing import Any

from detective_async.testing.services.call import Call


def create_graph(call: Call) -> dict[str, Any]:
    """Enable Detective; a repeated call returns the same graph and leaves its tags unchanged."""
    graph = call.world.administered(call.account_id, call.region)
    if graph is None:
        graph = call.world.ensure_graph(call.account_id, call.region, call.now)
        graph.tags.update(call.given.get("Tags", {}))
    return {"GraphArn": graph.arn}


def delete_graph(call: Call) -> None:
    """Disable Detective."""
    call.world.delete_graph(call.own_graph())


def list_graphs(call: Call) -> dict[str, Any]:
    """List the graph that the caller administers in this region, if there is one."""
    graph = call.world.administered(call.account_id, call.region)
    arns, token = call.page([graph.arn] if graph else [])
    graphs = [call.world.graphs[arn] for arn in arns]
    return {"GraphList": [{"Arn": one.arn, "CreatedTime": one.created} for one in graphs], "NextToken": token}

"""Behavior graphs."""

from typing import Any

from detective_async.testing.operations.call import Call


def create_graph(call: Call) -> dict[str, Any]:
    """Enable Detective; done again, it answers with the same graph and leaves its tags alone."""
    graph = call.world.administered(call.account_id, call.region)
    if graph is None:
        graph = call.world.open_graph(call.account_id, call.region, call.now)
        graph.tags.update(call.given.get("Tags", {}))
    return {"GraphArn": graph.arn}


def delete_graph(call: Call) -> None:
    """Disable Detective."""
    call.world.close_graph(call.own_graph())


def list_graphs(call: Call) -> dict[str, Any]:
    """List the graph that the caller administers here, if there is one."""
    graph = call.world.administered(call.account_id, call.region)
    arns, token = call.page([graph.arn] if graph else [])
    graphs = [call.world.graphs[arn] for arn in arns]
    return {"GraphList": [{"Arn": one.arn, "CreatedTime": one.created} for one in graphs], "NextToken": token}

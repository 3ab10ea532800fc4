"""Behavior graphs."""

from typing import Any

from detective_async.testing.services.call import Call
from detective_async.testing.services.errors import conflict
from detective_async.testing.services.parity import API, INFERRED, SOURCE_DATA, Fact, parity


@parity(
    Fact("Repeated, it returns the same ARN.", API),
    Fact("It leaves the tags unchanged then.", INFERRED),
    Fact("A new graph has all three data source packages started.", SOURCE_DATA),
    Fact("While the account's graph is being deleted: ConflictException.", INFERRED),
    gaps=("The quota of graphs per account.",),
)
def create_graph(call: Call) -> dict[str, Any]:
    """Enable Detective; a repeated call returns the same graph and leaves its tags unchanged."""
    graph = call.world.administered(call.account_id, call.region)
    if graph is None:
        graph = call.world.ensure_graph(call.account_id, call.region, call.now)
        graph.tags.update(call.given.get("Tags", {}))
    if graph.deleted_at is not None:
        raise conflict("The behavior graph of the account is being deleted")
    return {"GraphArn": graph.arn}


@parity(
    Fact("The members' lists lose the graph.", API),
    Fact("They lose it at once.", INFERRED),
    Fact("The graph is queued to be deleted.", API),
    Fact("For the deletion delay, ListGraphs still has it.", INFERRED),
    Fact("Operations on a graph that is being deleted do not find it.", INFERRED),
)
def delete_graph(call: Call) -> None:
    """Disable Detective: the members lose the graph at once, and the graph is queued to be deleted."""
    call.world.delete_graph(call.own_graph(), call.now)


@parity(Fact("An account has one graph in a region at most.", API))
def list_graphs(call: Call) -> dict[str, Any]:
    """List the graph that the caller administers in this region, if there is one, even if it is being deleted."""
    graph = call.world.administered(call.account_id, call.region)
    arns, token = call.page([graph.arn] if graph else [])
    graphs = [call.world.graphs[arn] for arn in arns]
    return {"GraphList": [{"Arn": one.arn, "CreatedTime": one.created} for one in graphs], "NextToken": token}

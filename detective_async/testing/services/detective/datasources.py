"""Data source packages, and the ingest history of graphs and members."""

from typing import Any

from detective_async.testing.services.call import Call
from detective_async.testing.services.parity import API, INFERRED, SRA, Fact, parity
from detective_async.testing.world.entities import CORE_PACKAGE, Graph, History


@parity(
    Fact("Each package with its state, and the last time of each change.", API),
    Fact("For the package delay, a package that is being started is DISABLED or STOPPED.", INFERRED),
)
def list_datasource_packages(call: Call) -> dict[str, Any]:
    """List each package of the graph with its state."""
    graph = call.own_graph()
    packages, token = call.page(sorted(graph.packages))
    details = {
        package: {
            "DatasourcePackageIngestState": graph.packages[package],
            "LastIngestStateChange": _dates(graph.history[package]),
        }
        for package in packages
    }
    return {"DatasourcePackages": details, "NextToken": token}


@parity(
    Fact("It starts packages.", API),
    Fact("It sets the whole list: packages that are not named are stopped.", INFERRED),
    Fact("AWS's own samples always name DETECTIVE_CORE beside what they add.", SRA),
    Fact("DETECTIVE_CORE cannot be stopped.", INFERRED),
)
def update_datasource_packages(call: Call) -> None:
    """Start these packages, and stop all others but the core package, for the graph and its enabled members."""
    graph = call.own_graph()
    wanted = {CORE_PACKAGE, *call.given["DatasourcePackages"]}
    for package, state in list(graph.packages.items()):
        if package not in wanted:
            graph.starting.pop(package, None)
            if state == "STARTED":
                graph.set_package(package, "STOPPED", call.now)
        elif state != "STARTED" and package not in graph.starting:
            call.world.start_package(graph, package, call.now)


@parity(
    Fact("The history of each member.", API),
    Fact("The administrator has that of the graph.", INFERRED),
    Fact("Members that never were enabled have an empty history.", INFERRED),
)
def batch_get_graph_member_datasources(call: Call) -> dict[str, Any]:
    """Return the ingest histories of accounts in the caller's graph."""
    graph = call.own_graph()
    found, unprocessed = [], []
    for account_id in dict.fromkeys(call.given["AccountIds"]):
        history = _history(graph, account_id)
        if history is None:
            unprocessed.append({"AccountId": account_id, "Reason": "Account is not a member"})
        else:
            found.append(_membership(graph, account_id, history))
    return {"MemberDatasources": found, "UnprocessedAccounts": unprocessed}


@parity(
    Fact("The caller's history in each graph that it is a member of.", API),
    Fact("So it has in the graph that it administers.", INFERRED),
)
def batch_get_membership_datasources(call: Call) -> dict[str, Any]:
    """Return the caller's ingest histories in several graphs."""
    found, unprocessed = [], []
    for arn in dict.fromkeys(call.given["GraphArns"]):
        graph = call.world.graphs.get(arn)
        exists = graph is not None and graph.region == call.region and graph.deleted_at is None
        history = _history(graph, call.account_id) if graph and exists else None
        if graph is None or history is None:
            unprocessed.append({"GraphArn": arn, "Reason": "Account is not a member of this behavior graph"})
        else:
            found.append(_membership(graph, call.account_id, history))
    return {"MembershipDatasources": found, "UnprocessedGraphs": unprocessed}


def _history(graph: Graph, account_id: str) -> History | None:
    """Return an account's ingest history, or None if it is not in the graph; the administrator has the graph's."""
    if account_id == graph.administrator:
        return {name: dates for name, dates in graph.history.items() if graph.packages[name] != "DISABLED"}
    member = graph.members.get(account_id)
    return member.ingest if member else None


def _membership(graph: Graph, account_id: str, history: History) -> dict[str, Any]:
    return {
        "AccountId": account_id,
        "GraphArn": graph.arn,
        "DatasourcePackageIngestHistory": {package: _dates(dates) for package, dates in history.items()},
    }


def _dates(dates: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {state: {"Timestamp": moment} for state, moment in dates.items()}

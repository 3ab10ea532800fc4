"""States of data source packages that AWS, and no operation, puts them in."""

from datetime import datetime
from typing import Literal

from detective_async.testing.world import PACKAGES, World

PackageState = Literal["STARTED", "STOPPED", "DISABLED"]


def set_package(world: World, graph_arn: str, package: str, state: PackageState, now: datetime) -> None:
    """Put a package in a state, for the graph and for each of its enabled members.

    Raises:
        ValueError: there is no such graph, package or state.
    """
    graph = world.graphs.get(graph_arn)
    if graph is None:
        raise ValueError(f"there is no behavior graph {graph_arn!r}")
    if package not in PACKAGES:
        raise ValueError(f"a package is one of {', '.join(PACKAGES)}, got {package!r}")
    if state not in ("STARTED", "STOPPED", "DISABLED"):
        raise ValueError(f"a package's state is one of STARTED, STOPPED, DISABLED, got {state!r}")
    graph.packages[package] = state
    graph.history[package][state] = now
    for member in graph.members.values():
        if member.status == "ENABLED":
            member.ingest.setdefault(package, {})[state] = now

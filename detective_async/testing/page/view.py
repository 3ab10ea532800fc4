"""What there is to see, as plain data. Keys, tokens, signatures and bodies are no part of it.

Every list comes in parts, so that what is sent and drawn stays small however large the world is.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from heapq import nlargest
from itertools import islice
from operator import attrgetter
from typing import Any, TypeVar

from attrs import NOTHING, fields

from detective_async.testing.faults import Effect, Fault
from detective_async.testing.page.query import Query
from detective_async.testing.records import RecordedRequest
from detective_async.testing.service import Service
from detective_async.testing.state import Account, Graph, Investigation, Member
from detective_async.testing.world import World

# How many entries a part of a list has.
PART = 50

# An invitation that is still to be accepted or declined, or on its way to be.
_OPEN = ("VERIFICATION_IN_PROGRESS", "INVITED")
# Of a path, which may be as long as its sender likes.
_SHOWN = 200

T = TypeVar("T")
_Counts = dict[str, Counter[str]]
_status = attrgetter("status")


def describe(service: Service, query: Query) -> dict[str, Any]:
    """Describe the part of the simulated world that is asked for."""
    world, clock, offsets = service.world, service.clock, query.offsets
    now = clock.now()
    world.settle(now)
    # The one look at every member of every graph: 240,000 of them take some milliseconds.
    counts = {arn: Counter(map(_status, graph.members.values())) for arn, graph in world.graphs.items()}
    faults = service.faults.pending()
    return {
        "now": _time(now),
        "ahead": round((now - clock.wall()).total_seconds()),
        "closed_regions": sorted(world.closed_regions),
        "totals": {
            "accounts": len(world.accounts),
            "graphs": len(world.graphs),
            "members": dict(sum(counts.values(), Counter[str]())),
            "requests": len(service.requests),
            "faults": len(faults),
        },
        "accounts": _part(
            world.accounts.values(), len(world.accounts), offsets["accounts"], lambda one: _account(world, one)
        ),
        "graphs": _part(
            world.graphs.values(), len(counts), offsets["graphs"], lambda one: _graph(one, counts[one.arn])
        ),
        "graph": _chosen(world, counts, query),
        "invitations": _invitations(world, counts, offsets["invitations"]),
        "investigations": _investigations(world, offsets["investigations"], now),
        "requests": _part(reversed(service.requests), len(service.requests), offsets["requests"], _request),
        "faults": [_fault(fault) for fault in faults],
    }


def _part(entries: Iterable[T], total: int, offset: int, show: Callable[[T], dict[str, Any]]) -> dict[str, Any]:
    """Cut a part out of a list; behind its end, the last part there is."""
    start = min(offset, max(0, total - 1) // PART * PART)
    return {
        "total": total,
        "offset": start,
        "size": PART,
        "items": [show(entry) for entry in islice(entries, start, start + PART)],
    }


def _chosen(world: World, counts: _Counts, query: Query) -> dict[str, Any] | None:
    """Describe one graph with its members, if it exists."""
    arn = query.graph or next(iter(world.graphs), "")
    graph = world.graphs.get(arn)
    if graph is None:
        return None
    members: Iterator[Member] = map(graph.members.__getitem__, graph.order)
    total = len(graph.order)
    if query.status:
        members = (member for member in members if member.status == query.status)
        total = counts[arn][query.status]
    shown = _graph(graph, counts[arn])
    return {**shown, "members": _part(members, total, query.offsets["members"], _member)}


def _invitations(world: World, counts: _Counts, offset: int) -> dict[str, Any]:
    totals = {arn: sum(found[status] for status in _OPEN) for arn, found in counts.items()}
    graphs = (graph for arn, graph in world.graphs.items() if totals[arn])
    entries = (
        (graph, member)
        for graph in graphs
        for member in map(graph.members.__getitem__, graph.order)
        if member.status in _OPEN
    )
    return _part(entries, sum(totals.values()), offset, lambda entry: {**_member(entry[1]), **_place(entry[0])})


def _investigations(world: World, offset: int, now: datetime) -> dict[str, Any]:
    """Describe investigations, the newest first."""
    everything = [(graph, one) for graph in world.graphs.values() for one in graph.investigations.values()]
    newest = nlargest(offset + PART, everything, key=lambda entry: (entry[1].created, entry[1].investigation_id))
    return _part(newest, len(everything), offset, lambda entry: _investigation(*entry, now))


def _account(world: World, account: Account) -> dict[str, Any]:
    organization = world.organization_of.get(account.account_id)
    return {
        "account_id": account.account_id,
        "email": account.email,
        "volume_problem": account.volume_problem,
        "organization": organization.management_account if organization else None,
    }


def _place(graph: Graph) -> dict[str, Any]:
    return {"graph": graph.arn, "administrator": graph.administrator, "region": graph.region}


def _graph(graph: Graph, counts: Counter[str]) -> dict[str, Any]:
    return {
        "arn": graph.arn,
        "administrator": graph.administrator,
        "region": graph.region,
        "created": _time(graph.created),
        "organization": graph.organization,
        "auto_enable": graph.auto_enable,
        "tags": graph.tags,
        "packages": graph.packages,
        "counts": counts,
        "investigations": len(graph.investigations),
    }


def _member(member: Member) -> dict[str, Any]:
    return {
        "account_id": member.account_id,
        "email": member.email,
        "status": member.status,
        "disabled_reason": member.disabled_reason,
        "invitation_type": member.invitation_type,
        "invited": _time(member.invited_at) if member.invited_at else None,
        "updated": _time(member.updated_at),
    }


def _investigation(graph: Graph, one: Investigation, now: datetime) -> dict[str, Any]:
    status = one.status(now)
    return {
        "investigation_id": one.investigation_id,
        **_place(graph),
        "entity": one.entity_arn,
        "status": status,
        # It is found out in the end.
        "severity": one.severity if status == "SUCCESSFUL" else None,
        "state": one.state,
        "created": _time(one.created),
    }


def _request(request: RecordedRequest) -> dict[str, Any]:
    # A query is left out: a presigned one has a token in it.
    path = request.target.partition("?")[0][:_SHOWN]
    return {
        "id": request.request_id,
        "time": _time(request.time),
        "account_id": request.account_id,
        "region": request.region,
        "operation": request.operation,
        "method": request.method,
        "path": path,
        "status": request.status,
        "error_code": request.error_code,
        "faults": [_effect(effect) for effect in request.faults],
    }


def _fault(fault: Fault) -> dict[str, Any]:
    return {
        "effect": _effect(fault.effect),
        "operation": fault.operation,
        "account": fault.account,
        "region": fault.region,
        "count": fault.count,
        "probability": fault.probability,
    }


def _effect(effect: Effect) -> str:
    """Name an effect, with what is special about it."""
    told = []
    for one in fields(type(effect)):
        value = getattr(effect, one.name)
        if one.default is NOTHING or value != one.default:
            told.append(f"{one.name}={value!r}"[:_SHOWN])
    return f"{type(effect).__name__}({', '.join(told)})" if told else type(effect).__name__


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

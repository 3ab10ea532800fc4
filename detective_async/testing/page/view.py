"""The state that the page shows, as plain data, without keys, tokens, signatures and bodies.

Every list is paginated, so that responses and tables stay small however large the world is.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from heapq import nlargest
from itertools import islice
from operator import attrgetter
from typing import Any, Self, TypeVar
from urllib.parse import parse_qsl

from attrs import NOTHING, asdict, fields, frozen

from detective_async.testing.faults import Effect, Fault
from detective_async.testing.server.backend import Backend
from detective_async.testing.server.requests import RecordedRequest
from detective_async.testing.services.errors import invalid
from detective_async.testing.world.entities import Account, Graph, Investigation, Member
from detective_async.testing.world.world import World

# How many entries a page of a list has.
PAGE_SIZE = 50

# The statuses of an invitation that has not been answered yet.
_OPEN = ("VERIFICATION_IN_PROGRESS", "INVITED")
# Paths and values are truncated to this length, since clients may send very long ones.
_MAX_SHOWN = 200
# The paginated lists.
_LISTS = ("accounts", "graphs", "investigations", "invitations", "members", "requests")
_OFFSET = re.compile(r"\d{1,9}", re.ASCII)

T = TypeVar("T")
_Counts = dict[str, Counter[str]]
_status = attrgetter("status")


@frozen
class Selection:
    """The part of the state that a request asks for."""

    # Its members are shown; None for the first one.
    graph: str | None
    # Of the members to show; None for all.
    status: str | None
    # For each list, the first entry to show.
    offsets: Mapping[str, int]

    @classmethod
    def parse(cls, query: str) -> Self:
        """Parse a query string; empty and unknown parameters are ignored, and an offset must be a number."""
        given = dict(parse_qsl(query))
        offsets = {}
        for name in _LISTS:
            value = given.get(name, "0")
            if not _OFFSET.fullmatch(value):
                raise invalid(f"1 validation error detected: '{name}' must be a whole number of at most 9 digits")
            offsets[name] = int(value)
        return cls(given.get("graph"), given.get("status"), offsets)


def describe(backend: Backend, selection: Selection) -> dict[str, Any]:
    """Describe the selected part of the simulated world."""
    world, clock, offsets = backend.world, backend.clock, selection.offsets
    now = clock.now()
    world.complete_due(now)
    # The only pass over every member of every graph: 240,000 members take a few milliseconds.
    counts = {arn: Counter(map(_status, graph.members.values())) for arn, graph in world.graphs.items()}
    faults = backend.faults.pending()
    return {
        "now": _time(now),
        "ahead": round(clock.ahead.total_seconds()),
        "closed_regions": sorted(world.closed_regions),
        "totals": {
            "accounts": len(world.accounts),
            "graphs": len(world.graphs),
            "members": dict(sum(counts.values(), Counter[str]())),
            "requests": len(backend.requests),
            "faults": len(faults),
        },
        "accounts": _page(
            world.accounts.values(), len(world.accounts), offsets["accounts"], lambda one: _account(world, one)
        ),
        "graphs": _page(
            world.graphs.values(), len(counts), offsets["graphs"], lambda one: _graph(one, counts[one.arn])
        ),
        "graph": _chosen(world, counts, selection),
        "invitations": _invitations(world, counts, offsets["invitations"]),
        "investigations": _investigations(world, offsets["investigations"], now),
        "requests": _page(reversed(backend.requests), len(backend.requests), offsets["requests"], _request),
        "faults": [_fault(fault) for fault in faults],
    }


def _page(entries: Iterable[T], total: int, offset: int, show: Callable[[T], dict[str, Any]]) -> dict[str, Any]:
    """Return one page of a list; for an offset beyond its end, the last page."""
    start = min(offset, max(0, total - 1) // PAGE_SIZE * PAGE_SIZE)
    return {
        "total": total,
        "offset": start,
        "size": PAGE_SIZE,
        "items": [show(entry) for entry in islice(entries, start, start + PAGE_SIZE)],
    }


def _chosen(world: World, counts: _Counts, selection: Selection) -> dict[str, Any] | None:
    """Describe one graph with its members, if it exists."""
    arn = selection.graph or next(iter(world.graphs), "")
    graph = world.graphs.get(arn)
    if graph is None:
        return None
    members: Iterator[Member] = map(graph.members.__getitem__, graph.order)
    total = len(graph.order)
    if selection.status:
        members = (member for member in members if member.status == selection.status)
        total = counts[arn][selection.status]
    shown = _graph(graph, counts[arn])
    return {**shown, "members": _page(members, total, selection.offsets["members"], _member)}


def _invitations(world: World, counts: _Counts, offset: int) -> dict[str, Any]:
    totals = {arn: sum(found[status] for status in _OPEN) for arn, found in counts.items()}
    graphs = (graph for arn, graph in world.graphs.items() if totals[arn])
    entries = (
        (graph, member)
        for graph in graphs
        for member in map(graph.members.__getitem__, graph.order)
        if member.status in _OPEN
    )
    return _page(entries, sum(totals.values()), offset, lambda entry: {**_member(entry[1]), **_place(entry[0])})


def _investigations(world: World, offset: int, now: datetime) -> dict[str, Any]:
    """Describe investigations, the newest first."""
    everything = [(graph, one) for graph in world.graphs.values() for one in graph.investigations.values()]
    newest = nlargest(offset + PAGE_SIZE, everything, key=lambda entry: (entry[1].created, entry[1].investigation_id))
    return _page(newest, len(everything), offset, lambda entry: _investigation(*entry, now))


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
        "severity": one.severity if status == "SUCCESSFUL" else None,
        "state": one.state,
        "created": _time(one.created),
    }


def _request(request: RecordedRequest) -> dict[str, Any]:
    # Without the query: that of a presigned request contains a token.
    path = request.target.partition("?")[0][:_MAX_SHOWN]
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
    return {**asdict(fault, recurse=False), "effect": _effect(fault.effect)}


def _effect(effect: Effect) -> str:
    """Format an effect with the arguments that differ from their defaults."""
    arguments = []
    for one in fields(type(effect)):
        value = getattr(effect, one.name)
        if one.default is NOTHING or value != one.default:
            arguments.append(f"{one.name}={value!r}"[:_MAX_SHOWN])
    return f"{type(effect).__name__}({', '.join(arguments)})" if arguments else type(effect).__name__


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

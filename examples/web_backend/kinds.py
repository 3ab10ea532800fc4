"""What a survey reads in one account and region: its graph, and the rows of one kind."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from attrs import frozen

from detective_async import DetectiveClient, DetectiveError, Target, ValidationException
from detective_async.coverage import Coverage, RegionState, survey
from detective_async.integrations.aiohttp_web import to_json

#: After this many rows, other tasks get a turn.
_AT_A_TIME = 100


@frozen(kw_only=True)
class Row:
    """One item of a survey, as JSON that is serialized once for all readers.

    Attributes:
        id: what it is about: an account, or an investigation.
        status: its status, if it has one; the cause of a failure.
        json: the line of the stream.
        email: the e-mail address, which is not in the JSON.
    """

    id: str
    json: bytes
    status: str | None = None
    email: str | None = None

    def values(self, *, email: bool = False) -> dict[str, Any]:
        """Return the row as a JSON value, on request with the e-mail address."""
        values: dict[str, Any] = json.loads(self.json)
        if email and self.email is not None:
            values["Member"]["EmailAddress"] = self.email
        return values


@frozen(kw_only=True)
class Reading:
    """What was read in one account and region.

    Attributes:
        graph_arn: its graph; None if there is none, or it was not asked for.
        rows: the items.
        coverage: what the coverage is made from.
    """

    graph_arn: str | None = None
    rows: tuple[Row, ...] = ()
    coverage: Coverage | None = None


Read = Callable[[DetectiveClient, Target], Awaitable[Reading]]


async def _graphs(client: DetectiveClient, target: Target) -> Reading:
    graph = await client.iter_graphs().first()
    if graph is None:
        return Reading()
    values, problems = to_json(graph), {}
    for name, read in (("Packages", _packages), ("AutoEnable", _auto_enable)):
        try:
            values[name] = await read(client, graph.arn)
        except DetectiveError as error:
            # Each needs a permission of its own; the graph is shown nevertheless.
            values[name], problems[name] = None, to_json(error)
    row = Row(id=target.account_id, json=_line(target, Graph={**values, "Problems": problems}))
    return Reading(graph_arn=graph.arn, rows=(row,))


async def _packages(client: DetectiveClient, graph_arn: str) -> dict[str, str]:
    packages = await client.iter_datasource_packages(graph_arn).collect()
    return {str(name): str(detail.datasource_package_ingest_state) for name, detail in packages}


async def _auto_enable(client: DetectiveClient, graph_arn: str) -> bool | None:
    try:
        return (await client.describe_organization_configuration(graph_arn)).auto_enable
    except ValidationException:
        # Only the graphs of organizations have this setting.
        return None


async def _members(client: DetectiveClient, target: Target) -> Reading:
    graph = await client.iter_graphs().first()
    if graph is None:
        return Reading()
    members = await client.iter_members(graph.arn, page_size=200).collect()
    return Reading(graph_arn=graph.arn, rows=await _rows(target, "Member", members, "account_id"))


async def _invitations(client: DetectiveClient, target: Target) -> Reading:
    invitations = await client.iter_invitations().collect()
    return Reading(rows=await _rows(target, "Invitation", invitations, "account_id"))


async def _investigations(client: DetectiveClient, target: Target) -> Reading:
    graph = await client.iter_graphs().first()
    if graph is None:
        return Reading()
    investigations = await client.iter_investigations(graph.arn).collect()
    return Reading(graph_arn=graph.arn, rows=await _rows(target, "Investigation", investigations, "investigation_id"))


async def _coverage(client: DetectiveClient, target: Target) -> Reading:
    found = await survey(client, regions=[target.region])
    (region,) = found.regions
    if region.state is RegionState.COULD_NOT_LOOK and region.error is not None:
        try:
            # The fleet knows from other targets whether the region is unavailable.
            raise region.error.with_traceback(None)
        finally:
            # Tracebacks have frames, and frames have the error: cycles that wait for the garbage collector.
            del found, region
    return Reading(graph_arn=region.graph_arn, coverage=found)


#: Kind of rows -> how they are read.
KINDS: Mapping[str, Read] = {
    "graphs": _graphs,
    "members": _members,
    "invitations": _invitations,
    "investigations": _investigations,
    "coverage": _coverage,
}


async def _rows(target: Target, name: str, items: Iterable[Any], id_name: str) -> tuple[Row, ...]:
    """Make the rows of many items; other tasks run meanwhile."""
    rows = []
    for number, item in enumerate(items, start=1):
        status = getattr(item, "status", None)
        rows.append(
            Row(
                id=getattr(item, id_name),
                status=None if status is None else str(status),
                json=_line(target, **{name: to_json(item)}),
                email=getattr(item, "email_address", None),
            )
        )
        if number % _AT_A_TIME == 0:
            await asyncio.sleep(0)
    return tuple(rows)


def written(value: Any) -> bytes:
    """Write a JSON value on one line."""
    return json.dumps(value, separators=(",", ":")).encode()


def _line(target: Target, **item: Any) -> bytes:
    return written({"AccountId": target.account_id, "Region": target.region, **item})

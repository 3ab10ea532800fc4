"""Routes for one account in one region: its graph, members, invitations and investigations, in the API's pages."""

from aiohttp import web

from detective_async import (
    DetectiveClient,
    IndicatorType,
    MemberStatus,
    ParameterError,
    StartInvestigationResponse,
    State,
)
from detective_async.integrations.aiohttp_web import ProblemError, to_json
from web_backend import inputs
from web_backend.common import ONCE, client_for, find_graph, find_graph_arn, read_body, read_path, read_query
from web_backend.once import KeyReusedError

_PAGE = {"max_results": inputs.integer(1, 200), "next_token": inputs.token}
_INVESTIGATIONS_PAGE = {**_PAGE, "max_results": inputs.integer(1, 100)}
_INVESTIGATION = {
    "ClientToken": inputs.random_id,
    "EntityArn": inputs.entity_arn,
    "ScopeStartTime": inputs.timestamp,
    "ScopeEndTime": inputs.timestamp,
}
#: The members of which a graph has data: those that are enabled, and those that were.
_WITH_DATA = frozenset({MemberStatus.ENABLED, MemberStatus.ACCEPTED_BUT_DISABLED})


async def graph(request: web.Request) -> web.Response:
    """Return the graph, with its tags."""
    client = client_for(request)
    read_query(request)
    found = await find_graph(client)
    tags = await client.list_tags_for_resource(found.arn)
    return web.json_response({**to_json(found), "Tags": tags.tags})


async def members(request: web.Request) -> web.Response:
    """Return a page of the graph's members."""
    client = client_for(request)
    page = read_query(request, _PAGE)
    return web.json_response(to_json(await client.list_members(await find_graph_arn(client), **page)))


async def invitations(request: web.Request) -> web.Response:
    """Return a page of the graphs that the account is invited to, or is a member of."""
    client = client_for(request)
    page = read_query(request, _PAGE)
    return web.json_response(to_json(await client.list_invitations(**page)))


async def investigations(request: web.Request) -> web.Response:
    """Return a page of the graph's investigations."""
    client = client_for(request)
    page = read_query(request, _INVESTIGATIONS_PAGE)
    return web.json_response(to_json(await client.list_investigations(await find_graph_arn(client), **page)))


async def start_investigation(request: web.Request) -> web.Response:
    """Start an investigation of a user or a role; once for each `ClientToken`, however often the request is sent.

    The user or role must be of the account itself, or of a member of its graph.
    """
    client, place = client_for(request), read_path(request, account_id=inputs.account_id, region=inputs.region)
    read_query(request)
    wanted = await read_body(request, _INVESTIGATION, *_INVESTIGATION)
    token, entity_arn, start, end = wanted.values()
    if end <= start:
        raise ParameterError("ScopeEndTime", "must be later than ScopeStartTime")

    async def work() -> StartInvestigationResponse:
        graph_arn = await find_graph_arn(client)
        await _check_entity(client, graph_arn, entity_arn)
        return await client.start_investigation(graph_arn, entity_arn, scope_start_time=start, scope_end_time=end)

    try:
        response = await request.config_dict[ONCE].do(token, (*place.values(), entity_arn, start, end), work)
    except KeyReusedError:
        raise ProblemError(409, None, "The ClientToken was used for another request.", code="TokenReused") from None
    return web.json_response(
        to_json(response), status=201, headers={"Location": f"{request.path}/{response.investigation_id}"}
    )


async def investigation(request: web.Request) -> web.Response:
    """Return an investigation."""
    client, name = client_for(request), _investigation_id(request)
    read_query(request)
    return web.json_response(to_json(await client.get_investigation(await find_graph_arn(client), name)))


async def update_investigation(request: web.Request) -> web.Response:
    """Archive an investigation, or restore it from the archive."""
    client, name = client_for(request), _investigation_id(request)
    read_query(request)
    wanted = await read_body(request, {"State": inputs.one_of(*State)}, "State")
    await client.update_investigation_state(await find_graph_arn(client), name, wanted["State"])
    return web.json_response(wanted)


async def indicators(request: web.Request) -> web.Response:
    """Return a page of the indicators of an investigation."""
    client, name = client_for(request), _investigation_id(request)
    page = read_query(request, {**_INVESTIGATIONS_PAGE, "indicator_type": inputs.one_of(*IndicatorType)})
    return web.json_response(to_json(await client.list_indicators(await find_graph_arn(client), name, **page)))


async def _check_entity(client: DetectiveClient, graph_arn: str, entity_arn: str) -> None:
    """Check that a graph has data of the account of a user or a role: another graph was meant otherwise."""
    _, partition, _, _, administrator_id, _ = graph_arn.split(":", 5)
    _, given, _, _, account_id, _ = entity_arn.split(":", 5)
    if given != partition:
        raise ParameterError(
            "EntityArn",
            f"is of partition {given}, and the graph of {administrator_id} in {client.region} is of {partition}",
        )
    if account_id == administrator_id:
        return
    async for member in client.iter_members(graph_arn, page_size=200):
        if member.account_id == account_id and member.status in _WITH_DATA:
            return
    raise ParameterError(
        "EntityArn",
        f"is of account {account_id}, of which the graph of {administrator_id} in {client.region} has no data: choose "
        "an administrator that has the account as an enabled member",
    )


def _investigation_id(request: web.Request) -> str:
    return str(read_path(request, investigation_id=inputs.investigation_id)["investigation_id"])


_BASE = "/api/accounts/{account_id}/regions/{region}"
_ONE = f"{_BASE}/investigations/{{investigation_id}}"
ROUTES = [
    web.get(f"{_BASE}/graph", graph),
    web.get(f"{_BASE}/members", members),
    web.get(f"{_BASE}/invitations", invitations),
    web.get(f"{_BASE}/investigations", investigations),
    web.post(f"{_BASE}/investigations", start_investigation),
    web.get(_ONE, investigation),
    web.patch(_ONE, update_investigation),
    web.get(f"{_ONE}/indicators", indicators),
]

"""One account in one region: its graph, members, invitations and investigations, page by page as AWS gives them."""

from aiohttp import web

from detective_async import IndicatorType, ParameterError, State
from detective_async.integrations.aiohttp_web import to_json
from web_backend import inputs
from web_backend.common import body_of, client_of, graph_arn_of, graph_of, path_of, query_of

_PAGE = {"max_results": inputs.whole(1, 200), "next_token": inputs.token}
_INVESTIGATIONS_PAGE = {**_PAGE, "max_results": inputs.whole(1, 100)}
_INVESTIGATION = {"EntityArn": inputs.entity_arn, "ScopeStartTime": inputs.moment, "ScopeEndTime": inputs.moment}


async def graph(request: web.Request) -> web.Response:
    """Show the graph, with its tags."""
    client = client_of(request)
    query_of(request)
    found = await graph_of(client)
    tags = await client.list_tags_for_resource(found.arn or "")
    return web.json_response({**to_json(found), "Tags": tags.tags})


async def members(request: web.Request) -> web.Response:
    """Show a page of the graph's members."""
    client = client_of(request)
    page = query_of(request, _PAGE)
    return web.json_response(to_json(await client.list_members(await graph_arn_of(client), **page)))


async def invitations(request: web.Request) -> web.Response:
    """Show a page of what the account is invited to, or has joined."""
    client = client_of(request)
    page = query_of(request, _PAGE)
    return web.json_response(to_json(await client.list_invitations(**page)))


async def investigations(request: web.Request) -> web.Response:
    """Show a page of the graph's investigations."""
    client = client_of(request)
    page = query_of(request, _INVESTIGATIONS_PAGE)
    return web.json_response(to_json(await client.list_investigations(await graph_arn_of(client), **page)))


async def start_investigation(request: web.Request) -> web.Response:
    """Start an investigation of a user or a role."""
    client = client_of(request)
    query_of(request)
    wanted = await body_of(request, _INVESTIGATION, *_INVESTIGATION)
    if wanted["ScopeEndTime"] <= wanted["ScopeStartTime"]:
        raise ParameterError("ScopeEndTime", "must be later than ScopeStartTime")
    answer = await client.start_investigation(
        await graph_arn_of(client),
        wanted["EntityArn"],
        scope_start_time=wanted["ScopeStartTime"],
        scope_end_time=wanted["ScopeEndTime"],
    )
    return web.json_response(
        to_json(answer), status=201, headers={"Location": f"{request.path}/{answer.investigation_id}"}
    )


async def investigation(request: web.Request) -> web.Response:
    """Show an investigation."""
    client, name = client_of(request), _name_of(request)
    query_of(request)
    return web.json_response(to_json(await client.get_investigation(await graph_arn_of(client), name)))


async def update_investigation(request: web.Request) -> web.Response:
    """Archive an investigation, or take it out of the archive."""
    client, name = client_of(request), _name_of(request)
    query_of(request)
    wanted = await body_of(request, {"State": inputs.one_of(*State)}, "State")
    await client.update_investigation_state(await graph_arn_of(client), name, wanted["State"])
    return web.json_response(wanted)


async def indicators(request: web.Request) -> web.Response:
    """Show a page of what an investigation found."""
    client, name = client_of(request), _name_of(request)
    page = query_of(request, {**_INVESTIGATIONS_PAGE, "indicator_type": inputs.one_of(*IndicatorType)})
    return web.json_response(to_json(await client.list_indicators(await graph_arn_of(client), name, **page)))


def _name_of(request: web.Request) -> str:
    return str(path_of(request, investigation_id=inputs.investigation_id)["investigation_id"])


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

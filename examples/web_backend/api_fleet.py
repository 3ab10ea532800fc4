"""Routes for all accounts and regions at once: results are streamed as they arrive."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from aiohttp import web

from detective_async.integrations.aiohttp_web import ServerEvent, stream_events, stream_ndjson, to_json
from web_backend import inputs
from web_backend.common import SETTINGS, SURVEYS, check_account, check_region, identity, read_query
from web_backend.surveys import KINDS, Survey

_MAX_AGE = {"max_age": inputs.integer(0, 3600)}
_LIST = {**_MAX_AGE, "account_id": inputs.account_id, "region": inputs.region}


async def settings(request: web.Request) -> web.Response:
    """Return the accounts and regions, and what the page can do in them."""
    read_query(request)
    known = request.config_dict[SETTINGS]
    return web.json_response(
        {
            "Accounts": known.accounts,
            "Regions": known.regions,
            "Accepts": known.member_role is not None,
            "Example": known.example,
        }
    )


async def overview(request: web.Request) -> web.StreamResponse:
    """Stream the numbers of members by status, target by target, as server-sent events.

    The events are `begin`, and `target` for each target. A client that reconnects continues after its last event if
    that survey is still the latest one, and otherwise starts with a new survey.
    """
    last = request.headers.get("Last-Event-ID")
    seen = inputs.event_id(last, "Last-Event-ID") if last else ""
    survey = request.config_dict[SURVEYS].get("members", read_query(request, _MAX_AGE)["max_age"])
    survey_id, _, start = seen.partition("-")
    return await stream_events(
        request, _events(survey, int(start) if survey_id == survey.id else None), to_json=identity, retry=1
    )


def listing(kind: str) -> Any:
    """Make the handler that streams all items of a kind, as NDJSON.

    Each line has the `AccountId` and the `Region`, and either the item under the name of its kind, or under `Failure`
    the reason why the items of that account and region are incomplete.
    """

    async def show(request: web.Request) -> web.StreamResponse:
        query = read_query(request, _LIST)
        known = request.config_dict[SETTINGS]
        if query["account_id"] is not None:
            check_account(known, query["account_id"])
        if query["region"] is not None:
            check_region(known, query["region"])
        survey = request.config_dict[SURVEYS].get(kind, query["max_age"])
        return await stream_ndjson(request, _lines(survey, query["account_id"], query["region"]), to_json=identity)

    return show


async def _events(survey: Survey, start: int | None) -> AsyncGenerator[ServerEvent, None]:
    if start is None:
        begin = {"StartedTime": to_json(survey.started), "Total": survey.total}
        yield ServerEvent(begin, event="begin", id=f"{survey.id}-0")
    async with aclosing(survey.watch(start or 0)) as entries:
        async for number, found in entries:
            yield ServerEvent(found.summary, event="target", id=f"{survey.id}-{number + 1}")


async def _lines(survey: Survey, account_id: str | None, region: str | None) -> AsyncGenerator[bytes, None]:
    async with aclosing(survey.watch()) as entries:
        async for _, found in entries:
            if account_id in (None, found.account_id) and region in (None, found.region):
                for line in found.lines:
                    yield line


ROUTES = [
    web.get("/api/settings", settings),
    web.get("/api/fleet/overview", overview),
    *(web.get(f"/api/fleet/{kind}", listing(kind)) for kind in KINDS),
]

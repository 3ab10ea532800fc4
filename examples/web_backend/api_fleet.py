"""Routes for all accounts and regions at once: results are streamed as they arrive."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from aiohttp import web

from detective_async import ParameterError
from detective_async.integrations.aiohttp_web import ServerEvent, stream_events, stream_ndjson, to_json
from web_backend import inputs
from web_backend.common import SETTINGS, SURVEYS, check_account, check_region, identity, read_body, read_query
from web_backend.kinds import KINDS, written
from web_backend.selection import MAX_AGE, MAX_KEPT, Selection, read_selection
from web_backend.survey import Place, Survey

#: Seconds after which a stream says again how far the survey is, whatever else it sends.
_PROGRESS_INTERVAL = 1.0
_RETRY = {
    "Kind": inputs.one_of(*KINDS),
    "Cause": inputs.cause,
    "AccountIds": inputs.list_of(inputs.account_id, 1000),
    "Regions": inputs.list_of(inputs.region, 40),
}


async def settings(request: web.Request) -> web.Response:
    """Return the accounts and regions, what the page can do in them, and how long it waits for answers.

    The names of accounts are in it only on request (`names=true`).
    """
    names = read_query(request, {"names": inputs.flag})["names"]
    known = request.config_dict[SETTINGS]
    return web.json_response(
        {
            "Accounts": known.accounts,
            "Regions": known.regions,
            "Names": known.names if names else {},
            "Accepts": known.member_role is not None,
            "Example": known.example,
            "Limits": known.limits(),
        }
    )


async def overview(request: web.Request) -> web.StreamResponse:
    """Stream the numbers of members by status, target by target, as server-sent events.

    The events are `begin`, `target` for each target, and `alive` if there is none for a while. A client that reconnects
    continues after its last event if that survey is still the latest one, and otherwise starts with a new survey.
    """
    last = request.headers.get("Last-Event-ID")
    seen = inputs.event_id(last, "Last-Event-ID") if last else ""
    surveys, max_age = request.config_dict[SURVEYS], read_query(request, MAX_AGE)["max_age"]
    survey_id, _, start = seen.partition("-")
    survey = surveys.latest("members")
    if survey is None or survey.id != survey_id or not survey.usable:
        return await stream_events(request, _events(surveys.get("members", max_age), None), to_json=identity, retry=1)
    # Whatever its age: only the connection was lost.
    return await stream_events(request, _events(survey, int(start)), to_json=identity, retry=1)


def listing(kind: str) -> Any:
    """Make the handler that streams all rows of a kind, as NDJSON.

    Each line has the `AccountId` and the `Region`, and either the item, or under `Failure` the reason why the items of
    that account and region are incomplete. The first line is `Begin`, the last one `End`: without it, or an `error`,
    the stream was cut off. Each second, a line `Progress` says how many accounts and regions have answered.
    """

    async def show(request: web.Request) -> web.StreamResponse:
        query, selection = read_selection(request, kind)
        survey = request.config_dict[SURVEYS].get(kind, query["max_age"])
        return await stream_ndjson(request, _lines(survey, selection), to_json=identity)

    return show


async def retry(request: web.Request) -> web.Response:
    """Survey the targets of some failures, accounts or regions again; what was found in the others is kept."""
    read_query(request)
    wanted = await read_body(request, _RETRY, "Kind")
    kind, cause, accounts, regions = wanted.values()
    known = request.config_dict[SETTINGS]
    for account in accounts or ():
        check_account(known, account)
    for region in regions or ():
        check_region(known, region)
    if cause is None and accounts is None and regions is None:
        raise ParameterError("Cause", "is required, or AccountIds, or Regions")
    surveys = request.config_dict[SURVEYS]
    survey = surveys.latest(kind)
    if survey is None:
        raise web.HTTPNotFound(text=f"There is no survey of {kind} yet.")
    if not survey.feed.ended:
        raise web.HTTPConflict(text="The survey is still running. Try again when it has ended.")
    oldest = monotonic() - MAX_KEPT
    places: set[Place] = set()
    for target in survey.plan.targets:
        place = target.account_id, target.region
        found = survey.found.get(place)
        if found is None or found.clock < oldest:
            # The survey was stopped before, or nobody would be shown that any more.
            places.add(place)
            continue
        has_cause = cause is None or (found.failure is not None and found.failure.status == cause)
        if has_cause and (accounts is None or place[0] in accounts) and (regions is None or place[1] in regions):
            places.add(place)
    survey = surveys.retry(survey, places)
    return web.json_response({"Kind": kind, "SurveyId": survey.id, "Targets": len(places)}, status=202)


def _begin(survey: Survey) -> dict[str, Any]:
    return {"SurveyId": survey.id, "StartedTime": to_json(survey.started), "Total": survey.total}


async def _events(survey: Survey, start: int | None) -> AsyncGenerator[ServerEvent, None]:
    if start is None:
        yield ServerEvent(_begin(survey), event="begin", id=f"{survey.id}-0")
    async with aclosing(survey.watch(start or 0)) as entries:
        async for number, found in entries:
            if found is None:
                yield ServerEvent({"Time": to_json(datetime.now(UTC))}, event="alive")
            else:
                yield ServerEvent(found.summary, event="target", id=f"{survey.id}-{number + 1}")


async def _lines(survey: Survey, selection: Selection) -> AsyncGenerator[bytes, None]:
    yield written({"Begin": _begin(survey)})
    loop = asyncio.get_running_loop()
    lines, last = 0, loop.time()
    async with aclosing(survey.watch(silence=_PROGRESS_INTERVAL)) as entries:
        async for _, found in entries:
            if found is not None and selection.has(found):
                for row in selection.rows(found):
                    lines += 1
                    yield written(row.values(email=True)) if selection.emails else row.json
                if found.failure is not None:
                    lines += 1
                    yield found.failure.json
                # Rows that were not selected take time, too.
                await asyncio.sleep(0)
            if found is None or loop.time() - last >= _PROGRESS_INTERVAL:
                last = loop.time()
                yield written({"Progress": {"Done": len(survey.found), "Total": survey.total}})
    times = {"StartedTime": to_json(survey.started), "FinishedTime": to_json(survey.finished)}
    yield written({"End": {"Lines": lines, **times}})


def _path(kind: str) -> str:
    return "/api/coverage" if kind == "coverage" else f"/api/fleet/{kind}"


ROUTES = [
    web.get("/api/settings", settings),
    # HEAD is not allowed where it would start a survey that nobody reads.
    web.get("/api/fleet/overview", overview, allow_head=False),
    *(web.get(_path(kind), listing(kind), allow_head=False) for kind in KINDS),
    web.post("/api/fleet/retries", retry),
]

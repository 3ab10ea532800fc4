"""Routes about one account in all graphs and regions, and about what has changed in them."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from aiohttp import web

from detective_async.fleet import OutcomeKind
from detective_async.integrations.aiohttp_web import to_json
from web_backend import inputs
from web_backend.common import CHANGES, SETTINGS, SURVEYS, read_path, read_query, while_wanted
from web_backend.selection import MAX_AGE, MAX_KEPT
from web_backend.survey import Found, Survey

_DEFAULT_WAIT = 5


async def account(request: web.Request) -> web.Response:
    """Return what is known about an account: its coverage by region, its memberships, its failures and changes.

    Surveys that are needed are started. The response waits for their ends only for some seconds; if `Complete` is false
    then, a later request has more.
    """
    account_id = read_path(request, account_id=inputs.account_id)["account_id"]
    query = read_query(request, {"wait": inputs.integer(0, 60), "emails": inputs.flag, **MAX_AGE})
    settings, surveys = request.config_dict[SETTINGS], request.config_dict[SURVEYS]
    max_age = MAX_KEPT if query["max_age"] is None else query["max_age"]
    members, coverage = surveys.get("members", max_age), surveys.coverage(max_age)
    wait = _DEFAULT_WAIT if query["wait"] is None else query["wait"]
    await while_wanted(request, _wait_for((members, coverage), wait))
    own = [one for survey in (members, coverage) for (asked, _), one in survey.found.items() if asked == account_id]
    failures = {(one.region, one.failure.status): one.failure.values() for one in own if one.failure is not None}
    unread = [place for place, one in members.found.items() if one.outcome is OutcomeKind.FAILED]
    cells = await coverage.cells_of(account_id)
    open_regions = {cell["Region"] for cell in cells if cell["State"] == "failed"}
    silent = [*members.found.values(), *(one for one in coverage.found.values() if one.region in open_regions)]
    return web.json_response(
        {
            "AccountId": account_id,
            "Name": settings.names.get(account_id),
            "IsAdministrator": account_id in settings.accounts,
            "Complete": all(survey.feed.ended and survey.usable for survey in (members, coverage)),
            "Done": len(members.found) + len(coverage.found),
            "Total": members.total + coverage.total,
            "AsOf": to_json(min(members.started, coverage.started)),
            "CoverageAsOf": to_json(coverage.started),
            "MembershipsAsOf": to_json(members.started),
            "Coverage": cells,
            "Memberships": [
                row.values(email=query["emails"] or False)
                for one in members.found.values()
                for row in one.rows
                if row.id == account_id
            ],
            # The administrators whose members are not known, by region: the account may be one of them.
            "Unread": {region: [one for one, where in unread if where == region] for _, region in unread},
            "Failures": list(failures.values()),
            "Causes": _causes(one for one in silent if one.account_id != account_id),
            "Silent": coverage.silent(),
            "Changes": request.config_dict[CHANGES].since(None, account_id)["Changes"],
        }
    )


def _causes(found: Iterable[Found]) -> list[dict[str, Any]]:
    """Return why administrators did not answer, in whose graphs an account may be: one entry for each cause.

    `First` is one of the failures.
    """
    groups: defaultdict[str, list[Found]] = defaultdict(list)
    for one in found:
        if one.outcome is OutcomeKind.FAILED and one.failure is not None:
            groups[str(one.failure.status)].append(one)
    return [
        {
            "Cause": cause,
            "Accounts": len({one.account_id for one in group}),
            "Regions": sorted({one.region for one in group}),
            "First": group[0].failure and group[0].failure.values(),
        }
        for cause, group in sorted(groups.items(), key=lambda item: -len(item[1]))
    ]


async def _wait_for(surveys: Iterable[Survey], timeout: float) -> None:
    await asyncio.gather(*(survey.wait(timeout) for survey in surveys))


async def changes(request: web.Request) -> web.Response:
    """Return the changes of members' statuses, which were noticed by the surveys since some time."""
    query = read_query(request, {"since": inputs.timestamp})
    return web.json_response(request.config_dict[CHANGES].since(query["since"]))


ROUTES = [web.get("/api/accounts/{account_id}", account, allow_head=False), web.get("/api/changes", changes)]

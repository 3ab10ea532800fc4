"""Routes for files with the rows of a survey: CSV for spreadsheets, NDJSON for programs."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Any

from aiohttp import web

from web_backend import inputs
from web_backend.common import SETTINGS, SURVEYS, while_wanted
from web_backend.kinds import written
from web_backend.ordering import CHOICES, in_order
from web_backend.selection import MAX_KEPT, Selection, read_selection
from web_backend.survey import Found, Survey
from web_backend.tables import COLUMNS, columns_of, csv_lines, name_of

_logger = logging.getLogger("web_backend")


def export(kind: str, form: str) -> Any:
    """Make the handler for the file of a kind.

    The response waits for the end of the survey and has a length, so that a file that was cut off is never taken for a
    whole one. Accounts and regions that failed are the last lines of NDJSON, whatever is selected; in CSV, whose rows
    are all of one kind, they are a file of their own (`failures`). The header `Failures` has their number, and the
    file's name says `incomplete`. The lines are sorted by account (or investigation) and region; those of members can
    have any order of the page's table (`sort=status`, or `sort=-status` for the opposite one). Names (`names=true`) and
    e-mail addresses (`emails=true`) are in it only on request, and who has requested them is logged.
    """

    async def show(request: web.Request) -> web.Response:
        more = {"sort": inputs.one_of(*CHOICES)} if kind == "members" else {}
        query, selection = read_selection(request, kind, {"names": inputs.flag, **more})
        surveyed = (query["kind"] or "members") if kind == "failures" else kind
        # By default, a file has what the page shows.
        max_age = MAX_KEPT if query["max_age"] is None else query["max_age"]
        survey = request.config_dict[SURVEYS].get(surveyed, max_age)
        found = await while_wanted(request, _all_found(survey, selection))
        known = request.config_dict[SETTINGS].names
        names = known if query["names"] else {}
        failed = 0 if kind == "failures" else sum(one.failure is not None for one in found)
        state = f"-incomplete-{failed}-failed" if failed else ""
        # In a thread, since that takes seconds for very many rows.
        # All of it in one call: the lines would take memory until the file is sent.
        body = await asyncio.to_thread(
            lambda: _body(kind, form, _lines(kind, found, selection, query.get("sort"), known), names)
        )
        if query["names"] or selection.emails:
            # A warning, since it is to be in the log whatever the log's level.
            _logger.warning(
                "personal data was exported to %s: %s, %d bytes", request.remote, request.path_qs, len(body)
            )
        return web.Response(
            body=body,
            headers={
                "Content-Type": "text/csv; charset=utf-8" if form == "csv" else "application/x-ndjson",
                "Content-Disposition": f'attachment; filename="{kind}-{survey.started:%Y%m%dT%H%M%SZ}{state}.{form}"',
                "Failures": str(failed),
            },
        )

    return show


async def _all_found(survey: Survey, selection: Selection) -> list[Found]:
    async with aclosing(survey.watch()) as entries:
        return [one async for _, one in entries if one is not None and selection.has(one)]


def _body(kind: str, form: str, lines: list[dict[str, Any]], names: Mapping[str, str]) -> bytes:
    if form == "csv":
        if kind != "failures":
            lines = [line for line in lines if "Failure" not in line]
        return csv_lines([COLUMNS[kind], *(columns_of(kind, line, names) for line in lines)])
    return b"".join(written(_named(line, names)) + b"\n" for line in lines)


def _named(line: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    name = name_of(line, names)
    return line if name is None else {**line, "Name": name}


def _lines(
    kind: str, found: Sequence[Found], selection: Selection, sort: str | None, names: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return the selected lines, sorted, and then the failures: what may be missing.

    Args:
        kind: one of `COLUMNS`.
        found: the results of a survey.
        selection: the rows of them that are wanted.
        sort: the order of members; without one, and for all else, the lines are sorted by what they are about.
        names: account id -> its name, for an order by names.
    """
    rows = [] if kind == "failures" else [(row, one.region) for one in found for row in selection.rows(one)]
    failed = [(one.account_id, one.region, one.failure) for one in found if one.failure is not None]
    failures = [failure.values() for _, _, failure in sorted(failed, key=lambda one: one[:2])]
    if sort is None:
        rows.sort(key=lambda pair: (pair[0].id, pair[1]))
    lines = [(row, row.values(email=selection.emails)) for row, _ in rows]
    return [*(in_order(lines, sort, names) if sort else (line for _, line in lines)), *failures]


ROUTES = [
    web.get(f"/api/export/{kind}.{form}", export(kind, form), allow_head=False)
    for kind in COLUMNS
    for form in ("csv", "ndjson")
]

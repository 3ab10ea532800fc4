"""Routes for files with the rows of a survey: CSV for spreadsheets, NDJSON for programs."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from web_backend.common import SETTINGS, SURVEYS
from web_backend.kinds import written
from web_backend.selection import Selection, read_selection
from web_backend.survey import Found
from web_backend.tables import COLUMNS, columns_of, csv_lines

#: Seconds; by default, a file has what the page shows.
_MAX_AGE = 3600


def export(kind: str, form: str) -> Any:
    """Make the handler for the file of a kind.

    The response waits for the end of the survey and has a length, so that a file that was cut off is never taken for a
    whole one. Accounts and regions that failed are lines of NDJSON; in CSV, whose rows are all of one kind, they are a
    file of their own (`failures`). The header `Failures` has their number, and the file's name says `incomplete`.
    """

    async def show(request: web.Request) -> web.Response:
        query, selection = read_selection(request, kind)
        surveyed = (query["kind"] or "members") if kind == "failures" else kind
        max_age = _MAX_AGE if query["max_age"] is None else query["max_age"]
        survey = request.config_dict[SURVEYS].get(surveyed, max_age)
        found = [one async for _, one in survey.watch() if one is not None and selection.has(one)]
        names = request.config_dict[SETTINGS].names
        failed = 0 if kind == "failures" else sum(one.failure is not None for one in found)
        state = f"-incomplete-{failed}-failed" if failed else ""
        # In a thread, since that takes seconds for very many rows.
        body = await asyncio.to_thread(_body, kind, form, found, selection, names)
        return web.Response(
            body=body,
            headers={
                "Content-Type": "text/csv; charset=utf-8" if form == "csv" else "application/x-ndjson",
                "Content-Disposition": f'attachment; filename="{kind}-{survey.started:%Y%m%dT%H%M%SZ}{state}.{form}"',
                "Failures": str(failed),
            },
        )

    return show


def _body(kind: str, form: str, found: Sequence[Found], selection: Selection, names: Mapping[str, str]) -> bytes:
    lines = _lines(kind, found, selection)
    if form == "csv":
        if kind != "failures":
            lines = [line for line in lines if "Failure" not in line]
        return csv_lines([COLUMNS[kind], *(columns_of(kind, line, names) for line in lines)])
    return b"".join(written(line) + b"\n" for line in lines)


def _lines(kind: str, found: Sequence[Found], selection: Selection) -> list[dict[str, Any]]:
    """Return the selected lines, sorted by what they are about."""
    lines = []
    for one in found:
        if kind != "failures":
            lines += [(row.id, one.region, row.values(email=selection.emails)) for row in selection.rows(one)]
        # The cells of the coverage have the causes.
        if kind != "coverage" and one.failure is not None:
            lines.append((one.account_id, one.region, one.failure.values()))
    return [line for _, _, line in sorted(lines, key=lambda line: line[:2])]


ROUTES = [web.get(f"/api/export/{kind}.{form}", export(kind, form)) for kind in COLUMNS for form in ("csv", "ndjson")]

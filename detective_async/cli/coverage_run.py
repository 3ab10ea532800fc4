"""Surveys the coverage, and shows it."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from detective_async.cli.account_lists import read_ids
from detective_async.cli.caller import find_caller
from detective_async.cli.exits import DONE, FAILED, CommandError, error_line
from detective_async.cli.options import ALL, Job
from detective_async.cli.output import Results, progress_bar, text, write
from detective_async.coverage import Coverage, RegionCoverage, RegionState, join_surveys, survey
from detective_async.errors import ConfigurationError, DetectiveError
from detective_async.membership.actions import count
from detective_async.organization import list_accounts

_COLUMNS = (
    "account_id",
    "region",
    "covered",
    "expected",
    "status",
    "reason",
    "since",
    "volume",
    "is_administrator",
    "graph_arn",
)
_CLOSED = frozenset({RegionState.NOT_OPTED_IN, RegionState.WITHOUT_DETECTIVE})


def run(job: Job, *, accounts: str | None, organization: bool, timeout: float, uncovered: bool) -> int:
    """Survey and show the coverage, and return the exit code."""
    listed = None if accounts is None else read_ids(accounts, job.say)
    coverage = job.run(lambda: _survey(job, listed, timeout, organization=organization))
    if not (uncovered and coverage.ok and job.output == "table"):
        write(results_of(coverage, only_uncovered=uncovered), job.output, show_all=job.show_all)
    if job.output in {"csv", "ndjson"}:
        # They have rows only.
        sys.stderr.writelines(f"{text(line)}\n" for line in _problems(coverage))
    return DONE if coverage.ok else FAILED


async def _survey(job: Job, listed: Sequence[str] | None, timeout: float, *, organization: bool) -> Coverage:
    caller = await find_caller(job, need_account=False)
    if not caller.regions:
        raise CommandError("; ".join(caller.elsewhere.values()))
    accounts: Sequence[Any] | None = listed
    if organization:
        # As the caller, who manages the organization or may read it.
        async with job.client(credentials=job.own_credentials()) as own:
            accounts = await list_accounts(own)
    regions = ALL if job.regions == (ALL,) else caller.regions
    with progress_bar("asking regions", quiet=job.quiet) as progress:
        async with caller.job.client() as client:
            found = await survey(client, regions=regions, accounts=accounts, timeout=timeout, progress=progress)
    if not caller.elsewhere:
        return found
    others = [
        RegionCoverage(region=region, state=RegionState.COULD_NOT_LOOK, error=ConfigurationError(why))
        for region, why in caller.elsewhere.items()
    ]
    return join_surveys([found, Coverage(rows=(), regions=tuple(others))], accounts=accounts)


def results_of(coverage: Coverage, *, only_uncovered: bool = False) -> Results:
    """Return the results: a row for each account in each region, or for each gap."""
    totals = coverage.totals
    document = coverage.to_dict()
    if only_uncovered:
        document["rows"] = [row.to_dict() for row in coverage.uncovered]
    percent = f" ({_percent(totals.covered, totals.expected)} %)" if totals.expected else ""
    first = f"{totals.covered:,} of {totals.expected:,} covered{percent}"
    if not coverage.rows and all(one.state is RegionState.COULD_NOT_LOOK for one in coverage.regions):
        first = "nothing could be looked at"
    summary = [first, *_problems(coverage)]
    if closed := [one.region for one in coverage.regions if one.state in _CLOSED]:
        summary.append(f"without Detective or not opted in: {', '.join(closed)}")
    if unlisted := {row.account_id for row in coverage.unlisted if not row.is_administrator}:
        summary.append(f"{count(len(unlisted), 'member')} not in the list of accounts")
    return Results(
        columns=_COLUMNS,
        rows=document["rows"],
        document=document,
        shown={"account_id": "account", "region": "region", "status": "status", "reason": "not covered because"},
        attention=lambda row: row["expected"] and not row["covered"],
        summarize=_summarize,
        summary=summary,
    )


def _problems(coverage: Coverage) -> list[str]:
    """Return the regions that could not be read; if nothing is expected to be covered, what all of them have."""
    nothing = not coverage.totals.expected
    failed = [
        f"{one.region}: {one.state}: {error_line(one.error)}"
        for one in coverage.regions
        if isinstance(one.error, DetectiveError) and (nothing or one.state not in _CLOSED)
    ]
    if not nothing:
        return failed
    by_state: dict[str, list[str]] = {}
    for one in coverage.regions:
        if one.error is None:
            by_state.setdefault(one.state, []).append(one.region)
    read = [f"{', '.join(names)}: {state}" for state, names in by_state.items()]
    hint = "no account is a member, and none was named: see --organization and --accounts"
    # Where a region could not be looked at, nobody knows.
    is_known = not coverage.rows and all(one.state is not RegionState.COULD_NOT_LOOK for one in coverage.regions)
    return [*([hint] if is_known else []), *read, *failed]


def _percent(part: int, whole: int) -> str:
    # Rounded down, so that 100 means all of them.
    return f"{1000 * part // whole / 10:g}"


def _summarize(row: Mapping[str, Any]) -> str:
    if row["covered"]:
        return "covered" if not row["is_administrator"] else "covered, as the administrator"
    return f"not expected to be covered: {row['reason']}"

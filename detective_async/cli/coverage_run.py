"""Surveys the coverage, and shows it."""

from collections.abc import Mapping, Sequence
from typing import Any

from detective_async.cli.account_lists import read_ids
from detective_async.cli.exits import DONE, FAILED
from detective_async.cli.options import ALL, Job
from detective_async.cli.output import Results, write
from detective_async.coverage import Coverage, CoverageReason, RegionState, survey
from detective_async.membership.actions import count
from detective_async.organization import list_accounts

_COLUMNS = ("account_id", "region", "covered", "status", "reason", "since", "volume", "is_administrator", "graph_arn")
#: What does not count where all regions are asked: most accounts have not opted in to all of them.
_ELSEWHERE = frozenset({CoverageReason.REGION_NOT_OPTED_IN, CoverageReason.REGION_WITHOUT_DETECTIVE})
_CLOSED = frozenset({RegionState.NOT_OPTED_IN, RegionState.WITHOUT_DETECTIVE})


def run(job: Job, *, accounts: str | None, organization: bool) -> int:
    """Survey and show the coverage, and return the exit code."""
    listed = None if accounts is None else read_ids(accounts, job.say)
    coverage = job.run(lambda: _survey(job, listed, organization=organization))
    results = results_of(coverage, all_regions=job.regions == (ALL,))
    write(results, job.output, show_all=job.show_all)
    return DONE if results.document["ok"] else FAILED


async def _survey(job: Job, listed: Sequence[str] | None, *, organization: bool) -> Coverage:
    accounts: Sequence[Any] | None = listed
    if organization:
        # As the caller, who manages the organization or may read it.
        async with job.client(credentials=job.own_credentials()) as own:
            accounts = await list_accounts(own)
    async with job.client() as client:
        return await survey(client, regions=await job.region_names(), accounts=accounts)


def results_of(coverage: Coverage, *, all_regions: bool) -> Results:
    """Return the results: a row for each account in each region.

    Args:
        coverage: the survey.
        all_regions: whether all regions were asked for, so that those which are not open do not count.
    """
    ignored = _ELSEWHERE if all_regions else frozenset()
    counted = [row for row in coverage.rows if row.reason not in ignored]
    covered = sum(row.covered for row in counted)
    expected = [row for row in counted if row.reason is not CoverageReason.SUSPENDED]
    ok = bool(expected) and all(row.covered for row in expected)
    percent = f" ({_percent(covered, len(counted))} %)" if counted else ""
    summary = [f"{covered:,} of {len(counted):,} covered{percent}"]
    if all_regions and (closed := [one.region for one in coverage.regions if one.state in _CLOSED]):
        summary.append(f"without Detective or not opted in: {', '.join(closed)}")
    summary += [
        f"{one.region}: {one.state}: {one.error}"
        for one in coverage.regions
        if one.error is not None and one.state not in _CLOSED
    ]
    if unlisted := {row.account_id for row in coverage.unlisted if not row.is_administrator}:
        summary.append(f"{count(len(unlisted), 'member')} not in the list of accounts")
    return Results(
        columns=_COLUMNS,
        rows=[row.to_dict() for row in coverage.rows],
        document={**coverage.to_dict(), "ok": ok},
        shown={"account_id": "account", "region": "region", "status": "status", "reason": "not covered because"},
        attention=lambda row: not row["covered"] and row["reason"] not in {*ignored, CoverageReason.SUSPENDED},
        summarize=_summarize,
        summary=summary,
    )


def _percent(part: int, whole: int) -> str:
    # Rounded down, so that 100 means all of them.
    return f"{1000 * part // whole / 10:g}"


def _summarize(row: Mapping[str, Any]) -> str:
    if row["covered"]:
        return "covered" if not row["is_administrator"] else "covered, as the administrator"
    return f"not expected to be covered: {row['reason']}"

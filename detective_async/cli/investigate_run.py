"""Investigates what is named, and shows the reports."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from time import monotonic
from typing import Any

from attrs import frozen

from detective_async.api.models.investigations import Severity
from detective_async.cli import output
from detective_async.cli.account_lists import named, read_lines
from detective_async.cli.exits import DONE, FAILED, CommandError
from detective_async.cli.options import Job
from detective_async.client.identity import caller_account
from detective_async.events import ProgressCounter
from detective_async.fleet import DetectiveFleet, Target
from detective_async.investigation import (
    FindingEntity,
    InvestigationReport,
    SkippedEntity,
    entities_of,
    investigate_fleet,
)

_COLUMNS = ("entity", "region", "investigation_id", "severity", "type", "what", "where", "when", "error")
#: Severities of which a table shows all indicators.
_SEVERE = frozenset({Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM})


@frozen(kw_only=True)
class Investigating:
    """Investigations, as the arguments say."""

    job: Job
    entities: tuple[str, ...]
    findings: tuple[str, ...]
    known_arns: str | None
    start: datetime | None
    end: datetime | None
    repeat: bool
    timeout: float

    def run(self) -> int:
        """Investigate, and return the exit code."""
        wanted, skipped = self._wanted()
        for one in skipped:
            sys.stderr.write(f"skipped: {output.text(str(one))}\n")
        if not wanted:
            raise CommandError("the findings name no user or role that can be investigated", FAILED)
        reports = self.job.run(lambda: self._investigate(wanted))
        reports.sort(key=lambda one: (one.ok, one.entity, one.region or ""))
        ok = not skipped and all(one.ok for one in reports)
        if self.job.output == "html":
            from detective_async.cli.html_report import page  # noqa: PLC0415 - only this format needs it

            sys.stdout.write(page(reports, skipped))
        elif self.job.output != "ndjson":
            output.write(results_of(reports, skipped, ok=ok), self.job.output, show_all=self.job.show_all)
        return DONE if ok else FAILED

    def _wanted(self) -> tuple[list[str | FindingEntity], list[SkippedEntity]]:
        known = () if self.known_arns is None else [line.strip() for line in read_lines(self.known_arns)]
        documents = [one for name in self.findings for one in read_findings(name)]
        found = entities_of(documents, known_arns=known) if documents else None
        if found is None:
            return list(self.entities), []
        return [*self.entities, *found.entities], list(found.skipped)

    async def _investigate(self, wanted: Sequence[str | FindingEntity]) -> list[InvestigationReport]:
        job = self.job
        async with job.client() as client:
            account_id = job.account or await caller_account(client)
            regions = await job.region_names()
        fleet = DetectiveFleet(
            [Target(account_id, region) for region in regions],
            credentials=job.credentials(),
            region=job.first_region(),
            endpoint_url=job.endpoint_url,
            profile=job.profile,
        )
        reports: list[InvestigationReport] = []
        with output.progress_bar("investigating", quiet=job.quiet) as progress:
            counter = ProgressCounter(progress, len(wanted), monotonic)
            async with fleet, aclosing(self._reports(fleet, wanted)) as found:
                async for report in found:
                    counter.add(failed=not report.ok)
                    reports.append(report)
                    if job.output == "ndjson":
                        sys.stdout.write(f"{output.json_line(report.to_dict())}\n")
                        sys.stdout.flush()
        return reports

    def _reports(self, fleet: DetectiveFleet, wanted: Sequence[str | FindingEntity]) -> Any:
        return investigate_fleet(
            fleet, wanted, start=self.start, end=self.end, timeout=self.timeout, repeat=self.repeat
        )


def read_findings(name: str) -> list[Any]:
    """Read findings: one JSON document, or one a line.

    Raises:
        OSError: the file cannot be read.
        CommandError: it is not JSON.
    """
    lines = read_lines(name)
    text = "\n".join(lines)
    where = named(name)
    try:
        return [json.loads(text)]
    except RecursionError:
        raise CommandError(f"{where}: nested too deeply for findings") from None
    except ValueError as error:
        problem = error
    try:
        documents = [json.loads(line) for line in lines if line.strip()]
    except (ValueError, RecursionError):
        documents = []
    if not documents:
        # The text of the error has the position, and nothing of the content.
        raise CommandError(f"{where}: expected findings as JSON: {problem}") from None
    return documents


def rows_of(report: InvestigationReport) -> Iterator[dict[str, Any]]:
    """Yield a row for each indicator of a report; one if there is none, so that no report is missing."""
    rows: Sequence[Mapping[str, Any]] = report.rows()
    first = {
        "entity": report.entity,
        "region": report.region,
        "investigation_id": report.investigation_id,
        "severity": None if report.severity is None else str(report.severity),
    }
    for row in rows or ({"type": "", "what": "", "where": "", "when": ""},):
        yield {**first, **row, "error": None if report.error is None else str(report.error)}


def brief(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each type of indicator of an entity in a region: the first of its indicators, and how many."""
    groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["entity"], row["region"], row["type"], row["error"]), []).append(row)
    return [
        {**some[0], "what": some[0]["what"] if len(some) == 1 else f"{some[0]['what']} and {len(some) - 1} more"}
        for some in groups.values()
    ]


def results_of(reports: Iterable[InvestigationReport], skipped: Iterable[SkippedEntity], *, ok: bool) -> output.Results:
    """Return the results: a row for each indicator."""
    reports, skipped = list(reports), list(skipped)
    rows = [row for report in reports for row in rows_of(report)]
    by_severity = [f"{report.entity}: {_outcome(report)}" for report in reports]
    return output.Results(
        columns=_COLUMNS,
        rows=rows,
        document={
            "ok": ok,
            "reports": [report.to_dict() for report in reports],
            "skipped": [one.to_dict() for one in skipped],
        },
        shown={
            # The last lines name the only one.
            **({"entity": "entity"} if len({report.entity for report in reports}) > 1 else {}),
            **({"region": "region"} if len({report.region for report in reports}) > 1 else {}),
            "type": "indicator",
            "what": "what",
            "where": "where",
            "error": "problem",
        },
        attention=lambda row: row["error"] is not None or row["severity"] in _SEVERE,
        summarize=lambda row: f"indicator{output.PLURAL} {row['type']}" if row["type"] else "without indicators",
        summary=by_severity,
        brief=[{**row, "entity": short_name(row["entity"])} for row in brief(rows)],
    )


def short_name(arn: str) -> str:
    """Return the account, and the name with its path."""
    return arn.rpartition(":iam::")[2]


def _outcome(report: InvestigationReport) -> str:
    where = "" if report.region is None else f" in {report.region}"
    if report.error is not None:
        return f"failed{where}: {report.error}"
    found = f"severity {report.severity}, {len(report.indicators)} indicators"
    return f"{found}{where}{', investigated before' if report.reused else ''}"

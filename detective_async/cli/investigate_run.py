"""Investigates what is named, and shows the reports."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from attrs import evolve, frozen

from detective_async.api.models.investigations import Severity
from detective_async.api.values import timestamp_text
from detective_async.cli import output, signals
from detective_async.cli.account_lists import STANDARD_INPUT
from detective_async.cli.caller import find_caller
from detective_async.cli.exits import DONE, FAILED, CommandError, failing
from detective_async.cli.investigate_files import read_arns, read_findings
from detective_async.cli.options import ALL, Job
from detective_async.cli.words import OPTIONS, option_error
from detective_async.client.regions import RegionFinding, region_finding
from detective_async.errors import ParameterError
from detective_async.events import ProgressCounter
from detective_async.fleet import DetectiveFleet, Target
from detective_async.investigation import (
    FindingEntities,
    FindingEntity,
    InvestigationReport,
    SkippedEntity,
    entities_of,
    investigate_fleet,
)
from detective_async.investigation.cases import malformed
from detective_async.investigation.entities import is_entity, is_region
from detective_async.investigation.fleet import not_asked, not_opted_in
from detective_async.investigation.scope import is_kept
from detective_async.membership.actions import count

_COLUMNS = ("entity", "region", "investigation_id", "severity", "type", "what", "where", "when", "error")
#: Severities of which a table shows all indicators, the worst first.
_SEVERE = (Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM)
#: Investigations that the last lines of a table name one by one.
_MOST_OUTCOMES = 20


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
        found = self._found()
        sys.stderr.writelines(f"skipped: {output.text(line)}\n" for line in lines_of(found.skipped))
        if self.start is None and self.end is None:
            self.job.say("\n".join(notes_of(found.entities)))
        self._warn_of_old_times()
        if not found.entities and self.entities and not any(map(is_entity, self.entities)):
            raise CommandError("; ".join(malformed(one).problem for one in self.entities))
        if not found.entities and self.findings:
            self.job.say(
                "the findings name no user or role that can be investigated" if found.skipped else "no findings"
            )
        job, wanted = self._in_regions(found.entities)
        reports: list[InvestigationReport] = []
        try:
            if wanted:
                job.run(lambda: self._investigate(job, wanted, reports))
        except ParameterError as error:
            raise option_error(error) from None
        except KeyboardInterrupt:
            again = "without --repeat, the same command" if self.repeat else "the same command"
            self.job.say(f"{again} starts nothing again that was started")
            self._write(reports, found.skipped, complete=False)
            raise
        if job.regions == (ALL,):
            asked = {(one.entity, one.region) for one in reports}
            missed = {one.region for one in found.entities if one.region and (one.arn, one.region) not in asked}
            if missed:
                where = ", ".join(sorted(missed))
                job.say(f"warning: there are findings from {where}, where nothing could be investigated")
        return DONE if self._write(reports, found.skipped, complete=True) else FAILED

    def _write(self, reports: list[InvestigationReport], skipped: Sequence[SkippedEntity], *, complete: bool) -> bool:
        """Write the reports, and return whether all is well."""
        reports.sort(key=lambda one: (one.ok, _rank(one), one.entity, one.region or ""))
        ok = complete and not skipped and all(one.ok for one in reports)
        if self.job.output == "html":
            from detective_async.cli.html_report import page  # noqa: PLC0415 - only this format needs it

            not_done = [(one.finding or "", one.what, explanation_of(one)) for one in skipped]
            with signals.held(), failing("standard output"):
                sys.stdout.write(page(reports, not_done, complete=complete))
                sys.stdout.flush()
        elif self.job.output != "ndjson":
            results = results_of(reports, skipped, ok=ok, complete=complete)
            output.write(results, self.job.output, show_all=self.job.show_all)
        return ok

    def _warn_of_old_times(self) -> None:
        for option, moment in (("--start", self.start), ("--end", self.end)):
            if moment is not None and not is_kept(moment, datetime.now(UTC)):
                self.job.say(f"warning: {option} is more than a year ago, and Detective keeps data for a year")

    def _found(self) -> FindingEntities:
        """Return what the findings name."""
        if [*self.findings, self.known_arns].count(STANDARD_INPUT) > 1:
            raise CommandError("standard input can be read only once: give a file for --findings or --known-arns")
        known = () if self.known_arns is None else read_arns(self.known_arns)
        return entities_of([one for name in self.findings for one in read_findings(name)], known_arns=known)

    def _in_regions(self, entities: Sequence[FindingEntity]) -> tuple[Job, list[FindingEntity]]:
        """Return the job and the entities, each with its region: that of its finding, where --regions names none."""
        job = self.job
        wanted = [*map(_entity, self.entities), *entities]
        regions = list(dict.fromkeys(one.region for one in entities if one.region is not None))
        if job.regions:
            if other := [] if job.regions == (ALL,) else [one for one in regions if one not in job.regions]:
                only = ", ".join(job.regions)
                job.say(f"warning: there are findings from {', '.join(other)}, which are investigated in {only} only")
            return job, [evolve(one, region=None) for one in wanted]
        if any(one.region is None for one in entities):
            job.say(f"findings without a region are investigated in {job.first_region()}")
        # What is not a region is not asked, and its report says so.
        if not (regions := list(filter(is_region, regions))):
            return job, wanted
        if any(one.region is None for one in wanted):
            default = job.first_region()
            wanted = [evolve(one, region=one.region or default) for one in wanted]
        names = dict.fromkeys(str(one.region) for one in wanted)
        job = evolve(job, regions=tuple(filter(is_region, names)))
        if regions != [job.configured_region()]:
            job.say(f"each finding is investigated in its own region: {', '.join(regions)}")
        return job, wanted

    async def _investigate(self, job: Job, wanted: Sequence[FindingEntity], reports: list[InvestigationReport]) -> None:
        caller = await find_caller(job, need_account=job.account is None)
        job = caller.job
        elsewhere = [
            InvestigationReport(entity=one.arn, region=region, error=not_asked(region, one.findings, why))
            for region, why in caller.elsewhere.items()
            for one in wanted
            if is_entity(one.arn) and one.region in (None, region)
        ]
        # Without a region of its own, what has none has been reported.
        wanted = [
            one
            for one in wanted
            if one.region not in caller.elsewhere
            and (caller.regions or one.region is not None or not is_entity(one.arn))
        ]
        fleet = DetectiveFleet(
            # Where nothing is asked, the others are reported for all that.
            [Target(str(job.account or caller.account_id), region) for region in await job.region_names()],
            credentials=job.credentials(),
            region=job.first_region(),
            endpoint_url=job.endpoint_url,
            profile=job.profile,
            hooks=job.hook,
        )
        with output.progress_bar("investigating", quiet=job.quiet) as progress:
            counter = ProgressCounter(progress, len(wanted) + len(elsewhere), monotonic)

            def add(report: InvestigationReport) -> None:
                counter.add(failed=not report.ok)
                reports.append(report)
                if job.output == "ndjson":
                    with failing("standard output"):
                        sys.stdout.write(f"{output.json_line(report.to_dict())}\n")
                        sys.stdout.flush()

            for one in elsewhere:
                add(one)
            async with fleet, aclosing(self._reports(fleet, wanted)) as found:
                async for one in found:
                    add(_explained(one, wanted))

    def _reports(self, fleet: DetectiveFleet, wanted: Sequence[FindingEntity]) -> Any:
        return investigate_fleet(
            fleet, wanted, start=self.start, end=self.end, timeout=self.timeout, repeat=self.repeat
        )


def _explained(report: InvestigationReport, wanted: Iterable[FindingEntity]) -> InvestigationReport:
    """Return a report that says so if the region is not opted in to: the job has been accepted by STS."""
    region = report.region
    if region is None or region_finding(report.error, region, keys_accepted=True) is not RegionFinding.NOT_OPTED_IN:
        return report
    findings = [one.findings for one in wanted if (one.arn, one.region) == (report.entity, region)]
    return evolve(report, error=not_opted_in(region, [name for names in findings for name in names]))


def _rank(report: InvestigationReport) -> int:
    return _SEVERE.index(report.severity) if report.severity in _SEVERE else len(_SEVERE)


def _entity(arn: str) -> FindingEntity:
    return FindingEntity(arn=arn)


def explanation_of(skipped: SkippedEntity) -> str:
    """Return why something was skipped, in words of the command."""
    return skipped.explanation.replace("as known_arns", "with --known-arns")


def lines_of(skipped: Iterable[SkippedEntity]) -> Iterator[str]:
    """Yield a line for each reason and what it is about; what to do is in the first of a reason."""
    findings: dict[str, Counter[str]] = {}
    for one in skipped:
        findings.setdefault(explanation_of(one), Counter())[one.what] += 1
    for explanation, numbers in findings.items():
        text = explanation
        for what, number in numbers.items():
            yield f"{what}{f' ({number:,} findings)' if number > 1 else ''}: {text}"
            text = explanation.partition(": ")[0]


def notes_of(entities: Iterable[FindingEntity]) -> Iterator[str]:
    """Yield a line for each note, with the first entity that it is about."""
    groups: dict[str, list[str]] = {}
    for one in entities:
        if one.note is not None:
            groups.setdefault(one.note, []).append(one.arn)
    for note, (first, *more) in groups.items():
        yield f"note: {first}{f' and {len(more):,} more' if more else ''}: {note}"


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
        yield {**first, **row, "error": None if report.error is None else _problem(report.error)}


def brief(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each type of indicator of an investigation: the first of its indicators, and how many."""
    groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        key = *(row[name] for name in ("entity", "region", "investigation_id", "type", "error")), row["when"]
        groups.setdefault(key, []).append(row)
    return [
        {**some[0], "what": some[0]["what"] if len(some) == 1 else f"{some[0]['what']} and {len(some) - 1} more"}
        for some in groups.values()
    ]


def results_of(
    reports: Iterable[InvestigationReport], skipped: Iterable[SkippedEntity], *, ok: bool, complete: bool = True
) -> output.Results:
    """Return the results: a row for each indicator."""
    reports, skipped = list(reports), list(skipped)
    rows = [row for report in reports for row in rows_of(report)]
    minor = [row for row in rows if not _needs_attention(row) and row["type"]]
    shown = brief(row for row in rows if row["type"] == "" or _needs_attention(row))
    times = Counter((report.entity, report.region) for report in reports if report.ok)
    several = any(number > 1 for number in times.values())
    outcomes = [f"{report.entity}: {_outcome(report, with_time=several)}" for report in reports]
    if len(reports) > _MOST_OUTCOMES:
        # What failed or is severe is in the table, with its name.
        groups = Counter(_outcome(report, with_time=False, with_indicators=False) for report in reports)
        outcomes = [f"{count(number, 'investigation')}: {text}" for text, number in groups.items()]
    if not complete:
        outcomes.append("not complete: interrupted")
    return output.Results(
        columns=_COLUMNS,
        rows=rows,
        document={
            "ok": ok,
            "complete": complete,
            "reports": [report.to_dict() for report in reports],
            "skipped": [{**one.to_dict(), "explanation": explanation_of(one)} for one in skipped],
        },
        shown={
            # The last lines name the only one.
            **({"entity": "entity"} if len({report.entity for report in reports}) > 1 else {}),
            **({"region": "region"} if len({report.region for report in reports}) > 1 else {}),
            **({"when": "time"} if several else {}),
            "type": "indicator",
            "what": "what",
            "where": "where",
            "error": "problem",
        },
        attention=_needs_attention,
        summarize=lambda _: f"investigation{output.PLURAL} without indicators",
        summary=[*_counts(minor), *outcomes],
        brief=[{**row, "entity": short_name(row["entity"])} for row in shown],
    )


def _needs_attention(row: Mapping[str, Any]) -> bool:
    return row["error"] is not None or row["severity"] in _SEVERE


def _counts(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return how many indicators of each type there are in investigations that are not severe."""
    counts = Counter(row["type"] for row in rows)
    return [f"{count(number, 'indicator')} {kind}, not severe" for kind, number in sorted(counts.items())]


def short_name(arn: str) -> str:
    """Return the account, and the name with its path."""
    return arn.rpartition(":iam::")[2]


def _problem(error: Exception) -> str:
    """Return the text of an error, with the name of an option instead of a parameter, if there is one."""
    if not isinstance(error, ParameterError):
        return str(error)
    return str(option_error(error)) if error.parameter in OPTIONS else error.problem


def _outcome(report: InvestigationReport, *, with_time: bool, with_indicators: bool = True) -> str:
    where = "" if report.region is None else f" in {report.region}"
    if with_time and report.start is not None and report.end is not None:
        where += f", {timestamp_text(report.start)} to {timestamp_text(report.end)}"
    if report.error is not None:
        return f"failed{where}: {_problem(report.error)}"
    if not with_indicators:
        return f"severity {report.severity}{where}"
    found = f"severity {report.severity}, {count(len(report.indicators), 'indicator')}"
    return f"{found}{where}{', investigated before' if report.reused else ''}"

"""Reports of investigations as one HTML page that needs nothing else: no script, no request, every text escaped."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape

from detective_async.errors import printable
from detective_async.investigation import InvestigationReport

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; color: #1b1f24; }
h2 { font-size: 1.1rem; margin-top: 2.5rem; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #d8dee4; overflow-wrap: anywhere; }
th { font-weight: 600; }
.severity, .failed { border-radius: .8rem; padding: .1rem .6rem; font-size: .85rem; font-weight: 600; color: #fff; }
.failed, .CRITICAL { background: #a40e26; } .HIGH { background: #bc4c00; } .MEDIUM { background: #7a5c00; }
.LOW { background: #2f6f4f; } .INFORMATIONAL { background: #57606a; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem; margin: .5rem 0 1rem; }
dt { color: #57606a; } dd { margin: 0; overflow-wrap: anywhere; }
@media print { body { margin: 0; } }
"""
_SEVERITIES = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "INFORMATIONAL")


def page(
    reports: Sequence[InvestigationReport], skipped: Sequence[tuple[str, str, str]], *, complete: bool = True
) -> str:
    """Return the page: the reports in their order, and what was skipped.

    It is ASCII, so that it is right in whatever encoding it is written.

    Args:
        reports: the reports.
        skipped: the finding, what it names, and why that was not investigated.
        complete: whether nothing was interrupted.
    """
    failed = sum(not report.ok for report in reports)
    made = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        # Also where an escaped text should not be one after all.
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>Investigations of Amazon Detective</title><style>{_STYLE}</style></head><body>",
        "<h1>Investigations of Amazon Detective</h1>",
        f"<p>{len(reports)} reports, {failed} failed; made at {made}</p>",
        "" if complete else '<p><span class="failed">not complete: interrupted</span></p>',
        *map(_report, sorted(reports, key=_urgency)),
        _skipped(skipped),
        "</body></html>",
    ]
    text = "\n".join(part for part in parts if part) + "\n"
    return text.encode("ascii", "xmlcharrefreplace").decode()


def _urgency(report: InvestigationReport) -> int:
    if not report.ok:
        return -1
    severity = str(report.severity)
    return _SEVERITIES.index(severity) if severity in _SEVERITIES else len(_SEVERITIES)


def _report(report: InvestigationReport) -> str:
    badge = '<span class="failed">failed</span>'
    if report.ok:
        severity = str(report.severity or "unknown")
        kind = severity if severity in _SEVERITIES else "INFORMATIONAL"
        badge = f'<span class="severity {kind}">{_text(severity)}</span>'
    facts = {
        "Region": report.region,
        "Investigation": report.investigation_id,
        "From": report.start,
        "To": report.end,
        "Note": report.note,
        "Problem": report.error,
    }
    shown = "".join(f"<dt>{name}</dt><dd>{_text(value)}</dd>" for name, value in facts.items() if value is not None)
    rows = [[row["type"], row["what"], row["where"]] for row in report.rows()]
    # Of what has failed, nobody knows.
    nothing = "<p>No indicators.</p>" if report.ok else ""
    table = _table(("Indicator", "What", "Where"), rows) if rows else nothing
    return f"<section><h2>{_text(report.entity)} {badge}</h2><dl>{shown}</dl>{table}</section>"


def _skipped(skipped: Sequence[tuple[str, str, str]]) -> str:
    if not skipped:
        return ""
    return f"<section><h2>Not investigated</h2>{_table(('Finding', 'What', 'Why not'), skipped)}</section>"


def _table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = "".join(f"<th>{heading}</th>" for heading in headings)
    body = "".join(f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _text(value: object) -> str:
    if isinstance(value, datetime):
        value = value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return escape(printable(str(value)))

"""investigate: ARNs and findings become reports, in each format."""

import csv
import io
import json
import sys
from html.parser import HTMLParser

import pytest
from attrs import evolve
from cli.conftest import Program

from detective_async import (
    Indicator,
    IndicatorDetail,
    IndicatorType,
    InvestigationDetail,
    NewUserAgentDetail,
    Severity,
    Status,
)
from detective_async.cli import html_report, investigate_run
from detective_async.cli.demo_world import ACCOUNTS, REGIONS
from detective_async.investigation import InvestigationReport, SkippedEntity, SkipReason
from detective_async.testing import Failure, Fault

DEPLOY = f"arn:aws:iam::{ACCOUNTS[0]}:role/Deploy"
RELEASE = f"arn:aws:iam::{ACCOUNTS[1]}:role/deploy/Release"
#: A finding of Security Hub; GuardDuty's names no path.
ASFF = {
    "SchemaVersion": "2018-10-08",
    "Id": "a finding",
    "ProductArn": "arn:aws:securityhub:eu-west-1::product/aws/guardduty",
    "AwsAccountId": ACCOUNTS[1],
    "Resources": [{"Type": "AwsIamRole", "Id": RELEASE}],
}
GUARDDUTY = {
    "schemaVersion": "2.0",
    "id": "another finding",
    "accountId": ACCOUNTS[2],
    "region": REGIONS[0],
    "type": "UnauthorizedAccess:IAMUser/ConsoleLogin",
    "resource": {
        "resourceType": "AccessKey",
        "accessKeyDetails": {"userName": "kim", "userType": "IAMUser", "principalId": "AIDAEXAMPLE"},
    },
    "service": {"eventFirstSeen": "2026-03-01T08:00:00Z", "eventLastSeen": "2026-03-01T09:00:00Z"},
}
KIM = f"arn:aws:iam::{ACCOUNTS[2]}:user/people/kim"


def investigations(program: Program) -> set[str]:
    """Return the entities that the simulator has investigations of, in the first region."""
    graphs = [one for one in program.sim.dump()["graphs"] if one["region"] == REGIONS[0]]
    return {one["entity_arn"] for graph in graphs for one in graph.get("investigations", ())}


def test_an_arn(program: Program) -> None:
    """The reports have the indicators; a second time, nothing is started."""
    ended = program("investigate", RELEASE, "--output", "json")
    document = json.loads(ended.out)
    assert (ended.code, ended.err, document["ok"], document["skipped"]) == (0, "", True, [])
    (report,) = document["reports"]
    assert (report["entity"], report["severity"], report["reused"]) == (RELEASE, "HIGH", False)
    assert RELEASE in investigations(program)
    assert program.changes == ["StartInvestigation"]
    (again,) = json.loads(program("investigate", RELEASE, "--output", "json").out)["reports"]
    assert (again["investigation_id"], again["reused"]) == (report["investigation_id"], True)
    assert program.changes == ["StartInvestigation"]
    assert program("investigate", RELEASE, "--repeat", "--start", "2026-03-01", "--end", "2026-03-02T00:00:00+01:00")
    assert program.changes == ["StartInvestigation"] * 2


def test_the_formats_agree(program: Program) -> None:
    """NDJSON has a report a line, CSV a row for each indicator, the table one for each type."""
    arguments = ["investigate", DEPLOY, RELEASE, "--regions", ",".join(REGIONS[:2])]
    reports = [json.loads(line) for line in program(*arguments, "--output", "ndjson").out.splitlines()]
    assert {(one["entity"], one["region"]) for one in reports} == {
        (arn, region) for arn in (DEPLOY, RELEASE) for region in REGIONS[:2]
    }
    rows = list(csv.DictReader(io.StringIO(program(*arguments, "--output", "csv").out)))
    found = [(one["entity"], one["region"], two["type"]) for one in reports for two in one["indicators"]]
    assert sorted((row["entity"], row["region"], row["type"]) for row in rows) == sorted(found)
    ended = program(*arguments)
    lines = ended.out.splitlines()
    assert lines[0].split() == ["entity", "region", "indicator", "what", "where"]
    assert lines[-1].startswith(f"{RELEASE}: severity HIGH, 24 indicators in {REGIONS[1]}, investigated before")
    assert sum("IMPOSSIBLE_TRAVEL" in line for line in lines) == 2
    assert sum("IMPOSSIBLE_TRAVEL" in line for line in program(*arguments, "--all").out.splitlines()) == 6


@pytest.mark.parametrize("form", ["document", "list", "lines", "standard input"])
def test_findings(program: Program, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What they name is investigated; what is not known is skipped with the reason, and the exit code is 1."""
    file = program.folder / "findings.json"
    texts = {
        "document": [json.dumps({"Findings": [ASFF, GUARDDUTY]}, indent=1)],
        "list": [json.dumps([ASFF, GUARDDUTY])],
    }
    text = "\n".join(texts.get(form, [json.dumps(ASFF), "", json.dumps(GUARDDUTY)]))
    file.write_text(text)
    name = "findings.json"
    if form == "standard input":
        name = "-"
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    ended = program("investigate", "--findings", name, "--output", "json")
    document = json.loads(ended.out)
    assert [one["entity"] for one in document["reports"]] == [RELEASE]
    assert [one["reason"] for one in document["skipped"]] == ["path unknown"]
    assert (ended.code, document["ok"]) == (1, False)
    assert ended.err.startswith("skipped: ")
    assert "the path is not known" in ended.err


def test_the_paths_of_users_and_roles(program: Program) -> None:
    """With them, what GuardDuty names can be investigated, for the finding's time."""
    (program.folder / "finding.json").write_text(json.dumps(GUARDDUTY))
    (program.folder / "arns").write_text(f"{DEPLOY}\n{KIM}\n")
    ended = program("investigate", "--findings", "finding.json", "--known-arns", "arns", "--output", "json")
    (report,) = json.loads(ended.out)["reports"]
    assert (ended.code, report["entity"], report["start"]) == (0, KIM, "2026-02-28T08:00:00Z")


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        ("", 2, "expected findings as JSON"),
        ("{", 2, "expected findings as JSON"),
        ("[" * 100_000, 2, "nested too deeply"),
        ('{"a": 1}\n' + "[" * 100_000, 2, "expected findings as JSON"),
        ('{"Resources": []}', 1, "no user or role that can be investigated"),
        ("[]", 1, "no user or role that can be investigated"),
    ],
)
def test_what_is_no_finding(program: Program, content: str, code: int, words: str) -> None:
    """It is said in one line what is wrong, and nothing is sent."""
    (program.folder / "finding.json").write_text(content)
    ended = program("investigate", "--findings", "finding.json")
    assert (ended.code, ended.out, program.sim.requests) == (code, "", [])
    assert words in ended.err.splitlines()[-1]


def test_failures_are_reports(program: Program) -> None:
    """They come first, and the exit code is 1."""
    stranger = "arn:aws:iam::999999999999:role/Unknown"
    ended = program("investigate", DEPLOY, stranger, "--output", "csv")
    rows = list(csv.DictReader(io.StringIO(ended.out)))
    assert (ended.code, rows[0]["entity"]) == (1, stranger)
    assert [bool(row["error"]) for row in rows] == [True, *[False] * (len(rows) - 1)]
    ended = program("investigate", DEPLOY, stranger)
    assert f"{stranger}: failed" in ended.out
    program.sim.inject(Fault(Failure(403, "AccessDeniedException", "no"), "StartInvestigation", count=None))
    ended = program("investigate", RELEASE)
    assert ended.code == 1
    assert f"{RELEASE}: failed in {REGIONS[0]}: AccessDeniedException: no" in ended.out


class _Page(HTMLParser):
    """The elements and texts of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_a_page(program: Program) -> None:
    """It needs nothing else, and has a table with a row for each indicator."""
    (program.folder / "finding.json").write_text(json.dumps([ASFF, GUARDDUTY]))
    ended = program("investigate", DEPLOY, "--findings", "finding.json", "--output", "html")
    page = _Page(ended.out)
    assert ended.code == 1
    assert page.elements.count("tr") == (1 + 24) + (1 + 24) + (1 + 1)
    assert {DEPLOY, RELEASE} <= {text.strip() for text in page.texts}
    assert not {"script", "link", "img", "iframe", "form", "a"} & set(page.elements)
    assert not {"src", "href", "action", "style"} & {name for name, _ in page.attributes}
    assert "Not investigated" in page.texts


HOSTILE = '</td><script>alert(1)</script>&"\x1b'
DETAIL = InvestigationDetail(investigation_id="1", status=Status.SUCCESSFUL, entity_arn=DEPLOY)


def test_texts_of_a_page_are_escaped() -> None:
    """Whatever a user agent, an ARN or an error has in it."""
    agent = NewUserAgentDetail(user_agent=HOSTILE, is_new_for_entire_account=False)
    indicator = Indicator(
        indicator_type=IndicatorType.NEW_USER_AGENT,
        indicator_detail=IndicatorDetail(new_user_agent_detail=agent),
    )
    reports = [
        InvestigationReport(
            entity=HOSTILE,
            region=HOSTILE,
            detail=evolve(DETAIL, severity=severity),
            indicators=(indicator,),
        )
        for severity in (Severity.LOW, Severity(HOSTILE), Severity.CRITICAL, None)
    ]
    failed = InvestigationReport(entity="arn", error=ValueError(HOSTILE))
    skipped = SkippedEntity(reason=SkipReason.MALFORMED, what=HOSTILE, finding=HOSTILE)
    page = html_report.page([*reports, failed], [skipped])
    parsed = _Page(page)
    assert "script" not in parsed.elements
    assert page.count("&lt;script&gt;") >= 8
    assert "\x1b" not in page
    badges = [value for name, value in parsed.attributes if name == "class"]
    assert badges == [
        "failed",
        "severity CRITICAL",
        "severity LOW",
        "severity INFORMATIONAL",
        "severity INFORMATIONAL",
    ]
    assert "<p>No indicators.</p>" in page
    assert "Not investigated" not in html_report.page(reports, [])


def test_a_table_counts_what_is_not_severe() -> None:
    """Indicators by their type, and entities without any."""
    reports = [
        InvestigationReport(entity=DEPLOY, detail=evolve(DETAIL, severity=Severity.LOW)),
    ]
    results = investigate_run.results_of(reports, [], ok=True)
    assert [results.attention(row) for row in results.rows] == [False]
    assert [results.summarize(row) for row in results.rows] == ["without indicators"]
    assert results.summarize({"type": "NEW_ASO"}) == "indicator{s} NEW_ASO"
    assert results.summary == [f"{DEPLOY}: severity LOW, 0 indicators"]

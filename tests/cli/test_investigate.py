"""investigate: ARNs and findings become reports, in each format."""

import csv
import io
import json
import signal
import sys
import time
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from typing import Any

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
#: Investigated without an end.
ENDLESS = f"arn:aws:iam::{ACCOUNTS[1]}:role/deploy/Endless"
KIM = f"arn:aws:iam::{ACCOUNTS[2]}:user/people/kim"


def finding(region: str = REGIONS[0], partition: str = "aws") -> dict[str, Any]:
    """Return a finding of a region that names a role of a partition."""
    role = {"Type": "AwsIamRole", "Id": RELEASE.replace("arn:aws:", f"arn:{partition}:")}
    return {**ASFF, "Region": region, "Resources": [role]}


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
    assert "with --known-arns" in ended.err
    assert document["skipped"][0]["explanation"].endswith("with --known-arns, one for each name")
    assert "known_arns" not in ended.out + ended.err


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
        ('{"a": 1}\n' + "[" * 100_000, 2, "nested too deeply"),
        ('{"a": 1}\n\n{"a": 2}\n{oops\n{"a": 3}', 2, "line 4 column 2"),
        ('{"Resources": []}', 1, "no user or role that can be investigated"),
        ("[]", 0, "no findings"),
        ('{"Findings": []}', 0, "no findings"),
    ],
)
def test_what_is_no_finding(program: Program, content: str, code: int, words: str) -> None:
    """It is said in one line what is wrong, and nothing is sent; without findings there is nothing to fail."""
    (program.folder / "finding.json").write_text(content)
    ended = program("investigate", "--findings", "finding.json")
    assert (ended.code, ended.out, program.sim.requests) == (code, "", [])
    assert words in ended.err.splitlines()[-1]


def test_all_is_skipped(program: Program) -> None:
    """The documents have the reasons all the same."""
    (program.folder / "finding.json").write_text(json.dumps(GUARDDUTY))
    ended = program("investigate", "--findings", "finding.json", "--output", "json")
    document = json.loads(ended.out)
    assert (ended.code, document["reports"], [one["reason"] for one in document["skipped"]]) == (
        1,
        [],
        ["path unknown"],
    )
    ended = program("investigate", "--findings", "finding.json", "--output", "html")
    assert (ended.code, "Not investigated" in ended.out) == (1, True)
    (program.folder / "finding.json").write_text("[]")
    ended = program("investigate", "--findings", "finding.json", "--output", "json")
    assert (ended.code, json.loads(ended.out)["ok"]) == (0, True)


def test_any_layout_of_findings(program: Program) -> None:
    """One after the other over several lines, and with the characters that end a line in Unicode, and not in JSON."""
    findings = [{**ASFF, "Id": str(number), "Title": "a\u2028b\u0085c"} for number in range(3)]
    for indent in (None, 1):
        text = "\n".join(json.dumps(one, indent=indent, ensure_ascii=False) for one in findings)
        (program.folder / "findings").write_text(text, encoding="utf-8")
        ended = program("investigate", "--findings", "findings", "--output", "json")
        assert (ended.code, len(json.loads(ended.out)["reports"])) == (0, 1)


def test_findings_that_are_no_text(program: Program) -> None:
    """They are refused."""
    (program.folder / "findings").write_bytes(b"\xff\xfe{")
    ended = program("investigate", "--findings", "findings")
    assert (ended.code, "expected text in UTF-8" in ended.err) == (2, True)


def test_standard_input_twice(program: Program) -> None:
    """It cannot be read again."""
    for more in (["--findings", "-"], ["--known-arns", "-"]):
        ended = program("investigate", "--findings", "-", *more)
        assert (ended.code, "only once" in ended.err) == (2, True)


INSTANCE_PROFILE = f"arn:aws:iam::{ACCOUNTS[2]}:instance-profile/x"


@pytest.mark.parametrize(
    "content",
    [
        f"{DEPLOY}\n{KIM}\n",
        f"{DEPLOY}\t{KIM}\n\n{RELEASE}",
        f"\ufeff {KIM}",
        json.dumps({"Users": [{"UserName": "kim", "Path": "/people/", "Arn": KIM}]}, indent=4),
        json.dumps({"Roles": [{"Arn": DEPLOY}]}) + json.dumps({"Users": [{"Arn": KIM}]}),
        json.dumps([DEPLOY, KIM]),
        json.dumps({"UserDetailList": [{"Arn": KIM}], "RoleDetailList": [{"InstanceProfileList": [{"Arn": "x"}]}]}),
    ],
)
def test_files_of_known_arns(program: Program, content: str) -> None:
    """Words with any white space between, and what the AWS CLI writes."""
    (program.folder / "finding.json").write_text(json.dumps(GUARDDUTY))
    (program.folder / "arns").write_text(content, encoding="utf-8")
    ended = program("investigate", "--findings", "finding.json", "--known-arns", "arns", "--output", "json")
    assert (ended.code, [one["entity"] for one in json.loads(ended.out)["reports"]]) == (0, [KIM])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (f"{DEPLOY}\nkim\n", "arns, line 2: expected ARNs of IAM users or roles, got 'kim'"),
        (f"{DEPLOY}\t{INSTANCE_PROFILE}", "arns, line 1: expected ARNs"),
        (f"- {DEPLOY}", "arns, line 1: expected ARNs of IAM users or roles, got '-'"),
        (f'"{DEPLOY}",', "arns: expected ARNs, as words or in JSON"),
        ("", "there are no ARNs"),
        (json.dumps({"InstanceProfiles": [{"Arn": INSTANCE_PROFILE}]}), "there are no ARNs"),
    ],
)
def test_files_that_have_no_known_arns(program: Program, content: str, words: str) -> None:
    """They are refused, with the line, and nothing is sent."""
    (program.folder / "finding.json").write_text(json.dumps(GUARDDUTY))
    (program.folder / "arns").write_text(content)
    ended = program("investigate", "--findings", "finding.json", "--known-arns", "arns")
    assert (ended.code, ended.out, program.sim.requests) == (2, "", [])
    assert words in ended.err


def test_arguments_that_are_no_arns(program: Program) -> None:
    """They are wrong use with a remedy each, unless something else can be investigated."""
    session = f"arn:aws:sts::{ACCOUNTS[0]}:assumed-role/Deploy/x"
    ended = program("investigate", "role/Deploy", session)
    assert (ended.code, ended.out, program.sim.requests) == (2, "", [])
    assert "'role/Deploy' is not the ARN of an IAM user or role (malformed); expected the whole ARN" in ended.err
    assert "`aws iam get-role --role-name Deploy`" in ended.err
    assert "entity_arns" not in ended.err
    ended = program("investigate", "role/Deploy", RELEASE)
    assert ended.code == 1
    assert f"{RELEASE}: severity HIGH" in ended.out
    assert "role/Deploy: failed: 'role/Deploy' is not the ARN" in ended.out


def test_the_region_of_a_finding(program: Program) -> None:
    """It is used where no other is asked for, for this finding alone; other regions are a warning."""
    elsewhere = {**ASFF, "Region": REGIONS[1]}
    (program.folder / "findings").write_text(json.dumps([elsewhere, {**ASFF, "Resources": []}]))

    def places(*arguments: str) -> tuple[set[tuple[str, str]], str]:
        ended = program("investigate", "--findings", "findings", "--output", "json", *arguments)
        return {(one["entity"], one["region"]) for one in json.loads(ended.out)["reports"]}, ended.err

    found, said = places(DEPLOY)
    assert found == {(RELEASE, REGIONS[1]), (DEPLOY, REGIONS[0])}
    assert f"each finding is investigated in its own region: {REGIONS[1]}" in said
    found, said = places("--regions", REGIONS[0])
    assert found == {(RELEASE, REGIONS[0])}
    assert f"warning: there are findings from {REGIONS[1]}, which are investigated in {REGIONS[0]} only" in said
    found, said = places("--regions", ",".join(REGIONS[:2]))
    assert found == {(RELEASE, one) for one in REGIONS[:2]}
    assert "warning" not in said


@pytest.mark.parametrize(
    ("region", "words"),
    [
        ("mars-1", "mars-1 is not a region of AWS"),
        ("af-south-1", "the administrator has not opted in to af-south-1"),
        ("us-west-2", "there is no graph in us-west-2"),
    ],
)
@pytest.mark.parametrize("more", [(), (DEPLOY,)])
def test_the_region_of_a_finding_without_a_graph(
    program: Program, region: str, words: str, more: tuple[str, ...]
) -> None:
    """It is investigated nowhere else, and the report says why; whatever else is investigated."""
    program.sim.close_region("af-south-1")
    (program.folder / "finding").write_text(json.dumps({**ASFF, "Region": region}))
    ended = program("investigate", "--findings", "finding", "--output", "json", *more)
    failed = [one for one in json.loads(ended.out)["reports"] if not one["ok"]]
    assert [(one["region"], one["error"]["message"]) for one in failed] == [
        (region, f"finding a finding is from {region}: {words}")
    ]
    # That of the other one is from before.
    assert (ended.code, program.changes) == (1, [])


def test_times_that_contradict_each_other(program: Program) -> None:
    """It is said of the option, whether an option or a finding has the other time; nothing is started."""
    ended = program("investigate", RELEASE, "--start", "2026-02-01", "--end", "2026-01-01")
    problem = "--start: must be before the end, "
    assert (ended.code, ended.err.startswith(f"detective-async: {problem}")) == (2, True)
    times = {f"{name}ObservedAt": "2026-01-01T00:00:00Z" for name in ("First", "Last")}
    (program.folder / "finding").write_text(json.dumps({**ASFF, **times}))
    ended = program("investigate", "--findings", "finding", "--start", "2026-02-01")
    assert (ended.code, f"failed: {problem}" in ended.out, program.changes) == (1, True, [])


def test_a_finding_without_a_configured_region(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own is enough."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    (program.folder / "finding").write_text(json.dumps(ASFF))
    ended = program("investigate", "--findings", "finding", "--output", "json")
    assert (ended.code, json.loads(ended.out)["reports"][0]["region"]) == (0, "eu-west-1")


@pytest.mark.parametrize(
    ("format_", "more"),
    [("table", []), ("table", ["--repeat"]), ("json", []), ("csv", []), ("html", []), ("ndjson", [])],
)
def test_an_interruption(program: Program, format_: str, more: list[str]) -> None:
    """What was finished is there, and says that it is not complete; how to go on is said in each format."""
    program("investigate", RELEASE)
    program.sim.investigations(duration=100_000)
    program.sim.forget_requests()
    with program.start("investigate", RELEASE, ENDLESS, *more, "--output", format_) as running:
        end = time.monotonic() + 60
        # With --repeat, nothing ends.
        awaited = {"StartInvestigation", *([] if more else ["ListIndicators"])}
        while not awaited <= {one.operation for one in program.sim.requests}:
            assert time.monotonic() < end
            time.sleep(0.01)
        # The report is made in the moment after the response.
        time.sleep(0.5)
        running.send_signal(signal.SIGINT)
        out, errors = (part.decode() for part in running.communicate(timeout=60))
    again = f"{'without --repeat, ' if more else ''}the same command starts nothing again that was started"
    assert (running.returncode, [*filter(None, errors.splitlines())]) == (130, [again, "detective-async: interrupted"])
    if more:
        return
    assert RELEASE.rpartition(":iam::")[2] in out
    if format_ == "json":
        document = json.loads(out)
        assert (document["complete"], document["ok"], len(document["reports"])) == (False, False, 1)
    elif format_ in ("table", "html"):
        assert "not complete: interrupted" in out


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
    page = html_report.page([*reports, failed], [(HOSTILE, HOSTILE, skipped.explanation)])
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
    assert "<p>No indicators.</p>" not in page
    assert "Not investigated" not in html_report.page(reports, [])
    assert "not complete" in html_report.page(reports, [], complete=False)
    assert "not complete" not in page


def test_a_page_of_what_has_no_indicators() -> None:
    """An investigation that failed, or never began, is not said to have found nothing."""
    done = html_report.page([InvestigationReport(entity="arn", detail=DETAIL)], [])
    failed = html_report.page([InvestigationReport(entity="arn", error=ValueError("no"))], [])
    assert ["No indicators" in page for page in (done, failed)] == [True, False]


def test_a_finding_of_another_partition(program: Program) -> None:
    """It has a report that says so, and does not stop the others, whichever is first; nothing is asked there."""
    program.sim.close_region("cn-north-1")
    other = finding(region="cn-north-1", partition="aws-cn")
    for findings in ([other, finding()], [finding(), other]):
        (program.folder / "findings.json").write_text(json.dumps(findings))
        ended = program("investigate", "--findings", "findings.json", "--output", "json")
        failed, done = sorted(json.loads(ended.out)["reports"], key=lambda one: str(one["region"]))
        assert (ended.code, failed["region"], done["region"], done["error"]) == (1, "cn-north-1", "eu-west-1", None)
        text = "cn-north-1 is of another partition (aws-cn); these credentials are of aws"
        assert failed["error"]["message"].endswith(f"is from cn-north-1: {text}")
    assert {one.region for one in program.sim.requests} == {"eu-west-1"}
    # Alone, it is reported as well, and so is what is not in a region at all.
    (program.folder / "findings.json").write_text(json.dumps([other, finding(region="mars-1")]))
    ended = program("investigate", "--findings", "findings.json", "--output", "json")
    texts = [one["error"]["message"].rpartition(": ")[2] for one in json.loads(ended.out)["reports"]]
    assert (ended.code, sorted(texts)) == (1, [text, "mars-1 is not a region of AWS"])
    ended = program("investigate", DEPLOY, "--regions", "cn-north-1,eu-west-1", "--output", "json")
    assert (ended.code, [one["region"] for one in json.loads(ended.out)["reports"] if one["error"]]) == (
        1,
        ["cn-north-1"],
    )
    ended = program("investigate", DEPLOY, "--regions", "cn-north-1", "--output", "json")
    assert (ended.code, len(json.loads(ended.out)["reports"])) == (1, 1)


def test_an_arn_of_another_partition(program: Program) -> None:
    """Nothing is started for it, whatever region its finding names."""
    (program.folder / "findings.json").write_text(json.dumps(finding(partition="aws-cn")))
    ended = program("investigate", "--findings", "findings.json", "--output", "json")
    (report,) = json.loads(ended.out)["reports"]
    assert (ended.code, report["error"]["message"].partition(" is of ")[2]) == (
        1,
        "the partition aws-cn, and eu-west-1 of aws: use its own regions",
    )
    ended = program("investigate", DEPLOY.replace("arn:aws:", "arn:aws-cn:"), "--output", "json")
    (report,) = json.loads(ended.out)["reports"]
    assert report["error"]["message"] == "no administrator was asked in its partition, aws-cn"
    assert "StartInvestigation" not in program.changes


def test_a_finding_without_a_region(program: Program) -> None:
    """Standard error says where it is investigated."""
    without = finding()
    without["Region"] = without["ProductArn"] = ""
    (program.folder / "findings.json").write_text(json.dumps(without))
    ended = program("investigate", "--findings", "findings.json", "--output", "json")
    assert (ended.code, ended.err.splitlines()) == (
        0,
        [
            f"note: {RELEASE}: its findings have no times, so the last day is investigated",
            "findings without a region are investigated in eu-west-1",
        ],
    )


def test_many_findings_are_few_lines() -> None:
    """What is skipped has a line for each reason and name; what to do about it is said once."""
    names = [SkippedEntity(reason=SkipReason.PATH_UNKNOWN, what=f"Role {n % 2}") for n in range(10)]
    first, second = investigate_run.lines_of(names)
    assert first.startswith("Role 0 (5 findings): the path is not known")
    assert first.endswith("one for each name")
    assert second == "Role 1 (5 findings): the path is not known, which is a part of the ARN"
    reports = [InvestigationReport(entity=f"arn{n}", region="eu-west-1", detail=DETAIL) for n in range(100)]
    failed = InvestigationReport(entity="arn", region="eu-west-1", error=ValueError("no"))
    found = investigate_run.results_of([*reports, failed], [], ok=False)
    assert found.summary == [
        f"100 investigations: severity {DETAIL.severity} in eu-west-1",
        "1 investigation: failed in eu-west-1: no",
    ]


def test_a_page_is_ascii() -> None:
    """So that it is right in whatever encoding standard output has."""
    page = html_report.page([InvestigationReport(entity="arn", region="\u00e9\u4e2d")], [])
    assert "&#233;&#20013;" in page
    assert page.isascii()


def test_a_table_counts_what_is_not_severe() -> None:
    """Indicators by their type, and investigations without any."""
    reports = [
        InvestigationReport(entity=DEPLOY, detail=evolve(DETAIL, investigation_id="1", severity=Severity.LOW)),
        InvestigationReport(
            entity=RELEASE,
            detail=evolve(DETAIL, investigation_id="2", severity=Severity.LOW),
            indicators=(Indicator(indicator_type=IndicatorType.NEW_ASO),) * 3,
        ),
    ]
    results = investigate_run.results_of(reports, [], ok=True)
    assert not any(map(results.attention, results.rows))
    assert results.brief is not None
    assert [results.summarize(row) for row in results.brief] == ["investigation{s} without indicators"]
    assert results.summary == [
        "3 indicators NEW_ASO, not severe",
        f"{DEPLOY}: severity LOW, 0 indicators",
        f"{RELEASE}: severity LOW, 3 indicators",
    ]


@pytest.mark.parametrize("severities", [("LOW", "CRITICAL"), ("CRITICAL", "LOW")])
def test_two_investigations_of_one_role(program: Program, severities: tuple[Any, Any]) -> None:
    """What is severe in one of them is shown, with its time, whatever the other has found."""
    days = ("2026-01-04", "2026-05-04")
    findings = [
        {**ASFF, "Id": day, "FirstObservedAt": f"{day}T08:00:00Z", "LastObservedAt": f"{day}T08:00:00Z"} for day in days
    ]
    for finding, severity in zip(findings, severities, strict=True):
        program.sim.investigations(severity=severity)
        (program.folder / "finding").write_text(json.dumps(finding))
        assert program("investigate", "--findings", "finding").code == 0
    (program.folder / "findings").write_text(json.dumps(findings))
    lines = program("investigate", "--findings", "findings").out.splitlines()
    day = dict(zip(severities, ("2026-01-03", "2026-05-03"), strict=True))
    assert lines[0].split() == ["time", "indicator", "what", "where"]
    shown = [line for line in lines if line.startswith("2026-")]
    assert len(shown) == 8
    assert all(line.startswith(day["CRITICAL"]) for line in shown)
    assert sum(line.startswith("3 indicators") for line in lines) == 8
    assert f"severity CRITICAL, 24 indicators in {REGIONS[0]}, {day['CRITICAL']}" in lines[-2]
    assert f"severity LOW, 24 indicators in {REGIONS[0]}, {day['LOW']}" in lines[-1]


@pytest.mark.parametrize("format_", ["table", "html", "json", "ndjson"])
def test_an_interruption_between_reports(program: Program, monkeypatch: pytest.MonkeyPatch, format_: str) -> None:
    """Also within this process."""

    async def interrupted(*_: object, **__: object) -> AsyncIterator[InvestigationReport]:
        yield InvestigationReport(entity=RELEASE)
        raise KeyboardInterrupt

    monkeypatch.setattr(investigate_run, "investigate_fleet", interrupted)
    ended = program("investigate", RELEASE, DEPLOY, "--output", format_)
    assert ended.code == 130
    assert "Release" in ended.out
    assert (format_ == "ndjson") == ("complete" not in ended.out)


def test_what_a_scope_leaves_out_is_said(program: Program) -> None:
    """In a line for all users and roles, and in each report; not if the time was asked for."""
    long = {"FirstObservedAt": "2025-01-01T00:00:00Z", "LastObservedAt": "2026-03-01T00:00:00Z"}
    other = {**finding(), **long, "Resources": [{"Type": "AwsIamRole", "Id": DEPLOY}]}
    (program.folder / "findings").write_text(json.dumps([{**finding(), **long}, other]))
    ended = program("investigate", "--findings", "findings", "--output", "json")
    text = "its findings are of more than 30 days, of which only the last are investigated"
    assert f"note: {RELEASE} and 1 more: {text}" in ended.err.splitlines()
    reports = json.loads(ended.out)["reports"]
    assert [one["note"] for one in reports] == [text, text]
    assert text in program("investigate", "--findings", "findings", "--output", "html").out
    times = ["--start", "2026-01-01", "--end", "2026-01-20"]
    ended = program("investigate", "--findings", "findings", *times, "--output", "json")
    assert ("note" in ended.err, [one["note"] for one in json.loads(ended.out)["reports"]]) == (False, [None, None])


@pytest.mark.parametrize("text", ["null", "[]", "[null]", '{"Resources": null}', '{"Findings": []}', "null\n[]\n3\n"])
@pytest.mark.parametrize("arns", [[], [RELEASE]])
def test_findings_that_name_nothing(program: Program, text: str, arns: list[str]) -> None:
    """A line says so, whatever else is investigated."""
    (program.folder / "findings").write_text(text)
    ended = program("investigate", *arns, "--findings", "findings", "--output", "json")
    document = json.loads(ended.out)
    assert [one["entity"] for one in document["reports"]] == arns
    assert ended.code == (1 if document["skipped"] else 0)
    last = "no findings" if not document["skipped"] else "the findings name no user or role that can be investigated"
    assert ended.err.splitlines()[len(document["skipped"]) :] == [last]


@pytest.mark.parametrize(
    ("times", "problem"),
    [
        (["--start", "2999-01-01", "--end", "2999-01-02"], "--start: 2999-01-01T00:00:00+00:00 is in the future"),
        (["--end", "2999-01-02"], "--end: 2999-01-02T00:00:00+00:00 is in the future"),
        (["--start", "2025-01-01", "--end", "2025-11-25"], "from --start to --end, or to now, got 328 days"),
        (["--start", "2025-01-01T00:00", "--end", "2025-01-01T02:59"], "to now, got 179 minutes"),
        (["--start", "2025-01-01"], "expected 3 hours to 30 days"),
    ],
)
def test_times_that_cannot_be_investigated(program: Program, times: list[str], problem: str) -> None:
    """Nothing is sent, and the error says which times can be."""
    ended = program("investigate", DEPLOY, *times)
    assert (ended.code, ended.out, program.changes) == (2, "", [])
    assert problem in ended.err


def test_times_of_which_there_is_no_data(program: Program) -> None:
    """A warning says so; the investigation is started, since only AWS knows what it has."""
    ended = program("investigate", DEPLOY, "--start", "2022-01-01", "--end", "2022-01-02", "--output", "json")
    text = "warning: {} is more than a year ago, and Detective keeps data for a year"
    assert ended.err.splitlines()[:2] == [text.format("--start"), text.format("--end")]
    assert [one["entity"] for one in json.loads(ended.out)["reports"]] == [DEPLOY]
    assert "warning" not in program("investigate", DEPLOY).err


def test_arns_with_commas_between(program: Program) -> None:
    """They are several, as in other options; a comma in a path is not one between ARNs."""
    odd = f"arn:aws:iam::{ACCOUNTS[0]}:role/a,b/Deploy"
    ended = program("investigate", f"{DEPLOY},{RELEASE}, {odd}", "--output", "json")
    assert {one["entity"] for one in json.loads(ended.out)["reports"]} == {DEPLOY, RELEASE, odd}


def test_a_finding_of_a_region_without_a_graph(program: Program) -> None:
    """Where all regions are asked, a warning says that its own was of no use."""
    (program.folder / "findings").write_text(json.dumps([finding(region=one) for one in (REGIONS[0], REGIONS[2])]))
    ended = program("investigate", "--findings", "findings", "--regions", "all", "--output", "json")
    text = f"warning: there are findings from {REGIONS[2]}, where nothing could be investigated"
    assert text in ended.err.splitlines()
    (program.folder / "findings").write_text(json.dumps(finding()))
    assert "warning" not in program("investigate", "--findings", "findings", "--regions", "all", "-o", "json").err

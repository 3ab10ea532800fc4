"""Tables for notebooks: small, escaped, and masked as in `repr`."""

from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest
from attrs import evolve
from support.answers import MEMBER

from detective_async import (
    BulkCreateMembers,
    ChunkFailure,
    CreateGraphResponse,
    CreateMembersResponse,
    DatasourcePackage,
    DatasourcePackageIngestDetail,
    DatasourcePackageIngestState,
    DatasourcePackageUsageInfo,
    DeleteMembersResponse,
    DetectiveError,
    GetInvestigationResponse,
    Graph,
    Indicator,
    IndicatorDetail,
    IndicatorType,
    InvestigationDetail,
    ListDatasourcePackagesResponse,
    ListGraphsResponse,
    ListMembersResponse,
    MemberStatus,
    NewAsoDetail,
    Severity,
    Status,
    UnprocessedAccount,
)
from detective_async.api.html import MAX_ROWS
from detective_async.coverage import Coverage, CoverageReason, CoverageRow, RegionCoverage, RegionState
from detective_async.investigation import FindingEntities, InvestigationReport, SkippedEntity, SkipReason
from detective_async.membership import (
    AccountReport,
    ActionKind,
    MembershipReport,
    Note,
    Reason,
    RegionReport,
    TeardownReport,
)

HOSTILE = '</td><script>alert("1")</script>&\x1b\u202e'
ADDRESS = "kim@example.com"
ROLE = "arn:aws:iam::444455556666:role/Deploy"


class Parsed(HTMLParser):
    """The parts of a piece of HTML."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.source: str = value._repr_html_()
        self.elements: set[str] = set()
        self.open: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(self.source)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert attrs == []
        self.elements.add(tag)
        self.open.append(tag)
        if tag in ("td", "th"):
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("td", "th"):
            self.texts[self.open[-1]][-1] += data
        else:
            self.texts.setdefault(self.open[-1] if self.open else "", []).append(data)


def test_the_items_of_a_response() -> None:
    """They are rows, with a column for each attribute that any of them has; times are ISO 8601."""
    page = ListGraphsResponse(
        graph_list=[Graph(arn="a", created_time=datetime(2026, 3, 1, tzinfo=UTC)), Graph(arn="b")], next_token="more"
    )
    found = Parsed(page)
    assert found.texts == {
        "b": ["ListGraphsResponse"],
        "p": [" next_token: more"],
        "caption": ["graph_list: 2"],
        "th": ["arn", "created_time"],
        "td": ["a", "2026-03-01 00:00:00+00:00", "b", ""],
    }
    assert found.elements <= {"div", "p", "b", "table", "caption", "thead", "tbody", "tr", "th", "td"}


def test_items_that_are_texts() -> None:
    """They are a column without more."""
    assert Parsed(DeleteMembersResponse(account_ids=["1", "2"])).texts["td"] == ["1", "2"]


def test_the_items_of_a_map() -> None:
    """Its keys are a column."""
    detail = DatasourcePackageIngestDetail(datasource_package_ingest_state=DatasourcePackageIngestState.STARTED)
    found = Parsed(ListDatasourcePackagesResponse(datasource_packages={DatasourcePackage.EKS_AUDIT: detail}))
    assert found.texts["th"] == ["key", "datasource_package_ingest_state"]
    assert found.texts["td"] == ["EKS_AUDIT", "STARTED"]


@pytest.mark.parametrize(("count", "more"), [(MAX_ROWS, []), (MAX_ROWS + 1, ["and 1 more"]), (1_000, ["and 980 more"])])
def test_a_long_list_is_cut(count: int, more: list[str]) -> None:
    """The other rows are counted."""
    found = Parsed(ListMembersResponse(member_details=[MEMBER] * count))
    assert len(found.texts["td"]) == 3 * MAX_ROWS
    assert found.texts["p"][1:] == more
    assert found.texts["caption"] == [f"member_details: {count}"]


def test_long_texts_are_cut() -> None:
    """A cell has 200 characters at most."""
    found = Parsed(ListGraphsResponse(graph_list=[Graph(arn="a" * 201)]))
    assert found.texts["td"] == ["a" * 200 + "..."]


@pytest.mark.parametrize(
    "value",
    [
        CreateGraphResponse(graph_arn=HOSTILE),
        ListMembersResponse(member_details=[evolve(MEMBER, status=MemberStatus(HOSTILE))], next_token=HOSTILE),
        CreateMembersResponse(unprocessed_accounts=[UnprocessedAccount(account_id=HOSTILE, reason=HOSTILE)]),
        InvestigationReport(entity=HOSTILE, error=ValueError(HOSTILE)),
        Coverage(
            rows=(CoverageRow(account_id=HOSTILE, region="r", covered=True, packages={HOSTILE: HOSTILE}),), regions=()
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_foreign_texts_are_escaped(value: Any) -> None:
    """No text is markup, and none has control characters or turns the direction of others."""
    found = Parsed(value)
    assert "script" not in found.elements
    assert "&lt;script&gt;" in found.source
    assert found.source.isprintable()


@pytest.mark.parametrize(
    "value",
    [
        # Not recognised by its form, but by the field.
        ListMembersResponse(member_details=[evolve(MEMBER, email_address="kim at home")]),
        CreateMembersResponse(unprocessed_accounts=[UnprocessedAccount(account_id="1", reason=f"{ADDRESS}: no")]),
        BulkCreateMembers(members=[evolve(MEMBER, email_address=ADDRESS)]),
        BulkCreateMembers(failures=[ChunkFailure([ADDRESS], DetectiveError(f"{ADDRESS}: no"))]),
        MembershipReport(rows=(AccountReport(account_id="1", region="r", problem=f"{ADDRESS}: no"),), regions=()),
        InvestigationReport(entity="arn", error=ValueError(ADDRESS)),
        ListDatasourcePackagesResponse(next_token=ADDRESS),
    ],
    ids=lambda value: type(value).__name__,
)
def test_addresses_are_masked(value: Any) -> None:
    """Those that `repr` masks, and those in other texts."""
    found = Parsed(value)
    assert "kim" not in found.source
    assert "***" in found.source


def test_what_a_repr_leaves_out() -> None:
    """The metadata of a response is not shown."""
    assert "response_metadata" not in Parsed(ListGraphsResponse()).source
    assert Parsed(ListGraphsResponse()).texts == {"b": ["ListGraphsResponse"], "p": [" "]}


def test_a_response_without_items() -> None:
    """Its members are shown in one line."""
    value = GetInvestigationResponse(investigation_id="1", entity_arn=ROLE, status=Status.RUNNING)
    assert Parsed(value).texts["p"] == [f" investigation_id: 1; entity_arn: {ROLE}; status: RUNNING"]


def test_values_within_a_cell() -> None:
    """Maps and objects are texts."""
    usage = {DatasourcePackage.DETECTIVE_CORE: DatasourcePackageUsageInfo(volume_usage_in_bytes=3)}
    member = evolve(MEMBER, volume_usage_by_datasource_package=usage)
    found = Parsed(ListMembersResponse(member_details=[member]))
    assert dict(zip(found.texts["th"], found.texts["td"], strict=True)) == {
        "account_id": "444455556666",
        "graph_arn": "arn",
        "status": "INVITED",
        "volume_usage_by_datasource_package": "DETECTIVE_CORE: volume_usage_in_bytes: 3",
    }


def test_a_report_of_an_investigation() -> None:
    """Its indicators are what was observed, and from where."""
    detail = IndicatorDetail(new_aso_detail=NewAsoDetail(aso="Example"))
    report = InvestigationReport(
        entity=ROLE,
        detail=InvestigationDetail(
            investigation_id="1", entity_arn=ROLE, status=Status.SUCCESSFUL, severity=Severity.HIGH
        ),
        indicators=(Indicator(indicator_type=IndicatorType.NEW_ASO, indicator_detail=detail),),
    )
    found = Parsed(report)
    assert "severity: HIGH" in found.texts["p"][0]
    assert (found.texts["th"], found.texts["td"]) == (["type", "what"], ["NEW_ASO", "Example"])


def test_reports_and_coverage() -> None:
    """Each of their collections is a table."""
    region = RegionReport(region="r", done=(ActionKind.CREATE_GRAPH,))
    row = AccountReport(account_id="1", region="r", done=(ActionKind.INVITE, ActionKind.ACCEPT))
    coverage = Coverage(
        rows=(CoverageRow(account_id="1", region="r", covered=False, reason=CoverageReason.INVITED),),
        regions=(RegionCoverage(region="r", state=RegionState.MEMBERS, members=1),),
    )
    for value, texts in (
        (MembershipReport(rows=(row,), regions=(region,), notes=(Note(Reason.INVITED, "a note"),)), ["invite, accept"]),
        (TeardownReport(regions=(region,)), ["create graph"]),
        (coverage, ["invited", "members"]),
        (FindingEntities(skipped=(SkippedEntity(reason=SkipReason.MALFORMED, what="?"),)), ["?"]),
    ):
        assert set(texts) <= set(Parsed(value).texts["td"])

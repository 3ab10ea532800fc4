"""InvestigationReport: rows and plain data."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from detective_async import (
    FlaggedIpAddressDetail,
    ImpossibleTravelDetail,
    Indicator,
    IndicatorDetail,
    IndicatorType,
    InvestigationDetail,
    NewAsoDetail,
    NewGeolocationDetail,
    NewUserAgentDetail,
    Reason,
    RelatedFindingDetail,
    RelatedFindingGroupDetail,
    ServiceError,
    Severity,
    Status,
    TTPsObservedDetail,
)
from detective_async.investigation import InvestigationReport

ROLE = "arn:aws:iam::111122223333:role/Deploy"


def row(kind: str, **detail: Any) -> tuple[str, str]:
    """Return what a row says was observed, and where."""
    indicator = Indicator(indicator_type=IndicatorType(kind), indicator_detail=IndicatorDetail(**detail))
    (found,) = InvestigationReport(entity=ROLE, indicators=(indicator,)).rows()
    assert found["type"] == kind
    return found["what"], found["where"]


@pytest.mark.parametrize(
    ("kind", "detail", "what", "where"),
    [
        (
            "TTP_OBSERVED",
            {
                "ttps_observed_detail": TTPsObservedDetail(
                    tactic="Initial Access",
                    technique="Valid Accounts",
                    procedure="Unusual",
                    ip_address="192.0.2.1",
                    api_name="ListBuckets",
                    api_success_count=10,
                    api_failure_count=0,
                )
            },
            "Initial Access: Valid Accounts: Unusual: ListBuckets (10 succeeded, 0 failed)",
            "192.0.2.1",
        ),
        ("TTP_OBSERVED", {"ttps_observed_detail": TTPsObservedDetail(tactic="Impact")}, "Impact", ""),
        ("TTP_OBSERVED", {"ttps_observed_detail": TTPsObservedDetail(api_name="GetRole")}, "GetRole", ""),
        (
            "IMPOSSIBLE_TRAVEL",
            {
                "impossible_travel_detail": ImpossibleTravelDetail(
                    starting_ip_address="192.0.2.1",
                    ending_ip_address="192.0.2.2",
                    starting_location="Dublin",
                    ending_location="Sydney",
                    hourly_time_delta=1,
                )
            },
            "Dublin to Sydney in 1 h",
            "192.0.2.1 to 192.0.2.2",
        ),
        (
            "IMPOSSIBLE_TRAVEL",
            {"impossible_travel_detail": ImpossibleTravelDetail(starting_location="Dublin")},
            "Dublin",
            "",
        ),
        (
            "FLAGGED_IP_ADDRESS",
            {
                "flagged_ip_address_detail": FlaggedIpAddressDetail(
                    ip_address="192.0.2.1", reason=Reason.AWS_THREAT_INTELLIGENCE
                )
            },
            "AWS_THREAT_INTELLIGENCE",
            "192.0.2.1",
        ),
        (
            "FLAGGED_IP_ADDRESS",
            {"flagged_ip_address_detail": FlaggedIpAddressDetail(ip_address="192.0.2.1")},
            "",
            "192.0.2.1",
        ),
        (
            "NEW_GEOLOCATION",
            {
                "new_geolocation_detail": NewGeolocationDetail(
                    location="Sydney", ip_address="192.0.2.1", is_new_for_entire_account=True
                )
            },
            "Sydney, new for the whole account",
            "192.0.2.1",
        ),
        (
            "NEW_ASO",
            {"new_aso_detail": NewAsoDetail(aso="Example", is_new_for_entire_account=False)},
            "Example, new for the user or role",
            "",
        ),
        ("NEW_USER_AGENT", {"new_user_agent_detail": NewUserAgentDetail(user_agent="x/1")}, "x/1", ""),
        (
            "RELATED_FINDING",
            {"related_finding_detail": RelatedFindingDetail(arn="arn:x", type="Recon", ip_address="192.0.2.1")},
            "Recon: arn:x",
            "192.0.2.1",
        ),
        ("RELATED_FINDING", {"related_finding_detail": RelatedFindingDetail(arn="arn:x")}, "arn:x", ""),
        ("RELATED_FINDING_GROUP", {"related_finding_group_detail": RelatedFindingGroupDetail(id="7")}, "7", ""),
        ("ADDED_TOMORROW", {}, "", ""),
    ],
)
def test_a_row_of_each_type(kind: str, detail: dict[str, Any], what: str, where: str) -> None:
    """What was observed, and from where."""
    assert row(kind, **detail) == (what, where)


def test_an_empty_indicator() -> None:
    """Beside its type, it is a row of empty strings."""
    report = InvestigationReport(entity=ROLE, indicators=(Indicator(indicator_type=IndicatorType.NEW_ASO),))
    assert report.rows()[0] == {
        "entity": ROLE,
        "region": "",
        "investigation_id": "",
        "severity": "",
        "type": "NEW_ASO",
        "what": "",
        "where": "",
        "when": "",
    }
    assert report.to_dict()["indicators"] == [{"type": "NEW_ASO", "what": "", "where": "", "detail": {}}]


def test_a_report_as_plain_data() -> None:
    """It can be written as JSON, without members of indicators that are null."""
    report = InvestigationReport(
        entity=ROLE,
        start=datetime(2026, 3, 1, tzinfo=UTC),
        end=datetime(2026, 3, 2, tzinfo=UTC),
        region="eu-west-1",
        graph_arn="arn:g",
        detail=InvestigationDetail(
            investigation_id="1" * 21,
            entity_arn=ROLE,
            severity=Severity.HIGH,
            status=Status.SUCCESSFUL,
            created_time=datetime(2026, 3, 3, tzinfo=UTC),
        ),
        indicators=(
            Indicator(
                indicator_type=IndicatorType.NEW_ASO,
                indicator_detail=IndicatorDetail(new_aso_detail=NewAsoDetail(aso="Example")),
            ),
        ),
    )
    assert json.loads(json.dumps(report.to_dict())) == {
        "entity": ROLE,
        "entity_type": None,
        "region": "eu-west-1",
        "graph_arn": "arn:g",
        "administrator_id": None,
        "start": "2026-03-01T00:00:00Z",
        "end": "2026-03-02T00:00:00Z",
        "investigation_id": "1" * 21,
        "status": "SUCCESSFUL",
        "severity": "HIGH",
        "state": None,
        "created_time": "2026-03-03T00:00:00Z",
        "ok": True,
        "reused": False,
        "note": None,
        "error": None,
        "indicators": [{"type": "NEW_ASO", "what": "Example", "where": "", "detail": {"aso": "Example"}}],
    }
    assert report.rows()[0]["when"] == "2026-03-01T00:00:00Z/2026-03-02T00:00:00Z"


def test_a_report_with_an_error() -> None:
    """It has the code and the message."""
    report = InvestigationReport(entity=ROLE, error=ServiceError("Broken", "so it is"))
    assert (report.ok, report.severity, report.investigation_id) == (False, None, None)
    error = report.to_dict()["error"]
    assert error["code"] == "Broken"
    assert error["message"].startswith("Broken: so it is")

"""Investigations, which run in virtual time, and their indicators."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from attrs import frozen

from detective_async.testing import DetectiveSimulator

ROLE = "arn:aws:iam::111122223333:role/Admin"
USER = "arn:aws:iam::111122223333:user/alice"
START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, 12, 30, 15, 250000, tzinfo=UTC)


@frozen
class Start:
    """Starts investigations in one graph."""

    admin: Any
    graph: str

    async def __call__(self, entity: str = ROLE, scope_start: datetime = START, scope_end: datetime = END) -> str:
        response = await self.admin.start_investigation(
            GraphArn=self.graph, EntityArn=entity, ScopeStartTime=scope_start, ScopeEndTime=scope_end
        )
        return str(response["InvestigationId"])


@pytest_asyncio.fixture
async def start(boto: Any) -> Any:
    admin = boto()
    return Start(admin, (await admin.create_graph())["GraphArn"])


async def test_an_investigation_runs_and_finishes(sim: DetectiveSimulator, boto: Any, start: Any) -> None:
    """RUNNING without a severity or indicators, then SUCCESSFUL with both, or FAILED without indicators."""
    sim.investigations(duration=600, severity="CRITICAL")
    admin = boto()
    name = await start()
    found = await admin.get_investigation(GraphArn=start.graph, InvestigationId=name)
    assert (found["Status"], found["State"], found["EntityType"]) == ("RUNNING", "ACTIVE", "IAM_ROLE")
    assert (found["ScopeStartTime"], found["ScopeEndTime"]) == (START, END)
    assert "Severity" not in found
    assert (await admin.list_indicators(GraphArn=start.graph, InvestigationId=name))["Indicators"] == []
    await sim.advance(600)
    found = await admin.get_investigation(GraphArn=start.graph, InvestigationId=name)
    assert (found["Status"], found["Severity"]) == ("SUCCESSFUL", "CRITICAL")
    sim.investigations(outcome="FAILED")
    name = await start(USER)
    found = await admin.get_investigation(GraphArn=start.graph, InvestigationId=name)
    assert (found["Status"], found["EntityType"]) == ("FAILED", "IAM_USER")
    assert (await admin.list_indicators(GraphArn=start.graph, InvestigationId=name))["Indicators"] == []


async def test_an_account_without_data_has_nothing_to_be_found(boto: Any, people: Any, start: Any) -> None:
    """Its investigation succeeds, as that of a mistyped ARN, with the lowest severity; an enabled member has data."""
    admin = boto()
    await admin.create_members(GraphArn=start.graph, Accounts=people(2))
    await boto("000000000001").accept_invitation(GraphArn=start.graph)
    for account, severity, number in (
        ("000000000001", "HIGH", 24),
        ("000000000002", "INFORMATIONAL", 0),
        ("999999999999", "INFORMATIONAL", 0),
    ):
        scope = {"GraphArn": start.graph, "InvestigationId": await start(f"arn:aws:iam::{account}:role/Admin")}
        found = await admin.get_investigation(**scope)
        assert (found["Status"], found["Severity"]) == ("SUCCESSFUL", severity)
        assert len((await admin.list_indicators(**scope))["Indicators"]) == number


async def test_indicators_have_all_eight_types_and_are_paginated(boto: Any, start: Any) -> None:
    """Each type has its own detail; the pages have all indicators; the list can be filtered by type."""
    admin = boto()
    scope = {"GraphArn": start.graph, "InvestigationId": await start()}
    everything = (await admin.list_indicators(**scope))["Indicators"]
    kinds = admin.client.meta.service_model.shape_for("IndicatorType").enum
    details = set(admin.client.meta.service_model.shape_for("IndicatorDetail").members)
    assert Counter(one["IndicatorType"] for one in everything) == dict.fromkeys(kinds, 3)
    assert {key for one in everything for key in one["IndicatorDetail"]} == details
    response = await admin.list_indicators(**scope, MaxResults=7)
    paged = response["Indicators"]
    while "NextToken" in response:
        response = await admin.list_indicators(**scope, MaxResults=7, NextToken=response["NextToken"])
        paged += response["Indicators"]
    assert paged == everything
    only = (await admin.list_indicators(**scope, IndicatorType="NEW_ASO"))["Indicators"]
    assert {one["IndicatorType"] for one in only} == {"NEW_ASO"}


async def test_investigations_are_listed_filtered_and_sorted(sim: DetectiveSimulator, boto: Any, start: Any) -> None:
    """Every filter, every sort field in both orders, and pages of a sorted list."""
    admin = boto()
    names = []
    severities: list[Any] = ["LOW", "CRITICAL", "MEDIUM", "HIGH", "INFORMATIONAL"]
    for number, severity in enumerate(severities):
        sim.investigations(severity=severity)
        names.append(await start(USER if number else ROLE))
        await sim.advance(3600)
    sim.investigations(duration=60)
    names.append(await start())

    async def listed(**criteria: Any) -> Any:
        response = await admin.list_investigations(GraphArn=start.graph, **criteria)
        return [one["InvestigationId"] for one in response["InvestigationDetails"]]

    async def by(field: Any, order: Any) -> Any:
        return await listed(SortCriteria={"Field": field, "SortOrder": order})

    low, critical, medium, high, informational, running = names
    assert await listed() == names[::-1]
    assert await by("CREATED_TIME", "ASC") == names
    assert await by("SEVERITY", "DESC") == [critical, high, medium, low, informational, running]
    assert await by("SEVERITY", "ASC") == [running, informational, low, medium, high, critical]
    assert (await by("STATUS", "ASC"))[0] == (await by("STATUS", "DESC"))[-1] == running
    assert await listed(FilterCriteria={"Severity": {"Value": "LOW"}}) == [low]
    assert await listed(FilterCriteria={"Status": {"Value": "RUNNING"}}) == [running]
    assert await listed(FilterCriteria={"EntityArn": {"Value": USER}}) == [informational, high, medium, critical]
    await admin.update_investigation_state(GraphArn=start.graph, InvestigationId=critical, State="ARCHIVED")
    assert await listed(FilterCriteria={"State": {"Value": "ARCHIVED"}}) == [critical]
    window = {"StartInclusive": sim.now - timedelta(hours=2, minutes=30), "EndInclusive": sim.now}
    assert await listed(FilterCriteria={"CreatedTime": window}) == [running, informational, high]
    page = await admin.list_investigations(GraphArn=start.graph, MaxResults=3)
    assert await listed(MaxResults=3, NextToken=page["NextToken"]) == [medium, critical, low]
    with pytest.raises(admin.exceptions.ValidationException):
        await listed(NextToken=page["NextToken"], FilterCriteria={"Status": {"Value": "RUNNING"}})


async def test_an_investigation_is_found_by_its_time_as_it_was_sent(boto: Any, start: Any) -> None:
    """In milliseconds, both ends included."""
    admin = boto()
    name = await start()
    (listed,) = (await admin.list_investigations(GraphArn=start.graph))["InvestigationDetails"]
    window = {"StartInclusive": listed["CreatedTime"], "EndInclusive": listed["CreatedTime"]}
    found = await admin.list_investigations(GraphArn=start.graph, FilterCriteria={"CreatedTime": window})
    assert [one["InvestigationId"] for one in found["InvestigationDetails"]] == [name]


@pytest.mark.parametrize("field", ["STATUS", "SEVERITY"])
@pytest.mark.parametrize("order", ["ASC", "DESC"])
async def test_pages_neither_repeat_nor_skip_what_changes(
    sim: DetectiveSimulator, boto: Any, start: Any, *, field: Any, order: Any
) -> None:
    """Investigations that finish between two pages stay where they were at the first one."""
    admin = boto()
    sim.investigations(duration=60)
    names = [await start() for _ in range(6)]
    asked = {"GraphArn": start.graph, "MaxResults": 2, "SortCriteria": {"Field": field, "SortOrder": order}}
    page = await admin.list_investigations(**asked)
    found = page["InvestigationDetails"]
    while "NextToken" in page:
        await sim.advance(61)
        page = await admin.list_investigations(**asked, NextToken=page["NextToken"])
        found += page["InvestigationDetails"]
    assert sorted(one["InvestigationId"] for one in found) == sorted(names)


async def test_invalid_entities_and_scopes_are_rejected(boto: Any, start: Any) -> None:
    """An entity that is neither a user nor a role, and a scope that ends before it starts."""
    client = boto()
    for entity in ("arn:aws:s3:::bucket", "arn:aws:iam::111122223333:group/x", "arn:aws:iam::1:user/x"):
        with pytest.raises(client.exceptions.ValidationException, match="entityArn"):
            await start(entity)
    with pytest.raises(client.exceptions.ValidationException, match="scopeEndTime"):
        await start(scope_end=START)


async def test_a_missing_investigation_is_not_found(boto: Any, start: Any) -> None:
    """Every operation on an investigation returns ResourceNotFoundException if there is none."""
    admin, scope = boto(), {"GraphArn": start.graph, "InvestigationId": "0" * 21}
    await admin.refused("ResourceNotFoundException", "get_investigation", **scope)
    await admin.refused("ResourceNotFoundException", "list_indicators", **scope)
    await admin.refused("ResourceNotFoundException", "update_investigation_state", **scope, State="ACTIVE")


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        (timedelta(hours=3) - timedelta(milliseconds=1), False),
        (timedelta(hours=3), True),
        (timedelta(days=30), True),
        (timedelta(days=30, milliseconds=1), False),
    ],
)
async def test_a_scope_is_from_3_hours_to_30_days(start: Any, scope: timedelta, allowed: bool) -> None:
    """Other scopes are refused. Source: the user guide, on the console; the words are inferred."""
    if allowed:
        await start(scope_end=START + scope)
        return
    with pytest.raises(start.admin.exceptions.ValidationException, match="from 3 hours to 30 days"):
        await start(scope_end=START + scope)

"""investigate_fleet: many administrators and regions."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from detective_async import AccessDeniedException, Account, DetectiveFleet, ParameterError, Target
from detective_async.investigation import FindingEntity, InvestigationFailed, InvestigationReport, investigate_fleet
from detective_async.testing import DetectiveSimulator, Failure, Fault
from investigation.worlds import (
    ADMINISTRATOR,
    ELSEWHERE,
    END,
    REGION,
    START,
    administrator,
    role,
    running_tasks,
    starts,
)

OTHER = "444455556666"
MEMBER, DISABLED, INVITED = "222233334444", "333344445555", "555566667777"
DAY, NO_TIME = timedelta(days=1), timedelta()
DENIED = Failure(403, "AccessDeniedException", "not you")


@pytest.fixture
async def fleet(sim: DetectiveSimulator) -> AsyncIterator[DetectiveFleet]:
    """Two administrators in two regions; the first has three members, the second has a graph in one region only."""
    for region in (REGION, ELSEWHERE):
        async with administrator(sim, region=region) as client:
            arn = (await client.create_graph()).graph_arn
            sim.set_volume(DISABLED, "VOLUME_TOO_HIGH")
            accounts = [Account(one, f"account-{one}@example.com") for one in (MEMBER, DISABLED, INVITED)]
            await client.create_members(arn, accounts)
            for one in (MEMBER, DISABLED):
                await client.with_options(credentials=sim.account(one)).accept_invitation(arn)
    async with administrator(sim, account_id=OTHER) as client:
        await client.create_graph()
    sim.forget_requests()
    targets = [
        Target(one, region, sim.account(one)) for one in (ADMINISTRATOR, OTHER) for region in (REGION, ELSEWHERE)
    ]
    async with DetectiveFleet(targets, endpoint_url=sim.url, region=REGION) as fleet:
        yield fleet


async def investigated(fleet: DetectiveFleet, entities: Any, **options: Any) -> list[InvestigationReport]:
    found = [one async for one in investigate_fleet(fleet, entities, start=START, end=END, **options)]
    assert running_tasks() == []
    return found


def places(found: list[InvestigationReport]) -> set[tuple[str, str | None, str]]:
    """Return the entity's account, the region, and the administrator of each report."""
    return {(one.entity.split(":")[4], one.region, (one.graph_arn or "::::").split(":")[4]) for one in found}


async def test_each_graph_that_has_the_account(sim: DetectiveSimulator, fleet: DetectiveFleet) -> None:
    """Entities are investigated where their accounts are administrators or have been enabled, and nowhere else."""
    entities = [role("R", one) for one in (ADMINISTRATOR, OTHER, MEMBER, DISABLED)]
    found = await investigated(fleet, entities)
    assert all(one.ok for one in found)
    both = {(one, region, ADMINISTRATOR) for one in (ADMINISTRATOR, MEMBER, DISABLED) for region in (REGION, ELSEWHERE)}
    assert places(found) == both | {(OTHER, REGION, OTHER)}
    assert starts(sim) == {entity: 1 if OTHER in entity else 2 for entity in entities}
    assert all(one.reused for one in await investigated(fleet, entities))


async def test_an_account_in_no_graph(fleet: DetectiveFleet) -> None:
    """There is a report with an error: for one that was only invited, too."""
    found = await investigated(fleet, [role("A", "999999999999"), role("A", INVITED), role("A")])
    errors = {one.entity: one.error for one in found if not one.ok}
    assert errors.keys() == {role("A", "999999999999"), role("A", INVITED)}
    assert all(isinstance(error, InvestigationFailed) for error in errors.values())
    assert str(errors[role("A", "999999999999")]) == (
        f"no graph in {REGION}, {ELSEWHERE} has data of account 999999999999: "
        "it is neither an enabled member nor administrator"
    )


async def test_malformed_arns(fleet: DetectiveFleet) -> None:
    """There is one report for each, whatever the number of targets; also where findings have different times."""
    found = await investigated(fleet, ["nonsense", role("A"), "nonsense"])
    assert [one.entity for one in found if isinstance(one.error, ParameterError)] == ["nonsense"]
    assert len(found) == 3
    twice = [FindingEntity(arn="nonsense", start=START - days, end=END - days) for days in (NO_TIME, 5 * DAY)]
    assert [one.entity async for one in investigate_fleet(fleet, twice)] == ["nonsense"] * 2


async def test_two_times_of_an_entity(sim: DetectiveSimulator, fleet: DetectiveFleet) -> None:
    """Each has a report of its own: in each graph, for each target that fails, and if no graph has the account."""

    async def found(*accounts: str) -> list[tuple[str, str | None, bool]]:
        entities = [
            FindingEntity(arn=role("A", one), start=START - days, end=END - days)
            for one in accounts
            for days in (NO_TIME, 5 * DAY)
        ]
        reports = [one async for one in investigate_fleet(fleet, entities)]
        return sorted((one.entity.split(":")[4], one.region, one.ok) for one in reports)

    assert await found(OTHER) == [(OTHER, REGION, True)] * 2
    assert await found("999999999999") == [("999999999999", None, False)] * 2
    sim.inject(Fault(DENIED, operation="ListMembers", account=OTHER))
    assert await found(OTHER) == [(OTHER, REGION, False)] * 2


async def test_the_region_of_a_finding(fleet: DetectiveFleet) -> None:
    """What it names is investigated there only, and an ARN everywhere; once if both ask for the same."""
    entity = FindingEntity(arn=role("A"), region=ELSEWHERE)
    assert places(await investigated(fleet, [entity])) == {(ADMINISTRATOR, ELSEWHERE, ADMINISTRATOR)}
    assert len(await investigated(fleet, [entity, evolve(entity, region=REGION), role("A")])) == 2
    for region, findings, words in (
        ("us-west-2", (), "no administrator was asked in us-west-2"),
        ("us-west-2", ("x",), "finding x is from us-west-2: no administrator was asked in us-west-2"),
        ("mars-1", ("x", "y"), "finding x and 1 more are from mars-1: mars-1 is not a region of AWS"),
    ):
        (report,) = await investigated(fleet, [evolve(entity, region=region, findings=findings)])
        assert (report.region, report.ok, str(report.error)) == (region, False, words)
    (report,) = await investigated(fleet, [FindingEntity(arn=role("A", OTHER), region=ELSEWHERE)])
    assert f"no graph in {ELSEWHERE} has data of account {OTHER}" in str(report.error)


async def test_no_graph_at_all(sim: DetectiveSimulator) -> None:
    """It is said so, and not that the graphs do not have the account; many regions are counted."""
    for regions, where in (
        ([REGION], f"there is no graph in {REGION}"),
        ([REGION, ELSEWHERE, "us-west-1", "us-west-2"], "there is no graph in any of 4 regions"),
        ([], "no administrator was asked"),
    ):
        targets = [Target(OTHER, region, sim.account(OTHER)) for region in regions]
        async with DetectiveFleet(iter(targets), endpoint_url=sim.url, region=REGION) as fleet:
            (report,) = await investigated(fleet, [role("A", OTHER)])
        assert str(report.error) == where


async def test_a_target_that_fails(sim: DetectiveSimulator, fleet: DetectiveFleet) -> None:
    """Each entity has a report with its error, although another administrator there has reported the entity."""
    sim.inject(Fault(DENIED, operation="ListMembers", account=ADMINISTRATOR, region=ELSEWHERE))
    sim.inject(Fault(DENIED, operation="ListMembers", account=OTHER, region=REGION))
    found = await investigated(fleet, [role("A"), role("A", OTHER)])
    assert places([one for one in found if one.ok]) == {(ADMINISTRATOR, REGION, ADMINISTRATOR)}
    failed = [(one.entity, one.region, one.administrator_id) for one in found if not one.ok]
    assert sorted(failed) == sorted(
        (role("A", account), region, administrator_id)
        for account in (ADMINISTRATOR, OTHER)
        for region, administrator_id in ((ELSEWHERE, ADMINISTRATOR), (REGION, OTHER))
    )
    assert all(isinstance(one.error, AccessDeniedException) for one in found if not one.ok)


async def test_a_region_that_is_not_opted_in(sim: DetectiveSimulator, fleet: DetectiveFleet) -> None:
    """It is no failure; but where a finding is from there, or nothing else has the account, it is said so."""
    sim.close_region(ELSEWHERE)
    assert places(await investigated(fleet, [role("A")])) == {(ADMINISTRATOR, REGION, ADMINISTRATOR)}
    (report,) = await investigated(fleet, [FindingEntity(arn=role("A"), region=ELSEWHERE, findings=("x",))])
    assert str(report.error) == f"finding x is from {ELSEWHERE}: the administrator has not opted in to {ELSEWHERE}"
    (report,) = await investigated(fleet, [role("A", INVITED)])
    assert str(report.error).endswith(f"administrator; the administrator has not opted in to {ELSEWHERE}")


@pytest.mark.parametrize(
    ("arguments", "parameter"),
    [({"entity_arns": 7}, "entity_arns"), ({"timeout": -1}, "timeout"), ({"fleet": None}, "fleet")],
)
async def test_invalid_parameters(fleet: DetectiveFleet, arguments: dict[str, Any], parameter: str) -> None:
    """They are refused at once."""
    with pytest.raises(ParameterError) as caught:
        investigate_fleet(**{"fleet": fleet, "entity_arns": [role("A")], **arguments})
    assert caught.value.parameter == parameter

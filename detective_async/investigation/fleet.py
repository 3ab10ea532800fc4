"""Investigations in the graphs of many administrators and regions."""

from collections.abc import AsyncGenerator, Iterable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import aclosing
from datetime import datetime

from detective_async.api.models.members import MemberStatus
from detective_async.client.client import DetectiveClient
from detective_async.client.regions import RegionFinding, why_closed
from detective_async.errors import ParameterError
from detective_async.fleet import DetectiveFleet, FleetStream, Outcome, OutcomeKind
from detective_async.fleet.streams import Put
from detective_async.investigation.cases import Case, distinct, make_cases
from detective_async.investigation.entities import FindingEntity, is_region
from detective_async.investigation.report import InvestigationFailed, InvestigationReport
from detective_async.investigation.run import (
    CONCURRENCY,
    TIMEOUT,
    Investigations,
    check_options,
    reports_of,
)
from detective_async.settings.arguments import shown
from detective_async.settings.endpoints import partition_of

#: The members whose data is in the graph, or was until their volume became too large.
_WITH_DATA = frozenset({MemberStatus.ENABLED, MemberStatus.ACCEPTED_BUT_DISABLED})
#: The API's maximum.
_PAGE_SIZE = 200
#: What an error says before the regions that are closed.
_CLOSED = {
    RegionFinding.NOT_OPTED_IN: "the administrator has not opted in to",
    RegionFinding.WITHOUT_DETECTIVE: "there is no Detective in",
}
#: Regions that an error names before it only counts them.
_NAMED_REGIONS = 3


def investigate_fleet(
    fleet: DetectiveFleet,
    entity_arns: Iterable[str | FindingEntity],
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    timeout: float = TIMEOUT,
    repeat: bool = False,
    concurrency: int = CONCURRENCY,
) -> AsyncGenerator[InvestigationReport, None]:
    """Investigate IAM users and roles in all graphs that have data of their accounts, and yield the reports.

    The fleet's targets are administrators, in their regions. In each graph, the entities are investigated whose
    accounts are the administrator or members that are, or were, enabled; so there may be several reports for an entity,
    one for each graph, or one with an error if no graph has its account. What a finding names is investigated in the
    finding's `region` only; `attrs.evolve(entity, region=None)` has it investigated in all. If a target fails, there is
    a report with its error for each entity. In each graph it is as with `investigate`.

    API operations: those of `investigate`, and ListMembers.

    Args:
        fleet: administrators and regions.
        entity_arns: as for `investigate`.
        start: as for `investigate`.
        end: as for `investigate`.
        timeout: as for `investigate`; for each graph.
        repeat: as for `investigate`.
        concurrency: as for `investigate`; for each graph.

    Raises:
        ParameterError: a parameter is invalid; nothing was sent.
    """
    if not isinstance(fleet, DetectiveFleet):
        raise ParameterError("fleet", f"expected a DetectiveFleet, got {shown(fleet)}")
    cases = make_cases(fleet.client, entity_arns, start, end, region=None)
    check_options(timeout, repeat=repeat, concurrency=concurrency)

    with_graph: set[str] = set()

    async def read(client: DetectiveClient, put: Put[InvestigationReport]) -> None:
        graph = await client.iter_graphs().first()
        if graph is None:
            return
        with_graph.add(client.region)
        accounts = {graph.arn.split(":")[4]}
        async for member in client.iter_members(graph.arn, page_size=_PAGE_SIZE):
            if member.status in _WITH_DATA:
                accounts.add(member.account_id)
        own = [case for case in _cases_in(client.region, cases) if _account_of(case) in accounts]
        work = Investigations(client, own, graph.arn, timeout, repeat, concurrency)
        async with aclosing(reports_of(work)) as reports:
            async for report in reports:
                await put([report])

    return _reports(cases, FleetStream(fleet.run, read), with_graph)


async def _reports(
    cases: list[Case], stream: FleetStream[InvestigationReport], with_graph: AbstractSet[str]
) -> AsyncGenerator[InvestigationReport, None]:
    for case in distinct(cases):
        if case.problem is not None:
            yield InvestigationReport(entity=case.entity, error=case.problem)
    reported: set[tuple[str, str | None]] = set()
    async with aclosing(aiter(stream)) as pairs:
        async for target, report in pairs:
            reported |= {(report.entity, target.region), (report.entity, None)}
            yield report
    # Whatever others have reported: this administrator's graph may have the entities, too.
    for failure in stream.failures:
        target = failure.target
        for case in _cases_in(target.region, cases):
            reported |= {(case.entity, target.region), (case.entity, None)}
            yield InvestigationReport(
                entity=case.entity, region=target.region, administrator_id=target.account_id, error=failure.error
            )
    missing = [case for case in cases if case.problem is None and (case.entity, case.region) not in reported]
    for region in dict.fromkeys(case.region for case in missing):
        for case in distinct(one for one in missing if one.region == region):
            error = InvestigationFailed(_why_not(case, stream.outcomes, with_graph))
            yield InvestigationReport(entity=case.entity, region=region, error=error)


def _cases_in(region: str, cases: Iterable[Case]) -> list[Case]:
    """Return new cases for the graphs of a region."""
    partition = partition_of(region)
    return distinct(
        case for case in cases if case.problem is None and case.partition == partition and case.region in (None, region)
    )


def _why_not(case: Case, outcomes: Iterable[Outcome[int]], with_graph: AbstractSet[str]) -> str:
    """Return why no graph has data of an entity's account."""
    asked = [one for one in outcomes if case.region in (None, one.target.region)]
    if asked and not any(partition_of(one.target.region) == case.partition for one in asked):
        return f"no administrator was asked in its partition, {case.partition}"
    texts = []
    if not asked:
        where = "" if case.region is None else f" in {case.region}"
        is_none = case.region is not None and not is_region(case.region)
        texts.append(f"{case.region} is not a region of AWS" if is_none else f"no administrator was asked{where}")
    if where := _where(one for one in asked if one.kind is not OutcomeKind.REGION_UNAVAILABLE):
        if all(one.target.region not in with_graph for one in asked):
            texts.append(f"there is no graph in {where}")
        else:
            account_id = _account_of(case)
            why = "it is neither an enabled member nor administrator"
            texts.append(f"no graph in {where} has data of account {account_id}: {why}")
    closed = [one for one in asked if one.kind is OutcomeKind.REGION_UNAVAILABLE]
    for finding, text in _CLOSED.items():
        if where := _where(one for one in closed if why_closed(one.error) is finding):
            texts.append(f"{text} {where}")
    return _origin(case.region, case.findings) + "; ".join(texts)


def not_opted_in(region: str, findings: Sequence[str]) -> InvestigationFailed:
    """Return the error for a region to which the administrator has not opted in."""
    return not_asked(region, findings, f"{_CLOSED[RegionFinding.NOT_OPTED_IN]} {region}")


def not_asked(region: str, findings: Sequence[str], why: str) -> InvestigationFailed:
    """Return the error for a region in which nothing was asked, which names the findings that are from there."""
    return InvestigationFailed(f"{_origin(region, findings)}{why}")


def _origin(region: str | None, findings: Sequence[str]) -> str:
    """Return the beginning of an error about the region of findings; nothing for what no finding has named."""
    if region is None or not findings:
        return ""
    first, *more = findings
    which = f"finding {first} and {len(more)} more are" if more else f"finding {first} is"
    return f"{which} from {region}: "


def _where(outcomes: Iterable[Outcome[int]]) -> str:
    """Return the regions of some outcomes; nothing if there are none."""
    regions = sorted({one.target.region for one in outcomes})
    return ", ".join(regions) if len(regions) <= _NAMED_REGIONS else f"any of {len(regions)} regions"


def _account_of(case: Case) -> str:
    return case.entity.split(":")[4]

"""Investigations in the graphs of many administrators and regions."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from datetime import datetime

from detective_async.api.models.members import MemberStatus
from detective_async.client.client import DetectiveClient
from detective_async.errors import ParameterError
from detective_async.fleet import DetectiveFleet, FleetStream
from detective_async.fleet.streams import Put
from detective_async.investigation.entities import FindingEntity, is_entity
from detective_async.investigation.report import InvestigationFailed, InvestigationReport
from detective_async.investigation.run import (
    CONCURRENCY,
    TIMEOUT,
    Case,
    Investigations,
    check_options,
    make_cases,
    malformed,
    reports_of,
)
from detective_async.settings.arguments import shown

#: The members whose data is in the graph, or was until their volume became too large.
_WITH_DATA = frozenset({MemberStatus.ENABLED, MemberStatus.ACCEPTED_BUT_DISABLED})
#: The API's maximum.
_PAGE_SIZE = 200


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
    one for each graph, or one with an error if no graph has its account. If a target fails, there is a report with its
    error for each entity that has no other report in that region. In each graph it is as with `investigate`.

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
    cases = make_cases(fleet.client, entity_arns, start, end)
    check_options(timeout, repeat=repeat, concurrency=concurrency)

    async def read(client: DetectiveClient, put: Put[InvestigationReport]) -> None:
        graph = await client.iter_graphs().first()
        if graph is None:
            return
        accounts = {graph.arn.split(":")[4]}
        async for member in client.iter_members(graph.arn, page_size=_PAGE_SIZE):
            if member.status in _WITH_DATA:
                accounts.add(member.account_id)
        own = [Case(case.entity, case.scope) for case in cases if _account_of(case) in accounts]
        work = Investigations(client, own, graph.arn, timeout, repeat, concurrency)
        async with aclosing(reports_of(work)) as reports:
            async for report in reports:
                await put([report])

    return _reports(cases, FleetStream(fleet.run, read))


async def _reports(
    cases: list[Case], stream: FleetStream[InvestigationReport]
) -> AsyncGenerator[InvestigationReport, None]:
    missing = {case.entity: case for case in cases}
    for case in cases:
        if not is_entity(case.entity):
            del missing[case.entity]
            yield InvestigationReport(entity=case.entity, error=malformed(case.entity))
    reported: set[tuple[str, str]] = set()
    async with aclosing(aiter(stream)) as pairs:
        async for target, report in pairs:
            reported.add((report.entity, target.region))
            yield report
    for failure in stream.failures:
        region = failure.target.region
        for entity in missing:
            if (entity, region) not in reported:
                reported.add((entity, region))
                yield InvestigationReport(entity=entity, region=region, error=failure.error)
    found = {entity for entity, _ in reported}
    for entity, case in missing.items():
        if entity not in found:
            problem = f"no graph of the fleet has data of account {_account_of(case)}"
            yield InvestigationReport(entity=entity, error=InvestigationFailed(problem))


def _account_of(case: Case) -> str:
    return case.entity.split(":")[4] if is_entity(case.entity) else ""

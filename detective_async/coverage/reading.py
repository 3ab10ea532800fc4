"""Reads what one administrator has in one region."""

from collections.abc import Mapping
from datetime import datetime

from attrs import Factory, frozen

from detective_async.api.models.datasources import DatasourcePackage, DatasourcePackageIngestState
from detective_async.api.models.members import MemberDetail, MemberDisabledReason, MemberStatus
from detective_async.client.client import DetectiveClient
from detective_async.coverage.rows import CoverageReason, CoverageRow, RegionCoverage, RegionState
from detective_async.errors import DetectiveError

#: The API's maximum.
_PAGE_SIZE = 200
#: Status -> why a member of that status is not covered.
_BY_STATUS = {
    MemberStatus.INVITED: CoverageReason.INVITED,
    MemberStatus.VERIFICATION_IN_PROGRESS: CoverageReason.VERIFICATION_IN_PROGRESS,
    MemberStatus.VERIFICATION_FAILED: CoverageReason.VERIFICATION_FAILED,
}
#: AWS's reason -> why a member that has accepted is not covered. AWS gives none while it checks the volume (user guide,
#: "Viewing the list of accounts", and what Terraform's provider waits for).
_BY_DISABLED_REASON = {
    None: CoverageReason.NOT_YET_ENABLED,
    MemberDisabledReason.VOLUME_TOO_HIGH: CoverageReason.VOLUME_TOO_HIGH,
    MemberDisabledReason.VOLUME_UNKNOWN: CoverageReason.VOLUME_UNKNOWN,
}


@frozen(kw_only=True)
class Reading:
    """What was read.

    Attributes:
        region: without the rows of its accounts.
        rows: account id -> its row: the administrator, and all members. Empty if there is no graph.
    """

    region: RegionCoverage
    rows: Mapping[str, CoverageRow] = Factory(dict)


async def read(client: DetectiveClient, administrator_id: str | None = None) -> Reading:
    """Read the graph of the client's account in the client's region, its members, and its packages.

    Args:
        client: the administrator's.
        administrator_id: its account, if that is known; else it follows from the graph.

    Raises:
        DetectiveError: the graph or its members could not be read.
    """
    graph = await client.iter_graphs().first()
    if graph is None:
        state = RegionState.NO_GRAPH
        return Reading(region=RegionCoverage(region=client.region, state=state, administrator_id=administrator_id))
    members = await client.iter_members(graph.arn, page_size=_PAGE_SIZE).collect()
    packages: dict[str, str] = {}
    error: DetectiveError | None = None
    try:
        async for package, detail in client.iter_datasource_packages(graph.arn):
            packages[str(package)] = str(detail.datasource_package_ingest_state)
    except DetectiveError as raised:
        # The members tell what is covered; the packages are a permission of their own.
        packages, error = {}, raised
    own = _row_of_administrator(client.region, graph.arn, graph.created_time, packages)
    rows = {own.account_id: own}
    rows.update({one.account_id: row_of(client.region, graph.arn, one) for one in members})
    region = RegionCoverage(
        region=client.region,
        state=RegionState.MEMBERS if members else RegionState.NO_MEMBERS,
        administrator_id=own.account_id,
        graph_arn=graph.arn,
        members=len(members),
        packages=packages,
        error=error,
    )
    return Reading(region=region, rows=rows)


def _row_of_administrator(
    region: str, graph_arn: str, created: datetime | None, packages: Mapping[str, str]
) -> CoverageRow:
    reason = _ingestion_problem(packages)
    return CoverageRow(
        account_id=graph_arn.split(":")[4],
        region=region,
        covered=reason is None,
        reason=reason,
        is_administrator=True,
        since=created,
        packages=packages,
        graph_arn=graph_arn,
    )


def row_of(region: str, graph_arn: str, member: MemberDetail) -> CoverageRow:
    """Return the row of a member."""
    packages = {str(name): str(state) for name, state in member.datasource_package_ingest_states.items()}
    usage = [
        one.volume_usage_in_bytes
        for one in member.volume_usage_by_datasource_package.values()
        if one.volume_usage_in_bytes is not None
    ]
    reason = _reason_of(member, packages)
    return CoverageRow(
        account_id=member.account_id,
        region=region,
        covered=reason is None,
        status=member.status,
        reason=reason,
        since=member.updated_time or member.invited_time,
        volume=sum(usage) if usage else member.volume_usage_in_bytes,
        packages=packages,
        graph_arn=graph_arn,
    )


def _reason_of(member: MemberDetail, packages: Mapping[str, str]) -> CoverageReason | None:
    if member.status == MemberStatus.ENABLED:
        return _ingestion_problem(packages)
    if member.status == MemberStatus.ACCEPTED_BUT_DISABLED:
        return _BY_DISABLED_REASON.get(member.disabled_reason, CoverageReason.OTHER)
    return CoverageReason.OTHER if member.status is None else _BY_STATUS.get(member.status, CoverageReason.OTHER)


def _ingestion_problem(packages: Mapping[str, str]) -> CoverageReason | None:
    """Return the reason if it is known that the core package, which the others build on, is not ingested."""
    state = packages.get(DatasourcePackage.DETECTIVE_CORE)
    # A state that is missing or unknown says nothing.
    stopped = state in (DatasourcePackageIngestState.STOPPED, DatasourcePackageIngestState.DISABLED)
    return CoverageReason.INGESTION_STOPPED if stopped else None

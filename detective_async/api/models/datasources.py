"""Data source packages: the kinds of log data that a graph ingests, since when, and how much."""

from datetime import datetime

from attrs import Factory, field, frozen

from detective_async.api.models.base import OpenEnum, Response
from detective_async.api.models.constraints import (
    ACCOUNT_ID,
    GRAPH_ARN,
    MAX_RESULTS,
    PAGINATION_TOKEN,
    Items,
    OneOf,
    list_if_iterable,
    rule,
)
from detective_async.api.models.unprocessed import UnprocessedAccount, UnprocessedGraph


class DatasourcePackage(OpenEnum):
    """A kind of log data that a graph can ingest."""

    DETECTIVE_CORE = "DETECTIVE_CORE"
    EKS_AUDIT = "EKS_AUDIT"
    ASFF_SECURITYHUB_FINDING = "ASFF_SECURITYHUB_FINDING"


class DatasourcePackageIngestState(OpenEnum):
    """Whether a package's data is ingested."""

    STARTED = "STARTED"
    STOPPED = "STOPPED"
    DISABLED = "DISABLED"


@frozen(kw_only=True)
class TimestampForCollection:
    """When a package entered a state.

    Attributes:
        timestamp: the time.
    """

    timestamp: datetime | None = None


@frozen(kw_only=True)
class DatasourcePackageIngestDetail:
    """The state of a package in a graph.

    Attributes:
        datasource_package_ingest_state: the current state.
        last_ingest_state_change: state -> when the package last entered it.
    """

    datasource_package_ingest_state: DatasourcePackageIngestState
    last_ingest_state_change: dict[DatasourcePackageIngestState, TimestampForCollection] = Factory(dict)


@frozen(kw_only=True)
class DatasourcePackageUsageInfo:
    """How much data of a package a member contributes.

    Attributes:
        volume_usage_in_bytes: bytes per day.
        volume_usage_update_time: when that was measured.
    """

    volume_usage_in_bytes: int | None = None
    volume_usage_update_time: datetime | None = None


@frozen(kw_only=True)
class MembershipDatasources:
    """The packages of one account in one graph.

    Attributes:
        account_id: the account.
        graph_arn: the graph.
        datasource_package_ingest_history: package -> state -> when the package last entered it.
    """

    account_id: str
    graph_arn: str
    datasource_package_ingest_history: dict[
        DatasourcePackage, dict[DatasourcePackageIngestState, TimestampForCollection]
    ] = Factory(dict)


@frozen
class BatchGetGraphMemberDatasourcesRequest:
    """The members of BatchGetGraphMemberDatasources."""

    graph_arn: str = field(metadata=rule(GRAPH_ARN))
    account_ids: list[str] = field(converter=list_if_iterable, metadata=rule(Items(ACCOUNT_ID, max_items=200)))


@frozen(kw_only=True)
class BatchGetGraphMemberDatasourcesResponse(Response):
    """The response of BatchGetGraphMemberDatasources.

    Attributes:
        member_datasources: one entry per account that was found.
        unprocessed_accounts: the accounts that were not found, each with the reason.
    """

    member_datasources: list[MembershipDatasources] = Factory(list)
    unprocessed_accounts: list[UnprocessedAccount] = Factory(list)


@frozen
class BatchGetMembershipDatasourcesRequest:
    """The members of BatchGetMembershipDatasources."""

    graph_arns: list[str] = field(converter=list_if_iterable, metadata=rule(Items(GRAPH_ARN, max_items=50)))


@frozen(kw_only=True)
class BatchGetMembershipDatasourcesResponse(Response):
    """The response of BatchGetMembershipDatasources.

    Attributes:
        membership_datasources: one entry per graph that was found.
        unprocessed_graphs: the graphs that were not found, each with the reason.
    """

    membership_datasources: list[MembershipDatasources] = Factory(list)
    unprocessed_graphs: list[UnprocessedGraph] = Factory(list)


@frozen
class ListDatasourcePackagesRequest:
    """The members of ListDatasourcePackages."""

    graph_arn: str = field(metadata=rule(GRAPH_ARN))
    next_token: str | None = field(default=None, kw_only=True, metadata=rule(PAGINATION_TOKEN))
    max_results: int | None = field(default=None, kw_only=True, metadata=rule(MAX_RESULTS))


@frozen(kw_only=True)
class ListDatasourcePackagesResponse(Response):
    """A page of ListDatasourcePackages.

    Attributes:
        datasource_packages: package -> its state in the graph.
        next_token: the token of the next page; None on the last page.
    """

    datasource_packages: dict[DatasourcePackage, DatasourcePackageIngestDetail] = Factory(dict)
    next_token: str | None = None


@frozen
class UpdateDatasourcePackagesRequest:
    """The members of UpdateDatasourcePackages."""

    graph_arn: str = field(metadata=rule(GRAPH_ARN))
    datasource_packages: list[DatasourcePackage | str] = field(
        converter=list_if_iterable, metadata=rule(Items(OneOf(DatasourcePackage), max_items=25))
    )

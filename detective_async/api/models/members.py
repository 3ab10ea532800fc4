"""Member accounts, and the invitations by which they join."""

from datetime import datetime

from attrs import Factory, field, frozen

from detective_async.api.models.base import OpenEnum, Response
from detective_async.api.models.constraints import (
    ACCOUNT_ID,
    EMAIL_ADDRESS,
    GRAPH_ARN,
    MAX_RESULTS,
    MESSAGE,
    PAGINATION_TOKEN,
    Flag,
    Items,
    ModelInstance,
    list_if_iterable,
    rule,
)
from detective_async.api.models.datasources import (
    DatasourcePackage,
    DatasourcePackageIngestState,
    DatasourcePackageUsageInfo,
)
from detective_async.api.models.unprocessed import UnprocessedAccount
from detective_async.api.redaction import masked


class MemberStatus(OpenEnum):
    """The status of a member account.

    An invited account changes from VERIFICATION_IN_PROGRESS to INVITED or VERIFICATION_FAILED, and on acceptance to
    ENABLED or ACCEPTED_BUT_DISABLED. An account of the organization starts with one of the last two.
    """

    INVITED = "INVITED"
    VERIFICATION_IN_PROGRESS = "VERIFICATION_IN_PROGRESS"
    VERIFICATION_FAILED = "VERIFICATION_FAILED"
    ENABLED = "ENABLED"
    ACCEPTED_BUT_DISABLED = "ACCEPTED_BUT_DISABLED"


class MemberDisabledReason(OpenEnum):
    """Why an account that accepted contributes no data: its data volume exceeds the graph's limit, or is not known."""

    VOLUME_TOO_HIGH = "VOLUME_TOO_HIGH"
    VOLUME_UNKNOWN = "VOLUME_UNKNOWN"


class InvitationType(OpenEnum):
    """How an account became a member."""

    INVITATION = "INVITATION"
    ORGANIZATION = "ORGANIZATION"


@frozen
class Account:
    """An account to invite, or to enable in the organization's graph.

    Args:
        account_id: 12 digits, as a string.
        email_address: the address of the account's root user; masked in `repr`.
    """

    account_id: str = field(metadata=rule(ACCOUNT_ID))
    email_address: str = field(repr=masked, metadata=rule(EMAIL_ADDRESS))


@frozen(kw_only=True)
class MemberDetail:
    """A member account of a graph; for the member itself, its invitation.

    Attributes:
        account_id: the member account.
        email_address: of its root user; masked in `repr`.
        graph_arn: the graph.
        master_id: the administrator account. Deprecated by AWS: read `administrator_id`.
        administrator_id: the administrator account.
        status: the status of the membership.
        disabled_reason: why the account contributes no data, if it is ACCEPTED_BUT_DISABLED; else None.
        invited_time: when the invitation was sent.
        updated_time: when the membership last changed.
        volume_usage_in_bytes: bytes per day. Deprecated by AWS: read `volume_usage_by_datasource_package`.
        volume_usage_updated_time: when that was measured. Deprecated by AWS.
        percent_of_graph_utilization: the account's volume in percent (0 to 100) of the graph's maximum.
            Deprecated by AWS.
        percent_of_graph_utilization_updated_time: when that was measured. Deprecated by AWS.
        invitation_type: whether it joined by invitation or through the organization.
        volume_usage_by_datasource_package: package -> how much of its data the account contributes.
        datasource_package_ingest_states: package -> whether its data is ingested.
    """

    account_id: str
    email_address: str | None = field(default=None, repr=masked)
    graph_arn: str | None = None
    master_id: str | None = None
    administrator_id: str | None = None
    status: MemberStatus | None = None
    disabled_reason: MemberDisabledReason | None = None
    invited_time: datetime | None = None
    updated_time: datetime | None = None
    volume_usage_in_bytes: int | None = None
    volume_usage_updated_time: datetime | None = None
    percent_of_graph_utilization: float | None = None
    percent_of_graph_utilization_updated_time: datetime | None = None
    invitation_type: InvitationType | None = None
    volume_usage_by_datasource_package: dict[DatasourcePackage, DatasourcePackageUsageInfo] = Factory(dict)
    datasource_package_ingest_states: dict[DatasourcePackage, DatasourcePackageIngestState] = Factory(dict)


@frozen
class AcceptInvitationRequest:
    """The members of AcceptInvitation."""

    graph_arn: str = field(metadata=rule(GRAPH_ARN))


@frozen
class CreateMembersRequest:
    """The members of CreateMembers."""

    graph_arn: str = field(metadata=rule(GRAPH_ARN))
    accounts: list[Account] = field(
        converter=list_if_iterable, metadata=rule(Items(ModelInstance(Account), max_items=50))
    )
    message: str | None = field(default=None, kw_only=True, repr=masked, metadata=rule(MESSAGE))
    disable_email_notification: bool | None = field(default=None, kw_only=True, metadata=rule(Flag()))


@frozen(kw_only=True)
class CreateMembersResponse(Response):
    """The response of CreateMembers.

    Attributes:
        members: the accounts that are now members, with any status.
        unprocessed_accounts: the accounts that the service did not process, each with the reason; they include those
            that were members already.
    """

    members: list[MemberDetail] = Factory(list)
    unprocessed_accounts: list[UnprocessedAccount] = Factory(list)


@frozen
class DeleteMembersRequest:
    """The members of DeleteMembers."""

    graph_arn: str = field(metadata=rule(GRAPH_ARN))
    account_ids: list[str] = field(converter=list_if_iterable, metadata=rule(Items(ACCOUNT_ID, max_items=50)))


@frozen(kw_only=True)
class DeleteMembersResponse(Response):
    """The response of DeleteMembers.

    Attributes:
        account_ids: the accounts that were removed.
        unprocessed_accounts: the accounts that the service did not process, each with the reason.
    """

    account_ids: list[str] = Factory(list)
    unprocessed_accounts: list[UnprocessedAccount] = Factory(list)


@frozen
class DisassociateMembershipRequest:
    """The members of DisassociateMembership."""

    graph_arn: str = field(metadata=rule(GRAPH_ARN))


@frozen
class GetMembersRequest:
    """The members of GetMembers."""

    graph_arn: str = field(metadata=rule(GRAPH_ARN))
    account_ids: list[str] = field(converter=list_if_iterable, metadata=rule(Items(ACCOUNT_ID, max_items=50)))


@frozen(kw_only=True)
class GetMembersResponse(Response):
    """The response of GetMembers.

    Attributes:
        member_details: the accounts that are members.
        unprocessed_accounts: the accounts that are not, each with the reason.
    """

    member_details: list[MemberDetail] = Factory(list)
    unprocessed_accounts: list[UnprocessedAccount] = Factory(list)


@frozen
class ListInvitationsRequest:
    """The members of ListInvitations."""

    next_token: str | None = field(default=None, kw_only=True, metadata=rule(PAGINATION_TOKEN))
    max_results: int | None = field(default=None, kw_only=True, metadata=rule(MAX_RESULTS))


@frozen(kw_only=True)
class ListInvitationsResponse(Response):
    """A page of ListInvitations.

    Attributes:
        invitations: the calling account's invitations, open and accepted.
        next_token: the token of the next page; None on the last page.
    """

    invitations: list[MemberDetail] = Factory(list)
    next_token: str | None = None


@frozen
class ListMembersRequest:
    """The members of ListMembers."""

    graph_arn: str = field(metadata=rule(GRAPH_ARN))
    next_token: str | None = field(default=None, kw_only=True, metadata=rule(PAGINATION_TOKEN))
    max_results: int | None = field(default=None, kw_only=True, metadata=rule(MAX_RESULTS))


@frozen(kw_only=True)
class ListMembersResponse(Response):
    """A page of ListMembers.

    Attributes:
        member_details: the members; the administrator is not among them.
        next_token: the token of the next page; None on the last page.
    """

    member_details: list[MemberDetail] = Factory(list)
    next_token: str | None = None


@frozen
class RejectInvitationRequest:
    """The members of RejectInvitation."""

    graph_arn: str = field(metadata=rule(GRAPH_ARN))


@frozen
class StartMonitoringMemberRequest:
    """The members of StartMonitoringMember."""

    graph_arn: str = field(metadata=rule(GRAPH_ARN))
    account_id: str = field(metadata=rule(ACCOUNT_ID))

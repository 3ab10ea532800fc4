"""What the bulk operations give: the answers to all chunks as one, and the chunks that failed."""

from attrs import Factory, field, frozen

from detective_async.api.models.base import ResponseMetadata
from detective_async.api.models.datasources import MembershipDatasources
from detective_async.api.models.members import MemberDetail
from detective_async.api.models.unprocessed import UnprocessedAccount, UnprocessedGraph
from detective_async.errors import DetectiveError


@frozen
class ChunkFailure:
    """A request of a bulk operation that failed.

    Attributes:
        items: what it was about, in the order asked: account ids or graph ARNs.
        error: why it failed; its `outcome_unknown` says whether the service may have acted on it all the same.
    """

    items: list[str]
    error: DetectiveError


@frozen(kw_only=True)
class BulkResult:
    """The base of what bulk operations give.

    Attributes:
        failures: the chunks that failed, in the order asked; empty where all went well.
        response_metadata: how the answers came about, one entry per chunk that did not fail, in order; outside `==`
            and `repr`.
    """

    failures: list[ChunkFailure] = Factory(list)
    response_metadata: list[ResponseMetadata] = field(factory=list, eq=False, repr=False)


@frozen(kw_only=True)
class BulkCreateMembers(BulkResult):
    """What became of accounts that were to be members.

    Attributes:
        members: the accounts that are members from now on, whatever their status.
        unprocessed_accounts: the accounts for which nothing was done, each with the reason; those that were members
            before are among them.
        failures: the chunks that failed; of their accounts nothing else is known.
    """

    members: list[MemberDetail] = Factory(list)
    unprocessed_accounts: list[UnprocessedAccount] = Factory(list)


@frozen(kw_only=True)
class BulkDeleteMembers(BulkResult):
    """What became of members that were to be removed.

    Attributes:
        account_ids: the accounts that were removed.
        unprocessed_accounts: the accounts for which nothing was done, each with the reason.
        failures: the chunks that failed; of their accounts nothing else is known.
    """

    account_ids: list[str] = Factory(list)
    unprocessed_accounts: list[UnprocessedAccount] = Factory(list)


@frozen(kw_only=True)
class BulkGetMembers(BulkResult):
    """Members of a graph.

    Attributes:
        member_details: the accounts that are members.
        unprocessed_accounts: the others, each with the reason.
        failures: the chunks that failed; of their accounts nothing else is known.
    """

    member_details: list[MemberDetail] = Factory(list)
    unprocessed_accounts: list[UnprocessedAccount] = Factory(list)


@frozen(kw_only=True)
class BulkGetGraphMemberDatasources(BulkResult):
    """The data source packages of a graph's members.

    Attributes:
        member_datasources: one entry per account that was found.
        unprocessed_accounts: the accounts that were not, each with the reason.
        failures: the chunks that failed; of their accounts nothing else is known.
    """

    member_datasources: list[MembershipDatasources] = Factory(list)
    unprocessed_accounts: list[UnprocessedAccount] = Factory(list)


@frozen(kw_only=True)
class BulkGetMembershipDatasources(BulkResult):
    """The calling account's data source packages in graphs.

    Attributes:
        membership_datasources: one entry per graph that was found.
        unprocessed_graphs: the graphs that were not, each with the reason.
        failures: the chunks that failed; of their graphs nothing else is known.
    """

    membership_datasources: list[MembershipDatasources] = Factory(list)
    unprocessed_graphs: list[UnprocessedGraph] = Factory(list)

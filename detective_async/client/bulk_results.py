"""The results of the bulk operations: the merged responses of all chunks, and the chunks that failed."""

from attrs import Factory, field, frozen

from detective_async.api.models.base import ResponseMetadata, TablesInNotebooks
from detective_async.api.models.datasources import MembershipDatasources
from detective_async.api.models.members import MemberDetail
from detective_async.api.models.unprocessed import UnprocessedAccount, UnprocessedGraph
from detective_async.errors import DetectiveError


@frozen
class ChunkFailure:
    """A chunk of a bulk operation whose request failed.

    Attributes:
        items: the account ids or graph ARNs of the chunk, in the requested order.
        error: why it failed; its `outcome_unknown` says whether the service may have carried out the request anyway.
    """

    items: list[str]
    error: DetectiveError


@frozen(kw_only=True)
class BulkResult(TablesInNotebooks):
    """The base class of the results of bulk operations.

    Attributes:
        failures: the chunks that failed, in the requested order; empty if all succeeded.
        response_metadata: the metadata of the responses, one entry per chunk that succeeded, in order; not part of
            `==` and `repr`.
    """

    failures: list[ChunkFailure] = Factory(list)
    response_metadata: list[ResponseMetadata] = field(factory=list, eq=False, repr=False)


@frozen(kw_only=True)
class BulkCreateMembers(BulkResult):
    """The result of inviting or enabling accounts.

    Attributes:
        members: the accounts that are now members, with any status.
        unprocessed_accounts: the accounts that the service did not process, each with the reason; they include those
            that were members already.
        failures: the chunks that failed; their accounts are in no other list.
    """

    members: list[MemberDetail] = Factory(list)
    unprocessed_accounts: list[UnprocessedAccount] = Factory(list)


@frozen(kw_only=True)
class BulkDeleteMembers(BulkResult):
    """The result of removing members.

    Attributes:
        account_ids: the accounts that were removed.
        unprocessed_accounts: the accounts that the service did not process, each with the reason.
        failures: the chunks that failed; their accounts are in no other list.
    """

    account_ids: list[str] = Factory(list)
    unprocessed_accounts: list[UnprocessedAccount] = Factory(list)


@frozen(kw_only=True)
class BulkGetMembers(BulkResult):
    """Members of a graph.

    Attributes:
        member_details: the accounts that are members.
        unprocessed_accounts: the accounts that are not, each with the reason.
        failures: the chunks that failed; their accounts are in no other list.
    """

    member_details: list[MemberDetail] = Factory(list)
    unprocessed_accounts: list[UnprocessedAccount] = Factory(list)


@frozen(kw_only=True)
class BulkGetGraphMemberDatasources(BulkResult):
    """The data source packages of a graph's members.

    Attributes:
        member_datasources: one entry per account that was found.
        unprocessed_accounts: the accounts that were not found, each with the reason.
        failures: the chunks that failed; their accounts are in no other list.
    """

    member_datasources: list[MembershipDatasources] = Factory(list)
    unprocessed_accounts: list[UnprocessedAccount] = Factory(list)


@frozen(kw_only=True)
class BulkGetMembershipDatasources(BulkResult):
    """The calling account's data source packages in graphs.

    Attributes:
        membership_datasources: one entry per graph that was found.
        unprocessed_graphs: the graphs that were not found, each with the reason.
        failures: the chunks that failed; their graphs are in no other list.
    """

    membership_datasources: list[MembershipDatasources] = Factory(list)
    unprocessed_graphs: list[UnprocessedGraph] = Factory(list)

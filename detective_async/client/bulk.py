"""The operations that take a list, for lists of any length."""

import logging
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Generic, TypeVar

from attrs import AttrsInstance, frozen

from detective_async.api import models, operations
from detective_async.api.models.base import Response, ResponseMetadata
from detective_async.api.models.constraints import Integer
from detective_async.api.operations import Operation
from detective_async.client.batches import CONCURRENCY, item_id, split
from detective_async.client.bulk_results import (
    BulkCreateMembers,
    BulkDeleteMembers,
    BulkGetGraphMemberDatasources,
    BulkGetMembers,
    BulkGetMembershipDatasources,
    ChunkFailure,
)
from detective_async.client.concurrency import map_concurrently
from detective_async.errors import ClientClosed, DetectiveError, code_of
from detective_async.http.call import Transport

_logger = logging.getLogger("detective_async.bulk")

ResponseT = TypeVar("ResponseT", bound=Response)
T = TypeVar("T")


@frozen
class Bulk:
    """The operations that take a list, for lists of any length: `client.bulk`.

    Each method splits its list at the API's limit, sends the chunks concurrently, and merges the responses in the
    order of the list. A chunk that fails is listed in the result's `failures` and logged as a warning; no exception is
    raised for it, and the other chunks continue. Cancelling a call cancels its chunks.

    Requests are retried as by `RetryPolicy.patient()`, where neither the client's policy nor the environment says
    otherwise.

    All parameters are validated before the first request. `ParameterError` names an item by its index in the whole list
    (`accounts[73].email_address`); it is also raised for an empty list and for an item that occurs twice.
    """

    _transport: Transport

    async def create_members(
        self,
        graph_arn: str,
        accounts: Iterable[models.Account],
        *,
        message: str | None = None,
        disable_email_notification: bool | None = None,
        concurrency: int = CONCURRENCY,
    ) -> BulkCreateMembers:
        """Invite accounts, or enable accounts of the organization: any number of them.

        API operation: CreateMembers, in requests of up to 50 accounts. Check `unprocessed_accounts` and `failures`.

        Args:
            graph_arn: the graph.
            accounts: at least one; each only once.
            message: text for the invitation e-mail, 1 to 1,000 characters.
            disable_email_notification: True sends no e-mail; AWS's default is to send one.
            concurrency: the maximum number of concurrent requests.

        Raises:
            ParameterError: a parameter is invalid; nothing was sent.
        """
        request = models.CreateMembersRequest(
            graph_arn, accounts, message=message, disable_email_notification=disable_email_notification
        )
        sent = await self._send(operations.CREATE_MEMBERS, request, "accounts", concurrency)
        return BulkCreateMembers(
            members=sent.merge(lambda response: response.members, _account_id),
            unprocessed_accounts=sent.merge(lambda response: response.unprocessed_accounts, _account_id),
            failures=sent.failures,
            response_metadata=sent.metadata,
        )

    async def delete_members(
        self, graph_arn: str, account_ids: Iterable[str], *, concurrency: int = CONCURRENCY
    ) -> BulkDeleteMembers:
        """Remove any number of member accounts from a graph.

        API operation: DeleteMembers, in requests of up to 50 accounts. Check `unprocessed_accounts` and `failures`.

        Args:
            graph_arn: the graph.
            account_ids: at least one, of 12 digits each; each only once.
            concurrency: the maximum number of concurrent requests.

        Raises:
            ParameterError: a parameter is invalid; nothing was sent.
        """
        request = models.DeleteMembersRequest(graph_arn, account_ids)
        sent = await self._send(operations.DELETE_MEMBERS, request, "account_ids", concurrency)
        return BulkDeleteMembers(
            account_ids=sent.merge(lambda response: response.account_ids, str),
            unprocessed_accounts=sent.merge(lambda response: response.unprocessed_accounts, _account_id),
            failures=sent.failures,
            response_metadata=sent.metadata,
        )

    async def get_members(
        self, graph_arn: str, account_ids: Iterable[str], *, concurrency: int = CONCURRENCY
    ) -> BulkGetMembers:
        """Get any number of a graph's members.

        API operation: GetMembers, in requests of up to 50 accounts. Accounts that are not members are in
        `unprocessed_accounts`; check `failures` too.

        Args:
            graph_arn: the graph.
            account_ids: at least one, of 12 digits each; each only once.
            concurrency: the maximum number of concurrent requests.

        Raises:
            ParameterError: a parameter is invalid; nothing was sent.
        """
        request = models.GetMembersRequest(graph_arn, account_ids)
        sent = await self._send(operations.GET_MEMBERS, request, "account_ids", concurrency)
        return BulkGetMembers(
            member_details=sent.merge(lambda response: response.member_details, _account_id),
            unprocessed_accounts=sent.merge(lambda response: response.unprocessed_accounts, _account_id),
            failures=sent.failures,
            response_metadata=sent.metadata,
        )

    async def get_graph_member_datasources(
        self, graph_arn: str, account_ids: Iterable[str], *, concurrency: int = CONCURRENCY
    ) -> BulkGetGraphMemberDatasources:
        """Get the data source package history of any number of a graph's members.

        API operation: BatchGetGraphMemberDatasources, in requests of up to 200 accounts. Accounts that were not
        found are in `unprocessed_accounts`; check `failures` too.

        Args:
            graph_arn: the graph.
            account_ids: at least one, of 12 digits each; each only once.
            concurrency: the maximum number of concurrent requests.

        Raises:
            ParameterError: a parameter is invalid; nothing was sent.
        """
        request = models.BatchGetGraphMemberDatasourcesRequest(graph_arn, account_ids)
        sent = await self._send(operations.BATCH_GET_GRAPH_MEMBER_DATASOURCES, request, "account_ids", concurrency)
        return BulkGetGraphMemberDatasources(
            member_datasources=sent.merge(lambda response: response.member_datasources, _account_id),
            unprocessed_accounts=sent.merge(lambda response: response.unprocessed_accounts, _account_id),
            failures=sent.failures,
            response_metadata=sent.metadata,
        )

    async def get_membership_datasources(
        self, graph_arns: Iterable[str], *, concurrency: int = CONCURRENCY
    ) -> BulkGetMembershipDatasources:
        """Get the calling account's data source package history in any number of graphs.

        API operation: BatchGetMembershipDatasources, in requests of up to 50 graphs. Graphs that were not found are in
        `unprocessed_graphs`; check `failures` too.

        Args:
            graph_arns: at least one; each only once.
            concurrency: the maximum number of concurrent requests.

        Raises:
            ParameterError: a parameter is invalid; nothing was sent.
        """
        request = models.BatchGetMembershipDatasourcesRequest(graph_arns)
        sent = await self._send(operations.BATCH_GET_MEMBERSHIP_DATASOURCES, request, "graph_arns", concurrency)
        return BulkGetMembershipDatasources(
            membership_datasources=sent.merge(lambda response: response.membership_datasources, _graph_arn),
            unprocessed_graphs=sent.merge(lambda response: response.unprocessed_graphs, _graph_arn),
            failures=sent.failures,
            response_metadata=sent.metadata,
        )

    async def _send(
        self, operation: Operation[ResponseT], request: AttrsInstance, member: str, concurrency: int
    ) -> "_ChunkResults[ResponseT]":
        Integer(1)(concurrency, "concurrency")
        chunks = split(request, member)

        async def send(chunk: AttrsInstance) -> ResponseT | ChunkFailure:
            try:
                return await self._transport.call(operation, chunk)
            except DetectiveError as error:
                items = [item_id(item) for item in getattr(chunk, member)]
                extra = {"operation": operation.name, "error_code": code_of(error), "items": items}
                _logger.warning(
                    "%s for %d of the %s failed: %s", operation.name, len(items), member, error, extra=extra
                )
                return ChunkFailure(items, error)

        results = await map_concurrently(send, chunks, concurrency=concurrency)
        closed = [one.error for one in results if isinstance(one, ChunkFailure) and isinstance(one.error, ClientClosed)]
        # If it was closed in the middle, the results so far are not lost.
        if len(closed) == len(results) and not any(error.outcome_unknown for error in closed):
            raise closed[0]
        return _ChunkResults(
            {item_id(item): index for index, item in enumerate(getattr(request, member))},
            [result for result in results if not isinstance(result, ChunkFailure)],
            [result for result in results if isinstance(result, ChunkFailure)],
        )


@frozen
class _ChunkResults(Generic[ResponseT]):
    """The results of all chunks, in the order of the chunks.

    Attributes:
        positions: id or ARN -> its index in the requested list.
        responses: the responses of the chunks that succeeded.
        failures: the chunks that failed.
    """

    positions: dict[str, int]
    responses: list[ResponseT]
    failures: list[ChunkFailure]

    @property
    def metadata(self) -> list[ResponseMetadata]:
        return [response.response_metadata for response in self.responses]

    def merge(self, part: Callable[[ResponseT], list[T]], id_in: Callable[[T], str]) -> list[T]:
        """Merge a part of all responses in the requested order; items that were not requested come last."""
        found = [item for response in self.responses for item in part(response)]
        return sorted(found, key=lambda item: self.positions.get(id_in(item), len(self.positions)))


_account_id = attrgetter("account_id")
_graph_arn = attrgetter("graph_arn")

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
from detective_async.client.batches import CONCURRENCY, id_of, split
from detective_async.client.bulk_results import (
    BulkCreateMembers,
    BulkDeleteMembers,
    BulkGetGraphMemberDatasources,
    BulkGetMembers,
    BulkGetMembershipDatasources,
    ChunkFailure,
)
from detective_async.client.concurrency import map_concurrently
from detective_async.errors import DetectiveError, code_of
from detective_async.http.call import Transport

_logger = logging.getLogger("detective_async.bulk")

Answer = TypeVar("Answer", bound=Response)
T = TypeVar("T")


@frozen
class Bulk:
    """The operations that take a list, for lists of any length: `client.bulk`.

    Each cuts its list at the API's limit and sends the chunks, several at a time; what they answer is merged in the
    order asked. A chunk that fails stands in the result's `failures`, is logged as a warning, and stops no other one:
    nothing is raised for it. Cancelling a call cancels its chunks.

    All input is checked before anything is sent. `ParameterError` names an item by its place in the whole list
    (`accounts[73].email_address`), and refuses an empty list and an item that is there twice.
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

        API operation: CreateMembers, for 50 accounts at a time. Read `unprocessed_accounts` and `failures`.

        Args:
            graph_arn: the graph.
            accounts: at least one; each only once.
            message: text for the invitation e-mail, 1 to 1,000 characters.
            disable_email_notification: True sends no e-mail; AWS's default is to send one.
            concurrency: how many requests may be under way at a time.

        Raises:
            ParameterError: a parameter is invalid; nothing was sent.
        """
        request = models.CreateMembersRequest(
            graph_arn, accounts, message=message, disable_email_notification=disable_email_notification
        )
        sent = await self._send(operations.CREATE_MEMBERS, request, "accounts", concurrency)
        return BulkCreateMembers(
            members=sent.merge(lambda answer: answer.members, _account_id),
            unprocessed_accounts=sent.merge(lambda answer: answer.unprocessed_accounts, _account_id),
            failures=sent.failures,
            response_metadata=sent.metadata,
        )

    async def delete_members(
        self, graph_arn: str, account_ids: Iterable[str], *, concurrency: int = CONCURRENCY
    ) -> BulkDeleteMembers:
        """Remove any number of member accounts from a graph.

        API operation: DeleteMembers, for 50 accounts at a time. Read `unprocessed_accounts` and `failures`.

        Args:
            graph_arn: the graph.
            account_ids: at least one, of 12 digits each; each only once.
            concurrency: how many requests may be under way at a time.

        Raises:
            ParameterError: a parameter is invalid; nothing was sent.
        """
        request = models.DeleteMembersRequest(graph_arn, account_ids)
        sent = await self._send(operations.DELETE_MEMBERS, request, "account_ids", concurrency)
        return BulkDeleteMembers(
            account_ids=sent.merge(lambda answer: answer.account_ids, str),
            unprocessed_accounts=sent.merge(lambda answer: answer.unprocessed_accounts, _account_id),
            failures=sent.failures,
            response_metadata=sent.metadata,
        )

    async def get_members(
        self, graph_arn: str, account_ids: Iterable[str], *, concurrency: int = CONCURRENCY
    ) -> BulkGetMembers:
        """Get any number of a graph's members.

        API operation: GetMembers, for 50 accounts at a time. Accounts that are no members are in
        `unprocessed_accounts`; read `failures` too.

        Args:
            graph_arn: the graph.
            account_ids: at least one, of 12 digits each; each only once.
            concurrency: how many requests may be under way at a time.

        Raises:
            ParameterError: a parameter is invalid; nothing was sent.
        """
        request = models.GetMembersRequest(graph_arn, account_ids)
        sent = await self._send(operations.GET_MEMBERS, request, "account_ids", concurrency)
        return BulkGetMembers(
            member_details=sent.merge(lambda answer: answer.member_details, _account_id),
            unprocessed_accounts=sent.merge(lambda answer: answer.unprocessed_accounts, _account_id),
            failures=sent.failures,
            response_metadata=sent.metadata,
        )

    async def get_graph_member_datasources(
        self, graph_arn: str, account_ids: Iterable[str], *, concurrency: int = CONCURRENCY
    ) -> BulkGetGraphMemberDatasources:
        """Get the data source package history of any number of a graph's members.

        API operation: BatchGetGraphMemberDatasources, for 200 accounts at a time. Accounts that were not found are in
        `unprocessed_accounts`; read `failures` too.

        Args:
            graph_arn: the graph.
            account_ids: at least one, of 12 digits each; each only once.
            concurrency: how many requests may be under way at a time.

        Raises:
            ParameterError: a parameter is invalid; nothing was sent.
        """
        request = models.BatchGetGraphMemberDatasourcesRequest(graph_arn, account_ids)
        sent = await self._send(operations.BATCH_GET_GRAPH_MEMBER_DATASOURCES, request, "account_ids", concurrency)
        return BulkGetGraphMemberDatasources(
            member_datasources=sent.merge(lambda answer: answer.member_datasources, _account_id),
            unprocessed_accounts=sent.merge(lambda answer: answer.unprocessed_accounts, _account_id),
            failures=sent.failures,
            response_metadata=sent.metadata,
        )

    async def get_membership_datasources(
        self, graph_arns: Iterable[str], *, concurrency: int = CONCURRENCY
    ) -> BulkGetMembershipDatasources:
        """Get the calling account's data source package history in any number of graphs.

        API operation: BatchGetMembershipDatasources, for 50 graphs at a time. Graphs that were not found are in
        `unprocessed_graphs`; read `failures` too.

        Args:
            graph_arns: at least one; each only once.
            concurrency: how many requests may be under way at a time.

        Raises:
            ParameterError: a parameter is invalid; nothing was sent.
        """
        request = models.BatchGetMembershipDatasourcesRequest(graph_arns)
        sent = await self._send(operations.BATCH_GET_MEMBERSHIP_DATASOURCES, request, "graph_arns", concurrency)
        return BulkGetMembershipDatasources(
            membership_datasources=sent.merge(lambda answer: answer.membership_datasources, _graph_arn),
            unprocessed_graphs=sent.merge(lambda answer: answer.unprocessed_graphs, _graph_arn),
            failures=sent.failures,
            response_metadata=sent.metadata,
        )

    async def _send(
        self, operation: Operation[Answer], request: AttrsInstance, member: str, concurrency: int
    ) -> "_Sent[Answer]":
        Integer(1)(concurrency, "concurrency")
        chunks = split(request, member)

        async def send(chunk: AttrsInstance) -> Answer | ChunkFailure:
            try:
                return await self._transport.call(operation, chunk)
            except DetectiveError as error:
                items = [id_of(item) for item in getattr(chunk, member)]
                extra = {"operation": operation.name, "error_code": code_of(error), "items": items}
                _logger.warning(
                    "%s for %d of the %s failed: %s", operation.name, len(items), member, error, extra=extra
                )
                return ChunkFailure(items, error)

        results = await map_concurrently(send, chunks, concurrency=concurrency)
        return _Sent(
            {id_of(item): index for index, item in enumerate(getattr(request, member))},
            [result for result in results if not isinstance(result, ChunkFailure)],
            [result for result in results if isinstance(result, ChunkFailure)],
        )


@frozen
class _Sent(Generic[Answer]):
    """What came of the chunks, in their order.

    Attributes:
        places: id or ARN -> where it stands in the list that was asked for.
        answers: of those that were answered.
        failures: the others.
    """

    places: dict[str, int]
    answers: list[Answer]
    failures: list[ChunkFailure]

    @property
    def metadata(self) -> list[ResponseMetadata]:
        return [answer.response_metadata for answer in self.answers]

    def merge(self, part: Callable[[Answer], list[T]], id_in: Callable[[T], str | None]) -> list[T]:
        """Put a part of all answers together in the order asked; what nobody asked for comes last."""
        found = [item for answer in self.answers for item in part(answer)]
        return sorted(found, key=lambda item: self.places.get(id_in(item) or "", len(self.places)))


_account_id = attrgetter("account_id")
_graph_arn = attrgetter("graph_arn")

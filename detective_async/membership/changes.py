"""The requests that change the members of a graph, and what their responses say of each account."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

from attrs import define, evolve, field

from detective_async.api.models.exceptions import ServiceQuotaExceededException, ValidationException
from detective_async.api.models.members import (
    CreateMembersRequest,
    CreateMembersResponse,
    DeleteMembersResponse,
    MemberDetail,
)
from detective_async.client.batches import max_items
from detective_async.errors import ClientClosed, DetectiveError
from detective_async.membership.actions import ActionKind, Reason
from detective_async.membership.desired import MAX_MEMBERS, DesiredState
from detective_async.membership.execution import Execution
from detective_async.membership.failures import WAITS_FOR_KEYS, StoppedError, error_text, reason_of
from detective_async.membership.graphs import Graph
from detective_async.membership.states import AccountState, Failure

#: The API's limit of accounts per request, the same for all operations.
MAX_ACCOUNTS = max_items(CreateMembersRequest, "accounts")


@define(eq=False)
class MemberChanges:
    """Changes the members of one graph."""

    execution: Execution
    desired: DesiredState
    graph: Graph
    _quota_error: ServiceQuotaExceededException | None = field(init=False, default=None)

    async def make(self, kind: ActionKind, accounts: Sequence[AccountState]) -> None:
        """Carry out an action for some accounts, and record what became of each."""
        try:
            match kind:
                case ActionKind.REMOVE:
                    await self._delete(kind, accounts)
                case ActionKind.REINVITE:
                    await self._reinvite(accounts)
                case ActionKind.ACCEPT:
                    await self._accept(accounts[0])
                case ActionKind.START_MONITORING:
                    await self._start_monitoring(accounts[0])
                case _:
                    await self._create(kind, accounts)
        except ClientClosed:
            raise
        except StoppedError as error:
            for account in accounts:
                account.end(str(error), error.reason)
        except DetectiveError as error:
            for account in accounts:
                account.fail(kind, error)
            _repeat_together(accounts)

    async def add_while_there_is_room(self, kind: ActionKind, accounts: Sequence[AccountState], members: int) -> None:
        """Add accounts of which not all may have room: one tells whether there is any beyond the default quota."""
        room = max(0, MAX_MEMBERS - members)
        for some in (*chunks(accounts[:room]), accounts[room : room + 1], *chunks(accounts[room + 1 :])):
            await self.make(kind, some)

    async def _create(self, kind: ActionKind, accounts: Sequence[AccountState]) -> None:
        if self._quota_error is not None:
            for account in accounts:
                account.fail(kind, self._quota_error)
            return
        try:
            async with self._acting(kind, accounts):
                response = await self.graph.client.create_members(
                    self.graph.found_arn,
                    [account.desired.account for account in accounts if account.desired is not None],
                    message=self.desired.message,
                    disable_email_notification=self.desired.disable_email_notification,
                )
        except (ValidationException, ServiceQuotaExceededException) as error:
            if len(accounts) == 1:
                if isinstance(error, ServiceQuotaExceededException):
                    self._quota_error = error
                raise
        else:
            _record(kind, accounts, {member.account_id: member for member in response.members}, response)
            return
        # One account may be invalid, or there are too many: try the halves, so that the others succeed.
        half = len(accounts) // 2
        await self.make(kind, accounts[:half])
        await self.make(kind, accounts[half:])

    async def _delete(self, kind: ActionKind, accounts: Sequence[AccountState]) -> list[AccountState]:
        """Remove members, and return those that are none any more."""
        # Of another invitation, it is the first half only.
        async with self._acting(ActionKind.REMOVE, accounts):
            response = await self.graph.client.delete_members(
                self.graph.found_arn, [account.account_id for account in accounts]
            )
        removed = set(response.account_ids)
        if kind is ActionKind.REMOVE:
            _record(kind, accounts, dict.fromkeys(removed), response)
        else:
            left = [account for account in accounts if account.account_id not in removed]
            _record(kind, left, {}, response, attempted=ActionKind.REMOVE)
        return [account for account in accounts if account.account_id in removed]

    async def _reinvite(self, accounts: Sequence[AccountState]) -> None:
        members = [account for account in accounts if account.member is not None]
        # The first half of the others was done before.
        left = [account for account in accounts if account.member is None]
        if members:
            removed = await self._delete(ActionKind.REINVITE, members)
            for account in removed:
                account.remove()
            left += removed
        if left:
            await self._create(ActionKind.REINVITE, left)

    async def _accept(self, account: AccountState) -> None:
        sources = self.execution.sources
        if account.account_id not in sources:
            sources[account.account_id] = self.desired.credentials_of(account.account_id)
        client = self.graph.client.with_options(credentials=sources[account.account_id], account_id=account.account_id)
        before = account.failure
        account.failure = Failure(ActionKind.ACCEPT, Reason.NO_RESPONSE, WAITS_FOR_KEYS)

        def check(owner: str) -> None:
            account.failure = before
            account.refusals.identified()
            if owner != account.account_id:
                # Accepting would make that account a member, which the plan does not show.
                text = f"the credentials to accept its invitation with are those of account {owner}"
                raise StoppedError(Reason.WRONG_ACCOUNT, text)

        def note_error(error: DetectiveError) -> None:
            nonlocal before
            before = account.failure = Failure(ActionKind.ACCEPT, reason_of(error), error_text(error), error)

        await self.execution.act_identified(
            client,
            check,
            lambda: account.note_unknown(ActionKind.ACCEPT),
            lambda pinned: pinned.accept_invitation(self.graph.found_arn),
            note_error=note_error,
        )
        account.sent(ActionKind.ACCEPT)

    async def _start_monitoring(self, account: AccountState) -> None:
        async with self._acting(ActionKind.START_MONITORING, [account]):
            await self.graph.client.start_monitoring_member(self.graph.found_arn, account.account_id)
        account.sent(ActionKind.START_MONITORING)

    def _acting(self, kind: ActionKind, accounts: Iterable[AccountState]) -> AbstractAsyncContextManager[None]:
        """Hold a slot for one call that changes something for some accounts."""

        def note_unknown() -> None:
            for account in accounts:
                account.note_unknown(kind)

        return self.execution.acting(self.graph.region, note_unknown)


def chunks(accounts: Sequence[AccountState], size: int = MAX_ACCOUNTS) -> Iterator[Sequence[AccountState]]:
    """Return the accounts in parts of which each has room in a request."""
    return (accounts[start : start + size] for start in range(0, len(accounts), size))


def _record(
    kind: ActionKind,
    accounts: Sequence[AccountState],
    done: Mapping[str, MemberDetail] | Mapping[str, None],
    response: CreateMembersResponse | DeleteMembersResponse,
    *,
    attempted: ActionKind | None = None,
) -> None:
    """Record for each account its new state, or the reason why AWS left it unprocessed.

    Args:
        kind: the action.
        accounts: those of the request.
        done: the new states of the accounts that were processed.
        response: the response.
        attempted: the part of the action that the request was for; None for the whole.
    """
    reasons = {one.account_id: one.reason for one in response.unprocessed_accounts}
    for account in accounts:
        if account.account_id in done:
            account.succeed(kind, done[account.account_id])
        else:
            if response.response_metadata.repeated:
                # An attempt before it, without a response, may have carried it out.
                account.note_unknown(attempted or kind)
            account.refuse(kind, attempted or kind, reasons.get(account.account_id))
    _repeat_together(accounts)


def _repeat_together(accounts: Iterable[AccountState]) -> None:
    """Let what has failed in one request be repeated in one: each account draws its pause by itself."""
    failures = {account: account.failure for account in accounts}
    times = [one.retry_at for one in failures.values() if one is not None and one.retry_at is not None]
    for account, failure in failures.items():
        if failure is not None and failure.retry_at is not None:
            account.failure = evolve(failure, retry_at=times[0])

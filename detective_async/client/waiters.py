"""Waiting for what the service does in its own time."""

# The models in the annotations are imported with the first call that needs them.
from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from detective_async.api import models, operations
from detective_async.api.models.constraints import ACCOUNT_ID, Items, OneOf, as_list, validate
from detective_async.client.batches import CONCURRENCY, split
from detective_async.client.concurrency import map_concurrently
from detective_async.client.iterators import Iterators
from detective_async.client.polling import Watch, check_timeout
from detective_async.errors import ParameterError, ServiceError, TransportError
from detective_async.events import emit, is_plain_callable

#: Where the service has done with an account what it does by itself.
SETTLED = frozenset({"INVITED", "ENABLED", "ACCEPTED_BUT_DISABLED", "VERIFICATION_FAILED"})


class Waiters(Iterators):
    """The states that take the service a while to reach, each of them as one coroutine.

    They ask again and again: after 0.25 s first, then after pauses that grow by half to at most 15 s, less up to a
    quarter by chance, and a last time when the timeout is over. A call that fails in a way that may pass (throttling,
    a server fault, no answer), its own retries included, does not end the wait; any other error is raised at once.
    """

    async def wait_for_members(
        self,
        graph_arn: str,
        account_ids: Iterable[str],
        *,
        timeout: float,
        until: Collection[models.MemberStatus | str] = SETTLED,
        on_settled: Callable[[models.MemberDetail], object] | None = None,
    ) -> list[models.MemberDetail]:
        """Wait until member accounts have reached a status, and give them in the order asked.

        API operation: GetMembers, for those that have not settled yet, 50 accounts at a time and several at once. An
        account that is no member, or not yet, is waited for.

        Args:
            graph_arn: the graph.
            account_ids: any number of them but none, of 12 digits each; each only once.
            timeout: how many seconds to wait at most; the last look may take a second more.
            until: the statuses to wait for. By default those that need somebody else to go on: INVITED, ENABLED,
                ACCEPTED_BUT_DISABLED and VERIFICATION_FAILED, which always ends the wait for an account. So look at
                each one's `status`.
            on_settled: a plain callable that is told of each account once, as soon as it has settled; one that raises
                is logged and does not end the wait.

        Raises:
            ParameterError: a parameter is invalid; nothing was sent.
            WaiterTimeout: not all have settled in time.
            AccessDeniedException: the caller may not do this.
            ResourceNotFoundException: there is no such graph.
        """
        check_timeout(timeout)
        final = _final(until)
        if on_settled is not None and not is_plain_callable(on_settled):
            raise ParameterError("on_settled", f"expected a plain callable, got {on_settled!r}")
        listeners = () if on_settled is None else (on_settled,)
        whole = models.GetMembersRequest(graph_arn, account_ids)
        split(whole, "account_ids")
        watch = Watch[models.MemberDetail]("members", whole.account_ids)

        async def ask(request: models.GetMembersRequest) -> None:
            try:
                answer = await self._transport.call(operations.GET_MEMBERS, request)
            except (ServiceError, TransportError) as error:
                watch.excuse(error)
                return
            for member in answer.member_details:
                if watch.see(member.account_id, member, settled=member.status in final):
                    emit(listeners, member)

        async def look() -> None:
            requests = split(models.GetMembersRequest(graph_arn, list(watch.pending)), "account_ids")
            await map_concurrently(ask, requests, concurrency=CONCURRENCY)

        await watch.until_settled(look, self._transport.clock, timeout)
        return watch.states

    async def wait_for_investigation(
        self, graph_arn: str, investigation_id: str, *, timeout: float
    ) -> models.GetInvestigationResponse:
        """Wait until an investigation no longer runs, and give it.

        API operation: GetInvestigation. Any status but RUNNING ends the wait, one that is newer than this release
        too: look at `status`.

        Args:
            graph_arn: the graph.
            investigation_id: 21 digits.
            timeout: how many seconds to wait at most; the last look may take a second more.

        Raises:
            ParameterError: a parameter is invalid; nothing was sent.
            WaiterTimeout: it still runs.
            AccessDeniedException: the caller may not do this.
            ResourceNotFoundException: there is no such investigation.
        """
        check_timeout(timeout)
        validate(models.GetInvestigationRequest(graph_arn, investigation_id))
        watch = Watch[models.GetInvestigationResponse]("investigation", [investigation_id])

        async def look() -> None:
            answer = await self.get_investigation(graph_arn, investigation_id)
            is_over = answer.status not in (None, models.Status.RUNNING)
            watch.see(investigation_id, answer, settled=is_over)

        await watch.until_settled(look, self._transport.clock, timeout)
        return watch.states[0]

    async def wait_for_organization_admin_account(self, account_id: str, *, timeout: float) -> models.Administrator:
        """Wait until an account is an administrator of Detective for the organization, and give it as that.

        API operation: ListOrganizationAdminAccounts.

        Args:
            account_id: the account that was made the administrator.
            timeout: how many seconds to wait at most; the last look may take a second more.

        Raises:
            ParameterError: a parameter is invalid; nothing was sent.
            WaiterTimeout: it is not among the administrators.
            AccessDeniedException: the caller may not do this.
        """
        check_timeout(timeout)
        ACCOUNT_ID(account_id, "account_id")
        watch = Watch[models.Administrator]("organization admin account", [account_id])

        async def look() -> None:
            async for administrator in self.iter_organization_admin_accounts():
                watch.see(administrator.account_id, administrator, settled=True)

        await watch.until_settled(look, self._transport.clock, timeout)
        return watch.states[0]


def _final(until: Collection[models.MemberStatus | str]) -> frozenset[str]:
    statuses = as_list(until)
    Items(OneOf(models.MemberStatus))(statuses, "until")
    return frozenset({*statuses, models.MemberStatus.VERIFICATION_FAILED})

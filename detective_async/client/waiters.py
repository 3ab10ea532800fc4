"""Coroutines that wait for asynchronous changes in the service."""

# The models in the annotations are imported by the first call that uses them.
from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from detective_async.api import models, operations
from detective_async.api.models.constraints import ACCOUNT_ID, Items, OneOf, list_if_iterable, validate
from detective_async.client.iterators import Iterators
from detective_async.errors import ParameterError, ServiceError, TransportError
from detective_async.events import emit, is_plain_callable
from detective_async.settings.arguments import shown

#: The statuses that only change by an action of a user, or within hours.
SETTLED = frozenset({"INVITED", "ENABLED", "ACCEPTED_BUT_DISABLED", "VERIFICATION_FAILED"})
_DISABLED = "ACCEPTED_BUT_DISABLED"
#: What was done is not always seen at once (Terraform's provider waits for minutes). The seconds are inferred.
_APPEAR_WITHIN = 8.0


class Waiters(Iterators):
    """Coroutines that poll the service until it has reached a state.

    The first pause is 0.25 s; each further one is longer by half, up to 15 s, and a random part of up to a quarter is
    subtracted. The last poll is at the end of the timeout. A transient failure (throttling, a server fault, no
    response), after the call's own retries, does not end the wait; any other error is raised at once.
    """

    async def wait_for_members(
        self,
        graph_arn: str,
        account_ids: Iterable[str],
        *,
        timeout: float,
        until: Collection[models.MemberStatus | str] = SETTLED,
        on_settled: Callable[[models.MemberDetail], object] | None = None,
        appear_within: float = _APPEAR_WITHIN,
    ) -> list[models.MemberDetail]:
        """Wait until member accounts have reached a status, and return them in the requested order.

        API operation: GetMembers, for the accounts that have not settled yet, in concurrent requests of up to 50
        accounts. A graph that was just created, and accounts that are not members yet, are waited for, too, but not the
        accounts that CreateMembers has refused: see `appear_within`.

        What was done is not always seen at once: after your own `accept_invitation`, wait for
        `until=["ENABLED", "ACCEPTED_BUT_DISABLED"]`, or the wait may end with the INVITED of before.

        Args:
            graph_arn: the graph.
            account_ids: at least one, of 12 digits each; each only once.
            timeout: the maximum number of seconds to wait; the last poll may take a second more.
            until: the statuses to wait for. By default those that only change by an action of a user, or within hours:
                INVITED, ENABLED, VERIFICATION_FAILED, and ACCEPTED_BUT_DISABLED with a `disabled_reason`; without one,
                AWS is checking the account's volume. VERIFICATION_FAILED always ends the wait for an account, so check
                the `status` of each.
            on_settled: a plain callable that receives each account once, as soon as it has settled; an exception from
                it is logged and does not end the wait.
            appear_within: the seconds after which accounts that AWS says are no members will not become any, and a
                graph that it says does not exist is not a new one: the wait ends when only such are left.

        Raises:
            ParameterError: a parameter is invalid; nothing was sent.
            WaiterTimeout: not all accounts have settled in time, or some are not members.
            AccessDeniedException: the caller is not allowed to do this.
            ResourceNotFoundException: there is no such graph.
        """
        # Imported on first use, here and below: few programs wait, and its import would delay the start of all others.
        from detective_async.client.batches import CONCURRENCY, split  # noqa: PLC0415
        from detective_async.client.concurrency import map_concurrently  # noqa: PLC0415
        from detective_async.client.polling import Poller, check_timeout  # noqa: PLC0415

        check_timeout(timeout)
        check_timeout(appear_within, "appear_within")
        final = _final(until)
        # One that is disabled without a reason is between its acceptance and the result of a check.
        by_default = until is SETTLED
        if on_settled is not None and not is_plain_callable(on_settled):
            raise ParameterError(
                "on_settled", f"expected a plain callable (not a coroutine function), got {shown(on_settled)}"
            )
        listeners = () if on_settled is None else (on_settled,)
        request = models.GetMembersRequest(graph_arn, account_ids)
        split(request, "account_ids")
        poller = Poller[models.MemberDetail]("members", request.account_ids)
        clock = self._transport.clock
        appears_until = clock.monotonic() + appear_within

        async def get_chunk(chunk: models.GetMembersRequest) -> None:
            try:
                response = await self._transport.call(operations.GET_MEMBERS, chunk)
            except (ServiceError, TransportError) as error:
                poller.record_failure(error, may_appear=clock.monotonic() < appears_until)
                return
            poller.record_absence((one.account_id for one in response.unprocessed_accounts), clock, appear_within)
            for member in response.member_details:
                is_checked = by_default and member.status == _DISABLED and member.disabled_reason is None
                if poller.record(member.account_id, member, settled=member.status in final and not is_checked):
                    emit(listeners, member)

        async def poll() -> None:
            chunks = split(models.GetMembersRequest(graph_arn, list(poller.pending)), "account_ids")
            await map_concurrently(get_chunk, chunks, concurrency=CONCURRENCY)

        await poller.until_settled(poll, clock, timeout)
        return poller.states

    async def wait_for_investigation(
        self, graph_arn: str, investigation_id: str, *, timeout: float, appear_within: float = _APPEAR_WITHIN
    ) -> models.GetInvestigationResponse:
        """Wait until an investigation no longer runs, and return it.

        API operation: GetInvestigation. Every status other than RUNNING ends the wait, even one that this release does
        not define: check `status`. An investigation that was just started may not be found at first.

        Args:
            graph_arn: the graph.
            investigation_id: 21 digits.
            timeout: the maximum number of seconds to wait; the last poll may take a second more.
            appear_within: the seconds after which an investigation that AWS says does not exist is not a new one.

        Raises:
            ParameterError: a parameter is invalid; nothing was sent.
            WaiterTimeout: the investigation still runs.
            AccessDeniedException: the caller is not allowed to do this.
            ResourceNotFoundException: there is no such investigation.
        """
        from detective_async.client.polling import Poller, check_timeout  # noqa: PLC0415

        check_timeout(timeout)
        check_timeout(appear_within, "appear_within")
        validate(models.GetInvestigationRequest(graph_arn, investigation_id))
        poller = Poller[models.GetInvestigationResponse]("investigation", [investigation_id])
        clock = self._transport.clock
        appears_until = clock.monotonic() + appear_within

        async def poll() -> None:
            try:
                response = await self.get_investigation(graph_arn, investigation_id)
            except ServiceError as error:
                poller.record_failure(error, may_appear=clock.monotonic() < appears_until)
                return
            has_ended = response.status not in (None, models.Status.RUNNING)
            poller.record(investigation_id, response, settled=has_ended)

        await poller.until_settled(poll, clock, timeout)
        return poller.states[0]

    async def wait_for_organization_admin_account(self, account_id: str, *, timeout: float) -> models.Administrator:
        """Wait until an account is the organization's Detective administrator, and return it.

        API operation: ListOrganizationAdminAccounts.

        Args:
            account_id: the account that was made the administrator.
            timeout: the maximum number of seconds to wait; the last poll may take a second more.

        Raises:
            ParameterError: a parameter is invalid; nothing was sent.
            WaiterTimeout: the account is not among the administrators.
            AccessDeniedException: the caller is not allowed to do this.
        """
        from detective_async.client.polling import Poller, check_timeout  # noqa: PLC0415

        check_timeout(timeout)
        ACCOUNT_ID(account_id, "account_id")
        poller = Poller[models.Administrator]("organization admin account", [account_id])

        async def poll() -> None:
            async for administrator in self.iter_organization_admin_accounts():
                poller.record(administrator.account_id, administrator, settled=True)

        await poller.until_settled(poll, self._transport.clock, timeout)
        return poller.states[0]


def _final(until: Collection[models.MemberStatus | str]) -> frozenset[str]:
    statuses = list_if_iterable(until)
    Items(OneOf(models.MemberStatus))(statuses, "until")
    return frozenset({*statuses, models.MemberStatus.VERIFICATION_FAILED})

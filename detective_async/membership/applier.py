"""Applies a plan: every region and every account as far as possible, independent of failures of the others."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from functools import partial

from attrs import define, field

from detective_async.client.concurrency import unwrapped_task_group
from detective_async.errors import ClientClosed, DetectiveError
from detective_async.events import ProgressCallback, ProgressCounter
from detective_async.membership import graphs
from detective_async.membership.account_reconciler import MAX_ACCOUNTS, AccountReconciler
from detective_async.membership.account_state import AccountState
from detective_async.membership.decisions import GraphFacts, describe_status
from detective_async.membership.desired import DesiredState
from detective_async.membership.execution import (
    BlockedError,
    Execution,
    RegionState,
    Step,
    read_with_retries,
    reconcile,
)
from detective_async.membership.report import AccountReport, MembershipReport, RegionReport


@define(eq=False)
class PlanApplier:
    """Applies a plan once; calls `progress` for each account in each region whose processing has ended."""

    execution: Execution
    desired: DesiredState
    # Region -> the accounts that the plan removes; no other account is removed.
    removals: Mapping[str, Collection[str]]
    timeout: float
    progress: ProgressCallback | None
    _regions: dict[str, RegionState] = field(init=False)
    _accounts: dict[str, list[AccountState]] = field(init=False)
    _deadline: float = field(init=False, default=0.0)
    _tally: ProgressCounter = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._regions = {region: RegionState(region) for region in self.desired.accounts}
        self._accounts = {region: list(self._accounts_of(region)) for region in self.desired.accounts}
        total = sum(len(accounts) for accounts in self._accounts.values())
        self._tally = ProgressCounter(self.progress, total, self.execution.clock.monotonic)

    async def run(self) -> MembershipReport:
        """Apply the plan, and return the report."""
        self._deadline = self.execution.clock.monotonic() + self.timeout
        try:
            with self.execution.ending():
                async with asyncio.timeout(self.timeout), unwrapped_task_group() as group:
                    for state in self._regions.values():
                        group.create_task(self._apply_region(state))
        except TimeoutError:
            # `_report_unfinished` reports what is unfinished.
            pass
        for state in self._regions.values():
            self._report_unfinished(state)
        return MembershipReport(
            rows=tuple(_account_report(account) for accounts in self._accounts.values() for account in accounts),
            regions=tuple(region_report(state) for state in self._regions.values()),
        )

    def _accounts_of(self, region: str) -> Iterator[AccountState]:
        for account in self.desired.accounts[region]:
            yield AccountState(region, account.account_id, self.desired.member(account), self._on_end)
        for account_id in self.removals.get(region, ()):
            yield AccountState(region, account_id, None, self._on_end)

    async def _apply_region(self, state: RegionState) -> None:
        await _record_failure(state, lambda: self._ensure_graph(state))
        graph_arn = state.graph_arn
        if graph_arn is None:
            self._end_accounts(state)
            return
        execution, desired, client = self.execution, self.desired, self.execution.client_in(state.region)
        async with unwrapped_task_group() as group:
            for graph_step in (graphs.tag_step, graphs.package_step):
                next_step = partial(graph_step, execution, client, graph_arn, desired)
                group.create_task(_record_failure(state, partial(reconcile, execution, state, next_step)))
            group.create_task(self._apply_members(state, graph_arn))

    async def _ensure_graph(self, state: RegionState) -> None:
        graph = graphs.GraphState(None)

        async def next_step() -> Step | None:
            nonlocal graph
            graph, step = await graphs.next_step(self.execution, self.desired, state.region)
            return step

        await reconcile(self.execution, state, next_step)
        state.graph_arn = graph.graph_arn

    async def _apply_members(self, state: RegionState, graph_arn: str) -> None:
        execution, client = self.execution, self.execution.client_in(state.region)
        try:
            members = await read_with_retries(execution, lambda: graphs.list_members(execution, client, graph_arn))
        except ClientClosed:
            raise
        except DetectiveError as error:
            state.fail(error)
            self._end_accounts(state)
            return
        facts = GraphFacts(self.desired.organization, graphs.administrator_of(graph_arn))
        accounts = self._accounts[state.region]
        for account in accounts:
            account.observe(members.get(account.account_id))
            account.before = account.status
            # Ends the accounts that need no action, so that the remaining ones need fewer requests.
            account.next_action(facts)
        pending = [account for account in accounts if not account.ended]
        # Removals first: the graph may be full.
        for some in (
            [account for account in pending if account.desired is None],
            [account for account in pending if account.desired is not None],
        ):
            async with unwrapped_task_group() as group:
                for start in range(0, len(some), MAX_ACCOUNTS):
                    share = some[start : start + MAX_ACCOUNTS]
                    reconciler = AccountReconciler(
                        execution, self.desired, client, graph_arn, facts, share, self._deadline
                    )
                    group.create_task(reconciler.run())

    def _end_accounts(self, state: RegionState) -> None:
        for account in self._accounts[state.region]:
            account.end(state.problem, state.error)

    def _report_unfinished(self, state: RegionState) -> None:
        problem = f"not done within {self.timeout:.10g} s"
        if state.unfinished:
            state.fail(BlockedError(problem))
        for account in self._accounts[state.region]:
            if not account.ended:
                account.give_up(f"{problem}: the account is {describe_status(account.member)}")

    def _on_end(self, account: AccountState) -> None:
        self._tally.add(failed=account.problem is not None)


async def _record_failure(state: RegionState, work: Callable[[], Awaitable[None]]) -> None:
    """Await work for a region, and record its failure; if it is cancelled, it counts as unfinished."""
    state.unfinished += 1
    try:
        await work()
    except ClientClosed:
        raise
    except (DetectiveError, BlockedError) as error:
        state.fail(error)
    state.unfinished -= 1


def region_report(state: RegionState) -> RegionReport:
    """Return the report of a region."""
    return RegionReport(
        region=state.region, graph_arn=state.graph_arn, done=tuple(state.done), problem=state.problem, error=state.error
    )


def _account_report(account: AccountState) -> AccountReport:
    return AccountReport(
        account_id=account.account_id,
        region=account.region,
        before=account.before,
        after=account.status,
        done=tuple(account.done),
        problem=account.problem,
        error=account.error,
    )

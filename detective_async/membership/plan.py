"""Compares the desired memberships with the actual ones, and plans the difference."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from attrs import evolve, field, frozen

from detective_async.api.models.constraints import list_if_iterable
from detective_async.api.models.datasources import DatasourcePackage
from detective_async.api.models.members import MemberDetail
from detective_async.client.client import DetectiveClient
from detective_async.client.concurrency import unwrapped_task_group
from detective_async.client.polling import check_timeout
from detective_async.errors import ParameterError
from detective_async.events import ProgressCallback, ProgressCounter, is_plain_callable
from detective_async.membership.actions import (
    Action,
    ActionKind,
    MembershipReport,
    Note,
    Plan,
    Problem,
)
from detective_async.membership.apply import Application, Delegation, RegionRun
from detective_async.membership.desired import (
    Accounts,
    ByInvitation,
    ByOrganization,
    DesiredState,
    RegionAccounts,
    accounts_by_region,
    check_regions,
)
from detective_async.membership.execution import Execution, identify, named_regions
from detective_async.membership.failures import notes_on_closed
from detective_async.membership.graphs import Graph
from detective_async.membership.looks import Known
from detective_async.membership.plan_text import (
    format_plan,
    plan_data,
)
from detective_async.membership.region_plans import (
    RegionPlan,
    confirm_removals,
    notes_on_accounts,
    notes_on_many_members,
    notes_on_no_graphs,
    notes_on_no_members,
    notes_on_second_attempts,
    require_one_administrator,
)
from detective_async.membership.states import AccountState

#: Seconds for which reads that fail transiently are tried again.
_TIMEOUT = 60.0


@frozen(kw_only=True)
class MembershipPlan(Plan):
    """The actions that would bring the memberships to the desired state; `print(plan)` shows them.

    True if there are actions, or problems that concern a whole region: one that could not be read is not known to need
    nothing.

    Attributes:
        actions: the actions, region by region, in the order in which they are carried out.
        problems: what no action can solve.
        notes: what is worth knowing, such as that the administrator's own account is in the list.
        regions: the regions.
        administrator_id: the account as which the plan acts; None if it is not known.
        graph_arns: region -> its graph when the plan was made; None if there was none, or the region could not be read.
    """

    actions: tuple[Action, ...]
    problems: tuple[Problem, ...]
    notes: tuple[Note, ...] = ()
    administrator_id: str | None = None
    graph_arns: Mapping[str, str | None] = field(repr=False, eq=False)
    _client: DetectiveClient = field(alias="client", repr=False, eq=False)
    _desired: DesiredState = field(alias="desired", repr=False, eq=False)
    # Region -> the members among the accounts as they were: no other memberships are removed.
    _members: Mapping[str, Mapping[str, MemberDetail]] = field(alias="members", repr=False, eq=False)
    # That of the last application, and what it knew of each account by region, which is all that changes of a plan.
    _reports: list[MembershipReport] = field(init=False, factory=list, repr=False, eq=False)
    _last: dict[tuple[str, str], MemberDetail | None] = field(init=False, factory=dict, repr=False, eq=False)

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions."""
        return tuple(self.graph_arns)

    @property
    def report(self) -> MembershipReport | None:
        """What the last `apply` that has ended has done, also one that was cancelled; None before the first."""
        return self._reports[-1] if self._reports else None

    def __bool__(self) -> bool:
        return bool(self.actions) or any(problem.account_id is None for problem in self.problems)

    def __str__(self) -> str:
        """Return the plan as text, by region: the first ten accounts of each kind of action, and all removals."""
        sends_email = not self._desired.disable_email_notification
        return format_plan(self, self.regions, sends_email=sends_email)

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as plain data, ready for JSON."""
        return plan_data(self, self.regions)

    async def apply(self, *, timeout: float = 900.0, progress: ProgressCallback | None = None) -> MembershipReport:
        """Carry out the plan's actions, and nothing else, as far as they are still necessary; report on every account.

        Applying a plan again repeats nothing, and a new plan continues where a cancelled or crashed one stopped. What
        has become necessary since the plan was made is reported as not planned, also the removal, or a second
        invitation, of a member that was removed and added again since; nothing is done in a region for which the plan
        shows no actions because of a problem. Each account is processed further as soon as its invitation is verified,
        and a failure of one account or region does not stop the others.

        Only the deadline ends waiting for verifications, for what was done to be visible, and for the service to be
        available again. What AWS says of an account is believed after a while, as it may change no more: that it was
        refused, or is not a member any more, after 15 s; that its data volume is not known, 4 minutes after the
        acceptance. If applying is cancelled, `report` has what was done until then.

        API operations: GetCallerIdentity of STS, ListGraphs, ListMembers, and those of the actions. No graph is created
        and no invitation accepted with credentials of another or an unknown account: STS is asked whose they are, if
        they do not say it themselves, as those of a role do.

        Args:
            timeout: the time limit in seconds, including the verification of e-mail addresses.
            progress: a plain callable, called for each account in each region whose processing has ended; exceptions
                that it raises are logged.

        Returns:
            The result for every account in every region. Failures are in it and not raised; see the report's `ok`.

        Raises:
            ParameterError: a parameter is invalid; nothing was sent.
            ClientClosed: the client was closed; `outcome_unknown` says whether any action may have had its effect. A
                new plan continues, with another client.
        """
        check_timeout(timeout)
        if progress is not None and not is_plain_callable(progress):
            raise ParameterError("progress", f"expected a plain callable, got {progress!r}")
        application = self._application(timeout, progress)
        try:
            await application.run()
        finally:
            report = MembershipReport(
                rows=tuple(account.report() for region in application.regions for account in region.accounts),
                regions=tuple(region.graph.report() for region in application.regions),
                notes=self.notes,
                administrator_id=self.administrator_id,
            )
            self._reports[:] = [report]
            states = (account for region in application.regions for account in region.accounts)
            self._last.update(((one.region, one.account_id), one.known.member) for one in states)
        return report

    def _application(self, timeout: float, progress: ProgressCallback | None) -> Application:
        execution = Execution.start(
            self._client, self._desired.concurrency, self.regions, timeout, hosts_are_known=True
        )
        delegation = Delegation(execution.wait)
        planned: dict[str, dict[str | None, dict[ActionKind, Action]]] = {region: {} for region in self.regions}
        for action in self.actions:
            account_id = None if action.kind is ActionKind.ENABLE_ADMINISTRATOR else action.account_id
            planned[action.region].setdefault(account_id, {})[action.kind] = action
        problems = {(problem.region, problem.account_id): problem for problem in self.problems}
        done_before = {} if self.report is None else {one.region: one.done for one in self.report.regions}
        counter: list[ProgressCounter] = []

        def on_end(account: AccountState) -> None:
            counter[0].add(failed=account.outcome is not None)

        regions: list[RegionRun] = []
        for region, actions in planned.items():
            graph = Graph(
                execution,
                self._desired,
                region,
                administrator_id=self.administrator_id,
                planned=actions.pop(None, {}),
                done_before=done_before.get(region, ()),
            )
            states = self._states(execution, region, actions, problems, on_end)
            problem = problems.get((region, None))
            regions.append(
                RegionRun(execution, self._desired, graph, self.graph_arns[region], states, delegation, problem)
            )
        total = sum(len(region.accounts) for region in regions)
        counter.append(ProgressCounter(progress, total, execution.clock.monotonic))
        return Application(execution, regions, self.administrator_id)

    def _states(
        self,
        execution: Execution,
        region: str,
        actions: Mapping[str | None, Mapping[ActionKind, Action]],
        problems: Mapping[tuple[str, str | None], Problem],
        on_end: Callable[[AccountState], object],
    ) -> list[AccountState]:
        wanted = {one.account_id: one for one in self._desired.accounts[region].accounts}
        wanted.pop(self.administrator_id or "", None)
        # Members that are to be removed, or would be.
        others = [one for one in actions if one is not None and one not in wanted]
        others += [
            one for at, one in problems if at == region and one is not None and one not in wanted and one not in actions
        ]
        return [
            AccountState(
                region,
                account_id,
                self._desired.member(wanted[account_id]) if account_id in wanted else None,
                frozenset(actions.get(account_id, ())),
                execution,
                on_end,
                Known(execution.clock, self._last.get((region, account_id), self._members[region].get(account_id))),
                self._members[region].get(account_id),
                problems.get((region, account_id)),
            )
            for account_id in (*wanted, *others)
        ]


async def plan_membership(
    client: DetectiveClient,
    accounts: Accounts | Mapping[str, Accounts],
    *,
    regions: Iterable[str] | str = (),
    members: ByInvitation | ByOrganization = ByInvitation(),
    datasource_packages: Iterable[DatasourcePackage | str] = (),
    tags: Mapping[str, str] | None = None,
    remove: Iterable[str] = (),
    remove_others: bool = False,
    max_removals: int | None = None,
    retry_failed: bool = True,
    retry_disabled: bool = False,
    message: str | None = None,
    disable_email_notification: bool | None = None,
    concurrency: int = 32,
    timeout: float = _TIMEOUT,
) -> MembershipPlan:
    """Compare the desired members with the actual ones, and plan the difference; changes nothing.

    By invitation, an account is invited, its e-mail address is verified, and it accepts; in an organization it is
    enabled at once. A missing graph is created, in an organization by making the account its Detective administrator;
    but not while it is not known whose credentials the client has, because STS does not say.

    API operations: GetCallerIdentity of STS, ListGraphs, ListMembers; if needed ListTagsForResource,
    ListDatasourcePackages, ListOrganizationAdminAccounts (as the management account) and
    DescribeOrganizationConfiguration.

    Args:
        client: a client of the administrator account; used for all regions, also to apply the plan.
        accounts: the desired members of every region, or a mapping of region -> its desired members. Accounts of
            `detective_async.organization.list_accounts` may be among them: those that are not active become notes. So
            does the administrator's own account, which needs no membership.
        regions: the regions, such as `eu-west-1`; omit them if `accounts` is a mapping. `all` stands for all regions of
            the client's partition that have Detective, as botocore lists them; those that the account has not opted in
            to become notes.
        members: how accounts become members, and as whom: `ByInvitation` or `ByOrganization`.
        datasource_packages: data source packages to start; others remain as they are.
        tags: tags to set on the graphs; others remain as they are.
        remove: the ids of accounts to remove where they are members, whether these are invited, enabled or anything
            else; other members are left alone. `accounts` may be empty then: no graph is made, and a region where none
            of them is a member needs nothing. Accounts of the organization can be removed, too, and be enabled again by
            another plan.
        remove_others: whether to remove members that are not among the desired accounts; not together with `remove`.
            By neither of the two is any member removed if any of the accounts is from a list of which lines could not
            be read (see `read_accounts`).
        max_removals: the most memberships that may be removed, in all regions together. If there are more, or it is
            None, they become problems, and none is removed.
        retry_failed: whether accounts whose verification failed are removed and invited again with the same address,
            which may have become right in the meantime. By default they are: as long as the address is wrong, by each
            plan that is applied, with an e-mail each time. False leaves them as they are.
        retry_disabled: whether to ask AWS to enable members that it has not enabled because of their volume. It enables
            them without being asked, within an hour once they fit.
        message: text for the invitation e-mail, 1 to 1,000 characters.
        disable_email_notification: True sends no e-mail; AWS's default is to send one.
        concurrency: the maximum number of concurrent calls, shared fairly by the regions.
        timeout: the time limit in seconds, until which reads that fail transiently are tried again.

    Returns:
        The plan. A region whose state cannot be read is among its `problems`.

    Raises:
        ParameterError: a parameter is invalid; nothing was sent.
        ConfigurationError: `regions` is `all`, and botocore knows none.
        ClientClosed: the client was closed.
    """
    removed = list_if_iterable(remove)
    names, every_region = await named_regions(client, regions)
    desired = DesiredState(
        accounts=accounts_by_region(accounts, names, may_be_empty=bool(removed)),
        members=members,
        datasource_packages=datasource_packages,
        tags=tags,
        remove=removed,
        remove_others=remove_others,
        max_removals=max_removals,
        retry_failed=retry_failed,
        retry_disabled=retry_disabled,
        message=message,
        disable_email_notification=disable_email_notification,
        concurrency=concurrency,
    )
    return await _make(client, desired, timeout, every_region=every_region)


async def plan_packages(
    client: DetectiveClient,
    datasource_packages: Iterable[DatasourcePackage | str],
    *,
    regions: Iterable[str] | str,
    concurrency: int = 32,
    timeout: float = _TIMEOUT,
) -> MembershipPlan:
    """Plan to start data source packages of the graphs in some regions, for all their members; changes nothing.

    Packages that are started stay so; applying the plan waits until the others are. AWS does not say that a package is
    being started: a plan that is made then has it again, and one for other packages may stop it. So plan all packages
    together, and wait for their start. A region without a graph is among the problems; with `regions="all"`, where one
    of them has a graph, it is among the notes.

    API operations: GetCallerIdentity of STS, ListGraphs, ListDatasourcePackages.

    Args:
        client: a client of the administrator account.
        datasource_packages: the packages.
        regions: as for `plan_membership`.
        concurrency: the maximum number of concurrent calls, shared fairly by the regions.
        timeout: the time limit in seconds, until which reads that fail transiently are tried again.

    Raises:
        ParameterError: a parameter is invalid; nothing was sent.
        ConfigurationError: `regions` is `all`, and botocore knows none.
        ClientClosed: the client was closed.
    """
    given, every_region = await named_regions(client, regions)
    names = check_regions(given)
    desired = DesiredState(
        accounts=dict.fromkeys(names, RegionAccounts()),
        members=ByInvitation(),
        datasource_packages=datasource_packages,
        tags=None,
        concurrency=concurrency,
    )
    if not desired.datasource_packages:
        raise ParameterError("datasource_packages", "must not be empty")
    return await _make(client, desired, timeout, every_region=every_region)


async def _make(
    client: DetectiveClient, desired: DesiredState, timeout: float, *, every_region: bool
) -> MembershipPlan:
    check_timeout(timeout)
    execution = Execution.start(client, desired.concurrency, desired.accounts, timeout)
    plans: list[RegionPlan] = []
    with execution.ending():
        # First of all: credentials of another account than was thought are no basis for anything.
        caller = await identify(execution)
        async with unwrapped_task_group() as group:
            for region in desired.accounts:
                plan = RegionPlan(execution, desired, region, caller)
                plans.append(plan)
                group.create_task(plan.make())
    administrator_id = caller or next((one for plan in plans if (one := plan.caller or plan.owner)), None)
    # The account of an organization plan without an administrator may be the management account.
    is_administrator = any(plan.error is None for plan in plans)
    notes = notes_on_accounts(desired, administrator_id if is_administrator else None)
    if every_region:
        closed = notes_on_closed({plan.region: plan.error for plan in plans})
        if any(plan.graph.arn for plan in plans):
            # Nobody has said that there is one in each of them.
            closed |= notes_on_no_graphs(plans)
        notes += closed.values()
        plans = [plan for plan in plans if plan.region not in closed]
    require_one_administrator(plans)
    notes += notes_on_no_members(desired, plans, administrator_id)
    confirm_removals(plans, desired)
    # Removals that are not confirmed make no room.
    notes += notes_on_many_members(plans)
    notes += notes_on_second_attempts(plans, sends_email=not desired.disable_email_notification)
    return MembershipPlan(
        actions=tuple(action for plan in plans for action in plan.actions),
        problems=tuple(problem for plan in plans for problem in plan.problems),
        notes=(*notes, *(note for plan in plans for note in plan.notes)),
        administrator_id=administrator_id,
        client=client,
        desired=evolve(desired, accounts={plan.graph.region: desired.accounts[plan.graph.region] for plan in plans}),
        graph_arns=MappingProxyType({plan.graph.region: plan.graph.arn for plan in plans}),
        members={plan.graph.region: plan.members for plan in plans},
    )

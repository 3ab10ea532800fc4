"""Compares the desired memberships with the actual ones, and plans the difference."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from attrs import define, evolve, field, frozen

from detective_async.api.models.base import TablesInNotebooks
from detective_async.api.models.datasources import DatasourcePackage
from detective_async.api.models.members import MemberDetail, MemberStatus
from detective_async.client.client import DetectiveClient
from detective_async.client.concurrency import unwrapped_task_group
from detective_async.client.polling import check_timeout
from detective_async.client.regions import detective_regions
from detective_async.errors import ClientClosed, DetectiveError, ParameterError
from detective_async.events import ProgressCallback, ProgressCounter, is_plain_callable
from detective_async.membership.actions import (
    Action,
    ActionKind,
    MembershipReport,
    Note,
    Problem,
    Reason,
    count,
)
from detective_async.membership.apply import Application, RegionRun
from detective_async.membership.decisions import ADDING, Blocked, Do, GraphFacts, describe_status, foresee
from detective_async.membership.desired import (
    MAX_MEMBERS,
    Accounts,
    ByInvitation,
    ByOrganization,
    DesiredState,
    RegionAccounts,
    accounts_by_region,
    check_regions,
)
from detective_async.membership.execution import (
    Execution,
    StoppedError,
    error_text,
    identify,
    library_error,
    notes_on_closed,
    reason_of,
)
from detective_async.membership.graphs import (
    GRAPH_STEPS,
    Delegation,
    Graph,
    SetAutoEnable,
    administrator_of,
    check_account,
    find_organization_graph,
    first_step,
    list_members,
)
from detective_async.membership.plan_text import format_plan, plan_data
from detective_async.membership.states import AccountState
from detective_async.settings.endpoints import partition_of

#: The states in AWS Organizations of accounts that were closed, or are being closed.
_SUSPENDED = frozenset({"SUSPENDED", "PENDING_CLOSURE", "CLOSED"})
_ORDER = {kind: position for position, kind in enumerate(ActionKind)}
#: Seconds for which reads that fail transiently are tried again.
_TIMEOUT = 60.0
#: The actions that need an e-mail address, and the statuses of members whose address may not be theirs.
_WITH_ADDRESS = frozenset({*ADDING, ActionKind.REINVITE})
_NOT_VERIFIED = frozenset({MemberStatus.VERIFICATION_IN_PROGRESS, MemberStatus.VERIFICATION_FAILED})


@frozen(kw_only=True)
class MembershipPlan(TablesInNotebooks):
    """The actions that would bring the memberships to the desired state; `print(plan)` shows them.

    True if there are actions, or problems that concern a whole region: one that could not be read is not known to need
    nothing.

    Attributes:
        actions: the actions, region by region, in the order in which they are carried out.
        problems: what no action can solve.
        notes: what is worth knowing, such as that the administrator's own account is in the list.
        regions: the regions.
        administrator_id: the account as which the plan acts; None if it is not known.
    """

    actions: tuple[Action, ...]
    problems: tuple[Problem, ...]
    notes: tuple[Note, ...] = ()
    administrator_id: str | None = None
    _client: DetectiveClient = field(alias="client", repr=False, eq=False)
    _desired: DesiredState = field(alias="desired", repr=False, eq=False)
    # Region -> its graph when the plan was made.
    _graphs: Mapping[str, str | None] = field(alias="graphs", repr=False, eq=False)
    # That of the last application, which is all that changes of a plan.
    _reports: list[MembershipReport] = field(init=False, factory=list, repr=False, eq=False)

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions."""
        return tuple(self._graphs)

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
        has become necessary since the plan was made is reported as not planned; nothing is done in a region for which
        the plan shows no actions because of a problem. Each account is processed further as soon as its invitation is
        verified, and a failure of one account or region does not stop the others.

        Only the deadline ends waiting for verifications, for what was done to be visible, and for the service to be
        available again. What AWS says of an account is believed after a while, as it may change no more: that it was
        refused, or is not a member any more, after 15 s; that its data volume is not known, 4 minutes after the
        acceptance. If applying is cancelled, `report` has what was done until then.

        API operations: GetCallerIdentity of STS, ListGraphs, ListMembers, and those of the actions. No invitation is
        accepted with credentials of another account; STS is asked whose they are, unless they say it themselves.

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
            report = application.report()
            self._reports[:] = [report]
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
            )
            states = self._states(execution, region, actions, problems, on_end)
            problem = problems.get((region, None))
            regions.append(
                RegionRun(execution, self._desired, graph, self._graphs[region], states, delegation, problem)
            )
        total = sum(len(region.accounts) for region in regions)
        counter.append(ProgressCounter(progress, total, execution.clock.monotonic))
        return Application(execution, regions, timeout, self.notes, self.administrator_id)

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
                blocked=problems.get((region, account_id)),
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
    enabled at once. A missing graph is created, in an organization by making the account its Detective administrator.

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
        remove_others: whether to remove members that are not among the desired accounts. None is removed if any of
            the accounts is from a list of which lines could not be read (see `read_accounts`).
        max_removals: the most memberships that may be removed, in all regions together. If there are more, or it is
            None, they become problems, and none is removed.
        retry_failed: whether accounts whose verification failed are invited again with the same address, which may have
            become right in the meantime. As long as it is wrong, each plan does so, with an e-mail each time.
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
    every_region = isinstance(regions, str) and regions == "all" and not isinstance(accounts, Mapping)
    names = await detective_regions(partition_of(client.region)) if every_region else regions
    desired = DesiredState(
        accounts=accounts_by_region(accounts, names),
        members=members,
        datasource_packages=datasource_packages,
        tags=tags,
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

    Packages that are started stay so; applying the plan waits until the others are. A region without a graph is among
    the problems.

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
    every_region = isinstance(regions, str) and regions == "all"
    names = check_regions(await detective_regions(partition_of(client.region)) if every_region else regions)
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
    plans: list[_RegionPlan] = []
    with execution.ending():
        # First of all: credentials of another account than was thought are no basis for anything.
        caller = await identify(execution)
        async with unwrapped_task_group() as group:
            for region in desired.accounts:
                plan = _RegionPlan(execution, desired, region, caller)
                plans.append(plan)
                group.create_task(plan.make())
    administrator_id = caller or next((plan.owner for plan in plans if plan.owner), None)
    # The account of an organization plan without an administrator may be the management account.
    is_administrator = any(plan.error is None for plan in plans)
    notes = _notes_on_accounts(desired, administrator_id if is_administrator else None)
    if every_region:
        closed = notes_on_closed({plan.region: plan.error for plan in plans})
        notes += closed.values()
        plans = [plan for plan in plans if plan.region not in closed]
    _require_one_administrator(plans)
    _confirm_removals(plans, desired)
    notes += _notes_on_second_attempts(plans, sends_email=not desired.disable_email_notification)
    return MembershipPlan(
        actions=tuple(action for plan in plans for action in plan.actions),
        problems=tuple(problem for plan in plans for problem in plan.problems),
        notes=(*notes, *(note for plan in plans for note in plan.notes)),
        administrator_id=administrator_id,
        client=client,
        desired=evolve(desired, accounts={plan.graph.region: desired.accounts[plan.graph.region] for plan in plans}),
        graphs={plan.graph.region: plan.graph.arn for plan in plans},
    )


def _notes_on_accounts(desired: DesiredState, administrator_id: str | None) -> list[Note]:
    inactive = {
        account_id: status for accounts in desired.accounts.values() for account_id, status in accounts.inactive.items()
    }
    changed = {str(line): line for accounts in desired.accounts.values() for line in accounts.changed_lines}
    notes = [Note(Reason.LINE_CHANGED, text) for text in changed]
    notes += [
        Note(
            Reason.SUSPENDED if status in _SUSPENDED else Reason.NOT_ACTIVE,
            f"account {account_id} is {status or 'not active'}, and left as it is",
            account_id=account_id,
        )
        for account_id, status in inactive.items()
    ]
    listed = {one.account_id for accounts in desired.accounts.values() for one in accounts.accounts}
    if administrator_id in listed:
        text = f"account {administrator_id} is the administrator itself, whose data is in its own graph already"
        notes.append(Note(Reason.OWN_ACCOUNT, text, account_id=administrator_id))
    return notes


def _notes_on_second_attempts(plans: Iterable["_RegionPlan"], *, sends_email: bool) -> Iterable[Note]:
    actions = [action for plan in plans for action in plan.actions if action.kind is ActionKind.REINVITE]
    same = sum(action.reason is Reason.VERIFICATION_FAILED for action in actions)
    if same:
        text = (
            f"{count(same, 'membership')} whose e-mail address AWS could not verify: removed and invited again with "
            "the same one, in this and each later run until it is right"
            f"{', with an e-mail each time' if sends_email else ''}"
        )
        yield Note(Reason.VERIFICATION_FAILED, text)


def _require_one_administrator(plans: Sequence["_RegionPlan"]) -> None:
    """Replace the plans to enable an administrator by problems if another account is the administrator elsewhere."""
    other = next((plan for plan in plans if plan.error and reason_of(plan.error) is Reason.WRONG_ADMINISTRATOR), None)
    if other is None:
        return
    for plan in plans:
        if any(action.kind is ActionKind.ENABLE_ADMINISTRATOR for action in plan.actions):
            text = (
                f"the organization's Detective administrator in {other.region} is another account, and AWS requires "
                "the same one in all regions"
            )
            plan.fail(StoppedError(Reason.WRONG_ADMINISTRATOR, text))


def _confirm_removals(plans: Sequence["_RegionPlan"], desired: DesiredState) -> None:
    """Replace the removals by problems if they are more than was confirmed, or if the list is not known as a whole."""
    removals = [action for plan in plans for action in plan.actions if action.kind is ActionKind.REMOVE]
    bad_lines = max((desired.accounts[plan.graph.region].bad_lines for plan in plans), default=0)
    if not removals:
        return
    if bad_lines:
        reason = Reason.LIST_NOT_READ
        number = bad_lines
        text = f"it is not removed, because {count(bad_lines, 'line')} of the list could not be read: correct the list"
    elif desired.max_removals is None or len(removals) > desired.max_removals:
        reason = Reason.REMOVAL_NOT_CONFIRMED
        number = len(removals)
        confirmed = "" if desired.max_removals is None else f", and not {desired.max_removals}"
        text = (
            f"it is not in the list, and would be removed: pass max_removals={len(removals)} to remove "
            f"{count(len(removals), 'membership')}{confirmed}"
        )
    else:
        return
    for plan in plans:
        for action in plan.actions:
            if action.kind is ActionKind.REMOVE:
                plan.problems.append(Problem(action.region, action.account_id, text, reason=reason, number=number))
        plan.actions[:] = [action for action in plan.actions if action.kind is not ActionKind.REMOVE]


@define(eq=False)
class _RegionPlan:
    """The part of a plan that concerns one region.

    Attributes:
        caller: the account of the client's credentials; None if it is not known.
        graph: the region's graph.
        error: why the region could not be read; None if it could.
    """

    execution: Execution
    desired: DesiredState
    region: str
    caller: str | None
    graph: Graph = field(init=False)
    actions: list[Action] = field(init=False, factory=list)
    problems: list[Problem] = field(init=False, factory=list)
    notes: list[Note] = field(init=False, factory=list)
    error: Exception | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        administrator_id = self.caller or self.desired.members.administrator_id
        self.graph = Graph(self.execution, self.desired, self.region, administrator_id=administrator_id)

    @property
    def owner(self) -> str | None:
        """The account that owns the region's graph; None if there is none."""
        return administrator_of(self.graph.arn) or None if self.graph.arn else None

    async def make(self) -> None:
        """Read the region's state, and plan the actions."""
        try:
            await self._make()
        except ClientClosed:
            raise
        except (DetectiveError, StoppedError) as error:
            self.fail(error)
        finally:
            self.execution.slots.leave(self.region)
        self.actions.sort(key=lambda action: _ORDER[action.kind])

    def fail(self, error: Exception) -> None:
        """Plan nothing, because of an error: an incomplete plan would look like a complete one."""
        self.error = error
        self.actions.clear()
        self.notes.clear()
        text, reason = error_text(error), reason_of(error)
        self.problems[:] = [Problem(self.region, None, text, library_error(error), reason)]

    async def _make(self) -> None:
        wanted = self.desired.members.administrator_id
        check_account(self.caller, wanted)
        members = await self.execution.until_read(self._read)
        facts = GraphFacts(self.desired.organization is not None, self.owner or self.caller or wanted)
        self._plan_members(members, facts)

    async def _read(self) -> Mapping[str, MemberDetail]:
        """Read the graph and its members, and plan the actions on the graph."""
        self.actions.clear()
        graph, wanted = self.graph, self.desired.members.administrator_id
        first = first_step(graph)
        if first is None:
            await find_organization_graph(graph)
            is_missing = False
        else:
            is_missing = bool(await first.missing())
        if first is not None and is_missing:
            if not self._makes_graphs:
                raise StoppedError(Reason.NO_GRAPH, "the client's account has no graph here")
            unknown = self.execution.caller_error
            if unknown is not None and graph.arn is None:
                # The graph would be of any account, and cost it money.
                raise StoppedError(Reason.WRONG_ACCOUNT, error_text(unknown)) from unknown
            self._add_first(first.kind, first.reason, wanted)
        for kind in GRAPH_STEPS:
            step = kind(graph)
            # The setting can be read of an organization's graph only.
            is_new = graph.arn is None or (is_missing and kind is SetAutoEnable)
            missing = step.missing_of_new() if is_new else await step.missing()
            if missing:
                items = tuple(missing)
                self.actions.append(
                    Action(step.kind, self.region, reason=step.reason, detail=", ".join(items), items=items)
                )
        if graph.arn is None or not self._makes_graphs:
            return {}
        return await list_members(self.execution, graph.client, graph.arn)

    @property
    def _makes_graphs(self) -> bool:
        # Without accounts, only what there is is changed.
        accounts = self.desired.accounts[self.region]
        return bool(accounts.accounts or accounts.inactive)

    def _add_first(self, kind: ActionKind, reason: Reason, administrator_id: str | None) -> None:
        tags = self.desired.tags if kind is ActionKind.CREATE_GRAPH else {}
        account_id = administrator_id if kind is ActionKind.ENABLE_ADMINISTRATOR else None
        detail = f"tags {', '.join(tags)}" if tags else ""
        self.actions.append(Action(kind, self.region, account_id, reason, detail))

    def _plan_members(self, members: Mapping[str, MemberDetail], facts: GraphFacts) -> None:
        given = self.desired.accounts[self.region]
        accounts = {account.account_id: account for account in given.accounts}
        kept = {*accounts, *given.inactive}
        others = [one for one in members if one not in kept] if self.desired.remove_others else []
        for account_id in (*accounts, *others):
            account, member = accounts.get(account_id), members.get(account_id)
            actions, blocked = foresee(None if account is None else self.desired.member(account), member, facts)
            prevented = _prevented(given, account_id, member, actions)
            if prevented is not None:
                actions, blocked = [], prevented
            detail = "" if member is None else describe_status(member)
            self.actions += [Action(one.kind, self.region, account_id, one.reason, detail) for one in actions]
            if blocked is not None:
                self.problems.append(Problem(self.region, account_id, blocked.text, reason=blocked.reason))
        added = sum(action.kind in ADDING for action in self.actions)
        total = len(members) - len(others) + added
        if added and total > MAX_MEMBERS:
            text = (
                f"the graph in {self.region} would have {total:,} members, but AWS's default quota is {MAX_MEMBERS:,}: "
                "unless it was raised, AWS refuses some"
            )
            self.notes.append(Note(Reason.MANY_MEMBERS, text, self.region))


def _prevented(
    given: RegionAccounts, account_id: str, member: MemberDetail | None, actions: Iterable[Do]
) -> Blocked | None:
    """Return why the actions for an account must not be carried out, if so."""
    kinds = {one.kind for one in actions}
    if account_id in given.invalid and kinds & _WITH_ADDRESS:
        text = f"its e-mail address in AWS Organizations is none that Detective accepts: {given.invalid[account_id]}"
        return Blocked(Reason.INVALID_ADDRESS, text)
    if member is None or ActionKind.REMOVE not in kinds or member.status in _NOT_VERIFIED:
        return None
    # Each account of AWS has an address of its own: most likely an id is mistyped.
    same = given.id_by_address.get((member.email_address or "").casefold())
    if same is None:
        return None
    return Blocked(
        Reason.SAME_ADDRESS,
        f"it is not removed, because account {same} of the list has its e-mail address: correct the account id in the "
        "list",
    )

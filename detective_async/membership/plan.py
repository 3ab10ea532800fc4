"""Compares the desired memberships with the actual ones, and plans the difference."""

from collections.abc import Iterable, Mapping

from attrs import define, field, frozen

from detective_async.api.models.datasources import DatasourcePackage
from detective_async.api.models.members import Account, MemberDetail
from detective_async.auth import CredentialsSource
from detective_async.client.client import DetectiveClient
from detective_async.client.concurrency import unwrapped_task_group
from detective_async.client.polling import check_timeout
from detective_async.errors import ClientClosed, DetectiveError, ParameterError
from detective_async.events import ProgressCallback, is_plain_callable
from detective_async.membership import graphs
from detective_async.membership.actions import Action, ActionKind, Problem
from detective_async.membership.applier import PlanApplier
from detective_async.membership.decisions import GraphFacts, describe_status, predict
from detective_async.membership.desired import MAX_MEMBERS, DesiredState, MemberCredentials, accounts_by_region
from detective_async.membership.execution import BlockedError, Execution, error_text, library_error, read_with_retries
from detective_async.membership.plan_text import format_plan
from detective_async.membership.report import MembershipReport

_ORDER = {kind: position for position, kind in enumerate(ActionKind)}
#: The actions that add a member.
_ADDING = frozenset({ActionKind.INVITE, ActionKind.ENABLE_MEMBER})
#: The package that is started with every graph.
_CORE_PACKAGE = DatasourcePackage.DETECTIVE_CORE


@frozen(kw_only=True)
class MembershipPlan:
    """The actions that would bring the memberships to the desired state; `print(plan)` shows them.

    True if there are actions. The plan contains no state of AWS's: `apply` reads it again.

    Attributes:
        actions: the actions, region by region, in the order in which they are carried out.
        problems: what no action can solve.
    """

    actions: tuple[Action, ...]
    problems: tuple[Problem, ...]
    _client: DetectiveClient = field(alias="client", repr=False, eq=False)
    _desired: DesiredState = field(alias="desired", repr=False, eq=False)

    def __bool__(self) -> bool:
        return bool(self.actions)

    def __str__(self) -> str:
        """Return the plan as text, by region: the first ten accounts of each kind of action, and all removals."""
        return format_plan(tuple(self._desired.accounts), self.actions, self.problems)

    async def apply(self, *, timeout: float = 900.0, progress: ProgressCallback | None = None) -> MembershipReport:
        """Bring the memberships to the desired state as far as possible, and report on every account.

        The actions follow from the current state, not from the state at planning time: applying a plan again does
        nothing unnecessary, and a new plan continues where a cancelled or crashed one stopped. Only the removals are
        those of the plan. Each account is processed further as soon as its invitation is verified. A failure of one
        account or region does not stop the others. After a transient error, or a request that may have been carried
        out, the state is read and decided on again, up to five times without progress.

        API operations: GetMembers, and those of the actions.

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
        removals: dict[str, list[str]] = {}
        for action in self.actions:
            if action.kind is ActionKind.REMOVE and action.account_id is not None:
                removals.setdefault(action.region, []).append(action.account_id)
        execution = Execution(self._client, self._desired.concurrency)
        return await PlanApplier(execution, self._desired, removals, timeout, progress).run()


async def plan_membership(
    client: DetectiveClient,
    accounts: Iterable[Account] | Mapping[str, Iterable[Account]],
    *,
    regions: Iterable[str] = (),
    member_credentials: MemberCredentials | None = None,
    organization: bool = False,
    management_credentials: CredentialsSource | None = None,
    administrator_id: str | None = None,
    datasource_packages: Iterable[DatasourcePackage | str] = (),
    tags: Mapping[str, str] | None = None,
    remove_others: bool = False,
    message: str | None = None,
    disable_email_notification: bool | None = None,
    concurrency: int = 32,
) -> MembershipPlan:
    """Compare the desired members with the actual ones, and plan the difference; changes nothing.

    By invitation, an account is invited, its e-mail address is verified, and it accepts; in an organization it is
    enabled at once. A missing graph is created, in an organization by making the account its Detective administrator.

    API operations: ListGraphs, ListMembers; if needed ListTagsForResource, ListDatasourcePackages,
    ListOrganizationAdminAccounts (as the management account) and DescribeOrganizationConfiguration.

    Args:
        client: a client of the administrator account; used for all regions, also to apply the plan.
        accounts: the desired members of every region, or a mapping of region -> its desired members. At most 1,200.
        regions: the regions, such as `eu-west-1`; omit them if `accounts` is a mapping.
        member_credentials: the credentials with which the member accounts accept their invitations: a callable that
            takes an account id, or a mapping. None leaves invitations open: INVITED is then the desired state.
        organization: whether the graphs are the organization's: accounts are enabled rather than invited.
        management_credentials: credentials of the organization's management account, to make `administrator_id` the
            Detective administrator if it is not.
        administrator_id: the client's account; goes with `management_credentials`.
        datasource_packages: data source packages to start; others remain as they are.
        tags: tags to set on the graphs; others remain as they are.
        remove_others: whether to remove members that are not among the desired accounts.
        message: text for the invitation e-mail, 1 to 1,000 characters.
        disable_email_notification: True sends no e-mail; AWS's default is to send one.
        concurrency: the maximum number of concurrent calls.

    Returns:
        The plan. A region whose state cannot be read is among its `problems`.

    Raises:
        ParameterError: a parameter is invalid; nothing was sent.
        ClientClosed: the client was closed.
    """
    desired = DesiredState(
        accounts=accounts_by_region(accounts, regions),
        member_credentials=member_credentials,
        organization=organization,
        management_credentials=management_credentials,
        administrator_id=administrator_id,
        datasource_packages=datasource_packages,
        tags=tags,
        remove_others=remove_others,
        message=message,
        disable_email_notification=disable_email_notification,
        concurrency=concurrency,
    )
    execution = Execution(client, concurrency)
    plans = [_RegionPlan(execution, desired, region) for region in desired.accounts]
    with execution.ending():
        async with unwrapped_task_group() as group:
            for plan in plans:
                group.create_task(plan.make())
    return MembershipPlan(
        actions=tuple(action for plan in plans for action in plan.actions),
        problems=tuple(problem for plan in plans for problem in plan.problems),
        client=client,
        desired=desired,
    )


@define(eq=False)
class _RegionPlan:
    """The part of a plan that concerns one region."""

    execution: Execution
    desired: DesiredState
    region: str
    actions: list[Action] = field(init=False, factory=list)
    problems: list[Problem] = field(init=False, factory=list)

    async def make(self) -> None:
        """Read the region's state, and plan the actions."""
        try:
            await self._make()
        except ClientClosed:
            raise
        except (DetectiveError, BlockedError) as error:
            # An incomplete plan would look like a complete one.
            self.actions.clear()
            self.problems[:] = [Problem(self.region, None, error_text(error), library_error(error))]
        self.actions.sort(key=lambda action: _ORDER[action.kind])

    async def _make(self) -> None:
        execution, desired, region = self.execution, self.desired, self.region
        graph = await read_with_retries(execution, lambda: graphs.read_graph_state(execution, desired, region))
        kind = graphs.decide_on_graph(graph, desired)
        administrator_id = desired.administrator_id
        members: dict[str, MemberDetail] = {}
        if kind is not None:
            detail = f"tags {', '.join(desired.tags)}" if desired.tags and kind is ActionKind.CREATE_GRAPH else ""
            self._add(kind, administrator_id, detail)
        if graph.graph_arn is None:
            # The graph will be new: CreateGraph sets its tags.
            tags = {} if kind is ActionKind.CREATE_GRAPH else desired.tags
            packages = [one for one in desired.datasource_packages if one != _CORE_PACKAGE]
        else:
            where = execution, execution.client_in(region), graph.graph_arn
            administrator_id = graphs.administrator_of(graph.graph_arn)
            members = await read_with_retries(execution, lambda: graphs.list_members(*where))
            tags = await read_with_retries(execution, lambda: graphs.missing_tags(*where, desired))
            packages = await read_with_retries(execution, lambda: graphs.missing_packages(*where, desired))
        if tags:
            self._add(ActionKind.TAG_GRAPH, detail=", ".join(tags))
        if packages:
            self._add(ActionKind.START_PACKAGES, detail=", ".join(packages))
        self._plan_members(members, GraphFacts(desired.organization, administrator_id))

    def _plan_members(self, members: Mapping[str, MemberDetail], facts: GraphFacts) -> None:
        accounts = {account.account_id: account for account in self.desired.accounts[self.region]}
        others = [one for one in members if one not in accounts] if self.desired.remove_others else []
        for account_id in (*accounts, *others):
            account, member = accounts.get(account_id), members.get(account_id)
            kinds, blocked = predict(None if account is None else self.desired.member(account), member, facts)
            for kind in kinds:
                self._add(kind, account_id, "" if member is None else describe_status(member))
            if blocked is not None:
                self.problems.append(Problem(self.region, account_id, blocked.reason))
        added = sum(action.kind in _ADDING for action in self.actions)
        total = len(members) - len(others) + added
        if total > MAX_MEMBERS:
            text = f"the graph would have {total:,} members, but AWS allows {MAX_MEMBERS:,}: it will refuse some"
            self.problems.append(Problem(self.region, None, text))

    def _add(self, kind: ActionKind, account_id: str | None = None, detail: str = "") -> None:
        self.actions.append(Action(kind, self.region, account_id, detail))

"""Comparing what is wanted with what is, and showing what would be done about it."""

from collections.abc import Iterable, Mapping

from attrs import define, field, frozen

from detective_async.api.models.datasources import DatasourcePackage
from detective_async.api.models.members import Account, MemberDetail
from detective_async.auth import CredentialsSource
from detective_async.client.client import DetectiveClient
from detective_async.client.concurrency import unwrapped_task_group
from detective_async.client.polling import check_timeout
from detective_async.errors import DetectiveError
from detective_async.events import ProgressCallback
from detective_async.membership import graphs
from detective_async.membership.actions import Action, ActionKind, Problem
from detective_async.membership.apply import Application
from detective_async.membership.decide import Terms, describe, foresee
from detective_async.membership.job import Hindrance, Job, cause_of, explain, patiently
from detective_async.membership.report import MembershipReport
from detective_async.membership.text import show_plan
from detective_async.membership.wanted import MAX_MEMBERS, Goals, MemberCredentials, check_callback, check_goals

_ORDER = {kind: place for place, kind in enumerate(ActionKind)}
#: Those that lead to one member more.
_JOINING = frozenset({ActionKind.INVITE, ActionKind.ENABLE_MEMBER})
#: Started with a graph, so that nobody has to do it for a new one.
_STARTED_WITH_A_GRAPH = DatasourcePackage.DETECTIVE_CORE


@frozen(kw_only=True)
class MembershipPlan:
    """What would bring the members of graphs to the state that is wanted; `print(plan)` shows it.

    True where there is something to do. It holds no state of AWS's: `apply` looks again.

    Attributes:
        actions: what is to be done, region by region, in the order in which it is done.
        problems: what nothing can be done about from here.
    """

    actions: tuple[Action, ...]
    problems: tuple[Problem, ...]
    _client: DetectiveClient = field(alias="client", repr=False, eq=False)
    _goals: Goals = field(alias="goals", repr=False, eq=False)

    def __bool__(self) -> bool:
        return bool(self.actions)

    def __str__(self) -> str:
        """Show it, region by region: the first ten accounts of each kind of action, and all that are to be removed."""
        return show_plan(tuple(self._goals.accounts), self.actions, self.problems)

    async def apply(self, *, timeout: float = 900.0, progress: ProgressCallback | None = None) -> MembershipReport:
        """Bring everything to the state that is wanted, as far as that goes, and report on every account.

        What is done follows from how things are now, not from how they were when the plan was made: applying it again
        does nothing that is not needed, and a new plan goes on where a cancelled or crashed one stopped. Only who is
        removed was settled by the plan. An account is taken further as soon as its invitation is verified. What fails
        for one account or region stops no other; what fails in a passing way, or may have been carried out, is decided
        anew after another look, up to five times without progress.

        API operations: GetMembers and those that the actions stand for.

        Args:
            timeout: how many seconds everything may take, verification of the e-mail addresses included.
            progress: a plain callable that is told of each account in each region that has come to its end; one that
                raises is logged.

        Returns:
            What became of every account in every region. Nothing is raised for those that failed; see its `ok`.

        Raises:
            ParameterError: a parameter is invalid; nothing was sent.
        """
        check_timeout(timeout)
        check_callback(progress, "progress")
        removals: dict[str, list[str]] = {}
        for action in self.actions:
            if action.kind is ActionKind.REMOVE and action.account_id is not None:
                removals.setdefault(action.region, []).append(action.account_id)
        job = Job(self._client, self._goals.concurrency)
        return await Application(job, self._goals, removals, timeout, progress).run()


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
    """Compare the members that are wanted with those that are, and plan what to do; changes nothing.

    By invitation, an account is invited, its e-mail address is verified, and it accepts; in an organization it is
    enabled at once. A graph that is missing is created, in an organization by making the account its Detective
    administrator.

    API operations: ListGraphs, ListMembers; where they matter ListTagsForResource, ListDatasourcePackages,
    ListOrganizationAdminAccounts (as the management account) and DescribeOrganizationConfiguration.

    Args:
        client: of the administrator account; used for all regions, and when the plan is applied.
        accounts: which accounts are to be members, in every region; or region -> which ones there. At most 1,200.
        regions: the regions, such as `eu-west-1`; none where `accounts` is a mapping.
        member_credentials: credentials of the member accounts, to accept their invitations: a callable that takes an
            account id, or a mapping. None leaves invitations open, and INVITED is what is wanted.
        organization: whether the graphs are the organization's: accounts are enabled, and not invited.
        management_credentials: of the organization's management account, to make `administrator_id` the Detective
            administrator where it is not.
        administrator_id: the client's account; goes with `management_credentials`.
        datasource_packages: data source packages that are to be started; others are left alone.
        tags: tags that the graphs are to have; others are left alone.
        remove_others: whether members that are not wanted are to be removed.
        message: text for the invitation e-mail, 1 to 1,000 characters.
        disable_email_notification: True sends no e-mail; AWS's default is to send one.
        concurrency: how many calls may be under way at once.

    Returns:
        The plan. A region that cannot be looked at is among its `problems`.

    Raises:
        ParameterError: a parameter is invalid; nothing was sent.
    """
    goals = check_goals(
        accounts,
        regions=regions,
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
    job = Job(client, concurrency)
    plans = [_RegionPlan(job, goals, region) for region in goals.accounts]
    async with unwrapped_task_group() as group:
        for plan in plans:
            group.create_task(plan.make())
    return MembershipPlan(
        actions=tuple(action for plan in plans for action in plan.actions),
        problems=tuple(problem for plan in plans for problem in plan.problems),
        client=client,
        goals=goals,
    )


@define(eq=False)
class _RegionPlan:
    """The part of a plan for one region."""

    job: Job
    goals: Goals
    region: str
    actions: list[Action] = field(init=False, factory=list)
    problems: list[Problem] = field(init=False, factory=list)

    async def make(self) -> None:
        """Look, and note what is to be done."""
        try:
            await self._make()
        except (DetectiveError, Hindrance) as error:
            # Half of a plan would look as if it were all.
            self.actions.clear()
            self.problems[:] = [Problem(self.region, None, explain(error), cause_of(error))]
        self.actions.sort(key=lambda action: _ORDER[action.kind])

    async def _make(self) -> None:
        job, goals, region = self.job, self.goals, self.region
        ground = await patiently(job, lambda: graphs.survey(job, goals, region))
        kind = graphs.decide_on_graph(ground, goals)
        administrator_id = goals.administrator_id
        members: dict[str, MemberDetail] = {}
        if kind is not None:
            detail = f"tags {_keys(goals.tags)}" if goals.tags and kind is ActionKind.CREATE_GRAPH else ""
            self._add(kind, administrator_id, detail)
        if ground.graph_arn is None:
            # What a new graph lacks is known.
            tags = {} if kind is ActionKind.CREATE_GRAPH else goals.tags
            packages = [one for one in goals.datasource_packages if one != _STARTED_WITH_A_GRAPH]
        else:
            place = job, job.at(region), ground.graph_arn
            administrator_id = graphs.administrator_of(ground.graph_arn)
            members = await patiently(job, lambda: graphs.list_members(*place))
            tags = await patiently(job, lambda: graphs.lacking_tags(*place, goals))
            packages = await patiently(job, lambda: graphs.lacking_packages(*place, goals))
        if tags:
            self._add(ActionKind.TAG_GRAPH, detail=_keys(tags))
        if packages:
            self._add(ActionKind.START_PACKAGES, detail=", ".join(packages))
        self._about_members(members, Terms(goals.organization, administrator_id))

    def _about_members(self, members: Mapping[str, MemberDetail], terms: Terms) -> None:
        accounts = self.goals.accounts[self.region]
        wanted = {account.account_id: self.goals.wanted(account) for account in accounts}
        others = [account_id for account_id in members if account_id not in wanted] if self.goals.remove_others else []
        for account_id in (*wanted, *others):
            member = members.get(account_id)
            kinds, hopeless = foresee(wanted.get(account_id), member, terms)
            for kind in kinds:
                self._add(kind, account_id, "" if member is None else describe(member))
            if hopeless is not None:
                self.problems.append(Problem(self.region, account_id, hopeless.reason))
        joining = sum(action.kind in _JOINING for action in self.actions)
        total = len(members) - len(others) + joining
        if total > MAX_MEMBERS:
            text = f"there would be {total:,} members, and AWS allows {MAX_MEMBERS:,}: some will be refused"
            self.problems.append(Problem(self.region, None, text))

    def _add(self, kind: ActionKind, account_id: str | None = None, detail: str = "") -> None:
        self.actions.append(Action(kind, self.region, account_id, detail))


def _keys(tags: Mapping[str, str]) -> str:
    return ", ".join(tags)

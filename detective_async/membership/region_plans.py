"""Reads the regions of a plan, and plans the difference; then what concerns all regions together."""

from collections.abc import Iterable, Mapping, Sequence

from attrs import define, field

from detective_async.api.models.members import MemberDetail, MemberStatus
from detective_async.errors import ClientClosed, DetectiveError
from detective_async.membership.actions import Action, ActionKind, Note, Problem, Reason, count
from detective_async.membership.decisions import (
    ADDING,
    Blocked,
    Do,
    GraphFacts,
    describe_status,
    foresee,
)
from detective_async.membership.desired import MAX_MEMBERS, DesiredState, RegionAccounts
from detective_async.membership.execution import Execution
from detective_async.membership.failures import StoppedError, error_text, library_error, reason_of
from detective_async.membership.graphs import (
    Graph,
    administrator_of,
    check_account,
    list_members,
)
from detective_async.membership.steps import (
    GRAPH_STEPS,
    SetAutoEnable,
    find_organization_graph,
    first_step,
)

#: The states in AWS Organizations of accounts that were closed, or are being closed.
_SUSPENDED = frozenset({"SUSPENDED", "PENDING_CLOSURE", "CLOSED"})
_ORDER = {kind: position for position, kind in enumerate(ActionKind)}
#: The actions that need an e-mail address, and the statuses of members whose address may not be theirs.
_WITH_ADDRESS = frozenset({*ADDING, ActionKind.REINVITE})
_NOT_VERIFIED = frozenset({MemberStatus.VERIFICATION_IN_PROGRESS, MemberStatus.VERIFICATION_FAILED})


@define(eq=False)
class RegionPlan:
    """The part of a plan that concerns one region.

    Attributes:
        caller: the account of the client's credentials; None if it is not known.
        graph: the region's graph.
        members: those of the accounts that are members, as they were.
        size: the number of all members.
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
    members: dict[str, MemberDetail] = field(init=False, factory=dict)
    size: int = field(init=False, default=0)
    error: Exception | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        administrator_id = self.caller or self.desired.members.administrator_id
        self.graph = Graph(self.execution, self.desired, self.region, administrator_id=administrator_id)

    @property
    def owner(self) -> str | None:
        """The account that owns the region's graph; None if there is none."""
        return administrator_of(self.graph.arn) or None if self.graph.arn else None

    @property
    def _makes_graph(self) -> bool:
        return self.desired.makes_graph(self.region, self.graph.administrator_id)

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
        removal = Reason.TO_BE_REMOVED if self.desired.remove else Reason.NOT_IN_LIST
        facts = GraphFacts(self.desired.organization is not None, self.owner or self.caller or wanted, removal)
        self._plan_members(members, facts)

    async def _read(self) -> Mapping[str, MemberDetail]:
        """Read the graph and its members, and plan the actions on the graph."""
        self.actions.clear()
        graph, desired = self.graph, self.desired
        is_missing = self._makes_graph and await self._plan_first()
        # Who the administrator is may be known only now.
        if not self._makes_graph and await graph.find() is None:
            if desired.needs_graph(self.region, graph.administrator_id):
                raise StoppedError(Reason.NO_GRAPH, "the client's account has no graph here")
            return {}
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
        if graph.arn is None or not (self._makes_graph or desired.remove):
            return {}
        return await list_members(self.execution, graph.client, graph.arn)

    async def _plan_first(self) -> bool:
        """Plan what makes the graph, and return whether that is missing."""
        graph, first = self.graph, first_step(self.graph)
        if first is None:
            await find_organization_graph(graph)
            return False
        if not await first.missing():
            return False
        if graph.arn is None:
            await self._require_caller()
        if self._makes_graph:
            makes_it = first.kind is ActionKind.CREATE_GRAPH
            detail = f"tags {', '.join(self.desired.tags)}" if makes_it and self.desired.tags else ""
            account_id = None if makes_it else self.desired.members.administrator_id
            self.actions.append(Action(first.kind, self.region, account_id, first.reason, detail))
        return True

    async def _require_caller(self) -> None:
        """Require that the client's account is known: a graph would be of any account, and cost it money."""
        execution = self.execution
        unknown = execution.caller_error
        if unknown is None or self.caller is not None:
            return
        if not isinstance(unknown, StoppedError) and not execution.is_transient(unknown):
            raise StoppedError(Reason.WRONG_ACCOUNT, error_text(unknown)) from unknown
        # The region's deadline is later than that of the first question.
        caller = await execution.caller()
        check_account(caller, self.desired.members.administrator_id)
        self.caller = self.graph.administrator_id = caller

    def _plan_members(self, members: Mapping[str, MemberDetail], facts: GraphFacts) -> None:
        given = self.desired.accounts[self.region]
        accounts = {account.account_id: account for account in given.accounts}
        others = [one for one in self.desired.remove if one in members]
        if self.desired.remove_others:
            others = [one for one in members if one not in accounts and one not in given.inactive]
        self.size = len(members)
        self.members.update((one, members[one]) for one in (*accounts, *others) if one in members)
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


def _prevented(
    given: RegionAccounts, account_id: str, member: MemberDetail | None, actions: Sequence[Do]
) -> Blocked | None:
    """Return why the actions for an account must not be carried out, if so."""
    kinds = {one.kind for one in actions}
    if account_id in given.invalid and kinds & _WITH_ADDRESS:
        text = f"its e-mail address in AWS Organizations is none that Detective accepts: {given.invalid[account_id]}"
        return Blocked(Reason.INVALID_ADDRESS, text)
    reasons = {one.reason for one in actions if one.kind is ActionKind.REMOVE}
    # One that is named is no mistake of the list.
    if member is None or Reason.NOT_IN_LIST not in reasons or member.status in _NOT_VERIFIED:
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


def notes_on_accounts(desired: DesiredState, administrator_id: str | None) -> list[Note]:
    """Return what is worth knowing of the accounts of the list."""
    inactive = {
        account_id: status for accounts in desired.accounts.values() for account_id, status in accounts.inactive.items()
    }
    changed = {str(line): line for accounts in desired.accounts.values() for line in accounts.changed_lines}
    removed = set(desired.remove)
    notes = [Note(Reason.LINE_CHANGED, text) for text in changed]
    notes += [
        Note(
            Reason.SUSPENDED if status in _SUSPENDED else Reason.NOT_ACTIVE,
            f"account {account_id} is {status or 'not active'}, and left as it is",
            account_id=account_id,
        )
        for account_id, status in inactive.items()
        if account_id not in removed
    ]
    listed = {one.account_id for accounts in desired.accounts.values() for one in accounts.accounts}
    if administrator_id in listed:
        text = f"account {administrator_id} is the administrator itself, whose data is in its own graph already"
        notes.append(Note(Reason.OWN_ACCOUNT, text, account_id=administrator_id))
    return notes


def notes_on_no_members(
    desired: DesiredState, plans: Sequence[RegionPlan], administrator_id: str | None
) -> Iterable[Note]:
    """Return notes if accounts that are to be removed are members nowhere: removed before, or mistyped."""
    if administrator_id in desired.remove:
        text = f"account {administrator_id} is the administrator itself, and no member: a teardown deletes its graphs"
        yield Note(Reason.OWN_ACCOUNT, text, account_id=administrator_id)
    if not plans or any(plan.error for plan in plans):
        return
    found = {administrator_id, *(one.account_id for plan in plans for one in plan.actions)}
    found |= {one.account_id for plan in plans for one in plan.problems}
    names = ", ".join(one for one in desired.remove if one not in found)
    if names:
        where = ", ".join(plan.region for plan in plans)
        yield Note(Reason.NOT_A_MEMBER, f"{names}: no member in {where}: nothing to remove")


def notes_on_second_attempts(plans: Iterable[RegionPlan], *, sends_email: bool) -> Iterable[Note]:
    """Return a note if accounts are invited again with an address that AWS could not verify."""
    actions = [action for plan in plans for action in plan.actions if action.kind is ActionKind.REINVITE]
    same = sum(action.reason is Reason.VERIFICATION_FAILED for action in actions)
    if same:
        text = (
            f"{count(same, 'membership')} whose e-mail address AWS could not verify: removed and invited again with "
            "the same one, in this and each later run until it is right"
            f"{', with an e-mail each time' if sends_email else ''}"
        )
        yield Note(Reason.VERIFICATION_FAILED, text)


def require_one_administrator(plans: Sequence[RegionPlan]) -> None:
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


def notes_on_no_graphs(plans: Iterable[RegionPlan]) -> dict[str, Note]:
    """Return a note for each region that has no graph, and needs one for what is to be done there."""
    return {
        plan.region: Note(Reason.NO_GRAPH, f"the account has no graph in {plan.region}", plan.region)
        for plan in plans
        if isinstance(plan.error, StoppedError) and plan.error.reason is Reason.NO_GRAPH
    }


def notes_on_many_members(plans: Iterable[RegionPlan]) -> list[Note]:
    """Return a note for each graph that would have more members than AWS's default quota."""
    notes: list[Note] = []
    for plan in plans:
        added = sum(action.kind in ADDING for action in plan.actions)
        total = plan.size + added - sum(action.kind is ActionKind.REMOVE for action in plan.actions)
        if added and total > MAX_MEMBERS:
            text = (
                f"the graph in {plan.region} would have {total:,} members, but AWS's default quota is {MAX_MEMBERS:,}: "
                "unless it was raised, AWS refuses some"
            )
            notes.append(Note(Reason.MANY_MEMBERS, text, plan.region))
    return notes


def confirm_removals(plans: Sequence[RegionPlan], desired: DesiredState) -> None:
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
        what = f"{count(number, 'membership')}{confirmed}"
        text = (
            f"it would be removed: pass max_removals={number} to remove {what}"
            if desired.remove
            else f"it is not in the list, and would be removed: pass max_removals={number} to remove {what}"
        )
    else:
        return
    for plan in plans:
        for action in plan.actions:
            if action.kind is ActionKind.REMOVE:
                plan.problems.append(Problem(action.region, action.account_id, text, reason=reason, number=number))
        plan.actions[:] = [action for action in plan.actions if action.kind is not ActionKind.REMOVE]

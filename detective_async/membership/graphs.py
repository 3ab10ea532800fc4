"""The graph of a region: what is read of it, what was done for it, and what is wrong with it."""

from collections.abc import Collection, Iterable, Mapping
from contextlib import aclosing
from itertools import islice

from attrs import Factory, define, field

from detective_async.api.models.exceptions import ResourceNotFoundException
from detective_async.api.models.members import MemberDetail
from detective_async.client.client import DetectiveClient
from detective_async.errors import ClientClosed, DetectiveError
from detective_async.membership.actions import Action, ActionKind, Reason, RegionReport
from detective_async.membership.desired import DesiredState
from detective_async.membership.execution import Execution, identify
from detective_async.membership.failures import StoppedError, error_text, library_error, reason_of
from detective_async.membership.looks import Contradiction

#: The API's maximum.
_PAGE_SIZE = 200


def administrator_of(graph_arn: str) -> str:
    """Return the account that owns a graph; empty if the ARN, which may be from a response, is malformed."""
    return next(islice(graph_arn.split(":"), 4, None), "")


async def find_graph(execution: Execution, client: DetectiveClient) -> str | None:
    """Return the ARN of the graph that the client's account has in the client's region."""
    async with execution.reading(client.region):
        graph = await client.iter_graphs().first()
    return None if graph is None else graph.arn


async def list_members(execution: Execution, client: DetectiveClient, graph_arn: str) -> dict[str, MemberDetail]:
    """Return the members of a graph by account id."""
    members: dict[str, MemberDetail] = {}
    async with aclosing(client.iter_members(graph_arn, page_size=_PAGE_SIZE).pages()) as pages:
        is_last = False
        while not is_last:
            async with execution.reading(client.region):
                page = await anext(pages)
            members.update((member.account_id, member) for member in page.member_details)
            is_last = not page.next_token
    return members


@define(eq=False)
class Graph:
    """The graph of a region, while it is planned or the plan is applied.

    Attributes:
        client: the administrator's client for the region.
        arn: the graph; None until there is one.
        administrator_id: the account that the plan says it is of; None if the plan does not know.
        planned: the actions on it that the plan shows, by kind.
        done: the actions that were carried out.
        maybe_done: the actions of which nobody knows whether they were, until the graph shows it.
        auto_enable: what the setting of that name was set to; None if it was not.
        failures: what has kept its steps from ending so far, by step, and that of their reads apart, so that it does
            not replace the error of a change; by None of finding it.
        is_listed: whether ListGraphs or ListMembers has shown it, so that it is gone if neither does any more.
        done_before: the actions that an earlier application of the plan has carried out.
        made: whether this run has asked to make it, so that AWS starts all its packages.
        unseen: that no read of it finds it.
        lost: says that it was deleted while the plan was applied; None if that is not known.
    """

    execution: Execution
    desired: DesiredState
    region: str
    client: DetectiveClient = field(init=False)
    arn: str | None = None
    administrator_id: str | None = None
    planned: Mapping[ActionKind, Action] = Factory(dict)
    done: list[ActionKind] = Factory(list)
    maybe_done: list[ActionKind] = Factory(list)
    auto_enable: bool | None = None
    failures: dict[str | None, Exception] = Factory(dict)
    done_before: Collection[ActionKind] = ()
    made: bool = False
    is_listed: bool = False
    unseen: Contradiction = field(init=False)
    lost: StoppedError | None = field(init=False, default=None)
    _problem: tuple[str, Reason, Exception | None] | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self.client = self.execution.client_in(self.region)
        self.unseen = Contradiction(self.execution.clock)

    @property
    def found_arn(self) -> str:
        """The graph, after it was found or made."""
        assert self.arn is not None  # noqa: S101 - the steps that need it come after those that find it
        return self.arn

    @property
    def is_new(self) -> bool:
        """Whether the plan makes it, so that it may not be seen everywhere yet."""
        return ActionKind.CREATE_GRAPH in self.planned or ActionKind.ENABLE_ADMINISTRATOR in self.planned

    async def find(self) -> str | None:
        """Find the graph of the client's account.

        Raises:
            StoppedError: it is the graph of another account than the plan's.
        """
        try:
            found = await find_graph(self.execution, self.client)
        except DetectiveError as error:
            self.failures[None] = error
            raise
        self.failures.pop(None, None)
        if found is not None:
            check_account(administrator_of(found), self.administrator_id)
        self.arn, self.is_listed = found, found is not None
        return found

    async def require(self) -> None:
        """Look whether it was deleted, after a read has not found it: it may not be seen everywhere.

        Raises:
            StoppedError: it was deleted.
        """
        is_settled = self.unseen.lasts()
        if self.lost is None and is_settled and (self.is_listed or not self.is_new):
            try:
                if await find_graph(self.execution, self.client) != self.arn:
                    # A graph that this run has made may not be listed yet, but is one whose members can be read.
                    await self.read()
                    self.unseen.clear()
            except ClientClosed:
                raise
            except ResourceNotFoundException:
                self.lost = await self.not_there()
            except DetectiveError:
                # It is not known: the next look asks again.
                pass
        if self.lost is not None:
            raise self.lost

    async def read(self) -> None:
        """Read one of its members.

        Raises:
            ResourceNotFoundException: there is no such graph, or it is being deleted.
        """
        async with self.execution.reading(self.region):
            await self.client.list_members(self.found_arn, max_results=1)

    async def not_there(self) -> StoppedError:
        """Return the error for a graph that ListGraphs does not show any more."""
        text = "the graph that the plan is for is gone, and the plan does not make one: plan again"
        if self.is_new:
            text = "the graph that was there for this plan is gone, and the plan does not make another one: plan again"
        caller = await identify(self.execution)
        if caller is None:
            text = (
                "the graph that the plan is for is gone, or the client has credentials of another account: plan again"
            )
        try:
            check_account(caller, self.administrator_id)
        except StoppedError as error:
            return error
        return StoppedError(Reason.NOT_PLANNED, text)

    @property
    def problem(self) -> tuple[str, Reason, Exception | None] | None:
        """Why it is not as desired, and that as a reason and an error; None if it is."""
        if self._problem is None or not self.maybe_done:
            return self._problem
        return f"{not_known(self.maybe_done)}; {self._problem[0]}", *self._problem[1:]

    def fail(self, error: Exception) -> None:
        """Add a problem."""
        self.add_problem(error_text(error), reason_of(error), library_error(error))

    def add_problem(self, text: str, reason: Reason, cause: Exception | None) -> None:
        """Add a problem that has a text already."""
        if self._problem is not None:
            text, reason, cause = f"{self._problem[0]}; {text}", self._problem[1], self._problem[2] or cause
        self._problem = text, reason, cause

    def report(self) -> RegionReport:
        """Return the result."""
        text, reason, error = self.problem or (None, None, None)
        return RegionReport(
            region=self.region,
            graph_arn=self.arn,
            done=tuple(self.done),
            maybe_done=tuple(self.maybe_done),
            auto_enable=self.auto_enable,
            problem=text,
            error=error,
            reason=reason,
        )


def check_account(found: str | None, wanted: str | None) -> None:
    """Check that the client's account is the administrator who is wanted; None is an account that is not known.

    Raises:
        StoppedError: it is not.
    """
    if None not in (found, wanted) and found != wanted:
        text = f"the client has the credentials of account {found}, and not those of the administrator {wanted}"
        raise StoppedError(Reason.WRONG_ACCOUNT, text)


def not_known(kinds: Iterable[ActionKind]) -> str:
    """Return the text for actions of which nobody knows whether they were carried out."""
    return f"it is not known whether {' and '.join(repr(str(kind)) for kind in kinds)} was carried out: plan again"


def not_planned(kind: ActionKind, names: Iterable[str] = ()) -> StoppedError:
    """Return the error for an action that has become necessary since the plan was made."""
    what = ", ".join(filter(None, map(str, names)))
    return StoppedError(
        Reason.NOT_PLANNED,
        f"it now needs {str(kind)!r}{f' ({what})' if what else ''}, which the plan does not show: plan again",
    )

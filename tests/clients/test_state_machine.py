"""Random calls from several accounts through our client, over sockets, beside a model of what must come of them."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from itertools import product
from typing import Any, TypeVar

import pytest
from attrs import define, field
from fakes import FakeTime
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from support.hypothesis_profiles import UNEXPLAINED, examples

from detective_async import (
    AccessDeniedException,
    Account,
    ConflictException,
    DetectiveClient,
    ListMembersResponse,
    MemberDetail,
    MemberStatus,
    Paginator,
    ResourceNotFoundException,
    ServiceError,
)
from detective_async.testing import DetectiveSimulator

pytestmark = pytest.mark.slow

REGIONS = ["eu-west-1", "us-east-1"]
ADMINS = ["100000000001", "300000000003"]
MEMBERS = ["000000000005", "200000000002", "200000000003", "400000000004"]
EVERYBODY = [*ADMINS, *MEMBERS]
DELAY = 60.0
MOST_WALKS = 3

Method = TypeVar("Method", bound=Callable[..., None])

_VERIFYING, _INVITED, _FAILED, _ENABLED, _DISABLED = (
    MemberStatus.VERIFICATION_IN_PROGRESS,
    MemberStatus.INVITED,
    MemberStatus.VERIFICATION_FAILED,
    MemberStatus.ENABLED,
    MemberStatus.ACCEPTED_BUT_DISABLED,
)
#: The arrows between statuses; None is where members come from and go to.
ARROWS = {
    (None, _VERIFYING),
    (_VERIFYING, _INVITED),
    (_VERIFYING, _FAILED),
    (_INVITED, _ENABLED),
    (_INVITED, _DISABLED),
    (_DISABLED, _ENABLED),
    *((status, None) for status in (_VERIFYING, _INVITED, _FAILED, _ENABLED, _DISABLED)),
}
OPEN = {_INVITED, _ENABLED, _DISABLED}

#: Now and then a caller asks in another region than the graph's, or for a graph that was deleted.
RARELY = st.sampled_from([False] * 7 + [True])
PLACES = st.tuples(st.sampled_from(ADMINS), st.sampled_from(REGIONS))
#: A member in the status that an operation needs is asked for more often than anybody.
SUITED = st.sampled_from([True] * 4 + [False])
#: Mostly the administrator itself, which comes first.
CALLERS = st.sampled_from([None] * 6 + [*ADMINS, MEMBERS[0]])
CHOSEN = st.lists(st.sampled_from(EVERYBODY), min_size=1, max_size=6)


@define
class ModelMember:
    """What must be true of a member."""

    status: MemberStatus
    due: float
    address_is_right: bool


@define
class ModelGraph:
    """What must be true of a graph."""

    arn: str
    members: dict[str, ModelMember] = field(factory=dict)


@define(eq=False)
class Walk:
    """A walk through a graph's members, a page now and a page later.

    Args:
        arn: the graph.
        caller: the client that walks.
        page_size: how many members to a page.
        paginator: knows where to go on.
        pages: the pages to come.
        stayed: the members that were there from the beginning of the walk to now.
        were_there: the members that were there at some time since its beginning.
        seen: the members on the pages so far.
    """

    arn: str
    caller: DetectiveClient
    page_size: int
    paginator: Paginator[MemberDetail, ListMembersResponse]
    pages: AsyncGenerator[ListMembersResponse, None]
    stayed: set[str]
    were_there: set[str]
    seen: list[str] = field(factory=list)


@define
class Observed:
    """What clients can see of the world: graph -> members, and (account, region) -> invitations."""

    graphs: dict[tuple[str, str], list[str]] = field(factory=dict)
    members: dict[str, list[MemberDetail]] = field(factory=dict)
    invitations: dict[tuple[str, str], list[MemberDetail]] = field(factory=dict)

    def statuses(self) -> dict[tuple[str, str], MemberStatus]:
        return {
            (arn, str(member.account_id)): MemberStatus(str(member.status))
            for arn, members in self.members.items()
            for member in members
        }


#: What can happen, each as often as its weight says, and with what arguments.
MOVES: list[str] = []
ARGUMENTS: dict[str, st.SearchStrategy[dict[str, Any]]] = {}


def move(weight: int, **arguments: st.SearchStrategy[Any]) -> Callable[[Method], Method]:
    """Make a method one of the moves.

    All moves are one rule to hypothesis, which would otherwise leave most of them out of each example, and hardly ever
    get as far as a member that is accepted.
    """

    def register(method: Method) -> Method:
        MOVES.extend([method.__name__] * weight)
        ARGUMENTS[method.__name__] = st.fixed_dictionaries(arguments)
        return method

    return register


class Membership(RuleBasedStateMachine):
    """Administrators and members of two regions, the model of what they do, and what they see after each step."""

    def __init__(self) -> None:
        super().__init__()
        now = time.time()
        self.runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self.sim = DetectiveSimulator(verification_delay=DELAY, wall_clock=lambda: now)
        self.clients: dict[tuple[str, str], DetectiveClient] = {}
        self.base: DetectiveClient | None = None
        self.now = 0.0
        self.graphs: dict[tuple[str, str], ModelGraph] = {}
        self.deleted: list[str] = []
        self.held_back: set[str] = set()
        self.open_walks: list[Walk] = []
        self.before: dict[tuple[str, str], MemberStatus] = {}
        self.runner.run(self.open())

    async def open(self) -> None:
        await self.sim.start()
        self.base = DetectiveClient(
            region=REGIONS[0],
            credentials=self.sim.account(ADMINS[0]),
            endpoint_url=self.sim.url,
            # The waits between attempts take no time.
            clock=FakeTime().clock(real_dates=True),
        )
        for account in EVERYBODY:
            for region in REGIONS:
                keys = self.sim.account(account)
                self.clients[account, region] = self.base.with_options(region=region, credentials=keys)

    def teardown(self) -> None:
        self.runner.run(self.close())
        self.runner.close()

    async def close(self) -> None:
        for walk in self.open_walks:
            await walk.pages.aclose()
        if self.base is not None:
            await self.base.aclose()
        await self.sim.stop()

    def attempt(self, call: Coroutine[Any, Any, Any], expected: type[ServiceError] | None) -> Any:
        """Make a call, which has to be refused with this error or with none."""
        try:
            answer = self.runner.run(call)
        except ServiceError as error:
            assert type(error) is expected, f"{error!r} instead of {expected}"  # noqa: PT017  it may come or not
            return None
        assert expected is None, f"{expected} did not come, but {answer!r}"
        return answer

    def target(
        self, place: tuple[str, str], caller: str, *, elsewhere: bool, gone: bool
    ) -> tuple[DetectiveClient, str, ModelGraph | None]:
        """Give a client, the ARN it is to name, and the graph that it finds under it, if it finds one."""
        _, region = place
        asked_in = REGIONS[1 - REGIONS.index(region)] if elsewhere else region
        graph = self.graphs.get(place)
        if gone or graph is None:
            arn = self.deleted[-1] if self.deleted else f"arn:aws:detective:{region}:{place[0]}:graph:{'0' * 32}"
            return self.clients[caller, asked_in], arn, None
        return self.clients[caller, asked_in], graph.arn, None if elsewhere else graph

    def owned(
        self, place: tuple[str, str], caller: str | None, *, elsewhere: bool, gone: bool
    ) -> tuple[DetectiveClient, str, ModelGraph, type[ServiceError] | None]:
        """Give what `target` does, for an operation that is the administrator's alone, and the error that must come."""
        caller = caller or place[0]
        client, arn, graph = self.target(place, caller, elsewhere=elsewhere, gone=gone)
        if graph is None:
            return client, arn, ModelGraph(arn), ResourceNotFoundException
        return client, arn, graph, None if caller == place[0] else AccessDeniedException

    def suited(self, place: tuple[str, str], status: MemberStatus, account: str, *, suited: bool) -> str:
        """Give a member in this status, if there is one and one is wanted, and else the account itself."""
        members = self.graphs[place].members if place in self.graphs else {}
        found = [name for name, member in members.items() if member.status == status]
        return found[int(account[0]) % len(found)] if suited and found else account

    def join(self, graph: ModelGraph, account: str, member: ModelMember) -> None:
        graph.members[account] = member
        for walk in self.open_walks:
            if walk.arn == graph.arn:
                walk.were_there.add(account)

    def part(self, graph: ModelGraph, account: str) -> None:
        del graph.members[account]
        for walk in self.open_walks:
            if walk.arn == graph.arn:
                walk.stayed.discard(account)

    @initialize(
        without=PLACES,
        held_back=st.sampled_from(MEMBERS),
        invited=st.lists(st.sampled_from(EVERYBODY), min_size=3, max_size=6),
        wrong=st.sampled_from([MEMBERS[0], ADMINS[1]]),
    )
    def begin(self, without: tuple[str, str], held_back: str, invited: list[str], wrong: str) -> None:
        """There are all graphs but one, with members already invited; one account has accepted, and is held back."""
        self.set_volume(held_back, held_back=True)
        for place in product(ADMINS, REGIONS):
            if place == without:
                continue
            self.create_graph(place)
            self.create_members(
                place=place,
                caller=None,
                elsewhere=False,
                gone=False,
                chosen=[wrong, held_back, *invited],
                wrong={wrong},
            )
        self.what_is_seen_fits_together()
        self.advance(DELAY)
        self.what_is_seen_fits_together()
        for place in sorted(self.graphs):
            self.answer(
                operation="accept_invitation",
                place=place,
                account=held_back,
                suited=False,
                elsewhere=False,
                gone=False,
            )

    @move(1, place=PLACES)
    def create_graph(self, place: tuple[str, str]) -> None:
        """The same graph each time, until it is deleted."""
        arn = self.attempt(self.clients[place].create_graph(), None).graph_arn
        if place in self.graphs:
            assert arn == self.graphs[place].arn
        else:
            assert arn not in self.deleted
            self.graphs[place] = ModelGraph(arn)

    @move(1, place=PLACES, caller=CALLERS, elsewhere=RARELY, sure=st.booleans())
    def delete_graph(self, place: tuple[str, str], caller: str | None, elsewhere: bool, sure: bool) -> None:
        """Gone for everybody; not as often as its administrator could, so that there is something to see."""
        if caller is None and not sure:
            return
        client, arn, graph, expected = self.owned(place, caller, elsewhere=elsewhere, gone=False)
        self.attempt(client.delete_graph(arn), expected)
        if expected is None:
            for account in list(graph.members):
                self.part(graph, account)
            del self.graphs[place]
            self.deleted.append(arn)

    @move(
        4,
        place=PLACES,
        caller=CALLERS,
        elsewhere=RARELY,
        gone=RARELY,
        chosen=CHOSEN,
        wrong=st.sets(st.sampled_from(MEMBERS), max_size=1),
    )
    def create_members(
        self,
        *,
        place: tuple[str, str],
        caller: str | None,
        elsewhere: bool,
        gone: bool,
        chosen: list[str],
        wrong: set[str],
    ) -> None:
        """Each account comes back once: as a member, or as unprocessed where it is one already or cannot be one."""
        client, arn, graph, expected = self.owned(place, caller, elsewhere=elsewhere, gone=gone)
        accounts = [
            Account(name, "wrong@example.com" if name in wrong else f"account-{name}@example.com") for name in chosen
        ]
        answer = self.attempt(client.create_members(arn, accounts), expected)
        if expected is not None:
            return
        new = [name for name in dict.fromkeys(chosen) if name not in graph.members and name != place[0]]
        unprocessed = list(chosen)
        for name in new:
            unprocessed.remove(name)
            self.join(graph, name, ModelMember(_VERIFYING, self.now + DELAY, name not in wrong))
        assert [(one.account_id, one.status) for one in answer.members] == [(name, _VERIFYING) for name in new]
        assert sorted(one.account_id for one in answer.unprocessed_accounts) == sorted(unprocessed)

    @move(4, place=PLACES, caller=CALLERS, elsewhere=RARELY, gone=RARELY, chosen=CHOSEN)
    def delete_members(
        self, place: tuple[str, str], caller: str | None, elsewhere: bool, gone: bool, chosen: list[str]
    ) -> None:
        """Each account is removed or unprocessed."""
        client, arn, graph, expected = self.owned(place, caller, elsewhere=elsewhere, gone=gone)
        answer = self.attempt(client.delete_members(arn, chosen), expected)
        if expected is not None:
            return
        removed = [name for name in dict.fromkeys(chosen) if name in graph.members]
        for name in removed:
            self.part(graph, name)
        assert answer.account_ids == removed
        assert len(answer.unprocessed_accounts) == len(chosen) - len(removed)

    @move(
        6,
        operation=st.sampled_from(["accept_invitation"] * 3 + ["reject_invitation", "disassociate_membership"]),
        place=PLACES,
        account=st.sampled_from(EVERYBODY),
        suited=SUITED,
        elsewhere=RARELY,
        gone=RARELY,
    )
    def answer(
        self, *, operation: str, place: tuple[str, str], account: str, suited: bool, elsewhere: bool, gone: bool
    ) -> None:
        """Accept and Reject need INVITED, Disassociate ENABLED."""
        needed = _ENABLED if operation == "disassociate_membership" else _INVITED
        account = self.suited(place, needed, account, suited=suited)
        client, arn, graph = self.target(place, account, elsewhere=elsewhere, gone=gone)
        member = graph.members.get(account) if graph else None
        expected: type[ServiceError] | None = None
        if member is None:
            expected = ResourceNotFoundException
        elif member.status != needed:
            expected = ConflictException
        self.attempt(getattr(client, operation)(arn), expected)
        if graph is None or member is None or expected is not None:
            return
        if operation == "accept_invitation":
            member.status = _DISABLED if account in self.held_back else _ENABLED
        else:
            self.part(graph, account)

    @move(
        3,
        place=PLACES,
        caller=CALLERS,
        account=st.sampled_from(MEMBERS),
        suited=SUITED,
        relieved=st.booleans(),
        elsewhere=RARELY,
    )
    def start_monitoring_member(
        self,
        *,
        place: tuple[str, str],
        caller: str | None,
        account: str,
        suited: bool,
        relieved: bool,
        elsewhere: bool,
    ) -> None:
        """Enabled, unless its volume still stands against it; no other status will do."""
        account = self.suited(place, _DISABLED, account, suited=suited)
        if relieved:
            self.set_volume(account, held_back=False)
        client, arn, graph, expected = self.owned(place, caller, elsewhere=elsewhere, gone=False)
        member = graph.members.get(account)
        if expected is None and member is None:
            expected = ResourceNotFoundException
        if expected is None and member and member.status != _DISABLED:
            expected = ConflictException
        self.attempt(client.start_monitoring_member(arn, account), expected)
        if expected is None and member and account not in self.held_back:
            member.status = _ENABLED

    @move(2, account=st.sampled_from(MEMBERS), held_back=st.booleans())
    def set_volume(self, account: str, held_back: bool) -> None:
        """It decides what comes of the next attempt to enable the account, and of nothing before."""
        self.sim.set_volume(account, "VOLUME_TOO_HIGH" if held_back else None)
        (self.held_back.add if held_back else self.held_back.discard)(account)

    @move(3, seconds=st.sampled_from([1.0, 30.0, 60.0, 61.0]))
    def advance(self, seconds: float) -> None:
        """Invitations that are due are verified, and nothing else changes."""
        self.runner.run(self.sim.advance(seconds))
        self.now += seconds
        for graph in self.graphs.values():
            for member in graph.members.values():
                if member.status == _VERIFYING and member.due <= self.now:
                    member.status = _INVITED if member.address_is_right else _FAILED

    @move(1, count=st.integers(1, 2))
    def throttle(self, count: int) -> None:
        """The next requests are refused; the client tries again, and nothing is done twice."""
        self.sim.throttle(count, retry_after_ms=0)

    @move(2, number=st.integers(0, 3), page_size=st.integers(1, 3))
    def begin_to_walk(self, number: int, page_size: int) -> None:
        """Set out to list the members; the first page is not asked for yet."""
        if not self.graphs or len(self.open_walks) == MOST_WALKS:
            return
        place = sorted(self.graphs)[number % len(self.graphs)]
        client, arn, graph = self.target(place, place[0], elsewhere=False, gone=False)
        paginator = client.iter_members(arn, page_size=page_size)
        there = set(graph.members) if graph else set[str]()
        self.open_walks.append(Walk(arn, client, page_size, paginator, paginator.pages(), there, set(there)))

    @move(1, number=st.integers(0, MOST_WALKS - 1))
    def walk_on_from_the_token(self, number: int) -> None:
        """A new paginator goes on where the other one was."""
        walk = self.open_walks[number % len(self.open_walks)] if self.open_walks else None
        token = walk.paginator.resume_token if walk else None
        if walk is None or token is None:
            return
        self.runner.run(walk.pages.aclose())
        walk.paginator = walk.caller.iter_members(walk.arn, page_size=walk.page_size, starting_token=token)
        walk.pages = walk.paginator.pages()

    @move(8, number=st.integers(0, MOST_WALKS - 1), page_size=st.integers(1, 2))
    def walk_on(self, number: int, page_size: int) -> None:
        """The next page holds nobody that was seen; the last page leaves out nobody that was there all the time."""
        if not self.open_walks:
            self.begin_to_walk(number, page_size)
        if not self.open_walks:
            return
        walk = self.open_walks[number % len(self.open_walks)]
        alive = walk.arn in {graph.arn for graph in self.graphs.values()}
        page = self.attempt(_next(walk.pages), None if alive else ResourceNotFoundException)
        if page is None:
            self.open_walks.remove(walk)
            return
        accounts = [str(member.account_id) for member in page.member_details]
        assert len(accounts) <= walk.page_size
        assert not set(accounts) & set(walk.seen), "a member came twice"
        assert set(accounts) <= walk.were_there
        walk.seen += accounts
        if page.next_token is None:
            assert walk.stayed <= set(walk.seen), "a member was skipped"
            assert self.runner.run(_ends(walk.pages))
            self.open_walks.remove(walk)

    # The first is drawn more often than its weight says, and no other would be as welcome.
    @rule(name=st.deferred(lambda: st.sampled_from(MOVES[::-1])), data=st.data())
    def make_a_move(self, name: str, data: st.DataObject) -> None:
        """Whatever it is, what can be seen afterwards must fit together."""
        getattr(self, name)(**data.draw(ARGUMENTS[name], label=name))

    @invariant()
    def what_is_seen_fits_together(self) -> None:
        """Each member is listed once, as the model has it, and sees the same; regions know nothing of each other."""
        seen = self.runner.run(self.look())
        self.check_graphs(seen)
        self.check_members(seen)
        self.check_invitations(seen)
        self.check_arrows(seen)

    async def look(self) -> Observed:
        """List everything that there is, in small pages."""
        seen = Observed()

        async def look_as(account: str, region: str) -> None:
            client = self.clients[account, region]
            seen.graphs[account, region] = [str(graph.arn) async for graph in client.iter_graphs()]
            for arn in seen.graphs[account, region]:
                seen.members[arn] = await client.iter_members(arn, page_size=2).collect()

        for account, region in self.clients:
            client = self.clients[account, region]
            if account in ADMINS:
                await look_as(account, region)
            seen.invitations[account, region] = await client.iter_invitations(page_size=1).collect()
        return seen

    def check_graphs(self, seen: Observed) -> None:
        """One graph at most for each account and region, and none that was deleted."""
        expected = {place: [self.graphs[place].arn] if place in self.graphs else [] for place in seen.graphs}
        assert seen.graphs == expected

    def check_members(self, seen: Observed) -> None:
        """Nobody is lost, doubled or out of order, and everybody's status is the model's."""
        for graph in self.graphs.values():
            listed = [(member.account_id, member.status) for member in seen.members[graph.arn]]
            assert listed == [(name, graph.members[name].status) for name in sorted(graph.members)]

    def check_invitations(self, seen: Observed) -> None:
        """A member's own list mirrors the administrators' lists, detail by detail, in its region alone."""
        for (account, region), invitations in seen.invitations.items():
            listed = [
                member
                for arn, members in sorted(seen.members.items())
                for member in members
                if arn.split(":")[3] == region and member.account_id == account and member.status in OPEN
            ]
            assert invitations == listed

    def check_arrows(self, seen: Observed) -> None:
        """Statuses move along the arrows only."""
        now = seen.statuses()
        for key in now.keys() | self.before.keys():
            arrow = (self.before.get(key), now.get(key))
            assert arrow[0] == arrow[1] or arrow in ARROWS, f"{key}: {arrow}"
        self.before = now


async def _next(pages: AsyncGenerator[ListMembersResponse, None]) -> ListMembersResponse:
    return await anext(pages)


async def _ends(pages: AsyncGenerator[ListMembersResponse, None]) -> bool:
    return await anext(pages, None) is None


TestMembership = Membership.TestCase
TestMembership.__doc__ = (
    "Whatever is called by whom and when: the model, the lists and the walks agree after each step."
)
TestMembership.settings = settings(max_examples=examples(12), stateful_step_count=40, phases=UNEXPLAINED)

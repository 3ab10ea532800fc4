"""Random calls of several accounts with our client, over sockets, compared with a model of their results."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from itertools import product
from typing import Any, TypeVar

import pytest
from attrs import define, evolve, field, frozen
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from support.fakes import FakeTime
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
ACCOUNTS = [*ADMINS, *MEMBERS]
DELAY = 60.0
MAX_ITERATIONS = 3

Method = TypeVar("Method", bound=Callable[..., None])

_VERIFYING, _INVITED, _FAILED, _ENABLED, _DISABLED = (
    MemberStatus.VERIFICATION_IN_PROGRESS,
    MemberStatus.INVITED,
    MemberStatus.VERIFICATION_FAILED,
    MemberStatus.ENABLED,
    MemberStatus.ACCEPTED_BUT_DISABLED,
)
#: The allowed changes of status; None is the absence of a member.
ALLOWED_CHANGES = {
    (None, _VERIFYING),
    (_VERIFYING, _INVITED),
    (_VERIFYING, _FAILED),
    (_INVITED, _ENABLED),
    (_INVITED, _DISABLED),
    (_DISABLED, _ENABLED),
    *((status, None) for status in (_VERIFYING, _INVITED, _FAILED, _ENABLED, _DISABLED)),
}
OPEN = {_INVITED, _ENABLED, _DISABLED}

#: Some calls are made in another region than the graph's, or for a deleted graph.
RARELY = st.sampled_from([False] * 7 + [True])
PLACES = st.tuples(st.sampled_from(ADMINS), st.sampled_from(REGIONS))
#: Most calls are for a member in the status that the operation needs.
SUITED = st.sampled_from([True] * 4 + [False])
#: Most calls are made by the administrator itself (None).
CALLERS = st.sampled_from([None] * 6 + [*ADMINS, MEMBERS[0]])
ANSWERS = st.sampled_from(["accept_invitation"] * 3 + ["reject_invitation", "disassociate_membership"])
CHOSEN = st.lists(st.sampled_from(ACCOUNTS), min_size=1, max_size=6)


@frozen
class Site:
    """The place of a graph, and how a call finds it.

    Args:
        place: the administrator and the region.
        caller: the account that calls; None is the administrator.
        elsewhere: call in another region than the graph's.
        missing: call for a deleted graph.
    """

    place: tuple[str, str]
    caller: str | None = None
    elsewhere: bool = False
    missing: bool = False


SITES = st.builds(Site, PLACES, CALLERS, RARELY, RARELY)


@define
class ModelMember:
    """The expected state of a member."""

    status: MemberStatus
    due: float
    address_is_right: bool


@define
class ModelGraph:
    """The expected state of a graph."""

    arn: str
    members: dict[str, ModelMember] = field(factory=dict)


@define(eq=False)
class Iteration:
    """An iteration over the pages of a graph's members, with other calls between the pages.

    Args:
        arn: the graph.
        caller: the client.
        page_size: the members of a page.
        paginator: has the token of the next page.
        pages: the remaining pages.
        stayed: the members that were members all the time since the beginning.
        were_there: the members that were members at any time since the beginning.
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
    """The lists that clients have read: graph -> members, and (account, region) -> invitations."""

    graphs: dict[tuple[str, str], list[str]] = field(factory=dict)
    members: dict[str, list[MemberDetail]] = field(factory=dict)
    invitations: dict[tuple[str, str], list[MemberDetail]] = field(factory=dict)

    def statuses(self) -> dict[tuple[str, str], MemberStatus]:
        return {
            (arn, str(member.account_id)): MemberStatus(str(member.status))
            for arn, members in self.members.items()
            for member in members
        }


#: The names of the moves, each as often as its weight, and the arguments of each move.
MOVES: list[str] = []
ARGUMENTS: dict[str, st.SearchStrategy[dict[str, Any]]] = {}


def move(weight: int, **arguments: st.SearchStrategy[Any]) -> Callable[[Method], Method]:
    """Register a method as a move.

    All moves are one rule of hypothesis: with one rule each, most examples would leave out most of them, and rarely
    have a member that has accepted.
    """

    def register(method: Method) -> Method:
        MOVES.extend([method.__name__] * weight)
        ARGUMENTS[method.__name__] = st.fixed_dictionaries(arguments)
        return method

    return register


class Membership(RuleBasedStateMachine):
    """Administrators and members in two regions; after each step, their lists are compared with the model."""

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
        self.too_much_data: set[str] = set()
        self.open_iterations: list[Iteration] = []
        self.before: dict[tuple[str, str], MemberStatus] = {}
        self.runner.run(self.open())

    async def open(self) -> None:
        await self.sim.start()
        self.base = DetectiveClient(
            region=REGIONS[0],
            credentials=self.sim.account(ADMINS[0]),
            endpoint_url=self.sim.url,
            # The client does not really wait between attempts.
            clock=FakeTime().clock(real_dates=True),
        )
        for account in ACCOUNTS:
            for region in REGIONS:
                keys = self.sim.account(account)
                self.clients[account, region] = self.base.with_options(region=region, credentials=keys)

    def teardown(self) -> None:
        self.runner.run(self.close())
        self.runner.close()

    async def close(self) -> None:
        for iteration in self.open_iterations:
            await iteration.pages.aclose()
        if self.base is not None:
            await self.base.aclose()
        await self.sim.stop()

    def attempt(self, call: Coroutine[Any, Any, Any], expected: type[ServiceError] | None) -> Any:
        """Make a call, which must fail with this error, or succeed if it is None."""
        try:
            response = self.runner.run(call)
        except ServiceError as error:
            assert type(error) is expected, f"{error!r} instead of {expected}"  # noqa: PT017  the error is optional
            return None
        assert expected is None, f"{expected} did not come, but {response!r}"
        return response

    def target(self, site: Site) -> tuple[DetectiveClient, str, ModelGraph | None]:
        """Return a client, the ARN for its call, and the graph that the call will find, if any."""
        administrator, region = site.place
        asked_in = REGIONS[1 - REGIONS.index(region)] if site.elsewhere else region
        client = self.clients[site.caller or administrator, asked_in]
        graph = self.graphs.get(site.place)
        if site.missing or graph is None:
            arn = self.deleted[-1] if self.deleted else f"arn:aws:detective:{region}:{administrator}:graph:{'0' * 32}"
            return client, arn, None
        return client, graph.arn, None if site.elsewhere else graph

    def owned(self, site: Site) -> tuple[DetectiveClient, str, ModelGraph, type[ServiceError] | None]:
        """Return what `target` does, for an operation of the administrator only, and the expected error."""
        client, arn, graph = self.target(site)
        if graph is None:
            return client, arn, ModelGraph(arn), ResourceNotFoundException
        return client, arn, graph, None if site.caller in (None, site.place[0]) else AccessDeniedException

    def suited(self, place: tuple[str, str], status: MemberStatus, account: str, *, suited: bool) -> str:
        """Return a member in this status, if `suited` and there is one, and otherwise the account itself."""
        members = self.graphs[place].members if place in self.graphs else {}
        found = [name for name, member in members.items() if member.status == status]
        return found[int(account[0]) % len(found)] if suited and found else account

    def join(self, graph: ModelGraph, account: str, member: ModelMember) -> None:
        graph.members[account] = member
        for iteration in self.open_iterations:
            if iteration.arn == graph.arn:
                iteration.were_there.add(account)

    def part(self, graph: ModelGraph, account: str) -> None:
        del graph.members[account]
        for iteration in self.open_iterations:
            if iteration.arn == graph.arn:
                iteration.stayed.discard(account)

    @initialize(
        without=PLACES,
        disabled=st.sampled_from(MEMBERS),
        invited=st.lists(st.sampled_from(ACCOUNTS), min_size=3, max_size=6),
        wrong=st.sampled_from([MEMBERS[0], ADMINS[1]]),
    )
    def begin(self, without: tuple[str, str], disabled: str, invited: list[str], wrong: str) -> None:
        """Create all graphs but one, and invite members; one account has accepted and is disabled."""
        self.set_volume(disabled, too_much=True)
        for place in product(ADMINS, REGIONS):
            if place == without:
                continue
            self.create_graph(place)
            self.create_members(Site(place), [wrong, disabled, *invited], {wrong})
        self.all_lists_agree()
        self.advance(DELAY)
        self.all_lists_agree()
        for place in sorted(self.graphs):
            self.answer(Site(place), "accept_invitation", disabled, suited=False)

    @move(1, place=PLACES)
    def create_graph(self, place: tuple[str, str]) -> None:
        """Returns the same graph until it is deleted."""
        arn = self.attempt(self.clients[place].create_graph(), None).graph_arn
        if place in self.graphs:
            assert arn == self.graphs[place].arn
        else:
            assert arn not in self.deleted
            self.graphs[place] = ModelGraph(arn)

    @move(1, site=SITES, sure=st.booleans())
    def delete_graph(self, site: Site, sure: bool) -> None:
        """Deletes the graph for all accounts; rarely by the administrator, so that most examples have graphs."""
        if site.caller is None and not sure:
            return
        client, arn, graph, expected = self.owned(site)
        self.attempt(client.delete_graph(arn), expected)
        if expected is None:
            for account in list(graph.members):
                self.part(graph, account)
            del self.graphs[site.place]
            self.deleted.append(arn)

    @move(4, site=SITES, chosen=CHOSEN, wrong=st.sets(st.sampled_from(MEMBERS), max_size=1))
    def create_members(self, site: Site, chosen: list[str], wrong: set[str]) -> None:
        """Returns each account once: as a member, or as unprocessed if it is one already or cannot be one."""
        client, arn, graph, expected = self.owned(site)
        accounts = [
            Account(name, "wrong@example.com" if name in wrong else f"account-{name}@example.com") for name in chosen
        ]
        response = self.attempt(client.create_members(arn, accounts), expected)
        if expected is not None:
            return
        new = [name for name in dict.fromkeys(chosen) if name not in graph.members and name != site.place[0]]
        unprocessed = list(chosen)
        for name in new:
            unprocessed.remove(name)
            self.join(graph, name, ModelMember(_VERIFYING, self.now + DELAY, name not in wrong))
        assert [(one.account_id, one.status) for one in response.members] == [(name, _VERIFYING) for name in new]
        assert sorted(one.account_id for one in response.unprocessed_accounts) == sorted(unprocessed)

    @move(4, site=SITES, chosen=CHOSEN)
    def delete_members(self, site: Site, chosen: list[str]) -> None:
        """Removes each account, or returns it as unprocessed."""
        client, arn, graph, expected = self.owned(site)
        response = self.attempt(client.delete_members(arn, chosen), expected)
        if expected is not None:
            return
        removed = [name for name in dict.fromkeys(chosen) if name in graph.members]
        for name in removed:
            self.part(graph, name)
        assert response.account_ids == removed
        assert len(response.unprocessed_accounts) == len(chosen) - len(removed)

    @move(6, site=SITES, operation=ANSWERS, account=st.sampled_from(ACCOUNTS), suited=SUITED)
    def answer(self, site: Site, operation: str, account: str, *, suited: bool) -> None:
        """Accept and reject need INVITED, disassociate needs ENABLED."""
        needed = _ENABLED if operation == "disassociate_membership" else _INVITED
        account = self.suited(site.place, needed, account, suited=suited)
        client, arn, graph = self.target(evolve(site, caller=account))
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
            member.status = _DISABLED if account in self.too_much_data else _ENABLED
        else:
            self.part(graph, account)

    @move(3, site=SITES, account=st.sampled_from(MEMBERS), suited=SUITED, solved=st.booleans())
    def start_monitoring_member(self, site: Site, account: str, *, suited: bool, solved: bool) -> None:
        """Enables a disabled member, unless its account still has a volume problem; needs ACCEPTED_BUT_DISABLED."""
        account = self.suited(site.place, _DISABLED, account, suited=suited)
        if solved:
            self.set_volume(account, too_much=False)
        client, arn, graph, expected = self.owned(site)
        member = graph.members.get(account)
        if expected is None and member is None:
            expected = ResourceNotFoundException
        if expected is None and member and member.status != _DISABLED:
            expected = ConflictException
        self.attempt(client.start_monitoring_member(arn, account), expected)
        if expected is None and member and account not in self.too_much_data:
            member.status = _ENABLED

    @move(2, account=st.sampled_from(MEMBERS), too_much=st.booleans())
    def set_volume(self, account: str, too_much: bool) -> None:
        """Affects only later attempts to enable the account."""
        self.sim.set_volume(account, "VOLUME_TOO_HIGH" if too_much else None)
        (self.too_much_data.add if too_much else self.too_much_data.discard)(account)

    @move(3, seconds=st.sampled_from([1.0, 30.0, 60.0, 61.0]))
    def advance(self, seconds: float) -> None:
        """Verifies the invitations that are due, and changes nothing else."""
        self.runner.run(self.sim.advance(seconds))
        self.now += seconds
        for graph in self.graphs.values():
            for member in graph.members.values():
                if member.status == _VERIFYING and member.due <= self.now:
                    member.status = _INVITED if member.address_is_right else _FAILED

    @move(1, count=st.integers(1, 2))
    def throttle(self, count: int) -> None:
        """The next requests are throttled; the client retries, and no operation is carried out twice."""
        self.sim.throttle(count, retry_after_ms=0)

    @move(2, number=st.integers(0, 3), page_size=st.integers(1, 3))
    def start_iteration(self, number: int, page_size: int) -> None:
        """Start an iteration over members; the first page is not requested yet."""
        if not self.graphs or len(self.open_iterations) == MAX_ITERATIONS:
            return
        place = sorted(self.graphs)[number % len(self.graphs)]
        client, arn, graph = self.target(Site(place))
        paginator = client.iter_members(arn, page_size=page_size)
        there = set(graph.members) if graph else set[str]()
        self.open_iterations.append(Iteration(arn, client, page_size, paginator, paginator.pages(), there, set(there)))

    @move(1, number=st.integers(0, MAX_ITERATIONS - 1))
    def resume_from_the_token(self, number: int) -> None:
        """A new paginator continues from the token of the other one."""
        iteration = self.open_iterations[number % len(self.open_iterations)] if self.open_iterations else None
        token = iteration.paginator.resume_token if iteration else None
        if iteration is None or token is None:
            return
        self.runner.run(iteration.pages.aclose())
        iteration.paginator = iteration.caller.iter_members(
            iteration.arn, page_size=iteration.page_size, starting_token=token
        )
        iteration.pages = iteration.paginator.pages()

    @move(8, number=st.integers(0, MAX_ITERATIONS - 1), page_size=st.integers(1, 2))
    def read_next_page(self, number: int, page_size: int) -> None:
        """The next page has no member that was seen; at the end, all permanent members have been seen."""
        if not self.open_iterations:
            self.start_iteration(number, page_size)
        if not self.open_iterations:
            return
        iteration = self.open_iterations[number % len(self.open_iterations)]
        alive = iteration.arn in {graph.arn for graph in self.graphs.values()}
        page = self.attempt(_next(iteration.pages), None if alive else ResourceNotFoundException)
        if page is None:
            self.open_iterations.remove(iteration)
            return
        accounts = [str(member.account_id) for member in page.member_details]
        assert len(accounts) <= iteration.page_size
        assert not set(accounts) & set(iteration.seen), "a member came twice"
        assert set(accounts) <= iteration.were_there
        iteration.seen += accounts
        if page.next_token is None:
            assert iteration.stayed <= set(iteration.seen), "a member was skipped"
            assert self.runner.run(_ends(iteration.pages))
            self.open_iterations.remove(iteration)

    # hypothesis draws the first element more often than its weight; the last move is the best one for that.
    @rule(name=st.deferred(lambda: st.sampled_from(MOVES[::-1])), data=st.data())
    def make_move(self, name: str, data: st.DataObject) -> None:
        """The invariants are checked after each move."""
        getattr(self, name)(**data.draw(ARGUMENTS[name], label=name))

    @invariant()
    def all_lists_agree(self) -> None:
        """All lists are equal to the model's, and those of members to those of administrators, in each region."""
        seen = self.runner.run(self.read_all_lists())
        self.check_graphs(seen)
        self.check_members(seen)
        self.check_invitations(seen)
        self.check_status_changes(seen)

    async def read_all_lists(self) -> Observed:
        """Read all lists, in small pages."""
        seen = Observed()

        async def read_as(account: str, region: str) -> None:
            client = self.clients[account, region]
            seen.graphs[account, region] = [str(graph.arn) async for graph in client.iter_graphs()]
            for arn in seen.graphs[account, region]:
                seen.members[arn] = await client.iter_members(arn, page_size=2).collect()

        for account, region in self.clients:
            client = self.clients[account, region]
            if account in ADMINS:
                await read_as(account, region)
            seen.invitations[account, region] = await client.iter_invitations(page_size=1).collect()
        return seen

    def check_graphs(self, seen: Observed) -> None:
        """At most one graph for each account and region, and no deleted one."""
        expected = {place: [self.graphs[place].arn] if place in self.graphs else [] for place in seen.graphs}
        assert seen.graphs == expected

    def check_members(self, seen: Observed) -> None:
        """Each member once, in order, with the status of the model."""
        for graph in self.graphs.values():
            listed = [(member.account_id, member.status) for member in seen.members[graph.arn]]
            assert listed == [(name, graph.members[name].status) for name in sorted(graph.members)]

    def check_invitations(self, seen: Observed) -> None:
        """A member's own list has the same details as the administrators' lists, for its region only."""
        for (account, region), invitations in seen.invitations.items():
            listed = [
                member
                for arn, members in sorted(seen.members.items())
                for member in members
                if arn.split(":")[3] == region and member.account_id == account and member.status in OPEN
            ]
            assert invitations == listed

    def check_status_changes(self, seen: Observed) -> None:
        """Statuses change only in the allowed ways."""
        now = seen.statuses()
        for key in now.keys() | self.before.keys():
            change = (self.before.get(key), now.get(key))
            assert change[0] == change[1] or change in ALLOWED_CHANGES, f"{key}: {change}"
        self.before = now


async def _next(pages: AsyncGenerator[ListMembersResponse, None]) -> ListMembersResponse:
    return await anext(pages)


async def _ends(pages: AsyncGenerator[ListMembersResponse, None]) -> bool:
    return await anext(pages, None) is None


TestMembership = Membership.TestCase
TestMembership.__doc__ = "After random calls, the model, the lists and the iterations agree."
TestMembership.settings = settings(max_examples=examples(8), stateful_step_count=40, phases=UNEXPLAINED)

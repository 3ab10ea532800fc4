"""Whatever the world is like, whatever is wanted, whatever goes wrong: it converges, and nothing is done twice.

What should come of an account is told here a second time, from where it begins and what is wanted of it.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st
from support.hypothesis_profiles import UNEXPLAINED, examples

from detective_async import Account
from detective_async.membership import MembershipPlan, MembershipReport, plan_membership
from detective_async.membership.job import ROUNDS
from detective_async.testing import DetectiveSimulator, Drop, Failure, Fault, Garbage, Throttle, Truncate
from detective_async.testing.state import Graph, Member
from detective_async.testing.world import World
from membership.worlds import ELSEWHERE, REGION, WRONG, address, administrator, fates, fill, graph, member, statuses

pytestmark = pytest.mark.slow

IDS = [f"20000000000{number}" for number in range(1, 7)]
DELAY = 30.0

FAULTS = [
    Throttle(),
    Throttle(code="ThrottlingException", status=400),
    Failure(),
    Failure(status=503, code="ServiceUnavailable"),
    Failure(status=409, code="ConflictException"),
    Drop("before"),
    Drop("during"),
    Drop("after"),
    Garbage(),
    Truncate(),
]
OPERATIONS = [
    None,
    "AcceptInvitation",
    "CreateGraph",
    "CreateMembers",
    "DeleteMembers",
    "GetMembers",
    "ListGraphs",
    "ListMembers",
    "StartMonitoringMember",
]
BEGINNINGS = [
    None,
    "ACCEPTED_BUT_DISABLED",
    "ENABLED",
    "INVITED",
    "VERIFICATION_FAILED",
    "VERIFICATION_IN_PROGRESS",
    # With the wrong address, as it will turn out.
    "VERIFICATION_WILL_FAIL",
]
#: Why an account that ends so is not as it is wanted.
REASONS = {"VERIFICATION_FAILED": "verification failed", "ACCEPTED_BUT_DISABLED": "VOLUME_TOO_HIGH"}


@frozen
class Story:
    """Where an account begins in the region that has a graph, and what is wanted of it.

    Attributes:
        beginning: its status; None where it is no member.
        wanted: by which address it is wanted; None where it is not.
        is_too_big: whether its volume keeps it from being enabled.
    """

    beginning: str | None
    wanted: str | None
    is_too_big: bool

    @property
    def email(self) -> str:
        return "wrong" if self.beginning in ("VERIFICATION_FAILED", "VERIFICATION_WILL_FAIL") else "right"


@frozen
class Case:
    """A world, and what is wanted of it.

    Attributes:
        stories: account id -> what there is to know of it.
        accepts: whether the accounts' credentials are there.
        removes: whether those that are not wanted are to go.
        elsewhere: whether the other region, which has no graph, can be used.
    """

    stories: dict[str, Story]
    accepts: bool
    removes: bool
    elsewhere: str


def expected(story: Story, case: Case, *, is_new: bool = False) -> str | None:
    """Tell how an account should stand in the end."""
    beginning = None if is_new else story.beginning
    if story.wanted is None:
        if case.removes or beginning is None:
            return None
        return {"VERIFICATION_IN_PROGRESS": "INVITED", "VERIFICATION_WILL_FAIL": "VERIFICATION_FAILED"}.get(
            beginning, beginning
        )
    if beginning == "ENABLED":
        return "ENABLED"
    enabled = "ACCEPTED_BUT_DISABLED" if story.is_too_big else "ENABLED"
    if beginning == "ACCEPTED_BUT_DISABLED":
        return enabled
    email = story.email if beginning and story.email == "right" else story.wanted
    if email == "wrong":
        return "VERIFICATION_FAILED"
    return enabled if case.accepts else "INVITED"


_STORIES = st.builds(
    Story, st.sampled_from(BEGINNINGS), st.sampled_from([None, "right", "right", "wrong"]), st.booleans()
)
_CASES = st.builds(
    Case,
    st.fixed_dictionaries(dict.fromkeys(IDS, _STORIES)).filter(
        lambda stories: any(one.wanted for one in stories.values())
    ),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["open", "open", "closed"]),
)
_FAULTS, _OPERATIONS = st.sampled_from(FAULTS), st.sampled_from(OPERATIONS)
_CHANCES = st.sampled_from([0.3, 1.0])
_WILD = st.builds(Fault, _FAULTS, _OPERATIONS, count=st.sampled_from([1, 2, 4, 8]), probability=_CHANCES)
#: Half of them so few that what is tried again at least so often succeeds.
_TROUBLES = st.one_of(
    st.lists(st.builds(Fault, _FAULTS, _OPERATIONS), max_size=ROUNDS - 1), st.lists(_WILD, max_size=6)
)


@settings(max_examples=examples(60), phases=UNEXPLAINED)
@given(_CASES, _TROUBLES, st.sampled_from([1, 3]))
def test_it_converges(case: Case, troubles: list[Fault], max_attempts: int) -> None:
    """Every good account ends as it is wanted, every other one is named with its reason, and then nothing is left."""
    asyncio.run(_converge(case, troubles, max_attempts))


async def _converge(case: Case, troubles: list[Fault], max_attempts: int) -> None:
    async with DetectiveSimulator() as sim:
        _fill(sim, case)
        async with administrator(sim, max_attempts=max_attempts) as client:

            async def plan() -> MembershipPlan:
                options: dict[str, Any] = {"member_credentials": sim.account} if case.accepts else {}
                return await plan_membership(
                    client, _wanted(case), regions=[REGION, ELSEWHERE], remove_others=case.removes, **options
                )

            with _deeds() as deeds:
                for trouble in troubles:
                    sim.inject(trouble)
                report = await (await plan()).apply()
                _check_what_is_claimed(sim, case, report)
                if sum(trouble.count or 0 for trouble in troubles) < ROUNDS:
                    _check_what_is_told(case, report)
                sim.clear_faults()
                report = await (await plan()).apply()
                # Those that nobody waited for.
                await sim.advance(DELAY)
                _check_what_is_told(case, report)
                _check_what_is(sim, case)
                _check_deeds(case, deeds)
                last = await plan()
            again = {action.kind for action in last.actions}
            assert again <= {"start monitoring"}
            assert (again == set()) == (not _stuck(case))
            failed = [one for one in _accounts(case) if expected(case.stories[one], case) == "VERIFICATION_FAILED"]
            assert [problem.account_id for problem in last.problems if problem.region == REGION] == failed


def _accounts(case: Case) -> list[str]:
    return [one for one, story in case.stories.items() if story.wanted]


def _fill(sim: DetectiveSimulator, case: Case) -> None:
    members = []
    for one, story in case.stories.items():
        if story.beginning is None:
            continue
        status = story.beginning.replace("WILL_FAIL", "IN_PROGRESS")
        more = {"disabled_reason": "VOLUME_TOO_HIGH"} if status == "ACCEPTED_BUT_DISABLED" else {}
        members.append(member(one, status, WRONG if story.email == "wrong" else None, **more))
    big = [one for one, story in case.stories.items() if story.is_too_big]
    fill(
        sim,
        graph(*members),
        accounts=[{"id": one} | ({"volume_problem": "VOLUME_TOO_HIGH"} if one in big else {}) for one in IDS],
        verification_delay=DELAY,
    )
    if case.elsewhere == "closed":
        sim.close_region(ELSEWHERE)


def _wanted(case: Case) -> list[Account]:
    return [
        Account(one, WRONG if story.wanted == "wrong" else address(one))
        for one, story in case.stories.items()
        if story.wanted
    ]


def _stuck(case: Case) -> bool:
    """Tell whether any account is tried again each time, for its volume may have become less."""
    ends = [expected(story, case) for story in case.stories.values() if story.wanted]
    if case.elsewhere == "open":
        ends += [expected(story, case, is_new=True) for story in case.stories.values() if story.wanted]
    return "ACCEPTED_BUT_DISABLED" in ends


def _check_what_is_claimed(sim: DetectiveSimulator, case: Case, report: MembershipReport) -> None:
    """Check that a report after faults claims nothing that is not so, and gives a reason for everything else."""
    for row in report.rows:
        now = statuses(sim, row.region).get(row.account_id)
        if row.ok:
            wanted = case.stories[row.account_id].wanted
            assert now == row.after
            assert now in (("ENABLED",) if case.accepts else ("ENABLED", "INVITED")) if wanted else now is None
        else:
            assert row.problem


def _check_what_is_told(case: Case, report: MembershipReport) -> None:
    """Check that a report tells of everything as it should be in the end, with a reason where that is not well."""
    told = fates(report)
    for one in _accounts(case):
        end = expected(case.stories[one], case)
        assert told[one].after == end
        reason = REASONS.get(end or "")
        assert (reason is None) == (told[one].problem is None)
        assert reason is None or reason in (told[one].problem or "")
    if case.elsewhere == "closed":
        assert all("not available" in (fate.problem or "") for fate in fates(report, ELSEWHERE).values())


def _check_what_is(sim: DetectiveSimulator, case: Case) -> None:
    """Check that everything is as it should be in the end."""
    found = statuses(sim)
    assert {one: found.get(one) for one in IDS} == {one: expected(story, case) for one, story in case.stories.items()}
    if case.elsewhere == "open":
        ends = {one: expected(case.stories[one], case, is_new=True) for one in _accounts(case)}
        assert statuses(sim, ELSEWHERE) == ends


@contextmanager
def _deeds() -> Iterator[Counter[tuple[str, str, str]]]:
    """Count who becomes a member where, and who is removed."""
    deeds: Counter[tuple[str, str, str]] = Counter()
    join, leave = World.join, World.leave

    def joined(world: World, graph: Graph, member: Member) -> None:
        deeds["join", graph.region, member.account_id] += 1
        join(world, graph, member)

    def left(world: World, graph: Graph, account_id: str) -> None:
        deeds["leave", graph.region, account_id] += 1
        leave(world, graph, account_id)

    with patch.object(World, "join", joined), patch.object(World, "leave", left):
        yield deeds


def _check_deeds(case: Case, deeds: Counter[tuple[str, str, str]]) -> None:
    """Check that nobody was invited or removed more often than was needed."""
    needed: Counter[tuple[str, str, str]] = Counter()
    for one, story in case.stories.items():
        if story.wanted is None:
            needed["leave", REGION, one] = int(case.removes and story.beginning is not None)
            continue
        is_anew = story.beginning is not None and story.email == "wrong" and story.wanted == "right"
        needed["leave", REGION, one] = int(is_anew)
        needed["join", REGION, one] = int(is_anew or story.beginning is None)
        needed["join", ELSEWHERE, one] = int(case.elsewhere == "open")
    assert deeds == +needed

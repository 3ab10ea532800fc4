"""Calls with any faults: a call that returns was carried out once; one that raises was not, or has an unknown outcome.

Two simulators get the same calls, one of them with faults.
"""

import asyncio
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import unquote

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st
from support.asyncio_debug import ASYNCIO_DEBUG
from support.hypothesis_profiles import UNEXPLAINED, examples
from support.simulator_pair import (
    ADMINS,
    FAULTS,
    MEMBERS,
    STATUSES,
    PlannedCall,
    Step,
    call_of,
    client_of,
    simulator,
    simulator_pair,
)

from detective_async import Account, DetectiveClient, DetectiveError, GetMembersResponse, ListTagsForResourceResponse
from detective_async.api.models.base import Response
from detective_async.testing import ClockSkew, DetectiveSimulator, Fault, Latency
from detective_async.testing.faults import Effect

pytestmark = pytest.mark.slow

_DAY = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)


def _some(values: tuple[str, ...], least: int = 1) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), min_size=least, max_size=4, unique=True)


def _admins(
    method: str, *, investigation: bool = False, **given: st.SearchStrategy[Any]
) -> st.SearchStrategy[PlannedCall]:
    """Give calls of administrators about their graphs, seldom about another's."""
    number = st.integers(0, 2) if investigation else st.none()
    return st.tuples(st.permutations(ADMINS), st.sampled_from([0] * 7 + [1])).flatmap(
        lambda who: st.builds(
            PlannedCall, st.just(who[0][0]), st.just(method), st.just(who[0][who[1]]), number,
            st.fixed_dictionaries(given),
        )
    )  # fmt: skip


def _members(method: str, *, graph: bool = True) -> st.SearchStrategy[PlannedCall]:
    graphs = st.sampled_from(ADMINS) if graph else st.none()
    return st.builds(PlannedCall, st.sampled_from(MEMBERS), st.just(method), graphs)


_NUMBERS = st.integers(1, 3)
_TAGS = st.dictionaries(st.sampled_from("abc"), st.sampled_from("xyz"), min_size=1)
_STARTS = _admins(
    "start_investigation",
    entity_arn=st.sampled_from([f"arn:aws:iam::{ADMINS[0]}:role/{name}" for name in ("A", "B")]),
    scope_start_time=st.just(_DAY[0]),
    scope_end_time=st.just(_DAY[1]),
)
_CREATES = _admins("create_members", accounts=_some((*MEMBERS, *ADMINS)))
_WRITES = [
    st.builds(
        PlannedCall, st.sampled_from(ADMINS), st.just("create_graph"), given=st.fixed_dictionaries({"tags": _TAGS})
    ),
    # Only one of the two graphs is deleted, so that the other one stays.
    st.just(PlannedCall(ADMINS[1], "delete_graph", ADMINS[1])),
    _CREATES,
    _admins("delete_members", account_ids=_some((*MEMBERS, *ADMINS))),
    _members("accept_invitation"),
    _members("reject_invitation"),
    _members("disassociate_membership"),
    _admins("start_monitoring_member", account_id=st.sampled_from(MEMBERS)),
    _admins("tag_resource", tags=_TAGS),
    _admins("untag_resource", tag_keys=_some(("a", "b", "c"))),
    _STARTS,
    _admins("update_investigation_state", investigation=True, state=st.sampled_from(["ACTIVE", "ARCHIVED"])),
    _admins("update_datasource_packages", datasource_packages=_some(("EKS_AUDIT", "ASFF_SECURITYHUB_FINDING"))),
]
_READS = [
    _admins("get_members", account_ids=_some(MEMBERS)),
    _admins("list_members", max_results=_NUMBERS),
    _admins("iter_members", page_size=_NUMBERS, prefetch=st.integers(0, 2)),
    _admins("list_tags_for_resource"),
    _admins("get_investigation", investigation=True),
    _admins("iter_investigations", page_size=_NUMBERS),
    _admins("iter_indicators", investigation=True, page_size=_NUMBERS),
    _admins("iter_datasource_packages", page_size=_NUMBERS),
    _admins("batch_get_graph_member_datasources", account_ids=_some(MEMBERS)),
    _members("list_invitations", graph=False),
    _members("iter_invitations", graph=False),
    st.builds(PlannedCall, st.sampled_from(ADMINS), st.just("list_graphs")),
]
_SEQUENCES = st.lists(st.sampled_from(FAULTS), max_size=4).map(tuple)
_ATTEMPTS = st.integers(1, 4)


def _steps(*jobs: st.SearchStrategy[PlannedCall]) -> st.SearchStrategy[list[Step]]:
    return st.lists(st.builds(Step, st.one_of(jobs), _SEQUENCES, _ATTEMPTS), min_size=1, max_size=8)


def _run(steps: list[Step]) -> None:
    async def run() -> None:
        async with simulator_pair() as pair:
            for step in steps:
                await pair.run(step)

    asyncio.run(run(), debug=ASYNCIO_DEBUG)


@settings(max_examples=examples(60), phases=UNEXPLAINED)
@given(_steps(*_WRITES, *_READS))
def test_calls_are_carried_out_once_or_raise(steps: list[Step]) -> None:
    """With any faults, the service ends in the same state as without; calls that were not carried out raised."""
    _run(steps)


@settings(max_examples=examples(60), phases=UNEXPLAINED)
@given(_steps(_STARTS, _CREATES))
def test_unrepeatable_effects_happen_once(steps: list[Step]) -> None:
    """A call starts at most one investigation, and accounts that are listed as unprocessed were members."""
    _run(steps)


_SLOW_SEQUENCES = st.lists(st.sampled_from([Latency(0.06), *FAULTS[:5]]), min_size=1, max_size=3).map(tuple)
_SLOW_JOBS = st.one_of(_STARTS, _CREATES, _admins("delete_members", account_ids=_some(MEMBERS)), _READS[0])


@settings(max_examples=examples(15), phases=UNEXPLAINED)
@given(st.lists(st.builds(Step, _SLOW_JOBS, _SLOW_SEQUENCES, _ATTEMPTS, st.just(True)), min_size=1, max_size=4))
def test_effects_after_a_timeout_are_reported(steps: list[Step]) -> None:
    """The service may carry out an attempt after its timeout, or after the call; the call then says so."""
    _run(steps)


@frozen
class MarkedCall:
    """One of several concurrent calls, with values that only its request and response have."""

    kind: Literal["get", "tags", "walk", "start", "create"]
    mark: str


#: The accounts and roles that only one call is about.
_NEWCOMERS = [f"30000000000{number}" for number in range(1, 5)]
_ROLES = [f"arn:aws:iam::{ADMINS[0]}:role/Role{number}" for number in range(1, 5)]
_ASKS = [
    *(MarkedCall("get", member) for member in MEMBERS),
    *(MarkedCall("tags", admin) for admin in ADMINS),
    *(MarkedCall("walk", admin) for admin in ADMINS),
    *(MarkedCall("start", role) for role in _ROLES),
    *(MarkedCall("create", account) for account in _NEWCOMERS),
]


_FAULTY = st.tuples(st.lists(st.sampled_from(FAULTS), max_size=20), _ATTEMPTS, st.just(0))
#: With a wrong clock, all calls are refused and repeated, even with one attempt.
_SKEWED: st.SearchStrategy[Any] = st.tuples(st.just([]), st.just(1), st.sampled_from([900, -900]))


@settings(max_examples=examples(30), phases=UNEXPLAINED)
@given(st.permutations(_ASKS), st.one_of(_FAULTY, _FAULTY, _FAULTY, _SKEWED))
def test_concurrent_calls_get_their_own_responses(
    calls: list[MarkedCall], disturbance: tuple[list[Effect], int, float]
) -> None:
    """Each call on one client gets the response to its own request, and is carried out once."""
    asyncio.run(_call_concurrently(calls, *disturbance), debug=ASYNCIO_DEBUG)


async def _call_concurrently(calls: list[MarkedCall], faults: list[Effect], max_attempts: int, skew: float) -> None:
    async with simulator() as sim, client_of(sim, max_attempts=max_attempts) as client:
        for effect in faults:
            sim.inject(Fault(effect))
        if skew:
            sim.inject(Fault(ClockSkew(skew), count=None))
        others = client.with_options(credentials=sim.account(ADMINS[1]))
        graphs = {graph["administrator"]: arn for arn, graph in sim.snapshot().items()}
        outcomes = await asyncio.gather(
            *(_call(others if call.mark == ADMINS[1] else client, graphs, call) for call in calls)
        )
        for call, outcome in zip(calls, outcomes, strict=True):
            assert (problem := _problem(sim, graphs, call, outcome)) is None, f"{call}: {outcome!r} {problem}"
            assert faults or not isinstance(outcome, DetectiveError)


async def _call(client: DetectiveClient, graphs: dict[str, str], call: MarkedCall) -> Any:
    mine = graphs[ADMINS[0]]
    try:
        match call.kind:
            case "get":
                return await client.get_members(mine, [call.mark])
            case "tags":
                return await client.list_tags_for_resource(graphs[call.mark])
            case "walk":
                return await client.iter_members(graphs[call.mark], page_size=2, prefetch=1).collect()
            case "start":
                return await client.start_investigation(mine, call.mark, *_DAY)
            case "create":
                return await client.create_members(mine, [Account(call.mark, f"account-{call.mark}@example.com")])
    except DetectiveError as error:
        return error


def _problem(sim: DetectiveSimulator, graphs: dict[str, str], call: MarkedCall, outcome: Any) -> str | None:
    """Return the problem of a call's outcome, or None."""
    if isinstance(outcome, DetectiveError):
        done = _times_done(sim, call)
        return None if done == 0 or (done == 1 and outcome.outcome_unknown) else f"done {done} times"
    if isinstance(outcome, Response):
        answered = [one for one in sim.requests if one.request_id == outcome.response_metadata.request_id]
        if len(answered) != 1 or call.mark not in f"{unquote(answered[0].target)} {answered[0].body.decode()}":
            return f"the request was another: {answered}"
        attempts = sum(call_of(one) == call_of(answered[0]) for one in sim.requests)
        if outcome.response_metadata.attempts != attempts:
            return f"there were {attempts} attempts"
    match call.kind, outcome:
        case "get", GetMembersResponse():
            found = [one.account_id for one in outcome.member_details]
            fine = [*found, *(one.account_id for one in outcome.unprocessed_accounts)] == [call.mark]
        case "tags", ListTagsForResourceResponse():
            fine = outcome.tags == {"owner": call.mark}
        case "walk", [*members]:
            # New members are at the end, or missing.
            there = [member.account_id for member in members]
            fine = there[: len(STATUSES)] == list(MEMBERS[: len(STATUSES)]) and len(set(there)) == len(there)
            fine = fine and {member.graph_arn for member in members} == {graphs[call.mark]}
        case _:
            fine = _times_done(sim, call) == 1
    return None if fine else "is not its answer"


def _times_done(sim: DetectiveSimulator, call: MarkedCall) -> int:
    if call.kind not in ("start", "create"):
        return 0
    graph = next(one for one in sim.dump()["graphs"] if one["administrator"] == ADMINS[0])
    done = [one["entity_arn"] for one in graph["investigations"]] + [one["account"] for one in graph["members"]]
    return done.count(call.mark)

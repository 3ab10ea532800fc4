"""Nobody wins by dropping work: what a contender leaves out, or gets wrong, ends the run."""

import copy
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from answers import NotTheSameAnswerError, compare, digest, normalise
from contenders import BASELINE, OURS, Contender, absent
from measurements import Plan, calls, fleet, growth, stall, start, with_options
from service import WorkDroppedError
from tally import Names, Tally, expected_names, expected_tally
from workloads import LIST_GRAPHS, LIST_MEMBERS
from world import PAGE, REGIONS, account_ids, members_of

pytestmark = [pytest.mark.slow, pytest.mark.once]

PLAN = Plan(quick=True, rounds=1, chosen=lambda one: one.client == OURS.name)
MEMBERS = LIST_MEMBERS.answer["MemberDetails"]


def _without(key: str) -> Callable[[dict[str, Any]], None]:
    return lambda page: page["MemberDetails"][150].pop(key)


def _with(key: str, value: object) -> Callable[[dict[str, Any]], None]:
    return lambda page: page["MemberDetails"][150].update({key: value})


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda page: page["MemberDetails"].pop(), r"at \$.MemberDetails"),
        (lambda page: page.pop("NextToken"), r"at \$.NextToken"),
        (_without("EmailAddress"), r"at \$.MemberDetails\[150\].EmailAddress"),
        (_with("VolumeUsageInBytes", 1), r"at \$.MemberDetails\[150\].VolumeUsageInBytes"),
        (_with("InvitedTime", "2025-01-01T00:00:00Z"), r"at \$.MemberDetails\[150\].InvitedTime"),
    ],
)
def test_a_page_that_is_not_what_was_sent_is_noticed(change: Callable[[dict[str, Any]], None], where: str) -> None:
    """A member, a field or a token that is missing, and a value that is another one; the message says where."""
    sent = normalise(LIST_MEMBERS.answer, times_are_text=True)
    got = copy.deepcopy(LIST_MEMBERS.answer)
    compare(sent, normalise(got, times_are_text=True))
    change(got)
    with pytest.raises(NotTheSameAnswerError, match=where):
        compare(sent, normalise(got, times_are_text=True))


def test_timestamps_left_as_text_are_noticed() -> None:
    """Of a client that promises datetimes, that is."""
    with pytest.raises(NotTheSameAnswerError, match="CreatedTime was left as text"):
        normalise(LIST_GRAPHS.answer)


def test_a_stream_that_is_not_what_was_sent_is_noticed() -> None:
    """A member dropped, told twice, or out of order gives another count or checksum."""
    names = [member["AccountId"] for member in MEMBERS]
    swapped = [names[1], names[0], *names[2:]]
    for seen, same in ((names, True), (names[1:], False), ([*names, names[0]], False), (swapped, False)):
        found = Names()
        for name in seen:
            found.see(name)
        assert (found.found == expected_names(PAGE)) is same


def test_the_tally_of_many_targets_knows_every_field() -> None:
    """Looked at as a whole, one member's changed field is another tally."""
    (account_id,) = account_ids(1)
    tally = Tally(whole=True, times_are_text=True)
    tally.add(account_id, REGIONS[0], "any name", MEMBERS[0])
    other = Tally(whole=True, times_are_text=True)
    other.add(account_id, REGIONS[0], "any name", {**MEMBERS[0], "MasterId": "000000000000"})
    assert tally.found != other.found


class _Child:
    """A contender's process that says what it is told to say."""

    name = "a contender"

    def __init__(self, answer: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        self.ask = answer


class _Service:
    """A server and contenders that work as they should, but for what `spoil` changes.

    Args:
        spoil: changes what a contender says of what it found, and what the server saw.
    """

    url = "http://127.0.0.1"

    def __init__(self, spoil: Callable[[dict[str, Any], dict[str, Any]], object]) -> None:
        self._spoil = spoil
        self._seen: dict[str, Any] = {}

    def __call__(self, *_: object) -> "_Service":
        return self

    def start(self, contender: Contender, job: str) -> "nullcontext[_Child]":
        return nullcontext(_Child(partial(getattr(self, f"_{job}"), contender)))

    def seen(self) -> dict[str, Any]:
        return self._seen

    def _say(self, took: dict[str, Any], calls: dict[str, int], **seen: object) -> dict[str, Any]:
        took |= {"cpu_ns": 1, "wall_ns": 1}
        self._seen = {"calls": calls, "signed": 0, "most_in_flight": 1, "connections": 1, **seen}
        self._spoil(took, self._seen)
        return took

    def _calls(self, contender: Contender, told: dict[str, Any]) -> dict[str, Any]:
        answer = digest(normalise(LIST_GRAPHS.answer, times_are_text=True))
        said = {told["operation"]: told["calls"] + 1}
        return self._say({"digest": answer}, said, last={"body": "{}"}, signed=contender.signs * (told["calls"] + 1))

    def _stall(self, _: Contender, told: dict[str, Any]) -> dict[str, Any]:
        members, passes = members_of(told["graph_arn"]), told["passes"]
        pages = (members_of(told["first_arn"]) + passes * members) // PAGE
        return self._say({"found": [expected_names(members) for _ in range(passes)]}, {"ListMembers": pages})

    def _growth(self, _: Contender, told: dict[str, Any]) -> dict[str, Any]:
        members = members_of(told["graph_arn"])
        pages = (members_of(told["first_arn"]) + members) // PAGE
        said = {"found": expected_names(members), "early_bytes": 0, "late_bytes": 0}
        return self._say(said, {"ListMembers": pages})

    def _fleet(self, contender: Contender, told: dict[str, Any]) -> dict[str, Any]:
        accounts, targets = told["accounts"], told["accounts"] * len(REGIONS)
        found = [[*target, *members] for target, members in expected_tally(accounts, whole=told["whole"]).items()]
        said = {"found": found, "most_bytes": 1, "imported_bytes": 1}
        calls = {"AssumeRole": accounts, "ListGraphs": targets, "ListMembers": targets}
        return self._say(said, calls, signed=contender.signs * 2 * targets)

    def _clients(self, _: Contender, told: dict[str, Any]) -> dict[str, Any]:
        # Each region warms up once.
        made = len(REGIONS) + told["count"]
        last = {"account_id": account_ids(made)[-1], "region": REGIONS[(made - 1) % len(REGIONS)]}
        return self._say({"traced_bytes": 1, "rss_bytes": 1}, {"ListGraphs": 1}, signed=1, last=last)


MEASUREMENTS = {
    "calls": (calls, calls.SMALL_CALL),
    "stall": (stall, stall.STALL),
    "growth": (growth, growth.GROWTH),
    "fleet": (fleet, fleet.FLEET),
    "with_options": (with_options, with_options.WITH_OPTIONS),
}


def _measure(name: str, spoil: Callable[[dict[str, Any], dict[str, Any]], object], patch: pytest.MonkeyPatch) -> Any:
    module, measurement = MEASUREMENTS[name]
    patch.setattr(module, "Service", _Service(spoil))
    return measurement.measure(PLAN)


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_work_that_is_done_is_let_pass(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The contenders below are refused for what is spoilt, and for nothing else."""
    assert OURS.name in _measure(name, lambda _took, _seen: None, monkeypatch)["contenders"]


@pytest.mark.parametrize(
    ("name", "spoil", "message"),
    [
        ("calls", lambda took, _: took.update(digest="another"), "digest of the answer"),
        ("calls", lambda _, seen: seen["calls"].update(ListGraphs=100), "requests"),
        ("calls", lambda _, seen: seen.update(signed=101), "signed requests"),
        ("calls", lambda _, seen: seen["last"].update(body='{"MaxResults": 1}'), "members of the request"),
        ("calls", lambda took, _: took.update(problem="at $.GraphList"), r"at \$.GraphList"),
        ("stall", lambda took, _: took["found"][-1].__setitem__(0, 1999), "count and checksum"),
        ("stall", lambda _, seen: seen["calls"].update(ListMembers=1), "requests"),
        ("growth", lambda took, _: took["found"].__setitem__(1, 0), "count and checksum"),
        ("growth", lambda _, seen: seen["calls"].update(ListMembers=1), "requests"),
        ("fleet", lambda took, _: took["found"].pop(), "targets with other members"),
        ("fleet", lambda took, _: took["found"][7].__setitem__(3, 0), "targets with other members"),
        ("fleet", lambda took, _: took["found"].append(["1", "eu-west-1", 1, 1]), "targets with other members"),
        ("fleet", lambda _, seen: seen["calls"].pop("AssumeRole"), "requests"),
        ("fleet", lambda _, seen: seen.update(signed=1), "signed with the role's token"),
        ("fleet", lambda _, seen: seen.update(most_in_flight=65), "too many requests at once"),
        ("with_options", lambda _, seen: seen["calls"].clear(), "requests"),
        ("with_options", lambda _, seen: seen.update(signed=0), "requests"),
        ("with_options", lambda _, seen: seen["last"].update(region="eu-south-2"), "target of the request"),
        ("with_options", lambda _, seen: seen["last"].update(account_id="300000000000"), "target of the request"),
    ],
)
def test_work_that_is_dropped_ends_the_run(
    name: str, spoil: Callable[[dict[str, Any], dict[str, Any]], object], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is wrong, in what was found or in what the server saw, is told by name."""
    with pytest.raises(WorkDroppedError, match=message):
        _measure(name, spoil, monkeypatch)


_GRAPH = LIST_GRAPHS.answer["GraphList"][0]
_RIGHT = f"{_GRAPH['Arn']} {_GRAPH['CreatedTime']}"


@pytest.mark.parametrize(
    ("line", "calls", "message"),
    [
        (_RIGHT, 1, None),
        (_RIGHT, 0, "requests"),
        (_RIGHT, 2, "requests"),
        (_RIGHT.replace(":graph:0", ":graph:1"), 1, "answer"),
        (_RIGHT.replace("2025", "2026"), 1, "answer"),
        ("", 1, "no graph in"),
    ],
)
def test_a_start_without_the_answer_ends_the_run(
    line: str, calls: int, message: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A program has to print the one graph, and to have asked for it once; then it is let pass."""
    (tmp_path / f"{BASELINE.module}.py").write_text(f"print({line!r})")
    service = _Service(lambda _took, _seen: None)
    service._say({}, {"ListGraphs": calls})
    monkeypatch.setattr(start, "Service", service)
    monkeypatch.setattr(start, "_SCRIPTS", tmp_path)
    plan = Plan(quick=True, rounds=1, chosen=lambda _: False)
    with pytest.raises(WorkDroppedError, match=message) if message else nullcontext():
        start.START.measure(plan)


def test_who_is_not_installed_is_absent() -> None:
    """And is said to be; the others are not."""
    nobody = Contender("nobody", "nobody", "no_such_package", ("no-such-package",))
    assert absent([BASELINE, nobody]) == {"nobody": "the package no_such_package is not installed"}

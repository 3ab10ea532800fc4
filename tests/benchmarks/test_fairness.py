"""A contender that leaves work out, or gets another result, ends the run."""

import copy
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from answers import DifferentAnswerError, compare, digest, normalise
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
def test_a_different_page_is_detected(change: Callable[[dict[str, Any]], None], where: str) -> None:
    """A missing member, field or token, and a different value are found; the message has the path."""
    sent = normalise(LIST_MEMBERS.answer, times_are_text=True)
    got = copy.deepcopy(LIST_MEMBERS.answer)
    compare(sent, normalise(got, times_are_text=True))
    change(got)
    with pytest.raises(DifferentAnswerError, match=where):
        compare(sent, normalise(got, times_are_text=True))


def test_timestamps_left_as_text_are_detected() -> None:
    """A client that promises datetimes must return them."""
    with pytest.raises(DifferentAnswerError, match="CreatedTime was left as text"):
        normalise(LIST_GRAPHS.answer)


def test_a_different_stream_is_detected() -> None:
    """A member that is missing, repeated or out of order gives another count or checksum."""
    names = [member["AccountId"] for member in MEMBERS]
    swapped = [names[1], names[0], *names[2:]]
    for seen, same in ((names, True), (names[1:], False), ([*names, names[0]], False), (swapped, False)):
        found = Names()
        for name in seen:
            found.see(name)
        assert (found.found == expected_names(PAGE)) is same


def test_the_tally_of_whole_members_includes_every_field() -> None:
    """A changed field of one member gives another tally."""
    (account_id,) = account_ids(1)
    tally = Tally(whole=True, times_are_text=True)
    tally.add(account_id, REGIONS[0], "any name", MEMBERS[0])
    other = Tally(whole=True, times_are_text=True)
    other.add(account_id, REGIONS[0], "any name", {**MEMBERS[0], "MasterId": "000000000000"})
    assert tally.found != other.found


class _Child:
    """A contender's process whose results the test sets."""

    name = "a contender"

    def __init__(self, answer: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        self.ask = answer


class _Service:
    """A server and contenders that work correctly, except for what `spoil` changes.

    Args:
        spoil: changes a contender's results and the server's counts.
    """

    url = "http://127.0.0.1"

    def __init__(self, spoil: Callable[[dict[str, Any], dict[str, Any]], object]) -> None:
        self._spoil = spoil
        self._seen: dict[str, Any] = {}
        self._assumed = 0

    def __call__(self, *_: object) -> "_Service":
        return self

    def start(self, contender: Contender, job: str) -> "nullcontext[_Child]":
        return nullcontext(_Child(partial(getattr(self, f"_{job}"), contender)))

    def seen(self) -> dict[str, Any]:
        return self._seen

    def _result(self, took: dict[str, Any], calls: dict[str, int], **seen: object) -> dict[str, Any]:
        took |= {"cpu_ns": 1, "wall_ns": 1}
        self._seen = {"calls": calls, "signed": 0, "most_in_flight": 1, "connections": 1, **seen}
        self._spoil(took, self._seen)
        return took

    def _calls(self, contender: Contender, asked: dict[str, Any]) -> dict[str, Any]:
        answer = digest(normalise(LIST_GRAPHS.answer, times_are_text=True))
        calls = {asked["operation"]: asked["calls"] + asked["in_flight"]}
        if contender.assumes_role and not self._assumed:
            calls["AssumeRole"] = self._assumed = 1
        signed = contender.signs * sum(calls.values())
        return self._result({"digest": answer}, calls, last={"body": "{}"}, signed=signed)

    def _stall(self, _: Contender, asked: dict[str, Any]) -> dict[str, Any]:
        members, passes = members_of(asked["graph_arn"]), asked["passes"]
        pages = (members_of(asked["first_arn"]) + passes * members) // PAGE
        return self._result({"found": [expected_names(members) for _ in range(passes)]}, {"ListMembers": pages})

    def _growth(self, _: Contender, asked: dict[str, Any]) -> dict[str, Any]:
        members = members_of(asked["graph_arn"])
        pages = (members_of(asked["first_arn"]) + members) // PAGE
        took = {"found": expected_names(members), "early_bytes": 0, "late_bytes": 0}
        return self._result(took, {"ListMembers": pages})

    def _fleet(self, contender: Contender, asked: dict[str, Any]) -> dict[str, Any]:
        accounts, targets = asked["accounts"], asked["accounts"] * len(REGIONS)
        found = [[*target, *members] for target, members in expected_tally(accounts, whole=asked["whole"]).items()]
        took = {"found": found, "most_bytes": 1, "imported_bytes": 1}
        calls = {"AssumeRole": accounts, "ListGraphs": targets, "ListMembers": targets}
        return self._result(took, calls, signed=contender.signs * 2 * targets)

    def _with_options(self, _: Contender, asked: dict[str, Any]) -> dict[str, Any]:
        # The warm-up makes one client for each region.
        made = len(REGIONS) + asked["count"]
        last = {"account_id": account_ids(made)[-1], "region": REGIONS[(made - 1) % len(REGIONS)]}
        return self._result({"traced_bytes": 1, "rss_bytes": 1}, {"ListGraphs": 1}, signed=1, last=last)


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
def test_complete_work_passes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """So the contenders in the next test fail because of what is spoilt, and for no other reason."""
    assert OURS.name in _measure(name, lambda _took, _seen: None, monkeypatch)["contenders"]


@pytest.mark.parametrize(
    ("name", "spoil", "message"),
    [
        ("calls", lambda took, _: took.update(digest="another"), "digest of the response"),
        ("calls", lambda _, seen: seen["calls"].update(ListGraphs=100), "requests"),
        ("calls", lambda _, seen: seen.update(signed=101), "signed requests"),
        ("calls", lambda _, seen: seen["calls"].pop("AssumeRole", None), "role: requests"),
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
        ("fleet", lambda _, seen: seen.update(most_in_flight=65), "requests above the concurrency"),
        ("with_options", lambda _, seen: seen["calls"].clear(), "requests"),
        ("with_options", lambda _, seen: seen.update(signed=0), "requests"),
        ("with_options", lambda _, seen: seen["last"].update(region="eu-south-2"), "target of the request"),
        ("with_options", lambda _, seen: seen["last"].update(account_id="300000000000"), "target of the request"),
    ],
)
def test_incomplete_work_ends_the_run(
    name: str, spoil: Callable[[dict[str, Any], dict[str, Any]], object], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong result, or a wrong count of the server, raises an error that names it."""
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
    """A program passes only if it prints the one graph after one request."""
    (tmp_path / f"{BASELINE.module}.py").write_text(f"print({line!r})")
    service = _Service(lambda _took, _seen: None)
    service._result({}, {"ListGraphs": calls})
    monkeypatch.setattr(start, "Service", service)
    monkeypatch.setattr(start, "_SCRIPTS", tmp_path)
    plan = Plan(quick=True, rounds=1, chosen=lambda _: False)
    with pytest.raises(WorkDroppedError, match=message) if message else nullcontext():
        start.START.measure(plan)


def test_a_client_that_is_not_installed_is_absent() -> None:
    """It is reported with the reason; installed clients are not."""
    missing = Contender("missing", "missing", "no_such_package", ("no-such-package",))
    assert absent([BASELINE, missing]) == {"missing": "the package no_such_package is not installed"}

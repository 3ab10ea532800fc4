"""What changed between the surveys of members."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve
from support.backend import TARGETS, Backend
from web_backend import changes, world
from web_backend.changes import Changes
from web_backend.kinds import Row
from web_backend.survey import Found

from detective_async import DetectiveClient
from detective_async.testing import DetectiveSimulator, Failure, Fault, Latency

ACCOUNT, REGION = world.ACCOUNTS[0], world.REGIONS[0]
START = datetime(2026, 3, 1, tzinfo=UTC)


def found(second: int, failure: bool = False, **statuses: str) -> Found:
    """Return what a survey has found some seconds after the start: members and their statuses."""
    rows = tuple(Row(id=name, status=status, json=b"{}") for name, status in statuses.items())
    time = START + timedelta(seconds=second)
    why = Row(id=ACCOUNT, status="AccessDenied", json=b"{}") if failure else None
    return Found(account_id=ACCOUNT, region=REGION, time=time, rows=rows, failure=why)


def seen(*all_found: Found, since: int | None = None) -> list[tuple[str, str | None, str | None]]:
    record = Changes()
    for one in all_found:
        record.see("members", one)
    shown = record.since(None if since is None else START + timedelta(seconds=since))["Changes"]
    return [(one["MemberId"], one["Before"], one["After"]) for one in shown]


def test_each_kind_of_change() -> None:
    """A new member, another status, and a member that is gone; the newest first. The first survey has no changes."""
    first, second = found(1, a="INVITED", b="ENABLED", c="ENABLED"), found(2, a="ENABLED", b="ENABLED", d="INVITED")
    assert seen(first) == []
    assert seen(first, second, found(3, a="ENABLED", b="ENABLED")) == [
        ("d", "INVITED", None),
        ("d", None, "INVITED"),
        ("c", "ENABLED", None),
        ("a", "INVITED", "ENABLED"),
    ]


def test_a_failure_is_no_change() -> None:
    """Members that could not be read are not gone; they are compared with the last time that they were read."""
    assert seen(found(1, a="INVITED"), found(2, failure=True), found(3, a="ENABLED")) == [("a", "INVITED", "ENABLED")]


def test_changes_since() -> None:
    """Those after a time; a record that begins later says that it is not complete."""
    surveys = [found(second, a=status) for second, status in enumerate(("INVITED", "ENABLED", "INVITED"))]
    assert seen(*surveys, since=1) == [("a", "ENABLED", "INVITED")]
    assert seen(*surveys, since=2) == []
    assert Changes().since(START)["Complete"] is False
    assert Changes().since(datetime.now(UTC) + timedelta(seconds=1))["Complete"] is True


def test_the_clock_may_go_back() -> None:
    """What is noticed later is later: nothing is lost to a reader that asks for what came after its last answer."""
    record = Changes()
    for second, status in ((0, "INVITED"), (600, "VERIFICATION_FAILED")):
        record.see("members", found(second, a=status))
    as_of = datetime.fromisoformat(record.since(None)["AsOf"])
    record.see("members", found(180, a="ENABLED"))
    assert [one["After"] for one in record.since(as_of)["Changes"]] == ["ENABLED"]
    both = record.since(START + timedelta(seconds=300))["Changes"]
    assert [one["After"] for one in both] == ["ENABLED", "VERIFICATION_FAILED"]


def test_what_was_not_seen() -> None:
    """No change is not the same as nobody could be asked."""
    record = Changes()

    def not_seen(since: int | None) -> int:
        shown = record.since(None if since is None else START + timedelta(seconds=since))["NotSeen"]
        return int(shown["Targets"])

    record.see("members", found(1, failure=True))
    assert (not_seen(None), not_seen(5)) == (1, 1)
    record.see("members", found(2, a="INVITED"))
    assert (not_seen(None), not_seen(5)) == (0, 0)
    record.see("members", found(9, failure=True))
    assert (not_seen(1), not_seen(5)) == (0, 1)
    assert record.since(START + timedelta(seconds=5))["NotSeen"] == {"Accounts": 1, "Regions": 1, "Targets": 1}


def test_other_kinds_are_ignored() -> None:
    """Only surveys of members have the statuses of members."""
    record = Changes()
    for kind in ("coverage", "investigations"):
        record.see(kind, found(1, a="INVITED"))
        record.see(kind, found(2, a="ENABLED"))
    assert record.since(None)["Changes"] == []
    assert record.since(None)["AsOf"] is None


def test_the_record_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest changes are dropped, after which the record begins later; an answer has a limit of its own."""
    monkeypatch.setattr(changes, "_MAX_STORED", 3)
    monkeypatch.setattr(changes, "_MAX_SHOWN", 2)
    record = Changes()
    for second in range(6):
        record.see("members", found(second, a=str(second)))
    shown = record.since(None)
    assert [one["After"] for one in shown["Changes"]] == ["5", "4"]
    assert shown["Left"] == 1
    assert record.since(START)["Complete"] is False


@pytest.mark.slow
async def test_changes_of_the_world(backend: Backend, sim: DetectiveSimulator) -> None:
    """A member that was removed meanwhile is a change, in the record and in the document of its account."""
    await backend.ndjson("/api/fleet/members")
    before = await backend.get("/api/changes")
    assert (before["Changes"], before["Complete"]) == ([], True)
    graph_arn, member_id = next(
        (arn, next(iter(one["members"]))) for arn, one in sim.snapshot().items() if f"{REGION}:{ACCOUNT}:" in arn
    )
    status = sim.snapshot()[graph_arn]["members"][member_id]
    async with DetectiveClient(region=REGION, credentials=sim.account(ACCOUNT), endpoint_url=sim.url) as client:
        await client.delete_members(graph_arn, [member_id])
    # A retry reads them again, too.
    body = {"Kind": "members", "AccountIds": [ACCOUNT]}
    await backend.send("POST", "/api/fleet/retries", body, 202)
    await backend.ndjson("/api/fleet/members")
    after = await backend.get(f"/api/changes?since={before['AsOf']}")
    expected = {"AccountId": ACCOUNT, "Region": REGION, "MemberId": member_id, "Before": status, "After": None}
    assert [{**one, "Time": None} for one in after["Changes"]] == [{**expected, "Time": None}]
    assert (await backend.get(f"/api/accounts/{member_id}"))["Changes"] == after["Changes"]
    # What fails is not gone.
    sim.inject(Fault(Failure(403, "AccessDeniedException"), operation="ListMembers", count=None))
    await backend.ndjson("/api/fleet/members?max_age=0")
    assert len((await backend.get("/api/changes"))["Changes"]) == 1


@pytest.mark.settings(linger=0.0)
async def test_a_survey_that_was_stopped_early(backend: Backend, sim: DetectiveSimulator) -> None:
    """What it has not looked at was not seen, beside what has failed."""
    await backend.ndjson("/api/fleet/members")
    since = (await backend.get("/api/changes"))["AsOf"]
    before = await backend.get(f"/api/changes?since={since}")
    sim.inject(Fault(Latency(1), count=None))
    async with backend.watch("/api/fleet/overview?max_age=0") as stream:
        for _ in range(2):
            await anext(stream)
    async with asyncio.timeout(30):
        ending = [task for task in asyncio.all_tasks() if task.get_name().startswith("survey of")]
        await asyncio.gather(*ending, return_exceptions=True)
    after = await backend.get(f"/api/changes?since={since}")
    assert before["NotSeen"]["Targets"] < after["NotSeen"]["Targets"] < TARGETS


def test_a_record_is_complete_if_there_was_something_to_compare_with() -> None:
    """In each place, before that time; a place that was never read, or not since, is one that was not seen."""
    other = (world.ACCOUNTS[1], REGION)
    record = Changes([(ACCOUNT, REGION), other])
    later = datetime.now(UTC) + timedelta(seconds=60)

    def facts(since: datetime) -> tuple[bool, int]:
        shown = record.since(since)
        return shown["Complete"], shown["NotSeen"]["Targets"]

    assert facts(later) == (False, 2)
    record.see("members", evolve(found(0), time=later))
    assert facts(later) == (False, 1)
    record.see("members", evolve(found(0), time=later, account_id=other[0]))
    after = later + timedelta(seconds=1)
    # Nothing was read since: that is no failure.
    assert facts(after) == (True, 0)
    # A survey that was stopped has read one of them.
    record.see("members", evolve(found(0), time=after + timedelta(seconds=1)))
    assert facts(after) == (True, 1)

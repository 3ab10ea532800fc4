"""investigate: what is started, awaited, and reported."""

import asyncio
import json
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.fakes import FakeTime

from detective_async import (
    AccessDeniedException,
    ConnectionLost,
    DetectiveClient,
    InternalServerException,
    ParameterError,
    ResourceNotFoundException,
    Severity,
    StartInvestigationResponse,
    Status,
    TooManyRequestsException,
    WaiterTimeout,
)
from detective_async.investigation import FindingEntity, InvestigationFailed, cases, entities_of, investigate, run
from detective_async.testing import DetectiveSimulator, Drop, Failure, Fault, Garbage
from investigation.worlds import (
    ADMINISTRATOR,
    END,
    REGION,
    START,
    WorldTime,
    administrator,
    counts,
    reports,
    role,
    running_tasks,
    start,
    starts,
)

DENIED = Failure(403, "AccessDeniedException", "not you")
MINUTES = timedelta(minutes=5)
SCOPE: dict[str, Any] = {"start": START, "end": END}


@pytest.mark.usefixtures("graph_arn")
async def test_a_hundred_investigations(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Each is started and read once, and all are awaited by a few lists."""
    sim.investigations(duration=10)
    found = await reports(client, [role(f"R{number}") for number in range(100)], **SCOPE)
    assert len(found) == 100
    assert all(one.ok and len(one.indicators) == 24 for one in found.values())
    requests = counts(sim)
    assert requests.pop("ListInvestigations") < 20
    assert requests == {"ListGraphs": 1, "StartInvestigation": 100, "ListIndicators": 100}


async def test_a_report(client: DetectiveClient, graph_arn: str) -> None:
    """It has the entity, the scope, the region, the graph, and the investigation."""
    (report,) = (await reports(client, [role("A")], **SCOPE)).values()
    assert (report.entity, report.start, report.end) == (role("A"), START, END)
    assert (report.region, report.graph_arn, report.reused) == ("eu-west-1", graph_arn, False)
    assert report.detail is not None
    assert report.administrator_id == ADMINISTRATOR
    (listed,) = await client.iter_investigations(graph_arn).collect()
    assert report.investigation_id == listed.investigation_id
    assert (report.detail.status, report.severity) == (Status.SUCCESSFUL, Severity.HIGH)
    assert json.loads(json.dumps(report.to_dict()))["severity"] == "HIGH"


@pytest.mark.usefixtures("graph_arn")
async def test_the_default_scope(client: DetectiveClient) -> None:
    """It is the day until now."""
    (report,) = (await reports(client, [role("A")])).values()
    assert report.start is not None
    assert report.end is not None
    assert report.end - report.start == timedelta(days=1)
    assert abs(report.end - datetime.now(UTC)) < timedelta(minutes=1)


async def test_reports_come_as_investigations_end(
    sim: DetectiveSimulator, client: DetectiveClient, graph_arn: str
) -> None:
    """One that has ended is reported while another runs; leaving the loop then leaves no task."""
    sim.investigations(duration=3)
    await start(client, graph_arn, role("Short"))
    sim.investigations(duration=100_000)
    async with aclosing(investigate(client, [role("Long"), role("Short")], timeout=10_000, **SCOPE)) as found:
        report = await anext(found)
        assert (report.entity, report.reused, report.ok) == (role("Short"), True, True)
        assert starts(sim)[role("Long")] == 1
    assert running_tasks() == []


@pytest.mark.usefixtures("graph_arn")
async def test_indicators_are_paged(
    sim: DetectiveSimulator, client: DetectiveClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All pages are read."""
    monkeypatch.setattr(run, "_PAGE_SIZE", 10)
    (report,) = (await reports(client, [role("A")], **SCOPE)).values()
    assert len(report.indicators) == 24
    assert counts(sim)["ListIndicators"] == 3


@pytest.mark.parametrize("duration", [0, 50])
@pytest.mark.parametrize("archived", [True, False])
async def test_what_there_is_is_not_started_again(
    sim: DetectiveSimulator, client: DetectiveClient, graph_arn: str, duration: float, archived: bool
) -> None:
    """An investigation of the same entity and time that runs or is done is used, archived or not."""
    sim.investigations(duration=duration)
    known = await start(client, graph_arn, role("A"))
    if archived:
        await client.update_investigation_state(graph_arn, known, "ARCHIVED")
    (report,) = (await reports(client, [role("A")], **SCOPE)).values()
    assert (report.investigation_id, report.reused, report.ok) == (known, True, True)
    assert starts(sim) == {role("A"): 1}


async def test_what_differs_is_started(sim: DetectiveSimulator, client: DetectiveClient, graph_arn: str) -> None:
    """Investigations of another entity, of another time, and failed ones are not used."""
    sim.investigations(outcome="FAILED")
    await start(client, graph_arn, role("A"))
    sim.investigations()
    await start(client, graph_arn, role("A"), days=2)
    await client.start_investigation(graph_arn, role("A"), START + MINUTES, END + MINUTES)
    await start(client, graph_arn, role("B"))
    (report,) = (await reports(client, [role("A")], **SCOPE)).values()
    assert (report.reused, report.ok) == (False, True)
    assert starts(sim) == {role("A"): 4, role("B"): 1}


@pytest.mark.parametrize(
    "times",
    [
        ({}, ((0, False), (50, True), (70, False))),
        # A time that was asked for is what is investigated.
        ({"start": datetime.now(UTC).replace(microsecond=0) - 100 * MINUTES}, ((0, False), (50, True), (70, False))),
        ({"hours": 5}, ((0, False), (50, False))),
        ({"end": END}, ((0, False), (70, True))),
    ],
)
async def test_times_that_move_are_the_same_within_an_hour(
    sim: DetectiveSimulator,
    client: DetectiveClient,
    graph_arn: str,
    monkeypatch: pytest.MonkeyPatch,
    times: tuple[dict[str, Any], tuple[tuple[int, bool], ...]],
) -> None:
    """The second run uses what the first has started, and reports its time; an hour later, there may be more."""
    asked, now_and_then = times
    began = datetime.now(UTC).replace(microsecond=0)
    for minutes, reused in now_and_then:
        now = began + timedelta(minutes=minutes)
        for module in (cases, run):
            monkeypatch.setattr(module, "present_time", lambda _, now=now: now)
        options = dict(asked)
        if hours := options.pop("hours", 0):
            options = {"start": now - timedelta(hours=hours), "end": now}
        (report,) = (await reports(client, [role("A")], **options)).values()
        assert report.reused is reused
        investigation = await client.get_investigation(graph_arn, str(report.investigation_id))
        assert (report.start, report.end) == (investigation.scope_start_time, investigation.scope_end_time)
        when = report.rows()[0]["when"].split("/")
        assert [datetime.fromisoformat(one) for one in when] == [report.start, report.end]
    assert starts(sim)[role("A")] == [reused for _, reused in now_and_then].count(False)


async def test_a_start_that_was_asked_for(client: DetectiveClient, graph_arn: str) -> None:
    """An investigation that begins within the hour before or after is another one."""
    (report,) = (await reports(client, [role("A")])).values()
    assert report.start is not None
    earlier = report.start - timedelta(minutes=55)
    (report,) = (await reports(client, [role("A")], start=earlier)).values()
    assert (report.reused, report.start) == (False, earlier)
    assert len(await client.iter_investigations(graph_arn).collect()) == 2


@pytest.mark.usefixtures("graph_arn")
async def test_a_finding_that_ended_before_the_start(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """It has a report with the error, and the others are investigated; a time without a zone is refused."""
    over = FindingEntity(arn=role("A"), start=START, end=END)
    found = [one async for one in investigate(client, [over, role("A"), over], start=datetime.now(UTC) - 100 * MINUTES)]
    assert [(one.entity, one.ok) for one in found] == [(role("A"), False), (role("A"), True)]
    assert isinstance(found[0].error, ParameterError)
    assert "must be before the end" in str(found[0].error)
    assert starts(sim) == {role("A"): 1}
    with pytest.raises(ParameterError, match="start"):
        investigate(client, [FindingEntity(arn=role("A"), start=datetime(2026, 1, 1))])  # noqa: DTZ001 - it is refused


async def test_old_investigations_are_not_looked_at(
    sim: DetectiveSimulator, client: DetectiveClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that were created before the end of the scope cannot be of it: the list is not read so far back."""
    old = [
        {
            "id": f"{number:021}",
            "entity_arn": role("A"),
            "created": END + timedelta(hours=number),
            "scope_start": START,
            "scope_end": END,
        }
        for number in range(5)
    ]
    sim.load(
        {
            "accounts": [{"id": ADMINISTRATOR}],
            "graphs": [{"administrator": ADMINISTRATOR, "region": REGION, "investigations": old}],
        }
    )
    monkeypatch.setattr(run, "_PAGE_SIZE", 2)
    (report,) = (await reports(client, [role("A")])).values()
    assert (report.ok, report.reused) == (True, False)
    requests = counts(sim)
    assert requests["GetInvestigation"] == 0
    # Archived ones are listed apart, and the last list has the new one.
    assert requests["ListInvestigations"] == 3


async def test_an_earlier_investigation_without_a_scope(
    sim: DetectiveSimulator, client: DetectiveClient, graph_arn: str
) -> None:
    """It is not taken for the wanted one."""
    investigation_id = await start(client, graph_arn, role("A"))
    found = {"InvestigationId": investigation_id, "EntityArn": role("A"), "Status": "SUCCESSFUL"}
    sim.inject(
        Fault(Garbage(json.dumps(found).encode(), content_type="application/json"), operation="GetInvestigation")
    )
    (report,) = (await reports(client, [role("A")], **SCOPE)).values()
    assert (report.ok, report.reused) == (True, False)


async def test_repeat(sim: DetectiveSimulator, client: DetectiveClient, graph_arn: str) -> None:
    """It is started again if that is asked for."""
    await start(client, graph_arn, role("A"))
    (report,) = (await reports(client, [role("A")], repeat=True, **SCOPE)).values()
    assert not report.reused
    assert starts(sim) == {role("A"): 2}


@pytest.mark.usefixtures("graph_arn")
async def test_duplicates_are_investigated_once(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """The same entity and time counts once."""
    now = datetime.now(UTC)
    entity = FindingEntity(arn=role("A"), start=now - timedelta(days=1), end=now)
    other = FindingEntity(arn=role("A"), start=START, end=END)
    found = [one async for one in investigate(client, [role("A"), entity, role("A"), other])]
    assert [one.entity for one in found] == [role("A")] * 2
    assert starts(sim) == {role("A"): 2}


@pytest.mark.usefixtures("graph_arn")
async def test_an_entity_of_a_finding_brings_its_scope(client: DetectiveClient) -> None:
    """Unless a time is given."""
    entity = FindingEntity(arn=role("A"), start=START, end=END)
    (report,) = (await reports(client, [entity])).values()
    assert (report.start, report.end) == (START, END)
    earlier = START - timedelta(days=1)
    (report,) = (await reports(client, [entity], start=earlier)).values()
    assert (report.start, report.end) == (earlier, END)


@pytest.mark.parametrize(
    ("arn", "reason"),
    [
        ("arn:aws:ec2:eu-west-1:111122223333:instance/i-1", "(other resource); only IAM users and roles can"),
        (
            "arn:aws:sts::111122223333:assumed-role/Deploy/session",
            "(path unknown); the role's own ARN is what `aws iam get-role --role-name Deploy` shows",
        ),
        ("arn:aws:iam::111122223333:root", "(root user); only"),
        ("arn:aws:sts::111122223333:federated-user/Bob", "(federated user); only"),
        ("role/Deploy", "(malformed); expected the whole ARN, such as arn:aws:iam::111122223333:role/Deploy"),
        ("", "(malformed); expected the whole ARN"),
    ],
)
@pytest.mark.usefixtures("graph_arn")
async def test_what_is_no_user_or_role(sim: DetectiveSimulator, client: DetectiveClient, arn: str, reason: str) -> None:
    """It has a report with the error, and does not keep the others from being investigated."""
    found = await reports(client, [arn, role("A")], **SCOPE)
    error = found[arn].error
    assert isinstance(error, ParameterError)
    assert reason in str(error)
    assert (found[arn].start, found[arn].ok) == (None, False)
    assert found[role("A")].ok
    assert starts(sim) == {role("A"): 1}


async def test_nothing_is_sent_for_malformed_arns(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """There is nothing to look for."""
    assert not (await reports(client, ["nonsense"]))["nonsense"].ok
    assert sim.requests == []


async def test_nothing_to_investigate(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Nothing is sent for findings that name no user or role."""
    assert await reports(client, entities_of([])) == {}
    assert sim.requests == []


async def test_without_a_graph(client: DetectiveClient) -> None:
    """The reports say so."""
    found = await reports(client, [role("A"), role("B")])
    assert len(found) == 2
    for report in found.values():
        assert isinstance(report.error, InvestigationFailed)
        assert "no graph in eu-west-1" in str(report.error)
        assert (report.graph_arn, report.start) == (None, None)


async def test_a_given_graph(sim: DetectiveSimulator, client: DetectiveClient, graph_arn: str) -> None:
    """It is not asked for."""
    assert (await reports(client, [role("A")], graph_arn=graph_arn, **SCOPE))[role("A")].ok
    assert counts(sim)["ListGraphs"] == 0


@pytest.mark.parametrize("operation", ["ListGraphs", "ListInvestigations"])
@pytest.mark.usefixtures("graph_arn")
async def test_what_is_needed_for_all_is_refused(
    sim: DetectiveSimulator, client: DetectiveClient, operation: str
) -> None:
    """All reports have the error, and nothing is started."""
    sim.inject(Fault(DENIED, operation=operation))
    found = await reports(client, [role("A"), role("B")], **SCOPE)
    assert [type(one.error) for one in found.values()] == [AccessDeniedException] * 2
    assert starts(sim) == {}


@pytest.mark.usefixtures("graph_arn")
async def test_a_refused_start(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Its report has the error; the others go on."""
    sim.inject(Fault(DENIED, operation="StartInvestigation"))
    found = await reports(client, [role("A"), role("B")], concurrency=1, **SCOPE)
    assert isinstance(found[role("A")].error, AccessDeniedException)
    assert (found[role("A")].detail, found[role("A")].start, found[role("A")].end) == (None, None, None)
    assert found[role("B")].ok


@pytest.mark.usefixtures("graph_arn")
async def test_throttled_starts(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """They are tried again as long as there is time, also after the retries of a call."""
    sim.throttle(20, operation="StartInvestigation")
    found = await reports(client, [role("A"), role("B")], **SCOPE)
    assert all(one.ok for one in found.values())
    assert starts(sim) == {role("A"): 1, role("B"): 1}


class ThrottledClient(DetectiveClient):
    """A client whose StartInvestigation is always throttled."""

    async def start_investigation(self, *_args: Any, **_options: Any) -> StartInvestigationResponse:
        raise TooManyRequestsException("TooManyRequestsException", retryable=True)


async def test_starts_that_are_throttled_until_the_timeout(sim: DetectiveSimulator) -> None:
    """They were not started, and the timeout says why."""
    async with administrator(sim, kind=ThrottledClient) as client:
        await client.create_graph()
        error = (await reports(client, [role("A")], timeout=60, **SCOPE))[role("A")].error
    assert isinstance(error, WaiterTimeout)
    assert isinstance(error.__cause__, TooManyRequestsException)
    assert (error.outcome_unknown, "was not started" in str(error)) == (False, True)


class StoppedTime(FakeTime):
    """A clock whose sleeps never end."""

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.Event().wait()


@pytest.mark.usefixtures("graph_arn")
async def test_the_end_does_not_wait_for_a_pause(sim: DetectiveSimulator) -> None:
    """If nothing is waited for any more, the pause before the next poll is cut short."""
    sim.inject(Fault(DENIED, operation="StartInvestigation", count=None))
    time = StoppedTime()
    async with administrator(sim, time) as client:
        await reports(client, [role("A"), role("B")], **SCOPE)
    assert len(time.slept) == 1
    assert running_tasks() == []


async def test_polls_read_no_further_than_necessary(
    sim: DetectiveSimulator, client: DetectiveClient, graph_arn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a long list, the page that has what is waited for."""
    for number in range(30):
        await start(client, graph_arn, role(f"Other{number}"))
    monkeypatch.setattr(run, "_PAGE_SIZE", 10)
    sim.forget_requests()
    assert (await reports(client, [role("A")], repeat=True, **SCOPE))[role("A")].ok
    # Before the start, all are read that were started today.
    assert counts(sim)["ListInvestigations"] == 3 + 1


@pytest.mark.usefixtures("graph_arn")
async def test_all_starts_are_refused(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Each report has its error, and nothing is polled."""
    sim.inject(Fault(DENIED, operation="StartInvestigation", count=None))
    found = await reports(client, [role("A"), role("B")], **SCOPE)
    assert [type(one.error) for one in found.values()] == [AccessDeniedException] * 2
    assert counts(sim)["ListInvestigations"] == 2


@pytest.mark.usefixtures("graph_arn")
async def test_a_failed_investigation(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Its report has an error, and the investigation."""
    sim.investigations(outcome="FAILED")
    (report,) = (await reports(client, [role("A")], **SCOPE)).values()
    assert isinstance(report.error, InvestigationFailed)
    assert f"investigation {report.investigation_id} ended with the status FAILED" in str(report.error)
    assert report.detail is not None
    assert report.detail.status == "FAILED"


@pytest.mark.usefixtures("graph_arn")
async def test_unreadable_indicators(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """The report has the error and the severity."""
    sim.inject(Fault(DENIED, operation="ListIndicators"))
    (report,) = (await reports(client, [role("A")], **SCOPE)).values()
    assert isinstance(report.error, AccessDeniedException)
    assert (report.severity, report.indicators) == (Severity.HIGH, ())


async def test_unreadable_earlier_investigations(
    sim: DetectiveSimulator, client: DetectiveClient, graph_arn: str
) -> None:
    """What may be there already is not started."""
    await start(client, graph_arn, role("A"))
    sim.forget_requests()
    sim.inject(Fault(DENIED, operation="GetInvestigation"))
    found = await reports(client, [role("A"), role("B")], **SCOPE)
    assert isinstance(found[role("A")].error, AccessDeniedException)
    assert starts(sim) == {role("B"): 1}


@pytest.mark.usefixtures("graph_arn")
async def test_a_timeout(sim: DetectiveSimulator, client: DetectiveClient, world_time: WorldTime) -> None:
    """What still runs is reported with its id, so that a later run can use it."""
    sim.investigations(duration=100_000)
    (report,) = (await reports(client, [role("A")], timeout=30, **SCOPE)).values()
    assert isinstance(report.error, WaiterTimeout)
    assert str(report.error) == f"the investigation of {role('A')} has not ended within 30 s"
    assert report.error.pending == [report.investigation_id]
    assert report.error.last_states == {report.investigation_id: report.detail}
    assert (report.detail is not None and report.detail.status, report.error.outcome_unknown) == ("RUNNING", False)
    assert sum(world_time.slept) == pytest.approx(30)


class HangingClient(DetectiveClient):
    """A client whose StartInvestigation never ends."""

    async def start_investigation(self, *_args: Any, **_options: Any) -> StartInvestigationResponse:
        await asyncio.Event().wait()
        raise AssertionError


async def test_a_timeout_while_starting(sim: DetectiveSimulator) -> None:
    """What may have been started says so, and what was not started too."""
    async with administrator(sim, kind=HangingClient) as client:
        await client.create_graph()
        found = await reports(client, [role("A"), role("B")], timeout=5, concurrency=1, **SCOPE)
    begun, waiting = found[role("A")].error, found[role("B")].error
    assert isinstance(begun, WaiterTimeout)
    assert isinstance(waiting, WaiterTimeout)
    assert (begun.outcome_unknown, waiting.outcome_unknown) == (True, False)
    assert "has not ended" in str(begun)
    assert "was not started" in str(waiting)
    assert (found[role("A")].start, found[role("B")].start) == (START, None)


@pytest.mark.usefixtures("graph_arn")
async def test_nothing_is_started_after_the_timeout(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Earlier retries can take all of the time."""
    sim.inject(Fault(Failure(), operation="ListInvestigations", count=1))
    (report,) = (await reports(client, [role("A")], timeout=1e-9, **SCOPE)).values()
    assert isinstance(report.error, WaiterTimeout)
    assert starts(sim) == {}


@pytest.mark.parametrize("lag", [0, 20])
async def test_a_start_without_a_response(
    sim: DetectiveSimulator, client: DetectiveClient, graph_arn: str, lag: float
) -> None:
    """It is looked for, found as soon as it is visible, and not started again."""
    await start(client, graph_arn, role("Other"))
    sim.forget_requests()
    sim.set_read_lag(lag)
    sim.inject(Fault(Drop("after"), operation="StartInvestigation"))
    found = await reports(client, [role("A"), role("B")], concurrency=1, **SCOPE)
    assert all(one.ok and not one.reused for one in found.values())
    assert counts(sim)["StartInvestigation"] == 2
    assert found[role("A")].investigation_id != found[role("B")].investigation_id


@pytest.mark.usefixtures("graph_arn")
async def test_two_starts_without_a_response(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Each finds its own."""
    sim.inject(Fault(Drop("after"), operation="StartInvestigation", count=2))
    found = await reports(client, [role("A"), role("B")], **SCOPE)
    assert [one.detail and one.detail.entity_arn for one in found.values()] == list(found)
    assert counts(sim)["StartInvestigation"] == 2


async def test_a_start_that_cannot_be_found(
    sim: DetectiveSimulator, client: DetectiveClient, graph_arn: str, world_time: WorldTime
) -> None:
    """After a minute the report has the error, which says that it may have been started."""
    await start(client, graph_arn, role("A"), days=3)
    sim.inject(Fault(Drop("before"), operation="StartInvestigation"))
    world_time.actions[2] = lambda: start(client, graph_arn, role("A"), days=2)
    (report,) = (await reports(client, [role("A")], repeat=True, **SCOPE)).values()
    assert isinstance(report.error, ConnectionLost)
    assert report.error.outcome_unknown
    assert 60 <= sum(world_time.slept) < 80
    # Another program's investigation is looked at once, and is not taken for it.
    assert counts(sim)["GetInvestigation"] == 1


@pytest.mark.usefixtures("graph_arn")
async def test_a_lost_start_at_the_deadline(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """The timeout says that it may have been started, and why that is not known."""
    sim.inject(Fault(Drop("before"), operation="StartInvestigation"))
    (report,) = (await reports(client, [role("A")], timeout=5, **SCOPE)).values()
    assert isinstance(report.error, WaiterTimeout)
    assert report.error.outcome_unknown
    assert isinstance(report.error.__cause__, ConnectionLost)


@pytest.mark.usefixtures("graph_arn")
async def test_transient_failures_of_polls(sim: DetectiveSimulator, world_time: WorldTime) -> None:
    """They do not end the wait; the timeout has the last one as its cause."""
    async with administrator(sim, world_time, max_attempts=1) as client:
        sim.investigations(duration=10)

        async def fail() -> None:
            sim.inject(Fault(Failure(), operation="ListInvestigations", count=3))

        world_time.actions[1] = fail
        assert (await reports(client, [role("A")], **SCOPE))[role("A")].ok
        sim.investigations(duration=100_000)

        async def fail_for_good() -> None:
            sim.inject(Fault(Failure(), operation="ListInvestigations", count=None))

        world_time.actions[len(world_time.slept) + 1] = fail_for_good
        error = (await reports(client, [role("B")], timeout=9, **SCOPE))[role("B")].error
    assert isinstance(error, WaiterTimeout)
    assert isinstance(error.__cause__, InternalServerException)


@pytest.mark.usefixtures("graph_arn")
async def test_a_final_failure_of_a_poll(
    sim: DetectiveSimulator, client: DetectiveClient, world_time: WorldTime
) -> None:
    """What is waited for is reported with the error and its id."""
    sim.investigations(duration=10)

    async def refuse() -> None:
        sim.inject(Fault(DENIED, operation="ListInvestigations", count=None))

    world_time.actions[1] = refuse
    found = await reports(client, [role("A"), role("B")], **SCOPE)
    assert [type(one.error) for one in found.values()] == [AccessDeniedException] * 2
    assert all(one.investigation_id for one in found.values())


@pytest.mark.usefixtures("graph_arn")
async def test_a_poll_that_hangs(sim: DetectiveSimulator, world_time: WorldTime) -> None:
    """It does not keep the wait from ending."""

    class SlowClient(DetectiveClient):
        polls = 0

        async def list_investigations(self, *args: Any, **options: Any) -> Any:
            SlowClient.polls += 1
            if SlowClient.polls > 2:
                world_time.now += 1000
                await asyncio.Event().wait()
            return await super().list_investigations(*args, **options)

    async with administrator(sim, world_time, kind=SlowClient) as client:
        (report,) = (await reports(client, [role("A")], timeout=0.2, **SCOPE)).values()
    assert isinstance(report.error, WaiterTimeout)


@pytest.mark.parametrize("operation", ["ListIndicators", "GetInvestigation"])
async def test_what_is_visible_later(
    sim: DetectiveSimulator, client: DetectiveClient, graph_arn: str, operation: str
) -> None:
    """Operations that do not show an investigation yet that is in the list are repeated."""
    sim.set_read_lag(4, [operation])
    if operation == "GetInvestigation":
        await start(client, graph_arn, role("A"))
    (report,) = (await reports(client, [role("A")], **SCOPE)).values()
    assert (report.ok, len(report.indicators)) == (True, 24)
    assert starts(sim) == {role("A"): 1}


@pytest.mark.usefixtures("graph_arn")
async def test_what_never_becomes_visible(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """The report has the error."""
    sim.set_read_lag(1000, ["ListIndicators"])
    (report,) = (await reports(client, [role("A")], **SCOPE)).values()
    assert isinstance(report.error, ResourceNotFoundException)


@pytest.mark.usefixtures("graph_arn")
async def test_read_lag(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """What is not in the list yet is waited for."""
    sim.set_read_lag(10)
    await sim.advance(11)
    found = await reports(client, [role("A"), role("B")], **SCOPE)
    assert all(one.ok for one in found.values())
    assert starts(sim) == {role("A"): 1, role("B"): 1}


@pytest.mark.parametrize(
    ("body", "error"),
    [(b"{}", InvestigationFailed), (b'{"InvestigationId": 7}', Exception)],
)
@pytest.mark.usefixtures("graph_arn")
async def test_a_start_with_a_malformed_response(
    sim: DetectiveSimulator, client: DetectiveClient, body: bytes, error: type[Exception]
) -> None:
    """The report has an error."""
    sim.inject(Fault(Garbage(body, content_type="application/json"), operation="StartInvestigation"))
    (report,) = (await reports(client, [role("A")], timeout=100, repeat=True, **SCOPE)).values()
    assert report.ok or isinstance(report.error, error)
    assert counts(sim)["StartInvestigation"] == 1


@pytest.mark.usefixtures("graph_arn")
async def test_an_investigation_with_little_detail(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """Members that AWS leaves out are not needed, and an unknown status ends the wait."""
    arn, number = role("A"), "1" * 21
    details = [{"InvestigationId": number, "EntityArn": arn, "Status": "CANCELLED"}]
    sim.inject(
        Fault(
            Garbage(f'{{"InvestigationId": "{number}"}}'.encode(), content_type="application/json"),
            "StartInvestigation",
        )
    )
    body = json.dumps({"InvestigationDetails": details}).encode()
    sim.inject(Fault(Garbage(body, content_type="application/json"), "ListInvestigations", count=None))
    (report,) = (await reports(client, [arn], **SCOPE)).values()
    assert "ended with the status CANCELLED" in str(report.error)


@pytest.mark.parametrize(
    ("arguments", "parameter"),
    [
        ({"entity_arns": role("A")}, "entity_arns"),
        ({"entity_arns": [role("A"), 7]}, "entity_arns[1]"),
        ({"start": datetime(2026, 1, 1)}, "start"),  # noqa: DTZ001 - it is refused
        ({"end": "yesterday"}, "end"),
        ({"start": END, "end": START}, "start"),
        ({"timeout": 0}, "timeout"),
        ({"graph_arn": "arn:aws:nothing"}, "graph_arn"),
        ({"repeat": 1}, "repeat"),
        ({"concurrency": 0}, "concurrency"),
    ],
)
def test_invalid_parameters(arguments: dict[str, Any], parameter: str) -> None:
    """They are refused at once, before anything is sent."""
    client = DetectiveClient(region="eu-west-1", endpoint_url="http://127.0.0.1:1")
    with pytest.raises(ParameterError) as caught:
        investigate(client, **{"entity_arns": [role("A")], **arguments})
    assert caught.value.parameter == parameter


async def test_cancellation_leaves_no_task(sim: DetectiveSimulator, client: DetectiveClient, graph_arn: str) -> None:
    """Cancelled at any step of the event loop, it ends at once without leftover tasks."""
    sim.investigations(duration=100_000)
    await start(client, graph_arn, role("R1"))
    for passes in range(0, 200, 17):
        task = asyncio.create_task(reports(client, [role(f"R{number}") for number in range(5)], timeout=1e6, **SCOPE))
        for _ in range(passes):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert running_tasks() == []


@pytest.mark.parametrize("moment", [0, 1, 2, 3, 4, 5, 7, 9, 12, 15])
@pytest.mark.usefixtures("graph_arn")
async def test_another_run_continues(sim: DetectiveSimulator, client: DetectiveClient, moment: int) -> None:
    """After a cancellation at any request, another run starts nothing that was started."""
    sim.investigations(duration=2)
    entities = [role(f"R{number}") for number in range(4)]
    task = asyncio.create_task(reports(client, entities, **SCOPE))
    while len(sim.requests) < moment and not task.done():  # noqa: ASYNC110 - it is about this very moment
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert running_tasks() == []
    found = await reports(client, entities, **SCOPE)
    assert all(one.ok for one in found.values())
    assert starts(sim) == dict.fromkeys(entities, 1)


@pytest.mark.usefixtures("graph_arn")
async def test_a_closed_client(sim: DetectiveSimulator) -> None:
    """The reports have the error."""
    async with administrator(sim) as client:
        pass
    (report,) = (await reports(client, [role("A")])).values()
    assert type(report.error).__name__ == "ClientClosed"


@pytest.mark.usefixtures("graph_arn")
async def test_a_mistake_of_the_library_is_raised(client: DetectiveClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not lost in a task."""
    monkeypatch.setattr(run, "InvestigationDetail", None)
    with pytest.raises(TypeError):
        await reports(client, [role("A")], **SCOPE)
    assert running_tasks() == []


def test_the_account_of_the_tests() -> None:
    """Roles are of the administrator's account."""
    assert role("A").split(":")[4] == ADMINISTRATOR


@pytest.mark.usefixtures("graph_arn")
async def test_an_arn_of_another_partition(sim: DetectiveSimulator, client: DetectiveClient) -> None:
    """It has a report with the error before anything is sent, and does not stop the others."""
    sim.forget_requests()
    other = role("A").replace("arn:aws:", "arn:aws-cn:")
    reports = [one async for one in investigate(client, [other, FindingEntity(arn=other, region="cn-north-1")])]
    text = f"{other} is of the partition aws-cn, and eu-west-1 of aws: use its own regions"
    assert [(one.entity, str(one.error).partition(": ")[2]) for one in reports] == [(other, text)]
    assert all(isinstance(one.error, ParameterError) for one in reports)
    assert list(sim.requests) == []
    found = {one.entity: one.ok async for one in investigate(client, [other, role("A")])}
    assert found == {other: False, role("A"): True}

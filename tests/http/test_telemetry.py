"""Log messages and their fields, and no output without configured logging."""

import logging
from typing import Any

import pytest
from aioresponses import aioresponses
from attrs import asdict
from support.fakes import FakeTime

from detective_async import AssumeRole, AttemptEvent, CallEvent, Credentials, DetectiveClient, RetryEvent
from detective_async.events import Event
from detective_async.testing import DetectiveSimulator

ADMINISTRATOR, MEMBER = "111122223333", "444455556666"
URL = "https://api.detective.eu-west-1.amazonaws.com/graphs/list"
THROTTLED = "TooManyRequestsException"
#: What a record has anyway.
_USUAL = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in vars(record).items() if name not in _USUAL}


async def call(credentials: Credentials, fake_time: FakeTime, *hooks: Any) -> None:
    """Make a call that is throttled once."""
    async with DetectiveClient(
        region="eu-west-1", credentials=credentials, clock=fake_time.clock(), hooks=hooks
    ) as client:
        await client.list_graphs()


@pytest.fixture
def throttled_once(mock_aws: aioresponses) -> None:
    mock_aws.post(URL, status=429, headers={"x-amzn-errortype": THROTTLED, "x-amzn-requestid": "r1"})
    mock_aws.post(URL, payload={}, headers={"x-amzn-requestid": "r2"})


@pytest.mark.usefixtures("throttled_once")
async def test_attempts_retries_and_calls_are_logged(
    credentials: Credentials, fake_time: FakeTime, caplog: pytest.LogCaptureFixture
) -> None:
    """One line for each, with all attributes of the event as fields of the record."""
    events: list[Event] = []
    caplog.set_level(logging.DEBUG, "detective_async")
    await call(credentials, fake_time, events.append)
    records = [record for record in caplog.records if record.name.startswith("detective_async")]
    assert [(record.name, record.levelname, record.getMessage()) for record in records] == [
        ("detective_async", "DEBUG", f"ListGraphs in eu-west-1: attempt 1 of 3 took 0.000 s: {THROTTLED}"),
        (
            "detective_async.retry",
            "INFO",
            f"ListGraphs in eu-west-1: attempt 1 of 3 failed ({THROTTLED}), the next one follows in 1.000 s",
        ),
        ("detective_async", "DEBUG", "ListGraphs in eu-west-1: attempt 2 of 3 took 0.000 s: 200"),
        ("detective_async", "DEBUG", "ListGraphs in eu-west-1: done after 2 attempts and 1.000 s"),
    ]
    assert [type(event) for event in events] == [AttemptEvent, RetryEvent, AttemptEvent, CallEvent]
    assert [fields_of(record) for record in records] == [asdict(event) for event in events]


@pytest.mark.usefixtures("throttled_once")
@pytest.mark.parametrize(
    ("levels", "names"),
    [
        ({"detective_async.retry": logging.WARNING, "detective_async": logging.DEBUG}, ["detective_async"] * 3),
        ({"detective_async.retry": logging.INFO}, ["detective_async.retry"]),
        ({}, []),
    ],
    ids=["calls alone", "retries alone", "nothing"],
)
async def test_levels_select_what_is_logged(
    levels: dict[str, int],
    names: list[str],
    *,
    credentials: Credentials,
    fake_time: FakeTime,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Calls and retries can be selected; by default nothing is logged, and no event is created."""
    if not levels:
        monkeypatch.setattr("detective_async.http.telemetry.CallRecorder", None)
    for name, level in levels.items():
        caplog.set_level(level, name)
    await call(credentials, fake_time)
    assert [record.name for record in caplog.records if record.name.startswith("detective_async")] == names


async def test_fetched_credentials_are_logged(sim: DetectiveSimulator, caplog: pytest.LogCaptureFixture) -> None:
    """Their source, account and expiry are logged, and no keys."""
    sim.role(MEMBER, "Audit", trusted=[ADMINISTRATOR])
    role = AssumeRole(f"arn:aws:iam::{MEMBER}:role/Audit", source=sim.account(ADMINISTRATOR))
    caplog.set_level(logging.DEBUG, "detective_async.credentials")
    async with DetectiveClient(region="eu-west-1", endpoint_url=sim.url, credentials=role) as client:
        await client.list_graphs()
        keys = await role.get_credentials_for(client._transport)
    (record,) = [record for record in caplog.records if record.name == "detective_async.credentials"]
    assert fields_of(record) == {
        "source": f"AssumeRole of {role.role_arn}",
        "account": MEMBER,
        "expires_at": keys.expires_at,
    }
    assert record.getMessage() == f"AssumeRole of {role.role_arn} returned credentials that expire at {keys.expires_at}"

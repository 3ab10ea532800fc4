"""What is told of the progress of a run, and the bar that is drawn of it."""

import asyncio
import io
import logging
import sys
from collections.abc import Iterable

import pytest
from rich.console import Console
from support.fakes import FakeTime

from detective_async import (
    ConfigurationError,
    DetectiveClient,
    DetectiveFleet,
    ProgressEvent,
    ServiceError,
    Target,
)
from detective_async.integrations.progress import ProgressBar
from fleet.gauge import REGIONS, accounts, places


async def work(_client: DetectiveClient, target: Target) -> str:
    await asyncio.sleep(0)
    if target.account_id == accounts(2)[1]:
        raise ServiceError("AccessDeniedException")
    if target.region == REGIONS[2]:
        raise ServiceError("UnrecognizedClientException")
    return str(target)


async def told(targets: Iterable[Target], fake_time: FakeTime) -> list[ProgressEvent]:
    """Run it, with every piece of work taking half a second."""
    events: list[ProgressEvent] = []

    async def timed(client: DetectiveClient, target: Target) -> str:
        fake_time.now += 0.5
        return await work(client, target)

    async with DetectiveFleet(targets, concurrency=1, clock=fake_time.clock()) as fleet:
        number = 0
        async for _ in fleet.run(timed, progress=events.append):
            number += 1
            # It may be ahead of whoever takes the outcomes, and is never behind.
            assert events[number - 1].done == number
    return events


async def test_each_target_is_told_of_once(fake_time: FakeTime) -> None:
    """In order, with how many there are; a region that is not opted in to is done, and has not failed."""
    events = await told(places(3), fake_time)
    assert [event.done for event in events] == list(range(1, 10))
    assert [event.failed for event in events] == [0, 0, 0, 1, 2, 3, 3, 3, 3]
    assert {event.total for event in events} == {9}
    assert [event.elapsed for event in events] == [0.5 * done for done in range(1, 10)]
    assert {event.rate for event in events} == {2.0}


async def test_how_many_there_are_may_be_unknown(fake_time: FakeTime) -> None:
    """Of an iterator nobody knows; of a shard of a list it is known."""
    assert {event.total for event in await told(iter(places(3)), fake_time)} == {None}
    fleet = DetectiveFleet(places(3)).shard(0, 2)
    events: list[ProgressEvent] = []
    assert len([outcome async for outcome in fleet.run(work, progress=events.append)]) == 5
    assert {event.total for event in events} == {5}
    roles = DetectiveFleet.assume_role("Audit", accounts(3), REGIONS[:2])
    assert len([outcome async for outcome in roles.run(work, progress=events.append)]) == 6
    assert events[-1].total == 6


async def test_a_run_counts_for_itself() -> None:
    """Two at once, on one fleet, do not mix."""
    async with DetectiveFleet(places(3)) as fleet:

        async def run() -> list[int]:
            events: list[ProgressEvent] = []
            async for _ in fleet.run(work, progress=events.append):
                pass
            return [event.done for event in events]

        assert list(await asyncio.gather(run(), run())) == [list(range(1, 10))] * 2


async def test_who_raises_when_told_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """And fails nothing."""

    def complain(event: ProgressEvent) -> None:
        if event.done % 3 == 0:
            raise KeyError(event.done)

    async with DetectiveFleet(places(3)) as fleet:
        assert len([outcome async for outcome in fleet.run(work, progress=complain)]) == 9
    failures = [record for record in caplog.records if record.name == "detective_async"]
    assert [(one.levelno, one.getMessage()) for one in failures] == [
        (logging.ERROR, "a hook failed on ProgressEvent")
    ] * 3


def test_no_time_has_passed() -> None:
    """Then nothing is known of the rate."""
    assert ProgressEvent(done=1, failed=0, total=None, elapsed=0.0).rate == 0.0
    assert ProgressEvent(done=3, failed=0, total=None, elapsed=1.5).rate == 2.0


async def test_the_bar() -> None:
    """It is a context manager and a progress callback; where there is no terminal, the end of it stands there."""
    written = io.StringIO()
    with ProgressBar("auditing", console=Console(file=written, width=200)) as bar:
        async with DetectiveFleet(places(3)) as fleet:
            async for _ in fleet.run(work, progress=bar):
                pass
        assert written.getvalue() == ""
    (line,) = written.getvalue().splitlines()
    assert line.startswith("auditing")
    assert "9/9" in line
    assert "failed: 3" in line
    assert "/s" in line


def test_the_bar_on_a_terminal() -> None:
    """It is drawn as it goes; an unknown total is shown as one."""
    written = io.StringIO()
    console = Console(file=written, width=200, force_terminal=True)
    with ProgressBar("auditing", console=console) as bar:
        bar(ProgressEvent(done=3, failed=1, total=None, elapsed=1.5))
    assert "3/?" in written.getvalue()
    assert "failed: 1" in written.getvalue()
    assert "2.0/s" in written.getvalue()


def test_the_bar_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    """What the program prints can be piped on."""
    with ProgressBar("auditing") as bar:
        bar(ProgressEvent(done=3, failed=0, total=4, elapsed=1.5))
        print("result")  # noqa: T201 - what the program is for
    captured = capsys.readouterr()
    assert captured.out == "result\n"
    assert "3/4" in captured.err


def test_without_rich(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install."""
    monkeypatch.setitem(sys.modules, "rich", None)
    with pytest.raises(ConfigurationError, match=r'not installed: pip install "detective-async\[progress\]"') as caught:
        ProgressBar("auditing")
    assert caught.value.__suppress_context__

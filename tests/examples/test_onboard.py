"""The example that onboards accounts: what it makes of good and bad lists, and what its exit code says."""

import csv
import importlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from detective_async.testing import Fault, Latency, SimulatorThread

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
ADMINISTRATOR = "111122223333"
MEMBERS = [f"{number:012}" for number in range(200_000_000_001, 200_000_000_006)]
ROLE = "Onboarding"
REGIONS = ("eu-west-1", "us-east-1")
READING = {"ListGraphs", "ListMembers", "GetMembers"}

Onboard = Callable[..., int]


@pytest.fixture
def sim(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatorThread]:
    """A simulator that the environment leads to, with accounts that may be onboarded."""
    with SimulatorThread() as simulator:
        for account_id in MEMBERS:
            simulator.role(account_id, ROLE, trusted=[ADMINISTRATOR])
        for name, value in simulator.environment(ADMINISTRATOR).items():
            monkeypatch.setenv(name, value)
        yield simulator


@pytest.fixture
def onboard(monkeypatch: pytest.MonkeyPatch) -> Onboard:
    monkeypatch.syspath_prepend(EXAMPLES)
    main: Onboard = importlib.import_module("onboard").main

    def run(accounts: Path | str, *options: str, role: str | None = ROLE, regions: tuple[str, ...] = REGIONS) -> int:
        with_role = [] if role is None else ["--member-role", role]
        return main([str(accounts), "--regions", *regions, *with_role, *options])

    return run


@pytest.fixture
def accounts(tmp_path: Path) -> Path:
    """A good list."""
    file = tmp_path / "accounts.csv"
    file.write_text("".join(f"{account_id},account-{account_id}@example.com\n" for account_id in MEMBERS))
    return file


def statuses(sim: SimulatorThread) -> list[str]:
    return [status for graph in sim.snapshot().values() for status in graph["members"].values()]


def changes(sim: SimulatorThread) -> list[str | None]:
    return [request.operation for request in sim.requests if request.operation not in READING | {"AssumeRole"}]


def test_a_good_list_makes_members_of_all(
    sim: SimulatorThread, onboard: Onboard, accounts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every account in every region, a table of them on standard output, the rest on standard error, and success."""
    assert onboard(accounts) == 0
    assert statuses(sim) == ["ENABLED"] * 10
    told = capsys.readouterr()
    header, *rows = told.out.splitlines()
    assert header.split() == ["account_id", "region", "before", "after", "done", "problem"]
    assert [row.split() for row in rows[:2]] == [[region, "create", "graph"] for region in REGIONS]
    assert {tuple(row.split()) for row in rows[2:]} == {
        (account_id, region, "ENABLED", "invite,", "accept") for account_id in MEMBERS for region in REGIONS
    }
    assert "10 of 10 memberships in 2 regions are as wanted" in told.err


def test_done_again_it_changes_nothing(sim: SimulatorThread, onboard: Onboard, accounts: Path) -> None:
    """And succeeds."""
    assert onboard(accounts) == 0
    sim.forget_requests()
    assert onboard(accounts) == 0
    assert changes(sim) == []


def test_bad_lines_are_named_and_the_others_stand(
    sim: SimulatorThread, onboard: Onboard, accounts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the number of the line and what is wrong, but no e-mail address; the exit code is not that of success."""
    bad = ["12345,root@example.com", MEMBERS[0], f"{MEMBERS[1]},other@example.com", "999988887777,root at example.com"]
    accounts.write_text(accounts.read_text() + "\n\n" + "\n".join(bad))
    assert onboard(accounts, "--format", "json") == 1
    assert statuses(sim) == ["ENABLED"] * 10
    told = capsys.readouterr()
    report = json.loads(told.out)
    assert report["ok"] is False
    assert [line["line"] for line in report["bad_lines"]] == [8, 9, 10, 11]
    for number in (8, 9, 10, 11):
        assert f"accounts.csv, line {number}: " in told.err
    assert "example.com" not in told.err
    assert not any("999988887777" in request.body.decode() for request in sim.requests)


@pytest.mark.parametrize(
    ("content", "regions", "told"),
    [
        ("", REGIONS, "accounts: must not be empty"),
        ("nonsense\n", REGIONS, "line 1: expected 2 columns"),
        (f"{MEMBERS[0]},root@example.com", ("eu-wset-1",), "regions[0]: expected a region"),
        (f"{MEMBERS[0]},root@example.com", ("eu-west-1", "eu-west-1"), "regions[1]: eu-west-1 is there already"),
        (None, REGIONS, "No such file"),
        ("\udcff", REGIONS, "decode"),
    ],
)
def test_bad_input_is_named_and_nothing_is_sent(
    sim: SimulatorThread,
    onboard: Onboard,
    accounts: Path,
    *,
    content: str | None,
    regions: tuple[str, ...],
    told: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit code 2."""
    if content is None:
        accounts.unlink()
    else:
        accounts.write_text(content, errors="surrogateescape")
    assert onboard(accounts, regions=regions) == 2
    assert told in capsys.readouterr().err
    assert sim.requests == []


def test_a_malformed_tag_is_bad_input_too(
    sim: SimulatorThread, onboard: Onboard, accounts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It has no equals sign."""
    assert onboard(accounts, "--tag", "team") == 2
    assert "--tag: expected KEY=VALUE, got 'team'" in capsys.readouterr().err
    assert sim.requests == []


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_a_dry_run_changes_nothing(
    sim: SimulatorThread, onboard: Onboard, accounts: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says what would be done, in the form that was asked for."""
    assert onboard(accounts, "--dry-run", "--format", form, regions=("eu-west-1",)) == 0
    assert changes(sim) == []
    out = capsys.readouterr().out
    rows: list[dict[str, Any]]
    if form == "json":
        rows = json.loads(out)["rows"]
    elif form == "csv":
        rows = list(csv.DictReader(io.StringIO(out)))
    else:
        assert out.count("accept") == 5
        return
    assert [(row["account_id"], row["action"]) for row in rows] == [
        ("", "create graph"),
        *[(account_id, "invite") for account_id in MEMBERS],
        *[(account_id, "accept") for account_id in MEMBERS],
    ]


def test_a_report_as_csv_has_a_line_for_each(
    sim: SimulatorThread, onboard: Onboard, accounts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong address is in it with its reason, and the exit code says that not all went well."""
    sim.account(MEMBERS[2], "moved@example.com")
    assert onboard(accounts, "--format", "csv", regions=("eu-west-1",)) == 1
    rows = {row["account_id"]: row for row in csv.DictReader(io.StringIO(capsys.readouterr().out))}
    assert {account_id for account_id, row in rows.items() if row["problem"]} == {MEMBERS[2]}
    assert rows[MEMBERS[2]]["after"] == "VERIFICATION_FAILED"
    assert "address" in rows[MEMBERS[2]]["problem"]


def test_a_region_that_fails_is_told_and_the_other_stands(
    sim: SimulatorThread, onboard: Onboard, accounts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that is not opted in to; in a dry run too, the exit code says so."""
    sim.close_region("us-east-1")
    assert onboard(accounts, "--dry-run") == 1
    assert "not available" in capsys.readouterr().out
    assert onboard(accounts, "--format", "json") == 1
    assert statuses(sim) == ["ENABLED"] * 5
    problems = [row for row in json.loads(capsys.readouterr().out)["rows"] if row["problem"]]
    assert {row["region"] for row in problems} == {"us-east-1"}
    assert len(problems) == 1 + len(MEMBERS)


def test_an_account_whose_role_is_refused_stays_invited(
    sim: SimulatorThread, onboard: Onboard, accounts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is named with AWS's reason; the others are members."""
    sim.role(MEMBERS[3], ROLE, trusted=["999988887777"])
    assert onboard(accounts, "--format", "json", regions=("eu-west-1",)) == 1
    rows = {row["account_id"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    assert rows[MEMBERS[3]]["after"] == "INVITED"
    assert f"cannot assume arn:aws:iam::{MEMBERS[3]}:role/{ROLE}: AccessDenied" in rows[MEMBERS[3]]["problem"]
    assert sorted(statuses(sim)) == ["ENABLED"] * 4 + ["INVITED"]


def test_without_a_role_accounts_stay_invited(sim: SimulatorThread, onboard: Onboard, accounts: Path) -> None:
    """That is then what was wanted."""
    assert onboard(accounts, "--tag", "team=secops", "--no-email", "--message", "Please join", role=None) == 0
    assert statuses(sim) == ["INVITED"] * 10


def test_it_can_be_somebody_elses_role(
    sim: SimulatorThread, onboard: Onboard, accounts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The administrator's, whose account then has the graphs."""
    for name, value in sim.environment("999988887777").items():
        monkeypatch.setenv(name, value)
    administrator = sim.role(ADMINISTRATOR, "Admin", trusted=["999988887777"], external_id="ours")
    assert onboard(accounts, "--administrator-role", administrator, "--external-id", "ours", role=None) == 0
    assert all(f":{ADMINISTRATOR}:" in arn for arn in sim.snapshot())


def test_the_list_may_come_from_standard_input(
    sim: SimulatorThread, onboard: Onboard, accounts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `-`."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(accounts.read_text()))
    assert onboard("-") == 0
    assert statuses(sim) == ["ENABLED"] * 10


def test_a_failure_of_the_whole_is_no_success(
    sim: SimulatorThread, onboard: Onboard, accounts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys that nobody knows."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    assert onboard(accounts) == 1
    assert statuses(sim) == []


INTERRUPTIBLE = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
import onboard
sys.exit(onboard.main(sys.argv[1:]))
"""


def test_interrupted_it_says_so_and_goes_on_the_next_time(
    sim: SimulatorThread, onboard: Onboard, accounts: Path
) -> None:
    """Ctrl-C in the middle of accepting: exit code 130 and no traceback; run again, nothing is done twice."""
    sim.inject(Fault(Latency(0.3), "AcceptInvitation", count=None))
    command = [sys.executable, "-W", "error", "-c", INTERRUPTIBLE, str(accounts), "--regions", "eu-west-1"]
    with subprocess.Popen(
        [*command, "--member-role", ROLE],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(EXAMPLES), os.environ.get("PYTHONPATH", "")])},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    ) as program:
        try:
            while not any(status == "INVITED" for status in statuses(sim)):
                time.sleep(0.01)
            program.send_signal(signal.SIGINT)
            _, told = program.communicate(timeout=120)
        finally:
            program.kill()
    assert program.returncode == 130, told.decode()
    assert b"run it again to go on" in told
    assert b"Traceback" not in told
    sim.clear_faults()
    assert onboard(accounts, regions=("eu-west-1",)) == 0
    assert statuses(sim) == ["ENABLED"] * 5
    done = [request for request in sim.requests if request.status == 200]
    assert len([request for request in done if request.operation == "CreateGraph"]) == 1
    assert len([request for request in done if request.operation == "CreateMembers"]) == 1
    assert len([request for request in done if request.operation == "AcceptInvitation"]) == 5

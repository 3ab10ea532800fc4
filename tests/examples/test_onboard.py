"""The onboarding example: good and bad lists, its reports, and its exit codes."""

import csv
import importlib
import io
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.programs import EXAMPLES, command

from detective_async.testing import Fault, Latency, SimulatorThread

ADMINISTRATOR = "111122223333"
MEMBERS = [f"{number:012}" for number in range(200_000_000_001, 200_000_000_006)]
ROLE = "Onboarding"
REGIONS = ("eu-west-1", "us-east-1")
READING = {"ListGraphs", "ListMembers", "GetMembers"}

Onboard = Callable[..., int]


@pytest.fixture
def sim(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatorThread]:
    """A simulator in the environment, with accounts to onboard."""
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


def test_a_good_list_enables_all_accounts(
    sim: SimulatorThread, onboard: Onboard, accounts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every account is a member in every region; the table is on standard output; a second run changes nothing."""
    assert onboard(accounts) == 0
    assert statuses(sim) == ["ENABLED"] * 10
    printed = capsys.readouterr()
    header, *rows = printed.out.splitlines()
    assert header.split() == ["account_id", "region", "before", "after", "done", "problem"]
    assert [row.split() for row in rows[:2]] == [[region, "create", "graph"] for region in REGIONS]
    assert {tuple(row.split()) for row in rows[2:]} == {
        (account_id, region, "ENABLED", "invite,", "accept") for account_id in MEMBERS for region in REGIONS
    }
    assert "10 of 10 memberships in 2 regions are as wanted" in printed.err
    sim.forget_requests()
    assert onboard(accounts) == 0
    assert changes(sim) == []


def test_bad_lines_are_reported_and_the_others_onboarded(
    sim: SimulatorThread, onboard: Onboard, accounts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each has its line number and the reason, but no e-mail address; the exit code is 1."""
    bad = ["12345,root@example.com", MEMBERS[0], f"{MEMBERS[1]},other@example.com", "999988887777,root at example.com"]
    accounts.write_text(accounts.read_text() + "\n\n" + "\n".join(bad))
    assert onboard(accounts, "--format", "json") == 1
    assert statuses(sim) == ["ENABLED"] * 10
    printed = capsys.readouterr()
    report = json.loads(printed.out)
    assert report["ok"] is False
    assert [line["line"] for line in report["bad_lines"]] == [8, 9, 10, 11]
    for number in (8, 9, 10, 11):
        assert f"accounts.csv, line {number}: " in printed.err
    assert "example.com" not in printed.err
    assert not any("999988887777" in request.body.decode() for request in sim.requests)


GOOD_LINE = f"{MEMBERS[0]},root@example.com"


@pytest.mark.parametrize(
    ("content", "options", "error"),
    [
        ("", {}, "accounts: must not be empty"),
        ("nonsense\n", {}, "line 1: expected 2 columns"),
        (GOOD_LINE, {"regions": ("eu-wset-1",)}, "regions[0]: expected a region"),
        (GOOD_LINE, {"regions": ("eu-west-1", "eu-west-1")}, "regions[1]: eu-west-1"),
        (GOOD_LINE, {"tag": "team"}, "--tag: expected KEY=VALUE, got 'team'"),
        (None, {}, "No such file"),
        ("\udcff", {}, "decode"),
    ],
)
def test_bad_input_is_named_and_nothing_is_sent(
    sim: SimulatorThread,
    onboard: Onboard,
    accounts: Path,
    *,
    content: str | None,
    options: dict[str, Any],
    error: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The exit code is 2."""
    if content is None:
        accounts.unlink()
    else:
        accounts.write_text(content, errors="surrogateescape")
    tag = ["--tag", options["tag"]] if "tag" in options else []
    assert onboard(accounts, *tag, regions=options.get("regions", REGIONS)) == 2
    assert error in capsys.readouterr().err
    assert sim.requests == []


@pytest.mark.parametrize("format_", ["table", "json", "csv"])
def test_a_dry_run_changes_nothing(
    sim: SimulatorThread, onboard: Onboard, accounts: Path, format_: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It prints the plan in the requested format."""
    assert onboard(accounts, "--dry-run", "--format", format_, regions=("eu-west-1",)) == 0
    assert changes(sim) == []
    out = capsys.readouterr().out
    rows: list[dict[str, Any]]
    if format_ == "json":
        rows = json.loads(out)["rows"]
    elif format_ == "csv":
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
    """A wrong address is reported with the reason, and the exit code is 1."""
    sim.account(MEMBERS[2], "moved@example.com")
    assert onboard(accounts, "--format", "csv", regions=("eu-west-1",)) == 1
    rows = {row["account_id"]: row for row in csv.DictReader(io.StringIO(capsys.readouterr().out))}
    assert {account_id for account_id, row in rows.items() if row["problem"]} == {MEMBERS[2]}
    assert rows[MEMBERS[2]]["after"] == "VERIFICATION_FAILED"
    assert "address" in rows[MEMBERS[2]]["problem"]


def test_a_closed_region_does_not_stop_the_other(
    sim: SimulatorThread, onboard: Onboard, accounts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is reported, and the exit code is 1, in a dry run too."""
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
    """It is reported with AWS's reason; the others are members."""
    sim.role(MEMBERS[3], ROLE, trusted=["999988887777"])
    assert onboard(accounts, "--format", "json", regions=("eu-west-1",)) == 1
    rows = {row["account_id"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    assert rows[MEMBERS[3]]["after"] == "INVITED"
    assert f"cannot assume arn:aws:iam::{MEMBERS[3]}:role/{ROLE}: AccessDenied" in rows[MEMBERS[3]]["problem"]
    assert sorted(statuses(sim)) == ["ENABLED"] * 4 + ["INVITED"]


def test_without_a_role_accounts_stay_invited(sim: SimulatorThread, onboard: Onboard, accounts: Path) -> None:
    """The exit code is 0, since nothing else was wanted."""
    assert onboard(accounts, "--tag", "team=secops", "--no-email", "--message", "Please join", role=None) == 0
    assert statuses(sim) == ["INVITED"] * 10


def test_the_administrator_role_is_assumed(
    sim: SimulatorThread, onboard: Onboard, accounts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The graphs belong to the account of the role."""
    for name, value in sim.environment("999988887777").items():
        monkeypatch.setenv(name, value)
    administrator = sim.role(ADMINISTRATOR, "Admin", trusted=["999988887777"], external_id="ours")
    assert onboard(accounts, "--administrator-role", administrator, "--external-id", "ours", role=None) == 0
    assert all(f":{ADMINISTRATOR}:" in arn for arn in sim.snapshot())


def test_the_list_may_come_from_standard_input(
    sim: SimulatorThread, onboard: Onboard, accounts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A minus sign stands for it."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(accounts.read_text()))
    assert onboard("-") == 0
    assert statuses(sim) == ["ENABLED"] * 10


def test_wrong_credentials_fail(
    sim: SimulatorThread, onboard: Onboard, accounts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exit code is 1."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    assert onboard(accounts) == 1
    assert statuses(sim) == []


def test_it_goes_on_after_an_interruption(sim: SimulatorThread, onboard: Onboard, accounts: Path) -> None:
    """Ctrl-C while accepting gives exit code 130 and no traceback; the next run repeats nothing."""
    sim.inject(Fault(Latency(0.3), "AcceptInvitation", count=None))
    arguments = [str(accounts), "--regions", "eu-west-1", "--member-role", ROLE]
    with subprocess.Popen(command("onboard", *arguments), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as program:
        try:
            while not any(status == "INVITED" for status in statuses(sim)):
                time.sleep(0.01)
            program.send_signal(signal.SIGINT)
            _, errors = program.communicate(timeout=30)
        finally:
            program.kill()
    assert program.returncode == 130, errors.decode()
    assert b"run the same command again to continue" in errors
    assert b"Traceback" not in errors
    sim.clear_faults()
    assert onboard(accounts, regions=("eu-west-1",)) == 0
    assert statuses(sim) == ["ENABLED"] * 5
    done = [request for request in sim.requests if request.status == 200]
    assert len([request for request in done if request.operation == "CreateGraph"]) == 1
    assert len([request for request in done if request.operation == "CreateMembers"]) == 1
    assert len([request for request in done if request.operation == "AcceptInvitation"]) == 5

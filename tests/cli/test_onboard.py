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
from attrs import frozen
from support.programs import EXAMPLES, Ended, command

from detective_async.testing import Fault, Latency, SimulatorThread

pytestmark = pytest.mark.slow

ADMINISTRATOR, OTHER = "111122223333", "999988887777"
MEMBERS = [f"{number:012}" for number in range(200_000_000_001, 200_000_000_006)]
ROLE = "Onboarding"
REGIONS = ("eu-west-1", "us-east-1")
ONE_REGION = ("eu-west-1",)
READING = {"ListGraphs", "ListMembers", "GetMembers", "AssumeRole"}


@frozen
class Example:
    """The example, with a good list of accounts and a simulator in its environment."""

    sim: SimulatorThread
    accounts: Path
    main: Callable[[list[str]], int]
    capsys: pytest.CaptureFixture[str]

    def __call__(
        self, *options: str, accounts: str | None = None, role: str | None = ROLE, regions: tuple[str, ...] = REGIONS
    ) -> Ended:
        """Run it."""
        with_role = [] if role is None else ["--member-role", role]
        code = self.main([accounts or str(self.accounts), "--regions", *regions, *with_role, *options])
        captured = self.capsys.readouterr()
        return Ended(code, captured.out, captured.err)

    @property
    def statuses(self) -> list[str]:
        return [status for graph in self.sim.snapshot().values() for status in graph["members"].values()]

    @property
    def changes(self) -> list[str | None]:
        return [request.operation for request in self.sim.requests if request.operation not in READING]


@pytest.fixture
def onboard(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Example]:
    monkeypatch.syspath_prepend(EXAMPLES)
    accounts = tmp_path / "accounts.csv"
    accounts.write_text("".join(f"{account_id},account-{account_id}@example.com\n" for account_id in MEMBERS))
    with SimulatorThread() as sim:
        for account_id in MEMBERS:
            sim.role(account_id, ROLE, trusted=[ADMINISTRATOR])
        for name, value in sim.environment(ADMINISTRATOR).items():
            monkeypatch.setenv(name, value)
        yield Example(sim, accounts, importlib.import_module("onboard").main, capsys)


def test_a_good_list_enables_all_accounts(onboard: Example) -> None:
    """Every account is a member in every region; the table is on standard output; a second run changes nothing."""
    ended = onboard()
    assert (ended.code, onboard.statuses) == (0, ["ENABLED"] * 10)
    header, *rows = ended.out.splitlines()
    assert header.split() == ["account_id", "region", "before", "after", "done", "problem"]
    assert [row.split() for row in rows[:2]] == [[region, "create", "graph"] for region in REGIONS]
    assert {tuple(row.split()) for row in rows[2:]} == {
        (account_id, region, "ENABLED", "invite,", "accept") for account_id in MEMBERS for region in REGIONS
    }
    assert "10 of 10 memberships in 2 regions are as wanted" in ended.err
    onboard.sim.forget_requests()
    assert onboard().code == 0
    assert onboard.changes == []


def test_bad_lines_are_reported_and_the_others_onboarded(onboard: Example) -> None:
    """Each has its line number and the reason, but no e-mail address; the exit code is 1."""
    bad = ["12345,root@example.com", MEMBERS[0], f"{MEMBERS[1]},other@example.com", f"{OTHER},root at example.com"]
    onboard.accounts.write_text(onboard.accounts.read_text() + "\n\n" + "\n".join(bad))
    ended = onboard("--format", "json")
    assert (ended.code, onboard.statuses) == (1, ["ENABLED"] * 10)
    report = json.loads(ended.out)
    assert report["ok"] is False
    assert [line["line"] for line in report["bad_lines"]] == [8, 9, 10, 11]
    for number in (8, 9, 10, 11):
        assert f"accounts.csv, line {number}: " in ended.err
    assert "example.com" not in ended.err
    assert not any(OTHER in request.body.decode() for request in onboard.sim.requests)


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
    onboard: Example, content: str | None, options: dict[str, Any], error: str
) -> None:
    """The exit code is 2."""
    if content is None:
        onboard.accounts.unlink()
    else:
        onboard.accounts.write_text(content, errors="surrogateescape")
    tag = ["--tag", options["tag"]] if "tag" in options else []
    ended = onboard(*tag, regions=options.get("regions", REGIONS))
    assert ended.code == 2
    assert error in ended.err
    assert onboard.sim.requests == []


@pytest.mark.parametrize("format_", ["table", "json", "csv"])
def test_a_dry_run_changes_nothing(onboard: Example, format_: str) -> None:
    """It prints the plan in the requested format."""
    ended = onboard("--dry-run", "--format", format_, regions=ONE_REGION)
    assert (ended.code, onboard.changes) == (0, [])
    if format_ == "table":
        assert ended.out.count("accept") == 5
        return
    rows = json.loads(ended.out)["rows"] if format_ == "json" else csv.DictReader(io.StringIO(ended.out))
    assert [(row["account_id"], row["action"]) for row in rows] == [
        ("", "create graph"),
        *[(account_id, "invite") for account_id in MEMBERS],
        *[(account_id, "accept") for account_id in MEMBERS],
    ]


@pytest.mark.parametrize(("wrong", "after"), [("address", "VERIFICATION_FAILED"), ("role", "INVITED")])
def test_a_report_as_csv_has_a_line_for_each(onboard: Example, wrong: str, after: str) -> None:
    """A wrong address or a refused role is reported with the reason, and the exit code is 1; the others are members."""
    reason = "address"
    if wrong == "address":
        onboard.sim.account(MEMBERS[2], "moved@example.com")
    else:
        onboard.sim.role(MEMBERS[2], ROLE, trusted=[OTHER])
        reason = f"cannot assume arn:aws:iam::{MEMBERS[2]}:role/{ROLE}: AccessDenied"
    ended = onboard("--format", "csv", regions=ONE_REGION)
    assert ended.code == 1
    rows = {row["account_id"]: row for row in csv.DictReader(io.StringIO(ended.out))}
    assert {account_id for account_id, row in rows.items() if row["problem"]} == {MEMBERS[2]}
    assert rows[MEMBERS[2]]["after"] == after
    assert reason in rows[MEMBERS[2]]["problem"]
    assert sorted(onboard.statuses) == sorted(["ENABLED"] * 4 + [after])


def test_a_closed_region_does_not_stop_the_other(onboard: Example) -> None:
    """It is reported, and the exit code is 1, in a dry run too."""
    onboard.sim.close_region("us-east-1")
    ended = onboard("--dry-run")
    assert ended.code == 1
    assert "not available" in ended.out
    ended = onboard("--format", "json")
    assert (ended.code, onboard.statuses) == (1, ["ENABLED"] * 5)
    problems = [row for row in json.loads(ended.out)["rows"] if row["problem"]]
    assert {row["region"] for row in problems} == {"us-east-1"}
    assert len(problems) == 1 + len(MEMBERS)


def test_without_a_role_accounts_stay_invited(onboard: Example) -> None:
    """The exit code is 0, since nothing else was wanted."""
    assert onboard("--tag", "team=secops", "--no-email", "--message", "Please join", role=None).code == 0
    assert onboard.statuses == ["INVITED"] * 10


def test_the_administrator_role_is_assumed(onboard: Example, monkeypatch: pytest.MonkeyPatch) -> None:
    """The graphs belong to the account of the role."""
    for name, value in onboard.sim.environment(OTHER).items():
        monkeypatch.setenv(name, value)
    administrator = onboard.sim.role(ADMINISTRATOR, "Admin", trusted=[OTHER], external_id="ours")
    assert onboard("--administrator-role", administrator, "--external-id", "ours", role=None).code == 0
    graphs = onboard.sim.snapshot()
    assert len(graphs) == 2
    assert all(f":{ADMINISTRATOR}:" in arn for arn in graphs)


def test_the_list_may_come_from_standard_input(onboard: Example, monkeypatch: pytest.MonkeyPatch) -> None:
    """A minus sign stands for it."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(onboard.accounts.read_text()))
    assert onboard(accounts="-").code == 0
    assert onboard.statuses == ["ENABLED"] * 10


def test_wrong_credentials_fail(onboard: Example, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exit code is 1."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    assert onboard().code == 1
    assert onboard.statuses == []


def test_it_goes_on_after_an_interruption(onboard: Example) -> None:
    """Ctrl-C while accepting gives exit code 130 and no traceback; the next run repeats nothing."""
    sim = onboard.sim
    sim.inject(Fault(Latency(0.3), "AcceptInvitation", count=None))
    arguments = [str(onboard.accounts), "--regions", *ONE_REGION, "--member-role", ROLE]
    with subprocess.Popen(command("onboard", *arguments), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as program:
        try:
            while "INVITED" not in onboard.statuses:
                assert program.poll() is None
                time.sleep(0.01)
            program.send_signal(signal.SIGINT)
            _, errors = program.communicate(timeout=120)
        finally:
            program.kill()
    assert program.returncode == 130, errors.decode()
    assert b"run the same command again to continue" in errors
    assert b"Traceback" not in errors
    sim.clear_faults()
    assert onboard(regions=ONE_REGION).code == 0
    assert onboard.statuses == ["ENABLED"] * 5
    done = [request.operation for request in sim.requests if request.status == 200]
    assert [done.count(name) for name in ("CreateGraph", "CreateMembers", "AcceptInvitation")] == [1, 1, 5]

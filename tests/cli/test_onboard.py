"""onboard: good and bad lists, plans, reports, confirmations, and interruptions."""

import asyncio
import csv
import io
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli.conftest import SCRIPT, Program, Terminal, lose_reports, signal_after
from support.programs import Ended

from detective_async import DetectiveClient
from detective_async.cli import demo_world
from detective_async.cli.options import Job
from detective_async.membership import MembershipPlan
from detective_async.testing import Drop, Failure, Fault, Latency, SimulatorThread

ADMINISTRATOR, OTHER, MANAGEMENT = "111122223333", "999988887777", "555566667777"
MEMBERS = [f"{number:012}" for number in range(200_000_000_001, 200_000_000_006)]
ROLE = "Onboarding"
REGIONS = ("eu-west-1", "us-east-1")
ONE_REGION = ("eu-west-1",)


class Onboard:
    """The subcommand, with a good list of accounts and a simulator in its environment."""

    def __init__(self, sim: SimulatorThread, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
        self.sim = sim
        self.program = Program(sim, capsys, folder)
        self.accounts = folder / "accounts.csv"

    def arguments(
        self, *more: str, accounts: str = "accounts.csv", role: str | None = ROLE, regions: tuple[str, ...] = REGIONS
    ) -> list[str]:
        """Return the arguments."""
        with_role = [] if role is None else ["--role-name", role]
        return ["onboard", *([accounts] if accounts else []), "--regions", ",".join(regions), *with_role, *more]

    def __call__(self, *more: str, **options: Any) -> Ended:
        """Run it with a yes."""
        return self.program(*self.arguments("--yes", *more, **options))

    @property
    def statuses(self) -> list[str]:
        return [status for graph in self.sim.snapshot().values() for status in graph["members"].values()]

    @property
    def changes(self) -> list[str | None]:
        return [one for one in self.program.changes if one != "GetCallerIdentity"]


@pytest.fixture
def onboard(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Onboard]:
    monkeypatch.chdir(tmp_path)
    with SimulatorThread() as sim:
        for account_id in MEMBERS:
            sim.role(account_id, ROLE, trusted=[ADMINISTRATOR])
        for name, value in sim.environment(ADMINISTRATOR).items():
            monkeypatch.setenv(name, value)
        made = Onboard(sim, capsys, tmp_path)
        made.accounts.write_text("".join(f"{one},account-{one}@example.com\n" for one in MEMBERS))
        yield made


def test_a_good_list_enables_all_accounts(onboard: Onboard) -> None:
    """The plan is shown, every account is a member in every region, and a second run changes nothing."""
    ended = onboard()
    assert (ended.code, onboard.statuses) == (0, ["ENABLED"] * 10)
    assert "invite 5 accounts" in ended.err
    assert ended.out.splitlines() == [
        "10 memberships: invite, accept",
        "2 graphs: create graph",
        "10 of 10 memberships in 2 regions are as wanted",
    ]
    onboard.sim.forget_requests()
    ended = onboard.program(*onboard.arguments("--output", "json"))
    assert (ended.code, onboard.changes) == (0, [])
    assert json.loads(ended.out)["ok"] is True


@pytest.mark.parametrize("output", ["json", "ndjson", "csv"])
def test_the_report_in_other_formats(onboard: Onboard, output: str) -> None:
    """A row for each graph, and one for each account in each region; they agree with the simulator."""
    onboard.sim.account(MEMBERS[2], "moved@example.com")
    ended = onboard("--output", output)
    assert ended.code == 1
    if output == "json":
        document = json.loads(ended.out)
        assert (document["ok"], document["administrator_id"]) == (False, ADMINISTRATOR)
        rows = [*document["regions"], *document["rows"]]
    elif output == "ndjson":
        rows = [json.loads(line) for line in ended.out.splitlines()]
    else:
        rows = [{name: value or None for name, value in row.items()} for row in csv.DictReader(io.StringIO(ended.out))]
    graphs = [row for row in rows if not row.get("account_id")]
    assert {row["graph_arn"] for row in graphs} == set(onboard.sim.snapshot())
    found = {(row["account_id"], row["region"]): row["after"] for row in rows if row.get("account_id")}
    assert found == {
        (account_id, arn.split(":")[3]): status
        for arn, graph in onboard.sim.snapshot().items()
        for account_id, status in graph["members"].items()
    }
    assert {row["account_id"] for row in rows if row["problem"]} == {MEMBERS[2]}


def test_bad_lines_are_reported_and_the_others_onboarded(onboard: Onboard) -> None:
    """Each has its line number and the reason, but no e-mail address; the exit code is 1."""
    bad = ["12345,root@example.com", MEMBERS[0], f"{MEMBERS[1]},other@example.com", f"{OTHER},root at example.com"]
    onboard.accounts.write_text(onboard.accounts.read_text() + "\n\n" + "\n".join(bad))
    ended = onboard("--output", "json", "--quiet")
    assert (ended.code, onboard.statuses) == (1, ["ENABLED"] * 10)
    report = json.loads(ended.out)
    assert report["ok"] is False
    assert [line["line"] for line in report["bad_lines"]] == [8, 9, 10, 11]
    assert [line.partition(": ")[0] for line in ended.err.splitlines()] == [
        f"accounts.csv, line {number}" for number in (8, 9, 10, 11)
    ]
    assert "example.com" not in ended.err
    assert "4 lines of the list could not be read" in onboard().out.splitlines()
    assert "4 lines of the list could not be read" in onboard("--dry-run").out.splitlines()


@pytest.mark.parametrize(
    ("content", "more", "words"),
    [
        (b"", [], "there are no accounts in it"),
        (b"nonsense\n", [], "no line of it is an account: nothing was done"),
        (b"\xff\n", [], "expected text in UTF-8"),
        (b"%s,root@example.com" % MEMBERS[0].encode(), ["--packages", "EVERYTHING"], "EVERYTHING"),
        (b"%s,root@example.com" % MEMBERS[0].encode(), ["--tag", f"{'x' * 129}=y"], "--tag: "),
        (b"%s,root@example.com" % MEMBERS[0].encode(), ["--message", ""], "message"),
    ],
)
def test_wrong_input(onboard: Onboard, content: bytes, more: list[str], words: str) -> None:
    """It is named, the exit code is 2, and nothing is sent."""
    onboard.accounts.write_bytes(content)
    ended = onboard(*more)
    assert (ended.code, ended.out, onboard.sim.requests) == (2, "", [])
    assert words in ended.err


@pytest.mark.parametrize("output", ["table", "json", "ndjson", "csv"])
def test_a_dry_run_changes_nothing(onboard: Onboard, output: str) -> None:
    """It writes the plan in the format that is asked for, also without a terminal."""
    ended = onboard.program(*onboard.arguments("--dry-run", "--output", output, regions=ONE_REGION))
    assert (ended.code, ended.err, onboard.changes) == (0, "", [])
    if output == "table":
        # What is shown before the question.
        shown = onboard.program(*onboard.arguments(regions=ONE_REGION))
        wanted = [
            *shown.err.splitlines()[:-1],
            f"not tried: whether the role {ROLE} can be assumed in the accounts",
            "11 actions in 1 region; nothing was done",
        ]
        # The one is wrapped, and the other as wide as it is.
        assert ended.out.split() == " ".join(wanted).split()
        assert "invite 5 accounts" in ended.out
        return
    if output == "json":
        document = json.loads(ended.out)
        rows: list[Any] = document["actions"]
        assert (document["ok"], document["administrator_id"]) == (True, ADMINISTRATOR)
    elif output == "ndjson":
        rows = [json.loads(line) for line in ended.out.splitlines()]
    else:
        rows = list(csv.DictReader(io.StringIO(ended.out)))
    assert sorted((row["account_id"] or "", row["kind"]) for row in rows) == sorted(
        [("", "create graph"), *((one, kind) for one in MEMBERS for kind in ("invite", "accept"))]
    )


def test_without_a_yes_nothing_is_done(onboard: Onboard, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a terminal the exit code is 2, and standard error says how."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    ended = onboard.program(*onboard.arguments())
    assert (ended.code, ended.out, onboard.changes) == (2, "", [])
    assert ended.err.splitlines()[-1].endswith("nothing was done; add --yes to do it")
    assert "invite 5 accounts" in ended.err


@pytest.mark.slow
@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 2), ("\x04", 2), ("\x03", 130)])
def test_a_question_on_a_terminal(onboard: Onboard, answer: str, code: int) -> None:
    """A yes does it; a no, the end of the input, and Ctrl-C do nothing. While it works, there is a bar."""
    ended = onboard.program.on_terminal(*onboard.arguments(), answer=answer)
    assert ended.code == code
    assert ("onboarding" in ended.out) == (code == 0)
    assert onboard.statuses == (["ENABLED"] * 10 if code == 0 else [])
    # Of nothing, there is nothing to continue.
    assert "to continue" not in ended.out
    assert "Traceback" not in ended.out


def remove_all_but_one(onboard: Onboard) -> None:
    """Onboard all, and leave one account in the list."""
    assert onboard(regions=ONE_REGION).code == 0
    onboard.accounts.write_text(f"{MEMBERS[0]},account-{MEMBERS[0]}@example.com\n")
    onboard.sim.forget_requests()


@pytest.mark.parametrize(("most", "code", "left"), [(None, 1, 5), ("3", 1, 5), ("4", 0, 1)])
def test_removals_need_their_number(onboard: Onboard, most: str | None, code: int, left: int) -> None:
    """With --yes, --max-removals must allow as many as there are."""
    remove_all_but_one(onboard)
    more = [] if most is None else ["--max-removals", most]
    ended = onboard("--remove-others", *more, regions=ONE_REGION)
    assert (ended.code, len(onboard.statuses)) == (code, left)
    assert ("problem" in ended.out) == (code == 1)


def test_failed_verifications_are_left_on_demand(onboard: Onboard) -> None:
    """An account whose address AWS could not verify is invited again by each run, unless that is turned off."""
    onboard.accounts.write_text(f"{MEMBERS[0]},account-{MEMBERS[0]}@example.com\n")
    onboard.sim.account(MEMBERS[0], "other@example.com")
    invited: list[int] = []
    for more in ((), (), ("--no-retry-failed",)):
        ended = onboard(*more, regions=ONE_REGION)
        assert (ended.code, onboard.statuses) == (1, ["VERIFICATION_FAILED"])
        assert ("in this and each later run" in ended.err) == (len(invited) == 1)
        invited.append(onboard.changes.count("CreateMembers"))
    assert invited == [1, 2, 2]


def test_only_the_removal_succeeds(onboard: Onboard) -> None:
    """A member that was removed to be invited again, and is not, is said to be removed."""
    onboard.accounts.write_text(f"{MEMBERS[0]},account-{MEMBERS[0]}@example.com\n")
    onboard.sim.account(MEMBERS[0], "other@example.com")
    onboard(regions=ONE_REGION)
    onboard.sim.inject(Fault(Failure(403, "AccessDeniedException", "no"), "CreateMembers", count=None))
    ended = onboard("--output", "json", regions=ONE_REGION)
    (row,) = json.loads(ended.out)["rows"]
    assert (ended.code, onboard.statuses, row["done"], row["maybe_done"]) == (1, [], ["remove"], [])
    assert row["problem"].startswith("it was removed, but not invited again; ")


def test_accounts_of_the_organization_in_a_list(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether its graph is an organization's, only AWS knows: the plan and the question say what happens then."""
    accounts = demo_world.ACCOUNTS[30:32]
    (program.folder / "list.csv").write_text("".join(f"{one},root-{one}@example.com\n" for one in accounts))
    arguments = ["onboard", "list.csv", "--regions", demo_world.REGIONS[0]]
    remark = (
        "note: if the graph is an organization's, accounts of the organization are enabled at once, without invitation"
    )
    assert remark in program(*arguments, "--dry-run").out.splitlines()
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    monkeypatch.setattr(sys, "stderr", asked := Terminal())
    assert program(*arguments).code == 0
    assert remark in asked.getvalue().splitlines()
    assert "(AWS bills up to 2 new memberships by data volume; AWS sends up to 2 e-mails)? [y/N] " in asked.getvalue()
    assert program.changes == ["CreateMembers"]


def test_a_bad_line_prevents_removals(onboard: Onboard) -> None:
    """A line that could not be read may be one of the members."""
    remove_all_but_one(onboard)
    onboard.accounts.write_text(f"{onboard.accounts.read_text()}20000000002,root@example.com\n")
    ended = onboard("--remove-others", "--max-removals", "9", regions=ONE_REGION)
    assert (ended.code, len(onboard.statuses), onboard.changes) == (1, 5, [])


@pytest.mark.slow
@pytest.mark.parametrize(("answer", "code", "left"), [("4\n", 0, 1), ("y\n", 2, 5)])
def test_the_number_of_removals_is_typed(onboard: Onboard, answer: str, code: int, left: int) -> None:
    """A yes is not enough."""
    remove_all_but_one(onboard)
    arguments = onboard.arguments("--remove-others", regions=ONE_REGION)
    ended = onboard.program.on_terminal(*arguments, answer=answer)
    assert (ended.code, len(onboard.statuses)) == (code, left)
    assert "This removes 4 memberships. Type their number to do it: " in ended.out


@pytest.mark.parametrize(("answer", "code", "left"), [("4\n", 0, 1), ("y\n", 2, 5)])
def test_the_number_of_removals_is_a_confirmation(
    onboard: Onboard, monkeypatch: pytest.MonkeyPatch, answer: str, code: int, left: int
) -> None:
    """The same in this process."""
    remove_all_but_one(onboard)
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert onboard.program(*onboard.arguments("--remove-others", regions=ONE_REGION)).code == code
    assert len(onboard.statuses) == left


def test_a_closed_region_does_not_stop_the_other(onboard: Onboard) -> None:
    """It is reported, and the exit code is 1, in a dry run too."""
    regions = ("eu-west-1", "me-south-1")
    onboard.sim.close_region("me-south-1")
    ended = onboard("--dry-run", regions=regions)
    assert ended.code == 1
    assert "not available" in ended.out
    ended = onboard("--output", "json", regions=regions)
    assert (ended.code, onboard.statuses) == (1, ["ENABLED"] * 5)
    problems = [row for row in json.loads(ended.out)["rows"] if row["problem"]]
    assert {row["region"] for row in problems} == {"me-south-1"}


def test_without_a_role_accounts_stay_invited(onboard: Onboard) -> None:
    """The exit code is 0, since nothing else was wanted."""
    assert onboard("--tag", "team=secops", "--no-email", "--message", "Please join", role=None).code == 0
    assert onboard.statuses == ["INVITED"] * 10


def test_the_administrator_by_its_role(onboard: Onboard, monkeypatch: pytest.MonkeyPatch) -> None:
    """The graphs belong to its account; the roles of the members are assumed with the caller's own credentials."""
    for name, value in onboard.sim.environment(OTHER).items():
        monkeypatch.setenv(name, value)
    for account_id in (ADMINISTRATOR, *MEMBERS):
        onboard.sim.role(account_id, ROLE, trusted=[OTHER], external_id="ours")
    assert onboard("--account", ADMINISTRATOR, "--external-id", "ours").code == 0
    graphs = onboard.sim.snapshot()
    assert len(graphs) == 2
    assert all(f":{ADMINISTRATOR}:" in arn for arn in graphs)
    assert onboard.statuses == ["ENABLED"] * 10


def test_the_list_may_come_from_standard_input(onboard: Onboard, monkeypatch: pytest.MonkeyPatch) -> None:
    """A minus sign stands for it."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(onboard.accounts.read_bytes())))
    assert onboard(accounts="-").code == 0
    assert onboard.statuses == ["ENABLED"] * 10


def test_the_organization(onboard: Onboard, monkeypatch: pytest.MonkeyPatch) -> None:
    """As its management account: the administrator is delegated, and accounts are enabled without invitations."""
    sim = onboard.sim
    sim.organization(MANAGEMENT, [ADMINISTRATOR, *MEMBERS])
    sim.role(ADMINISTRATOR, ROLE, trusted=[MANAGEMENT])
    for name, value in sim.environment(MANAGEMENT).items():
        monkeypatch.setenv(name, value)
    more = ["--organization", "--account", ADMINISTRATOR, "--auto-enable", "--output", "json"]
    ended = onboard(*more, accounts="", regions=ONE_REGION)
    assert ended.code == 0, ended
    (graph,) = sim.snapshot().values()
    assert set(graph["members"]) == {MANAGEMENT, *MEMBERS}
    assert onboard.statuses == ["ENABLED"] * 6
    done = [one for region in json.loads(ended.out)["regions"] for one in region["done"]]
    assert done == ["enable administrator", "set auto-enable"]


def test_all_regions(onboard: Onboard) -> None:
    """Those that are not open are notes."""
    onboard.sim.close_region("me-south-1")
    ended = onboard("--dry-run", regions=("all",))
    assert ended.code == 0
    assert ended.out.count("me-south-1") == 1


def test_packages_alone(onboard: Onboard) -> None:
    """Without a list, those of the graphs that there are."""
    assert onboard(regions=ONE_REGION).code == 0
    (arn,) = onboard.sim.snapshot()
    onboard.sim.set_package(arn, "EKS_AUDIT", "STOPPED")
    ended = onboard("--packages", "EKS_AUDIT,DETECTIVE_CORE", accounts="", role=None, regions=ONE_REGION)
    assert (ended.code, "1 graph: start packages" in ended.out) == (0, True)


def test_wrong_credentials_fail(onboard: Onboard, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exit code is 1."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    assert onboard().code == 1
    assert onboard.statuses == []


@pytest.mark.slow
def test_it_goes_on_after_an_interruption(onboard: Onboard) -> None:
    """Ctrl-C while accepting gives exit code 130, a report, and no traceback; the next run repeats nothing."""
    sim = onboard.sim
    sim.inject(Fault(Latency(0.3), "AcceptInvitation", count=None))
    arguments = onboard.arguments("--yes", "--output", "json", regions=ONE_REGION)
    with onboard.program.start(*arguments) as running:
        try:
            while "INVITED" not in onboard.statuses:
                assert running.poll() is None
                time.sleep(0.01)
            running.send_signal(signal.SIGINT)
            out, errors = running.communicate(timeout=120)
        finally:
            running.kill()
    assert running.returncode == 130, errors.decode()
    lines = [line for line in errors.decode().splitlines() if line]
    assert lines[-2:] == ["run the same command again to continue", "detective-async: interrupted"]
    report = json.loads(out)
    assert (report["ok"], len(report["rows"])) == (False, 5)
    assert "Traceback" not in errors.decode()
    sim.clear_faults()
    assert onboard(regions=ONE_REGION).code == 0
    assert onboard.statuses == ["ENABLED"] * 5
    done = [request.operation for request in sim.requests if request.status == 200]
    assert [done.count(name) for name in ("CreateGraph", "CreateMembers", "AcceptInvitation")] == [1, 1, 5]


@pytest.mark.slow
@pytest.mark.parametrize("moments", [(1, 4, 7), (5, 9), (12, 16)])
def test_it_goes_on_after_being_killed(onboard: Onboard, moments: tuple[int, ...]) -> None:
    """Killed while any request is under way, several times, it leaves nothing that the next run does again."""
    sim = onboard.sim
    sim.inject(Fault(Latency(0.05), count=None))
    killed = 0
    for moment in moments:
        before = len(sim.requests)
        with onboard.program.start(*onboard.arguments("--yes")) as running:
            while len(sim.requests) < before + moment and running.poll() is None:
                time.sleep(0.002)
            running.kill()
            running.communicate(timeout=60)
        killed += running.returncode == -signal.SIGKILL
    assert killed == len(moments)
    # What was under way when the last one was killed is carried out before this has ended, which waits as long.
    onboard.program(*onboard.arguments("--dry-run"))
    sim.clear_faults()
    assert onboard().code == 0
    assert onboard.statuses == ["ENABLED"] * 10
    done = [request.operation for request in sim.requests if request.status == 200]
    assert [done.count(name) for name in ("CreateGraph", "CreateMembers", "AcceptInvitation")] == [2, 2, 10]
    assert "DeleteMembers" not in done


@pytest.mark.parametrize("has_begun", [False, True])
def test_an_interruption_reports_what_is_known(
    onboard: Onboard, monkeypatch: pytest.MonkeyPatch, has_begun: bool
) -> None:
    """If applying the plan has begun, there is a report."""
    apply = MembershipPlan.apply

    async def interrupted(plan: Any, **options: Any) -> None:
        if has_begun:
            await apply(plan, **options)
        raise asyncio.CancelledError

    def run(_job: object, work: Any) -> None:
        loop = asyncio.Runner()
        with loop, pytest.raises(asyncio.CancelledError):
            loop.run(work())
        raise KeyboardInterrupt

    monkeypatch.setattr(MembershipPlan, "apply", interrupted)
    monkeypatch.setattr(Job, "run", run)
    ended = onboard()
    assert (ended.code, bool(ended.out)) == (130, has_begun)


def test_an_interruption_before_anything_was_done(onboard: Onboard, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing to continue."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Job, "run", interrupted)
    ended = onboard()
    assert (ended.code, ended.err.split()) == (130, ["detective-async:", "interrupted"])


def test_nothing_is_wrong_use_after_it_was_done(onboard: Onboard) -> None:
    """If the report cannot be written, the exit code is 1."""
    arguments = onboard.arguments("--yes", "--quiet", regions=ONE_REGION)
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([SCRIPT, *arguments], stdout=full, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, onboard.statuses) == (1, ["ENABLED"] * 5)
    summary, error = done.stderr.decode().splitlines()
    assert summary.startswith(
        "the report was not written: 5 of 5 memberships in 1 region are as wanted; create graph: 1"
    )
    assert error.startswith("detective-async: standard output: No space left on device; ")


@pytest.mark.parametrize("output", ["table", "json"])
def test_a_dry_run_of_removals_names_them(onboard: Onboard, output: str) -> None:
    """Each of them; with --all as rows with their actions."""
    remove_all_but_one(onboard)
    arguments = onboard.arguments("--remove-others", "--max-removals", "4", "--dry-run", regions=ONE_REGION)
    ended = onboard.program(*arguments, "--output", output)
    assert (ended.code, onboard.changes) == (0, [])
    assert all(one in ended.out for one in MEMBERS[1:])
    lines = onboard.program(*arguments, "--all").out.splitlines()
    assert lines[0].split() == ["account", "region", "action"]
    assert [line.split() for line in lines[1:5]] == [[one, "eu-west-1", "remove"] for one in MEMBERS[1:]]


def test_remedies_name_options(onboard: Onboard) -> None:
    """And no parameters of Python."""
    remove_all_but_one(onboard)
    ended = onboard("--remove-others", "--max-removals", "1", regions=ONE_REGION)
    assert ended.code == 1
    for text in (ended.out, ended.err):
        assert "--max-removals 4 removes 4 memberships" in " ".join(text.split())
        assert "max_removals" not in text
    onboard.sim.organization(MANAGEMENT, [ADMINISTRATOR, *MEMBERS])
    ended = onboard("--organization", regions=("us-east-1",), role=None)
    assert "management_credentials" not in ended.out + ended.err
    assert "name the administrator with --account and --role-name" in " ".join(ended.err.split())
    for arguments, option in ((["--tag", f"{'x' * 129}=y"], "--tag: "), (["--packages", "NONE"], "--packages: ")):
        ended = onboard(*arguments)
        assert (ended.code, ended.err.startswith(f"detective-async: {option}")) == (2, True)


def test_one_member_is_removed(onboard: Onboard) -> None:
    """In all regions, and nothing else is done: not for members with problems, either."""
    onboard.accounts.write_text(f"{onboard.accounts.read_text()}{OTHER},moved@example.com\n")
    onboard.sim.account(OTHER, "root@example.com")
    assert onboard(role=None).code == 1
    onboard.sim.forget_requests()
    arguments = ["onboard", "--regions", ",".join(REGIONS), "--remove", f"{MEMBERS[0]},{MEMBERS[1]}"]
    ended = onboard.program(*arguments, "--dry-run")
    assert (ended.code, onboard.changes) == (0, [])
    assert f"remove 2 accounts: {MEMBERS[0]}, {MEMBERS[1]}" in ended.out
    assert json.loads(onboard.program(*arguments, "--dry-run", "--output", "json").out)["administrator_id"]
    ended = onboard.program(*arguments)
    assert (ended.code, onboard.changes) == (2, [])
    assert "add --yes to do it" in ended.err
    ended = onboard.program(*arguments, "--yes", "--output", "json")
    assert (ended.code, onboard.changes) == (0, ["DeleteMembers"] * 2)
    report = json.loads(ended.out)
    assert [one["done"] for one in report["rows"]] == [["remove"]] * 4
    left = {*MEMBERS[2:], OTHER}
    assert all(set(graph["members"]) == left for graph in onboard.sim.snapshot().values())
    ended = onboard.program(*arguments, "--yes")
    assert (ended.code, onboard.changes) == (0, ["DeleteMembers"] * 2)
    nothing = f"{MEMBERS[0]}, {MEMBERS[1]}: no member in eu-west-1, us-east-1: nothing to remove"
    assert ended.err.splitlines()[-1] == f"note: {nothing}"
    assert ended.out == "0 of 0 memberships removed\n"
    # Rows alone have no place for it.
    ended = onboard.program(*arguments, "--dry-run", "--output", "csv")
    assert (ended.code, ended.err) == (0, f"note: {nothing}\n")
    # What --quiet does not show before is there afterwards.
    ended = onboard.program(*arguments, "--yes", "--quiet")
    assert (ended.err, ended.out.splitlines()) == ("", ["0 of 0 memberships removed", nothing])
    # As after an interruption: the others are removed.
    arguments[-1] += f",{MEMBERS[2]}"
    ended = onboard.program(*arguments, "--yes")
    assert (ended.code, onboard.changes) == (0, ["DeleteMembers"] * 4)
    assert f"note: {MEMBERS[0]}, {MEMBERS[1]}: no member in eu-west-1, us-east-1" in ended.err


def test_a_removal_by_whom_has_no_graph(onboard: Onboard) -> None:
    """Most likely the wrong profile: it is said, also with --quiet and rows alone, and before anything is done."""
    for more in ("--yes", "--dry-run"):
        ended = onboard.program("onboard", "--remove", MEMBERS[0], more, "--quiet", "--output", "csv")
        text = "the account has no graph in any of these regions: check whose credentials these are\n"
        assert (ended.code, ended.err) == (0, text)


def test_more_removals_than_allowed(onboard: Onboard) -> None:
    """A yes does not confirm them."""
    assert onboard().code == 0
    onboard.sim.forget_requests()
    arguments = ["onboard", "--regions", ",".join(REGIONS), "--remove", MEMBERS[0], "--yes", "--max-removals"]
    ended = onboard.program(*arguments, "1", "--output", "json")
    assert (ended.code, onboard.changes) == (1, [])
    texts = {one["problem"] for one in json.loads(ended.out)["rows"]}
    assert texts == {"it would be removed: --max-removals 2 removes 2 memberships"}
    assert (onboard.program(*arguments, "2").code, onboard.changes) == (0, ["DeleteMembers"] * 2)


def test_members_that_cannot_be_removed(onboard: Onboard) -> None:
    """A region that cannot be read, one that fails, and an account that AWS refuses are reported."""
    assert onboard().code == 0
    sim = onboard.sim
    sim.close_region("me-south-1")
    arguments = ["onboard", "--remove", MEMBERS[0], "--yes", "--output", "json"]
    ended = onboard.program(*arguments, "--regions", "eu-west-1,me-south-1")
    assert (ended.code, json.loads(ended.out)["ok"]) == (1, False)
    (problem,) = [one for one in json.loads(ended.out)["regions"] if one["problem"]]
    assert problem["region"] == "me-south-1"
    # Once, although the plan has it already.
    assert problem["problem"].count("; check the access keys, and whether the account has opted in to the region") == 1
    sim.inject(Fault(Failure(400, "ValidationException", "no"), "DeleteMembers"))
    ended = onboard.program(*arguments, "--regions", "all")
    (row,) = json.loads(ended.out)["rows"]
    assert (ended.code, row["region"], row["done"]) == (1, "us-east-1", [])
    assert "ValidationException: no" in row["problem"]


def test_the_question_says_what_it_costs(onboard: Onboard, monkeypatch: pytest.MonkeyPatch) -> None:
    """And how many e-mails it sends; --quiet does not hide what the question is about."""
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    monkeypatch.setattr(sys, "stderr", asked := Terminal())
    assert onboard.program(*onboard.arguments("--quiet")).code == 2
    text = asked.getvalue()
    assert "AWS bills 2 new graphs and 10 new memberships by data volume; AWS sends 10 e-mails" in text
    assert MEMBERS[0] in text


def test_a_list_with_semicolons(onboard: Onboard) -> None:
    """As spreadsheets write it in many countries, in their encoding."""
    lines = ["Account ID;Email address", *(f"{one};account-{one}@example.com" for one in MEMBERS)]
    onboard.accounts.write_bytes("\r\n".join(lines).encode("utf-16"))
    assert onboard(regions=ONE_REGION).code == 0
    assert onboard.statuses == ["ENABLED"] * 5


@pytest.mark.slow
@pytest.mark.parametrize("sigint", [signal.SIG_DFL, signal.SIG_IGN])
def test_sigterm_is_as_ctrl_c(onboard: Onboard, sigint: signal.Handlers) -> None:
    """There is a report, also of a script's background job, which ignores Ctrl-C; the exit code is 143."""
    onboard.sim.inject(Fault(Latency(30), "AcceptInvitation", count=None))
    arguments = onboard.arguments("--yes", "--output", "json", regions=ONE_REGION)
    with onboard.program.start(*arguments, sigint=sigint) as running:
        try:
            while "INVITED" not in onboard.statuses:
                assert running.poll() is None
                time.sleep(0.01)
            if sigint is signal.SIG_IGN:
                running.send_signal(signal.SIGINT)
                time.sleep(0.2)
                assert running.poll() is None
            running.terminate()
            out, errors = running.communicate(timeout=120)
        finally:
            running.kill()
    assert (running.returncode, len(json.loads(out)["rows"])) == (143, 5), errors.decode()
    lines = [line for line in errors.decode().splitlines() if line]
    assert lines[-2:] == ["run the same command again to continue", "detective-async: terminated"]


def test_an_interrupted_removal(onboard: Onboard, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a report, and the same command goes on, until all is done and it says so."""
    assert onboard().code == 0
    delete = DetectiveClient.delete_members

    async def interrupted(client: DetectiveClient, graph_arn: str, account_ids: Any) -> Any:
        if client.region == "eu-west-1":
            await delete(client, graph_arn, account_ids)
            signal.raise_signal(signal.SIGINT)
        await asyncio.sleep(60)

    async def interrupted_again(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)
        await asyncio.sleep(60)

    arguments = ["onboard", "--regions", ",".join(REGIONS), "--remove", MEMBERS[0], "--yes", "--output", "json"]
    with monkeypatch.context() as patch:
        patch.setattr(DetectiveClient, "delete_members", interrupted)
        ended = onboard.program(*arguments)
    rows = json.loads(ended.out)["rows"]
    text = "it is not known whether 'remove' was carried out: plan again; interrupted: the account was ENABLED"
    assert (ended.code, [(one["problem"], one["maybe_done"]) for one in rows]) == (130, [(text, ["remove"])] * 2)
    assert "run the same command again to continue" in ended.err
    with monkeypatch.context() as patch:
        patch.setattr(DetectiveClient, "delete_members", interrupted_again)
        lose_reports(patch)
        ended = onboard.program(*arguments)
    # The exit code is that of the signal all the same.
    assert (ended.code, ended.out) == (130, "")
    assert [line for line in ended.err.splitlines() if line][-4:] == [
        (
            "the report was not written: 0 of 1 memberships in 2 regions are as wanted; "
            "not known whether it was done: remove: 1"
        ),
        "standard output: full",
        "run the same command again to continue",
        "detective-async: interrupted",
    ]
    ended = onboard.program(*arguments)
    assert (ended.code, [one["region"] for one in json.loads(ended.out)["rows"]]) == (0, ["us-east-1"])
    ended = onboard.program(*arguments)
    assert (ended.code, json.loads(ended.out)["notes"][0]["reason"]) == (0, "not a member")


@pytest.mark.parametrize("output", ["table", "csv"])
def test_a_removal_that_takes_too_long(onboard: Onboard, monkeypatch: pytest.MonkeyPatch, output: str) -> None:
    """It ends in time, and says of which members it is not known, in a column of its own."""
    monkeypatch.setenv("COLUMNS", "200")
    assert onboard().code == 0
    onboard.sim.inject(Fault(Latency(60), "DeleteMembers", region="eu-west-1", count=None))
    arguments = ["onboard", "--regions", ",".join(REGIONS), "--remove", ",".join(MEMBERS), "--yes", "--timeout", "6"]
    ended = onboard.program(*arguments, "--output", output)
    text = "it is not known whether 'remove' was carried out: plan again; not done within 6 s: the account was ENABLED"
    assert ended.code == 1
    if output == "csv":
        rows = list(csv.DictReader(io.StringIO(ended.out)))
        assert {(one["region"], one["done"], one["maybe_done"], one["problem"]) for one in rows} == {
            ("eu-west-1", "", "remove", text),
            ("us-east-1", "remove", "", ""),
        }
        return
    heading, *lines = ended.out.splitlines()
    assert heading.split() == ["account", "region", "status", "maybe", "done", "problem"]
    assert [line.split()[:4] for line in lines[:5]] == [[one, "eu-west-1", "ENABLED", "remove"] for one in MEMBERS]
    assert all(line.endswith(text) for line in lines[:5])
    assert lines[5:] == ["5 memberships: remove", "5 of 10 memberships removed; of 5 it is not known"]
    # Where nothing is unknown, there is no such column.
    onboard.sim.clear_faults()
    onboard.sim.inject(Fault(Failure(403, "AccessDeniedException", "no"), "DeleteMembers"))
    (heading, *_) = onboard.program(*arguments).out.splitlines()
    assert "maybe" not in heading


def test_a_removal_without_a_response(onboard: Onboard, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the members are gone is looked at."""
    assert onboard().code == 0
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    onboard.sim.inject(Fault(Drop("after"), "DeleteMembers", region="eu-west-1", count=None))
    ended = onboard.program(
        "onboard", "--regions", ",".join(REGIONS), "--remove", MEMBERS[0], "--yes", "--output", "json"
    )
    rows = json.loads(ended.out)["rows"]
    assert ended.code == 0
    assert [(one["done"], one["maybe_done"], one["after"]) for one in rows] == [(["remove"], [], None)] * 2


def test_a_signal_after_the_last_change(onboard: Onboard, monkeypatch: pytest.MonkeyPatch) -> None:
    """The report is whole, and nothing is to be done again."""
    signal_after(monkeypatch, MembershipPlan, signal.SIGINT)
    done = onboard("--output", "json", regions=ONE_REGION)
    assert (done.code, json.loads(done.out)["ok"]) == (130, True)
    assert "again" not in done.err.splitlines()[-2]


def test_a_region_of_another_partition(onboard: Onboard) -> None:
    """Nothing is done in any region, with or without a plan alone."""
    onboard.sim.close_region("cn-north-1")
    text = "cn-north-1 is of another partition (aws-cn); these credentials are of aws: nothing was done"
    for more in ([], ["--dry-run"]):
        ended = onboard(*more, regions=("cn-north-1", "eu-west-1"))
        assert (ended.code, ended.out, ended.err) == (2, "", f"detective-async: {text}\n")
    assert onboard.changes == []

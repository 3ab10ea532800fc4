"""teardown: a plan, and no deletion without the account's id."""

import asyncio
import csv
import io
import json
import signal
import time
from typing import Any

import pytest
from cli.conftest import Program, lose_reports, signal_after
from support.programs import Ended

from detective_async.cli.demo_world import ACCOUNTS, ADMINISTRATOR, CLOSED, REGIONS
from detective_async.cli.options import Job
from detective_async.membership import TeardownPlan
from detective_async.testing import Failure, Fault, Latency

TWO = ["--regions", ",".join(REGIONS[:2])]


@pytest.mark.parametrize("output", ["table", "json", "ndjson", "csv"])
def test_a_dry_run_changes_nothing(program: Program, output: str) -> None:
    """It has the graphs that would be deleted, in each format."""
    ended = program("teardown", *TWO, "--dry-run", "--output", output)
    assert (ended.code, ended.err, program.changes) == (0, "", [])
    for arn in program.sim.snapshot():
        assert arn in ended.out
    if output == "json":
        assert [one["kind"] for one in json.loads(ended.out)["actions"]] == ["delete graph"] * 2
    if output == "csv":
        assert [row["region"] for row in csv.DictReader(io.StringIO(ended.out))] == list(REGIONS[:2])
    if output == "table":
        assert ended.out.splitlines()[-1] == "2 graphs would be deleted; nothing was done"


@pytest.mark.parametrize("arguments", [[], ["--confirm", ACCOUNTS[0]], ["--yes", "--confirm", ACCOUNTS[0]]])
def test_nothing_is_deleted_without_the_id(program: Program, arguments: list[str]) -> None:
    """The plan is shown, and the error has the id to confirm."""
    ended = program("teardown", *TWO, *arguments)
    assert (ended.code, ended.out, program.changes) == (2, "", [])
    assert "DeleteGraph cannot be undone" in ended.err
    assert ADMINISTRATOR in ended.err.splitlines()[-1]


def test_the_graphs_are_deleted(program: Program) -> None:
    """Those of the regions that were named, and no others; again, there is nothing to do."""
    ended = program("teardown", "--regions", REGIONS[0], "--confirm", ADMINISTRATOR, "--output", "json")
    assert (ended.code, program.changes) == (0, ["DeleteGraph"])
    assert [arn.split(":")[3] for arn in program.sim.snapshot()] == [REGIONS[1]]
    report = json.loads(ended.out)
    assert (report["ok"], [one["done"] for one in report["regions"]]) == (True, [["delete graph"]])
    ended = program("teardown", "--regions", REGIONS[0])
    assert (ended.code, ended.out, program.changes) == (0, "0 graphs deleted\n", ["DeleteGraph"])
    # Credentials of another account than was thought may be why there is no graph.
    ended = program("teardown", "--regions", REGIONS[0], "--confirm", ACCOUNTS[0])
    assert (ended.code, ended.out) == (2, "")
    text = f"not confirmed: nothing was done; the credentials are those of account {ADMINISTRATOR}"
    assert ended.err.splitlines()[-1].endswith(text)


def test_deletions_without_a_response(program: Program) -> None:
    """The last line does not say that nothing was deleted."""
    program.sim.inject(Fault(Latency(60), "DeleteGraph", count=None))
    ended = program("teardown", *TWO, "--confirm", ADMINISTRATOR, "--timeout", "2")
    assert (ended.code, ended.out.splitlines()[-2:]) == (1, ["0 graphs deleted", "of 2 graphs it is not known"])


def test_all_regions(program: Program) -> None:
    """One that is not open has no graph."""
    ended = program("teardown", "--regions", "all", "--confirm", ADMINISTRATOR)
    assert (ended.code, program.sim.snapshot()) == (0, {})
    lines = ended.out.splitlines()
    assert lines == ["2 graphs deleted"]
    assert f"note: the account has not opted in to {CLOSED}" in ended.err
    assert program("teardown", "--regions", f"{REGIONS[2]},{CLOSED}", "--dry-run").code == 1


def test_a_region_of_all_that_was_not_read_is_a_failure(program: Program) -> None:
    """Keys that are unknown in a region that every account has are no closed region: it may have a graph."""
    unknown = Failure(403, "UnrecognizedClientException", "The security token included in the request is invalid")
    program.sim.inject(Fault(unknown, "ListGraphs", None, REGIONS[1], None))
    ended = program("teardown", "--regions", "all", "--dry-run")
    assert ended.code == 1
    assert REGIONS[1] in ended.out
    assert f"note: the account has not opted in to {CLOSED}" in ended.out
    ended = program("teardown", "--regions", "all", "--confirm", ADMINISTRATOR, "--output", "json")
    document = json.loads(ended.out)
    assert (ended.code, document["ok"]) == (1, False)
    assert [(one["region"], one["ok"]) for one in document["regions"]] == [(REGIONS[0], True), (REGIONS[1], False)]


def test_a_failure_is_reported(program: Program) -> None:
    """The other graph is deleted, and the exit code is 1."""
    program.sim.inject(Fault(Failure(403, "AccessDeniedException", "no"), "DeleteGraph", None, REGIONS[1], None))
    ended = program("teardown", *TWO, "--confirm", ADMINISTRATOR)
    assert ended.code == 1
    assert [arn.split(":")[3] for arn in program.sim.snapshot()] == [REGIONS[1]]
    assert "AccessDenied" in ended.out
    assert "; `detective-async whoami` shows which permissions are missing" in " ".join(ended.out.split())
    assert ended.out.splitlines()[-1] == "1 graph deleted"


def test_a_report_that_cannot_be_written(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was done is said on standard error, also with --quiet."""
    lose_reports(monkeypatch)
    ended = program("teardown", *TWO, "--confirm", ADMINISTRATOR, "--quiet")
    assert ended == Ended(1, "", "the report was not written: 2 graphs gone\ndetective-async: standard output: full\n")


@pytest.mark.slow
@pytest.mark.parametrize(("answer", "deleted"), [(f"{ADMINISTRATOR}\n", True), ("yes\n", False)])
def test_the_id_is_asked_for_on_a_terminal(program: Program, answer: str, deleted: bool) -> None:
    """Nothing else is a confirmation."""
    ended = program.on_terminal("teardown", *TWO, answer=answer)
    assert "Type the account id to do it: " in ended.out
    assert (ended.code, program.sim.snapshot() == {}) == ((0, True) if deleted else (2, False))


@pytest.mark.slow
def test_ctrl_c_at_the_question(program: Program) -> None:
    """Nothing is deleted, and the program ends at once."""
    ended = program.on_terminal("teardown", *TWO, answer="\x03")
    assert (ended.code, len(program.sim.snapshot())) == (130, 2)
    assert "Traceback" not in ended.out


@pytest.mark.slow
def test_ctrl_c_while_deleting(program: Program) -> None:
    """Exit code 130, and a report of what was deleted and what may have been."""
    program.sim.inject(Fault(Latency(30), "DeleteGraph", None, REGIONS[1], None))
    with program.start("teardown", *TWO, "--confirm", ADMINISTRATOR, "--output", "json") as running:
        try:
            while len(program.sim.snapshot()) > 1:
                assert running.poll() is None
                time.sleep(0.01)
            time.sleep(0.2)
            running.send_signal(signal.SIGINT)
            out, errors = running.communicate(timeout=60)
        finally:
            running.kill()
    assert running.returncode == 130, errors.decode()
    assert "Traceback" not in errors.decode()
    first, second = json.loads(out)["regions"]
    assert (first["region"], first["done"]) == (REGIONS[0], ["delete graph"])
    assert (second["region"], second["reason"]) == (REGIONS[1], "interrupted")
    program.sim.clear_faults()


@pytest.mark.parametrize("has_begun", [False, True])
def test_an_interruption_reports_what_is_known(
    program: Program, monkeypatch: pytest.MonkeyPatch, has_begun: bool
) -> None:
    """If deleting has begun, there is a report."""
    apply = TeardownPlan.apply

    async def interrupted(plan: Any, **options: Any) -> None:
        if has_begun:
            await apply(plan, **options)
        raise asyncio.CancelledError

    def run(_job: object, work: Any) -> None:
        with asyncio.Runner() as loop, pytest.raises(asyncio.CancelledError):
            loop.run(work())
        raise KeyboardInterrupt

    monkeypatch.setattr(TeardownPlan, "apply", interrupted)
    monkeypatch.setattr(Job, "run", run)
    ended = program("teardown", *TWO, "--confirm", ADMINISTRATOR)
    assert (ended.code, bool(ended.out)) == (130, has_begun)
    assert "run the same command again to continue" in ended.err.splitlines()


def test_a_signal_after_the_last_deletion(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """The report is written for all that."""
    signal_after(monkeypatch, TeardownPlan, signal.SIGTERM)
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    done = program("teardown", "--regions", "eu-west-1", "--confirm", ADMINISTRATOR, "--output", "json")
    signal.signal(signal.SIGTERM, before)
    assert (done.code, json.loads(done.out)["ok"]) == (143, True)


def test_a_region_of_another_partition(program: Program) -> None:
    """Nothing is deleted in any region."""
    program.sim.close_region("cn-north-1")
    text = "cn-north-1 is of another partition (aws-cn); these credentials are of aws: nothing was done"
    ended = program("teardown", "--regions", "cn-north-1,eu-west-1", "--confirm", ADMINISTRATOR)
    assert (ended.code, ended.out, ended.err) == (2, "", f"detective-async: {text}\n")
    assert len(program.sim.snapshot()) == 2

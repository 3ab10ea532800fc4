"""The inventory: it is complete, with one line per member, even after interruptions and crashes."""

import csv
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest
from support.inventories import CLOSED, HUB, OPEN, ROLE, Members, World, found_in, world
from support.programs import STRICT, Ended
from support.strict_mode import warnings_in

from detective_async import HostNotFound, Outcome, OutcomeKind, ServiceError, Target, cli
from detective_async.cli import inventory_run
from detective_async.cli.inventory_file import Csv
from detective_async.testing import Failure, Fault, Latency

pytestmark = pytest.mark.slow


@pytest.fixture(params=[5])
def a_world(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world in the environment, with as many accounts as a test asks for."""
    with world(tmp_path, request.param) as made:
        for name, value in made.sim.environment(HUB).items():
            monkeypatch.setenv(name, value)
        yield made


# Large enough that the run is not finished when it is interrupted.
in_a_large_world = pytest.mark.parametrize("a_world", [40], indirect=True)
# Seconds between two checkpoints: longer than any machine has been running, so that only the first target is saved.
NEVER_AGAIN = 10**9


Main = Callable[..., Ended]


def command(*arguments: str, first: str = "") -> list[str]:
    """Return the program that runs the command, after Python code that changes its modules."""
    program = f"""
import signal, sys
# SIGINT may be ignored where the tests run in the background, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
from detective_async.cli import inventory_file, main
{first}
sys.exit(main(["inventory", *sys.argv[1:]]))
"""
    return [sys.executable, *STRICT, "-c", program, *arguments]


@pytest.fixture
def main(capsys: pytest.CaptureFixture[str]) -> Main:
    """Run it in this process."""

    def run(*arguments: str) -> Ended:
        code = cli.main(["inventory", *arguments])
        captured = capsys.readouterr()
        return Ended(code, captured.out, captured.err)

    return run


def check_refused(a_world: World, ended: Ended, *expected: str) -> None:
    """Check that it was refused with these words, before anything was sent."""
    assert ended.code == 2
    assert [part for part in expected if part not in ended.err] == []
    assert a_world.sim.requests == []


def listed_targets(a_world: World) -> set[tuple[str | None, str | None]]:
    """Return the targets whose graphs were listed."""
    return {(one.account_id, one.region) for one in a_world.sim.requests if one.operation == "ListGraphs"}


def test_the_command_writes_to_standard_output(a_world: World, tmp_path: Path) -> None:
    """It runs in any folder; each member is on a line of its own, and the report is on standard error."""
    run = subprocess.run(
        command(*a_world.arguments()),
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert found_in(run.stdout) == a_world.members
    report = warnings_in(run.stderr.decode()).splitlines()
    assert report[0] == f"not opted in: {CLOSED} (5 accounts)"
    assert report[1].startswith(f"{a_world.members.total()} members in 15 targets, 0 failed, ")
    assert (run.returncode, len(report)) == (0, 2)


@pytest.mark.parametrize("with_addresses", [False, True])
def test_a_line_has_every_field(a_world: World, main: Main, *, with_addresses: bool) -> None:
    """It has all fields of the API, times in ISO 8601, and the e-mail address only on request."""
    assert main(*a_world.to_files(*(["--with-email-addresses"] if with_addresses else []))).code == 0
    line = json.loads(a_world.output.read_text().splitlines()[0])
    member = line.pop("member")
    assert line.keys() == {"account_id", "region", "graph_arn"}
    assert line["graph_arn"] == member["graph_arn"]
    assert member["administrator_id"] == line["account_id"]
    assert member["status"] == "ENABLED"
    assert member["disabled_reason"] is None
    assert datetime.fromisoformat(member["invited_time"]).tzinfo is not None
    assert member["volume_usage_by_datasource_package"]["DETECTIVE_CORE"]["volume_usage_in_bytes"] > 0
    assert ("@" in a_world.output.read_text()) == with_addresses
    if with_addresses:
        assert member["email_address"] == f"account-{member['account_id']}@example.com"


ACCOUNTS = {
    "ids": b"100000000000\n100000000001",
    "console": b"Account ID,Email address\r\n100000000000,a@example.com\r\n100000000001,b@example.com\r\n",
    "spreadsheet": b'\xef\xbb\xbf"100000000000","a@example.com"\n"100000000001",\n\n',
    "semicolons": b"Account ID;Email address\r\n100000000000;a@example.com\r\n100000000001;b@example.com\r\n",
    "tabs": b"100000000000\ta@example.com\n100000000001\t\n",
    "UTF-16": "100000000000,a@example.com\n100000000001\n".encode("utf-16"),
    "dashes": b"1000-0000-0000\n1000-0000-0001,b@example.com\n",
    "spaces": b"\n  100000000000 ,  a@example.com \n\t100000000001\t\n   \n",
}


@pytest.mark.parametrize("kind", ACCOUNTS)
def test_formats_of_account_lists(a_world: World, main: Main, kind: str) -> None:
    """A list has ids only, or is a CSV file for AWS's console."""
    (a_world.folder / "some").write_bytes(ACCOUNTS[kind])
    ended = main(*a_world.arguments("--file", str(a_world.output), accounts="some"))
    assert ended.code == 0
    assert ("line 2: account id read without its dashes: 100000000001" in ended.err) == (kind == "dashes")
    wanted = {"100000000000", "100000000001"}
    assert found_in(a_world.output.read_bytes()) == Counter(
        {member: count for member, count in a_world.members.items() if member[0] in wanted}
    )


def test_accounts_from_standard_input(a_world: World, main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    """A minus sign stands for standard input."""
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(ACCOUNTS["ids"])))
    arguments = ["--role-name", ROLE, "--accounts", "-", "--regions", OPEN[0], "--file", str(a_world.output)]
    assert main(*arguments).code == 0
    assert {member[0] for member in found_in(a_world.output.read_bytes())} == {"100000000000", "100000000001"}


WRONG_ACCOUNTS = {
    "malformed": (
        b"100000000000\n10000000000\nroot@example.com,100000000001\n1000000000012\n",
        ["line 2: expected an account id of 12 digits", "line 3: expected", "line 4: expected"],
    ),
    "a comment": (b"# production\n100000000000\n", ["line 1: expected an account id"]),
    "no address": (b"100000000000,nobody\n", ["line 1: e-mail address: expected"]),
    "two on a line": (b"\n100000000000,100000000001\n", ["line 2: e-mail address: expected"]),
    "a header in the middle": (b"100000000000\nAccount ID,Email address\n", ["line 2: expected an account id"]),
    "other digits": ("\N{FULLWIDTH DIGIT ONE}00000000000\n".encode(), ["line 1: expected an account id"]),
    "repeated": (
        b"100000000000\n100000000001\n100000000000,a@example.com\n",
        ["line 3: account 100000000000 is on line 1 too"],
    ),
    "many": (b"1\n" * 30, ["line 20: ", "and 10 more lines"]),
    "empty": (b"\n\n", ["there are no account ids in it"]),
    "binary": (b"\xff\xff1\x000\x00", ["expected text in UTF-8"]),
    "half of UTF-16": (b"\xff\xfe1\x000", ["expected text in UTF-8"]),
    "compressed": (b"\x1f\x8b\x08\x00", ["it is compressed with gzip: decompress it first"]),
}


@pytest.mark.parametrize("kind", WRONG_ACCOUNTS)
def test_wrong_accounts_are_refused(a_world: World, main: Main, kind: str) -> None:
    """Every wrong line is named by its number, without its address; nothing is sent or written."""
    content, expected = WRONG_ACCOUNTS[kind]
    (a_world.folder / "wrong").write_bytes(content)
    ended = main(*a_world.arguments("--file", str(a_world.output), accounts="wrong"))
    check_refused(a_world, ended, *expected)
    assert ended.err.count(", line ") == (20 if kind == "many" else sum(part.startswith("line") for part in expected))
    assert "example.com" not in ended.err
    assert not a_world.output.exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--accounts", "/nowhere/accounts"], "No such file"),
        (["--regions", "nowhere!"], "expected a region"),
        (["--regions", "eu-west-1"], "eu-west-1 is there twice"),
        (["--regions", "cn-north-1"], "partitions"),
        (["--role-name", "a role"], "expected a role's name"),
        (["--external-id", ""], "--external-id"),
        (["--concurrency", "0"], "concurrency"),
        (["--endpoint-url", "nowhere"], "endpoint"),
        (["--file", "/nowhere/members"], "No such file"),
        (["--checkpoint", "/nowhere/checkpoint"], "--file"),
    ],
)
def test_wrong_arguments_are_refused(a_world: World, main: Main, arguments: list[str], expected: str) -> None:
    """The error names the argument, and nothing is sent."""
    check_refused(a_world, main(*a_world.arguments(), *arguments), expected)


def test_failed_targets_are_reported_and_retried(a_world: World, main: Main) -> None:
    """The next run with the same checkpoint lists only them, and in the end nothing is missing."""
    sim, failing = a_world.sim, a_world.accounts[0]
    sim.inject(Fault(Failure(403, "AccessDeniedException", "no"), "ListMembers", failing, OPEN[0]))
    ended = main(*a_world.to_files())
    assert ended.code == 1
    assert f"failed: {failing} in {OPEN[0]}: AccessDeniedException: AccessDeniedException: no (ListMembers" in ended.err
    assert ended.err.count("failed: ") == 1
    assert " 1 failed, " in ended.err
    assert {member[:2] for member in found_in(a_world.output.read_bytes())} == {
        member[:2] for member in a_world.members if member[:2] != (failing, OPEN[0])
    }

    sim.forget_requests()
    ended = main(*a_world.to_files())
    assert ended.code == 0
    assert listed_targets(a_world) == {(failing, OPEN[0]), *((one, CLOSED) for one in a_world.accounts)}
    assert found_in(a_world.output.read_bytes()) == a_world.members
    assert "\n3 members in 6 targets, 0 failed, 9 finished earlier, " in ended.err


def test_a_finished_job_begins_anew(a_world: World, main: Main) -> None:
    """Its checkpoint is removed, so that the next run of a cron job sees what has changed since."""
    for _ in range(2):
        ended = main(*a_world.to_files())
        assert ended.code == 0
        assert " in 15 targets, 0 failed, 0 finished earlier, " in ended.err
        assert not a_world.checkpoint.exists()
        assert found_in(a_world.output.read_bytes()) == a_world.members
        assert len(listed_targets(a_world)) == 15
        a_world.sim.forget_requests()


def test_a_region_that_was_not_open_is_looked_at_again(a_world: World, main: Main) -> None:
    """Only what was read is finished."""
    leave_a_checkpoint(a_world, main)
    finished = json.loads(a_world.checkpoint.read_text())["finished"]
    assert CLOSED not in {region for _, region in finished}
    a_world.sim.open_region(CLOSED)
    assert main(*a_world.to_files()).code == 0
    assert {region for _, region in listed_targets(a_world)} == {CLOSED, OPEN[0]}


def leave_a_checkpoint(a_world: World, main: Main) -> None:
    """Make an inventory of all targets but one, which is denied."""
    denied = Failure(403, "AccessDeniedException", "no")
    fault = Fault(denied, "ListGraphs", a_world.accounts[0], OPEN[0], None)
    a_world.sim.inject(fault)
    assert main(*a_world.to_files()).code == 1
    a_world.sim.clear_faults()
    a_world.sim.forget_requests()


def finished_in(checkpoint: Path) -> int:
    """Count the targets that are finished by a checkpoint; it is replaced as a whole, and may not be there yet."""
    return len(json.loads(checkpoint.read_text())["finished"]) if checkpoint.exists() else 0


def enough(a_world: World, requests: int, saved: int) -> bool:
    """Tell whether so many requests were sent, and so many targets saved."""
    return len(a_world.sim.requests) >= requests and finished_in(a_world.checkpoint) >= saved


def run_until(stop: Callable[[], bool], a_world: World, number: int, first: str = "") -> int:
    """Run it until `stop` says so, send it a signal, and return its exit code."""
    arguments = a_world.to_files("--concurrency", "2")
    with subprocess.Popen(command(*arguments, first=first), stderr=subprocess.PIPE) as program:
        try:
            while program.poll() is None and not stop():
                time.sleep(0.002)
            program.send_signal(number)
            _, errors = program.communicate(timeout=120)
        finally:
            # A program that hangs must fail the test instead of blocking it.
            program.kill()
    assert "Traceback" not in errors.decode()
    return program.returncode


@in_a_large_world
@pytest.mark.parametrize(
    ("number", "save_every", "at_least"),
    [(signal.SIGKILL, 0, 2), (signal.SIGKILL, NEVER_AGAIN, 1), (signal.SIGINT, NEVER_AGAIN, 2)],
)
def test_it_goes_on_after_a_signal(
    a_world: World, main: Main, number: signal.Signals, save_every: int, at_least: int
) -> None:
    """After two signals, saved targets are not listed again, and no member is missing or repeated."""
    sim = a_world.sim
    sim.inject(Fault(Latency(0.03), count=None))
    # The first signal may come before anything is saved; the second one waits until that has happened.
    for answered, saved in ((2, 0), (12, 2 if save_every == 0 else 1)):
        sim.forget_requests()
        code = run_until(
            partial(enough, a_world, answered, saved), a_world, number, f"inventory_file.SAVE_EVERY = {save_every}"
        )
        assert code == (130 if number == signal.SIGINT else -number)
    sim.clear_faults()
    finished = finished_in(a_world.checkpoint)
    assert at_least <= finished < 120
    sim.forget_requests()
    assert main(*a_world.to_files()).code == 0
    assert found_in(a_world.output.read_bytes()) == a_world.members
    assert len(listed_targets(a_world)) == 120 - finished


CRASHING = """
import os, pathlib
inventory_file.SAVE_EVERY = 0
left = {}

def dying(function):
    def call(*arguments):
        global left
        left -= 1
        if left < 0:
            os._exit(7)
        return function(*arguments)
    return call

os.fsync = dying(os.fsync)
pathlib.Path.replace = dying(pathlib.Path.replace)
"""


def test_it_goes_on_after_a_crash_between_any_two_writes(a_world: World, main: Main) -> None:
    """Each run gets a step further: the output, the new checkpoint, the replacement of the old one."""
    arguments = a_world.to_files("--concurrency", "2")
    for steps in range(5):
        run = subprocess.run(command(*arguments, first=CRASHING.format(steps)), capture_output=True, check=False)
        assert (run.returncode, warnings_in(run.stderr.decode())) == (7, "")
    # An incomplete line, as a crash of the whole machine may leave it.
    with a_world.output.open("ab") as output:
        output.write(b'{"account_id": "1000')
    assert main(*a_world.to_files()).code == 0
    assert found_in(a_world.output.read_bytes()) == a_world.members


AT_THE_END = """
import os, pathlib

class Dying(pathlib.PosixPath):
    def unlink(self):
        os._exit(7)

inventory_file.SAVE_EVERY = {0}
inventory_file.Path = Dying
"""


@pytest.mark.parametrize("save_every", [0, NEVER_AGAIN])
@pytest.mark.parametrize("output_is_there", [False, True])
def test_it_begins_anew_after_a_crash_just_before_the_end(
    a_world: World, main: Main, save_every: int, output_is_there: bool
) -> None:
    """The checkpoint has all targets then: the next run reads them all again, and says so."""
    crash = command(*a_world.to_files(), first=AT_THE_END.format(save_every))
    assert subprocess.run(crash, capture_output=True, check=False).returncode == 7
    assert finished_in(a_world.checkpoint) == 15
    if not output_is_there:
        a_world.output.unlink()
    a_world.sim.forget_requests()
    ended = main(*a_world.to_files())
    said = f"the inventory of {a_world.checkpoint} is complete: this is a new one"
    assert (ended.code, ended.err.splitlines()[0]) == (0, said)
    assert len(listed_targets(a_world)) == 15
    assert found_in(a_world.output.read_bytes()) == a_world.members
    assert not a_world.checkpoint.exists()


@pytest.mark.parametrize("change", [(), ("--with-email-addresses",)])
def test_it_starts_over(a_world: World, main: Main, change: tuple[str, ...]) -> None:
    """While a target fails, the checkpoint stays, and the message says how to read everything again; in any case."""
    denied = Fault(Failure(403, "AccessDeniedException", "no"), "ListGraphs", a_world.accounts[0], OPEN[0], None)
    a_world.sim.inject(denied)
    for arguments, listed in (((), 15), ((), 6), (("--start-over", *change), 15), (("--start-over",), 15)):
        a_world.sim.forget_requests()
        ended = main(*a_world.to_files(*arguments))
        assert (ended.code, len(listed_targets(a_world))) == (1, listed)
        last = "the same command tries again what failed; with --start-over, it reads everything again"
        assert ended.err.splitlines()[-1] == last
    a_world.output.unlink()
    a_world.sim.clear_faults()
    assert main(*a_world.to_files("--start-over")).code == 0
    assert found_in(a_world.output.read_bytes()) == a_world.members


def test_a_crash_after_starting_over(a_world: World, main: Main) -> None:
    """What was known before is forgotten first: the next run goes on from there."""
    leave_a_checkpoint(a_world, main)
    crash = command(*a_world.to_files("--start-over"), first=CRASHING.format(0))
    assert subprocess.run(crash, capture_output=True, check=False).returncode == 7
    assert main(*a_world.to_files()).code == 0
    assert found_in(a_world.output.read_bytes()) == a_world.members


def test_the_output_is_on_the_disk_before_the_checkpoint(
    a_world: World, main: Main, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a power cut, the checkpoint never refers to lines that are not in the output."""
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def record_fsync(descriptor: int) -> None:
        steps.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        if steps[-1] == a_world.output.name:
            sizes.append(os.fstat(descriptor).st_size)
        fsync(descriptor)

    def record_replace(path: Path, target: str) -> Path:
        steps.append(f"{path.name} -> {Path(target).name}")
        assert json.loads(path.read_text())["size"] == sizes[-1]
        return replace(path, target)

    sizes: list[int] = []
    monkeypatch.setattr(os, "fsync", record_fsync)
    monkeypatch.setattr(Path, "replace", record_replace)
    assert main(*a_world.to_files()).code == 0
    output, checkpoint = a_world.output.name, a_world.checkpoint.name
    once = [output, f"{checkpoint}.new", f"{checkpoint}.new -> {checkpoint}"]
    # At the first target and at the end, and in between at most once a second.
    assert steps[:6] == once * 2
    assert len(steps) < len(once) * 15


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"--role-name": "Other"}, "role"),
        ({"--regions": "us-west-2"}, "list of regions"),
        ({"--accounts": "fewer"}, "list of accounts"),
        ({"--file": "elsewhere"}, "file"),
        ({"--with-email-addresses": None}, "choice of e-mail addresses"),
    ],
)
def test_the_checkpoint_of_another_job_is_refused(
    a_world: World, main: Main, change: dict[str, str | None], named: str
) -> None:
    """The error says what is different; nothing is sent, and no file is changed."""
    leave_a_checkpoint(a_world, main)
    (a_world.folder / "fewer").write_text(a_world.accounts[0])
    before = {path.name: path.read_bytes() for path in a_world.folder.iterdir()}
    ((name, value),) = change.items()
    if name in {"--accounts", "--file"}:
        value = str(a_world.folder / str(value))
    ended = main(*a_world.to_files(), *([name] if value is None else [name, value]))
    check_refused(a_world, ended, f"belongs to another job with a different {named}; ")
    assert {path.name: path.read_bytes() for path in a_world.folder.iterdir()} == before


def test_the_same_job_with_other_arguments(a_world: World, main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order of accounts and regions, e-mail addresses in the list and the path to the output may differ."""
    leave_a_checkpoint(a_world, main)
    ids = sorted(a_world.accounts, reverse=True)
    (a_world.folder / "other").write_text("\n".join(f"{one},root-{one}@example.com" for one in ids))
    monkeypatch.chdir(a_world.folder)
    arguments = a_world.arguments(accounts="other", regions=(CLOSED, *reversed(OPEN)))
    assert main(*arguments, "--file", a_world.output.name, "--checkpoint", a_world.checkpoint.name).code == 0
    assert listed_targets(a_world) == {(one, CLOSED) for one in ids} | {(a_world.accounts[0], OPEN[0])}


NO_CHECKPOINTS = [
    "",
    "100000000000\n",
    "[]",
    "[" * 100_000,
    "\xff",
    '{"job": 1, "size": 2, "finished": 3}',
    '{"size": 0}',
    '{"job": {}, "size": 0, "finished": [["100000000000", "eu-west-1"]',
    *(
        f'{{"job": {{}}, "size": {size}, "finished": []}}'
        for size in ("1e400", "-1e400", "NaN", "Infinity", "-1", "1.0", "true", "null", '"5"', "[1]", "9" * 5000)
    ),
    *(
        f'{{"job": {{}}, "size": 0, "finished": [{one}]}}'
        for one in ("1", '"ab"', "[]", '["1", "eu-west-1"]', "[100000000000, 1]", '[["100000000000"], {}]', "null")
    ),
]


def test_a_file_that_is_not_a_checkpoint(a_world: World, main: Main) -> None:
    """Another program's file, a truncated one, or one with nonsense in it is refused in words, and not changed."""
    for content in NO_CHECKPOINTS:
        a_world.checkpoint.write_bytes(content.encode("latin-1"))
        check_refused(
            a_world,
            main(*a_world.to_files()),
            "members.checkpoint is not a checkpoint: remove it, or name another one\n",
        )
        assert a_world.checkpoint.read_bytes() == content.encode("latin-1")
        assert not a_world.output.exists()


def test_starting_over_with_an_empty_checkpoint(a_world: World, main: Main) -> None:
    """As `mktemp` makes it: there is nothing to lose."""
    a_world.checkpoint.touch()
    assert main(*a_world.to_files("--start-over")).code == 0
    assert not a_world.checkpoint.exists()


def test_files_that_are_standard_output(a_world: World, main: Main) -> None:
    """A dash would be a file of that name."""
    check_refused(a_world, main("--file", "-"), "without --file, it is standard output")


def test_a_region_of_another_partition(a_world: World, main: Main) -> None:
    """It is a failure that says so, and the others are read; alone, nothing is."""
    text = "failed: cn-north-1 is of another partition (aws-cn); these credentials are of aws"
    ended = main("--regions", "cn-north-1,eu-west-1")
    assert (ended.code, ended.err.splitlines()[0]) == (1, text)
    assert {region for _, region in listed_targets(a_world)} == {"eu-west-1"}
    a_world.sim.forget_requests()
    ended = main("--regions", "cn-north-1")
    assert (ended.code, ended.out, listed_targets(a_world)) == (2, "", set())


def test_a_checkpoint_of_another_output(a_world: World, main: Main) -> None:
    """If no line ends where it says, or the file is shorter, the output is not changed."""
    leave_a_checkpoint(a_world, main)
    output, state = a_world.output.read_bytes(), json.loads(a_world.checkpoint.read_text())
    for size, problem in ((state["size"] - 3, "has no line that ends where"), (10**30, "is shorter than")):
        a_world.checkpoint.write_text(json.dumps({**state, "size": size}))
        check_refused(a_world, main(*a_world.to_files()), problem)
        assert a_world.output.read_bytes() == output


def test_a_checkpoint_that_contradicts_the_output(a_world: World, main: Main) -> None:
    """No line of a finished target is cut off, and none is written twice: it is refused, and nothing is changed."""
    leave_a_checkpoint(a_world, main)
    output, state = a_world.output.read_bytes(), json.loads(a_world.checkpoint.read_text())
    first_line = output.index(b"\n") + 1
    with_members = [json.loads(line) for line in output.splitlines()]
    with_members = [[line["account_id"], line["region"]] for line in with_members]
    for changes, content in (
        ({"size": 0}, output),
        ({"size": first_line}, output),
        ({"finished": []}, output),
        ({"finished": state["finished"][:1]}, output),
        ({"finished": [*with_members[:1], ["999999999999", OPEN[0]]]}, output),
        ({}, b"no JSON\n" + output[len(b"no JSON\n") :]),
        ({"size": state["size"] + 3}, output + b"{}\n"),
    ):
        a_world.output.write_bytes(content)
        a_world.checkpoint.write_text(json.dumps({**state, **changes}))
        check_refused(a_world, main(*a_world.to_files()), "contradict each other; --start-over begins anew\n")
        assert a_world.output.read_bytes() == content


def test_a_second_run_is_refused(a_world: World, main: Main, tmp_path: Path) -> None:
    """While one runs, nothing else may write to its output or checkpoint, by whatever path; afterwards it may."""
    sim = a_world.sim
    # Long enough for the others to be refused meanwhile.
    sim.inject(Fault(Latency(0.3), count=None))
    (tmp_path / "link").symlink_to(a_world.checkpoint)
    same_checkpoint = ["--file", str(tmp_path / "other"), "--checkpoint", str(tmp_path / "link")]
    same_output = ["--file", str(a_world.output)]
    refused: list[Ended] = []

    def second_runs() -> bool:
        if not enough(a_world, 4, 1):
            return False
        refused.extend(
            main(*arguments)
            for arguments in (a_world.to_files(), a_world.arguments(*same_checkpoint), a_world.arguments(*same_output))
        )
        return True

    # Killed: a lock that was not released is none.
    assert run_until(second_runs, a_world, signal.SIGKILL) == -signal.SIGKILL
    assert [one.code for one in refused] == [2, 2, 2]
    assert ["another run is using" in one.err for one in refused] == [True] * 3
    assert not (tmp_path / "other").exists()
    sim.clear_faults()
    assert main(*a_world.to_files()).code == 0
    assert found_in(a_world.output.read_bytes()) == a_world.members


def test_hosts_that_cannot_be_found(a_world: World, main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their targets have failed and are read by the next run, unless another region's host responds."""
    resolve = socket.getaddrinfo

    def only_loopback(host: str, *more: Any, **options: Any) -> Any:
        if host != "127.0.0.1":
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return resolve(host, *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", only_loopback)
    url = os.environ["AWS_ENDPOINT_URL_DETECTIVE"]
    monkeypatch.delenv("AWS_ENDPOINT_URL_DETECTIVE")
    ended = main(*a_world.to_files())
    assert ended.code == 1
    assert ended.err.count("failed: ") == ended.err.count("no such name") == 15
    assert "not opted in" not in ended.err
    assert finished_in(a_world.checkpoint) == 0
    monkeypatch.setenv("AWS_ENDPOINT_URL_DETECTIVE", url)
    assert main(*a_world.to_files()).code == 0
    assert found_in(a_world.output.read_bytes()) == a_world.members


def test_keys_that_no_region_knows(a_world: World, main: Main) -> None:
    """They may not exist: their targets have failed and are read by the next run, the closed region's too."""
    a_world.sim.inject(Fault(Failure(403, "UnrecognizedClientException", "no such token"), "ListGraphs", count=None))
    ended = main(*a_world.to_files())
    assert ended.code == 1
    assert ended.err.count("failed: ") == ended.err.count("UnrecognizedClientException") == 15
    assert "not opted in" not in ended.err
    assert finished_in(a_world.checkpoint) == 0
    a_world.sim.clear_faults()
    ended = main(*a_world.to_files())
    assert (ended.code, ended.err.splitlines()[0]) == (0, f"not opted in: {CLOSED} (5 accounts)")
    assert found_in(a_world.output.read_bytes()) == a_world.members


def test_the_report_tells_missing_regions_from_closed_ones() -> None:
    """A host that does not exist is not said to be a lack of an opt-in."""
    report = inventory_run.Report()
    for error in (
        ServiceError("UnrecognizedClientException"),
        HostNotFound("no", operation="ListGraphs", attempts=1, outcome_unknown=False),
    ):
        target = Target("100000000000", CLOSED)
        report.add(Outcome(target, None, error, 0.0, kind=OutcomeKind.REGION_UNAVAILABLE))
    assert report.exit_code == 0
    assert report.lines()[:2] == [
        f"no Detective: {CLOSED} (1 account)",
        f"not opted in: {CLOSED} (1 account)",
    ]


def test_a_missing_output_is_refused(a_world: World, main: Main) -> None:
    """The job cannot continue if the output is shorter than the checkpoint says."""
    leave_a_checkpoint(a_world, main)
    a_world.output.unlink()
    check_refused(a_world, main(*a_world.to_files()), "is shorter than")


def test_without_a_checkpoint_the_output_is_overwritten(a_world: World, main: Main) -> None:
    """Its old content is gone."""
    a_world.output.write_text("something else\n" * 100_000)
    assert main(*a_world.arguments("--file", str(a_world.output))).code == 0
    assert found_in(a_world.output.read_bytes()) == a_world.members


def test_no_progress_bar_without_a_terminal(a_world: World) -> None:
    """Standard error has the report only."""
    run = subprocess.run(command(*a_world.arguments()), capture_output=True, check=False)
    assert found_in(run.stdout) == a_world.members
    assert (run.returncode, len(warnings_in(run.stderr.decode()).splitlines())) == (0, 2)


@in_a_large_world
def test_a_slow_reader_slows_it_down(a_world: World) -> None:
    """No targets are listed while the pipe is full; in the end the output is complete."""
    sim, arguments = a_world.sim, a_world.arguments("--concurrency", "2")
    with subprocess.Popen(command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        try:
            seen = -1
            while not seen or len(sim.requests) > seen:
                assert program.poll() is None
                seen = len(sim.requests)
                time.sleep(0.5)
            # Those that fit into the pipe, the one that is being written, two that wait for that, and two under way.
            assert len(listed_targets(a_world)) <= 15
            found, errors = program.communicate(timeout=120)
        finally:
            program.kill()
    assert found_in(found) == a_world.members
    assert (program.returncode, len(warnings_in(errors.decode()).splitlines())) == (0, 2)


def test_a_closed_pipe_ends_it(a_world: World) -> None:
    """A pipe into `head` ends it without a word."""
    arguments = a_world.arguments("--concurrency", "1", "--quiet")
    with subprocess.Popen(command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        program.stdout.close()
        errors = warnings_in(program.stderr.read().decode())
    assert (program.returncode, errors) == (1, "")


def test_a_full_disk_is_a_failure(a_world: World, main: Main) -> None:
    """It is reported, and the exit code is 1."""
    if not Path("/dev/full").exists():
        pytest.skip("there is no full disk to write to")
    ended = main(*a_world.arguments("--file", "/dev/full"))
    assert ended.code == 1
    assert "failed: /dev/full: No space left on device; free some space there, or write elsewhere\n" in ended.err


def csv_members(text: str) -> Members:
    """Count the members in CSV."""
    rows = csv.DictReader(io.StringIO(text))
    return Members((row["account_id"], row["region"], row["member_account_id"]) for row in rows)


def test_csv_continues_too(a_world: World, main: Main) -> None:
    """The failed target is read by the next run; the header is there once, and each member too."""
    a_world.sim.inject(Fault(Failure(403, "AccessDeniedException", "no"), "ListMembers", a_world.accounts[0], OPEN[0]))
    arguments = a_world.to_files("--output", "csv", "--with-email-addresses")
    assert main(*arguments).code == 1
    first = a_world.output.read_text()
    assert main(*arguments).code == 0
    text = a_world.output.read_text()
    assert text.startswith(first)
    assert text.count("account_id,region,graph_arn,") == 1
    assert csv_members(text) == a_world.members
    assert {row["email_address"].partition("-")[0] for row in csv.DictReader(io.StringIO(text))} == {"account"}


def test_csv_of_another_program_is_refused(a_world: World, main: Main) -> None:
    """A file without the header, or with other columns, is not continued."""
    arguments = a_world.to_files("--output", "csv")
    a_world.sim.inject(Fault(Failure(403, "AccessDeniedException", "no"), "ListMembers", a_world.accounts[0], OPEN[0]))
    assert main(*arguments).code == 1
    text = a_world.output.read_text()
    for changed in (text.replace("account_id", "account-id"), text.replace(",ENABLED,", "|ENABLED,", 1)):
        a_world.output.write_text(changed)
        ended = main(*arguments)
        assert (ended.code, "contradict each other" in ended.err) == (2, True)
    assert "a different format" in main(*a_world.to_files()).err


@pytest.mark.parametrize("line", [b"", b"\xff\n", b"a,b\n", b'"a,b\n', b"x" * 200_000 + b",b,c\n"])
def test_a_line_that_is_no_csv(line: bytes) -> None:
    """It is of no target, whatever it is."""
    assert Csv(["account_id", "region", "status"]).target_in(line) is None


def test_json_and_tables_have_all_members(a_world: World, main: Main) -> None:
    """JSON as one document, the table what needs attention; failures are in both."""
    a_world.sim.inject(Fault(Failure(403, "AccessDeniedException", "no"), "ListGraphs", a_world.accounts[0], OPEN[0]))
    ended = main(*a_world.arguments("--output", "json"))
    document = json.loads(ended.out)
    assert (ended.code, document["ok"], len(document["failures"])) == (1, False, 1)
    assert document["unavailable"] == [f"not opted in: {CLOSED} (5 accounts)"]
    a_world.sim.clear_faults()
    document = json.loads(main(*a_world.arguments("--output", "json")).out)
    assert (
        Members((row["account_id"], row["region"], row["member"]["account_id"]) for row in document["rows"])
        == a_world.members
    )
    ended = main(*a_world.arguments("--output", "table"))
    assert ended.out == f"{a_world.members.total()} members ENABLED\n"


def test_quiet_writes_failures_only(a_world: World, main: Main) -> None:
    """Nothing else is on standard error."""
    a_world.sim.inject(Fault(Failure(403, "AccessDeniedException", "no"), "ListGraphs", a_world.accounts[0], OPEN[0]))
    ended = main(*a_world.arguments("--quiet"))
    assert (ended.code, len(ended.err.splitlines())) == (1, 1)
    assert ended.err.startswith(f"failed: {a_world.accounts[0]} in {OPEN[0]}: ")


def test_the_own_account(a_world: World, main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a role, it is that of the credentials; with --account, the one that is named."""
    account_id = a_world.accounts[0]
    wanted = {member for member in a_world.members if member[:2] == (account_id, OPEN[0])}
    ended = main("--regions", OPEN[0], "--role-name", ROLE, "--account", account_id)
    assert (ended.code, set(found_in(ended.out))) == (0, wanted)
    for name, value in a_world.sim.environment(account_id, region=OPEN[0]).items():
        monkeypatch.setenv(name, value)
    ended = main()
    assert (ended.code, set(found_in(ended.out))) == (0, wanted)


def test_the_accounts_of_the_organization(a_world: World, main: Main) -> None:
    """The active ones; the others are named."""
    sim, closed = a_world.sim, a_world.accounts[1]
    sim.organization(HUB, a_world.accounts)
    sim.role(HUB, ROLE, trusted=[HUB])
    sim.set_account_state(closed, "SUSPENDED")
    ended = main("--role-name", ROLE, "--organization", "--regions", ",".join(OPEN))
    assert ended.code == 0
    assert found_in(ended.out) == Counter(
        {member: count for member, count in a_world.members.items() if member[0] != closed}
    )
    assert f"left out: account {closed}, which is SUSPENDED" in ended.err.splitlines()


def test_an_interruption_reports_what_was_done(a_world: World, monkeypatch: pytest.MonkeyPatch, main: Main) -> None:
    """With a checkpoint, it says how to continue."""

    async def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(inventory_run.Inventory, "_collect", interrupted)
    ended = main(*a_world.to_files())
    assert (ended.code, ended.err.splitlines()[1]) == (130, "run the same command again to continue")
    incomplete = "is incomplete, and cannot be continued without --checkpoint"
    ended = main(*a_world.arguments())
    assert (ended.code, ended.err.splitlines()[1]) == (130, f"the output {incomplete}")
    ended = main(*a_world.arguments("--file", str(a_world.output)))
    assert (ended.code, ended.err.splitlines()[1]) == (130, f"{a_world.output} {incomplete}")
    ended = main(*a_world.arguments("--output", "json"))
    assert (ended.code, incomplete in ended.err) == (130, False)


@pytest.mark.parametrize("end", ["", ".lock", ".new"])
def test_one_file_for_two_things_is_refused(a_world: World, main: Main, end: str) -> None:
    """The output would be lost."""
    ended = main(*a_world.arguments("--file", f"{a_world.checkpoint}{end}", "--checkpoint", str(a_world.checkpoint)))
    check_refused(a_world, ended, "--file is one of the files of --checkpoint")

"""The command's frame: help, wrong use, exit codes, standard output and standard error, terminals, signals."""

import asyncio
import ctypes
import importlib.util
import io
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import click
import pytest
from cli.conftest import SCRIPT, Program, Terminal

from detective_async.cli import main, options, signals
from detective_async.cli import program as frame
from detective_async.cli.demo_world import ACCOUNTS, ADMINISTRATOR, MANAGEMENT, REGIONS, ROLE
from detective_async.cli.exits import CommandError
from detective_async.client.regions import detective_regions
from detective_async.testing import Failure, Fault, Latency

#: The shell, whose completion can be asked for without a terminal.
FISH = shutil.which("fish")
SUBCOMMANDS = list(frame.COMMANDS)


@pytest.mark.parametrize("missing", [("click",), ("rich",), ("click", "rich")])
def test_without_the_extra_it_says_how_to_get_it(
    missing: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, and exit code 2."""
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in missing else find(name))
    assert main(["whoami"]) == 2
    out, err = capsys.readouterr()
    assert (out, err) == (
        "",
        f'detective-async: {" and ".join(missing)} not installed: pip install "detective-async[cli]"\n',
    )


@pytest.mark.parametrize(
    "arguments",
    [["--version"], ["onboard", "--help"], ["whoami", "-o", "csv"], ["teardown"], ["whomai"], ["inventory"]],
)
def test_the_module_is_the_same_as_the_command(program: Program, arguments: list[str]) -> None:
    """`python -m detective_async` has the same output and exit code."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "detective_async", *arguments],
        capture_output=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    ended = program.installed(*arguments)
    assert (done.returncode, done.stdout.decode()) == (ended.code, ended.out)
    # But for the seconds that it took.
    assert re.sub(r"[0-9.]+ s", "", done.stderr.decode()) == re.sub(r"[0-9.]+ s", "", ended.err)


IMPORTED = """
import sys
from detective_async.cli import main
code = main(sys.argv[1:])
heavy = {"aiohttp", "asyncio", "botocore", "cattrs", "msgspec", "requests", "rich", "detective_async.client.client"}
sys.stderr.write(" ".join(sorted(heavy & set(sys.modules))))
sys.exit(code)
"""


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["whoami", "--help"], ["onboard", "-h"]])
def test_help_imports_little(arguments: list[str]) -> None:
    """Neither the client nor what draws tables is imported; asyncio is, by the subcommands."""
    done = subprocess.run([sys.executable, "-P", "-c", IMPORTED, *arguments], capture_output=True, check=False)
    assert done.returncode == 0
    assert done.stderr.decode() in {"", "asyncio"}


def test_the_list_of_subcommands(program: Program) -> None:
    """The help names each with what it does, and no arguments are wrong use."""
    ended = program("--help")
    assert ended.code == 0
    for name, what in frame.COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(what)}$", ended.out, re.MULTILINE)
    nothing = program()
    assert (nothing.code, nothing.out) == (2, "")
    assert nothing.err.startswith("Usage: detective-async [OPTIONS] COMMAND")


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_each_help_has_an_example(program: Program, name: str) -> None:
    """It is a command that starts with the subcommand; its options are those that the subcommand has."""
    ended = program(name, "--help")
    assert ended.code == 0
    example = ended.out.partition("Example:\n")[2]
    assert f"detective-async {name}" in example
    given = set(re.findall(r"(?<= )--[a-z-]+", example.partition("aws guardduty")[0]))
    assert given <= set(re.findall(r"--[a-z-]+", ended.out.partition("Example:\n")[0])) | {"--regions"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["whomai"], "no such command: 'whomai'; did you mean whoami? See `detective-async --help`"),
        (["something"], "no such command: 'something': see `detective-async --help`"),
        (["--nothing"], "No such option"),
        (["whoami", "--region", "eu-west-1"], "No such option"),
        (["whoami", "--output", "xml"], "'xml' is not one of 'table', 'json', 'ndjson', 'csv'"),
        (["whoami", "more"], "unexpected extra argument"),
        (["whoami", "--regions", "eu-wset-1"], "expected a region"),
        (["whoami", "--regions", "eu-west-1,eu-west-1"], "eu-west-1 is there twice"),
        (["whoami", "--regions", "eu-west-1,,"], "with a comma between"),
        (["whoami", "--regions", "all,eu-west-1"], "all stands alone"),
        (["whoami", "--account", ADMINISTRATOR], "--account needs --role-name"),
        *(
            ([*one, "--role-name", ROLE], "--role-name needs --account")
            for one in (
                *(["whoami"], ["coverage"], ["teardown", "--confirm", ADMINISTRATOR]),
                *(["onboard", "--packages", "EKS_AUDIT"], ["onboard", "--remove", ACCOUNTS[0]]),
                ["investigate", "arn:aws:iam::100000000001:role/Deploy"],
            )
        ),
        (["whoami", "--account", "1234"], "expected an account id of 12 digits"),
        (["whoami", "--external-id", "x"], "--external-id needs --role-name"),
        (["whoami", "--profile", "nobody"], "credentials file ("),
        (["whoami", "--endpoint-url", "nowhere"], "must start with http"),
        (["whoami", "--role-name", "not a role", "--account", ADMINISTRATOR], "expected a role's name"),
        (["onboard"], "name a CSV file"),
        (["onboard", "nowhere.csv"], "nowhere.csv: No such file or directory"),
        (["onboard", "x", "--auto-enable"], "--auto-enable needs --organization"),
        (["onboard", "x", "--max-removals", "1"], "--max-removals needs --remove-others or --remove"),
        (["onboard", "x", "--tag", "team"], "expected KEY=VALUE"),
        (["onboard", "--remove", "1234"], "expected an account id of 12 digits"),
        (["onboard", "x", "--remove", ADMINISTRATOR], "takes no list"),
        (["onboard", "--remove-others", "--remove", ADMINISTRATOR], "takes no list"),
        (["onboard", "--no-email", "--remove", ADMINISTRATOR], "nothing that adds, sets, invites or retries"),
        (["onboard", "x", "--timeout", "0"], "0.0"),
        (["coverage", "--accounts", "x", "--organization"], "contradict each other"),
        (["coverage", "--accounts", "nowhere"], "No such file"),
        (["inventory", "--accounts", "x"], "--accounts needs --role-name"),
        (["inventory", "--role-name", ROLE], "--role-name needs --accounts, --organization or --account"),
        (["inventory", "--role-name", ROLE, "--organization", "--accounts", "x"], "contradict each other"),
        (["inventory", "--checkpoint", "x"], "--checkpoint needs --file"),
        (["inventory", "--file", "x", "--start-over"], "--start-over needs --checkpoint"),
        (["inventory", "--file", "x", "--output", "json"], "need --output ndjson or csv"),
        (["investigate"], "name the ARNs of users or roles"),
        (["investigate", "arn:aws:iam::100000000001:role/Deploy", "--start", "yesterday"], "expected a time"),
        *(
            (["investigate", "arn:aws:iam::100000000001:role/Deploy", *given], f"{given[0]}'{words}")
            for given, words in (
                (["--start", "0001-01-01"], ": expected a time since 2020"),
                (["--start", "0001-01-01T00:00:00+14:00"], ": expected a time, such as"),
                (["--end", "9999-12-31T23:59:59-10:00"], ": expected a time, such as"),
            )
        ),
        (["investigate", "--findings", "nowhere"], "No such file"),
        (["teardown", "--yes"], "--yes is not enough"),
        (["teardown", "--confirm", "me"], "expected an account id of 12 digits"),
        *(
            ([*one, ""], f"{one[-1]}': must not be empty")
            for one in (
                *(["whoami", f"--{name}"] for name in ("profile", "endpoint-url", "external-id")),
                *(["inventory", f"--{name}"] for name in ("accounts", "file", "checkpoint")),
                *(["investigate", f"--{name}"] for name in ("findings", "known-arns")),
                *(["simulator", f"--{name}-file"] for name in ("seed", "dump")),
                ["coverage", "--accounts"],
            )
        ),
        (["onboard", ""], "'[CSV]': must not be empty"),
        *(
            ([*one, "--timeout", "nan"], "'--timeout': expected a number")
            for one in (["onboard", "x"], ["teardown"], ["investigate", "x"])
        ),
        (["onboard", "x", "--tag", "a=1", "--tag", "a=2"], "'--tag': a is there twice"),
        (["simulator", "--port", "66000"], "66000"),
        (["simulator", "--demo", "--seed-file", "x"], "contradict each other"),
        (["simulator", "--seed-file", "nowhere.toml"], "nowhere.toml"),
    ],
)
def test_wrong_use(program: Program, arguments: list[str], words: str) -> None:
    """Exit code 2, one line that says what is wrong, nothing on standard output, and nothing is sent."""
    ended = program(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert words in ended.err
    assert len(ended.err.splitlines()) == 1
    assert program.sim.requests == []


def test_no_region(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line says how to name some."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    ended = program("whoami")
    assert (ended.code, ended.err) == (2, "detective-async: no region: name some with --regions, or set AWS_REGION\n")


@pytest.mark.parametrize("missing", ["AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"])
@pytest.mark.parametrize(
    "arguments",
    [
        *(["whoami"], ["coverage"], ["inventory"], ["teardown"], ["onboard", "--organization"]),
        ["investigate", "arn:aws:iam::100000000001:role/Deploy"],
    ],
)
def test_no_credentials(program: Program, monkeypatch: pytest.MonkeyPatch, missing: str, arguments: list[str]) -> None:
    """The line says what to do, whatever the job: it is wrong use, and nothing was done."""
    monkeypatch.delenv(missing)
    ended = program(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert missing in ended.err
    assert len(ended.err.splitlines()) == 1
    assert ended.err.endswith("log in, or name a profile with --profile\n")
    assert program.sim.requests == []


SECRETS = ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID")


@pytest.mark.parametrize("arguments", [["whoami"], ["coverage"], ["inventory"], ["teardown", "--dry-run"]])
@pytest.mark.parametrize("is_wrong", [False, True])
def test_keys_are_never_shown(
    program: Program, monkeypatch: pytest.MonkeyPatch, arguments: list[str], is_wrong: bool
) -> None:
    """Neither in results and log lines, nor in the error if they are wrong."""
    if is_wrong:
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong-but-still-secret")
    ended = program(*arguments, "-vv", "--all")
    assert ended.code == (1 if is_wrong or arguments == ["coverage"] else 0)
    assert "detective_async" in ended.err
    for name in SECRETS:
        assert os.environ[name] not in ended.out + ended.err


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (Failure(403, "AccessDeniedException", "no"), "`detective-async whoami` shows which permissions are missing"),
        (Failure(400, "ValidationException", "bad\x1b[31m"), "bad\\x1b[31m"),
    ],
)
def test_an_error_is_one_line_with_the_remedy(program: Program, failure: Failure, words: str) -> None:
    """Control characters in it are escaped."""
    program.sim.inject(Fault(failure, "ListAccounts", count=None))
    ended = program("coverage", "--organization")
    assert (ended.code, ended.out) == (1, "")
    assert words in ended.err
    assert ended.err.startswith("detective-async: ")
    assert len(ended.err.splitlines()) == 1


@pytest.mark.parametrize("code", ["ExpiredToken", "InvalidClientTokenId", "AccessDenied"])
@pytest.mark.parametrize("has_role", [False, True])
def test_the_remedy_for_keys_that_sts_refuses(program: Program, has_role: bool, code: str) -> None:
    """It is about the keys also where they were to assume a role, which is not what is wrong then."""
    program.sim.inject(Fault(Failure(403, code, "no"), "AssumeRole" if has_role else "GetCallerIdentity", count=None))
    role = ("--account", ADMINISTRATOR, "--role-name", ROLE) if has_role else ()
    remedies = {
        "ExpiredToken": "log in again, or fetch new credentials",
        "InvalidClientTokenId": "check the access keys",
        "AccessDenied": "check --role-name, --external-id, and whom the role trusts" if has_role else "no",
    }
    ended = program("whoami", *role)
    assert remedies[code] in ended.err


def test_a_transport_error_says_what_to_check(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """A port on which nothing listens."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9")
    ended = program("whoami")
    assert ended.code == 1
    assert ended.err.endswith("check --endpoint-url, the network and its proxies\n")


@pytest.mark.parametrize("attempts", [1, 2])
def test_the_number_of_attempts(program: Program, monkeypatch: pytest.MonkeyPatch, attempts: int) -> None:
    """The environment sets it, although jobs have more patience than single calls."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", str(attempts))
    program.sim.inject(Fault(Failure(503), "ListGraphs", count=None))
    assert program("whoami", "--regions", REGIONS[0]).code == 1
    assert [one.operation for one in program.sim.requests].count("ListGraphs") == attempts


def test_a_role_in_another_account(program: Program, become: Callable[[str], None]) -> None:
    """With --account, the job works there; a role that cannot be assumed is named with what to check."""
    become(MANAGEMENT)
    program.sim.role(ADMINISTRATOR, "Jump", trusted=[MANAGEMENT], external_id="ours")
    as_role = ["--account", ADMINISTRATOR, "--role-name", "Jump"]
    ended = program("whoami", *as_role, "--external-id", "ours", "--output", "json")
    assert ended.code == 0
    assert json.loads(ended.out)["account_id"] == ADMINISTRATOR
    assert json.loads(ended.out)["source"] == "role Jump, assumed with those of the environment"
    ended = program("whoami", *as_role)
    assert ended.code == 1
    assert ended.err.endswith("check --role-name, --external-id, and whom the role trusts\n")


def test_a_role_in_another_partition(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its ARN has the partition of the regions, and STS is called in a region that every account has."""
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    for region, partition, home in (
        ("us-gov-west-1", "aws-us-gov", "us-gov-west-1"),
        ("us-gov-east-1", "aws-us-gov", "us-gov-east-1"),
        ("me-south-1", "aws", "eu-west-1"),
    ):
        role: Any = options.Job(regions=(region,), role_name="Jump").role_in(ADMINISTRATOR)
        assert (role.role_arn, role.region) == (f"arn:{partition}:iam::{ADMINISTRATOR}:role/Jump", home)
    monkeypatch.delenv("AWS_REGION")
    role = options.Job(regions=("me-south-1",), role_name="Jump").role_in(ADMINISTRATOR)
    assert role.region == "us-east-1"


@pytest.mark.parametrize("arguments", [["whoami"], ["coverage"], ["inventory"]])
def test_quiet(program: Program, arguments: list[str]) -> None:
    """Standard error is empty."""
    ended = program(*arguments, "--quiet")
    assert (bool(ended.out), ended.err) == (True, "")


def test_log_lines(program: Program) -> None:
    """-v shows the library's warnings and information, -vv every call; a later command in the process none."""
    program.sim.throttle(1, operation="ListGraphs")
    assert "ListGraphs" in program("whoami", "-v").err
    assert "ListGraphs" in program("whoami", "-vv").err
    assert "ListGraphs" not in program("whoami").err


@pytest.mark.parametrize("shell", ["bash", "fish", "zsh"])
def test_completion(program: Program, shell: str) -> None:
    """The script for the shell names the command's variable; with it, subcommands and regions are completed."""
    ended = program("--completion", shell)
    assert ended.code == 0
    assert "_DETECTIVE_ASYNC_COMPLETE" in ended.out
    assert "detective-async" in ended.out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "expected", "others"),
    [
        ("detective-async who", {"whoami"}, {"onboard"}),
        ("detective-async whoami --regions a", {"all", "ap-southeast-2"}, {"eu-west-1"}),
        ("detective-async whoami --regions eu-west-1,us-", {"eu-west-1,us-east-1"}, {"all", "us-east-1"}),
        # The shell does it.
        *(
            (f"detective-async {one} some", {"file,some"}, set())
            for one in (
                *("onboard", "coverage --accounts", "investigate --findings", "investigate --known-arns"),
                *(f"inventory --{name}" for name in ("accounts", "file", "checkpoint")),
                *(f"simulator --{name}-file" for name in ("seed", "dump")),
            )
        ),
    ],
)
def test_what_is_completed(program: Program, words: str, expected: set[str], others: set[str]) -> None:
    """By the protocol of the completion script."""
    count = str(len(words.split()) - 1)
    environ = {"_DETECTIVE_ASYNC_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": count}
    ended = program.installed(**environ)
    found = {line.removeprefix("plain,") for line in ended.out.splitlines()}
    assert expected <= found
    assert not others & found


@pytest.mark.slow
@pytest.mark.skipif(FISH is None, reason="fish is not installed")
@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("who", f"whoami\t{frame.COMMANDS['whoami']}"),
        ("coverage --accounts acc", "accounts.csv"),
        ("whoami --regions x,ap-northeast-1", "x,ap-northeast-1"),
        ("whoami --account", "--account\tThe account to work in, by --role-name; default: the caller's own."),
    ],
)
def test_completion_in_fish(program: Program, typed: str, found: str) -> None:
    """It completes files, and cuts nothing off at commas."""
    (program.folder / "accounts.csv").touch()
    script = f"{SCRIPT} --completion fish | source; complete --do-complete 'detective-async {typed}'"
    done = subprocess.run(
        [str(FISH), "--no-config", "-c", script],
        capture_output=True,
        check=False,
        cwd=program.folder,
        env={**os.environ, "PATH": f"{SCRIPT.parent}{os.pathsep}{os.environ['PATH']}"},
    )
    assert done.stdout.decode().splitlines() == [found], done.stderr


def test_subcommands_are_completed() -> None:
    """Those of the help."""
    assert frame.commands.list_commands(None) == SUBCOMMANDS  # type: ignore[arg-type] # it is not looked at


def test_files_are_completed() -> None:
    """By the shell."""
    (found,) = options.FILE.shell_complete(None, None, "acc")  # type: ignore[arg-type] # they are not looked at
    assert (found.value, found.type) == ("acc", "file")


def test_regions_are_completed() -> None:
    """The last one of a list, and `all` only alone."""
    found = {one.value for one in options.complete_regions(None, None, "")}  # type: ignore[arg-type]
    assert {"all", "eu-west-1", "us-gov-west-1"} <= found
    found = {one.value for one in options.complete_regions(None, None, "eu-west-1,us-e")}  # type: ignore[arg-type]
    assert found == {"eu-west-1,us-east-1", "eu-west-1,us-east-2"}


class _ClosedFile(io.BytesIO):
    def write(self, _data: Any) -> int:
        raise BrokenPipeError


class _ClosedPipe(io.TextIOWrapper):
    """Standard output whose reader has gone."""

    def __init__(self, descriptor: int | None = None) -> None:
        self.file = _ClosedFile()
        super().__init__(self.file)
        self.descriptor = descriptor

    def write(self, _text: str) -> int:
        raise BrokenPipeError

    def fileno(self) -> int:
        if self.descriptor is None:
            raise ValueError
        return self.descriptor


@pytest.mark.parametrize("arguments", [*(["coverage", "-o", one] for one in options.FORMATS), ["inventory", "-q"]])
@pytest.mark.parametrize("has_descriptor", [False, True])
def test_a_reader_that_has_gone(
    program: Program, arguments: list[str], has_descriptor: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 1, without a word; nothing is written to the pipe any more."""
    file = program.folder / "pipe"
    with monkeypatch.context() as patch, file.open("wb") as pipe:
        patch.setattr(sys, "stdout", _ClosedPipe(pipe.fileno() if has_descriptor else None))
        code = main(arguments)
        pipe.write(b"more")
        pipe.flush()
        assert (file.stat().st_size == 0) is has_descriptor
    assert (code, program.capsys.readouterr().err) == (1, "")


def test_standard_error_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The exit code is what it would be."""
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", _ClosedPipe())
        assert main(["nothing"]) == 2


@pytest.mark.slow
def test_a_closed_pipe(program: Program) -> None:
    """As of `head`: no traceback, and no complaint of Python at its end."""
    with program.start("inventory", "--quiet", "--regions", f"{REGIONS[0]},{REGIONS[1]}") as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        errors = running.stderr.read().decode()
    assert (running.returncode, errors) == (1, "")


@pytest.mark.parametrize("error", [KeyboardInterrupt, EOFError])
def test_an_interruption_anywhere(
    program: Program, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One word, and exit code 130."""

    def interrupted(_self: object, _work: object) -> None:
        raise error

    monkeypatch.setattr(options.Job, "run", interrupted)
    ended = program("whoami")
    assert (ended.code, ended.out, ended.err.split()) == (130, "", ["detective-async:", "interrupted"])


def test_an_interruption_of_the_imports(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The same; and afterwards a signal no longer changes how the process ends."""

    def interrupted(_arguments: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(frame, "run", interrupted)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        assert main() == 130
        assert signal.getsignal(signal.SIGINT) is signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert capsys.readouterr().err == "detective-async: interrupted\n"


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["whoami"], ["coverage"], ["inventory"], ["teardown", "--dry-run"]])
def test_ctrl_c(program: Program, arguments: list[str]) -> None:
    """While a request is under way: exit code 130, no traceback; the next run does all of it."""
    program.sim.inject(Fault(Latency(30), "ListGraphs"))
    with program.start(*arguments) as running:
        try:
            while program.sim.faults:
                assert running.poll() is None
                time.sleep(0.01)
            running.send_signal(signal.SIGINT)
            _, errors = running.communicate(timeout=60)
        finally:
            running.kill()
    assert running.returncode == 130, errors.decode()
    assert errors.decode().splitlines()[-1] == "detective-async: interrupted"
    assert "Traceback" not in errors.decode()
    program.sim.clear_faults()
    # Not all accounts of the demo are covered.
    assert program(*arguments).code == (1 if arguments == ["coverage"] else 0)


@pytest.mark.parametrize(("answer", "done"), [("y\n", True), ("Yes\n", True), ("\n", False), ("no\n", False)])
def test_a_question_on_a_terminal(answer: str, done: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a yes is one."""
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    if done:
        options.confirm("Do it?", yes=False)
    else:
        with pytest.raises(CommandError, match="not confirmed: nothing was done"):
            options.confirm("Do it?", yes=False)
    assert terminal.getvalue() == "Do it? [y/N] "


def test_an_answer_that_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is waited for, over several of the short waits between which signals are handled."""
    reader, writer = os.pipe()
    looks = Mock(side_effect=[([], [], []), ([], [], []), ([reader], [], [])])
    monkeypatch.setattr(select, "select", looks)
    os.write(writer, b"y\n")
    os.close(writer)
    with os.fdopen(reader) as pipe:
        monkeypatch.setattr(sys, "stdin", Mock(isatty=lambda: True, fileno=pipe.fileno, readline=pipe.readline))
        monkeypatch.setattr(sys, "stderr", Terminal())
        options.confirm("Do it?", yes=False)
    assert looks.call_count == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_just_before_the_question(number: signal.Signals, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not asked."""
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())

    async def ask() -> None:
        options.confirm("Do it?", yes=False)
        signal.raise_signal(number)
        options.confirm("Do it again?", yes=False)

    with signals.handled(at_the_end=False), pytest.raises(KeyboardInterrupt):
        signals.run(ask())
    assert terminal.getvalue() == "Do it? [y/N] "


def test_an_interruption_just_before_the_wait_for_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends the wait, and not the answer."""
    reader, writer = os.pipe()
    interrupt = partial(ctypes.CDLL(None)["raise"], signal.SIGINT)

    def interrupted(function: Callable[[], Any]) -> Callable[[], Any]:
        # In C only: where Python code ran in between, the signal would be handled before the function is called.
        return partial(next, filter(None, map(partial.__call__, [interrupt, partial(function)])))

    with os.fdopen(reader) as pipe:
        terminal = Mock(isatty=lambda: True, fileno=interrupted(pipe.fileno), readline=interrupted(pipe.readline))
        monkeypatch.setattr(sys, "stdin", terminal)
        monkeypatch.setattr(sys, "stderr", Terminal())
        answer = threading.Timer(5, os.write, (writer, b"y\n"))
        answer.start()
        with signals.handled(at_the_end=False), pytest.raises(KeyboardInterrupt):
            options.confirm("Do it?", yes=False)
        is_early = answer.is_alive()
        answer.cancel()
        answer.join()
        os.close(writer)
    assert is_early


def test_a_question_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is done, unless the arguments said yes."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    options.confirm("Do it?", yes=True)
    with pytest.raises(CommandError, match="add --yes to do it"):
        options.confirm("Do it?", yes=False)


@pytest.mark.slow
@pytest.mark.parametrize("columns", [80, 200])
def test_a_table_fits_a_terminal(program: Program, columns: int) -> None:
    """No line is longer; ids and regions are not broken; colours only if they are wanted."""
    arguments = ["coverage", "--quiet", "--regions", ",".join(REGIONS)]
    coloured = program.on_terminal(*arguments, answer="", columns=columns)
    plain = program.on_terminal(*arguments, answer="", columns=columns, NO_COLOR="1")
    assert "\x1b[33m" in coloured.out
    assert "\x1b[3" not in plain.out
    lines = re.sub(r"\x1b\[\d*m", "", plain.out).splitlines()
    assert max(map(len, lines)) <= columns
    assert [line for line in lines if line.startswith(ACCOUNTS[3])]
    for region in REGIONS[:2]:
        assert region in plain.out


def test_the_installed_command_is_the_entry_point(program: Program) -> None:
    """It is where pip has put it, and works in any folder."""
    assert SCRIPT.exists()
    ended = program.installed("whoami", "--output", "json")
    assert ended.code == 0
    assert json.loads(ended.out)["account_id"] == ADMINISTRATOR
    assert ended.err == ""


@pytest.mark.parametrize(
    ("wanted", "words"), [("secuirty", "; did you mean security?"), ("nothing-like", "; there are: audit, security\n")]
)
@pytest.mark.parametrize("by_variable", [False, True])
def test_a_profile_that_does_not_exist(
    program: Program, monkeypatch: pytest.MonkeyPatch, wanted: str, words: str, by_variable: bool
) -> None:
    """It says where it has looked, and what is there."""
    config = program.folder / "config"
    config.write_text("[profile security]\nregion = eu-west-1\n[profile audit]\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    if by_variable:
        monkeypatch.setenv("AWS_PROFILE", wanted)
    ended = program("whoami", *([] if by_variable else ["--profile", wanted]))
    assert (ended.code, ended.out) == (2, "")
    assert str(config) in ended.err
    assert words in ended.err


def test_other_errors_of_the_shared_files(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are said as they are."""
    config = program.folder / "config"
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    for content in ("[profile security\nnonsense", "[profile security]\nmax_attempts = many\n"):
        config.write_text(content)
        ended = program("whoami", "--profile", "security")
        assert (ended.code, "there are: " in ended.err) == (2, False)


def test_a_region_that_botocore_does_not_know(program: Program) -> None:
    """It may be new: it is used, and there is a warning."""
    ended = program("whoami", "--regions", "eu-west-9,eu-west-1")
    assert ended.code == 0
    (line,) = ended.err.splitlines()
    assert line.startswith("warning: eu-west-9 is no region that botocore knows; did you mean eu-west-")
    assert "regions: 2;" in ended.out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("closed", "arguments", "code", "words"),
    [
        (">&-", ["whoami"], 2, "detective-async: standard output is closed: nothing was done\n"),
        ("2>&-", ["teardown", "--dry-run"], 0, ""),
        ("2>&-", ["onboard", "-"], 2, ""),
        ("<&-", ["teardown"], 2, "there is no terminal to ask on"),
        ("<&-", ["onboard", "-"], 2, "there are no accounts in it"),
        (">/dev/full", ["--help"], 1, "No space left on device"),
        (">/dev/full", ["--version"], 1, "No space left on device"),
        *(
            (">/dev/full", [*one, "-o", format_], 1, "standard output: No space left on device; free some space there")
            for one in (["whoami"], ["inventory"], ["investigate", "arn:aws:iam::100000000001:role/Deploy"])
            for format_ in (*options.FORMATS, *(["html"] if one[0] == "investigate" else []))
        ),
        ("2>/dev/full", ["inventory"], 0, ""),
    ],
)
def test_standard_streams_that_are_closed_or_full(
    program: Program, closed: str, arguments: list[str], code: int, words: str
) -> None:
    """No traceback, one line where it can be read, and nothing is done without a question."""
    done = subprocess.run(
        ["/bin/sh", "-c", f"exec {SCRIPT} {' '.join(arguments)} {closed}"],
        capture_output=True,
        check=False,
        cwd=program.folder,
    )
    assert done.returncode == code, done
    assert words in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()
    assert program.changes == []


def test_results_that_nobody_has_flushed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """If they cannot be written at the end, the exit code says so, and one line."""

    class Full(io.StringIO):
        def flush(self) -> None:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(frame, "_run", lambda _: 0)
    monkeypatch.setattr(sys, "stdout", Full())
    assert main([]) == 1
    assert capsys.readouterr().err.startswith("detective-async: standard output: No space left on device; ")


def test_what_is_no_subcommand() -> None:
    """Completion may ask for any name."""
    context = click.Context(frame.commands)
    assert frame.commands.get_command(context, "nothing") is None


def test_a_standard_error_that_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be written there changes no exit code."""

    class Full(io.StringIO):
        def flush(self) -> None:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys, "stderr", Full())
    assert main(["--version"]) == 0


def test_closed_streams_are_replaced(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The same in this process."""
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdin", None)
        patch.setattr(sys, "stdout", None)
        assert main(["whoami"]) == 2
        assert sys.stdin.read() == ""
        sys.stdin.close()
    assert capsys.readouterr().err == "detective-async: standard output is closed: nothing was done\n"
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", None)
        assert main(["nothing"]) == 2
        sys.stderr.close()


def test_output_that_cannot_be_flushed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1 and one line, unless the command has failed anyway."""

    class Full(io.StringIO):
        def flush(self) -> None:
            raise OSError(28, "No space left on device")

    for arguments, code, words in ((["--version"], 1, "No space left"), (["nothing"], 2, "no such command")):
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", Full())
            assert main(arguments) == code
        assert words in capsys.readouterr().err


MEASURED = """
import sys
from pathlib import Path
from detective_async.cli import main
code = main(sys.argv[1:])
# Not getrusage, whose maximum includes that of the process that started this one.
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
sys.stderr.write(status["VmHWM"].split()[0] + "\\n")
sys.exit(code)
"""


@pytest.mark.slow
@pytest.mark.load
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the memory is read there")
def test_many_accounts_and_regions(program: Program) -> None:
    """20 regions of 300 accounts are few requests, and no more than 150 MB, for each job that reads them."""
    regions = [name for name in asyncio.run(detective_regions("aws")) if name != "me-south-1"][:20]
    ids = [f"{number:012}" for number in range(200_000_000_001, 200_000_000_301)]
    members = [{"account": one, "status": "ENABLED", "invitation_type": "INVITATION"} for one in ids]
    program.sim.load(
        {
            "accounts": [{"id": ADMINISTRATOR}, *({"id": one} for one in ids)],
            "graphs": [{"administrator": ADMINISTRATOR, "region": one, "members": members} for one in regions],
        }
    )
    (program.folder / "ids").write_text("\n".join(ids))
    (program.folder / "list.csv").write_text("\n".join(f"{one},account-{one}@example.com" for one in ids))
    everywhere = ["--regions", ",".join(regions)]
    for arguments, rows in (
        (["inventory", "-o", "csv", "--quiet"], 6000),
        (["coverage", "--accounts", "ids", "-o", "csv", "--quiet"], 6000),
        (["onboard", "list.csv", "--no-email", "--dry-run", "-o", "json", "--quiet"], None),
        (["teardown", "--dry-run", "-o", "csv", "--quiet"], 20),
    ):
        program.sim.forget_requests()
        done = subprocess.run(
            [sys.executable, "-P", "-c", MEASURED, *arguments, *everywhere],
            capture_output=True,
            check=False,
            cwd=program.folder,
        )
        assert done.returncode == 0, done.stderr
        if rows is not None:
            assert len([line for line in done.stdout.decode().splitlines() if "eu-" in line or "-" in line]) >= rows
        # In each region the graph, two pages of members, and the packages; STS once.
        assert len(program.sim.requests) <= len(regions) * 4 + 1
        assert int(done.stderr.split()[-1]) < 150 * 1024


def test_a_host_that_is_not_reached(program: Program, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int) -> None:
    """That is said once while it is tried again, and the error has what to do."""
    monkeypatch.setattr(options, "SAY_AFTER", 0.0)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    url = f"http://127.0.0.1:{unused_tcp_port}"
    ended = program("coverage", "--endpoint-url", url, "--regions", ",".join(REGIONS[:2]))
    assert ended.err.count("no connection; trying again") == 1
    assert program("coverage", "--endpoint-url", url, "--quiet").err.count("trying again") == 0
    assert "check --endpoint-url, the network and its proxies" in ended.out


def test_a_configured_region_that_is_none(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says where it is from, as nobody has given an option."""
    monkeypatch.setenv("AWS_REGION", "mars")
    ended = program("coverage")
    text = "the configured region (AWS_REGION, or the profile's): expected a region, such as eu-west-1, got 'mars'"
    assert (ended.code, ended.err) == (2, f"detective-async: {text}\n")

"""`python -m detective_async.testing`: the simulator as a program."""

import json
import os
import re
import runpy
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import boto3
import pytest
from scrutiny import complaints

import detective_async.testing
from detective_async.testing import DetectiveSimulator
from detective_async.testing.command import main

pytestmark = pytest.mark.slow

HUB = "111122223333"
ONE = "000000000001"
PROGRAM = [sys.executable, "-W", "error", "-X", "dev", "-m", "detective_async.testing"]

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start the program, and end what is left of it."""
    running = []

    def run(*arguments: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*PROGRAM, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        running.append(process)
        return process

    yield run
    for process in running:
        process.kill()
        process.communicate()


def exported(process: subprocess.Popen[str]) -> dict[str, str]:
    """Read the variables that the program has a shell export."""
    assert process.stdout is not None
    found: dict[str, str] = {}
    while len(found) < 6:
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        word, setting = shlex.split(line)
        assert word == "export"
        name, _, value = setting.partition("=")
        found[name] = value
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_told_to_end(start: Start, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """What it prints is all that boto3 needs; a signal ends it with exit code 0 and nothing to complain about."""
    process = start("--port", "0", "--region", "eu-west-1")
    variables = exported(process)
    assert sorted(variables) == [
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_ENDPOINT_URL_DETECTIVE",
        "AWS_ENDPOINT_URL_STS",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
    ]
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    session = boto3.Session()
    detective, sts = session.client("detective"), session.client("sts")
    assert detective.create_graph()["GraphArn"].split(":")[3:5] == ["eu-west-1", HUB]
    assert sts.get_caller_identity()["Account"] == HUB
    detective.close()
    sts.close()
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (0, "")
    lines = complaints(err).splitlines()
    assert lines[0].startswith("Amazon Detective and STS are simulated at http://127.0.0.1:")
    assert lines[1] == f"account {HUB}: {' '.join(list(variables.values())[-2:])}"
    assert len(lines) == 2


def test_a_shell_takes_what_is_printed(start: Start) -> None:
    """`eval` of the lines sets the variables, and unsets a session token that would be in the way."""
    process = start("--port", "0", AWS_SESSION_TOKEN="old")
    variables = exported(process)
    assert process.stdout is not None
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    lines.append(process.stdout.readline())
    script = "\n".join([*lines, 'echo "$AWS_ENDPOINT_URL_STS ${AWS_SESSION_TOKEN-none}"'])
    said = subprocess.run(
        ["/bin/sh", "-c", script],
        env={"AWS_SESSION_TOKEN": "old"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.split() == [variables["AWS_ENDPOINT_URL_STS"], "none"]


def test_the_state_is_kept_from_run_to_run(start: Start, tmp_path: Path) -> None:
    """A dump written on exit is a seed for the next start, with what happened in between."""
    seed, state = tmp_path / "world.toml", tmp_path / "state.json"
    seed.write_text(f'[[accounts]]\nid = "{ONE}"\n[[graphs]]\nadministrator = "{ONE}"\nregion = "us-east-1"\n')
    process = start("--port", "0", "--seed-file", str(seed), "--dump-file", str(state))
    variables = exported(process)
    client = boto3.client(
        "detective",
        region_name="us-east-1",
        endpoint_url=variables["AWS_ENDPOINT_URL_DETECTIVE"],
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
    )
    (graph,) = [one["Arn"] for one in client.list_graphs()["GraphList"]]
    client.tag_resource(ResourceArn=graph, Tags={"a": "b"})
    client.close()
    process.terminate()
    assert process.wait(20) == 0
    assert json.loads(state.read_text())["graphs"][0]["tags"] == {"a": "b"}
    sim = DetectiveSimulator()
    sim.load(state)
    assert sim.snapshot()[graph]["tags"] == {"a": "b"}


def run_and_signal(arguments: list[str]) -> int:
    """Run the program here, and interrupt it until it ends."""
    done = threading.Event()

    def interrupt() -> None:
        while not done.wait(0.2):
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    # A signal that comes early or late must not end the test run.
    signal.signal(signal.SIGTERM, lambda *_: None)
    sender = threading.Thread(target=interrupt)
    sender.start()
    try:
        return main(arguments)
    finally:
        done.set()
        sender.join()
        signal.signal(signal.SIGTERM, before)


def test_it_runs_inside_another_program(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """`main` can be called: it returns the exit code and puts the handlers of signals back."""
    before = signal.getsignal(signal.SIGINT)
    dump = tmp_path / "state.toml"
    arguments = ["--port", "0", "--account", ONE, "--verification-delay", "5", "--dump-file", str(dump)]
    assert run_and_signal(arguments) == 0
    assert signal.getsignal(signal.SIGINT) is before
    out, err = capsys.readouterr()
    assert all(re.fullmatch(r"export AWS_\w+=\S+", line) for line in out.splitlines())
    assert f"account {ONE}: " in err
    content = tomllib.loads(dump.read_text())
    assert (content["verification_delay"], content["accounts"][0]["id"]) == (5.0, ONE)
    assert run_and_signal(["--port", "0"]) == 0


def test_a_dump_that_fails_is_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the state cannot be written in the end, the exit code is 1 and the reason one line."""

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device", str(tmp_path / "state.json"))

    monkeypatch.setattr(os, "replace", full)
    assert run_and_signal(["--port", "0", "--dump-file", str(tmp_path / "state.json")]) == 1
    assert capsys.readouterr().err.splitlines()[-1].endswith("state.json: No space left on device")


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_port_that_is_taken_is_told_in_one_line(capsys: pytest.CaptureFixture[str], taken: int) -> None:
    """Exit code 2, and what to do is plain."""
    assert main(["--port", str(taken)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert "cannot listen" in err
    assert "in use" in err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('[[accounts]]\nid = "12"', "accounts[0].id: must be an account id of 12 digits"),
        ("[[accounts]]\nid = ", "cannot be read"),
        ("[[account]]", "account: there is no such key; did you mean accounts?"),
    ],
)
def test_a_wrong_seed_file_is_told_in_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: str, words: str
) -> None:
    """Exit code 2; the file, the key and what is right are named."""
    seed = tmp_path / "world.toml"
    seed.write_text(content)
    assert main(["--port", "0", "--seed-file", str(seed)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert err.startswith(f"python -m detective_async.testing: {seed}: ")
    assert words in err


def test_files_that_are_not_there_are_told_before_it_serves(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A seed that is missing, and a dump that could not be written, are errors at once."""
    for option, name, words in (
        ("--seed-file", "no.toml", "No such file or directory"),
        ("--dump-file", "no/state.json", "not a folder"),
        ("--dump-file", "state.yaml", "must end in .toml or .json"),
    ):
        assert main(["--port", "0", option, str(tmp_path / name)]) == 2
        err = capsys.readouterr().err
        assert str(tmp_path / name) in err
        assert words in err
        assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["--port", "65536"],
        ["--port", "x"],
        ["--account", "12"],
        ["--verification-delay", "-1"],
        ["--verification-delay", "nan"],
        ["--what"],
    ],
)
def test_wrong_arguments_are_a_matter_of_usage(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    """What argparse itself answers: the usage, and exit code 2."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: python -m detective_async.testing" in capsys.readouterr().err


def test_the_module_is_the_program(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m detective_async.testing --help` tells what there is; importing the module runs nothing."""
    monkeypatch.setattr(sys, "argv", ["x", "--help"])
    # By its path, for pytest's own loader stands before the modules of a plugin's distribution.
    module = str(Path(detective_async.testing.__file__).parent / "__main__.py")
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(module, run_name="__main__")
    assert caught.value.code == 0
    assert "--seed-file FILE" in capsys.readouterr().out
    runpy.run_path(module, run_name="imported")


def lines_of(stream: IO[str] | None) -> list[str]:
    return stream.readlines() if stream else []


def test_a_second_signal_does_no_harm(start: Start, tmp_path: Path) -> None:
    """Whoever is impatient gets the same clean end, dump included."""
    state = tmp_path / "state.json"
    process = start("--port", "0", "--dump-file", str(state))
    exported(process)
    process.terminate()
    process.send_signal(signal.SIGINT)
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert process.returncode == 0
    assert not any("Traceback" in line for line in lines_of(process.stderr))
    assert json.loads(state.read_text())["accounts"][0]["id"] == HUB

"""simulator: the simulator as a program, with a world to try the others on."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cli.conftest import SCRIPT

from detective_async.cli import demo_world, main, program, simulator
from detective_async.testing import DetectiveSimulator, command


@pytest.mark.slow
def test_the_demo_can_be_tried(tmp_path: Path) -> None:
    """It prints the environment, and each command that it suggests works in it."""
    with subprocess.Popen(
        [SCRIPT, "simulator", "--demo", "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        try:
            # To the end: nothing else is written there.
            exports = running.stdout.read().splitlines()
            # And the line with the URL, and how to end it.
            said = [running.stderr.readline() for _ in range(len(demo_world.HINTS.splitlines()) + 2)]
            assert said[-1] == f"To end it, press Ctrl-C, or: kill {running.pid}\n"
            # One screen.
            assert len(exports) + len(said) <= 24
            hints = "".join(said)
            environ = dict(os.environ)
            for line in exports:
                if found := re.fullmatch(r"export (\w+)=(.*)", line):
                    environ[found[1]] = shlex.split(found[2])[0]
            commands = re.findall(r"^  detective-async (.*)$", hints, re.MULTILINE)
            codes = {}
            for one in commands:
                done = subprocess.run(
                    [SCRIPT, *one.split()], env=environ, cwd=tmp_path, capture_output=True, check=False
                )
                codes[one.split()[0]] = done.returncode
                assert b"Traceback" not in done.stderr
                assert done.stdout
        finally:
            running.send_signal(signal.SIGINT)
            running.communicate(timeout=60)
    assert running.returncode == 0
    assert codes.keys() == program.COMMANDS.keys() - {"simulator"}
    # The world has mistakes.
    assert codes == {**dict.fromkeys(codes, 0), "coverage": 1, "onboard": 1}


@pytest.mark.slow
@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_example_of_its_help_works(shell: str, tmp_path: Path) -> None:
    """A shell evaluates what it prints while it serves, and the next command asks it; it is ended as it says."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    example = simulator.command.epilog or ""
    (line,) = (one.strip() for one in example.splitlines() if "eval" in one)
    assert line.startswith('eval "$(detective-async simulator --demo &)"; detective-async coverage')
    line = line.replace("--demo", "--demo --port 0 2> said").replace("all", "eu-west-1 --output csv")
    done = subprocess.run(
        [shell, "-c", f'{line}; echo "code $?"; kill "$(sed -n "s/.*kill //p" said)"'],
        env={**os.environ, "PATH": f"{SCRIPT.parent}:{os.environ['PATH']}", "AWS_SESSION_TOKEN": "old"},
        cwd=tmp_path,
        capture_output=True,
        check=False,
        timeout=120,
    )
    lines = done.stdout.decode().splitlines()
    assert (lines[-1], done.stderr.decode(), done.returncode) == ("code 1", "", 0)
    assert sum(line.startswith(demo_world.ACCOUNTS[3]) for line in lines) == 1


def test_its_arguments_are_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are given, to the program of the simulator, which knows them all."""
    given: list[Any] = []

    def serve(arguments: list[str], name: str) -> int:
        assert name == "detective-async simulator"
        given.extend(arguments)
        return 0

    monkeypatch.setattr(command, "main", serve)
    names = {"--allow-host", "--account", "--control-token", "--dump-file", "--host", "--port", "--region"}
    values = {**dict.fromkeys(names, "x"), "--account": "1" * 12, "--port": "0", "--verification-delay": "2.5"}
    arguments = [f"{name}={value}" for name, value in values.items()]
    assert main(["simulator", *arguments, "--seed-file=x", "--allow-host=y"]) == 0
    assert sorted(given) == sorted([*arguments, "--seed-file=x", "--allow-host=y"])
    options = {one for action in command._parser("")._actions for one in action.option_strings}
    assert {one.partition("=")[0] for one in given} == options - {"-h", "--help"}


def test_the_demos_world_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a seed that the simulator takes, with the accounts that the hints name."""
    sim = DetectiveSimulator()

    def serve(arguments: list[str], hints: str, name: str) -> int:
        assert name == "detective-async simulator"
        assert hints.startswith(demo_world.HINTS)
        (seed,) = (one.partition("=")[2] for one in arguments if one.startswith("--seed-file"))
        sim.load(seed)
        return 0

    monkeypatch.setattr(command, "main", serve)
    assert main(["simulator", "--demo"]) == 0
    assert set(sim.accounts) == {demo_world.ADMINISTRATOR, demo_world.MANAGEMENT, *demo_world.ACCOUNTS}
    assert len(sim.snapshot()) == 2


@pytest.mark.parametrize("command", [[SCRIPT, "simulator"], [sys.executable, "-m", "detective_async.testing"]])
def test_its_errors(command: list[str], tmp_path: Path) -> None:
    """They have the name of the program that was called, and say what could not be written."""
    name = " ".join([Path(command[0]).name.replace(Path(sys.executable).name, "python"), *map(str, command[1:])])
    done = subprocess.run([*command, "--seed-file", "none.json"], cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, done.stderr.decode()) == (2, f"{name}: none.json: No such file or directory\n")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*command, "--port", "0"], stdout=full, stderr=subprocess.PIPE, check=False, timeout=60)
    assert (done.returncode, done.stderr.decode()) == (1, f"{name}: standard output: No space left on device\n")

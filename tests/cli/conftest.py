"""A simulated world, and the command in this process and in one of its own."""

import asyncio
import fcntl
import io
import os
import pty
import select
import signal
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from support.programs import Ended

from detective_async import DetectiveClient
from detective_async.cli import main, plans
from detective_async.cli.demo_world import ADMINISTRATOR, REGIONS, demo_world
from detective_async.cli.exits import CommandError
from detective_async.membership import MembershipPlan, TeardownPlan
from detective_async.testing import SimulatorThread

#: The installed command.
SCRIPT = Path(sys.executable).with_name("detective-async")
_READABLE = os.open(os.devnull, os.O_RDONLY)


@frozen
class Program:
    """The command, with a simulator in its environment."""

    sim: SimulatorThread
    capsys: pytest.CaptureFixture[str]
    folder: Path

    def __call__(self, *arguments: str) -> Ended:
        """Run it in this process."""
        self.capsys.readouterr()
        code = main(arguments)
        captured = self.capsys.readouterr()
        return Ended(code, captured.out, captured.err)

    def installed(self, *arguments: str, **environ: str) -> Ended:
        """Run the installed command in a process of its own, without a terminal."""
        done = subprocess.run(
            [SCRIPT, *arguments],
            capture_output=True,
            check=False,
            cwd=self.folder,
            env={**os.environ, "PYTHONWARNINGS": "error", **environ},
            stdin=subprocess.DEVNULL,
        )
        return Ended(done.returncode, done.stdout.decode(), done.stderr.decode())

    def start(self, *arguments: str, sigint: Any = signal.default_int_handler) -> "subprocess.Popen[bytes]":
        """Start the installed command with pipes; as background jobs of scripts are, with SIGINT ignored."""
        return subprocess.Popen(
            [SCRIPT, *arguments],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # It may be ignored where the tests run in the background, too, and children inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, sigint),  # noqa: PLW1509
        )

    def on_terminal(self, *arguments: str, answer: str, columns: int = 100, **environ: str) -> Ended:
        """Run the installed command on a terminal, on which an answer is typed when it asks; all output is in `out`."""
        master, slave = pty.openpty()
        env = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(columns), **environ}
        with subprocess.Popen(
            [SCRIPT, *arguments],
            cwd=self.folder,
            env=env,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            # Its own terminal, so that Ctrl-C is a signal.
            preexec_fn=_take_terminal,  # noqa: PLW1509
        ) as program:
            os.close(slave)
            output = b""
            asked = False
            try:
                while chunk := _read(master):
                    output += chunk
                    if not asked and (b"[y/N] " in output or b"to do it: " in output):
                        asked = True
                        os.write(master, answer.encode())
                code = program.wait(timeout=60)
            finally:
                program.kill()
                os.close(master)
        return Ended(code, output.decode(), "")

    @property
    def changes(self) -> list[str | None]:
        """The operations that have changed something."""
        reading = ("List", "Get", "Describe", "BatchGet", "AssumeRole")
        return [one.operation for one in self.sim.requests if not str(one.operation).startswith(reading)]


class Terminal(io.StringIO):
    """A terminal in this process: what is typed on it, or what is written to it."""

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        """Return a descriptor that can be read at once, as what was typed can."""
        return _READABLE


def lose_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the reports of plans not be written, as to a full disk."""

    def write(*_: object, **_options: object) -> None:
        raise CommandError("standard output: full", 1)

    monkeypatch.setattr(plans, "write", write)


def signal_after(
    monkeypatch: pytest.MonkeyPatch, plan: type[MembershipPlan] | type[TeardownPlan], number: signal.Signals
) -> None:
    """Let a signal come once, when a plan of the type has been applied, and the client is being closed."""
    apply, close = plan.apply, DetectiveClient.aclose
    ended = []

    async def applied(one: Any, **options: Any) -> Any:
        report = await apply(one, **options)
        ended.append(True)
        return report

    async def interrupted(client: DetectiveClient) -> None:
        if ended:
            ended.clear()
            signal.raise_signal(number)
        try:
            await asyncio.sleep(0)
        finally:
            await close(client)

    monkeypatch.setattr(plan, "apply", applied)
    monkeypatch.setattr(DetectiveClient, "aclose", interrupted)


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _read(descriptor: int) -> bytes:
    ready, _, _ = select.select([descriptor], [], [], 60)
    assert ready, "the program waits"
    try:
        return os.read(descriptor, 65536)
    except OSError:
        # Linux's way to say that the other end was closed.
        return b""


@pytest.fixture(autouse=True)
def as_in_the_foreground() -> Iterator[None]:
    """SIGINT as programs find it, also where the tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Program]:
    """The command as the administrator of the demo's world."""
    monkeypatch.chdir(tmp_path)
    for name in ("COLUMNS", "FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    with SimulatorThread(seed=1) as sim:
        sim.load(demo_world())
        for name, value in sim.environment(ADMINISTRATOR, region=REGIONS[0]).items():
            monkeypatch.setenv(name, value)
        yield Program(sim, capsys, tmp_path)


@pytest.fixture
def become(program: Program, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put another account's keys into the environment."""

    def become(account_id: str) -> None:
        for name, value in program.sim.environment(account_id, region=REGIONS[0]).items():
            monkeypatch.setenv(name, value)

    return become

"""The command's signals, in this process: what each of them does, and when."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli.conftest import SCRIPT, Program

from detective_async.cli import main, options, signals

BOTH = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture(autouse=True)
def defaults() -> Iterator[None]:
    """What a program has at its start; put back afterwards."""
    before = {number: signal.getsignal(number) for number in BOTH}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


async def raised(*numbers: signal.Signals) -> list[str]:
    """Raise signals while something is awaited, and return what was seen."""
    seen = []
    for number in numbers:
        signal.raise_signal(number)
        seen.append("handled")
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        seen.append("cancelled")
    return seen


@pytest.mark.parametrize("number", BOTH)
def test_the_first_signal_cancels(number: signal.Signals) -> None:
    """What handles the cancellation may return a result; otherwise there is a KeyboardInterrupt."""
    with signals.handled(at_the_end=False):
        assert signals.run(raised(number)) == ["handled", "cancelled"]
        assert signals.outcome() == {signal.SIGINT: ("interrupted", 130), signal.SIGTERM: ("terminated", 143)}[number]
    with signals.handled(at_the_end=False):
        sleeping = asyncio.sleep(60)

        async def stopped() -> None:
            asyncio.get_running_loop().call_later(0.01, signal.raise_signal, number)
            await sleeping

        with pytest.raises(KeyboardInterrupt):
            signals.run(stopped())


def test_the_second_signal_ends_at_once() -> None:
    """Whatever handles the cancellation; the first one decides about the exit code."""
    with signals.handled(at_the_end=False), pytest.raises(KeyboardInterrupt):
        signals.run(raised(signal.SIGTERM, signal.SIGINT))
    assert signals.outcome() == ("terminated", 143)


@pytest.mark.parametrize("number", BOTH)
def test_what_is_held_is_whole(number: signal.Signals) -> None:
    """A signal waits for its end, and then does what it does elsewhere; the second one ends it at once."""
    seen: list[object] = []

    def write(times: int) -> None:
        with signals.held():
            for _ in range(times):
                signal.raise_signal(number)
            seen.append(times)

    async def written() -> None:
        write(1)
        seen.append("returned")
        await asyncio.sleep(60)

    for times in (0, 1, 2):
        with signals.handled(at_the_end=False), contextlib.suppress(KeyboardInterrupt):
            write(times)
            seen.append("no signal")
    with signals.handled(at_the_end=False), pytest.raises(KeyboardInterrupt):
        signals.run(written())
    assert seen == [0, "no signal", 1, 1, "returned"]


@pytest.mark.parametrize("number", BOTH)
def test_ignored_signals_stay_ignored(number: signal.Signals) -> None:
    """One of them does not change the other."""
    signal.signal(number, signal.SIG_IGN)
    (other,) = set(BOTH) - {number}

    async def both() -> list[str]:
        signal.raise_signal(number)
        return await raised(other)

    with signals.handled(at_the_end=False):
        assert signals.run(both()) == ["handled", "cancelled"]
    assert signal.getsignal(number) is signal.SIG_IGN


def test_a_cancellation_without_a_signal() -> None:
    """It is none."""

    async def cancelled() -> None:
        raise asyncio.CancelledError

    with signals.handled(at_the_end=False), pytest.raises(asyncio.CancelledError):
        signals.run(cancelled())


def test_a_program_that_runs_the_command(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own handlers stay, the others are put back; in a thread there are none."""
    seen: list[object] = []

    def run(_job: object, _work: object) -> None:
        seen.append([signal.getsignal(number) for number in BOTH])
        raise KeyboardInterrupt

    monkeypatch.setattr(options.Job, "run", run)
    own = lambda *_: None  # noqa: E731 - only its identity matters
    signal.signal(signal.SIGTERM, own)
    assert program("whoami").code == 130
    assert [signal.getsignal(number) for number in BOTH] == [signal.default_int_handler, own]
    thread = threading.Thread(target=main, args=(["whoami"],))
    thread.start()
    thread.join()
    assert seen == [[signals._handle, own], [signal.default_int_handler, own]]


#: Raises a signal when a module is imported.
INTERRUPTING = """
import signal, sys

class Finder:
    def find_spec(self, name, *_):
        if name == {module!r}:
            try:
                signal.raise_signal(signal.SIGINT)
            except KeyboardInterrupt:
                "as callbacks of imports lose it"

sys.meta_path.insert(0, Finder())
"""


@pytest.mark.parametrize("command", [[SCRIPT], [sys.executable, "-m", "detective_async"]])
@pytest.mark.parametrize(
    "module", ["detective_async.cli", "detective_async.cli.signals", "detective_async.cli.program"]
)
def test_a_signal_while_modules_are_imported(command: list[str], module: str, tmp_path: Path) -> None:
    """It is one line, and no traceback, from the first module on that only the command has."""
    (tmp_path / "sitecustomize.py").write_text(INTERRUPTING.format(module=module))
    done = subprocess.run(
        [*command, "--help"], env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"detective-async: interrupted\n")


def test_little_is_imported_before_the_command() -> None:
    """Nothing catches a signal while the package is imported: that is a moment."""
    program = "import sys; before = set(sys.modules); import detective_async; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    imported = set(done.stdout.decode().split())
    assert not imported & {"collections", "enum", "functools", "re", "typing"}


@pytest.mark.parametrize("number", BOTH)
def test_a_signal_before_anything_was_done(number: signal.Signals, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends the process at once, if that ends anyway; later, it is an exception."""
    ended: list[object] = []
    monkeypatch.setattr(os, "write", lambda *written: ended.append(written))

    def end(code: int) -> None:
        ended.append(code)
        raise SystemExit

    monkeypatch.setattr(os, "_exit", end)
    with signals.handled(at_the_end=True):
        with pytest.raises(SystemExit):
            signal.raise_signal(number)
        what = "interrupted" if number is signal.SIGINT else "terminated"
        assert ended == [(2, f"detective-async: {what}\n".encode()), 128 + number]
        signals.begin()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    assert len(ended) == 2


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no SIGHUP")
def test_a_terminal_that_is_closed() -> None:
    """What is awaited is cancelled, as by the others; `nohup` has it ignored."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        with signals.handled(at_the_end=False), pytest.raises(KeyboardInterrupt):
            signals.run(raised(signal.SIGHUP, signal.SIGHUP))
        assert signals.outcome() == ("terminated", 129)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        with signals.handled(at_the_end=False):
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)

"""The command `detective-async`. Importing it imports none of what the command needs."""

import importlib.util
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["main"]

#: The packages of the extra `cli`.
_EXTRA = ("click", "rich")
_EXIT_USAGE = 2
_EXIT_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit code: 0 done, 1 something failed, 2 wrong use, 130 interrupted.

    Args:
        arguments: those after the command's name; None takes those of the process, which ends afterwards.
    """
    if (code := _check_streams()) is not None:
        return code
    if arguments is None and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        # As containers and CI systems end programs: in the same order as after Ctrl-C.
        signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        code = _run(arguments)
    except KeyboardInterrupt:
        # While modules were imported; later ones are handled where they occur.
        sys.stderr.write("detective-async: interrupted\n")
        code = _EXIT_INTERRUPTED
    if arguments is None:
        # Everything is done, and the exit code says how it ended.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    return code


def _check_streams() -> int | None:
    """Replace closed standard streams, which Python has none of; return the exit code if there is nowhere to write."""
    if sys.stdin is None:
        sys.stdin = Path(os.devnull).open()  # noqa: SIM115 - for the rest of the process
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115
    if sys.stdout is None:
        sys.stderr.write("detective-async: standard output is closed: nothing was done\n")
        return _EXIT_USAGE
    return None


def _run(arguments: Sequence[str] | None) -> int:
    missing = [name for name in _EXTRA if importlib.util.find_spec(name) is None]
    if missing:
        sys.stderr.write(
            f'detective-async: {" and ".join(missing)} not installed: pip install "detective-async[cli]"\n'
        )
        return _EXIT_USAGE
    from detective_async.cli.program import run  # noqa: PLC0415 - it imports what the extra brings

    return run(arguments)

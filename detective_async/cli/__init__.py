"""The command `detective-async`. Importing it imports none of what the command needs."""

import importlib.util
import os
import sys
from collections.abc import Sequence

from detective_async.cli import signals

__all__ = ["main"]

#: The packages of the extra `cli`.
_EXTRA = ("click", "rich")
_EXIT_USAGE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit code: 0 done, 1 something failed, 2 wrong use, 130 Ctrl-C, 143 kill.

    Args:
        arguments: those after the command's name; None takes those of the process, which ends afterwards.
    """
    with signals.handled(at_the_end=arguments is None):
        try:
            code = _check_streams()
            return _run(arguments) if code is None else code
        except KeyboardInterrupt:
            # While modules were imported; later ones are handled where they occur.
            what, code = signals.outcome()
            sys.stderr.write(f"detective-async: {what}\n")
            return code


def _check_streams() -> int | None:
    """Replace closed standard streams, which Python has none of; return the exit code if there is nowhere to write."""
    # Without pathlib, whose import takes milliseconds.
    if sys.stdin is None:
        sys.stdin = open(os.devnull)  # noqa: PTH123, SIM115 - for the rest of the process
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115
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

"""Console blocks: commands and their output."""

import doctest
import re
import shlex
from collections.abc import Iterable
from pathlib import Path

_MARK = "---- exit code"


def split_console(text: str) -> list[tuple[str, str]]:
    """Return the commands of a console block, each with its output."""
    shown: list[tuple[str, str]] = []
    for line in text.splitlines(keepends=True):
        command, output = shown[-1] if shown else ("", "")
        if command.endswith("\\\n"):
            shown[-1] = (command + line, "")
        elif line.startswith("$ "):
            shown.append((line[2:], ""))
        else:
            assert shown, f"there is output before the first command: {line}"
            shown[-1] = (command, output + line)
    return [(command.rstrip("\n"), output) for command, output in shown]


def script_of(commands: Iterable[str], variables: Path) -> str:
    """Return a script that runs commands one after the other, and writes its final environment to a file."""
    marked = (f'{command}\n__=$?; echo; echo "{_MARK} $__"; (exit $__)' for command in commands)
    return "\n".join(("exec 2>&1", *marked, f"env -0 > {shlex.quote(str(variables))}"))


def outputs_of(printed: str) -> list[tuple[str, int]]:
    """Return the output and the exit code of each command of a script."""
    return [(output, int(code)) for output, code in re.findall(rf"(.*?)\n{_MARK} (\d+)\n", printed, re.DOTALL)]


def matches(expected: str, printed: str) -> bool:
    """Return whether an output is as expected; a missing newline at its end does not matter."""
    printed = printed if printed.endswith("\n") else f"{printed}\n"
    return doctest.OutputChecker().check_output(expected, printed, doctest.ELLIPSIS)


def compare(expected: str, printed: str, *, of: str = "") -> None:
    """Fail if an output is not as expected; if none is expected, any output is allowed."""
    if expected and not matches(expected, printed):
        raise AssertionError(f"{of}\nexpected:\n{expected}\ngot:\n{printed}")

"""How the tests run other programs: the examples, and the programs in README and docs."""

import asyncio
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from attrs import frozen
from support.strict_mode import warnings_in

EXAMPLES = Path(__file__).parents[2] / "examples"
#: Python's options: warnings are errors, development mode is on, and the current folder is not on the path.
STRICT = ("-P", "-W", "error", "-X", "dev")


def command(example: str, *arguments: str, first: str = "", strict: bool = True) -> list[str]:
    """Return the command that runs an example.

    Args:
        example: the name of its module.
        arguments: its arguments.
        first: Python code that changes the module before it is run.
        strict: whether to run it with warnings as errors and in development mode.
    """
    program = f"""
import signal, sys
# SIGINT may be ignored where the tests run in the background, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path.insert(0, {str(EXAMPLES)!r})
import {example}
{first}
sys.exit({example}.main())
"""
    return [sys.executable, *(STRICT if strict else ("-P",)), "-c", program, *arguments]


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


@frozen
class Ended:
    """The exit code and the output of a program that has ended."""

    code: int
    out: str
    err: str


async def finish(*command: str, environ: Mapping[str, str], directory: Path) -> Ended:
    """Run a command to its end."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=directory,
        env={**os.environ, **environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return Ended(process.returncode or 0, out.decode(), err.decode())


async def run(program: str, environ: Mapping[str, str], directory: Path) -> str:
    """Run a Python program in a folder, with warnings as errors; it must succeed. Return its output."""
    ended = await finish(sys.executable, *STRICT, "-c", program, environ=environ, directory=directory)
    assert (ended.code, warnings_in(ended.err)) == (0, "")
    return ended.out

"""Programs of other people, as they find them in README and docs: how they are run, and what they may write."""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from attrs import frozen
from support.scrutiny import complaints

#: How Python is started for them: with warnings as errors, and with nothing of the folder on its path but by name.
STRICT = ("-P", "-W", "error", "-X", "dev")


@frozen
class Ended:
    """A program that has ended."""

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
    """Run a program as it stands, in a folder, with warnings as errors; it has to succeed, and gives its output."""
    ended = await finish(sys.executable, *STRICT, "-c", program, environ=environ, directory=directory)
    assert (ended.code, complaints(ended.err)) == (0, "")
    return ended.out

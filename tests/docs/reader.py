"""A reader who tries everything: saves the files, runs the programs, types the commands, and compares the output.

What is done with a block follows from its language, and from its caption if it has one:

- With a caption, it is a file of that name, in the reader's folder. A later block has to make use of it.
- `python` that calls `asyncio.run` is a program, and is run in a process of its own. Any other is a piece that may
  `await`, and is run in one namespace with the other pieces of its page, as in `python -m asyncio`.
- `console` has commands after `$`, and beneath each what it prints. A server goes on while the reader reads on. What
  would be installed, and what make would make, has to be there.
- `text` is what the block before it prints.
- `json` is an IAM policy.

An output may have `...` in place of what differs each time.
"""

import ast
import asyncio
import contextlib
import inspect
import io
import os
import re
import shlex
import signal
import socket
import sys
import warnings
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import CodeType
from typing import Any

from attrs import define, field
from fences import Block
from programs import STRICT, finish
from scrutiny import complaints

from docs.checks import actions_of, check_syntax, is_only_checked
from docs.console import compare, matches, outputs_of, script_of, split_console

#: A port of the docs, which here is another one, that is free.
_PORT = re.compile(r"(?<=:|=)(?:4580|8080)\b")
_PATIENCE = 120.0
#: Commands that go on while the reader reads on.
_SERVERS = ("python -m detective_async.testing --seed-file", "python server.py")


@define
class Reader:
    """Somebody with a folder, a shell, and a page before them.

    Attributes:
        folder: where files are saved and commands run.
        environ: the variables that are set in the shell, beside those of the tests.
        allowed: what the IAM policies allow that were read.
    """

    folder: Path
    environ: dict[str, str]
    allowed: set[str] = field(init=False, factory=set)
    _ports: dict[str, str] = field(init=False, factory=dict)
    _namespace: dict[str, Any] = field(init=False, factory=dict)
    _unused: dict[str, Block] = field(init=False, factory=dict)
    _servers: list[asyncio.subprocess.Process] = field(init=False, factory=list)
    _printed: str = field(init=False, default="")

    async def read(self, block: Block) -> None:
        """Do with a block what its language asks for."""
        text = _PORT.sub(lambda match: self._free_port(match[0]), block.text)
        for name in [name for name in self._unused if name in text or Path(name).stem in text]:
            del self._unused[name]
        printed, self._printed = self._printed, ""
        assert not printed or block.language == "text", f"before {block}, this was printed and not shown: {printed}"
        match block:
            case Block(directive="toctree" | "eval-rst"):
                pass
            case Block(caption=caption) if caption:
                self._save(block, text)
            case Block(language="python"):
                self._printed = await self._run(block, text)
            case Block(language="console"):
                await self._type(text)
            case Block(language="text"):
                assert printed, f"{block}: nothing was printed before it"
                compare(text, printed)
            case Block(language="json"):
                self.allowed |= actions_of(text)
            case _:
                raise AssertionError(f"{block}: nobody knows what to do with a block of {block.language!r}")

    def end(self) -> None:
        """Fail where something was saved and never used, or printed and not shown."""
        assert not self._printed, f"in the end, this was printed and not shown: {self._printed}"
        assert not self._unused, f"saved, and never used: {[str(block) for block in self._unused.values()]}"

    async def close(self) -> None:
        """Stop the servers that were started."""
        for server in self._servers:
            if server.returncode is None:
                server.send_signal(signal.SIGINT)
                assert await server.wait() == 0

    def _save(self, block: Block, text: str) -> None:
        check_syntax(block.caption, text)
        (self.folder / block.caption).write_text(text)
        self._unused[block.caption] = block

    async def _run(self, block: Block, text: str) -> str:
        if "asyncio.run(" in text:
            ended = await finish(sys.executable, *STRICT, "-c", text, environ=self.environ, directory=self.folder)
            assert (ended.code, complaints(ended.err)) == (0, ""), str(block)
            return ended.out
        with contextlib.redirect_stdout(io.StringIO()) as out:
            await run_piece(block, text, self._namespace)
        return out.getvalue()

    async def _type(self, text: str) -> None:
        shown = split_console(text)
        if shown[0][0].startswith(_SERVERS):
            ((command, expected),) = shown
            await self._start(command, expected)
            return
        shown = [(command, expected) for command, expected in shown if not is_only_checked(command)]
        variables = self.folder.parent / f"{self.folder.name}.environ"
        ended = await finish(
            *("bash", "-c", script_of([command for command, _ in shown], variables)),
            environ=self._of_the_shell(),
            directory=self.folder,
        )
        outputs = outputs_of(ended.out)
        assert len(outputs) == len(shown), ended.out
        for number, ((command, expected), (output, code)) in enumerate(zip(shown, outputs, strict=True)):
            compare(expected, output, of=command)
            is_told = number + 1 < len(shown) and shown[number + 1][0] == "echo $?"
            assert code == 0 or is_told, f"{command}: exit code {code}: {output}"
        self.environ = dict(entry.split("=", 1) for entry in variables.read_text().split("\0") if entry)

    async def _start(self, command: str, expected: str) -> None:
        port = ("--port", self._free_port("4580")) if "detective_async.testing" in command else ()
        server = await asyncio.create_subprocess_exec(
            sys.executable,
            *shlex.split(command)[1:],
            *port,
            cwd=self.folder,
            env={**os.environ, **self._of_the_shell()},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        self._servers.append(server)
        assert server.stdout is not None
        printed = ""
        async with asyncio.timeout(_PATIENCE):
            while not matches(expected, printed):
                line = await server.stdout.readline()
                if not line:
                    raise AssertionError(f"{command} ended with exit code {await server.wait()}: {printed}")
                printed += line.decode()

    def _free_port(self, shown: str) -> str:
        if shown not in self._ports:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                self._ports[shown] = str(free.getsockname()[1])
        return self._ports[shown]

    def _of_the_shell(self) -> dict[str, str]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        # As at a terminal, where nothing is held back, and which has a width.
        return {"COLUMNS": "80", "PATH": path, "PYTHONUNBUFFERED": "1", **self.environ}


async def run_piece(block: Block, text: str, namespace: dict[str, Any]) -> None:
    """Run a piece of Python that may await, with warnings as errors."""
    # As many lines above it as in the page, so that a traceback leads there.
    source = "\n" * block.line + text
    code: CodeType = compile(source, str(block.path), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = eval(code, namespace)  # noqa: S307 - it is our own documentation
        if inspect.isawaitable(result):
            await result


@asynccontextmanager
async def reading(folder: Path, environ: Mapping[str, str]) -> AsyncIterator[Reader]:
    """Give a reader, and see to it that everything has an end and its use."""
    reader = Reader(folder, dict(environ))
    try:
        yield reader
        reader.end()
    finally:
        await reader.close()

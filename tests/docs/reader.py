"""Simulates a reader who saves the files of a page, runs its programs and commands, and compares the output.

The language of a block, and its caption if there is one, say what is done with it:

- A block with a caption is a file of that name in the reader's folder. A later block must use it. A file in `NOT_RUN`
  only has to be valid Python.
- `python` that calls `asyncio.run` or `anyio.run` is a program, and is run in a process of its own. Other `python`
  blocks are snippets that may `await`; those of a page are run in one namespace, as in `python -m asyncio`.
- `console` has commands after `$`, each followed by its output. A server keeps running for the rest of the page. The
  packages of `pip install` and the targets of `make` must exist.
- `text` is the output of the block before it.
- `json` is an IAM policy.

`...` in an output stands for any text.
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
import sys
import warnings
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import CodeType
from typing import Any

from attrs import define, field
from support.fences import Block
from support.programs import STRICT, finish, free_port
from support.strict_mode import warnings_in

from docs.checks import actions_of, check_syntax, is_only_checked
from docs.console import compare, matches, outputs_of, script_of, split_console
from docs.pages import NOT_RUN

#: The ports in the docs, which are replaced by free ones.
_PORT = re.compile(r"(?<=:|=)(?:4580|808[01])\b")
_SERVER_TIMEOUT = 120.0
#: Commands that keep running for the rest of the page.
_SERVERS = (
    "python -m detective_async.testing --seed-file",
    "python server.py",
    "python fastapi_server.py",
    "python starlette_server.py",
)


@define
class Reader:
    """A simulated reader, with a folder and a shell.

    Attributes:
        folder: the folder of the files and commands.
        environ: the variables of the shell in addition to those of the tests.
    """

    folder: Path
    environ: dict[str, str]
    _ports: dict[str, str] = field(init=False, factory=dict)
    _namespace: dict[str, Any] = field(init=False, factory=dict)
    _unused: dict[str, Block] = field(init=False, factory=dict)
    _servers: list[asyncio.subprocess.Process] = field(init=False, factory=list)
    _printed: str = field(init=False, default="")

    async def read(self, block: Block) -> None:
        """Process a block by its language."""
        text = _PORT.sub(lambda match: self._free_port(match[0]), block.text)
        for name in [name for name in self._unused if name in text or Path(name).stem in text]:
            del self._unused[name]
        printed, self._printed = self._printed, ""
        assert not printed or block.language == "text", f"before {block}, this output is not on the page: {printed}"
        match block:
            case Block(directive="toctree" | "eval-rst"):
                pass
            case Block(caption=caption) if caption:
                self._save(block, text)
            case Block(language="python"):
                self._printed = await self._run(block, text)
            case Block(language="console"):
                await self._run_console(text)
            case Block(language="text"):
                assert printed, f"{block}: the block before it has no output"
                compare(text, printed)
            case Block(language="json"):
                actions_of(text)
            case _:
                raise AssertionError(f"{block}: blocks of the language {block.language!r} are not supported")

    def end(self) -> None:
        """Fail if a file was never used, or an output is not on the page."""
        assert not self._printed, f"at the end, this output is not on the page: {self._printed}"
        assert not self._unused, f"files that are never used: {[str(block) for block in self._unused.values()]}"

    async def close(self) -> None:
        """Stop the servers."""
        for server in self._servers:
            if server.returncode is None:
                server.send_signal(signal.SIGINT)
                assert await server.wait() == 0

    def _save(self, block: Block, text: str) -> None:
        check_syntax(block.caption, text)
        if block.caption in NOT_RUN:
            return
        (self.folder / block.caption).write_text(text)
        self._unused[block.caption] = block

    async def _run(self, block: Block, text: str) -> str:
        if re.search(r"\b(?:asyncio|anyio)\.run\(", text):
            ended = await finish(sys.executable, *STRICT, "-c", text, environ=self.environ, directory=self.folder)
            assert (ended.code, warnings_in(ended.err)) == (0, ""), str(block)
            return ended.out
        with contextlib.redirect_stdout(io.StringIO()) as out:
            await run_snippet(block, text, self._namespace)
        return out.getvalue()

    async def _run_console(self, text: str) -> None:
        shown = split_console(text)
        if shown[0][0].startswith(_SERVERS):
            ((command, expected),) = shown
            await self._start(command, expected)
            return
        shown = [(command, expected) for command, expected in shown if not is_only_checked(command)]
        variables = self.folder.parent / f"{self.folder.name}.environ"
        ended = await finish(
            *("bash", "-c", script_of([command for command, _ in shown], variables)),
            environ=self._shell_environ(),
            directory=self.folder,
        )
        outputs = outputs_of(ended.out)
        assert len(outputs) == len(shown), ended.out
        for number, ((command, expected), (output, code)) in enumerate(zip(shown, outputs, strict=True)):
            compare(expected, output, of=command)
            code_is_shown = number + 1 < len(shown) and shown[number + 1][0] == "echo $?"
            assert code == 0 or code_is_shown, f"{command}: exit code {code}: {output}"
        self.environ = dict(entry.split("=", 1) for entry in variables.read_text().split("\0") if entry)

    async def _start(self, command: str, expected: str) -> None:
        port = ("--port", self._free_port("4580")) if "detective_async.testing" in command else ()
        server = await asyncio.create_subprocess_exec(
            sys.executable,
            *shlex.split(command)[1:],
            *port,
            cwd=self.folder,
            env={**os.environ, **self._shell_environ()},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        self._servers.append(server)
        assert server.stdout is not None
        printed = ""
        async with asyncio.timeout(_SERVER_TIMEOUT):
            while not matches(expected, printed):
                line = await server.stdout.readline()
                if not line:
                    raise AssertionError(f"{command} ended with exit code {await server.wait()}: {printed}")
                printed += line.decode()

    def _free_port(self, shown: str) -> str:
        if shown not in self._ports:
            self._ports[shown] = str(free_port())
        return self._ports[shown]

    def _shell_environ(self) -> dict[str, str]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        # As in a terminal: unbuffered, and with a width.
        return {"COLUMNS": "80", "PATH": path, "PYTHONUNBUFFERED": "1", **self.environ}


async def run_snippet(block: Block, text: str, namespace: dict[str, Any]) -> None:
    """Run a snippet of Python that may await, with warnings as errors."""
    # Padded, so that the line numbers in tracebacks are those of the page.
    source = "\n" * block.line + text
    code: CodeType = compile(source, str(block.path), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = eval(code, namespace)  # noqa: S307 - it is our own documentation
        if inspect.isawaitable(result):
            await result


@asynccontextmanager
async def reading(folder: Path, environ: Mapping[str, str]) -> AsyncIterator[Reader]:
    """Yield a reader; at the end, check that everything was used, and stop its servers."""
    reader = Reader(folder, dict(environ))
    try:
        yield reader
        reader.end()
    finally:
        await reader.close()

"""The AWS CLI: `aws detective ...`, whose entry point a single process runs for all calls."""

import asyncio
import json
import os
import re
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from attrs import frozen
from botocore import xform_name
from botocore.model import ListShape, MapShape, Shape, StructureShape
from support.clients.adapter import Refusal, RefusedError
from support.contract.api import SERVICE_MODEL

from detective_async.testing import DetectiveSimulator

_PROGRAM = Path(__file__).with_name("cli_program.py")
#: No command of the AWS CLI takes that long, in seconds, however busy the machine is.
_HANGS = 120.0
#: The longest line that the program may print; a page of 200 members takes a part of it.
_LONGEST_LINE = 2**24
_ERROR = re.compile(
    r"An error occurred \((?P<code>\w+)\) when calling the (?P<operation>\w+) operation"
    r"(?: \(reached max retries: \d+\))?: (?P<message>.*)"
)
#: The exit codes of version 1 and version 2.
_REFUSED = {255, 254}


@frozen
class _Done:
    """What a command left behind."""

    returncode: int
    stdout: str
    stderr: str


class Cli:
    """The command line, with the environment that the simulator's user would export."""

    def __init__(self, sim: DetectiveSimulator, process: Process) -> None:
        self._sim = sim
        self._process = process
        self._lock = asyncio.Lock()

    async def call(self, operation: str, account: str, region: str, members: dict[str, Any]) -> dict[str, Any]:
        command = ["detective", xform_name(operation, "-")]
        command += _arguments(SERVICE_MODEL.operation_model(operation).input_shape, members)
        done = await self._run(command, self._environment(account, region))
        if done.returncode != 0:
            raise RefusedError(_refusal(operation, done))
        assert done.stderr == ""
        shape = SERVICE_MODEL.operation_model(operation).output_shape
        response: dict[str, Any] = _read(shape, json.loads(done.stdout)) if done.stdout else {}
        return response

    async def _run(self, arguments: list[str], environment: dict[str, str]) -> _Done:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        async with self._lock, asyncio.timeout(_HANGS):
            line = json.dumps({"arguments": arguments, "environment": environment})
            self._process.stdin.write(line.encode() + b"\n")
            await self._process.stdin.drain()
            return _Done(**json.loads(await self._process.stdout.readline()))

    def _environment(self, account: str, region: str) -> dict[str, str]:
        keys = self._sim.account(account)
        return {
            "AWS_ACCESS_KEY_ID": keys.access_key_id,
            "AWS_SECRET_ACCESS_KEY": keys.secret_access_key,
            "AWS_DEFAULT_REGION": region,
            "AWS_ENDPOINT_URL_DETECTIVE": self._sim.url,
            "AWS_MAX_ATTEMPTS": "1",
            "AWS_PAGER": "",
        }


def _arguments(shape: Shape | None, members: dict[str, Any]) -> list[str]:
    """Return the options of a command; nested values are passed in one JSON document."""
    arguments: list[str] = []
    document = {}
    for name, value in members.items():
        assert shape is not None
        option = xform_name(name, "-")
        member = shape.members[name]
        if member.type_name == "boolean":
            arguments.append(f"--{option}" if value else f"--no-{option}")
        elif member.type_name == "timestamp":
            arguments += [f"--{option}", value.isoformat()]
        elif member.type_name in {"string", "integer"}:
            arguments += [f"--{option}", str(value)]
        elif member.type_name == "list" and member.member.type_name == "string":
            arguments += [f"--{option}", *value]
        else:
            document[name] = value
    return [*arguments, "--cli-input-json", json.dumps(document, default=datetime.isoformat)] if document else arguments


def _read(shape: Shape | None, value: Any) -> Any:
    """Convert the timestamps of an output, which the CLI prints as received, to datetimes."""
    match shape:
        case StructureShape():
            return {name: _read(shape.members.get(name), member) for name, member in value.items()}
        case ListShape():
            return [_read(shape.member, item) for item in value]
        case MapShape():
            return {key: _read(shape.value, item) for key, item in value.items()}
    return datetime.fromisoformat(value) if shape and shape.type_name == "timestamp" else value


def _refusal(operation: str, done: _Done) -> Refusal:
    told = _ERROR.search(done.stderr)
    if told is None or done.returncode not in _REFUSED:
        raise AssertionError(f"aws detective: {operation}: exit code {done.returncode}: {done.stderr}{done.stdout}")
    assert done.stdout == ""
    return Refusal(told["code"], told["message"], told["operation"])


@asynccontextmanager
async def open_cli(sim: DetectiveSimulator) -> AsyncIterator[Cli]:
    # Without the warnings filter of the tests, which is not meant for the AWS CLI.
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, _PROGRAM, env=inherited | {"PYTHONUTF8": "1"}, stdin=PIPE, stdout=PIPE, limit=_LONGEST_LINE
    )
    try:
        yield Cli(sim, process)
    finally:
        # A program that hangs fails the test instead of blocking it.
        process.kill()
        await process.communicate()

"""The AWS SDK for JavaScript, in a process of Node.js that runs for all calls."""

import asyncio
import json
import os
import shutil
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from support.clients.adapter import ERROR_SHAPES, Refusal, RefusedError
from support.contract.api import SERVICE_MODEL

from detective_async.testing import DetectiveSimulator

_PROGRAM = Path(__file__).with_name("javascript_program.mjs")
_NODE = shutil.which("node")
#: Where `make test` installs the SDK.
_SDK_FOLDER = Path(sys.prefix) / "node_modules"
#: No call takes that long, in seconds, however busy the machine is.
_HANGS = 120.0
_LONGEST_LINE = 2**24

NEEDS_JAVASCRIPT = pytest.mark.skipif(
    _NODE is None or not (_SDK_FOLDER / "@aws-sdk" / "client-detective").exists(),
    reason="Node.js with the AWS SDK for JavaScript is not installed",
)


class JavaScript:
    """The SDK's client, one for each account and region."""

    def __init__(self, sim: DetectiveSimulator, process: Process) -> None:
        self._sim = sim
        self._process = process
        self._lock = asyncio.Lock()

    async def call(self, operation: str, account: str, region: str, members: dict[str, Any]) -> dict[str, Any]:
        result = await self.run(operation, account, region, members)
        if "error" in result:
            raise RefusedError(_refusal(operation, result["error"]))
        response: dict[str, Any] = result["response"]
        metadata = response.pop("$metadata")
        assert metadata["httpStatusCode"] == SERVICE_MODEL.operation_model(operation).http.get("responseCode", 200)
        assert metadata["requestId"]
        assert metadata["attempts"] == 1
        return response

    async def run(
        self,
        operation: str,
        account: str,
        region: str,
        members: dict[str, Any],
        *,
        attempts: int = 1,
        page_size: int = 0,
    ) -> dict[str, Any]:
        """Call an operation, or its paginator with a page size; return the response or the error of the SDK's."""
        keys = self._sim.account(account)
        asked = {
            "operation": operation,
            "members": members,
            "url": self._sim.url,
            "region": region,
            "credentials": {"accessKeyId": keys.access_key_id, "secretAccessKey": keys.secret_access_key},
            "attempts": attempts,
            "paginate": page_size,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        async with self._lock, asyncio.timeout(_HANGS):
            self._process.stdin.write(json.dumps(asked, default=_time).encode() + b"\n")
            await self._process.stdin.drain()
            line = await self._process.stdout.readline()
        assert line, "the program has ended"
        result: dict[str, Any] = json.loads(line, object_hook=_read)
        return result


def _time(value: datetime) -> dict[str, str]:
    return {"$time": value.isoformat()}


def _read(value: dict[str, Any]) -> Any:
    return datetime.fromisoformat(value["$time"]) if value.keys() == {"$time"} else value


def _refusal(operation: str, error: dict[str, Any]) -> Refusal:
    assert error["typed"], error
    members = error["members"]
    # An error that the API does not model has the members of its body.
    known = ERROR_SHAPES[error["name"]].members.keys() - {"Message"} if error["name"] in ERROR_SHAPES else set()
    return Refusal(
        error["name"],
        error["message"],
        operation,
        error["status"],
        {name: value for name, value in members.items() if name in known},
    )


@asynccontextmanager
async def open_javascript(sim: DetectiveSimulator) -> AsyncIterator[JavaScript]:
    assert _NODE is not None
    process = await asyncio.create_subprocess_exec(
        _NODE,
        _PROGRAM,
        env=dict(os.environ) | {"SDK_FOLDER": str(_SDK_FOLDER)},
        stdin=PIPE,
        stdout=PIPE,
        limit=_LONGEST_LINE,
    )
    try:
        yield JavaScript(sim, process)
    finally:
        # A program that hangs fails the test instead of blocking it.
        process.kill()
        await process.communicate()

"""The simulator in a process of its own, which runs the commands on its stdin."""

import asyncio
import gc
import json
import os
import sys
from collections.abc import Sequence
from time import process_time_ns
from typing import Any

from machine import resident_bytes, take_cpu

from detective_async.testing import DetectiveSimulator


async def serve(remember: int) -> None:
    """Run a simulator, and a command for each line of JSON on stdin, until stdin is closed."""
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str] = asyncio.Queue()
    async with DetectiveSimulator(remember=remember) as sim:
        reader = loop.run_in_executor(None, _read_lines, loop, lines)
        print(json.dumps({"url": sim.url}), flush=True)
        while line := await lines.get():
            print(json.dumps(_run(sim, **json.loads(line))), flush=True)
        await reader


def _read_lines(loop: asyncio.AbstractEventLoop, lines: "asyncio.Queue[str]") -> None:
    while line := sys.stdin.readline():
        loop.call_soon_threadsafe(lines.put_nowait, line)
    loop.call_soon_threadsafe(lines.put_nowait, "")


def _run(sim: DetectiveSimulator, do: str, accounts: Sequence[str] = ()) -> dict[str, Any]:
    if do == "keys":
        keys = {name: sim.account(name) for name in accounts}
        return {name: [one.access_key_id, one.secret_access_key] for name, one in keys.items()}
    if do == "organization":
        sim.organization(accounts[0], accounts[1:])
        return {}
    if do == "cpu":
        return {"ns": process_time_ns()}
    gc.collect()
    return {"bytes": resident_bytes()}


if __name__ == "__main__":
    # The CPU that the parent process does not use.
    take_cpu((os.cpu_count() or 1) - 1)
    asyncio.run(serve(int(sys.argv[1])))

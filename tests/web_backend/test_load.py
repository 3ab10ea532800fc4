"""200 clients at once for 10 seconds, a tenth of whom hang up in the middle, on an AWS that is not at its best."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

pytestmark = pytest.mark.load

CLIENTS, SECONDS = 200, 10
PART = Path(__file__).with_name("loaded.py")
TESTS = PART.parents[1]
#: Seconds of the processor's time that one step of the event loop may take.
STALL = 0.05
MEBIBYTE = 2**20
#: What is logged of calls that failed although they were tried again, as some do in such weather.
_UPSTREAM = re.compile(r"^\w+ /api/\S+: 50[234] .*\n", re.MULTILINE)


@frozen
class Part:
    """A process of the test."""

    process: "subprocess.Popen[str]"

    def told(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "it has ended"
        return json.loads(line)

    def ask(self, what: str) -> Any:
        assert self.process.stdin is not None
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        return self.told()


@contextmanager
def part(*arguments: str) -> Iterator[Part]:
    """Run a part of the test, which must end without a complaint once its stdin does."""
    command = [sys.executable, "-W", "error", str(PART), *arguments]
    pipe = subprocess.PIPE
    folders = [TESTS, TESTS.parent / "examples", *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders))}
    with subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            yield Part(process)
            _, errors = process.communicate(timeout=120)
        finally:
            process.kill()
    assert (process.returncode, _UPSTREAM.sub("", errors)) == (0, "")


def settled(backend: Part, before: Any) -> Any:
    """Wait until idle connections have been closed, and tell what is still held."""
    for _ in range(60):
        now = backend.ask("look")
        if now["tasks"] <= before["tasks"] and now["sockets"] <= before["sockets"]:
            return now
        time.sleep(0.5)
    return backend.ask("look")


def test_under_load() -> None:
    """No 500, no stream that breaks off unsaid, no leak, no stall; and the health handler answers throughout."""
    with part("simulator") as simulator, part("backend", simulator.told()["url"]) as backend:
        url = backend.told()["url"]
        before = backend.ask("look")
        with part("clients", url, "20", "2") as warming_up:
            warming_up.told()
        warm = backend.ask("watch")
        with part("clients", url, str(CLIENTS), str(SECONDS)) as clients:
            came = clients.told()
        steps = backend.ask("look")["steps"]
        after = settled(backend, before)
    # Shown where the test fails, and with -s.
    json.dump({"came": came, "steps": steps, "before": before, "warm": warm, "after": after}, sys.stdout)

    statuses = came["statuses"]
    assert not [status for status in statuses if status.startswith("500")], statuses
    assert came["wrong"] == []
    assert set(came["ends"]) <= {"event: end", "whole"}, came["ends"]
    assert statuses["200"] > CLIENTS
    assert statuses["200, hung up"] > CLIENTS / 10
    assert {status for status in statuses if status.endswith("health")} == {"200, health"}
    # It was looked at throughout, and not held up until the others were done.
    assert statuses["200, health"] > SECONDS
    assert steps["longest"] < STALL
    assert (after["tasks"], after["sockets"]) == (before["tasks"], before["sockets"])
    # Python's own count of what it has given out; then what the system sees of it, which is never given back in full.
    assert after["blocks"] - warm["blocks"] < 20_000
    assert after["memory"] - warm["memory"] < 40 * MEBIBYTE

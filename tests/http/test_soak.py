"""A short run of the soak test, which still works and still finds leaks."""

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
CALLS = 2000
pytestmark = [
    pytest.mark.load,
    pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux tells what a process holds"),
]

#: Keeps the response of each call in a list, and leaks a task and a file.
LEAKS = """
    import asyncio, sys
    from detective_async import DetectiveClient
    from soak import load, run

    kept = []
    count = load.Tally.count

    def count_and_keep(tally, outcome):
        count(tally, outcome)
        kept.append([outcome + str(tally.calls)])
        if tally.calls == 1:
            kept.append([asyncio.create_task(asyncio.sleep(600)), open("/dev/null")])

    load.Tally.count = count_and_keep
"""
COMPLAINTS = """
    import sys
    from soak import load, run

    async def forgotten():
        pass

    run_once = load.Caller._run_once

    async def run_with_a_warning(caller):
        forgotten()
        await run_once(caller)

    load.Caller._run_once = run_with_a_warning
"""


def soak(program: str = "import sys\nfrom soak import run\n", calls: int = CALLS) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", f"{textwrap.dedent(program)}\nsys.exit(run.main({calls}, 10))"],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        cwd=TESTS,
    )


def test_thousands_of_calls_leave_nothing_behind() -> None:
    """Memory, tasks, sockets, files and quotas are as before; all calls ended as the faults require."""
    run = soak()
    assert (run.returncode, run.stderr) == (0, ""), run.stdout + run.stderr
    assert run.stdout.endswith("passed: nothing is left behind\n")
    calls = re.search(r"^(\d+) calls in ", run.stdout, re.MULTILINE)
    assert calls is not None
    assert int(calls[1]) >= CALLS
    # The weather was bad.
    assert all(f"'{kind}': " in run.stdout for kind in ("ConnectionLost", "TooManyRequestsException", "502"))


def test_leaks_are_found() -> None:
    """A little memory for each call, a task, and a file fail the soak, each with its own line."""
    run = soak(LEAKS)
    assert run.returncode == 1
    for what in (r"\d+ blocks of memory, \d+", "3 tasks, 2", r"\d+ file descriptors, \d+"):
        assert re.search(f"^problem: {what} at the start$", run.stdout, re.MULTILINE), run.stdout + run.stderr


def test_warnings_are_found() -> None:
    """A coroutine that is never awaited fails the soak."""
    run = soak(COMPLAINTS, calls=200)
    assert run.returncode == 1
    assert re.search(r"^problem: warning: .*'forgotten' was never awaited", run.stdout, re.MULTILINE), run.stdout

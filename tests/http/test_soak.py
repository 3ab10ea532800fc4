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

#: Keeps an outcome of each call in a list, with the first one also a task and a file, and never awaits a coroutine.
LEAKS = """
    import asyncio, sys
    from soak import load, run

    kept = []
    count = load.Tally.count
    run_once = load.Caller._run_once

    def count_and_keep(tally, outcome):
        count(tally, outcome)
        kept.append([outcome + str(tally.calls)])
        if tally.calls == 1:
            kept.append([asyncio.create_task(asyncio.sleep(600)), open("/dev/null")])

    async def forgotten():
        pass

    async def run_with_a_warning(caller):
        forgotten()
        await run_once(caller)

    load.Tally.count = count_and_keep
    load.Caller._run_once = run_with_a_warning
"""


def soak(program: str = "import sys\nfrom soak import run\n") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", f"{textwrap.dedent(program)}\nsys.exit(run.main({CALLS}, 10))"],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        cwd=TESTS,
    )


def test_thousands_of_calls_leave_nothing_behind() -> None:
    """Memory, tasks, sockets, files and quotas are as before; every call ended as expected."""
    run = soak()
    assert (run.returncode, run.stderr) == (0, ""), run.stdout + run.stderr
    assert run.stdout.endswith("passed: nothing is left behind\n")
    calls = re.search(r"^(\d+) calls in ", run.stdout, re.MULTILINE)
    assert calls is not None
    assert int(calls[1]) >= CALLS
    # There were faults.
    assert all(f"'{kind}': " in run.stdout for kind in ("ConnectionLost", "TooManyRequestsException", "502"))


def test_leaks_and_warnings_are_found() -> None:
    """A little memory for each call, a task, a file, and a coroutine that is never awaited: each is a problem."""
    run = soak(LEAKS)
    assert run.returncode == 1
    for what in (
        r"\d+ blocks of memory, \d+ at the start$",
        "3 tasks, 2 at the start$",
        r"\d+ file descriptors, \d+ at the start$",
        "warning: .*'forgotten' was never awaited",
    ):
        assert re.search(f"^problem: {what}", run.stdout, re.MULTILINE), run.stdout + run.stderr

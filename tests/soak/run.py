"""A great many calls through bad weather, after which the process must hold what it held before."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

from attrs import define, field
from soak.load import ADMINS, EVERYBODY, REGIONS, Caller, Tally, WrongError, watch
from soak.server import PERCENT
from soak.watch import MEBIBYTE, Complaints, Holding, holding, resident, slope

from detective_async import Clock, Credentials, DetectiveClient, RetryPolicy, Timeouts
from detective_async.retry.policy import RetryQuota

#: How much a hundred thousand calls may add to the resident memory: less than three bytes for each call, and no object
#: is that small. A twentieth of a mebibyte is usual, for pages that are no longer full.
MOST_GROWTH = MEBIBYTE // 4
#: By how much the memory may differ between beginning and end: what is made once and kept, and those pages. Short runs
#: are judged by it alone, for a line through a few seconds says nothing.
NOISE = 2 * MEBIBYTE
#: How many more blocks of memory Python may have given out at the end: what is made once and kept, such as the readers
#: that tell what is wrong with an answer. Where each call leaves something behind there are thousands more.
MOST_BLOCKS = 4_000
_SHORT = 50_000
_SAMPLES = 40
#: How far the service's clock is ahead of ours, one after the other.
_SKEWS = (0.0, 900.0, 0.0, -900.0)
_JUMPS = 20
_FULL_QUOTA = RetryQuota().available


@define
class Weather:
    """The simulator's process, and what goes wrong in it."""

    process: "subprocess.Popen[str]"
    url: str = ""
    keys: dict[str, Credentials] = field(factory=dict, repr=False)

    def set(self, *, percent: float, skew: float = 0.0) -> None:
        """Set it; the process has it when this returns."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"percent": percent, "skew": skew}) + "\n")
        self.process.stdin.flush()
        self.hear()

    def hear(self) -> None:
        """Wait for a line of the process."""
        assert self.process.stdout is not None
        facts = json.loads(self.process.stdout.readline())
        if facts:
            self.url = facts["url"]
            self.keys = {account: Credentials(*key) for account, key in facts["keys"].items()}


@contextmanager
def weather() -> Iterator[Weather]:
    command = [sys.executable, str(Path(__file__).with_name("server.py")), *EVERYBODY]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            outside = Weather(process)
            outside.hear()
            yield outside
        finally:
            process.kill()


def main(calls: int, callers: int = 50) -> int:
    """Run a soak and tell of it; gives the exit code."""
    # The settings of the machine's owner, and a proxy, are no part of it.
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower().endswith("_proxy"):
            del os.environ[name]
    os.environ |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    with weather() as outside:
        problems = asyncio.run(soak(outside, calls, callers))
    for problem in problems:
        _say(f"WRONG: {problem}")
    _say("the soak failed" if problems else "all is as it was")
    return 1 if problems else 0


async def soak(outside: Weather, calls: int, callers: int) -> list[str]:
    """Make so many calls, by so many callers at once; gives what is wrong afterwards."""
    complaints = Complaints()
    complaints.listen()
    # What is made once and kept is made now.
    problems = await _spell(outside, Tally(), min(10_000, calls // 2), callers)
    start = await holding()
    _say(f"start: {start}")
    began = time.monotonic()
    tally, samples = Tally(), Samples(max(1, calls // _SAMPLES))
    tally.watchers.append(samples.take)
    problems += await _spell(outside, tally, calls, callers)
    end = await holding()
    growth = slope(samples.taken) * 100_000
    _say(f"end:   {end}")
    _say(f"{tally.calls} calls in {time.monotonic() - began:.0f} s; {growth / MEBIBYTE:+.2f} MiB in 100,000 calls")
    _say(f"calls:    {dict(tally.outcomes.most_common())}")
    _say(f"attempts: {dict(tally.attempts.most_common())}")
    if calls >= _SHORT and growth > MOST_GROWTH:
        problems.append(f"the memory grows by {growth / MEBIBYTE:.2f} MiB in 100,000 calls")
    return [*problems, *_left(start, end), *(f"complaint: {one}" for one in complaints.heard)]


@define
class Samples:
    """The resident memory along the way."""

    every: int
    taken: list[tuple[float, float]] = field(factory=list)

    def take(self, calls: int) -> None:
        """Look, if it is time to."""
        if calls % self.every == 0:
            self.taken.append((calls, resident()))


@define
class Jumps:
    """Lets the service's clock jump along the way."""

    outside: Weather
    tally: Tally
    every: int

    def jump(self, calls: int) -> None:
        """Do so, if it is time to."""
        if calls % self.every == 0:
            self.tally.jumps += 1
            self.outside.set(percent=PERCENT, skew=_SKEWS[calls // self.every % len(_SKEWS)])


async def _spell(outside: Weather, tally: Tally, calls: int, callers: int) -> list[str]:
    """Make calls with a client of its own; gives what went wrong."""
    async with DetectiveClient(
        region=REGIONS[0],
        credentials=outside.keys[ADMINS[0]],
        endpoint_url=outside.url,
        clock=Clock(sleep=_hurry),
        retry=RetryPolicy(max_attempts=3),
        # An attempt is given up before the simulator's longest delay is over.
        timeouts=Timeouts(connect=20, read=None, attempt=1, total=60),
        hooks=[watch],
    ) as client:
        places = list(product(ADMINS, REGIONS))[:callers]
        outside.set(percent=PERCENT)
        tally.watchers.append(Jumps(outside, tally, max(1, calls // _JUMPS)).jump)
        problems: list[str] = []
        try:
            async with asyncio.TaskGroup() as group:
                for admin, region in places:
                    group.create_task(Caller(client, outside.keys, admin, region, tally).live(calls))
        except* WrongError as errors:
            problems += map(str, errors.exceptions)
        return problems or await _recover(outside, client)


async def _recover(outside: Weather, client: DetectiveClient) -> list[str]:
    """Call in good weather until every quota of retries must be full again; gives those that are not."""
    outside.set(percent=0)
    Caller(client, outside.keys, ADMINS[0], REGIONS[0], Tally()).become_current()
    problems = []
    for account, region in product(EVERYBODY, REGIONS):
        one = client.with_options(region=region, credentials=outside.keys[account])
        for _ in range(_FULL_QUOTA - one._transport.pair.quota.available):
            await one.list_graphs()
        if (left := one._transport.pair.quota.available) != _FULL_QUOTA:
            problems.append(f"the quota of {account} in {region} stays at {left} of {_FULL_QUOTA}")
    return problems


def _left(start: Holding, end: Holding) -> list[str]:
    """Tell what is there at the end that was not there at the start."""
    problems = [
        f"there are {now} {what}, and were {before}"
        for what, before, now in (
            ("tasks", start.tasks, end.tasks),
            ("sockets", start.sockets, end.sockets),
            ("file descriptors", start.files, end.files),
        )
        if before != now
    ]
    if end.blocks - start.blocks > MOST_BLOCKS:
        problems.append(f"there are {end.blocks} blocks of memory, and were {start.blocks}")
    if end.memory - start.memory > NOISE:
        problems.append(f"the memory is {end.memory / MEBIBYTE:.1f} MiB, and was {start.memory / MEBIBYTE:.1f} MiB")
    return problems


async def _hurry(seconds: float) -> None:
    await asyncio.sleep(seconds / 100)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()

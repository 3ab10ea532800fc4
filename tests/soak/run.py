"""The soak test: many calls to a simulator with faults, after which the process must hold no more than before."""

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
from soak.watch import MEBIBYTE, Resources, WarningCollector, measure, resident, slope

from detective_async import Clock, Credentials, DetectiveClient, RetryPolicy, Timeouts
from detective_async.retry.policy import RetryQuota

#: The most growth of the resident memory in 100,000 calls: less than three bytes per call, and no object is that small.
#: A twentieth of a mebibyte is usual, because of fragmentation.
MOST_GROWTH = MEBIBYTE // 4
#: The largest difference of the memory between start and end: lazily created objects, and fragmentation. For short runs
#: it is the only limit, since a trend over a few seconds is not significant.
NOISE = 2 * MEBIBYTE
#: The most additional blocks of memory at the end: lazily created objects, such as the decoders of error answers. If
#: each call left an object behind, there would be thousands more.
MOST_BLOCKS = 4_000
_SHORT = 50_000
_SAMPLES = 40
#: The seconds by which the simulator's clock is ahead, one after the other.
_SKEWS = (0.0, 900.0, 0.0, -900.0)
_JUMPS = 20
_FULL_QUOTA = RetryQuota().available


@define
class FaultySimulator:
    """The simulator's process, and its faults."""

    process: "subprocess.Popen[str]"
    url: str = ""
    keys: dict[str, Credentials] = field(factory=dict, repr=False)

    def set(self, *, percent: float, skew: float = 0.0) -> None:
        """Set the percentage of faults and the clock's skew; they apply when this returns."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"percent": percent, "skew": skew}) + "\n")
        self.process.stdin.flush()
        self.read()

    def read(self) -> None:
        """Wait for a line of the process."""
        assert self.process.stdout is not None
        facts = json.loads(self.process.stdout.readline())
        if facts:
            self.url = facts["url"]
            self.keys = {account: Credentials(*key) for account, key in facts["keys"].items()}


@contextmanager
def faulty_simulator() -> Iterator[FaultySimulator]:
    command = [sys.executable, str(Path(__file__).with_name("server.py")), *EVERYBODY]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            simulator = FaultySimulator(process)
            simulator.read()
            yield simulator
        finally:
            process.kill()


def main(calls: int, callers: int = 50) -> int:
    """Run the soak test, print its figures, and return the exit code."""
    # The developer's own settings and proxies must not affect it.
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower().endswith("_proxy"):
            del os.environ[name]
    os.environ |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    with faulty_simulator() as simulator:
        problems = asyncio.run(soak(simulator, calls, callers))
    for problem in problems:
        _print(f"problem: {problem}")
    _print("failed" if problems else "passed: nothing is left behind")
    return 1 if problems else 0


async def soak(simulator: FaultySimulator, calls: int, callers: int) -> list[str]:
    """Make that many calls, with that many callers at once; return the problems."""
    warnings = WarningCollector()
    warnings.install()
    # The warm-up creates everything that is created lazily.
    problems = await _make_calls(simulator, Tally(), min(10_000, calls // 2), callers)
    start = await measure()
    _print(f"start: {start}")
    began = time.monotonic()
    tally, samples = Tally(), Samples(max(1, calls // _SAMPLES))
    tally.watchers.append(samples.take)
    problems += await _make_calls(simulator, tally, calls, callers)
    end = await measure()
    growth = slope(samples.taken) * 100_000
    _print(f"end:   {end}")
    _print(f"{tally.calls} calls in {time.monotonic() - began:.0f} s; {growth / MEBIBYTE:+.2f} MiB in 100,000 calls")
    _print(f"calls:    {dict(tally.outcomes.most_common())}")
    _print(f"attempts: {dict(tally.attempts.most_common())}")
    if calls >= _SHORT and growth > MOST_GROWTH:
        problems.append(f"the memory grows by {growth / MEBIBYTE:.2f} MiB in 100,000 calls")
    return [*problems, *_leaks(start, end), *(f"warning: {one}" for one in warnings.collected)]


@define
class Samples:
    """Samples of the resident memory."""

    every: int
    taken: list[tuple[float, float]] = field(factory=list)

    def take(self, calls: int) -> None:
        """Take a sample after every `every` calls."""
        if calls % self.every == 0:
            self.taken.append((calls, resident()))


@define
class Jumps:
    """Makes the simulator's clock jump during the test."""

    simulator: FaultySimulator
    tally: Tally
    every: int

    def jump(self, calls: int) -> None:
        """Change the clock's skew after every `every` calls."""
        if calls % self.every == 0:
            self.tally.jumps += 1
            self.simulator.set(percent=PERCENT, skew=_SKEWS[calls // self.every % len(_SKEWS)])


async def _make_calls(simulator: FaultySimulator, tally: Tally, calls: int, callers: int) -> list[str]:
    """Make calls with a new client; return the problems."""
    async with DetectiveClient(
        region=REGIONS[0],
        credentials=simulator.keys[ADMINS[0]],
        endpoint_url=simulator.url,
        clock=Clock(sleep=_short_sleep),
        retry=RetryPolicy(max_attempts=3),
        # The attempt timeout is shorter than the simulator's longest delay.
        timeouts=Timeouts(connect=20, read=None, attempt=1, total=60),
        hooks=[watch],
    ) as client:
        places = list(product(ADMINS, REGIONS))[:callers]
        simulator.set(percent=PERCENT)
        tally.watchers.append(Jumps(simulator, tally, max(1, calls // _JUMPS)).jump)
        problems: list[str] = []
        try:
            async with asyncio.TaskGroup() as group:
                for admin, region in places:
                    group.create_task(Caller(client, simulator.keys, admin, region, tally).run(calls))
        except* WrongError as errors:
            problems += map(str, errors.exceptions)
        return problems or await _recover(simulator, client)


async def _recover(simulator: FaultySimulator, client: DetectiveClient) -> list[str]:
    """Make calls without faults until every retry quota must be full again; return a problem for each that is not."""
    simulator.set(percent=0)
    Caller(client, simulator.keys, ADMINS[0], REGIONS[0], Tally()).become_current()
    problems = []
    for account, region in product(EVERYBODY, REGIONS):
        one = client.with_options(region=region, credentials=simulator.keys[account])
        for _ in range(_FULL_QUOTA - one._transport.limits.quota.available):
            await one.list_graphs()
        if (left := one._transport.limits.quota.available) != _FULL_QUOTA:
            problems.append(f"the retry quota of {account} in {region} stays at {left} of {_FULL_QUOTA}")
    return problems


def _leaks(start: Resources, end: Resources) -> list[str]:
    """Return a problem for each kind of resource of which there are more at the end."""
    problems = [
        f"{now} {what}, {before} at the start"
        for what, before, now in (
            ("tasks", start.tasks, end.tasks),
            ("sockets", start.sockets, end.sockets),
            ("file descriptors", start.files, end.files),
        )
        if before != now
    ]
    if end.blocks - start.blocks > MOST_BLOCKS:
        problems.append(f"{end.blocks} blocks of memory, {start.blocks} at the start")
    if end.memory - start.memory > NOISE:
        problems.append(f"{end.memory / MEBIBYTE:.1f} MiB of memory, {start.memory / MEBIBYTE:.1f} MiB at the start")
    return problems


async def _short_sleep(seconds: float) -> None:
    await asyncio.sleep(seconds / 100)


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()

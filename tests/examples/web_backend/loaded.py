"""The processes of the load test.

    python loaded.py simulator                      # prints its URL, and serves until stdin is closed
    python loaded.py backend URL                    # likewise; prints its state for each line on stdin
    python loaded.py clients URL COUNT SECONDS      # sends requests, and prints the results

All output is JSON, one object a line.
"""

import asyncio
import json
import random
import statistics
import sys
import time
from asyncio import events
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from attrs import asdict, define, evolve, field
from soak.watch import measure
from web_backend import world
from web_backend.app import make_app
from web_backend.serving import serving, tune_garbage_collector

from detective_async.testing import Drop, Fault, Throttle

#: The percentages of requests to AWS that are throttled and dropped.
_THROTTLED, _DROPPED = 5, 2
#: Seconds between two requests for the health.
_HEALTH_INTERVAL = 0.1
#: The number of longest steps that are recorded.
_LONGEST = 2
#: The fixed piece of work adds this many integers, which takes about a millisecond; seconds between two measurements.
_UNIT, _UNIT_INTERVAL = 50_000, 0.2


def write(**facts: Any) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


async def standard_input() -> asyncio.StreamReader:
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    return lines


async def simulate() -> None:
    sim = world.simulator()
    sim.inject(Fault(Throttle(), count=None, probability=_THROTTLED / 100))
    sim.inject(Fault(Drop("before"), count=None, probability=_DROPPED / 200))
    sim.inject(Fault(Drop("during"), count=None, probability=_DROPPED / 200))
    async with sim:
        write(url=sim.url)
        await (await standard_input()).read()


# ---- the backend


@define
class Steps:
    """The durations of the event loop's steps.

    Attributes:
        longest: the longest ones, in seconds of CPU time, the longest one first.
        unit: the median of what a fixed piece of work took meanwhile, in seconds of CPU time.
        longest_by_clock: the longest one by the clock, in seconds.
        count: the number of steps.
    """

    longest: list[float] = field(factory=lambda: [0.0] * _LONGEST)
    unit: float = 0.0
    longest_by_clock: float = 0.0
    count: int = 0

    def watch(self) -> None:
        """Measure every step from now on; a thread's CPU time does not include that of other processes."""
        run = events.Handle._run

        def measured(handle: events.Handle) -> None:
            clock, own = time.perf_counter(), time.thread_time()
            run(handle)
            took = time.thread_time() - own
            self.count += 1
            if took > self.longest[-1]:
                self.longest = sorted([*self.longest[:-1], took], reverse=True)
            self.longest_by_clock = max(self.longest_by_clock, time.perf_counter() - clock)

        events.Handle._run = measured  # type: ignore[method-assign, assignment]
        self._measure_unit([])

    def _measure_unit(self, units: list[float]) -> None:
        """Measure a fixed piece of work, again and again: the machine's speed changes with what else it does."""
        own = time.thread_time()
        sum(range(_UNIT))
        units.append(time.thread_time() - own)
        self.unit = statistics.median(units)
        asyncio.get_running_loop().call_later(_UNIT_INTERVAL, self._measure_unit, units)


async def serve(upstream: str) -> None:
    settings = evolve(world.settings(world.simulator(), upstream), keep=1.0, linger=0.5)
    steps = Steps()
    lines = await standard_input()
    async with serving(make_app(settings)) as url:
        write(url=url)
        tune_garbage_collector()
        while line := await lines.readline():
            if line.strip() == b"watch":
                steps.watch()
            write(**asdict(await measure()), steps=asdict(steps))


# ---- the clients


@define
class Load:
    """Many clients at once, each of which sends one request after the other.

    Attributes:
        count: the number of clients.
        seconds: how long they send requests at least; slow machines take up to ten times as long for `enough` answers.
    """

    http: aiohttp.ClientSession
    count: int
    seconds: float
    began: float = field(factory=time.monotonic)
    statuses: Counter[str] = field(factory=Counter)
    ends: Counter[str] = field(factory=Counter)
    wrong: list[str] = field(factory=list)
    slowest_health: float = 0.0

    def goes_on(self) -> bool:
        """Say whether the clients send further requests."""
        elapsed = time.monotonic() - self.began
        return elapsed < self.seconds or (elapsed < 10 * self.seconds and not self.enough())

    def enough(self) -> bool:
        """Say whether there are more complete answers than clients, and the health was answered meanwhile."""
        return self.statuses["200"] > self.count and self.statuses["200, health"] > self.seconds

    async def client(self, number: int) -> None:
        """Send requests until the time is up; every tenth client disconnects in the middle of answers."""
        chance = random.Random(number)  # noqa: S311 - for variety
        account, region = chance.choice(world.ACCOUNTS), chance.choice(world.REGIONS)
        base = f"/api/accounts/{account}/regions/{region}"
        requests: list[tuple[Callable[[str], Awaitable[None]], str]] = [
            (self.stream, "/api/fleet/overview"),
            (self.stream, "/api/fleet/overview?max_age=0"),
            (self.stream, "/api/fleet/members"),
            (self.stream, f"/api/fleet/investigations?region={region}"),
            (self.get, f"{base}/members"),
            (self.get, f"{base}/investigations"),
            (self.stream, "/api/coverage"),
            (self.stream, f"/api/coverage?max_age=0&account={account[-3:]}"),
            (self.get, f"/api/accounts/{account}?wait=1"),
            (self.get, "/api/export/members.csv"),
            (self.get, "/api/changes"),
            (self.get, "/api/settings"),
            (self.get, f"{base}/members?max_results=many"),
        ]
        while self.goes_on():
            if number % 10 == 0:
                await self.disconnect(chance)
            else:
                send, path = chance.choice(requests)
                await send(path)
            await asyncio.sleep(chance.random() * 0.2)

    async def get(self, path: str) -> None:
        async with self.http.get(path) as response:
            await self.read(path, response)

    async def read(self, path: str, response: aiohttp.ClientResponse) -> bytes:
        self.statuses[f"{response.status}"] += 1
        body = await response.read()
        form = "application/problem+json" if response.status >= 400 else None
        if form is not None and response.content_type != form:
            self.wrong.append(f"{path}: {response.status} {response.content_type}")
        return body

    async def stream(self, path: str) -> None:
        """Read a stream to its end, and record its last record."""
        async with self.http.get(path) as response:
            body = await self.read(path, response)
        if response.status != 200:
            return
        if "overview" in path:
            last = body.strip().rpartition(b"\n\n")[2].split(b"\n")[0].decode()
        else:
            last = "whole" if body.splitlines()[-1].startswith(b'{"End":') else "cut off"
        self.ends[last] += 1

    async def disconnect(self, chance: random.Random) -> None:
        """Disconnect in the middle of a stream: at once, after a few lines, or within a line."""
        path = chance.choice(
            ["/api/fleet/overview?max_age=0", "/api/fleet/members?max_age=0", "/api/coverage?max_age=0"]
        )
        async with self.http.get(path) as response:
            self.statuses[f"{response.status}, disconnected"] += 1
            await response.content.read(chance.choice([1, 500, 5000]))
            response.close()

    async def health(self) -> None:
        while self.goes_on():
            began = time.monotonic()
            async with self.http.get("/api/health") as response:
                self.statuses[f"{response.status}, health"] += 1
                await response.read()
            self.slowest_health = max(self.slowest_health, time.monotonic() - began)
            await asyncio.sleep(_HEALTH_INTERVAL)


async def load(url: str, count: int, seconds: float) -> None:
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as http:
        clients = Load(http, count, seconds)
        async with asyncio.TaskGroup() as group:
            group.create_task(clients.health())
            for number in range(count):
                group.create_task(clients.client(number))
    write(
        statuses=dict(clients.statuses),
        ends=dict(clients.ends),
        wrong=clients.wrong,
        slowest_health=clients.slowest_health,
    )


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["simulator"]:
            asyncio.run(simulate())
        case ["backend", url]:
            asyncio.run(serve(url))
        case ["clients", url, count, seconds]:
            asyncio.run(load(url, int(count), float(seconds)))

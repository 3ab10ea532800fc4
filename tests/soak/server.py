"""A simulator in a process of its own; lines on stdin set its faults."""

import asyncio
import json
import sys

from detective_async.testing import (
    ClockSkew,
    DetectiveSimulator,
    Drip,
    Drop,
    Failure,
    Fault,
    Garbage,
    Latency,
    Throttle,
    Truncate,
)
from detective_async.testing.faults import Effect

#: The percentage of requests with a fault.
PERCENT = 5.0
#: Seconds; longer than the attempt timeout of the soak test, so that the simulator acts on attempts that timed out.
LONG = 1.3
#: The faults, with their relative frequencies.
_EFFECTS: list[tuple[Effect, int]] = [
    (Throttle(), 12),
    (Throttle(retry_after_ms=1500), 6),
    (Throttle(code="SlowDown", status=503), 6),
    (Failure(), 10),
    (Failure(status=503, code="ServiceUnavailable"), 8),
    (Drop("before"), 10),
    (Drop("during"), 10),
    (Drop("after"), 10),
    (Garbage(), 3),
    (Garbage(b"[]", content_type="application/json"), 3),
    (Garbage(status=502), 5),
    (Truncate(), 6),
    (Drip(0.001, size=200), 5),
    (Latency(0.02), 5),
    (Latency(LONG), 1),
]


async def serve(accounts: list[str]) -> None:
    """Print the URL and the accounts' keys, and set the faults for each line on stdin until it is closed."""
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    pipe, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async with DetectiveSimulator(remember=0) as sim:
        keys = {account: sim.account(account) for account in accounts}
        _print(url=sim.url, keys={account: [key.access_key_id, key.secret_access_key] for account, key in keys.items()})
        while line := await lines.readline():
            set_faults(sim, **json.loads(line))
            _print()
    pipe.close()


def set_faults(sim: DetectiveSimulator, *, percent: float, skew: float) -> None:
    """Set the percentage of requests with faults, and the seconds by which the clock is ahead."""
    sim.clear_faults()
    parts = sum(part for _, part in _EFFECTS)
    for effect, part in _EFFECTS if percent else []:
        sim.inject(Fault(effect, count=None, probability=percent / 100 * part / parts))
    if skew:
        sim.inject(Fault(ClockSkew(skew), count=None))


def _print(**facts: object) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1:]))

"""A simulator in a process of its own, whose faults are turned on and off by the lines on stdin."""

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

#: How many requests of a hundred are struck.
PERCENT = 5.0
#: Longer than the soak's client waits for an attempt, so that the service acts on what was given up.
LONG = 1.3
#: What strikes, and how often, compared with the others.
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
    """Tell the URL and the accounts' keys, and do what stdin says, a line at a time, until it ends."""
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    pipe, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async with DetectiveSimulator(remember=0) as sim:
        keys = {account: sim.account(account) for account in accounts}
        _tell(url=sim.url, keys={account: [key.access_key_id, key.secret_access_key] for account, key in keys.items()})
        while line := await lines.readline():
            set_faults(sim, **json.loads(line))
            _tell()
    pipe.close()


def set_faults(sim: DetectiveSimulator, *, percent: float, skew: float) -> None:
    """Have so many requests of a hundred struck, and the clock be so many seconds ahead."""
    sim.clear_faults()
    parts = sum(part for _, part in _EFFECTS)
    for effect, part in _EFFECTS if percent else []:
        sim.inject(Fault(effect, count=None, probability=percent / 100 * part / parts))
    if skew:
        sim.inject(Fault(ClockSkew(skew), count=None))


def _tell(**facts: object) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1:]))

"""A simulated Amazon Detective, for tests without AWS.

The names are imported when they are first used: pytest imports this package for its plugin, in runs that have nothing
to do with it too.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from detective_async.testing.faults import (
        ClockSkew,
        Drip,
        Drop,
        Failure,
        Fault,
        Garbage,
        Gzip,
        Latency,
        Throttle,
        Truncate,
    )
    from detective_async.testing.records import RecordedRequest
    from detective_async.testing.seed_schema import SeedError
    from detective_async.testing.simulator import DetectiveSimulator
    from detective_async.testing.thread import SimulatorThread

__all__ = [
    "ClockSkew",
    "DetectiveSimulator",
    "Drip",
    "Drop",
    "Failure",
    "Fault",
    "Garbage",
    "Gzip",
    "Latency",
    "RecordedRequest",
    "SeedError",
    "SimulatorThread",
    "Throttle",
    "Truncate",
]

# Those that are not in `faults`.
_MODULES = {
    "DetectiveSimulator": "simulator",
    "RecordedRequest": "records",
    "SeedError": "seed_schema",
    "SimulatorThread": "thread",
}


if not TYPE_CHECKING:
    # Hidden from type checkers, which would otherwise take any misspelt name for an Any.
    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_MODULES.get(name, 'faults')}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

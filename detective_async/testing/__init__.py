"""A simulated Amazon Detective, for tests without AWS.

The names are imported when they are first used: pytest imports this package in every run, for its plugin.
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
        UnusedFaultWarning,
    )
    from detective_async.testing.seed.schema import SeedError
    from detective_async.testing.server.requests import RecordedRequest
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
    "UnusedFaultWarning",
]

# The modules of the names that are not in `faults`.
_MODULES = {
    "DetectiveSimulator": "simulator",
    "RecordedRequest": "server.requests",
    "SeedError": "seed.schema",
    "SimulatorThread": "thread",
}


if not TYPE_CHECKING:
    # Hidden from type checkers, for which any misspelt name would otherwise have the type Any.
    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_MODULES.get(name, 'faults')}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""A simulated Amazon Detective, for tests without AWS."""

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
from detective_async.testing.simulator import DetectiveSimulator

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
    "Throttle",
    "Truncate",
]

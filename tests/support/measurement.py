"""The measurement of coverage, which doubles the time of Python code in general, also outside of the package."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import coverage


def exclude_programs() -> None:
    """Measure nothing in the programs that tests start."""
    os.environ.pop("COVERAGE_PROCESS_CONFIG", None)


@contextmanager
def paused() -> Iterator[None]:
    """Measure nothing in the block."""
    current = coverage.Coverage.current()
    if current is None:
        yield
        return
    current.stop()
    try:
        yield
    finally:
        current.start()
        # The start includes them again.
        exclude_programs()

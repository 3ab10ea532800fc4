"""The measurement of coverage, which doubles the time of Python code in general, also outside of the package."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import coverage

from detective_async.api.operations import OPERATIONS
from detective_async.api.wire import responses


def exclude_programs() -> None:
    """Measure nothing in the programs that tests start."""
    os.environ.pop("COVERAGE_PROCESS_CONFIG", None)


def compile_readers() -> None:
    """If coverage is measured, compile the readers of all responses: this happens once, and could fall into a pause."""
    if coverage.Coverage.current() is not None:
        for operation in OPERATIONS.values():
            responses._reader(operation)


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


def clear_caches() -> None:
    """Clear the package's function caches, so that the code that fills them is measured even if it ran in a pause."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "detective_async":
            for value in list(vars(module).values()):
                if getattr(value, "__module__", None) == name and hasattr(value, "cache_clear"):
                    value.cache_clear()

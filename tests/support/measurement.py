"""The measurement of coverage, which doubles the time of Python code in general, also outside of the package."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pkgutil import walk_packages
from types import NoneType
from typing import Any

import coverage

import detective_async
from detective_async.api.operations import OPERATIONS
from detective_async.api.wire import responses


def exclude_programs() -> None:
    """Measure nothing in the programs that tests start."""
    os.environ.pop("COVERAGE_PROCESS_CONFIG", None)


def run_what_runs_once() -> None:
    """If coverage is measured, import all modules and compile all readers now, or it would happen in a pause."""
    if coverage.Coverage.current() is None:
        return
    for module in walk_packages(detective_async.__path__, "detective_async."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    if responses.read is not None:
        from detective_async.api.wire.compiled import reader_of  # noqa: PLC0415 - as the modules above

        models: set[Any] = {operation.response for operation in OPERATIONS.values()} - {NoneType}
        for response in models:
            reader_of(response)


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

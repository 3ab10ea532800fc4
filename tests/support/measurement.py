"""The measurement of coverage, which doubles the time of Python code in general, also outside of the package."""

import importlib
import os
import pkgutil
from collections.abc import Iterator
from contextlib import contextmanager

import coverage

import detective_async


def import_package() -> None:
    """If coverage is measured, import all modules of the package, so that their own lines are measured."""
    if coverage.Coverage.current() is None:
        return
    for module in pkgutil.walk_packages(detective_async.__path__, f"{detective_async.__name__}."):
        if not module.name.endswith(".__main__"):
            importlib.import_module(module.name)


@contextmanager
def paused() -> Iterator[None]:
    """Measure nothing in the block, nor ever in the programs that tests start."""
    current = coverage.Coverage.current()
    if current is None:
        yield
        return
    current.stop()
    try:
        yield
    finally:
        current.start()
        # The start sets it again, and the programs would measure themselves.
        os.environ.pop("COVERAGE_PROCESS_CONFIG", None)

"""Finds objects of the library that only the garbage collector can free."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

import detective_async

_PACKAGE = Path(detective_async.__file__).parent


@contextmanager
def collecting_cycles() -> Iterator[Callable[[], list[str]]]:
    """Disable the garbage collector, and yield a function that lists the functions in reference cycles."""
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        yield _collect
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def _collect() -> list[str]:
    gc.collect()
    codes = {code for code in map(_code_of, gc.garbage) if code is not None}
    client = [code for code in codes if Path(code.co_filename).is_relative_to(_PACKAGE)]
    # The simulator is not part of a program that calls AWS.
    return sorted(code.co_qualname for code in client if "testing" not in Path(code.co_filename).parts)


def _code_of(thing: Any) -> CodeType | None:
    if isinstance(thing, FrameType):
        return thing.f_code
    return thing.__code__ if isinstance(thing, FunctionType) else None

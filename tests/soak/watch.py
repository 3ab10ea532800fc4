"""Measures the resources of the process, and collects warnings that would otherwise only be printed."""

import asyncio
import ctypes
import gc
import logging
import resource
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

_FILES = Path("/proc/self/fd")
_MOST_LOOKS = 30
MEBIBYTE = 2**20
# Only glibc has it.
_TRIM = getattr(ctypes.CDLL(None), "malloc_trim", None)


@frozen
class Resources:
    """The resources of an idle process.

    Attributes:
        tasks: the number of asyncio tasks.
        sockets: the number of open sockets.
        files: the number of open file descriptors, sockets included.
        blocks: the number of memory blocks that Python has allocated: one or more for each object.
        memory: the bytes of resident memory.
    """

    tasks: int
    sockets: int
    files: int
    blocks: int
    memory: int

    def __str__(self) -> str:
        return (
            f"{self.memory / MEBIBYTE:.1f} MiB, {self.blocks} blocks, {self.tasks} tasks, {self.sockets} sockets, "
            f"{self.files} file descriptors"
        )


async def measure() -> Resources:
    """Measure the resources after pending callbacks and garbage collections."""
    links: list[str] = []
    # Until nothing is closed any more, because the last connections may need a moment on a busy machine.
    for _ in range(_MOST_LOOKS):
        before = len(links), len(asyncio.all_tasks())
        await asyncio.sleep(0.1)
        gc.collect()
        links = _open_files()
        if (len(links), len(asyncio.all_tasks())) == before:
            break
    return Resources(
        tasks=len(asyncio.all_tasks()),
        sockets=sum(link.startswith("socket:") for link in links),
        files=len(links),
        blocks=sys.getallocatedblocks(),
        memory=resident(),
    )


def resident() -> int:
    """Return the bytes of resident memory, after free memory was returned to the system.

    The free part would otherwise vary by mebibytes within a run.
    """
    gc.collect()
    if _TRIM is not None:
        _TRIM(0)
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the slope of the line that fits the points best (least squares); 0 for fewer than two points."""
    if not points:
        return 0.0
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


class WarningCollector(logging.Handler):
    """Collects log entries, warnings, and errors in destructors and callbacks, such as about tasks never awaited."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.collected: list[str] = []

    def install(self) -> None:
        """Collect everything from now on; the event loop must be running."""
        warnings.simplefilter("error")
        logging.getLogger().addHandler(self)
        # Warnings in a destructor are errors that cannot be raised.
        sys.unraisablehook = lambda what: self.collected.append(f"{what.err_msg}: {what.exc_value!r} {what.object!r}")
        asyncio.get_running_loop().set_exception_handler(self._handle_exception)

    def emit(self, record: logging.LogRecord) -> None:
        self.collected.append(record.getMessage())

    def _handle_exception(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.collected.append(f"{context.get('message')} {context.get('exception')!r}")


def _open_files() -> list[str]:
    # The file descriptor of the listing itself is closed by now.
    return [str(link.readlink()) for link in _FILES.iterdir() if link.is_symlink()]

"""What a process holds, and what it complains about where nobody looks."""

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
MEBIBYTE = 2**20
# glibc's; other C libraries have none.
_TRIM = getattr(ctypes.CDLL(None), "malloc_trim", None)


@frozen
class Holding:
    """What a process holds while it does nothing.

    Attributes:
        tasks: asyncio's.
        sockets: open ones.
        files: open file descriptors, sockets among them.
        blocks: pieces of memory of up to 512 bytes that Python has given out: one or more for each object.
        memory: bytes of resident memory.
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


async def holding() -> Holding:
    """Look, after everything that is on its way out has left."""
    for _ in range(3):
        await asyncio.sleep(0.05)
        gc.collect()
    links = _open_files()
    return Holding(
        tasks=len(asyncio.all_tasks()),
        sockets=sum(link.startswith("socket:") for link in links),
        files=len(links),
        blocks=sys.getallocatedblocks(),
        memory=resident(),
    )


def resident() -> int:
    """Return the bytes of resident memory, less what is free and was not given back to the system yet.

    That part grows by mebibytes in a run while what is in use stays the same to a hundredth of one.
    """
    gc.collect()
    if _TRIM is not None:
        _TRIM(0)
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return how steeply the line rises that fits the points best; 0 where there are too few of them."""
    if not points:
        return 0.0
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


class Complaints(logging.Handler):
    """Collects what asyncio, warnings and destructors say: things never awaited, never retrieved, never closed."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.heard: list[str] = []

    def listen(self) -> None:
        """Hear everything from now on; must be called where the event loop runs."""
        warnings.simplefilter("error")
        logging.getLogger().addHandler(self)
        # Warnings that strike in a destructor, where an error has nowhere to go.
        sys.unraisablehook = lambda what: self.heard.append(f"{what.err_msg}: {what.exc_value!r} {what.object!r}")
        asyncio.get_running_loop().set_exception_handler(self._hear)

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(record.getMessage())

    def _hear(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.heard.append(f"{context.get('message')} {context.get('exception')!r}")


def _open_files() -> list[str]:
    # The one with which the folder is being listed is gone when it is looked at.
    return [str(link.readlink()) for link in _FILES.iterdir() if link.is_symlink()]

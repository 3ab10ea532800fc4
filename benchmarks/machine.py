"""What the figures are measured on: the interpreter, the machine, its CPUs and its memory."""

import os
import platform
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


def python() -> str:
    """Name the interpreter."""
    return f"{platform.python_implementation()} {platform.python_version()}"


def machine(used: str = "") -> str:
    """Name the machine, and say what of it was used."""
    parts = [f"{platform.system()} {platform.machine()}", _cpu(), f"{os.cpu_count()} CPUs", used]
    return ", ".join(filter(None, parts))


@dataclass(frozen=True)
class Cpus:
    """Who runs where.

    Attributes:
        used: says so, for readers.
        server: the CPU that the server is to take; None leaves it to the system.
    """

    used: str
    server: int | None


@contextmanager
def cpus(*, apart: bool) -> Iterator[Cpus]:
    """Settle on which CPUs this process and those it starts run, and put it back at the end.

    Args:
        apart: whether the server has a CPU of its own, where there are two. Otherwise all share one: waking a process
            on another CPU can cost a virtual machine tens of microseconds, and whether a contender pays for that would
            be the scheduler's whim.
    """
    if sys.platform != "linux":
        yield Cpus("all CPUs used", None)
        return
    before = os.sched_getaffinity(0)
    last = max(before)
    try:
        if apart and len(before) > 1:
            os.sched_setaffinity(0, before - {last})
            yield Cpus("one CPU is the server's alone", last)
        else:
            os.sched_setaffinity(0, {last})
            yield Cpus("one CPU for all", last)
    finally:
        os.sched_setaffinity(0, before)


def take_cpu(number: int) -> None:
    """Run on one CPU from here on, where the system has a say in that."""
    if sys.platform == "linux":
        os.sched_setaffinity(0, {number})


def resident_bytes() -> int:
    """Give the resident memory in bytes; where the system does not tell, the most that there was."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return _most_by_getrusage()
    return pages * resource.getpagesize()


def most_resident_bytes() -> int:
    """Give the most resident memory that there was, in bytes.

    Linux counts the process that started this one into getrusage's figure, so it is asked otherwise.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return _most_by_getrusage()


def _most_by_getrusage() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or "unnamed")

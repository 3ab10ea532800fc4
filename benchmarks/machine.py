"""The interpreter, the machine, its CPUs and its memory."""

import os
import platform
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


def python() -> str:
    """Return the name and version of the interpreter."""
    return f"{platform.python_implementation()} {platform.python_version()}"


def machine(used: str = "") -> str:
    """Return a description of the machine, and of the CPUs that were used."""
    parts = [f"{platform.system()} {platform.machine()}", _cpu(), f"{os.cpu_count()} CPUs", used]
    return ", ".join(filter(None, parts))


@dataclass(frozen=True)
class Cpus:
    """The assignment of CPUs.

    Attributes:
        used: a description for readers.
        server: the CPU for the server; None leaves that to the system.
    """

    used: str
    server: int | None


@contextmanager
def cpus(*, apart: bool) -> Iterator[Cpus]:
    """Set the CPUs for this process and its children, and restore the setting at the end.

    Args:
        apart: whether the server has a CPU of its own, if there are two. Otherwise all processes share one: on a
            virtual machine, waking a process on another CPU can take tens of microseconds, and the scheduler's choice
            would decide which contender pays for that.
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
    """Run this process on one CPU from now on, if the system supports that."""
    if sys.platform == "linux":
        os.sched_setaffinity(0, {number})


def resident_bytes() -> int:
    """Return the resident memory in bytes; where the system does not provide it, the maximum so far."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return _most_by_getrusage()
    return pages * resource.getpagesize()


def most_resident_bytes() -> int:
    """Return the maximum of the resident memory so far, in bytes.

    On Linux, getrusage's figure includes the parent's memory at the fork, so /proc is read instead.
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

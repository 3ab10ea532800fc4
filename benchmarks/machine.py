"""What the figures were measured on."""

import os
import platform
from pathlib import Path


def python() -> str:
    """Name the interpreter."""
    return f"{platform.python_implementation()} {platform.python_version()}"


def machine(used: str) -> str:
    """Name the machine, and say what of it was used."""
    return f"{platform.system()} {platform.machine()}, {_cpu()}, {os.cpu_count()} CPUs, {used}"


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or "unnamed")

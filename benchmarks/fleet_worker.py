"""The process of one contender, for one time of the job.

Usage: `fleet_worker.py MODULE URL ACCOUNTS CONCURRENCY [--whole]`. It says in one line of JSON on stdout what that took
and what was found; `--whole` looks at every field of what was found, and is not to be timed.
"""

import asyncio
import importlib
import json
import os
import resource
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter_ns, process_time_ns
from typing import Any

from answers import NotTheSameAnswerError
from contenders import Contender
from fleet_contenders import FLEET_CONTENDERS
from fleet_job import Tally, account_ids


def _most_memory() -> int:
    """Give the most resident memory that there was, in bytes.

    Linux counts the process that started this one into getrusage's figure, so it is asked otherwise.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _version(contender: Contender, distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        # Imported from a source folder, it has no metadata.
        return str(getattr(importlib.import_module(contender.package), "__version__", "unknown"))


def _do(contender: Contender, url: str, accounts: int, concurrency: int, *, whole: bool) -> dict[str, Any]:
    module = importlib.import_module(f"fleet_contenders.{contender.module}")
    tally = Tally(whole=whole, times_are_text=contender.times_are_text)
    imported = _most_memory()
    wall, cpu = perf_counter_ns(), process_time_ns()
    try:
        asyncio.run(module.run(url, account_ids(accounts), concurrency, tally))
    except NotTheSameAnswerError as error:
        return {"problem": str(error)}
    wall, cpu = perf_counter_ns() - wall, process_time_ns() - cpu
    return {
        "versions": {name: _version(contender, name) for name in contender.versions},
        "wall_ns": wall,
        "cpu_ns": cpu,
        "imported_bytes": imported,
        "most_bytes": _most_memory(),
        "found": [[*target, *members] for target, members in tally.found.items()],
    }


def main() -> None:
    """Do the job once."""
    name, url, accounts, concurrency = sys.argv[1:5]
    contender = next(each for each in FLEET_CONTENDERS if each.module == name)
    # The real stdout is for the one line: nothing that a library prints may get in between.
    with os.fdopen(os.dup(1), "w", buffering=1) as out:
        os.dup2(2, 1)
        if find_spec(contender.package) is None:
            said: dict[str, Any] = {"absent": f"the package {contender.package} is not installed"}
        else:
            said = _do(contender, url, int(accounts), int(concurrency), whole="--whole" in sys.argv)
        out.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main()

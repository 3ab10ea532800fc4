"""The process of one contender.

Usage: `worker.py JOB MODULE URL`. Each line of stdin has the parameters of a run of `jobs/JOB.py` in JSON, and is
answered by one line on stdout with the results. The process ends when stdin is closed.
"""

import importlib
import json
import os
import sys

from answers import DifferentAnswerError
from contenders import CALLERS, FLEET_CONTENDERS

#: More than the 256 KiB of the buffer that asyncio reads into.
_LARGE = 2**20


def _settle_memory() -> None:
    """Free a large block, as every process does sooner or later.

    Until then, glibc requests each of asyncio's buffers from the system and returns it: a fifth of a small call's CPU
    time, which would depend on what happened to be imported.
    """
    bytes(_LARGE)


def main() -> None:
    """Run the job for each line of stdin."""
    _settle_memory()
    job, module, url = sys.argv[1:]
    contender = next(each for each in (*CALLERS, *FLEET_CONTENDERS) if each.module == module)
    # The real stdout carries the answers: output that a library prints must not get in between.
    with os.fdopen(os.dup(1), "w", buffering=1) as out:
        os.dup2(2, 1)
        with importlib.import_module(f"jobs.{job}").open_job(contender, url) as do:
            for line in sys.stdin:
                try:
                    results = do(**json.loads(line))
                except DifferentAnswerError as error:
                    results = {"problem": str(error)}
                out.write(json.dumps(results) + "\n")


if __name__ == "__main__":
    main()

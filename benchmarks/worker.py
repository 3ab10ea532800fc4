"""The process of one contender.

Usage: `worker.py JOB MODULE URL`. `jobs/JOB.py` says what it is told and what it tells: each line of stdin is an order
in JSON, and is answered by one line on stdout. It ends when stdin is closed.
"""

import importlib
import json
import os
import sys

from answers import NotTheSameAnswerError
from contenders import CONTENDERS
from fleet_contenders import FLEET_CONTENDERS

#: More than the buffer of 256 KiB that asyncio reads into.
_LARGE = 2**20


def _settle_memory() -> None:
    """Free a large block, as any process has that has run for a while.

    Until then, glibc asks the system for each of asyncio's buffers, and gives it back: a fifth of a small call's CPU
    time, which would depend on what happened to be imported.
    """
    bytes(_LARGE)


def main() -> None:
    """Serve the harness until it closes stdin."""
    _settle_memory()
    job, module, url = sys.argv[1:]
    contender = next(each for each in (*CONTENDERS, *FLEET_CONTENDERS) if each.module == module)
    # The real stdout carries the protocol: nothing that a library prints may get in between.
    with os.fdopen(os.dup(1), "w", buffering=1) as out:
        os.dup2(2, 1)
        with importlib.import_module(f"jobs.{job}").open_job(contender, url) as do:
            for line in sys.stdin:
                try:
                    said = do(**json.loads(line))
                except NotTheSameAnswerError as error:
                    said = {"problem": str(error)}
                out.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main()

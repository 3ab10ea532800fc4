"""The soak test as a program: `python -m soak` in the folder `tests`. The exit code is 0 if it passed."""

import argparse
import sys

from soak.run import main

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m soak",
        description="Make many calls to a simulator with faults, and check that nothing is left behind.",
    )
    parser.add_argument("--calls", type=int, default=200_000, help="the number of calls (%(default)s)")
    parser.add_argument(
        "--callers", type=int, default=50, help="the number of concurrent callers, at most 50 (%(default)s)"
    )
    arguments = parser.parse_args()
    sys.exit(main(arguments.calls, arguments.callers))

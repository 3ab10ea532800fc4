"""The soak as a program: `python -m soak` in the folder `tests`. The exit code says whether it passed."""

import argparse
import sys

from soak.run import main

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m soak", description="A great many calls through bad weather.")
    parser.add_argument("--calls", type=int, default=200_000, help="how many; 200000 unless given")
    parser.add_argument("--callers", type=int, default=50, help="how many at once; at most, and by default, 50")
    arguments = parser.parse_args()
    sys.exit(main(arguments.calls, arguments.callers))

"""Check that detective-async does the job of many targets within its limits; fail if it does not.

Usage: `python benchmarks/fleet_check.py [--accounts N] [--concurrency N] [--json FILE]`.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from children import ChildError
from contenders import FLEET
from measurements.fleet import CONCURRENCY, LATENCY_MS, do_job
from service import Service, WorkDroppedError
from tally import expected_tally

#: The most resident memory that is allowed, imports included.
MOST_BYTES = 150_000_000


def check(accounts: int, concurrency: int) -> dict[str, Any]:
    """Run the job once, and return its figures.

    Args:
        accounts: the number of accounts, of twenty regions each.
        concurrency: how many requests there may be at once.

    Raises:
        WorkDroppedError: not all of the work was done, or a limit was exceeded.
    """
    with ExitStack() as stack:
        service = Service(stack, None, LATENCY_MS)
        took = do_job(service, FLEET, accounts, expected_tally(accounts), concurrency=concurrency)
    if took["most_bytes"] > MOST_BYTES:
        raise WorkDroppedError(
            f"the process used {took['most_bytes'] / 1e6:.0f} MB of memory; the limit is {MOST_BYTES / 1e6:.0f} MB"
        )
    return took


def _show(took: Mapping[str, Any]) -> str:
    seen = took["seen"]
    return (
        f"{took['targets']:,} targets, {sum(seen['calls'].values()):,} calls: {took['wall_ns'] / 1e9:.2f} s, "
        f"CPU {took['cpu_ns'] / 1e9:.2f} s; at most {seen['most_in_flight']} requests at once, "
        f"{seen['most_for_a_target']} for one target; at most {took['most_bytes'] / 1e6:.0f} MB of memory, "
        f"{took['imported_bytes'] / 1e6:.0f} MB of it for imports"
    )


def main() -> int:
    """Run the check, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--accounts", type=int, default=15, metavar="N", help="the number of accounts, of 20 regions each (%(default)s)"
    )
    parser.add_argument(
        "--concurrency", type=int, default=CONCURRENCY, metavar="N", help="the most requests at once (%(default)s)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    options = parser.parse_args()
    if options.accounts < 1 or options.concurrency < 1:
        parser.error("--accounts and --concurrency must be at least 1")
    try:
        took = check(options.accounts, options.concurrency)
    except (ChildError, WorkDroppedError) as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    if options.json:
        options.json.write_text(json.dumps(took, indent=1) + "\n", encoding="utf-8")
    print(_show(took))
    return 0


if __name__ == "__main__":
    sys.exit(main())

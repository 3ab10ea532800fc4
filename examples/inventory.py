"""Call the inventory of the command from a program with arguments of its own, such as a scheduler's job.

    python inventory.py --role-name SecurityAudit --accounts accounts.csv --regions eu-west-1 us-east-1 \
        --output members.ndjson --checkpoint members.checkpoint

Exit codes: 0 everything was read, 1 some targets failed, 2 wrong use, 130 interrupted; run it again to continue.
"""

import argparse
import sys

from detective_async import cli


def main(arguments: list[str] | None = None) -> int:
    """Run the inventory, and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--role-name", required=True, help="the role to assume in each account")
    parser.add_argument("--accounts", required=True, metavar="FILE", help="account ids, one a line; - for stdin")
    parser.add_argument("--regions", required=True, nargs="+", metavar="REGION", help="such as eu-west-1")
    parser.add_argument("--output", metavar="FILE", help="write to this file (default: standard output)")
    parser.add_argument("--checkpoint", metavar="FILE", help="save the progress here, and continue from it")
    options, others = parser.parse_known_args(arguments)
    command = ["inventory", "--regions", ",".join(options.regions), "--role-name", options.role_name]
    command += ["--accounts", options.accounts]
    for name, value in (("--file", options.output), ("--checkpoint", options.checkpoint)):
        command += [] if value is None else [name, value]
    # All other options, such as --quiet and --concurrency, are the command's own.
    return cli.main([*command, *others])


if __name__ == "__main__":
    sys.exit(main())

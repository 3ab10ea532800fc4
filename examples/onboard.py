"""Onboard accounts without a person at the terminal: what the plan shows is done, but for removals without a bound.

    python onboard.py accounts.csv --regions eu-west-1 us-east-1 --member-role DetectiveOnboarding --dry-run

It calls the command's job with arguments of its own, as a scheduler's job would. Removals need `--max-removals`.
Exit codes: 0 all memberships are as wanted, 1 some are not, 2 wrong use or input, 130 interrupted.
"""

import argparse
import sys

from detective_async import cli


def main(arguments: list[str] | None = None) -> int:
    """Onboard the accounts, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("accounts", metavar="CSV", help="the CSV file, or - for standard input")
    parser.add_argument("--regions", required=True, nargs="+", metavar="REGION", help="such as eu-west-1")
    parser.add_argument("--member-role", metavar="NAME", help="the role that accepts the invitation in each account")
    parser.add_argument("--dry-run", action="store_true", help="show the plan, and change nothing")
    options, others = parser.parse_known_args(arguments)
    command = ["onboard", options.accounts, "--regions", ",".join(options.regions)]
    command += [] if options.member_role is None else ["--role-name", options.member_role]
    command += ["--dry-run"] if options.dry_run else ["--yes"]
    # All other options, such as --remove-others and --timeout, are the command's own.
    return cli.main([*command, *others])


if __name__ == "__main__":
    sys.exit(main())

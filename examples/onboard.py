"""Make accounts members of Amazon Detective in many regions at once, from the CSV format of AWS's own script.

Each line of the CSV has an account and the e-mail address of its root user: `123456789012,root@example.com`.

    python onboard.py accounts.csv --regions eu-west-1 us-east-1 --member-role DetectiveOnboarding --dry-run
    python onboard.py accounts.csv --regions eu-west-1 us-east-1 --member-role DetectiveOnboarding
    generate-accounts | python onboard.py - --regions eu-west-1 --format json > report.json

It runs as the administrator account: with the credentials that the AWS CLI would use, or with `--administrator-role`.
`--member-role` is assumed in each member account, to accept the invitation there; without it, accounts stay invited.
The command can be run again at any time, and does only what is left to do. The report goes to standard output,
everything else to standard error.

Exit codes: 0 all memberships are as wanted, 1 some are not (the report says which), 2 the input or the settings are
wrong and nothing was done, 130 interrupted.
"""

import argparse
import asyncio
import csv
import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from detective_async import (
    Account,
    AssumeRole,
    ConfigurationError,
    DetectiveClient,
    DetectiveError,
    ParameterError,
    RetryPolicy,
)
from detective_async.integrations.progress import ProgressBar
from detective_async.membership import LineProblem, MembershipPlan, MembershipReport, plan_membership, read_accounts

OK, NOT_ALL, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
COLUMNS = ("account_id", "region", "before", "after", "done", "problem")
PLAN_COLUMNS = ("account_id", "region", "action", "detail", "problem")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("accounts", metavar="CSV", help="the CSV file, or - for standard input")
    parser.add_argument("--regions", nargs="+", required=True, metavar="REGION", help="the regions, such as eu-west-1")
    parser.add_argument("--administrator-role", metavar="ARN", help="the role to assume in the administrator account")
    parser.add_argument(
        "--member-role", metavar="NAME", help="the role to assume in each member account, to accept the invitation"
    )
    parser.add_argument("--external-id", help="the external id that the trust policies of these roles require")
    parser.add_argument(
        "--partition", default="aws", help="the partition of the roles' ARNs: aws, aws-cn or aws-us-gov (%(default)s)"
    )
    parser.add_argument(
        "--organization", action="store_true", help="the accounts belong to the organization: do not invite them"
    )
    parser.add_argument("--package", action="append", default=[], metavar="NAME", help="a data source package to start")
    parser.add_argument("--tag", action="append", default=[], metavar="KEY=VALUE", help="a tag to set on the graphs")
    parser.add_argument("--remove-others", action="store_true", help="remove members that are not in the CSV")
    parser.add_argument("--message", help="the text of the invitations")
    parser.add_argument("--no-email", action="store_true", help="do not send e-mails with the invitations")
    parser.add_argument("--dry-run", action="store_true", help="show the plan, and change nothing")
    parser.add_argument(
        "--format", choices=("table", "json", "csv"), default="table", help="the format of the report (%(default)s)"
    )
    parser.add_argument(
        "--timeout", type=float, default=900, metavar="SECONDS", help="the time limit of the whole run (%(default)s)"
    )
    parser.add_argument("--endpoint-url", help="send all requests to this URL (default: AWS's own endpoints)")
    return parser.parse_args(arguments)


def read(path: str) -> tuple[list[Account], list[LineProblem]]:
    """Read the CSV; return the valid lines as accounts, and the invalid ones as problems."""
    if path == "-":
        return read_accounts(sys.stdin)
    # Files of spreadsheets start with a byte order mark.
    with Path(path).open(encoding="utf-8-sig") as lines:
        return read_accounts(lines)


def tags_of(options: argparse.Namespace) -> dict[str, str] | None:
    """Read the tags from the arguments."""
    for tag in options.tag:
        if "=" not in tag:
            raise ParameterError("--tag", f"expected KEY=VALUE, got {tag!r}")
    return dict(tag.split("=", 1) for tag in options.tag) or None


def progress_bar() -> AbstractContextManager[ProgressBar | None]:
    """Make a progress bar, unless rich is not installed."""
    try:
        return ProgressBar("onboarding")
    except ConfigurationError:
        return nullcontext()


async def onboard(options: argparse.Namespace, accounts: list[Account]) -> MembershipPlan | MembershipReport:
    """Make the plan and apply it; in a dry run, only make the plan."""

    def role_of(account_id: str) -> AssumeRole:
        arn = f"arn:{options.partition}:iam::{account_id}:role/{options.member_role}"
        return AssumeRole(arn, external_id=options.external_id, region=options.regions[0])

    administrator = options.administrator_role and AssumeRole(
        options.administrator_role, external_id=options.external_id, region=options.regions[0]
    )
    async with DetectiveClient(
        region=options.regions[0],
        credentials=administrator or None,
        endpoint_url=options.endpoint_url,
        # More attempts than the default, since there are many calls and each of them should succeed.
        retry=RetryPolicy(max_attempts=8),
    ) as client:
        plan = await plan_membership(
            client,
            accounts,
            regions=options.regions,
            member_credentials=role_of if options.member_role else None,
            organization=options.organization,
            datasource_packages=options.package,
            tags=tags_of(options),
            remove_others=options.remove_others,
            message=options.message,
            disable_email_notification=options.no_email or None,
        )
        print(plan, file=sys.stderr)
        if options.dry_run:
            return plan
        with progress_bar() as progress:
            return await plan.apply(timeout=options.timeout, progress=progress)


def rows_of(report: MembershipReport) -> list[dict[str, str]]:
    """Return the rows of a report: one for each region's graph, and one for each account in each region."""
    graphs = [
        {"region": region.region, "done": " ".join(region.done), "problem": region.problem or ""}
        for region in report.regions
    ]
    accounts = [
        {
            "account_id": row.account_id,
            "region": row.region,
            "before": row.before or "",
            "after": row.after or "",
            "done": ", ".join(row.done),
            "problem": row.problem or "",
        }
        for row in report.rows
    ]
    return [dict.fromkeys(COLUMNS, "") | row for row in (*graphs, *accounts)]


def rows_of_plan(plan: MembershipPlan) -> list[dict[str, str]]:
    """Return the rows of a plan: one for each action, and one for each problem."""
    actions = [
        {"account_id": action.account_id or "", "region": action.region, "action": action.kind, "detail": action.detail}
        for action in plan.actions
    ]
    problems = [
        {"account_id": problem.account_id or "", "region": problem.region, "problem": problem.text}
        for problem in plan.problems
    ]
    return [dict.fromkeys(PLAN_COLUMNS, "") | row for row in (*actions, *problems)]


def table(rows: Sequence[Mapping[str, str]], columns: Sequence[str]) -> str:
    """Align rows in columns."""
    cells = [columns, *([row[column] for column in columns] for row in rows)]
    widths = [max(len(row[index]) for row in cells) for index in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )


def write(rows: Sequence[Mapping[str, str]], columns: Sequence[str], format_: str, **more: object) -> None:
    """Write rows to standard output; the JSON format also has `more`."""
    if format_ == "table":
        print(table(rows, columns))
    elif format_ == "csv":
        writer = csv.DictWriter(sys.stdout, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    else:
        print(json.dumps({**more, "rows": rows}, indent=1))


def main(arguments: list[str] | None = None) -> int:
    """Plan or onboard, as the arguments say, and return the exit code."""
    options = parse(arguments)
    try:
        accounts, bad_lines = read(options.accounts)
        for line in bad_lines:
            print(f"{options.accounts}, line {line.line}: {line.text}", file=sys.stderr)
        result = asyncio.run(onboard(options, accounts))
    except (OSError, UnicodeDecodeError, ParameterError, ConfigurationError) as error:
        print(f"onboard.py: {error}", file=sys.stderr)
        return BAD_INPUT
    except DetectiveError as error:
        print(f"onboard.py: {error}", file=sys.stderr)
        return NOT_ALL
    except KeyboardInterrupt:
        print("interrupted: run the same command again to continue", file=sys.stderr)
        return INTERRUPTED
    lines = [{"line": line.line, "problem": line.text} for line in bad_lines]
    if isinstance(result, MembershipPlan):
        ok = not result.problems and not bad_lines
        write(rows_of_plan(result), PLAN_COLUMNS, options.format, ok=ok, bad_lines=lines)
    else:
        ok = result.ok and not bad_lines
        write(rows_of(result), COLUMNS, options.format, ok=ok, bad_lines=lines)
        print(str(result).partition("\n")[0], file=sys.stderr)
    return OK if ok else NOT_ALL


if __name__ == "__main__":
    sys.exit(main())

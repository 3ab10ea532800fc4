"""Make accounts members of Amazon Detective in many regions at once, from the CSV that AWS's own script reads.

Each line of the CSV is an account and the e-mail address of its root user: `123456789012,root@example.com`.

    python onboard.py accounts.csv --regions eu-west-1 us-east-1 --member-role DetectiveOnboarding --dry-run
    python onboard.py accounts.csv --regions eu-west-1 us-east-1 --member-role DetectiveOnboarding
    generate-accounts | python onboard.py - --regions eu-west-1 --format json > report.json

It runs as the administrator account: with the credentials that the AWS CLI would use, or as `--administrator-role`.
`--member-role` is assumed in each member account, to accept the invitation there; without it, accounts stay invited.
Run it again whenever you like: it does what is left to do. The report goes to standard output, all else to standard
error.

Exit codes: 0 everything is as wanted, 1 something is not (the report says what), 2 nothing was done because the input
or the settings are not right, 130 interrupted.
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
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("accounts", metavar="CSV", help="a file, or - for standard input")
    parser.add_argument("--regions", nargs="+", required=True, metavar="REGION")
    parser.add_argument(
        "--administrator-role", metavar="ARN", help="a role of the administrator account, to be assumed"
    )
    parser.add_argument("--member-role", metavar="NAME", help="a role of each member account, to accept invitations")
    parser.add_argument("--external-id", help="what the trust policies of these roles ask for")
    parser.add_argument("--partition", default="aws", help="of the roles' ARNs: aws (the default), aws-cn, aws-us-gov")
    parser.add_argument(
        "--organization", action="store_true", help="the accounts are the organization's: no invitations"
    )
    parser.add_argument("--package", action="append", default=[], metavar="NAME", help="a data source package to start")
    parser.add_argument("--tag", action="append", default=[], metavar="KEY=VALUE", help="a tag that graphs must have")
    parser.add_argument("--remove-others", action="store_true", help="remove members that are not in the CSV")
    parser.add_argument("--message", help="the text of the invitations")
    parser.add_argument("--no-email", action="store_true", help="have AWS send no e-mail")
    parser.add_argument("--dry-run", action="store_true", help="show what would be done, and do nothing")
    parser.add_argument("--format", choices=("table", "json", "csv"), default="table", help="of the report")
    parser.add_argument("--timeout", type=float, default=900, metavar="SECONDS", help="for everything (default: 900)")
    parser.add_argument("--endpoint-url", help="instead of AWS's, such as a simulator's")
    return parser.parse_args(arguments)


def read(path: str) -> tuple[list[Account], list[LineProblem]]:
    """Read the CSV; lines that make no sense are told, and the others stand."""
    if path == "-":
        return read_accounts(sys.stdin)
    # Spreadsheets begin their UTF-8 with a byte order mark.
    with Path(path).open(encoding="utf-8-sig") as lines:
        return read_accounts(lines)


def tags_of(options: argparse.Namespace) -> dict[str, str] | None:
    """Read the tags of the command line."""
    for tag in options.tag:
        if "=" not in tag:
            raise ParameterError("--tag", f"expected KEY=VALUE, got {tag!r}")
    return dict(tag.split("=", 1) for tag in options.tag) or None


def bar() -> AbstractContextManager[ProgressBar | None]:
    """Give a progress bar, or nothing where there is none to be had."""
    try:
        return ProgressBar("onboarding")
    except ConfigurationError:
        return nullcontext()


async def onboard(options: argparse.Namespace, accounts: list[Account]) -> MembershipPlan | MembershipReport:
    """Plan, and do what is planned; in a dry run, only plan."""

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
        # More patient than the default: there are many calls, and each of them should succeed.
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
        with bar() as progress:
            return await plan.apply(timeout=options.timeout, progress=progress)


def rows_of(report: MembershipReport) -> list[dict[str, str]]:
    """Give a report as text: a row for each region's graph, and one for each account in each region."""
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
    """Give a plan as text: a row for each action, and one for each problem."""
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


def write(rows: Sequence[Mapping[str, str]], columns: Sequence[str], form: str, **more: object) -> None:
    """Write rows to standard output; JSON has room for more."""
    if form == "table":
        print(table(rows, columns))
    elif form == "csv":
        writer = csv.DictWriter(sys.stdout, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    else:
        print(json.dumps({**more, "rows": rows}, indent=1))


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; give the exit code."""
    options = parse(arguments)
    try:
        accounts, bad_lines = read(options.accounts)
        for line in bad_lines:
            print(f"{options.accounts}, line {line.line}: {line.text}", file=sys.stderr)
        came_of_it = asyncio.run(onboard(options, accounts))
    except (OSError, UnicodeDecodeError, ParameterError, ConfigurationError) as error:
        print(f"onboard.py: {error}", file=sys.stderr)
        return BAD_INPUT
    except DetectiveError as error:
        print(f"onboard.py: {error}", file=sys.stderr)
        return NOT_ALL
    except KeyboardInterrupt:
        print("interrupted: run it again to go on", file=sys.stderr)
        return INTERRUPTED
    lines = [{"line": line.line, "problem": line.text} for line in bad_lines]
    if isinstance(came_of_it, MembershipPlan):
        ok = not came_of_it.problems and not bad_lines
        write(rows_of_plan(came_of_it), PLAN_COLUMNS, options.format, ok=ok, bad_lines=lines)
    else:
        ok = came_of_it.ok and not bad_lines
        write(rows_of(came_of_it), COLUMNS, options.format, ok=ok, bad_lines=lines)
        print(str(came_of_it).partition("\n")[0], file=sys.stderr)
    return OK if ok else NOT_ALL


if __name__ == "__main__":
    sys.exit(main())

r"""Make accounts members of Amazon Detective in many regions at once, from a CSV file or from AWS Organizations.

Each line of the CSV has an account and the e-mail address of its root user: `123456789012,root@example.com`. The files
of the Detective console and of AWS Organizations, which have headings, will do too.

    python onboard.py accounts.csv --regions eu-west-1 us-east-1 --member-role DetectiveOnboarding --dry-run
    python onboard.py accounts.csv --regions eu-west-1 us-east-1 --member-role DetectiveOnboarding
    generate-accounts | python onboard.py - --regions eu-west-1 --format json > report.json
    python onboard.py --from-organization --organization --regions all --auto-enable \
        --administrator-id 111122223333 --management-role arn:aws:iam::999999999999:role/DetectiveOnboarding

It runs as the administrator account: with the credentials that the AWS CLI would use, or with `--administrator-role`.
`--member-role` is assumed in each member account, to accept the invitation there; without it, accounts stay invited.
The command can be run again at any time, and does only what is left to do. The report goes to standard output,
everything else to standard error.

Members are removed only with `--remove-others`, only if each line of the list could be read, and only after their
number was confirmed: with `--max-removals`, or at the terminal.

Exit codes: 0 all memberships are as wanted, 1 some are not (the report says which), 2 the input or the settings are
wrong and nothing was done, 130 interrupted (the report says what was done until then).
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
    AssumeRole,
    ConfigurationError,
    DetectiveClient,
    DetectiveError,
    ParameterError,
    RetryPolicy,
)
from detective_async.integrations.progress import ProgressBar
from detective_async.membership import (
    AccountList,
    ByInvitation,
    ByOrganization,
    MembershipPlan,
    MembershipReport,
    Reason,
    plan_membership,
    read_accounts,
)
from detective_async.organization import OrganizationAccount, list_accounts

OK, NOT_ALL, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
COLUMNS = ("account_id", "region", "before", "after", "done", "reason", "problem")
PLAN_COLUMNS = ("account_id", "region", "action", "detail", "reason", "problem")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("accounts", metavar="CSV", nargs="?", help="the CSV file, or - for standard input")
    parser.add_argument(
        "--from-organization", action="store_true", help="take all active accounts of AWS Organizations instead"
    )
    parser.add_argument(
        "--regions", nargs="+", required=True, metavar="REGION", help="the regions, such as eu-west-1, or all"
    )
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
    parser.add_argument("--administrator-id", metavar="ID", help="the account that this must be run as")
    parser.add_argument(
        "--management-role",
        metavar="ARN",
        help="a role in the organization's management account, to list its accounts and to designate the administrator",
    )
    parser.add_argument(
        "--auto-enable",
        action="store_true",
        default=None,
        help="let accounts that join the organization later become members, too",
    )
    parser.add_argument("--package", action="append", default=[], metavar="NAME", help="a data source package to start")
    parser.add_argument("--tag", action="append", default=[], metavar="KEY=VALUE", help="a tag to set on the graphs")
    parser.add_argument("--remove-others", action="store_true", help="remove members that are not in the list")
    parser.add_argument(
        "--max-removals", type=int, metavar="NUMBER", help="the most memberships that may be removed, in all regions"
    )
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
    options = parser.parse_args(arguments)
    if (options.accounts is None) != options.from_organization:
        parser.error("give either a CSV file or --from-organization")
    return options


def read(path: str) -> AccountList:
    """Read the CSV, and say what could not be read."""
    if path == "-":
        accounts, _ = read_accounts(sys.stdin)
    else:
        with Path(path).open(encoding="utf-8-sig") as lines:
            accounts, _ = read_accounts(lines)
    for line in (*accounts.problems, *accounts.notes):
        print(f"{path}, line {line.line}: {line.text}", file=sys.stderr)
    return accounts


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


class Onboarding:
    """One run of the command.

    Attributes:
        accounts: the list of accounts; those of AWS Organizations once they have been listed.
        plan: the plan, once there is one.
        report: what was done; None before the plan was applied.
    """

    def __init__(self, options: argparse.Namespace, accounts: AccountList | list[OrganizationAccount]) -> None:
        self.options = options
        self.accounts = accounts
        self.plan: MembershipPlan | None = None

    @property
    def report(self) -> MembershipReport | None:
        """What was done, also until an interruption."""
        return None if self.plan is None else self.plan.report

    async def run(self) -> None:
        """Make the plan and apply it; in a dry run, only make the plan."""
        options = self.options
        async with DetectiveClient(
            region=None if options.regions == ["all"] else options.regions[0],
            credentials=self._role(options.administrator_role),
            endpoint_url=options.endpoint_url,
            # More attempts than the default, since there are many calls and each of them should succeed.
            retry=RetryPolicy(max_attempts=8),
        ) as client:
            if options.from_organization:
                management = self._role(options.management_role)
                self.accounts = await list_accounts(client.with_options(credentials=management))
            plan = self.plan = await self._make_plan(client, options.max_removals)
            print(plan, file=sys.stderr)
            removals = sum(problem.reason is Reason.REMOVAL_NOT_CONFIRMED for problem in plan.problems)
            if options.dry_run:
                return
            if removals and await asyncio.to_thread(is_confirmed, removals):
                plan = self.plan = await self._make_plan(client, removals)
            with progress_bar() as progress:
                await plan.apply(timeout=options.timeout, progress=progress)

    async def _make_plan(self, client: DetectiveClient, max_removals: int | None) -> MembershipPlan:
        options = self.options
        return await plan_membership(
            client,
            self.accounts,
            regions="all" if options.regions == ["all"] else options.regions,
            members=self._members(),
            datasource_packages=options.package,
            tags=tags_of(options),
            remove_others=options.remove_others,
            max_removals=max_removals,
            message=options.message,
            disable_email_notification=options.no_email or None,
        )

    def _members(self) -> ByInvitation | ByOrganization:
        options = self.options
        credentials = self._role_of if options.member_role else None
        if not options.organization:
            return ByInvitation(credentials=credentials, administrator_id=options.administrator_id)
        return ByOrganization(
            administrator_id=options.administrator_id,
            management_credentials=self._role(options.management_role),
            auto_enable=options.auto_enable,
            credentials=credentials,
        )

    def _role_of(self, account_id: str) -> AssumeRole:
        role = self._role(f"arn:{self.options.partition}:iam::{account_id}:role/{self.options.member_role}")
        assert role is not None  # noqa: S101 - an ARN was given
        return role

    def _role(self, arn: str | None) -> AssumeRole | None:
        region = None if self.options.regions == ["all"] else self.options.regions[0]
        return AssumeRole(arn, external_id=self.options.external_id, region=region) if arn else None


def is_confirmed(removals: int) -> bool:
    """Ask at the terminal, if there is one, for the number of memberships to remove."""
    if not sys.stdin.isatty():
        return False
    print(f"Type {removals} to remove {removals} memberships, or press Enter to keep them: ", end="", file=sys.stderr)
    sys.stderr.flush()
    return sys.stdin.readline().strip() == str(removals)


def rows_of(report: MembershipReport) -> list[dict[str, str]]:
    """Return the rows of a report: one for each region's graph, and one for each account in each region."""
    graphs = [
        {
            "region": region.region,
            "done": ", ".join(region.done),
            "reason": region.reason or "",
            "problem": region.problem or "",
        }
        for region in report.regions
    ]
    accounts = [
        {
            "account_id": row.account_id,
            "region": row.region,
            "before": row.before or "",
            "after": row.after or "",
            "done": ", ".join(row.done),
            "reason": row.reason or "",
            "problem": row.problem or "",
        }
        for row in report.rows
    ]
    return [dict.fromkeys(COLUMNS, "") | row for row in (*graphs, *accounts)]


def rows_of_plan(plan: MembershipPlan) -> list[dict[str, str]]:
    """Return the rows of a plan: one for each action, and one for each problem."""
    actions = [
        {
            "account_id": action.account_id or "",
            "region": action.region,
            "action": action.kind,
            "detail": action.detail,
            "reason": action.reason or "",
        }
        for action in plan.actions
    ]
    problems = [
        {
            "account_id": problem.account_id or "",
            "region": problem.region,
            "reason": problem.reason,
            "problem": problem.text,
        }
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


def write_result(run: Onboarding) -> bool:
    """Write the report or, of a dry run, the plan, and return whether all is well."""
    bad_lines = run.accounts.problems if isinstance(run.accounts, AccountList) else ()
    more = {"bad_lines": [{"line": line.line, "problem": line.text} for line in bad_lines]}
    report, plan = run.report, run.plan
    if report is not None:
        ok = report.ok and not bad_lines
        notes = [note.to_dict() for note in report.notes]
        write(rows_of(report), COLUMNS, run.options.format, ok=ok, notes=notes, **more)
        print(str(report).partition("\n")[0], file=sys.stderr)
        return ok
    if plan is None:
        return False
    ok = not plan.problems and not bad_lines
    notes = [note.to_dict() for note in plan.notes]
    write(rows_of_plan(plan), PLAN_COLUMNS, run.options.format, ok=ok, notes=notes, **more)
    return ok


def main(arguments: list[str] | None = None) -> int:
    """Plan or onboard, as the arguments say, and return the exit code."""
    options = parse(arguments)
    try:
        run = Onboarding(options, AccountList() if options.from_organization else read(options.accounts))
        try:
            asyncio.run(run.run())
        except KeyboardInterrupt:
            write_result(run)
            print("interrupted: run the same command again to continue", file=sys.stderr)
            return INTERRUPTED
    except (OSError, UnicodeDecodeError, ParameterError, ConfigurationError) as error:
        print(f"onboard.py: {error}", file=sys.stderr)
        return BAD_INPUT
    except DetectiveError as error:
        print(f"onboard.py: {error}", file=sys.stderr)
        return NOT_ALL
    return OK if write_result(run) else NOT_ALL


if __name__ == "__main__":
    sys.exit(main())

"""`detective-async onboard`: makes accounts members."""

from typing import Any

import click

from detective_async.cli import options as common

#: Options that say nothing of a removal.
_NOT_WITH_REMOVE = (
    *("accounts", "organization", "packages", "tags", "remove_others"),
    *("message", "no_email", "no_retry_failed", "retry_disabled"),
)


def _tags(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str] | None:
    tags = {}
    for value in values:
        key, equals, text = value.partition("=")
        if not (key and equals):
            raise click.BadParameter("expected KEY=VALUE")
        if key in tags:
            raise click.BadParameter(f"{key} is there twice")
        tags[key] = text
    return tags or None


def _names(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name.strip() for value in values for name in value.split(","))


@click.command(
    "onboard",
    cls=common.Command,
    example="""detective-async onboard accounts.csv --regions eu-west-1,us-east-1 --role-name Onboarding --dry-run
detective-async onboard --organization --regions all --auto-enable --yes""",
)
@common.common_options()
@common.account_option
@click.argument("accounts", metavar="[CSV]", type=common.FILE, required=False)
@click.option("--organization", is_flag=True, help="Enable accounts of the organization, without invitations.")
@click.option("--auto-enable/--no-auto-enable", default=None, help="Whether accounts that join later become members.")
@click.option(
    "--packages", metavar="NAME,...", multiple=True, callback=_names, help="The data source packages to start."
)
@click.option("--tag", "tags", metavar="KEY=VALUE", multiple=True, callback=_tags, help="A tag to set on the graphs.")
@click.option("--remove-others", is_flag=True, help="Remove members that are not in the list.")
@click.option(
    "--remove",
    "removed",
    metavar="ID,...",
    multiple=True,
    callback=common.check_accounts,
    help="Remove these members, and do nothing else.",
)
@click.option("--max-removals", type=click.IntRange(0), help="The most memberships that may be removed.")
@click.option(
    "--no-retry-failed",
    is_flag=True,
    help="Leave accounts whose e-mail address AWS could not verify; else each run invites them again.",
)
@click.option("--retry-disabled", is_flag=True, help="Ask AWS again to enable accounts whose volume was too high.")
@click.option("--message", metavar="TEXT", help="The text of the invitations.")
@click.option("--no-email", is_flag=True, help="Send no e-mails with the invitations.")
@common.timeout_option(900.0, "The time limit, including the verification of e-mail addresses.")
@click.option(
    "--dry-run", is_flag=True, help="Show the plan, and change nothing; the role in the members is not tried."
)
@common.yes_option
def command(**options: Any) -> int:
    """Make accounts members of the graphs in many regions at once, from a CSV file or the organization.

    A line of the CSV is an account and the e-mail address of its root user, `123456789012,root@example.com`; - stands
    for standard input. With --organization and no CSV, the accounts are those of AWS Organizations.

    The administrator is the caller's own account or, by --role-name, --account. --role-name is also assumed in each
    account of the list, to accept its invitation; without it, accounts stay invited.

    The plan is shown first, and nothing is done without a yes. The command can be run again at any time, and does only
    what is left to do.

    Graphs and memberships cost money: AWS bills each account by the volume of its data, after a free trial of 30 days.
    AWS sends an e-mail with each invitation, unless --no-email is given.
    """
    has_list = options["accounts"] is not None or options["organization"]
    job = common.job_of(options, members_have_role=has_list or not (options["packages"] or options["removed"]))
    if options["auto_enable"] is not None and not options["organization"]:
        raise click.UsageError("--auto-enable needs --organization")
    if options["max_removals"] is not None and not (options["remove_others"] or options["removed"]):
        raise click.UsageError("--max-removals needs --remove-others or --remove")
    if options["removed"]:
        if any(options[name] for name in _NOT_WITH_REMOVE):
            raise click.UsageError(
                "--remove removes members, and takes no list and nothing that adds, sets, invites or retries"
            )
    elif options["accounts"] is None and not options["organization"] and not options["packages"]:
        raise click.UsageError("name a CSV file with the accounts, or - for standard input, or give --organization")
    from detective_async.cli.onboard_run import Onboarding  # noqa: PLC0415 - not needed for --help

    return Onboarding(job=job, **options).run()

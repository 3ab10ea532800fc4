"""`detective-async coverage`: which account is not covered, where, and why."""

from typing import Any

import click

from detective_async.cli import options as common


@click.command(
    "coverage",
    cls=common.Command,
    example="""detective-async coverage --regions all --organization
detective-async coverage --accounts accounts.csv --regions eu-west-1,us-east-1 --uncovered -o csv > gaps.csv""",
)
@common.common_options()
@common.account_option
@click.option(
    "--accounts",
    metavar="FILE",
    type=common.FILE,
    help="The accounts to be covered: ids, one a line; - for standard input.",
)
@click.option("--organization", is_flag=True, help="All accounts of the organization, from AWS Organizations.")
@common.timeout_option(120.0, "The time limit; a region that has not been read by then could not be looked at.")
@click.option("--uncovered", is_flag=True, help="Only what is not covered; a table has nothing if there is none.")
def command(**options: Any) -> int:
    """Show which account is not covered in which region, and why; changes nothing.

    The administrator is asked once in each region: the caller's own account or, by --role-name, --account. Without a
    list of accounts, these are all that are members in any of the regions.

    Exit code 1: an account is not covered in a region where it is expected to be, or none is expected. Suspended
    accounts are not; and with `--regions all`, no account is in regions that the administrator has not opted in to.
    """
    job = common.job_of(options)
    if options["accounts"] is not None and options["organization"]:
        raise click.UsageError("--accounts and --organization contradict each other")
    from detective_async.cli.coverage_run import run  # noqa: PLC0415 - not needed for --help

    return run(job, **options)

"""`detective-async teardown`: deletes graphs."""

from typing import Any

import click

from detective_async.cli import options as common


@click.command(
    "teardown",
    cls=common.Command,
    example="""detective-async teardown --regions us-east-1 --dry-run
detective-async teardown --regions us-east-1 --confirm 111122223333""",
)
@common.common_options()
@common.account_option
@click.option(
    "--confirm",
    metavar="ID",
    callback=common.check_account,
    help="The id of the administrator account, to delete its graphs without a question.",
)
@common.timeout_option(300.0, "The time limit.")
@common.dry_run_option
@click.option("--yes", "-y", is_flag=True, help="Not enough for a teardown: give --confirm.")
def command(**options: Any) -> int:
    """Delete the graphs of the caller's own account or, by --role-name, of --account, with all their data.

    The plan is shown first. It is carried out if the id of the administrator account is typed, or given as --confirm;
    --yes is not enough.
    """
    job = common.job_of(options)
    if options.pop("yes") and options["confirm"] is None and not options["dry_run"]:
        raise click.UsageError("--yes is not enough: --confirm the id of the administrator account")
    from detective_async.cli.teardown_run import run  # noqa: PLC0415 - not needed for --help

    return run(job, **options)

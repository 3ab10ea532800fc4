"""`detective-async inventory`: every member of every graph."""

from pathlib import Path
from typing import Any

import click

from detective_async.cli import options as common


@click.command(
    "inventory",
    cls=common.Command,
    example="""detective-async inventory --regions all --output csv > members.csv
detective-async inventory --role-name SecurityAudit --accounts accounts.csv --regions eu-west-1,us-east-1 \\
    --file members.ndjson --checkpoint members.checkpoint""",
)
@common.common_options(("ndjson", "csv", "json", "table"), "ndjson")
@common.account_option
@click.option(
    "--accounts",
    metavar="FILE",
    type=common.FILE,
    help="A file of account ids, one a line; - for standard input.",
)
@click.option("--organization", is_flag=True, help="All active accounts of the organization, from AWS Organizations.")
@click.option(
    "--file",
    metavar="FILE",
    type=common.FILE,
    help="Write to this file instead of standard output.",
)
@click.option(
    "--checkpoint",
    metavar="FILE",
    type=common.FILE,
    help="Save the progress in this file, and continue from it.",
)
@click.option("--start-over", is_flag=True, help="Begin anew, whatever job the checkpoint is of.")
@click.option("--with-email-addresses", is_flag=True, help="Also write the members' e-mail addresses.")
@click.option(
    "--concurrency",
    type=click.IntRange(1, 10_000),
    default=64,
    show_default=True,
    help="The most requests at a time.",
)
def command(**options: Any) -> int:
    """Write every member of every graph, in the caller's account or, by --role-name, in many accounts.

    With a checkpoint, the same command continues where it was stopped, by Ctrl-C or otherwise, and retries what failed;
    in the end the output has each member once, and the checkpoint is removed: the next run makes a new inventory.
    Without a checkpoint, the file is overwritten. A second run on the same file or checkpoint is refused while the
    first one is running.

    A region that an account has not opted in to is reported, and is no failure.
    """
    job = common.job_of(options, members_have_role=True)
    sources = [name for name in ("accounts", "organization") if options[name]]
    sources += ["account"] if job.account is not None else []
    if len(sources) > 1:
        raise click.UsageError(f"--{sources[0]} and --{sources[1]} contradict each other")
    if sources and job.role_name is None:
        raise click.UsageError(f"--{sources[0]} needs --role-name: the role to assume in each account")
    if job.role_name is not None and not sources:
        raise click.UsageError("--role-name needs --accounts, --organization or --account: where to assume it")
    if options["start_over"] and not options["checkpoint"]:
        raise click.UsageError("--start-over needs --checkpoint: without it, the inventory begins anew anyway")
    if "-" in (options["file"], options["checkpoint"]):
        raise click.UsageError("--file and --checkpoint need files; without --file, it is standard output")
    if options["checkpoint"] and not options["file"]:
        raise click.UsageError("--checkpoint needs --file: an incomplete write to standard output cannot be cut off")
    if options["checkpoint"]:
        names = {Path(f"{options['checkpoint']}{end}").resolve() for end in ("", ".lock", ".new")}
        if Path(options["file"]).resolve() in names:
            raise click.UsageError("--file is one of the files of --checkpoint: name another one")
    if (options["checkpoint"] or options["file"]) and job.output not in {"ndjson", "csv"}:
        raise click.UsageError("--file and --checkpoint need --output ndjson or csv")
    from detective_async.cli.inventory_run import Inventory  # noqa: PLC0415 - not needed for --help

    return Inventory(job=job, **options).run()

"""`detective-async whoami`: who calls, where, and what they may do. Reads only."""

from typing import TYPE_CHECKING, Any

import click

from detective_async.cli import options as common
from detective_async.cli.exits import DONE, FAILED

if TYPE_CHECKING:
    from detective_async.cli.output import Results


@click.command(
    "whoami",
    cls=common.Command,
    example="""detective-async whoami --regions eu-west-1,us-east-1
detective-async whoami --profile security --regions all --output json""",
)
@common.common_options()
@common.account_option
def command(**options: Any) -> int:
    """Show the account, the source of its credentials, its graphs, and what it may do in each region.

    For each job it says whether what the job reads may be read, and which permissions it needs beside. Nothing is
    changed, so whether something may be changed is not tried: such jobs are said to be possible `if` their other
    permissions are there.

    Exit code 1: something could not be looked at. What is denied is no failure: it is the answer.
    """
    from detective_async.cli import output  # noqa: PLC0415 - not needed for --help
    from detective_async.cli.permissions import look  # noqa: PLC0415

    job = common.job_of(options)
    found = job.run(lambda: look(job))
    results: Results = found.results(show_all=job.show_all)
    output.write(results, job.output, show_all=job.show_all)
    return DONE if found.ok else FAILED

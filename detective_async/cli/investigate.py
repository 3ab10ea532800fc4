"""`detective-async investigate`: investigates users and roles."""

from datetime import UTC, datetime
from typing import Any

import click

from detective_async.cli import options as common

#: When Detective began.
_EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)


def _moment(_context: click.Context, _parameter: click.Parameter, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise click.BadParameter("expected a time, such as 2026-01-31T12:00:00Z, or a date") from None
    if moment < _EARLIEST:
        raise click.BadParameter(f"expected a time since {_EARLIEST.year}")
    return moment


@click.command(
    "investigate",
    cls=common.Command,
    example="""detective-async investigate arn:aws:iam::444455556666:role/Deploy --regions eu-west-1
aws guardduty get-findings ... | detective-async investigate --findings - --output html > report.html""",
)
@common.common_options((*common.FORMATS, "html"))
@common.account_option
@click.argument("entities", metavar="[ARN]...", nargs=-1)
@click.option(
    "--findings",
    metavar="FILE",
    type=common.FILE,
    multiple=True,
    help="Findings of GuardDuty or Security Hub, as JSON, also one after the other; - for standard input.",
)
@click.option(
    "--known-arns",
    metavar="FILE",
    type=common.FILE,
    help="ARNs of users and roles, as words or the AWS CLI's JSON: the paths of those in findings.",
)
@click.option("--start", metavar="TIME", callback=_moment, help="The start of the activity; default: a day before.")
@click.option("--end", metavar="TIME", callback=_moment, help="The end of the activity; default: now.")
@click.option("--repeat", is_flag=True, help="Investigate again what was investigated for the same time.")
@common.timeout_option(1800.0, "How long to wait for the investigations.")
def command(**options: Any) -> int:
    """Investigate IAM users and roles, by their ARNs or as findings name them, and show what was found.

    Findings may be alone, in lists, in events of EventBridge, or in answers of GetFindings. What they name beside users
    and roles is skipped, and standard error says why. GuardDuty names users and roles without their paths, which
    --known-arns has.

    What was investigated before for the same time is not started again. Without --regions, what a finding names is
    investigated in the finding's region; with several, each entity in all graphs that have its account.

    Exit code 1: an investigation failed, or something that a finding names could not be investigated. 2: all of the
    ARNs are wrong, and nothing was done.
    """
    job = common.job_of(options)
    if not options["entities"] and not options["findings"]:
        raise click.UsageError("name the ARNs of users or roles, or a file with --findings")
    from detective_async.cli.investigate_run import Investigating  # noqa: PLC0415 - not needed for --help

    return Investigating(job=job, **options).run()

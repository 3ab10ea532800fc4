"""`detective-async investigate`: investigates users and roles."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from detective_async.cli import options as common

#: When Detective began.
_EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)
_CLOCKS_DIFFER = timedelta(minutes=5)


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


def _split(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Read ARNs also with commas between, as other lists have them; names and paths have commas, too."""
    return tuple(one.strip(", \t\n") for value in values for one in re.split(r",(?=\s*arn:)", value))


def _check_scope(start: datetime | None, end: datetime | None, *, has_findings: bool) -> None:
    """Refuse times that no investigation can have; those of findings are not known yet.

    Raises:
        click.UsageError: a time is in the future, or there is too much or too little time between them.
    """
    from detective_async.investigation.scope import LONGEST, SHORTEST  # noqa: PLC0415 - not needed for --help

    now = datetime.now(UTC)
    for option, moment in (("--start", start), ("--end", end)):
        # Clocks differ.
        if moment is not None and moment > now + _CLOCKS_DIFFER:
            raise click.UsageError(f"{option}: {moment.isoformat()} is in the future")
    if start is None or (end is None and has_findings):
        return
    length = (end or now) - start
    if timedelta(0) < length < SHORTEST or length > LONGEST:
        got = f"{length.days} days" if length.days else f"{length.seconds // 60} minutes"
        raise click.UsageError(f"expected 3 hours to 30 days from --start to --end, or to now, got {got}")


@click.command(
    "investigate",
    cls=common.Command,
    example="""detective-async investigate arn:aws:iam::444455556666:role/Deploy --regions eu-west-1
aws guardduty get-findings ... | detective-async investigate --findings - --output html > report.html""",
)
@common.common_options((*common.FORMATS, "html"))
@common.account_option
@click.argument("entities", metavar="[ARN]...", nargs=-1, callback=_split)
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
    _check_scope(options["start"], options["end"], has_findings=bool(options["findings"]))
    from detective_async.cli.investigate_run import Investigating  # noqa: PLC0415 - not needed for --help

    return Investigating(job=job, **options).run()

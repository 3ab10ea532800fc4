"""What the subcommands that carry out plans have in common: a dry run, the report, and what follows an interruption."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from detective_async.cli.exits import DONE, FAILED, CommandError, failing
from detective_async.cli.options import Job
from detective_async.cli.output import Results, write
from detective_async.membership import MembershipPlan, MembershipReport, TeardownPlan, TeardownReport


def results_of_plan(
    plan: MembershipPlan | TeardownPlan,
    *,
    show_all: bool,
    more: Mapping[str, Any],
    summary: Sequence[str],
    **table: Any,
) -> Results:
    """Return what a dry run writes: the text of the plan, which `show_all` replaces by a table of all actions.

    Args:
        plan: the plan.
        show_all: whether the table shows all.
        more: what the document has besides.
        summary: as of `Results`.
        table: the columns, and what tables show.
    """
    document = plan.to_dict()
    problems = document["problems"]
    # The text of the plan has its notes.
    notes = [f"note: {note['text']}" for note in document["notes"]] if show_all else []
    return Results(
        rows=[*({**one, "problem": one["text"]} for one in problems), *document["actions"]],
        document={**document, "ok": not problems, **more},
        attention=lambda row: "problem" in row,
        summarize=str,
        summary=[*notes, *summary],
        text=str(plan),
        **table,
    )


def write_dry_run(plan: MembershipPlan | TeardownPlan, results: Results, job: Job) -> int:
    """Write what a dry run has found, and return the exit code."""
    if job.output in ("csv", "ndjson"):
        # They have rows alone.
        for note in plan.notes:
            job.say(f"note: {note.text}")
    return write_all(results, job)


def write_all(results: Results, job: Job) -> int:
    """Write the results of a job as it asks for, and return the exit code."""
    write(results, job.output, show_all=job.show_all)
    return DONE if results.document["ok"] else FAILED


def _write_report(results: Callable[[Any], Results], report: MembershipReport | TeardownReport, job: Job) -> int:
    try:
        return write_all(results(report), job)
    except (BrokenPipeError, CommandError):
        # What was done would be said nowhere.
        summary, *_ = str(report).splitlines()
        job.say(f"the report was not written: {summary}", always=True)
        raise


async def carry_out(
    plan: MembershipPlan | TeardownPlan, job: Job, work: Awaitable[Any], results: Callable[[Any], Results]
) -> int:
    """Await that a plan is applied, write its report, also of what was done until a signal, and return the exit code.

    Args:
        plan: the plan.
        job: the job.
        work: applies the plan, and returns its report.
        results: returns the results for a report.
    """
    with failing():
        try:
            report = await work
        except asyncio.CancelledError:
            if plan.report is not None:
                # The exit code is that of the interruption.
                with suppress(BrokenPipeError):
                    try:
                        _write_report(results, plan.report, job)
                    except CommandError as error:
                        job.say(str(error), always=True)
            job.say("run the same command again to continue")
            raise
        # Within the client: a signal while that is being closed must not lose it.
        return _write_report(results, report, job)

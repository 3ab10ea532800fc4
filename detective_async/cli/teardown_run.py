"""Plans the deletion of graphs, asks for the account id, and deletes them."""

from detective_async.cli.caller import check_partition
from detective_async.cli.exits import CommandError
from detective_async.cli.options import ALL, Job, ask
from detective_async.cli.output import PLURAL, Results
from detective_async.cli.plans import carry_out, results_of_plan, write_dry_run
from detective_async.cli.words import plan_in_words, report_in_words
from detective_async.membership import TeardownPlan, TeardownReport, plan_teardown
from detective_async.membership.actions import count
from detective_async.membership.graphs import administrator_of

_COLUMNS = ("region", "ok", "graph_arn", "done", "maybe_done", "reason", "problem", "error")
_PLAN_COLUMNS = ("region", "kind", "detail", "reason", "problem")


def run(job: Job, *, confirm: str | None, timeout: float, dry_run: bool) -> int:
    """Plan and delete, and return the exit code."""
    return job.run(lambda: _run(job, confirm, timeout, dry_run=dry_run))


async def _run(job: Job, confirm: str | None, timeout: float, *, dry_run: bool) -> int:
    await check_partition(job)
    async with job.client() as client:
        regions = ALL if job.regions == (ALL,) else await job.region_names()
        plan = plan_in_words(await plan_teardown(client, regions=regions))
        if dry_run:
            return write_dry_run(plan, _results_of_plan(plan, show_all=job.show_all), job)
        job.say(str(plan), always=bool(plan.graphs) and confirm is None)
        work = plan.apply(confirm=_confirmed(plan, confirm), timeout=timeout)
        return await carry_out(plan, job, work, lambda report: _results(report_in_words(report)))


def _confirmed(plan: TeardownPlan, confirm: str | None) -> str:
    # It may be unknown only if there is no graph.
    owner = administrator_of(plan.graphs[0].graph_arn) if plan.graphs else plan.administrator_id or ""
    given = confirm
    if given is None and plan.graphs:
        question = f"This deletes {count(len(plan.graphs), 'graph')} with all data. Type the account id to do it: "
        given = ask(question, f"add --confirm {owner} to do it").strip()
    if given is not None and owner not in {given, ""}:
        raise CommandError(f"not confirmed: nothing was done; the credentials are those of account {owner}")
    return owner


def _results(report: TeardownReport) -> Results:
    document = report.to_dict()
    # Tables count those that were deleted.
    summary = [] if any(one.done for one in report.regions) else ["0 graphs deleted"]
    if unknown := sum(bool(one.maybe_done) for one in report.regions):
        summary.append(f"of {count(unknown, 'graph')} it is not known")
    return Results(
        columns=_COLUMNS,
        rows=document["regions"],
        document=document,
        shown={"region": "region", "graph_arn": "graph", "maybe_done": "maybe done", "problem": "problem"},
        attention=lambda row: not row["ok"],
        summarize=lambda row: f"graph{PLURAL} deleted",  # noqa: ARG005
        summary=summary,
    )


def _results_of_plan(plan: TeardownPlan, *, show_all: bool) -> Results:
    return results_of_plan(
        plan,
        show_all=show_all,
        more={},
        columns=_PLAN_COLUMNS,
        shown={"region": "region", "kind": "action", "detail": "what", "problem": "problem"},
        summary=[f"{count(len(plan.actions), 'graph')} would be deleted; nothing was done"],
    )

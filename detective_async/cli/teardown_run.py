"""Plans the deletion of graphs, asks for the account id, and deletes them."""

from detective_async.cli.caller import check_partition
from detective_async.cli.exits import DONE, FAILED, CommandError, failing
from detective_async.cli.options import ALL, Job, ask
from detective_async.cli.output import PLURAL, Results, write
from detective_async.membership import TeardownPlan, TeardownReport, plan_teardown
from detective_async.membership.actions import count

_COLUMNS = ("region", "ok", "graph_arn", "done", "reason", "problem", "error")
_PLAN_COLUMNS = ("region", "kind", "detail", "reason", "problem")


def run(job: Job, *, confirm: str | None, timeout: float, dry_run: bool) -> int:
    """Plan and delete, and return the exit code."""
    return job.run(lambda: _run(job, confirm, timeout, dry_run=dry_run))


async def _run(job: Job, confirm: str | None, timeout: float, *, dry_run: bool) -> int:
    await check_partition(job)
    async with job.client() as client:
        plan = await plan_teardown(client, regions=ALL if job.regions == (ALL,) else await job.region_names())
        if dry_run:
            write(_results_of_plan(plan, show_all=job.show_all), job.output, show_all=job.show_all)
            return FAILED if plan.problems else DONE
        job.say(str(plan), always=bool(plan.graphs) and confirm is None)
        if plan.graphs:
            confirm = _confirmed(plan, confirm)
        with failing():
            try:
                await plan.apply(confirm=confirm or "", timeout=timeout)
            finally:
                # Here: a signal while the client is being closed must not lose it.
                if plan.report is not None:
                    write(_results(plan.report), job.output, show_all=job.show_all)
        return DONE if plan.report is not None and plan.report.ok else FAILED


def _confirmed(plan: TeardownPlan, confirm: str | None) -> str:
    owner = plan.graphs[0].graph_arn.split(":")[4]
    given = confirm
    if given is None:
        question = f"This deletes {count(len(plan.graphs), 'graph')} with all data. Type the account id to do it: "
        given = ask(question, f"add --confirm {owner} to do it").strip()
    if given != owner:
        raise CommandError(f"not confirmed: nothing was done; the graphs are those of account {owner}")
    return given


def _results(report: TeardownReport) -> Results:
    document = report.to_dict()
    return Results(
        columns=_COLUMNS,
        rows=document["regions"],
        document=document,
        shown={"region": "region", "graph_arn": "graph", "problem": "problem"},
        attention=lambda row: not row["ok"],
        summarize=lambda row: f"graph{PLURAL} deleted",  # noqa: ARG005
        summary=[] if any(one.done for one in report.regions) else ["0 graphs deleted"],
    )


def _results_of_plan(plan: TeardownPlan, *, show_all: bool) -> Results:
    document = plan.to_dict()
    actions = document["actions"]
    return Results(
        columns=_PLAN_COLUMNS,
        rows=[*({**one, "problem": one["text"]} for one in document["problems"]), *actions],
        document={**document, "ok": not plan.problems},
        # All graphs are shown, since they would be lost.
        shown={"region": "region", "kind": "action", "detail": "what", "problem": "problem"},
        attention=lambda row: True,  # noqa: ARG005
        summarize=str,
        summary=[
            # The text of the plan has them.
            *(f"note: {note['text']}" for note in document["notes"] if show_all),
            f"{count(len(actions), 'graph')} would be deleted; nothing was done",
        ],
        text=str(plan),
    )

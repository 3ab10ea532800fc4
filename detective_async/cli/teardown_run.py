"""Plans the deletion of graphs, asks for the account id, and deletes them."""

from collections.abc import Sequence
from typing import Any

from detective_async.cli.exits import DONE, FAILED, CommandError, failing
from detective_async.cli.options import ALL, Job, ask
from detective_async.cli.output import PLURAL, Results, write
from detective_async.membership import ActionKind, Problem, Reason, TeardownPlan, TeardownReport, plan_teardown
from detective_async.membership.actions import count

_COLUMNS = ("region", "ok", "graph_arn", "done", "reason", "problem", "error")
_PLAN_COLUMNS = ("region", "kind", "detail", "reason", "problem")
#: What is no problem where all regions are looked at: the account has no Detective there.
_CLOSED = frozenset({Reason.REGION_UNAVAILABLE, Reason.REGION_NOT_OPTED_IN, Reason.UNKNOWN_KEYS})


def run(job: Job, *, confirm: str | None, timeout: float, dry_run: bool) -> int:
    """Plan and delete, and return the exit code."""
    return job.run(lambda: _run(job, confirm, timeout, dry_run=dry_run))


async def _run(job: Job, confirm: str | None, timeout: float, *, dry_run: bool) -> int:
    async with job.client() as client:
        names = await job.region_names()
        plan = await plan_teardown(client, regions=names)
        # A region that knows the keys shows that they exist.
        closed = _CLOSED if job.regions == (ALL,) and len(plan.problems) < len(names) else frozenset()
        problems = [one for one in plan.problems if one.reason not in closed]
        if dry_run:
            write(_results_of_plan(plan, problems), job.output, show_all=job.show_all)
            return FAILED if problems else DONE
        job.say(str(plan))
        if plan.graphs:
            confirm = _confirmed(plan, confirm)
        with failing():
            report = await plan.apply(confirm=confirm or "", timeout=timeout)
    failed = [one for one in report.failures if one.reason not in closed]
    write(_results(report, failed), job.output, show_all=job.show_all)
    return FAILED if failed else DONE


def _confirmed(plan: TeardownPlan, confirm: str | None) -> str:
    owner = plan.graphs[0].graph_arn.split(":")[4]
    given = confirm
    if given is None:
        question = (
            f"This deletes {count(len(plan.graphs), 'graph')} with all their data. Type the account id to do it: "
        )
        given = ask(question, f"add --confirm {owner} to do it").strip()
    if given != owner:
        raise CommandError(f"not confirmed: nothing was done; the graphs are those of account {owner}")
    return given


def _results(report: TeardownReport, failed: Sequence[Any]) -> Results:
    document = report.to_dict()
    wrong = {one.region for one in failed}
    deleted = sum(ActionKind.DELETE_GRAPH in one.done for one in report.regions)
    return Results(
        columns=_COLUMNS,
        rows=document["regions"],
        document={**document, "ok": not failed},
        shown={"region": "region", "graph_arn": "graph", "problem": "problem"},
        attention=lambda row: row["region"] in wrong,
        summarize=lambda row: f"graph{PLURAL} deleted" if row["ok"] else f"region{PLURAL} without Detective",
        summary=[f"{count(deleted, 'graph')} gone"],
    )


def _results_of_plan(plan: TeardownPlan, problems: Sequence[Problem]) -> Results:
    document = plan.to_dict()
    actions = document["actions"]
    return Results(
        columns=_PLAN_COLUMNS,
        rows=[*({**one.to_dict(), "problem": one.text} for one in problems), *actions],
        document={**document, "ok": not problems},
        # All graphs are shown, since they would be lost.
        shown={"region": "region", "kind": "action", "detail": "what", "problem": "problem"},
        attention=lambda row: True,  # noqa: ARG005
        summarize=str,
        summary=[f"{count(len(actions), 'graph')} would be deleted; nothing was done"],
        text=str(plan),
    )

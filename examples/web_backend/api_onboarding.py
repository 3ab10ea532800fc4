"""Making accounts members: a plan to look at, then a job that carries it out, and what it tells on its way."""

import io
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from aiohttp import web

from detective_async import DetectiveClient, ParameterError, RetryPolicy
from detective_async.integrations.aiohttp_web import CLIENT, ServerEvent, stream_events, to_json
from detective_async.membership import LineProblem, MembershipPlan, plan_membership, read_accounts
from web_backend import inputs
from web_backend.common import JOBS, SETTINGS, as_it_is, body_of, check_account, check_region, path_of, query_of
from web_backend.jobs import MAX_RUNNING, Draft, Job, TooManyError

_PLAN = {"AdministratorId": inputs.account_id, "Regions": inputs.each(inputs.region, 40), "Csv": inputs.text}
#: More patient than the default: there are many calls, and each of them should succeed.
_PATIENT = RetryPolicy(max_attempts=8)


async def make_plan(request: web.Request) -> web.Response:
    """Compare the accounts of a CSV with the members that there are, and show what would be done; changes nothing."""
    query_of(request)
    wanted = await body_of(request, _PLAN, *_PLAN)
    settings = request.config_dict[SETTINGS]
    check_account(settings, wanted["AdministratorId"])
    for region in wanted["Regions"]:
        check_region(settings, region)
    # The ends of lines as any system writes them, and no others: numbers are to be those that an editor shows.
    accounts, bad_lines = read_accounts(io.StringIO(wanted["Csv"], newline=None))
    if not accounts:
        problems = "; ".join(str(line) for line in bad_lines[:3]) or "there is nothing in it"
        raise ParameterError("Csv", f"no line of it is an account: {problems}")
    plan = await plan_membership(
        _administrator(request, wanted["AdministratorId"]),
        accounts,
        regions=wanted["Regions"],
        member_credentials=settings.member_role_of if settings.member_role else None,
    )
    draft = request.config_dict[JOBS].add(wanted["AdministratorId"], plan)
    return web.json_response(_preview(draft, plan, bad_lines), status=201)


async def start_job(request: web.Request) -> web.Response:
    """Begin to carry a plan out."""
    query_of(request)
    wanted = await body_of(request, {"PlanId": inputs.random_id}, "PlanId")
    jobs = request.config_dict[JOBS]
    draft = jobs.draft(wanted["PlanId"])
    if draft is None:
        raise web.HTTPNotFound(text="There is no such plan any more: make it again.")
    try:
        job = jobs.start(draft)
    except TooManyError:
        text = f"{MAX_RUNNING} jobs are under way: try again when one of them is done."
        raise web.HTTPServiceUnavailable(text=text, headers={"Retry-After": "5"}) from None
    return web.json_response(job.describe(), status=202, headers={"Location": f"/api/onboarding/jobs/{job.id}"})


async def list_jobs(request: web.Request) -> web.Response:
    """Show all jobs that are remembered, the newest first."""
    query_of(request)
    return web.json_response({"Jobs": [job.describe() for job in request.config_dict[JOBS]]})


async def show_job(request: web.Request) -> web.Response:
    """Show how a job is doing."""
    job = _job_of(request)
    query_of(request)
    return web.json_response(job.describe())


async def stop_job(request: web.Request) -> web.Response:
    """Stop a job; what it did stays done, and a new plan goes on from there."""
    job = _job_of(request)
    query_of(request)
    await job.stop()
    return web.json_response(job.describe())


async def watch_job(request: web.Request) -> web.StreamResponse:
    """Stream what happens in a job, from the beginning or from where the connection broke, as server-sent events."""
    job = _job_of(request)
    query_of(request)
    last = request.headers.get("Last-Event-ID")
    job_id, _, seen = (inputs.event_id(last, "Last-Event-ID") if last else "").partition("-")
    return await stream_events(request, _events(job, int(seen) if job_id == job.id else 0), to_json=as_it_is, retry=1)


async def _events(job: Job, start: int) -> AsyncGenerator[ServerEvent, None]:
    async with aclosing(job.feed.follow(start)) as entries:
        async for number, news in entries:
            yield ServerEvent(news.data, event=news.name, id=f"{job.id}-{number + 1}")


def _administrator(request: web.Request, account_id: str) -> DetectiveClient:
    """Give a client that outlives the request: the plan keeps it, for when it is applied."""
    settings = request.config_dict[SETTINGS]
    return request.config_dict[CLIENT].with_options(
        credentials=settings.role_of(account_id), account_id=account_id, retry=_PATIENT
    )


def _job_of(request: web.Request) -> Job:
    job = request.config_dict[JOBS].get(path_of(request, job_id=inputs.random_id)["job_id"])
    if job is None:
        raise web.HTTPNotFound(text="There is no such job any more.")
    return job


def _preview(draft: Draft, plan: MembershipPlan, bad_lines: list[LineProblem]) -> dict[str, Any]:
    return {
        "PlanId": draft.id,
        "AdministratorId": draft.administrator,
        "Text": str(plan),
        "Lines": [{"Line": line.line, "Problem": line.text} for line in bad_lines],
        "Actions": [
            {"Kind": one.kind, "Region": one.region, "AccountId": one.account_id, "Detail": one.detail}
            for one in plan.actions
        ],
        "Problems": [
            {
                "Region": one.region,
                "AccountId": one.account_id,
                "Problem": one.text,
                "Error": None if one.error is None else to_json(one.error),
            }
            for one in plan.problems
        ],
    }


_JOB = "/api/onboarding/jobs/{job_id}"
ROUTES = [
    web.post("/api/onboarding/plans", make_plan),
    web.get("/api/onboarding/jobs", list_jobs),
    web.post("/api/onboarding/jobs", start_job),
    web.get(_JOB, show_job),
    web.delete(_JOB, stop_job),
    web.get(f"{_JOB}/events", watch_job),
]

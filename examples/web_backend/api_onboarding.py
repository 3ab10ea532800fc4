"""Routes for making accounts members: a plan for review, a job that applies it, and the stream of its progress."""

import asyncio
import io
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from detective_async import DetectiveClient, ParameterError, RetryPolicy
from detective_async.integrations.aiohttp_web import CLIENT, ProblemError, ServerEvent, stream_events, to_json
from detective_async.membership import ByInvitation, plan_membership, read_accounts
from web_backend import inputs
from web_backend.common import (
    JOBS,
    SETTINGS,
    check_account,
    check_region,
    identity,
    read_body,
    read_path,
    read_query,
    while_wanted,
)
from web_backend.jobs import (
    MAX_RUNNING,
    Draft,
    Job,
    JobRunningError,
    SupersededError,
    TooManyJobsError,
    plan_in_words,
    problem_in_words,
)

_PLAN = {"AdministratorId": inputs.account_id, "Regions": inputs.list_of(inputs.region, 40), "Csv": inputs.text}
#: More accounts than fit into a body: what could be planned can be applied.
_APPLY = {
    "PlanId": inputs.random_id,
    "AdministratorId": inputs.account_id,
    "AccountIds": inputs.list_of(inputs.account_id, 20_000),
}
#: More attempts than the default, since there are many calls and each of them should succeed.
_RETRY = RetryPolicy(max_attempts=8)


async def make_plan(request: web.Request) -> web.Response:
    """Compare the accounts of a CSV with the existing members, and return a plan; nothing is changed."""
    read_query(request)
    wanted = await read_body(request, _PLAN, *_PLAN)
    settings = request.config_dict[SETTINGS]
    check_account(settings, wanted["AdministratorId"])
    for region in wanted["Regions"]:
        check_region(settings, region)
    # Splits lines as editors do, so that the line numbers agree.
    accounts, bad_lines = read_accounts(io.StringIO(wanted["Csv"], newline=None))
    if not accounts:
        problems = "; ".join(str(line) for line in bad_lines[:3]) or "it is empty"
        raise ParameterError("Csv", f"has no valid line: {problems}")
    moment = request.config_dict[JOBS].moment()
    # Each call has a time limit of its own, but not their number.
    async with asyncio.timeout(settings.plan_timeout):
        plan = await while_wanted(
            request,
            plan_membership(
                _administrator(request, wanted["AdministratorId"]),
                accounts,
                regions=wanted["Regions"],
                members=ByInvitation(
                    credentials=settings.member_credentials_for if settings.member_role else None,
                    administrator_id=wanted["AdministratorId"],
                ),
            ),
        )
    draft = Draft(
        administrator=wanted["AdministratorId"],
        accounts=tuple(account.account_id for account in accounts),
        regions=tuple(wanted["Regions"]),
        plan=plan,
        moment=moment,
        bad_lines=tuple(bad_lines),
    )
    request.config_dict[JOBS].add(draft)
    return web.json_response(_preview(request, draft), status=201)


async def show_plan(request: web.Request) -> web.Response:
    """Return a plan again."""
    draft_id = read_path(request, plan_id=inputs.random_id)["plan_id"]
    read_query(request)
    return web.json_response(_preview(request, _draft(request, draft_id)))


async def start_job(request: web.Request) -> web.Response:
    """Start a job that applies a plan, whose administrator and accounts are repeated: they must be those reviewed."""
    read_query(request)
    wanted = await read_body(request, _APPLY, *_APPLY)
    draft = _draft(request, wanted["PlanId"])
    if wanted["AdministratorId"] != draft.administrator or set(wanted["AccountIds"]) != set(draft.accounts):
        text = f"The plan is for administrator {draft.administrator} and {len(draft.accounts)} accounts, not for these."
        raise ProblemError(409, None, text, code="PlanMismatch")
    try:
        job = request.config_dict[JOBS].start(draft)
    except SupersededError:
        text = (
            f"Since this plan was read, another one was made for administrator {draft.administrator}, or applied. "
            "Apply the newer one, or make a new plan."
        )
        raise ProblemError(409, None, text, code="PlanSuperseded") from None
    except JobRunningError as error:
        text = f"Another job for administrator {draft.administrator} is running. Make a new plan when it has finished."
        raise ProblemError(409, None, text, code="JobRunning", JobId=error.job.id) from None
    except TooManyJobsError:
        text = f"{MAX_RUNNING} jobs are running already. Try again when one of them has finished."
        raise web.HTTPServiceUnavailable(text=text, headers={"Retry-After": "5"}) from None
    return web.json_response(job.describe(), status=202, headers={"Location": f"/api/onboarding/jobs/{job.id}"})


async def list_jobs(request: web.Request) -> web.Response:
    """Return all stored jobs, newest first."""
    read_query(request)
    return web.json_response({"Jobs": [job.describe() for job in request.config_dict[JOBS]]})


async def show_job(request: web.Request) -> web.Response:
    """Return the state of a job."""
    read_query(request)
    job = _job_of(request)
    return web.json_response(job.describe())


async def stop_job(request: web.Request) -> web.Response:
    """Stop a job; its changes stay, and a new plan continues from there."""
    read_query(request)
    job = _job_of(request)
    await job.stop()
    return web.json_response(job.describe())


async def watch_job(request: web.Request) -> web.StreamResponse:
    """Stream the events of a job as server-sent events, from the first one or after the last one received."""
    read_query(request)
    job = _job_of(request)
    last = request.headers.get("Last-Event-ID")
    job_id, _, seen = (inputs.event_id(last, "Last-Event-ID") if last else "").partition("-")
    return await stream_events(request, _events(job, int(seen) if job_id == job.id else 0), to_json=identity, retry=1)


async def _events(job: Job, start: int) -> AsyncGenerator[ServerEvent, None]:
    async with aclosing(job.feed.follow(start)) as entries:
        async for number, event in entries:
            if event is None:
                yield ServerEvent({"Time": to_json(datetime.now(UTC))}, event="alive")
                continue
            yield ServerEvent(event.data, event=event.name, id=f"{job.id}-{number + 1}")


def _administrator(request: web.Request, account_id: str) -> DetectiveClient:
    """Return a client that is not bound to the request: the plan uses it when it is applied."""
    settings = request.config_dict[SETTINGS]
    return request.config_dict[CLIENT].with_options(
        credentials=settings.credentials_for(account_id), account_id=account_id, retry=_RETRY
    )


def _job_of(request: web.Request) -> Job:
    job = request.config_dict[JOBS].get(read_path(request, job_id=inputs.random_id)["job_id"])
    if job is None:
        raise web.HTTPNotFound(text="The job does not exist or has expired.")
    return job


def _draft(request: web.Request, draft_id: str) -> Draft:
    draft = request.config_dict[JOBS].draft(draft_id)
    if draft is None:
        raise web.HTTPNotFound(text="The plan does not exist or has expired. Make a new plan.")
    return draft


def _preview(request: web.Request, draft: Draft) -> dict[str, Any]:
    plan = draft.plan
    return {
        "PlanId": draft.id,
        "CreatedTime": to_json(draft.created),
        "AdministratorId": draft.administrator,
        "Regions": draft.regions,
        "AccountIds": draft.accounts,
        "JobId": None if draft.job is None else draft.job.id,
        "Latest": request.config_dict[JOBS].is_latest(draft),
        "Text": plan_in_words(plan),
        "Lines": [{"Line": line.line, "Problem": line.text} for line in draft.bad_lines],
        "Actions": [
            {
                "Kind": one.kind,
                "Region": one.region,
                "AccountId": one.account_id,
                "Reason": one.reason,
                "Detail": one.detail,
            }
            for one in plan.actions
        ],
        "Problems": [
            {
                "Region": one.region,
                "AccountId": one.account_id,
                "Reason": one.reason,
                "Problem": problem_in_words(one.text, one.reason, one.error),
                "Error": None if one.error is None else to_json(one.error),
            }
            for one in plan.problems
        ],
        "Notes": [{"Region": one.region, "AccountId": one.account_id, "Note": one.text} for one in plan.notes],
    }


_JOB = "/api/onboarding/jobs/{job_id}"
ROUTES = [
    web.post("/api/onboarding/plans", make_plan),
    web.get("/api/onboarding/plans/{plan_id}", show_plan),
    web.get("/api/onboarding/jobs", list_jobs),
    web.post("/api/onboarding/jobs", start_job),
    web.get(_JOB, show_job),
    web.delete(_JOB, stop_job),
    web.get(f"{_JOB}/events", watch_job),
]

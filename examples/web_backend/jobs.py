"""Plans that wait to be applied, and the jobs that apply them, which run whether or not anyone watches."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from attrs import define, evolve, field, frozen

from detective_async import DetectiveError
from detective_async.events import ProgressEvent
from detective_async.integrations.aiohttp_web import to_json
from detective_async.membership import AccountReport, LineProblem, MembershipPlan, MembershipReport, Reason
from web_backend.feed import Feed

_logger = logging.getLogger("web_backend")

#: The most plans that are stored; the oldest are dropped first.
_MAX_DRAFTS = 20
#: The most finished jobs that are stored.
_MAX_FINISHED = 20
#: The most jobs that run at once.
MAX_RUNNING = 8
#: The most progress events of a job, and the number of rows of its report per event.
_STEPS = 200
_ROWS = 100


class TooManyJobsError(Exception):
    """The limit of running jobs is reached."""


class SupersededError(Exception):
    """Since the plan's state was read, another plan has read it, or a job has changed it."""


class JobRunningError(Exception):
    """Another job for the administrator is running.

    Attributes:
        job: the job.
    """

    def __init__(self, job: "Job") -> None:
        super().__init__()
        self.job = job


@frozen
class JobEvent:
    """An event of a job.

    Attributes:
        name: `begin`, `progress`, `rows`, and as the last one `report`, `failed` or `stopped`.
        data: its details, as JSON.
    """

    name: str
    data: Any


@define(eq=False)
class Draft:
    """A plan for review.

    Attributes:
        id: a random id.
        administrator: the account whose members the plan changes.
        accounts: the accounts that it is about.
        regions: the regions that it is about.
        plan: the plan.
        moment: when its reading began; see `Jobs.moment`.
        bad_lines: the lines of the list that could not be read.
        created: when it was made.
        job: the job that applies it, if it was started.
    """

    administrator: str
    accounts: tuple[str, ...]
    regions: tuple[str, ...]
    plan: MembershipPlan
    moment: int
    bad_lines: tuple[LineProblem, ...] = ()
    created: datetime = field(init=False, factory=lambda: datetime.now(UTC))
    id: str = field(init=False, factory=lambda: secrets.token_hex(16))
    job: "Job | None" = field(init=False, default=None)


class Job:
    """The application of a plan, running or finished.

    Attributes:
        id: a random id.
        administrator: the account whose members it changes.
        feed: the events of the job.
    """

    def __init__(self, draft: Draft, timeout: float, ended: Callable[[str], object]) -> None:
        """Start it.

        Args:
            draft: the plan.
            timeout: the time limit in seconds.
            ended: called with the administrator at the end.
        """
        self.id = secrets.token_hex(16)
        self.feed: Feed[JobEvent] = Feed()
        self.administrator = draft.administrator
        self._plan_id = draft.id
        self._started = datetime.now(UTC)
        self._state = "running"
        self._is_ok: bool | None = None
        self._progress: ProgressEvent | None = None
        self._counts: dict[str, int | None] = {"Done": 0, "Failed": 0, "Changed": 0, "Total": None}
        self._summary: dict[str, Any] = {}
        self._ended = ended
        self._task = asyncio.create_task(self._run(draft.plan, timeout), name=f"onboarding job {self.id}")
        self._task.add_done_callback(self._close)

    @property
    def running(self) -> bool:
        """Whether it has not finished yet."""
        return not self.feed.ended

    def describe(self) -> dict[str, Any]:
        """Return the state and the progress, as JSON; `Ok` is None until the job is done."""
        return {
            "JobId": self.id,
            "PlanId": self._plan_id,
            "AdministratorId": self.administrator,
            "StartedTime": to_json(self._started),
            "State": self._state,
            "Ok": self._is_ok,
            **self._counts,
        }

    async def stop(self) -> None:
        """Stop it, if it is running, and wait until it has ended."""
        if self.running:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self, plan: MembershipPlan, timeout: float) -> None:
        self.feed.put(JobEvent("begin", self.describe()))
        try:
            report = await plan.apply(timeout=timeout, progress=self._record)
        except BaseException:
            # What was done until then.
            if plan.report is not None:
                self._put_report(plan.report)
            raise
        self._put_report(report)

    def _put_report(self, report: MembershipReport) -> None:
        self._counts, self._summary = _counts(report), _summary(report)
        rows = [_row(row) for row in report.rows]
        for start in range(0, len(rows), _ROWS):
            self.feed.put(JobEvent("rows", rows[start : start + _ROWS]))

    def _close(self, task: asyncio.Task[None]) -> None:
        # Not at the end of `_run`, which may be cancelled before it has started.
        error = None if task.cancelled() else task.exception()
        if task.cancelled():
            self._end("stopped", **self._summary)
        elif error is None:
            self._is_ok = self._summary["Ok"]
            self._end("done", name="report", **self._summary)
        elif isinstance(error, DetectiveError):
            self._end("failed", Error=to_json(error))
        else:
            _logger.error("an onboarding job failed", exc_info=error)
            self._end("failed", Error={"title": "Internal Server Error", "detail": "See the server's log."})

    def _record(self, progress: ProgressEvent) -> None:
        if self._task.cancelling():
            # A stop ends what is unfinished, which is no progress, and no failure.
            return
        before, self._progress = self._progress, progress
        self._counts = {
            **self._counts,
            "Done": progress.done,
            "Failed": progress.failed,
            "Total": progress.total,
        }
        total = progress.total or 1
        # An event for each row would be too many for a large list.
        if before is None or before.done * _STEPS // total != progress.done * _STEPS // total:
            self.feed.put(JobEvent("progress", self._counts))

    def _end(self, state: str, *, name: str | None = None, **more: Any) -> None:
        self._state = state
        self._ended(self.administrator)
        self.feed.put(JobEvent(name or state, {**self.describe(), **more}))
        self.feed.end()


class Jobs:
    """All plans and jobs of a backend, in bounded numbers.

    Args:
        timeout: the time limit of a job in seconds.
        ended: called at the end of each job.
    """

    def __init__(self, timeout: float, ended: Callable[[], object] = lambda: None) -> None:
        self._timeout = timeout
        self._ended = ended
        self._drafts: dict[str, Draft] = {}
        self._jobs: dict[str, Job] = {}
        self._moments = 0
        #: Administrator -> when the reading of its newest plan began, or its last job began or ended.
        self._newest: dict[str, int] = {}

    def __iter__(self) -> Iterator[Job]:
        """Return the jobs, newest first."""
        return iter(list(reversed(self._jobs.values())))

    def moment(self) -> int:
        """Return a number that is greater than all before: the order of what happens, whatever the clock says."""
        self._moments += 1
        return self._moments

    def add(self, draft: Draft) -> None:
        """Store a plan, which supersedes those for its administrator whose reading began earlier."""
        self._drafts[draft.id] = draft
        self._newest[draft.administrator] = max(draft.moment, self._newest.get(draft.administrator, 0))
        # An applied one is kept as long as its job: the same request may come again after a lost answer.
        _drop_oldest(self._drafts, [name for name, one in self._drafts.items() if one.job is None], _MAX_DRAFTS)

    def is_latest(self, draft: Draft) -> bool:
        """Return whether the administrator has no newer plan, and no job began or ended since this one was read."""
        return draft.moment == self._newest[draft.administrator]

    def draft(self, draft_id: str) -> Draft | None:
        """Return a plan."""
        return self._drafts.get(draft_id)

    def get(self, job_id: str) -> Job | None:
        """Return a job."""
        return self._jobs.get(job_id)

    def start(self, draft: Draft) -> Job:
        """Start the job of a plan, or return the one that was started before: a plan is applied only once.

        Raises:
            JobRunningError: another job for the administrator is running: its changes are not in the plan.
            SupersededError: there is a newer plan, or a job has run meanwhile: the review was of an older state.
            TooManyJobsError: the limit of running jobs is reached.
        """
        if draft.job is not None:
            return draft.job
        for job in self._jobs.values():
            if job.running and job.administrator == draft.administrator:
                raise JobRunningError(job)
        if not self.is_latest(draft):
            raise SupersededError
        if sum(job.running for job in self._jobs.values()) >= MAX_RUNNING:
            raise TooManyJobsError
        job = draft.job = Job(draft, self._timeout, self._end)
        self._jobs[job.id] = job
        self._supersede(draft.administrator)
        _drop_oldest(self._jobs, [job_id for job_id, one in self._jobs.items() if not one.running], _MAX_FINISHED)
        # A plan is not kept longer than its job: repeating the request would name one that is gone.
        for draft_id, one in list(self._drafts.items()):
            if one.job is not None and one.job.id not in self._jobs:
                del self._drafts[draft_id]
        return job

    async def aclose(self) -> None:
        """Stop all running jobs."""
        await asyncio.gather(*(job.stop() for job in self._jobs.values()))

    def _end(self, administrator: str) -> None:
        self._supersede(administrator)
        self._ended()

    def _supersede(self, administrator: str) -> None:
        """Supersede the plans of an administrator, since its members change, or have changed."""
        self._newest[administrator] = self.moment()


def _drop_oldest(entries: dict[str, Any], candidates: list[str], most: int) -> None:
    """Drop the oldest candidates in excess of `most`."""
    for name in candidates[: max(0, len(candidates) - most)]:
        del entries[name]


def problem_in_words(text: str | None, reason: Reason | None, error: Exception | None) -> str | None:
    """Return the text of a problem; of expired keys what the other routes say, since AWS's words blame the role."""
    if reason is Reason.KEYS_EXPIRED and error is not None:
        return str(to_json(error)["detail"]).removesuffix(".")
    return text


def plan_in_words(plan: MembershipPlan) -> str:
    """Return a plan as text, with the same words for expired keys."""
    problems = [
        evolve(one, text=problem_in_words(one.text, one.reason, one.error) or one.text) for one in plan.problems
    ]
    return str(evolve(plan, problems=tuple(problems)))


def _counts(report: MembershipReport) -> dict[str, int | None]:
    """Return how many memberships have ended, failed, and were changed; what a stop has interrupted has not ended."""
    ended = [row for row in report.rows if row.reason != Reason.INTERRUPTED]
    return {
        "Done": len(ended),
        "Failed": sum(row.problem is not None for row in ended),
        "Changed": sum(bool(row.done) for row in report.rows),
        "Total": len(report.rows),
    }


def _summary(report: MembershipReport) -> dict[str, Any]:
    return {
        "Ok": report.ok,
        # Only the first line, since the others repeat the rows.
        "Summary": str(report).partition("\n")[0],
        "Regions": [
            {
                "Region": one.region,
                "GraphArn": one.graph_arn,
                "Done": [str(kind) for kind in one.done],
                "Reason": one.reason,
                "Problem": problem_in_words(one.problem, one.reason, one.error),
                "Error": None if one.error is None else to_json(one.error),
            }
            for one in report.regions
        ],
    }


def _row(row: AccountReport) -> dict[str, Any]:
    return {
        "AccountId": row.account_id,
        "Region": row.region,
        "Before": row.before,
        "After": row.after,
        "Done": [str(kind) for kind in row.done],
        "Reason": row.reason,
        "Problem": problem_in_words(row.problem, row.reason, row.error),
        "Error": None if row.error is None else to_json(row.error),
    }

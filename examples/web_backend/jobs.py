"""Plans that wait to be applied, and the work of applying them, which goes on whoever watches it."""

import asyncio
import logging
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from attrs import define, field, frozen

from detective_async import DetectiveError
from detective_async.events import ProgressEvent
from detective_async.integrations.aiohttp_web import to_json
from detective_async.membership import AccountReport, MembershipPlan, MembershipReport
from web_backend.feed import Feed

_logger = logging.getLogger("web_backend")

#: How many plans wait at most; the oldest go first.
_MAX_DRAFTS = 20
#: How many jobs that are over are remembered.
_MAX_FINISHED = 20
#: How many are under way at most.
MAX_RUNNING = 8
#: How many times a job tells of its progress, and how many rows of its report it tells at a time.
_STEPS = 200
_ROWS = 100


class TooManyError(Exception):
    """As many jobs are under way as may be."""


@frozen
class News:
    """Something that happened in a job.

    Attributes:
        name: `begin`, `progress`, `rows`, and at last one of `report`, `failed` and `stopped`.
        data: more about it, as JSON.
    """

    name: str
    data: Any


@define(eq=False)
class Draft:
    """A plan that somebody looks at.

    Attributes:
        id: tells it from others, and cannot be guessed.
        administrator: the account whose members it is about.
        plan: the plan.
        job: what applies it; None where nobody has asked for that.
    """

    administrator: str
    plan: MembershipPlan
    id: str = field(init=False, factory=lambda: secrets.token_hex(16))
    job: "Job | None" = field(init=False, default=None)


class Job:
    """A plan that is being applied, or was.

    Attributes:
        id: tells it from others.
        feed: what happens in it.
    """

    def __init__(self, draft: Draft, timeout: float) -> None:
        self.id = secrets.token_hex(16)
        self.feed: Feed[News] = Feed()
        self._administrator = draft.administrator
        self._started = datetime.now(UTC)
        self._state = "running"
        self._progress: ProgressEvent | None = None
        self._task = asyncio.create_task(self._run(draft.plan, timeout), name=f"onboarding job {self.id}")
        self._task.add_done_callback(self._close)

    @property
    def running(self) -> bool:
        """Whether it is under way."""
        return not self.feed.ended

    def describe(self) -> dict[str, Any]:
        """Tell how it is doing, as JSON."""
        return {
            "JobId": self.id,
            "AdministratorId": self._administrator,
            "StartedTime": to_json(self._started),
            "State": self._state,
            **_progress(self._progress),
        }

    async def stop(self) -> None:
        """Stop it, if it is under way, and wait until it has ended."""
        if self.running:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self, plan: MembershipPlan, timeout: float) -> dict[str, Any]:
        self.feed.put(News("begin", self.describe()))
        report = await plan.apply(timeout=timeout, progress=self._note)
        rows = [_row(row) for row in report.rows]
        for start in range(0, len(rows), _ROWS):
            self.feed.put(News("rows", rows[start : start + _ROWS]))
        return _summary(report)

    def _close(self, task: asyncio.Task[dict[str, Any]]) -> None:
        # Not at the end of `_run`, which may be cancelled before it has begun.
        error = None if task.cancelled() else task.exception()
        if task.cancelled():
            self._end("stopped")
        elif error is None:
            self._end("done", name="report", **task.result())
        elif isinstance(error, DetectiveError):
            self._end("failed", Error=to_json(error))
        else:
            _logger.error("an onboarding job failed", exc_info=error)
            self._end("failed", Error={"title": "Internal Server Error", "detail": "The server's log tells more."})

    def _note(self, progress: ProgressEvent) -> None:
        before, self._progress = self._progress, progress
        total = progress.total or 1
        # Each row of a large list would be more than anybody reads.
        if before is None or before.done * _STEPS // total != progress.done * _STEPS // total:
            self.feed.put(News("progress", _progress(progress)))

    def _end(self, state: str, *, name: str | None = None, **more: Any) -> None:
        self._state = state
        self.feed.put(News(name or state, {**self.describe(), **more}))
        self.feed.end()


class Jobs:
    """All plans and jobs of a backend; what they hold in memory is bounded."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._drafts: dict[str, Draft] = {}
        self._jobs: dict[str, Job] = {}

    def __iter__(self) -> Iterator[Job]:
        """Give the jobs, the newest first."""
        return iter(list(reversed(self._jobs.values())))

    def add(self, administrator: str, plan: MembershipPlan) -> Draft:
        """Keep a plan until somebody wants it applied."""
        draft = Draft(administrator, plan)
        self._drafts[draft.id] = draft
        _keep(self._drafts, list(self._drafts), _MAX_DRAFTS)
        return draft

    def draft(self, draft_id: str) -> Draft | None:
        """Find a plan."""
        return self._drafts.get(draft_id)

    def get(self, job_id: str) -> Job | None:
        """Find a job."""
        return self._jobs.get(job_id)

    def start(self, draft: Draft) -> Job:
        """Begin to apply a plan, which is done once: asked again, it gives the same job.

        Raises:
            TooManyError: as many are under way as may be.
        """
        if draft.job is not None:
            return draft.job
        if sum(job.running for job in self._jobs.values()) >= MAX_RUNNING:
            raise TooManyError
        job = draft.job = Job(draft, self._timeout)
        self._jobs[job.id] = job
        _keep(self._jobs, [job_id for job_id, one in self._jobs.items() if not one.running], _MAX_FINISHED)
        return job

    async def aclose(self) -> None:
        """Stop what is under way."""
        await asyncio.gather(*(job.stop() for job in self._jobs.values()))


def _keep(entries: dict[str, Any], candidates: list[str], most: int) -> None:
    """Drop the oldest candidates that are too many."""
    for name in candidates[: max(0, len(candidates) - most)]:
        del entries[name]


def _progress(progress: ProgressEvent | None) -> dict[str, Any]:
    if progress is None:
        return {"Done": 0, "Failed": 0, "Total": None}
    return {"Done": progress.done, "Failed": progress.failed, "Total": progress.total}


def _summary(report: MembershipReport) -> dict[str, Any]:
    return {
        "Ok": report.ok,
        # Its first line: the others repeat what the rows tell.
        "Summary": str(report).partition("\n")[0],
        "Regions": [
            {
                "Region": one.region,
                "GraphArn": one.graph_arn,
                "Done": [str(kind) for kind in one.done],
                "Problem": one.problem,
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
        "Problem": row.problem,
        "Error": None if row.error is None else to_json(row.error),
    }

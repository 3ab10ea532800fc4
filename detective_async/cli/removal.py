"""The removal of members that are named one by one: planned, shown and reported as other changes of memberships are."""

import asyncio
import time
from collections.abc import Collection, Sequence
from typing import Any

from attrs import define, field, frozen

from detective_async.api.models.members import DeleteMembersRequest, MemberDetail
from detective_async.client.batches import split
from detective_async.client.client import DetectiveClient
from detective_async.client.concurrency import map_concurrently
from detective_async.client.regions import region_finding
from detective_async.errors import DetectiveError
from detective_async.events import ProgressCallback, ProgressCounter
from detective_async.membership import (
    AccountReport,
    Action,
    ActionKind,
    MembershipReport,
    Note,
    Problem,
    Reason,
    RegionReport,
)
from detective_async.membership.actions import format_plan, plan_data
from detective_async.membership.graphs import administrator_of

#: Regions that are read or changed at a time.
_CONCURRENCY = 8
#: Of members whose removal has been sent.
_MAY_BE_GONE = "it may be gone"


@frozen(kw_only=True)
class Removal:
    """The members to remove, where they are some; as a `MembershipPlan`.

    Attributes:
        problems: the regions that could not be read.
    """

    problems: tuple[Problem, ...]
    # The regions in which accounts are to be removed.
    _found: "tuple[_Region, ...]" = field(alias="found")
    notes: tuple[Note, ...] = ()
    # The report of the last application, complete or not.
    _reports: list[MembershipReport] = field(init=False, factory=list, repr=False, eq=False)

    @property
    def report(self) -> MembershipReport | None:
        """What the last application has done, also if it was cancelled; None before."""
        return self._reports[-1] if self._reports else None

    @property
    def actions(self) -> tuple[Action, ...]:
        """The removals."""
        return tuple(
            Action(ActionKind.REMOVE, one.client.region, account_id, detail=str(member.status))
            for one in self._found
            for account_id, member in one.members.items()
        )

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions."""
        return (*(one.client.region for one in self._found), *(one.region for one in self.problems))

    @property
    def administrator_id(self) -> str | None:
        """The owner of the graphs; None without one."""
        return administrator_of(self._found[0].graph_arn) if self._found else None

    def __str__(self) -> str:
        return format_plan(self, self.regions)

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as plain data."""
        return plan_data(self, self.regions)

    async def apply(self, *, timeout: float, progress: ProgressCallback | None) -> MembershipReport:
        """Remove the members within so many seconds, and return the report."""
        counter = ProgressCounter(progress, len(self.actions), time.monotonic)
        batches = [
            _Batch(region, request.account_ids)
            for region in self._found
            for request in split(DeleteMembersRequest(region.graph_arn, list(region.members)), "account_ids")
        ]

        async def remove(batch: _Batch) -> None:
            await batch.remove()
            for row in batch.rows:
                counter.add(failed=not row.ok)

        try:
            async with asyncio.timeout(timeout):
                await map_concurrently(remove, batches, concurrency=_CONCURRENCY)
        except TimeoutError:
            for batch in batches:
                batch.time_out(timeout)
        finally:
            report = self._report(batches)
            self._reports[:] = [report]
        return report

    def _report(self, batches: "Sequence[_Batch]") -> MembershipReport:
        return MembershipReport(
            administrator_id=self.administrator_id,
            notes=self.notes,
            rows=tuple(row for batch in batches for row in batch.rows),
            regions=(
                *(RegionReport(region=one.client.region, graph_arn=one.graph_arn) for one in self._found),
                *(
                    RegionReport(region=one.region, problem=one.text, error=one.error, reason=one.reason)
                    for one in self.problems
                ),
            ),
        )


@frozen
class _Region:
    """What was read of the graph in a region: the members to remove. Without a graph there are none."""

    client: DetectiveClient
    graph_arn: str = ""
    members: dict[str, MemberDetail] = field(factory=dict)
    error: DetectiveError | None = None


async def plan_removal(
    client: DetectiveClient, account_ids: Collection[str], regions: Sequence[str], *, all_regions: bool
) -> Removal:
    """Find the graphs of which accounts are members.

    Args:
        client: of the administrator.
        account_ids: the accounts.
        regions: where to look.
        all_regions: whether a region that the administrator has not opted in to is no problem.
    """

    async def read(name: str) -> _Region:
        here = client.with_options(region=name)
        try:
            graph = await here.iter_graphs().first()
            if graph is None:
                return _Region(here)
            members = {one.account_id: one async for one in here.iter_members(graph.arn)}
        except DetectiveError as error:
            return _Region(here, error=error)
        return _Region(here, graph.arn, {one: members[one] for one in account_ids if one in members})

    found = await map_concurrently(read, regions, concurrency=_CONCURRENCY)
    accepted = any(one.error is None for one in found)
    problems = [
        Problem(one.client.region, None, str(one.error), one.error)
        for one in found
        if one.error is not None
        and not (all_regions and region_finding(one.error, one.client.region, keys_accepted=accepted).is_closed)
    ]
    return Removal(problems=tuple(problems), found=tuple(one for one in found if one.members))


@define(eq=False)
class _Batch:
    """The removal of as many members of a graph as one request takes.

    Attributes:
        rows: the result so far: interrupted, until it has ended.
    """

    _region: _Region
    _account_ids: Sequence[str]
    rows: list[AccountReport] = field(init=False)
    # Whether the request has been sent, and its outcome is not known.
    _may_be_gone: bool = field(init=False, default=False)

    def __attrs_post_init__(self) -> None:
        self._end("interrupted before it was removed", Reason.INTERRUPTED)

    async def remove(self) -> None:
        """Remove them, and record the result."""
        self._may_be_gone = True
        self._end(f"interrupted while it was being removed: {_MAY_BE_GONE}", Reason.INTERRUPTED)
        try:
            done = await self._region.client.delete_members(self._region.graph_arn, self._account_ids)
        except DetectiveError as error:
            self._may_be_gone = error.outcome_unknown
            self._end(f"{error}; {_MAY_BE_GONE}" if self._may_be_gone else str(error), Reason.FAILED, error)
            return
        refused = {one.account_id: one.reason for one in done.unprocessed_accounts}
        self._may_be_gone = False
        self.rows = [
            self._row(account_id, f"AWS has not removed it: {refused[account_id]}", Reason.REFUSED)
            if account_id in refused
            else AccountReport(**self._where(account_id), done=(ActionKind.REMOVE,))
            for account_id in self._account_ids
        ]

    def time_out(self, timeout: float) -> None:
        """End what has not ended: the time is over."""
        if self.rows[0].reason is Reason.INTERRUPTED:
            late = f"not removed within {timeout:.10g} s"
            self._end(f"{late}; {_MAY_BE_GONE}" if self._may_be_gone else late, Reason.TIMED_OUT)

    def _end(self, problem: str, reason: Reason, error: DetectiveError | None = None) -> None:
        self.rows = [self._row(account_id, problem, reason, error) for account_id in self._account_ids]

    def _row(self, account_id: str, problem: str, reason: Reason, error: DetectiveError | None = None) -> AccountReport:
        where = self._where(account_id)
        return AccountReport(
            **where,
            after=None if self._may_be_gone else where["before"],
            maybe_done=(ActionKind.REMOVE,) if self._may_be_gone else (),
            problem=problem,
            error=error,
            reason=reason,
        )

    def _where(self, account_id: str) -> dict[str, Any]:
        before = self._region.members[account_id].status
        return {"account_id": account_id, "region": self._region.client.region, "before": before}

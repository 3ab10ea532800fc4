"""The removal of members that are named one by one: planned, shown and reported as other changes of memberships are."""

import time
from collections.abc import Collection, Sequence
from typing import Any

from attrs import field, frozen

from detective_async.api.models.members import MemberDetail
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
    #: As it is quick, there is none of a removal that was cancelled.
    report: MembershipReport | None = None

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

    async def apply(self, *, timeout: float, progress: ProgressCallback | None) -> MembershipReport:  # noqa: ARG002 - as of plans
        """Remove the members, and return the report."""
        counter = ProgressCounter(progress, len(self.actions), time.monotonic)

        async def remove(region: _Region) -> list[AccountReport]:
            rows = await _remove(region)
            for row in rows:
                counter.add(failed=not row.ok)
            return rows

        rows = await map_concurrently(remove, self._found, concurrency=_CONCURRENCY)
        return MembershipReport(
            administrator_id=self.administrator_id,
            notes=self.notes,
            rows=tuple(row for some in rows for row in some),
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


async def _remove(region: _Region) -> list[AccountReport]:
    result = await region.client.bulk.delete_members(region.graph_arn, list(region.members))
    refused = {one.account_id: one.reason for one in result.unprocessed_accounts}
    failed = {account_id: failure.error for failure in result.failures for account_id in failure.items}
    rows = []
    for account_id, member in region.members.items():
        where: dict[str, Any] = {"account_id": account_id, "region": region.client.region, "before": member.status}
        if account_id in failed:
            error = failed[account_id]
            rows.append(
                AccountReport(
                    **where,
                    after=member.status,
                    maybe_done=(ActionKind.REMOVE,) if error.outcome_unknown else (),
                    problem=str(error),
                    error=error,
                    reason=Reason.FAILED,
                )
            )
        elif account_id in refused:
            text = f"AWS has not removed it: {refused[account_id]}"
            rows.append(AccountReport(**where, after=member.status, problem=text, reason=Reason.REFUSED))
        else:
            rows.append(AccountReport(**where, done=(ActionKind.REMOVE,)))
    return rows

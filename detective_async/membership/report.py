"""The results of applying plans."""

from collections import Counter

from attrs import frozen

from detective_async.api.models.members import MemberStatus
from detective_async.errors import printable
from detective_async.membership.actions import ActionKind

#: The number of failures in the text of a report.
_SHOWN = 20


@frozen(kw_only=True)
class AccountReport:
    """The result for one account in one region.

    Attributes:
        account_id: the account.
        region: the region.
        before: its status at the beginning; None if it was not a member.
        after: its status when last read; None if it is not a member, or its status could not be read.
        done: the actions that were carried out for it, in order.
        problem: why it is not in its desired state; None if it is.
        error: the error that caused the problem, or None.
    """

    account_id: str
    region: str
    before: MemberStatus | None = None
    after: MemberStatus | None = None
    done: tuple[ActionKind, ...] = ()
    problem: str | None = None
    error: Exception | None = None

    @property
    def ok(self) -> bool:
        """Whether the account is in its desired state."""
        return self.problem is None


@frozen(kw_only=True)
class RegionReport:
    """The result for the graph of one region.

    Attributes:
        region: the region.
        graph_arn: the graph; None if there is none, or it could not be read.
        done: the actions that were carried out on the graph, in order.
        problem: why it is not in its desired state; None if it is.
        error: the error that caused the problem, or None.
    """

    region: str
    graph_arn: str | None = None
    done: tuple[ActionKind, ...] = ()
    problem: str | None = None
    error: Exception | None = None

    @property
    def ok(self) -> bool:
        """Whether the graph itself is in its desired state, regardless of its accounts."""
        return self.problem is None


@frozen(kw_only=True)
class MembershipReport:
    """The result of a membership plan.

    Attributes:
        rows: one for each account in each region that should be a member or should be removed.
        regions: one for each region.
    """

    rows: tuple[AccountReport, ...]
    regions: tuple[RegionReport, ...]

    @property
    def ok(self) -> bool:
        """Whether all accounts and all graphs are in their desired state."""
        return not self.failures and all(region.ok for region in self.regions)

    @property
    def failures(self) -> tuple[AccountReport, ...]:
        """The rows of the accounts that are not in their desired state."""
        return tuple(row for row in self.rows if not row.ok)

    def __str__(self) -> str:
        """Summarize actions and failures in a few lines."""
        done = Counter(kind for region in self.regions for kind in region.done)
        done.update(kind for row in self.rows for kind in row.done)
        summary = ", ".join(f"{kind}: {done[kind]}" for kind in ActionKind if done[kind]) or "nothing had to be done"
        good = len(self.rows) - len(self.failures)
        lines = [
            f"{good} of {len(self.rows)} memberships in {count(len(self.regions), 'region')} are as wanted; {summary}"
        ]
        failed = [region for region in self.regions if not region.ok]
        lines += [f"  {region.region}: {region.problem}" for region in failed]
        # A region's problem is shown once, and not again for each of its accounts.
        shown = {(region.region, region.problem) for region in failed}
        rows = [row for row in self.failures if (row.region, row.problem) not in shown]
        # Ids of accounts that were removed are from responses.
        lines += [printable(f"  {row.region} {row.account_id}: {row.problem}") for row in rows[:_SHOWN]]
        if len(rows) > _SHOWN:
            lines.append(f"  ... and {len(rows) - _SHOWN} more")
        return "\n".join(lines)


@frozen(kw_only=True)
class TeardownReport:
    """The result of a teardown.

    Attributes:
        regions: one for each region that had a graph, or whose graph could not be read.
    """

    regions: tuple[RegionReport, ...]

    @property
    def ok(self) -> bool:
        """Whether no graph remains."""
        return not self.failures

    @property
    def failures(self) -> tuple[RegionReport, ...]:
        """The regions in which a graph may remain."""
        return tuple(region for region in self.regions if not region.ok)

    def __str__(self) -> str:
        """Summarize deletions and failures in a few lines."""
        deleted = [region for region in self.regions if ActionKind.DELETE_GRAPH in region.done]
        lines = [f"{count(len(deleted), 'graph')} gone"]
        lines += [f"  {region.region}: {region.problem}" for region in self.failures]
        return "\n".join(lines)


def count(number: int, noun: str) -> str:
    """Return a number with its noun: `1 graph`, `2 graphs`."""
    return f"{number} {noun if number == 1 else f'{noun}s'}"

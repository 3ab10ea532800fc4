"""What came of a plan."""

from collections import Counter

from attrs import frozen

from detective_async.api.models.members import MemberStatus
from detective_async.membership.actions import ActionKind

#: How many failures the text of a report shows.
_SHOWN = 20


@frozen(kw_only=True)
class AccountReport:
    """What became of one account in one region.

    Attributes:
        account_id: the account.
        region: where.
        before: its status when the work began; None where it was no member.
        after: its status when it was last seen; None where it is no member, or nobody could look.
        done: what was done for it, in order.
        problem: why it is not as it is wanted; None where it is.
        error: the error that this follows from, or None.
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
        """Whether it is as it is wanted."""
        return self.problem is None


@frozen(kw_only=True)
class RegionReport:
    """What became of the graph of one region.

    Attributes:
        region: where.
        graph_arn: the graph; None where there is none, or nobody could look.
        done: what was done about it, in order.
        problem: why it is not as it is wanted; None where it is.
        error: the error that this follows from, or None.
    """

    region: str
    graph_arn: str | None = None
    done: tuple[ActionKind, ...] = ()
    problem: str | None = None
    error: Exception | None = None

    @property
    def ok(self) -> bool:
        """Whether it is as it is wanted; the accounts in it are another matter."""
        return self.problem is None


@frozen(kw_only=True)
class MembershipReport:
    """What came of a membership plan.

    Attributes:
        rows: one for each account in each region that is wanted there, or was to be removed.
        regions: one for each region.
    """

    rows: tuple[AccountReport, ...]
    regions: tuple[RegionReport, ...]

    @property
    def ok(self) -> bool:
        """Whether all accounts, and all graphs, are as they are wanted."""
        return not self.failures and all(region.ok for region in self.regions)

    @property
    def failures(self) -> tuple[AccountReport, ...]:
        """The rows of the accounts that are not as they are wanted."""
        return tuple(row for row in self.rows if not row.ok)

    def __str__(self) -> str:
        """Say what was done and what failed, in a few lines."""
        done = Counter(kind for region in self.regions for kind in region.done)
        done.update(kind for row in self.rows for kind in row.done)
        summary = ", ".join(f"{kind}: {done[kind]}" for kind in ActionKind if done[kind]) or "nothing had to be done"
        good = len(self.rows) - len(self.failures)
        lines = [
            f"{good} of {len(self.rows)} memberships in {count(len(self.regions), 'region')} are as wanted; {summary}"
        ]
        failed = [region for region in self.regions if not region.ok]
        lines += [f"  {region.region}: {region.problem}" for region in failed]
        # Where the region's problem is theirs, once is enough.
        told = {(region.region, region.problem) for region in failed}
        rows = [row for row in self.failures if (row.region, row.problem) not in told]
        lines += [f"  {row.region} {row.account_id}: {row.problem}" for row in rows[:_SHOWN]]
        if len(rows) > _SHOWN:
            lines.append(f"  ... and {len(rows) - _SHOWN} more")
        return "\n".join(lines)


@frozen(kw_only=True)
class TeardownReport:
    """What came of a teardown.

    Attributes:
        regions: one for each region where there was a graph, or where nobody could look.
    """

    regions: tuple[RegionReport, ...]

    @property
    def ok(self) -> bool:
        """Whether no graph is left."""
        return not self.failures

    @property
    def failures(self) -> tuple[RegionReport, ...]:
        """The regions where one may be left."""
        return tuple(region for region in self.regions if not region.ok)

    def __str__(self) -> str:
        """Say what is gone and what failed, in a few lines."""
        deleted = [region for region in self.regions if ActionKind.DELETE_GRAPH in region.done]
        lines = [f"{count(len(deleted), 'graph')} gone"]
        lines += [f"  {region.region}: {region.problem}" for region in self.failures]
        return "\n".join(lines)


def count(number: int, noun: str) -> str:
    """Say how many there are: `1 graph`, `2 graphs`."""
    return f"{number} {noun if number == 1 else f'{noun}s'}"

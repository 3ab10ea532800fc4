"""The result of a survey: a row for each account in each region, and their totals."""

import enum
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from attrs import Factory, frozen

from detective_async.api.models.base import TablesInNotebooks
from detective_async.api.models.members import MemberStatus
from detective_async.api.values import fields_to_dict, to_dict
from detective_async.errors import code_of


class CoverageReason(enum.StrEnum):
    """Why an account is not covered in a region.

    Attributes:
        NOT_A_MEMBER: there is a graph, and the account is neither a member nor the administrator.
        INVITED: it was invited and has not accepted.
        VERIFICATION_IN_PROGRESS: AWS verifies its e-mail address, or that it belongs to the organization.
        VERIFICATION_FAILED: its e-mail address is not that of its root user, so it was not invited.
        VOLUME_TOO_HIGH: its data would exceed what a graph may ingest.
        VOLUME_UNKNOWN: its data volume is not known yet.
        NOT_YET_ENABLED: it has accepted, and AWS has not said why it is not enabled: most likely its volume is being
            checked.
        INGESTION_STOPPED: it is enabled, but the ingestion of the package DETECTIVE_CORE is stopped.
        SUSPENDED: it is suspended or being closed, by what AWS Organizations says.
        PENDING_ACTIVATION: it was created and is not active yet, by what AWS Organizations says.
        NO_GRAPH: the administrator has no graph in the region: Detective is not enabled.
        REGION_NOT_OPTED_IN: the administrator's account has not opted in to the region.
        REGION_WITHOUT_DETECTIVE: the region has no endpoint of Detective.
        COULD_NOT_LOOK: the graph could not be read, so that it is not known whether the account is covered.
        OTHER: its status is one that this release does not know.
    """

    NOT_A_MEMBER = "not a member"
    INVITED = "invited"
    VERIFICATION_IN_PROGRESS = "verification in progress"
    VERIFICATION_FAILED = "verification failed"
    VOLUME_TOO_HIGH = "volume too high"
    VOLUME_UNKNOWN = "volume unknown"
    NOT_YET_ENABLED = "not yet enabled"
    INGESTION_STOPPED = "ingestion stopped"
    SUSPENDED = "suspended"
    PENDING_ACTIVATION = "pending activation"
    NO_GRAPH = "no graph"
    REGION_NOT_OPTED_IN = "region not opted in"
    REGION_WITHOUT_DETECTIVE = "region without Detective"
    COULD_NOT_LOOK = "could not look"
    OTHER = "other"


class RegionState(enum.StrEnum):
    """What a region has, or why that is not known.

    Attributes:
        MEMBERS: a graph with members.
        NO_MEMBERS: a graph that has no members.
        NO_GRAPH: no graph.
        NOT_OPTED_IN: the account has not opted in to the region.
        WITHOUT_DETECTIVE: the region has no endpoint of Detective.
        COULD_NOT_LOOK: it is not known; see the error.
    """

    MEMBERS = "members"
    NO_MEMBERS = "no members"
    NO_GRAPH = "no graph"
    NOT_OPTED_IN = "not opted in"
    WITHOUT_DETECTIVE = "without Detective"
    COULD_NOT_LOOK = "could not look"


@frozen(kw_only=True)
class CoverageRow:
    """One account in one region.

    Attributes:
        account_id: the account.
        region: the region.
        covered: whether its data goes into a graph: as an enabled member, or as the administrator of the graph.
        expected: whether it can be covered there. Not expected are accounts that are not active, by what AWS
            Organizations says; and of a survey of all regions, those that have no Detective or are not opted in to.
            Whatever is covered is expected.
        status: its status as a member; None if it is not one, and for the administrator.
        reason: why it is not covered; None if it is.
        is_administrator: whether it is the administrator of the graph.
        since: when its membership last changed; for the administrator, when the graph was created.
        volume: the bytes a day that it contributes; None if that is not known, as for administrators.
        packages: data source package -> whether its data is ingested: `STARTED`, `STOPPED` or `DISABLED`.
        graph_arn: the graph; None if there is none, or the account is not in it.
    """

    account_id: str
    region: str
    covered: bool
    expected: bool = True
    status: MemberStatus | None = None
    reason: CoverageReason | None = None
    is_administrator: bool = False
    since: datetime | None = None
    volume: int | None = None
    packages: Mapping[str, str] = Factory(dict)
    graph_arn: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the row as plain data, ready for JSON."""
        return fields_to_dict(self)


@frozen(kw_only=True)
class RegionCoverage:
    """What one administrator has in one region.

    Attributes:
        region: the region.
        state: what there is, or why that is not known.
        administrator_id: the administrator; None if it is not known.
        graph_arn: the graph; None if there is none, or it could not be read.
        members: the number of members, whatever their status.
        packages: data source package -> its state in the graph; empty if they could not be read.
        error: why the graph, or only its packages, could not be read; None if they could.
    """

    region: str
    state: RegionState
    administrator_id: str | None = None
    graph_arn: str | None = None
    members: int = 0
    packages: Mapping[str, str] = Factory(dict)
    error: Exception | None = None

    def __str__(self) -> str:
        """Say what there is, or why that is not known."""
        return f"{self.region}: {self.state}" if self.error is None else f"{self.region}: {self.state}: {self.error}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data, ready for JSON."""
        error = None if self.error is None else {"code": code_of(self.error), "message": str(self.error)}
        return {
            "region": self.region,
            "state": self.state.value,
            "administrator_id": self.administrator_id,
            "graph_arn": self.graph_arn,
            "members": self.members,
            "packages": to_dict(self.packages),
            "error": error,
        }


@frozen(kw_only=True)
class CoverageTotals:
    """The numbers of rows: `total` is `covered` and all of `reasons` together.

    Attributes:
        total: all rows.
        expected: those that are expected to be covered.
        covered: those that are covered.
        reasons: reason -> those that are not covered for it, in the order of the reasons; without zeros.
    """

    total: int
    expected: int
    covered: int
    reasons: Mapping[CoverageReason, int]

    @property
    def uncovered(self) -> int:
        """The number of rows that are expected to be covered, and are not."""
        return self.expected - self.covered

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as plain data, ready for JSON."""
        return fields_to_dict(self)


@frozen(kw_only=True)
class Coverage(TablesInNotebooks):
    """The result of a survey; iterating over it gives its rows.

    Attributes:
        rows: one for each account in each region, in the order of the accounts, and of the regions.
        regions: what each administrator has in each region.
        unlisted: the members and administrators that are not among the accounts which the survey was asked about; empty
            if it was asked about none.
    """

    rows: tuple[CoverageRow, ...]
    regions: tuple[RegionCoverage, ...]
    unlisted: tuple[CoverageRow, ...] = ()

    def __iter__(self) -> Iterator[CoverageRow]:
        """Iterate over the rows."""
        return iter(self.rows)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    @property
    def ok(self) -> bool:
        """Whether something is expected to be covered, and all of that is."""
        return self.totals.expected > 0 and not self.totals.uncovered

    @property
    def uncovered(self) -> tuple[CoverageRow, ...]:
        """The rows that are expected to be covered, and are not."""
        return tuple(row for row in self.rows if row.expected and not row.covered)

    @property
    def totals(self) -> CoverageTotals:
        """The numbers of all rows."""
        return totals_of(self.rows)

    def totals_by_region(self) -> dict[str, CoverageTotals]:
        """Return region -> the numbers of its rows, for all regions of the survey."""
        found: dict[str, list[CoverageRow]] = {one.region: [] for one in self.regions}
        for row in self.rows:
            found[row.region].append(row)
        return {region: totals_of(rows) for region, rows in found.items()}

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data, ready for JSON."""
        return {
            "ok": self.ok,
            "totals": self.totals.to_dict(),
            "regions": [one.to_dict() for one in self.regions],
            "rows": [row.to_dict() for row in self.rows],
            "unlisted": [row.to_dict() for row in self.unlisted],
        }

    def __str__(self) -> str:
        """Summarize the rows in one line; and the regions that could not be read, or all if nothing is expected."""
        totals = self.totals
        numbers = "".join(f"; {reason}: {number}" for reason, number in totals.reasons.items())
        lines = [f"{totals.covered} of {totals.expected} covered{numbers}"]
        lines += [f"  {one}" for one in self.regions if one.error is not None or not totals.expected]
        return "\n".join(lines)


def totals_of(rows: Iterable[CoverageRow]) -> CoverageTotals:
    """Count rows."""
    rows = list(rows)
    counts = Counter(row.reason for row in rows)
    reasons = {reason: counts[reason] for reason in CoverageReason if counts[reason]}
    expected = sum(row.expected for row in rows)
    return CoverageTotals(total=len(rows), expected=expected, covered=counts[None], reasons=reasons)

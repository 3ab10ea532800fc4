"""The coverage of all accounts in all regions, cell by cell, as the administrators answer."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from attrs import evolve

from detective_async.coverage import (
    Coverage,
    CoverageReason,
    CoverageRow,
    RegionCoverage,
    RegionState,
    join_surveys,
)
from detective_async.fleet import OutcomeKind
from detective_async.integrations.aiohttp_web import to_json
from web_backend.kinds import Row, written
from web_backend.survey import Found, Survey

#: The most administrators that are named in a region.
_NAMED = 3
#: The reasons of accounts that are in no graph of the region.
_UNSEEN = frozenset(
    {
        CoverageReason.NOT_A_MEMBER,
        CoverageReason.NO_GRAPH,
        CoverageReason.REGION_NOT_OPTED_IN,
        CoverageReason.REGION_WITHOUT_DETECTIVE,
    }
)


class CoverageSurvey(Survey):
    """A survey whose rows are the cells of the matrix: an account in a region.

    The cells of a region wait until all its administrators have answered: an account that is not in one graph may be in
    another.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._left = Counter(target.region for target in self.plan.targets)
        self._parts: dict[str, list[Found]] = {region: [] for region in self._left}
        #: Region -> administrator -> why it could not be asked.
        self._causes: dict[str, dict[str, str]] = defaultdict(dict)
        self._accounts = set(self.plan.accounts)
        #: Region -> the accounts whose cells have been given.
        self._given: dict[str, set[str]] = {region: set() for region in self._left}

    async def put(self, found: Found) -> None:
        """Add what an administrator has said, and once it was the region's last one, the region's cells."""
        region = found.region
        self._parts[region].append(found)
        if found.coverage is not None:
            self._accounts.update(row.account_id for row in found.coverage.rows)
        if found.failure is not None and found.failure.status is not None:
            self._causes[region][found.account_id] = found.failure.status
        self._left[region] -= 1
        await super().put(found)
        if not self._left[region]:
            await self._put_cells(region)

    async def complete(self) -> None:
        """Add the cells of accounts that were found only after their region was complete."""
        for region in self._parts:
            await self._put_cells(region)

    async def cells_of(self, account_id: str) -> list[dict[str, Any]]:
        """Return the cells of any account, by what is known now."""
        # Copied for the thread, since it changes meanwhile.
        known = {
            region: None if self._left[region] else (tuple(parts), dict(self._causes[region]))
            for region, parts in self._parts.items()
        }
        return await asyncio.to_thread(_cells_of, account_id, known)

    def silent(self) -> dict[str, dict[str, Any]]:
        """Return how many administrators of a region did not answer, and some: any account may be in their graphs."""
        silent: dict[str, list[str]] = defaultdict(list)
        for one in self.found.values():
            if one.outcome is OutcomeKind.FAILED:
                silent[one.region].append(one.account_id)
        return {region: {"Count": len(ids), "AccountIds": ids[:_NAMED]} for region, ids in silent.items()}

    async def _put_cells(self, region: str) -> None:
        accounts = self._accounts - self._given[region]
        if accounts:
            # In a thread, since that takes long for very many accounts.
            causes = dict(self._causes[region])
            rows = await asyncio.to_thread(_rows, tuple(self._parts[region]), accounts, causes)
            # Only now: if the survey's time is over meanwhile, `complete` gives them.
            self._given[region] |= accounts
            self.feed.put(Found(account_id="", region=region, rows=rows))


def _cells_of(
    account_id: str, known: Mapping[str, tuple[Sequence[Found], Mapping[str, str]] | None]
) -> list[dict[str, Any]]:
    cells = []
    for region, answers in known.items():
        if answers is None:
            cells.append({"AccountId": account_id, "Region": region, "State": "not asked"})
            continue
        parts = [
            evolve(part, rows=tuple(row for row in part.rows if row.account_id == account_id))
            for part in map(_coverage_of, answers[0])
        ]
        cells += [_cell(row, answers[1]) for row in join_surveys(parts, accounts=[account_id])]
    return cells


def _coverage_of(found: Found) -> Coverage:
    """Return what an administrator has, or why that is not known."""
    if found.coverage is not None:
        return found.coverage
    state = RegionState.COULD_NOT_LOOK
    if found.failure and found.outcome is OutcomeKind.REGION_UNAVAILABLE:
        is_missing = found.failure.status == "HostNotFound"
        state = RegionState.WITHOUT_DETECTIVE if is_missing else RegionState.NOT_OPTED_IN
    return Coverage(
        rows=(), regions=(RegionCoverage(region=found.region, state=state, administrator_id=found.account_id),)
    )


def _rows(parts: Sequence[Found], accounts: Collection[str], causes: Mapping[str, str]) -> tuple[Row, ...]:
    cells = [_cell(row, causes) for row in join_surveys(map(_coverage_of, parts), accounts=sorted(accounts))]
    return tuple(Row(id=one["AccountId"], status=one["State"], json=written(one)) for one in cells)


def _cell(row: CoverageRow, causes: Mapping[str, str]) -> dict[str, Any]:
    """Return a cell.

    Args:
        row: what is known about the account.
        causes: administrator -> why it could not be asked, in the region.
    """
    state = _state(row)
    return {
        "AccountId": row.account_id,
        "Region": row.region,
        "State": state,
        "Reason": row.reason,
        "Status": row.status,
        "IsAdministrator": row.is_administrator,
        "Since": to_json(row.since),
        "VolumeInBytes": row.volume,
        "Packages": dict(row.packages),
        "GraphArn": row.graph_arn,
        "AdministratorId": None if row.graph_arn is None else row.graph_arn.split(":")[4],
        "Cause": _cause(row.account_id, causes) if state == "failed" else None,
    }


def _cause(account_id: str, causes: Mapping[str, str]) -> str | None:
    """Return why a cell is not known: the account's own failure, or else the most common one of the others."""
    common = Counter(causes.values()).most_common(1)
    return causes.get(account_id) or next((cause for cause, _ in common), None)


def _state(row: CoverageRow) -> str:
    if row.covered:
        return "on"
    if row.reason is CoverageReason.COULD_NOT_LOOK:
        return "failed"
    return "unseen" if row.reason in _UNSEEN else "off"

"""Surveys accounts and regions, by asking each administrator once in each region."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from attrs import evolve

from detective_async.api.models.constraints import ACCOUNT_ID, DistinctItems, Integer, list_if_iterable
from detective_async.client.client import DetectiveClient
from detective_async.client.concurrency import map_concurrently
from detective_async.client.regions import UNKNOWN_KEYS
from detective_async.coverage.reading import Reading, read
from detective_async.coverage.rows import Coverage, CoverageReason, CoverageRow, RegionCoverage, RegionState
from detective_async.errors import DetectiveError, HostNotFound, ParameterError, ServiceError
from detective_async.fleet import DetectiveFleet, OutcomeKind, Target
from detective_async.fleet.outcomes import outcome_kind
from detective_async.settings.arguments import attribute, shown
from detective_async.settings.endpoints import check_region, needs_no_opt_in

CONCURRENCY = 16
#: The states of accounts in AWS Organizations whose accounts cannot be covered (API reference, "Account": State).
_SUSPENDED = frozenset({"SUSPENDED", "PENDING_CLOSURE", "CLOSED"})
#: What a region without rows of an account has -> why the account is not covered. If several administrators were asked,
#: the first of these counts: while one could not be asked, nothing is known.
_BY_STATE = {
    RegionState.COULD_NOT_LOOK: CoverageReason.COULD_NOT_LOOK,
    RegionState.MEMBERS: CoverageReason.NOT_A_MEMBER,
    RegionState.NO_MEMBERS: CoverageReason.NOT_A_MEMBER,
    RegionState.NO_GRAPH: CoverageReason.NO_GRAPH,
    RegionState.NOT_OPTED_IN: CoverageReason.REGION_NOT_OPTED_IN,
    RegionState.WITHOUT_DETECTIVE: CoverageReason.REGION_WITHOUT_DETECTIVE,
}
#: The reasons that count more than that the account is suspended.
_ABOVE_SUSPENDED = frozenset(
    {CoverageReason.COULD_NOT_LOOK, CoverageReason.REGION_NOT_OPTED_IN, CoverageReason.REGION_WITHOUT_DETECTIVE}
)


async def survey(
    client: DetectiveClient,
    *,
    regions: Iterable[str],
    accounts: Iterable[Any] | None = None,
    concurrency: int = CONCURRENCY,
) -> Coverage:
    """Find out which accounts are covered in which regions, and why others are not; changes nothing.

    Only the administrator is asked, once in each region, and none of the accounts. A region that cannot be read does
    not raise: its accounts have the reason COULD_NOT_LOOK, and the region has the error. Requests are retried as by
    `RetryPolicy.patient()`, where neither the client's policy nor the environment says otherwise.

    A region counts as not opted in to if AWS says so, or does not know the keys there that it has accepted in another
    region of the survey; and as one without Detective if its host does not exist and another region has responded.

    API operations: ListGraphs, ListMembers, ListDatasourcePackages.

    Args:
        client: a client with the administrator's credentials, in any region.
        regions: such as `eu-west-1`; each only once.
        accounts: account ids, or objects with an `account_id` and perhaps a `status`, as `organization.list_accounts`
            returns them: those with the status SUSPENDED, PENDING_CLOSURE or CLOSED are not expected to be covered. One
            that occurs twice counts once. None for all members that any of the regions has, and the administrator.
        concurrency: the maximum number of regions that are asked concurrently.

    Raises:
        ParameterError: a parameter is invalid; nothing was sent.
    """
    names = list_if_iterable(regions)
    DistinctItems(check_region)(names, "regions")
    wanted = wanted_accounts(accounts)
    Integer(1)(concurrency, "concurrency")
    patient = client._patient()  # noqa: SLF001 - of our own class

    async def read_region(region: str) -> Reading | DetectiveError:
        try:
            return await read(patient.with_options(region=region))
        except DetectiveError as error:
            return error

    results = await map_concurrently(read_region, names, concurrency=concurrency)
    found = dict(zip(names, results, strict=True))
    answered = [region for region, result in found.items() if _has_answered(result)]
    accepted = [region for region in answered if not _is_of_unknown_keys(found[region])]
    readings = [
        result
        if isinstance(result, Reading)
        else unread(region, None, _state(region, result, answered, accepted), result)
        for region, result in found.items()
    ]
    return coverage_of(readings, wanted)


async def survey_fleet(fleet: DetectiveFleet, *, accounts: Iterable[Any] | None = None) -> Coverage:
    """Find out which accounts are covered by any of several administrators; changes nothing.

    The fleet's targets are administrators, in their regions. An account is covered in a region if it is in the graph of
    any of its administrators; otherwise its row is of the graph in which it has come furthest.

    API operations: ListGraphs, ListMembers, ListDatasourcePackages.

    Args:
        fleet: administrators and regions.
        accounts: as for `survey`.

    Raises:
        ParameterError: a parameter is invalid; nothing was sent.
    """
    if not isinstance(fleet, DetectiveFleet):
        raise ParameterError("fleet", f"expected a DetectiveFleet, got {shown(fleet)}")
    wanted = wanted_accounts(accounts)
    return join(await read_fleet(fleet), wanted)


async def read_fleet(fleet: DetectiveFleet) -> list[Reading]:
    """Read what each administrator of a fleet has, in any order; `join` is for that of one or several fleets."""

    async def read_target(client: DetectiveClient, target: Target) -> Reading:
        return await read(client, target.account_id)

    readings = []
    async with aclosing(fleet.run(read_target)) as outcomes:
        async for outcome in outcomes:
            target, error = outcome.target, outcome.error
            if outcome.value is not None:
                readings.append(outcome.value)
                continue
            state = RegionState.COULD_NOT_LOOK
            if outcome.kind is OutcomeKind.REGION_UNAVAILABLE:
                is_missing = isinstance(error, HostNotFound)
                state = RegionState.WITHOUT_DETECTIVE if is_missing else RegionState.NOT_OPTED_IN
            readings.append(unread(target.region, target.account_id, state, error))
    return readings


def join(readings: Iterable[Reading], accounts: Mapping[str, bool] | None) -> Coverage:
    """Join what `read_fleet` has read, with the same result whatever its order; as for `coverage_of`."""
    return coverage_of(
        sorted(readings, key=lambda one: (one.region.region, one.region.administrator_id or "")), accounts
    )


def coverage_of(readings: Sequence[Reading], accounts: Mapping[str, bool] | None) -> Coverage:
    """Join what was read in all regions.

    Args:
        readings: one or more for each region.
        accounts: account id -> whether it is suspended; None for the accounts that were found.
    """
    by_region: dict[str, list[Reading]] = {}
    for reading in readings:
        by_region.setdefault(reading.region.region, []).append(reading)
    present = {region: _best_rows(some) for region, some in by_region.items()}
    found = dict.fromkeys(sorted({account_id for rows in present.values() for account_id in rows}), False)
    listed = found if accounts is None else accounts
    rows = [
        _row(account_id, region, present[region].get(account_id), some, is_suspended=is_suspended)
        for account_id, is_suspended in listed.items()
        for region, some in by_region.items()
    ]
    unlisted = [
        present[region][account_id]
        for account_id in found
        if account_id not in listed
        for region in by_region
        if account_id in present[region]
    ]
    return Coverage(rows=tuple(rows), regions=tuple(one.region for one in readings), unlisted=tuple(unlisted))


def _best_rows(readings: Iterable[Reading]) -> dict[str, CoverageRow]:
    """Return the row of each account in the graph in which it has come furthest."""
    best: dict[str, CoverageRow] = {}
    for reading in readings:
        for account_id, row in reading.rows.items():
            if account_id not in best or _progress(row) > _progress(best[account_id]):
                best[account_id] = row
    return best


#: From the least to the most.
_PROGRESS = (
    CoverageReason.OTHER,
    CoverageReason.VERIFICATION_FAILED,
    CoverageReason.VERIFICATION_IN_PROGRESS,
    CoverageReason.INVITED,
    CoverageReason.VOLUME_TOO_HIGH,
    CoverageReason.VOLUME_UNKNOWN,
    CoverageReason.NOT_YET_ENABLED,
    CoverageReason.INGESTION_STOPPED,
    None,
)


def _progress(row: CoverageRow) -> int:
    return _PROGRESS.index(row.reason)


def _row(
    account_id: str, region: str, row: CoverageRow | None, readings: Iterable[Reading], *, is_suspended: bool
) -> CoverageRow:
    if row is None:
        states = {reading.region.state for reading in readings}
        reason = next(reason for state, reason in _BY_STATE.items() if state in states)
        row = CoverageRow(account_id=account_id, region=region, covered=False, reason=reason)
    if is_suspended and not row.covered and row.reason not in _ABOVE_SUSPENDED:
        return evolve(row, reason=CoverageReason.SUSPENDED)
    return row


def unread(region: str, administrator_id: str | None, state: RegionState, error: Exception | None) -> Reading:
    """Return the reading of a graph that could not be read."""
    return Reading(region=RegionCoverage(region=region, state=state, administrator_id=administrator_id, error=error))


def _state(region: str, error: DetectiveError, answered: Sequence[str], accepted: Sequence[str]) -> RegionState:
    """Return why a region could not be read, from the error and from what other regions have shown."""
    if outcome_kind(error) is OutcomeKind.REGION_UNAVAILABLE:
        return RegionState.NOT_OPTED_IN
    # Without another region, the keys may not exist, and the resolver may know no names of AWS at all.
    if _is_of_unknown_keys(error) and accepted and not needs_no_opt_in(region):
        return RegionState.NOT_OPTED_IN
    if isinstance(error, HostNotFound) and answered:
        return RegionState.WITHOUT_DETECTIVE
    return RegionState.COULD_NOT_LOOK


def _has_answered(result: Reading | DetectiveError) -> bool:
    return isinstance(result, Reading | ServiceError)


def _is_of_unknown_keys(result: Reading | DetectiveError) -> bool:
    return isinstance(result, ServiceError) and result.code == UNKNOWN_KEYS


def wanted_accounts(accounts: Iterable[Any] | None) -> dict[str, bool] | None:
    """Check accounts as `survey` takes them, and return account id -> whether it is suspended."""
    if accounts is None:
        return None
    items = list_if_iterable(accounts)
    if not isinstance(items, list):
        raise ParameterError("accounts", f"expected accounts to iterate over, got {shown(items)}")
    if not items:
        raise ParameterError("accounts", "must not be empty; leave it out for all accounts that are found")
    found: dict[str, bool] = {}
    for index, item in enumerate(items):
        account_id = item if isinstance(item, str) else attribute(item, "account_id")
        ACCOUNT_ID(account_id, f"accounts[{index}]")
        status = None if isinstance(item, str) else attribute(item, "status")
        found[str(account_id)] = isinstance(status, str) and status in _SUSPENDED
    return found

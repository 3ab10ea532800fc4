"""Surveys accounts and regions, by asking each administrator once in each region."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from attrs import evolve

from detective_async.api.models.constraints import ACCOUNT_ID, DistinctItems, Integer, list_if_iterable
from detective_async.client.client import DetectiveClient
from detective_async.client.concurrency import map_concurrently
from detective_async.client.polling import Wait, check_timeout
from detective_async.client.regions import (
    RegionFinding,
    detective_regions,
    has_detective,
    region_finding,
    why_closed,
)
from detective_async.coverage.reading import Reading, read
from detective_async.coverage.rows import Coverage, CoverageReason, CoverageRow, RegionCoverage, RegionState
from detective_async.errors import DetectiveError, HostNotFound, ParameterError, ServiceError, WaiterTimeout
from detective_async.events import ProgressCallback, ProgressCounter, is_plain_callable
from detective_async.fleet import DetectiveFleet, OutcomeKind, Target
from detective_async.settings.arguments import attribute, shown
from detective_async.settings.endpoints import check_region, partition_of

CONCURRENCY = 16
#: Seconds. Regions respond within a few seconds, also those with the most members.
TIMEOUT = 120.0
#: The states in AWS Organizations of accounts that cannot be covered (API reference, "Account": State) -> the reason.
_BY_ACCOUNT_STATE = {
    "SUSPENDED": CoverageReason.SUSPENDED,
    "PENDING_CLOSURE": CoverageReason.SUSPENDED,
    "CLOSED": CoverageReason.SUSPENDED,
    "PENDING_ACTIVATION": CoverageReason.PENDING_ACTIVATION,
}
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
_CLOSED = frozenset({CoverageReason.REGION_NOT_OPTED_IN, CoverageReason.REGION_WITHOUT_DETECTIVE})
_INACTIVE = frozenset(_BY_ACCOUNT_STATE.values())
#: The reasons that count more than that the account is not active.
_ABOVE_INACTIVE = _CLOSED | {CoverageReason.COULD_NOT_LOOK}
_STATES = {
    RegionFinding.NOT_OPTED_IN: RegionState.NOT_OPTED_IN,
    RegionFinding.WITHOUT_DETECTIVE: RegionState.WITHOUT_DETECTIVE,
}


async def survey(
    client: DetectiveClient,
    *,
    regions: Iterable[str] | str,
    accounts: Iterable[Any] | None = None,
    timeout: float = TIMEOUT,
    concurrency: int = CONCURRENCY,
    progress: ProgressCallback | None = None,
) -> Coverage:
    """Find out which accounts are covered in which regions, and why others are not; changes nothing.

    Only the administrator is asked, once in each region, and none of the accounts. A region that cannot be read does
    not raise: its accounts have the reason COULD_NOT_LOOK, and the region has the error. Requests are retried as by
    `RetryPolicy.patient()`, where neither the client's policy nor the environment says otherwise.

    A region counts as not opted in to if AWS says so, or does not know the keys there that it has accepted in another
    region of the survey; and as one without Detective if its host does not exist, another region has responded, and
    botocore's list of the regions that have Detective does not have it.

    API operations: ListGraphs, ListMembers, ListDatasourcePackages.

    Args:
        client: a client with the administrator's credentials, in any region.
        regions: such as `eu-west-1`; each only once. `"all"` for all that have Detective, by botocore's list; then no
            account is expected to be covered in those that the administrator has not opted in to.
        accounts: account ids, or objects with an `account_id` and perhaps a `status`, as `organization.list_accounts`
            returns them: those with the status SUSPENDED, PENDING_CLOSURE, CLOSED or PENDING_ACTIVATION are not
            expected to be covered. One that occurs twice counts once. None for all members that any of the regions
            has, and the administrator.
        timeout: the time limit in seconds; a region that has not been read by then could not be looked at.
        concurrency: the maximum number of regions that are asked concurrently.
        progress: a plain callable, called for each region that was asked; exceptions from it are ignored.

    Raises:
        ParameterError: a parameter is invalid; nothing was sent.
        ConfigurationError: `regions` is `all`, and botocore knows none.
    """
    wanted = wanted_accounts(accounts)
    check_timeout(timeout)
    Integer(1)(concurrency, "concurrency")
    if progress is not None and not is_plain_callable(progress):
        raise ParameterError("progress", f"expected a plain callable, got {shown(progress)}")
    is_all = isinstance(regions, str) and regions == "all"
    names = await detective_regions(partition_of(client.region)) if is_all else list_if_iterable(regions)
    DistinctItems(check_region)(names, "regions")
    patient = client._patient()  # noqa: SLF001 - of our own class
    clock = client._transport.clock  # noqa: SLF001
    counter = ProgressCounter(progress, len(names), clock.monotonic)
    wait = Wait(clock, timeout)

    async def read_region(region: str) -> Reading | DetectiveError:
        result: Reading | DetectiveError
        try:
            async with asyncio.timeout(wait.remaining):
                result = await read(patient.with_options(region=region))
        except DetectiveError as error:
            result = error
        except TimeoutError:
            text = f"the region was not read within {timeout:.10g} s"
            result = WaiterTimeout(text, timeout=timeout, last_states={region: None}, pending=[region])
        counter.add(failed=isinstance(result, DetectiveError))
        return result

    results = await map_concurrently(read_region, names, concurrency=concurrency)
    found = dict(zip(names, results, strict=True))
    answered = [region for region, result in found.items() if isinstance(result, Reading | ServiceError)]
    accepted = [region for region in answered if _finding(found[region]) is not RegionFinding.UNKNOWN_KEYS]
    # An endpoint URL's host is not the region's own, and FIPS hosts exist in a few regions only.
    has_own_hosts = client._endpoint_url is None and not client._use_fips  # noqa: SLF001
    readings = []
    for region, result in found.items():
        if isinstance(result, Reading):
            readings.append(result)
            continue
        finding = region_finding(
            result,
            region,
            keys_accepted=bool(accepted),
            names_resolve=bool(answered) and has_own_hosts,
            has_detective=not isinstance(result, HostNotFound) or await has_detective(region),
        )
        readings.append(unread(region, None, _STATES.get(finding, RegionState.COULD_NOT_LOOK), result))
    return coverage_of(readings, wanted, all_regions=is_all)


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
    return coverage_of(_sorted(await _read_fleet(fleet)), wanted)


def join_surveys(surveys: Iterable[Coverage], *, accounts: Iterable[Any] | None = None) -> Coverage:
    """Join surveys of different administrators or regions, with the same result as one survey of all of them; pure.

    Args:
        surveys: of parts of a fleet. For a part that could not be asked, a `Coverage` without rows whose `regions` have
            the state COULD_NOT_LOOK.
        accounts: as for `survey`. None for all accounts of the surveys: those that were found, and those that any of
            them was asked about.

    Raises:
        ParameterError: a parameter is invalid.
    """
    wanted = wanted_accounts(accounts)
    readings = []
    asked: dict[str, CoverageReason | None] = {}
    for part in surveys:
        if not isinstance(part, Coverage):
            raise ParameterError("surveys", f"expected objects of Coverage, got {shown(part)}")
        for row in part.rows:
            if row.reason in _INACTIVE or row.account_id not in asked:
                asked[row.account_id] = row.reason if row.reason in _INACTIVE else None
        in_graphs: dict[str, dict[str, CoverageRow]] = {}
        for row in (*part.rows, *part.unlisted):
            if row.graph_arn is not None:
                in_graphs.setdefault(row.graph_arn, {})[row.account_id] = row
        readings += [Reading(region=one, rows=in_graphs.get(one.graph_arn or "", {})) for one in part.regions]
    return coverage_of(_sorted(readings), dict(sorted(asked.items())) if wanted is None else wanted)


async def _read_fleet(fleet: DetectiveFleet) -> list[Reading]:
    """Read what each administrator of a fleet has, in any order."""

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
                state = _STATES[why_closed(error)]
            readings.append(unread(target.region, target.account_id, state, error))
    return readings


def _sorted(readings: Iterable[Reading]) -> list[Reading]:
    """Sort what was read in any order, so that the result is always the same."""
    return sorted(readings, key=lambda one: (one.region.region, one.region.administrator_id or ""))


def coverage_of(
    readings: Sequence[Reading],
    accounts: Mapping[str, CoverageReason | None] | None,
    *,
    all_regions: bool = False,
) -> Coverage:
    """Join what was read in all regions.

    Args:
        readings: one or more for each region.
        accounts: account id -> why the account is not active, or None if it is; None for the accounts that were found.
        all_regions: whether all regions were asked for, so that nothing is expected in those that are closed.
    """
    by_region: dict[str, list[Reading]] = {}
    for reading in readings:
        by_region.setdefault(reading.region.region, []).append(reading)
    present = {region: _best_rows(some) for region, some in by_region.items()}
    found: dict[str, CoverageReason | None] = dict.fromkeys(
        sorted({account_id for rows in present.values() for account_id in rows})
    )
    listed = found if accounts is None else accounts
    unexpected = _CLOSED if all_regions else frozenset()
    rows = [
        _row(account_id, region, present[region].get(account_id), some, inactive=inactive, unexpected=unexpected)
        for account_id, inactive in listed.items()
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
    # Only of rows that `join_surveys` takes from surveys of accounts that are not active.
    CoverageReason.SUSPENDED,
    CoverageReason.PENDING_ACTIVATION,
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
    account_id: str,
    region: str,
    row: CoverageRow | None,
    readings: Iterable[Reading],
    *,
    inactive: CoverageReason | None,
    unexpected: frozenset[CoverageReason],
) -> CoverageRow:
    if row is None:
        states = {reading.region.state for reading in readings}
        reason = next(reason for state, reason in _BY_STATE.items() if state in states)
        row = CoverageRow(
            account_id=account_id, region=region, covered=False, expected=reason not in unexpected, reason=reason
        )
    if inactive is None or row.covered:
        return row
    return evolve(row, expected=False, reason=row.reason if row.reason in _ABOVE_INACTIVE else inactive)


def unread(region: str, administrator_id: str | None, state: RegionState, error: Exception | None) -> Reading:
    """Return the reading of a graph that could not be read."""
    return Reading(region=RegionCoverage(region=region, state=state, administrator_id=administrator_id, error=error))


def _finding(result: Reading | DetectiveError) -> RegionFinding:
    return region_finding(None if isinstance(result, Reading) else result)


def wanted_accounts(accounts: Iterable[Any] | None) -> dict[str, CoverageReason | None] | None:
    """Check accounts as `survey` takes them, and return account id -> why it is not active, or None if it is."""
    if accounts is None:
        return None
    items = list_if_iterable(accounts)
    if not isinstance(items, list):
        raise ParameterError("accounts", f"expected accounts to iterate over, got {shown(items)}")
    if not items:
        raise ParameterError("accounts", "must not be empty; leave it out for all accounts that are found")
    found: dict[str, CoverageReason | None] = {}
    for index, item in enumerate(items):
        # What has no account id is no account.
        account_id = item if isinstance(item, str) else attribute(item, "account_id") or item
        ACCOUNT_ID(account_id, f"accounts[{index}]")
        status = None if isinstance(item, str) else attribute(item, "status")
        found[str(account_id)] = _BY_ACCOUNT_STATE.get(status) if isinstance(status, str) else None
    return found

"""Totals add up, whatever was read."""

from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st
from support.hypothesis_profiles import examples

from detective_async import (
    DatasourcePackage,
    DatasourcePackageIngestState,
    MemberDetail,
    MemberDisabledReason,
    MemberStatus,
)
from detective_async.coverage import CoverageReason, RegionCoverage, RegionState
from detective_async.coverage.reading import Reading, row_of
from detective_async.coverage.survey import coverage_of

IDS = st.sampled_from([f"{number:012}" for number in range(8)])
REGIONS = st.sampled_from(["eu-west-1", "us-east-1", "me-south-1"])
STATUSES = st.sampled_from([*MemberStatus, MemberStatus("NEW")])
DISABLED = st.none() | st.sampled_from([*MemberDisabledReason, MemberDisabledReason("NEW")])
INGESTED = st.sampled_from([*DatasourcePackageIngestState, DatasourcePackageIngestState("NEW")])
INACTIVE = st.sampled_from([None, CoverageReason.SUSPENDED, CoverageReason.PENDING_ACTIVATION])
NOT_EXPECTED = {
    CoverageReason.SUSPENDED,
    CoverageReason.PENDING_ACTIVATION,
    CoverageReason.REGION_NOT_OPTED_IN,
    CoverageReason.REGION_WITHOUT_DETECTIVE,
    CoverageReason.COULD_NOT_LOOK,
}
PACKAGES = st.dictionaries(st.sampled_from(DatasourcePackage), INGESTED)


@st.composite
def readings(draw: st.DrawFn) -> Reading:
    """Draw what was read of one administrator in one region."""
    region, state = draw(REGIONS), draw(st.sampled_from(RegionState))
    rows = {}
    if state is RegionState.MEMBERS:
        for account_id in draw(st.sets(IDS, min_size=1)):
            member = MemberDetail(
                account_id=account_id,
                graph_arn="arn:g",
                status=draw(STATUSES),
                disabled_reason=draw(DISABLED),
                datasource_package_ingest_states=draw(PACKAGES),
            )
            rows[account_id] = row_of(region, "arn:g", member)
    return Reading(region=RegionCoverage(region=region, state=state), rows=rows)


@settings(max_examples=examples(200))
@given(st.lists(readings(), max_size=6), st.none() | st.dictionaries(IDS, INACTIVE, min_size=1), st.booleans())
def test_totals_add_up(
    found: list[Reading], accounts: Mapping[str, CoverageReason | None] | None, all_regions: bool
) -> None:
    """There is one row for each account and region, and each is covered or has one reason."""
    coverage = coverage_of(found, accounts, all_regions=all_regions)
    regions = {one.region.region for one in found}
    present = {account_id for one in found for account_id in one.rows}
    listed = present if accounts is None else accounts.keys()
    assert sorted((row.account_id, row.region) for row in coverage) == sorted(
        (account_id, region) for account_id in listed for region in regions
    )
    totals = coverage.totals
    assert totals.total == totals.covered + sum(totals.reasons.values()) == len(listed) * len(regions)
    by_region = coverage.totals_by_region()
    assert by_region.keys() == regions
    assert sum(one.covered for one in by_region.values()) == totals.covered
    for reason in CoverageReason:
        assert sum(one.reasons.get(reason, 0) for one in by_region.values()) == totals.reasons.get(reason, 0)
    for row in coverage:
        assert row.covered == (row.reason is None)
        assert row.expected or not row.covered
        assert row.expected or row.reason in NOT_EXPECTED
        some = [one for one in found if one.region.region == row.region]
        assert row.covered == any(one.rows[row.account_id].covered for one in some if row.account_id in one.rows)
        unknown = any(one.region.state is RegionState.COULD_NOT_LOOK for one in some)
        if row.reason is CoverageReason.COULD_NOT_LOOK:
            assert unknown
        if row.reason in (CoverageReason.NOT_A_MEMBER, CoverageReason.NO_GRAPH):
            assert not unknown
    assert {row.account_id for row in coverage.unlisted} == present - set(listed)
    assert coverage.ok == (totals.expected > 0 and not coverage.uncovered)
    assert len(coverage.uncovered) == totals.uncovered

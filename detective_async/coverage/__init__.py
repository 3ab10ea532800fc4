"""Which accounts are covered by Detective, in which regions, and why others are not.

    coverage = await survey(client, regions=["eu-west-1", "us-east-1"], accounts=account_ids)
    for row in coverage.uncovered:
        print(row.account_id, row.region, row.reason)
    print(coverage)

Only the administrator is asked, once in each region.
"""

from detective_async.coverage.rows import (
    Coverage,
    CoverageReason,
    CoverageRow,
    CoverageTotals,
    RegionCoverage,
    RegionState,
)
from detective_async.coverage.survey import join_surveys, survey, survey_fleet

__all__ = [
    "Coverage",
    "CoverageReason",
    "CoverageRow",
    "CoverageTotals",
    "RegionCoverage",
    "RegionState",
    "join_surveys",
    "survey",
    "survey_fleet",
]

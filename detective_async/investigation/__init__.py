"""Investigations of IAM users and roles: started, awaited, and read, for one entity or hundreds.

    async for report in investigate(client, ["arn:aws:iam::444455556666:role/Deploy"]):
        print(report.entity, report.severity or report.error)
        for row in report.rows():
            print(row["type"], row["what"], row["where"])

`entities_of` finds the users and roles in findings of GuardDuty and Security Hub.
"""

from detective_async.investigation.entities import FindingEntities, FindingEntity, SkippedEntity, SkipReason
from detective_async.investigation.findings import entities_of
from detective_async.investigation.fleet import investigate_fleet
from detective_async.investigation.report import InvestigationFailed, InvestigationReport
from detective_async.investigation.run import investigate

__all__ = [
    "FindingEntities",
    "FindingEntity",
    "InvestigationFailed",
    "InvestigationReport",
    "SkipReason",
    "SkippedEntity",
    "entities_of",
    "investigate",
    "investigate_fleet",
]

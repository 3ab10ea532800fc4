"""MemberDetail, which several operations return."""

from datetime import datetime
from typing import Any

from detective_async.testing.world.entities import CORE_PACKAGE, Graph, Member
from detective_async.testing.world.membership import volume_of
from detective_async.testing.world.world import VOLUME_LIMIT


def member_detail(graph: Graph, member: Member, now: datetime) -> dict[str, Any]:
    """Return a member's MemberDetail; an enabled one has usage figures, which are derived from its account id."""
    detail = {
        "AccountId": member.account_id,
        "EmailAddress": member.email,
        "GraphArn": graph.arn,
        "MasterId": graph.administrator,
        "AdministratorId": graph.administrator,
        "Status": member.status,
        "DisabledReason": member.disabled_reason,
        "InvitedTime": member.invited_at,
        "UpdatedTime": member.updated_at,
        "InvitationType": member.invitation_type,
    }
    if member.status == "ENABLED":
        detail.update(_usage(graph, member, now))
    return detail


def _usage(graph: Graph, member: Member, now: datetime) -> dict[str, Any]:
    measured = now.replace(minute=0, second=0, microsecond=0)
    volume = volume_of(member.account_id)
    return {
        "VolumeUsageInBytes": volume,
        "VolumeUsageUpdatedTime": measured,
        "PercentOfGraphUtilization": round(100 * volume / VOLUME_LIMIT, 4),
        "PercentOfGraphUtilizationUpdatedTime": measured,
        "VolumeUsageByDatasourcePackage": {
            CORE_PACKAGE: {"VolumeUsageInBytes": volume, "VolumeUsageUpdateTime": measured}
        },
        "DatasourcePackageIngestStates": dict(graph.packages),
    }

"""MemberDetail, which several operations return."""

from typing import Any

from detective_async.testing.services.call import Call
from detective_async.testing.world.entities import CORE_PACKAGE, Graph, Member
from detective_async.testing.world.membership import volume_of


def member_detail(call: Call, graph: Graph, member: Member) -> dict[str, Any]:
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
        detail.update(_usage(call, graph, member))
    return detail


def _usage(call: Call, graph: Graph, member: Member) -> dict[str, Any]:
    measured = call.now.replace(minute=0, second=0, microsecond=0)
    volume, limit = volume_of(member.account_id), call.world.volume_limit
    return {
        "VolumeUsageInBytes": volume,
        "VolumeUsageUpdatedTime": measured,
        "PercentOfGraphUtilization": round(100 * volume / limit, 4) if limit else None,
        "PercentOfGraphUtilizationUpdatedTime": measured,
        "VolumeUsageByDatasourcePackage": {
            CORE_PACKAGE: {"VolumeUsageInBytes": volume, "VolumeUsageUpdateTime": measured}
        },
        "DatasourcePackageIngestStates": dict(graph.packages),
    }

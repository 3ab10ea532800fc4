"""Describe a world as a seed, from which `loading` builds the same world again."""

from datetime import datetime
from typing import Any

from attrs import asdict

from detective_async.testing.world.entities import Graph, History, Investigation, Member, Organization
from detective_async.testing.world.world import World


def describe(world: World, now: datetime) -> dict[str, Any]:
    """Return the seed that builds a world as it is now."""
    plan = world.investigations
    return {
        "time": now.isoformat(),
        "verification_delay": world.verification_delay.total_seconds(),
        "closed_regions": sorted(world.closed_regions),
        "investigations": {
            "duration": plan.duration.total_seconds(),
            "outcome": plan.outcome,
            "severity": plan.severity,
        },
        "accounts": [
            _without_none(id=one.account_id, email=one.email, volume_problem=one.volume_problem)
            for one in world.accounts.values()
        ],
        "roles": [
            _without_none(
                account=one.account_id,
                name=one.name,
                trusted=sorted(one.trusted),
                external_id=one.external_id,
                max_session_duration=one.max_session_duration,
                path=one.path,
            )
            for one in world.roles.values()
        ],
        "organizations": [_organization(one) for one in world.organizations.values()],
        "graphs": [_graph(one) for one in world.graphs.values()],
    }


def _organization(one: Organization) -> dict[str, Any]:
    return _without_none(
        management_account=one.management_account,
        accounts=sorted(one.accounts),
        delegated=one.delegated,
        administrators={
            region: {"account": administrator.account_id, "since": administrator.since.isoformat()}
            for region, administrator in one.administrators.items()
        },
    )


def _graph(graph: Graph) -> dict[str, Any]:
    return {
        "administrator": graph.administrator,
        "region": graph.region,
        "id": graph.arn.rpartition(":")[2],
        "created": graph.created.isoformat(),
        "auto_enable": graph.auto_enable,
        "tags": dict(graph.tags),
        "packages": dict(graph.packages),
        "history": _history(graph.history),
        "members": [_member(graph.members[account_id]) for account_id in graph.order],
        "investigations": [_investigation(one) for one in graph.investigations.values()],
    }


def _member(member: Member) -> dict[str, Any]:
    verifying = member.status == "VERIFICATION_IN_PROGRESS"
    return _without_none(
        account=member.account_id,
        email=member.email,
        status=member.status,
        disabled_reason=member.disabled_reason,
        invitation_type=member.invitation_type,
        invited_at=_time(member.invited_at),
        updated_at=_time(member.updated_at),
        verifies_at=_time(member.verifies_at) if verifying else None,
        ingest=_history(member.ingest) if member.status == "ENABLED" else None,
    )


def _investigation(one: Investigation) -> dict[str, Any]:
    members = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(one).items()}
    return {"id": members.pop("investigation_id"), **members}


def _history(history: History) -> dict[str, dict[str, str]]:
    return {package: {state: at.isoformat() for state, at in states.items()} for package, states in history.items()}


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _without_none(**members: Any) -> dict[str, Any]:
    """Return the members that are not None."""
    return {name: value for name, value in members.items() if value is not None}

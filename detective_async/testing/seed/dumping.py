"""Describe a world as a seed, from which `loading` builds the same world again."""

from datetime import datetime
from typing import Any

from attrs import asdict

from detective_async.testing.world.entities import Graph, Investigation, Member, Organization
from detective_async.testing.world.world import World


def describe(world: World, now: datetime) -> dict[str, Any]:
    """Return the seed that builds a world as it is now."""
    plan = world.investigations
    seed: dict[str, Any] = _plain(
        {
            "time": now,
            **{f"{name}_delay": delay.total_seconds() for name, delay in asdict(world.delays).items()},
            "volume_limit": world.volume_limit,
            "next_check": world.pass_due,
            "read_lag": world.reads.default.total_seconds(),
            "read_lags": {name: lag.total_seconds() for name, lag in sorted(world.reads.operations.items())},
            "closed_regions": sorted(world.closed_regions),
            "investigations": {
                "duration": plan.duration.total_seconds(),
                "outcome": plan.outcome,
                "severity": plan.severity,
            },
            "accounts": [
                {
                    "id": one.account_id,
                    "email": one.email,
                    "name": one.name,
                    "state": one.state,
                    "volume_problem": one.volume_problem,
                    "closed_regions": sorted(one.closed_regions) or None,
                }
                for one in world.accounts.values()
            ],
            "roles": [
                {
                    "account": one.account_id,
                    "name": one.name,
                    "trusted": sorted(one.trusted),
                    "external_id": one.external_id,
                    "max_session_duration": one.max_session_duration,
                    "path": one.path,
                }
                for one in world.roles.values()
            ],
            "organizations": [_organization(one) for one in world.organizations.values()],
            "graphs": [_graph(one) for one in world.graphs.values()],
        }
    )
    return seed


def _organization(one: Organization) -> dict[str, Any]:
    return {
        "management_account": one.management_account,
        "accounts": sorted(one.accounts),
        "joined": dict(sorted(one.accounts.items())),
        "delegated": one.delegated,
        "settling": {"region": one.settling_region, "until": one.settles_at} if one.settles_at else None,
        "delegated_since": one.delegated_since,
        "administrators": {
            region: {"account": administrator.account_id, "since": administrator.since}
            for region, administrator in one.administrators.items()
        },
    }


def _graph(graph: Graph) -> dict[str, Any]:
    return {
        "administrator": graph.administrator,
        "region": graph.region,
        "id": graph.arn.rpartition(":")[2],
        "created": graph.created,
        "auto_enable": graph.auto_enable,
        "tags": graph.tags,
        "packages": graph.packages,
        "history": graph.history,
        "starting": graph.starting,
        "deleted_at": graph.deleted_at,
        "members": [_member(graph.members[account_id]) for account_id in graph.order],
        "investigations": [_investigation(one) for one in graph.investigations.values()],
    }


def _member(member: Member) -> dict[str, Any]:
    verifying = member.status == "VERIFICATION_IN_PROGRESS"
    return {
        "account": member.account_id,
        "email": member.email,
        "status": member.status,
        "disabled_reason": member.disabled_reason,
        "invitation_type": member.invitation_type,
        "invited_at": member.invited_at,
        "updated_at": member.updated_at,
        "verifies_at": member.verifies_at if verifying else None,
        "any_address": member.any_address if verifying else None,
        "checked_at": member.checked_at,
        "ingest": member.ingest if member.status == "ENABLED" else None,
    }


def _investigation(one: Investigation) -> dict[str, Any]:
    members = asdict(one)
    return {"id": members.pop("investigation_id"), **members}


def _plain(value: Any) -> Any:
    """Return plain data with times as text, and without the members that are None."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, datetime) else value

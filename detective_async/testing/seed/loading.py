"""Build a world from a seed."""

import json
import random
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from attrs import evolve, fields

from detective_async.testing.checks import CheckError
from detective_async.testing.seed.schema import SeedError, check_seed
from detective_async.testing.world.entities import (
    Administrator,
    Graph,
    History,
    Investigation,
    Member,
    Organization,
    Role,
)
from detective_async.testing.world.errors import NotAllowedError
from detective_async.testing.world.membership import OPEN_STATUSES, check_volume, checks_nothing, resume_pass, verify
from detective_async.testing.world.organizations import add_accounts
from detective_async.testing.world.read_lag import ReadLag
from detective_async.testing.world.world import Delays, InvestigationPlan, World

_DAY = timedelta(days=1)
# Of an investigation: they may be of any time.
_SCOPE = ("scope_start", "scope_end")
_CREATED = "the graph's creation"
_ACCEPTED = ("ENABLED", "ACCEPTED_BUT_DISABLED")
# What an account of an organization can be without an invitation.
_UNINVITED = (*_ACCEPTED, "VERIFICATION_IN_PROGRESS")
# The key of a member -> the only status with which it is allowed.
_STATUS_OF = {
    "any_address": "VERIFICATION_IN_PROGRESS",
    "checked_at": "ACCEPTED_BUT_DISABLED",
    "disabled_reason": "ACCEPTED_BUT_DISABLED",
    "ingest": "ENABLED",
    "verifies_at": "VERIFICATION_IN_PROGRESS",
}


def build(content: Mapping[str, Any], *, now: datetime, seed: int, before: World) -> tuple[World, float]:
    """Return the world of a seed, and the seconds by which the virtual time `now` must be advanced for it.

    Random ids depend on `seed` and on the content. The delays and lags that the content does not have are those of the
    world `before`.
    """
    try:
        given = check_seed(content, "")
    except CheckError as error:
        raise SeedError(str(error)) from None
    then = max(now, given.get("time", now))
    # Seeded with the content too: with `seed` alone, new ids would repeat those that the dumped world has used.
    generator = random.Random(f"{seed} {json.dumps(content, sort_keys=True, default=str)}")  # noqa: S311
    world = World(generator, _delays(given, before.delays), closed_regions=set(given.get("closed_regions", ())))
    world.volume_limit = given.get("volume_limit", before.volume_limit)
    # So that no temporary keys are those that other accounts had in the world before.
    world.key_random = before.key_random
    plan = given.get("investigations", {})
    world.investigations = InvestigationPlan(
        timedelta(seconds=plan.get("duration", 0)), plan.get("outcome", "SUCCESSFUL"), plan.get("severity", "HIGH")
    )
    for place, one in _numbered("accounts", given):
        _add_account(world, place, one)
    for place, one in _numbered("roles", given):
        _add_role(world, place, one)
    for place, one in _numbered("organizations", given):
        _add_organization(world, place, one, then)
    for place, one in _numbered("graphs", given):
        _add_graph(world, place, one, then)
    resume_pass(world, then, given.get("next_check"))
    _set_lags(world, given, before, then)
    return world, (then - now).total_seconds()


def _delays(given: Mapping[str, Any], before: Delays) -> Delays:
    names = [one.name for one in fields(Delays) if f"{one.name}_delay" in given]
    return evolve(before, **{name: timedelta(seconds=given[f"{name}_delay"]) for name in names})


def _set_lags(world: World, given: Mapping[str, Any], before: World, now: datetime) -> None:
    """Set the lags at the end: all that the seed has is seen at once."""
    world.reads = ReadLag(before.reads.default, dict(before.reads.operations))
    if "read_lag" in given:
        world.reads.set(timedelta(seconds=given["read_lag"]), None, now)
    for operation, lag in given.get("read_lags", {}).items():
        world.reads.set(timedelta(seconds=lag), [operation], now)
    world.record(now)


def _numbered(name: str, given: Mapping[str, Any], where: str = "") -> list[tuple[str, dict[str, Any]]]:
    return [(f"{where}{name}[{number}]", one) for number, one in enumerate(given.get(name, ()))]


def _moments(given: Mapping[str, Any]) -> Iterator[datetime]:
    """Yield the times of a table, and of the tables in it."""
    for key, value in given.items():
        if isinstance(value, datetime) and key not in _SCOPE:
            yield value
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict):
                yield from _moments(one)


def _check_order(place: str, moments: Mapping[str, datetime | None], now: datetime | None = None) -> None:
    """Refuse times that do not follow each other, or are later than now; of those that are not due later."""
    before = None
    for key, moment in moments.items():
        if moment is None:
            continue
        if now is not None and moment > now:
            raise SeedError(f"{place}.{key}: must not be later than now, {now}, got {moment}")
        if before is not None and moment < before[1]:
            raise SeedError(f"{place}.{key}: must not be earlier than {before[0]}, {before[1]}, got {moment}")
        before = key, moment


def _duplicate(place: str, what: str) -> SeedError:
    return SeedError(f"{place}: {what} exists already")


def _add_account(world: World, place: str, given: dict[str, Any]) -> None:
    account_id = given["id"]
    if account_id in world.accounts:
        raise _duplicate(f"{place}.id", f"account {account_id}")
    world.register(account_id, given.get("email"), given.get("name"))
    world.accounts[account_id].state = given.get("state", "ACTIVE")
    world.accounts[account_id].volume_problem = given.get("volume_problem")
    world.accounts[account_id].closed_regions = set(given.get("closed_regions", ()))


def _add_role(world: World, place: str, given: dict[str, Any]) -> None:
    account_id, name = given["account"], given["name"]
    if (account_id, name) in world.roles:
        raise _duplicate(f"{place}.name", f"the role {name} of account {account_id}")
    path, duration = given.get("path", "/"), given.get("max_session_duration", 3600)
    world.add_role(Role(account_id, name, path, frozenset(given["trusted"]), given.get("external_id"), duration))


def _add_organization(world: World, place: str, given: dict[str, Any], now: datetime) -> None:
    management = given["management_account"]
    if management in world.organizations:
        raise _duplicate(f"{place}.management_account", f"the organization of {management}")
    earliest = min([now, *_moments({**given, "joined": {}})])
    try:
        add_accounts(world, management, given.get("accounts", ()), earliest)
    except NotAllowedError as error:
        raise SeedError(f"{place}.accounts: {error}") from None
    organization = world.organizations[management]
    for account_id, joined in given.get("joined", {}).items():
        _require_in(organization, account_id, f"{place}.joined.{account_id}")
        _check_order(f"{place}.joined", {account_id: joined}, now)
        organization.accounts[account_id] = joined
    _delegate(organization, place, given, now)


def _delegate(organization: Organization, place: str, given: dict[str, Any], now: datetime) -> None:
    management = organization.management_account
    organization.delegated = given.get("delegated")
    if organization.delegated == management:
        raise SeedError(f"{place}.delegated: must be another account than the management account")
    _require_in(organization, organization.delegated or management, f"{place}.delegated")
    for region, administrator in given.get("administrators", {}).items():
        account_id, where = administrator["account"], f"{place}.administrators.{region}.account"
        _require_in(organization, account_id, where)
        if account_id != management:
            if organization.delegated not in (None, account_id):
                raise SeedError(f"{where}: must be the delegated account or the management account, got {account_id}")
            organization.delegated = account_id
        organization.administrators[region] = Administrator(account_id, administrator.get("since", now))
    if organization.delegated is None:
        for key in ("delegated_since", "settling"):
            if key in given:
                raise SeedError(f"{place}.{key}: is allowed only with a delegated administrator")
    else:
        first = min([now, *(one.since for one in organization.administrators.values() if one.account_id != management)])
        organization.delegated_since = given.get("delegated_since", first)
        joined = organization.accounts[organization.delegated]
        _check_order(place, {"joined": joined, "delegated_since": organization.delegated_since}, now)
    settling = given.get("settling", {})
    organization.settling_region, organization.settles_at = settling.get("region"), settling.get("until")
    for region, one in organization.administrators.items():
        began: dict[str, datetime | None] = {"joined": organization.accounts[management]}
        if one.account_id != management:
            began = {"delegated_since": organization.delegated_since}
        _check_order(f"{place}.administrators.{region}", {**began, "since": one.since}, now)


def _require_in(organization: Organization, account_id: str, where: str) -> None:
    if account_id not in organization.accounts:
        raise SeedError(f"{where}: must be an account of the organization, got {account_id}")


def _add_graph(world: World, place: str, given: dict[str, Any], now: datetime) -> None:
    administrator, region = given["administrator"], given["region"]
    if world.administered(administrator, region):
        raise _duplicate(place, f"the graph of account {administrator} in {region}")
    world.register(administrator)
    created = given.get("created", min([now, *_moments(given)]))
    _check_order(place, {"created": created}, now)
    graph = world.create_graph(administrator, region, created, given.get("id"))
    graph.tags.update(given.get("tags", {}))
    graph.auto_enable = given.get("auto_enable", False)
    if graph.auto_enable and graph.organization is None:
        raise SeedError(f"{place}.auto_enable: must be false, since the graph is not that of an organization")
    _add_packages(world, place, graph, given, now)
    for where, member in _numbered("members", given, f"{place}."):
        _add_member(world, where, graph, member, now)
    for where, investigation in _numbered("investigations", given, f"{place}."):
        _add_investigation(world, where, graph, investigation, now)
    if "deleted_at" in given:
        if graph.members:
            raise SeedError(f"{place}.deleted_at: is allowed only without members")
        _check_order(place, {"created": created, "deleted_at": given["deleted_at"]})
        world.delete_graph(graph, now, given["deleted_at"])


def _add_packages(world: World, place: str, graph: Graph, given: dict[str, Any], now: datetime) -> None:
    for package, state in given.get("packages", {}).items():
        graph.packages[package] = state
        graph.history[package] = {state: graph.created}
    graph.history.update(given.get("history", {}))
    _check_history(f"{place}.history", graph, graph.history, now)
    for package, state in graph.packages.items():
        times = graph.history[package]
        if state not in times or times[state] < max(times.values()):
            raise SeedError(f"{place}.history.{package}: the latest state must be the present one, {state}")
    for package, due in given.get("starting", {}).items():
        if graph.packages[package] == "STARTED":
            raise SeedError(f"{place}.starting.{package}: is allowed only if the package is not STARTED")
        _check_order(f"{place}.starting", {"created": graph.created, package: due})
        world.start_package(graph, package, now, due)


def _check_history(place: str, graph: Graph, history: History, now: datetime) -> None:
    for package, times in history.items():
        for state, moment in times.items():
            _check_order(f"{place}.{package}", {_CREATED: graph.created, state: moment}, now)


def _add_member(world: World, place: str, graph: Graph, given: dict[str, Any], now: datetime) -> None:
    account_id, status = given["account"], given.get("status", "ENABLED")
    if account_id in graph.members or account_id == graph.administrator:
        raise _duplicate(f"{place}.account", f"account {account_id}")
    kind = _invitation_type(world, place, graph, given)
    account = world.accounts.get(account_id)
    invited_at = given.get("invited_at", graph.created if kind == "INVITATION" else None)
    _check_member(world, place, graph, given, kind)
    member = Member(
        account_id,
        given.get("email") or (account.email if account else f"account-{account_id}@example.com"),
        status,
        kind,
        invited_at,
        given.get("updated_at", invited_at or graph.created),
        checked_at=given.get("checked_at"),
    )
    if status == "ACCEPTED_BUT_DISABLED":
        # There is no reason while the data volume is being checked.
        known = (account.volume_problem if account else None) or "VOLUME_TOO_HIGH"
        member = evolve(member, disabled_reason=given.get("disabled_reason", None if member.checked_at else known))
    if status == "ENABLED":
        started = [package for package, state in graph.packages.items() if state == "STARTED"]
        default = {package: {"STARTED": member.updated_at} for package in started}
        member = evolve(member, ingest=given.get("ingest", default))
    if status == "VERIFICATION_IN_PROGRESS":
        any_address = given.get("any_address", account is None)
        due = given.get("verifies_at", now + world.delays.verification)
        member = evolve(member, verifies_at=due, any_address=any_address)
    _check_order(place, {_CREATED: graph.created, "invited_at": invited_at, "updated_at": member.updated_at}, now)
    _check_order(place, {"updated_at": member.updated_at, "verifies_at": member.verifies_at})
    _check_order(place, {"updated_at": member.updated_at, "checked_at": member.checked_at})
    _check_history(f"{place}.ingest", graph, member.ingest, now)
    world.join(graph, member)
    if member.verifies_at is not None:
        verify(world, graph, account_id, member.verifies_at, now)
    if member.checked_at is not None:
        check_volume(world, graph, account_id, member.checked_at, now)


def _check_member(world: World, place: str, graph: Graph, given: dict[str, Any], kind: str) -> None:
    """Refuse keys of a member that contradict each other, or its account."""
    account_id, status = given["account"], given.get("status", "ENABLED")
    for key, only in _STATUS_OF.items():
        if key in given and status != only:
            raise SeedError(f"{place}.{key}: is allowed only with the status {only}")
    account = world.accounts.get(account_id)
    is_closed = account is not None and account.state == "CLOSED" and not checks_nothing(graph)
    if is_closed and (status in OPEN_STATUSES or kind == "ORGANIZATION"):
        raise SeedError(f"{place}.status: must not be {status}, since account {account_id} is CLOSED")


def _invitation_type(world: World, place: str, graph: Graph, given: dict[str, Any]) -> str:
    organization = world.organizations.get(graph.organization or "")
    belongs = organization is not None and given["account"] in organization.accounts
    status = given.get("status", "ENABLED")
    enrolled = belongs and status in _ACCEPTED
    kind: str = given.get("invitation_type", "ORGANIZATION" if enrolled else "INVITATION")
    if kind == "ORGANIZATION" and not (belongs and status in _UNINVITED):
        raise SeedError(
            f"{place}.invitation_type: must be INVITATION, unless the account is in the graph's organization and its "
            f"status is {' or '.join(_UNINVITED)}"
        )
    return kind


def _add_investigation(world: World, place: str, graph: Graph, given: dict[str, Any], now: datetime) -> None:
    name = given.get("id") or f"{world.random.randrange(10**21):021d}"
    if name in graph.investigations:
        raise _duplicate(f"{place}.id", f"investigation {name}")
    created = given.get("created", graph.created)
    found = Investigation(
        name,
        given["entity_arn"],
        given.get("scope_start", created - _DAY),
        given.get("scope_end", created),
        created,
        given.get("finishes", created),
        given.get("outcome", "SUCCESSFUL"),
        given.get("severity", "HIGH"),
        given.get("state", "ACTIVE"),
    )
    if found.scope_end <= found.scope_start:
        raise SeedError(f"{place}.scope_end: must be later than scope_start")
    _check_order(place, {_CREATED: graph.created, "created": created}, now)
    _check_order(place, {"created": created, "finishes": found.finishes})
    graph.investigations[name] = found

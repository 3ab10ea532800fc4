"""Changes that AWS Organizations makes, and their effect on memberships."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from detective_async.testing.world.entities import Organization
from detective_async.testing.world.errors import NotAllowedError
from detective_async.testing.world.membership import adopt, auto_enroll, checks_nothing, leave, schedule_pass
from detective_async.testing.world.world import World


def add_accounts(world: World, management_account: str, account_ids: Iterable[str], now: datetime) -> None:
    """Add accounts to the organization of a management account, which is created if there is none.

    They are registered if necessary; if one of them cannot be added, nothing is changed.
    """
    account_ids = [management_account, *account_ids]
    new = []
    for account_id in account_ids:
        known = world.organization_of.get(account_id)
        if known is None:
            new.append(account_id)
        elif known.management_account != management_account:
            raise NotAllowedError(f"account {account_id} is in the organization of {known.management_account}")
    present = world.organizations.get(management_account)
    states = {one: world.accounts[one].state for one in present.accounts} if present else {}
    states |= {one: world.accounts[one].state if one in world.accounts else "ACTIVE" for one in account_ids}
    _check_closure(management_account, states)
    for account_id in new:
        world.register(account_id)
    found = world.organizations.setdefault(management_account, Organization(management_account, {}))
    found.accounts.update(dict.fromkeys(new, now))
    world.organization_of.update(dict.fromkeys(new, found))
    for graph in list(world.graphs.values()):
        if graph.organization == management_account:
            adopt(world, graph)
            auto_enroll(world, graph, new, now)


def set_state(world: World, account_id: str, state: str, now: datetime) -> None:
    """Set the state of an account; a closed one is removed from the graphs that it is a member of."""
    organization = world.organization_of.get(account_id)
    if organization is not None:
        states = {one: world.accounts[one].state for one in organization.accounts}
        _check_closure(organization.management_account, {**states, account_id: state})
    world.accounts[account_id].state = state
    if state == "ACTIVE":
        schedule_pass(world, now)
    if state == "CLOSED":
        for graph in world.graphs.values():
            if account_id in graph.members and not checks_nothing(graph):
                leave(world, graph, account_id, now)


def _check_closure(management_account: str, states: Mapping[str, str]) -> None:
    """Refuse a closed management account of an organization whose other accounts are not, by the states of all."""
    others = [one for one, state in states.items() if one != management_account and state != "CLOSED"]
    if others and states[management_account] in {"PENDING_CLOSURE", "CLOSED"}:
        raise NotAllowedError(
            f"account {management_account} manages an organization, and can be closed only when its other accounts are "
            f"closed or have left: {', '.join(others[:3])}{', ...' if len(others) > 3 else ''}"  # noqa: PLR2004
        )


def remove_accounts(world: World, account_ids: Iterable[str], now: datetime) -> None:
    """Remove accounts, or none if AWS would not remove one, from their organization and its graphs.

    Memberships by invitation remain.
    """
    leaving = list(dict.fromkeys(account_ids))
    for account_id in leaving:
        organization = world.organization_of.get(account_id)
        if organization is None:
            raise NotAllowedError(f"account {account_id} is not in an organization")
        if account_id == organization.management_account:
            raise NotAllowedError(f"account {account_id} manages its organization and cannot leave it")
        if account_id == organization.delegated:
            raise NotAllowedError(f"account {account_id} is the delegated administrator and must be deregistered first")
    for account_id in leaving:
        organization = world.organization_of.pop(account_id)
        del organization.accounts[account_id]
        for graph in world.graphs.values():
            member = graph.members.get(account_id)
            if member and member.invitation_type == "ORGANIZATION":
                leave(world, graph, account_id, now)


def deregister_administrator(world: World, management_account: str, now: datetime) -> None:
    """End the delegation; the organization's graphs that the delegated administrator administers are deleted."""
    organization = world.organizations.get(management_account)
    if organization is None or organization.delegated is None:
        raise NotAllowedError(f"account {management_account} has no delegated administrator for Detective")
    delegate, organization.delegated, organization.delegated_since = organization.delegated, None, None
    organization.settling_region = organization.settles_at = None
    for region, administrator in list(organization.administrators.items()):
        if administrator.account_id == delegate:
            del organization.administrators[region]
            graph = world.administered(delegate, region)
            if graph is not None:
                world.delete_graph(graph, now)

"""Organizations: their Detective administrator account, and whether new accounts are enabled automatically."""

from typing import Any

from detective_async.testing.services.call import Call
from detective_async.testing.services.errors import denied, invalid, refused
from detective_async.testing.services.parity import (
    API,
    AUDIT_MANAGER_REPORT,
    GUARDDUTY_REPORT,
    INFERRED,
    ORGANIZATIONS,
    RESTRICTIONS,
    TERRAFORM_ADMINISTRATOR,
    TRANSITION,
    Fact,
    parity,
)
from detective_async.testing.world.entities import Administrator, Graph, Organization
from detective_async.testing.world.membership import adopt


@parity(
    Fact("Only the management account; the administrator gets a graph if it has none.", API),
    Fact("One administrator in a region; the same account in all, or the management account.", RESTRICTIONS),
    Fact("An account outside: ValidationException, in the words that Terraform looks for.", TERRAFORM_ADMINISTRATOR),
    Fact("With a delegation delay, other regions are refused while the first one settles.", GUARDDUTY_REPORT),
    Fact("The words of that refusal.", AUDIT_MANAGER_REPORT),
    Fact("A suspended or closed account cannot be the delegated administrator: ValidationException.", ORGANIZATIONS),
    Fact("The same for an account that is not activated yet.", INFERRED),
    Fact("Accounts of the organization that were members before are its members from then on.", TRANSITION),
    Fact("Accounts that join it later too; before they have accepted an invitation, when they do.", INFERRED),
)
def enable_organization_admin_account(call: Call) -> None:
    """Appoint the administrator in this region; its graph becomes the organization's."""
    organization = _managed_organization(call)
    account_id: str = call.given["AccountId"]
    present = organization.administrators.get(call.region)
    if account_id not in organization.accounts:
        raise invalid("1 validation error detected: the account at 'accountId' is not in the organization")
    if call.world.accounts[account_id].state != "ACTIVE":
        raise refused("ValidationException", "An account that is not active cannot be a delegated administrator")
    if present is not None and present.account_id != account_id:
        raise refused(
            "ValidationException", "The organization already has a Detective administrator account in this Region"
        )
    management = organization.management_account
    if organization.delegated not in (None, account_id) and account_id != management:
        raise refused("ValidationException", "The organization has delegated Detective to another account")
    _check_settled(call, organization)
    graph = call.world.ensure_graph(account_id, call.region, call.now)
    if graph.deleted_at is not None:
        raise refused("ValidationException", "The behavior graph of the account is being deleted")
    if account_id not in (management, organization.delegated):
        organization.delegated, organization.delegated_since = account_id, call.now
        if call.world.delays.delegation:
            organization.settling_region = call.region
            organization.settles_at = call.now + call.world.delays.delegation
    if present is None:
        organization.administrators[call.region] = Administrator(account_id, call.now)
    graph.organization = management
    adopt(call.world, graph)


@parity(Fact("It deletes the organization's graph; the delegation itself remains.", API))
def disable_organization_admin_account(call: Call) -> None:
    """Remove the administrator of this region, and delete the organization's graph."""
    organization = _managed_organization(call)
    administrator = organization.administrators.pop(call.region, None)
    if administrator is None:
        raise refused("ValidationException", "The organization has no Detective administrator account in this Region")
    graph = call.world.administered(administrator.account_id, call.region)
    if graph is not None:
        call.world.delete_graph(graph, call.now)


@parity(Fact("The administrator of the region, with its graph.", API))
def list_organization_admin_accounts(call: Call) -> dict[str, Any]:
    """List the administrator of this region, if there is one."""
    administrator = _managed_organization(call).administrators.get(call.region)
    account_ids, token = call.page([administrator.account_id] if administrator else [])
    details = []
    for account_id in account_ids:
        graph = call.world.administered(account_id, call.region)
        details.append(
            {
                "AccountId": account_id,
                "GraphArn": graph.arn if graph and graph.deleted_at is None else None,
                "DelegationTime": administrator.since if administrator else None,
            }
        )
    return {"Administrators": details, "NextToken": token}


@parity(
    Fact("AutoEnable.", API),
    Fact("A graph that does not exist is a ValidationException, since the API has no other error for it.", INFERRED),
)
def describe_organization_configuration(call: Call) -> dict[str, Any]:
    """Return whether new accounts of the organization are enabled automatically."""
    return {"AutoEnable": _organization_graph(call).auto_enable}


@parity(
    Fact("AutoEnable is for accounts that are new in the organization.", API),
    Fact("A graph with 1,200 members enrolls no more; it does not make up for that later.", INFERRED),
    gaps=("Joining accounts become members at once, in AWS within an hour.",),
)
def update_organization_configuration(call: Call) -> None:
    """Set whether new accounts of the organization are enabled automatically; existing accounts are not changed."""
    graph = _organization_graph(call)
    graph.auto_enable = call.given.get("AutoEnable", graph.auto_enable)


def _check_settled(call: Call, organization: Organization) -> None:
    """Refuse a delegation while the organization's first one, in another region, is settling.

    Sister services do so: one region succeeds, all others fail until it has finished
    (github.com/aws-samples/aws-secure-environment-accelerator/issues/778, for GuardDuty and Macie). The words are those
    of Audit Manager's ValidationException (github.com/awslabs/landing-zone-accelerator-on-aws/issues/370).
    """
    settles_at = organization.settles_at
    if settles_at is not None and call.now < settles_at and call.region != organization.settling_region:
        raise refused(
            "ValidationException",
            "AWS Organizations can't complete your request because it conflicts with another attempt to modify the "
            "same entity. Try again later.",
        )


def _managed_organization(call: Call) -> Organization:
    organization = call.world.organizations.get(call.account_id)
    if organization is None:
        _check_in_organization(call)
        raise refused("AccessDeniedException", "Only the management account of an organization may do this")
    return organization


def _check_in_organization(call: Call) -> None:
    if call.account_id not in call.world.organization_of:
        # Terraform's provider takes these words for "there is none". Nothing says which ErrorCode comes with them.
        raise refused("ValidationException", "The account is not a member of an organization")


def _organization_graph(call: Call) -> Graph:
    _check_in_organization(call)
    # The API documents no ResourceNotFoundException for these operations.
    graph = call.world.graphs.get(call.given["GraphArn"])
    if graph is None or graph.region != call.region or graph.deleted_at is not None:
        raise invalid("1 validation error detected: there is no behavior graph at 'graphArn'", "INVALID_GRAPH_ARN")
    if graph.administrator != call.account_id or graph.organization is None:
        raise denied("Only the Detective administrator account of the organization may do this")
    return graph

"""The operations of AWS Organizations that say which accounts there are, and who administers them."""

import hashlib
import re
from typing import Any

from detective_async.testing.services.call import Call
from detective_async.testing.services.errors import ApiError, invalid, not_found
from detective_async.testing.services.parity import API, INFERRED, Fact, parity
from detective_async.testing.world.entities import Organization
from detective_async.testing.world.world import partition_of

_PAGE = 20
_DETECTIVE = "detective.amazonaws.com"
_PRINCIPAL = re.compile(r"[a-z0-9.-]+\.amazonaws\.com", re.ASCII)
# State -> Status, which is older and has fewer values: until there was State, it showed closed accounts as suspended.
_STATUSES = {
    "PENDING_ACTIVATION": "SUSPENDED",
    "ACTIVE": "ACTIVE",
    "SUSPENDED": "SUSPENDED",
    "PENDING_CLOSURE": "PENDING_CLOSURE",
    "CLOSED": "SUSPENDED",
}


@parity(
    Fact("Page by page, with states; for the management account and delegated administrators.", API),
    Fact("A page has 20 accounts by default.", INFERRED),
    Fact("`Status` is sent although its announced end, 9 September 2026, is over.", INFERRED),
    Fact("`Status` has fewer values: PENDING_ACTIVATION and CLOSED are SUSPENDED there.", INFERRED),
    Fact("All accounts have joined by an invitation: `JoinedMethod`.", INFERRED),
    Fact("Which `Reason` an InvalidInputException has.", INFERRED),
    gaps=("Organizational units, and handshakes.",),
)
def list_accounts(call: Call) -> dict[str, Any]:
    """List the accounts of the organization, page by page."""
    organization = _administered_organization(call)
    account_ids, token = call.page(sorted(organization.accounts), limit=_PAGE)
    return {"Accounts": [_with_path(call, organization, one) for one in account_ids], "NextToken": token}


@parity(Fact("By account id.", API))
def describe_account(call: Call) -> dict[str, Any]:
    """Describe one account of the organization."""
    organization = _administered_organization(call)
    account_id = call.given["AccountId"]
    if account_id not in organization.accounts:
        raise not_found("You specified an account that doesn't exist.")
    return {"Account": _with_path(call, organization, account_id)}


@parity(Fact("For every account of the organization.", API))
def describe_organization(call: Call) -> dict[str, Any]:
    """Describe the organization that the caller's account belongs to."""
    organization = _organization(call)
    management, name = organization.management_account, _organization_id(organization)
    return {
        "Organization": {
            "Id": name,
            "Arn": f"arn:{partition_of(call.region)}:organizations::{management}:organization/{name}",
            "FeatureSet": "ALL",
            "MasterAccountArn": _account_arn(call, organization, management),
            "MasterAccountId": management,
            "MasterAccountEmail": call.world.accounts[management].email,
            "AvailablePolicyTypes": [{"Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED"}],
        }
    }


@parity(Fact("That of Detective.", API), gaps=("Those of other services.",))
def list_delegated_administrators(call: Call) -> dict[str, Any]:
    """List the delegated administrators, of whom there is one: that of Detective, if there is any."""
    organization = _administered_organization(call)
    principal = call.given.get("ServicePrincipal", _DETECTIVE)
    if not _PRINCIPAL.fullmatch(principal):
        raise invalid("You specified a service principal that isn't recognized.")
    found = [organization.delegated] if organization.delegated and principal == _DETECTIVE else []
    account_ids, token = call.page(found, limit=_PAGE, scope=[principal])
    since = organization.delegated_since
    return {
        "DelegatedAdministrators": [
            {**_account(call, organization, one), "DelegationEnabledDate": since} for one in account_ids
        ],
        "NextToken": token,
    }


def _administered_organization(call: Call) -> Organization:
    """Return the caller's organization, whose management account or delegated administrator the caller must be."""
    organization = _organization(call)
    if call.account_id not in (organization.management_account, organization.delegated):
        raise ApiError("AccessDeniedException", "You don't have permissions to access this resource.", status=400)
    return organization


def _organization(call: Call) -> Organization:
    organization = call.world.organization_of.get(call.account_id)
    if organization is None:
        raise ApiError("AWSOrganizationsNotInUseException", "Your account is not a member of an organization.")
    return organization


def _account(call: Call, organization: Organization, account_id: str) -> dict[str, Any]:
    account = call.world.accounts[account_id]
    return {
        "Id": account_id,
        "Arn": _account_arn(call, organization, account_id),
        "Email": account.email,
        "Name": account.name,
        "Status": _STATUSES[account.state],
        "State": account.state,
        "JoinedMethod": "INVITED",
        "JoinedTimestamp": organization.accounts[account_id],
    }


def _with_path(call: Call, organization: Organization, account_id: str) -> dict[str, Any]:
    # There are no organizational units: every account is directly below the root.
    path = f"{_organization_id(organization)}/{_root_id(organization)}/{account_id}/"
    return {**_account(call, organization, account_id), "Paths": [path]}


def _account_arn(call: Call, organization: Organization, account_id: str) -> str:
    name = f"{_organization_id(organization)}/{account_id}"
    return f"arn:{partition_of(call.region)}:organizations::{organization.management_account}:account/{name}"


def _organization_id(organization: Organization) -> str:
    return f"o-{_digest(organization, 10)}"


def _root_id(organization: Organization) -> str:
    return f"r-{_digest(organization, 4)}"


def _digest(organization: Organization, length: int) -> str:
    return hashlib.sha256(organization.management_account.encode()).hexdigest()[:length]

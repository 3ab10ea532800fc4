"""The accounts of an organization in AWS Organizations, as the source of lists of accounts."""

from attrs import evolve, field, frozen

from detective_async.api.models.base import OpenEnum
from detective_async.api.organizations import LIST_ACCOUNTS, ORGANIZATIONS
from detective_async.api.redaction import masked
from detective_async.client.client import DetectiveClient, check_client
from detective_async.errors import PaginationError

__all__ = ["AccountStatus", "OrganizationAccount", "list_accounts"]

#: The API's maximum.
_PAGE_SIZE = 20


class AccountStatus(OpenEnum):
    """The status of an account in its organization: AWS's `State`, or `Status` where it is not sent.

    Only ACTIVE accounts can be members of a graph.
    """

    PENDING_ACTIVATION = "PENDING_ACTIVATION"
    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    PENDING_CLOSURE = "PENDING_CLOSURE"
    CLOSED = "CLOSED"


@frozen
class OrganizationAccount:
    """An account of an organization.

    Attributes:
        account_id: 12 digits, as a string.
        email_address: of its root user; masked in `repr`.
        name: its name.
        status: whether it is active.
    """

    account_id: str
    email_address: str = field(repr=masked)
    name: str
    status: AccountStatus

    @property
    def ok(self) -> bool:
        """Whether it is active."""
        return self.status == AccountStatus.ACTIVE


async def list_accounts(client: DetectiveClient) -> list[OrganizationAccount]:
    """List all accounts of the organization that the client's account manages, in the order that AWS gives.

    Requests go over the client's own connections, to the organization's endpoint of the client's partition, or to
    `AWS_ENDPOINT_URL_ORGANIZATIONS`.

    API operation: ListAccounts of AWS Organizations, one request for each page of 20 accounts. Each is retried as by
    `RetryPolicy.patient()`, unless the client's policy or the environment says otherwise. It needs the permission
    `organizations:ListAccounts` in the management account, or in an account that is a delegated administrator.

    Args:
        client: a client with the credentials of the management account, or of a delegated administrator.

    Returns:
        The accounts of any status. Pass all of them to `plan_membership`: it plans the active ones, and names others.

    Raises:
        ParameterError: `client` is none; nothing was sent.
        ServiceError: AWS refused: `AccessDeniedException`, or `AWSOrganizationsNotInUseException` outside of an
            organization.
        PaginationError: AWS repeated a continuation token.
    """
    check_client(client)
    # AWS Organizations throttles hard, and a list of thousands of accounts has hundreds of pages.
    transport = client._patient()._transport  # noqa: SLF001 - of our own class
    service = evolve(
        transport.for_service(
            ORGANIZATIONS, credentials=transport.credentials, region=transport.endpoint.region, endpoint_url=None
        ),
        max_attempts=transport.max_attempts,
        adaptive=transport.adaptive,
        schedule=transport.schedule,
        timeouts=transport.timeouts,
    )
    # By id: one is on two pages if others join or leave meanwhile.
    accounts: dict[str, OrganizationAccount] = {}
    seen: set[str] = set()
    members: dict[str, object] = {"MaxResults": _PAGE_SIZE}
    while True:
        page = await service.call(LIST_ACCOUNTS, members)
        accounts.update((one.account_id, one) for one in map(_account, page.accounts))
        if page.next_token is None:
            return list(accounts.values())
        if page.next_token in seen:
            raise PaginationError(LIST_ACCOUNTS.name)
        seen.add(page.next_token)
        members = {**members, "NextToken": page.next_token}


def _account(members: dict[str, str]) -> OrganizationAccount:
    return OrganizationAccount(
        members["Id"],
        members.get("Email", ""),
        members.get("Name", ""),
        # AWS retires `Status` in favour of `State`.
        AccountStatus(members.get("State") or members.get("Status") or ""),
    )

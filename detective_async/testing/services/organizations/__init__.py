"""AWS Organizations: the accounts and who administers them, over the JSON protocol. Nothing can be changed by it."""

from collections.abc import Callable
from typing import Any

from detective_async.testing.services.call import Call
from detective_async.testing.services.organizations.operations import (
    describe_account,
    describe_organization,
    list_accounts,
    list_delegated_administrators,
)

OPERATIONS: dict[str, Callable[[Call], dict[str, Any] | None]] = {
    "DescribeAccount": describe_account,
    "DescribeOrganization": describe_organization,
    "ListAccounts": list_accounts,
    "ListDelegatedAdministrators": list_delegated_administrators,
}

"""The organization: its Detective administrator, and the setting for new accounts."""

from datetime import datetime

from attrs import Factory, field, frozen

from detective_async.api.models.base import Response
from detective_async.api.models.constraints import ACCOUNT_ID, GRAPH_ARN, MAX_RESULTS, PAGINATION_TOKEN, Flag, rule


@frozen(kw_only=True)
class Administrator:
    """The account that administers Detective for the organization.

    Attributes:
        account_id: the account.
        graph_arn: the organization's graph.
        delegation_time: when it was made the administrator.
    """

    account_id: str
    graph_arn: str | None = None
    delegation_time: datetime | None = None


@frozen
class DescribeOrganizationConfigurationRequest:
    """The members of DescribeOrganizationConfiguration."""

    graph_arn: str = field(metadata=rule(GRAPH_ARN))


@frozen(kw_only=True)
class DescribeOrganizationConfigurationResponse(Response):
    """The response of DescribeOrganizationConfiguration.

    Attributes:
        auto_enable: whether accounts new to the organization become members automatically.
    """

    auto_enable: bool


@frozen
class EnableOrganizationAdminAccountRequest:
    """The members of EnableOrganizationAdminAccount."""

    account_id: str = field(metadata=rule(ACCOUNT_ID))


@frozen
class ListOrganizationAdminAccountsRequest:
    """The members of ListOrganizationAdminAccounts."""

    next_token: str | None = field(default=None, kw_only=True, metadata=rule(PAGINATION_TOKEN))
    max_results: int | None = field(default=None, kw_only=True, metadata=rule(MAX_RESULTS))


@frozen(kw_only=True)
class ListOrganizationAdminAccountsResponse(Response):
    """A page of ListOrganizationAdminAccounts.

    Attributes:
        administrators: the organization's Detective administrators.
        next_token: the token of the next page; None on the last page.
    """

    administrators: list[Administrator] = Factory(list)
    next_token: str | None = None


@frozen
class UpdateOrganizationConfigurationRequest:
    """The members of UpdateOrganizationConfiguration."""

    graph_arn: str = field(metadata=rule(GRAPH_ARN))
    auto_enable: bool | None = field(default=None, kw_only=True, metadata=rule(Flag()))

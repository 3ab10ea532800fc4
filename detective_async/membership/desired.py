"""The desired state of the memberships, validated before any request is sent."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any

from attrs import Attribute, Factory, field, frozen
from attrs.validators import optional

from detective_async.api.models.constraints import (
    ACCOUNT_ID,
    EMAIL_ADDRESS,
    MESSAGE,
    TAGS,
    DistinctItems,
    Flag,
    Integer,
    Items,
    ModelInstance,
    OneOf,
    Rule,
    list_if_iterable,
)
from detective_async.api.models.datasources import DatasourcePackage
from detective_async.api.models.members import Account
from detective_async.api.redaction import mask_keys, masked
from detective_async.auth import CredentialsSource, as_provider
from detective_async.errors import ConfigurationError, CredentialsError, DetectiveError, ParameterError
from detective_async.membership.accounts import AccountList, LineProblem, origins_of
from detective_async.membership.decisions import Acceptance, DesiredMember
from detective_async.organization import OrganizationAccount
from detective_async.settings.arguments import shown
from detective_async.settings.endpoints import check_region

#: AWS's default quota of members per graph, which AWS can raise.
MAX_MEMBERS = 1200
_PACKAGES = Items(OneOf(DatasourcePackage), max_items=25, min_items=0)
_REMOVED = Items(ACCOUNT_ID, min_items=0)

MemberCredentials = Callable[[str], CredentialsSource] | Mapping[str, CredentialsSource]
#: The accounts of one region.
Accounts = Iterable[Account | OrganizationAccount]


def _check(rule: Rule) -> Callable[[object, "Attribute[Any]", Any], None]:
    """Return a validator that applies a rule to an attribute."""
    return lambda _, attribute, value: rule(value, attribute.name)


def _packages(values: Iterable[DatasourcePackage | str]) -> tuple[DatasourcePackage, ...]:
    packages = list_if_iterable(values)
    _PACKAGES(packages, "datasource_packages")
    return tuple(dict.fromkeys(DatasourcePackage(package) for package in packages))


def _removed(values: Iterable[str]) -> tuple[str, ...]:
    removed = list_if_iterable(values)
    _REMOVED(removed, "remove")
    # Ids of lists know their list.
    return tuple(dict.fromkeys(map(str, removed)))


def _tags(values: Mapping[str, str] | None) -> Mapping[str, str]:
    if values:
        TAGS(values, "tags")
        for key in values:
            if key.startswith("aws:"):
                raise ParameterError(
                    "tags", f"the key {shown(key)} begins with aws:, which AWS reserves for its own tags"
                )
    return dict(values or {})


def _check_member_credentials(value: object, path: str) -> None:
    if isinstance(value, Mapping):
        for account_id, source in value.items():
            ACCOUNT_ID(account_id, f"{path}: the key {shown(account_id)}")
            _check_source(source, f"{path}[{shown(account_id)}]")
        return
    if not callable(value):
        raise ParameterError(path, "expected a mapping, or a callable that takes an account id, to credentials")
    if inspect.iscoroutinefunction(value):
        raise ParameterError(
            path, "expected a plain callable that returns credentials or an async credentials provider; it is async"
        )


def _check_source(value: object, path: str) -> None:
    try:
        as_provider(value)  # type: ignore[arg-type] # it may be anything
    except ConfigurationError as error:
        raise ParameterError(path, str(error)) from None


def _copied(value: Any) -> Any:
    """Return a copy of a mapping, which may change before the plan is applied."""
    return dict(value) if isinstance(value, Mapping) else value


@frozen(kw_only=True)
class ByInvitation:
    """Members are invited, and accept.

    Args:
        credentials: the credentials with which the member accounts accept: a callable that takes an account id, or a
            mapping. None leaves invitations open: INVITED is then the desired state.
        administrator_id: the account whose members these are to be; if the client's credentials are those of another
            one, the plan says so and does nothing. None takes the client's account.

    Raises:
        ParameterError: one is malformed.
    """

    credentials: MemberCredentials | None = field(
        default=None, repr=False, converter=_copied, validator=optional(_check(_check_member_credentials))
    )
    administrator_id: str | None = field(default=None, validator=optional(_check(ACCOUNT_ID)))


@frozen(kw_only=True)
class ByOrganization:
    """Accounts of the organization are enabled, without invitations, in the graph of its Detective administrator.

    Args:
        administrator_id: the account that is the Detective administrator, or is to become it; if the client's
            credentials are those of another one, the plan says so and does nothing. None takes the client's account.
        management_credentials: credentials of the organization's management account, to make `administrator_id` the
            Detective administrator where there is none.
        auto_enable: whether accounts that join the organization later become members automatically. None leaves the
            setting as it is.
        credentials: as for `ByInvitation`, for accounts outside the organization, which AWS invites.

    Raises:
        ParameterError: one is malformed, or `management_credentials` are without `administrator_id`.
    """

    administrator_id: str | None = field(default=None, validator=optional(_check(ACCOUNT_ID)))
    management_credentials: CredentialsSource | None = field(
        default=None, repr=False, validator=optional(_check(_check_source))
    )
    auto_enable: bool | None = field(default=None, validator=optional(_check(Flag())))
    credentials: MemberCredentials | None = field(
        default=None, repr=False, converter=_copied, validator=optional(_check(_check_member_credentials))
    )

    def __attrs_post_init__(self) -> None:
        if self.management_credentials is not None and self.administrator_id is None:
            # The client's account could be any, and it cannot be replaced without the loss of its graph.
            raise ParameterError("management_credentials", "needs administrator_id: the account to designate")


@frozen
class RegionAccounts:
    """The accounts of one region.

    Attributes:
        accounts: those that should be members.
        inactive: those that are suspended or being closed, with their status: they are not added, and not removed.
        invalid: those whose e-mail address AWS does not accept, with what is wrong with it.
        bad_lines: the number of lines of the list that could not be read.
        changed_lines: the lines of the list that were read with a change.
    """

    accounts: tuple[Account, ...] = ()
    inactive: Mapping[str, str] = Factory(dict)
    invalid: Mapping[str, str] = Factory(dict)
    bad_lines: int = 0
    changed_lines: tuple[LineProblem, ...] = ()

    @cached_property
    def id_by_address(self) -> Mapping[str, str]:
        """The accounts that should be members, by their addresses in lower case."""
        return {one.email_address.casefold(): one.account_id for one in self.accounts}


@frozen(kw_only=True)
class DesiredState:
    """The desired memberships; the attributes are parameters of `plan_membership`.

    Raises:
        ParameterError: one is invalid.
    """

    accounts: Mapping[str, RegionAccounts]
    members: ByInvitation | ByOrganization
    datasource_packages: tuple[DatasourcePackage, ...] = field(converter=_packages)
    tags: Mapping[str, str] = field(converter=_tags)
    remove: tuple[str, ...] = field(default=(), converter=_removed)
    remove_others: bool = field(default=False, validator=_check(Flag()))
    max_removals: int | None = field(default=None, validator=optional(_check(Integer(0))))
    retry_failed: bool = field(default=True, validator=_check(Flag()))
    retry_disabled: bool = field(default=False, validator=_check(Flag()))
    message: str | None = field(default=None, repr=masked, validator=optional(_check(MESSAGE)))
    disable_email_notification: bool | None = field(default=None, validator=optional(_check(Flag())))
    concurrency: int = field(validator=_check(Integer(1)))

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.members, ByInvitation | ByOrganization):
            raise ParameterError("members", f"expected ByInvitation or ByOrganization, got {shown(self.members)}")
        if self.remove and self.remove_others:
            raise ParameterError("remove", "cannot be given together with remove_others")
        wanted = {one.account_id for accounts in self.accounts.values() for one in accounts.accounts}
        for account_id in self.remove:
            if account_id in wanted:
                raise ParameterError("remove", f"account {account_id} is among the desired accounts, too")

    @property
    def organization(self) -> ByOrganization | None:
        """How members are added, if the graph is the organization's."""
        return self.members if isinstance(self.members, ByOrganization) else None

    def makes_graph(self, region: str, administrator_id: str | None) -> bool:
        """Return whether a region gets a graph: without accounts, only what there is is changed.

        That is so beside a removal also if none of the accounts is to be a member, because none is active or they are
        the administrator itself.
        """
        accounts = self.accounts[region]
        if self.remove:
            return any(one.account_id != administrator_id for one in accounts.accounts)
        return bool(accounts.accounts or accounts.inactive)

    def needs_graph(self, region: str, administrator_id: str | None) -> bool:
        """Return whether a region without a graph lacks something; members that are to be removed are none there."""
        auto_enable = None if self.organization is None else self.organization.auto_enable
        is_more_wanted = bool(self.datasource_packages or self.tags) or auto_enable is not None
        return is_more_wanted or self.makes_graph(region, administrator_id)

    def member(self, account: Account) -> DesiredMember:
        """Return the desired state of an account."""
        credentials = self.members.credentials
        if credentials is None:
            acceptance = Acceptance.BY_OWNER
        elif isinstance(credentials, Mapping) and account.account_id not in credentials:
            acceptance = Acceptance.IMPOSSIBLE
        else:
            acceptance = Acceptance.BY_PLAN
        return DesiredMember(account, acceptance, self.retry_failed, self.retry_disabled)

    def credentials_of(self, account_id: str) -> CredentialsSource:
        """Return the credentials with which an account accepts its invitation."""
        source = self.members.credentials
        assert source is not None  # noqa: S101 - otherwise no decision is to accept
        try:
            found = source[account_id] if isinstance(source, Mapping) else source(account_id)
            as_provider(found)
        except DetectiveError as error:
            problem = str(error)
        except Exception as error:  # noqa: BLE001 - the caller's code may raise anything
            problem = f"it failed: {mask_keys(f'{type(error).__name__}: {error}')}"
        else:
            return found
        # Outside the except block, so that the original exception, whose text may contain secrets, is not chained.
        raise CredentialsError(f"credentials of members, called for {account_id}: {problem}")


def check_regions(regions: Iterable[str]) -> list[str]:
    """Return regions as a list; a `ParameterError` says that it is empty, or contains a duplicate or no region."""
    names: list[str] = list_if_iterable(regions)
    DistinctItems(check_region)(names, "regions")
    return names


def accounts_by_region(
    accounts: Accounts | Mapping[str, Accounts], regions: Iterable[str], *, may_be_empty: bool
) -> dict[str, RegionAccounts]:
    """Return the accounts of each region of a plan, validated."""
    if not isinstance(accounts, Mapping):
        checked = _check_accounts(accounts, "accounts", may_be_empty=may_be_empty)
        return dict.fromkeys(check_regions(regions), checked)
    if list_if_iterable(regions):
        raise ParameterError("regions", "must be left out if accounts is a mapping, whose keys are the regions")
    if not accounts:
        raise ParameterError("accounts", "must not be empty")
    by_region: dict[str, RegionAccounts] = {}
    for region, some in accounts.items():
        check_region(region, "a key of accounts")
        by_region[str(region)] = _check_accounts(some, f"accounts[{region!r}]", may_be_empty=may_be_empty)
    return by_region


def _check_accounts(accounts: Accounts, path: str, *, may_be_empty: bool) -> RegionAccounts:
    given = list_if_iterable(accounts)
    changed = accounts.notes if isinstance(accounts, AccountList) else ()
    if given != [] or not may_be_empty:
        DistinctItems(_check_account, "account_id")(given, path)
    behind = origins_of(accounts, given)
    inactive = {account_id: status for origin in behind for account_id, status in origin.inactive.items()}
    inactive |= {one.account_id: one.status for one in given if isinstance(one, OrganizationAccount) and not one.ok}
    wanted = tuple(Account(str(one.account_id), one.email_address) for one in given if one.account_id not in inactive)
    invalid = {one.account_id: problem for one in wanted if (problem := _problem_of_address(one))}
    bad_lines = sum(len(origin.problems) for origin in behind)
    return RegionAccounts(wanted, inactive, invalid, bad_lines, changed)


def _check_account(value: object, path: str) -> None:
    if isinstance(value, OrganizationAccount):
        # What AWS has as its address, the caller cannot correct: it is a problem of this account.
        ACCOUNT_ID(value.account_id, f"{path}.account_id")
    else:
        ModelInstance(Account)(value, path)


def _problem_of_address(account: Account) -> str:
    try:
        EMAIL_ADDRESS(account.email_address, "e-mail address")
    except ParameterError as error:
        return str(error)
    return ""

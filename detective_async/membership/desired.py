"""The desired state of the memberships, validated before any request is sent."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from attrs import Attribute, field, frozen
from attrs.validators import optional

from detective_async.api.models.constraints import (
    ACCOUNT_ID,
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
from detective_async.membership.decisions import Acceptance, DesiredMember
from detective_async.settings.endpoints import check_region

#: AWS's quota of members per graph.
MAX_MEMBERS = 1200
_PACKAGES = Items(OneOf(DatasourcePackage), max_items=25, min_items=0)

MemberCredentials = Callable[[str], CredentialsSource] | Mapping[str, CredentialsSource]


def _check(rule: Rule) -> Callable[[object, "Attribute[Any]", Any], None]:
    """Return a validator that applies a rule to an attribute."""
    return lambda _desired, attribute, value: rule(value, attribute.name)


def _packages(values: Iterable[DatasourcePackage | str]) -> tuple[DatasourcePackage, ...]:
    packages = list_if_iterable(values)
    _PACKAGES(packages, "datasource_packages")
    return tuple(dict.fromkeys(DatasourcePackage(package) for package in packages))


def _tags(values: Mapping[str, str] | None) -> Mapping[str, str]:
    if values:
        TAGS(values, "tags")
    return dict(values or {})


def _check_member_credentials(value: object, path: str) -> None:
    if isinstance(value, Mapping):
        return
    if not callable(value):
        raise ParameterError(path, "expected a mapping, or a callable that takes an account id, to credentials")
    if inspect.iscoroutinefunction(value):
        raise ParameterError(
            path, "expected a plain callable that returns credentials or an async credentials provider; it is async"
        )


@frozen(kw_only=True)
class DesiredState:
    """The desired memberships; the attributes are parameters of `plan_membership`.

    Raises:
        ParameterError: one is invalid.
    """

    accounts: Mapping[str, tuple[Account, ...]]
    member_credentials: MemberCredentials | None = field(
        repr=False, validator=optional(_check(_check_member_credentials))
    )
    organization: bool = field(validator=_check(Flag()))
    management_credentials: CredentialsSource | None = field(repr=False)
    administrator_id: str | None
    datasource_packages: tuple[DatasourcePackage, ...] = field(converter=_packages)
    tags: Mapping[str, str] = field(converter=_tags)
    remove_others: bool = field(validator=_check(Flag()))
    message: str | None = field(repr=masked, validator=optional(_check(MESSAGE)))
    disable_email_notification: bool | None = field(validator=optional(_check(Flag())))
    concurrency: int = field(validator=_check(Integer(1)))

    def __attrs_post_init__(self) -> None:
        if self.management_credentials is None and self.administrator_id is None:
            return
        if not self.organization:
            name = "administrator_id" if self.management_credentials is None else "management_credentials"
            raise ParameterError(name, "is for organization=True only")
        if self.management_credentials is None:
            raise ParameterError("administrator_id", "needs management_credentials, to designate the administrator")
        if self.administrator_id is None:
            raise ParameterError("management_credentials", "needs administrator_id: the account to designate")
        ACCOUNT_ID(self.administrator_id, "administrator_id")
        try:
            as_provider(self.management_credentials)
        except ConfigurationError as error:
            raise ParameterError("management_credentials", str(error)) from None

    def member(self, account: Account) -> DesiredMember:
        """Return the desired state of an account."""
        if self.member_credentials is None:
            acceptance = Acceptance.BY_OWNER
        elif isinstance(self.member_credentials, Mapping) and account.account_id not in self.member_credentials:
            acceptance = Acceptance.IMPOSSIBLE
        else:
            acceptance = Acceptance.BY_PLAN
        return DesiredMember(account, acceptance)

    def credentials_of(self, account_id: str) -> CredentialsSource:
        """Return the credentials with which an account accepts its invitation."""
        source = self.member_credentials
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
        raise CredentialsError(f"member_credentials, called for {account_id}: {problem}")


def check_regions(regions: Iterable[str]) -> list[str]:
    """Return regions as a list; a `ParameterError` says that it is empty, or contains a duplicate or no region."""
    names: list[str] = list_if_iterable(regions)
    DistinctItems(check_region)(names, "regions")
    return names


def accounts_by_region(
    accounts: Iterable[Account] | Mapping[str, Iterable[Account]], regions: Iterable[str]
) -> dict[str, tuple[Account, ...]]:
    """Return the accounts of each region of a plan, validated."""
    if not isinstance(accounts, Mapping):
        checked = _check_accounts(accounts, "accounts")
        return dict.fromkeys(check_regions(regions), checked)
    if list_if_iterable(regions):
        raise ParameterError("regions", "must be left out if accounts is a mapping, whose keys are the regions")
    if not accounts:
        raise ParameterError("accounts", "must not be empty")
    by_region: dict[str, tuple[Account, ...]] = {}
    for region, some in accounts.items():
        check_region(region, "a key of accounts")
        by_region[str(region)] = _check_accounts(some, f"accounts[{region!r}]")
    return by_region


def _check_accounts(accounts: Iterable[Account], path: str) -> tuple[Account, ...]:
    checked: list[Account] = list_if_iterable(accounts)
    DistinctItems(ModelInstance(Account), "account_id")(checked, path)
    if len(checked) > MAX_MEMBERS:
        raise ParameterError(path, f"a graph has at most {MAX_MEMBERS:,} members, got {len(checked):,} accounts")
    return tuple(checked)

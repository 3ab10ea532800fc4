"""What a caller wants, checked before anything is sent."""

import inspect
from collections.abc import Callable, Iterable, Mapping

from attrs import Factory, field, frozen

from detective_async.api.models.constraints import (
    ACCOUNT_ID,
    MESSAGE,
    TAGS,
    Distinct,
    Flag,
    Integer,
    Items,
    OneOf,
    Structure,
    as_list,
)
from detective_async.api.models.datasources import DatasourcePackage
from detective_async.api.models.members import Account
from detective_async.api.redaction import mask_keys, masked
from detective_async.auth import CredentialsSource, as_provider
from detective_async.errors import ConfigurationError, CredentialsError, DetectiveError, ParameterError
from detective_async.events import is_plain_callable
from detective_async.membership.decide import Acceptance, Wanted
from detective_async.settings.endpoints import check_region

#: As many as AWS allows in a graph.
MAX_MEMBERS = 1200
_MAX_PACKAGES = 25

MemberCredentials = Callable[[str], CredentialsSource] | Mapping[str, CredentialsSource]


@frozen(kw_only=True)
class Goals:
    """What is wanted; the attributes are those parameters of `plan_membership`."""

    accounts: Mapping[str, tuple[Account, ...]]
    member_credentials: MemberCredentials | None = field(default=None, repr=False)
    organization: bool = False
    management_credentials: CredentialsSource | None = field(default=None, repr=False)
    administrator_id: str | None = None
    datasource_packages: tuple[DatasourcePackage, ...] = ()
    tags: Mapping[str, str] = Factory(dict)
    remove_others: bool = False
    message: str | None = field(default=None, repr=masked)
    disable_email_notification: bool | None = None
    concurrency: int = 32

    def wanted(self, account: Account) -> Wanted:
        """Say what is wanted of an account."""
        if self.member_credentials is None:
            acceptance = Acceptance.THEIRS
        elif isinstance(self.member_credentials, Mapping) and account.account_id not in self.member_credentials:
            acceptance = Acceptance.LACKING
        else:
            acceptance = Acceptance.OURS
        return Wanted(account, acceptance)

    def credentials_of(self, account_id: str) -> CredentialsSource:
        """Give the credentials to accept an account's invitation with.

        Raises:
            CredentialsError: there are none.
        """
        source = self.member_credentials
        assert source is not None  # noqa: S101 - or nothing would be accepted
        try:
            given = source[account_id] if isinstance(source, Mapping) else source(account_id)
            as_provider(given)
        except DetectiveError as error:
            problem = str(error)
        except Exception as error:  # noqa: BLE001 - whatever it raises
            problem = f"it failed: {mask_keys(f'{type(error).__name__}: {error}')}"
        else:
            return given
        # Out here, so that it is not chained to what was raised, whose text may hold secrets.
        raise CredentialsError(f"member_credentials, asked for {account_id}: {problem}")


def check_goals(
    accounts: Iterable[Account] | Mapping[str, Iterable[Account]],
    *,
    regions: Iterable[str],
    member_credentials: MemberCredentials | None,
    organization: bool,
    management_credentials: CredentialsSource | None,
    administrator_id: str | None,
    datasource_packages: Iterable[DatasourcePackage | str],
    tags: Mapping[str, str] | None,
    remove_others: bool,
    message: str | None,
    disable_email_notification: bool | None,
    concurrency: int,
) -> Goals:
    """Check the parameters of `plan_membership`.

    Raises:
        ParameterError: one is not right.
    """
    by_region = _accounts_by_region(accounts, regions)
    _check_member_credentials(member_credentials)
    for name, flag in (("organization", organization), ("remove_others", remove_others)):
        Flag()(flag, name)
    _check_administrator(management_credentials, administrator_id, organization=organization)
    packages = as_list(datasource_packages)
    Items(OneOf(DatasourcePackage), max_items=_MAX_PACKAGES, min_items=0)(packages, "datasource_packages")
    if tags:
        TAGS(tags, "tags")
    if message is not None:
        MESSAGE(message, "message")
    if disable_email_notification is not None:
        Flag()(disable_email_notification, "disable_email_notification")
    Integer(1)(concurrency, "concurrency")
    return Goals(
        accounts=by_region,
        member_credentials=member_credentials,
        organization=organization,
        management_credentials=management_credentials,
        administrator_id=administrator_id,
        datasource_packages=tuple(dict.fromkeys(DatasourcePackage(package) for package in packages)),
        tags=dict(tags or {}),
        remove_others=remove_others,
        message=message,
        disable_email_notification=disable_email_notification,
        concurrency=concurrency,
    )


def check_regions(regions: Iterable[str]) -> list[str]:
    """Check a list of regions.

    Raises:
        ParameterError: it is empty, or holds what is no region, or one twice.
    """
    names: list[str] = as_list(regions)
    Distinct(check_region)(names, "regions")
    return names


def check_callback(callback: object, path: str) -> None:
    """Refuse what is no plain callable; None is fine.

    Raises:
        ParameterError: it is none.
    """
    if callback is not None and not is_plain_callable(callback):
        raise ParameterError(path, f"expected a plain callable, got {type(callback).__name__}")


def _accounts_by_region(
    accounts: Iterable[Account] | Mapping[str, Iterable[Account]], regions: Iterable[str]
) -> dict[str, tuple[Account, ...]]:
    if not isinstance(accounts, Mapping):
        checked = _check_accounts(accounts, "accounts")
        return dict.fromkeys(check_regions(regions), checked)
    if as_list(regions):
        raise ParameterError("regions", "must be left out where accounts is a mapping, whose keys are the regions")
    if not accounts:
        raise ParameterError("accounts", "must not be empty")
    by_region: dict[str, tuple[Account, ...]] = {}
    for region, some in accounts.items():
        check_region(region, "a key of accounts")
        by_region[str(region)] = _check_accounts(some, f"accounts[{region!r}]")
    return by_region


def _check_accounts(accounts: Iterable[Account], path: str) -> tuple[Account, ...]:
    checked: list[Account] = as_list(accounts)
    Distinct(Structure(Account), "account_id")(checked, path)
    if len(checked) > MAX_MEMBERS:
        raise ParameterError(path, f"a graph has at most {MAX_MEMBERS:,} members, got {len(checked):,} accounts")
    return tuple(checked)


def _check_member_credentials(source: MemberCredentials | None) -> None:
    if source is None or isinstance(source, Mapping):
        return
    if not callable(source):
        raise ParameterError(
            "member_credentials", "expected a mapping, or a callable that takes an account id, to credentials"
        )
    if inspect.iscoroutinefunction(source):
        raise ParameterError(
            "member_credentials",
            "expected a plain callable that gives credentials, or an async callable for them; it is async itself",
        )


def _check_administrator(
    management_credentials: CredentialsSource | None, administrator_id: str | None, *, organization: bool
) -> None:
    if management_credentials is None and administrator_id is None:
        return
    if not organization:
        name = "administrator_id" if management_credentials is None else "management_credentials"
        raise ParameterError(name, "is for organization=True only")
    if management_credentials is None:
        raise ParameterError("administrator_id", "needs management_credentials, with which to name the administrator")
    if administrator_id is None:
        raise ParameterError("management_credentials", "needs administrator_id: the account to be the administrator")
    ACCOUNT_ID(administrator_id, "administrator_id")
    try:
        as_provider(management_credentials)
    except ConfigurationError as error:
        raise ParameterError("management_credentials", str(error)) from None

"""Credentials, and the protocols of providers and of the clients that call them."""

from abc import ABC, abstractmethod
from asyncio import Task
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, Protocol, runtime_checkable

from attrs import field, frozen

from detective_async.api.service import Service
from detective_async.errors import CredentialsError
from detective_async.settings.arguments import attribute, shown, type_name
from detective_async.settings.expressions import expression

#: Characters that copying or reading a file may add to a key; they cause wrong signatures or invalid headers.
_INVALID_CHARACTERS = expression(r"\A\s|\s\Z|[\x00-\x1f\x7f\ud800-\udfff]")
_ACCOUNT_ID = expression(r"[0-9]{12}")
#: AWS's codes for a session token whose lifetime is over: STS's, and that of services which speak JSON.
EXPIRED_KEYS = frozenset({"ExpiredToken", "ExpiredTokenException"})


def account_id_or_none(value: object) -> str | None:
    """Return an account id from an external source, or None if it is malformed."""
    return value if isinstance(value, str) and _ACCOUNT_ID.fullmatch(value) else None


def masked_key_id(value: object) -> str:
    """Return the `repr` of an access key id: its last characters, enough to tell keys apart."""
    return repr(f"***{value[-4:]}") if isinstance(value, str) else "***"


@frozen
class Credentials:
    """One set of AWS keys; `repr` shows only the last characters of the key id.

    Args:
        access_key_id: such as `AKIAIOSFODNN7EXAMPLE`.
        secret_access_key: its secret.
        session_token: for temporary credentials; None for long-lived ones.
        expires_at: when they stop working, as an aware datetime; None for never.
        account_id: the account that they belong to, in 12 digits, for events and logs; None if it is not known.

    Raises:
        CredentialsError: a key is missing, empty or malformed, `expires_at` is not a datetime with a time zone, or
            `account_id` is not an account id.
    """

    access_key_id: str = field(repr=masked_key_id)
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None
    # Not compared: the same keys are the same credentials, whether or not their account is known.
    account_id: str | None = field(default=None, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        for name in ("access_key_id", "secret_access_key"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value.strip():
                raise CredentialsError(f"credentials: {name} must be a non-empty string")
        if self.session_token is not None and not isinstance(self.session_token, str):
            raise CredentialsError(
                f"credentials: session_token must be a string or None, got {type_name(self.session_token)}"
            )
        for name in ("access_key_id", "secret_access_key", "session_token"):
            value = getattr(self, name) or ""
            # The regular expression is slow for a token of a thousand characters, so cheaper checks come first.
            if (not value.isprintable() or value != value.strip()) and _INVALID_CHARACTERS.search(value):
                raise CredentialsError(
                    f"credentials: {name} has white space at an end or contains a control character; remove it"
                )
        if self.expires_at is not None:
            if not isinstance(self.expires_at, datetime):
                raise CredentialsError(
                    f"credentials: expires_at must be a datetime or None, got {type_name(self.expires_at)}"
                )
            if self.expires_at.utcoffset() is None:
                raise CredentialsError("credentials: expires_at must have a time zone, as datetime.now(UTC) has")
        if self.account_id is not None and account_id_or_none(self.account_id) is None:
            raise CredentialsError(f"credentials: account_id must be 12 digits, got {shown(self.account_id)}")


@runtime_checkable
class CredentialsProvider(Protocol):
    """An object that provides credentials.

    It is called before every attempt, also while its last keys are valid, so a slow one should keep them. Only where an
    async callable is passed instead, the client keeps the keys, until shortly before their `expires_at`.
    """

    async def get_credentials(self) -> Credentials:
        """Return valid credentials."""
        ...


class Caller(Protocol):
    """What a client offers to the providers of this library: its clock, tasks, and calls to other services."""

    @property
    def default_credentials(self) -> CredentialsProvider:
        """The credentials that are used if a client is given none."""
        ...

    @property
    def client_credentials(self) -> CredentialsProvider:
        """The credentials of the client that was made with `DetectiveClient(...)`."""
        ...

    @property
    def region(self) -> str:
        """The region that is called."""
        ...

    @property
    def fetch_timeout(self) -> float | None:
        """How many seconds one fetch of credentials may take; None for any."""
        ...

    def now(self) -> float:
        """Return AWS's time, in seconds since the epoch."""
        ...

    def earliest_now(self) -> float:
        """Return AWS's time or, while nothing has confirmed the correction, the local time if that is less."""
        ...

    def spawn(self, work: Coroutine[Any, Any, Credentials]) -> Task[Credentials]:
        """Run a coroutine in a task that may outlast the call that started it, but not the client."""
        ...

    def for_service(
        self, service: Service, *, credentials: CredentialsProvider, region: str | None, endpoint_url: str | None
    ) -> "Caller":
        """Return a caller for another service, by default in the same region, over the same connections."""
        ...

    async def call(self, operation: Any, request: Any) -> Any:
        """Send a request until it succeeds or fails for good."""
        ...


class ManagedProvider(ABC):
    """A provider that uses the clock and the connections of the client that calls it."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The name of the source, for messages."""

    @abstractmethod
    async def get_credentials(self) -> Credentials:
        """Return valid credentials, without a client."""

    @abstractmethod
    async def get_credentials_for(self, caller: Caller) -> Credentials:
        """Return valid credentials."""

    @abstractmethod
    def available(self, caller: Caller) -> Credentials | None:
        """Return valid credentials that are at hand; None if they have to be waited for, or are missing."""

    @abstractmethod
    def invalidate(self, used: Credentials) -> None:
        """Remove these credentials from the cache, after AWS refused them as expired; others are kept."""

    async def look_again(self, used: Credentials, caller: Caller) -> bool:  # noqa: ARG002 - for subclasses
        """Return whether the source has other credentials by now, after AWS did not know these.

        Only for sources whose keys may be exchanged without notice. The request is then sent again.
        """
        return False


def credentials_of_botocore(found: Any, keys: Any) -> Credentials:
    """Convert a botocore credentials object and its frozen keys."""
    # Only refreshable credentials have an expiry, and only newer releases of botocore an account id.
    expires_at: datetime | None = getattr(found, "_expiry_time", None)
    if expires_at is not None and expires_at.tzinfo is None:
        expires_at = expires_at.replace(tzinfo=UTC)
    account_id = account_id_or_none(getattr(keys, "account_id", None))
    return Credentials(keys.access_key, keys.secret_key, keys.token, expires_at, account_id)


def is_of_botocore(value: object, name: str) -> bool:
    """Return whether a value is of a class of botocore's credentials, not of a subclass; without importing botocore."""
    return type(value).__module__ == "botocore.credentials" and type(value).__name__ == name


def is_session_or_its_keys(source: object) -> bool:
    """Return whether a value is a session of another SDK, or what its `get_credentials()` returns."""
    if attribute(source, "get_frozen_credentials") is not None:
        return True
    packages = {kind.__module__.partition(".")[0] for kind in type(source).__mro__}
    return attribute(source, "get_credentials") is not None and bool(packages & {"aiobotocore", "boto3", "botocore"})

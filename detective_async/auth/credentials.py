"""What credentials are, and what gives them."""

import re
from abc import ABC, abstractmethod
from asyncio import Task
from collections.abc import Coroutine
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from attrs import field, frozen

from detective_async.api.redaction import masked_key_id
from detective_async.api.service import Service
from detective_async.errors import CredentialsError

#: What comes along when a key is copied or read from a file, and then makes a wrong signature or a broken header.
_STRAY = re.compile(r"\A\s|\s\Z|[\x00-\x1f\x7f]")
_ACCOUNT_ID = re.compile(r"[0-9]{12}")


def account_id_or_none(value: object) -> str | None:
    """Take an account id that came along from elsewhere; one that is malformed is no reason not to work."""
    return value if isinstance(value, str) and _ACCOUNT_ID.fullmatch(value) else None


@frozen
class Credentials:
    """One set of AWS keys; of these, `repr` shows the last letters of the id.

    Args:
        access_key_id: such as `AKIAIOSFODNN7EXAMPLE`.
        secret_access_key: its secret.
        session_token: for temporary credentials; None for long-lived ones.
        expires_at: when they stop working, as an aware datetime; None for never.
        account_id: whose they are, in 12 digits, for events and logs; None where nobody knows.

    Raises:
        CredentialsError: a key is missing or empty or cannot be one, `expires_at` has no time zone, or `account_id` is
            no account id.
    """

    access_key_id: str = field(repr=masked_key_id)
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None
    # The same keys are the same credentials, whoever knows whose they are.
    account_id: str | None = field(default=None, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        for name in ("access_key_id", "secret_access_key"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value.strip():
                raise CredentialsError(f"credentials: {name} must be a non-empty string")
        for name in ("access_key_id", "secret_access_key", "session_token"):
            value = getattr(self, name) or ""
            # The search takes a while in a token of a thousand characters.
            if (not value.isprintable() or value != value.strip()) and _STRAY.search(value):
                raise CredentialsError(f"credentials: {name} has white space at an end, or a control character in it")
        if self.expires_at is not None and self.expires_at.tzinfo is None:
            raise CredentialsError("credentials: expires_at needs a time zone, such as datetime.now(UTC) has")
        if self.account_id is not None and account_id_or_none(self.account_id) is None:
            raise CredentialsError(f"credentials: account_id must be 12 digits, got {self.account_id!r}")


@runtime_checkable
class CredentialsProvider(Protocol):
    """Anything that gives credentials when asked; asked before every attempt, so a slow one should cache."""

    async def get_credentials(self) -> Credentials:
        """Give credentials that work now."""
        ...


class Caller(Protocol):
    """What a client offers to the providers of this library: its clock, its tasks, and calls to other services."""

    @property
    def default_credentials(self) -> CredentialsProvider:
        """The credentials of a client that was given none."""
        ...

    def now(self) -> float:
        """Give AWS's time, in seconds since the epoch."""
        ...

    def spawn(self, work: Coroutine[Any, Any, Credentials]) -> Task[Credentials]:
        """Run a coroutine that may outlast the call that started it; it ends with the client at the latest."""
        ...

    def to(
        self, service: Service, *, credentials: CredentialsProvider, region: str | None, endpoint_url: str | None
    ) -> "Caller":
        """Give a caller of another service, by default in the same region, over the same connections."""
        ...

    async def call(self, operation: Any, request: Any) -> Any:
        """Send a request until it succeeds or fails for good."""
        ...


class ManagedProvider(ABC):
    """A provider that works with what the client has that asks it: its clock and its connections."""

    @abstractmethod
    async def get_credentials(self) -> Credentials:
        """Give credentials that work now, without a client."""

    @abstractmethod
    async def get_credentials_for(self, caller: Caller) -> Credentials:
        """Give credentials that work now."""

    @abstractmethod
    def invalidate(self, used: Credentials) -> None:
        """Forget these credentials: AWS says that they have expired. Others than these are kept."""


def from_botocore(found: Any, keys: Any) -> Credentials:
    """Take over the frozen keys of a botocore credentials object."""
    # Only its refreshable kinds know when they expire, and its newer releases whose they are.
    expires_at: datetime | None = getattr(found, "_expiry_time", None)
    account_id = account_id_or_none(getattr(keys, "account_id", None))
    return Credentials(keys.access_key, keys.secret_key, keys.token, expires_at, account_id)

"""Where the keys come from: credentials, the providers of them, and a cache that asks a slow one once for everybody."""

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Hashable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol, TypeGuard, runtime_checkable

from attrs import field, frozen

from detective_async.errors import ConfigurationError, CredentialsError
from detective_async.masking import mask_keys, masked_key_id

if TYPE_CHECKING:
    from botocore.credentials import Credentials as BotocoreCredentials

#: How long before its expiry a set of credentials is no longer handed out.
_EXPIRY_MARGIN = timedelta(minutes=5)
#: What comes along when a key is copied or read from a file, and then makes a wrong signature or a broken header.
_STRAY = re.compile(r"\A\s|\s\Z|[\x00-\x1f\x7f]")


@frozen
class Credentials:
    """One set of AWS keys; of these, `repr` shows the last letters of the id.

    Args:
        access_key_id: such as `AKIAIOSFODNN7EXAMPLE`.
        secret_access_key: its secret.
        session_token: for temporary credentials; None for long-lived ones.
        expires_at: when they stop working, as an aware datetime; None for never.

    Raises:
        CredentialsError: a key is missing or empty or cannot be one, or `expires_at` has no time zone.
    """

    access_key_id: str = field(repr=masked_key_id)
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None

    def __attrs_post_init__(self) -> None:
        for name in ("access_key_id", "secret_access_key"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value.strip():
                raise CredentialsError(f"credentials: {name} must be a non-empty string")
        for name in ("access_key_id", "secret_access_key", "session_token"):
            if _STRAY.search(getattr(self, name) or ""):
                raise CredentialsError(f"credentials: {name} has white space at an end, or a control character in it")
        if self.expires_at is not None and self.expires_at.tzinfo is None:
            raise CredentialsError("credentials: expires_at needs a time zone, such as datetime.now(UTC) has")


@runtime_checkable
class CredentialsProvider(Protocol):
    """Anything that gives credentials when asked; asked before every attempt, so a slow one should cache."""

    async def get_credentials(self) -> Credentials:
        """Give credentials that work now."""
        ...


CredentialsSource = Credentials | CredentialsProvider | Callable[[], Awaitable[Credentials]]


@frozen
class StaticCredentials:
    """Always the same keys.

    Args:
        access_key_id: such as `AKIAIOSFODNN7EXAMPLE`.
        secret_access_key: its secret.
        session_token: for temporary credentials; None for long-lived ones.

    Raises:
        CredentialsError: a key is missing or empty or cannot be one.
    """

    access_key_id: str = field(repr=masked_key_id)
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    _credentials: Credentials = field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        # Made here, so that a missing key is told where it is missing; a frozen class is written to in this way.
        made = Credentials(self.access_key_id, self.secret_access_key, self.session_token)
        object.__setattr__(self, "_credentials", made)

    async def get_credentials(self) -> Credentials:
        """Give the keys."""
        return self._credentials


@frozen
class EnvironmentCredentials:
    """The keys in `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`, read anew at each call."""

    async def get_credentials(self) -> Credentials:
        """Give the keys.

        Raises:
            CredentialsError: a variable is not set.
        """
        missing = [name for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY") if not os.environ.get(name)]
        if missing:
            raise CredentialsError(f"environment: {' and '.join(missing)} not set")
        return Credentials(
            os.environ["AWS_ACCESS_KEY_ID"],
            os.environ["AWS_SECRET_ACCESS_KEY"],
            os.environ.get("AWS_SESSION_TOKEN") or None,
        )


class DefaultCredentials:
    """What the AWS CLI would use: the environment's keys, else whatever botocore's chain finds.

    The chain (SSO, process, web identity, containers, instance metadata, files) may read files and wait for the
    network, so botocore is imported and asked in a thread, and only where the environment has no keys.

    Args:
        profile: a profile of the shared files; given one, the environment's keys are passed over, as in the CLI.
    """

    def __init__(self, profile: str | None = None) -> None:
        self._profile = profile
        self._chain = CachedCredentials(self._ask_chain)
        self._found: BotocoreCredentials | None = None

    def __repr__(self) -> str:
        return f"DefaultCredentials(profile={self._profile!r})"

    async def get_credentials(self) -> Credentials:
        """Give credentials that work now.

        Raises:
            CredentialsError: no part of the chain has any, or the one that should give them failed.
        """
        if self._profile is None and os.environ.get("AWS_ACCESS_KEY_ID"):
            return await EnvironmentCredentials().get_credentials()
        return await self._chain.get_credentials()

    async def _ask_chain(self) -> Credentials:
        return await asyncio.to_thread(self._ask_chain_in_thread)

    def _ask_chain_in_thread(self) -> Credentials:
        import botocore.exceptions  # noqa: PLC0415 - a fifth of a second that most processes need not spend
        import botocore.session  # noqa: PLC0415

        try:
            if self._found is None:
                self._found = botocore.session.Session(profile=self._profile).get_credentials()
            if self._found is None:
                raise CredentialsError(
                    "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or configure a profile, or run "
                    "where a role is attached"
                )
            keys = self._found.get_frozen_credentials()
            # Only its refreshable kinds know when they expire.
            expires_at: datetime | None = getattr(self._found, "_expiry_time", None)
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError, OSError, ValueError) as error:
            raise CredentialsError(f"the AWS credential chain failed: {mask_keys(str(error))}") from error
        return Credentials(keys.access_key, keys.secret_key, keys.token, expires_at)


class CachedCredentials:
    """Asks a source once for all who wait, and again shortly before the answer expires.

    Args:
        source: any async callable that gives credentials.
    """

    def __init__(self, source: Callable[[], Awaitable[Credentials]]) -> None:
        self._source = source
        self._cached: Credentials | None = None
        self._refresh: asyncio.Task[Credentials] | None = None

    async def get_credentials(self) -> Credentials:
        """Give the cached credentials, or fetch new ones where those are about to expire."""
        if self._cached is not None and not _expires_soon(self._cached):
            return self._cached
        if self._refresh is None or self._refresh.done():
            self._refresh = asyncio.ensure_future(self._fetch())
        # Shielded: one caller that gives up must not take the credentials from all the others.
        return await asyncio.shield(self._refresh)

    async def _fetch(self) -> Credentials:
        self._cached = await self._source()
        return self._cached


def _expires_soon(credentials: Credentials) -> bool:
    return credentials.expires_at is not None and credentials.expires_at - datetime.now(UTC) < _EXPIRY_MARGIN


@frozen
class _Callable:
    """A provider around an async callable."""

    source: Callable[[], Awaitable[Credentials]] = field(repr=False)

    async def get_credentials(self) -> Credentials:
        """Ask the callable, and check what it gives."""
        credentials = await self.source()
        if not isinstance(credentials, Credentials):
            raise CredentialsError(f"{name_of(self)} gave a {type(credentials).__name__}, expected Credentials")
        return credentials


@frozen
class _Fixed:
    """A provider of one set of credentials."""

    credentials: Credentials

    async def get_credentials(self) -> Credentials:
        """Give it."""
        return self.credentials


def as_provider(source: CredentialsSource) -> CredentialsProvider:
    """Take credentials, a provider of them, or an async callable that returns them.

    Raises:
        ConfigurationError: it is none of these.
    """
    if isinstance(source, Credentials):
        return _Fixed(source)
    if isinstance(source, type):
        raise ConfigurationError(f"credentials: pass an instance, {source.__name__}(...), not the class")
    if isinstance(source, CredentialsProvider):
        return source
    if callable(source):
        return _Callable(source)
    raise ConfigurationError(
        "credentials must be Credentials, a provider with get_credentials(), or an async callable; "
        f"got a {type(source).__name__}"
    )


def name_of(provider: CredentialsProvider) -> str:
    """Name a provider by its class or function: the `repr` of one that is not ours may show its secrets."""
    named = provider.source if isinstance(provider, _Callable) else type(provider)
    return getattr(named, "__qualname__", type(named).__qualname__)


def account_of(provider: CredentialsProvider) -> Hashable:
    """Give what stands for the account whose credentials a provider gives: equal for those that give the same ones."""
    if isinstance(provider, _Fixed):
        return provider.credentials.access_key_id
    if isinstance(provider, StaticCredentials):
        return provider.access_key_id
    return provider if _is_hashable(provider) else _Itself(provider)


def _is_hashable(value: object) -> TypeGuard[Hashable]:
    try:
        hash(value)
    except TypeError:
        return False
    return True


class _Itself:
    """Stands for a provider that cannot be a key; keeps it, so that its identity is not given to another."""

    def __init__(self, provider: CredentialsProvider) -> None:
        self._provider = provider

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and other._provider is self._provider

    def __hash__(self) -> int:
        return id(self._provider)

"""Whatever a caller may pass as credentials, made a provider."""

import inspect
import traceback
from collections.abc import Awaitable, Callable, Hashable
from pathlib import Path
from typing import Any, TypeGuard

from attrs import field, frozen

from detective_async.api.redaction import mask_keys, masked_key_id
from detective_async.auth.cache import CachedProvider, RefreshingCache
from detective_async.auth.credentials import Credentials, CredentialsProvider, from_botocore
from detective_async.auth.threads import describe, redacted_botocore_logs, run_in_thread
from detective_async.errors import ConfigurationError, CredentialsError, DetectiveError

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
    credentials: Credentials = field(init=False, repr=False, eq=False)

    @credentials.default
    def _make(self) -> Credentials:
        # With the object, so that a missing key raises here and not at the first call.
        return Credentials(self.access_key_id, self.secret_access_key, self.session_token)

    async def get_credentials(self) -> Credentials:
        """Give the keys."""
        return self.credentials


class SessionCredentials(CachedProvider):
    """The credentials of a session of boto3, botocore or aiobotocore, refreshed by that session.

    What blocks is asked in a thread. A session that is passed as a client's `credentials` is taken for this.

    Args:
        source: a session, or the credentials object that its `get_credentials()` gives.
    """

    def __init__(self, source: Any) -> None:
        if not _is_botocores(source):
            raise ConfigurationError(
                "SessionCredentials takes a session of boto3, botocore or aiobotocore, or its credentials; "
                f"got a {type(source).__name__}"
            )
        self._source = source
        self._name = f"the {type(source).__module__.partition('.')[0]} session"
        super().__init__(RefreshingCache(self._name))

    # Equal for the same session, so that clients for which it is given share what it gave.
    def __eq__(self, other: object) -> bool:
        return isinstance(other, SessionCredentials) and other._source is self._source

    def __hash__(self) -> int:
        return id(self._source)

    async def _ask(self) -> Credentials:
        try:
            with redacted_botocore_logs():
                return await self._read()
        except CredentialsError:
            raise
        except Exception as error:  # noqa: BLE001 - sessions are refreshed by whatever others have put in them
            problem = describe(error)
        raise CredentialsError(f"{self._name} failed: {problem}")

    async def _read(self) -> Credentials:
        found = self._source
        if not hasattr(found, "get_frozen_credentials"):
            found = await _call(found.get_credentials)
        if found is None:
            raise CredentialsError(f"{self._name} has no credentials")
        return from_botocore(found, await _call(found.get_frozen_credentials))


async def _call(method: Callable[[], Any]) -> Any:
    return await (method() if inspect.iscoroutinefunction(method) else run_in_thread(method))


def _is_botocores(source: object) -> bool:
    if hasattr(source, "get_frozen_credentials"):
        return True
    packages = {kind.__module__.partition(".")[0] for kind in type(source).__mro__}
    return hasattr(source, "get_credentials") and bool(packages & {"aiobotocore", "boto3", "botocore"})


class _CallableCredentials(CachedProvider):
    """A provider around an async callable: asked each time, but for what expires, which is kept until then."""

    def __init__(self, source: Callable[[], Awaitable[Credentials]]) -> None:
        self.source = source
        super().__init__(RefreshingCache(provider_name(self), keep_lasting=False))

    def __repr__(self) -> str:
        return f"<credentials of {provider_name(self)}>"

    # Equal for the same callable, so that clients for which it is given share what it gave.
    def __eq__(self, other: object) -> bool:
        return isinstance(other, _CallableCredentials) and other.source == self.source

    def __hash__(self) -> int:
        return hash(self.source)

    async def _ask(self) -> Credentials:
        try:
            credentials = await self.source()
        except DetectiveError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a callable raises
            problem = provider_failure(self, error)
        else:
            if isinstance(credentials, Credentials):
                return credentials
            problem = CredentialsError(
                f"{provider_name(self)} gave a {type(credentials).__name__}, expected Credentials"
            )
        raise problem


@frozen
class FixedCredentials:
    """A provider of one set of credentials."""

    credentials: Credentials

    async def get_credentials(self) -> Credentials:
        """Give it."""
        return self.credentials


def as_provider(source: CredentialsSource) -> CredentialsProvider:
    """Take credentials, a provider of them, a session, or an async callable that returns them.

    Raises:
        ConfigurationError: it is none of these.
    """
    if isinstance(source, Credentials):
        return FixedCredentials(source)
    if isinstance(source, StaticCredentials):
        return FixedCredentials(source.credentials)
    if isinstance(source, type):
        raise ConfigurationError(f"credentials: pass an instance, {source.__name__}(...), not the class")
    if _is_botocores(source):
        return SessionCredentials(source)
    if isinstance(source, CredentialsProvider):
        return source
    if callable(source):
        return _CallableCredentials(source)
    raise ConfigurationError(
        "credentials must be Credentials, a provider with get_credentials(), a session, or an async callable; "
        f"got a {type(source).__name__}"
    )


def provider_failure(provider: CredentialsProvider, error: Exception) -> CredentialsError:
    """Make the error for whatever a provider raised that is none of ours.

    It is not to be chained to that, whose text may hold secrets; so it says where to look.
    """
    *_, last = traceback.extract_tb(error.__traceback__)
    reason = mask_keys(f"{type(error).__name__}: {error}")
    return CredentialsError(
        f"{provider_name(provider)} failed: {reason} ({Path(last.filename).name}, line {last.lineno})"
    )


def provider_name(provider: CredentialsProvider) -> str:
    """Name a provider by its class or function: the `repr` of one that is not ours may show its secrets."""
    named = provider.source if isinstance(provider, _CallableCredentials) else type(provider)
    return getattr(named, "__qualname__", type(named).__qualname__)


def provider_key(provider: CredentialsProvider) -> Hashable:
    """Give what stands for the account whose credentials a provider gives: equal for those that give the same ones."""
    if isinstance(provider, FixedCredentials):
        return provider.credentials.access_key_id
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

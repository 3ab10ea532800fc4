"""Providers for everything that a client accepts as `credentials`."""

import asyncio
import inspect
import traceback
from collections.abc import Awaitable, Callable, Hashable
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeGuard

from detective_async.auth.cache import CachedProvider, RefreshingCache
from detective_async.auth.credentials import (
    Caller,
    Credentials,
    CredentialsProvider,
    ManagedProvider,
    credentials_of_botocore,
    is_of_botocore,
    is_session_or_its_keys,
)
from detective_async.auth.shared_fetch import is_cancelling
from detective_async.errors import ConfigurationError, CredentialsError, DetectiveError
from detective_async.settings.arguments import attribute, type_name

#: How often a provider is asked if the first task was cancelled, but the call was not.
_MAX_TRIES = 2
#: botocore's class of keys that never change.
_FROZEN = "ReadOnlyCredentials"


class AWSSession(Protocol):
    """A session of boto3, botocore or aiobotocore, as type checkers see it: its types may be installed or not."""

    def get_credentials(self) -> Any:
        """Return the session's credentials; a coroutine of aiobotocore does so when it is awaited."""
        ...

    def get_available_services(self) -> Any:
        """Return the names of the SDK's services. Only sessions have it, and not providers of credentials."""
        ...


CredentialsSource = Credentials | CredentialsProvider | Callable[[], Awaitable[Credentials]] | AWSSession


def _is_provider(source: object) -> TypeGuard[CredentialsProvider]:
    # `isinstance` raises what the object raises when it is asked for an attribute.
    return attribute(source, "get_credentials") is not None


class _CallableCredentials(CachedProvider):
    """A provider that wraps an async callable; credentials are cached only if they expire."""

    def __init__(self, source: Callable[[], Awaitable[Credentials]]) -> None:
        self.source = source
        name = attribute(source, "__qualname__") or type(source).__qualname__
        super().__init__(RefreshingCache(name, cache_permanent=False))

    def __repr__(self) -> str:
        return f"<credentials of {self.name}>"

    # Equal for the same callable, so that clients with that callable share a cache.
    def __eq__(self, other: object) -> bool:
        return isinstance(other, _CallableCredentials) and other.source == self.source

    def __hash__(self) -> int:
        return hash(self.source)

    async def _fetch_from_source(self) -> Credentials:
        try:
            return await _checked(self.source(), f"{provider_name(self)}()")
        except DetectiveError:
            raise
        except Exception as error:  # noqa: BLE001 - a user's callable may raise anything
            problem = provider_failure(self, error)
        raise problem


class FixedCredentials(NamedTuple):
    """A provider that returns one set of credentials."""

    credentials: Credentials

    async def get_credentials(self) -> Credentials:
        """Return the credentials."""
        return self.credentials


def as_provider(source: CredentialsSource) -> CredentialsProvider:
    """Make a provider of credentials, a provider, a session, or an async callable that returns credentials.

    Raises:
        ConfigurationError: the source is none of these.
    """
    if isinstance(source, Credentials):
        return FixedCredentials(source)
    # A fleet asks this for each target, and most have one of our own, which needs none of the checks below.
    if isinstance(source, ManagedProvider):
        return source
    # Imported when they are needed: most programs use the default credentials.
    from detective_async.auth.sessions import SessionCredentials  # noqa: PLC0415
    from detective_async.auth.static import StaticCredentials  # noqa: PLC0415

    # Not of a subclass, which may give other credentials.
    if isinstance(source, StaticCredentials) and type(source) is StaticCredentials:
        return FixedCredentials(source._credentials)  # noqa: SLF001 - of this package
    if isinstance(source, type):
        raise ConfigurationError(f"credentials: pass an instance, {source.__name__}(...), not the class")
    if is_session_or_its_keys(source):
        return SessionCredentials(source)
    if _is_provider(source):
        return source
    if callable(source):
        return _CallableCredentials(source)
    hint = "Credentials(access_key_id, secret_access_key)"
    if isinstance(source, str) and source.startswith("arn:"):
        hint = "AssumeRole(role_arn)"
    elif is_of_botocore(source, _FROZEN):
        hint = "the session that they are of, because frozen keys are never refreshed"
    # Never the value, which may be a secret key.
    raise ConfigurationError(
        "credentials must be Credentials, a provider with get_credentials(), a session, or an async callable; "
        f"got {type_name(source)}: pass {hint}"
    )


async def credentials_from(provider: CredentialsProvider, caller: Caller) -> Credentials:
    """Return the credentials of a user's provider, which has no cache of this library.

    It is asked in a task of its own, and after the caller's timeout this is not waited for: it may ignore its
    cancellation.

    Raises:
        CredentialsError: it failed, took too long, or returned something else.
    """
    name = provider_name(provider)

    async def ask() -> Credentials:
        try:
            return await _checked(provider.get_credentials(), f"{name}.get_credentials()")
        except DetectiveError:
            raise
        except asyncio.CancelledError:
            if is_cancelling():
                raise
            # The provider awaited something that was cancelled; the call was not.
            problem = CredentialsError(f"{name} failed: it was cancelled")
        except Exception as error:  # noqa: BLE001 - a provider may raise anything
            problem = provider_failure(provider, error)
        # Outside of the handler, so that it is not chained to the provider's exception, which may hold secrets. In the
        # task, because asyncio shows the exceptions of tasks in its debug log.
        try:
            raise problem
        finally:
            del problem

    for _ in range(_MAX_TRIES):
        task = caller.spawn(ask())
        task.add_done_callback(_mark_retrieved)
        try:
            await asyncio.wait((task,), timeout=caller.fetch_timeout)
        finally:
            task.cancel()
        if not task.done():
            raise CredentialsError(f"{name} gave no credentials within {caller.fetch_timeout:g} s")
        # Cancelled with the connections: if the client was closed, the next try says so.
        if not task.cancelled():
            break
    else:
        raise CredentialsError(f"{name} failed: its look-ups were cancelled")
    error = task.exception()
    if error is None:
        return task.result()
    try:
        # Of others than exceptions, such as GeneratorExit, callers would end as if they were their own.
        raise error if isinstance(error, DetectiveError) else CredentialsError(f"{name} failed: {type(error).__name__}")
    finally:
        # Its traceback refers to this frame: a reference back would be a cycle.
        del error, task


def _mark_retrieved(task: asyncio.Task[Credentials]) -> None:
    """Keep asyncio from logging an exception that came when nobody waited for it any more."""
    if not task.cancelled():
        task.exception()


async def _checked(returned: object, name: str) -> Credentials:
    if not inspect.isawaitable(returned):
        raise CredentialsError(f"{name} is not async: it returned {type_name(returned)}, expected an awaitable")
    given = await returned
    if isinstance(given, Credentials):
        return given
    if is_of_botocore(given, _FROZEN):
        return credentials_of_botocore(given, given)
    raise CredentialsError(
        f"{name} returned {type_name(given)}, expected Credentials(access_key_id, secret_access_key, session_token)"
    )


def provider_failure(provider: CredentialsProvider, error: Exception) -> CredentialsError:
    """Make the error for an exception from outside this library that a provider raised.

    It must not be chained to that exception, whose text may contain secrets, so it names the file and line instead.
    """
    return failure_of(provider_name(provider), error)


def failure_of(name: str, error: Exception) -> CredentialsError:
    """Make the error for an exception that a user's code raised, as `provider_failure` does.

    Args:
        name: of what raised it.
        error: the exception.
    """
    # Imported on first use: most programs get no error.
    from detective_async.api.redaction import mask_keys  # noqa: PLC0415

    *_, last = traceback.extract_tb(error.__traceback__)
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - it may be any class
        text = "(no text)"
    reason = mask_keys(f"{type(error).__name__}: {text}")
    return CredentialsError(f"{name} failed: {reason} ({Path(last.filename).name}, line {last.lineno})")


def provider_name(provider: CredentialsProvider) -> str:
    """Return the name of a source; the `repr` of a user's provider may contain secrets, so it is that of its class."""
    return provider.name if isinstance(provider, ManagedProvider) else type(provider).__qualname__


def provider_key(provider: CredentialsProvider) -> Hashable:
    """Return a key for the account of a provider: equal for providers that return the same credentials."""
    if isinstance(provider, FixedCredentials):
        return provider.credentials.access_key_id
    return provider if _is_hashable(provider) else _IdentityKey(provider)


def _is_hashable(value: object) -> TypeGuard[Hashable]:
    try:
        hash(value)
    except TypeError:
        return False
    return True


class _IdentityKey:
    """The key of a provider that is not hashable; refers to it, so that its id is not reused."""

    def __init__(self, provider: CredentialsProvider) -> None:
        self._provider = provider

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _IdentityKey) and other._provider is self._provider

    def __hash__(self) -> int:
        return id(self._provider)

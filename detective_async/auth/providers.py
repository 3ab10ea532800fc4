"""Providers for everything that a client accepts as `credentials`."""

import asyncio
import inspect
import traceback
from collections.abc import Awaitable, Callable, Hashable
from functools import partial
from pathlib import Path
from typing import Any, TypeGuard

from attrs import field, frozen

from detective_async.api.redaction import mask_keys, masked_key_id
from detective_async.auth.cache import CachedProvider, RefreshingCache
from detective_async.auth.credentials import (
    Caller,
    Credentials,
    CredentialsProvider,
    ManagedProvider,
    credentials_of_botocore,
)
from detective_async.auth.processes import end_with_look_up, one_look_up
from detective_async.auth.prompts import NEVER_PROMPTS, never_prompt
from detective_async.auth.shared_fetch import is_cancelling
from detective_async.auth.threads import describe, redacted_botocore_logs, run_in_thread
from detective_async.errors import ConfigurationError, CredentialsError, DetectiveError
from detective_async.settings.arguments import attribute, type_name

#: How often a provider is asked if the first task was cancelled, but the call was not.
_MAX_TRIES = 2
#: botocore's class of keys that never change.
_FROZEN = "ReadOnlyCredentials"

CredentialsSource = Credentials | CredentialsProvider | Callable[[], Awaitable[Credentials]]


@frozen
class StaticCredentials:
    """Fixed keys.

    Args:
        access_key_id: such as `AKIAIOSFODNN7EXAMPLE`.
        secret_access_key: its secret.
        session_token: for temporary credentials; None for long-lived ones.

    Raises:
        CredentialsError: a key is missing, empty or malformed.
    """

    access_key_id: str = field(repr=masked_key_id)
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    _credentials: Credentials = field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        # Made in the constructor, so that a missing key raises there and not in the first call. The class is frozen.
        keys = Credentials(self.access_key_id, self.secret_access_key, self.session_token)
        object.__setattr__(self, "_credentials", keys)

    async def get_credentials(self) -> Credentials:
        """Return the keys."""
        return self._credentials


class SessionCredentials(CachedProvider):
    """The credentials of a session of boto3, botocore or aiobotocore, refreshed by that session.

    Blocking sessions are called in a thread. A session that is passed as a client's `credentials` is wrapped in this
    class.

    Args:
        source: a session, or the credentials object that its `get_credentials()` returns. Such an object refreshes keys
            that expire, but it does not know the file or variable that others are from: if keys may be exchanged there,
            pass the session.
    """

    def __init__(self, source: Any) -> None:
        if not _is_botocore_source(source):
            raise ConfigurationError(
                "SessionCredentials takes a session of boto3, botocore or aiobotocore, or its credentials; "
                f"got a {type(source).__name__}"
            )
        self._source = source
        # What a look-up beside the session found, if there was one.
        self._found: Any = None
        # The blocking calls that have not returned, some of which may never do.
        self._blocked: list[Callable[[], Any]] = []
        # An object with plain keys is read for each call, as by botocore: somebody may set others, and it never blocks.
        self._is_plain = _is_of_botocore(source, "Credentials")
        super().__init__(RefreshingCache(f"the {type(source).__module__.partition('.')[0]} session"))

    # Equal for the same session, so that clients with that session share a cache.
    def __eq__(self, other: object) -> bool:
        return isinstance(other, SessionCredentials) and other._source is self._source

    def __hash__(self) -> int:
        return id(self._source)

    async def get_credentials(self) -> Credentials:
        """Return valid credentials.

        Raises:
            CredentialsError: the session has no credentials, or failed.
        """
        return self._plain_keys() if self._is_plain else await super().get_credentials()

    async def get_credentials_for(self, caller: Caller) -> Credentials:
        """Return credentials that are valid by the caller's clock."""
        return self._plain_keys() if self._is_plain else await super().get_credentials_for(caller)

    async def look_again(self, used: Credentials, caller: Caller) -> bool:
        """Return whether the files and variables that the session read contain other keys by now."""
        if self._is_plain:
            return self._plain_keys() != used

        async def fetch() -> Credentials:
            return await self._fetch(anew=True)

        return await self._cache.look_again(used, fetch, caller)

    def _plain_keys(self) -> Credentials:
        return credentials_of_botocore(self._source, self._source.get_frozen_credentials())

    async def _fetch_from_source(self) -> Credentials:
        # A look-up that hangs holds the lock of the session's credentials, so the next one must not use these.
        return await self._fetch(anew=bool(self._blocked))

    async def _fetch(self, *, anew: bool) -> Credentials:
        try:
            with redacted_botocore_logs():
                return await self._read(anew=anew)
        except CredentialsError:
            raise
        except Exception as error:  # noqa: BLE001 - sessions contain providers of other libraries
            problem = describe(error)
            if type(error).__name__ == "RefreshWithMFAUnsupportedError":
                problem = f"{problem.rstrip('. ')}; {NEVER_PROMPTS}"
        raise CredentialsError(f"{self.name} failed: {problem}")

    async def _read(self, *, anew: bool) -> Credentials:
        found = self._found or self._source
        if not hasattr(found, "get_frozen_credentials"):
            found = await self._call(found.get_credentials, before=partial(_prepare, found))
        if anew and (resolver := _resolver_of(self._source, found)) is not None:
            # Not through the session, which returns its first credentials for ever.
            found = self._found = await self._call(resolver.load_credentials, before=partial(_prepare, self._source))
        if found is None:
            raise CredentialsError(f"{self.name} has no credentials")
        never_prompt(found)
        return credentials_of_botocore(found, await self._call(found.get_frozen_credentials))

    async def _call(self, method: Callable[[], Any], before: Callable[[], None] = lambda: None) -> Any:
        if inspect.iscoroutinefunction(method):
            with one_look_up():
                before()
                return await method()

        def call() -> Any:
            self._blocked.append(method)
            try:
                before()
                return method()
            finally:
                self._blocked.remove(method)

        return await run_in_thread(call)


def _prepare(session: Any) -> None:
    """Prepare the chain of a session for a look-up."""
    chain = _chain_of(session)
    end_with_look_up(chain)
    for provider in getattr(chain, "providers", ()):
        # Or botocore would take each further look-up of a role with a source_profile for an endless loop of profiles.
        if hasattr(provider, "_visited_profiles"):
            provider._visited_profiles = [provider._profile_name]  # noqa: SLF001 - botocore has no other way


def _resolver_of(session: Any, found: Any) -> Any:
    """Return a session's own chain of sources; None if there is none, or the session was given its keys."""
    return None if getattr(found, "method", "explicit") == "explicit" else _chain_of(session)


def _chain_of(session: Any) -> Any:
    session = getattr(session, "_session", session)
    return session.get_component("credential_provider") if hasattr(session, "get_component") else None


def _is_of_botocore(value: object, name: str) -> bool:
    """Return whether a value is of a class of botocore's credentials, not of a subclass; without importing botocore."""
    return type(value).__module__ == "botocore.credentials" and type(value).__name__ == name


def _is_botocore_source(source: object) -> bool:
    if attribute(source, "get_frozen_credentials") is not None:
        return True
    packages = {kind.__module__.partition(".")[0] for kind in type(source).__mro__}
    return attribute(source, "get_credentials") is not None and bool(packages & {"aiobotocore", "boto3", "botocore"})


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


@frozen
class FixedCredentials:
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
    # Not of a subclass, which may give other credentials.
    if isinstance(source, StaticCredentials) and type(source) is StaticCredentials:
        return FixedCredentials(source._credentials)  # noqa: SLF001 - of this module
    if isinstance(source, type):
        raise ConfigurationError(f"credentials: pass an instance, {source.__name__}(...), not the class")
    if _is_botocore_source(source):
        return SessionCredentials(source)
    if _is_provider(source):
        return source
    if callable(source):
        return _CallableCredentials(source)
    hint = "Credentials(access_key_id, secret_access_key)"
    if isinstance(source, str) and source.startswith("arn:"):
        hint = "AssumeRole(role_arn)"
    elif _is_of_botocore(source, _FROZEN):
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
    if _is_of_botocore(given, _FROZEN):
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

"""The credentials of sessions of other SDKs, and of the credentials objects that these give."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

from detective_async.auth.cache import CachedProvider, RefreshingCache
from detective_async.auth.credentials import (
    Caller,
    Credentials,
    credentials_of_botocore,
    is_of_botocore,
    is_session_or_its_keys,
)
from detective_async.auth.processes import end_with_look_up, one_look_up
from detective_async.auth.prompts import NEVER_PROMPTS, never_prompt
from detective_async.auth.threads import describe, redacted_botocore_logs, run_in_thread
from detective_async.errors import ConfigurationError, CredentialsError


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
        if not is_session_or_its_keys(source):
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
        self._is_plain = is_of_botocore(source, "Credentials")
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

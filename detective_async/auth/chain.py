"""Credentials from the same sources as the AWS CLI's."""

import os
from datetime import datetime
from typing import TYPE_CHECKING, Any

from attrs import frozen

from detective_async.auth.cache import CachedProvider, RefreshingCache
from detective_async.auth.credentials import (
    Caller,
    Credentials,
    ManagedProvider,
    account_id_or_none,
)
from detective_async.errors import CredentialsError

if TYPE_CHECKING:
    from botocore.credentials import Credentials as BotocoreCredentials


_VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    # The older name takes precedence, as in the AWS CLI.
    "AWS_SECURITY_TOKEN",
    "AWS_SESSION_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_ACCOUNT_ID",
)


class _Environment:
    """The keys in the environment: looked at for each call, and read again if they have changed."""

    def __init__(self) -> None:
        self._last: tuple[Any, Credentials | None] = None, None

    def credentials(self) -> Credentials | None:
        """Return the keys; None if there is no key id.

        Raises:
            CredentialsError: a variable is malformed, or the secret is missing.
        """
        values = self._values()
        seen, credentials = self._last
        if values != seen:
            credentials = self._read(values)
            self._last = values, credentials
        return credentials

    def _values(self) -> list[Any]:
        # Decoding six variables would take a tenth of a small call.
        encoded = getattr(os.environ, "_data", None)
        if encoded is None:
            return [os.environ.get(name) for name in _VARIABLES]
        return [encoded.get(name) for name in _ENCODED]

    def _read(self, values: list[Any]) -> Credentials | None:
        # Not from the environment again, which another thread may have changed.
        decoded = [value and os.fsdecode(value) for value in values]
        key_id, secret, older_token, token, expiration, account_id = decoded
        if not key_id:
            return None
        if not secret:
            raise CredentialsError("environment: AWS_SECRET_ACCESS_KEY not set")
        expires_at = _expiration(expiration)
        return Credentials(key_id, secret, older_token or token or None, expires_at, account_id_or_none(account_id))


_ENCODED = [getattr(os.environ, "encodekey", str)(name) for name in _VARIABLES]
_ENVIRONMENT = _Environment()


@frozen
class EnvironmentCredentials(ManagedProvider):
    """The keys in `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`, looked at for each call."""

    @property
    def name(self) -> str:
        """The name of the source."""
        return "EnvironmentCredentials"

    async def get_credentials(self) -> Credentials:
        """Return the keys.

        Raises:
            CredentialsError: a variable is not set, or `AWS_CREDENTIAL_EXPIRATION` is malformed. Keys whose time is
                over are returned: AWS judges by its own clock, and this machine's may be wrong.
        """
        found = _ENVIRONMENT.credentials()
        if found is None:
            missing = [name for name in _VARIABLES[:2] if not os.environ.get(name)]
            raise CredentialsError(f"environment: {' and '.join(missing)} not set")
        return found

    async def get_credentials_for(self, caller: Caller) -> Credentials:  # noqa: ARG002 - AWS's time is not needed
        """Return the keys."""
        return await self.get_credentials()

    def available(self, caller: Caller) -> Credentials | None:  # noqa: ARG002 - AWS's time is not needed
        """Return the keys; None if there is no key id."""
        return _ENVIRONMENT.credentials()

    def invalidate(self, used: Credentials) -> None:
        """Do nothing, because nothing is kept."""


def _expiration(text: str | None) -> datetime | None:
    if not text:
        return None
    from detective_async.api.expiration import read_expiration  # noqa: PLC0415 - rarely needed

    try:
        return read_expiration(text)
    except ValueError:
        raise CredentialsError(
            "environment: AWS_CREDENTIAL_EXPIRATION must be a timestamp, such as 2026-01-31T12:00:00Z"
        ) from None


class DefaultCredentials(CachedProvider):
    """The same credentials as the AWS CLI's: the environment's keys, else those that botocore's chain finds.

    The chain (SSO, process, web identity, containers, instance metadata, files) may read files and wait for the
    network, so botocore is imported and called in a thread, and only if the environment has no keys. The credentials
    are cached and fetched again before they expire.

    Args:
        profile: a profile of the shared files; if given, the environment's keys are ignored, as in the AWS CLI.
        region: the region whose STS assumes the roles of profiles. None reads `AWS_REGION`, `AWS_DEFAULT_REGION`, then
            the profile.
    """

    def __init__(self, profile: str | None = None, *, region: str | None = None) -> None:
        # As in the environment, an empty text counts as none.
        self._profile = profile or None
        self._region = region
        super().__init__(RefreshingCache("the AWS credential chain"))
        self._found: BotocoreCredentials | None = None

    def __repr__(self) -> str:
        return f"DefaultCredentials(profile={self._profile!r})"

    async def get_credentials(self) -> Credentials:
        """Return valid credentials.

        Raises:
            CredentialsError: no part of the chain has credentials, or a part that is configured failed.
        """
        return self._in_environment() or await super().get_credentials()

    async def get_credentials_for(self, caller: Caller) -> Credentials:
        """Return credentials that are valid by the caller's clock."""
        return self._in_environment() or await super().get_credentials_for(caller)

    def available(self, caller: Caller) -> Credentials | None:
        """Return the environment's credentials, or the cached ones."""
        return self._in_environment() or super().available(caller)

    def invalidate(self, used: Credentials) -> None:
        """Remove these credentials from the cache, and make botocore look for credentials again."""
        super().invalidate(used)
        self._found = None

    async def look_again(self, used: Credentials, caller: Caller) -> bool:
        """Return whether the shared files, or another part of the chain, have other keys by now."""
        if self._in_environment():
            return False

        async def fetch() -> Credentials:
            self._found = None
            return await self._fetch_from_source()

        return await self._cache.look_again(used, fetch, caller)

    def _in_environment(self) -> Credentials | None:
        return _ENVIRONMENT.credentials() if self._profile is None else None

    async def _fetch_from_source(self) -> Credentials:
        # Imported when it is first needed, as are all modules about other sources than the environment.
        from detective_async.auth.threads import run_in_thread  # noqa: PLC0415

        return await run_in_thread(self._fetch_in_thread)

    def _fetch_in_thread(self) -> Credentials:
        from detective_async.auth.threads import importing  # noqa: PLC0415 - see above

        with importing():
            # Imports botocore, which takes a fifth of a second.
            from detective_async.auth import botocore_chain  # noqa: PLC0415
        # Taken away while it is used: a look-up that hangs holds the lock of botocore's object for ever, and the next
        # look-up must not wait for it.
        found, self._found = self._found, None
        credentials, self._found = botocore_chain.fetch(found, self._profile, self._region)
        return credentials

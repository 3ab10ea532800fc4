"""Credentials from where the AWS CLI looks for them."""

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from attrs import frozen

from detective_async.credentials.base import Caller, Credentials, ManagedProvider
from detective_async.credentials.cache import RefreshingCache
from detective_async.credentials.thread import gag_botocore, in_thread
from detective_async.errors import CredentialsError
from detective_async.masking import mask_keys

if TYPE_CHECKING:
    from botocore.credentials import Credentials as BotocoreCredentials


@frozen
class EnvironmentCredentials:
    """The keys in `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`, read anew at each call."""

    async def get_credentials(self) -> Credentials:
        """Give the keys.

        Raises:
            CredentialsError: a variable is not set, or `AWS_CREDENTIAL_EXPIRATION` is malformed or past.
        """
        missing = [name for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY") if not os.environ.get(name)]
        if missing:
            raise CredentialsError(f"environment: {' and '.join(missing)} not set")
        return Credentials(
            os.environ["AWS_ACCESS_KEY_ID"],
            os.environ["AWS_SECRET_ACCESS_KEY"],
            # The older name goes first, as in the CLI.
            os.environ.get("AWS_SECURITY_TOKEN") or os.environ.get("AWS_SESSION_TOKEN") or None,
            _expiration(os.environ.get("AWS_CREDENTIAL_EXPIRATION")),
        )


def _expiration(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        expires_at = datetime.fromisoformat(text)
    except ValueError:
        raise CredentialsError(
            "environment: AWS_CREDENTIAL_EXPIRATION is no timestamp, such as 2026-01-31T12:00:00Z"
        ) from None
    expires_at = expires_at if expires_at.tzinfo else expires_at.replace(tzinfo=UTC)
    if expires_at <= datetime.now(UTC):
        raise CredentialsError(f"environment: the keys have expired at {expires_at} (AWS_CREDENTIAL_EXPIRATION)")
    return expires_at


class DefaultCredentials(ManagedProvider):
    """What the AWS CLI would use: the environment's keys, else whatever botocore's chain finds.

    The chain (SSO, process, web identity, containers, instance metadata, files) may read files and wait for the
    network, so botocore is imported and asked in a thread, and only where the environment has no keys. What it gives
    is kept, and asked for again before it expires.

    Args:
        profile: a profile of the shared files; given one, the environment's keys are passed over, as in the CLI.
    """

    def __init__(self, profile: str | None = None) -> None:
        self._profile = profile
        self._cache = RefreshingCache("the AWS credential chain")
        self._found: BotocoreCredentials | None = None

    def __repr__(self) -> str:
        return f"DefaultCredentials(profile={self._profile!r})"

    async def get_credentials(self) -> Credentials:
        """Give credentials that work now.

        Raises:
            CredentialsError: no part of the chain has any, or the one that should give them failed.
        """
        if self._is_in_environment():
            return await EnvironmentCredentials().get_credentials()
        return await self._cache.get(self._ask_chain)

    async def get_credentials_for(self, caller: Caller) -> Credentials:
        """Give credentials that work now, by the caller's clock."""
        if self._is_in_environment():
            return await EnvironmentCredentials().get_credentials()
        return await self._cache.get(self._ask_chain, now=caller.now, spawn=caller.spawn)

    def invalidate(self, used: Credentials) -> None:
        """Forget these credentials, and have botocore forget them."""
        self._cache.invalidate(used)
        self._found = None

    def _is_in_environment(self) -> bool:
        return self._profile is None and bool(os.environ.get("AWS_ACCESS_KEY_ID"))

    async def _ask_chain(self) -> Credentials:
        return await in_thread(self._ask_chain_in_thread)

    def _ask_chain_in_thread(self) -> Credentials:
        import botocore.exceptions  # noqa: PLC0415 - a fifth of a second that most processes need not spend
        import botocore.session  # noqa: PLC0415

        gag_botocore()
        try:
            found = self._found or botocore.session.Session(profile=self._profile).get_credentials()
            if found is None:
                raise CredentialsError(
                    "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or configure a profile, or run "
                    "where a role is attached"
                )
            keys = found.get_frozen_credentials()
        except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError, OSError, ValueError) as error:
            raise CredentialsError(f"the AWS credential chain failed: {mask_keys(str(error))}") from error
        self._found = found
        # Only its refreshable kinds know when they expire.
        expires_at: datetime | None = getattr(found, "_expiry_time", None)
        return Credentials(keys.access_key, keys.secret_key, keys.token, expires_at)

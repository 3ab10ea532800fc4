"""Credentials from where the AWS CLI looks for them."""

import os
from datetime import UTC, datetime
from json import JSONDecodeError
from typing import TYPE_CHECKING

from attrs import frozen

from detective_async.auth.cache import CachedProvider, RefreshingCache
from detective_async.auth.credentials import Caller, Credentials, account_id_or_none, from_botocore
from detective_async.auth.threads import describe, redacted_botocore_logs, run_in_thread
from detective_async.errors import CredentialsError

if TYPE_CHECKING:
    from botocore.credentials import Credentials as BotocoreCredentials
    from botocore.session import Session


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
            account_id_or_none(os.environ.get("AWS_ACCOUNT_ID")),
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


class DefaultCredentials(CachedProvider):
    """What the AWS CLI would use: the environment's keys, else whatever botocore's chain finds.

    The chain (SSO, process, web identity, containers, instance metadata, files) may read files and wait for the
    network, so botocore is imported and asked in a thread, and only where the environment has no keys. What it gives
    is kept, and asked for again before it expires.

    Args:
        profile: a profile of the shared files; given one, the environment's keys are passed over, as in the CLI.
        region: whose STS is asked for the roles of profiles. None reads `AWS_REGION`, `AWS_DEFAULT_REGION`, then the
            profile.
    """

    def __init__(self, profile: str | None = None, *, region: str | None = None) -> None:
        self._profile = profile
        self._region = region
        super().__init__(RefreshingCache("the AWS credential chain"))
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
        return await super().get_credentials()

    async def get_credentials_for(self, caller: Caller) -> Credentials:
        """Give credentials that work now, by the caller's clock."""
        if self._is_in_environment():
            return await EnvironmentCredentials().get_credentials()
        return await super().get_credentials_for(caller)

    def invalidate(self, used: Credentials) -> None:
        """Forget these credentials, and have botocore forget them."""
        super().invalidate(used)
        self._found = None

    def _is_in_environment(self) -> bool:
        return self._profile is None and bool(os.environ.get("AWS_ACCESS_KEY_ID"))

    async def _ask(self) -> Credentials:
        return await run_in_thread(self._ask_chain_in_thread)

    def _ask_chain_in_thread(self) -> Credentials:
        import botocore.session  # noqa: PLC0415 - a fifth of a second that most processes need not spend

        try:
            with redacted_botocore_logs():
                found = self._found or self._find(botocore.session.Session(profile=self._profile))
                keys = found.get_frozen_credentials()
        except CredentialsError:
            raise
        except Exception as error:  # noqa: BLE001 - botocore lets out whatever its parts run into
            problem = describe(error).rstrip(". \n") + _advice(error)
        else:
            self._found = found
            return from_botocore(found, keys)
        raise CredentialsError(f"the AWS credential chain failed: {problem}")

    def _find(self, session: "Session") -> "BotocoreCredentials":
        # botocore does not read the latter.
        if region := self._region or os.environ.get("AWS_REGION"):
            session.set_config_variable("region", region)
        found = session.get_credentials()
        if found is None:
            place = f"profile {self._profile!r}" if self._profile else "a profile"
            raise CredentialsError(
                f"no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or configure {place}, or run where "
                "a role is attached"
            )
        return found


def _advice(error: Exception) -> str:
    """Say what to do, where botocore's own words do not."""
    from botocore import exceptions  # noqa: PLC0415 - as above

    if isinstance(error, exceptions.SSOTokenLoadError | exceptions.TokenRetrievalError):
        return "; log in with `aws sso login`"
    if isinstance(error, exceptions.InfiniteLoopConfigError):
        return "; let the last source_profile be one that has keys"
    if isinstance(error, exceptions.NoRegionError):
        return "; set AWS_REGION, or region in the profile"
    if isinstance(error, exceptions.CredentialRetrievalError):
        return _WHERE_TO_LOOK.get(vars(error)["kwargs"]["provider"], "")
    return next((advice for kind, advice in _OTHERS if isinstance(error, kind)), "")


#: By botocore's name of what failed.
_WHERE_TO_LOOK = {
    "container-role": "; look at AWS_CONTAINER_CREDENTIALS_FULL_URI and AWS_CONTAINER_AUTHORIZATION_TOKEN(_FILE)",
    "custom-process": "; run the profile's credential_process by hand to see what it says",
}
_OTHERS: tuple[tuple[type[Exception], str], ...] = (
    (JSONDecodeError, "; a credential_process must print a JSON object with Version 1, AccessKeyId, SecretAccessKey"),
    (FileNotFoundError, "; look at credential_process, web_identity_token_file, and the variables that name a file"),
    # Nothing else of botocore's is one.
    (RuntimeError, "; renew them where they come from, or look at this machine's clock"),
)
